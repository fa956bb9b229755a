/* SPDX-License-Identifier: MIT */
/* assay/batch.h: a batch of token rows as models and backends receive it.
 *
 * Rows are packed one after the other without padding: row b owns the tokens
 * offsets[b] .. offsets[b + 1] - 1, at least one each. All arrays belong to the host and stay
 * unchanged until the next call with another batch, or until sync for an asynchronous backend. */
#ifndef ASSAY_BATCH_H
#define ASSAY_BATCH_H

#include "assay/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    ASSAY_BATCH_LAST = 1, /* no other batch follows in this pass over the rows */
};

typedef struct assay_batch {
    uint32_t struct_size;
    int32_t n_rows;           /* B >= 1 */
    int32_t n_tokens;         /* N = offsets[B] */
    int32_t flags;            /* ASSAY_BATCH_*, or-ed */
    const int32_t *ids;       /* [N] token ids */
    const int32_t *positions; /* [N] 0, 1, ... inside each row */
    const int32_t *offsets;   /* [B + 1], offsets[0] = 0 */
    const int32_t *labels;    /* [B], or NULL in prediction */
    const uint64_t
        *row_keys; /* [B] identity of each row (its index in the data set): keys dropout, so
                      that a row's result doesn't depend on what else is in its batch */
    const float *token_weights; /* [N] weight of each token (TF-IDF; where the suite pads, 0 of
                                   padding and 1 of the others), or NULL: read only where the graph
                                   asks for it, and then it must be there */
} assay_batch;

ASSAY_STATIC_ASSERT(offsetof(assay_batch, token_weights) == 56, "assay_batch layout is frozen");
ASSAY_STATIC_ASSERT(sizeof(assay_batch) == 64, "assay_batch layout is frozen");

#ifdef __cplusplus
}
#endif
#endif
