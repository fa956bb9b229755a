/* SPDX-License-Identifier: MIT */
/* Texts and seeds are crossed factors: each resample draws both with replacement (the pigeonhole
 * bootstrap; McCullagh 2000, Owen 2007). The draws are made once for all rows of the same shape; a
 * text's weights in a block of resamples lie side by side, so that counting is adding rows of
 * numbers. */
#include "report/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "results/record/paired.h"

enum { N_SCORES = 7, BLOCK = 128 };

typedef struct shape {
    size_t n_texts, n_seeds;
} shape;

/* A row with its predictions, and its resampled scores. */
typedef struct sampled {
    as_row_summary *row;
    as_paired paired;
    double *values; /* [N_SCORES * AS_BOOTSTRAP_RESAMPLES] */
} sampled;

/* Resamples first .. first + n - 1 of a shape. */
typedef struct block {
    size_t first, n;
    uint16_t *weights;    /* [n_texts * BLOCK] */
    uint32_t *seeds;      /* [BLOCK * n_seeds] */
    uint32_t *support;    /* [n_classes * BLOCK] of the texts below; NULL: none yet */
    size_t support_texts; /* as_row_summary.texts */
} block;

static assay_status out_of_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory to summarise the run");
}

static void draw_block(const shape *of, as_random *random, block *b) {
    memset(b->weights, 0, of->n_texts * BLOCK * sizeof *b->weights);
    for (size_t r = 0; r < b->n; r++) {
        for (size_t i = 0; i < of->n_texts; i++)
            b->weights[as_random_below(random, of->n_texts) * BLOCK + r]++;
        for (size_t i = 0; i < of->n_seeds; i++)
            b->seeds[r * of->n_seeds + i] = (uint32_t)as_random_below(random, of->n_seeds);
    }
}

static void add_weights(uint32_t *restrict counts, const uint16_t *restrict weights) {
    for (size_t r = 0; r < BLOCK; r++)
        counts[r] += weights[r];
}

/* Texts of each class in every resample: the same for all rows and seeds on these texts. */
static assay_status count_support(const sampled *s, block *b, assay_error *error) {
    const as_paired *p = &s->paired;
    if (b->support && b->support_texts == s->row->texts)
        return ASSAY_OK;
    free(b->support);
    b->support = calloc((size_t)p->n_classes * BLOCK, sizeof *b->support);
    if (!b->support)
        return out_of_memory(error);
    b->support_texts = s->row->texts;
    for (size_t t = 0; t < p->n_texts; t++)
        add_weights(b->support + (size_t)p->labels[t] * BLOCK, b->weights + t * BLOCK);
    return ASSAY_OK;
}

/* counts: hits of a seed by class, and its wrong answers by the class that they name,
 * [2 * n_classes * BLOCK]. */
static void count_seed(const as_paired *p, size_t seed, const block *b, uint32_t *counts) {
    size_t k = (size_t)p->n_classes;
    memset(counts, 0, 2 * k * BLOCK * sizeof *counts);
    for (size_t t = 0; t < p->n_texts; t++) {
        size_t label = (size_t)p->labels[t], answer = (size_t)p->predicted[seed][t];
        add_weights(counts + (label == answer ? label : k + answer) * BLOCK,
                    b->weights + t * BLOCK);
    }
}

/* scratch: [3 * k] hits, support, predicted. */
static as_averages averages_of(const uint32_t *counts, const uint32_t *support, size_t k, size_t r,
                               int64_t *scratch) {
    for (size_t i = 0; i < k; i++) {
        scratch[i] = counts[i * BLOCK + r];
        scratch[k + i] = support[i * BLOCK + r];
        scratch[2 * k + i] = scratch[i] + counts[(k + i) * BLOCK + r];
    }
    return as_averages_from_counts(scratch, scratch + k, scratch + 2 * k, (int32_t)k);
}

/* The block's resamples of one row. */
static assay_status resample_row(sampled *s, block *b, assay_error *error) {
    size_t k = (size_t)s->paired.n_classes, n_seeds = s->paired.n_records;
    uint32_t *counts = calloc(2 * k * BLOCK, sizeof *counts);
    int64_t *scratch = calloc(3 * k, sizeof *scratch);
    as_averages *averages = calloc(n_seeds * BLOCK, sizeof *averages);
    assay_status status = counts && scratch && averages ? ASSAY_OK : out_of_memory(error);
    if (status == ASSAY_OK)
        status = count_support(s, b, error);
    for (size_t seed = 0; status == ASSAY_OK && seed < n_seeds; seed++) {
        count_seed(&s->paired, seed, b, counts);
        for (size_t r = 0; r < b->n; r++)
            averages[seed * BLOCK + r] = averages_of(counts, b->support, k, r, scratch);
    }
    for (size_t r = 0; status == ASSAY_OK && r < b->n; r++) {
        double *value = s->values + (b->first + r);
        for (size_t i = 0; i < n_seeds; i++) {
            const as_averages *a = &averages[b->seeds[r * n_seeds + i] * BLOCK + r];
            const double scores[N_SCORES] = {
                a->accuracy,     a->f1_macro,           a->f1_weighted,    a->precision_macro,
                a->recall_macro, a->precision_weighted, a->recall_weighted};
            for (size_t m = 0; m < N_SCORES; m++)
                value[m * AS_BOOTSTRAP_RESAMPLES] += scores[m] / (double)n_seeds;
        }
    }
    free(counts);
    free(scratch);
    free(averages);
    return status;
}

static bool has_shape(const sampled *s, const shape *of) {
    return s->paired.n_texts == of->n_texts && s->paired.n_records == of->n_seeds;
}

