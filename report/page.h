/* SPDX-License-Identifier: MIT */
/* report/page.h: a report as data: headings, paragraphs, lists, tables and plots, made once by the
 * sections and written by a renderer per format (Markdown: markdown.c, HTML: html.c). Nothing
 * here knows a format; texts stand in it as they are, and each renderer makes them harmless. A
 * number knows its rounded text, its unrounded value and where it comes from.
 *
 *     as_page_section(page, "classes", "Classes");
 *     as_page_paragraph(page);
 *     as_page_text(page, "F1 in per cent of ");
 *     as_page_name(page, row->name);
 *     as_page_table(page, "f1", "F1 of every class");
 *     as_page_column(page, "class", AS_COLUMN_TEXT);
 *     as_page_row(page);
 *     as_page_cell(page);
 *     as_page_plain(page, 93.8);
 *     as_page_from_row(page, row, "result.json", "test.per_class", "pooled over seeds");
 *
 * Memory is the page's arena's. What cannot be had is noted in page->failed, looked at once at the
 * end: builders return nothing. */
#ifndef AS_REPORT_PAGE_H
#define AS_REPORT_PAGE_H

#include <stdarg.h>

#include "report/aggregate.h"
#include "report/number.h"

typedef struct as_plot as_plot; /* report/plot.h */

typedef enum as_span_kind {
    AS_SPAN_TEXT,
    AS_SPAN_NAME,   /* of an entry, a class, a file: never markup, set apart */
    AS_SPAN_STRONG, /* text that matters */
    AS_SPAN_NUMBER,
    AS_SPAN_BEST,      /* the mark of the best row and of those not separable from it */
    AS_SPAN_UNTRUSTED, /* the mark of figures without a passed equivalence check */
    AS_SPAN_EMPTY,     /* "-": there is nothing */
    AS_SPAN_SHADED,    /* a piece of text on a ground as strong as its shade */
} as_span_kind;

/* Where a number comes from; file NULL: nothing is known. */
typedef struct as_origin {
    const as_row_summary *row; /* each of its cells, or */
    const as_record *record;   /* one cell, or neither: the run's folder */
    const char *file, *field, *how;
} as_origin;

typedef struct as_span {
    as_span_kind kind;
    const char *text; /* of a number its rounded value */
    const char *half; /* of a number: half of its interval, rounded; NULL: none */
    double value;     /* of a number: unrounded, in the unit shown; else NaN */
    double shade;     /* of a shaded piece: 0 to 1 */
    as_origin origin;
} as_span;

typedef struct as_spans {
    as_span *items;
    size_t n, room;
} as_spans;

typedef enum as_column_kind { AS_COLUMN_TEXT, AS_COLUMN_NUMBER } as_column_kind;

typedef struct as_page_column_head {
    as_span heading;
    as_column_kind kind;
    const char *about; /* what the column is, in a sentence; NULL: the heading says it */
} as_page_column_head;

typedef struct as_page_table_row {
    as_spans *cells;
    size_t n_cells;
    bool problem;    /* its second cell stands in place of all the others */
    double *shading; /* [n_cells] 0 to 1, NaN: none; NULL: none at all */
} as_page_table_row;

typedef struct as_page_table_data {
    const char *id, *caption;
    as_page_column_head *columns; /* none: facts, a name and a value a row */
    size_t n_columns, columns_room;
    as_page_table_row *rows;
    size_t n_rows, rows_room;
    bool facts;
    bool plain; /* a figure's data: its numbers need no word about themselves */
} as_page_table_data;

typedef enum as_block_kind {
    AS_BLOCK_TITLE,
    AS_BLOCK_SECTION, /* id, text */
    AS_BLOCK_PARAGRAPH,
    AS_BLOCK_LIST,
    AS_BLOCK_TABLE,
    AS_BLOCK_PLOT,
    AS_BLOCK_DETAILS, /* spans are its summary; until DETAILS_END */
    AS_BLOCK_DETAILS_END,
} as_block_kind;

typedef struct as_block {
    as_block_kind kind;
    const char *id, *text;
    as_spans spans;
    as_spans *items; /* of a list */
    size_t n_items, items_room;
    as_page_table_data table;
    const as_plot *plot;
    size_t run;         /* whose numbers these are */
    bool with_pictures; /* of use only beside a picture */
    struct as_block *next;
} as_block;

typedef struct as_page {
    as_arena *arena;
    bool failed;        /* out of memory */
    const char *prefix; /* of ids, so that several runs can stand on one page */
    size_t run;         /* whose numbers follow */
    int digits;         /* of half-widths (report/number.h) */
    bool with_pictures; /* what follows belongs to a picture */
    as_block *first, *last;
    as_spans *spans; /* where spans go */
    as_span *span;   /* the latest */
} as_page;

/* [owner] An empty page; everything in it lives in the arena. */
as_page as_page_new(as_arena *arena);

/* ---- blocks [owner] -------------------------------------------------------------------------- */

/* A block of spans follows: as_page_text and the like write into the latest one. */
void as_page_title(as_page *page);
void as_page_section(as_page *page, const char *id, const char *text);
void as_page_paragraph(as_page *page);
void as_page_list(as_page *page);
void as_page_item(as_page *page);
/* What stands between them is folded up where a format can. */
void as_page_details(as_page *page);
void as_page_details_end(as_page *page);
void as_page_plot(as_page *page, const as_plot *plot); /* which outlives the page */

/* A table's columns, then rows of cells; the caption says what the numbers are. */
void as_page_table(as_page *page, const char *id, const char *caption);
void as_page_facts(as_page *page, const char *id, const char *caption);
void as_page_column(as_page *page, const char *heading, as_column_kind kind);
void as_page_column_name(as_page *page, const char *name, as_column_kind kind);
void as_page_column_about(as_page *page, const char *about);
void as_page_row(as_page *page);
void as_page_row_problem(as_page *page); /* of the latest row */
void as_page_cell(as_page *page);
void as_page_shade(as_page *page, double share); /* the latest cell */

/* A cell with one thing in it. */
void as_page_cell_text(as_page *page, const char *text);
void as_page_cell_name(as_page *page, const char *name);
void as_page_cell_plain(as_page *page, double value);
void as_page_cell_percent(as_page *page, double share);
void as_page_cell_count(as_page *page, int64_t count);
void as_page_cell_figure(as_page *page, as_figure figure, double scale);

/* ---- spans [owner]: into the latest paragraph, item, summary or cell ---------------------------
 */

void as_page_text(as_page *page, const char *text); /* NULL: "-" */
void as_page_format(as_page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void as_page_name(as_page *page, const char *name); /* NULL or empty: "-" */
void as_page_strong(as_page *page, const char *text);
void as_page_mark(as_page *page, as_span_kind mark);
/* A piece of text on a ground of `shade` 0 to 1, for a number that it stands for. */
void as_page_shaded(as_page *page, const char *text, double shade, double value);

void as_page_plain(as_page *page, double value); /* three significant digits */
void as_page_count(as_page *page, int64_t count);
void as_page_figure(as_page *page, as_figure figure, double scale);
/* A number that was made into a text by its own rule. */
void as_page_number(as_page *page, double value, const char *text);

/* Where the latest number comes from. */
void as_page_from_row(as_page *page, const as_row_summary *row, const char *file, const char *field,
                      const char *how);
void as_page_from_cell(as_page *page, const as_record *record, const char *file, const char *field,
                       const char *how);
void as_page_from_run(as_page *page, const char *file, const char *field, const char *how);

/* A formatted text in the page's arena; "" when there is no memory. */
const char *as_page_print(as_page *page, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
