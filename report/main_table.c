/* SPDX-License-Identifier: MIT */
/* The comparison table of a run for the terminal: heading, rows by falling accuracy, what did not
 * end well last, and a legend that says what every sign means. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "report/aggregate.h"
#include "report/grids.h"
#include "report/number.h"
#include "report/peers.h"
#include "report/report.h"
#include "report/same.h"
#include "report/text_table.h"

enum { N_COLUMNS = 7, LINE_BYTES = 1024 };

bool as_locale_is_utf8(void) {
    const char *names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

/* Minutes where a training took two minutes or more, else seconds. */
static bool in_minutes(const as_summary *s) {
    double longest = 0;
    for (size_t k = 0; k < s->n_complete; k++)
        longest = fmax(longest, s->rows[k].train_seconds);
    return longest >= 120;
}

static void fill_numbers(const as_row_summary *row, bool minutes, int digits, as_number *numbers) {
    numbers[0] = as_number_figure(row->accuracy, 100, digits);
    numbers[1] = as_number_figure(row->f1_macro, 100, digits);
    numbers[2] = as_number_count_short(row->parameters_total);
    numbers[3] = as_number_plain(row->train_seconds / (minutes ? 60 : 1));
    numbers[4] = as_number_figure(row->p50_ms, 1, digits);
    numbers[5] = as_number_plain(row->offline_samples_per_second);
    numbers[6] = as_number_plain(row->peak_mib);
}

static const char *suite_name(const as_run *run) {
    const char *name = json_string_value(json_object_get(run->suite, "name"));
    return name ? name : "run";
}

