/* SPDX-License-Identifier: MIT */
/* Streaming archives: every format, and what a hostile or broken one gets. */
#include <unistd.h>

#include "archive_builder.h"
#include "data/resources/archive.h"

static const as_archive_limits wide = {1000, 1 << 20, 1 << 24};

typedef struct seen {
    int n;
    char paths[2048], contents[2048];
} seen;

static assay_status wants_txt(void *context, const char *path, bool *ret_wanted,
                              assay_error *error) {
    size_t n = strlen(path);
    (void)context;
    (void)error;
    *ret_wanted = n > 4 && strcmp(path + n - 4, ".txt") == 0;
    return ASSAY_OK;
}

static assay_status keep(void *context, const char *path, const char *data, size_t n_bytes,
                         const char *where, assay_error *error) {
    seen *s = context;
    (void)error;
    cr_assert(strstr(where, path), "%s", where);
    cr_assert_eq(data[n_bytes], '\0');
    s->n++;
    strcat(strcat(s->paths, path), " ");
    strncat(s->contents, data, 100);
    strcat(s->contents, "|");
    return ASSAY_OK;
}

static assay_status each(const char *path, const as_archive_limits *limits, seen *s,
                         assay_error *error) {
    const as_archive_visitor visitor = {s, wants_txt, keep};
    return as_archive_each(path, limits, &visitor, error);
}

static void expect_error(const char *path, const as_archive_limits *limits, assay_status status,
                         const char *piece) {
    seen s = {0};
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(each(path, limits, &s, &error), status, "%s", error.text);
    cr_assert(strstr(error.text, piece), "%s", error.text);
    cr_assert(strstr(error.where, path), "%s", error.where);
}

Test(archive, every_format_streams_the_same) {
    scratch_path folder = scratch_folder();
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        scratch_path path = scratch_join(folder.text, "a");
        archive_builder builder = builder_open(path.text, (archive_kind)kind);
        builder_entry(&builder, "top", AE_IFDIR, NULL, NULL, 0);
        builder_file(&builder, "./top//a.txt", "one");
        builder_file(&builder, "top/skip.bin", "binary");
        builder_file(&builder, "top/empty.txt", "");
        builder_file(&builder, "b.txt", "two");
        builder_close(&builder);
        seen s = {0};
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(each(path.text, &wide, &s, &error), ASSAY_OK, "kind %d: %s", kind, error.text);
        cr_assert_str_eq(s.paths, "top/a.txt top/empty.txt b.txt ");
        cr_assert_str_eq(s.contents, "one||two|");
    }
    scratch_remove(&folder);
}

Test(archive, names_may_be_any_utf8_whatever_the_locale) {
    static const char name[] = "top/\xc3\xa4\xe4\xb8\xad.txt";
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a");
    cr_assert_str_eq(setlocale(LC_ALL, NULL), "C", "as the program runs");
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        locale_t before = as_archive_locale_enter();
        archive_builder builder = builder_open(path.text, (archive_kind)kind);
        builder_file(&builder, name, "text");
        builder_close(&builder);
        as_archive_locale_leave(before);
        seen s = {0};
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(each(path.text, &wide, &s, &error), ASSAY_OK, "kind %d: %s", kind, error.text);
        cr_assert_eq(strncmp(s.paths, name, sizeof name - 1), 0, "kind %d: %s", kind, s.paths);
    }
    scratch_remove(&folder);
}

Test(archive, paths_that_lead_out_are_refused) {
    static const char *const names[] = {"../x.txt", "a/../../x.txt", "/etc/x.txt", "a/.."};
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a.tar");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        archive_builder builder = builder_open(path.text, KIND_TAR);
        builder_file(&builder, names[i], "evil");
        builder_close(&builder);
        expect_error(path.text, &wide, ASSAY_BAD_DATA, "refused");
    }
    scratch_remove(&folder);
}

