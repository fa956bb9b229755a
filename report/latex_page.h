/* SPDX-License-Identifier: MIT */
/* report/latex_page.h: tables of the report's page (report/page.h) as a paper's tables. Which, with
 * which columns and captions, stands in latex_page_specs.c; a long one comes in several parts,
 * since a float must fit a page. Column tables fit 77 mm, wide ones 121 mm (article's text width).
 */
#ifndef AS_REPORT_LATEX_PAGE_H
#define AS_REPORT_LATEX_PAGE_H

#include "report/latex.h"
#include "report/page.h"

enum { AS_TEX_MOST_COLUMNS = 12, AS_TEX_MOST_PARTS = 4 };

typedef enum as_tex_column_kind {
    AS_TEX_NAME = 1, /* text in a column of `mm` */
    AS_TEX_NUMBER,   /* aligned at the point where all its cells allow it */
    AS_TEX_MIXED,    /* numbers with words, to the right */
    AS_TEX_INTERVAL, /* this column and the next as [a, b] */
    AS_TEX_NOTE,     /* letters, their texts stand below the table */
} as_tex_column_kind;

typedef struct as_tex_column {
    as_tex_column_kind kind;
    int index;           /* of the page's table */
    double mm;           /* of AS_TEX_NAME */
    const char *heading; /* LaTeX */
} as_tex_column;

typedef struct as_tex_page_spec {
    const char *name;    /* of its files and its label */
    const char *id;      /* of the page's table, without a run's prefix */
    const char *caption; /* LaTeX; "%" in its place stands what was measured */
    bool wide;
    bool grouped;  /* the first column heads the rows that share it */
    bool lettered; /* columns behind those named get letters, which the caption explains */
    bool of_all;   /* one table of all runs, not one a run */
    as_tex_column columns[AS_TEX_MOST_COLUMNS];
} as_tex_page_spec;

/* [any] All of them, in the order of the report. */
const as_tex_page_spec *as_tex_page_specs(size_t *ret_n);

/* [any] A part's tabular and caption, with its label; nothing where the runs have no such part.
 * INTERNAL: no such name. */
ASSAY_MUST_USE assay_status as_tex_page_tabular(const as_report_input *input, const char *name,
                                                size_t part, FILE *stream, assay_error *error);
ASSAY_MUST_USE assay_status as_tex_page_caption(const as_report_input *input, const char *name,
                                                size_t part, FILE *stream, assay_error *error);

/* [any] The same of a page and a table of one's own. */
ASSAY_MUST_USE assay_status as_tex_page_write(const as_report_input *input, const as_page *page,
                                              const as_tex_page_spec *spec, size_t part,
                                              bool caption, FILE *stream, assay_error *error);

/* [any] How many parts there are; whether they are wider than a column. */
ASSAY_MUST_USE assay_status as_tex_page_parts(const as_report_input *input,
                                              const as_tex_page_spec *spec, size_t *ret_n,
                                              bool *ret_wide, assay_error *error);

#endif
