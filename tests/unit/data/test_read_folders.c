/* SPDX-License-Identifier: MIT */
/* Folder per label: the same data from a folder and every archive, and what is wrong with others.
 */
#include <unistd.h>

#include "data_set.h"

static void write_folder(const char *root) {
    for (size_t i = 0; i < N_FOLDERS_FILES; i++)
        scratch_write(root, folders_files[i][0], folders_files[i][1], strlen(folders_files[i][1]));
}

/* The data set as an archive, files in reverse order, below `top` ("" or "name/"). */
static void write_archive(const char *path, archive_kind kind, const char *top) {
    archive_builder builder = builder_open(path, kind);
    char name[128];
    for (size_t i = N_FOLDERS_FILES; i > 0; i--) {
        snprintf(name, sizeof name, "%s%s", top, folders_files[i - 1][0]);
        builder_file(&builder, name, folders_files[i - 1][1]);
    }
    snprintf(name, sizeof name, "%sREADME", top);
    builder_file(&builder, name, "not a text");
    snprintf(name, sizeof name, "%strain/urls_pos.txt", top);
    builder_file(&builder, name, "above the labels");
    snprintf(name, sizeof name, "%strain/pos/deeper/1.txt", top);
    builder_file(&builder, name, "below them");
    snprintf(name, sizeof name, "%strain/pos/._9_8.txt", top);
    builder_file(&builder, name, "\xff hidden");
    snprintf(name, sizeof name, "%strain/pos/notes.md", top);
    builder_file(&builder, name, "other ending");
    builder_close(&builder);
}

static void expect_error(const char *scratch, const char *path, assay_status status,
                         const char *where, const char *piece) {
    as_arena *arena = as_arena_new();
    as_dataset dataset = {.n_rows = 77};
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(read_folders(arena, scratch, path, &dataset, &error), status, "%s", error.text);
    cr_assert(strstr(error.where, where), "%s: %s", error.where, error.text);
    cr_assert(strstr(error.text, piece), "%s", error.text);
    cr_assert_eq(dataset.n_rows, 77);
    as_arena_free(arena);
}

Test(read_folders, rows_stand_in_canonical_order) {
    static const char *const names[] = {"0_2.txt", "1_1.txt", "10_9.txt", "9_8.txt",
                                        "0_1.txt", "1_1.txt", "0_9.txt",  "1_9.txt"};
    scratch_path scratch = scratch_folder(), root = scratch_join(scratch.text, "set");
    as_arena *arena = as_arena_new();
    assay_error error = ASSAY_ERROR_INIT;
    as_dataset d = {0};
    write_folder(root.text);
    cr_assert_eq(read_folders(arena, scratch.text, root.text, &d, &error), ASSAY_OK, "%s: %s",
                 error.where, error.text);
    cr_assert_eq(d.n_rows, N_FOLDERS_FILES);
    for (uint32_t i = 0; i < d.n_rows; i++) {
        cr_assert_str_eq(d.rows[i].name, names[i]);
        cr_assert_eq(d.rows[i].split, i < 4 ? AS_SPLIT_TRAIN : AS_SPLIT_TEST);
        cr_assert_eq(d.rows[i].label, i / 2 % 2);
    }
    cr_assert_str_eq(d.rows[1].text, "bad \xc3\xa4");
    cr_assert_eq(d.rows[1].n_bytes, 6);
    as_arena_free(arena);
    scratch_remove(&scratch);
}

Test(read_folders, folder_tar_and_repacked_tar_have_one_digest) {
    scratch_path scratch = scratch_folder(), root = scratch_join(scratch.text, "set");
    as_arena *arena = as_arena_new();
    assay_error error = ASSAY_ERROR_INIT;
    as_dataset plain = {0}, other = {0};
    write_folder(root.text);
    cr_assert_eq(read_folders(arena, scratch.text, root.text, &plain, &error), ASSAY_OK);
    scratch_path above = scratch_join(scratch.text, "above"),
                 below = scratch_join(scratch.text, "above/set");
    write_folder(below.text);
    cr_assert_eq(read_folders(arena, scratch.text, above.text, &other, &error), ASSAY_OK, "%s",
                 error.text);
    cr_assert_str_eq(other.sha256.text, plain.sha256.text, "one folder above it all");
    for (int kind = 0; kind < KIND_COUNT; kind++)
        for (int top = 0; top < 2; top++) {
            scratch_path path = scratch_join(scratch.text, "archive");
            write_archive(path.text, (archive_kind)kind, top ? "mine-1.0/" : "");
            cr_assert_eq(read_folders(arena, scratch.text, path.text, &other, &error), ASSAY_OK,
                         "%s: %s", error.where, error.text);
            cr_assert_str_eq(other.sha256.text, plain.sha256.text);
            cr_assert_eq(other.n_rows, plain.n_rows);
        }
    scratch_write(root.text, "test/pos/1_9.txt", "x", 1);
    cr_assert_eq(read_folders(arena, scratch.text, root.text, &other, &error), ASSAY_OK);
    cr_assert_str_neq(other.sha256.text, plain.sha256.text, "one letter more is other data");
    as_arena_free(arena);
    scratch_remove(&scratch);
}

