/* SPDX-License-Identifier: MIT */
/* report/markdown.h: Markdown with foreign text made harmless, and the report's sections. Texts
 * from suites, data and plugins can hold anything: names stand in code spans (where "@team" pings
 * nobody), other text is escaped. */
#ifndef AS_REPORT_MARKDOWN_H
#define AS_REPORT_MARKDOWN_H

#include <stdio.h>

#include "report/aggregate.h"

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

/* One section each: "## Heading" and what follows. [any] */
void as_md_classes(const as_summary *s, FILE *stream);
void as_md_confusions(const as_summary *s, FILE *stream);
void as_md_curves(const as_summary *s, FILE *stream);
void as_md_data(const as_summary *s, FILE *stream);
void as_md_models(const as_summary *s, FILE *stream);
void as_md_equivalence(const as_summary *s, FILE *stream);
void as_md_environment(const as_run *run, FILE *stream);
void as_md_methods(const as_summary *s, FILE *stream);

/* [any] The figures of the study that the suite's report.published names, beside ours; nothing
 * where it names none. Errors: those of as_published_load. */
ASSAY_MUST_USE assay_status as_md_published(as_arena *arena, const as_run *run, const as_summary *s,
                                            FILE *stream, assay_error *error);

#endif
