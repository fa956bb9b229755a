/* SPDX-License-Identifier: MIT */
/* Philox 4x32-10: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as
 * easy as 1, 2, 3", SC'11. Constants from the paper's table 2. */
#include "base/random.h"

#include <math.h>
#include <string.h>

void as_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t ret_block[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = UINT64_C(0xD2511F53) * c0, p1 = UINT64_C(0xCD9E8D57) * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    ret_block[0] = c0;
    ret_block[1] = c1;
    ret_block[2] = c2;
    ret_block[3] = c3;
}

as_random as_random_init(uint64_t seed, uint64_t stream) {
    as_random random = {seed, stream, 0, {0}, 0};
    return random;
}

uint32_t as_random_u32(as_random *random) {
    if (!random->n_left) {
        const uint32_t counter[4] = {(uint32_t)random->counter, (uint32_t)(random->counter >> 32),
                                     (uint32_t)random->stream, (uint32_t)(random->stream >> 32)};
        const uint32_t key[2] = {(uint32_t)random->seed, (uint32_t)(random->seed >> 32)};
        as_philox4x32(counter, key, random->block);
        random->counter++;
        random->n_left = 4;
    }
    return random->block[4 - random->n_left--];
}

uint64_t as_random_u64(as_random *random) {
    uint64_t high = as_random_u32(random);
    return high << 32 | as_random_u32(random);
}

double as_random_uniform(as_random *random) {
    return (double)(as_random_u64(random) >> 11) * 0x1p-53;
}

double as_random_normal(as_random *random) {
    double radius = sqrt(-2.0 * log(1.0 - as_random_uniform(random)));
    return radius * cos(6.283185307179586476925 * as_random_uniform(random));
}

uint64_t as_random_below(as_random *random, uint64_t n) {
    uint64_t limit = UINT64_MAX - UINT64_MAX % n, x;
    do
        x = as_random_u64(random);
    while (x >= limit);
    return x % n;
}

void as_random_shuffle(as_random *random, uint32_t *items, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t k = (size_t)as_random_below(random, i);
        uint32_t item = items[i - 1];
        items[i - 1] = items[k];
        items[k] = item;
    }
}

uint64_t as_hash64_bytes(const void *data, size_t n) {
    const unsigned char *bytes = data;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    hash ^= hash >> 32;
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

uint64_t as_hash64(const char *text) {
    return as_hash64_bytes(text, strlen(text));
}
