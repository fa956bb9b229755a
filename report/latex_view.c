/* SPDX-License-Identifier: MIT */
/* Laying tables of the page out. Widths and heights are estimates in points of 8 point letters:
 * LaTeX breaks what is longer. */
#include "report/latex_view.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

/* A part's lines of 9.5 points; what letters and margins take of a line; a column's room. */
enum { PART_LINES = 46, LETTER = 4, MARGIN = 6, COLUMN_POINTS = 212, WIDE_POINTS = 340 };
/* Numbers that would need more digits stand to the right rather than at their point. */
enum { MOST_DIGITS = 7 };
static const double points_per_mm = 2.845, text_letter = 3.6;

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "latex", "no memory for a table");
}

/* ---- cells ----------------------------------------------------------------------------------- */

const as_spans *as_tex_cell_at(const as_page_table_row *row, size_t column) {
    static const as_spans none = {NULL, 0, 0};
    return column < row->n_cells ? &row->cells[column] : &none;
}

/* Digits alone, with commas that LaTeX sets by its own rule. */
static bool is_number(const char *text) {
    return text[strspn(text, "+-0123456789.,")] == '\0' && strpbrk(text, "0123456789");
}

const as_span *as_tex_lone_number(const as_spans *cell) {
    const as_span *number = NULL;
    for (size_t i = 0; i < cell->n; i++) {
        const as_span *s = &cell->items[i];
        bool sign = s->kind == AS_SPAN_TEXT && strcmp(s->text, "\xc3\x97") == 0;
        bool space = s->kind == AS_SPAN_TEXT && strcmp(s->text, " ") == 0;
        if (s->kind == AS_SPAN_NUMBER && !number && !s->half && is_number(s->text))
            number = s;
        else if (!sign && !space && s->kind != AS_SPAN_BEST)
            return NULL;
    }
    return number;
}

bool as_tex_is_empty(const as_spans *cell) {
    for (size_t i = 0; i < cell->n; i++)
        if (cell->items[i].kind != AS_SPAN_EMPTY)
            return false;
    return true;
}

