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

const as_encoder_parts *as_encoder_made_of(const as_encoder *encoder) {
    return &encoder->parts;
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
    encoding->empty = encoding->n_tokens == 0;
    return ASSAY_OK;
}

static assay_status encode_pieces(const as_encoder_parts *p, const char *text, size_t n_bytes,
                                  int32_t *ids, as_encoding *encoding, assay_error *error) {
    as_wordpiece_encoding pieces;
    assay_status status =
        as_wordpiece_encode(p->wordpiece, p->scratch, text, n_bytes, (size_t)p->max_tokens,
                            p->special, false, &pieces, error);
    if (status != ASSAY_OK)
        return status;
    memcpy(ids, pieces.ids, pieces.n * sizeof *ids);
    encoding->n_ids = (int32_t)pieces.n;
    encoding->n_tokens = (int32_t)pieces.n_tokens;
    encoding->n_unknown = (int32_t)pieces.n_unknown;
    encoding->truncated = pieces.truncated;
    encoding->empty = pieces.n_tokens == 0;
    return ASSAY_OK;
}

/* A model needs a token a row. */
static void never_nothing(int32_t *ids, as_encoding *encoding, int32_t unknown) {
    if (encoding->n_ids)
        return;
    ids[encoding->n_ids++] = unknown;
    encoding->n_unknown = 1;
}

static void fill_up(const as_encoder_parts *p, int32_t *ids, as_encoding *encoding) {
    int32_t pad = p->wordpiece ? as_wordpiece_pad_id(p->wordpiece) : AS_TOKEN_PAD;
    encoding->n_padding = p->max_tokens - encoding->n_ids;
    while (encoding->n_ids < p->max_tokens)
        ids[encoding->n_ids++] = pad;
}

assay_status as_encoder_encode(as_encoder *encoder, const char *text, size_t n_bytes, int32_t *ids,
                               as_encoding *ret_encoding, assay_error *error) {
    const as_encoder_parts *p = &encoder->parts;
    as_encoding encoding = {0};
    assay_status status = ASSAY_OK;
    if (p->cleaner)
        status = as_clean(p->cleaner, text, n_bytes, &text, &n_bytes, error);
    if (status == ASSAY_OK)
        status = p->wordpiece ? encode_pieces(p, text, n_bytes, ids, &encoding, error)
                              : encode_words(p, text, n_bytes, ids, &encoding, error);
    if (status == ASSAY_OK)
        never_nothing(ids, &encoding,
                      p->wordpiece ? as_wordpiece_unknown_id(p->wordpiece) : AS_TOKEN_UNK);
    if (status == ASSAY_OK && p->padded)
        fill_up(p, ids, &encoding);
    if (status == ASSAY_OK)
        *ret_encoding = encoding;
    return status;
}
