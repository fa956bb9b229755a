/* SPDX-License-Identifier: MIT */
/* Plots that are too high for a page are cut between lines of panels. */
#include <criterion/criterion.h>

#include "report/plot_parts.h"

static as_plot *make_plot(as_page *page, size_t n_panels, int columns) {
    as_plot *plot = as_plot_new(page, "x", "X", "About x.");
    for (size_t i = 0; i < n_panels; i++) {
        as_plot_panel *panel = as_plot_add_panel(plot, as_page_print(page, "panel %zu", i));
        as_plot_series *series = as_plot_add_series(plot, panel, "s", (as_look){0});
        series->markers = true;
        as_plot_add_point(plot, series, 1, 2);
        as_plot_add_point(plot, series, 2, 3);
    }
    plot->columns = columns;
    plot->panel_height = 280;
    return plot;
}

Test(plot_parts, what_fits_stays_whole) {
    as_arena *arena = as_arena_new();
    as_page page = as_page_new(arena);
    const as_plot *plot = make_plot(&page, 6, 2);
    size_t n = 0;
    const as_plot *parts = as_plot_parts(arena, plot, &n);
    cr_assert_eq(n, 1);
    cr_assert_eq(parts[0].n_panels, 6);
    cr_assert_str_eq(parts[0].id, plot->id);
    as_arena_free(arena);
}

Test(plot_parts, every_panel_is_in_one_part_that_fits) {
    as_arena *arena = as_arena_new();
    as_page page = as_page_new(arena);
    const as_plot *plot = make_plot(&page, 11, 2);
    size_t n = 0, seen = 0;
    const as_plot *parts = as_plot_parts(arena, plot, &n);
    cr_assert_eq(n, 2);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(parts[i].panels, plot->panels + seen);
        cr_assert_leq(as_plot_layout(arena, &parts[i]).height, AS_PART_HEIGHT);
        seen += parts[i].n_panels;
    }
    cr_assert_eq(seen, 11);
    cr_assert_str_eq(parts[1].id, "figure-x-2");
    as_arena_free(arena);
}

Test(plot_parts, one_line_of_panels_is_not_cut) {
    as_arena *arena = as_arena_new();
    as_page page = as_page_new(arena);
    as_plot *plot = make_plot(&page, 2, 2);
    size_t n = 0;
    plot->panel_height = 3000;
    as_plot_parts(arena, plot, &n);
    cr_assert_eq(n, 1);
    plot = make_plot(&page, 3, 1);
    plot->panel_height = 3000;
    as_plot_parts(arena, plot, &n);
    cr_assert_eq(n, 3);
    as_arena_free(arena);
}
