/* SPDX-License-Identifier: MIT */
/* base/sha256.h: SHA-256 (FIPS 180-4) piece by piece, by the processor's SHA instructions where it
 * has them (several times faster), else by libsodium. */
#ifndef AS_BASE_SHA256_H
#define AS_BASE_SHA256_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AS_SHA256_BYTES = 32 };

typedef struct as_sha256 {
    bool native; /* the processor's instructions; else only `portable` is used */
    uint32_t words[8];
    uint64_t n_bytes;
    unsigned char block[64]; /* its first n_bytes % 64 bytes wait for the others */
    crypto_hash_sha256_state portable;
} as_sha256;

/* [any] */
as_sha256 as_sha256_init(void);
void as_sha256_update(as_sha256 *state, const void *data, size_t n_bytes);
void as_sha256_final(as_sha256 *state, unsigned char ret_digest[AS_SHA256_BYTES]);

#endif
