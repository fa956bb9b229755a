/* SPDX-License-Identifier: MIT */
/* Over- and undersampling of the train rows, and class weights. */
#include "data/splits/balance.h"

#include "base/error.h"
#include "data/splits/draw.h"

typedef struct class_counts {
    uint32_t *of, smallest, largest; /* of[n_labels] */
} class_counts;

static assay_status no_memory(assay_error *error) {
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, "data/balance", "no memory to balance classes");
}

static assay_status class_missing(const char *label, const char *where, assay_error *error) {
    return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                   "the class \"%s\" has no train rows, so that classes can't be balanced; draw "
                   "more rows, or stratified",
                   label);
}

assay_status as_class_weights(const uint32_t *counts, const char *const *labels, uint32_t n_labels,
                              const char *where, double *ret_weights, assay_error *error) {
    double n = 0;
    for (uint32_t k = 0; k < n_labels; k++) {
        if (!counts[k])
            return class_missing(labels[k], where, error);
        n += counts[k];
    }
    for (uint32_t k = 0; k < n_labels; k++)
        ret_weights[k] = n / ((double)n_labels * counts[k]);
    return ASSAY_OK;
}

static assay_status count_classes(as_arena *arena, const as_selection *s, const int32_t *classes,
                                  const char *where, class_counts *ret_counts, assay_error *error) {
    class_counts counts = {as_arena_alloc_array(arena, s->n_labels, sizeof *counts.of), UINT32_MAX,
                           0};
    if (!counts.of)
        return no_memory(error);
    for (uint32_t i = 0; i < s->n_rows[AS_SPLIT_TRAIN]; i++)
        counts.of[classes[i]]++;
    for (uint32_t k = 0; k < s->n_labels; k++) {
        if (!counts.of[k])
            return class_missing(s->labels[k], where, error);
        counts.smallest = counts.of[k] < counts.smallest ? counts.of[k] : counts.smallest;
        counts.largest = counts.of[k] > counts.largest ? counts.of[k] : counts.largest;
    }
    *ret_counts = counts;
    return ASSAY_OK;
}

static assay_status undersample(as_pool *pool, const class_counts *counts, as_selection *s,
                                assay_error *error) {
    for (uint32_t k = 0; k < s->n_labels; k++)
        pool->quota[k] = counts->smallest;
    return as_pool_take(pool, &s->rows[AS_SPLIT_TRAIN], &s->n_rows[AS_SPLIT_TRAIN], error);
}

static assay_status oversample(as_pool *pool, const int32_t *classes, const class_counts *counts,
                               as_selection *s, const char *where, assay_error *error) {
    const uint32_t *rows = s->rows[AS_SPLIT_TRAIN];
    uint64_t n = (uint64_t)counts->largest * s->n_labels;
    uint32_t *extra, n_extra, used = 0;
    if (n > AS_MAX_BALANCED_ROWS)
        return as_fail(error, ASSAY_LIMIT, where,
                       "oversampling makes %llu train rows; at most %d are kept; use "
                       "\"class_weights\" or \"weighted_sampling\"",
                       (unsigned long long)n, AS_MAX_BALANCED_ROWS);
    for (uint32_t k = 0; k < s->n_labels; k++)
        pool->quota[k] = counts->largest % counts->of[k];
    assay_status status = as_pool_take(pool, &extra, &n_extra, error); /* sets pool->drawn */
    if (status != ASSAY_OK)
        return status;
    uint32_t *repeated = as_arena_alloc_array(pool->arena, n, sizeof *repeated);
    if (!repeated)
        return no_memory(error);
    for (uint32_t i = 0; i < pool->n_rows; i++) {
        uint32_t copies = counts->largest / counts->of[classes[i]] + pool->drawn[i];
        for (uint32_t copy = 0; copy < copies; copy++)
            repeated[used++] = rows[i];
    }
    s->rows[AS_SPLIT_TRAIN] = repeated;
    s->n_rows[AS_SPLIT_TRAIN] = used;
    return ASSAY_OK;
}

assay_status as_balance_rows(as_arena *arena, const as_dataset *dataset,
                             const as_data_config *config, as_selection *selection,
                             assay_error *error) {
    const uint32_t *rows = selection->rows[AS_SPLIT_TRAIN];
    uint32_t n_rows = selection->n_rows[AS_SPLIT_TRAIN];
    as_where where = as_where_join(config->where ? config->where : "data", "/", "balance");
    class_counts counts = {0};
    as_pool pool;
    if (config->balance != AS_BALANCE_OVERSAMPLE && config->balance != AS_BALANCE_UNDERSAMPLE)
        return ASSAY_OK;
    int32_t *classes = as_arena_alloc_array(arena, n_rows, sizeof *classes);
    if (!classes)
        return no_memory(error);
    for (uint32_t i = 0; i < n_rows; i++)
        classes[i] = selection->label_map[dataset->rows[rows[i]].label];
    const as_classes by_class = {classes, selection->labels, selection->n_labels};
    assay_status status = count_classes(arena, selection, classes, where.text, &counts, error);
    if (status == ASSAY_OK)
        status = as_pool_new(arena, rows, n_rows, &by_class, config->subset.seed, "balance", &pool,
                             error);
    if (status != ASSAY_OK)
        return status;
    return config->balance == AS_BALANCE_OVERSAMPLE
               ? oversample(&pool, classes, &counts, selection, where.text, error)
               : undersample(&pool, &counts, selection, error);
}
