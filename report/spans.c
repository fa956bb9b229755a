/* SPDX-License-Identifier: MIT */
/* Spans of a page, whatever the format. */
#include "report/spans.h"

#include "report/source.h"

static void begin_source(FILE *stream, const as_origin *o, const char *how) {
    if (o->row)
        as_source_row(stream, o->row, o->file, o->field, how);
    else if (o->record)
        as_source_cell(stream, o->record, o->file, o->field, how);
    else
        as_source_begin(stream, o->file, o->field, how);
}

static void write_marked(FILE *stream, const as_origin *o, const char *how, const char *number,
                         as_text_writer *write) {
    if (o->file)
        begin_source(stream, o, how);
    write(stream, number);
    if (o->file)
        as_source_end(stream);
}

void as_write_number(const as_span *number, as_text_writer *write, FILE *stream) {
    write_marked(stream, &number->origin, number->origin.how, number->text, write);
    if (number->half) {
        fputs(" \xc2\xb1 ", stream);
        write_marked(stream, &number->origin, "half of its 95 % interval", number->half, write);
    }
}

void as_write_spans(const as_spans *spans, void (*write)(const as_span *span, FILE *stream),
                    FILE *stream) {
    for (size_t i = 0; i < spans->n; i++) {
        write(&spans->items[i], stream);
        bool marks_next = spans->items[i].kind == AS_SPAN_BEST && i + 1 < spans->n &&
                          spans->items[i + 1].kind == AS_SPAN_NAME;
        fputs(marks_next ? " " : "", stream);
    }
}
