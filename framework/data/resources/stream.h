/* SPDX-License-Identifier: MIT */
/* data/resources/stream.h: the bytes of one file, front to back, wherever it lies: a plain file, a
 * compressed one (gz, bz2, xz, zstd), a file in a folder, or a member of a tar or zip. Nothing is
 * written to disk and no more than a block is held. Not trusted: bounded, and never a path that
 * leads out of its folder. */
#ifndef AS_DATA_RESOURCES_STREAM_H
#define AS_DATA_RESOURCES_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "assay/status.h"

typedef struct as_stream as_stream;

/* [any] Opens `path`. member names the file in a folder or archive; NULL or ".": `path` is the file
 * itself, or an archive that holds only one. A member "a/b.tsv" is also found below the archive's
 * one top folder. A file that is called as
 * the member, itself or compressed, is that member. Reading past max_bytes (unpacked) is
 * ASSAY_LIMIT. */
ASSAY_MUST_USE assay_status as_stream_open(const char *path, const char *member, uint64_t max_bytes,
                                           as_stream **ret_stream, assay_error *error);
/* [any] Over bytes in memory, which outlive the stream; `name` stands for them in errors. */
ASSAY_MUST_USE assay_status as_stream_memory(const void *bytes, size_t n_bytes, const char *name,
                                             as_stream **ret_stream, assay_error *error);
void as_stream_close(as_stream *stream); /* NULL allowed */

/* [owner] Next block: *ret_block valid until the next call, *ret_n_bytes 0 at the end. BAD_DATA for
 * a cut or damaged file, with its name. */
ASSAY_MUST_USE assay_status as_stream_next(as_stream *stream, const char **ret_block,
                                           size_t *ret_n_bytes, assay_error *error);
/* [owner] Everything that is left, NUL-terminated, malloc'ed; the caller frees it. */
ASSAY_MUST_USE assay_status as_stream_read_all(as_stream *stream, char **ret_bytes,
                                               size_t *ret_n_bytes, assay_error *error);
/* [any] "glove.zip:glove.6B.50d.txt", for errors. */
const char *as_stream_name(const as_stream *stream);
/* [any] Bytes given out so far. */
uint64_t as_stream_offset(const as_stream *stream);

#endif
