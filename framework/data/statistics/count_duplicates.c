/* SPDX-License-Identifier: MIT */
/* Equal texts are sorted together by their digests; near duplicates are looked for among the first
 * text of each such group. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/statistics/near_duplicates.h"
#include "data/statistics/parts.h"

enum { N_SPLITS = AS_STATISTICS_SPLITS };

/* A set of equal texts. */
typedef struct group {
    uint32_t counts[N_SPLITS]; /* of texts */
    uint32_t row;              /* the first */
    uint32_t label;            /* of that */
    bool conflict;             /* another has another label */
    uint32_t n_near;           /* pairs with another group */
    uint8_t near_splits;       /* bit s: a near duplicate stands in split s */
} group;

typedef struct groups {
    group *items; /* by first row */
    uint32_t n;
} groups;

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "data stats", "no memory to find duplicates");
}

typedef struct keyed_row {
    as_text_digest key;
    uint32_t row;
} keyed_row;

static int compare_keyed(const void *a, const void *b) {
    const keyed_row *x = a, *y = b;
    int order = memcmp(x->key.bytes, y->key.bytes, sizeof x->key.bytes);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

static int compare_groups(const void *a, const void *b) {
    uint32_t x = ((const group *)a)->row, y = ((const group *)b)->row;
    return (x > y) - (x < y);
}

static group group_of(const as_text_pass *p, const keyed_row *rows, size_t n) {
    const as_dataset_row *first = &p->rows[rows[0].row];
    group g = {.row = rows[0].row, .label = first->label};
    for (size_t i = 0; i < n; i++) {
        const as_dataset_row *row = &p->rows[rows[i].row];
        g.counts[row->split]++;
        g.conflict = g.conflict || row->label != g.label;
    }
    return g;
}

/* Blank texts are in no group. */
static assay_status find_groups(const as_text_pass *p, groups *ret_groups, assay_error *error) {
    keyed_row *rows = malloc((size_t)p->n_rows * sizeof *rows + 1);
    group *items = malloc((size_t)p->n_rows * sizeof *items + 1);
    size_t n_rows = 0, begin = 0;
    uint32_t n = 0;
    if (!rows || !items) {
        free(rows);
        free(items);
        return no_memory(error);
    }
    for (uint32_t i = 0; i < p->n_rows; i++)
        if (p->words[i])
            rows[n_rows++] = (keyed_row){p->digests[i], i};
    qsort(rows, n_rows, sizeof *rows, compare_keyed);
    for (size_t i = 1; i <= n_rows; i++)
        if (i == n_rows || memcmp(&rows[i].key, &rows[begin].key, sizeof rows->key) != 0) {
            items[n++] = group_of(p, &rows[begin], i - begin);
            begin = i;
        }
    qsort(items, n, sizeof *items, compare_groups);
    free(rows);
    *ret_groups = (groups){items, n};
    return ASSAY_OK;
}

static void count_exact(const groups *all, as_exact_statistics *e) {
    for (uint32_t i = 0; i < all->n; i++) {
        const group *g = &all->items[i];
        uint32_t n = 0;
        for (int s = 0; s < N_SPLITS; s++) {
            n += g->counts[s];
            e->n_within[s] += g->counts[s] > 1 ? g->counts[s] - 1 : 0;
            for (int t = 0; t < N_SPLITS; t++)
                e->n_across[s][t] += s != t && g->counts[t] ? g->counts[s] : 0;
        }
        e->n_repeated += n - 1;
        e->n_groups += n > 1;
        e->n_conflicts += g->conflict;
        e->n_conflict_texts += g->conflict ? n : 0;
    }
}

/* ---- near duplicates ------------------------------------------------------------------------- */

static uint8_t splits_of(const group *g) {
    unsigned bits = 0;
    for (int s = 0; s < N_SPLITS; s++)
        bits |= g->counts[s] ? 1U << s : 0;
    return (uint8_t)bits;
}

static void join(group *a, group *b, as_near_statistics *near) {
    a->near_splits = (uint8_t)(a->near_splits | splits_of(b));
    b->near_splits = (uint8_t)(b->near_splits | splits_of(a));
    a->n_near++;
    b->n_near++;
    near->n_conflicts += a->conflict || b->conflict || a->label != b->label;
}

static void count_near(const groups *all, as_near_statistics *near) {
    for (uint32_t i = 0; i < all->n; i++) {
        const group *g = &all->items[i];
        uint32_t n = 0;
        for (int s = 0; s < N_SPLITS; s++) {
            n += g->counts[s];
            near->n_within[s] += g->counts[s] > 1 || g->near_splits >> s & 1 ? g->counts[s] : 0;
            for (int t = 0; t < N_SPLITS; t++)
                if (s != t && (g->counts[t] || g->near_splits >> t & 1))
                    near->n_across[s][t] += g->counts[s];
        }
        near->n_texts += n > 1 || g->n_near ? n : 0;
    }
}

static assay_status find_near(const as_text_pass *p, const groups *all, as_near_statistics *near,
                              assay_error *error) {
    const as_statistics_config *config = p->config;
    as_dataset_row *rows = malloc((size_t)all->n * sizeof *rows + 1);
    as_arena *arena = as_arena_new();
    as_near_pair *pairs;
    size_t n_pairs = 0;
    assay_status status = rows && arena ? ASSAY_OK : no_memory(error);
    for (uint32_t i = 0; status == ASSAY_OK && i < all->n; i++)
        rows[i] = p->rows[all->items[i].row];
    if (status == ASSAY_OK)
        status = as_near_duplicates(arena, rows, all->n, config->threshold, config->threads, &pairs,
                                    &n_pairs, error);
    for (size_t i = 0; status == ASSAY_OK && i < n_pairs; i++)
        join(&all->items[pairs[i].a], &all->items[pairs[i].b], near);
    if (status == ASSAY_OK) {
        near->made = true;
        near->threshold = config->threshold;
        near->expected_recall = as_near_bands_for(config->threshold).recall;
        near->n_pairs = n_pairs;
        count_near(all, near);
    }
    as_arena_free(arena);
    free(rows);
    return status;
}

assay_status as_count_duplicates(const as_text_pass *pass, as_text_statistics *statistics,
                                 assay_error *error) {
    groups all = {NULL, 0};
    assay_status status = find_groups(pass, &all, error);
    if (status != ASSAY_OK)
        return status;
    count_exact(&all, &statistics->exact);
    if (pass->config->near)
        status = find_near(pass, &all, &statistics->near, error);
    free(all.items);
    return status;
}
