/* SPDX-License-Identifier: MIT */
/* base/sha256.h: SHA-256 (FIPS 180-4) piece by piece, by OpenSSL's libcrypto, which uses the
 * processor's SHA instructions (six times libsodium's speed on x86-64). */
#ifndef AS_BASE_SHA256_H
#define AS_BASE_SHA256_H

#include <sodium.h>
#include <stddef.h>

enum { AS_SHA256_BYTES = 32 };

typedef struct as_sha256 {
    struct evp_md_ctx_st *context; /* NULL where it could not be had: libsodium's instead */
    crypto_hash_sha256_state otherwise;
} as_sha256;

/* [any] Every state that was begun must be finished, which releases it. */
as_sha256 as_sha256_init(void);
void as_sha256_update(as_sha256 *state, const void *data, size_t n_bytes);
void as_sha256_final(as_sha256 *state, unsigned char ret_digest[AS_SHA256_BYTES]);

#endif
