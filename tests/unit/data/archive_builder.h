/* SPDX-License-Identifier: MIT */
/* Writes small archives for tests with libarchive, hostile ones included. Failures end the test. */
#ifndef TEST_ARCHIVE_BUILDER_H
#define TEST_ARCHIVE_BUILDER_H

#include <archive.h>
#include <archive_entry.h>

#include "../scratch_folder.h"

typedef struct archive_builder {
    struct archive *archive;
} archive_builder;

typedef enum archive_kind {
    KIND_TAR,
    KIND_TAR_GZ,
    KIND_TAR_XZ,
    KIND_TAR_BZ2,
    KIND_TAR_ZST,
    KIND_ZIP,
    KIND_COUNT
} archive_kind;

static inline archive_builder builder_open(const char *path, archive_kind kind) {
    static int (*const filters[])(struct archive *) = {
        archive_write_add_filter_none, archive_write_add_filter_gzip,
        archive_write_add_filter_xz,   archive_write_add_filter_bzip2,
        archive_write_add_filter_zstd, archive_write_add_filter_none};
    archive_builder builder = {archive_write_new()};
    cr_assert_eq(kind == KIND_ZIP ? archive_write_set_format_zip(builder.archive)
                                  : archive_write_set_format_pax_restricted(builder.archive),
                 ARCHIVE_OK);
    cr_assert_eq(filters[kind](builder.archive), ARCHIVE_OK);
    archive_write_set_bytes_in_last_block(builder.archive, 1);
    cr_assert_eq(archive_write_open_filename(builder.archive, path), ARCHIVE_OK);
    return builder;
}

static inline void builder_entry(archive_builder *builder, const char *name, unsigned type,
                                 const char *link, const void *data, size_t size) {
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)size);
    if (link && type == AE_IFLNK)
        archive_entry_set_symlink(entry, link);
    else if (link)
        archive_entry_set_hardlink(entry, link);
    cr_assert_eq(archive_write_header(builder->archive, entry), ARCHIVE_OK, "%s",
                 archive_error_string(builder->archive));
    if (size)
        cr_assert_eq(archive_write_data(builder->archive, data, size), (la_ssize_t)size);
    archive_entry_free(entry);
}

static inline void builder_file(archive_builder *builder, const char *name, const char *text) {
    builder_entry(builder, name, AE_IFREG, NULL, text, strlen(text));
}

static inline void builder_close(archive_builder *builder) {
    cr_assert_eq(archive_write_close(builder->archive), ARCHIVE_OK);
    archive_write_free(builder->archive);
}

#endif
