/* SPDX-License-Identifier: MIT */
/* Grids: selection among the points on validation figures, and how it is told. */
#include "report/grids.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "report/number.h"
#include "report/text_table.h"

/* What the row's records say of their grid; a cell that was not run says nothing. */
static const json_t *grid_of(const as_row_summary *row) {
    for (size_t i = 0; i < row->n_records; i++)
        if (row->records[i]->grid)
            return row->records[i]->grid;
    return NULL;
}

static const char *grid_text(const as_row_summary *row, const char *key) {
    const char *text = json_string_value(json_object_get(grid_of(row), key));
    return text ? text : "?";
}

/* Rows of one grid run on the same backend in the same precision. */
static bool same_grid(const as_row_summary *a, const as_row_summary *b) {
    return strcmp(grid_text(a, "entry"), grid_text(b, "entry")) == 0 &&
           strcmp(a->backend ? a->backend : "", b->backend ? b->backend : "") == 0 &&
           strcmp(a->dtype ? a->dtype : "", b->dtype ? b->dtype : "") == 0;
}

static double validation_figure(const as_record *record, const char *select) {
    if (strcmp(select, "validation.loss") == 0)
        return record->validation.loss;
    if (strcmp(select, "validation.f1_macro") == 0)
        return record->validation.f1_macro.value;
    return record->validation.accuracy.value;
}

/* "lr 0.001, hidden 64" from the values by path. */
static const char *values_text(as_arena *arena, const as_row_summary *row) {
    char text[300] = "";
    const char *path;
    json_t *value;
    json_object_foreach(json_object_get(grid_of(row), "values"), path, value) {
        const char *dot = strrchr(path, '.');
        size_t n = strlen(text);
        char number[64];
        if (json_is_string(value))
            snprintf(number, sizeof number, "%.60s", json_string_value(value));
        else if (json_is_number(value))
            snprintf(number, sizeof number, "%.6g", json_number_value(value));
        else
            snprintf(number, sizeof number, "%s",
                     json_is_true(value)    ? "true"
                     : json_is_false(value) ? "false"
                                            : "...");
        snprintf(text + n, sizeof text - n, "%s%.60s %s", n ? ", " : "", dot ? dot + 1 : path,
                 number);
    }
    return as_arena_strdup(arena, text);
}

static as_grid_point make_point(as_arena *arena, const as_row_summary *row, const char *select) {
    as_grid_point point = {.name = row->name,
                           .values = values_text(arena, row),
                           .mean = NAN,
                           .low = NAN,
                           .high = NAN,
                           .problem = row->problem,
                           .records = row->records,
                           .n_records = row->n_records};
    double sum = 0;
    for (size_t i = 0; !row->problem && i < row->n_records; i++) {
        double figure = validation_figure(row->records[i], select);
        sum += figure;
        point.low = i ? fmin(point.low, figure) : figure;
        point.high = i ? fmax(point.high, figure) : figure;
    }
    if (!row->problem)
        point.mean = sum / (double)row->n_records;
    return point;
}

static bool is_better(const as_grid *grid, double a, double b) {
    return strcmp(grid->select, "validation.loss") == 0 ? a < b : a > b;
}

/* Fills grid->points; returns the selected row's place in `rows`, or n_rows. */
static size_t fill_grid(as_arena *arena, const as_summary *s, size_t first, as_grid *grid) {
    size_t selected = s->n_rows, selected_point = 0;
    grid->entry = grid_text(&s->rows[first], "entry");
    grid->select = grid_text(&s->rows[first], "select");
    for (size_t k = first; k < s->n_rows; k++) {
        if (!grid_of(&s->rows[k]) || !same_grid(&s->rows[first], &s->rows[k]))
            continue;
        as_grid_point *point = &grid->points[grid->n_points];
        *point = make_point(arena, &s->rows[k], grid->select);
        if (!isnan(point->mean) &&
            (selected == s->n_rows ||
             is_better(grid, point->mean, grid->points[selected_point].mean))) {
            selected = k;
            selected_point = grid->n_points;
        }
        grid->n_points++;
    }
    if (selected < s->n_rows)
        grid->points[selected_point].selected = true;
    return selected;
}

