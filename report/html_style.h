/* SPDX-License-Identifier: MIT */
/* report/html_style.h: the style sheet and the script of an HTML report, both inline, and the
 * content security policy that allows these two and nothing else. */
#ifndef AS_REPORT_HTML_STYLE_H
#define AS_REPORT_HTML_STYLE_H

#include <stdio.h>

/* [any] <meta> with the policy, and the style element. */
void as_html_head(FILE *stream);

/* [any] The script element, which sorts tables, shows unrounded values and sources, and opens
 * folded parts for printing. Without it the rest of the page is all there. */
void as_html_script(FILE *stream);

/* Steps of a shaded cell, 0 (nothing) to AS_HTML_SHADES - 1, as classes q0, q1 and so on. */
enum { AS_HTML_SHADES = 11 };

#endif
