/* SPDX-License-Identifier: MIT */
/* Labels, the order of rows, the draws of a suite's splits, validation and cross-validation. How
 * rows are drawn: splits/draw.c. */
#include "data/splits/select.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "data/splits/draw.h"
#include "data/splits/folds.h"

typedef struct job {
    as_arena *arena;
    const as_dataset *dataset;
    const as_data_config *config;
    as_selection *selection;
    assay_error *error;
} job;

/* Rows of the data set in the order they stand. */
typedef struct row_list {
    uint32_t *rows;
    uint32_t n;
} row_list;

static as_where place_of(const job *j, const char *field) {
    return as_where_join(j->config->where ? j->config->where : "data", "/", field);
}

static assay_status fail_at(const job *j, const char *field, const char *text) {
    as_where where = place_of(j, field);
    return assay_fail(j->error, ASSAY_INVALID_ARGUMENT, where.text, text);
}

static assay_status no_memory(const job *j) {
    return assay_fail(j->error, ASSAY_OUT_OF_MEMORY, "data", "no memory to select rows");
}

/* ---- labels -----------------------------------------------------------------------------------*/

static assay_status unknown_label(const job *j, const char *label) {
    const as_dataset *d = j->dataset;
    char text[sizeof j->error->text];
    size_t used;
    const char *near = as_nearest_name(label, d->labels, d->n_labels);
    snprintf(text, sizeof text, "the data has no class \"%.80s\"%s%s%s; classes:", label,
             near ? "; use \"" : "", near ? near : "", near ? "\"" : "");
    for (uint32_t k = 0; k < d->n_labels; k++) {
        used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s %s", k ? "," : "", d->labels[k]);
    }
    return fail_at(j, "subset/labels", text);
}

static assay_status map_labels(const job *j) {
    const as_dataset *d = j->dataset;
    const as_data_config *c = j->config;
    as_selection *s = j->selection;
    bool all = c->subset.n_labels == 0;
    size_t n = all ? d->n_labels : c->subset.n_labels;
    const char **labels = as_arena_alloc_array(j->arena, n, sizeof *labels);
    s->label_map = as_arena_alloc_array(j->arena, d->n_labels, sizeof *s->label_map);
    if (!labels || !s->label_map)
        return no_memory(j);
    for (uint32_t k = 0; k < d->n_labels; k++)
        s->label_map[k] = all ? (int32_t)k : -1;
    for (uint32_t i = 0; i < n; i++) {
        labels[i] = all ? d->labels[i] : c->subset.labels[i];
        uint32_t k = 0;
        while (k < d->n_labels && strcmp(labels[i], d->labels[k]) != 0)
            k++;
        if (k == d->n_labels)
            return unknown_label(j, labels[i]);
        if (!all && s->label_map[k] >= 0)
            return fail_at(j, "subset/labels", "a class stands there twice");
        s->label_map[k] = (int32_t)i;
    }
    if (n < 2)
        return fail_at(j, "subset/labels", "names one class; at least two are needed");
    s->labels = labels;
    s->n_labels = (uint32_t)n;
    return ASSAY_OK;
}

/* ---- lists of rows ----------------------------------------------------------------------------*/

typedef struct placed_row {
    uint32_t position, row;
} placed_row;

