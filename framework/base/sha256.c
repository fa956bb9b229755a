/* SPDX-License-Identifier: MIT */
/* libcrypto's EVP interface; libsodium where it has no memory for a context. */
#include "base/sha256.h"

#include <openssl/evp.h>
#include <stdlib.h>

as_sha256 as_sha256_init(void) {
    as_sha256 state = {.context = EVP_MD_CTX_new()};
    if (state.context && EVP_DigestInit_ex(state.context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(state.context);
        state.context = NULL;
    }
    if (!state.context)
        crypto_hash_sha256_init(&state.otherwise);
    return state;
}

/* These cannot fail once the context is set up; a digest that is none must not come out. */
static void require(int done) {
    if (done != 1)
        abort();
}

void as_sha256_update(as_sha256 *state, const void *data, size_t n_bytes) {
    if (state->context)
        require(EVP_DigestUpdate(state->context, data, n_bytes));
    else
        crypto_hash_sha256_update(&state->otherwise, data, n_bytes);
}

void as_sha256_final(as_sha256 *state, unsigned char ret_digest[AS_SHA256_BYTES]) {
    if (state->context)
        require(EVP_DigestFinal_ex(state->context, ret_digest, NULL));
    else
        crypto_hash_sha256_final(&state->otherwise, ret_digest);
    EVP_MD_CTX_free(state->context);
    state->context = NULL;
}
