/* SPDX-License-Identifier: MIT */
/* Figures of where entries are wrong (F1 of every class, confusion matrices) and of how steady they
 * answer (latency, lengths of the texts that were timed). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "report/figures.h"

/* ---- F1 of every class -------------------------------------------------------------------------
 */

typedef struct class_place {
    int32_t label;
    double mean;
} class_place;

static int compare_classes(const void *a, const void *b) {
    const class_place *x = a, *y = b;
    if (x->mean != y->mean)
        return x->mean > y->mean ? -1 : 1;
    return (x->label > y->label) - (x->label < y->label);
}

/* Classes by falling mean F1; the rows that have all of them count. */
static size_t order_classes(const as_summary *s, const as_scores *first, class_place *places) {
    for (int32_t c = 0; c < first->n_classes; c++) {
        double sum = 0;
        size_t n = 0;
        for (size_t k = 0; k < s->n_complete; k++)
            if (s->rows[k].pooled.n_classes == first->n_classes) {
                sum += s->rows[k].pooled.per_class[c].f1;
                n++;
            }
        places[c] = (class_place){c, n ? sum / (double)n : 0};
    }
    qsort(places, (size_t)first->n_classes, sizeof *places, compare_classes);
    return (size_t)first->n_classes;
}

static void add_class_dots(as_plot *plot, as_plot_panel *panel, const as_summary *s,
                           const as_row_summary *row, const class_place *places, size_t n) {
    as_plot_series *series = as_plot_add_series(plot, panel, row->name, as_look_of(s, row));
    if (!series)
        return;
    series->markers = true;
    series->origin = (as_origin){.row = row,
                                 .file = "result.json",
                                 .field = "test.confusion",
                                 .how = "F1 of the summed matrices, %"};
    for (size_t i = 0; i < n; i++)
        as_plot_add_point(plot, series, 100 * row->pooled.per_class[places[i].label].f1, (double)i);
}

void as_figure_classes(as_page *page, const as_section_input *in) {
    const as_summary *s = in->summary;
    const as_scores *first = NULL;
    for (size_t k = 0; k < s->n_complete && !first; k++)
        first = s->rows[k].pooled.n > 0 ? &s->rows[k].pooled : NULL;
    enum { MOST_CLASSES = 60 };
    if (!first || first->n_classes < 2 || first->n_classes > MOST_CLASSES)
        return;
    size_t most = (size_t)first->n_classes;
    class_place *places = as_arena_alloc_array(page->arena, most, sizeof *places);
    const char **names = as_arena_alloc_array(page->arena, most, sizeof *names);
    as_plot *plot = as_plot_new(
        page, "classes", "Where is it wrong?",
        as_detailed_caption(page, s,
                            "F1 of every class in per cent, all seeds' test predictions "
                            "together, as in the table of classes; classes by their mean over all "
                            "entries."));
    if (!places || !names || !plot) {
        page->failed = true;
        return;
    }
    size_t n = order_classes(s, first, places), n_rows = 0;
    for (size_t i = 0; i < n; i++)
        names[i] = first->per_class[places[i].label].label;
    as_plot_panel *panel = NULL;
    for (size_t k = 0; k < s->n_complete && as_is_detailed(s, k); k++) {
        if (s->rows[k].pooled.n_classes != first->n_classes)
            continue;
        if (n_rows++ % AS_MOST_OVERLAID == 0)
            panel = as_plot_add_panel(plot, NULL);
        if (!panel)
            return;
        panel->x.label = "F1, %";
        panel->y.names = names;
        panel->y.n_names = n;
        add_class_dots(plot, panel, s, &s->rows[k], places, n);
    }
    plot->panel_height = 60 + 20 * (double)n;
    plot->key = plot->same_axes = plot->told = true;
    as_plot_finish(plot);
}

/* ---- confusion matrices ------------------------------------------------------------------------
 */

static int matrix_columns(int32_t n_classes, size_t n_panels) {
    int most = n_classes <= 3 ? 4 : n_classes <= 8 ? 3 : n_classes <= 24 ? 2 : 1;
    return (int)n_panels < most ? (int)n_panels : most;
}

void as_figure_confusions(as_page *page, const as_section_input *in) {
    const as_summary *s = in->summary;
    enum { MOST_CLASSES = 40 };
    const char *of = s->n_complete > AS_MOST_MATRICES
                         ? as_page_print(page, " Of %zu entries the best %d by accuracy%s.",
                                         s->n_complete, (int)AS_MOST_MATRICES,
                                         s->n_complete > AS_MOST_DETAILED
                                             ? ""
                                             : "; the others' matrices are in the tables")
                         : "";
    as_plot *plot = as_plot_new(
        page, "confusions", "What is taken for what?",
        as_page_print(page,
                      "True classes by row, predicted ones by column, all seeds together; shaded "
                      "by the share of the row.%s",
                      of));
    for (size_t k = 0; plot && k < s->n_complete && plot->n_panels < AS_MOST_MATRICES; k++) {
        const as_scores *scores = &s->rows[k].pooled;
        if (scores->n < 1 || scores->n_classes > MOST_CLASSES)
            continue;
        const char **labels =
            as_arena_alloc_array(page->arena, (size_t)scores->n_classes, sizeof *labels);
        as_plot_panel *panel = as_plot_add_panel(plot, s->rows[k].name);
        if (!labels || !panel) {
            page->failed = true;
            return;
        }
        for (int32_t c = 0; c < scores->n_classes; c++)
            labels[c] = scores->per_class[c].label ? scores->per_class[c].label : "";
        panel->matrix = (as_plot_matrix){labels, scores->confusion, scores->n_classes};
    }
    if (plot && plot->n_panels) {
        int32_t n = plot->panels[0].matrix.n;
        plot->columns = matrix_columns(n, plot->n_panels);
        plot->panel_height = AS_SCENE_WIDTH / plot->columns + (n <= 3 ? 10 : 0);
        plot->panel_height = fmin(plot->panel_height, 460);
    }
    as_plot_finish(plot);
}

