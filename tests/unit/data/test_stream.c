/* SPDX-License-Identifier: MIT */
/* One file's bytes wherever they lie, and what is no such file. */
#include <unistd.h>

#include "archive_builder.h"
#include "data/resources/stream.h"

/* Reads path/member whole; the error or the text. */
static assay_status read_all(const char *path, const char *member, uint64_t max_bytes, char *text,
                             size_t size, assay_error *error) {
    as_stream *stream;
    char *bytes;
    size_t n;
    assay_status status = as_stream_open(path, member, max_bytes, &stream, error);
    if (status != ASSAY_OK)
        return status;
    status = as_stream_read_all(stream, &bytes, &n, error);
    if (status == ASSAY_OK) {
        cr_assert_eq(as_stream_offset(stream), n);
        cr_assert_lt(n, size);
        memcpy(text, bytes, n + 1);
        free(bytes);
    }
    as_stream_close(stream);
    return status;
}

static void expect_text(const char *path, const char *member, const char *expected) {
    char text[4096];
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(read_all(path, member, 4000, text, sizeof text, &error), ASSAY_OK, "%s %s: %s: %s",
                 path, member, error.where, error.text);
    cr_assert_str_eq(text, expected);
}

static void expect_error(const char *path, const char *member, assay_status status,
                         const char *piece) {
    char text[4096] = "preset";
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(read_all(path, member, 4000, text, sizeof text, &error), status, "%s: %s",
                 error.where, error.text);
    cr_assert(strstr(error.where, path), "%s", error.where);
    cr_assert(strstr(error.text, piece), "%s", error.text);
    cr_assert_str_eq(text, "preset");
}

/* Writes `text` to path with one of libarchive's filters: what gzip, xz, bzip2, zstd write. */
static void compress(const char *path, int filter, const char *text) {
    struct archive *a = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    cr_assert_eq(archive_write_set_format_raw(a), ARCHIVE_OK);
    cr_assert_eq(archive_write_add_filter(a, filter), ARCHIVE_OK);
    cr_assert_eq(archive_write_open_filename(a, path), ARCHIVE_OK);
    archive_entry_set_filetype(entry, AE_IFREG);
    cr_assert_eq(archive_write_header(a, entry), ARCHIVE_OK);
    cr_assert_eq(archive_write_data(a, text, strlen(text)), (la_ssize_t)strlen(text));
    archive_entry_free(entry);
    cr_assert_eq(archive_write_free(a), ARCHIVE_OK);
}

static const int filters[] = {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_BZIP2,
                              ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_ZSTD};
enum { N_FILTERS = sizeof filters / sizeof filters[0] };

Test(stream, plain_and_compressed_files_give_their_bytes) {
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a");
    for (int i = 0; i < N_FILTERS; i++) {
        compress(path.text, filters[i], "one\ntwo\n");
        expect_text(path.text, NULL, "one\ntwo\n");
        expect_text(path.text, ".", "one\ntwo\n");
        expect_error(path.text, "x", ASSAY_BAD_DATA, "is one file, not a folder or archive");
    }
    scratch_write(folder.text, "empty", "", 0);
    scratch_path empty = scratch_join(folder.text, "empty");
    expect_text(empty.text, NULL, "");
    scratch_remove(&folder);
}

Test(stream, a_file_in_a_folder_may_be_compressed) {
    static const char *const endings[] = {"", ".gz", ".bz2", ".xz", ".zst"};
    for (int i = 0; i < N_FILTERS; i++) {
        scratch_path folder = scratch_folder();
        char name[32];
        snprintf(name, sizeof name, "a.tsv%s", endings[i]);
        scratch_path path = scratch_join(folder.text, name);
        compress(path.text, filters[i], "text");
        expect_text(folder.text, "a.tsv", "text");
        expect_text(path.text, "a.tsv", "text");
        expect_text(path.text, "sub/a.tsv", "text");
        expect_error(path.text, "a.ts", ASSAY_BAD_DATA, "is one file");
        expect_error(folder.text, "b.tsv", ASSAY_NOT_FOUND, "no file \"b.tsv\"");
        expect_error(folder.text, "../a.tsv", ASSAY_BAD_DATA, "leads out");
        expect_error(folder.text, "/etc/passwd", ASSAY_BAD_DATA, "leads out");
        expect_error(folder.text, NULL, ASSAY_NOT_FOUND, "no file");
        scratch_remove(&folder);
    }
}

Test(stream, a_member_is_found_below_one_top_folder_too) {
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a");
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        archive_builder builder = builder_open(path.text, (archive_kind)kind);
        builder_entry(&builder, "top", AE_IFDIR, NULL, NULL, 0);
        builder_file(&builder, "top/a/b.tsv", "wanted");
        builder_file(&builder, "top/c.tsv", "other");
        builder_close(&builder);
        expect_text(path.text, "a/b.tsv", "wanted");
        expect_text(path.text, "top/a/b.tsv", "wanted");
        expect_text(path.text, "c.tsv", "other");
        expect_error(path.text, "b.tsv", ASSAY_NOT_FOUND, "no file \"b.tsv\"");
        expect_error(path.text, NULL, ASSAY_BAD_DATA, "holds several files");
        expect_error(path.text, "../c.tsv", ASSAY_BAD_DATA, "leads out");
    }
    scratch_remove(&folder);
}

