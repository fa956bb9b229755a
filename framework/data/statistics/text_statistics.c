/* SPDX-License-Identifier: MIT */
/* Lengths by split and label; words, duplicates and the reading itself are its neighbours' work. */
#include "data/statistics/text_statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/statistics/parts.h"

const uint32_t as_statistics_cuts[AS_STATISTICS_CUTS] = {64, 128, 256, 512};

/* ---- one list -------------------------------------------------------------------------------- */

static int compare_lengths(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Type 7: at p (n - 1), between the two values beside it. */
static double quantile(const uint32_t *sorted, size_t n, double p) {
    double at = p * (double)(n - 1);
    size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
    return sorted[low] + (at - (double)low) * ((double)sorted[high] - sorted[low]);
}

as_length_summary as_summarise_lengths(uint32_t *values, size_t n) {
    as_length_summary s = {.n = n};
    double squares = 0;
    if (n == 0)
        return s;
    qsort(values, n, sizeof *values, compare_lengths);
    for (size_t i = 0; i < n; i++)
        s.total += values[i];
    s.mean = (double)s.total / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (values[i] - s.mean) * (values[i] - s.mean);
    s.std = n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
    s.median = quantile(values, n, 0.5);
    s.q1 = quantile(values, n, 0.25);
    s.q3 = quantile(values, n, 0.75);
    s.min = values[0];
    s.max = values[n - 1];
    return s;
}

/* ---- by split and label ---------------------------------------------------------------------- */

typedef struct summing {
    as_arena *arena;
    const as_text_pass *pass;
    as_text_statistics *statistics;
    uint32_t *chosen; /* [n_rows] scratch */
    as_label_rows by_label;
} summing;

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "data stats", "no memory for the statistics");
}

static assay_status measure(const summing *s, const uint32_t *lengths, as_measure *m,
                            assay_error *error) {
    const as_text_pass *p = s->pass;
    uint32_t n_labels = s->statistics->n_labels;
    m->labels = as_arena_alloc_array(s->arena, n_labels, sizeof *m->labels);
    if (!m->labels)
        return no_memory(error);
    memcpy(s->chosen, lengths, p->n_rows * sizeof *lengths);
    m->all = as_summarise_lengths(s->chosen, p->n_rows);
    for (int split = 0; split < AS_STATISTICS_SPLITS; split++) {
        size_t n = 0;
        for (uint32_t i = 0; i < p->n_rows; i++)
            if (p->rows[i].split == (as_split)split)
                s->chosen[n++] = lengths[i];
        m->splits[split] = as_summarise_lengths(s->chosen, n);
    }
    for (uint32_t k = 0; k < n_labels; k++) {
        size_t n = 0;
        for (uint32_t at = s->by_label.first[k]; at < s->by_label.first[k + 1]; at++)
            s->chosen[n++] = lengths[s->by_label.order[at]];
        m->labels[k] = as_summarise_lengths(s->chosen, n);
    }
    return ASSAY_OK;
}

static assay_status measure_tokens(const summing *s, size_t t, assay_error *error) {
    const as_text_pass *p = s->pass;
    as_token_lengths *tokens = &s->statistics->tokens[t];
    uint32_t n_special = p->config->tokenizers[t].wordpiece ? 2 : 0;
    for (uint32_t i = 0; i < p->n_rows; i++) {
        as_split split = p->rows[i].split;
        tokens->n_empty[split] += p->tokens[t][i] <= n_special;
        for (int c = 0; c < AS_STATISTICS_CUTS; c++) {
            bool longer = p->tokens[t][i] > as_statistics_cuts[c];
            tokens->n_longer[c] += longer;
            tokens->n_longer_split[split][c] += longer;
        }
    }
    return measure(s, p->tokens[t], &tokens->lengths, error);
}

static void count_texts(const summing *s) {
    const as_text_pass *p = s->pass;
    as_text_statistics *out = s->statistics;
    for (uint32_t i = 0; i < p->n_rows; i++) {
        const as_dataset_row *row = &p->rows[i];
        out->n_split[row->split]++;
        out->counts[row->split][row->label]++;
        if (p->words[i] == 0) {
            out->n_blank++;
            out->n_blank_split[row->split]++;
            out->n_blank_label[row->label]++;
        }
    }
}

