/* SPDX-License-Identifier: MIT */
/* Building plots, and their data as a table. */
#include "report/plot.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void *grow(as_page *page, void **items, size_t n, size_t *room, size_t size) {
    if (n < *room)
        return (char *)*items + n * size;
    size_t wanted = *room ? 2 * *room : 8;
    void *larger = as_arena_alloc_array(page->arena, wanted, size);
    if (!larger) {
        page->failed = true;
        return NULL;
    }
    if (n)
        memcpy(larger, *items, n * size);
    *items = larger;
    *room = wanted;
    return (char *)larger + n * size;
}

as_plot *as_plot_new(as_page *page, const char *id, const char *title, const char *about) {
    as_plot *plot = as_arena_alloc(page->arena, sizeof *plot);
    if (!plot) {
        page->failed = true;
        return NULL;
    }
    *plot = (as_plot){.page = page,
                      .id = as_page_print(page, "%sfigure-%s", page->prefix, id),
                      .title = title,
                      .about = about,
                      .columns = 1,
                      .panel_height = 280};
    return plot;
}

as_plot_panel *as_plot_add_panel(as_plot *plot, const char *title) {
    as_plot_panel *panel =
        plot ? grow(plot->page, (void **)&plot->panels, plot->n_panels, &plot->room, sizeof *panel)
             : NULL;
    if (!panel)
        return NULL;
    *panel = (as_plot_panel){.title = title,
                             .x = {.label = "", .low = NAN, .high = NAN},
                             .y = {.label = "", .low = NAN, .high = NAN},
                             .x_rule = NAN};
    plot->n_panels++;
    return panel;
}

as_plot_series *as_plot_add_series(as_plot *plot, as_plot_panel *panel, const char *name,
                                   as_look look) {
    as_plot_series *series = panel ? grow(plot->page, (void **)&panel->series, panel->n_series,
                                          &panel->room, sizeof *series)
                                   : NULL;
    if (!series)
        return NULL;
    *series = (as_plot_series){.name = name, .look = look};
    panel->n_series++;
    return series;
}

static void add_point(as_plot *plot, as_plot_series *series, as_plot_point point) {
    as_plot_point *place =
        series && isfinite(point.x) && isfinite(point.y)
            ? grow(plot->page, (void **)&series->points, series->n, &series->room, sizeof *place)
            : NULL;
    if (!place)
        return;
    *place = point;
    series->n++;
}

void as_plot_add_point(as_plot *plot, as_plot_series *series, double x, double y) {
    add_point(plot, series, (as_plot_point){x, y, NAN, NAN, NAN, NAN});
}

void as_plot_add_figure(as_plot *plot, as_plot_series *series, as_figure x, as_figure y) {
    add_point(plot, series, (as_plot_point){x.value, y.value, x.low, x.high, y.low, y.high});
}

/* ---- its data as a table -----------------------------------------------------------------------
 */

static bool any_interval(const as_plot *plot, bool of_x) {
    for (size_t p = 0; p < plot->n_panels; p++)
        for (size_t s = 0; s < plot->panels[p].n_series; s++)
            for (size_t i = 0; i < plot->panels[p].series[s].n; i++) {
                const as_plot_point *point = &plot->panels[p].series[s].points[i];
                if (!isnan(of_x ? point->x_low : point->y_low))
                    return true;
            }
    return false;
}

static void add_number(as_page *page, double value, const as_origin *origin) {
    as_page_cell(page);
    as_page_number(page, value, isnan(value) ? "-" : as_page_print(page, "%.6g", value));
    if (page->span && page->span->kind == AS_SPAN_NUMBER)
        page->span->origin = *origin;
}

static void add_coordinate(as_page *page, const as_axis *axis, double value,
                           const as_origin *origin) {
    if (axis->names && value >= 0 && value < (double)axis->n_names)
        as_page_cell_name(page, axis->names[(size_t)value]);
    else
        add_number(page, value, origin);
}

static void add_point_row(as_page *page, const as_plot *plot, const as_plot_panel *panel,
                          const as_plot_series *series, const as_plot_point *point, bool x_bars,
                          bool y_bars) {
    as_page_row(page);
    if (plot->n_panels > 1)
        as_page_cell_name(page, panel->title);
    as_page_cell_name(page, series->name);
    add_coordinate(page, &panel->x, point->x, &series->origin);
    if (x_bars) {
        add_number(page, point->x_low, &series->origin);
        add_number(page, point->x_high, &series->origin);
    }
    add_coordinate(page, &panel->y, point->y, &series->origin);
    if (y_bars) {
        add_number(page, point->y_low, &series->origin);
        add_number(page, point->y_high, &series->origin);
    }
}

static void add_heads(as_page *page, const as_plot *plot, bool x_bars, bool y_bars) {
    const as_plot_panel *first = &plot->panels[0];
    as_page_table(page, as_page_print(page, "data-of-%s", plot->id + strlen(page->prefix)),
                  as_page_print(page, "Data of the figure: %s", plot->title));
    if (plot->n_panels > 1)
        as_page_column(page, "panel", AS_COLUMN_TEXT);
    as_page_column(page, "series", AS_COLUMN_TEXT);
    const as_axis *axes[2] = {&first->x, &first->y};
    for (int a = 0; a < 2; a++) {
        const char *label = axes[a]->names ? "" : axes[a]->label;
        as_page_column(page,
                       *label ? label
                       : a    ? "y"
                              : "x",
                       axes[a]->names ? AS_COLUMN_TEXT : AS_COLUMN_NUMBER);
        if (a ? y_bars : x_bars) {
            as_page_column(page, "from", AS_COLUMN_NUMBER);
            as_page_column(page, "to", AS_COLUMN_NUMBER);
        }
    }
}

static bool has_matrix(const as_plot *plot) {
    return plot->n_panels && plot->panels[0].matrix.n > 0;
}

static size_t count_points(const as_plot *plot) {
    size_t n = 0;
    for (size_t p = 0; p < plot->n_panels; p++) {
        n += plot->panels[p].matrix.n > 0;
        for (size_t s = 0; s < plot->panels[p].n_series; s++)
            n += plot->panels[p].series[s].n;
    }
    return n;
}

void as_plot_finish(as_plot *plot) {
    if (!plot || count_points(plot) == 0)
        return;
    as_page *page = plot->page;
    bool x_bars = any_interval(plot, true), y_bars = any_interval(plot, false);
    as_page_plot(page, plot);
    if (plot->told || has_matrix(plot)) /* matrices' counts are tables already */
        return;
    page->with_pictures = true;
    as_page_details(page);
    as_page_text(page, "Data of this figure");
    add_heads(page, plot, x_bars, y_bars);
    for (size_t p = 0; p < plot->n_panels; p++)
        for (size_t s = 0; s < plot->panels[p].n_series; s++)
            for (size_t i = 0; i < plot->panels[p].series[s].n; i++)
                add_point_row(page, plot, &plot->panels[p], &plot->panels[p].series[s],
                              &plot->panels[p].series[s].points[i], x_bars, y_bars);
    as_page_details_end(page);
    page->with_pictures = false;
}
