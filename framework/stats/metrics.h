/* SPDX-License-Identifier: MIT */
/* stats/metrics.h: scores of a classifier from labels and predictions, as scikit-learn defines them
 * (precision_recall_fscore_support with labels = 0 .. n_classes - 1 and zero_division = 0): every
 * class of the data set enters the macro means, also one that never occurs or is never predicted.
 *
 *     as_scores scores;
 *     status = as_scores_compute(arena, labels, predicted, n, class_names, n_classes, seed,
 * &scores, error);
 */
#ifndef AS_STATS_METRICS_H
#define AS_STATS_METRICS_H

#include "assay/status.h"
#include "base/arena.h"
#include "base/random.h"
#include "stats/intervals.h"

enum { AS_MAX_CLASSES = 1000 };

typedef struct as_class_figures {
    const char *label;
    int64_t support;   /* true rows of the class */
    int64_t predicted; /* rows predicted as it */
    double precision, recall, f1;
} as_class_figures;

/* Scores of one split. Averages are over classes: macro plain, weighted by support. */
typedef struct as_scores {
    int64_t n; /* rows; 0: the split doesn't exist, everything is null */
    as_figure accuracy, f1_macro, f1_weighted, precision_macro, recall_macro, precision_weighted,
        recall_weighted;
    double loss; /* mean cross entropy */
    int32_t n_classes;
    as_class_figures *per_class; /* [n_classes] */
    int64_t *confusion;          /* [true * n_classes + predicted] */
} as_scores;

/* Averages over classes as plain numbers, for resampling and for the report's pooled scores. */
typedef struct as_averages {
    double accuracy, f1_macro, f1_weighted, precision_macro, recall_macro, precision_weighted,
        recall_weighted;
} as_averages;

/* [any] Scores of a split that doesn't exist: n = 0, every number NaN. */
as_scores as_scores_empty(void);

/* [any] Averages from per-class counts: hits (true and predicted), support (true), predicted. All
 * NaN when support sums to 0. A quotient 0 / 0 counts as 0. */
as_averages as_averages_from_counts(const int64_t *hits, const int64_t *support,
                                    const int64_t *predicted, int32_t n_classes);

/* [any] Everything but the loss (left NaN; the caller sets it) from n rows. class_names may be
 * NULL. Accuracy has Wilson's interval, the averages percentile intervals of AS_BOOTSTRAP_RESAMPLES
 * resamples of the rows, a function of the confusion matrix and `seed` alone. Names are borrowed.
 * INVALID_ARGUMENT: a label or prediction outside 0 .. n_classes - 1. */
ASSAY_MUST_USE assay_status as_scores_compute(as_arena *arena, const int32_t *labels,
                                              const int32_t *predicted, size_t n,
                                              const char *const *class_names, int32_t n_classes,
                                              uint64_t seed, as_scores *ret_scores,
                                              assay_error *error);

/* [any] The same from a confusion matrix [true * n_classes + predicted], for example one pooled
 * over seeds. with_intervals = 0 leaves all intervals NaN. */
ASSAY_MUST_USE assay_status as_scores_from_confusion(as_arena *arena, const int64_t *confusion,
                                                     const char *const *class_names,
                                                     int32_t n_classes, int with_intervals,
                                                     uint64_t seed, as_scores *ret_scores,
                                                     assay_error *error);

#endif
