/* SPDX-License-Identifier: MIT */
/* report/plot_parts.h: figures for a page of paper, where one that is too high would shrink until
 * nobody can read it. */
#ifndef AS_REPORT_PLOT_PARTS_H
#define AS_REPORT_PLOT_PARTS_H

#include "report/plot.h"

/* The highest scene that a page takes, in points of report/scene.h. At full width, 160 mm, about
 * 810 of them stand on A4 or letter paper with their caption; up to here 8 point letters shrink
 * to 6. */
enum { AS_PART_HEIGHT = 1100 };

/* [any] The plot, or several with some of its lines of panels each, whose ids end in "-2", "-3";
 * NULL: no memory. A single line of panels is never cut. */
const as_plot *as_plot_parts(as_arena *arena, const as_plot *plot, size_t *ret_n);

#endif
