/* SPDX-License-Identifier: MIT */
/* report/report.h: a run as people read it: a table for the terminal and a Markdown document. Both
 * are functions of the run's files alone.
 *
 *     as_run *run;
 *     status = as_run_read(folder, 1, &run, error);
 *     if (status == ASSAY_OK)
 *         status = as_report_print_table(run, stdout, width, error);        */
#ifndef AS_REPORT_REPORT_H
#define AS_REPORT_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "report/document.h"

/* [main] Columns that fit into `width` characters (0: all of them) and what the signs mean; UTF-8
 * or ASCII as the locale's variables say. Read errors of the stream stay in it. */
ASSAY_MUST_USE assay_status as_report_print_table(const as_run *run, FILE *stream, int width,
                                                  assay_error *error);

/* [any] The same with the character set chosen by the caller. */
ASSAY_MUST_USE assay_status as_report_write_table(const as_run *run, FILE *stream, int width,
                                                  bool ascii, assay_error *error);

/* [any] Tables of the profiles that the run's cells left (assay run --profile); nothing where none
 * did. */
ASSAY_MUST_USE assay_status as_report_print_profiles(const as_run *run, FILE *stream, int width,
                                                     bool ascii, assay_error *error);

/* [main] Whether LC_ALL, LC_CTYPE or LANG, the first that is set, names UTF-8. */
bool as_locale_is_utf8(void);

/* [any] The whole report as Markdown (GitHub's tables). */
ASSAY_MUST_USE assay_status as_report_write_markdown(const as_run *run, FILE *stream,
                                                     assay_error *error);

/* [any] The document report.md, with marks. */
ASSAY_MUST_USE assay_status as_report_mark_markdown(const as_report_input *input, FILE *stream,
                                                    assay_error *error);

/* [any] The document report.html, with marks. */
ASSAY_MUST_USE assay_status as_report_mark_html(const as_report_input *input, FILE *stream,
                                                assay_error *error);

/* ---- for programs: one row an entry, backend and precision, unrounded ---------------------------
 */

/* [any] The line of column names, which the rows of one or several runs follow. */
void as_report_write_csv_header(FILE *stream);
/* [any] A run's rows as CSV (RFC 4180). */
ASSAY_MUST_USE assay_status as_report_write_csv(const as_run *run, FILE *stream,
                                                assay_error *error);
/* [any] A run's rows, grids and warnings; a new object. */
ASSAY_MUST_USE assay_status as_report_json(const as_run *run, json_t **ret_json,
                                           assay_error *error);

/* [any] The document report.csv, with marks. */
ASSAY_MUST_USE assay_status as_report_mark_csv(const as_report_input *input, FILE *stream,
                                               assay_error *error);

/* [any] The document report.json and a tree of its numbers' sources (report/document.h). */
ASSAY_MUST_USE assay_status as_report_json_tree(const as_report_input *input, json_t **ret_json,
                                                json_t **ret_told, assay_error *error);

#endif
