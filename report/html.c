/* SPDX-License-Identifier: MIT */
/* A page (report/page.h) as HTML (the WHATWG's living standard). Every text goes through
 * as_html_text; nothing of a run is ever markup. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "report/drawings.h"
#include "report/html_style.h"
#include "report/html_text.h"
#include "report/plot.h"
#include "report/report.h"
#include "report/sections.h"
#include "report/spans.h"

/* ---- spans ----------------------------------------------------------------------------------- */

static void write_element(FILE *stream, const char *element, const char *text) {
    fprintf(stream, "<%s>", element);
    as_html_text(stream, text);
    fprintf(stream, "</%s>", element);
}

static int shade_step(double shade) {
    return (int)lround(fmin(fmax(shade, 0), 1) * (AS_HTML_SHADES - 1));
}

/* Step 0 is the page's own ground. */
static void write_shaded(const as_span *span, FILE *stream) {
    int step = shade_step(span->shade);
    if (step)
        fprintf(stream, "<span class=\"w%d\" data-t=\"%.3g\">", step, span->value);
    as_html_text(stream, span->text);
    fputs(step ? "</span>" : "", stream);
}

static void write_code(FILE *stream, const char *name) {
    write_element(stream, "code", name);
}

static void write_strong(FILE *stream, const char *text) {
    write_element(stream, "strong", text);
}

static const as_span_format html = {.text = as_html_text,
                                    .name = write_code,
                                    .strong = write_strong,
                                    .number = as_html_text,
                                    .best = "*",
                                    .untrusted = " <strong class=\"bad\">!</strong>",
                                    .shaded = write_shaded};

/* ---- tables ---------------------------------------------------------------------------------- */

