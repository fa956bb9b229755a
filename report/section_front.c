/* SPDX-License-Identifier: MIT */
/* The first screen: title, state, what the run says in sentences, warnings; then cells without
 * figures and the notes of the suite's author. The main table: section_comparison.c. */
#include "report/sections.h"

#include <math.h>
#include <string.h>

#include "report/grids.h"
#include "report/same.h"

static const char *status_word(const as_record *r) {
    return r->pending ? "not run yet" : as_cell_status_name(r->status);
}

/* ---- title and sentences --------------------------------------------------------------------- */

static void add_state(as_page *page, const as_run *run) {
    size_t counts[4] = {0}, pending = 0;
    for (size_t i = 0; i < run->n_cells; i++) {
        pending += run->cells[i]->pending;
        counts[run->cells[i]->status] += !run->cells[i]->pending;
    }
    if (counts[AS_CELL_OK] == run->n_cells) {
        as_page_strong(page, "complete");
        as_page_format(page, ": %zu cells", run->n_cells);
        return;
    }
    as_page_strong(page,
                   as_page_print(page, "%zu of %zu cells ok", counts[AS_CELL_OK], run->n_cells));
    for (int status = AS_CELL_FAILED; status <= AS_CELL_DIVERGED; status++)
        if (counts[status])
            as_page_format(page, ", %zu %s", counts[status],
                           as_cell_status_name((as_cell_status)status));
    if (pending)
        as_page_format(page, ", %zu not run yet", pending);
}

static const as_row_summary *fastest_row(const as_summary *s) {
    const as_row_summary *fastest = NULL;
    for (size_t k = 0; k < s->n_complete; k++)
        if (s->rows[k].p50_ms.value > 0 &&
            (!fastest || s->rows[k].p50_ms.value < fastest->p50_ms.value))
            fastest = &s->rows[k];
    return fastest;
}

static void add_best(as_page *page, const as_summary *s) {
    const as_row_summary *best = &s->rows[0];
    as_page_name(page, best->name);
    as_page_text(page, " has the highest accuracy, ");
    as_page_figure(page, best->accuracy, 100);
    as_page_from_row(page, best, "result.json", "test.accuracy", "mean over seeds, %");
    as_page_text(page, " %");
    size_t n_others = 0;
    for (size_t k = 1; k < s->n_complete; k++) {
        if (!s->rows[k].marked)
            continue;
        as_page_text(page, n_others++ ? ", " : "; not separable from it on these texts: ");
        as_page_name(page, s->rows[k].name);
    }
    if (!n_others && s->n_complete > 1 && s->rows[1].paired)
        as_page_text(page, "; every other entry is separably lower");
    as_page_text(page, ".");
}

static void add_fastest(as_page *page, const as_summary *s) {
    const as_row_summary *best = &s->rows[0], *fastest = fastest_row(s);
    if (!fastest)
        return;
    if (fastest == best) {
        as_page_text(page, " It also answers fastest (median latency).");
        return;
    }
    as_page_text(page, " ");
    as_page_name(page, fastest->name);
    if (best->p50_ms.value > 0) {
        as_page_text(page, " answers fastest, ");
        as_page_plain(page, best->p50_ms.value / fastest->p50_ms.value);
        as_page_from_row(page, fastest, "latency.csv", "nanoseconds",
                         "the best entry's median latency over this one's");
        as_page_text(page, " times as fast as ");
    } else {
        as_page_text(page, " answers fastest of those measured, beside ");
    }
    as_page_name(page, best->name);
    as_page_text(page, ", ");
    as_page_plain(page, 100 * (best->accuracy.value - fastest->accuracy.value));
    as_page_from_row(page, fastest, "result.json", "test.accuracy",
                     "the best entry's mean less this one's, points");
    as_page_text(page, " points lower.");
}

static void add_times(as_page *page, const as_run *run) {
    const char *started = json_string_value(json_object_get(run->json, "started"));
    const char *finished = json_string_value(json_object_get(run->json, "finished"));
    if (!started)
        return;
    as_page_text(page, ", started ");
    as_page_text(page, started);
    as_page_text(page, finished ? ", finished " : ", not finished");
    if (finished)
        as_page_text(page, finished);
}

