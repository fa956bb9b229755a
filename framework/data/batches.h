/* SPDX-License-Identifier: MIT */
/* data/batches.h: rows of a split as packed batches (assay/batch.h), filled into buffers that are
 * allocated once.
 *
 *     const as_batches_config config = {.batch_rows = 32};
 *     as_batches *batches;
 *     status = as_batches_open(arena, &prepared->splits[AS_SPLIT_TRAIN], &config, &batches, error);
 *     for (int32_t epoch = 1; epoch <= epochs; epoch++) {
 *         as_batches_shuffle(batches, seed, (uint64_t)epoch);
 *         for (const assay_batch *batch; (batch = as_batches_next(batches));)
 *             ... as_batches_rows(batches)[b] is the row's place in split->rows ...
 *     }
 *
 * as_batches_shuffle: a seeded shuffle of all rows is cut into buckets of 50 batches; each bucket
 * is sorted by length, so that rows in a batch are similar, and cut into batches; then the batches
 * are shuffled. What a batch holds depends on the split, the configuration, the seed and the epoch
 * alone. With row weights the rows of an epoch, as many as the split has, are drawn with
 * replacement, in proportion to their weight, instead of being shuffled.
 *
 * as_batches_by_length: all rows, longest first: evaluation. as_batches_in_order: split order.
 * Within every batch rows come longest first (ties in drawing order), except in
 * as_batches_in_order.
 *
 * A batch has batch_rows rows, except for one that has what is left. With a token budget it is
 * filled, row by row, up to batch_tokens tokens and batch_rows rows: the last batch of a bucket may
 * be smaller, and a row longer than the budget is a batch of its own. One thread at a time. */
#ifndef AS_DATA_BATCHES_H
#define AS_DATA_BATCHES_H

#include "assay/batch.h"
#include "data/data.h"

typedef struct as_batches as_batches;

enum { AS_BUCKET_BATCHES = 50 };

typedef struct as_batches_config {
    int32_t batch_rows;       /* at most; at least 1 */
    int32_t batch_tokens;     /* at most, but for single rows; 0: no budget */
    const float *row_weights; /* [split->n_rows] of a row's draw, not negative; outlives the
                                 batches. NULL: each row once an epoch */
} as_batches_config;

/* [cell] Batches over `split` (n_rows >= 1; outlives the batches; a row may stand in it more than
 * once). The order is as_batches_in_order until another is asked for. Rows carry token weights when
 * the first one does. INVALID_ARGUMENT, LIMIT for batches of over 2^31 - 1 tokens,
 * OUT_OF_MEMORY. */
ASSAY_MUST_USE assay_status as_batches_open(as_arena *arena, const as_split_rows *split,
                                            const as_batches_config *config,
                                            as_batches **ret_batches, assay_error *error);

/* [cell] As as_batches_open with batch_rows alone. */
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

/* [cell] Tokens of the latest batch that are no padding of the suite's (tokenizer.padding). */
int32_t as_batches_real_tokens(const as_batches *batches);

/* [cell] Batches of the order that was set last: with a token budget or row weights it differs from
 * epoch to epoch. */
uint32_t as_batches_count(const as_batches *batches);

/* [cell] Bounds for compiling plans: no batch of any order has more rows or tokens. */
int32_t as_batches_max_rows(const as_batches *batches);
int32_t as_batches_max_tokens(const as_batches *batches);

/* [cell] What the batches of the order that was set last hold, and what they would hold if every
 * row were padded to the longest of its batch, as implementations without packing do: the share of
 * padding these would pay for is 1 - real / padded. assay pays for none, but where the suite asks
 * for padding: then rows are as long as that, and it is not real. */
void as_batches_padding(const as_batches *batches, uint64_t *ret_real_tokens,
                        uint64_t *ret_padded_tokens);

#endif
