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
        if (m.format) {
            cr_assert_not_null(as_reader_find(m.format));
            cr_assert(m.content_sha256 || json_object_get(m.json, "remark"),
                      "%s: its digest stands there, or why not", m.name);
        } else {
            cr_assert_gt(m.n_sources, 0);
        }
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
    expect_error(HEAD FOLDERS "\"labels\": [\"a\", \"b\"], \"label_map\": {\"x\": \"bb\"}}",
                 ASSAY_BAD_DATA, "m.json#/label_map", "did you mean \"b\"?");
    expect_error(HEAD FOLDERS "\"splits\": {}}", ASSAY_BAD_DATA, "m.json#/splits", "no split");
    expect_error(HEAD FOLDERS "\"splits\": {\"train\": \"../x\"}}", ASSAY_BAD_DATA,
                 "m.json#/splits/train", "leads out");
    expect_error(HEAD FOLDERS "\"splits\": {\"all\": [\"a\", \"/x\"]}}", ASSAY_BAD_DATA,
                 "m.json#/splits/all", "leads out");
    expect_error(HEAD FOLDERS "\"splits\": {\"all\": {\"a\": \"x\"}}}", ASSAY_BAD_DATA,
                 "m.json#/splits/all", "only the format lines");
    expect_error(HEAD "\"reader\": {\"format\": \"lines\"}, \"splits\": {\"all\": [\"a\"]}}",
                 ASSAY_BAD_DATA, "m.json#/splits/all", "only the formats folders and news");
    expect_error(HEAD "\"reader\": {\"format\": \"lines\"}, \"labels\": [\"a\", \"b\"], "
                      "\"splits\": {\"all\": {\"c\": \"x\"}}}",
                 ASSAY_BAD_DATA, "m.json#/splits/all", "label \"c\" is not in the manifest");
    expect_error(HEAD "\"reader\": {\"format\": \"synthetic\"}, \"splits\": {\"all\": \"a\"}}",
                 ASSAY_BAD_DATA, "m.json#/splits", "generated");
    expect_error(HEAD FOLDERS "\"files\": {\"vectors\": \"x\"}}", ASSAY_BAD_DATA, "m.json",
                 "no field \"files\"");
    expect_error(HEAD FOLDERS
                 "\"content_sha256\": "
                 "\"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKL\"}",
                 ASSAY_BAD_DATA, "m.json#/content_sha256", "hexadecimal");
    expect_error("{\"schema_version\": 1, \"name\": \"../m\", \"kind\": \"dataset\", "
                 "\"license\": \"x\", \"reader\": {\"format\": \"folders\"}}",
                 ASSAY_BAD_DATA, "m.json#/name", "no '/'");
    expect_error("[]", ASSAY_BAD_DATA, "m.json", "expected object");
}

#define OTHER(kind)                                                                                \
    "{\"schema_version\": 1, \"name\": \"m\", \"kind\": \"" kind "\", \"license\": \"x\", "

Test(manifest, every_kind_has_its_own_fields) {
    expect_error(OTHER("weights") "\"reader\": {\"format\": \"folders\"}}", ASSAY_BAD_DATA,
                 "m.json", "only a data set has the field \"reader\"");
    expect_error(OTHER("vocabulary") "\"labels\": [\"a\", \"b\"]}", ASSAY_BAD_DATA, "m.json",
                 "only a data set has the field \"labels\"");
    expect_error(OTHER("embeddings") "\"dimensions\": 50}", ASSAY_BAD_DATA, "m.json",
                 "needs files.vectors");
    expect_error(OTHER("weights") "\"files\": {\"config\": \"config.json\"}}", ASSAY_BAD_DATA,
                 "m.json", "needs files.weights");
    expect_error(OTHER("vocabulary") "\"files\": {\"vocabluary\": \"vocab.txt\"}}", ASSAY_BAD_DATA,
                 "m.json#/files", "use \"vocabulary\"");
    expect_error(OTHER("vocabulary") "\"files\": {\"vocabulary\": \"../vocab.txt\"}}",
                 ASSAY_BAD_DATA, "m.json#/files", "leads out");
    expect_error(OTHER("vocabulary") "\"words\": 5, \"files\": {\"vocabulary\": \"v\"}}",
                 ASSAY_BAD_DATA, "m.json", "only embeddings");
    expect_error(OTHER("data") "\"files\": {}}", ASSAY_BAD_DATA, "m.json#/kind", "expected");
}

