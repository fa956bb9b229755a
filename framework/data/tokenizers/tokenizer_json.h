/* SPDX-License-Identifier: MIT */
/* data/tokenizers/tokenizer_json.h: Hugging Face's tokenizer.json of a WordPiece model, and the
 * fields of tokenizer_config.json that bear on one. Read are
 *
 *     model           WordPiece: vocab, unk_token, continuing_subword_prefix,
 * max_input_chars_per_word normalizer      BertNormalizer, or null pre_tokenizer   BertPreTokenizer
 *     post_processor  BertProcessing, TemplateProcessing (its "single"), or null
 *     added_tokens    with single_word, lstrip, rstrip, normalized
 *
 * Any other kind is refused by its name. "truncation" and "padding" do not count: callers say how
 * long ids may be. "decoder" does not bear on ids. */
#ifndef AS_DATA_TOKENIZERS_TOKENIZER_JSON_H
#define AS_DATA_TOKENIZERS_TOKENIZER_JSON_H

#include <jansson.h>

#include "data/tokenizers/wordpiece_model.h"

/* [cell] What the document says; strings are copied into `arena`. */
ASSAY_MUST_USE assay_status as_tokenizer_json_read(as_arena *arena, const json_t *json,
                                                   const char *name,
                                                   as_wordpiece_source *ret_source,
                                                   assay_error *error);

/* [cell] One added token from `json` ("content", "single_word", ...), as both files write them. */
ASSAY_MUST_USE assay_status as_added_token_read(as_arena *arena, const json_t *json,
                                                const char *where, as_added_token *ret_token,
                                                assay_error *error);

#endif
