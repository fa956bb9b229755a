/* SPDX-License-Identifier: MIT */
/* Tables of the page as tabulars and captions; how they are laid out: latex_view.c. */
#include "report/latex_view.h"

#include <string.h>

#include "base/error.h"
#include "report/sections.h"
#include "report/spans.h"

enum { NAME_MOST = 60, HEADING_MOST = 48, NOTE_MOST = 300 };

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "latex", "no memory for a table");
}

/* ---- cells ----------------------------------------------------------------------------------- */

static bool is_best(const as_spans *cell) {
    for (size_t i = 0; i < cell->n; i++)
        if (cell->items[i].kind == AS_SPAN_BEST)
            return true;
    return false;
}

/* Without commas: siunitx groups digits. */
static void write_digits(FILE *stream, const char *text) {
    for (; *text; text++)
        if (*text != ',')
            fputc(*text, stream);
}

/* With its source's marks. */
static void put_marked(FILE *stream, const as_origin *o, const char *how, const char *text,
                       as_text_writer *write) {
    as_span number = {.kind = AS_SPAN_NUMBER, .text = text, .origin = *o};
    number.origin.how = how;
    as_write_number(&number, write, stream);
}

/* A number within text: siunitx sets its sign, its power of ten, and groups of digits. "<" stands
 * in front as mathematics, since old font encodings have another sign in its place. */
static void put_number(FILE *stream, const as_origin *o, const char *how, const char *text) {
    bool less = strncmp(text, "< ", 2) == 0;
    const char *digits = less ? text + 2 : text;
    bool known = digits[strspn(digits, "+-0123456789.,e")] == '\0';
    bool simple = strspn(digits, "0123456789.") == strlen(digits) && strcspn(digits, ".") < 5;
    fputs(less ? "$<$\\," : "", stream);
    fputs(known && !simple ? "\\num{" : "", stream);
    put_marked(stream, o, how, digits, known ? write_digits : as_tex_text);
    fputs(known && !simple ? "}" : "", stream);
}

static void put_span(const as_span *span, size_t most, FILE *stream) {
    switch (span->kind) {
    case AS_SPAN_STRONG:
        fputs("\\textbf{", stream);
        as_tex_short(stream, span->text, most);
        fputs("}", stream);
        break;
    case AS_SPAN_NUMBER:
        put_number(stream, &span->origin, span->origin.how, span->text);
        if (span->half) {
            fputs("${}\\pm{}$", stream);
            put_number(stream, &span->origin, "half of its 95 % interval", span->half);
        }
        break;
    case AS_SPAN_UNTRUSTED:
        fputs(" (!)", stream);
        break;
    case AS_SPAN_EMPTY:
        fputs("--", stream);
        break;
    case AS_SPAN_BEST:
        break;
    case AS_SPAN_TEXT:
    case AS_SPAN_SHADED:
    case AS_SPAN_NAME:
        if (*span->text)
            as_tex_short(stream, span->text, most);
        break;
    }
}

static void put_cell(const as_spans *cell, size_t most, FILE *stream) {
    if (cell->n == 0)
        fputs("--", stream);
    fputs(is_best(cell) ? "\\assaybest " : "", stream);
    for (size_t i = 0; i < cell->n; i++)
        put_span(&cell->items[i], most, stream);
}

/* ---- notes ----------------------------------------------------------------------------------- */

static void put_note_mark(FILE *stream, size_t note) {
    fputs("\\textsuperscript{", stream);
    if (note > 26)
        fputc('a' + (int)((note - 1) / 26) - 1, stream);
    fputc('a' + (int)((note - 1) % 26), stream);
    fputs("}", stream);
}

static void write_notes(const as_tex_view *v, FILE *stream) {
    if (v->n_notes == 0)
        return;
    fprintf(stream, "\\par\\smallskip\\begin{minipage}{%dmm}\\raggedright\n", v->wide ? 118 : 75);
    for (size_t i = 0; i < v->n_notes; i++) {
        put_note_mark(stream, i + 1);
        fputs("~", stream);
        as_tex_short(stream, v->notes[i], NOTE_MOST);
        fputs(i + 1 < v->n_notes ? ". \n" : ".\n", stream);
    }
    fputs("\\end{minipage}", stream);
}

