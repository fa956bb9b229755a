/* SPDX-License-Identifier: MIT */
/* What NumPy does for default_rng(seed).permutation(n), compared with 1.26.4 and 2.4.6; its NEP 19
 * would let other versions differ:
 *
 * 1. SeedSequence mixes the seed's 32-bit words, lowest first, into a pool of four words, after
 *    M. E. O'Neill, "Developing a seed_seq alternative", pcg-random.org, 2015 (constants hers), and
 *    hashes the pool out to 256 bits: state and increment of the generator.
 * 2. PCG64, that is XSL-RR 128/64: a 128-bit linear congruential generator, of which the two halves
 *    are XORed and rotated by the top six bits. M. E. O'Neill, "PCG: a family of simple fast
 *    space-efficient statistically good algorithms for random number generation", HMC-CS-2014-0905.
 *    A 64-bit output is used as two 32-bit numbers, the lower half first.
 * 3. Fisher-Yates from the last item i down to 1; its place, 0 to i, is a 32-bit number under the
 *    smallest mask of ones that covers i, drawn again until it is not over i (random_interval). */
#include "data/splits/numpy_random.h"

#include <stdbool.h>
#include <stddef.h>

__extension__ typedef unsigned __int128 wide;

enum { POOL_WORDS = 4, STATE_WORDS = 8 };

typedef struct pcg64 {
    wide state, increment;
    uint32_t half; /* upper half of an output of which the lower has been used */
    bool has_half;
} pcg64;

/* ---- SeedSequence -----------------------------------------------------------------------------*/

/* O'Neill's hash: its constant changes with every use. */
static uint32_t hash_word(uint32_t word, uint32_t *constant, uint32_t multiplier) {
    word ^= *constant;
    *constant *= multiplier;
    word *= *constant;
    return word ^ word >> 16;
}

static uint32_t mix_words(uint32_t x, uint32_t y) {
    uint32_t mixed = 0xca01f9ddu * x - 0x4973f715u * y;
    return mixed ^ mixed >> 16;
}

static void seed_words(uint64_t seed, uint32_t ret_words[STATE_WORDS]) {
    /* A seed under 2^32 is one word, which equals two words of which the upper is 0. */
    const uint32_t entropy[POOL_WORDS] = {(uint32_t)seed, (uint32_t)(seed >> 32), 0, 0};
    uint32_t pool[POOL_WORDS], constant = 0x43b0d7e5u;
    for (int i = 0; i < POOL_WORDS; i++)
        pool[i] = hash_word(entropy[i], &constant, 0x931e8875u);
    for (int from = 0; from < POOL_WORDS; from++)
        for (int to = 0; to < POOL_WORDS; to++)
            if (from != to)
                pool[to] = mix_words(pool[to], hash_word(pool[from], &constant, 0x931e8875u));
    constant = 0x8b51f9ddu;
    for (int i = 0; i < STATE_WORDS; i++)
        ret_words[i] = hash_word(pool[i % POOL_WORDS], &constant, 0x58f38dedu);
}

/* ---- PCG64 ------------------------------------------------------------------------------------*/

static void pcg64_step(pcg64 *random) {
    const wide multiplier = (wide)UINT64_C(0x2360ed051fc65da4) << 64 | UINT64_C(0x4385df649fccf645);
    random->state = random->state * multiplier + random->increment;
}

static pcg64 pcg64_init(uint64_t seed) {
    uint32_t words[STATE_WORDS];
    uint64_t halves[STATE_WORDS / 2];
    pcg64 random = {0, 0, 0, false};
    seed_words(seed, words);
    for (int i = 0; i < STATE_WORDS / 2; i++) /* pairs are little-endian, the numbers big-endian */
        halves[i] = (uint64_t)words[2 * i + 1] << 32 | words[2 * i];
    random.increment = ((wide)halves[2] << 64 | halves[3]) << 1 | 1;
    pcg64_step(&random);
    random.state += (wide)halves[0] << 64 | halves[1];
    pcg64_step(&random);
    return random;
}

static uint32_t pcg64_u32(pcg64 *random) {
    if (random->has_half) {
        random->has_half = false;
        return random->half;
    }
    pcg64_step(random);
    uint64_t mixed = (uint64_t)(random->state >> 64) ^ (uint64_t)random->state;
    unsigned turn = (unsigned)(random->state >> 122);
    uint64_t output = mixed >> turn | mixed << (-turn & 63);
    random->half = (uint32_t)(output >> 32);
    random->has_half = true;
    return (uint32_t)output;
}

/* 0 <= x <= most, most >= 1. */
static uint32_t pcg64_up_to(pcg64 *random, uint32_t most) {
    uint32_t mask = UINT32_MAX >> __builtin_clz(most), x;
    do
        x = pcg64_u32(random) & mask;
    while (x > most);
    return x;
}

void as_numpy_permutation(uint64_t seed, uint32_t n, uint32_t *items) {
    pcg64 random = pcg64_init(seed);
    for (uint32_t i = 0; i < n; i++)
        items[i] = i;
    for (uint32_t i = n; i-- > 1;) {
        uint32_t place = pcg64_up_to(&random, i), item = items[i];
        items[i] = items[place];
        items[place] = item;
    }
}
