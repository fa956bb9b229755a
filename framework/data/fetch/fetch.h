/* SPDX-License-Identifier: MIT */
/* data/fetch/fetch.h: brings a resource's sources to the data folder: resumed, verified, atomic.
 *
 * Every source is kept as it came under DATA_DIR/NAME/FILE, where as_manifest_locate looks. While
 * it is on its way it is called FILE.part; a part that is there is gone on with, and only a whole
 * file with the right SHA-256 gets its name. The addresses of a source are asked in turn: its url,
 * then its mirrors. */
#ifndef AS_DATA_FETCH_FETCH_H
#define AS_DATA_FETCH_FETCH_H

#include "data/resources/manifest.h"

typedef struct as_fetch_progress {
    const char *file, *url;
    uint64_t bytes, total; /* total 0: not known */
    double bytes_per_second;
    bool resumed;
} as_fetch_progress;

typedef struct as_fetch_options {
    const char *from;     /* folder or URL that has the files; NULL: the manifest's addresses */
    const char *data_dir; /* NULL: as as_prepare's */
    double stall_seconds; /* under 1 byte/s for so long: the connection is given up; 0: 60 */
    int retries;          /* of an address that gives nothing, with growing pauses; < 0: 4; <= 10 */
    void (*progress)(void *context, const as_fetch_progress *progress); /* NULL allowed */
    void *context;
} as_fetch_options;

typedef struct as_fetch_result {
    const char *path; /* of the file */
    as_sha256_hex sha256;
    uint64_t bytes;
    bool was_there;
    bool verified; /* the manifest states a SHA-256, and it matches */
} as_fetch_result;

/* [main] Fetches every source of a manifest that has a file name. Results in `arena`. NOT_FOUND:
 * there is nothing to fetch; BAD_DATA: what came is something else (kept as FILE.rejected, with its
 * SHA-256 in the text); IO: no address gave it, with what each said, or the disk failed. */
ASSAY_MUST_USE assay_status as_fetch(as_arena *arena, const as_manifest *manifest,
                                     const as_fetch_options *options, as_fetch_result **ret_results,
                                     size_t *ret_n, assay_error *error);

#endif
