/* SPDX-License-Identifier: MIT */
/* results/compare/paired_f1.h: macro F1 of two sides on the same texts, and the report's other
 * figures of both sides. */
#ifndef AS_RESULTS_PAIRED_F1_H
#define AS_RESULTS_PAIRED_F1_H

#include "results/compare/compare.h"
#include "results/record/paired.h"

/* [any] Difference of macro F1, second half of the records less the first (record i of one half and
 * i of the other share a seed), the mean over seeds, by AS_BOOTSTRAP_RESAMPLES resamples that draw
 * texts and pairs of seeds with replacement: percentile interval, and
 *     p = (1 + #{|d* - d| >= |d|}) / (1 + resamples)
 * (Efron and Tibshirani 1993, chapter 16; Dror et al. 2018, section 3). A function of the
 * predictions alone. */
ASSAY_MUST_USE assay_status as_paired_f1(const as_paired *paired, as_figure *ret_change,
                                         double *ret_p, assay_error *error);

/* [any] Means over n matched cells (of latencies the geometric mean), in the order of the report's
 * columns. */
void as_compare_figures(const as_record *const *base, const as_record *const *new_, size_t n,
                        as_compared_figure figures[AS_COMPARED_FIGURES]);

#endif
