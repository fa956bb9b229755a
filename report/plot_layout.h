/* SPDX-License-Identifier: MIT */
/* report/plot_layout.h: what the parts of plot_layout.c share: a panel's place and its scales. */
#ifndef AS_REPORT_PLOT_LAYOUT_H
#define AS_REPORT_PLOT_LAYOUT_H

#include "report/plot.h"

enum { AS_TICK_FONT = 11, AS_LABEL_FONT = 11 };

typedef struct as_scale {
    double low, high;   /* of the data */
    double first, last; /* where these stand in the scene */
    bool log;
} as_scale;

typedef struct as_frame {
    const as_plot_panel *panel;
    double left, top, right, bottom; /* of the area that data stand in */
    as_scale x, y;
} as_frame;

/* [any] A value's place in the scene. */
double as_scale_place(const as_scale *scale, double value);

/* [owner] Names beside points, where they cover nothing; at the right of lines' ends. */
void as_plot_label_points(as_scene *scene, const as_frame *frame);
void as_plot_label_lines(as_scene *scene, const as_frame *frame);

/* [owner] A confusion matrix in the frame: cells shaded by the share of their row, counts in them
 * where there is room. */
void as_plot_draw_matrix(as_scene *scene, const as_frame *frame);

#endif
