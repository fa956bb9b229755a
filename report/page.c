/* SPDX-License-Identifier: MIT */
/* Building the tree of report/page.h. Lists grow by doubling inside the arena. */
#include "report/page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

as_page as_page_new(as_arena *arena) {
    return (as_page){.arena = arena, .prefix = "", .digits = AS_NUMBER_DIGITS};
}

/* Room for one more item behind the n there are; NULL leaves page->failed. */
static void *grow(as_page *page, void **items, size_t n, size_t *room, size_t size) {
    if (n < *room)
        return (char *)*items + n * size;
    size_t wanted = *room ? 2 * *room : 4;
    void *larger = as_arena_alloc_array(page->arena, wanted, size);
    if (!larger) {
        page->failed = true;
        return NULL;
    }
    if (n)
        memcpy(larger, *items, n * size);
    *items = larger;
    *room = wanted;
    return (char *)larger + n * size;
}

static const char *keep(as_page *page, const char *text) {
    const char *copy = text ? as_arena_strdup(page->arena, text) : NULL;
    if (text && !copy)
        page->failed = true;
    return copy ? copy : "";
}

static const char *print(as_page *page, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, arguments);
    char *text = n < 0 ? NULL : as_arena_alloc(page->arena, (size_t)n + 1);
    if (text)
        vsnprintf(text, (size_t)n + 1, format, again);
    else
        page->failed = true;
    va_end(again);
    return text ? text : "";
}

