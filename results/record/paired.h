/* SPDX-License-Identifier: MIT */
/* results/record/paired.h: test predictions of several records, side by side on the same texts.
 * Stands under every paired comparison and under the intervals over texts and seeds. */
#ifndef AS_RESULTS_PAIRED_H
#define AS_RESULTS_PAIRED_H

#include "results/record/record.h"

typedef struct as_paired {
    size_t n_texts, n_records;
    int32_t n_classes;
    const int64_t *index;            /* [n_texts] of the texts, ascending */
    const int32_t *labels;           /* [n_texts] */
    const int32_t *const *predicted; /* [n_records][n_texts] */
} as_paired;

/* [any] Aligns the records' test rows by index; everything lives in `arena`. BAD_DATA when a record
 * has no test predictions, has a text twice, or the records' texts, labels or class counts differ.
 */
ASSAY_MUST_USE assay_status as_paired_new(as_arena *arena, const as_record *const *records,
                                          size_t n_records, as_paired *ret_paired,
                                          assay_error *error);

/* [any] How many of the records in [first, first + n) are right on text t. */
size_t as_paired_right(const as_paired *paired, size_t first, size_t n, size_t t);

/* Two groups of records (seeds of two entries, or of two runs) compared text by text: d = the
 * second group's share of seeds that are right, less the first's. */
typedef struct as_discordance {
    int64_t n_gains, n_losses; /* texts with d > 0, d < 0: for the sign (McNemar) test */
    double gains, losses;      /* sums of max(d, 0), max(-d, 0): for Tango's interval */
} as_discordance;

/* [any] Records 0 .. n_first - 1 are the first group, the rest the second; neither is empty. */
as_discordance as_paired_discordance(const as_paired *paired, size_t n_first);

#endif