Test(archive, links_and_devices_in_place_of_texts_are_refused) {
    static const unsigned types[] = {AE_IFLNK, AE_IFREG, AE_IFCHR, AE_IFIFO};
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a.tar");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        archive_builder builder = builder_open(path.text, KIND_TAR);
        builder_file(&builder, "real.txt", "text");
        bool links = types[i] == AE_IFLNK || types[i] == AE_IFREG;
        builder_entry(&builder, "x.txt", types[i], links ? "real.txt" : NULL, NULL, 0);
        builder_close(&builder);
        expect_error(path.text, &wide, ASSAY_BAD_DATA, "only regular files");
    }
    archive_builder builder = builder_open(path.text, KIND_TAR);
    builder_entry(&builder, "elsewhere", AE_IFLNK, "/etc/passwd", NULL, 0);
    builder_file(&builder, "real.txt", "text");
    builder_close(&builder);
    seen s = {0};
    cr_assert_eq(each(path.text, &wide, &s, NULL), ASSAY_OK, "a link nobody wants is passed over");
    cr_assert_eq(s.n, 1);
    scratch_remove(&folder);
}

Test(archive, sizes_are_bounded) {
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a.tar.gz");
    char *zeros = calloc(1, 300000);
    archive_builder builder = builder_open(path.text, KIND_TAR_GZ);
    builder_file(&builder, "a.txt", "small");
    builder_entry(&builder, "b.txt", AE_IFREG, NULL, zeros, 300000);
    builder_entry(&builder, "unwanted", AE_IFREG, NULL, zeros, 300000);
    builder_close(&builder);
    expect_error(path.text, &(as_archive_limits){2, 1 << 20, 1 << 24}, ASSAY_LIMIT, "2 entries");
    expect_error(path.text, &(as_archive_limits){9, 299999, 1 << 24}, ASSAY_LIMIT, "299999 bytes");
    expect_error(path.text, &(as_archive_limits){9, 1 << 20, 600000}, ASSAY_LIMIT,
                 "over 600000 bytes");
    seen s = {0};
    cr_assert_eq(each(path.text, &(as_archive_limits){3, 300000, 600005}, &s, NULL), ASSAY_OK,
                 "all bounds are inclusive");
    free(zeros);
    scratch_remove(&folder);
}

/* Cuts the file to `size` bytes. */
static void cut(const char *path, off_t size) {
    cr_assert_eq(truncate(path, size), 0);
}

Test(archive, a_cut_archive_is_an_error_wherever_it_is_cut) {
    char noise[5000];
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a");
    for (size_t i = 0; i < sizeof noise; i++) /* so that compressors keep it long */
        noise[i] = (char)('a' + (i * i * 7 + i / 3) % 26);
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        for (int tenths = 1; tenths < 10; tenths++) {
            archive_builder builder = builder_open(path.text, (archive_kind)kind);
            for (int i = 0; i < 4; i++) {
                char name[16];
                snprintf(name, sizeof name, "%d.txt", i);
                builder_entry(&builder, name, AE_IFREG, NULL, noise, sizeof noise);
            }
            builder_close(&builder);
            struct stat info;
            cr_assert_eq(stat(path.text, &info), 0);
            cut(path.text, info.st_size * tenths / 10);
            seen s = {0};
            assay_error error = ASSAY_ERROR_INIT;
            cr_assert_eq(each(path.text, &wide, &s, &error), ASSAY_BAD_DATA, "kind %d at %d tenths",
                         kind, tenths);
            cr_assert(s.n == 0 || strstr(error.text, ".txt") || strstr(error.text, "cut off"), "%s",
                      error.text);
        }
    }
    scratch_remove(&folder);
}

Test(archive, a_tar_cut_between_entries_names_the_last_good_one) {
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a.tar");
    archive_builder builder = builder_open(path.text, KIND_TAR);
    builder_file(&builder, "1.txt", "one");
    builder_file(&builder, "2.txt", "two");
    builder_file(&builder, "3.txt", "three");
    builder_close(&builder);
    cut(path.text, 2 * 1024); /* header and one block each: exactly two entries */
    expect_error(path.text, &wide, ASSAY_BAD_DATA, "the last good entry is 2.txt");
    scratch_remove(&folder);
}