static int compare_positions(const void *a, const void *b) {
    const placed_row *x = a, *y = b;
    if (x->position != y->position)
        return x->position < y->position ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static assay_status sort_by_position(const job *j, uint32_t *rows, uint32_t n) {
    placed_row *placed = as_arena_alloc_array(j->arena, n, sizeof *placed);
    if (!placed)
        return no_memory(j);
    for (uint32_t i = 0; i < n; i++)
        placed[i] = (placed_row){j->dataset->rows[rows[i]].position, rows[i]};
    qsort(placed, n, sizeof *placed, compare_positions);
    for (uint32_t i = 0; i < n; i++)
        rows[i] = placed[i].row;
    return ASSAY_OK;
}

/* Adds the rows of one of the data set's splits that the suite can use, in the order asked for. */
static assay_status add_source_rows(const job *j, as_split split, row_list *list) {
    const as_dataset *d = j->dataset;
    uint32_t first = list->n;
    for (uint32_t i = 0; i < d->n_rows; i++)
        if (d->rows[i].split == split && j->selection->label_map[d->rows[i].label] >= 0)
            list->rows[list->n++] = i;
    return j->config->order == AS_ORDER_ARCHIVE
               ? sort_by_position(j, list->rows + first, list->n - first)
               : ASSAY_OK;
}

static assay_status list_new(const job *j, row_list *ret_list) {
    row_list list = {as_arena_alloc_array(j->arena, j->dataset->n_rows, sizeof *list.rows), 0};
    if (!list.rows)
        return no_memory(j);
    *ret_list = list;
    return ASSAY_OK;
}

static assay_status classes_of(const job *j, const uint32_t *rows, uint32_t n,
                               as_classes *ret_classes) {
    int32_t *of = as_arena_alloc_array(j->arena, n, sizeof *of);
    if (!of)
        return no_memory(j);
    for (uint32_t i = 0; i < n; i++)
        of[i] = j->selection->label_map[j->dataset->rows[rows[i]].label];
    *ret_classes = (as_classes){of, j->selection->labels, j->selection->n_labels};
    return ASSAY_OK;
}

static assay_status pool_of_rows(const job *j, const uint32_t *rows, uint32_t n, bool stratified,
                                 uint64_t seed, const char *purpose, as_pool *ret_pool) {
    as_classes classes;
    assay_status status = classes_of(j, rows, n, &classes);
    return status == ASSAY_OK ? as_pool_new(j->arena, rows, n, stratified ? &classes : NULL, seed,
                                            purpose, ret_pool, j->error)
                              : status;
}

/* The pool of a subset's draws from `list`. */
static assay_status pool_of_subset(const job *j, const row_list *list, as_split source,
                                   as_pool *ret_pool) {
    const as_data_config *c = j->config;
    char purpose[32];
    snprintf(purpose, sizeof purpose, "subset/%s", as_split_name(source));
    if (c->subset.draw == AS_DRAW_NUMPY)
        return as_pool_numpy(j->arena, list->rows, list->n, c->subset.seed, ret_pool, j->error);
    return pool_of_rows(j, list->rows, list->n, c->subset.stratified, c->subset.seed, purpose,
                        ret_pool);
}

static assay_status draw_split(const job *j, as_pool *pool, int64_t n, as_split split,
                               const char *field) {
    as_selection *s = j->selection;
    as_where where = place_of(j, field);
    return as_pool_draw(pool, n, j->config->subset.allocation, split, where.text, &s->rows[split],
                        &s->n_rows[split], j->error);
}

/* ---- splits -----------------------------------------------------------------------------------*/

/* Where a split's rows come from. */
static as_split source_of(const as_dataset *d, as_split split) {
    if (d->has_split[split])
        return split;
    return d->has_split[AS_SPLIT_ALL] ? AS_SPLIT_ALL : AS_SPLIT_TRAIN;
}

/* Validation rows of the source's own or drawn beside the others. */
static bool draws_validation(const job *j, as_split source) {
    const as_data_config *c = j->config;
    if (c->validation.kind == AS_VALIDATION_NONE || c->validation.kind == AS_VALIDATION_TEST)
        return false;
    return c->subset.n_rows[AS_SPLIT_VALIDATION] != AS_ROWS_ALL || source == AS_SPLIT_VALIDATION;
}

static assay_status draw_splits(const job *j) {
    static const as_split order[] = {AS_SPLIT_TEST, AS_SPLIT_VALIDATION, AS_SPLIT_TRAIN};
    const as_data_config *c = j->config;
    as_pool pools[AS_SPLIT_COUNT + 1];
    bool filled[AS_SPLIT_COUNT + 1] = {false};
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < AS_SPLIT_COUNT && status == ASSAY_OK; i++) {
        as_split split = order[i], source = source_of(j->dataset, split);
        row_list list;
        char field[64];
        snprintf(field, sizeof field, "subset/%s", as_split_name(split));
        if (split == AS_SPLIT_VALIDATION && !draws_validation(j, source))
            continue;
        if (c->subset.n_rows[split] == AS_ROWS_ALL && split == AS_SPLIT_TEST && source != split)
            return fail_at(j, field,
                           "is missing; the data has no test split, so say how many rows to draw");
        if (!filled[source] && (status = list_new(j, &list)) == ASSAY_OK &&
            (status = add_source_rows(j, source, &list)) == ASSAY_OK)
            status = pool_of_subset(j, &list, source, &pools[source]);
        filled[source] = true;
        if (status == ASSAY_OK)
            status = draw_split(j, &pools[source], c->subset.n_rows[split], split, field);
    }
    return status;
}

