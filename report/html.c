/* SPDX-License-Identifier: MIT */
/* A page (report/page.h) as HTML (the WHATWG's living standard). Every text goes through
 * as_html_text; nothing of a run is ever markup. */
#include "report/html.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "report/drawings.h"
#include "report/html_style.h"
#include "report/html_text.h"
#include "report/plot.h"
#include "report/report.h"
#include "report/sections.h"

/* ---- spans ----------------------------------------------------------------------------------- */

static void begin_source(FILE *stream, const as_origin *o, const char *how) {
    if (o->row)
        as_source_row(stream, o->row, o->file, o->field, how);
    else if (o->record)
        as_source_cell(stream, o->record, o->file, o->field, how);
    else
        as_source_begin(stream, o->file, o->field, how);
}

static void write_marked(FILE *stream, const as_origin *o, const char *how, const char *number) {
    if (o->file)
        begin_source(stream, o, how);
    as_html_text(stream, number);
    if (o->file)
        as_source_end(stream);
}

static void write_number(const as_span *span, FILE *stream) {
    write_marked(stream, &span->origin, span->origin.how, span->text);
    if (span->half) {
        fputs(" \xc2\xb1 ", stream);
        write_marked(stream, &span->origin, "half of its 95 % interval", span->half);
    }
}

static void write_element(FILE *stream, const char *element, const char *text) {
    fprintf(stream, "<%s>", element);
    as_html_text(stream, text);
    fprintf(stream, "</%s>", element);
}

static void write_span(const as_span *span, FILE *stream) {
    switch (span->kind) {
    case AS_SPAN_TEXT:
        as_html_text(stream, span->text);
        break;
    case AS_SPAN_NAME:
        write_element(stream, "code", span->text);
        break;
    case AS_SPAN_STRONG:
        write_element(stream, "strong", span->text);
        break;
    case AS_SPAN_NUMBER:
        write_number(span, stream);
        break;
    case AS_SPAN_BEST:
        fputs("*", stream);
        break;
    case AS_SPAN_UNTRUSTED:
        fputs(" <strong class=\"bad\">!</strong>", stream);
        break;
    case AS_SPAN_EMPTY:
        fputs("-", stream);
        break;
    }
}