const char *as_page_print(as_page *page, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *text = print(page, format, arguments);
    va_end(arguments);
    return text;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* NULL when there is no memory: what follows is then dropped, and page->failed says so. */
static as_block *add_block(as_page *page, as_block_kind kind) {
    as_block *block = as_arena_alloc(page->arena, sizeof *block);
    page->spans = NULL;
    page->span = NULL;
    if (!block) {
        page->failed = true;
        return NULL;
    }
    block->kind = kind;
    block->run = page->run;
    block->with_pictures = page->with_pictures || kind == AS_BLOCK_PLOT;
    block->id = block->text = "";
    page->spans = &block->spans;
    if (page->last)
        page->last->next = block;
    else
        page->first = block;
    page->last = block;
    return block;
}

void as_page_title(as_page *page) {
    add_block(page, AS_BLOCK_TITLE);
}

static const char *prefixed(as_page *page, const char *id) {
    return as_page_print(page, "%s%s", page->prefix, id);
}

void as_page_section(as_page *page, const char *id, const char *text) {
    as_block *block = add_block(page, AS_BLOCK_SECTION);
    if (!block)
        return;
    block->id = prefixed(page, id);
    block->text = keep(page, text);
}

void as_page_paragraph(as_page *page) {
    add_block(page, AS_BLOCK_PARAGRAPH);
}

void as_page_list(as_page *page) {
    add_block(page, AS_BLOCK_LIST);
    page->spans = NULL;
}

void as_page_item(as_page *page) {
    as_block *list = page->last;
    if (!list || list->kind != AS_BLOCK_LIST)
        return;
    as_spans *item =
        grow(page, (void **)&list->items, list->n_items, &list->items_room, sizeof *list->items);
    page->spans = item;
    page->span = NULL;
    if (!item)
        return;
    *item = (as_spans){NULL, 0, 0};
    list->n_items++;
}

void as_page_details(as_page *page) {
    add_block(page, AS_BLOCK_DETAILS);
}

void as_page_details_end(as_page *page) {
    add_block(page, AS_BLOCK_DETAILS_END);
}

void as_page_plot(as_page *page, const as_plot *plot) {
    as_block *block = add_block(page, AS_BLOCK_PLOT);
    if (block)
        block->plot = plot;
}

/* ---- tables ---------------------------------------------------------------------------------- */

void as_page_table(as_page *page, const char *id, const char *caption) {
    as_block *block = add_block(page, AS_BLOCK_TABLE);
    page->spans = NULL;
    if (!block)
        return;
    block->table.id = prefixed(page, id);
    block->table.caption = keep(page, caption);
    block->table.plain = page->with_pictures;
}

void as_page_facts(as_page *page, const char *id, const char *caption) {
    as_page_table(page, id, caption);
    if (page->last && page->last->kind == AS_BLOCK_TABLE)
        page->last->table.facts = true;
}

static as_page_table_data *current_table(as_page *page) {
    return page->last && page->last->kind == AS_BLOCK_TABLE ? &page->last->table : NULL;
}

static void add_column(as_page *page, as_span heading, as_column_kind kind) {
    as_page_table_data *t = current_table(page);
    as_page_column_head *column =
        t ? grow(page, (void **)&t->columns, t->n_columns, &t->columns_room, sizeof *t->columns)
          : NULL;
    if (!column)
        return;
    *column = (as_page_column_head){heading, kind, NULL};
    t->n_columns++;
}

void as_page_column(as_page *page, const char *heading, as_column_kind kind) {
    add_column(page, (as_span){.kind = AS_SPAN_TEXT, .text = keep(page, heading), .value = NAN},
               kind);
}

void as_page_column_name(as_page *page, const char *name, as_column_kind kind) {
    add_column(page, (as_span){.kind = AS_SPAN_NAME, .text = keep(page, name), .value = NAN}, kind);
}

void as_page_column_about(as_page *page, const char *about) {
    as_page_table_data *t = current_table(page);
    if (t && t->n_columns)
        t->columns[t->n_columns - 1].about = keep(page, about);
}

void as_page_row(as_page *page) {
    as_page_table_data *t = current_table(page);
    as_page_table_row *row =
        t ? grow(page, (void **)&t->rows, t->n_rows, &t->rows_room, sizeof *t->rows) : NULL;
    page->spans = NULL;
    page->span = NULL;
    if (!row)
        return;
    size_t n = t->facts ? 2 : t->n_columns;
    *row = (as_page_table_row){.cells = as_arena_alloc_array(page->arena, n, sizeof *row->cells)};
    if (!row->cells) {
        page->failed = true;
        return;
    }
    t->n_rows++;
}

static as_page_table_row *current_row(as_page *page) {
    as_page_table_data *t = current_table(page);
    return t && t->n_rows ? &t->rows[t->n_rows - 1] : NULL;
}

void as_page_row_problem(as_page *page) {
    as_page_table_row *row = current_row(page);
    if (row)
        row->problem = true;
}

void as_page_cell(as_page *page) {
    as_page_table_data *t = current_table(page);
    as_page_table_row *row = current_row(page);
    page->spans = NULL;
    page->span = NULL;
    if (!row || row->n_cells >= (t->facts ? 2 : t->n_columns))
        return;
    page->spans = &row->cells[row->n_cells++];
}

void as_page_shade(as_page *page, double share) {
    as_page_table_data *t = current_table(page);
    as_page_table_row *row = current_row(page);
    if (!row || !row->n_cells)
        return;
    if (!row->shading) {
        row->shading = as_arena_alloc_array(page->arena, t->n_columns, sizeof *row->shading);
        for (size_t i = 0; row->shading && i < t->n_columns; i++)
            row->shading[i] = NAN;
    }
    if (row->shading)
        row->shading[row->n_cells - 1] = share;
    else
        page->failed = true;
}

void as_page_cell_text(as_page *page, const char *text) {
    as_page_cell(page);
    as_page_text(page, text);
}

void as_page_cell_name(as_page *page, const char *name) {
    as_page_cell(page);
    as_page_name(page, name);
}

void as_page_cell_plain(as_page *page, double value) {
    as_page_cell(page);
    as_page_plain(page, value);
}

void as_page_cell_percent(as_page *page, double share) {
    as_page_cell_plain(page, 100 * share);
}

void as_page_cell_count(as_page *page, int64_t count) {
    as_page_cell(page);
    as_page_count(page, count);
}

void as_page_cell_figure(as_page *page, as_figure figure, double scale) {
    as_page_cell(page);
    as_page_figure(page, figure, scale);
}

/* ---- spans ----------------------------------------------------------------------------------- */

static void add_span(as_page *page, as_span span) {
    as_spans *spans = page->spans;
    as_span *place =
        spans ? grow(page, (void **)&spans->items, spans->n, &spans->room, sizeof *place) : NULL;
    page->span = place;
    if (!place)
        return;
    *place = span;
    spans->n++;
}

static void add_text(as_page *page, as_span_kind kind, const char *text) {
    add_span(page, (as_span){.kind = kind, .text = keep(page, text), .value = NAN});
}

void as_page_text(as_page *page, const char *text) {
    add_text(page, text ? AS_SPAN_TEXT : AS_SPAN_EMPTY, text);
}

void as_page_format(as_page *page, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *text = print(page, format, arguments);
    va_end(arguments);
    add_span(page, (as_span){.kind = AS_SPAN_TEXT, .text = text, .value = NAN});
}

void as_page_name(as_page *page, const char *name) {
    add_text(page, name && *name ? AS_SPAN_NAME : AS_SPAN_EMPTY, name);
}

void as_page_strong(as_page *page, const char *text) {
    add_text(page, AS_SPAN_STRONG, text);
}

void as_page_shaded(as_page *page, const char *text, double shade, double value) {
    add_text(page, AS_SPAN_SHADED, text);
    if (!page->span)
        return;
    page->span->shade = shade;
    page->span->value = value;
}

void as_page_mark(as_page *page, as_span_kind mark) {
    add_text(page, mark, NULL);
}

void as_page_number(as_page *page, double value, const char *text) {
    if (!text || strcmp(text, "-") == 0) {
        add_text(page, AS_SPAN_EMPTY, NULL);
        return;
    }
    add_text(page, AS_SPAN_NUMBER, text);
    if (page->span)
        page->span->value = value;
}

void as_page_plain(as_page *page, double value) {
    as_page_number(page, value, as_number_plain(value).value);
}

void as_page_count(as_page *page, int64_t count) {
    as_page_number(page, (double)count, as_number_count(count).value);
}

void as_page_figure(as_page *page, as_figure figure, double scale) {
    as_number number = as_number_figure(figure, scale, page->digits);
    as_page_number(page, figure.value * scale, number.value);
    if (page->span && page->span->kind == AS_SPAN_NUMBER && number.half[0])
        page->span->half = keep(page, number.half);
}

/* ---- where from ------------------------------------------------------------------------------ */

static void set_origin(as_page *page, as_origin origin) {
    if (page->span && page->span->kind == AS_SPAN_NUMBER)
        page->span->origin = origin;
}

void as_page_from_row(as_page *page, const as_row_summary *row, const char *file, const char *field,
                      const char *how) {
    set_origin(page, (as_origin){.row = row, .file = file, .field = field, .how = how});
}

void as_page_from_cell(as_page *page, const as_record *record, const char *file, const char *field,
                       const char *how) {
    set_origin(page, (as_origin){.record = record, .file = file, .field = field, .how = how});
}

void as_page_from_run(as_page *page, const char *file, const char *field, const char *how) {
    set_origin(page, (as_origin){.file = file, .field = field, .how = how});
}
