/* SPDX-License-Identifier: MIT */
/* Where suites, resources and data are looked for. */
#include "../scratch_folder.h"
#include "base/paths.h"

Test(paths, own_folders_come_first_then_the_source_tree) {
    scratch_path folder = scratch_folder();
    scratch_path own = scratch_write(folder.text, "resources/imdb.json", "{}", 2);
    as_arena *arena = as_arena_new();
    assay_error error = ASSAY_ERROR_INIT;
    const char *path = NULL;
    unsetenv("ASSAY_SUITE_PATH");
    cr_assert_eq(as_find_suite_file(arena, "resources/imdb.json", &path, &error), ASSAY_OK);
    cr_assert_str_neq(path, own.text);
    char listed[600];
    snprintf(listed, sizeof listed, "/nonexistent:%s", folder.text);
    setenv("ASSAY_SUITE_PATH", listed, 1);
    cr_assert_eq(as_find_suite_file(arena, "resources/imdb.json", &path, &error), ASSAY_OK);
    cr_assert_str_eq(path, own.text);
    cr_assert_eq(as_find_suite_file(arena, "schema/resource.schema.json", &path, &error), ASSAY_OK);
    as_arena_free(arena);
    scratch_remove(&folder);
}

Test(paths, a_missing_file_suggests_the_nearest) {
    as_arena *arena = as_arena_new();
    assay_error error = ASSAY_ERROR_INIT;
    const char preset = 0, *path = &preset;
    cr_assert_eq(as_find_suite_file(arena, "resources/imbd.json", &path, &error), ASSAY_NOT_FOUND);
    cr_assert_eq(path, &preset);
    cr_assert(strstr(error.text, "did you mean \"imdb\"?"), "%s", error.text);
    as_arena_free(arena);
}

Test(paths, listing_is_sorted_and_unique) {
    scratch_path folder = scratch_folder();
    scratch_write(folder.text, "resources/imdb.json", "{}", 2);
    scratch_write(folder.text, "resources/000.json", "{}", 2);
    scratch_write(folder.text, "resources/.hidden.json", "{}", 2);
    scratch_write(folder.text, "resources/readme.txt", "", 0);
    as_arena *arena = as_arena_new();
    const char *const *names;
    size_t n, n_imdb = 0;
    setenv("ASSAY_SUITE_PATH", folder.text, 1);
    cr_assert_eq(as_list_suite_files(arena, "resources", ".json", &names, &n, NULL), ASSAY_OK);
    cr_assert_geq(n, 4);
    cr_assert_str_eq(names[0], "000");
    for (size_t i = 0; i < n; i++) {
        cr_assert(i == 0 || strcmp(names[i - 1], names[i]) < 0);
        n_imdb += strcmp(names[i], "imdb") == 0;
    }
    cr_assert_eq(n_imdb, 1);
    as_arena_free(arena);
    scratch_remove(&folder);
}

static const char *data_folder(as_arena *arena, const char *override) {
    const char *path = NULL;
    cr_assert_eq(as_data_folder(arena, override, &path, NULL), ASSAY_OK);
    return path;
}

Test(paths, the_data_folder_follows_its_order) {
    as_arena *arena = as_arena_new();
    const char *path;
    setenv("ASSAY_DATA_DIR", "/d", 1);
    setenv("XDG_DATA_HOME", "/x", 1);
    setenv("HOME", "/h", 1);
    cr_assert_str_eq(data_folder(arena, "/o"), "/o");
    cr_assert_str_eq(data_folder(arena, NULL), "/d");
    unsetenv("ASSAY_DATA_DIR");
    cr_assert_str_eq(data_folder(arena, NULL), "/x/assay");
    setenv("XDG_DATA_HOME", "relative", 1);
    cr_assert_str_eq(data_folder(arena, NULL), "/h/.local/share/assay");
    unsetenv("HOME");
    cr_assert_eq(as_data_folder(arena, NULL, &path, NULL), ASSAY_NOT_FOUND);
    as_arena_free(arena);
}