/* ---- how columns are set --------------------------------------------------------------------- */

static void write_number_column(const as_tex_shape *s, FILE *stream) {
    if (s->aligned)
        fprintf(stream, "S[table-format=%s%zu.%zu]", s->negative ? "-" : "", s->before, s->after);
    else
        fputs("r", stream);
}

static void write_columns(const as_tex_view *v, FILE *stream) {
    fputs("\\begin{tabular}{@{}", stream);
    for (size_t i = 0; i < v->n_named; i++) {
        const as_tex_column *c = &v->spec->columns[i];
        if (c->kind == AS_TEX_NAME)
            fprintf(stream, ">{\\raggedright\\arraybackslash\\hspace{0pt}}p{%.0fmm}",
                    as_tex_column_mm(v, i));
        else if (c->kind == AS_TEX_NUMBER)
            write_number_column(&v->shapes[i], stream);
        else
            fputs(c->kind == AS_TEX_NOTE ? "@{}l" : "r", stream);
    }
    for (size_t i = 0; i < v->n_each; i++)
        write_number_column(&v->shapes[AS_TEX_MOST_COLUMNS], stream);
    fputs("@{}}\n\\toprule\n", stream);
}

static void put_letter(FILE *stream, size_t i) {
    if (i >= 26)
        fputc('a' + (int)(i / 26 % 26) - 1, stream);
    fputc('a' + (int)(i % 26), stream);
}

