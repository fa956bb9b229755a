/* SPDX-License-Identifier: MIT */
/* Lines of a stream: cut at LF, bounded, decoded. A line that lies in one block of the stream is
 * not copied; one that crosses blocks is gathered in `held`, never further than the bound. */
#include "data/readers/line_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const char byte_order_mark[] = "\xef\xbb\xbf";
enum { MARK_BYTES = 3 };

as_line_reader as_line_reader_init(as_stream *stream, as_decoder *decoder, size_t max_bytes) {
    as_line_reader reader = {.stream = stream, .decoder = decoder, .max_bytes = max_bytes};
    return reader;
}

void as_line_reader_done(as_line_reader *reader) {
    free(reader->held);
    *reader = (as_line_reader){0};
}

as_line as_line_trim(as_line line) {
    if (line.n_bytes && line.text[line.n_bytes - 1] == '\n')
        line.n_bytes--;
    if (line.n_bytes && line.text[line.n_bytes - 1] == '\r')
        line.n_bytes--;
    return line;
}

static as_where where_of(const as_line_reader *r, uint64_t number) {
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return as_where_join(as_stream_name(r->stream), ":", text);
}

static assay_status hold(as_line_reader *r, const char *bytes, size_t n, assay_error *error) {
    if (n > r->max_bytes - r->n_held)
        return as_fail(error, ASSAY_LIMIT, where_of(r, r->number + 1).text,
                       "the line has over %zu bytes; end it earlier, or raise limits.text_bytes "
                       "in the manifest",
                       r->max_bytes);
    if (n > r->capacity - r->n_held) { /* at most max_bytes: the doubling cannot overflow */
        size_t capacity = (r->n_held + n) * 2;
        char *held = realloc(r->held, capacity);
        if (!held)
            return assay_fail(error, ASSAY_OUT_OF_MEMORY, where_of(r, r->number + 1).text,
                              "no memory for the line");
        r->held = held;
        r->capacity = capacity;
    }
    memcpy(r->held + r->n_held, bytes, n);
    r->n_held += n;
    return ASSAY_OK;
}

/* The next line's bytes as they lie in the file, LF included; 0 bytes at the end. */
static assay_status next_bytes(as_line_reader *r, const char **ret_bytes, size_t *ret_n_bytes,
                               assay_error *error) {
    assay_status status;
    r->n_held = 0;
    for (;;) {
        const char *end = r->n_block ? memchr(r->block, '\n', r->n_block) : NULL;
        size_t n = end ? (size_t)(end - r->block) + 1 : r->n_block;
        const char *start = r->block;
        if (end && !r->n_held && n <= r->max_bytes) {
            *ret_bytes = start;
            *ret_n_bytes = n;
            r->block += n;
            r->n_block -= n;
            return ASSAY_OK;
        }
        if (n && (status = hold(r, start, n, error)) != ASSAY_OK)
            return status;
        if (n) {
            r->block += n;
            r->n_block -= n;
        }
        if (!end && (status = as_stream_next(r->stream, &r->block, &r->n_block, error)) != ASSAY_OK)
            return status;
        if (end || !r->n_block) {
            *ret_bytes = r->held;
            *ret_n_bytes = r->n_held;
            return ASSAY_OK;
        }
    }
}

assay_status as_line_reader_next(as_line_reader *r, as_line *ret_line, assay_error *error) {
    const char *bytes = NULL, *text = "";
    size_t n_bytes = 0, n_text = 0;
    assay_status status = next_bytes(r, &bytes, &n_bytes, error);
    if (status != ASSAY_OK)
        return status;
    uint64_t number = r->number + 1, offset = r->offset;
    r->offset += n_bytes;
    if (number == 1 && r->decoder->encoding == AS_ENCODING_UTF8 && n_bytes >= MARK_BYTES &&
        memcmp(bytes, byte_order_mark, MARK_BYTES) == 0) {
        bytes += MARK_BYTES;
        n_bytes -= MARK_BYTES;
        offset += MARK_BYTES;
    }
    const char *nul = n_bytes ? memchr(bytes, '\0', n_bytes) : NULL;
    if (nul)
        return as_fail(error, ASSAY_BAD_DATA, where_of(r, number).text,
                       "a NUL byte at offset %llu of the file; expected text: if it is UTF-16, "
                       "convert it to UTF-8",
                       (unsigned long long)(offset + (uint64_t)(nul - bytes)));
    if (n_bytes)
        status = as_decode(r->decoder, bytes, n_bytes, where_of(r, number).text, offset, &text,
                           &n_text, error);
    if (status != ASSAY_OK)
        return status;
    r->number = number;
    ret_line->text = text;
    ret_line->n_bytes = n_text;
    ret_line->number = number;
    return ASSAY_OK;
}
