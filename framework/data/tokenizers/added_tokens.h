/* SPDX-License-Identifier: MIT */
/* data/tokenizers/added_tokens.h: tokens that are cut out of a text before it is divided into
 * words, as Hugging Face's added tokens are: the leftmost, of those the longest, and not again
 * inside one. A token with single_word stands only between characters that are not of a word;
 * lstrip and rstrip take in the white space beside it. */
#ifndef AS_DATA_TOKENIZERS_ADDED_TOKENS_H
#define AS_DATA_TOKENIZERS_ADDED_TOKENS_H

#include "assay/status.h"
#include "base/arena.h"
#include "data/tokenizers/token_trie.h"

typedef struct as_added_token {
    const char *content;
    size_t n_bytes;
    int32_t id;
    bool single_word, lstrip, rstrip, normalized, special;
} as_added_token;

typedef struct as_added_tokens {
    const as_added_token *tokens; /* the trie's values index them */
    size_t n;                     /* of them in the trie; 0: nothing to look for */
    as_token_trie trie;
    bool starts[256];    /* bytes that a token begins with */
    int only_start;      /* the one such byte; -1: there are several */
    const uint8_t *flat; /* classes of characters */
} as_added_tokens;

/* [cell] Of `tokens` those in `patterns` ([n]; NULL: not among them) are looked for by that text,
 * the first of equal ones. */
ASSAY_MUST_USE assay_status as_added_tokens_init(as_arena *arena, const as_added_token *tokens,
                                                 const char *const *patterns,
                                                 const size_t *pattern_bytes, size_t n,
                                                 const uint8_t *flat, as_added_tokens *ret_added,
                                                 assay_error *error);

typedef struct as_added_cursor {
    const char *text;
    size_t n_bytes;
    size_t at;    /* where to look on */
    size_t begin; /* behind the last token, its white space included */
} as_added_cursor;

/* [any] Next token found in the text and its span; NULL: none. Text before the span and behind the
 * cursor's begin as it was is ordinary; begin moves behind the span. */
const as_added_token *as_added_tokens_next(const as_added_tokens *added, as_added_cursor *cursor,
                                           size_t *ret_begin, size_t *ret_end);

#endif
