/* SPDX-License-Identifier: MIT */
/* Figures of the comparison: accuracy against cost, differences, seeds. */
#include "report/figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "stats/tests.h"

static as_figure scaled(as_figure f, double scale) {
    return (as_figure){f.value * scale, f.low * scale, f.high * scale};
}

static as_origin of_row(const as_row_summary *row, const char *file, const char *field,
                        const char *how) {
    return (as_origin){.row = row, .file = file, .field = field, .how = how};
}

/* ---- accuracy against cost ---------------------------------------------------------------------
 */

typedef enum cost { COST_LATENCY, COST_PARAMETERS, COST_MEMORY, N_COSTS } cost;

static as_figure cost_of(const as_row_summary *row, cost which) {
    if (which == COST_LATENCY)
        return row->p50_ms;
    double value = which == COST_PARAMETERS ? (double)row->parameters_total : row->peak_mib;
    return as_figure_point(value > 0 ? value : NAN);
}

/* Better in one and not worse in the other than every other row: one step of the front each. */
static bool is_on_front(const as_summary *s, const as_row_summary *row, cost which) {
    double own = cost_of(row, which).value;
    for (size_t k = 0; k < s->n_complete; k++) {
        const as_row_summary *other = &s->rows[k];
        double its = cost_of(other, which).value;
        bool no_worse = its <= own && other->accuracy.value >= row->accuracy.value;
        bool better = its < own || other->accuracy.value > row->accuracy.value;
        if (other != row && no_worse && better)
            return false;
    }
    return own > 0 && isfinite(row->accuracy.value);
}

static const as_row_summary *next_on_front(const as_summary *s, cost which, double above) {
    const as_row_summary *next = NULL;
    for (size_t k = 0; k < s->n_complete; k++) {
        const as_row_summary *row = &s->rows[k];
        double its = cost_of(row, which).value;
        if (its > above && is_on_front(s, row, which) &&
            (!next || its < cost_of(next, which).value))
            next = row;
    }
    return next;
}

/* A staircase: what accuracy can be had for at most that cost. */
static void add_front(as_plot *plot, as_plot_panel *panel, const as_summary *s, cost which) {
    as_plot_series *front = as_plot_add_series(plot, panel, "Pareto front", (as_look){0});
    double above = 0, last = NAN;
    if (!front)
        return;
    front->line = front->guide = true;
    for (const as_row_summary *row; (row = next_on_front(s, which, above));) {
        above = cost_of(row, which).value;
        if (!isnan(last))
            as_plot_add_point(plot, front, above, last);
        last = 100 * row->accuracy.value;
        as_plot_add_point(plot, front, above, last);
    }
}

static void add_cost_panel(as_plot *plot, const as_summary *s, cost which) {
    static const struct {
        const char *label, *file, *field;
    } axes[N_COSTS] = {
        {"median latency of one text, ms", "latency.csv", "nanoseconds"},
        {"parameters", "result.json", "model.parameters.total"},
        {"peak memory, MiB", "result.json", "memory.peak_rss_bytes"},
    };
    as_plot_panel *panel = as_plot_add_panel(plot, NULL);
    if (!panel)
        return;
    panel->x.label = axes[which].label;
    panel->x.log = true;
    panel->y.label = "accuracy, %";
    add_front(plot, panel, s, which);
    for (size_t k = 0; k < s->n_complete; k++) {
        const as_row_summary *row = &s->rows[k];
        as_plot_series *series = as_plot_add_series(plot, panel, row->name, as_look_of(s, row));
        if (!series)
            return;
        series->markers = series->labelled = true;
        series->origin = of_row(row, axes[which].file, axes[which].field, "against test.accuracy");
        if (cost_of(row, which).value > 0)
            as_plot_add_figure(plot, series, cost_of(row, which), scaled(row->accuracy, 100));
    }
}

void as_figure_costs(as_page *page, const as_section_input *in) {
    const as_summary *s = in->summary;
    if (s->n_complete < 2 || isnan(s->rows[0].accuracy.value))
        return;
    bool many = s->n_complete > AS_MOST_DETAILED;
    as_plot *plot = as_plot_new(
        page, "costs", "Is it worth its cost?",
        as_page_print(page,
                      "Accuracy on the test split against the median latency of one text, "
                      "parameters and peak memory (logarithmic). Bars: 95 %% intervals. The dashed "
                      "front joins the entries that no other one beats in both.%s",
                      many ? " The data of so many points stand in report.csv (--format csv)."
                           : ""));
    for (int which = 0; which < N_COSTS; which++) {
        bool any = false;
        for (size_t k = 0; k < s->n_complete; k++)
            any = any || cost_of(&s->rows[k], (cost)which).value > 0;
        if (any)
            add_cost_panel(plot, s, (cost)which);
    }
    if (plot) {
        plot->panel_height = 250 + (s->n_complete > 8 ? 60 : 0);
        plot->told = many;
        plot->key = true; /* of what has no name beside it */
    }
    as_plot_finish(plot);
}

/* ---- differences from the best -----------------------------------------------------------------
 */