/* ---- latency and lengths -----------------------------------------------------------------------
 */

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef double (*query_value)(const as_query *query);

static double milliseconds(const as_query *query) {
    return (double)query->nanoseconds / 1e6;
}

static double tokens(const as_query *query) {
    return (double)query->tokens;
}

/* Values of all seeds' single texts, ascending; NULL: none (or no memory). */
static double *sorted_values(as_page *page, const as_row_summary *row, query_value value,
                             size_t *ret_n) {
    size_t most = 0, n = 0;
    for (size_t i = 0; i < row->n_records; i++)
        most += row->records[i]->n_queries;
    double *values = most ? as_arena_alloc_array(page->arena, most, sizeof *values) : NULL;
    for (size_t i = 0; values && i < row->n_records; i++)
        for (size_t q = 0; q < row->records[i]->n_queries; q++)
            if (strcmp(row->records[i]->queries[q].scenario, "single_stream") == 0)
                values[n++] = value(&row->records[i]->queries[q]);
    if (n)
        qsort(values, n, sizeof *values, compare_doubles);
    *ret_n = n;
    return n ? values : NULL;
}

static const int percents[] = {1,  2,  5,  10, 15, 20, 25, 30, 35, 40, 45, 50, 55,
                               60, 65, 70, 75, 80, 85, 90, 93, 95, 97, 98, 99};

/* From 1 % to 99 %, by nearest rank. */
static void add_distribution(as_plot *plot, as_plot_panel *panel, const as_summary *s,
                             const as_row_summary *row, const char *name, query_value value,
                             const char *field) {
    size_t n = 0;
    const double *values = sorted_values(plot->page, row, value, &n);
    as_plot_series *series =
        values ? as_plot_add_series(plot, panel, name, as_look_of(s, row)) : NULL;
    if (!series)
        return;
    series->line = true;
    series->origin = (as_origin){
        .row = row, .file = "latency.csv", .field = field, .how = "percentiles of all seeds"};
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        size_t rank = (size_t)ceil(percents[i] / 100.0 * (double)n);
        as_plot_add_point(plot, series, values[rank ? rank - 1 : 0], percents[i]);
    }
}

/* The first row of those whose texts have the same lengths. */
static bool lengths_are_new(const as_summary *s, size_t k) {
    for (size_t i = 0; i < k; i++)
        if (s->rows[i].records[0]->dataset.mean_tokens ==
                s->rows[k].records[0]->dataset.mean_tokens &&
            s->rows[i].records[0]->n_queries)
            return false;
    return s->rows[k].records[0]->n_queries > 0;
}

static void add_latencies(as_page *page, const as_summary *s) {
    as_plot *plot = as_plot_new(
        page, "latency", "How steady is it?",
        as_detailed_caption(page, s,
                            "Share of single texts answered within a time, up to 99 %; all "
                            "seeds' texts together."));
    as_plot_panel *panel = NULL;
    size_t n = 0;
    for (size_t k = 0; plot && k < s->n_complete && as_is_detailed(s, k); k++) {
        if (s->rows[k].records[0]->n_queries == 0)
            continue;
        if (n++ % AS_MOST_OVERLAID == 0)
            panel = as_plot_add_panel(plot, NULL);
        if (!panel)
            return;
        panel->x.label = "latency of one text, ms";
        panel->x.log = true;
        panel->y.label = "texts, %";
        panel->y.low = 0;
        panel->y.high = 100;
        add_distribution(plot, panel, s, &s->rows[k], s->rows[k].name, milliseconds, "nanoseconds");
    }
    if (plot)
        plot->key = plot->same_axes = true;
    as_plot_finish(plot);
}

static void add_lengths(as_page *page, const as_summary *s) {
    as_plot *plot = as_plot_new(page, "lengths", "How long are the texts?",
                                "Share of the timed test texts with at most so many tokens, up to "
                                "99 %, as each entry's tokenizer and limit leave them.");
    as_plot_panel *panel = as_plot_add_panel(plot, NULL);
    if (!panel)
        return;
    panel->x.label = "tokens of a text";
    panel->y.label = "texts, %";
    panel->y.low = 0;
    panel->y.high = 100;
    for (size_t k = 0; k < s->n_complete; k++) {
        if (!lengths_are_new(s, k))
            continue;
        size_t n_same = 0;
        for (size_t i = 0; i < s->n_complete; i++)
            n_same += s->rows[i].records[0]->dataset.mean_tokens ==
                      s->rows[k].records[0]->dataset.mean_tokens;
        const char *name = n_same > 1
                               ? as_page_print(page, "%s and %zu more", s->rows[k].name, n_same - 1)
                               : s->rows[k].name;
        add_distribution(plot, panel, s, &s->rows[k], name, tokens, "tokens");
    }
    plot->key = true;
    plot->panel_height = 220;
    as_plot_finish(plot);
}

assay_status as_figure_latency(as_page *page, const as_section_input *in, assay_error *error) {
    if (in->summary->n_complete == 0)
        return ASSAY_OK;
    add_latencies(page, in->summary);
    add_lengths(page, in->summary);
    return page->failed ? as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the figures")
                        : ASSAY_OK;
}
