/* SPDX-License-Identifier: MIT */
/* Entry against entry: paired tests of accuracy (exact McNemar; over several seeds a sign test of
 * the share of seeds that are right) with Tango's interval, macro F1 by the paired bootstrap, both
 * adjusted after Holm over all pairs; what an entry costs in multiples of the best one's. */
#include "report/sections.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "stats/tests.h"

/* With more entries each is compared with the best one only. */
enum { MOST_ALL_PAIRS = 12 };

typedef struct pair {
    const as_row_summary *a, *b;
    as_figure accuracy, f1; /* a less b, shares */
    double p_accuracy, p_f1;
} pair;

/* a less b of macro F1. The draws are shared, so the difference is taken draw by draw;
 * p = (1 + #{|d* - d| >= |d|}) / (1 + draws) (Efron and Tibshirani 1993, chapter 16). */
static void compare_f1(const as_row_summary *a, const as_row_summary *b, double *scratch, pair *p) {
    size_t n_far = 0;
    p->f1 = as_figure_point(a->f1_macro.value - b->f1_macro.value);
    p->p_f1 = NAN;
    if (!a->f1_resampled || !b->f1_resampled || a->n_records != b->n_records)
        return;
    for (size_t r = 0; r < AS_BOOTSTRAP_RESAMPLES; r++) {
        scratch[r] = a->f1_resampled[r] - b->f1_resampled[r];
        n_far += fabs(scratch[r] - p->f1.value) >= fabs(p->f1.value);
    }
    p->f1 = as_bootstrap_percentiles(p->f1.value, scratch, AS_BOOTSTRAP_RESAMPLES);
    p->p_f1 = (1.0 + (double)n_far) / (1.0 + AS_BOOTSTRAP_RESAMPLES);
}

static void compare_accuracy(const as_row_summary *a, const as_row_summary *b, pair *p) {
    as_discordance d = as_rows_discordance(b, a);
    p->accuracy = as_tango(d.gains, d.losses, (double)a->n_texts);
    p->p_accuracy = as_mcnemar_exact(d.n_gains, d.n_losses);
}

/* Rows that were compared with the best one answered its texts. */
static bool comparable(const as_summary *s, size_t k) {
    return s->rows[k].right && (k == 0 || s->rows[k].paired);
}

static size_t make_pairs(const as_summary *s, bool all, double *scratch, pair *pairs) {
    size_t n = 0;
    for (size_t i = 0; i < (all ? s->n_complete : 1); i++)
        for (size_t j = i + 1; j < s->n_complete; j++) {
            if (!comparable(s, i) || !comparable(s, j))
                continue;
            pair *p = &pairs[n++];
            *p = (pair){.a = &s->rows[i], .b = &s->rows[j]};
            compare_accuracy(p->a, p->b, p);
            compare_f1(p->a, p->b, scratch, p);
        }
    return n;
}

static void adjust(pair *pairs, size_t n, double *scratch) {
    size_t n_f1 = 0;
    for (size_t i = 0; i < n; i++)
        scratch[i] = pairs[i].p_accuracy;
    as_holm(scratch, n);
    for (size_t i = 0; i < n; i++)
        pairs[i].p_accuracy = scratch[i];
    for (size_t i = 0; i < n; i++)
        if (!isnan(pairs[i].p_f1))
            scratch[n_f1++] = pairs[i].p_f1;
    as_holm(scratch, n_f1);
    n_f1 = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(pairs[i].p_f1))
            pairs[i].p_f1 = scratch[n_f1++];
}

static void add_change(as_page *page, const pair *p, as_figure change, const char *how) {
    const double ends[3] = {change.value, change.low, change.high};
    for (int i = 0; i < 3; i++) {
        as_page_cell(page);
        if (isnan(ends[i]))
            as_page_text(page, NULL);
        else
            as_page_number(page, 100 * ends[i], as_number_signed(100 * ends[i], 2).text);
        as_page_from_row(page, p->b, "predictions.csv", "predicted,label", how);
    }
}

static void add_p(as_page *page, const pair *p, double value, const char *how) {
    as_page_cell(page);
    if (isnan(value))
        as_page_text(page, NULL);
    else
        as_page_number(page, value, as_number_p(value).text);
    as_page_from_row(page, p->b, "predictions.csv", "predicted,label", how);
}