/* Points that the row is above the best; Tango's interval over texts. */
static as_figure difference_from(const as_row_summary *best, const as_row_summary *row) {
    as_discordance d = as_rows_discordance(best, row);
    return scaled(as_tango(d.gains, d.losses, (double)row->n_texts), 100);
}

static double accuracy_of_seed(const as_row_summary *row, uint64_t seed) {
    for (size_t i = 0; i < row->n_records; i++)
        if (row->records[i]->seed == seed)
            return row->records[i]->test.accuracy.value;
    return NAN;
}

static void add_difference(as_plot *plot, as_plot_panel *panel, const as_summary *s,
                           const as_row_summary *row, as_figure points, double place) {
    const as_row_summary *best = &s->rows[0];
    as_look look = as_look_of(s, row);
    as_plot_series *seeds = as_plot_add_series(plot, panel, row->name, look);
    if (!seeds)
        return;
    seeds->markers = seeds->quiet = true;
    seeds->origin =
        of_row(row, "result.json", "test.accuracy", "less the best's of that seed, points");
    for (size_t i = 0; row->n_records > 1 && i < row->n_records; i++)
        as_plot_add_point(plot, seeds,
                          100 * (row->records[i]->test.accuracy.value -
                                 accuracy_of_seed(best, row->records[i]->seed)),
                          place + 0.22);
    as_plot_series *mean = as_plot_add_series(plot, panel, row->name, look);
    if (!mean)
        return;
    mean->markers = true;
    mean->origin = of_row(row, "predictions.csv", "predicted,label",
                          "less the best's, Tango's interval, points");
    as_plot_add_figure(plot, mean, points, (as_figure){place, NAN, NAN});
}

assay_status as_figure_differences(as_page *page, const as_section_input *in, assay_error *error) {
    const as_summary *s = in->summary;
    const char **names = as_arena_alloc_array(page->arena, s->n_complete, sizeof *names);
    size_t n = 0;
    if (!names)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the figures");
    const char *about =
        s->n_complete ? as_page_print(page,
                                      "Accuracy less that of %s, the best, on the same texts. "
                                      "Bars: 95 %% intervals over texts (Tango 1998); dots: seeds. "
                                      "What reaches the line may be as good.",
                                      s->rows[0].name)
                      : "";
    as_plot *plot = as_plot_new(page, "differences", "Is the difference real?",
                                as_detailed_caption(page, s, about));
    as_plot_panel *panel = as_plot_add_panel(plot, NULL);
    for (size_t k = 1; panel && k < s->n_complete && as_is_detailed(s, k); k++) {
        if (!s->rows[k].paired)
            continue;
        names[n] = s->rows[k].name;
        add_difference(plot, panel, s, &s->rows[k], difference_from(&s->rows[0], &s->rows[k]),
                       (double)n);
        n++;
    }
    if (n == 0)
        return ASSAY_OK;
    panel->x.label = "difference in accuracy, points";
    panel->x_rule = 0;
    panel->y.names = names;
    panel->y.n_names = n;
    plot->panel_height = 60 + 26 * (double)n;
    as_plot_finish(plot);
    return ASSAY_OK;
}

/* ---- seeds -------------------------------------------------------------------------------------
 */

void as_figure_seeds(as_page *page, const as_section_input *in) {
    const as_summary *s = in->summary;
    if (s->n_complete == 0 || s->n_seeds < 2)
        return;
    const char **names = as_arena_alloc_array(page->arena, s->n_complete, sizeof *names);
    as_plot *plot =
        as_plot_new(page, "seeds", "Do the seeds agree?",
                    as_detailed_caption(page, s,
                                        "Accuracy on the test split: each seed as a dot, their "
                                        "mean as a marker with its 95 % interval over texts and "
                                        "seeds."));
    as_plot_panel *panel = as_plot_add_panel(plot, NULL);
    if (!names || !panel) {
        page->failed = true;
        return;
    }
    panel->x.label = "accuracy, %";
    panel->y.names = names;
    for (size_t k = 0; k < s->n_complete && as_is_detailed(s, k); k++) {
        const as_row_summary *row = &s->rows[k];
        names[panel->y.n_names++] = row->name;
        as_plot_series *seeds = as_plot_add_series(plot, panel, row->name, as_look_of(s, row));
        for (size_t i = 0; seeds && i < row->n_records; i++)
            as_plot_add_point(plot, seeds, 100 * row->records[i]->test.accuracy.value,
                              (double)k + 0.22);
        if (seeds) {
            seeds->markers = seeds->quiet = true;
            seeds->origin = of_row(row, "result.json", "test.accuracy", "%");
        }
        as_plot_series *mean = as_plot_add_series(plot, panel, row->name, as_look_of(s, row));
        if (!mean)
            return;
        mean->markers = true;
        mean->origin = of_row(row, "result.json", "test.accuracy", "mean over seeds, %");
        as_plot_add_figure(plot, mean, scaled(row->accuracy, 100),
                           (as_figure){(double)k, NAN, NAN});
    }
    plot->panel_height = 60 + 26 * (double)panel->y.n_names;
    as_plot_finish(plot);
}