Test(read_folders, the_digest_is_the_documented_one) {
    scratch_path scratch = scratch_folder(), root = scratch_join(scratch.text, "set");
    as_arena *arena = as_arena_new();
    as_dataset d = {0};
    static const char content[] = "train\nneg\n7\nbad two" /* by data/dataset.h */
                                  "train\nneg\n6\nbad \xc3\xa4"
                                  "train\npos\n8\ngood one"
                                  "train\npos\n8\ngood two"
                                  "test\nneg\n4\npoor"
                                  "test\nneg\n6\npoorer"
                                  "test\npos\n4\nfine"
                                  "test\npos\n0\n";
    write_folder(root.text);
    cr_assert_eq(read_folders(arena, scratch.text, root.text, &d, NULL), ASSAY_OK);
    cr_assert_str_eq(d.sha256.text, as_sha256_bytes(content, sizeof content - 1).text);
    as_arena_free(arena);
    scratch_remove(&scratch);
}

Test(read_folders, what_is_missing_is_named) {
    scratch_path scratch = scratch_folder(), root = scratch_join(scratch.text, "set");
    expect_error(scratch.text, "/nonexistent/set", ASSAY_NOT_FOUND, "/nonexistent/set",
                 "No such file");
    cr_assert_eq(mkdir(root.text, 0777), 0);
    expect_error(scratch.text, root.text, ASSAY_BAD_DATA, root.text, "the folder is empty");
    scratch_write(root.text, "README", "x", 1);
    expect_error(scratch.text, root.text, ASSAY_BAD_DATA, root.text, "expected train/neg/FILE");
    write_folder(root.text);
    scratch_path file = scratch_join(root.text, "test/pos/0_9.txt"),
                 other = scratch_join(root.text, "test/pos/1_9.txt"),
                 label = scratch_join(root.text, "test/pos");
    cr_assert_eq(unlink(file.text) | unlink(other.text), 0);
    expect_error(scratch.text, root.text, ASSAY_BAD_DATA, root.text,
                 "the class \"pos\" has no texts in the split \"test\"");
    cr_assert_eq(rmdir(label.text), 0);
    expect_error(scratch.text, root.text, ASSAY_BAD_DATA, root.text,
                 "the class \"pos\" has no texts in the split \"test\"");
    scratch_path one = scratch_join(root.text, "test/neg/0_1.txt"),
                 two = scratch_join(root.text, "test/neg/1_1.txt");
    cr_assert_eq(unlink(one.text) | unlink(two.text), 0);
    one = scratch_join(root.text, "test/neg");
    two = scratch_join(root.text, "test");
    cr_assert_eq(rmdir(one.text) | rmdir(two.text), 0);
    expect_error(scratch.text, root.text, ASSAY_BAD_DATA, "set/test",
                 "the folder of the split \"test\" is missing");
    scratch_remove(&scratch);
}

Test(read_folders, an_archive_without_a_split_or_class_is_refused) {
    scratch_path scratch = scratch_folder(), path = scratch_join(scratch.text, "a.tar.gz");
    archive_builder builder = builder_open(path.text, KIND_TAR_GZ);
    builder_file(&builder, "README", "x");
    builder_close(&builder);
    expect_error(scratch.text, path.text, ASSAY_BAD_DATA, path.text, "holds no texts");
    builder = builder_open(path.text, KIND_TAR_GZ);
    builder_file(&builder, "train/pos/1.txt", "x");
    builder_file(&builder, "train/neg/1.txt", "x");
    builder_close(&builder);
    expect_error(scratch.text, path.text, ASSAY_BAD_DATA, path.text, "in the split \"test\"");
    scratch_remove(&scratch);
}

