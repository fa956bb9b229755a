/* SPDX-License-Identifier: MIT */
/* report/compare_render.h: a comparison as people read it. */
#ifndef AS_REPORT_COMPARE_RENDER_H
#define AS_REPORT_COMPARE_RENDER_H

#include <stdio.h>

#include "results/compare/compare.h"

/* [any] Table for the terminal, then a line for every regression, open check and problem. Columns
 * drop from the right to fit `width` (0: all). */
void as_compare_write_table(const as_comparison *comparison, FILE *stream, int width);

/* [any] Markdown for a pull request: a marker in the first line, by which a program finds and
 * updates its comment. Stops at 60,000 characters (GitHub's limit is 65,536), saying what was left
 * out; `stream` must know its position (a file or memory). */
void as_compare_write_markdown(const as_comparison *comparison, FILE *stream);

/* [any] JUnit XML (report/compare_junit.c: by which schemas). */
void as_compare_write_junit(const as_comparison *comparison, FILE *stream);

#endif
