/* SPDX-License-Identifier: MIT */
/* Where the time of a step goes, by operation, of the cells that were profiled (profile.json). */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "report/figures.h"
#include "report/profile_table.h"

enum { MOST_OPERATIONS = 8, MOST_PANELS = 12 };

/* Names of the part's costliest operations, the rest as one; returns how many. */
static size_t add_bars(as_plot *plot, as_plot_panel *panel, const as_record *record,
                       const as_profile *profile, const as_profile_part *part) {
    size_t n = 0, n_all = 0;
    const as_profile_operation *all =
        as_profile_operations(plot->page->arena, profile, part, &n_all);
    const char **names =
        as_arena_alloc_array(plot->page->arena, MOST_OPERATIONS + 1, sizeof *names);
    as_plot_series *series = as_plot_add_series(
        plot, panel, as_page_print(plot->page, "%s", part->name), (as_look){.hue = 0});
    double rest = 0;
    if (!all || !names || !series || !(part->seconds > 0)) {
        plot->page->failed = plot->page->failed || !all || !names;
        return 0;
    }
    series->markers = series->bars = true;
    series->origin = (as_origin){.record = record,
                                 .file = "profile.json",
                                 .field = "parts.lines.seconds",
                                 .how = "of the part's seconds, %"};
    for (size_t i = 0; i < n_all; i++) {
        if (n == MOST_OPERATIONS) {
            rest += all[i].seconds;
            continue;
        }
        names[n] = as_page_print(plot->page, "%s", all[i].name);
        as_plot_add_point(plot, series, 100 * all[i].seconds / part->seconds, (double)n);
        n++;
    }
    if (rest > 0) {
        names[n] = "all others";
        as_plot_add_point(plot, series, 100 * rest / part->seconds, (double)n);
        n++;
    }
    panel->y.names = names;
    panel->y.n_names = n;
    panel->x.label = "share of a step's time, %";
    panel->x.low = 0;
    return n;
}

static size_t add_cell(as_plot *plot, const as_record *record, const as_profile *profile) {
    size_t most = 0;
    for (size_t p = 0; p < profile->n_parts && plot->n_panels < MOST_PANELS; p++) {
        as_plot_panel *panel = as_plot_add_panel(
            plot, as_page_print(plot->page, "%s, %s", record->entry, profile->parts[p].name));
        size_t n = panel ? add_bars(plot, panel, record, profile, &profile->parts[p]) : 0;
        most = n > most ? n : most;
    }
    return most;
}

assay_status as_figure_profiles(as_page *page, const as_section_input *in, assay_error *error) {
    const as_summary *s = in->summary;
    size_t most = 0;
    as_plot *plot = as_plot_new(page, "operations", "Where does the time go?",
                                "Share of the time of a step by operation, of the first seed of "
                                "each entry that was profiled.");
    for (size_t k = 0; plot && k < s->n_complete; k++) {
        as_profile *profile = NULL;
        assay_error none = ASSAY_ERROR_INIT;
        assay_status status = as_run_profile(in->run, s->rows[k].records[0], &profile, &none);
        if (status == ASSAY_NOT_FOUND)
            continue;
        if (status != ASSAY_OK)
            return as_fail(error, status, none.where, "%s", none.text);
        size_t n = add_cell(plot, s->rows[k].records[0], profile);
        most = n > most ? n : most;
        as_profile_free(profile);
    }
    if (plot) {
        plot->columns = 2;
        plot->panel_height = 70 + 20 * (double)most;
    }
    as_plot_finish(plot);
    return ASSAY_OK;
}
