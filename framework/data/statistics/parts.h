/* SPDX-License-Identifier: MIT */
/* data/statistics/parts.h: what text_statistics.c is put together from. */
#ifndef AS_DATA_STATISTICS_PARTS_H
#define AS_DATA_STATISTICS_PARTS_H

#include "data/statistics/text_pass.h"

/* The rows of label k: order[first[k]] .. order[first[k + 1] - 1], ascending. */
typedef struct as_label_rows {
    uint32_t *order, *first; /* [n_rows], [n_labels + 1] */
} as_label_rows;

/* [cell] Vocabulary, coverage, commonest words. */
ASSAY_MUST_USE assay_status as_count_words(as_arena *arena, const as_text_pass *pass,
                                           const as_label_rows *by_label,
                                           as_text_statistics *statistics, assay_error *error);

/* [cell] Equal texts and, where asked for, near duplicates. */
ASSAY_MUST_USE assay_status as_count_duplicates(const as_text_pass *pass,
                                                as_text_statistics *statistics, assay_error *error);

#endif
