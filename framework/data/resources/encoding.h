/* SPDX-License-Identifier: MIT */
/* data/resources/encoding.h: bytes of a source as UTF-8. Latin-1 is ISO 8859-1 (every byte fits);
 * Windows-1252 is Unicode's table MAPPINGS/VENDORS/MICSFT/WINDOWS/CP1252.TXT, whose five undefined
 * bytes (81, 8D, 8F, 90, 9D) do not fit, as in Python's codec; UTF-8 is RFC 3629: overlong forms,
 * surrogates and what passes U+10FFFF do not fit. Where they are replaced, U+FFFD stands for each
 * maximal subpart of an ill-formed sequence (Unicode 3.9, what Python's errors="replace" gives). */
#ifndef AS_DATA_RESOURCES_ENCODING_H
#define AS_DATA_RESOURCES_ENCODING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assay/status.h"

typedef enum as_encoding_kind {
    AS_ENCODING_UTF8 = 0,
    AS_ENCODING_LATIN1 = 1,
    AS_ENCODING_WINDOWS1252 = 2
} as_encoding_kind;

typedef struct as_decoder {
    as_encoding_kind encoding;
    bool replace;        /* what does not fit becomes U+FFFD, else it is refused */
    uint64_t n_replaced; /* bytes, so far */
    char first[512];     /* file, offset and byte of the first, "" when none */
    char *buffer;        /* malloc'ed, reused */
    size_t capacity;
} as_decoder;

/* [any] From a manifest's reader ("encoding", "invalid"); free with as_decoder_free. */
ASSAY_MUST_USE assay_status as_decoder_init(const json_t *reader, const char *where,
                                            as_decoder *ret_decoder, assay_error *error);
void as_decoder_free(as_decoder *decoder);

/* [owner] Bytes as UTF-8: the input itself where nothing changes, else in the decoder's buffer
 * until its next use. A byte order mark at the start of a file is the caller's to drop. `offset` of
 * the bytes in the file `where` is added to offsets in messages. BAD_DATA: byte and offset. */
ASSAY_MUST_USE assay_status as_decode(as_decoder *decoder, const char *bytes, size_t n_bytes,
                                      const char *where, uint64_t offset, const char **ret_text,
                                      size_t *ret_n_bytes, assay_error *error);

#endif
