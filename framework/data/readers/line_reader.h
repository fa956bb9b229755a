/* SPDX-License-Identifier: MIT */
/* data/readers/line_reader.h: a text file line by line, as UTF-8, for every format whose rows stand
 * on lines (csv, tsv, jsonl, lines, sms). A line ends at LF; the last one may lack it. A byte order
 * mark at the start of a UTF-8 file is dropped. Refused, with file and line: NUL bytes, a line
 * longer than the bound (which is never buffered past it), bytes that do not fit the encoding where
 * the decoder refuses them. */
#ifndef AS_DATA_READERS_LINE_READER_H
#define AS_DATA_READERS_LINE_READER_H

#include <stdbool.h>

#include "data/resources/encoding.h"
#include "data/resources/stream.h"

typedef struct as_line {
    const char *text; /* UTF-8 with its LF, where it has one; until the next call */
    size_t n_bytes;   /* 0: the file has ended */
    uint64_t number;  /* from 1 */
} as_line;

typedef struct as_line_reader {
    as_stream *stream;   /* borrowed */
    as_decoder *decoder; /* borrowed */
    size_t max_bytes;    /* of a line in the file */
    const char *block;   /* what is left of the stream's block */
    size_t n_block;
    char *held; /* malloc'ed: a line that began in an earlier block */
    size_t n_held, capacity;
    uint64_t number, offset; /* of the last line given out; of the next one in the file */
} as_line_reader;

/* [any] Cannot fail; free with as_line_reader_done, before the stream. */
as_line_reader as_line_reader_init(as_stream *stream, as_decoder *decoder, size_t max_bytes);
void as_line_reader_done(as_line_reader *reader);

/* [owner] The next line. BAD_DATA and LIMIT at "FILE:LINE"; what the stream reports. */
ASSAY_MUST_USE assay_status as_line_reader_next(as_line_reader *reader, as_line *ret_line,
                                                assay_error *error);

/* [any] The line without LF or CR LF. */
as_line as_line_trim(as_line line);

#endif