/* ---- cross-validation -------------------------------------------------------------------------*/

static assay_status check_folds(const job *j) {
    const as_data_config *c = j->config;
    char text[128];
    if (c->folds.index < 1 || c->folds.index > c->folds.n) {
        snprintf(text, sizeof text, "is %d; there are parts 1 to %d", (int)c->folds.index,
                 (int)c->folds.n);
        return fail_at(j, "folds/index", text);
    }
    if (c->subset.n_rows[AS_SPLIT_TEST] != AS_ROWS_ALL)
        return fail_at(j, "subset/test",
                       "stands beside folds, whose part is the test split; remove one of the two");
    if (c->subset.n_rows[AS_SPLIT_VALIDATION] > 0)
        return fail_at(j, "subset/validation",
                       "stands beside folds; take validation rows by validation.share");
    return ASSAY_OK;
}

/* The rows to cut: train and validation, or all of an undivided source, or so many of them. */
static assay_status folds_rows(const job *j, row_list *ret_list) {
    const as_dataset *d = j->dataset;
    int64_t n = j->config->subset.n_rows[AS_SPLIT_TRAIN];
    bool undivided = d->has_split[AS_SPLIT_ALL];
    row_list list;
    as_pool pool;
    assay_status status = list_new(j, &list);
    if (status == ASSAY_OK)
        status = add_source_rows(j, undivided ? AS_SPLIT_ALL : AS_SPLIT_TRAIN, &list);
    if (status == ASSAY_OK && !undivided)
        status = add_source_rows(j, AS_SPLIT_VALIDATION, &list);
    if (status != ASSAY_OK)
        return status;
    if (n != AS_ROWS_ALL || j->config->subset.draw == AS_DRAW_NUMPY) {
        as_where where = place_of(j, "subset/train");
        status = pool_of_subset(j, &list, undivided ? AS_SPLIT_ALL : AS_SPLIT_TRAIN, &pool);
        if (status == ASSAY_OK)
            status = as_pool_draw(&pool, n, j->config->subset.allocation, AS_SPLIT_TRAIN,
                                  where.text, &list.rows, &list.n, j->error);
    }
    if (status == ASSAY_OK)
        *ret_list = list;
    return status;
}

static assay_status draw_folds(const job *j) {
    const as_data_config *c = j->config;
    as_selection *s = j->selection;
    row_list list;
    as_classes classes;
    uint32_t *fold_of;
    assay_status status = check_folds(j);
    if (status == ASSAY_OK)
        status = folds_rows(j, &list);
    if (status == ASSAY_OK)
        status = classes_of(j, list.rows, list.n, &classes);
    if (status != ASSAY_OK)
        return status;
    as_where where = place_of(j, "folds/n");
    status = as_folds_cut(j->arena, list.n, c->folds.stratified ? &classes : NULL,
                          (uint32_t)c->folds.n, c->folds.seed, where.text, &fold_of, j->error);
    if (status != ASSAY_OK)
        return status;
    s->rows[AS_SPLIT_TEST] = as_arena_alloc_array(j->arena, list.n, sizeof *list.rows);
    s->rows[AS_SPLIT_TRAIN] = as_arena_alloc_array(j->arena, list.n, sizeof *list.rows);
    if (!s->rows[AS_SPLIT_TEST] || !s->rows[AS_SPLIT_TRAIN])
        return no_memory(j);
    for (uint32_t i = 0; i < list.n; i++) {
        as_split split =
            fold_of[i] == (uint32_t)c->folds.index - 1 ? AS_SPLIT_TEST : AS_SPLIT_TRAIN;
        s->rows[split][s->n_rows[split]++] = list.rows[i];
    }
    return ASSAY_OK;
}

/* ---- validation -------------------------------------------------------------------------------*/

static assay_status check_validation(const job *j) {
    static const char *const kinds[] = {"share", "tail", "none", "test"};
    const as_data_config *c = j->config;
    char text[192];
    bool from_train =
        c->validation.kind == AS_VALIDATION_SHARE || c->validation.kind == AS_VALIDATION_TAIL;
    if (!from_train && c->subset.n_rows[AS_SPLIT_VALIDATION] > 0) {
        snprintf(text, sizeof text, "asks for %lld rows beside validation.kind \"%s\"; remove one",
                 (long long)c->subset.n_rows[AS_SPLIT_VALIDATION], kinds[c->validation.kind]);
        return fail_at(j, "subset/validation", text);
    }
    if (c->validation.kind == AS_VALIDATION_TAIL && c->validation.share <= 0)
        return fail_at(j, "validation/share", "is 0; kind \"tail\" needs the share it takes");
    return ASSAY_OK;
}

