/* SPDX-License-Identifier: MIT */
/* Manifests: the shipped ones, wrong ones, and where their content is looked for. */
#include <unistd.h>

#include "base/paths.h"
#include "data_set.h"

Test(manifest, every_shipped_one_loads_and_has_a_reader) {
    as_arena *arena = as_arena_new();
    const char *const *names;
    size_t n;
    cr_assert_eq(as_list_suite_files(arena, "resources", ".json", &names, &n, NULL), ASSAY_OK);
    cr_assert_geq(n, 3);
    for (size_t i = 0; i < n; i++) {
        as_manifest m;
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(as_manifest_load(arena, names[i], &m, &error), ASSAY_OK, "%s: %s", error.where,
                     error.text);
        cr_assert_str_eq(m.name, names[i]);
        cr_assert_not_null(as_reader_find(m.format));
        cr_assert_not_null(m.content_sha256);
        as_manifest_done(&m);
    }
    as_arena_free(arena);
}

static void expect_error(const char *json, assay_status status, const char *where,
                         const char *piece) {
    scratch_path scratch = scratch_folder();
    scratch_path path = scratch_write(scratch.text, "m.json", json, strlen(json));
    as_arena *arena = as_arena_new();
    as_manifest m = {.n_labels = 77};
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_manifest_load(arena, path.text, &m, &error), status, "%s", json);
    cr_assert(strstr(error.where, where), "%s: %s", error.where, error.text);
    cr_assert(strstr(error.text, piece), "%s", error.text);
    cr_assert_eq(m.n_labels, 77);
    as_arena_free(arena);
    scratch_remove(&scratch);
}

#define HEAD "{\"schema_version\": 1, \"name\": \"m\", \"kind\": \"dataset\", \"license\": \"x\", "
#define FOLDERS "\"reader\": {\"format\": \"folders\"}, "

Test(manifest, wrong_ones_are_refused_with_their_place) {
    expect_error(HEAD FOLDERS "\"labels\": [\"a\", \"b\"], \"splits\": {\"trian\": \"x\"}}",
                 ASSAY_BAD_DATA, "m.json#/splits", "use \"train\"");
    expect_error(HEAD FOLDERS "\"labels\": [\"a\", \"b\"], \"labels\": []}", ASSAY_BAD_DATA,
                 "m.json:1:", "duplicate");
    expect_error(HEAD FOLDERS "\"labels\": [\"a\"]}", ASSAY_BAD_DATA, "m.json#/labels",
                 "at least 2");
    expect_error(HEAD FOLDERS "\"labels\": [\"a\", \"b\", \"a\"]}", ASSAY_BAD_DATA,
                 "m.json#/labels", "\"a\" stands there twice");
    expect_error(HEAD FOLDERS "\"labels\": [\"a\", 1]}", ASSAY_BAD_DATA, "m.json#/labels/1",
                 "expected string");
    expect_error(HEAD FOLDERS
                 "\"labels\": [\"a\", \"b\"], \"splits\": {\"all\": \".\", \"train\": \"x\"}}",
                 ASSAY_BAD_DATA, "m.json#/splits", "\"all\"");
    expect_error(HEAD "\"reader\": {\"format\": \"folder\"}, \"labels\": [\"a\", \"b\"]}",
                 ASSAY_BAD_DATA, "m.json#/reader/format", "did you mean \"folders\"?");
    expect_error(HEAD "\"reader\": {\"format\": \"folders\", \"sufix\": 1}, \"labels\": [\"a\", "
                      "\"b\"]}",
                 ASSAY_BAD_DATA, "m.json#/reader", "use \"suffix\"");
    expect_error(HEAD "\"labels\": [\"a\", \"b\"]}", ASSAY_BAD_DATA, "m.json", "\"reader\"");
    expect_error("[]", ASSAY_BAD_DATA, "m.json", "expected object");
}

Test(manifest, an_unknown_name_suggests_the_nearest) {
    as_arena *arena = as_arena_new();
    as_manifest m;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_manifest_load(arena, "wordnet_supersenses", &m, &error), ASSAY_NOT_FOUND);
    cr_assert(strstr(error.text, "did you mean \"wordnet-supersenses\"?"), "%s", error.text);
    as_arena_free(arena);
}