static assay_status resample_shape(sampled *rows, size_t n, const shape *of, assay_error *error) {
    size_t n_weights;
    block b = {0};
    b.weights =
        as_mul_size(of->n_texts, BLOCK, &n_weights) ? calloc(n_weights, sizeof *b.weights) : NULL;
    b.seeds = calloc(of->n_seeds * BLOCK, sizeof *b.seeds);
    assay_status status = b.weights && b.seeds ? ASSAY_OK : out_of_memory(error);
    as_random random = as_random_init(1, as_hash64("report.texts_and_seeds"));
    for (; status == ASSAY_OK && b.first < AS_BOOTSTRAP_RESAMPLES; b.first += b.n) {
        b.n = AS_BOOTSTRAP_RESAMPLES - b.first < BLOCK ? AS_BOOTSTRAP_RESAMPLES - b.first : BLOCK;
        draw_block(of, &random, &b);
        free(b.support);
        b.support = NULL;
        for (size_t i = 0; i < n && status == ASSAY_OK; i++)
            if (has_shape(&rows[i], of))
                status = resample_row(&rows[i], &b, error);
    }
    free(b.support);
    free(b.weights);
    free(b.seeds);
    return status;
}

/* ---- what rows get from it ---------------------------------------------------------------------
 */

static assay_status keep_right(as_arena *arena, sampled *s, assay_error *error) {
    uint16_t *right = as_arena_alloc_array(arena, s->paired.n_texts, sizeof *right);
    if (!right)
        return out_of_memory(error);
    for (size_t t = 0; t < s->paired.n_texts; t++)
        right[t] = (uint16_t)as_paired_right(&s->paired, 0, s->paired.n_records, t);
    s->row->right = right;
    s->row->n_texts = s->paired.n_texts;
    return ASSAY_OK;
}

static void set_intervals(sampled *s) {
    as_row_summary *row = s->row;
    as_figure *figures[N_SCORES] = {
        &row->accuracy,     &row->f1_macro,           &row->f1_weighted,    &row->precision_macro,
        &row->recall_macro, &row->precision_weighted, &row->recall_weighted};
    memcpy(row->f1_resampled, s->values + AS_BOOTSTRAP_RESAMPLES,
           AS_BOOTSTRAP_RESAMPLES * sizeof *row->f1_resampled);
    for (size_t m = 0; s->paired.n_records > 1 && m < N_SCORES; m++)
        *figures[m] = as_bootstrap_percentiles(
            figures[m]->value, s->values + m * AS_BOOTSTRAP_RESAMPLES, AS_BOOTSTRAP_RESAMPLES);
}

static bool all_have_predictions(const as_row_summary *row) {
    for (size_t i = 0; i < row->n_records; i++)
        if (row->records[i]->n_predictions == 0)
            return false;
    return row->n_records > 0;
}

/* Number of the texts that a row answered: of the first row that has the same. */
static size_t number_texts(const sampled *rows, size_t i) {
    const as_paired *own = &rows[i].paired;
    for (size_t k = 0; k < i; k++) {
        const as_paired *other = &rows[k].paired;
        if (other->n_texts == own->n_texts && other->n_classes == own->n_classes &&
            memcmp(other->index, own->index, own->n_texts * sizeof *own->index) == 0 &&
            memcmp(other->labels, own->labels, own->n_texts * sizeof *own->labels) == 0)
            return rows[k].row->texts;
    }
    return i;
}

/* Rows whose seeds answered the same texts. What is paired lives in `scratch`. */
static assay_status collect(as_arena *arena, as_arena *scratch, as_summary *summary, sampled *rows,
                            size_t *ret_n, assay_error *error) {
    size_t n = 0;
    for (size_t k = 0; k < summary->n_rows; k++) {
        as_row_summary *row = &summary->rows[k];
        if (row->problem || row->records[0]->test.n < 1 || !all_have_predictions(row))
            continue;
        sampled s = {.row = row};
        assay_status status =
            as_paired_new(scratch, row->records, row->n_records, &s.paired, error);
        s.values = calloc((size_t)N_SCORES * AS_BOOTSTRAP_RESAMPLES, sizeof *s.values);
        row->f1_resampled =
            as_arena_alloc_array(arena, AS_BOOTSTRAP_RESAMPLES, sizeof *row->f1_resampled);
        rows[n++] = s;
        *ret_n = n;
        if (status == ASSAY_OK && (!s.values || !row->f1_resampled))
            status = out_of_memory(error);
        if (status == ASSAY_OK)
            status = keep_right(arena, &s, error);
        if (status != ASSAY_OK)
            return status;
        row->texts = number_texts(rows, n - 1);
    }
    return ASSAY_OK;
}

static bool shape_is_new(const sampled *rows, size_t i) {
    const shape own = {rows[i].paired.n_texts, rows[i].paired.n_records};
    for (size_t k = 0; k < i; k++)
        if (has_shape(&rows[k], &own))
            return false;
    return true;
}

assay_status as_resample_rows(as_arena *arena, as_summary *summary, assay_error *error) {
    sampled *rows = calloc(summary->n_rows ? summary->n_rows : 1, sizeof *rows);
    as_arena *scratch = as_arena_new();
    size_t n = 0;
    assay_status status =
        rows && scratch ? collect(arena, scratch, summary, rows, &n, error) : out_of_memory(error);
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        const shape own = {rows[i].paired.n_texts, rows[i].paired.n_records};
        if (shape_is_new(rows, i))
            status = resample_shape(rows, n, &own, error);
    }
    for (size_t i = 0; i < n; i++) {
        if (status == ASSAY_OK)
            set_intervals(&rows[i]);
        free(rows[i].values);
    }
    free(rows);
    as_arena_free(scratch);
    return status;
}
