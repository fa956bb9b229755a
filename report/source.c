/* SPDX-License-Identifier: MIT */
/* Marks around numbers, and taking them out again; the form of a mark: report/source.h. */
#include "report/source.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { BEGIN = 1, SEPARATOR = 0x1f, OPEN = 2, END = 3, RUN = 0x1e };

/* Text that cannot end the part of a mark in which it stands. */
static void put(FILE *stream, const char *text) {
    for (; text && *text; text++)
        fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, stream);
}

static void put_rest(FILE *stream, const char *field, const char *how) {
    fputc(SEPARATOR, stream);
    put(stream, field);
    fputc(SEPARATOR, stream);
    put(stream, how);
    fputc(OPEN, stream);
}

void as_source_begin(FILE *stream, const char *file, const char *field, const char *how) {
    fputc(BEGIN, stream);
    put(stream, file);
    put_rest(stream, field, how);
}

void as_source_row(FILE *stream, const as_row_summary *row, const char *file, const char *field,
                   const char *how) {
    fprintf(stream, "%ccells/%s", BEGIN, row->n_records > 1 ? "{" : "");
    for (size_t i = 0; i < row->n_records; i++) {
        fputs(i ? "," : "", stream);
        put(stream, row->records[i]->cell);
    }
    fprintf(stream, "%s/", row->n_records > 1 ? "}" : "");
    put(stream, file);
    put_rest(stream, field, how);
}

void as_source_cell(FILE *stream, const as_record *record, const char *file, const char *field,
                    const char *how) {
    fprintf(stream, "%ccells/", BEGIN);
    put(stream, record->cell);
    fputc('/', stream);
    put(stream, file);
    put_rest(stream, field, how);
}

void as_source_end(FILE *stream) {
    fputc(END, stream);
}

void as_source_run(FILE *stream, size_t run) {
    fprintf(stream, "%c%c%zu%c%c", BEGIN, RUN, run, OPEN, END);
}

/* ---- taking them out ------------------------------------------------------------------------- */

/* The text being stripped: `read` runs ahead of `write`. */
typedef struct stripper {
    as_arena *arena;
    const char *read, *end;
    char *text;
    size_t n, line, line_start, run; /* n: bytes written */
} stripper;

static assay_status broken(assay_error *error, const char *what, size_t line) {
    return as_fail(error, ASSAY_INTERNAL, "report", "line %zu: a mark of a number's source %s",
                   line, what);
}

/* The part up to one of the two signs, behind which `read` then stands; NULL: neither comes. */
static const char *part(stripper *s, char sign) {
    const char *at = memchr(s->read, sign, (size_t)(s->end - s->read));
    if (!at)
        return NULL;
    const char *copy = as_arena_strndup(s->arena, s->read, (size_t)(at - s->read));
    s->read = at + 1;
    return copy;
}

/* A mark that has begun. */
static assay_status take_mark(stripper *s, as_number_source *ret_source, bool *ret_is_run,
                              assay_error *error) {
    as_number_source source = {
        .run = s->run, .line = s->line, .column = s->n - s->line_start + 1, .offset = s->n};
    const char *number;
    *ret_is_run = *s->read == RUN;
    if (*ret_is_run) {
        s->read++;
        number = part(s, OPEN);
        if (!number || !part(s, END))
            return broken(error, "does not end", s->line);
        s->run = strtoul(number, NULL, 10);
        return ASSAY_OK;
    }
    source.file = part(s, SEPARATOR);
    source.field = source.file ? part(s, SEPARATOR) : NULL;
    source.how = source.field ? part(s, OPEN) : NULL;
    source.text = source.how ? part(s, END) : NULL;
    if (!source.text)
        return broken(error, "does not end", s->line);
    if (strpbrk(source.text, "\001\002\n"))
        return broken(error, "holds another or a line's end", s->line);
    memmove(s->text + s->n, source.text, strlen(source.text));
    s->n += strlen(source.text);
    *ret_source = source;
    return ASSAY_OK;
}

assay_status as_source_strip(as_arena *arena, char *text, size_t size, size_t *ret_size,
                             as_number_sources *ret_list, assay_error *error) {
    size_t n_marks = 0;
    for (size_t i = 0; i < size; i++)
        n_marks += text[i] == BEGIN;
    as_number_sources list = {as_arena_alloc_array(arena, n_marks + 1, sizeof *list.items), 0};
    if (!list.items)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for %zu sources", n_marks);
    stripper s = {arena, text, text + size, text, 0, 1, 0, 0};
    while (s.read < s.end) {
        char c = *s.read++;
        if (c == BEGIN) {
            bool is_run;
            assay_status status = take_mark(&s, &list.items[list.n], &is_run, error);
            if (status != ASSAY_OK)
                return status;
            list.n += is_run ? 0 : 1;
            continue;
        }
        if (c == OPEN || c == END)
            return broken(error, "ends without a beginning", s.line);
        text[s.n++] = c;
        if (c == '\n') {
            s.line++;
            s.line_start = s.n;
        }
    }
    text[s.n] = '\0';
    *ret_size = s.n;
    *ret_list = list;
    return ASSAY_OK;
}
