/* SPDX-License-Identifier: MIT */
/* The first tables of a paper: scores and cost; with captions that say what every sign means. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "report/latex.h"
#include "results/published/published.h"

enum { MAIN_COLUMNS = 3, COST_COLUMNS = 4, TITLE_MOST = 120 };

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "latex", "no memory for a table");
}

static const char *suite_text(const as_run *run, const char *key) {
    return json_string_value(json_object_get(run->suite, key));
}

const char *as_tex_name(const as_run *run) {
    const char *name = suite_text(run, "name");
    return name ? name : as_run_name(run);
}

const char *as_tex_title(const as_report_input *input, size_t run) {
    const char *title = suite_text(input->runs[run], "title");
    return title && input->n_runs == 1 ? title : as_tex_name(input->runs[run]);
}

static size_t count_rows(const as_report_input *input) {
    size_t n = 0;
    for (size_t i = 0; i < input->n_runs; i++)
        n += input->summaries[i].n_rows + 1;
    return n;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static const char from_seeds[] = "mean over seeds; half of the 95 % interval";

static as_tex_cell cell(as_number number, const char *file, const char *field, const char *how) {
    return (as_tex_cell){number, file, field, how, NULL};
}

/* Units that a table's largest numbers call for; one rounding for all of its rows. */
typedef struct units {
    bool minutes, microseconds;
    int digits; /* of half-widths, as the first run has them */
} units;

static void fill_main(const as_row_summary *row, units u, as_tex_cell *cells) {
    cells[0] = cell(as_number_figure(row->accuracy, 100, u.digits), "result.json", "test.accuracy",
                    from_seeds);
    cells[1] = cell(as_number_figure(row->f1_macro, 100, u.digits), "result.json", "test.f1_macro",
                    from_seeds);
    cells[2] = cell(as_number_plain((double)row->parameters_total / 1e6), "result.json",
                    "model.parameters.total", "in millions");
    if (row->parameters_total < 0)
        cells[2].field = NULL;
}

static void fill_cost(const as_row_summary *row, units u, as_tex_cell *cells) {
    cells[0] = cell(as_number_plain(row->train_seconds / (u.minutes ? 60 : 1)), "result.json",
                    "training.seconds", u.minutes ? "mean over seeds, / 60" : "mean over seeds");
    cells[1] = cell(as_number_figure(row->p50_ms, u.microseconds ? 1000 : 1, u.digits),
                    "result.json", "latency.single_stream.p50_ms",
                    u.microseconds ? "geometric mean over seeds, x 1000; half of the interval over "
                                     "queries and seeds"
                                   : "geometric mean over seeds; half of the interval over queries "
                                     "and seeds");
    cells[2] = cell(as_number_plain(row->offline_samples_per_second), "result.json",
                    "latency.offline.samples_per_second", "mean over seeds");
    cells[3] = cell(as_number_plain(row->peak_mib), "result.json", "memory.peak_rss_bytes",
                    "largest over seeds, / 2^20");
}

static units units_of(const as_report_input *input) {
    double longest = 0, slowest = 0;
    for (size_t i = 0; i < input->n_runs; i++)
        for (size_t k = 0; k < input->summaries[i].n_complete; k++) {
            longest = fmax(longest, input->summaries[i].rows[k].train_seconds);
            slowest = fmax(slowest, input->summaries[i].rows[k].p50_ms.value);
        }
    return (units){longest >= 120, slowest < 1,
                   as_report_digits(input->runs[0], input->options.digits)};
}

/* A table of all runs' rows; several runs stand under a heading each. */
static assay_status make_rows(as_arena *arena, const as_report_input *input, size_t n_columns,
                              void (*fill)(const as_row_summary *row, units u, as_tex_cell *cells),
                              size_t n_more, as_tex_table *table, assay_error *error) {
    units u = units_of(input);
    table->rows = as_arena_alloc_array(arena, count_rows(input) + n_more, sizeof *table->rows);
    if (!table->rows)
        return no_memory(error);
    for (size_t i = 0; i < input->n_runs; i++) {
        const as_summary *s = &input->summaries[i];
        if (input->n_runs > 1)
            table->rows[table->n_rows++] =
                (as_tex_row){.text = as_tex_title(input, i), .rule_before = i > 0, .run = i};
        for (size_t k = 0; k < s->n_rows; k++) {
            as_tex_cell *cells = as_arena_alloc_array(arena, n_columns, sizeof *cells);
            if (!cells)
                return no_memory(error);
            if (!s->rows[k].problem)
                fill(&s->rows[k], u, cells);
            table->rows[table->n_rows++] = (as_tex_row){.name = s->rows[k].name,
                                                        .source = &s->rows[k],
                                                        .text = s->rows[k].problem,
                                                        .cells = cells,
                                                        .best = s->rows[k].marked,
                                                        .run = i};
        }
    }
    return ASSAY_OK;
}

/* ---- published rows -------------------------------------------------------------------------- */

