/* SPDX-License-Identifier: MIT */
/* The comparison for programs: every row of the main table with all of its figures, unrounded, as
 * CSV (RFC 4180) and as JSON. One list of columns serves both.
 *
 * A text in CSV that a spreadsheet would take for a formula (it begins with = + - @, tab or CR)
 * gets an apostrophe in front. What doesn't exist is an empty field, or null. */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
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
    size_t offset; /* in as_row_summary */
    bool always;   /* a row with a problem has it too */
} column;

#define COLUMN(name, kind, field, always)                                                          \
    { name, COLUMN_##kind, offsetof(as_row_summary, field), always }

static const column columns[] = {
    COLUMN("name", TEXT, name, true),
    COLUMN("entry", TEXT, entry, true),
    COLUMN("backend", TEXT, backend, true),
    COLUMN("dtype", TEXT, dtype, true),
    COLUMN("seeds", SIZE, n_records, true),
    COLUMN("seeds_ok", SIZE, n_ok, true),
    COLUMN("problem", TEXT, problem, true),
    COLUMN("accuracy", FIGURE, accuracy, false),
    COLUMN("f1_macro", FIGURE, f1_macro, false),
    COLUMN("f1_weighted", FIGURE, f1_weighted, false),
    COLUMN("precision_macro", FIGURE, precision_macro, false),
    COLUMN("recall_macro", FIGURE, recall_macro, false),
    COLUMN("precision_weighted", FIGURE, precision_weighted, false),
    COLUMN("recall_weighted", FIGURE, recall_weighted, false),
    COLUMN("loss", REAL, loss, false),
    COLUMN("validation_accuracy", REAL, validation_accuracy, false),
    COLUMN("best", FLAG, is_best, false),
    COLUMN("not_separable_from_best", FLAG, marked, false),
    COLUMN("p_against_best", REAL, p_best, false),
    COLUMN("parameters_total", COUNT, parameters_total, false),
    COLUMN("parameters_trainable", COUNT, parameters_trainable, false),
    COLUMN("train_seconds", REAL, train_seconds, false),
    COLUMN("train_tokens_per_second", REAL, train_tokens_per_second, false),
    COLUMN("p50_ms", FIGURE, p50_ms, false),
    COLUMN("offline_samples_per_second", REAL, offline_samples_per_second, false),
    COLUMN("peak_mib", REAL, peak_mib, false),
    COLUMN("equivalence_passed", FLAG, trusted, false),
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
    if (text && *text && strchr("=+-@\t\r", *text)) {
        size_t n = strlen(text);
        char *safe = malloc(n + 2);
        if (safe) {
            safe[0] = '\'';
            memcpy(safe + 1, text, n + 1);
            as_csv_write_field(stream, safe);
        } else {
            as_csv_write_field(stream, "out of memory");
        }
        free(safe);
        return;
    }
    as_csv_write_field(stream, text);
}

static void csv_real(FILE *stream, double value) {
    if (isfinite(value))
        fprintf(stream, "%.17g", value);
}

static void csv_cell(FILE *stream, const as_row_summary *row, const column *c) {
    const void *field = field_of(row, c);
    as_figure figure = {NAN, NAN, NAN};
    switch (c->kind) {
    case COLUMN_TEXT:
        csv_text(stream, *(const char *const *)field);
        break;
    case COLUMN_COUNT:
        if (*(const int64_t *)field >= 0)
            fprintf(stream, "%" PRId64, *(const int64_t *)field);
        break;
    case COLUMN_SIZE:
        fprintf(stream, "%zu", *(const size_t *)field);
        break;
    case COLUMN_REAL:
        csv_real(stream, *(const double *)field);
        break;
    case COLUMN_FLAG:
        fputs(*(const bool *)field ? "true" : "false", stream);
        break;
    case COLUMN_FIGURE:
        figure = *(const as_figure *)field;
        csv_real(stream, figure.value);
        fputc(',', stream);
        csv_real(stream, figure.low);
        fputc(',', stream);
        csv_real(stream, figure.high);
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

static void csv_row(FILE *stream, const as_run *run, const as_row_summary *row) {
    csv_text(stream, as_run_name(run));
    fputc(',', stream);
    csv_text(stream, json_string_value(json_object_get(run->suite, "name")));
    for (size_t i = 0; i < N_COLUMNS; i++) {
        fputc(',', stream);
        if (has(row, &columns[i]))
            csv_cell(stream, row, &columns[i]);
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
        csv_row(stream, run, &s.rows[k]);
    as_arena_free(arena);
    return status;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *real_json(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *text_json(const char *text) {
    json_t *value = text ? json_string(text) : json_null();
    return value ? value : json_string("(not UTF-8)");
}

static json_t *cell_json(const as_row_summary *row, const column *c) {
    const void *field = field_of(row, c);
    if (!has(row, c))
        return json_null();
    switch (c->kind) {
    case COLUMN_TEXT:
        return text_json(*(const char *const *)field);
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
                                      json_pack("{s:o, s:I}", "text", text_json(text), "cells",
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
                points, json_pack("{s:o, s:o, s:o, s:b}", "values", text_json(point->values),
                                  "mean", real_json(point->mean), "problem",
                                  text_json(point->problem), "selected", point->selected));
        }
        json_array_append_new(grids,
                              json_pack("{s:o, s:o, s:o}", "entry", text_json(s->grids[g].entry),
                                        "select", text_json(s->grids[g].select), "points", points));
    }
    return grids;
}

assay_status as_report_json(const as_run *run, json_t **ret_json, assay_error *error) {
    as_summary s;
    as_arena *arena = as_arena_new();
    if (!arena)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the report");
    assay_status status = as_summarise(arena, run, &s, error);
    if (status == ASSAY_OK) {
        json_t *rows = json_array();
        for (size_t k = 0; k < s.n_rows; k++) {
            json_t *row = json_object();
            for (size_t i = 0; i < N_COLUMNS; i++)
                json_object_set_new(row, columns[i].name, cell_json(&s.rows[k], &columns[i]));
            json_array_append_new(rows, row);
        }
        *ret_json =
            json_pack("{s:o, s:o, s:I, s:o, s:o, s:o, s:o}", "run", text_json(as_run_name(run)),
                      "suite", text_json(json_string_value(json_object_get(run->suite, "name"))),
                      "cells", (json_int_t)run->n_cells, "separable", real_json(s.separable),
                      "rows", rows, "grids", grids_json(&s), "warnings", warnings_json(run, &s));
        if (!*ret_json)
            status = as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the report");
    }
    as_arena_free(arena);
    return status;
}
