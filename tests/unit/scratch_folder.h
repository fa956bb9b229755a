/* SPDX-License-Identifier: MIT */
/* A folder of a test's own under TMPDIR, and files in it. Failures end the test. */
#ifndef TEST_SCRATCH_FOLDER_H
#define TEST_SCRATCH_FOLDER_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

typedef struct scratch_path {
    char text[512];
} scratch_path;

static inline scratch_path scratch_folder(void) {
    scratch_path path;
    const char *root = getenv("TMPDIR");
    snprintf(path.text, sizeof path.text, "%s/assay-test-XXXXXX", root && *root ? root : "/tmp");
    cr_assert_not_null(mkdtemp(path.text));
    return path;
}

static inline scratch_path scratch_join(const char *folder, const char *name) {
    scratch_path path;
    int n = snprintf(path.text, sizeof path.text, "%s/%s", folder, name);
    cr_assert(n > 0 && (size_t)n < sizeof path.text);
    return path;
}

/* Writes folder/name with its parents; returns its path. */
static inline scratch_path scratch_write(const char *folder, const char *name, const void *data,
                                         size_t size) {
    scratch_path path = scratch_join(folder, name), parent = path;
    *strrchr(parent.text, '/') = '\0';
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_make_folders(parent.text, &error), ASSAY_OK, "%s", error.text);
    FILE *file = fopen(path.text, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(data, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
    return path;
}

static inline void scratch_remove(const scratch_path *folder) {
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_remove_folder(folder->text, &error), ASSAY_OK, "%s", error.text);
}

#endif
