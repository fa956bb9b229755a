/* SPDX-License-Identifier: MIT */
/* Plans by shape bucket, least recently used out first. A look-up scans the used slots: some dozens
 * in practice, below a microsecond, next to milliseconds for running a plan. */
#include "train/plan_cache.h"

int32_t as_bucket_rows(int32_t n_rows, int32_t max_rows) {
    int32_t rows = 1;
    while (rows < n_rows && rows < max_rows)
        rows = rows > max_rows / 2 ? max_rows : rows * 2;
    return rows;
}

int32_t as_bucket_tokens(int32_t n_tokens, int64_t max_tokens) {
    int64_t power = 1;
    while (power * 2 <= n_tokens)
        power *= 2;
    int64_t step = power / 32 > 8 ? power / 32 : 8;
    int64_t tokens = (n_tokens + step - 1) / step * step;
    if (tokens > max_tokens && max_tokens >= n_tokens)
        tokens = max_tokens;
    return tokens > INT32_MAX ? INT32_MAX : (int32_t)tokens;
}

/* The slot that holds the bucket, else a free one, else the least recently used one. */
static as_plan_slot *find_slot(as_plan_cache *cache, int32_t kind, int32_t rows, int32_t tokens) {
    as_plan_slot *slots = cache->slots[kind], *oldest = &slots[0];
    for (int32_t i = 0; i < cache->n_slots[kind]; i++) {
        if (slots[i].rows == rows && slots[i].tokens == tokens)
            return &slots[i];
        if (slots[i].last_use < oldest->last_use)
            oldest = &slots[i];
    }
    return cache->n_slots[kind] < AS_PLAN_CACHE_SLOTS ? &slots[cache->n_slots[kind]] : oldest;
}

assay_status as_plan_cache_get(as_plan_cache *cache, const assay_backend *backend,
                               assay_session *session, int32_t kind, int32_t rows, int32_t tokens,
                               assay_plan **ret_plan, assay_error *error) {
    as_plan_slot *slot = find_slot(cache, kind, rows, tokens);
    if (slot->rows != rows || slot->tokens != tokens) {
        assay_plan *plan = NULL;
        assay_status status = backend->compile(session, kind, rows, tokens, &plan, error);
        if (status != ASSAY_OK)
            return status;
        backend->plan_free(slot->plan);
        if (slot == &cache->slots[kind][cache->n_slots[kind]])
            cache->n_slots[kind]++;
        *slot = (as_plan_slot){rows, tokens, 0, plan};
        cache->n_compiled++;
    }
    slot->last_use = ++cache->clock;
    *ret_plan = slot->plan;
    return ASSAY_OK;
}

void as_plan_cache_done(as_plan_cache *cache, const assay_backend *backend) {
    for (int kind = 0; kind < 2; kind++) {
        for (int32_t i = 0; i < cache->n_slots[kind]; i++) {
            backend->plan_free(cache->slots[kind][i].plan);
            cache->slots[kind][i] = (as_plan_slot){0, 0, 0, NULL};
        }
        cache->n_slots[kind] = 0;
    }
}
