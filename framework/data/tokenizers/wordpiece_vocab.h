/* SPDX-License-Identifier: MIT */
/* data/tokenizers/wordpiece_vocab.h: vocab.txt, one token a line, its id the line's number from 0,
 * with the settings that a tokenizer_config.json beside it states. */
#ifndef AS_DATA_TOKENIZERS_WORDPIECE_VOCAB_H
#define AS_DATA_TOKENIZERS_WORDPIECE_VOCAB_H

#include <jansson.h>

#include "data/tokenizers/wordpiece_model.h"

typedef struct as_vocab_settings {
    as_bert_rules rules;
    const char *special[AS_WORDPIECE_N_SPECIAL];
    as_added_token *added; /* [n_added] that the file spells out */
    size_t n_added;
} as_vocab_settings;

/* [any] BERT's: uncased, its five special tokens. */
as_vocab_settings as_vocab_settings_default(void);
/* [cell] What the document says in place of them; strings are copied into `arena`. */
ASSAY_MUST_USE assay_status as_vocab_settings_read(as_arena *arena, const json_t *config,
                                                   const char *name, as_vocab_settings *settings,
                                                   assay_error *error);
/* [cell] A tokenizer of the lines in `bytes`. */
ASSAY_MUST_USE assay_status as_vocab_read(as_arena *arena, const char *bytes, size_t n_bytes,
                                          const char *name, const as_vocab_settings *settings,
                                          const as_wordpiece_options *options,
                                          as_wordpiece **ret_wordpiece, assay_error *error);
/* [any] The caller's options over a file's rules. */
void as_wordpiece_apply_options(const as_wordpiece_options *options, as_bert_rules *rules);

#endif