Test(read_folders, invalid_utf8_names_file_and_byte) {
    scratch_path scratch = scratch_folder(), root = scratch_join(scratch.text, "set");
    write_folder(root.text);
    scratch_write(root.text, "train/neg/5_5.txt", "fine \xc3\xa4 caf\xe9 au lait", 20);
    expect_error(scratch.text, root.text, ASSAY_BAD_DATA, "train/neg/5_5.txt",
                 "byte 0xe9 at offset 11; state the source's encoding");
    scratch_path path = scratch_join(scratch.text, "a.tar.xz");
    archive_builder builder = builder_open(path.text, KIND_TAR_XZ);
    builder_file(&builder, "top/train/pos/1.txt", "\xed\xa0\x80"); /* a surrogate */
    builder_close(&builder);
    expect_error(scratch.text, path.text, ASSAY_BAD_DATA, "a.tar.xz:top/train/pos/1.txt",
                 "byte 0xed at offset 0");
    scratch_remove(&scratch);
}

Test(read_folders, one_name_twice_or_two_tops_are_refused) {
    scratch_path scratch = scratch_folder(), path = scratch_join(scratch.text, "a.tar");
    archive_builder builder = builder_open(path.text, KIND_TAR);
    builder_file(&builder, "train/pos/1.txt", "x");
    builder_file(&builder, "train/pos/1.txt", "y");
    builder_close(&builder);
    expect_error(scratch.text, path.text, ASSAY_BAD_DATA, path.text, "train/pos/1.txt twice");
    builder = builder_open(path.text, KIND_TAR);
    builder_file(&builder, "a/train/pos/1.txt", "x");
    builder_file(&builder, "b/train/pos/2.txt", "y");
    builder_close(&builder);
    expect_error(scratch.text, path.text, ASSAY_BAD_DATA, path.text, "in \"a\" and \"b\"");
    scratch_path one = scratch_join(scratch.text, "two/a"),
                 two = scratch_join(scratch.text, "two/b"),
                 both = scratch_join(scratch.text, "two");
    write_folder(one.text);
    write_folder(two.text);
    expect_error(scratch.text, both.text, ASSAY_BAD_DATA, both.text, "holds the data set twice");
    scratch_remove(&scratch);
}

Test(read_folders, a_link_among_the_texts_is_refused) {
    scratch_path scratch = scratch_folder(), root = scratch_join(scratch.text, "set");
    write_folder(root.text);
    scratch_path link = scratch_join(root.text, "train/pos/7_7.txt");
    cr_assert_eq(symlink("/etc/passwd", link.text), 0);
    expect_error(scratch.text, root.text, ASSAY_BAD_DATA, "train/pos/7_7.txt", "is a link");
    cr_assert_eq(unlink(link.text), 0);
    cr_assert_eq(mkfifo(link.text, 0666), 0);
    expect_error(scratch.text, root.text, ASSAY_BAD_DATA, "train/pos/7_7.txt", "no regular file");
    scratch_remove(&scratch);
}

Test(read_folders, a_cut_archive_is_an_error) {
    scratch_path scratch = scratch_folder(), path = scratch_join(scratch.text, "a.tar.gz");
    struct stat info;
    write_archive(path.text, KIND_TAR_GZ, "");
    cr_assert_eq(stat(path.text, &info), 0);
    cr_assert_eq(truncate(path.text, info.st_size / 2), 0);
    expect_error(scratch.text, path.text, ASSAY_BAD_DATA, path.text, "cut off or damaged");
    scratch_remove(&scratch);
}

/* ---- labels, order, encodings -----------------------------------------------------------------*/

#define MINE(rest)                                                                                 \
    "{\"schema_version\": 1, \"name\": \"mine\", \"kind\": \"dataset\", \"license\": \"x\", " rest \
    "}"

/* Reads `path` by a manifest of its own; the manifest stays open. */
static as_dataset read_by(as_arena *arena, as_manifest *manifest, const char *scratch,
                          const char *json, const char *path) {
    as_dataset d = {0};
    const char *source;
    assay_error error = ASSAY_ERROR_INIT;
    *manifest = manifest_of(arena, scratch, json);
    cr_assert_eq(as_dataset_load(arena, manifest, path, NULL, &d, &source, &error), ASSAY_OK,
                 "%s: %s", error.where, error.text);
    return d;
}

