/* SPDX-License-Identifier: MIT */
/* report/spans.h: what the renderers of a page (report/page.h) do alike with its spans. */
#ifndef AS_REPORT_SPANS_H
#define AS_REPORT_SPANS_H

#include <stdio.h>

#include "report/page.h"

/* Writes a text as the format has it. */
typedef void as_text_writer(FILE *stream, const char *text);

/* [any] A number with its half-width, each with its source's marks (report/source.h). */
void as_write_number(const as_span *number, as_text_writer *write, FILE *stream);

/* [any] All spans, with a blank between the mark of the best and the name behind it. */
void as_write_spans(const as_spans *spans, void (*write)(const as_span *span, FILE *stream),
                    FILE *stream);

#endif
