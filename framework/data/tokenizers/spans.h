/* SPDX-License-Identifier: MIT */
/* data/tokenizers/spans.h: where a text's tokens stand in the text as it is in the source.
 *
 * Without cleaning, or where it changed nothing, exactly where the tokenizer found them. In a text
 * that was changed a token stands where its letters come next behind the token before, upper or
 * lower case being the same in ASCII, and for word-level tokenizers as a word of its own; one that
 * isn't there as it is (a number that became "NUM") has no place. */
#ifndef AS_DATA_TOKENIZERS_SPANS_H
#define AS_DATA_TOKENIZERS_SPANS_H

#include "data/tokenizers/encoder.h"

typedef struct as_token_span {
    int64_t begin, end; /* bytes of the text; -1: no place (special tokens, padding) */
} as_token_span;

/* [one thread per encoder] spans[n_ids] of the first n_ids tokens of what as_encoder_encode gives.
 */
ASSAY_MUST_USE assay_status as_encoder_spans(as_encoder *encoder, const char *text, size_t n_bytes,
                                             int32_t n_ids, as_token_span *spans,
                                             assay_error *error);

#endif
