/* SPDX-License-Identifier: MIT */
/* A page (report/page.h) as Markdown: CommonMark with GitHub's tables, folded parts and mentions.
 * Captions and plots are left to formats that have a place for them. */
#include "report/markdown.h"

#include <string.h>

#include "base/error.h"
#include "report/report.h"
#include "report/sections.h"

void as_md_text(FILE *stream, const char *text) {
    if (!text) {
        fputc('-', stream);
        return;
    }
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '\n' || c == '\r' || c == '\t')
            fputc(' ', stream);
        else if (c < 0x20 || c == 0x7f)
            fputc('?', stream);
        else if (c == '<' || c == '>' || c == '&' || c == '@')
            fprintf(stream, "&#%d;", c);
        else if (strchr("\\|`*_[]#~$!", c))
            fprintf(stream, "\\%c", c);
        else
            fputc(c, stream);
    }
}

void as_md_html(FILE *stream, const char *text) {
    for (; text && *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (strchr("<>&@\"'", c))
            fprintf(stream, "&#%d;", c);
        else
            fputc(c == '\n' || c == '\r' || c == '\t' ? ' '
                  : c < 0x20 || c == 0x7f             ? '?'
                                                      : c,
                  stream);
    }
}

void as_md_code(FILE *stream, const char *text) {
    size_t longest = 0, run = 0;
    if (!text || !*text) {
        fputc('-', stream);
        return;
    }
    for (const char *p = text; *p; p++) {
        run = *p == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    const char *pad = longest ? " " : "";
    for (size_t i = 0; i <= longest; i++)
        fputc('`', stream);
    fputs(pad, stream);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '|')
            fputs("\\|", stream); /* a table's cell ends at a bare bar, even inside code */
        else
            fputc(c == '\n' || c == '\r' || c == '\t' ? ' '
                  : c < 0x20 || c == 0x7f             ? '?'
                                                      : c,
                  stream);
    }
    fputs(pad, stream);
    for (size_t i = 0; i <= longest; i++)
        fputc('`', stream);
}

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
    fputs(number, stream);
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

static void write_span(const as_span *span, FILE *stream) {
    switch (span->kind) {
    case AS_SPAN_TEXT:
        as_md_text(stream, span->text);
        break;
    case AS_SPAN_NAME:
        as_md_code(stream, span->text);
        break;
    case AS_SPAN_STRONG:
        fputs("**", stream);
        as_md_text(stream, span->text);
        fputs("**", stream);
        break;
    case AS_SPAN_NUMBER:
        write_number(span, stream);
        break;
    case AS_SPAN_BEST:
        fputs("\\*", stream);
        break;
    case AS_SPAN_UNTRUSTED:
        fputs(" **!**", stream);
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

static void write_heads(const as_page_table_data *t, FILE *stream) {
    if (t->facts) {
        fputs("| | |\n|---|---|\n", stream);
        return;
    }
    fputs("|", stream);
    for (size_t i = 0; i < t->n_columns; i++) {
        fputs(" ", stream);
        if (*t->columns[i].heading.text) {
            write_span(&t->columns[i].heading, stream);
            fputs(" ", stream);
        }
        fputs("|", stream);
    }
    fputs("\n|", stream);
    for (size_t i = 0; i < t->n_columns; i++)
        fputs(t->columns[i].kind == AS_COLUMN_NUMBER ? "--:|" : "---|", stream);
    fputs("\n", stream);
}

static void write_table(const as_page_table_data *t, FILE *stream) {
    write_heads(t, stream);
    for (size_t r = 0; r < t->n_rows; r++) {
        const as_page_table_row *row = &t->rows[r];
        size_t n = t->facts ? 2 : t->n_columns;
        fputs("|", stream);
        for (size_t c = 0; c < n; c++) {
            fputs(" ", stream);
            if (c < row->n_cells) {
                bool diagonal = row->shading && c == r + 1;
                fputs(diagonal ? "**" : "", stream);
                write_spans(&row->cells[c], stream);
                fputs(diagonal ? "** " : " ", stream);
            }
            fputs("|", stream);
        }
        fputs("\n", stream);
    }
    fputs("\n", stream);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static void write_summary(const as_spans *spans, FILE *stream) {
    fputs("<details><summary>", stream);
    for (size_t i = 0; i < spans->n; i++)
        as_md_html(stream, spans->items[i].text);
    fputs("</summary>\n\n", stream);
}

static void write_list(const as_block *block, FILE *stream) {
    for (size_t i = 0; i < block->n_items; i++) {
        fputs("- ", stream);
        write_spans(&block->items[i], stream);
        fputs("\n", stream);
    }
    fputs(block->next ? "\n" : "", stream);
}

static void write_block(const as_block *block, FILE *stream) {
    switch (block->kind) {
    case AS_BLOCK_TITLE:
    case AS_BLOCK_SECTION:
        fputs(block->kind == AS_BLOCK_TITLE ? "# " : "## ", stream);
        as_md_text(stream, block->text);
        write_spans(&block->spans, stream);
        fputs("\n\n", stream);
        break;
    case AS_BLOCK_PARAGRAPH:
        write_spans(&block->spans, stream);
        fputs("\n\n", stream);
        break;
    case AS_BLOCK_LIST:
        write_list(block, stream);
        break;
    case AS_BLOCK_TABLE:
        write_table(&block->table, stream);
        break;
    case AS_BLOCK_DETAILS:
        write_summary(&block->spans, stream);
        break;
    case AS_BLOCK_DETAILS_END:
        fputs("</details>\n\n", stream);
        break;
    case AS_BLOCK_PLOT:
        break;
    }
}

assay_status as_report_mark_markdown(const as_report_input *input, FILE *stream,
                                     assay_error *error) {
    as_arena *arena = as_arena_new();
    as_page page;
    if (!arena)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the report");
    assay_status status = as_report_page(arena, input, &page, error);
    size_t run = SIZE_MAX;
    for (const as_block *b = status == ASSAY_OK ? page.first : NULL; b; b = b->next) {
        if (b->with_pictures)
            continue;
        if (b->kind == AS_BLOCK_TITLE && b != page.first)
            fputs("\n---\n\n", stream);
        if (b->run != run)
            as_source_run(stream, run = b->run);
        write_block(b, stream);
    }
    as_arena_free(arena);
    return status;
}

assay_status as_report_write_markdown(const as_run *run, FILE *stream, assay_error *error) {
    as_arena *arena = as_arena_new();
    as_report_input input;
    as_rendered rendered = {0};
    as_run *runs[1] = {(as_run *)(uintptr_t)run};
    if (!arena)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the report");
    assay_status status =
        as_report_input_make(arena, runs, 1, (as_report_options){0}, &input, error);
    if (status == ASSAY_OK)
        status = as_document_render(arena, as_document_find("markdown"), &input, &rendered, error);
    if (status == ASSAY_OK)
        fwrite(rendered.text, 1, rendered.size, stream);
    as_rendered_done(&rendered);
    as_arena_free(arena);
    return status;
}
