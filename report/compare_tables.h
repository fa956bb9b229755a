/* SPDX-License-Identifier: MIT */
/* report/compare_tables.h: what a comparison shows beside its verdicts: the paired tests of each
 * entry, and the report's figures of both sides with their differences. */
#ifndef AS_REPORT_COMPARE_TABLES_H
#define AS_REPORT_COMPARE_TABLES_H

#include <stdio.h>

#include "results/compare/compare.h"

/* [any] For the terminal; columns drop from the right to fit `width` (0: all). */
void as_compare_print_figures(const as_comparison *comparison, FILE *stream, int width);
void as_compare_print_tests(const as_comparison *comparison, FILE *stream, int width);

/* [any] As Markdown tables; an entry that would begin behind `most` bytes of the stream is left
 * out; returns how many were. */
size_t as_compare_markdown_tests(const as_comparison *comparison, FILE *stream, long most);
size_t as_compare_markdown_figures(const as_comparison *comparison, FILE *stream, long most);

#endif