static void write_spans(const as_spans *spans, FILE *stream) {
    for (size_t i = 0; i < spans->n; i++) {
        write_span(&spans->items[i], stream);
        bool marks_next = spans->items[i].kind == AS_SPAN_BEST && i + 1 < spans->n &&
                          spans->items[i + 1].kind == AS_SPAN_NAME;
        fputs(marks_next ? " " : "", stream);
    }
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void write_caption(const as_page_table_data *t, FILE *stream) {
    fputs("<caption id=\"", stream);
    as_html_text(stream, t->id);
    fputs("-caption\">", stream);
    as_html_text(stream, t->caption);
    fputs("</caption>\n", stream);
}

static void write_heads(const as_page_table_data *t, FILE *stream) {
    fputs("<thead><tr>", stream);
    for (size_t c = 0; c < t->n_columns; c++) {
        const as_page_column_head *head = &t->columns[c];
        bool sortable = t->n_rows > 1 && *head->heading.text && !t->rows[0].shading;
        fprintf(stream, "<th scope=\"col\"%s",
                head->kind == AS_COLUMN_NUMBER ? " class=\"n\"" : "");
        if (head->about) {
            fputs(" data-t=\"", stream);
            as_html_text(stream, head->about);
            fputs("\"", stream);
        }
        fputs(sortable ? "><button type=\"button\">" : ">", stream);
        if (*head->heading.text)
            write_span(&head->heading, stream);
        else
            fputs("<span class=\"quiet\">remark</span>", stream);
        fputs(sortable ? "</button></th>" : "</th>", stream);
    }
    fputs("</tr></thead>\n", stream);
}

/* The cell's only number, which it is sorted by; NULL: it has none or several. */
static const as_span *number_of(const as_spans *cell) {
    const as_span *number = NULL;
    for (size_t i = 0; i < cell->n; i++) {
        if (cell->items[i].kind != AS_SPAN_NUMBER)
            continue;
        if (number)
            return NULL;
        number = &cell->items[i];
    }
    return number;
}

/* The number unrounded, and where it comes from: for sorting and for hover. */
static void write_told(const as_span *number, bool with_source, FILE *stream) {
    const as_origin *o = &number->origin;
    char raw[40];
    if (!isfinite(number->value))
        return;
    snprintf(raw, sizeof raw, "%.9g", number->value);
    fprintf(stream, " data-v=\"%s\"", raw);
    if (!with_source || !o->file)
        return;
    fprintf(stream, " data-t=\"%s", raw);
    fputs(": ", stream);
    as_html_text(stream, o->field);
    fputs(" in ", stream);
    as_html_text(stream, o->file);
    if (o->how) {
        fputs("; ", stream);
        as_html_text(stream, o->how);
    }
    fputs("\"", stream);
}

static void write_cell(const as_page_table_data *t, const as_page_table_row *row, size_t c,
                       FILE *stream) {
    const as_spans *cell = &row->cells[c];
    const as_span *number = number_of(cell);
    bool is_number = !t->facts && t->columns[c].kind == AS_COLUMN_NUMBER;
    double shade = row->shading ? row->shading[c] : NAN;
    fputs(c ? "<td" : "<th scope=\"row\"", stream);
    if (is_number) {
        fputs(" class=\"n", stream);
        if (!isnan(shade))
            fprintf(stream, " q%d", (int)lround(fmin(fmax(shade, 0), 1) * (AS_HTML_SHADES - 1)));
        fputs("\"", stream);
    }
    if (number)
        write_told(number, isnan(shade) && !t->plain, stream);
    fputs(">", stream);
    write_spans(cell, stream);
    fputs(c ? "</td>" : "</th>", stream);
}

static bool is_best(const as_page_table_row *row) {
    return row->n_cells && row->cells[0].n && row->cells[0].items[0].kind == AS_SPAN_BEST;
}

static void write_row(const as_page_table_data *t, const as_page_table_row *row, FILE *stream) {
    size_t n = t->facts ? 2 : t->n_columns;
    fputs(row->problem   ? "<tr class=\"problem\">"
          : is_best(row) ? "<tr class=\"best\">"
                         : "<tr>",
          stream);
    if (row->problem && row->n_cells == 2) {
        fputs("<th scope=\"row\">", stream);
        write_spans(&row->cells[0], stream);
        fprintf(stream, "</th><td colspan=\"%zu\">", n - 1);
        write_spans(&row->cells[1], stream);
        fputs("</td></tr>\n", stream);
        return;
    }
    for (size_t c = 0; c < row->n_cells; c++)
        write_cell(t, row, c, stream);
    for (size_t c = row->n_cells; c < n; c++)
        fputs("<td></td>", stream);
    fputs("</tr>\n", stream);
}

static void write_table(const as_page_table_data *t, FILE *stream) {
    fputs("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"", stream);
    as_html_text(stream, t->id);
    fputs("-caption\"><table id=\"", stream);
    as_html_text(stream, t->id);
    fputs("\">\n", stream);
    write_caption(t, stream);
    if (!t->facts)
        write_heads(t, stream);
    fputs("<tbody>\n", stream);
    for (size_t r = 0; r < t->n_rows; r++)
        write_row(t, &t->rows[r], stream);
    if (t->n_rows == 0)
        fprintf(stream, "<tr><td colspan=\"%zu\">nothing</td></tr>\n", t->facts ? 2 : t->n_columns);
    fputs("</tbody></table></div>\n", stream);
}

/* ---- figures --------------------------------------------------------------------------------- */

static void write_figure(const as_plot *plot, const char *drawing, const char *missing,
                         FILE *stream) {
    fputs("<figure id=\"", stream);
    as_html_text(stream, plot->id);
    fputs("\">\n<figcaption><b>", stream);
    as_html_text(stream, plot->title);
    fputs("</b> ", stream);
    as_html_text(stream, plot->about);
    fputs("</figcaption>\n", stream);
    if (drawing) {
        fputs("<div class=\"plot\">\n", stream);
        fputs(drawing, stream);
        fputs("</div>\n", stream);
    } else {
        fputs("<p class=\"bad\">", stream);
        as_html_text(stream, missing);
        fputs("</p>\n", stream);
    }
    fputs("</figure>\n", stream);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static void write_list(const as_block *block, FILE *stream) {
    fputs("<ul>\n", stream);
    for (size_t i = 0; i < block->n_items; i++) {
        fputs("<li>", stream);
        write_spans(&block->items[i], stream);
        fputs("</li>\n", stream);
    }
    fputs("</ul>\n", stream);
}

static void write_block(const as_block *block, const as_drawings *drawings, FILE *stream) {
    switch (block->kind) {
    case AS_BLOCK_TITLE:
        fputs("<h1>", stream);
        write_spans(&block->spans, stream);
        fputs("</h1>\n", stream);
        break;
    case AS_BLOCK_SECTION:
        fputs("<h2 id=\"", stream);
        as_html_text(stream, block->id);
        fputs("\">", stream);
        as_html_text(stream, block->text);
        fputs("</h2>\n", stream);
        break;
    case AS_BLOCK_PARAGRAPH:
        fputs("<p>", stream);
        write_spans(&block->spans, stream);
        fputs("</p>\n", stream);
        break;
    case AS_BLOCK_LIST:
        write_list(block, stream);
        break;
    case AS_BLOCK_TABLE:
        write_table(&block->table, stream);
        break;
    case AS_BLOCK_DETAILS:
        fputs("<details><summary>", stream);
        write_spans(&block->spans, stream);
        fputs("</summary>\n", stream);
        break;
    case AS_BLOCK_DETAILS_END:
        fputs("</details>\n", stream);
        break;
    case AS_BLOCK_PLOT:
        write_figure(block->plot, as_drawings_svg(drawings, block->plot), drawings->missing,
                     stream);
        break;
    }
}

/* ---- the page -------------------------------------------------------------------------------- */

static void write_contents(const as_page *page, FILE *stream) {
    fputs("<nav aria-label=\"Sections\"><ul>\n", stream);
    for (const as_block *b = page->first; b; b = b->next) {
        if (b->kind != AS_BLOCK_SECTION)
            continue;
        fputs("<li><a href=\"#", stream);
        as_html_text(stream, b->id);
        fputs("\">", stream);
        as_html_text(stream, b->text);
        fputs("</a></li>\n", stream);
    }
    fputs("</ul></nav>\n", stream);
}

static void write_head(const as_page *page, FILE *stream) {
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n", stream);
    as_html_head(stream);
    fputs("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          stream);
    for (size_t i = 0; page->first && i < page->first->spans.n; i++)
        as_html_text(stream, page->first->spans.items[i].text);
    fputs("</title>\n", stream);
    fputs("</head>\n", stream);
}

void as_html_write(const as_page *page, const as_drawings *drawings, FILE *stream) {
    size_t run = SIZE_MAX;
    write_head(page, stream);
    fputs("<body>\n<a class=\"skip\" href=\"#report\">Skip the contents</a>\n", stream);
    write_contents(page, stream);
    fputs("<main id=\"report\">\n", stream);
    for (const as_block *b = page->first; b; b = b->next) {
        if (b->run != run)
            as_source_run(stream, run = b->run);
        write_block(b, drawings, stream);
    }
    fputs("</main>\n<p id=\"live\" class=\"quiet\" role=\"status\"></p>\n"
          "<div id=\"tip\" role=\"tooltip\" hidden></div>\n",
          stream);
    as_html_script(stream);
    fputs("</body>\n</html>\n", stream);
}

assay_status as_report_mark_html(const as_report_input *input, FILE *stream, assay_error *error) {
    as_arena *arena = as_arena_new();
    as_page page;
    as_drawings drawings;
    if (!arena)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the report");
    assay_status status = as_report_page(arena, input, &page, error);
    if (status == ASSAY_OK)
        status = as_drawings_make(&page, &drawings, error);
    if (status == ASSAY_OK)
        as_html_write(&page, &drawings, stream);
    as_arena_free(arena);
    return status;
}
