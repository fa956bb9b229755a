/* SPDX-License-Identifier: MIT */
/* data/splits/draw.h: seeded draws without replacement from a list of rows, stratified by class or
 * not.
 *
 * A pool holds a list of rows in groups (the classes, or one group of all), each shuffled by a
 * stream of its own, so that rows of one class never depend on another's. A draw takes the next
 * rows of each group: successive draws never overlap. What is drawn comes in the order of the list,
 * except from as_pool_numpy. */
#ifndef AS_DATA_SPLITS_DRAW_H
#define AS_DATA_SPLITS_DRAW_H

#include "data/data.h"

/* What a list's rows are divided by; none for an unstratified pool. */
typedef struct as_classes {
    const int32_t *of;         /* [n_rows] class of each row of the list */
    const char *const *labels; /* [n] names key the streams, whatever order the classes have */
    uint32_t n;
} as_classes;

typedef struct as_pool {
    as_arena *arena;
    const uint32_t *rows;      /* [n_rows] the list */
    const char *const *labels; /* NULL: not stratified */
    uint32_t n_rows, n_groups;
    uint32_t *order;         /* [n_rows] places in rows, group by group in drawing order */
    uint32_t *starts;        /* [n_groups + 1] of the groups in order */
    uint32_t *taken, *quota; /* [n_groups] rows drawn; rows the next draw takes */
    bool *drawn;             /* [n_rows] places of the draw at work */
    bool drawing_order;      /* draws come as they are drawn */
} as_pool;

/* [cell] rows outlives the pool; classes NULL: one group. `purpose` keys the streams. */
ASSAY_MUST_USE assay_status as_pool_new(as_arena *arena, const uint32_t *rows, uint32_t n_rows,
                                        const as_classes *classes, uint64_t seed,
                                        const char *purpose, as_pool *ret_pool, assay_error *error);

/* [cell] One group in the order of numpy.random.default_rng(seed).permutation(n_rows), which draws
 * keep. */
ASSAY_MUST_USE assay_status as_pool_numpy(as_arena *arena, const uint32_t *rows, uint32_t n_rows,
                                          uint64_t seed, as_pool *ret_pool, assay_error *error);

/* [cell] Draws n rows (AS_ROWS_ALL: all that are left). `where` is the field that asks for them,
 * `split` what they are for. INVALID_ARGUMENT with the number there is when there are too few. */
ASSAY_MUST_USE assay_status as_pool_draw(as_pool *pool, int64_t n, as_allocation allocation,
                                         as_split split, const char *where, uint32_t **ret_rows,
                                         uint32_t *ret_n_rows, assay_error *error);

/* [cell] Draws pool->quota[g] rows, no more than are left, of each group. */
ASSAY_MUST_USE assay_status as_pool_take(as_pool *pool, uint32_t **ret_rows, uint32_t *ret_n_rows,
                                         assay_error *error);

#endif
