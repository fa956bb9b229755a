/* SPDX-License-Identifier: MIT */
/* Quotas of a stratified draw by the largest-remainder method (Hamilton) over the rows still there,
 * so that a quota never passes what a class has left. */
#include "data/splits/draw.h"

#include <stdio.h>

#include "base/error.h"
#include "base/random.h"
#include "data/splits/numpy_random.h"

static assay_status no_memory(assay_error *error) {
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, "data", "no memory to select rows");
}

/* ---- pools ------------------------------------------------------------------------------------*/

static bool allocate(as_pool *p) {
    p->order = as_arena_alloc_array(p->arena, p->n_rows, sizeof *p->order);
    p->starts = as_arena_alloc_array(p->arena, (size_t)p->n_groups + 1, sizeof *p->starts);
    p->taken = as_arena_alloc_array(p->arena, p->n_groups, sizeof *p->taken);
    p->quota = as_arena_alloc_array(p->arena, p->n_groups, sizeof *p->quota);
    p->drawn = as_arena_alloc_array(p->arena, p->n_rows, sizeof *p->drawn);
    return p->order && p->starts && p->taken && p->quota && p->drawn;
}

/* Places by group, in the order of the list: a counting sort. */
static void group(as_pool *p, const int32_t *classes) {
    for (uint32_t i = 0; i < p->n_rows; i++)
        p->starts[(classes ? classes[i] : 0) + 1]++;
    for (uint32_t g = 0; g < p->n_groups; g++)
        p->starts[g + 1] += p->starts[g];
    for (uint32_t i = 0; i < p->n_rows; i++) {
        int32_t g = classes ? classes[i] : 0;
        p->order[p->starts[g] + p->taken[g]++] = i;
    }
    memset(p->taken, 0, p->n_groups * sizeof *p->taken);
}

assay_status as_pool_new(as_arena *arena, const uint32_t *rows, uint32_t n_rows,
                         const as_classes *classes, uint64_t seed, const char *purpose,
                         as_pool *ret_pool, assay_error *error) {
    as_pool p = {.arena = arena,
                 .rows = rows,
                 .n_rows = n_rows,
                 .labels = classes ? classes->labels : NULL,
                 .n_groups = classes ? classes->n : 1};
    char stream[256];
    if (!allocate(&p))
        return no_memory(error);
    group(&p, classes ? classes->of : NULL);
    for (uint32_t g = 0; g < p.n_groups; g++) {
        snprintf(stream, sizeof stream, "%s/%s", purpose, p.labels ? p.labels[g] : "*");
        as_random random = as_random_init(seed, as_hash64(stream));
        as_random_shuffle(&random, p.order + p.starts[g], p.starts[g + 1] - p.starts[g]);
    }
    *ret_pool = p;
    return ASSAY_OK;
}

assay_status as_pool_numpy(as_arena *arena, const uint32_t *rows, uint32_t n_rows, uint64_t seed,
                           as_pool *ret_pool, assay_error *error) {
    as_pool p = {
        .arena = arena, .rows = rows, .n_rows = n_rows, .n_groups = 1, .drawing_order = true};
    if (!allocate(&p))
        return no_memory(error);
    p.starts[1] = n_rows;
    as_numpy_permutation(seed, n_rows, p.order);
    *ret_pool = p;
    return ASSAY_OK;
}

static uint32_t group_left(const as_pool *p, uint32_t g) {
    return p->starts[g + 1] - p->starts[g] - p->taken[g];
}

/* Rows that nobody has drawn. */
static uint32_t pool_left(const as_pool *pool) {
    uint32_t left = 0;
    for (uint32_t g = 0; g < pool->n_groups; g++)
        left += group_left(pool, g);
    return left;
}

/* ---- quotas -----------------------------------------------------------------------------------*/

/* n rows over the groups in proportion to what they have left: floors first, then one each by
 * largest remainder, ties to the earlier group. n <= pool_left. */
static void quotas_proportional(as_pool *p, uint32_t n) {
    uint64_t total = pool_left(p);
    uint32_t given = 0;
    for (uint32_t g = 0; g < p->n_groups; g++) {
        uint64_t left = group_left(p, g);
        p->quota[g] = total ? (uint32_t)(n * left / total) : 0;
        given += p->quota[g];
    }
    for (; given < n; given++) {
        uint32_t best = 0;
        uint64_t most = 0;
        for (uint32_t g = 0; g < p->n_groups; g++) {
            uint64_t share = n * (uint64_t)group_left(p, g);
            /* A group that already got its remainder has a quota above the floor. */
            uint64_t rest = p->quota[g] > share / total ? 0 : share % total;
            if (rest > most) {
                most = rest;
                best = g;
            }
        }
        p->quota[best]++;
    }
}

static void quotas_equal(as_pool *p, uint32_t n) {
    for (uint32_t g = 0; g < p->n_groups; g++)
        p->quota[g] = n / p->n_groups + (g < n % p->n_groups);
}

/* ---- draws ------------------------------------------------------------------------------------*/

assay_status as_pool_take(as_pool *p, uint32_t **ret_rows, uint32_t *ret_n_rows,
                          assay_error *error) {
    uint32_t n = 0, used = 0;
    for (uint32_t g = 0; g < p->n_groups; g++)
        n += p->quota[g];
    uint32_t *rows = as_arena_alloc_array(p->arena, n, sizeof *rows);
    if (!rows)
        return no_memory(error);
    memset(p->drawn, 0, p->n_rows * sizeof *p->drawn);
    for (uint32_t g = 0; g < p->n_groups; g++)
        for (uint32_t i = 0; i < p->quota[g]; i++) {
            uint32_t place = p->order[p->starts[g] + p->taken[g]++];
            p->drawn[place] = true;
            if (p->drawing_order)
                rows[used++] = p->rows[place];
        }
    for (uint32_t place = 0; place < p->n_rows && !p->drawing_order; place++)
        if (p->drawn[place])
            rows[used++] = p->rows[place];
    *ret_rows = rows;
    *ret_n_rows = n;
    return ASSAY_OK;
}

assay_status as_pool_draw(as_pool *pool, int64_t n, as_allocation allocation, as_split split,
                          const char *where, uint32_t **ret_rows, uint32_t *ret_n_rows,
                          assay_error *error) {
    uint32_t left = pool_left(pool), wanted = n == AS_ROWS_ALL ? left : (uint32_t)n;
    if (wanted > left)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                       "asks for %u rows; the data has %u for the split \"%s\"", wanted, left,
                       as_split_name(split));
    if (allocation == AS_ALLOCATION_EQUAL && n != AS_ROWS_ALL)
        quotas_equal(pool, wanted);
    else
        quotas_proportional(pool, wanted);
    for (uint32_t g = 0; g < pool->n_groups; g++)
        if (pool->quota[g] > group_left(pool, g))
            return as_fail(
                error, ASSAY_INVALID_ARGUMENT, where,
                "asks for %u rows of the class \"%s\"; it has %u left for the split \"%s\"",
                pool->quota[g], pool->labels ? pool->labels[g] : "*", group_left(pool, g),
                as_split_name(split));
    return as_pool_take(pool, ret_rows, ret_n_rows, error);
}
