/* SPDX-License-Identifier: MIT */
/* The comparison for programs: every row of the main table with all of its figures, unrounded, as
 * CSV (RFC 4180) and as JSON. One list of columns serves both.
 *
 * A text in CSV that a spreadsheet would take for a formula (it begins with = + - @, tab or CR)
 * gets an apostrophe in front; control characters that are no white space become "?". What doesn't
 * exist is an empty field, or null. */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "report/grids.h"
#include "report/report.h"
#include "results/record/csv.h"

typedef enum column_kind {
    COLUMN_TEXT,   /* const char * */
    COLUMN_COUNT,  /* int64_t, -1: unknown */
    COLUMN_SIZE,   /* size_t */
    COLUMN_REAL,   /* double, NaN: unknown */
    COLUMN_FLAG,   /* bool */
    COLUMN_FIGURE, /* as_figure: value, NAME_low, NAME_high */
} column_kind;

typedef struct column {
    const char *name;
    column_kind kind;
    size_t offset;           /* in as_row_summary */
    bool always;             /* a row with a problem has it too */
    const char *field, *how; /* where it comes from: of the cells' result.json; NULL: a text */
} column;

#define COLUMN(name, kind, member, always, field, how)                                             \
    { name, COLUMN_##kind, offsetof(as_row_summary, member), always, field, how }
#define TEXT(name, member) COLUMN(name, TEXT, member, true, NULL, NULL)

static const char mean[] = "mean over seeds", interval[] =
                                                  "mean over seeds; ends: bootstrap over texts and "
                                                  "seeds of predictions.csv, of one seed as it "
                                                  "stands";

static const column columns[] = {
    TEXT("name", name),
    TEXT("entry", entry),
    TEXT("backend", backend),
    TEXT("dtype", dtype),
    COLUMN("seeds", SIZE, n_records, true, "seed", "counted"),
    COLUMN("seeds_ok", SIZE, n_ok, true, "status", "those that are ok, counted"),
    TEXT("problem", problem),
    COLUMN("accuracy", FIGURE, accuracy, false, "test.accuracy", interval),
    COLUMN("f1_macro", FIGURE, f1_macro, false, "test.f1_macro", interval),
    COLUMN("f1_weighted", FIGURE, f1_weighted, false, "test.f1_weighted", interval),
    COLUMN("precision_macro", FIGURE, precision_macro, false, "test.precision_macro", interval),
    COLUMN("recall_macro", FIGURE, recall_macro, false, "test.recall_macro", interval),
    COLUMN("precision_weighted", FIGURE, precision_weighted, false, "test.precision_weighted",
           interval),
    COLUMN("recall_weighted", FIGURE, recall_weighted, false, "test.recall_weighted", interval),
    COLUMN("loss", REAL, loss, false, "test.loss", mean),
    COLUMN("validation_accuracy", REAL, validation_accuracy, false, "validation.accuracy", mean),
    COLUMN("best", FLAG, is_best, false, NULL, NULL),
    COLUMN("not_separable_from_best", FLAG, marked, false, NULL, NULL),
    COLUMN("p_against_best", REAL, p_best, false, "(predictions.csv) label, predicted",
           "exact McNemar test against the best row, Holm over rows"),
    COLUMN("parameters_total", COUNT, parameters_total, false, "model.parameters.total", ""),
    COLUMN("parameters_trainable", COUNT, parameters_trainable, false, "model.parameters.trainable",
           ""),
    COLUMN("train_seconds", REAL, train_seconds, false, "training.seconds", mean),
    COLUMN("train_tokens_per_second", REAL, train_tokens_per_second, false,
           "training.tokens_per_second", mean),
    COLUMN("p50_ms", FIGURE, p50_ms, false, "latency.single_stream.p50_ms",
           "geometric mean over seeds; ends: bootstrap over the queries of latency.csv and seeds"),
    COLUMN("offline_samples_per_second", REAL, offline_samples_per_second, false,
           "latency.offline.samples_per_second", mean),
    COLUMN("peak_mib", REAL, peak_mib, false, "memory.peak_rss_bytes",
           "largest over seeds, / 2^20"),
    COLUMN("train_flops_per_second", REAL, efficiency.training_flops_per_second, false,
           "flops.achieved_per_second", mean),
    COLUMN("train_share_of_peak_gemm", REAL, efficiency.training_share, false,
           "flops.share_of_peak_gemm", mean),
    COLUMN("offline_flops_per_second", REAL, efficiency.offline_flops_per_second, false,
           "flops.scenarios.offline.achieved_per_second", mean),
    COLUMN("offline_share_of_peak_gemm", REAL, efficiency.offline_share, false,
           "flops.scenarios.offline.share_of_peak_gemm", mean),
    COLUMN("single_stream_flops_per_second", REAL, efficiency.single_stream_flops_per_second, false,
           "flops.scenarios.single_stream.achieved_per_second", mean),
    COLUMN("single_stream_share_of_peak_gemm", REAL, efficiency.single_stream_share, false,
           "flops.scenarios.single_stream.share_of_peak_gemm", mean),
    COLUMN("peak_compute_flops_per_second", REAL, efficiency.peak_compute, false,
           "peaks.compute_flops_per_second", mean),
    COLUMN("peak_gemm_flops_per_second", REAL, efficiency.peak_gemm, false,
           "peaks.gemm_flops_per_second", mean),
    COLUMN("peak_memory_bytes_per_second", REAL, efficiency.peak_memory, false,
           "peaks.memory_bytes_per_second", mean),
    COLUMN("equivalence_passed", FLAG, trusted, false, NULL, NULL),
};
enum { N_COLUMNS = sizeof columns / sizeof columns[0] };

static const void *field_of(const as_row_summary *row, const column *c) {
    return (const char *)row + c->offset;
}

static bool has(const as_row_summary *row, const column *c) {
    return c->always || !row->problem;
}

/* ---- CSV ------------------------------------------------------------------------------------- */

static void csv_text(FILE *stream, const char *text) {
    if (!text || !*text)
        return;
    bool formula = strchr("=+-@\t\r", *text) != NULL;
    size_t n = strlen(text);
    char *safe = malloc(n + 2), *to = safe;
    if (!safe) {
        as_csv_write_field(stream, "out of memory");
        return;
    }
    if (formula)
        *to++ = '\'';
    for (size_t i = 0; i <= n; i++) {
        bool control = ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) && i < n;
        to[i] = control && !strchr("\t\n\r", text[i]) ? '?' : text[i];
    }
    as_csv_write_field(stream, safe);
    free(safe);
}

