/* SPDX-License-Identifier: MIT */
/* base/file.h: whole files, written completely or not at all, read with a bound; folders, paths and
 * digests of files. Sizes are bytes, paths relative to the working folder. Errors name the path. */
#ifndef AS_BASE_FILE_H
#define AS_BASE_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "assay/status.h"

/* [any] Reads a regular file of at most max_bytes into malloc'ed memory (NUL-terminated, the NUL
 * not counted); the caller frees *ret_data. ret_size may be NULL. NOT_FOUND, IO, LIMIT, BAD_DATA
 * where it is no regular file. */
ASSAY_MUST_USE assay_status as_file_read(const char *path, size_t max_bytes, char **ret_data,
                                         size_t *ret_size, assay_error *error);

/* [any] Writes path's content through path.tmp.PID, fsync and rename. IO leaves the old file. */
ASSAY_MUST_USE assay_status as_file_write(const char *path, const void *data, size_t size,
                                          assay_error *error);

/* A file being written: fprintf to .stream, then commit; abandon removes the temporary file. */
typedef struct as_file_writer {
    FILE *stream;           /* its errors are found by commit */
    char *path, *temporary; /* the writer's own */
} as_file_writer;

/* [any] Creates path.tmp.PID. End it by commit or abandon. */
ASSAY_MUST_USE assay_status as_file_writer_open(const char *path, as_file_writer *ret_writer,
                                                assay_error *error);
/* [any] Flush, fsync, rename; the writer is empty afterwards, whatever the status. IO where
 * anything could not be written, on a full disk for one: the old file is as it was. */
ASSAY_MUST_USE assay_status as_file_writer_commit(as_file_writer *writer, assay_error *error);
/* [any] The same without fsync: for a cache, which is checked when it is read and can be made
 * again.
 */
ASSAY_MUST_USE assay_status as_file_writer_commit_cache(as_file_writer *writer, assay_error *error);
/* [any] Removes what was written; an empty writer is allowed. */
void as_file_writer_abandon(as_file_writer *writer);

/* [any] mkdir -p. */
ASSAY_MUST_USE assay_status as_make_folders(const char *path, assay_error *error);
/* [any] rm -rf of a folder, symbolic links not followed; a missing one is fine. */
ASSAY_MUST_USE assay_status as_remove_folder(const char *path, assay_error *error);
/* [any] Anything is there, a folder too; a link that leads nowhere is nothing. */
bool as_path_exists(const char *path);

/* [any] "a/b" in malloc'ed memory, the caller's to free; b absolute gives b. NULL when out of
 * memory.
 */
char *as_path_join(const char *a, const char *b);

/* SHA-256 as 64 lower-case hex digits and NUL. */
typedef struct as_sha256_hex {
    char text[65];
} as_sha256_hex;

/* [any] Of a whole file, read in pieces. NOT_FOUND, IO. */
ASSAY_MUST_USE assay_status as_sha256_file(const char *path, as_sha256_hex *ret_hex,
                                           assay_error *error);
/* [any] Of bytes in memory. */
as_sha256_hex as_sha256_bytes(const void *data, size_t size);

#endif
