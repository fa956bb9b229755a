/* SPDX-License-Identifier: MIT */
/* A page (report/page.h) as Markdown: CommonMark with GitHub's tables, folded parts and mentions.
 * Captions and plots are left to formats that have a place for them. */
#include "report/markdown.h"

#include <string.h>

#include "base/error.h"
#include "report/html_text.h"
#include "report/report.h"
#include "report/sections.h"
#include "report/spans.h"

/* What needs no escape of Markdown's, at *text: white space is a space, controls "?", and beyond
 * ASCII what no page may hold (report/html_text.h) U+FFFD. Moves *text to the last byte of it. */
static void put_character(FILE *stream, const char **text) {
    unsigned char c = (unsigned char)**text;
    const char *next = *text;
    if (c < 0x80) {
        fputc(c == '\n' || c == '\r' || c == '\t' ? ' ' : c < 0x20 || c == 0x7f ? '?' : c, stream);
        return;
    }
    as_html_put(stream, as_html_next(&next));
    *text = next - 1;
}

#define LEAST_MARKED (1.0 / 3) /* of shades */

void as_md_text(FILE *stream, const char *text) {
    if (!text) {
        fputc('-', stream);
        return;
    }
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '<' || c == '>' || c == '&' || c == '@')
            fprintf(stream, "&#%d;", c);
        else if (strchr("\\|`*_[]#~$!", c))
            fprintf(stream, "\\%c", c);
        else
            put_character(stream, &text);
    }
}

void as_md_html(FILE *stream, const char *text) {
    for (; text && *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (strchr("<>&@\"'", c))
            fprintf(stream, "&#%d;", c);
        else
            put_character(stream, &text);
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
            put_character(stream, &text);
    }
    fputs(pad, stream);
    for (size_t i = 0; i <= longest; i++)
        fputc('`', stream);
}

/* ---- spans ----------------------------------------------------------------------------------- */

static void write_plain(FILE *stream, const char *number) {
    fputs(number, stream);
}

static void write_strong(FILE *stream, const char *text) {
    fputs("**", stream);
    as_md_text(stream, text);
    fputs("**", stream);
}

/* A piece of a word can't be between stars. */
static void write_shaded(const as_span *span, FILE *stream) {
    fputs(span->shade >= LEAST_MARKED ? "<mark>" : "", stream);
    as_md_text(stream, span->text);
    fputs(span->shade >= LEAST_MARKED ? "</mark>" : "", stream);
}

static const as_span_format markdown = {.text = as_md_text,
                                        .name = as_md_code,
                                        .strong = write_strong,
                                        .number = write_plain,
                                        .best = "\\*",
                                        .untrusted = " **!**",
                                        .shaded = write_shaded};

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
            as_write_span(&t->columns[i].heading, &markdown, stream);
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
                as_write_spans(&row->cells[c], &markdown, stream);
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
        as_write_spans(&block->items[i], &markdown, stream);
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
        as_write_spans(&block->spans, &markdown, stream);
        fputs("\n\n", stream);
        break;
    case AS_BLOCK_PARAGRAPH:
        as_write_spans(&block->spans, &markdown, stream);
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
    const as_page *page = NULL;
    assay_status status = as_report_page_of(input, &page, error);
    size_t run = SIZE_MAX;
    for (const as_block *b = status == ASSAY_OK ? page->first : NULL; b; b = b->next) {
        if (b->with_pictures)
            continue;
        if (b->kind == AS_BLOCK_TITLE && b != page->first)
            fputs("\n---\n\n", stream);
        if (b->run != run)
            as_source_run(stream, run = b->run);
        write_block(b, stream);
    }
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
