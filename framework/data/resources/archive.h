/* SPDX-License-Identifier: MIT */
/* data/archive.h: the files of a tar or zip, plain or compressed (gz, bz2, xz, zstd), one after the
 * other straight from the archive: nothing is written to disk. The archive is not trusted: a path
 * that is absolute or holds "..", a wanted entry that is no regular file, sizes past the bounds and
 * an archive that ends too early are errors. */
#ifndef AS_DATA_ARCHIVE_H
#define AS_DATA_ARCHIVE_H

#include <locale.h>
#include <stdbool.h>
#include <stdint.h>

#include "assay/status.h"

typedef struct as_archive_limits {
    uint64_t max_entries;
    uint64_t max_entry_bytes; /* of a wanted entry */
    uint64_t max_total_bytes; /* of all entries, wanted or not */
} as_archive_limits;

typedef struct as_archive_visitor {
    void *context;
    /* Is the entry wanted? `path` has no leading "./" and no empty part. */
    assay_status (*wants)(void *context, const char *path, bool *ret_wanted, assay_error *error);
    /* Content of a wanted entry; where is "ARCHIVE:PATH". */
    assay_status (*content)(void *context, const char *path, const char *data, size_t n_bytes,
                            const char *where, assay_error *error);
} as_archive_visitor;

/* [any] Visits every entry in archive order; stops at the visitor's first failure. */
ASSAY_MUST_USE assay_status as_archive_each(const char *path, const as_archive_limits *limits,
                                            const as_archive_visitor *visitor, assay_error *error);

/* [any] libarchive turns the names of entries into the thread's character set, and those that do
 * not fit are lost: between these two calls that set is UTF-8. Both may be nested. */
locale_t as_archive_locale_enter(void);
void as_archive_locale_leave(locale_t before);

#endif