static as_number published_number(const as_published_entry *entry, const char *field,
                                  double scale) {
    for (size_t i = 0; i < entry->n_figures; i++)
        if (strcmp(entry->figures[i].field, field) == 0 &&
            entry->figures[i].low == entry->figures[i].high)
            return as_number_plain(entry->figures[i].low * scale);
    return (as_number){"-", ""};
}

/* A study's figures may be spread over several suites. */
static bool is_of_suite(const as_published_entry *entry, const char *suite) {
    return suite && strcmp(entry->suite, suite) == 0;
}

static assay_status add_published(as_arena *arena, const as_published *published, const char *suite,
                                  const char *file, size_t run, as_tex_table *table,
                                  assay_error *error) {
    bool first = true;
    for (size_t i = 0; i < published->n_entries; i++) {
        const as_published_entry *entry = &published->entries[i];
        if (!is_of_suite(entry, suite))
            continue;
        char name[300];
        snprintf(name, sizeof name, "%.200s (published)", entry->name);
        as_tex_cell *cells = as_arena_alloc_array(arena, MAIN_COLUMNS, sizeof *cells);
        const char *copy = as_arena_strdup(arena, name);
        if (!cells || !copy)
            return no_memory(error);
        cells[0] = cell(published_number(entry, "test.accuracy", 100), file, "test.accuracy",
                        "as the study printed it");
        cells[1] = cell(published_number(entry, "test.f1_macro", 100), file, "test.f1_macro",
                        "as the study printed it");
        cells[2] = cell(published_number(entry, "model.parameters.total", 1e-6), file,
                        "model.parameters.total", "in millions");
        table->rows[table->n_rows++] =
            (as_tex_row){.name = copy, .cells = cells, .rule_before = first, .run = run};
        first = false;
    }
    return ASSAY_OK;
}

/* The study's name that the run's suite asks for; NULL: none. */
static const char *study_of(const as_run *run) {
    return json_string_value(json_object_get(json_object_get(run->suite, "report"), "published"));
}

/* Published rows stand below those of the only run; with several they would stand between. */
static assay_status load_published(as_arena *arena, const as_report_input *input,
                                   as_published *published, assay_error *error) {
    const char *study = input->n_runs == 1 ? study_of(input->runs[0]) : NULL;
    *published = (as_published){0};
    return study ? as_published_load(arena, study, published, error) : ASSAY_OK;
}

static assay_status has_published_rows(const as_report_input *input, bool *ret_has,
                                       assay_error *error) {
    as_published published = {0};
    as_arena *arena = as_arena_new();
    assay_status status =
        arena ? load_published(arena, input, &published, error) : no_memory(error);
    bool has = false;
    for (size_t i = 0; status == ASSAY_OK && i < published.n_entries; i++)
        has = has || is_of_suite(&published.entries[i], suite_text(input->runs[0], "name"));
    if (status == ASSAY_OK)
        *ret_has = has;
    as_published_done(&published);
    as_arena_free(arena);
    return status;
}

/* ---- main table ------------------------------------------------------------------------------ */

assay_status as_tex_main_tabular(const as_report_input *input, FILE *stream, assay_error *error) {
    static const char *const headings[MAIN_COLUMNS] = {"\\assayhead{Accuracy\\\\(\\%) $\\uparrow$}",
                                                       "\\assayhead{Macro F1\\\\(\\%) $\\uparrow$}",
                                                       "\\assayhead{Params\\\\(M)}"};
    as_tex_table table = {headings, MAIN_COLUMNS, NULL, 0, "Model"};
    as_published published = {0};
    char file[200] = "";
    as_arena *arena = as_arena_new();
    assay_status status =
        arena ? load_published(arena, input, &published, error) : no_memory(error);
    if (status == ASSAY_OK)
        status =
            make_rows(arena, input, MAIN_COLUMNS, fill_main, published.n_entries, &table, error);
    snprintf(file, sizeof file, "results/published/%.150s.json",
             published.name ? published.name : "");
    if (status == ASSAY_OK)
        status = add_published(arena, &published, suite_text(input->runs[0], "name"), file, 0,
                               &table, error);
    if (status == ASSAY_OK)
        as_tex_tabular(&table, stream);
    as_published_done(&published);
    as_arena_free(arena);
    return status;
}

static void write_count(FILE *stream, const char *field, const as_record *r, int64_t count) {
    as_source_cell(stream, r, "result.json", field, "");
    fputs(as_number_count(count).value, stream);
    as_source_end(stream);
}

static size_t most_seeds(const as_report_input *input) {
    size_t n = 0;
    for (size_t i = 0; i < input->n_runs; i++)
        n = input->summaries[i].n_seeds > n ? input->summaries[i].n_seeds : n;
    return n;
}

