/* SPDX-License-Identifier: MIT */
/* results/record/csv.h: RFC 4180 fields. */
#ifndef AS_RESULTS_CSV_H
#define AS_RESULTS_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* [any] Writes a field, quoted where it holds a comma, a quote, CR or LF, or an outer space. NULL
 * writes an empty field. Errors stay in the stream. */
void as_csv_write_field(FILE *stream, const char *text);

/* Reads a CSV text in place, field by field. */
typedef struct as_csv {
    char *place;      /* next unread byte; the text ends with NUL */
    size_t line;      /* of the latest field, from 1 */
    bool at_line_end; /* the latest field was its line's last */
    size_t next_line;
} as_csv;

/* [any] At its first field. The text is the caller's, outlives the reader and is changed by it. */
as_csv as_csv_open(char *text);

/* [owner] Next field, unquoted in place and NUL-terminated; NULL at the end of the text (*ret_error
 * then NULL) or when quoting is broken (*ret_error says how). LF and CRLF end lines. */
char *as_csv_next(as_csv *csv, const char **ret_error);

#endif
