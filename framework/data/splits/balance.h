/* SPDX-License-Identifier: MIT */
/* data/splits/balance.h: classes of unlike size, made equal in train alone: by weights in the loss,
 * by weighted draws of the batches' rows, by repeating rows or by leaving rows out. Comes after
 * overlaps were removed, so that no repeated row counts as a duplicate. */
#ifndef AS_DATA_SPLITS_BALANCE_H
#define AS_DATA_SPLITS_BALANCE_H

#include "data/splits/select.h"

enum { AS_MAX_BALANCED_ROWS = 4 * AS_MAX_ROWS };

/* [cell] AS_BALANCE_OVERSAMPLE: every class gets as many train rows as the largest: whole copies of
 * its rows and, for what is left, rows drawn without replacement. Copies stand next to each other,
 * rows in the order they had, so that the split is encoded once a row.
 * AS_BALANCE_UNDERSAMPLE: every class keeps as many as the smallest, drawn without replacement, in
 * the order they had. Other kinds change nothing. Seed: config->subset.seed. INVALID_ARGUMENT when
 * a class has no train rows, LIMIT when over AS_MAX_BALANCED_ROWS would result. */
ASSAY_MUST_USE assay_status as_balance_rows(as_arena *arena, const as_dataset *dataset,
                                            const as_data_config *config, as_selection *selection,
                                            assay_error *error);

/* [any] weights[k] = n / (n_labels counts[k]) with n the sum of counts: scikit-learn's
 * class_weight="balanced" (King & Zeng, "Logistic regression in rare events data", 2001). Weighted
 * by them every class has the same share, and the mean over rows is 1. They are the weights of the
 * loss (AS_BALANCE_CLASS_WEIGHTS), and of a row's draw (AS_BALANCE_WEIGHTED_SAMPLING), which is
 * proportional to 1 / counts[its class]. INVALID_ARGUMENT when a class has no rows. */
ASSAY_MUST_USE assay_status as_class_weights(const uint32_t *counts, const char *const *labels,
                                             uint32_t n_labels, const char *where,
                                             double *ret_weights, assay_error *error);

#endif
