/* SPDX-License-Identifier: MIT */
/* report/latex_view.h: a table of the page laid out for a paper: headings of runs and groups, heads
 * of lettered columns, rows; with their heights, by which it is cut into parts that fit a page. */
#ifndef AS_REPORT_LATEX_VIEW_H
#define AS_REPORT_LATEX_VIEW_H

#include "report/latex_page.h"

enum { AS_TEX_MOST_NOTES = 64, AS_TEX_TEXT_MOST = 240, AS_TEX_REASON_MOST = 26 };

typedef enum as_tex_line_kind {
    AS_TEX_LINE_RUN,
    AS_TEX_LINE_GROUP,
    AS_TEX_LINE_HEADS,
    AS_TEX_LINE_ROW
} as_tex_line_kind;

typedef struct as_tex_line {
    as_tex_line_kind kind;
    const as_block *block;
    const as_page_table_row *row;
    size_t first; /* of the lettered columns */
    double height;
} as_tex_line;

/* How a column of numbers is set. */
typedef struct as_tex_shape {
    bool aligned, negative;
    size_t before, after;
} as_tex_shape;

typedef struct as_tex_view {
    as_arena *arena;
    const as_report_input *input;
    const as_tex_page_spec *spec;
    const as_block **blocks; /* [n_blocks] the page's tables */
    size_t n_blocks, n_named,
        n_each; /* columns: named by the spec; lettered ones beside each other */
    bool wide;
    as_tex_line *lines;
    size_t n_lines, parts[AS_TEX_MOST_PARTS + 1], n_parts, n_left_out;
    as_tex_shape shapes[AS_TEX_MOST_COLUMNS + 1]; /* the last is that of all lettered columns */
    const char *notes[AS_TEX_MOST_NOTES];
    size_t n_notes;
} as_tex_view;

/* [any] Everything lives in `arena`. */
ASSAY_MUST_USE assay_status as_tex_view_make(const as_report_input *input, const as_page *page,
                                             const as_tex_page_spec *spec, as_arena *arena,
                                             as_tex_view *v, assay_error *error);

/* [any] A row's cell, an empty one behind its last. */
const as_spans *as_tex_cell_at(const as_page_table_row *row, size_t column);

/* [any] The cell's number, when it stands for the whole cell: a multiplication sign is the
 * heading's. */
const as_span *as_tex_lone_number(const as_spans *cell);
bool as_tex_is_empty(const as_spans *cell);

/* [any] A named column's width: names of a wide table of letters have more room. */
double as_tex_column_mm(const as_tex_view *v, size_t i);

/* [any] How many columns of a block have letters. */
size_t as_tex_lettered(const as_tex_view *v, const as_block *block);

/* [any] The note's place among those taken so far, counted from 1; 0: the row has none. */
size_t as_tex_take_note(as_tex_view *v, const as_page_table_row *row);

#endif
