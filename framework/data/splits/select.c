/* SPDX-License-Identifier: MIT */
/* Stratified draws. Quotas by the largest-remainder method (Hamilton) over the rows still there, so
 * that a quota never passes what a class has left. */
#include "data/splits/select.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/random.h"

/* Rows to draw from, in groups (classes, or one group of all), each in seeded order. */
typedef struct pool {
    uint32_t n_groups;
    uint32_t **rows;
    uint32_t *n_rows, *taken, *quota;
} pool;

typedef struct job {
    as_arena *arena;
    const as_dataset *dataset;
    const as_data_config *config;
    as_selection *selection;
    assay_error *error;
} job;

static assay_status fail_at(const job *j, const char *field, const char *text) {
    char where[sizeof j->error->where];
    snprintf(where, sizeof where, "%s/%s", j->config->where ? j->config->where : "data", field);
    return assay_fail(j->error, ASSAY_INVALID_ARGUMENT, where, text);
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

/* ---- pools ------------------------------------------------------------------------------------*/

static uint32_t class_of(const job *j, uint32_t row) {
    return (uint32_t)j->selection->label_map[j->dataset->rows[row].label];
}

static assay_status pool_fill(const job *j, const uint32_t *rows, uint32_t n_rows, bool stratified,
                              uint64_t seed, const char *purpose, pool *ret_pool) {
    pool p = {.n_groups = stratified ? j->selection->n_labels : 1};
    char stream[256];
    p.rows = as_arena_alloc_array(j->arena, p.n_groups, sizeof *p.rows);
    p.n_rows = as_arena_alloc_array(j->arena, p.n_groups, sizeof *p.n_rows);
    p.taken = as_arena_alloc_array(j->arena, p.n_groups, sizeof *p.taken);
    p.quota = as_arena_alloc_array(j->arena, p.n_groups, sizeof *p.quota);
    if (!p.rows || !p.n_rows || !p.taken || !p.quota)
        return no_memory(j);
    for (uint32_t i = 0; i < n_rows; i++)
        p.n_rows[stratified ? class_of(j, rows[i]) : 0]++;
    for (uint32_t g = 0; g < p.n_groups; g++) {
        p.rows[g] = as_arena_alloc_array(j->arena, p.n_rows[g], sizeof **p.rows);
        if (!p.rows[g])
            return no_memory(j);
        p.n_rows[g] = 0;
    }
    for (uint32_t i = 0; i < n_rows; i++) {
        uint32_t g = stratified ? class_of(j, rows[i]) : 0;
        p.rows[g][p.n_rows[g]++] = rows[i];
    }
    for (uint32_t g = 0; g < p.n_groups; g++) {
        snprintf(stream, sizeof stream, "%s/%s", purpose,
                 stratified ? j->selection->labels[g] : "*");
        as_random random = as_random_init(seed, as_hash64(stream));
        as_random_shuffle(&random, p.rows[g], p.n_rows[g]);
    }
    *ret_pool = p;
    return ASSAY_OK;
}

static uint32_t pool_left(const pool *p) {
    uint32_t left = 0;
    for (uint32_t g = 0; g < p->n_groups; g++)
        left += p->n_rows[g] - p->taken[g];
    return left;
}

/* n rows over the groups in proportion to what they have left: floors first, then one each by
 * largest remainder, ties to the earlier group. n <= pool_left. */
static void quotas_proportional(pool *p, uint32_t n) {
    uint64_t total = pool_left(p);
    uint32_t given = 0;
    for (uint32_t g = 0; g < p->n_groups; g++) {
        uint64_t left = p->n_rows[g] - p->taken[g];
        p->quota[g] = total ? (uint32_t)(n * left / total) : 0;
        given += p->quota[g];
    }
    for (; given < n; given++) {
        uint32_t best = 0;
        uint64_t most = 0;
        for (uint32_t g = 0; g < p->n_groups; g++) {
            uint64_t left = p->n_rows[g] - p->taken[g], share = n * left;
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

static void quotas_equal(pool *p, uint32_t n) {
    for (uint32_t g = 0; g < p->n_groups; g++)
        p->quota[g] = n / p->n_groups + (g < n % p->n_groups);
}

static int compare_u32(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Moves n rows (AS_ROWS_ALL: all that are left) from the pool to a split. `field` asked for them.
 */
static assay_status draw(const job *j, pool *p, int64_t n, as_allocation allocation, as_split split,
                         const char *field) {
    as_selection *s = j->selection;
    uint32_t left = pool_left(p), wanted = n == AS_ROWS_ALL ? left : (uint32_t)n, used = 0;
    char text[512];
    if (wanted > left) {
        snprintf(text, sizeof text, "asks for %u rows; the data has %u for the split \"%s\"",
                 wanted, left, as_split_name(split));
        return fail_at(j, field, text);
    }
    if (allocation == AS_ALLOCATION_EQUAL && n != AS_ROWS_ALL)
        quotas_equal(p, wanted);
    else
        quotas_proportional(p, wanted);
    s->rows[split] = as_arena_alloc_array(j->arena, wanted, sizeof *s->rows[split]);
    if (!s->rows[split])
        return no_memory(j);
    for (uint32_t g = 0; g < p->n_groups; g++) {
        uint32_t there = p->n_rows[g] - p->taken[g];
        if (p->quota[g] > there) {
            snprintf(text, sizeof text,
                     "asks for %u rows of the class \"%s\"; it has %u left for the split \"%s\"",
                     p->quota[g], p->n_groups == 1 ? "*" : s->labels[g], there,
                     as_split_name(split));
            return fail_at(j, field, text);
        }
        if (p->quota[g])
            memcpy(s->rows[split] + used, p->rows[g] + p->taken[g], p->quota[g] * sizeof **p->rows);
        used += p->quota[g];
        p->taken[g] += p->quota[g];
    }
    qsort(s->rows[split], used, sizeof *s->rows[split], compare_u32);
    s->n_rows[split] = used;
    return ASSAY_OK;
}

/* The used rows of one of the data set's splits, as a pool. */
static assay_status pool_of_split(const job *j, as_split split, pool *ret_pool) {
    const as_dataset *d = j->dataset;
    const as_data_config *c = j->config;
    uint32_t n = 0;
    char purpose[32];
    uint32_t *rows = as_arena_alloc_array(j->arena, d->n_rows, sizeof *rows);
    if (!rows)
        return no_memory(j);
    for (uint32_t i = 0; i < d->n_rows; i++)
        if (d->rows[i].split == split && j->selection->label_map[d->rows[i].label] >= 0)
            rows[n++] = i;
    snprintf(purpose, sizeof purpose, "subset/%s", as_split_name(split));
    return pool_fill(j, rows, n, c->subset.stratified, c->subset.seed, purpose, ret_pool);
}

/* ---- splits -----------------------------------------------------------------------------------*/

/* Where a split's rows come from. */
static as_split source_of(const as_dataset *d, as_split split) {
    if (d->has_split[split])
        return split;
    return d->has_split[AS_SPLIT_ALL] ? AS_SPLIT_ALL : AS_SPLIT_TRAIN;
}

static assay_status draw_splits(const job *j) {
    static const as_split order[] = {AS_SPLIT_TEST, AS_SPLIT_VALIDATION, AS_SPLIT_TRAIN};
    const as_data_config *c = j->config;
    pool pools[AS_SPLIT_COUNT + 1];
    bool filled[AS_SPLIT_COUNT + 1] = {false};
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < AS_SPLIT_COUNT && status == ASSAY_OK; i++) {
        as_split split = order[i], source = source_of(j->dataset, split);
        int64_t n = c->subset.n_rows[split];
        char field[64];
        snprintf(field, sizeof field, "subset/%s", as_split_name(split));
        if (n == AS_ROWS_ALL && split == AS_SPLIT_VALIDATION && source != split)
            continue; /* none asked for: validation.share may still make one */
        if (n == AS_ROWS_ALL && split == AS_SPLIT_TEST && source != split)
            return fail_at(j, field,
                           "is missing; the data has no test split, so say how many rows to draw");
        if (!filled[source])
            status = pool_of_split(j, source, &pools[source]);
        filled[source] = true;
        if (status == ASSAY_OK)
            status = draw(j, &pools[source], n, c->subset.allocation, split, field);
    }
    return status;
}

static assay_status draw_validation(const job *j) {
    const as_data_config *c = j->config;
    as_selection *s = j->selection;
    uint32_t n_train = s->n_rows[AS_SPLIT_TRAIN];
    uint32_t n = (uint32_t)lround(c->validation.share * n_train);
    pool p;
    if (c->validation.share <= 0)
        return ASSAY_OK;
    if (s->n_rows[AS_SPLIT_VALIDATION])
        return fail_at(j, "validation/share",
                       "there are validation rows already, from the data or subset.validation; "
                       "remove one of the two");
    if (!n || n >= n_train) {
        char text[160];
        snprintf(text, sizeof text, "%g of %u train rows is %u; both splits need rows",
                 c->validation.share, n_train, n);
        return fail_at(j, "validation/share", text);
    }
    assay_status status = pool_fill(j, s->rows[AS_SPLIT_TRAIN], n_train, c->validation.stratified,
                                    c->validation.seed, "validation", &p);
    if (status == ASSAY_OK)
        status =
            draw(j, &p, n, AS_ALLOCATION_PROPORTIONAL, AS_SPLIT_VALIDATION, "validation/share");
    if (status == ASSAY_OK)
        status = draw(j, &p, AS_ROWS_ALL, AS_ALLOCATION_PROPORTIONAL, AS_SPLIT_TRAIN,
                      "validation/share");
    return status;
}

assay_status as_select(as_arena *arena, const as_dataset *dataset, const as_data_config *config,
                       as_selection *ret_selection, assay_error *error) {
    as_selection selection = {0};
    assay_error scratch = ASSAY_ERROR_INIT;
    const job j = {arena, dataset, config, &selection, error ? error : &scratch};
    assay_status status = map_labels(&j);
    if (status == ASSAY_OK)
        status = draw_splits(&j);
    if (status == ASSAY_OK)
        status = draw_validation(&j);
    if (status == ASSAY_OK && !selection.n_rows[AS_SPLIT_TRAIN])
        status = fail_at(&j, "subset/train", "no train rows are left; ask for fewer elsewhere");
    if (status == ASSAY_OK)
        *ret_selection = selection;
    return status;
}

/* ---- audit ------------------------------------------------------------------------------------*/

typedef struct text_in_split {
    const char *text;
    size_t n_bytes;
    as_split split;
} text_in_split;

static int compare_texts(const void *a, const void *b) {
    const text_in_split *x = a, *y = b;
    if (x->n_bytes != y->n_bytes)
        return x->n_bytes < y->n_bytes ? -1 : 1;
    return memcmp(x->text, y->text, x->n_bytes);
}

assay_status as_audit_duplicates(const as_dataset *dataset, const as_selection *selection,
                                 as_audit *ret_audit, assay_error *error) {
    as_audit audit = {{0}, 0, 0, 0};
    size_t n = 0, total = 0;
    for (int s = 0; s < AS_SPLIT_COUNT; s++)
        total += selection->n_rows[s];
    text_in_split *texts = malloc(total * sizeof *texts + 1);
    if (!texts)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "data", "no memory to look for duplicates");
    for (int s = 0; s < AS_SPLIT_COUNT; s++)
        for (uint32_t i = 0; i < selection->n_rows[s]; i++) {
            const as_dataset_row *row = &dataset->rows[selection->rows[s][i]];
            texts[n++] = (text_in_split){row->text, row->n_bytes, (as_split)s};
        }
    qsort(texts, n, sizeof *texts, compare_texts);
    for (size_t from = 0, to; from < n; from = to) {
        uint32_t in[AS_SPLIT_COUNT] = {0};
        for (to = from; to < n && compare_texts(&texts[from], &texts[to]) == 0; to++)
            in[texts[to].split]++;
        for (int s = 0; s < AS_SPLIT_COUNT; s++)
            audit.duplicates_within[s] += in[s] ? in[s] - 1 : 0;
        audit.validation_in_train += in[AS_SPLIT_TRAIN] ? in[AS_SPLIT_VALIDATION] : 0;
        audit.test_in_train += in[AS_SPLIT_TRAIN] ? in[AS_SPLIT_TEST] : 0;
        audit.test_in_validation += in[AS_SPLIT_VALIDATION] ? in[AS_SPLIT_TEST] : 0;
    }
    free(texts);
    *ret_audit = audit;
    return ASSAY_OK;
}
