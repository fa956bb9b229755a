/* SPDX-License-Identifier: MIT */
/* report/html_text.h: foreign text made harmless for HTML and for SVG inside it. */
#ifndef AS_REPORT_HTML_TEXT_H
#define AS_REPORT_HTML_TEXT_H

#include <stdio.h>

/* [any] Next character of UTF-8 text as a code point, *text moved behind it; what is no UTF-8, a
 * control character (but for white space, which is a space), or one that HTML forbids is U+FFFD.
 * Marks that turn the direction of writing (U+202A to U+202E, U+2066 to U+2069) are U+FFFD as well:
 * they would reorder what stands beside them. 0 at the end. */
unsigned as_html_next(const char **text);

/* [any] A code point as UTF-8. */
void as_html_put(FILE *stream, unsigned character);

/* [any] Text for an element or a quoted attribute: & < > " ' as references. NULL writes nothing. */
void as_html_text(FILE *stream, const char *text);

#endif