/* locate() with a manifest whose source is `file` with that SHA-256, for NAME "mine". */
static assay_status locate(const char *scratch, const char *file, const char *sha256,
                           const char *path, const char *data_dir, char *ret_path, size_t size,
                           assay_error *error) {
    char json[1024];
    as_arena *arena = as_arena_new();
    const char *found = NULL;
    snprintf(json, sizeof json,
             "{\"schema_version\": 1, \"name\": \"mine\", \"kind\": \"dataset\", \"license\": "
             "\"x\", \"sources\": [{\"path\": \"%s\", \"sha256\": \"%s\", \"package\": "
             "\"mine-data\"}], " FOLDERS "\"labels\": [\"a\", \"b\"]}",
             file, sha256);
    as_manifest m = manifest_of(arena, scratch, json);
    assay_status status = as_manifest_locate(arena, &m, path, data_dir, &found, error);
    if (status == ASSAY_OK)
        snprintf(ret_path, size, "%s", found);
    as_manifest_done(&m);
    as_arena_free(arena);
    return status;
}

static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char other[] = "0000000000000000000000000000000000000000000000000000000000000000";

Test(manifest, a_path_wins_then_the_data_folder_then_the_source) {
    scratch_path scratch = scratch_folder();
    scratch_path source = scratch_write(scratch.text, "data.noun", "abc", 3);
    scratch_path given = scratch_write(scratch.text, "given", "x", 1);
    scratch_path root = scratch_join(scratch.text, "root");
    char found[512];
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(
        locate(scratch.text, "data.noun", abc, NULL, root.text, found, sizeof found, &error),
        ASSAY_OK, "%s", error.text);
    cr_assert_str_eq(found, source.text, "relative to the manifest");
    scratch_path archive = scratch_write(root.text, "mine.tar.xz", "x", 1);
    cr_assert_eq(locate(scratch.text, "data.noun", abc, NULL, root.text, found, sizeof found, NULL),
                 ASSAY_OK);
    cr_assert_str_eq(found, archive.text);
    scratch_path file = scratch_write(root.text, "mine/x", "x", 1);
    (void)file;
    scratch_path folder = scratch_join(root.text, "mine");
    cr_assert_eq(locate(scratch.text, "data.noun", abc, NULL, root.text, found, sizeof found, NULL),
                 ASSAY_OK);
    cr_assert_str_eq(found, folder.text);
    cr_assert_eq(
        locate(scratch.text, "data.noun", abc, given.text, root.text, found, sizeof found, NULL),
        ASSAY_OK);
    cr_assert_str_eq(found, given.text);
    scratch_remove(&scratch);
}

Test(manifest, a_source_needs_no_home) {
    scratch_path scratch = scratch_folder();
    scratch_path source = scratch_write(scratch.text, "data.noun", "abc", 3);
    char found[512];
    unsetenv("HOME");
    unsetenv("XDG_DATA_HOME");
    unsetenv("ASSAY_DATA_DIR");
    cr_assert_eq(locate(scratch.text, "data.noun", abc, NULL, NULL, found, sizeof found, NULL),
                 ASSAY_OK);
    cr_assert_str_eq(found, source.text);
    scratch_remove(&scratch);
}

Test(manifest, a_source_with_another_checksum_is_bad_data) {
    scratch_path scratch = scratch_folder();
    scratch_path source = scratch_write(scratch.text, "data.noun", "abc", 3);
    char found[512] = "preset";
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(
        locate(scratch.text, "data.noun", other, NULL, "/nonexistent", found, sizeof found, &error),
        ASSAY_BAD_DATA);
    cr_assert_str_eq(error.where, source.text);
    cr_assert(strstr(error.text, abc) && strstr(error.text, other), "%s", error.text);
    cr_assert_str_eq(found, "preset");
    scratch_remove(&scratch);
}

Test(manifest, a_missing_source_says_how_to_get_it) {
    scratch_path scratch = scratch_folder();
    char found[512];
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(
        locate(scratch.text, "/nonexistent/x", abc, NULL, "/root-dir", found, sizeof found, &error),
        ASSAY_NOT_FOUND);
    cr_assert(strstr(error.text, "apt-get install mine-data"), "%s", error.text);
    cr_assert(strstr(error.text, "/root-dir/mine") && strstr(error.text, "/nonexistent/x"), "%s",
              error.text);
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(
        locate(scratch.text, "x", abc, "/nonexistent/given", NULL, found, sizeof found, &error),
        ASSAY_NOT_FOUND);
    cr_assert_str_eq(error.where, "/nonexistent/given");
    scratch_remove(&scratch);
}
