/* SPDX-License-Identifier: MIT */
/* A tabular of booktabs and siunitx: a name, then numbers aligned at the point, each with its
 * half-width in a column of its own where any row has one. */
#include <string.h>

#include "report/latex.h"

/* Longer names and reasons are cut: a table must fit a page. */
enum { MOST_COLUMNS = 16, NAME_MOST = 60, TEXT_MOST = 120, HEADING_MOST = 40 };
/* Numbers whose column would be wider stand beside their neighbour rather than at their point. */
enum { MOST_DIGITS = 6 };

/* Digits before and after the point, of values and of half-widths. */
typedef struct shape {
    size_t before, after, half_before, half_after;
    bool negative;
} shape;

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static bool is_plain_number(const char *text) {
    return *text && text[strspn(text, "+-0123456789.")] == '\0' && strpbrk(text, "0123456789");
}

static void measure(const char *text, size_t *before, size_t *after) {
    size_t whole = strcspn(text, ".");
    *before = larger(*before, whole - (text[0] == '-' || text[0] == '+'));
    *after = larger(*after, text[whole] ? strlen(text + whole + 1) : 0);
}

static shape shape_of(const as_tex_table *table, size_t column) {
    shape s = {1, 0, 0, 0, false};
    for (size_t i = 0; i < table->n_rows; i++) {
        const as_tex_row *row = &table->rows[i];
        const as_number *n = row->cells && !row->text ? &row->cells[column].number : NULL;
        if (!n || !is_plain_number(n->value))
            continue;
        measure(n->value, &s.before, &s.after);
        s.negative = s.negative || n->value[0] == '-';
        if (n->half[0])
            measure(n->half, &s.half_before, &s.half_after);
    }
    return s;
}

static void write_format(FILE *stream, bool negative, size_t before, size_t after,
                         const char *else_by) {
    if (before + after > MOST_DIGITS)
        fputs(else_by, stream);
    else
        fprintf(stream, "S[table-format=%s%zu.%zu]", negative ? "-" : "", before, after);
}

static void write_columns(const as_tex_table *t, const shape *shapes, FILE *stream) {
    fputs("\\begin{tabular}{@{}>{\\raggedright\\arraybackslash\\hspace{0pt}}p{\\assaynamewidth}",
          stream);
    for (size_t k = 0; k < t->n_columns; k++) {
        write_format(stream, shapes[k].negative, shapes[k].before, shapes[k].after, "r");
        if (shapes[k].half_before) {
            fputs("@{${}\\pm{}$}", stream);
            write_format(stream, false, shapes[k].half_before, shapes[k].half_after, "l");
        }
    }
    fputs("@{}}\n\\toprule\n", stream);
    fputs(t->name_heading, stream);
    for (size_t k = 0; k < t->n_columns; k++)
        fprintf(stream, shapes[k].half_before ? " & \\multicolumn{2}{c}{%s}" : " & {%s}",
                t->headings[k]);
    fputs(" \\\\\n\\midrule\n", stream);
}

static void begin_source(const as_tex_row *row, const as_tex_cell *cell, FILE *stream) {
    const as_row_summary *source = cell->source ? cell->source : row->source;
    if (source)
        as_source_row(stream, source, cell->file, cell->field, cell->how);
    else
        as_source_begin(stream, cell->file, cell->field, cell->how);
}

/* The mark of the best stands on the first number, which it is of. */
static void write_cell(const as_tex_row *row, size_t column, const shape *s, FILE *stream) {
    const as_tex_cell *cell = &row->cells[column];
    const char *best = row->best && column == 0 ? "\\assaybest " : "";
    bool wide = s->half_before > 0;
    if (!cell->field || !is_plain_number(cell->number.value)) {
        fputs(wide ? " & \\multicolumn{2}{c}{--}" : " & {--}", stream);
        return;
    }
    if (wide && !cell->number.half[0]) {
        fprintf(stream, " & \\multicolumn{2}{c}{%s", best);
        begin_source(row, cell, stream);
        fputs(cell->number.value, stream);
        as_source_end(stream);
        fputs("}", stream);
        return;
    }
    fprintf(stream, " & %s", best);
    begin_source(row, cell, stream);
    fputs(cell->number.value, stream);
    as_source_end(stream);
    if (!wide)
        return;
    fputs(" & ", stream);
    begin_source(row, cell, stream);
    fputs(cell->number.half, stream);
    as_source_end(stream);
}

static size_t count_fields(const as_tex_table *t, const shape *shapes) {
    size_t n = 0;
    for (size_t k = 0; k < t->n_columns; k++)
        n += shapes[k].half_before ? 2 : 1;
    return n;
}

/* A long one is broken, in a column of its own width: it would widen the table otherwise. */
void as_tex_heading(FILE *stream, size_t n_columns, bool wide, const char *text) {
    if (strlen(text) <= HEADING_MOST)
        fprintf(stream, "\\multicolumn{%zu}{@{}l@{}}{\\emph{", n_columns);
    else
        fprintf(stream, "\\multicolumn{%zu}{@{}p{%dmm}@{}}{\\raggedright\\emph{", n_columns,
                wide ? 118 : 70);
    as_tex_short(stream, text, TEXT_MOST);
    fputs("}} \\\\\n", stream);
}

static void write_row(const as_tex_table *t, const as_tex_row *row, const shape *shapes,
                      FILE *stream) {
    size_t n_fields = count_fields(t, shapes);
    as_source_run(stream, row->run);
    if (row->rule_before)
        fputs("\\midrule\n", stream);
    if (!row->name) {
        as_tex_heading(stream, n_fields + 1, false, row->text);
        return;
    }
    as_tex_short(stream, row->name, NAME_MOST);
    if (row->text) {
        fprintf(stream, " & \\multicolumn{%zu}{@{}p{\\assaytextwidth}@{}}{\\raggedright ",
                n_fields);
        as_tex_short(stream, row->text, TEXT_MOST);
        fputs("}", stream);
    } else {
        for (size_t k = 0; k < t->n_columns; k++)
            write_cell(row, k, &shapes[k], stream);
    }
    fputs(" \\\\\n", stream);
}

void as_tex_tabular(const as_tex_table *table, FILE *stream) {
    shape shapes[MOST_COLUMNS];
    for (size_t k = 0; k < table->n_columns && k < MOST_COLUMNS; k++)
        shapes[k] = shape_of(table, k);
    fputs("{\\assaytablefont\n", stream);
    write_columns(table, shapes, stream);
    for (size_t i = 0; i < table->n_rows; i++)
        write_row(table, &table->rows[i], shapes, stream);
    fputs("\\bottomrule\n\\end{tabular}}\n", stream);
}