static void expect_error_by(const char *scratch, const char *json, const char *path,
                            assay_status status, const char *where, const char *piece) {
    as_arena *arena = as_arena_new();
    as_manifest manifest = manifest_of(arena, scratch, json);
    as_dataset d = {.n_rows = 77};
    const char *source;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_dataset_load(arena, &manifest, path, NULL, &d, &source, &error), status,
                 "%s: %s", error.where, error.text);
    cr_assert(strstr(error.where, where), "%s: %s", error.where, error.text);
    cr_assert(strstr(error.text, piece), "%s", error.text);
    cr_assert_eq(d.n_rows, 77);
    as_manifest_done(&manifest);
    as_arena_free(arena);
}

Test(read_folders, positions_keep_the_archive_s_order) {
    scratch_path scratch = scratch_folder(), path = scratch_join(scratch.text, "a.tar.gz"),
                 root = scratch_join(scratch.text, "set");
    as_arena *arena = as_arena_new();
    assay_error error = ASSAY_ERROR_INIT;
    as_dataset archive = {0}, folder = {0};
    write_archive(path.text, KIND_TAR_GZ, "top/"); /* in reverse */
    write_folder(root.text);
    cr_assert_eq(read_folders(arena, scratch.text, path.text, &archive, NULL), ASSAY_OK);
    cr_assert_eq(read_folders(arena, scratch.text, root.text, &folder, NULL), ASSAY_OK);
    for (uint32_t i = 0; i < archive.n_rows; i++) {
        uint32_t at = N_FOLDERS_FILES - 1 - archive.rows[i].position;
        cr_assert(strstr(folders_files[at][0], archive.rows[i].name), "%s", archive.rows[i].name);
        cr_assert_str_eq(folders_files[at][1], archive.rows[i].text);
        cr_assert_eq(folder.rows[i].position, i, "a folder's order is the canonical one");
    }
    cr_assert_eq(as_dataset_check_order(&archive, AS_ORDER_ARCHIVE, path.text, "x", NULL),
                 ASSAY_OK);
    cr_assert_eq(as_dataset_check_order(&folder, AS_ORDER_CANONICAL, root.text, "x", NULL),
                 ASSAY_OK);
    cr_assert_eq(
        as_dataset_check_order(&folder, AS_ORDER_ARCHIVE, root.text, "s.json#/data/order", &error),
        ASSAY_INVALID_ARGUMENT);
    cr_assert_str_eq(error.where, "s.json#/data/order");
    cr_assert(strstr(error.text, "is a folder, whose files have none"), "%s", error.text);
    as_arena_free(arena);
    scratch_remove(&scratch);
}

Test(read_folders, a_folder_that_is_no_label_is_named) {
    scratch_path scratch = scratch_folder(), root = scratch_join(scratch.text, "set"),
                 path = scratch_join(scratch.text, "a.tar");
    write_folder(root.text);
    scratch_write(root.text, "train/possitive/1.txt", "x", 1);
    expect_error(scratch.text, root.text, ASSAY_BAD_DATA, "train/possitive/1.txt",
                 "the label \"possitive\" is not in the manifest");
    for (int top = 0; top < 2; top++) {
        archive_builder builder = builder_open(path.text, KIND_TAR);
        for (size_t i = 0; i < N_FOLDERS_FILES; i++) {
            char name[128];
            snprintf(name, sizeof name, "%s%s", top ? "top/" : "", folders_files[i][0]);
            builder_file(&builder, name, folders_files[i][1]);
        }
        builder_file(&builder, top ? "top/train/ned/1.txt" : "train/ned/1.txt", "x");
        builder_close(&builder);
        expect_error(scratch.text, path.text, ASSAY_BAD_DATA, "train/ned/1.txt",
                     "did you mean \"neg\"?");
    }
    scratch_remove(&scratch);
}

