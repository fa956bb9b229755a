/* SPDX-License-Identifier: MIT */
#include "data/tokenizers/encoder.h"

#include <string.h>

#include "base/error.h"

struct as_encoder {
    as_encoder_parts parts;
};

assay_status as_encoder_new(as_arena *arena, const as_encoder_parts *parts,
                            as_encoder **ret_encoder, assay_error *error) {
    as_encoder *encoder = as_arena_alloc(arena, sizeof *encoder);
    if (!encoder)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "tokenizer", "no memory for the encoder");
    encoder->parts = *parts;
    *ret_encoder = encoder;
    return ASSAY_OK;
}

/* Counting goes on behind the cut, so that the share of truncated texts can be told at any length.
 */
static assay_status encode_words(const as_encoder_parts *p, const char *text, size_t n_bytes,
                                 int32_t *ids, as_encoding *encoding, assay_error *error) {
    as_split_cursor cursor = {text, text, text + n_bytes};
    const char *token;
    size_t n_token;
    for (;;) {
        assay_status status = as_splitter_next(p->splitter, &cursor, &token, &n_token, error);
        if (status != ASSAY_OK)
            return status;
        if (!token)
            break;
        encoding->n_tokens++;
        if (encoding->n_ids == p->max_tokens)
            continue;
        int32_t id = as_vocabulary_id(p->vocabulary, token, n_token);
        encoding->n_unknown += id == AS_TOKEN_UNK;
        ids[encoding->n_ids++] = id;
    }
    encoding->truncated = encoding->n_tokens > encoding->n_ids;
    if (!encoding->n_ids) {
        ids[encoding->n_ids++] = AS_TOKEN_UNK;
        encoding->n_unknown = 1;
        encoding->empty = true;
    }
    return ASSAY_OK;
}

assay_status as_encoder_encode(as_encoder *encoder, const char *text, size_t n_bytes, int32_t *ids,
                               as_encoding *ret_encoding, assay_error *error) {
    const as_encoder_parts *p = &encoder->parts;
    as_encoding encoding = {0};
    assay_status status = ASSAY_OK;
    if (p->cleaner)
        status = as_clean(p->cleaner, text, n_bytes, &text, &n_bytes, error);
    if (status == ASSAY_OK)
        status = encode_words(p, text, n_bytes, ids, &encoding, error);
    if (status == ASSAY_OK)
        *ret_encoding = encoding;
    return status;
}
