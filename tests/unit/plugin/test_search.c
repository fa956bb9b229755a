/* SPDX-License-Identifier: MIT */
/* Where plugins are looked for, what is listed, and what an unknown name is answered. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "plugin/internal.h"

static as_arena *arena;
static char root[64];

/* An empty file under the test's folder. */
static void make_file(const char *name) {
    char path[256];
    assay_error error = ASSAY_ERROR_INIT;
    snprintf(path, sizeof path, "%s/%s", root, name);
    cr_assert_eq(as_file_write(path, "", 0, &error), ASSAY_OK, "%s", error.text);
}

static void make_folder(const char *name) {
    char path[256];
    assay_error error = ASSAY_ERROR_INIT;
    snprintf(path, sizeof path, "%s/%s", root, name);
    cr_assert_eq(as_make_folders(path, &error), ASSAY_OK);
}

static void setup(void) {
    arena = as_arena_new();
    snprintf(root, sizeof root, "/tmp/assay-search-XXXXXX");
    cr_assert(mkdtemp(root));
    make_folder("one/models");
    make_folder("one/backends");
    make_folder("two");
    make_file("one/models/zebra.so");
    make_file("one/models/ant.so");
    make_file("one/models/notes.txt");
    make_file("one/models/Capital.so");
    make_file("one/models/9lives.so");
    make_file("one/models/.so");
    make_file("one/backends/engine.so");
    make_file("two/zebra.so");
    make_file("two/bee.so");
    char path[256];
    snprintf(path, sizeof path, ":%s/one::%s/two:/nowhere/at/all:", root, root);
    setenv("ASSAY_PLUGIN_PATH", path, 1);
}

static void teardown(void) {
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_remove_folder(root, &error), ASSAY_OK);
    as_arena_free(arena);
}

TestSuite(search, .init = setup, .fini = teardown);

static bool listed(int32_t kind, const char *id) {
    const char *const *ids;
    size_t n, found = 0;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_plugin_list(arena, kind, &ids, &n, &error), ASSAY_OK, "%s", error.text);
    for (size_t i = 0; i < n; i++) {
        found += strcmp(ids[i], id) == 0;
        cr_assert(i == 0 || strcmp(ids[i - 1], ids[i]) < 0, "sorted, each once");
    }
    return found == 1;
}

Test(search, lists_names_of_the_kind_sorted_and_once) {
    cr_assert(listed(ASSAY_PLUGIN_KIND_MODEL, "ant"));
    cr_assert(listed(ASSAY_PLUGIN_KIND_MODEL, "zebra"));
    cr_assert(listed(ASSAY_PLUGIN_KIND_MODEL, "bee"), "a folder of the path itself");
    cr_assert(listed(ASSAY_PLUGIN_KIND_BACKEND, "engine"));
    cr_assert_not(listed(ASSAY_PLUGIN_KIND_MODEL, "engine"));
    cr_assert_not(listed(ASSAY_PLUGIN_KIND_BACKEND, "ant"));
}

Test(search, lists_only_what_can_be_an_id) {
    cr_assert_not(listed(ASSAY_PLUGIN_KIND_MODEL, "notes"));
    cr_assert_not(listed(ASSAY_PLUGIN_KIND_MODEL, "Capital"));
    cr_assert_not(listed(ASSAY_PLUGIN_KIND_MODEL, "9lives"));
    cr_assert_not(listed(ASSAY_PLUGIN_KIND_MODEL, ""));
}

Test(search, folders_come_in_order) {
    const char *const *folders;
    size_t n;
    char expected[4][128];
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_plugin_folders(arena, ASSAY_PLUGIN_KIND_MODEL, &folders, &n, &error), ASSAY_OK);
    snprintf(expected[0], sizeof *expected, "%s/one", root);
    snprintf(expected[1], sizeof *expected, "%s/one/models", root);
    snprintf(expected[2], sizeof *expected, "%s/two", root);
    snprintf(expected[3], sizeof *expected, "%s/two/models", root);
    for (size_t i = 0; i < 4; i++)
        cr_assert_str_eq(folders[i], expected[i]);
    cr_assert_eq(n, 8, "two for each of three folders, the build's and the installed");
    cr_assert(strstr(folders[6], "/plugins/models"), "%s", folders[6]);
    cr_assert(strstr(folders[7], "/assay/models"), "%s", folders[7]);
}

