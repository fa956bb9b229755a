/* SPDX-License-Identifier: MIT */
/* WordNet data files: the format, and the real one of the package wordnet-base. */
#include "data_set.h"

static const char manifest_text[] =
    "{\"schema_version\": 1, \"name\": \"mine\", \"kind\": \"dataset\", \"license\": \"x\","
    " \"reader\": {\"format\": \"wordnet\", \"first_file\": 3}, \"splits\": {\"all\": \".\"},"
    " \"labels\": [\"noun.Tops\", \"noun.act\"]}";

static assay_status read_text(as_arena *arena, const char *scratch, const char *text,
                              as_dataset *dataset, assay_error *error) {
    as_manifest manifest = manifest_of(arena, scratch, manifest_text);
    scratch_path path = scratch_write(scratch, "data.noun", text, strlen(text));
    const char *source;
    assay_status status =
        as_dataset_load(arena, &manifest, path.text, NULL, dataset, &source, error);
    as_manifest_done(&manifest);
    return status;
}

static void expect_error(const char *text, const char *line, const char *piece) {
    scratch_path scratch = scratch_folder();
    as_arena *arena = as_arena_new();
    as_dataset dataset;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(read_text(arena, scratch.text, text, &dataset, &error), ASSAY_BAD_DATA);
    cr_assert(strstr(error.where, line), "%s", error.where);
    cr_assert(strstr(error.text, piece), "%s", error.text);
    as_arena_free(arena);
    scratch_remove(&scratch);
}

Test(read_wordnet, glosses_labels_and_file_order) {
    scratch_path scratch = scratch_folder();
    as_arena *arena = as_arena_new();
    as_dataset d = {0};
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(read_text(arena, scratch.text,
                           "  1 licence | text\n"
                           "00000019 04 n 01 act 0 000 | an act; \"a | b\"  \n"
                           "00000066 03 n 01 top 0 000 | a top\n",
                           &d, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_eq(d.n_rows, 2);
    cr_assert_str_eq(d.rows[0].text, "an act; \"a | b\"");
    cr_assert_str_eq(d.rows[0].name, "00000019");
    cr_assert_eq(d.rows[0].label, 1);
    cr_assert_eq(d.rows[0].split, AS_SPLIT_ALL);
    cr_assert_str_eq(d.rows[1].text, "a top");
    as_arena_free(arena);
    scratch_remove(&scratch);
}

Test(read_wordnet, broken_lines_are_named) {
    expect_error("00000000 03 n 01 a 0 000 | gloss\nnonsense\n", "data.noun:2", "no synset");
    expect_error("00000007 03 n 01 a 0 000 | gloss\n", "data.noun:1", "the file was changed");
    expect_error("00000000 03 n 01 a 0 000\n", "data.noun:1", "no gloss");
    expect_error("00000000 05 n 01 a 0 000 | x\n", "data.noun:1", "file 5 has no label");
    expect_error("00000000 02 n 01 a 0 000 | x\n", "data.noun:1", "file 2 has no label");
    expect_error("00000000 03 n 01 a 0 000 | x", "data.noun:1", "cut off");
    expect_error("00000000 03 n 01 a 0 000 | \xe9\n", "data.noun:1", "invalid UTF-8");
    expect_error("  licence only\n", "data.noun", "holds no texts");
}

Test(read_wordnet, folders_and_archives_hold_it_too) {
    static const char json[] =
        "{\"schema_version\": 1, \"name\": \"mine\", \"kind\": \"dataset\", \"license\": \"x\","
        " \"reader\": {\"format\": \"wordnet\", \"first_file\": 3}, \"splits\": {\"all\": "
        "\"data.noun\"}, \"labels\": [\"noun.Tops\", \"noun.act\"]}";
    static const char text[] = "00000000 04 n 01 act 0 000 | an act  \n"
                               "00000038 03 n 01 top 0 000 | a top\n";
    scratch_path scratch = scratch_folder(), archive = scratch_join(scratch.text, "WNdb.tar.gz");
    scratch_path folder = scratch_join(scratch.text, "wn");
    scratch_path file = scratch_write(folder.text, "data.noun", text, sizeof text - 1);
    const char *const paths[] = {file.text, folder.text, archive.text};
    archive_builder builder = builder_open(archive.text, KIND_TAR_GZ);
    builder_file(&builder, "dict/data.verb", "other");
    builder_file(&builder, "dict/data.noun", text);
    builder_close(&builder);
    for (size_t i = 0; i < 3; i++) {
        as_arena *arena = as_arena_new();
        as_manifest manifest = manifest_of(arena, scratch.text, json);
        as_dataset d = {0};
        const char *source;
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(as_dataset_load(arena, &manifest, paths[i], NULL, &d, &source, &error),
                     ASSAY_OK, "%s: %s", error.where, error.text);
        cr_assert_eq(d.n_rows, 2);
        cr_assert_str_eq(d.rows[0].text, "an act");
        cr_assert_not(d.unordered, "a file has an order wherever it lies");
        as_manifest_done(&manifest);
        as_arena_free(arena);
    }
    scratch_remove(&scratch);
}

/* The counts were taken with awk from the package's file. */
Test(read_wordnet, the_package_s_file_is_whole) {
    as_arena *arena = as_arena_new();
    as_manifest manifest;
    as_dataset d = {0};
    const char *source;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_manifest_load(arena, "wordnet-supersenses", &manifest, &error), ASSAY_OK,
                 "%s: %s", error.where, error.text);
    cr_assert_eq(as_dataset_load(arena, &manifest, NULL, "/nonexistent", &d, &source, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    uint32_t counts[26] = {0};
    for (uint32_t i = 0; i < d.n_rows; i++)
        counts[d.rows[i].label]++;
    cr_assert_eq(d.n_rows, 82115);
    cr_assert_eq(d.n_labels, 26);
    cr_assert_eq(counts[3], 11587, "noun.artifact");
    cr_assert_eq(counts[15], 11087, "noun.person");
    cr_assert_eq(counts[17], 8030, "noun.plant");
    cr_assert_str_eq(d.rows[0].text, "that which is perceived or known or inferred to have its own "
                                     "distinct existence (living or nonliving)");
    cr_assert_str_eq(d.sha256.text, manifest.content_sha256);
    as_manifest_done(&manifest);
    as_arena_free(arena);
}
