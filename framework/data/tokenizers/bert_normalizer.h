/* SPDX-License-Identifier: MIT */
/* data/tokenizers/bert_normalizer.h: BERT's normalising, step for step as Hugging Face's
 * BertNormalizer:
 *
 *     clean    control characters and U+FFFD go, white space becomes a blank
 *     chinese  a blank before and behind each CJK ideograph
 *     strip    canonical decomposition (NFD, marks in canonical order), nonspacing marks go
 *     lower    full lower case, character by character (no final sigma)
 *
 * Where the text's characters went is kept beside the bytes, with the original's rule for
 * characters that NFD reorders: the n-th character which is the first of a decomposition stands for
 * the n-th character of the text. */
#ifndef AS_DATA_TOKENIZERS_BERT_NORMALIZER_H
#define AS_DATA_TOKENIZERS_BERT_NORMALIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "data/tokenizers/bert_characters.h"

typedef struct as_bert_rules {
    bool clean, chinese, strip, lower;
} as_bert_rules;

/* [any] Class of every character below AS_BERT_FLAT, unpacked; NULL when out of memory. */
const uint8_t *as_bert_flat_new(as_arena *arena);
/* [any] Class of a scalar value. */
const as_bert_class *as_bert_class_of(const uint8_t *flat, uint32_t point);

/* What a byte of normalised text is. */
enum { AS_BERT_INSIDE = 0, AS_BERT_LETTER = 1, AS_BERT_GAP = 2, AS_BERT_SIGN = 3 };

typedef struct as_bert_mark {
    uint32_t point;
    uint8_t rank;
    bool first;
} as_bert_mark;

typedef struct as_bert_origin {
    uint32_t begin, end;
} as_bert_origin;

/* Normalised text. Empty: all zero. */
typedef struct as_bert_text {
    char *bytes;             /* [n] */
    uint8_t *kinds;          /* [n] INSIDE a character, or a character's first byte */
    as_bert_origin *origins; /* [n] bytes of the original; not filled without offsets */
    size_t n, capacity;
    bool failed; /* out of memory */
    /* a run of nonspacing or other marks that wait for their canonical order */
    as_bert_mark *marks, *sorted;
    as_bert_origin *waiting; /* of the marks that are first */
    size_t n_marks, n_waiting, marks_capacity;
    as_bert_origin current;
} as_bert_text;

void as_bert_text_done(as_bert_text *text); /* an empty one is allowed */

/* [owner] Normalises source[begin .. end) (valid UTF-8) into `text`, in place of what was there. */
void as_bert_normalize(const uint8_t *flat, const as_bert_rules *rules, const char *source,
                       size_t begin, size_t end, bool offsets, as_bert_text *text);

/* [any] Character at `at` of valid UTF-8, its length in *ret_n. */
uint32_t as_utf8_decode(const char *at, size_t *ret_n);

#endif
