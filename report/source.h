/* SPDX-License-Identifier: MIT */
/* report/source.h: where each number of a report comes from. A renderer puts marks around a number
 * while it writes the text; as_source_strip takes them out again and lists what they said, with the
 * number's place. So the text and its sources cannot drift apart.
 *
 *     as_source_row(stream, row, "result.json", "test.accuracy", "mean over seeds");
 *     fputs(as_number_figure(row->accuracy, 100).value, stream);
 *     as_source_end(stream);
 *
 * A mark is SOH file US field US how STX number ETX. Foreign texts cannot hold one: what escapes
 * them for a format turns control characters into "?". Marks don't nest. */
#ifndef AS_REPORT_SOURCE_H
#define AS_REPORT_SOURCE_H

#include <stdio.h>

#include "report/aggregate.h"

/* [any] Begins a mark. `file` is relative to the run's folder ("run.json"); `field` a path in it
 * ("environment.load"), for a CSV file its columns; `how` tells what was made of it, NULL: nothing.
 */
void as_source_begin(FILE *stream, const char *file, const char *field, const char *how);

/* [any] Begins a mark for a file of each of the row's cells: cells/{a,b}/FILE. */
void as_source_row(FILE *stream, const as_row_summary *row, const char *file, const char *field,
                   const char *how);

/* [any] Begins a mark for a file of one cell. */
void as_source_cell(FILE *stream, const as_record *record, const char *file, const char *field,
                    const char *how);

/* [any] Ends the mark. */
void as_source_end(FILE *stream);

/* [any] What follows comes from this run of the document's, counted from 0. */
void as_source_run(FILE *stream, size_t run);

/* A number of a finished text. */
typedef struct as_number_source {
    size_t run;                     /* of the document's runs */
    size_t line, column, offset;    /* of its first byte; line and column from 1 */
    const char *pointer;            /* RFC 6901, in JSON; else NULL */
    const char *text;               /* as it stands there */
    const char *file, *field, *how; /* how: "" where it stands as it is */
} as_number_source;

typedef struct as_number_sources {
    as_number_source *items;
    size_t n;
} as_number_sources;

/* [any] Takes the marks out of a text in place; *ret_size is what is left of it. The list lives in
 * `arena`. INTERNAL: marks that nest or don't end. */
ASSAY_MUST_USE assay_status as_source_strip(as_arena *arena, char *text, size_t size,
                                            size_t *ret_size, as_number_sources *ret_list,
                                            assay_error *error);

#endif
