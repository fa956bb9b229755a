/* SPDX-License-Identifier: MIT */
/* report/same.h: entries that predict the same class for every test text. Two models that agree
 * everywhere have usually collapsed to one class, or are one and the same by mistake. */
#ifndef AS_REPORT_SAME_H
#define AS_REPORT_SAME_H

#include "report/aggregate.h"

typedef struct as_same_pair {
    const as_row_summary *a, *b; /* a stands before b in the suite */
    size_t n_same, n_seeds;      /* seeds for which all predictions agree, of those both have */
    int32_t only_class;          /* that all those predictions are; -1 */
} as_same_pair;

/* [any] Pairs of complete rows of different entries, on the same backend in the same precision (or
 * one of them on its own code), with all test predictions of a seed the same. */
ASSAY_MUST_USE assay_status as_same_predictions(as_arena *arena, const as_summary *summary,
                                                as_same_pair **ret_pairs, size_t *ret_n,
                                                assay_error *error);

/* [any] "`a` and `b` ..." without the names: what a report says about a pair. */
void as_same_text(const as_same_pair *pair, char *text, size_t size);

#endif
