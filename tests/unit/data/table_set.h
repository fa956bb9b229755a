/* SPDX-License-Identifier: MIT */
/* One-file data sets for the tests of csv, tsv, jsonl, lines and sms: a manifest around the
 * reader's options, the file's bytes, and reading them. */
#ifndef TEST_TABLE_SET_H
#define TEST_TABLE_SET_H

#include "data_set.h"

typedef struct table_set {
    scratch_path scratch;
    as_arena *arena;
    as_manifest manifest;
    as_dataset data;
    assay_status status;
    assay_error error;
} table_set;

static inline scratch_path table_manifest(const char *reader, const char *rest) {
    scratch_path json;
    int n = snprintf(json.text, sizeof json.text,
                     "{\"schema_version\": 1, \"name\": \"mine\", \"kind\": \"dataset\", "
                     "\"license\": \"x\", \"reader\": {%s}, %s}",
                     reader, rest);
    cr_assert(n > 0 && (size_t)n < sizeof json.text);
    return json;
}

/* `reader`: the reader's fields; `rest`: the manifest's other fields. Released by table_done. */
static inline table_set table_read_with(const char *reader, const char *rest, const void *bytes,
                                        size_t n_bytes) {
    table_set t = {.scratch = scratch_folder(), .arena = as_arena_new(), .error = ASSAY_ERROR_INIT};
    const char *source;
    t.manifest = manifest_of(t.arena, t.scratch.text, table_manifest(reader, rest).text);
    scratch_path path = scratch_write(t.scratch.text, "rows", bytes, n_bytes);
    t.status = as_dataset_load(t.arena, &t.manifest, path.text, NULL, &t.data, &source, &t.error);
    return t;
}

/* With the labels "0" and "1" and no splits. */
static inline table_set table_read(const char *reader, const char *text) {
    return table_read_with(reader, "\"splits\": {\"all\": \".\"}, \"labels\": [\"0\", \"1\"]", text,
                           strlen(text));
}

static inline void table_done(table_set *t) {
    as_manifest_done(&t->manifest);
    as_arena_free(t->arena);
    scratch_remove(&t->scratch);
}

#define table_expect_ok(t)                                                                         \
    cr_assert_eq((t).status, ASSAY_OK, "%s: %s", (t).error.where, (t).error.text)

/* The texts of the rows, and their labels, in order. */
static inline void table_expect(const char *reader, const char *text, size_t n_rows,
                                const char *const (*rows)[2]) {
    table_set t = table_read(reader, text);
    table_expect_ok(t);
    cr_assert_eq(t.data.n_rows, n_rows);
    for (size_t i = 0; i < n_rows; i++) {
        cr_assert_str_eq(t.data.labels[t.data.rows[i].label], rows[i][0]);
        cr_assert_str_eq(t.data.rows[i].text, rows[i][1]);
    }
    table_done(&t);
}

/* Fails with `status`, the place ending in `where`, a text that holds `piece`. */
static inline void table_expect_error_in(const char *reader, const void *bytes, size_t n_bytes,
                                         assay_status status, const char *where,
                                         const char *piece) {
    table_set t = table_read_with(
        reader, "\"splits\": {\"all\": \".\"}, \"labels\": [\"0\", \"1\"]", bytes, n_bytes);
    cr_assert_eq(t.status, status, "status %d, %s: %s", t.status, t.error.where, t.error.text);
    size_t n = strlen(t.error.where), n_end = strlen(where);
    cr_assert(n >= n_end && strcmp(t.error.where + n - n_end, where) == 0, "%s, not %s: %s",
              t.error.where, where, t.error.text);
    cr_assert(strstr(t.error.text, piece), "\"%s\" lacks \"%s\"", t.error.text, piece);
    cr_assert_eq(t.data.n_rows, 0, "the result was touched");
    table_done(&t);
}

static inline void table_expect_error(const char *reader, const char *text, const char *where,
                                      const char *piece) {
    table_expect_error_in(reader, text, strlen(text), ASSAY_BAD_DATA, where, piece);
}

/* The folder of real data, or NULL: then the test ends (it skips; under CI=true it fails). */
static inline const char *table_test_data(void) {
    const char *root = getenv("ASSAY_TEST_DATA"), *ci = getenv("CI");
    if (root && *root)
        return root;
    cr_assert(!ci || strcmp(ci, "true") != 0, "ASSAY_TEST_DATA is not set under CI");
    cr_skip("ASSAY_TEST_DATA is not set");
    return NULL;
}

/* A resource by name, or a manifest's text: rows of each split and label (4 splits of n_labels) in
 * ASSAY_TEST_DATA/`place`, and the content's digest, where the manifest states one. */
static inline void table_expect_counts(const char *resource, const char *place,
                                       const uint32_t *counts, size_t n_counts) {
    const char *root = table_test_data(), *source;
    scratch_path scratch = scratch_folder(), path = scratch_join(root, place);
    as_arena *arena = as_arena_new();
    as_manifest manifest;
    as_dataset d = {0};
    assay_error error = ASSAY_ERROR_INIT;
    if (resource[0] == '{')
        manifest = manifest_of(arena, scratch.text, resource);
    else
        cr_assert_eq(as_manifest_load(arena, resource, &manifest, &error), ASSAY_OK, "%s: %s",
                     error.where, error.text);
    cr_assert_eq(as_dataset_load(arena, &manifest, path.text, NULL, &d, &source, &error), ASSAY_OK,
                 "%s: %s", error.where, error.text);
    cr_assert_eq(n_counts, 4u * d.n_labels);
    uint32_t *found = calloc(n_counts, sizeof *found);
    cr_assert_not_null(found);
    for (uint32_t i = 0; i < d.n_rows; i++)
        found[(uint32_t)d.rows[i].split * d.n_labels + d.rows[i].label]++;
    for (size_t i = 0; i < n_counts; i++)
        cr_assert_eq(found[i], counts[i], "split %zu, label %zu: %u rows, not %u", i / d.n_labels,
                     i % d.n_labels, found[i], counts[i]);
    if (resource[0] != '{')
        cr_assert_not_null(manifest.content_sha256);
    if (manifest.content_sha256)
        cr_assert_str_eq(d.sha256.text, manifest.content_sha256);
    free(found);
    as_manifest_done(&manifest);
    as_arena_free(arena);
    scratch_remove(&scratch);
}

#endif
