/* SPDX-License-Identifier: MIT */
/* From cells to rows.
 *
 * Scores of several seeds: the mean over seeds of each seed's score. All seeds answer the same
 * texts, so texts and seeds are crossed factors: the interval is a percentile bootstrap that draws
 * texts and seeds, each with replacement (the pigeonhole bootstrap; McCullagh 2000, Owen 2007). One
 * seed: Wilson's interval for accuracy, a bootstrap over texts for the rest, as the record has
 * them.
 *
 * Best and not separable: text by text, the share of seeds that are right is compared with the best
 * row's; a sign test over the texts where they differ (exact McNemar for one seed), Holm over rows.
 */
#include "report/aggregate.h"
#include "report/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "report/grids.h"
#include "report/number.h"
#include "report/resample.h"
#include "stats/tests.h"

enum { N_SCORES = 7 };

static assay_status out_of_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory to summarise the run");
}

/* ---- rows ------------------------------------------------------------------------------------ */

static bool same(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool row_takes(const as_row_summary *row, const as_record *cell) {
    return same(row->entry, cell->entry) && same(row->backend, cell->backend.id) &&
           same(row->dtype, cell->dtype);
}

/* An entry that stands on several backends or precisions is told apart by them. */
static const char *row_name(as_arena *arena, const as_run *run, const as_row_summary *row) {
    for (size_t i = 0; i < run->n_cells; i++) {
        if (!same(run->cells[i]->entry, row->entry) || row_takes(row, run->cells[i]))
            continue;
        char name[512];
        snprintf(name, sizeof name, "%s (%s %s)", row->entry, row->backend ? row->backend : "?",
                 row->dtype ? row->dtype : "?");
        return as_arena_strdup(arena, name);
    }
    return row->entry;
}

/* Every table names the entry so when its choices were made on the test set. */
static const char *flag_test_set(as_arena *arena, const char *name) {
    char flagged[600];
    snprintf(flagged, sizeof flagged, "%s [chosen on test]", name);
    return as_arena_strdup(arena, flagged);
}

/* What failed comes before what has not been run yet. */
static const char *row_problem(as_arena *arena, const as_row_summary *row) {
    const as_record *first = NULL;
    size_t n_same = 0, n_pending = 0;
    for (size_t i = 0; i < row->n_records; i++) {
        const as_record *r = row->records[i];
        n_pending += r->pending;
        if (r->status != AS_CELL_OK && (!first || (first->pending && !r->pending)))
            first = r;
    }
    if (!first)
        return NULL;
    for (size_t i = 0; i < row->n_records; i++)
        n_same +=
            row->records[i]->status == first->status && row->records[i]->pending == first->pending;
    char text[1024], pending[64] = "";
    if (n_pending && !first->pending)
        snprintf(pending, sizeof pending, "; %zu not run yet", n_pending);
    snprintf(text, sizeof text, "%s in %zu of %zu seeds%s%s%s%s",
             first->pending ? "not run yet" : as_cell_status_name(first->status), n_same,
             row->n_records, row->n_ok ? "; no mean over survivors" : "", pending,
             first->reason && !first->pending ? ": " : "",
             first->reason && !first->pending ? first->reason : "");
    const char *copy = as_arena_strdup(arena, text);
    return copy ? copy : "failed";
}

static assay_status collect_rows(as_arena *arena, const as_run *run, as_summary *s,
                                 assay_error *error) {
    s->rows = as_arena_alloc_array(arena, run->n_cells, sizeof *s->rows);
    if (!s->rows)
        return out_of_memory(error);
    for (size_t i = 0; i < run->n_cells; i++) {
        as_record *cell = run->cells[i];
        size_t k = 0;
        while (k < s->n_rows && !row_takes(&s->rows[k], cell))
            k++;
        as_row_summary *row = &s->rows[k];
        if (k == s->n_rows) {
            *row = (as_row_summary){.entry = cell->entry,
                                    .backend = cell->backend.id,
                                    .dtype = cell->dtype,
                                    .place = k};
            row->name = row_name(arena, run, row);
            if (row->name && cell->dataset.validation_is_test)
                row->name = flag_test_set(arena, row->name);
            row->records = as_arena_alloc_array(arena, run->n_cells, sizeof *row->records);
            if (!row->name || !row->records)
                return out_of_memory(error);
            s->n_rows++;
        }
        row->records[row->n_records++] = cell;
        row->n_ok += cell->status == AS_CELL_OK;
        if (row->n_records > s->n_seeds)
            s->n_seeds = row->n_records;
        if (!s->some && cell->dataset.rows_sha256)
            s->some = cell;
    }
    for (size_t k = 0; k < s->n_rows; k++)
        s->rows[k].problem = row_problem(arena, &s->rows[k]);
    return ASSAY_OK;
}

/* ---- scores ---------------------------------------------------------------------------------- */

static void list_figures(as_row_summary *row, as_figure *figures[N_SCORES]) {
    figures[0] = &row->accuracy;
    figures[1] = &row->f1_macro;
    figures[2] = &row->f1_weighted;
    figures[3] = &row->precision_macro;
    figures[4] = &row->recall_macro;
    figures[5] = &row->precision_weighted;
    figures[6] = &row->recall_weighted;
}

static void list_scores(const as_scores *s, const as_figure *figures[N_SCORES]) {
    figures[0] = &s->accuracy;
    figures[1] = &s->f1_macro;
    figures[2] = &s->f1_weighted;
    figures[3] = &s->precision_macro;
    figures[4] = &s->recall_macro;
    figures[5] = &s->precision_weighted;
    figures[6] = &s->recall_weighted;
}

static assay_status pool_confusion(as_arena *arena, as_row_summary *row, assay_error *error) {
    const as_scores *first = &row->records[0]->test;
    size_t cells = (size_t)first->n_classes * (size_t)first->n_classes;
    int64_t *pooled = calloc(cells ? cells : 1, sizeof *pooled);
    if (!pooled)
        return out_of_memory(error);
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < row->n_records && status == ASSAY_OK; i++) {
        const as_scores *scores = &row->records[i]->test;
        if (scores->n_classes != first->n_classes)
            status =
                as_fail(error, ASSAY_BAD_DATA, row->records[i]->cell,
                        "has %d classes; another seed has %d", scores->n_classes, first->n_classes);
        for (size_t c = 0; status == ASSAY_OK && c < cells; c++)
            if (__builtin_add_overflow(pooled[c], scores->confusion[c], &pooled[c]))
                status = as_fail(error, ASSAY_BAD_DATA, row->records[i]->cell,
                                 "confusion counts are too large");
    }
    if (status == ASSAY_OK)
        status = as_scores_from_confusion(arena, pooled, row->records[0]->dataset.labels,
                                          first->n_classes, 0, 1, &row->pooled, error);
    free(pooled);
    return status;
}