/* "IMDB (test: 1,000 texts, 2 classes, 3 seeds)" for each run. */
static void write_what(const as_report_input *input, FILE *stream) {
    for (size_t i = 0; i < input->n_runs; i++) {
        const as_summary *s = &input->summaries[i];
        as_source_run(stream, i);
        fputs(i ? "; " : "", stream);
        as_tex_short(stream, as_tex_title(input, i), TITLE_MOST);
        if (!s->some)
            continue;
        fputs(" (test: $n={}$", stream);
        write_count(stream, "dataset.counts.test", s->some, s->some->dataset.test);
        fputs(", ", stream);
        write_count(stream, "dataset.labels", s->some, s->some->dataset.n_labels);
        fputs(" classes, ", stream);
        as_source_begin(stream, "run.json", "suite.seeds", "counted");
        fprintf(stream, "%zu", s->n_seeds);
        as_source_end(stream);
        fprintf(stream, " seed%s)", s->n_seeds == 1 ? "" : "s");
    }
    fputs(". ", stream);
}

static void write_separable(const as_report_input *input, FILE *stream) {
    for (size_t i = 0; i < input->n_runs; i++) {
        double points = 100 * input->summaries[i].separable;
        as_source_run(stream, i);
        if (isnan(points))
            continue;
        fputs(" Smallest separable difference", stream);
        if (input->n_runs > 1) {
            fputs(" on ", stream);
            as_tex_short(stream, as_tex_title(input, i), TITLE_MOST);
        }
        fputs(": ", stream);
        as_source_begin(stream, "cells/*/predictions.csv", "label, predicted",
                        "difference seen with 80 % power, in points");
        fputs(as_number_plain(points).value, stream);
        as_source_end(stream);
        fputs(" points (80\\,\\% power).", stream);
    }
}

static const char *environment_of(const as_run *run, const char *key) {
    return json_string_value(json_object_get(json_object_get(run->json, "environment"), key));
}

static void write_hardware(const as_report_input *input, FILE *stream) {
    const char *cpu = environment_of(input->runs[0], "cpu_model");
    if (!cpu)
        return;
    fputs(" Hardware: ", stream);
    as_tex_short(stream, cpu, TITLE_MOST);
    for (size_t i = 1; i < input->n_runs; i++) {
        const char *other = environment_of(input->runs[i], "cpu_model");
        if (other && strcmp(other, cpu) != 0) {
            fputs(" and others", stream);
            break;
        }
    }
    fputs(".", stream);
}

assay_status as_tex_main_caption(const as_report_input *input, FILE *stream, assay_error *error) {
    bool seeds = most_seeds(input) > 1, published_rows = false;
    assay_status status = has_published_rows(input, &published_rows, error);
    if (status != ASSAY_OK)
        return status;
    fputs("\\caption{\\assayloose ", stream);
    write_what(input, stream);
    fprintf(
        stream,
        "$\\pm$: half of the 95\\,\\%% interval over texts%s. Bold: the highest accuracy and all "
        "not separable from it on the same texts (%s, adjusted after Holm, 5\\,\\%%).",
        seeds ? " and seeds (bootstrap)" : "",
        seeds ? "sign test over texts" : "exact McNemar test");
    write_separable(input, stream);
    if (published_rows)
        fputs(" Below the rule: figures as published, on the study's own hardware and data.",
              stream);
    write_hardware(input, stream);
    fputs("}\n\\label{tab:assay-main}\n", stream);
    return ASSAY_OK;
}

/* ---- cost ------------------------------------------------------------------------------------ */

assay_status as_tex_cost_tabular(const as_report_input *input, FILE *stream, assay_error *error) {
    units u = units_of(input);
    const char *const headings[COST_COLUMNS] = {
        u.minutes ? "\\assayhead{Train\\\\(min) $\\downarrow$}"
                  : "\\assayhead{Train\\\\(s) $\\downarrow$}",
        u.microseconds ? "\\assayhead{p50\\\\($\\mu$s) $\\downarrow$}"
                       : "\\assayhead{p50\\\\(ms) $\\downarrow$}",
        "\\assayhead{Texts/s\\\\$\\uparrow$}", "\\assayhead{Memory\\\\(MiB) $\\downarrow$}"};
    as_tex_table table = {headings, COST_COLUMNS, NULL, 0, "Model"};
    as_arena *arena = as_arena_new();
    assay_status status = arena ? make_rows(arena, input, COST_COLUMNS, fill_cost, 0, &table, error)
                                : no_memory(error);
    for (size_t i = 0; i < table.n_rows; i++)
        table.rows[i].best = false; /* the mark is of accuracy */
    if (status == ASSAY_OK)
        as_tex_tabular(&table, stream);
    as_arena_free(arena);
    return status;
}

assay_status as_tex_cost_caption(const as_report_input *input, FILE *stream, assay_error *error) {
    (void)error;
    fputs("\\caption{\\assayloose Cost on ", stream);
    write_what(input, stream);
    fputs("Training time: mean over seeds. p50: median latency of one text from token ids, "
          "$\\pm$ half of its 95\\,\\% interval. Texts/s: offline batches. Memory: peak resident "
          "set.",
          stream);
    write_hardware(input, stream);
    fputs("}\n\\label{tab:assay-cost}\n", stream);
    return ASSAY_OK;
}