Test(read_folders, label_map_merges_and_leaves_out) {
    static const char json[] =
        MINE("\"reader\": {\"format\": \"folders\"}, \"labels\": [\"other\", \"tech\"], "
             "\"label_map\": {\"comp.a\": \"tech\", \"comp.b\": \"tech\", \"misc\": \"other\", "
             "\"junk\": null}");
    static const char *const files[][2] = {
        {"comp.b/1", "b one"}, {"comp.a/1", "a one"}, {"misc/7", "misc"}, {"junk/1", "\xff"}};
    scratch_path scratch = scratch_folder(), root = scratch_join(scratch.text, "set"),
                 path = scratch_join(scratch.text, "a.zip");
    as_arena *arena = as_arena_new();
    as_manifest manifest;
    archive_builder builder = builder_open(path.text, KIND_ZIP);
    for (size_t i = 0; i < 4; i++) {
        scratch_write(root.text, files[i][0], files[i][1], strlen(files[i][1]));
        builder_file(&builder, files[i][0], files[i][1]);
    }
    builder_close(&builder);
    for (int archive = 0; archive < 2; archive++) {
        as_dataset d =
            read_by(arena, &manifest, scratch.text, json, archive ? path.text : root.text);
        cr_assert_eq(d.n_rows, 3);
        cr_assert_str_eq(d.rows[0].text, "misc");
        cr_assert_str_eq(d.rows[0].name, "misc/7");
        cr_assert_eq(d.rows[0].label, 0);
        cr_assert_eq(d.rows[0].split, AS_SPLIT_ALL);
        cr_assert_str_eq(d.rows[1].name, "comp.a/1", "two folders have a file 1");
        cr_assert_str_eq(d.rows[2].name, "comp.b/1");
        as_manifest_done(&manifest);
    }
    as_arena_free(arena);
    scratch_remove(&scratch);
}

Test(read_folders, labels_that_no_manifest_states_are_the_folders_by_name) {
    static const char json[] = MINE("\"reader\": {\"format\": \"folders\"}, \"splits\": "
                                    "{\"train\": \"tr\", \"test\": \"te\"}");
    static const char *const files[] = {"te/b/1", "te/a/1", "te/c/1", "tr/c/1", "tr/b/1", "tr/a/1"};
    scratch_path scratch = scratch_folder(), root = scratch_join(scratch.text, "set"),
                 path = scratch_join(scratch.text, "a.tar.xz");
    as_arena *arena = as_arena_new();
    as_manifest manifest;
    archive_builder builder = builder_open(path.text, KIND_TAR_XZ);
    for (size_t i = 0; i < 6; i++) {
        scratch_write(root.text, files[i], files[i], 6);
        builder_file(&builder, files[i], files[i]);
    }
    builder_close(&builder);
    for (int archive = 0; archive < 2; archive++) {
        as_dataset d =
            read_by(arena, &manifest, scratch.text, json, archive ? path.text : root.text);
        cr_assert_eq(d.n_labels, 3);
        for (uint32_t i = 0; i < 6; i++) {
            cr_assert_eq(d.rows[i].label, i % 3);
            cr_assert_eq(d.labels[i % 3][0], (char)('a' + i % 3));
            cr_assert_eq(d.rows[i].text[3], d.labels[i % 3][0]);
        }
        as_manifest_done(&manifest);
    }
    as_arena_free(arena);
    scratch_remove(&scratch);
}

Test(read_folders, several_paths_are_one_split) {
    static const char json[] =
        MINE("\"reader\": {\"format\": \"folders\"}, \"labels\": [\"a\", \"b\"], \"splits\": "
             "{\"all\": [\"x-train\", \"x-test\"]}");
    scratch_path scratch = scratch_folder(), path = scratch_join(scratch.text, "a.tar.gz");
    as_arena *arena = as_arena_new();
    as_manifest manifest;
    archive_builder builder = builder_open(path.text, KIND_TAR_GZ);
    builder_file(&builder, "x-test/a/2", "two");
    builder_file(&builder, "x-train/a/1", "one");
    builder_file(&builder, "x-train/b/3", "three");
    builder_close(&builder);
    as_dataset d = read_by(arena, &manifest, scratch.text, json, path.text);
    cr_assert_eq(d.n_rows, 3);
    cr_assert_str_eq(d.rows[0].text, "one");
    cr_assert_eq(d.rows[1].split, AS_SPLIT_ALL);
    as_manifest_done(&manifest);
    builder = builder_open(path.text, KIND_TAR_GZ);
    builder_file(&builder, "x-test/a/1", "two");
    builder_file(&builder, "x-train/a/1", "one");
    builder_file(&builder, "x-train/b/3", "three");
    builder_close(&builder);
    expect_error_by(scratch.text, json, path.text, ASSAY_BAD_DATA, path.text, "all/a/1 twice");
    as_arena_free(arena);
    scratch_remove(&scratch);
}