/* Texts per class, and the rows by class. */
static void group_rows(summing *s) {
    const as_text_pass *p = s->pass;
    as_text_statistics *out = s->statistics;
    for (uint32_t k = 0; k < out->n_labels; k++) {
        uint32_t n = 0;
        for (int split = 0; split < AS_STATISTICS_SPLITS; split++)
            n += out->counts[split][k];
        s->by_label.first[k + 1] = n;
    }
    out->classes = as_summarise_lengths(s->by_label.first + 1, out->n_labels);
    memset(s->by_label.first, 0, ((size_t)out->n_labels + 1) * sizeof *s->by_label.first);
    for (uint32_t i = 0; i < p->n_rows; i++)
        s->by_label.first[p->rows[i].label + 1]++;
    for (uint32_t k = 0; k < out->n_labels; k++)
        s->by_label.first[k + 1] += s->by_label.first[k];
    for (uint32_t i = 0; i < p->n_rows; i++)
        s->by_label.order[s->by_label.first[p->rows[i].label]++] = i;
    for (uint32_t k = out->n_labels; k > 0; k--)
        s->by_label.first[k] = s->by_label.first[k - 1];
    s->by_label.first[0] = 0;
}

static assay_status allocate(summing *s, as_arena *scratch, assay_error *error) {
    as_text_statistics *out = s->statistics;
    bool made = true;
    s->chosen = as_arena_alloc_array(scratch, s->pass->n_rows, sizeof *s->chosen);
    s->by_label.order = as_arena_alloc_array(scratch, s->pass->n_rows, sizeof *s->by_label.order);
    s->by_label.first =
        as_arena_alloc_array(scratch, (size_t)out->n_labels + 1, sizeof *s->by_label.first);
    out->n_blank_label = as_arena_alloc_array(s->arena, out->n_labels, sizeof(uint32_t));
    for (int i = 0; i < AS_STATISTICS_SPLITS; i++)
        made = (out->counts[i] = as_arena_alloc_array(s->arena, out->n_labels, sizeof(uint32_t))) &&
               made;
    return made && s->chosen && s->by_label.order && s->by_label.first && out->n_blank_label
               ? ASSAY_OK
               : no_memory(error);
}

static assay_status sum_up(summing *s, as_arena *scratch, assay_error *error) {
    const as_text_pass *p = s->pass;
    as_text_statistics *out = s->statistics;
    assay_status status = allocate(s, scratch, error);
    if (status != ASSAY_OK)
        return status;
    count_texts(s);
    group_rows(s);
    status = measure(s, p->characters, &out->characters, error);
    if (status == ASSAY_OK)
        status = measure(s, p->words, &out->words, error);
    for (size_t t = 0; status == ASSAY_OK && t < out->n_tokenizers; t++)
        status = measure_tokens(s, t, error);
    if (status == ASSAY_OK)
        status = as_count_words(s->arena, p, &s->by_label, out, error);
    if (status == ASSAY_OK)
        status = as_count_duplicates(p, out, error);
    return status;
}

assay_status as_text_statistics_new(as_arena *arena, const as_dataset_row *rows, uint32_t n_rows,
                                    uint32_t n_labels, const as_statistics_config *config,
                                    as_text_statistics **ret_statistics, assay_error *error) {
    as_text_statistics *out = as_arena_alloc(arena, sizeof *out);
    as_arena *scratch = as_arena_new();
    as_text_pass pass = {0};
    summing s = {.arena = arena, .pass = &pass, .statistics = out};
    assay_status status = out && scratch ? ASSAY_OK : no_memory(error);
    if (status == ASSAY_OK)
        status = as_text_pass_run(scratch, rows, n_rows, config, &pass, error);
    if (status == ASSAY_OK) {
        out->n_texts = n_rows;
        out->n_labels = n_labels;
        out->n_tokenizers = config->n_tokenizers;
        out->text_words = as_arena_alloc_array(arena, n_rows, sizeof *out->text_words);
        status = out->text_words ? sum_up(&s, scratch, error) : no_memory(error);
    }
    if (status == ASSAY_OK) {
        memcpy(out->text_words, pass.words, n_rows * sizeof *pass.words);
        *ret_statistics = out;
    }
    as_text_pass_done(&pass);
    as_arena_free(scratch);
    return status;
}
