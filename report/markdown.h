/* SPDX-License-Identifier: MIT */
/* report/markdown.h: Markdown with foreign text made harmless. Texts from suites, data and plugins
 * can hold anything: names stand in code spans (where "@team" pings nobody), other text is escaped.
 */
#ifndef AS_REPORT_MARKDOWN_H
#define AS_REPORT_MARKDOWN_H

#include <stdio.h>

/* [any] Text with Markdown's and HTML's signs escaped; line breaks become spaces, control
 * characters
 * "?". NULL prints "-". Fits into table cells. */
void as_md_text(FILE *stream, const char *text);

/* [any] Text as a code span that it cannot leave. NULL or empty prints "-". Fits into table cells.
 */
void as_md_code(FILE *stream, const char *text);

/* [any] Text inside HTML (a summary), where Markdown's escapes don't hold: <, >, &, @ and quotes as
 * entities. */
void as_md_html(FILE *stream, const char *text);

#endif
