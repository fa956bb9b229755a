/* SPDX-License-Identifier: MIT */
/* report/html.h: a page as one HTML file. */
#ifndef AS_REPORT_HTML_H
#define AS_REPORT_HTML_H

#include "report/drawings.h"

/* [any] The document: no network, no foreign script; light and dark, for screens, phones and paper.
 * Numbers carry marks (report/source.h). */
void as_html_write(const as_page *page, const as_drawings *drawings, FILE *stream);

#endif