/* The row that stands for a grid: its selected point, or the reason why there is none. */
static assay_status name_row(as_arena *arena, as_row_summary *row, const as_grid *grid,
                             bool selected, assay_error *error) {
    char name[700];
    snprintf(name, sizeof name, "%s [best of %zu on validation]", row->name, grid->n_points);
    if (!selected) {
        row->name = grid->entry;
        if (!row->problem)
            row->problem = "no point of its grid can be selected: there are no validation texts";
        return ASSAY_OK;
    }
    row->name = as_arena_strdup(arena, name);
    return row->name ? ASSAY_OK
                     : as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for a name");
}

assay_status as_select_points(as_arena *arena, as_summary *s, assay_error *error) {
    bool *drop = as_arena_alloc_array(arena, s->n_rows + 1, sizeof *drop);
    bool *seen = as_arena_alloc_array(arena, s->n_rows + 1, sizeof *seen);
    s->grids = as_arena_alloc_array(arena, s->n_rows + 1, sizeof *s->grids);
    if (!drop || !seen || !s->grids)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the grids");
    for (size_t k = 0; k < s->n_rows; k++) {
        if (!grid_of(&s->rows[k]) || seen[k])
            continue;
        as_grid *grid = &s->grids[s->n_grids++];
        grid->points = as_arena_alloc_array(arena, s->n_rows, sizeof *grid->points);
        if (!grid->points)
            return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the grids");
        size_t selected = fill_grid(arena, s, k, grid);
        size_t shown = selected < s->n_rows ? selected : k;
        for (size_t i = k; i < s->n_rows; i++) {
            if (!grid_of(&s->rows[i]) || !same_grid(&s->rows[k], &s->rows[i]))
                continue;
            seen[i] = true;
            drop[i] = i != shown;
        }
        assay_status status = name_row(arena, &s->rows[shown], grid, selected < s->n_rows, error);
        if (status != ASSAY_OK)
            return status;
    }
    size_t n = 0;
    for (size_t k = 0; k < s->n_rows; k++)
        if (!drop[k])
            s->rows[n++] = s->rows[k];
    s->n_rows = n;
    return ASSAY_OK;
}

bool as_is_passed_over(const as_summary *s, const as_record *record) {
    for (size_t g = 0; g < s->n_grids; g++)
        for (size_t i = 0; i < s->grids[g].n_points; i++) {
            const as_grid_point *point = &s->grids[g].points[i];
            for (size_t r = 0; !point->selected && r < point->n_records; r++)
                if (point->records[r] == record)
                    return true;
        }
    return false;
}

/* ---- how it is told -------------------------------------------------------------------------- */

void as_grids_print(const as_summary *s, FILE *stream, int width) {
    for (size_t g = 0; g < s->n_grids; g++) {
        const as_grid *grid = &s->grids[g];
        const as_grid_point *best = NULL;
        double worst = NAN;
        for (size_t i = 0; i < grid->n_points; i++) {
            const as_grid_point *point = &grid->points[i];
            best = point->selected ? point : best;
            if (!isnan(point->mean) && (isnan(worst) || is_better(grid, worst, point->mean)))
                worst = point->mean;
        }
        if (!best)
            continue;
        char text[600];
        snprintf(text, sizeof text,
                 "%s: %s, selected among %zu points by %s, %s (the worst point: %s)", grid->entry,
                 best->values ? best->values : "", grid->n_points, grid->select,
                 as_number_plain(best->mean).value, as_number_plain(worst).value);
        as_print_wrapped(stream, "Grid ", "  ", text, width);
    }
}