Test(search, without_a_path_only_the_programs_folders) {
    const char *const *folders;
    size_t n;
    assay_error error = ASSAY_ERROR_INIT;
    unsetenv("ASSAY_PLUGIN_PATH");
    cr_assert_eq(as_plugin_folders(arena, ASSAY_PLUGIN_KIND_BACKEND, &folders, &n, &error),
                 ASSAY_OK);
    cr_assert_eq(n, 2);
    cr_assert(strstr(folders[0], "/plugins/backends"), "%s", folders[0]);
}

Test(search, unknown_names_suggest_the_nearest) {
    as_plugin plugin = {NULL, "preset"};
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, "zebar", &plugin, &error),
                 ASSAY_NOT_FOUND);
    cr_assert_str_eq(error.where, "model 'zebar'");
    cr_assert(strstr(error.text, "did you mean 'zebra'?"), "%s", error.text);
    cr_assert(strstr(error.text, "/one/models"), "says where it looked: %s", error.text);
    cr_assert_str_eq(plugin.path, "preset");

    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, "quantum", &plugin, &error),
                 ASSAY_NOT_FOUND);
    cr_assert(strstr(error.text, "`assay list backends`"), "%s", error.text);

    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, "", &plugin, &error),
                 ASSAY_NOT_FOUND);
}

/* A bad file in the first folder is an error although a later folder has one of the same name. */
Test(search, first_folder_decides) {
    as_plugin plugin;
    assay_error error = ASSAY_ERROR_INIT;
    char expected[128];
    snprintf(expected, sizeof expected, "%s/one/models/zebra.so", root);
    cr_assert_eq(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, "zebra", &plugin, &error),
                 ASSAY_BAD_DATA);
    cr_assert_str_eq(error.where, expected);
}

#ifdef AS_STATIC_PLUGINS
Test(search, static_twins_come_first) {
    as_plugin plugin;
    assay_error error = ASSAY_ERROR_INIT;
    make_file("one/models/gru.so");
    cr_assert(listed(ASSAY_PLUGIN_KIND_MODEL, "gru"));
    cr_assert(listed(ASSAY_PLUGIN_KIND_BACKEND, "reference"));
    cr_assert_eq(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, "gru", &plugin, &error), ASSAY_OK,
                 "%s: %s", error.where, error.text);
    cr_assert_str_eq(plugin.path, "");
    cr_assert_str_eq(plugin.descriptor->id, "gru");
    cr_assert_eq(as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, "gru", &plugin, &error),
                 ASSAY_ABI_MISMATCH);
}
#endif

Test(search, file_names_give_ids) {
    char id[AS_MAX_PLUGIN_ID + 1] = "preset", path[128];
    cr_assert(as_plugin_file_id("/a/b/gru.so", id));
    cr_assert_str_eq(id, "gru");
    cr_assert(as_plugin_file_id("a_1.so", id));
    cr_assert_str_eq(id, "a_1");
    static const char *const bad[] = {"",       "gru",   ".so",    "a/.so",   "gru.so.1",
                                      "Gru.so", "_a.so", "a-b.so", "a/b.so/", "1a.so"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(as_plugin_file_id(bad[i], id), "%s", bad[i]);
    cr_assert_str_eq(id, "a_1", "untouched on failure");
    memset(path, 'a', sizeof path);
    memcpy(path + 64, ".so", 4);
    cr_assert(as_plugin_file_id(path, id));
    memcpy(path + 65, ".so", 4);
    path[64] = 'a';
    cr_assert_not(as_plugin_file_id(path, id));
}