Test(manifest, sources_that_cannot_be_kept_are_refused) {
    static const char *const cases[][2] = {
        {"{\"bytes\": 5}", "neither url, path nor file"},
        {"{\"path\": \"x\", \"mirrors\": [\"http://a/b\"]}", "mirrors but no url"},
        {"{\"url\": \"https://host/\"}", "expected a file name"},
        {"{\"url\": \"https://host/x\", \"file\": \"../x\"}", "expected a file name"},
        {"{\"url\": \"https://host/x\", \"file\": \".part\"}", "expected a file name"},
        {"{\"url\": \"https://a/x\"}, {\"url\": \"https://b/x\"}", "the name of another source"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char json[512];
        snprintf(json, sizeof json, HEAD FOLDERS "\"sources\": [%s]}", cases[i][0]);
        expect_error(json, ASSAY_BAD_DATA, "m.json#/sources/", cases[i][1]);
    }
}

Test(manifest, ten_lines_are_enough) {
    scratch_path scratch = scratch_folder();
    as_arena *arena = as_arena_new();
    as_manifest m =
        manifest_of(arena, scratch.text,
                    HEAD "\"reader\": {\"format\": \"tsv\", \"label\": 1, \"text\": "
                         "[2]}, \"sources\": [{\"url\": \"https://host/a/b.tsv.gz?x#y\", "
                         "\"mirrors\": [\"ftp://m/b.tsv.gz\"], \"bytes\": 12}], "
                         "\"order\": \"archive\", \"limits\": {\"text_bytes\": 7}}");
    cr_assert_null(m.labels);
    cr_assert_str_eq(m.splits[AS_SPLIT_ALL], ".", "undivided by default");
    cr_assert_null(m.splits[AS_SPLIT_TRAIN]);
    cr_assert_str_eq(m.sources[0].file, "b.tsv.gz");
    cr_assert_eq(m.sources[0].bytes, 12);
    cr_assert_eq(m.sources[0].n_mirrors, 1);
    cr_assert_str_eq(m.sources[0].mirrors[0], "ftp://m/b.tsv.gz");
    cr_assert(m.archive_order);
    cr_assert_eq(m.limits.text_bytes, 7);
    as_manifest_done(&m);
    as_arena_free(arena);
    scratch_remove(&scratch);
}

Test(manifest, labels_are_mapped) {
    scratch_path scratch = scratch_folder();
    as_arena *arena = as_arena_new();
    const char *name = "preset";
    assay_error error = ASSAY_ERROR_INIT;
    as_manifest m = manifest_of(arena, scratch.text,
                                HEAD FOLDERS "\"labels\": [\"bad\", \"good\"], \"label_map\": "
                                             "{\"0\": \"bad\", \"1\": \"good\", \"2\": null}}");
    cr_assert_eq(as_manifest_label(&m, "1", "x:3", &name, NULL), ASSAY_OK);
    cr_assert_str_eq(name, "good");
    cr_assert_eq(as_manifest_label(&m, "bad", "x:3", &name, NULL), ASSAY_OK);
    cr_assert_str_eq(name, "bad");
    cr_assert_eq(as_manifest_label(&m, "2", "x:3", &name, NULL), ASSAY_OK);
    cr_assert_null(name);
    name = "preset";
    cr_assert_eq(as_manifest_label(&m, "goof", "x:3", &name, &error), ASSAY_BAD_DATA);
    cr_assert_str_eq(error.where, "x:3");
    cr_assert(strstr(error.text, "did you mean \"good\"?"), "%s", error.text);
    cr_assert_str_eq(name, "preset");
    as_manifest_done(&m);
    as_arena_free(arena);
    scratch_remove(&scratch);
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

/* Where a resource with one source, FILE, is found when `name` lies in the data folder. */
static void expect_found(const char *file, const char *name, const char *expected) {
    char json[512];
    scratch_path scratch = scratch_folder(), root = scratch_join(scratch.text, "root");
    scratch_path path = scratch_write(root.text, name, "x", 1),
                 want = scratch_join(root.text, expected);
    as_arena *arena = as_arena_new();
    const char *found = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    (void)path;
    snprintf(json, sizeof json, HEAD FOLDERS "\"sources\": [{\"url\": \"https://host/%s\"}]}",
             file);
    as_manifest m = manifest_of(arena, scratch.text, json);
    cr_assert_eq(as_manifest_locate(arena, &m, NULL, root.text, &found, &error), ASSAY_OK, "%s",
                 error.text);
    cr_assert_str_eq(found, want.text);
    as_manifest_done(&m);
    as_arena_free(arena);
    scratch_remove(&scratch);
}

Test(manifest, what_was_fetched_is_found_as_it_lies) {
    expect_found("set-1.0.tar.gz", "m/set-1.0.tar.gz", "m/set-1.0.tar.gz");
    expect_found("set.csv", "m/set.csv", "m/set.csv");
    expect_found("set.csv", "m/other.csv", "m");
    expect_found("set-1.0.tar.gz", "m/repacked.tar.xz", "m/repacked.tar.xz");
    expect_found("set-1.0.tar.gz", "m/set/train/a/1.txt", "m");
    expect_found("set-1.0.tar.gz", "set-1.0.tar.gz", "set-1.0.tar.gz");
    expect_found("set-1.0.tar.gz", "m", "m");
    static const char *const endings[] = {".tar", ".tar.zst", ".tgz",    ".zip",
                                          ".txt", ".txt.gz",  ".txt.xz", ".tsv",
                                          ".csv", ".csv.bz2", ".jsonl",  ".gz"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char name[32];
        snprintf(name, sizeof name, "m%s", endings[i]);
        expect_found("unknown", name, name);
    }
}

Test(manifest, what_is_still_on_its_way_is_not_there) {
    scratch_path scratch = scratch_folder();
    as_arena *arena = as_arena_new();
    const char *found = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    scratch_write(scratch.text, "m/a.tar.gz.part", "x", 1);
    scratch_write(scratch.text, "m/a.tar.gz.rejected", "x", 1);
    scratch_write(scratch.text, "m/a.tar.gz.part.validator", "x", 1);
    scratch_write(scratch.text, "m/.lock", "", 0);
    as_manifest m = manifest_of(
        arena, scratch.text, HEAD FOLDERS "\"sources\": [{\"url\": \"https://host/a.tar.gz\"}]}");
    cr_assert_eq(as_manifest_locate(arena, &m, NULL, scratch.text, &found, &error),
                 ASSAY_NOT_FOUND);
    cr_assert(strstr(error.text, "`assay data fetch "), "%s", error.text);
    as_manifest_done(&m);
    as_arena_free(arena);
    scratch_remove(&scratch);
}

Test(manifest, several_sources_lie_in_one_folder) {
    static const char text[] =
        HEAD FOLDERS "\"sources\": [{\"path\": \"parts/a\"}, {\"path\": \"%s/b\"}]}";
    scratch_path scratch = scratch_folder(), parts = scratch_join(scratch.text, "parts");
    as_arena *arena = as_arena_new();
    const char *found = NULL;
    char json[512];
    assay_error error = ASSAY_ERROR_INIT;
    scratch_write(scratch.text, "parts/a", "a", 1);
    snprintf(json, sizeof json, text, "parts");
    as_manifest m = manifest_of(arena, scratch.text, json);
    cr_assert_eq(as_manifest_locate(arena, &m, NULL, "/nonexistent", &found, &error),
                 ASSAY_NOT_FOUND, "b is missing");
    scratch_write(scratch.text, "parts/b", "b", 1);
    cr_assert_eq(as_manifest_locate(arena, &m, NULL, "/nonexistent", &found, NULL), ASSAY_OK);
    cr_assert_str_eq(found, parts.text);
    as_manifest_done(&m);
    scratch_write(scratch.text, "other/b", "b", 1);
    snprintf(json, sizeof json, text, "other");
    m = manifest_of(arena, scratch.text, json);
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_manifest_locate(arena, &m, NULL, "/nonexistent", &found, &error),
                 ASSAY_BAD_DATA);
    cr_assert(strstr(error.text, "several folders"), "%s", error.text);
    as_manifest_done(&m);
    as_arena_free(arena);
    scratch_remove(&scratch);
}

Test(manifest, what_can_be_fetched_says_so) {
    as_arena *arena = as_arena_new();
    as_manifest m;
    const char *found = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_manifest_load(arena, "imdb", &m, NULL), ASSAY_OK);
    cr_assert_eq(as_manifest_locate(arena, &m, NULL, "/nonexistent", &found, &error),
                 ASSAY_NOT_FOUND);
    cr_assert(strstr(error.text, "`assay data fetch imdb`"), "%s", error.text);
    as_manifest_done(&m);
    as_arena_free(arena);
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