/* A whole compressed file around a tar that was cut before it was compressed. */
Test(archive, a_cut_tar_shows_through_its_compression) {
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a.tar"),
                 packed = scratch_join(folder.text, "a.tar.gz");
    archive_builder builder = builder_open(path.text, KIND_TAR);
    builder_file(&builder, "1.txt", "one");
    builder_file(&builder, "2.txt", "two");
    builder_close(&builder);
    for (int blocks = 2; blocks <= 5; blocks++) { /* 2: one entry, 4: both, 5: an end block */
        char *bytes;
        struct archive *a = archive_write_new();
        struct archive_entry *entry = archive_entry_new();
        cr_assert_eq(as_file_read(path.text, 1 << 20, &bytes, NULL, NULL), ASSAY_OK);
        cr_assert_eq(archive_write_set_format_raw(a) | archive_write_add_filter_gzip(a), 0);
        cr_assert_eq(archive_write_open_filename(a, packed.text), ARCHIVE_OK);
        archive_entry_set_filetype(entry, AE_IFREG);
        cr_assert_eq(archive_write_header(a, entry), ARCHIVE_OK);
        cr_assert_eq(archive_write_data(a, bytes, (size_t)blocks * 512), blocks * 512);
        archive_entry_free(entry);
        cr_assert_eq(archive_write_free(a), ARCHIVE_OK);
        free(bytes);
        if (blocks == 5) {
            seen s = {0};
            cr_assert_eq(each(packed.text, &wide, &s, NULL), ASSAY_OK);
        } else {
            expect_error(packed.text, &wide, ASSAY_BAD_DATA, "cut off or damaged");
        }
    }
    scratch_remove(&folder);
}

/* Replaces the first `old` in the file by `new` of the same length. */
static void patch(const char *path, const void *old, const void *new, size_t n) {
    char *bytes;
    size_t size;
    cr_assert_eq(as_file_read(path, 1 << 20, &bytes, &size, NULL), ASSAY_OK);
    char *at = memmem(bytes, size, old, n);
    cr_assert_not_null(at);
    memcpy(at, new, n);
    cr_assert_eq(as_file_write(path, bytes, size, NULL), ASSAY_OK);
    free(bytes);
}

/* A zip whose directory and header say 5 bytes for what unpacks to 300,000. */
Test(archive, a_zip_whose_sizes_lie_is_bounded) {
    static const uint32_t truth = 300000, lie = 5;
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a.zip");
    char *zeros = calloc(1, truth);
    archive_builder builder = builder_open(path.text, KIND_ZIP);
    builder_entry(&builder, "b.txt", AE_IFREG, NULL, zeros, truth);
    builder_close(&builder);
    patch(path.text, &truth, &lie, 4); /* in the directory or before the data, wherever it stands */
    seen s = {0};
    assay_error error = ASSAY_ERROR_INIT;
    assay_status status = each(path.text, &(as_archive_limits){9, 1 << 20, 100000}, &s, &error);
    cr_assert(status == ASSAY_LIMIT || status == ASSAY_BAD_DATA, "%s", error.text);
    cr_assert_eq(s.n, 0);
    free(zeros);
    scratch_remove(&folder);
}

/* 1,000 times smaller packed than unpacked; nobody wants the entry, its bytes count all the same.
 */
Test(archive, a_bomb_among_unwanted_entries_is_bounded) {
    enum { MIB = 1 << 20, N = 64 };
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a");
    char *zeros = calloc(N, MIB);
    struct stat info;
    for (int kind = KIND_TAR_GZ; kind < KIND_COUNT; kind++) {
        archive_builder builder = builder_open(path.text, (archive_kind)kind);
        builder_entry(&builder, "bomb", AE_IFREG, NULL, zeros, (size_t)N * MIB);
        builder_file(&builder, "a.txt", "x");
        builder_close(&builder);
        cr_assert_eq(stat(path.text, &info), 0);
        cr_assert_lt(info.st_size, 100000);
        expect_error(path.text, &(as_archive_limits){9, MIB, 16 * MIB}, ASSAY_LIMIT,
                     "unpacks to over 16777216 bytes");
    }
    free(zeros);
    scratch_remove(&folder);
}

Test(archive, what_is_no_archive_is_said_so) {
    scratch_path folder = scratch_folder();
    scratch_path path = scratch_write(folder.text, "a.csv", "a,b\n1,2\n", 8);
    expect_error(path.text, &wide, ASSAY_BAD_DATA, "neither a folder nor a readable archive");
    path = scratch_write(folder.text, "empty", "", 0);
    seen s = {0};
    cr_assert_neq(each(path.text, &wide, &s, NULL), ASSAY_INTERNAL);
    scratch_remove(&folder);
}