static assay_status fill_scores(as_arena *arena, as_row_summary *row, assay_error *error) {
    as_figure *means[N_SCORES];
    list_figures(row, means);
    for (int m = 0; m < N_SCORES; m++)
        *means[m] = as_figure_point(0);
    for (size_t i = 0; i < row->n_records; i++) {
        const as_figure *scores[N_SCORES];
        list_scores(&row->records[i]->test, scores);
        for (int m = 0; m < N_SCORES; m++) {
            means[m]->value += scores[m]->value / (double)row->n_records;
            if (row->n_records == 1)
                *means[m] = *scores[m];
        }
        row->loss += row->records[i]->test.loss / (double)row->n_records;
        row->validation_accuracy +=
            row->records[i]->validation.accuracy.value / (double)row->n_records;
    }
    row->pooled = as_scores_empty();
    if (row->records[0]->test.n < 1)
        return ASSAY_OK;
    return pool_confusion(arena, row, error);
}

/* ---- cost ------------------------------------------------------------------------------------ */

/* Milliseconds of a record's single-stream queries. */
static as_samples query_samples(as_arena *arena, const as_record *record) {
    double *ms = as_arena_alloc_array(arena, record->n_queries, sizeof *ms);
    size_t n = 0;
    for (size_t i = 0; ms && i < record->n_queries; i++)
        if (strcmp(record->queries[i].scenario, "single_stream") == 0)
            ms[n++] = (double)record->queries[i].nanoseconds / 1e6;
    return (as_samples){ms, n};
}

