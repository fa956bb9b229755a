/* SPDX-License-Identifier: MIT */
/* data/readers/table.h: what the formats with one row a line or record (csv, tsv, jsonl, lines,
 * sms) share: going through the files of every split, and handing over a row with its label. A
 * row's name is "line 17".
 *
 *     assay_status as_read_sms(...) { return as_table_read(manifest, path, &as_sms_format, ...); }
 */
#ifndef AS_DATA_READERS_TABLE_H
#define AS_DATA_READERS_TABLE_H

#include "base/error.h"
#include "data/readers/line_reader.h"
#include "data/readers/reader.h"

/* Bytes that grow, always with a NUL behind them once there are any. */
typedef struct as_text {
    char *bytes; /* malloc'ed */
    size_t n_bytes, capacity;
} as_text;

typedef struct as_table {
    const as_manifest *manifest;
    as_dataset *dataset;
    as_decoder decoder;
    as_line_reader lines; /* of the file being read */
    as_split split;
    const char *label; /* every row's, where the splits give one file a label; else NULL */
    as_text text;      /* for a format to put a row's text together in */
    size_t max_text_bytes;
    uint64_t n_rows; /* handed over from this file, left out ones included */
} as_table;

typedef struct as_table_format {
    /* Reads table->lines to their end, by the options in table->manifest->reader. */
    assay_status (*read)(as_table *table, assay_error *error);
} as_table_format;

extern const as_table_format as_delimited_format, as_jsonl_format, as_lines_format, as_sms_format;

/* [cell] Reads every file of the manifest's splits below `path`, each bounded by the data set's
 * limits. BAD_DATA for a file without a row. */
ASSAY_MUST_USE assay_status as_table_read(const as_manifest *manifest, const char *path,
                                          const as_table_format *format, as_dataset *dataset,
                                          assay_error *error);
/* [cell] The same for one open file of one split, whose rows carry their labels. */
ASSAY_MUST_USE assay_status as_table_read_stream(const as_manifest *manifest, as_split split,
                                                 as_stream *stream, const as_table_format *format,
                                                 as_dataset *dataset, assay_error *error);

/* ---- for the formats --------------------------------------------------------------------------*/

/* [cell] Adds the row that begins on line `number`; label as the source has it. */
ASSAY_MUST_USE assay_status as_table_add(as_table *table, uint64_t number, const char *label,
                                         size_t n_label, const char *text, size_t n_text,
                                         assay_error *error);
/* [any] Appends to `text`, which may hold at most max_bytes: else LIMIT at `where`. */
ASSAY_MUST_USE assay_status as_text_append(as_text *text, const char *bytes, size_t n_bytes,
                                           size_t max_bytes, const char *where, assay_error *error);
/* [any] "FILE:NUMBER", for errors. */
as_where as_table_where(const as_table *table, uint64_t number);

#endif