static void write_caption(const as_page_table_data *t, FILE *stream) {
    fputs("<caption id=\"", stream);
    as_html_text(stream, t->id);
    fputs("-caption\">", stream);
    as_html_text(stream, t->caption);
    fputs("</caption>\n", stream);
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

static bool is_same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_same_source(const as_origin *a, const as_origin *b) {
    return is_same_text(a->file, b->file) && is_same_text(a->field, b->field) &&
           is_same_text(a->how, b->how);
}

/* Where all numbers of the column come from, so that its head can say it once; NULL: they come from
 * different places, or nobody asks (figures' data, shaded cells). */
static const as_origin *column_source(const as_page_table_data *t, size_t c) {
    const as_origin *first = NULL;
    if (t->facts || t->plain)
        return NULL;
    for (size_t r = 0; r < t->n_rows; r++) {
        const as_page_table_row *row = &t->rows[r];
        const as_span *number = c < row->n_cells ? number_of(&row->cells[c]) : NULL;
        if (!number || (row->problem && row->n_cells == 2))
            continue;
        if (row->shading || !number->origin.file ||
            (first && !is_same_source(first, &number->origin)))
            return NULL;
        first = &number->origin;
    }
    return first;
}

static void write_source(const as_origin *o, FILE *stream) {
    as_html_text(stream, o->field);
    fputs(" in ", stream);
    as_html_text(stream, o->file);
    if (o->how && *o->how) {
        fputs("; ", stream);
        as_html_text(stream, o->how);
    }
}

static void write_heads(const as_page_table_data *t, FILE *stream) {
    fputs("<thead><tr>", stream);
    for (size_t c = 0; c < t->n_columns; c++) {
        const as_page_column_head *head = &t->columns[c];
        const as_origin *source = column_source(t, c);
        bool sortable = t->n_rows > 1 && *head->heading.text && !t->rows[0].shading;
        fprintf(stream, "<th scope=\"col\"%s",
                head->kind == AS_COLUMN_NUMBER ? " class=\"n\"" : "");
        if (head->about) {
            fputs(" data-t=\"", stream);
            as_html_text(stream, head->about);
            fputs("\"", stream);
        }
        if (source) {
            fputs(" data-s=\"", stream);
            write_source(source, stream);
            fputs("\"", stream);
        }
        fputs(sortable ? "><button type=\"button\">" : ">", stream);
        if (*head->heading.text)
            as_write_span(&head->heading, &html, stream);
        else
            fputs("<span class=\"quiet\">remark</span>", stream);
        fputs(sortable ? "</button></th>" : "</th>", stream);
    }
    fputs("</tr></thead>\n", stream);
}

/* Is the number as shown the unrounded one? */
static bool shows_all(const char *text, const char *raw) {
    char *end;
    double shown = strtod(text, &end);
    return !*end && shown == strtod(raw, NULL);
}

/* The number unrounded where the cell doesn't show it so, and where it comes from where the
 * column's head doesn't say: for sorting and for hover. */
static void write_told(const as_spans *cell, bool with_source, FILE *stream) {
    const as_span *number = number_of(cell);
    char raw[40];
    if (!number || !isfinite(number->value))
        return;
    snprintf(raw, sizeof raw, "%.9g", number->value);
    if (cell->n > 1 || number->half || !shows_all(number->text, raw))
        fprintf(stream, " data-v=\"%s\"", raw);
    if (!with_source || !number->origin.file)
        return;
    fprintf(stream, " data-t=\"%s: ", raw);
    write_source(&number->origin, stream);
    fputs("\"", stream);
}

/* Too long for the width of a word or two. */
static bool is_long(const as_spans *cell) {
    enum { LONG_TEXT = 120 };
    size_t n = 0;
    for (size_t i = 0; i < cell->n; i++)
        n += cell->items[i].text ? strlen(cell->items[i].text) : 0;
    return n > LONG_TEXT;
}

/* Numbers are what cells usually hold, and need no class. */
static void write_cell(const as_page_table_data *t, const as_page_table_row *row, size_t c,
                       bool head_tells, FILE *stream) {
    const as_spans *cell = &row->cells[c];
    bool is_number = !t->facts && t->columns[c].kind == AS_COLUMN_NUMBER;
    double shade = row->shading ? row->shading[c] : NAN;
    fputs(c ? "<td" : "<th scope=\"row\"", stream);
    if (!isnan(shade))
        fprintf(stream, " class=\"q%d\"", shade_step(shade));
    else if (c ? !is_number : is_number)
        fputs(!c ? " class=\"n\"" : is_long(cell) ? " class=\"t w\"" : " class=\"t\"", stream);
    write_told(cell, isnan(shade) && !t->plain && !head_tells, stream);
    fputs(">", stream);
    as_write_spans(cell, &html, stream);
    fputs(c ? "</td>" : "</th>", stream);
}

static bool is_best(const as_page_table_row *row) {
    return row->n_cells && row->cells[0].n && row->cells[0].items[0].kind == AS_SPAN_BEST;
}

/* told: [n_columns] the column's head tells where its numbers come from. */
static void write_row(const as_page_table_data *t, const as_page_table_row *row, const bool *told,
                      FILE *stream) {
    size_t n = t->facts ? 2 : t->n_columns;
    fputs(row->problem   ? "<tr class=\"problem\">"
          : is_best(row) ? "<tr class=\"best\">"
                         : "<tr>",
          stream);
    if (row->problem && row->n_cells == 2) {
        fputs("<th scope=\"row\">", stream);
        as_write_spans(&row->cells[0], &html, stream);
        fprintf(stream, "</th><td class=\"t\" colspan=\"%zu\">", n - 1);
        as_write_spans(&row->cells[1], &html, stream);
        fputs("</td></tr>\n", stream);
        return;
    }
    for (size_t c = 0; c < row->n_cells; c++)
        write_cell(t, row, c, told && told[c], stream);
    for (size_t c = row->n_cells; c < n; c++)
        fputs("<td></td>", stream);
    fputs("</tr>\n", stream);
}

/* [n_columns], to be freed; NULL: no column's (or no memory: then every cell tells its own). */
static bool *tell_columns(const as_page_table_data *t) {
    bool *told = t->facts || !t->n_columns ? NULL : calloc(t->n_columns, sizeof *told);
    for (size_t c = 0; told && c < t->n_columns; c++)
        told[c] = column_source(t, c) != NULL;
    return told;
}

static void write_table(const as_page_table_data *t, FILE *stream) {
    bool *told = tell_columns(t);
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
        write_row(t, &t->rows[r], told, stream);
    if (t->n_rows == 0)
        fprintf(stream, "<tr><td class=\"t\" colspan=\"%zu\">nothing</td></tr>\n",
                t->facts ? 2 : t->n_columns);
    fputs("</tbody></table></div>\n", stream);
    free(told);
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
        fputs("<div class=\"plot\" tabindex=\"0\" role=\"group\" aria-label=\"", stream);
        as_html_text(stream, plot->title);
        fputs("\">\n", stream);
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
        as_write_spans(&block->items[i], &html, stream);
        fputs("</li>\n", stream);
    }
    fputs("</ul>\n", stream);
}

static void write_block(const as_block *block, const as_drawings *drawings, FILE *stream) {
    switch (block->kind) {
    case AS_BLOCK_TITLE:
        fputs("<h1>", stream);
        as_write_spans(&block->spans, &html, stream);
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
        as_write_spans(&block->spans, &html, stream);
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
        as_write_spans(&block->spans, &html, stream);
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

/* The document: no network, no foreign script; light and dark, for screens, phones and paper.
 * Numbers carry marks (report/source.h). */
static void write_page(const as_page *page, const as_drawings *drawings, FILE *stream) {
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
    const as_page *page;
    as_drawings drawings;
    if (!arena)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the report");
    assay_status status = as_report_page_of(input, &page, error);
    if (status == ASSAY_OK)
        status = as_drawings_make(arena, page, &drawings, error);
    if (status == ASSAY_OK)
        write_page(page, &drawings, stream);
    as_arena_free(arena);
    return status;
}
