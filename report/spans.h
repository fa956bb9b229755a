/* SPDX-License-Identifier: MIT */
/* report/spans.h: what the renderers of a page (report/page.h) do alike with its spans. */
#ifndef AS_REPORT_SPANS_H
#define AS_REPORT_SPANS_H

#include <stdio.h>

#include "report/page.h"

/* Writes a text as the format has it. */
typedef void as_text_writer(FILE *stream, const char *text);

/* How a format has the kinds of spans. */
typedef struct as_span_format {
    as_text_writer *text, *name, *strong, *number;
    const char *best, *untrusted; /* marks; the second with the blank before it */
    void (*shaded)(const as_span *span, FILE *stream);
} as_span_format;

/* [any] A number with its half-width, each with its source's marks (report/source.h). */
void as_write_number(const as_span *number, as_text_writer *write, FILE *stream);

/* [any] One span. */
void as_write_span(const as_span *span, const as_span_format *format, FILE *stream);

/* [any] All spans, with a blank between the mark of the best and the name behind it. */
void as_write_spans(const as_spans *spans, const as_span_format *format, FILE *stream);

#endif