static void add_pairs(as_page *page, const pair *pairs, size_t n, bool all) {
    static const char *const headings[] = {"accuracy, points", "from", "to", "p",
                                           "macro F1, points", "from", "to", "p"};
    as_page_section(page, "pairs", "Entry against entry");
    as_page_paragraph(page);
    as_page_format(page,
                   "The first entry less the second, on the same texts%s. Accuracy: 95 %% interval "
                   "after Tango, p of the exact McNemar test (of several seeds: a sign test of the "
                   "share of seeds that are right). Macro F1: paired bootstrap over texts and "
                   "seeds. Both p adjusted after Holm over the %zu pairs.",
                   all ? "" : "; with so many entries, the best one against each other", n);
    as_page_table(page, "pairwise", "Differences between entries, in points");
    as_page_column(page, "entry", AS_COLUMN_TEXT);
    as_page_column(page, "against", AS_COLUMN_TEXT);
    for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++)
        as_page_column(page, headings[i], AS_COLUMN_NUMBER);
    for (size_t i = 0; i < n; i++) {
        as_page_row(page);
        as_page_cell_name(page, pairs[i].a->name);
        as_page_cell_name(page, pairs[i].b->name);
        add_change(page, &pairs[i], pairs[i].accuracy, "difference of accuracy, points");
        add_p(page, &pairs[i], pairs[i].p_accuracy, "exact McNemar or sign test, Holm");
        add_change(page, &pairs[i], pairs[i].f1, "difference of macro F1, points");
        add_p(page, &pairs[i], pairs[i].p_f1, "paired bootstrap, Holm");
    }
}

assay_status as_section_pairs(as_page *page, const as_section_input *in, assay_error *error) {
    const as_summary *s = in->summary;
    bool all = s->n_complete <= MOST_ALL_PAIRS;
    size_t most = s->n_complete * (all ? s->n_complete : 1);
    size_t room = most > AS_BOOTSTRAP_RESAMPLES ? most : AS_BOOTSTRAP_RESAMPLES;
    pair *pairs = as_arena_alloc_array(page->arena, most, sizeof *pairs);
    double *scratch = as_arena_alloc_array(page->arena, room, sizeof *scratch);
    if (!pairs || !scratch)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for pairs of entries");
    size_t n = make_pairs(s, all, scratch, pairs);
    if (n == 0)
        return ASSAY_OK;
    adjust(pairs, n, scratch);
    add_pairs(page, pairs, n, all);
    return ASSAY_OK;
}

/* ---- what it costs -----------------------------------------------------------------------------
 */

static void add_ratio(as_page *page, const as_row_summary *row, double own, double best,
                      const char *file, const char *field) {
    double ratio = best > 0 && own > 0 ? own / best : NAN;
    as_page_cell(page);
    as_page_plain(page, ratio);
    as_page_from_row(page, row, file, field, "over the best entry's");
    if (!isnan(ratio))
        as_page_text(page, "\xc3\x97");
}

void as_section_costs(as_page *page, const as_section_input *in) {
    const as_summary *s = in->summary;
    if (s->n_complete < 2 || isnan(s->rows[0].accuracy.value))
        return;
    static const char *const headings[] = {"accuracy, points", "parameters", "trainable",
                                           "training time",    "latency",    "texts a second",
                                           "peak memory"};
    const as_row_summary *best = &s->rows[0];
    as_page_section(page, "costs", "Costs beside the best entry");
    as_page_paragraph(page);
    as_page_text(page, "Each entry over ");
    as_page_name(page, best->name);
    as_page_text(page, ": 2\xc3\x97 is twice as much. Of means over seeds.");
    as_page_table(page, "cost-ratios", "Costs in multiples of the best entry's");
    as_page_column(page, "entry", AS_COLUMN_TEXT);
    for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++)
        as_page_column(page, headings[i], AS_COLUMN_NUMBER);
    for (size_t k = 0; k < s->n_complete; k++) {
        const as_row_summary *row = &s->rows[k];
        double points = 100 * (row->accuracy.value - best->accuracy.value);
        as_page_row(page);
        as_page_cell_name(page, row->name);
        as_page_cell(page);
        as_page_number(page, points, as_number_signed(points, 2).text);
        as_page_from_row(page, row, "result.json", "test.accuracy",
                         "less the best entry's, points");
        add_ratio(page, row, (double)row->parameters_total, (double)best->parameters_total,
                  "result.json", "model.parameters.total");
        add_ratio(page, row, (double)row->parameters_trainable, (double)best->parameters_trainable,
                  "result.json", "model.parameters.trainable");
        add_ratio(page, row, row->train_seconds, best->train_seconds, "result.json",
                  "training.seconds");
        add_ratio(page, row, row->p50_ms.value, best->p50_ms.value, "latency.csv", "nanoseconds");
        add_ratio(page, row, row->offline_samples_per_second, best->offline_samples_per_second,
                  "result.json", "latency.offline.samples_per_second");
        add_ratio(page, row, row->peak_mib, best->peak_mib, "result.json", "memory.peak_rss_bytes");
    }
}
