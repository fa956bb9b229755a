/* SPDX-License-Identifier: MIT */
/* results/verify/derive.h: what the raw rows of a cell give, as trees in the shape of its files.
 * Only fields that follow from the rows are there. */
#ifndef AS_RESULTS_DERIVE_H
#define AS_RESULTS_DERIVE_H

#include "results/record/record.h"

/* [any] test and validation (without loss), dataset.counts, latency: of result.json. NULL parts are
 * not there. */
ASSAY_MUST_USE assay_status as_derive_scores(const as_record *record, json_t *ret_tree,
                                             assay_error *error);

/* [any] Mean cross entropy of the split's rows; NaN where a probability is missing or too small for
 * a float to tell. */
double as_derive_loss(const as_record *record, const char *split);

/* [any] latency and interleaved.blocks, from the queries. */
ASSAY_MUST_USE assay_status as_derive_latency(const as_record *record, json_t *ret_tree,
                                              assay_error *error);

/* [any] training, model.bytes, flops.achieved_per_second, dataset.audit, from epochs and from what
 * the record states; n_elements: of the checkpoint, -1: there is none. */
ASSAY_MUST_USE assay_status as_derive_training(const as_record *record, int64_t n_elements,
                                               json_t *ret_tree, assay_error *error);

/* Sums over the steps of one epoch. */
typedef struct as_step_totals {
    int64_t n, rows, tokens;
    double loss_rows, grad_norm, learning_rate; /* sum of loss x rows; sum; of the last step */
} as_step_totals;

/* [any] Reads steps.jsonl and adds up its epochs 1 .. n_epochs; BAD_DATA names the line. */
ASSAY_MUST_USE assay_status as_derive_steps(const char *path, as_arena *arena, size_t n_epochs,
                                            as_step_totals **ret_totals, assay_error *error);

/* [any] The fields of an epoch's line that its steps give. `weighted`: losses are no plain means
 * (several batches a step), so the loss is left out. */
json_t *as_derive_epoch(const as_step_totals *totals, bool weighted);

#endif