/* Letters that the cell prints. */
static size_t cell_length(const as_spans *cell) {
    size_t n = 0;
    for (size_t i = 0; i < cell->n; i++)
        n += (cell->items[i].text ? strlen(cell->items[i].text) : 1) +
             (cell->items[i].half ? strlen(cell->items[i].half) + 3 : 0);
    return n;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* The id without "run2-". */
static const char *plain_id(const as_report_input *input, const char *id) {
    size_t digits = strncmp(id, "run", 3) == 0 ? strspn(id + 3, "0123456789") : 0;
    return input->n_runs > 1 && digits && id[3 + digits] == '-' ? id + 4 + digits : id;
}

static assay_status find_blocks(as_tex_view *v, const as_page *page, assay_error *error) {
    size_t n = 0;
    for (const as_block *b = page->first; b; b = b->next)
        n += b->kind == AS_BLOCK_TABLE;
    v->blocks = as_arena_alloc_array(v->arena, n, sizeof *v->blocks);
    if (!v->blocks)
        return no_memory(error);
    for (const as_block *b = page->first; b; b = b->next)
        if (b->kind == AS_BLOCK_TABLE && !b->table.plain &&
            strcmp(plain_id(v->input, b->table.id), v->spec->id) == 0)
            v->blocks[v->n_blocks++] = b;
    return ASSAY_OK;
}

size_t as_tex_lettered(const as_tex_view *v, const as_block *block) {
    return v->spec->lettered && block->table.n_columns > v->n_named
               ? block->table.n_columns - v->n_named
               : 0;
}

double as_tex_column_mm(const as_tex_view *v, size_t i) {
    return v->spec->columns[i].mm * (v->spec->lettered && v->wide ? 1.5 : 1);
}

/* The room that the columns named by the spec take. */
static double named_points(const as_tex_view *v) {
    double points = 0;
    for (size_t i = 0; i < v->n_named; i++)
        points += MARGIN + (v->spec->columns[i].kind == AS_TEX_NAME
                                ? as_tex_column_mm(v, i) * points_per_mm
                                : 6 * LETTER);
    return points;
}

/* How many lettered columns stand beside each other, and whether the table is a wide one. */
static void arrange_letters(as_tex_view *v) {
    size_t n = 0, longest = 1;
    for (size_t b = 0; b < v->n_blocks; b++) {
        const as_page_table_data *t = &v->blocks[b]->table;
        n = as_tex_lettered(v, v->blocks[b]) > n ? as_tex_lettered(v, v->blocks[b]) : n;
        for (size_t r = 0; r < t->n_rows; r++)
            for (size_t c = v->n_named; c < t->rows[r].n_cells; c++) {
                size_t length = cell_length(&t->rows[r].cells[c]);
                longest = length > longest ? length : longest;
            }
    }
    longest = longest > AS_TEX_REASON_MOST ? AS_TEX_REASON_MOST : longest;
    double each = (double)(longest * LETTER + MARGIN + 2);
    v->n_each = n;
    if (named_points(v) + (double)n * each <= COLUMN_POINTS)
        return;
    v->wide = true;
    size_t most = (size_t)fmax(1, floor((WIDE_POINTS - named_points(v)) / each));
    size_t n_turns = (n + most - 1) / most;
    v->n_each = n_turns ? (n + n_turns - 1) / n_turns : 0;
}

/* Of text: where it is broken, lines end early. */
static size_t lines_of(double letters, double mm) {
    double lines = letters * text_letter / (mm * points_per_mm);
    return lines <= 1 ? 1 : (size_t)ceil(1.15 * lines);
}

static double row_height(const as_tex_view *v, const as_page_table_row *row) {
    size_t most = 1;
    for (size_t i = 0; i < v->n_named; i++) {
        const as_tex_column *c = &v->spec->columns[i];
        size_t n = cell_length(as_tex_cell_at(row, (size_t)c->index));
        n = n > AS_TEX_TEXT_MOST ? AS_TEX_TEXT_MOST : n;
        if (c->kind == AS_TEX_NAME && lines_of((double)n, as_tex_column_mm(v, i)) > most)
            most = lines_of((double)n, as_tex_column_mm(v, i));
    }
    return (double)most;
}

static void add_line(as_tex_view *v, as_tex_line_kind kind, const as_block *block,
                     const as_page_table_row *row, size_t first) {
    double height = kind == AS_TEX_LINE_ROW ? row_height(v, row) : 1.4;
    v->lines[v->n_lines++] = (as_tex_line){kind, block, row, first, height};
}

static bool same_cell(const as_spans *a, const as_spans *b) {
    bool same = a->n == b->n;
    for (size_t i = 0; i < a->n && same; i++)
        same = strcmp(a->items[i].text, b->items[i].text) == 0;
    return same;
}

static void add_block_lines(as_tex_view *v, const as_block *block) {
    size_t n = as_tex_lettered(v, block), first = 0;
    if (v->input->n_runs > 1 && !v->spec->of_all)
        add_line(v, AS_TEX_LINE_RUN, block, NULL, 0);
    do {
        if (v->spec->lettered)
            add_line(v, AS_TEX_LINE_HEADS, block, NULL, first);
        for (size_t r = 0; r < block->table.n_rows; r++) {
            const as_page_table_row *row = &block->table.rows[r];
            if (v->spec->grouped &&
                (r == 0 ||
                 !same_cell(as_tex_cell_at(row, 0), as_tex_cell_at(&block->table.rows[r - 1], 0))))
                add_line(v, AS_TEX_LINE_GROUP, block, row, first);
            add_line(v, AS_TEX_LINE_ROW, block, row, first);
        }
        first += v->n_each;
    } while (first < n);
}

static assay_status make_lines(as_tex_view *v, assay_error *error) {
    size_t most = 0;
    for (size_t b = 0; b < v->n_blocks; b++) {
        size_t turns = v->n_each ? as_tex_lettered(v, v->blocks[b]) / v->n_each + 1 : 1;
        most += 1 + turns * (1 + 2 * v->blocks[b]->table.n_rows);
    }
    v->lines = as_arena_alloc_array(v->arena, most, sizeof *v->lines);
    if (!v->lines)
        return no_memory(error);
    for (size_t b = 0; b < v->n_blocks; b++)
        if (v->blocks[b]->table.n_rows)
            add_block_lines(v, v->blocks[b]);
    return ASSAY_OK;
}

/* ---- notes ----------------------------------------------------------------------------------- */

static const as_tex_column *note_column(const as_tex_page_spec *spec) {
    for (size_t i = 0; i < AS_TEX_MOST_COLUMNS; i++)
        if (spec->columns[i].kind == AS_TEX_NOTE)
            return &spec->columns[i];
    return NULL;
}

/* A cell's words; "" where it has none. */
static const char *cell_words(as_arena *arena, const as_spans *cell) {
    size_t n = 0;
    for (size_t i = 0; i < cell->n; i++)
        n += cell->items[i].text ? strlen(cell->items[i].text) : 0;
    char *text = n ? as_arena_alloc(arena, n + 1) : NULL;
    if (!text)
        return "";
    text[0] = '\0';
    for (size_t i = 0; i < cell->n; i++)
        strcat(text, cell->items[i].text ? cell->items[i].text : "");
    return text;
}

size_t as_tex_take_note(as_tex_view *v, const as_page_table_row *row) {
    const as_tex_column *column = note_column(v->spec);
    const char *text =
        column ? cell_words(v->arena, as_tex_cell_at(row, (size_t)column->index)) : "";
    if (!*text)
        return 0;
    for (size_t i = 0; i < v->n_notes; i++)
        if (strcmp(v->notes[i], text) == 0)
            return i + 1;
    if (v->n_notes == AS_TEX_MOST_NOTES)
        return 0;
    v->notes[v->n_notes++] = text;
    return v->n_notes;
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* A heading may not end a part. */
static double height_with_next(const as_tex_view *v, size_t i) {
    double height = v->lines[i].height;
    while (v->lines[i].kind != AS_TEX_LINE_ROW && i + 1 < v->n_lines)
        height += v->lines[++i].height;
    return height;
}

static void split(as_tex_view *v) {
    double height = 0;
    for (size_t i = 0; i < v->n_lines; i++) {
        size_t known = v->n_notes;
        double note = 0;
        if (v->lines[i].kind == AS_TEX_LINE_ROW && as_tex_take_note(v, v->lines[i].row) > known)
            note = (double)lines_of((double)strlen(v->notes[known]), v->wide ? 118 : 75);
        bool full = height + height_with_next(v, i) + note > PART_LINES;
        if (v->n_parts && full && v->n_parts == AS_TEX_MOST_PARTS) {
            for (size_t k = i; k < v->n_lines; k++)
                v->n_left_out += v->lines[k].kind == AS_TEX_LINE_ROW;
            v->n_lines = i;
            break;
        }
        if (v->n_parts == 0 || full) {
            v->parts[v->n_parts++] = i;
            v->n_notes = 0;
            height =
                v->lines[i].kind == AS_TEX_LINE_ROW && i ? 1.4 : 0; /* its heading comes again */
            note = 0;
            if (v->lines[i].kind == AS_TEX_LINE_ROW && as_tex_take_note(v, v->lines[i].row))
                note = (double)lines_of((double)strlen(v->notes[0]), v->wide ? 118 : 75);
        }
        height += v->lines[i].height + note;
    }
    v->parts[v->n_parts] = v->n_lines;
    v->n_notes = 0;
}

/* ---- how columns are set --------------------------------------------------------------------- */

static void measure(as_tex_shape *s, const as_spans *cell) {
    const as_span *number = as_tex_lone_number(cell);
    if (!number) {
        s->aligned = s->aligned && as_tex_is_empty(cell);
        return;
    }
    size_t before = 0, after = 0;
    const char *point = strchr(number->text, '.');
    for (const char *c = number->text; *c && c != point; c++)
        before += *c >= '0' && *c <= '9';
    after = point ? strlen(point + 1) : 0;
    s->before = before > s->before ? before : s->before;
    s->after = after > s->after ? after : s->after;
    s->negative = s->negative || number->text[0] == '-' || number->text[0] == '+';
}

static void measure_columns(as_tex_view *v) {
    for (size_t i = 0; i <= AS_TEX_MOST_COLUMNS; i++)
        v->shapes[i] = (as_tex_shape){true, false, 1, 0};
    for (size_t k = 0; k < v->n_lines; k++) {
        const as_page_table_row *row = v->lines[k].row;
        if (v->lines[k].kind != AS_TEX_LINE_ROW)
            continue;
        for (size_t i = 0; i < v->n_named; i++)
            measure(&v->shapes[i], as_tex_cell_at(row, (size_t)v->spec->columns[i].index));
        for (size_t c = v->n_named; v->spec->lettered && c < row->n_cells; c++)
            measure(&v->shapes[AS_TEX_MOST_COLUMNS], &row->cells[c]);
    }
    for (size_t i = 0; i <= AS_TEX_MOST_COLUMNS; i++)
        if (v->shapes[i].before + v->shapes[i].after > MOST_DIGITS)
            v->shapes[i].aligned = false;
}

/* ---- all of it ------------------------------------------------------------------------------- */

assay_status as_tex_view_make(const as_report_input *input, const as_page *page,
                              const as_tex_page_spec *spec, as_arena *arena, as_tex_view *v,
                              assay_error *error) {
    *v = (as_tex_view){.arena = arena, .input = input, .spec = spec, .wide = spec->wide};
    while (v->n_named < AS_TEX_MOST_COLUMNS && spec->columns[v->n_named].kind)
        v->n_named++;
    assay_status status = find_blocks(v, page, error);
    if (status == ASSAY_OK && spec->lettered)
        arrange_letters(v);
    if (status == ASSAY_OK)
        status = make_lines(v, error);
    if (status == ASSAY_OK) {
        measure_columns(v);
        split(v);
    }
    return status;
}
