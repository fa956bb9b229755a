/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4) with the x86 SHA extensions (Intel 64 manual, volume 2: SHA256RNDS2,
 * SHA256MSG1, SHA256MSG2). They keep the eight words in two registers, as A B E F and C D G H, and
 * do two rounds at a time. Message words W come in fours: W[t] = s1(W[t-2]) + W[t-7] + s0(W[t-15])
 * + W[t-16], where MSG1 adds s0 and MSG2 s1. */
#include "base/sha256.h"

#include <string.h>

enum { BLOCK_BYTES = 64 };

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <immintrin.h>

#define SHA __attribute__((target("sha,sse4.1")))

/* Cube roots' fractions of the first 64 primes (FIPS 180-4, 4.2.2). */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static bool has_instructions(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1))
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 29);
}

/* Four rounds with the message words `w`. */
SHA static inline void rounds(__m128i *abef, __m128i *cdgh, __m128i w, const uint32_t *k) {
    __m128i x = _mm_add_epi32(w, _mm_loadu_si128((const __m128i *)k));
    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, x);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(x, 0x0E));
}

/* The four words after the sixteen a b c d. */
SHA static inline __m128i next_words(__m128i a, __m128i b, __m128i c, __m128i d) {
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(a, b), _mm_alignr_epi8(d, c, 4));
    return _mm_sha256msg2_epu32(sum, d);
}

SHA static void compress(uint32_t words[8], const unsigned char *data, size_t n_blocks) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)words), 0xB1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(words + 4)), 0x1B);
    __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xF0);
    for (; n_blocks; n_blocks--, data += BLOCK_BYTES) {
        const __m128i *in = (const __m128i *)data, abef_before = abef, cdgh_before = cdgh;
        __m128i a = _mm_shuffle_epi8(_mm_loadu_si128(in), big_endian);
        __m128i b = _mm_shuffle_epi8(_mm_loadu_si128(in + 1), big_endian);
        __m128i c = _mm_shuffle_epi8(_mm_loadu_si128(in + 2), big_endian);
        __m128i d = _mm_shuffle_epi8(_mm_loadu_si128(in + 3), big_endian);
        for (int i = 0; i < 64; i += 16) {
            rounds(&abef, &cdgh, a, constants + i);
            rounds(&abef, &cdgh, b, constants + i + 4);
            rounds(&abef, &cdgh, c, constants + i + 8);
            rounds(&abef, &cdgh, d, constants + i + 12);
            a = next_words(a, b, c, d); /* the last time for nothing */
            b = next_words(b, c, d, a);
            c = next_words(c, d, a, b);
            d = next_words(d, a, b, c);
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    low = _mm_shuffle_epi32(abef, 0x1B);
    high = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)words, _mm_blend_epi16(low, high, 0xF0));
    _mm_storeu_si128((__m128i *)(words + 4), _mm_alignr_epi8(high, low, 8));
}
#else
static bool has_instructions(void) {
    return false;
}

static void compress(uint32_t words[8], const unsigned char *data, size_t n_blocks) {
    (void)words; /* never called */
    (void)data;
    (void)n_blocks;
}
#endif

as_sha256 as_sha256_init(void) {
    as_sha256 state = {.native = has_instructions(),
                       .words = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
    if (!state.native)
        crypto_hash_sha256_init(&state.portable);
    return state;
}

void as_sha256_update(as_sha256 *state, const void *data, size_t n_bytes) {
    const unsigned char *bytes = data;
    size_t held = state->n_bytes % BLOCK_BYTES;
    if (!state->native) {
        crypto_hash_sha256_update(&state->portable, bytes, n_bytes);
        return;
    }
    state->n_bytes += n_bytes;
    if (held) {
        size_t n = n_bytes < BLOCK_BYTES - held ? n_bytes : BLOCK_BYTES - held;
        memcpy(state->block + held, bytes, n);
        if (held + n < BLOCK_BYTES)
            return;
        compress(state->words, state->block, 1);
        bytes += n;
        n_bytes -= n;
    }
    compress(state->words, bytes, n_bytes / BLOCK_BYTES);
    if (n_bytes % BLOCK_BYTES)
        memcpy(state->block, bytes + n_bytes / BLOCK_BYTES * BLOCK_BYTES, n_bytes % BLOCK_BYTES);
}

void as_sha256_final(as_sha256 *state, unsigned char ret_digest[AS_SHA256_BYTES]) {
    static const unsigned char padding[BLOCK_BYTES] = {0x80};
    unsigned char length[8];
    uint64_t n_bits = state->n_bytes * 8;
    if (!state->native) {
        crypto_hash_sha256_final(&state->portable, ret_digest);
        return;
    }
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)(n_bits >> (56 - 8 * i));
    /* 0x80 and zeros up to eight bytes before a block's end. */
    as_sha256_update(state, padding, BLOCK_BYTES - (state->n_bytes + 8) % BLOCK_BYTES);
    as_sha256_update(state, length, sizeof length);
    for (int i = 0; i < AS_SHA256_BYTES; i++)
        ret_digest[i] = (unsigned char)(state->words[i / 4] >> (24 - 8 * (i % 4)));
}
