/* SPDX-License-Identifier: MIT */
/* base/random.h: counter-based random numbers (Philox 4x32-10, Salmon et al. 2011): the n-th number
 * of a stream is a function of (seed, stream, n), so the order in which things draw never matters
 * and the same seed gives the same bytes on every machine. A stream is a plain value: nothing owns
 * memory, nothing fails, and two threads need two streams. */
#ifndef AS_BASE_RANDOM_H
#define AS_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* A place in a stream; a copy goes on by itself from there. */
typedef struct as_random {
    uint64_t seed, stream, counter;
    uint32_t block[4];
    uint32_t n_left; /* numbers of the block not yet drawn */
} as_random;

/* [any] Starts a stream. `stream` separates purposes: use as_hash64 of a purpose's name. */
as_random as_random_init(uint64_t seed, uint64_t stream);

/* [any] The next number: all bits, or a distribution. */
uint32_t as_random_u32(as_random *random);
uint64_t as_random_u64(as_random *random);
double as_random_uniform(as_random *random);             /* [0, 1), 53 bits */
double as_random_normal(as_random *random);              /* N(0, 1), Box-Muller */
uint64_t as_random_below(as_random *random, uint64_t n); /* unbiased, 0 <= x < n, n >= 1 */

/* [any] Fisher-Yates shuffle of n indices. */
void as_random_shuffle(as_random *random, uint32_t *items, size_t n);

/* [any] FNV-1a of a string, mixed: keys streams by name. Not for untrusted hash tables. */
uint64_t as_hash64(const char *text);
/* [any] The same of n bytes. */
uint64_t as_hash64_bytes(const void *data, size_t n);

/* [any] One Philox 4x32-10 block, exposed for its known-answer test. */
void as_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t ret_block[4]);

#endif