Test(stream, an_archive_s_only_file_needs_no_name) {
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a");
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        archive_builder builder = builder_open(path.text, (archive_kind)kind);
        builder_file(&builder, "vectors.txt", "a 1 2\n");
        builder_close(&builder);
        expect_text(path.text, NULL, "a 1 2\n");
    }
    scratch_remove(&folder);
}

Test(stream, a_name_that_comes_twice_is_refused) {
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a.tar.gz");
    archive_builder builder = builder_open(path.text, KIND_TAR_GZ);
    builder_file(&builder, "train.tsv", "one");
    builder_file(&builder, "test.tsv", "other");
    builder_file(&builder, "copy/train.tsv", "two");
    builder_close(&builder);
    expect_error(path.text, "train.tsv", ASSAY_BAD_DATA, "holds train.tsv twice");
    expect_text(path.text, "test.tsv", "other");
    scratch_remove(&folder);
}

Test(stream, links_and_devices_are_refused) {
    static const unsigned types[] = {AE_IFLNK, AE_IFREG, AE_IFCHR, AE_IFIFO};
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a.tar");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        archive_builder builder = builder_open(path.text, KIND_TAR);
        builder_file(&builder, "real", "text");
        bool links = types[i] == AE_IFLNK || types[i] == AE_IFREG;
        builder_entry(&builder, "x", types[i], links ? "real" : NULL, NULL, 0);
        builder_close(&builder);
        expect_error(path.text, "x", ASSAY_BAD_DATA, "is a link or device");
    }
    scratch_remove(&folder);
}

Test(stream, the_bound_holds_for_unpacked_bytes) {
    char zeros[4002], text[4096];
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a.gz");
    assay_error error = ASSAY_ERROR_INIT;
    memset(zeros, '0', sizeof zeros - 1);
    zeros[4001] = '\0';
    compress(path.text, ARCHIVE_FILTER_GZIP, zeros);
    expect_error(path.text, NULL, ASSAY_LIMIT, "over 4000 bytes");
    cr_assert_eq(read_all(path.text, NULL, 4001, text, sizeof text, &error), ASSAY_OK);
    scratch_remove(&folder);
}

Test(stream, a_cut_file_is_an_error) {
    char noise[3000];
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a");
    unsigned state = 1;
    for (size_t i = 0; i < sizeof noise - 1; i++) { /* so that compressors keep it long */
        state = state * 1103515245u + 12345u;
        noise[i] = (char)('a' + (state >> 16) % 26);
    }
    noise[sizeof noise - 1] = '\0';
    for (int i = 1; i < N_FILTERS; i++)
        for (int tenths = 0; tenths < 10; tenths++) {
            struct stat info;
            compress(path.text, filters[i], noise);
            cr_assert_eq(stat(path.text, &info), 0);
            cr_assert_eq(truncate(path.text, tenths ? info.st_size * tenths / 10 : 7), 0);
            expect_error(path.text, NULL, ASSAY_BAD_DATA, "get it again");
        }
    for (int kind = 0; kind < KIND_COUNT; kind++) { /* damage behind the file shows too */
        archive_builder builder = builder_open(path.text, (archive_kind)kind);
        struct stat info;
        builder_file(&builder, "a", "text");
        builder_entry(&builder, "b", AE_IFREG, NULL, noise, sizeof noise);
        builder_close(&builder);
        expect_text(path.text, "a", "text");
        cr_assert_eq(stat(path.text, &info), 0);
        cr_assert_eq(truncate(path.text, info.st_size * 8 / 10), 0);
        expect_error(path.text, "a", ASSAY_BAD_DATA, "get it again");
    }
    scratch_remove(&folder);
}

Test(stream, what_is_missing_is_named) {
    expect_error("/nonexistent/x", NULL, ASSAY_NOT_FOUND, "no such file");
}

Test(stream, bytes_in_memory_are_a_stream) {
    as_stream *stream;
    const char *block;
    size_t n;
    cr_assert_eq(as_stream_memory("abc", 3, "mine", &stream, NULL), ASSAY_OK);
    cr_assert_str_eq(as_stream_name(stream), "mine");
    cr_assert_eq(as_stream_next(stream, &block, &n, NULL), ASSAY_OK);
    cr_assert(n == 3 && memcmp(block, "abc", 3) == 0);
    cr_assert_eq(as_stream_next(stream, &block, &n, NULL), ASSAY_OK);
    cr_assert_eq(n, 0);
    as_stream_close(stream);
}
