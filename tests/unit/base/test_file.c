/* SPDX-License-Identifier: MIT */
/* Files: whole or not at all, bounded reading, SHA-256, folders. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../scratch_folder.h"

static int count_entries(const char *path) {
    int n = 0;
    DIR *folder = opendir(path);
    cr_assert_not_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        n += entry->d_name[0] != '.';
    closedir(folder);
    return n;
}

Test(file, what_is_written_is_read) {
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a.bin");
    assay_error error = ASSAY_ERROR_INIT;
    char *data = NULL;
    size_t size = 0;
    cr_assert_eq(as_file_write(path.text, "x\0y", 3, &error), ASSAY_OK);
    cr_assert_eq(as_file_read(path.text, 3, &data, &size, &error), ASSAY_OK);
    cr_assert_eq(size, 3);
    cr_assert_eq(memcmp(data, "x\0y", 4), 0, "content and a NUL behind it");
    cr_assert_eq(count_entries(folder.text), 1, "no temporary file stays");
    free(data);
    scratch_remove(&folder);
}

Test(file, reading_is_bounded_and_leaves_results_on_failure) {
    scratch_path folder = scratch_folder();
    scratch_path path = scratch_write(folder.text, "a", "1234", 4);
    char preset, *data = &preset;
    size_t size = 77;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_file_read(path.text, 3, &data, &size, &error), ASSAY_LIMIT);
    cr_assert(strstr(error.text, "at most 3"), "%s", error.text);
    cr_assert_eq(as_file_read(folder.text, 9, &data, &size, NULL), ASSAY_BAD_DATA);
    scratch_path missing = scratch_join(folder.text, "none");
    cr_assert_eq(as_file_read(missing.text, 9, &data, &size, NULL), ASSAY_NOT_FOUND);
    cr_assert_eq(data, &preset);
    cr_assert_eq(size, 77);
    scratch_remove(&folder);
}

Test(file, an_abandoned_write_changes_nothing) {
    scratch_path folder = scratch_folder();
    scratch_path path = scratch_write(folder.text, "a", "old", 3);
    as_file_writer writer;
    assay_error error = ASSAY_ERROR_INIT;
    char *data;
    cr_assert_eq(as_file_writer_open(path.text, &writer, &error), ASSAY_OK);
    fprintf(writer.stream, "half");
    fflush(writer.stream);
    cr_assert_eq(count_entries(folder.text), 2, "the new text goes to a file of its own");
    as_file_writer_abandon(&writer);
    cr_assert_eq(count_entries(folder.text), 1);
    cr_assert_eq(as_file_read(path.text, 9, &data, NULL, &error), ASSAY_OK);
    cr_assert_str_eq(data, "old");
    free(data);
    scratch_remove(&folder);
}

Test(file, a_full_disk_is_an_error_and_keeps_the_old_file) {
    assay_error error = ASSAY_ERROR_INIT;
    as_file_writer writer;
    scratch_path folder = scratch_folder();
    scratch_path path = scratch_write(folder.text, "a", "old", 3);
    char *data;
    cr_assert_eq(as_file_writer_open(path.text, &writer, &error), ASSAY_OK);
    fclose(writer.stream);
    cr_assert_not_null(writer.stream = fopen("/dev/full", "wb"));
    fprintf(writer.stream, "new");
    cr_assert_eq(as_file_writer_commit(&writer, &error), ASSAY_IO);
    cr_assert_null(writer.stream);
    cr_assert_eq(count_entries(folder.text), 1);
    cr_assert_eq(as_file_read(path.text, 9, &data, NULL, NULL), ASSAY_OK);
    cr_assert_str_eq(data, "old");
    free(data);
    scratch_remove(&folder);
}

Test(file, writing_where_there_is_no_folder_is_an_io_error) {
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "none/a");
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_file_write(path.text, "x", 1, &error), ASSAY_IO);
    cr_assert_neq(error.text[0], '\0');
    scratch_remove(&folder);
}

Test(file, sha256_is_fips_180) { /* FIPS 180-4's example "abc" and the empty message */
    scratch_path folder = scratch_folder();
    scratch_path path = scratch_write(folder.text, "abc", "abc", 3);
    as_sha256_hex hex = as_sha256_bytes("", 0);
    cr_assert_str_eq(hex.text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    cr_assert_eq(as_sha256_file(path.text, &hex, NULL), ASSAY_OK);
    cr_assert_str_eq(hex.text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    cr_assert_eq(as_sha256_file("/nonexistent/x", &hex, NULL), ASSAY_NOT_FOUND);
    scratch_remove(&folder);
}

Test(file, folders_are_made_and_removed_without_following_links) {
    scratch_path folder = scratch_folder(), deep = scratch_join(folder.text, "a/b/c");
    scratch_path kept = scratch_write(folder.text, "kept/file", "x", 1);
    scratch_path a = scratch_join(folder.text, "a"), link = scratch_join(folder.text, "a/link");
    scratch_path target = scratch_join(folder.text, "kept");
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_make_folders(deep.text, &error), ASSAY_OK);
    cr_assert_eq(as_make_folders(deep.text, &error), ASSAY_OK, "already there is fine");
    cr_assert(as_path_exists(deep.text));
    cr_assert_eq(symlink(target.text, link.text), 0);
    cr_assert_eq(as_remove_folder(a.text, &error), ASSAY_OK);
    cr_assert_not(as_path_exists(a.text));
    cr_assert(as_path_exists(kept.text), "what the link pointed to stays");
    cr_assert_eq(as_remove_folder(a.text, &error), ASSAY_OK, "a missing one is fine");
    scratch_path below = scratch_join(kept.text, "x");
    cr_assert_eq(as_make_folders(below.text, &error), ASSAY_IO, "a file is in the way");
    scratch_remove(&folder);
}

Test(file, paths_join) {
    static const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a", "/b", "/b"}, {"", "b", "b"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *joined = as_path_join(cases[i][0], cases[i][1]);
        cr_assert_str_eq(joined, cases[i][2]);
        free(joined);
    }
}

/* What an early write met (a full disk; here a limit) is told at the end, not lost on the way. */
Test(file, a_failed_write_says_why) {
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a");
    const struct rlimit limit = {1 << 16, 1 << 16};
    static char much[1 << 20];
    as_file_writer writer;
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    for (int whole = 0; whole < 2; whole++) { /* many small writes, and one that stdio passes by */
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(as_file_writer_open(path.text, &writer, &error), ASSAY_OK);
        for (int i = 0; !whole && i < 100000; i++)
            fputs("0123456789", writer.stream);
        if (whole)
            (void)!fwrite(much, 1, sizeof much, writer.stream);
        cr_assert_eq(as_file_writer_commit(&writer, &error), ASSAY_IO);
        cr_assert(strstr(error.text, strerror(EFBIG)), "%s", error.text);
        cr_assert_eq(count_entries(folder.text), 0);
    }
    scratch_remove(&folder);
}