static void write_heads(const as_tex_view *v, const as_block *block, size_t first, FILE *stream) {
    for (size_t i = 0; i < v->n_named; i++)
        fprintf(stream,
                v->spec->columns[i].kind == AS_TEX_NAME ? "%s%s"
                : v->spec->columns[i].kind == AS_TEX_NUMBER && v->shapes[i].aligned
                    ? "%s{%s}"
                    : "%s\\multicolumn{1}{c}{%s}",
                i ? " & " : "", v->spec->columns[i].heading);
    for (size_t i = 0; i < v->n_each; i++) {
        fputs(v->shapes[AS_TEX_MOST_COLUMNS].aligned ? " & {" : " & \\multicolumn{1}{c}{", stream);
        if (first + i < as_tex_lettered(v, block))
            put_letter(stream, first + i);
        fputs("}", stream);
    }
    fputs(" \\\\\n\\midrule\n", stream);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* What stands in place of a number, up to its first stop: the report's other parts tell the rest.
 */
static void put_reason(const as_spans *cell, FILE *stream) {
    char text[200];
    size_t n = strcspn(cell->items[0].text, ";:");
    snprintf(text, sizeof text, "%.*s", (int)(n < sizeof text ? n : sizeof text - 1),
             cell->items[0].text);
    as_tex_short(stream, text, AS_TEX_REASON_MOST);
}

static bool is_reason(const as_spans *cell) {
    return cell->n == 1 && cell->items[0].kind == AS_SPAN_TEXT;
}

static void write_number(const as_spans *cell, const as_tex_shape *s, FILE *stream) {
    const as_span *number = as_tex_lone_number(cell);
    if (number && s->aligned) {
        fputs(is_best(cell) ? "\\assaybest " : "", stream);
        put_marked(stream, &number->origin, number->origin.how, number->text, write_digits);
        return;
    }
    fputs(s->aligned ? "{" : "", stream);
    if (is_reason(cell))
        put_reason(cell, stream);
    else
        put_cell(cell, NAME_MOST, stream);
    fputs(s->aligned ? "}" : "", stream);
}

static void write_named(as_tex_view *v, size_t i, const as_page_table_row *row, FILE *stream) {
    const as_tex_column *c = &v->spec->columns[i];
    const as_spans *cell = as_tex_cell_at(row, (size_t)c->index);
    size_t note;
    switch (c->kind) {
    case AS_TEX_NAME:
        put_cell(cell, AS_TEX_TEXT_MOST, stream);
        break;
    case AS_TEX_NUMBER:
        write_number(cell, &v->shapes[i], stream);
        break;
    case AS_TEX_MIXED:
        put_cell(cell, NAME_MOST, stream);
        break;
    case AS_TEX_INTERVAL:
        if (as_tex_is_empty(cell)) {
            fputs("--", stream);
            break;
        }
        fputs("[", stream);
        put_cell(cell, NAME_MOST, stream);
        fputs(", ", stream);
        put_cell(as_tex_cell_at(row, (size_t)c->index + 1), NAME_MOST, stream);
        fputs("]", stream);
        break;
    case AS_TEX_NOTE:
        note = as_tex_take_note(v, row);
        if (note)
            put_note_mark(stream, note);
        break;
    }
}

static void write_row(as_tex_view *v, const as_tex_line *l, FILE *stream) {
    for (size_t i = 0; i < v->n_named; i++) {
        fputs(i ? " & " : "", stream);
        write_named(v, i, l->row, stream);
    }
    for (size_t i = 0; i < v->n_each; i++) {
        fputs(" & ", stream);
        if (l->first + i < as_tex_lettered(v, l->block))
            write_number(as_tex_cell_at(l->row, v->n_named + l->first + i),
                         &v->shapes[AS_TEX_MOST_COLUMNS], stream);
    }
    fputs(" \\\\\n", stream);
}

static size_t n_fields(const as_tex_view *v) {
    return v->n_named + v->n_each;
}

static void write_heading(const as_tex_view *v, const as_tex_line *l, FILE *stream) {
    if (l->kind == AS_TEX_LINE_RUN) {
        as_tex_heading(stream, n_fields(v), v->wide, as_tex_title(v->input, l->block->run));
        return;
    }
    fprintf(stream, "\\multicolumn{%zu}{@{}l@{}}{\\emph{", n_fields(v));
    put_cell(as_tex_cell_at(l->row, 0), HEADING_MOST, stream);
    fputs("}} \\\\\n", stream);
}

static void write_line(as_tex_view *v, const as_tex_line *l, bool first, FILE *stream) {
    if (l->kind == AS_TEX_LINE_ROW) {
        write_row(v, l, stream);
        return;
    }
    fputs(first ? "" : l->kind == AS_TEX_LINE_GROUP ? "\\addlinespace\n" : "\\midrule\n", stream);
    if (l->kind == AS_TEX_LINE_HEADS)
        write_heads(v, l->block, l->first, stream);
    else
        write_heading(v, l, stream);
}

/* The heading that a part's first row stands under. */
static const as_tex_line *heading_before(const as_tex_view *v, size_t i) {
    while (i > 0 && v->lines[i].kind == AS_TEX_LINE_ROW)
        i--;
    return v->lines[i].kind == AS_TEX_LINE_ROW ? NULL : &v->lines[i];
}

static void write_tabular(as_tex_view *v, size_t part, FILE *stream) {
    size_t from = v->parts[part], to = v->parts[part + 1];
    fprintf(stream, "%% %s\n{\\assaytablefont\\sisetup{mode=text,retain-explicit-plus}\n",
            v->wide ? "wide: for table*" : "fits a column");
    write_columns(v, stream);
    if (!v->spec->lettered && !v->blocks[0]->table.facts)
        write_heads(v, NULL, 0, stream);
    if (v->lines[from].kind == AS_TEX_LINE_ROW && heading_before(v, from))
        write_line(v, heading_before(v, from), true, stream);
    for (size_t i = from; i < to; i++) {
        as_source_run(stream, v->lines[i].block->run);
        write_line(v, &v->lines[i], i == from, stream);
    }
    if (v->n_left_out && part + 1 == v->n_parts)
        fprintf(stream, "\\multicolumn{%zu}{@{}l@{}}{\\emph{%zu more rows: see the report}} \\\\\n",
                n_fields(v), v->n_left_out);
    fputs("\\bottomrule\n\\end{tabular}", stream);
    write_notes(v, stream);
    fputs("}\n", stream);
}

/* ---- captions -------------------------------------------------------------------------------- */

static void write_titles(const as_tex_view *v, FILE *stream) {
    for (size_t b = 0; b < v->n_blocks; b++) {
        fputs(b ? ", " : "", stream);
        as_tex_short(stream, as_tex_name(v->input->runs[v->blocks[b]->run]), NAME_MOST);
    }
}

/* What the letters mean, of each run. */
static void write_letters(const as_tex_view *v, FILE *stream) {
    for (size_t b = 0; b < v->n_blocks; b++) {
        const as_page_table_data *t = &v->blocks[b]->table;
        fputs(" ", stream);
        if (v->n_blocks > 1) {
            as_tex_short(stream, as_tex_name(v->input->runs[v->blocks[b]->run]), NAME_MOST);
            fputs(": ", stream);
        }
        for (size_t i = 0; i < as_tex_lettered(v, v->blocks[b]); i++) {
            fputs(i ? ", \\emph{" : "\\emph{", stream);
            put_letter(stream, i);
            fputs("}~", stream);
            as_tex_short(stream, t->columns[v->n_named + i].heading.text, NAME_MOST);
        }
        fputs(".", stream);
    }
}

static void write_caption(const as_tex_view *v, size_t part, FILE *stream) {
    fputs("\\caption{\\assayloose ", stream);
    for (const char *c = v->spec->caption; *c; c++) {
        if (*c == '%' && c[-1] != '\\')
            write_titles(v, stream);
        else
            fputc(*c, stream);
    }
    if (v->spec->lettered && part == 0)
        write_letters(v, stream);
    if (v->n_parts > 1)
        fprintf(stream, " Part %zu of %zu.", part + 1, v->n_parts);
    fprintf(stream, "}\n\\label{tab:assay-%s", v->spec->name);
    if (part)
        fprintf(stream, "-%zu", part + 1);
    fputs("}\n", stream);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static const as_tex_page_spec *find_spec(const char *name) {
    size_t n;
    const as_tex_page_spec *specs = as_tex_page_specs(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(specs[i].name, name) == 0)
            return &specs[i];
    return NULL;
}

assay_status as_tex_page_write(const as_report_input *input, const as_page *page,
                               const as_tex_page_spec *spec, size_t part, bool caption,
                               FILE *stream, assay_error *error) {
    as_arena *arena = as_arena_new();
    as_tex_view *v = arena ? as_arena_alloc(arena, sizeof *v) : NULL;
    assay_status status =
        v ? as_tex_view_make(input, page, spec, arena, v, error) : no_memory(error);
    if (status == ASSAY_OK && part < v->n_parts && caption)
        write_caption(v, part, stream);
    else if (status == ASSAY_OK && part < v->n_parts)
        write_tabular(v, part, stream);
    as_arena_free(arena);
    return status;
}

static assay_status write_part(const as_report_input *input, const char *name, size_t part,
                               bool caption, FILE *stream, assay_error *error) {
    const as_tex_page_spec *spec = find_spec(name);
    const as_page *page;
    if (!spec)
        return as_fail(error, ASSAY_INTERNAL, "latex", "no table \"%s\"", name);
    assay_status status = as_report_page_of(input, &page, error);
    return status == ASSAY_OK ? as_tex_page_write(input, page, spec, part, caption, stream, error)
                              : status;
}

assay_status as_tex_page_tabular(const as_report_input *input, const char *name, size_t part,
                                 FILE *stream, assay_error *error) {
    return write_part(input, name, part, false, stream, error);
}

assay_status as_tex_page_caption(const as_report_input *input, const char *name, size_t part,
                                 FILE *stream, assay_error *error) {
    return write_part(input, name, part, true, stream, error);
}

assay_status as_tex_page_parts(const as_report_input *input, const as_tex_page_spec *spec,
                               size_t *ret_n, bool *ret_wide, assay_error *error) {
    const as_page *page;
    as_arena *arena = as_arena_new();
    as_tex_view *v = arena ? as_arena_alloc(arena, sizeof *v) : NULL;
    assay_status status = v ? as_report_page_of(input, &page, error) : no_memory(error);
    if (status == ASSAY_OK)
        status = as_tex_view_make(input, page, spec, arena, v, error);
    if (status == ASSAY_OK) {
        *ret_n = v->n_parts;
        *ret_wide = v->wide;
    }
    as_arena_free(arena);
    return status;
}
