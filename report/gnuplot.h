/* SPDX-License-Identifier: MIT */
/* report/gnuplot.h: scenes (report/scene.h) drawn by gnuplot, which is started without a shell and
 * with a limit of time. No text of a run can be a command of gnuplot's: strings stand in single
 * quotes without line ends, gnuplot's markup is off, and numbers are our own. */
#ifndef AS_REPORT_GNUPLOT_H
#define AS_REPORT_GNUPLOT_H

#include "assay/status.h"
#include "report/scene.h"

typedef enum as_picture_kind { AS_PICTURE_SVG, AS_PICTURE_PDF, AS_PICTURE_PNG } as_picture_kind;

typedef struct as_picture {
    char *data; /* freed with as_pictures_done */
    size_t size;
} as_picture;

/* [main] Draws n scenes in one go; ret_pictures: [n], freed by as_pictures_done. UNAVAILABLE:
 * gnuplot is not installed; IO, TIMED_OUT: with its last words. */
ASSAY_MUST_USE assay_status as_gnuplot_draw(const as_scene *scenes, size_t n, as_picture_kind kind,
                                            as_picture *ret_pictures, assay_error *error);
void as_pictures_done(as_picture *pictures, size_t n);

#endif
