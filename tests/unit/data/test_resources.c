/* SPDX-License-Identifier: MIT */
/* Files of resources by role: from names, manifests, files, folders and archives. */
#include "archive_builder.h"
#include "data/resources/resources.h"

/* as_resource_file with `name` for role; expects path and member. */
static void expect_file(const char *name, const char *role, const char *data_dir, const char *path,
                        const char *member) {
    as_arena *arena = as_arena_new();
    const char *found = NULL, *found_member = "preset";
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(
        as_resource_file(arena, name, "vocabulary", role, data_dir, &found, &found_member, &error),
        ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_str_eq(found, path);
    if (member)
        cr_assert_str_eq(found_member, member);
    else
        cr_assert_null(found_member);
    as_arena_free(arena);
}

static void expect_error(const char *name, const char *role, const char *data_dir,
                         assay_status status, const char *piece) {
    as_arena *arena = as_arena_new();
    const char *found = "preset", *member = "preset";
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(
        as_resource_file(arena, name, "vocabulary", role, data_dir, &found, &member, &error),
        status, "%s: %s", error.where, error.text);
    cr_assert(strstr(error.text, piece), "%s", error.text);
    cr_assert(!strcmp(found, "preset") && !strcmp(member, "preset"));
    as_arena_free(arena);
}

Test(resources, a_vocabulary_is_found_by_name) {
    scratch_path root = scratch_folder();
    expect_error("bert-base-uncased-vocabulary", "vocabulary", root.text, ASSAY_NOT_FOUND,
                 "`assay data fetch bert-base-uncased-vocabulary`");
    scratch_path path = scratch_write(root.text, "bert-base-uncased-vocabulary/vocab.txt", "x", 1);
    expect_file("bert-base-uncased-vocabulary", "vocabulary", root.text, path.text, NULL);
    scratch_remove(&root);
}

Test(resources, weights_have_a_vocabulary_too) {
    scratch_path root = scratch_folder();
    scratch_path weights = scratch_write(root.text, "bert-base-uncased/model.safetensors", "x", 1);
    expect_error("bert-base-uncased", "vocabulary", root.text, ASSAY_NOT_FOUND,
                 "has no vocab.txt; `assay data fetch bert-base-uncased` completes it");
    scratch_path vocab = scratch_write(root.text, "bert-base-uncased/vocab.txt", "x", 1);
    expect_file("bert-base-uncased", "vocabulary", root.text, vocab.text, NULL);
    expect_file("bert-base-uncased", "weights", root.text, weights.text, NULL);
    expect_error("bert-base-uncased", "vectors", root.text, ASSAY_INVALID_ARGUMENT,
                 "of kind weights and has no vectors");
    expect_error("imdb", "vocabulary", root.text, ASSAY_INVALID_ARGUMENT, "of kind dataset");
    expect_error("bert-base-uncasde", "vocabulary", root.text, ASSAY_NOT_FOUND,
                 "did you mean \"bert-base-uncased\"?");
    scratch_remove(&root);
}

Test(resources, one_zip_serves_every_glove) {
    scratch_path root = scratch_folder(), zip = scratch_join(root.text, "glove.6B.zip");
    archive_builder builder = builder_open(zip.text, KIND_ZIP);
    builder_file(&builder, "glove.6B.50d.txt", "a 1\n");
    builder_close(&builder);
    expect_file("glove-6b-50d", "vectors", root.text, zip.text, "glove.6B.50d.txt");
    expect_file("glove-6b-300d", "vectors", root.text, zip.text, "glove.6B.300d.txt");
    scratch_path own = scratch_write(root.text, "glove-6b-50d.txt.xz", "x", 1);
    expect_file("glove-6b-50d", "vectors", root.text, own.text, NULL);
    scratch_path unpacked = scratch_write(root.text, "glove-6b-300d/glove.6B.300d.txt", "x", 1);
    expect_file("glove-6b-300d", "vectors", root.text, unpacked.text, NULL);
    scratch_remove(&root);
}

Test(resources, paths_of_files_and_folders) {
    scratch_path root = scratch_folder();
    scratch_path json = scratch_write(root.text, "a/tokenizer.json", "{}", 2);
    scratch_path folder = scratch_join(root.text, "a");
    expect_file(json.text, "vocabulary", NULL, json.text, NULL);
    expect_file(folder.text, "vocabulary", NULL, json.text, NULL);
    scratch_path vocab = scratch_write(root.text, "a/vocab.txt.xz", "x", 1);
    expect_file(folder.text, "vocabulary", NULL, vocab.text, NULL);
    expect_error(folder.text, "weights", NULL, ASSAY_NOT_FOUND, "the folder has no weights");
    expect_error(folder.text, "vectors", NULL, ASSAY_NOT_FOUND, "give the path of the file");
    expect_error("/nonexistent/vocab.txt", "vocabulary", NULL, ASSAY_NOT_FOUND, "No such file");
    scratch_remove(&root);
}

Test(resources, a_manifest_of_one_s_own) {
    static const char text[] =
        "{\"schema_version\": 1, \"name\": \"mine\", \"kind\": \"vocabulary\", \"license\": \"x\","
        " \"sources\": [{\"path\": \"mine.tar.gz\"}], \"files\": {\"vocabulary\": \"v.txt\"}}";
    scratch_path root = scratch_folder();
    scratch_path manifest = scratch_write(root.text, "mine.json", text, sizeof text - 1);
    expect_error(manifest.text, "vocabulary", "/nonexistent", ASSAY_NOT_FOUND, "mine.tar.gz");
    scratch_path archive = scratch_write(root.text, "mine.tar.gz", "x", 1);
    expect_file(manifest.text, "vocabulary", "/nonexistent", archive.text, "v.txt");
    scratch_remove(&root);
}

Test(resources, archives_are_known_by_their_ending) {
    static const char *const archives[] = {"a.zip", "b/a.tar", "a.tar.zst", "a.tgz",
                                           "a.txt.tar.xz"};
    static const char *const others[] = {"a.txt", "zip", ".zip", "a.gz", "a.tar.txt", ""};
    for (size_t i = 0; i < sizeof archives / sizeof archives[0]; i++)
        cr_assert(as_is_archive_name(archives[i]), "%s", archives[i]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_assert_not(as_is_archive_name(others[i]), "%s", others[i]);
}
