/* SPDX-License-Identifier: MIT */
/* Rows in seeded order class after class are dealt to the parts in turn, one each, going on with
 * the next class where the last one stopped. Numbers of each class in each part are those of
 * scikit-learn's StratifiedKFold, which deals the sorted labels the same way. */
#include "data/splits/folds.h"

#include "base/error.h"

static assay_status check_parts(uint32_t n_rows, const as_pool *pool, uint32_t n_folds,
                                const char *where, assay_error *error) {
    if (n_folds < 2 || n_rows < n_folds)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                       "is %u; the data has %u rows for at least 2 parts of at least one", n_folds,
                       n_rows);
    for (uint32_t g = 0; pool->labels && g < pool->n_groups; g++) {
        uint32_t n = pool->starts[g + 1] - pool->starts[g];
        if (n < n_folds)
            return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                           "is %u; the class \"%s\" has %u rows, so that some parts would have "
                           "none; ask for fewer parts or set stratified to false",
                           n_folds, pool->labels[g], n);
    }
    return ASSAY_OK;
}

assay_status as_folds_cut(as_arena *arena, uint32_t n_rows, const as_classes *classes,
                          uint32_t n_folds, uint64_t seed, const char *where,
                          uint32_t **ret_fold_of, assay_error *error) {
    as_pool pool;
    uint32_t *fold_of = as_arena_alloc_array(arena, n_rows, sizeof *fold_of);
    if (!fold_of)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory to cut rows into parts");
    assay_status status = as_pool_new(arena, NULL, n_rows, classes, seed, "folds", &pool, error);
    if (status == ASSAY_OK)
        status = check_parts(n_rows, &pool, n_folds, where, error);
    if (status != ASSAY_OK)
        return status;
    for (uint32_t i = 0; i < n_rows; i++)
        fold_of[pool.order[i]] = i % n_folds;
    *ret_fold_of = fold_of;
    return ASSAY_OK;
}
