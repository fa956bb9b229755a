/* SPDX-License-Identifier: MIT */
/* Small data sets for tests: a manifest of the folders format, its files, and reading it. */
#ifndef TEST_DATA_SET_H
#define TEST_DATA_SET_H

#include "archive_builder.h"
#include "data/readers/reader.h"

static const char folders_manifest[] =
    "{\"schema_version\": 1, \"name\": \"mine\", \"kind\": \"dataset\", \"license\": \"CC0-1.0\","
    " \"reader\": {\"format\": \"folders\", \"suffix\": \".txt\"},"
    " \"splits\": {\"train\": \"train\", \"test\": \"test\"}, \"labels\": [\"neg\", \"pos\"]}";

/* path, text: two a class and split; names whose byte order is not their numbers'. */
static const char *const folders_files[][2] = {
    {"train/pos/10_9.txt", "good one"},    {"train/pos/9_8.txt", "good two"},
    {"train/neg/1_1.txt", "bad \xc3\xa4"}, {"train/neg/0_2.txt", "bad two"},
    {"test/pos/0_9.txt", "fine"},          {"test/pos/1_9.txt", ""},
    {"test/neg/0_1.txt", "poor"},          {"test/neg/1_1.txt", "poorer"},
};
enum { N_FOLDERS_FILES = sizeof folders_files / sizeof folders_files[0] };

/* Loads a manifest from text; released by as_manifest_done. */
static inline as_manifest manifest_of(as_arena *arena, const char *folder, const char *json) {
    as_manifest manifest;
    assay_error error = ASSAY_ERROR_INIT;
    scratch_path path = scratch_write(folder, "mine.json", json, strlen(json));
    cr_assert_eq(as_manifest_load(arena, path.text, &manifest, &error), ASSAY_OK, "%s: %s",
                 error.where, error.text);
    return manifest;
}

/* Reads `path` by the folders manifest. */
static inline assay_status read_folders(as_arena *arena, const char *scratch, const char *path,
                                        as_dataset *ret_dataset, assay_error *error) {
    as_manifest manifest = manifest_of(arena, scratch, folders_manifest);
    const char *source;
    as_dataset dataset;
    assay_status status = as_dataset_load(arena, &manifest, path, NULL, &dataset, &source, error);
    if (status == ASSAY_OK) { /* labels are the manifest's: keep copies */
        const char **labels = as_arena_alloc_array(arena, dataset.n_labels, sizeof *labels);
        for (uint32_t k = 0; k < dataset.n_labels; k++)
            labels[k] = as_arena_strdup(arena, dataset.labels[k]);
        dataset.labels = labels;
        *ret_dataset = dataset;
    }
    as_manifest_done(&manifest);
    return status;
}

#endif