void as_section_title(as_page *page, const as_section_input *in) {
    const char *title = json_string_value(json_object_get(in->run->suite, "title"));
    const char *name = json_string_value(json_object_get(in->run->suite, "name"));
    const as_summary *s = in->summary;
    as_page_title(page);
    as_page_text(page, title ? title : name ? name : "assay report");
    as_page_paragraph(page);
    as_page_text(page, "Suite ");
    as_page_name(page, name);
    as_page_text(page, ", ");
    add_state(page, in->run);
    add_times(page, in->run);
    as_page_text(page, ".");
    as_page_paragraph(page);
    if (s->n_complete == 0 || isnan(s->rows[0].accuracy.value)) {
        as_page_text(page, "No entry has scores for all of its seeds.");
        return;
    }
    add_best(page, s);
    add_fastest(page, s);
}

/* ---- warnings -------------------------------------------------------------------------------- */

/* So many stand open: the table shall be on the first screen. */
enum { OPEN_WARNINGS = 3 };

/* Heads the list before its first item, and folds the later ones. */
static void begin_warning(as_page *page, size_t *n) {
    if (*n == 0) {
        as_page_paragraph(page);
        as_page_strong(page, "Warnings");
        as_page_list(page);
    } else if (*n == OPEN_WARNINGS) {
        as_page_details(page);
        as_page_text(page, "More warnings");
        as_page_list(page);
    }
    (*n)++;
    as_page_item(page);
}

static assay_status add_same(as_page *page, const as_summary *s, size_t *n, assay_error *error) {
    as_same_pair *pairs = NULL;
    size_t n_pairs = 0;
    assay_status status = as_same_predictions(page->arena, s, &pairs, &n_pairs, error);
    for (size_t i = 0; status == ASSAY_OK && i < n_pairs; i++) {
        char what[300];
        as_same_text(&pairs[i], what, sizeof what);
        begin_warning(page, n);
        as_page_name(page, pairs[i].a->name);
        as_page_text(page, " and ");
        as_page_name(page, pairs[i].b->name);
        as_page_text(page, " ");
        as_page_text(page, what);
    }
    return status;
}

static void add_cell_warnings(as_page *page, const as_section_input *in, size_t i, size_t *n) {
    const as_record *r = in->run->cells[i];
    for (size_t w = 0; w < r->n_warnings; w++) {
        if (as_is_passed_over(in->summary, r) ||
            as_warning_came_before(in->run, in->summary, i, r->warnings[w]))
            continue;
        size_t n_cells = as_warning_cells(in->run, in->summary, r->warnings[w]);
        begin_warning(page, n);
        if (n_cells > 1)
            as_page_format(page, "%zu cells", n_cells);
        else
            as_page_name(page, r->cell);
        as_page_text(page, ": ");
        as_page_text(page, r->warnings[w]);
    }
}

/* What a cell that is ok lacks. */
typedef bool lacks(const as_record *record);

static bool lacks_scores(const as_record *r) {
    return r->test.n < 1;
}

static bool lacks_accuracy(const as_record *r) {
    return r->test.n >= 1 && isnan(r->test.accuracy.value);
}

static bool lacks_predictions(const as_record *r) {
    return r->test.n >= 1 && r->n_predictions == 0;
}

static bool any_scores(const as_run *run) {
    for (size_t i = 0; i < run->n_cells; i++)
        if (run->cells[i]->status == AS_CELL_OK && !lacks_scores(run->cells[i]))
            return true;
    return false;
}

/* How many ok cells lack it, with the first one's file and field. */
static void add_lacking(as_page *page, const as_run *run, lacks *lacking, const char *file,
                        const char *what, size_t *n) {
    const as_record *first = NULL;
    size_t n_cells = 0;
    for (size_t i = 0; i < run->n_cells; i++) {
        const as_record *r = run->cells[i];
        bool counts = r->status == AS_CELL_OK && lacking(r);
        first = counts && !first ? r : first;
        n_cells += counts;
    }
    if (n_cells == 0)
        return;
    begin_warning(page, n);
    as_page_name(page, as_page_print(page, "cells/%s/%s", first->cell, file));
    as_page_text(page, what);
    if (n_cells > 1)
        as_page_format(page, "; so of %zu cells in all", n_cells);
}