static assay_status fill_latency(as_arena *arena, as_row_summary *row, assay_error *error) {
    static const double one[1] = {1};
    as_samples *queries = as_arena_alloc_array(arena, row->n_records, sizeof *queries);
    as_samples *ones = as_arena_alloc_array(arena, row->n_records, sizeof *ones);
    if (!queries || !ones)
        return out_of_memory(error);
    double log_sum = 0;
    bool have_queries = true;
    for (size_t i = 0; i < row->n_records; i++) {
        queries[i] = query_samples(arena, row->records[i]);
        ones[i] = (as_samples){one, 1};
        have_queries = have_queries && queries[i].n > 0;
        log_sum += log(row->records[i]->single_stream.p50_ms.value);
    }
    row->p50_ms = as_figure_point(exp(log_sum / (double)row->n_records));
    if (!have_queries)
        return ASSAY_OK;
    as_figure measured;
    assay_status status = as_ratio_of_medians(ones, queries, row->n_records, 1, &measured, error);
    if (status == ASSAY_OK) {
        row->p50_ms.low = measured.low;
        row->p50_ms.high = measured.high;
    }
    return status;
}

static as_scenario_rate rate_of(const as_record *record, const char *scenario) {
    for (size_t i = 0; i < record->n_scenario_rates; i++)
        if (same(record->scenario_rates[i].scenario, scenario))
            return record->scenario_rates[i];
    return (as_scenario_rate){scenario, NAN, NAN};
}

static void add_efficiency(as_row_efficiency *e, const as_record *r, double n) {
    as_scenario_rate offline = rate_of(r, "offline"), single = rate_of(r, "single_stream");
    e->training_flops_per_second += r->achieved_flops_per_second / n;
    e->training_share += r->training_share_of_peak_gemm / n;
    e->offline_flops_per_second += offline.flops_per_second / n;
    e->offline_share += offline.share_of_peak_gemm / n;
    e->single_stream_flops_per_second += single.flops_per_second / n;
    e->single_stream_share += single.share_of_peak_gemm / n;
    e->peak_compute += r->peaks.compute_flops_per_second.value / n;
    e->peak_gemm += r->peaks.gemm_flops_per_second.value / n;
    e->peak_memory += r->peaks.memory_bytes_per_second.value / n;
}

static void fill_cost(as_row_summary *row) {
    double n = (double)row->n_records;
    const as_record *first = row->records[0];
    row->parameters_total = first->model.parameters_total;
    row->parameters_trainable = first->model.parameters_trainable;
    row->peak_mib = NAN;
    row->trusted = true;
    for (size_t i = 0; i < row->n_records; i++) {
        const as_record *r = row->records[i];
        row->train_seconds += r->training.seconds / n;
        row->train_tokens_per_second += r->training.tokens_per_second / n;
        row->offline_samples_per_second += r->offline.samples_per_second / n;
        add_efficiency(&row->efficiency, r, n);
        if (r->peak_rss_bytes >= 0)
            row->peak_mib = fmax(row->peak_mib, (double)r->peak_rss_bytes / (1 << 20));
        bool needs_none = same(r->backend.id, "own") || same(r->backend.id, "reference");
        row->trusted =
            row->trusted &&
            (needs_none || (r->backend.equivalence.checked && r->backend.equivalence.passed));
    }
}

/* ---- order and separability ------------------------------------------------------------------ */

