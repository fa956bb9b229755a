/* SPDX-License-Identifier: MIT */
/* report/svg.h: gnuplot's SVG, read and written anew: the elements and attributes of plain drawings
 * alone, texts escaped, ids with a prefix of their own, so that it can stand inside a page beside
 * others. */
#ifndef AS_REPORT_SVG_H
#define AS_REPORT_SVG_H

#include <stdio.h>

#include "assay/status.h"

typedef struct as_svg_frame {
    const char *id, *title, *about; /* of the figure; foreign texts are allowed */
    double width, height;
    int standalone; /* a file of its own: with name space, size, font and ground */
} as_svg_frame;

/* [any] Reads `svg` (NUL-terminated, as gnuplot wrote it) and writes the drawing. BAD_DATA: it is
 * no SVG of the kind. */
ASSAY_MUST_USE assay_status as_svg_write(const as_svg_frame *frame, const char *svg, FILE *stream,
                                         assay_error *error);

#endif