static void add_all_lacking(as_page *page, const as_run *run, size_t *n) {
    if (!any_scores(run)) /* a run that measures time alone */
        return;
    add_lacking(page, run, lacks_scores, "result.json",
                ": test is null, so its entry has no scores", n);
    add_lacking(page, run, lacks_accuracy, "result.json",
                ": test.accuracy.value is null, so its entry has no rank", n);
    add_lacking(page, run, lacks_predictions, "predictions.csv",
                " is not there: no interval over seeds, no paired test and no error analysis of "
                "its entry",
                n);
}

assay_status as_section_warnings(as_page *page, const as_section_input *in, assay_error *error) {
    const as_summary *s = in->summary;
    size_t n = 0;
    add_all_lacking(page, in->run, &n);
    for (size_t k = 0; k < s->n_complete; k++) {
        if (s->rows[k].trusted)
            continue;
        begin_warning(page, &n);
        as_page_name(page, s->rows[k].name);
        as_page_text(page,
                     ": figures without a passed equivalence check against the reference backend");
    }
    assay_status status = add_same(page, s, &n, error);
    for (size_t i = 0; i < in->run->n_cells; i++)
        add_cell_warnings(page, in, i, &n);
    if (n > OPEN_WARNINGS)
        as_page_details_end(page);
    return status;
}

/* ---- cells without figures, notes --------------------------------------------------------------
 */

void as_section_failures(as_page *page, const as_section_input *in) {
    size_t n = 0;
    for (size_t i = 0; i < in->run->n_cells; i++) {
        const as_record *r = in->run->cells[i];
        if (r->status == AS_CELL_OK)
            continue;
        if (n++ == 0) {
            as_page_section(page, "failures", "Cells without figures");
            as_page_table(page, "cells-without-figures", "Cells without figures and why");
            as_page_column(page, "cell", AS_COLUMN_TEXT);
            as_page_column(page, "status", AS_COLUMN_TEXT);
            as_page_column(page, "reason", AS_COLUMN_TEXT);
        }
        as_page_row(page);
        as_page_cell_name(page, r->cell);
        as_page_cell_text(page, status_word(r));
        as_page_cell_text(page,
                          r->pending ? "its turn has not come, or the run was stopped" : r->reason);
    }
}

/* Cells of the entry, or of the points of its grid. */
static bool has_cell(const as_run *run, const char *entry) {
    for (size_t i = 0; entry && i < run->n_cells; i++) {
        const as_record *r = run->cells[i];
        const char *grid = json_string_value(json_object_get(r->grid, "entry"));
        if ((r->entry && strcmp(r->entry, entry) == 0) || (grid && strcmp(grid, entry) == 0))
            return true;
    }
    return false;
}

/* One item a note; `entry` NULL: of the whole suite. Returns how many there are by now. */
static size_t add_note_list(as_page *page, const json_t *notes, const char *entry, size_t n) {
    for (size_t i = 0; i < json_array_size(notes); i++) {
        if (n++ == 0) {
            as_page_section(page, "notes", "Notes of the suite");
            as_page_list(page);
        }
        as_page_item(page);
        if (entry) {
            as_page_name(page, entry);
            as_page_text(page, ": ");
        }
        as_page_text(page, json_string_value(json_array_get(notes, i)));
    }
    return n;
}

void as_section_notes(as_page *page, const as_section_input *in) {
    const json_t *entries = json_object_get(in->run->suite, "entries");
    size_t n = add_note_list(page, json_object_get(in->run->suite, "notes"), NULL, 0);
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        const char *name = json_string_value(json_object_get(entry, "name"));
        if (has_cell(in->run, name))
            n = add_note_list(page, json_object_get(entry, "notes"), name, n);
    }
}
