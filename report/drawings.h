/* SPDX-License-Identifier: MIT */
/* report/drawings.h: the plots of a page as pictures: inside an HTML page, or as files. */
#ifndef AS_REPORT_DRAWINGS_H
#define AS_REPORT_DRAWINGS_H

#include "report/plot.h"

typedef struct as_drawings {
    const as_plot **plots; /* [n] in the page's order */
    const char **svgs;     /* [n] fit for a page; NULL: it could not be drawn */
    size_t n;
    const char *missing; /* why there are none: a sentence for their place; NULL: there are */
} as_drawings;

/* [main] Draws every plot of the page, into `arena`. That gnuplot is not installed is no error: the
 * tables stand, and `missing` says what to do. */
ASSAY_MUST_USE assay_status as_drawings_make(as_arena *arena, const as_page *page,
                                             as_drawings *ret_drawings, assay_error *error);

/* [any] NULL: not drawn. */
const char *as_drawings_svg(const as_drawings *drawings, const as_plot *plot);

/* Takes one picture, NAME.svg and the like; `data` is gone afterwards. */
typedef assay_status (*as_picture_taker)(void *context, const char *name, const void *data,
                                         size_t size, assay_error *error);

/* [main] Draws every plot in a format (svg, pdf, png) and hands over one after the other. in_parts:
 * cut to a page's height (report/plot_parts.h). UNAVAILABLE: gnuplot is not installed. */
ASSAY_MUST_USE assay_status as_drawings_each(const as_page *page, bool in_parts, const char *format,
                                             as_picture_taker take, void *context,
                                             assay_error *error);

/* [main] Writes every plot into `folder` (made when needed) as NAME.svg, .pdf and .png, the formats
 * that are named. Otherwise as above. *ret_n: how many files. */
ASSAY_MUST_USE assay_status as_drawings_write(const as_page *page, bool in_parts,
                                              const char *folder, const char *const *formats,
                                              size_t n_formats, size_t *ret_n, assay_error *error);

#endif
