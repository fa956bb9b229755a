/* SPDX-License-Identifier: MIT */
/* Buckets, and which plan goes when the cache is full. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "train/plan_cache.h"

static int n_live, n_compiled, fail_compile;

static assay_status compile(assay_session *session, int32_t kind, int32_t max_rows,
                            int32_t max_tokens, assay_plan **ret_plan, assay_error *error) {
    int32_t *plan;
    (void)session;
    (void)kind;
    if (fail_compile)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "toy", "scripted failure");
    plan = malloc(2 * sizeof *plan);
    plan[0] = max_rows;
    plan[1] = max_tokens;
    n_live++;
    n_compiled++;
    *ret_plan = (assay_plan *)plan;
    return ASSAY_OK;
}

static void plan_free(assay_plan *plan) {
    n_live -= plan != NULL;
    free(plan);
}

static const assay_backend backend = {.compile = compile, .plan_free = plan_free};

Test(plan_cache, token_buckets_are_a_few_percent_apart) {
    int32_t before = 0;
    for (int32_t n = 1; n < 70000; n++) {
        int32_t bucket = as_bucket_tokens(n, INT32_MAX);
        cr_assert(bucket >= n);
        cr_assert(bucket >= before);
        cr_assert(bucket - n < 8 || bucket - n <= n / 32, "%d -> %d", n, bucket);
        cr_assert_eq(as_bucket_tokens(bucket, INT32_MAX), bucket);
        before = bucket;
    }
    cr_assert_eq(as_bucket_tokens(INT32_MAX, INT32_MAX), INT32_MAX);
}

Test(plan_cache, there_are_few_token_buckets) {
    int n_buckets = 0;
    for (int32_t n = 1, last = 0; n <= 8192; n++) {
        n_buckets += as_bucket_tokens(n, 8192) != last;
        last = as_bucket_tokens(n, 8192);
    }
    cr_assert(n_buckets < AS_PLAN_CACHE_SLOTS, "%d", n_buckets);
}

Test(plan_cache, buckets_stop_at_the_limits) {
    cr_assert_eq(as_bucket_tokens(9, 10), 10);
    cr_assert_eq(as_bucket_tokens(10, 10), 10);
    for (int32_t max_rows = 1; max_rows < 100; max_rows++)
        for (int32_t n = 1; n <= max_rows; n++) {
            int32_t rows = as_bucket_rows(n, max_rows);
            cr_assert(rows >= n && rows <= max_rows);
            cr_assert(rows == max_rows || (rows < 2 * n && (rows & (rows - 1)) == 0));
        }
    cr_assert_eq(as_bucket_rows(1, 32), 1);
    cr_assert_eq(as_bucket_rows(17, 48), 32);
    cr_assert_eq(as_bucket_rows(33, 48), 48);
}

static assay_status get(as_plan_cache *cache, int32_t kind, int32_t tokens, assay_plan **ret) {
    assay_error error = ASSAY_ERROR_INIT;
    return as_plan_cache_get(cache, &backend, NULL, kind, 4, tokens, ret, &error);
}

Test(plan_cache, a_bucket_is_compiled_once) {
    as_plan_cache *cache = calloc(1, sizeof *cache);
    assay_plan *a = NULL, *b = NULL;
    cr_assert_eq(get(cache, ASSAY_PLAN_FORWARD, 8, &a), ASSAY_OK);
    cr_assert_eq(get(cache, ASSAY_PLAN_ACCUMULATE, 8, &b), ASSAY_OK);
    cr_assert_neq(a, b);
    cr_assert_eq(get(cache, ASSAY_PLAN_FORWARD, 8, &b), ASSAY_OK);
    cr_assert_eq(a, b);
    cr_assert_eq(n_compiled, 2);
    cr_assert_eq(cache->n_compiled, 2);
    as_plan_cache_done(cache, &backend);
    cr_assert_eq(n_live, 0);
    free(cache);
}

Test(plan_cache, the_least_recently_used_goes_first) {
    as_plan_cache *cache = calloc(1, sizeof *cache);
    assay_plan *plan = NULL;
    for (int32_t i = 1; i <= AS_PLAN_CACHE_SLOTS; i++)
        cr_assert_eq(get(cache, ASSAY_PLAN_FORWARD, i, &plan), ASSAY_OK);
    cr_assert_eq(get(cache, ASSAY_PLAN_FORWARD, 1, &plan), ASSAY_OK); /* 2 is the oldest now */
    cr_assert_eq(get(cache, ASSAY_PLAN_FORWARD, 1000, &plan), ASSAY_OK);
    cr_assert_eq(((int32_t *)plan)[1], 1000);
    cr_assert_eq(n_live, AS_PLAN_CACHE_SLOTS);
    n_compiled = 0;
    cr_assert_eq(get(cache, ASSAY_PLAN_FORWARD, 1, &plan), ASSAY_OK);
    cr_assert_eq(get(cache, ASSAY_PLAN_FORWARD, 3, &plan), ASSAY_OK);
    cr_assert_eq(n_compiled, 0);
    cr_assert_eq(get(cache, ASSAY_PLAN_FORWARD, 2, &plan), ASSAY_OK);
    cr_assert_eq(n_compiled, 1);
    as_plan_cache_done(cache, &backend);
    cr_assert_eq(n_live, 0);
    free(cache);
}

Test(plan_cache, a_failing_compile_keeps_the_others) {
    as_plan_cache *cache = calloc(1, sizeof *cache);
    assay_plan *a = NULL, *b = NULL, *untouched = (assay_plan *)&n_live;
    cr_assert_eq(get(cache, ASSAY_PLAN_FORWARD, 8, &a), ASSAY_OK);
    fail_compile = 1;
    cr_assert_eq(get(cache, ASSAY_PLAN_FORWARD, 16, &untouched), ASSAY_OUT_OF_MEMORY);
    cr_assert_eq(untouched, (assay_plan *)&n_live);
    fail_compile = 0;
    cr_assert_eq(get(cache, ASSAY_PLAN_FORWARD, 8, &b), ASSAY_OK);
    cr_assert_eq(a, b);
    as_plan_cache_done(cache, &backend);
    cr_assert_eq(n_live, 0);
    free(cache);
}
