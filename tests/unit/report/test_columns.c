/* SPDX-License-Identifier: MIT */
/* The comparison as CSV and JSON: every row and figure, unrounded; nothing that a spreadsheet would
 * run; nothing missing without a trace. */
#include <jansson.h>

#include "fixture.h"
#include "report/report.h"
#include "results/record/csv.h"

typedef struct written {
    char *folder, *csv;
    as_run *run;
    json_t *json;
} written;

static written write_both(const fixture_cell *cells, size_t n) {
    written t = {.folder = fixture_folder()};
    size_t size = 0;
    FILE *stream = open_memstream(&t.csv, &size);
    fixture_run(t.folder, cells, n, NULL);
    cr_assert_eq(as_run_read(t.folder, 1, &t.run, NULL), ASSAY_OK);
    as_report_write_csv_header(stream);
    cr_assert_eq(as_report_write_csv(t.run, stream, NULL), ASSAY_OK);
    fclose(stream);
    cr_assert_eq(as_report_json(t.run, &t.json, NULL), ASSAY_OK);
    return t;
}

static void done(written *t) {
    as_run_free(t->run);
    json_decref(t->json);
    free(t->csv);
    cr_assert_eq(as_remove_folder(t->folder, NULL), ASSAY_OK);
    free(t->folder);
}

/* Field of row `row` (0: the first below the names) under a name; "" when empty, NULL when there is
 * no such column. */
static const char *cell(const char *text, const char *name, size_t row) {
    char *copy = strdup(text);
    as_csv csv = as_csv_open(copy);
    const char *error = NULL, *field, *found = NULL;
    size_t column = 0, wanted = SIZE_MAX, line = 0;
    while (!found && (field = as_csv_next(&csv, &error))) {
        if (line == 0 && strcmp(field, name) == 0)
            wanted = column;
        if (line == row + 1 && column == wanted)
            found = field;
        column = csv.at_line_end ? 0 : column + 1;
        line += csv.at_line_end;
    }
    cr_assert_null(error);
    static char kept[256];
    if (found)
        snprintf(kept, sizeof kept, "%s", found);
    free(copy);
    return found ? kept : NULL;
}

static const json_t *json_cell(const written *t, size_t row, const char *name) {
    return json_object_get(json_array_get(json_object_get(t->json, "rows"), row), name);
}

Test(columns, every_figure_is_there_unrounded) {
    fixture_cell cells[3] = {fixture_default("best", 1, 0xffffffff),
                             fixture_default("best", 2, 0xfffffff0),
                             fixture_default("low", 1, 0x0000ffff)};
    written t = write_both(cells, 3);
    cr_assert_str_eq(cell(t.csv, "name", 0), "best");
    cr_assert_str_eq(cell(t.csv, "suite", 0), "small");
    cr_assert_str_eq(cell(t.csv, "seeds_ok", 0), "2");
    cr_assert_str_eq(cell(t.csv, "accuracy", 0), "0.9375");
    cr_assert_str_eq(cell(t.csv, "accuracy_high", 0), "1");
    cr_assert_str_eq(cell(t.csv, "best", 0), "true");
    cr_assert_str_eq(cell(t.csv, "p_against_best", 0), "");
    cr_assert_str_eq(cell(t.csv, "best", 1), "false");
    cr_assert_str_eq(cell(t.csv, "parameters_total", 1), "345090");
    cr_assert_float_eq(strtod(cell(t.csv, "p50_ms", 1), NULL),
                       json_number_value(json_object_get(json_cell(&t, 1, "p50_ms"), "value")), 0);
    cr_assert_float_eq(json_number_value(json_object_get(json_cell(&t, 0, "accuracy"), "value")),
                       0.9375, 0);
    cr_assert(json_is_null(json_cell(&t, 0, "p_against_best")));
    cr_assert(json_is_number(json_cell(&t, 1, "p_against_best")));
    cr_assert_eq(json_array_size(json_object_get(t.json, "warnings")), 1);
    done(&t);
}

Test(columns, a_row_without_figures_says_why_and_has_no_numbers) {
    fixture_cell cells[2] = {fixture_default("good", 1, 0xffffffff),
                             fixture_default("bad", 1, 0xffffffff)};
    cells[1].cpu = NULL;
    written t = write_both(cells, 2);
    cr_assert(strstr(cell(t.csv, "problem", 1), "memory limit 1 GiB reached"));
    cr_assert_str_eq(cell(t.csv, "accuracy", 1), "");
    cr_assert_str_eq(cell(t.csv, "peak_mib", 1), "");
    cr_assert(json_is_null(json_cell(&t, 1, "accuracy")));
    cr_assert(json_is_string(json_cell(&t, 1, "problem")));
    cr_assert(json_is_null(json_cell(&t, 0, "problem")));
    done(&t);
}

Test(columns, a_spreadsheet_gets_no_formula) {
    static const char *const names[] = {"=1+1", "@SUM(A1)", "-2+3|cmd", "+4, \"x\""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        fixture_cell hostile = fixture_default(names[i], 1, 0xffffffff);
        written t = write_both(&hostile, 1);
        char expected[64];
        snprintf(expected, sizeof expected, "'%s", names[i]);
        cr_assert_str_eq(cell(t.csv, "entry", 0), expected);
        cr_assert_str_eq(json_string_value(json_cell(&t, 0, "entry")), names[i]);
        done(&t);
    }
}

Test(columns, passed_over_points_leave_no_test_figure) {
    fixture_cell cells[2] = {fixture_default("gru-a", 1, 0xffffffff),
                             fixture_default("gru-b", 2, 0x0000ffff)};
    for (size_t i = 0; i < 2; i++) {
        cells[i].grid = "{\"entry\": \"gru\", \"select\": \"validation.accuracy\", \"values\": "
                        "{\"training.lr\": 0.5}}";
        cells[i].validation = i == 0 ? 0.7 : 0.6;
    }
    written t = write_both(cells, 2);
    cr_assert_eq(json_array_size(json_object_get(t.json, "rows")), 1);
    cr_assert_null(strstr(t.csv, "gru-b"));
    cr_assert_eq(json_array_size(json_object_get(t.json, "warnings")), 0);
    const json_t *grid = json_array_get(json_object_get(t.json, "grids"), 0);
    cr_assert_eq(json_array_size(json_object_get(grid, "points")), 2);
    done(&t);
}
