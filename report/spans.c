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

void as_write_span(const as_span *span, const as_span_format *format, FILE *stream) {
    switch (span->kind) {
    case AS_SPAN_TEXT:
        format->text(stream, span->text);
        break;
    case AS_SPAN_NAME:
        format->name(stream, span->text);
        break;
    case AS_SPAN_STRONG:
        format->strong(stream, span->text);
        break;
    case AS_SPAN_NUMBER:
        as_write_number(span, format->number, stream);
        break;
    case AS_SPAN_BEST:
        fputs(format->best, stream);
        break;
    case AS_SPAN_UNTRUSTED:
        fputs(format->untrusted, stream);
        break;
    case AS_SPAN_EMPTY:
        fputs("-", stream);
        break;
    case AS_SPAN_SHADED:
        format->shaded(span, stream);
        break;
    }
}

void as_write_spans(const as_spans *spans, const as_span_format *format, FILE *stream) {
    for (size_t i = 0; i < spans->n; i++) {
        as_write_span(&spans->items[i], format, stream);
        bool marks_next = spans->items[i].kind == AS_SPAN_BEST && i + 1 < spans->n &&
                          spans->items[i + 1].kind == AS_SPAN_NAME;
        fputs(marks_next ? " " : "", stream);
    }
}