static void print_heading(const as_run *run, const as_summary *s, FILE *stream, int width) {
    char line[LINE_BYTES];
    const as_record *r = s->some;
    int n = snprintf(line, sizeof line, "%s", suite_name(run));
    size_t used = (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    if (r) {
        snprintf(line + used, sizeof line - used, "  test: %s texts, %d classes  %zu seed%s",
                 as_number_count(r->dataset.test).value, r->dataset.n_labels, s->n_seeds,
                 s->n_seeds == 1 ? "" : "s");
        used = strlen(line);
    }
    const as_row_summary *row = NULL;
    for (size_t k = 0; k < s->n_rows && !row; k++)
        if (!s->rows[k].problem && strcmp(s->rows[k].backend, "own") != 0)
            row = &s->rows[k];
    if (row) {
        r = row->records[0];
        const char *libraries = r->backend.libraries ? r->backend.libraries : "";
        if (strcmp(libraries, "none") == 0)
            libraries = "";
        snprintf(line + used, sizeof line - used, "  %s %s%s%s%s", row->backend, row->dtype,
                 *libraries ? " (" : "", libraries, *libraries ? ")" : "");
        used = strlen(line);
        if (r->backend.threads > 0)
            snprintf(line + used, sizeof line - used, "  %d thread%s", r->backend.threads,
                     r->backend.threads == 1 ? "" : "s");
    }
    as_print_clean(stream, line, width > 0 ? (size_t)width : 0, 0);
    fputs("\n", stream);
}

static void print_legend(const as_summary *s, FILE *stream, int width, bool ascii) {
    char text[LINE_BYTES], separable[160] = "";
    if (!isnan(s->separable))
        snprintf(separable, sizeof separable, " Separable here: %s points (80 %% power).",
                 as_number_plain(100 * s->separable).value);
    snprintf(text, sizeof text,
             "%s: half of the 95 %% interval over texts%s. *: best, or not separable from it "
             "(paired, Holm).%s",
             ascii ? "+-" : "\xc2\xb1", s->n_seeds > 1 ? " and seeds" : "", separable);
    if (s->n_complete)
        as_print_wrapped(stream, "", "", text, width);
}

static void print_untrusted(const as_summary *s, FILE *stream, int width) {
    for (size_t k = 0; k < s->n_complete; k++) {
        const as_row_summary *row = &s->rows[k];
        if (row->trusted)
            continue;
        char text[LINE_BYTES];
        const char *reason = row->records[0]->backend.equivalence.reason;
        snprintf(text, sizeof text,
                 "%s: figures without a passed equivalence check against the reference%s%s",
                 row->name, reason ? ": " : "", reason ? reason : "");
        as_print_wrapped(stream, "! ", "  ", text, width);
    }
}

static assay_status print_same(as_arena *arena, const as_summary *s, FILE *stream, int width,
                               assay_error *error) {
    as_same_pair *pairs = NULL;
    size_t n = 0;
    assay_status status = as_same_predictions(arena, s, &pairs, &n, error);
    for (size_t i = 0; status == ASSAY_OK && i < n; i++) {
        char text[LINE_BYTES], what[300];
        as_same_text(&pairs[i], what, sizeof what);
        snprintf(text, sizeof text, "%s and %s %s", pairs[i].a->name, pairs[i].b->name, what);
        as_print_wrapped(stream, "! ", "  ", text, width);
    }
    return status;
}

/* Warnings of the cells, each once, with the cells it stands for counted. */
static void print_warnings(const as_run *run, const as_summary *s, FILE *stream, int width) {
    enum { MOST = 6 };
    size_t n_printed = 0, n_left = 0;
    for (size_t i = 0; i < run->n_cells; i++) {
        for (size_t w = 0; w < run->cells[i]->n_warnings; w++) {
            const char *warning = run->cells[i]->warnings[w];
            if (as_is_passed_over(s, run->cells[i]) || as_warning_came_before(run, s, i, warning))
                continue;
            if (n_printed++ >= MOST) {
                n_left++;
                continue;
            }
            size_t n_cells = as_warning_cells(run, s, warning);
            char text[LINE_BYTES];
            if (n_cells > 1)
                snprintf(text, sizeof text, "%zu cells: %s", n_cells, warning);
            else
                snprintf(text, sizeof text, "%s s%llu: %s", run->cells[i]->entry,
                         (unsigned long long)run->cells[i]->seed, warning);
            as_print_wrapped(stream, "! ", "  ", text, width);
        }
    }
    if (n_left)
        fprintf(stream, "! and %zu more warnings, in the report\n", n_left);
}

static void print_dropped(const char *const *headings, size_t shown, FILE *stream, int width) {
    if (shown >= N_COLUMNS)
        return;
    char text[LINE_BYTES] = "Not shown for lack of width: ";
    for (size_t c = shown; c < N_COLUMNS; c++) {
        strcat(text, headings[c]);
        strcat(text, c + 1 < N_COLUMNS ? ", " : ".");
    }
    as_print_wrapped(stream, "", "", text, width);
}

/* "gru !" where the row's figures lack the equivalence check. */
static const char *marked_name(as_arena *arena, const as_row_summary *row) {
    char name[600];
    if (row->problem || row->trusted)
        return row->name;
    snprintf(name, sizeof name, "%.590s !", row->name);
    const char *copy = as_arena_strdup(arena, name);
    return copy ? copy : row->name;
}

static assay_status write_table(as_arena *arena, const as_run *run, FILE *stream, int width,
                                bool ascii, assay_error *error) {
    as_summary s;
    assay_status status = as_summarise(arena, run, &s, error);
    if (status != ASSAY_OK)
        return status;
    bool minutes = in_minutes(&s);
    const char *headings[N_COLUMNS] = {
        "accuracy %", "macro F1 %", "params", minutes ? "train min" : "train s",
        "p50 ms",     "samples/s",  "MiB"};
    as_table_row *rows = as_arena_alloc_array(arena, s.n_rows, sizeof *rows);
    if (!rows)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the table");
    for (size_t k = 0; k < s.n_rows; k++) {
        as_number *numbers = as_arena_alloc_array(arena, N_COLUMNS, sizeof *numbers);
        if (!numbers)
            return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the table");
        rows[k] = (as_table_row){s.rows[k].marked ? "*" : " ", marked_name(arena, &s.rows[k]),
                                 s.rows[k].problem ? NULL : numbers, s.rows[k].problem};
        if (!s.rows[k].problem)
            fill_numbers(&s.rows[k], minutes, as_report_digits(run, 0), numbers);
    }
    print_heading(run, &s, stream, width);
    as_table table = {headings, N_COLUMNS, rows, s.n_rows, width, ascii};
    size_t shown = as_table_print(&table, stream);
    print_dropped(headings, shown, stream, width);
    print_legend(&s, stream, width, ascii);
    as_grids_print(&s, stream, width);
    print_untrusted(&s, stream, width);
    status = print_same(arena, &s, stream, width, error);
    if (status == ASSAY_OK)
        print_warnings(run, &s, stream, width);
    return status == ASSAY_OK ? as_peers_print(arena, run, stream, width, ascii, error) : status;
}

assay_status as_report_write_table(const as_run *run, FILE *stream, int width, bool ascii,
                                   assay_error *error) {
    as_arena *arena = as_arena_new();
    if (!arena)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the table");
    assay_status status = write_table(arena, run, stream, width, ascii, error);
    as_arena_free(arena);
    return status;
}

assay_status as_report_print_table(const as_run *run, FILE *stream, int width, assay_error *error) {
    return as_report_write_table(run, stream, width, !as_locale_is_utf8(), error);
}
