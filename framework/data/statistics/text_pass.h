/* SPDX-License-Identifier: MIT */
/* data/statistics/text_pass.h: every text read once, in several threads: its lengths, its digest,
 * and its words as numbers, from which the rest of the statistics are counted. */
#ifndef AS_DATA_STATISTICS_TEXT_PASS_H
#define AS_DATA_STATISTICS_TEXT_PASS_H

#include "data/splits/overlaps.h"
#include "data/statistics/text_statistics.h"
#include "data/statistics/workers.h"
#include "data/tokenizers/interner.h"

typedef struct as_text_pass {
    const as_dataset_row *rows;
    uint32_t n_rows;
    const as_statistics_config *config;
    size_t word_level;                          /* tokenizer whose words are numbered, or ... */
    bool has_words;                             /* false: none is word-level */
    uint32_t *characters, *words;               /* [n_rows] */
    uint32_t *tokens[AS_STATISTICS_TOKENIZERS]; /* [n_rows] each */
    as_text_digest *digests;                    /* [n_rows] */
    const as_interner *interner;                /* word of a number */
    uint32_t **row_words;                       /* [n_rows]: numbers of the text's words,
                                                   tokens[word_level][row] of them */
    as_arena *arenas[AS_MAX_WORKERS];           /* own interners */
    uint32_t *blocks[AS_MAX_WORKERS];           /* own what row_words points to */
} as_text_pass;

/* [cell] Reads all texts; arrays in `arena`, the rest freed by as_text_pass_done. */
ASSAY_MUST_USE assay_status as_text_pass_run(as_arena *arena, const as_dataset_row *rows,
                                             uint32_t n_rows, const as_statistics_config *config,
                                             as_text_pass *ret_pass, assay_error *error);
void as_text_pass_done(as_text_pass *pass);

#endif