static int compare_summaries(const void *a, const void *b) {
    const as_row_summary *x = a, *y = b;
    if (!x->problem != !y->problem)
        return x->problem ? 1 : -1;
    double p = x->problem ? 0 : x->accuracy.value, q = y->problem ? 0 : y->accuracy.value;
    if (p != q)
        return isnan(p) ? 1 : isnan(q) ? -1 : p > q ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

/* Difference that a sign test at 5 % sees with 80 % power when a share `discordant` of n texts is
 * answered differently: (z_0.975 + z_0.8) sqrt(discordant / n) (Connor 1987). */
static double separable_difference(double discordant, double n) {
    return (AS_Z95 + 0.8416212335729143) * sqrt(discordant / n);
}

bool as_rows_same_texts(const as_row_summary *a, const as_row_summary *b) {
    return a->right && b->right && a->texts == b->texts;
}

as_discordance as_rows_discordance(const as_row_summary *first, const as_row_summary *second) {
    as_discordance d = {0};
    double both = (double)(first->n_records * second->n_records);
    for (size_t t = 0; t < first->n_texts; t++) {
        /* Shares on a common denominator, so that equal shares compare as equal. */
        int64_t x = (int64_t)(first->right[t] * second->n_records),
                y = (int64_t)(second->right[t] * first->n_records);
        d.n_gains += y > x;
        d.n_losses += y < x;
        d.gains += y > x ? (double)(y - x) / both : 0;
        d.losses += x > y ? (double)(x - y) / both : 0;
    }
    return d;
}

static assay_status mark_best(as_arena *arena, as_summary *s, assay_error *error) {
    s->separable = NAN;
    if (s->n_complete == 0 || isnan(s->rows[0].accuracy.value))
        return ASSAY_OK;
    as_row_summary *best = &s->rows[0];
    double *p = as_arena_alloc_array(arena, s->n_complete, sizeof *p);
    if (!p)
        return out_of_memory(error);
    best->is_best = best->marked = true;
    size_t n_paired = 0;
    double discordant = 0, n_texts = 0;
    for (size_t k = 1; k < s->n_complete; k++) {
        as_row_summary *row = &s->rows[k];
        /* Rows on other texts (another split or length of data) stay unmarked, not an error. */
        if (!as_rows_same_texts(best, row) || isnan(row->accuracy.value))
            continue;
        as_discordance d = as_rows_discordance(best, row);
        row->paired = true;
        p[n_paired++] = as_mcnemar_exact(d.n_gains, d.n_losses);
        discordant += d.gains + d.losses;
        n_texts += (double)row->n_texts;
    }
    as_holm(p, n_paired);
    for (size_t k = 1, i = 0; k < s->n_complete; k++) {
        if (!s->rows[k].paired)
            continue;
        s->rows[k].p_best = p[i++];
        s->rows[k].marked = s->rows[k].p_best >= 0.05;
    }
    if (n_paired)
        s->separable = separable_difference(discordant / n_texts, n_texts / (double)n_paired);
    return ASSAY_OK;
}

assay_status as_summarise(as_arena *arena, const as_run *run, as_summary *ret_summary,
                          assay_error *error) {
    as_summary s = {0};
    assay_status status = collect_rows(arena, run, &s, error);
    if (status == ASSAY_OK)
        status = as_select_points(arena, &s, error);
    for (size_t k = 0; k < s.n_rows && status == ASSAY_OK; k++) {
        as_row_summary *row = &s.rows[k];
        row->p_best = NAN;
        if (row->problem)
            continue;
        s.n_complete++;
        fill_cost(row);
        status = fill_scores(arena, row, error);
        if (status == ASSAY_OK)
            status = fill_latency(arena, row, error);
    }
    if (status == ASSAY_OK)
        status = as_resample_rows(arena, &s, error);
    if (status != ASSAY_OK)
        return status;
    qsort(s.rows, s.n_rows, sizeof *s.rows, compare_summaries);
    status = mark_best(arena, &s, error);
    if (status == ASSAY_OK)
        *ret_summary = s;
    return status;
}

/* ---- warnings -------------------------------------------------------------------------------- */

static bool has_warning(const as_record *cell, const char *warning) {
    for (size_t w = 0; w < cell->n_warnings; w++)
        if (strcmp(cell->warnings[w], warning) == 0)
            return true;
    return false;
}

bool as_warning_came_before(const as_run *run, const as_summary *s, size_t cell,
                            const char *warning) {
    for (size_t i = 0; i < cell; i++)
        if (!as_is_passed_over(s, run->cells[i]) && has_warning(run->cells[i], warning))
            return true;
    return false;
}

size_t as_warning_cells(const as_run *run, const as_summary *s, const char *warning) {
    size_t n = 0;
    for (size_t i = 0; i < run->n_cells; i++)
        n += !as_is_passed_over(s, run->cells[i]) && has_warning(run->cells[i], warning);
    return n;
}

int as_report_digits(const as_run *run, int given) {
    const json_t *own = json_object_get(json_object_get(run->suite, "report"), "digits");
    return given ? given : own ? (int)json_integer_value(own) : AS_NUMBER_DIGITS;
}
