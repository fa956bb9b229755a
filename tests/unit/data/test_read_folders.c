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
    snprintf(name, sizeof name, "%strain/unsup/0_0.txt", top);
    builder_file(&builder, name, "no label");
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
    expect_error(scratch.text, root.text, ASSAY_BAD_DATA, "test/pos",
                 "the folder of the class \"pos\" is missing");
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
                 "byte 0xe9 at offset 11");
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