/* A row's fields, with the marks of report/source.h around its numbers where they are wanted. */
typedef struct csv_writer {
    FILE *stream;
    const as_row_summary *row;
    bool marked;
} csv_writer;

static void begin_number(const csv_writer *w, const column *c, const char *end) {
    char field[96];
    snprintf(field, sizeof field, "%s%s", c->field, end);
    if (w->marked)
        as_source_row(w->stream, w->row, "result.json", field, c->how);
}

static void end_number(const csv_writer *w) {
    if (w->marked)
        as_source_end(w->stream);
}

static void csv_real(const csv_writer *w, const column *c, const char *end, double value) {
    if (!isfinite(value))
        return;
    begin_number(w, c, end);
    fprintf(w->stream, "%.17g", value);
    end_number(w);
}

static void csv_count(const csv_writer *w, const column *c, int64_t count) {
    if (count < 0)
        return;
    begin_number(w, c, "");
    fprintf(w->stream, "%" PRId64, count);
    end_number(w);
}

static void csv_cell(const csv_writer *w, const column *c) {
    const void *field = field_of(w->row, c);
    FILE *stream = w->stream;
    as_figure figure = {NAN, NAN, NAN};
    switch (c->kind) {
    case COLUMN_TEXT:
        csv_text(stream, *(const char *const *)field);
        break;
    case COLUMN_COUNT:
        csv_count(w, c, *(const int64_t *)field);
        break;
    case COLUMN_SIZE:
        csv_count(w, c, (int64_t) * (const size_t *)field);
        break;
    case COLUMN_REAL:
        csv_real(w, c, "", *(const double *)field);
        break;
    case COLUMN_FLAG:
        fputs(*(const bool *)field ? "true" : "false", stream);
        break;
    case COLUMN_FIGURE:
        figure = *(const as_figure *)field;
        csv_real(w, c, ".value", figure.value);
        fputc(',', stream);
        csv_real(w, c, ".low", figure.low);
        fputc(',', stream);
        csv_real(w, c, ".high", figure.high);
        break;
    }
}