/* Rows of a share: rounded, or what Keras leaves of n after floor(n (1 - share)). */
static uint32_t share_rows(const as_data_config *c, uint32_t n_train) {
    return c->validation.kind == AS_VALIDATION_TAIL
               ? n_train - (uint32_t)floor(n_train * (1.0 - c->validation.share))
               : (uint32_t)lround(c->validation.share * n_train);
}

static assay_status draw_share(const job *j, uint32_t n) {
    const as_data_config *c = j->config;
    as_selection *s = j->selection;
    as_pool pool;
    as_where where = place_of(j, "validation/share");
    assay_status status =
        pool_of_rows(j, s->rows[AS_SPLIT_TRAIN], s->n_rows[AS_SPLIT_TRAIN],
                     c->validation.stratified, c->validation.seed, "validation", &pool);
    if (status == ASSAY_OK)
        status =
            as_pool_draw(&pool, n, AS_ALLOCATION_PROPORTIONAL, AS_SPLIT_VALIDATION, where.text,
                         &s->rows[AS_SPLIT_VALIDATION], &s->n_rows[AS_SPLIT_VALIDATION], j->error);
    if (status == ASSAY_OK)
        status =
            as_pool_draw(&pool, AS_ROWS_ALL, AS_ALLOCATION_PROPORTIONAL, AS_SPLIT_TRAIN, where.text,
                         &s->rows[AS_SPLIT_TRAIN], &s->n_rows[AS_SPLIT_TRAIN], j->error);
    return status;
}

static assay_status draw_validation(const job *j) {
    const as_data_config *c = j->config;
    as_selection *s = j->selection;
    uint32_t n_train = s->n_rows[AS_SPLIT_TRAIN], n = share_rows(c, n_train);
    if (c->validation.kind == AS_VALIDATION_TEST) {
        s->rows[AS_SPLIT_VALIDATION] = s->rows[AS_SPLIT_TEST];
        s->n_rows[AS_SPLIT_VALIDATION] = s->n_rows[AS_SPLIT_TEST];
        s->validation_is_test = true;
        return ASSAY_OK;
    }
    if (c->validation.kind == AS_VALIDATION_NONE || c->validation.share <= 0)
        return ASSAY_OK;
    if (s->n_rows[AS_SPLIT_VALIDATION])
        return fail_at(j, "validation/share",
                       "there are validation rows already, from the data or subset.validation; "
                       "set subset.validation to 0 or remove the share");
    if (!n || n >= n_train) {
        char text[160];
        snprintf(text, sizeof text, "%g of %u train rows is %u; both splits need rows",
                 c->validation.share, n_train, n);
        return fail_at(j, "validation/share", text);
    }
    if (c->validation.kind == AS_VALIDATION_SHARE)
        return draw_share(j, n);
    s->rows[AS_SPLIT_VALIDATION] = s->rows[AS_SPLIT_TRAIN] + (n_train - n);
    s->n_rows[AS_SPLIT_VALIDATION] = n;
    s->n_rows[AS_SPLIT_TRAIN] = n_train - n;
    return ASSAY_OK;
}

assay_status as_select(as_arena *arena, const as_dataset *dataset, const as_data_config *config,
                       as_selection *ret_selection, assay_error *error) {
    as_selection selection = {0};
    assay_error scratch = ASSAY_ERROR_INIT;
    const job j = {arena, dataset, config, &selection, error ? error : &scratch};
    assert(config->order == AS_ORDER_CANONICAL || config->order == AS_ORDER_ARCHIVE);
    assay_status status = map_labels(&j);
    if (status == ASSAY_OK)
        status = check_validation(&j);
    if (status == ASSAY_OK)
        status = config->folds.n ? draw_folds(&j) : draw_splits(&j);
    if (status == ASSAY_OK)
        status = draw_validation(&j);
    if (status == ASSAY_OK && !selection.n_rows[AS_SPLIT_TRAIN])
        status = fail_at(&j, "subset/train", "no train rows are left; ask for fewer elsewhere");
    if (status == ASSAY_OK)
        *ret_selection = selection;
    return status;
}
