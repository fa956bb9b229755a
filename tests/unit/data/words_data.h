/* SPDX-License-Identifier: MIT */
/* What the tests of splitters, vocabularies and embeddings share: goldens and real archives. */
#ifndef WORDS_DATA_H
#define WORDS_DATA_H

#include <archive.h>
#include <archive_entry.h>
#include <criterion/criterion.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline json_t *load_golden(const char *name) {
    char path[PATH_MAX];
    json_error_t error;
    cr_assert_not_null(getenv("AS_GOLDEN"));
    snprintf(path, sizeof path, "%s/%s", getenv("AS_GOLDEN"), name);
    json_t *json = json_load_file(path, JSON_ALLOW_NUL, &error);
    cr_assert_not_null(json, "%s:%d: %s", path, error.line, error.text);
    return json;
}

/* ASSAY_TEST_DATA; without it the test is skipped, under CI it fails. */
static inline const char *test_data(void) {
    const char *root = getenv("ASSAY_TEST_DATA"), *ci = getenv("CI");
    if (!root && ci && strcmp(ci, "true") == 0)
        cr_assert_fail("ASSAY_TEST_DATA is not set under CI");
    if (!root)
        cr_skip("ASSAY_TEST_DATA is not set");
    return root;
}

/* Hands every regular file of a tar to `use`, in the archive's order. */
static inline void each_member(const char *root, const char *place,
                               void (*use)(void *context, const char *name, const char *data,
                                           size_t n_bytes),
                               void *context) {
    char path[PATH_MAX];
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    snprintf(path, sizeof path, "%s/%s", root, place);
    archive_read_support_filter_all(a);
    archive_read_support_format_tar(a);
    cr_assert_eq(archive_read_open_filename(a, path, 1 << 16), ARCHIVE_OK, "%s", path);
    while (archive_read_next_header(a, &entry) == ARCHIVE_OK) {
        if (archive_entry_filetype(entry) != AE_IFREG)
            continue;
        size_t size = (size_t)archive_entry_size(entry);
        char *data = malloc(size + 1);
        cr_assert_eq(archive_read_data(a, data, size), (la_ssize_t)size);
        use(context, archive_entry_pathname(entry), data, size);
        free(data);
    }
    archive_read_free(a);
}

#endif