void as_report_write_csv_header(FILE *stream) {
    fputs("run,suite", stream);
    for (size_t i = 0; i < N_COLUMNS; i++) {
        fprintf(stream, ",%s", columns[i].name);
        if (columns[i].kind == COLUMN_FIGURE)
            fprintf(stream, ",%s_low,%s_high", columns[i].name, columns[i].name);
    }
    fputs("\n", stream);
}

static void csv_row(const csv_writer *w, const as_run *run) {
    const as_row_summary *row = w->row;
    FILE *stream = w->stream;
    csv_text(stream, as_run_name(run));
    fputc(',', stream);
    csv_text(stream, json_string_value(json_object_get(run->suite, "name")));
    for (size_t i = 0; i < N_COLUMNS; i++) {
        fputc(',', stream);
        if (has(row, &columns[i]))
            csv_cell(w, &columns[i]);
        else if (columns[i].kind == COLUMN_FIGURE)
            fputs(",,", stream);
    }
    fputs("\n", stream);
}

assay_status as_report_write_csv(const as_run *run, FILE *stream, assay_error *error) {
    as_summary s;
    as_arena *arena = as_arena_new();
    if (!arena)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the report");
    assay_status status = as_summarise(arena, run, &s, error);
    for (size_t k = 0; status == ASSAY_OK && k < s.n_rows; k++)
        csv_row(&(csv_writer){stream, &s.rows[k], false}, run);
    as_arena_free(arena);
    return status;
}

