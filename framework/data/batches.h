/* SPDX-License-Identifier: MIT */
/* data/batches.h: rows of a split as packed batches (assay/batch.h), filled into buffers that are
 * allocated once.
 *
 *     as_batches *batches;
 *     status = as_batches_new(arena, &prepared->splits[AS_SPLIT_TRAIN], 32, &batches, error);
 *     for (int32_t epoch = 1; epoch <= epochs; epoch++) {
 *         as_batches_shuffle(batches, seed, (uint64_t)epoch);
 *         for (const assay_batch *batch; (batch = as_batches_next(batches));)
 *             ... as_batches_rows(batches)[b] is the row's place in split->rows ...
 *     }
 *
 * as_batches_shuffle: a seeded shuffle of all rows is cut into buckets of 50 batches; each bucket
 * is sorted by length, so that rows in a batch are similar, and cut into batches; then the batches
 * are shuffled. At most one batch, anywhere in the order, is smaller. What a batch holds depends on
 * the split, the batch size, the seed and the epoch alone.
 *
 * as_batches_by_length: all rows, longest first: evaluation. as_batches_in_order: split order.
 * Within every batch rows come longest first (ties in drawing order), except in
 * as_batches_in_order. One thread at a time. */
#ifndef AS_DATA_BATCHES_H
#define AS_DATA_BATCHES_H

#include "assay/batch.h"
#include "data/data.h"

typedef struct as_batches as_batches;

enum { AS_BUCKET_BATCHES = 50 };

/* [cell] Batches of batch_rows >= 1 rows over `split` (n_rows >= 1; outlives the batches). The
 * order is as_batches_in_order until another is asked for. */
ASSAY_MUST_USE assay_status as_batches_new(as_arena *arena, const as_split_rows *split,
                                           int32_t batch_rows, as_batches **ret_batches,
                                           assay_error *error);

/* [cell] Each sets the order and starts from its first batch; no allocation. */
void as_batches_shuffle(as_batches *batches, uint64_t seed, uint64_t epoch);
void as_batches_by_length(as_batches *batches);
void as_batches_in_order(as_batches *batches);

/* [cell] Next batch, or NULL at the end; valid until the next call. labels are set; row_keys are
 * the rows' `index` in the whole data set. No allocation. */
const assay_batch *as_batches_next(as_batches *batches);

/* [cell] Places in split->rows of the latest batch's rows, [n_rows]. */
const uint32_t *as_batches_rows(const as_batches *batches);

/* [cell] Batches in an epoch, and bounds for compiling plans: no batch has more rows or tokens. */
uint32_t as_batches_count(const as_batches *batches);
int32_t as_batches_max_rows(const as_batches *batches);
int32_t as_batches_max_tokens(const as_batches *batches);

#endif
