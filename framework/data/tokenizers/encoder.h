/* SPDX-License-Identifier: MIT */
/* data/tokenizers/encoder.h: a text to token ids, exactly as a cell's rows were made: cleaning,
 * then a word-level tokenizer with its vocabulary, or WordPiece. */
#ifndef AS_DATA_TOKENIZERS_ENCODER_H
#define AS_DATA_TOKENIZERS_ENCODER_H

#include "data/cleaning/cleaning.h"
#include "data/data.h"
#include "data/tokenizers/splitter.h"
#include "data/tokenizers/vocabulary.h"
#include "data/tokenizers/wordpiece.h"

typedef struct as_encoding {
    int32_t n_ids;     /* >= 1 */
    int32_t n_padding; /* of them PAD, the last ones: their token weight is 0, the others' 1 */
    int32_t n_tokens;  /* the text's, special ones not counted, were it not cut; >= 0 */
    int32_t n_unknown; /* of the ids UNK */
    bool truncated;    /* there were more tokens than max_tokens */
    bool empty;        /* there was none: the one id is UNK (word level) */
} as_encoding;

/* What an encoder is made of; everything outlives it. Either splitter and vocabulary, or wordpiece
 * and scratch. */
typedef struct as_encoder_parts {
    as_cleaner *cleaner; /* NULL: texts come cleaned */
    as_splitter *splitter;
    const as_vocabulary *vocabulary;
    const as_wordpiece *wordpiece;
    as_wordpiece_scratch *scratch;
    bool special; /* WordPiece: [CLS] and [SEP] */
    bool padded;  /* filled up to max_tokens with PAD */
    int32_t max_tokens;
} as_encoder_parts;

/* [any] In the arena; what the parts point to outlives it. */
ASSAY_MUST_USE assay_status as_encoder_new(as_arena *arena, const as_encoder_parts *parts,
                                           as_encoder **ret_encoder, assay_error *error);

/* [any] */
const as_encoder_parts *as_encoder_made_of(const as_encoder *encoder);

/* [one thread per encoder] Ids of a text (UTF-8) into ids[max_tokens]. */
ASSAY_MUST_USE assay_status as_encoder_encode(as_encoder *encoder, const char *text, size_t n_bytes,
                                              int32_t *ids, as_encoding *ret_encoding,
                                              assay_error *error);

#endif
