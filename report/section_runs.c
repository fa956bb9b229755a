/* SPDX-License-Identifier: MIT */
/* Several runs on one page: what each brought, joined by entry; and the entries' ranks across data
 * sets. Accuracies on unlike data are not averaged; of fewer than six data sets ranks stand without
 * a test, which could not come out below 5 % (Demsar 2006). */
#include "report/sections.h"

#include <math.h>
#include <string.h>

enum { MOST_DATA_SETS = 64 };

static const as_row_summary *find_row(const as_summary *s, const char *name) {
    for (size_t k = 0; k < s->n_rows; k++)
        if (strcmp(s->rows[k].name, name) == 0)
            return &s->rows[k];
    return NULL;
}

static bool seen_before(const as_report_input *input, size_t run, size_t row) {
    const char *name = input->summaries[run].rows[row].name;
    for (size_t i = 0; i <= run; i++)
        for (size_t k = 0; k < (i == run ? row : input->summaries[i].n_rows); k++)
            if (strcmp(input->summaries[i].rows[k].name, name) == 0)
                return true;
    return false;
}

static void add_cell(as_page *page, const as_report_input *input, size_t i, const char *name) {
    const as_row_summary *row = find_row(&input->summaries[i], name);
    page->run = i;
    as_page_cell(page);
    if (!row) {
        as_page_text(page, "not in this run");
    } else if (row->problem) {
        as_page_text(page, row->problem);
    } else {
        as_page_figure(page, row->accuracy, 100);
        as_page_from_row(page, row, "result.json", "test.accuracy", "mean over seeds, %");
        if (row->marked) {
            as_page_text(page, " ");
            as_page_mark(page, AS_SPAN_BEST);
        }
    }
}

static void add_joined(as_page *page, const as_report_input *input) {
    as_page_table(page, "runs", "Accuracy in per cent of every entry in every run");
    as_page_column(page, "entry", AS_COLUMN_TEXT);
    for (size_t i = 0; i < input->n_runs; i++)
        as_page_column_name(page, as_run_name(input->runs[i]), AS_COLUMN_NUMBER);
    for (size_t i = 0; i < input->n_runs; i++)
        for (size_t k = 0; k < input->summaries[i].n_rows; k++) {
            const char *name = input->summaries[i].rows[k].name;
            if (seen_before(input, i, k))
                continue;
            as_page_row(page);
            as_page_cell_name(page, name);
            for (size_t r = 0; r < input->n_runs; r++)
                add_cell(page, input, r, name);
        }
}

/* ---- ranks -------------------------------------------------------------------------------------
 */

/* Runs on data that no run before had. */
static size_t list_data_sets(const as_report_input *input, size_t *runs) {
    size_t n = 0;
    for (size_t i = 0; i < input->n_runs && n < MOST_DATA_SETS; i++) {
        const as_record *some = input->summaries[i].some;
        bool known = !some;
        for (size_t k = 0; some && k < n; k++)
            known = known || strcmp(input->summaries[runs[k]].some->dataset.rows_sha256,
                                    some->dataset.rows_sha256) == 0;
        if (!known)
            runs[n++] = i;
    }
    return n;
}

static bool everywhere(const as_report_input *input, const size_t *runs, size_t n,
                       const char *name) {
    for (size_t i = 0; i < n; i++) {
        const as_row_summary *row = find_row(&input->summaries[runs[i]], name);
        if (!row || row->problem || isnan(row->accuracy.value))
            return false;
    }
    return true;
}

/* Mean rank of equal ones: 1 is best. */
static double rank_of(const as_report_input *input, const size_t *runs, size_t n, size_t run,
                      const char *name) {
    const as_summary *s = &input->summaries[run];
    double own = find_row(s, name)->accuracy.value, before = 0, equal = 0;
    for (size_t k = 0; k < s->n_rows; k++) {
        if (!everywhere(input, runs, n, s->rows[k].name))
            continue;
        before += s->rows[k].accuracy.value > own;
        equal += s->rows[k].accuracy.value == own;
    }
    return before + (equal + 1) / 2;
}

static void add_ranks(as_page *page, const as_report_input *input) {
    size_t runs[MOST_DATA_SETS], n = list_data_sets(input, runs), n_common = 0;
    const as_summary *first = n ? &input->summaries[runs[0]] : NULL;
    for (size_t k = 0; first && k < first->n_rows; k++)
        n_common += everywhere(input, runs, n, first->rows[k].name);
    if (n < 2 || n_common < 2)
        return;
    as_page_paragraph(page);
    as_page_format(page,
                   "Ranks by accuracy of the %zu entries that all %zu data sets have, 1 the best; "
                   "without a test, which says nothing below six data sets and needs each pair "
                   "above.",
                   n_common, n);
    as_page_table(page, "ranks", "Ranks across data sets");
    as_page_column(page, "entry", AS_COLUMN_TEXT);
    for (size_t i = 0; i < n; i++)
        as_page_column_name(page, input->summaries[runs[i]].some->dataset.name, AS_COLUMN_NUMBER);
    as_page_column(page, "mean rank", AS_COLUMN_NUMBER);
    for (size_t k = 0; k < first->n_rows; k++) {
        const char *name = first->rows[k].name;
        double sum = 0;
        if (!everywhere(input, runs, n, name))
            continue;
        as_page_row(page);
        as_page_cell_name(page, name);
        for (size_t i = 0; i < n; i++) {
            double rank = rank_of(input, runs, n, runs[i], name);
            sum += rank;
            as_page_cell(page);
            as_page_number(page, rank, as_page_print(page, "%.3g", rank));
            as_page_from_row(page, find_row(&input->summaries[runs[i]], name), "result.json",
                             "test.accuracy", "rank among the common entries");
        }
        as_page_cell_plain(page, sum / (double)n);
        as_page_from_row(page, &first->rows[k], "result.json", "test.accuracy",
                         "mean rank over data sets");
    }
}

void as_section_runs(as_page *page, const as_report_input *input) {
    as_page_title(page);
    as_page_format(page, "%zu runs", input->n_runs);
    as_page_section(page, "all-runs", "All runs");
    add_joined(page, input);
    as_page_paragraph(page);
    as_page_mark(page, AS_SPAN_BEST);
    as_page_text(page, ": best of its run, or not separable from it. Runs of other days and "
                       "machines: scores of the same data compare, times do not; assay compare "
                       "holds two runs against each other.");
    add_ranks(page, input);
    page->run = 0;
}
