/* SPDX-License-Identifier: MIT */
/* report/plot.h: a figure as data: panels of series of points, with their intervals. Made by the
 * sections (report/figures.h), arranged into a scene by plot_layout.c, and told as a table where
 * there is no picture. */
#ifndef AS_REPORT_PLOT_H
#define AS_REPORT_PLOT_H

#include "report/looks.h"
#include "report/page.h"

typedef struct as_plot_point {
    double x, y, x_low, x_high, y_low, y_high; /* NaN: no interval */
} as_plot_point;

typedef struct as_plot_series {
    const char *name;
    as_look look;
    bool line, markers; /* how it is drawn */
    bool quiet;         /* small and without a label: the seeds behind a mean */
    bool bars;          /* a line from the axis to each point */
    bool guide;         /* in the colour of guides, no entry's: a front, a rule */
    bool labelled;      /* its name stands at its end, or beside its point */
    as_plot_point *points;
    size_t n, room;
    as_origin origin; /* of its numbers */
} as_plot_series;

typedef struct as_axis {
    const char *label;
    bool log;
    double low, high;         /* NaN: those of the data, with a margin */
    const char *const *names; /* [n_names] at 0, 1, 2 from the top; NULL: numbers */
    size_t n_names;
} as_axis;

/* Counts of a confusion matrix, in place of series. */
typedef struct as_plot_matrix {
    const char *const *labels; /* [n] */
    const int64_t *counts;     /* [n * n], true by row */
    int32_t n;
} as_plot_matrix;

typedef struct as_plot_panel {
    const char *title; /* NULL: none */
    as_axis x, y;
    double x_rule; /* a line across the panel at this x; NaN: none */
    as_plot_series *series;
    size_t n_series, room;
    as_plot_matrix matrix; /* n 0: none */
    as_origin origin;      /* of the matrix */
} as_plot_panel;

struct as_plot {
    as_page *page; /* while it is built */
    const char *id, *title, *about;
    as_plot_panel *panels;
    size_t n_panels, room;
    int columns;         /* panels beside each other */
    double panel_height; /* with its axis, in a scene's points */
    bool key;            /* names with lines and markers above the panels */
    bool same_axes;      /* panels share the ranges of the data */
    const char *value;   /* what the table calls x and y; NULL: the axes' labels */
    bool told;           /* its data stand in a table of the report already */
};

/* ---- building [owner]; memory is the page's arena's --------------------------------------------
 */

/* NULL when there is no memory (page->failed): the builders below accept it. */
as_plot *as_plot_new(as_page *page, const char *id, const char *title, const char *about);
as_plot_panel *as_plot_add_panel(as_plot *plot, const char *title);
as_plot_series *as_plot_add_series(as_plot *plot, as_plot_panel *panel, const char *name,
                                   as_look look);
void as_plot_add_point(as_plot *plot, as_plot_series *series, double x, double y);
void as_plot_add_figure(as_plot *plot, as_plot_series *series, as_figure x, as_figure y);

/* [owner] The plot on its page, with its data folded behind it; nothing when it has no point. */
void as_plot_finish(as_plot *plot);

/* ---- drawing -----------------------------------------------------------------------------------
 */

/* [any] The plot in a scene of AS_SCENE_WIDTH. */
as_scene as_plot_layout(as_arena *arena, const as_plot *plot);

/* [any] Readable values from low to high, at most `most` of them: 1, 2 or 5 times a power of ten;
 * on a logarithmic axis powers of ten, and 2 and 5 of each where there are few. */
size_t as_plot_ticks(double low, double high, bool log, size_t most, double *ret_ticks);

/* [any] A tick's label: as short as tells it from its neighbours `step` away: "0.25", "20 k". */
void as_plot_tick_text(double value, double step, char *text, size_t size);

/* [any] Moves n places at least `gap` apart within [low, high], each as little as can be; keeps
 * their order. What doesn't fit is pressed together. */
void as_plot_spread(double *places, size_t n, double gap, double low, double high);

#endif
