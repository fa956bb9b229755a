/* SPDX-License-Identifier: MIT */
/* train/plan_cache.h: a bounded cache of forward and accumulate plans by shape bucket.
 *
 * A plan runs every batch within its (rows, tokens), so batches are rounded up to a bucket: rows to
 * the next power of two (or the engine's maximum), tokens to about 3 %. The least recently used
 * plan goes when a kind is full. */
#ifndef AS_TRAIN_PLAN_CACHE_H
#define AS_TRAIN_PLAN_CACHE_H

#include "assay/backend.h"

enum { AS_PLAN_CACHE_SLOTS = 256 };

typedef struct as_plan_slot {
    int32_t rows, tokens; /* the bucket; rows 0: free */
    uint64_t last_use;
    assay_plan *plan;
} as_plan_slot;

typedef struct as_plan_cache {
    as_plan_slot slots[2][AS_PLAN_CACHE_SLOTS]; /* by ASSAY_PLAN_* */
    int32_t n_slots[2];
    uint64_t clock;      /* counts look-ups */
    uint64_t n_compiled; /* plans made so far */
} as_plan_cache;

/* [any] Row capacity for n_rows: the next power of two, at most max_rows. 1 <= n_rows <= max_rows.
 */
int32_t as_bucket_rows(int32_t n_rows, int32_t max_rows);
/* [any] Token capacity for n_tokens >= 1: the next multiple of max(8, 2^floor(log2 n) / 32), at
 * most max_tokens where that is not less than n_tokens. */
int32_t as_bucket_tokens(int32_t n_tokens, int64_t max_tokens);

/* [cell] The plan of a bucket: cached, or compiled into a free or the least recently used slot. */
ASSAY_MUST_USE assay_status as_plan_cache_get(as_plan_cache *cache, const assay_backend *backend,
                                              assay_session *session, int32_t kind, int32_t rows,
                                              int32_t tokens, assay_plan **ret_plan,
                                              assay_error *error);
/* [cell] Frees all plans; the cache is empty then, and may go on with another session. */
void as_plan_cache_done(as_plan_cache *cache, const assay_backend *backend);

#endif