assay_status as_report_mark_csv(const as_report_input *input, FILE *stream, assay_error *error) {
    (void)error;
    as_report_write_csv_header(stream);
    for (size_t i = 0; i < input->n_runs; i++) {
        const as_summary *s = &input->summaries[i];
        as_source_run(stream, i);
        for (size_t k = 0; k < s->n_rows; k++)
            csv_row(&(csv_writer){stream, &s->rows[k], true}, input->runs[i]);
    }
    return ASSAY_OK;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *real_json(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *cell_json(const as_row_summary *row, const column *c) {
    const void *field = field_of(row, c);
    if (!has(row, c))
        return json_null();
    switch (c->kind) {
    case COLUMN_TEXT:
        return as_json_text(*(const char *const *)field);
    case COLUMN_COUNT:
        return *(const int64_t *)field >= 0 ? json_integer(*(const int64_t *)field) : json_null();
    case COLUMN_SIZE:
        return json_integer((json_int_t) * (const size_t *)field);
    case COLUMN_REAL:
        return real_json(*(const double *)field);
    case COLUMN_FLAG:
        return json_boolean(*(const bool *)field);
    case COLUMN_FIGURE: {
        const as_figure *figure = field;
        return json_pack("{s:o, s:o, s:o}", "value", real_json(figure->value), "low",
                         real_json(figure->low), "high", real_json(figure->high));
    }
    }
    return json_null();
}

static json_t *warnings_json(const as_run *run, const as_summary *s) {
    json_t *warnings = json_array();
    for (size_t i = 0; i < run->n_cells; i++)
        for (size_t w = 0; !as_is_passed_over(s, run->cells[i]) && w < run->cells[i]->n_warnings;
             w++) {
            const char *text = run->cells[i]->warnings[w];
            if (!as_warning_came_before(run, s, i, text) && as_warning_cells(run, s, text))
                json_array_append_new(warnings,
                                      json_pack("{s:o, s:I}", "text", as_json_text(text), "cells",
                                                (json_int_t)as_warning_cells(run, s, text)));
        }
    return warnings;
}

static json_t *grids_json(const as_summary *s) {
    json_t *grids = json_array();
    for (size_t g = 0; g < s->n_grids; g++) {
        json_t *points = json_array();
        for (size_t i = 0; i < s->grids[g].n_points; i++) {
            const as_grid_point *point = &s->grids[g].points[i];
            json_array_append_new(
                points, json_pack("{s:o, s:o, s:o, s:b}", "values", as_json_text(point->values),
                                  "mean", real_json(point->mean), "problem",
                                  as_json_text(point->problem), "selected", point->selected));
        }
        json_array_append_new(grids, json_pack("{s:o, s:o, s:o}", "entry",
                                               as_json_text(s->grids[g].entry), "select",
                                               as_json_text(s->grids[g].select), "points", points));
    }
    return grids;
}

/* "file US field US how" for every number of a column's value. */
static json_t *told_text(const as_row_summary *row, const column *c, const char *end) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    fprintf(stream, "cells/%s", row->n_records > 1 ? "{" : "");
    for (size_t i = 0; i < row->n_records; i++)
        fprintf(stream, "%s%s", i ? "," : "", row->records[i]->cell);
    fprintf(stream, "%s/result.json\x1f%s%s\x1f%s", row->n_records > 1 ? "}" : "", c->field, end,
            c->how);
    json_t *told = fclose(stream) == 0 ? as_json_text(text) : NULL;
    free(text);
    return told;
}

static json_t *told_json(const as_row_summary *row, const column *c) {
    if (!c->field || !has(row, c))
        return json_null();
    if (c->kind != COLUMN_FIGURE)
        return told_text(row, c, "");
    return json_pack("{s:o, s:o, s:o}", "value", told_text(row, c, ".value"), "low",
                     told_text(row, c, ".low"), "high", told_text(row, c, ".high"));
}

static json_t *rows_json(const as_summary *s,
                         json_t *(*make)(const as_row_summary *row, const column *c)) {
    json_t *rows = json_array();
    for (size_t k = 0; k < s->n_rows; k++) {
        json_t *row = json_object();
        for (size_t i = 0; i < N_COLUMNS; i++)
            json_object_set_new(row, columns[i].name, make(&s->rows[k], &columns[i]));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *run_json(const as_run *run, const as_summary *s) {
    return json_pack("{s:o, s:o, s:I, s:o, s:o, s:o, s:o}", "run", as_json_text(as_run_name(run)),
                     "suite", as_json_text(json_string_value(json_object_get(run->suite, "name"))),
                     "cells", (json_int_t)run->n_cells, "separable", real_json(s->separable),
                     "rows", rows_json(s, cell_json), "grids", grids_json(s), "warnings",
                     warnings_json(run, s));
}

static json_t *run_told_json(const as_summary *s) {
    json_t *grids = json_array(), *warnings = json_array();
    for (size_t g = 0; g < s->n_grids; g++) {
        json_t *points = json_array();
        for (size_t i = 0; i < s->grids[g].n_points; i++)
            json_array_append_new(points, json_pack("{s:s}", "mean",
                                                    "cells/*/result.json\x1f"
                                                    "the grid's validation figure\x1f"
                                                    "mean over the point's seeds"));
        json_array_append_new(grids, json_pack("{s:o}", "points", points));
    }
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "cells",
                     "run.json\x1f"
                     "cells\x1f"
                     "counted",
                     "separable",
                     "cells/*/predictions.csv\x1flabel, predicted\x1f"
                     "difference seen with 80 % power, from the share of texts that rows answer "
                     "differently than the best",
                     "rows", rows_json(s, told_json), "grids", grids, "warnings", warnings);
}

assay_status as_report_json_tree(const as_report_input *input, json_t **ret_json, json_t **ret_told,
                                 assay_error *error) {
    json_t *runs = json_array(), *told = json_array();
    bool ok = runs && told;
    for (size_t i = 0; ok && i < input->n_runs; i++)
        ok = json_array_append_new(runs, run_json(input->runs[i], &input->summaries[i])) == 0 &&
             json_array_append_new(told, run_told_json(&input->summaries[i])) == 0;
    json_t *json = json_pack("{s:i, s:o}", "schema_version", 1, "runs", runs);
    json_t *sources = json_pack("{s:o}", "runs", told);
    if (!ok || !json || !sources) {
        json_decref(json);
        json_decref(sources);
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the report");
    }
    *ret_json = json;
    *ret_told = sources;
    return ASSAY_OK;
}

assay_status as_report_json(const as_run *run, json_t **ret_json, assay_error *error) {
    as_summary s;
    as_arena *arena = as_arena_new();
    if (!arena)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the report");
    assay_status status = as_summarise(arena, run, &s, error);
    json_t *json = status == ASSAY_OK ? run_json(run, &s) : NULL;
    as_arena_free(arena);
    if (status == ASSAY_OK && !json)
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the report");
    if (status == ASSAY_OK)
        *ret_json = json;
    return status;
}