Test(read_folders, bytes_that_do_not_fit_are_replaced_where_the_manifest_says_so) {
    static const char json[] = MINE("\"reader\": {\"format\": \"folders\", \"invalid\": "
                                    "\"replace\"}, \"labels\": [\"a\", \"b\"]");
    static const char latin[] = MINE("\"reader\": {\"format\": \"folders\", \"encoding\": "
                                     "\"latin-1\"}, \"labels\": [\"a\", \"b\"]");
    scratch_path scratch = scratch_folder(), root = scratch_join(scratch.text, "set");
    as_arena *arena = as_arena_new();
    as_manifest manifest;
    scratch_write(root.text, "a/1", "caf\xe9", 4);
    scratch_write(root.text, "b/1", "\xef\xbb\xbfmarked", 9);
    as_dataset d = read_by(arena, &manifest, scratch.text, json, root.text);
    cr_assert_str_eq(d.rows[0].text, "caf\xef\xbf\xbd");
    cr_assert_str_eq(d.rows[1].text, "marked", "without its byte order mark");
    cr_assert_eq(d.n_replaced, 1);
    cr_assert(strstr(d.first_replaced, "a/1: byte 0xe9 at offset 3"), "%s", d.first_replaced);
    as_manifest_done(&manifest);
    d = read_by(arena, &manifest, scratch.text, latin, root.text);
    cr_assert_str_eq(d.rows[0].text, "caf\xc3\xa9");
    cr_assert(!d.n_replaced && !d.first_replaced);
    as_manifest_done(&manifest);
    as_arena_free(arena);
    scratch_remove(&scratch);
}

Test(read_folders, the_manifest_bounds_the_sizes) {
    static const char *const cases[][2] = {{"\"entries\": 2", "over 2 "},
                                           {"\"text_bytes\": 3", "at most 3 are read"},
                                           {"\"total_bytes\": 9", "9 bytes"}};
    scratch_path scratch = scratch_folder(), root = scratch_join(scratch.text, "set"),
                 path = scratch_join(scratch.text, "a.tar");
    archive_builder builder = builder_open(path.text, KIND_TAR);
    for (char name[] = "a/1"; name[2] < '4'; name[2]++) {
        scratch_write(root.text, name, "text", 4);
        builder_file(&builder, name, "text");
    }
    builder_close(&builder);
    for (size_t i = 0; i < 3; i++) {
        char json[512];
        snprintf(json, sizeof json, MINE("\"reader\": {\"format\": \"folders\"}, \"limits\": {%s}"),
                 cases[i][0]);
        expect_error_by(scratch.text, json, root.text, ASSAY_LIMIT, "", cases[i][1]);
        expect_error_by(scratch.text, json, path.text, ASSAY_LIMIT, "",
                        i == 1 ? "over 3 bytes" : cases[i][1]);
    }
    static const char just[] =
        MINE("\"reader\": {\"format\": \"folders\"}, \"limits\": {\"entries\": "
             "4, \"text_bytes\": 4, \"total_bytes\": 16}");
    as_arena *arena = as_arena_new();
    as_manifest manifest;
    builder = builder_open(path.text, KIND_TAR);
    for (char name[] = "a/1"; name[0] < 'c'; name[0]++)
        for (name[2] = '1'; name[2] < '3'; name[2]++)
            builder_file(&builder, name, "text");
    builder_close(&builder);
    as_dataset d = read_by(arena, &manifest, scratch.text, just, path.text);
    cr_assert_eq(d.n_rows, 4, "bounds are inclusive");
    as_manifest_done(&manifest);
    as_arena_free(arena);
    scratch_remove(&scratch);
}

/* The real one: found through ASSAY_TEST_DATA, from the archive as it lies there. */
Test(read_folders, imdb_is_the_data_set_its_manifest_states) {
    const char *data = getenv("ASSAY_TEST_DATA");
    as_arena *arena = as_arena_new();
    as_manifest manifest;
    as_dataset d = {0};
    const char *source;
    assay_error error = ASSAY_ERROR_INIT;
    if (!data) {
        cr_assert_null(getenv("CI"), "ASSAY_TEST_DATA is not set");
        cr_skip_test("ASSAY_TEST_DATA is not set");
    }
    scratch_path path = scratch_join(data, "imdb/aclImdb-labelled.tar.xz");
    cr_assert_eq(as_manifest_load(arena, "imdb", &manifest, NULL), ASSAY_OK);
    cr_assert_eq(as_dataset_load(arena, &manifest, path.text, NULL, &d, &source, &error), ASSAY_OK,
                 "%s: %s", error.where, error.text);
    cr_assert_eq(d.n_rows, 50000);
    cr_assert_eq(d.n_bytes, 65483508);
    cr_assert_str_eq(d.sha256.text, manifest.content_sha256);
    cr_assert_lt(as_arena_used_bytes(arena), 90000000);
    as_manifest_done(&manifest);
    as_arena_free(arena);
}
