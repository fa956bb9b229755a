/* SPDX-License-Identifier: MIT */
#include "data/tokenizers/spans.h"

#include <string.h>

#include "base/error.h"
#include "data/tokenizers/characters.h"

enum { FARTHEST = 4096 }; /* bytes that cleaning may have taken between two tokens */

/* ---- in the cleaned text --------------------------------------------------------------------- */

static assay_status word_spans(const as_encoder_parts *p, const char *text, size_t n_bytes,
                               int32_t n_ids, as_token_span *spans, assay_error *error) {
    as_split_cursor cursor = {text, text, text + n_bytes};
    const char *token;
    size_t n_token;
    for (int32_t i = 0; i < n_ids; i++) {
        assay_status status = as_splitter_next(p->splitter, &cursor, &token, &n_token, error);
        if (status != ASSAY_OK || !token)
            return status;
        spans[i] = (as_token_span){token - text, token - text + (int64_t)n_token};
    }
    return ASSAY_OK;
}

static assay_status piece_spans(const as_encoder_parts *p, const char *text, size_t n_bytes,
                                int32_t n_ids, as_token_span *spans, assay_error *error) {
    as_wordpiece_encoding pieces;
    assay_status status =
        as_wordpiece_encode(p->wordpiece, p->scratch, text, n_bytes, (size_t)p->max_tokens,
                            p->special, true, &pieces, error);
    if (status != ASSAY_OK)
        return status;
    for (int32_t i = 0; i < n_ids && (size_t)i < pieces.n; i++)
        if (pieces.ends[i] > pieces.begins[i]) /* special tokens stand at [0, 0] */
            spans[i] = (as_token_span){pieces.begins[i], pieces.ends[i]};
    return ASSAY_OK;
}

/* ---- in the source --------------------------------------------------------------------------- */

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_letters(const char *a, const char *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

/* Is the character at `at` a letter, mark or number? */
static bool is_of_word(const char *text, size_t n_bytes, size_t at) {
    size_t length;
    return at < n_bytes && (as_class_at(text + at, n_bytes - at, &length) &
                            (AS_CLASS_LETTER_OR_NUMBER | AS_CLASS_MARK)) != 0;
}

/* First byte of the character in front of `at` > 0. */
static size_t character_before(const char *text, size_t at) {
    do
        at--;
    while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80);
    return at;
}

/* Is text[begin .. end), begin < end, no part of a longer word? */
static bool stands_alone(const char *text, size_t n_bytes, size_t begin, size_t end) {
    return !(begin > 0 && is_of_word(text, n_bytes, character_before(text, begin)) &&
             is_of_word(text, n_bytes, begin)) &&
           !(is_of_word(text, n_bytes, end) &&
             is_of_word(text, n_bytes, character_before(text, end)));
}

/* Where the token's letters come next from `from` on; -1: not within FARTHEST bytes. */
static int64_t find_letters(const char *text, size_t n_bytes, size_t from, const char *token,
                            size_t n_token, bool alone) {
    for (size_t at = from; at + n_token <= n_bytes && at - from <= FARTHEST; at++)
        if (n_token > 0 && same_letters(text + at, token, n_token) &&
            (!alone || stands_alone(text, n_bytes, at, at + n_token)))
            return (int64_t)at;
    return -1;
}

static void move_to_source(const char *cleaned, const char *text, size_t n_bytes, bool alone,
                           int32_t n_ids, as_token_span *spans) {
    size_t from = 0;
    for (int32_t i = 0; i < n_ids; i++) {
        as_token_span *span = &spans[i];
        if (span->begin < 0)
            continue;
        size_t n = (size_t)(span->end - span->begin);
        int64_t at = find_letters(text, n_bytes, from, cleaned + span->begin, n, alone);
        *span = at < 0 ? (as_token_span){-1, -1} : (as_token_span){at, at + (int64_t)n};
        if (at >= 0)
            from = (size_t)at + n;
    }
}

assay_status as_encoder_spans(as_encoder *encoder, const char *text, size_t n_bytes, int32_t n_ids,
                              as_token_span *spans, assay_error *error) {
    const as_encoder_parts *p = as_encoder_made_of(encoder);
    const char *cleaned = text;
    size_t n_cleaned = n_bytes;
    assay_status status = ASSAY_OK;
    for (int32_t i = 0; i < n_ids; i++)
        spans[i] = (as_token_span){-1, -1};
    if (p->cleaner)
        status = as_clean(p->cleaner, text, n_bytes, &cleaned, &n_cleaned, error);
    if (status == ASSAY_OK)
        status = p->wordpiece ? piece_spans(p, cleaned, n_cleaned, n_ids, spans, error)
                              : word_spans(p, cleaned, n_cleaned, n_ids, spans, error);
    if (status == ASSAY_OK && (n_cleaned != n_bytes || memcmp(cleaned, text, n_bytes) != 0))
        move_to_source(cleaned, text, n_bytes, !p->wordpiece, n_ids, spans);
    return status;
}
