/* SPDX-License-Identifier: MIT */
/* report/text_table.h: a table of numbers for the terminal: names left, numbers aligned at the
 * point, half-widths behind "±"; columns drop from the right until it fits. */
#ifndef AS_REPORT_TEXT_TABLE_H
#define AS_REPORT_TEXT_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "report/number.h"

typedef struct as_table_row {
    const char *mark; /* one character in front: "*" or " " */
    const char *name;
    const as_number *numbers; /* one per column; NULL: the row has `text` instead */
    const char *text;         /* stands in place of numbers; may be NULL */
} as_table_row;

typedef struct as_table {
    const char *const *headings; /* [n_columns], without the name's */
    size_t n_columns;
    const as_table_row *rows;
    size_t n_rows;
    int width;  /* of the terminal; 0: unbounded */
    bool ascii; /* "+-" for "±" */
} as_table;

/* [any] Prints the table; returns how many columns there was room for. */
size_t as_table_print(const as_table *table, FILE *stream);

/* [any] Prints words of `text` in lines of at most `width` characters (0: one line), the first
 * after `first` and the others after `next`. Control characters become "?". */
void as_print_wrapped(FILE *stream, const char *first, const char *next, const char *text,
                      int width);

/* [any] Characters of UTF-8 text. */
size_t as_text_width(const char *text);

/* [any] Prints text with control characters as "?", at most `width` characters of it (0: all), then
 * spaces up to `pad`; a cut text ends in "...". */
void as_print_clean(FILE *stream, const char *text, size_t width, size_t pad);

#endif
