/* SPDX-License-Identifier: MIT */
/* Loads plugins that are each wrong in one place and expects the status and the words that tell
 * the author what to change. The modules lie in the folder ABI_FOLDER. */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "graph/graph.h"
#include "plugin/plugin.h"

typedef struct abi_case {
    const char *id;
    assay_status status;
    const char *text; /* part of the error's text */
} abi_case;

static const abi_case load_cases[] = {
    {"bad_text", ASSAY_BAD_DATA, "not a shared object"},
    {"bad_unresolved", ASSAY_BAD_DATA, "a_function_of_no_library"},
    {"bad_no_entry", ASSAY_ABI_MISMATCH, "no entry point assay_plugin_query"},
    {"bad_refuses", ASSAY_ABI_MISMATCH, "refuses this host's interface version 1.0"},
    {"bad_wrong_major", ASSAY_ABI_MISMATCH, "built for interface version 2.x; this host has 1.0"},
    {"bad_newer_minor", ASSAY_ABI_MISMATCH, "needs interface version 1.1; this host has 1.0"},
    {"bad_empty_struct", ASSAY_ABI_MISMATCH, "descriptor of 0 bytes; expected 96"},
    {"bad_short_struct", ASSAY_ABI_MISMATCH, "descriptor of 80 bytes; expected at least 96"},
    {"bad_kind", ASSAY_ABI_MISMATCH, "its kind is 7 (unknown kind); expected 1 (model)"},
    {"bad_id", ASSAY_BAD_DATA, "calls itself 'another'"},
    {"bad_null_id", ASSAY_BAD_DATA, "id of the descriptor is NULL"},
    {"bad_null_version", ASSAY_BAD_DATA, "version of the descriptor is NULL"},
    {"bad_null_license", ASSAY_BAD_DATA, "license of the descriptor is NULL"},
    {"bad_null_summary", ASSAY_BAD_DATA, "summary of the descriptor is NULL"},
    {"bad_null_build", ASSAY_BAD_DATA, "build of the descriptor is NULL"},
    {"bad_control_text", ASSAY_BAD_DATA,
     "summary of the descriptor is over 1024 bytes long or has"},
    {"bad_endless_text", ASSAY_BAD_DATA, "version of the descriptor is over 1024 bytes"},
    {"bad_option_outside", ASSAY_BAD_DATA, "option 1 (pooling): the offset lies outside"},
    {"bad_option_huge_offset", ASSAY_BAD_DATA, "option 1 (pooling): the offset lies outside"},
    {"bad_option_unaligned", ASSAY_BAD_DATA, "option 1 (pooling): the offset is no multiple of 8"},
    {"bad_option_overlap", ASSAY_BAD_DATA, "option 1 (pooling): the offset is taken"},
    {"bad_option_duplicate", ASSAY_BAD_DATA, "option 1 (size): the name is taken"},
    {"bad_option_null_name", ASSAY_BAD_DATA, "option 0 (?): the name must be an identifier"},
    {"bad_option_meaning", ASSAY_BAD_DATA, "option 0 (?): the meaning is NULL"},
    {"bad_option_default", ASSAY_BAD_DATA, "option 0 (size): the default is outside the range"},
    {"bad_option_nan", ASSAY_BAD_DATA, "option 0 (size): default, minimum and maximum"},
    {"bad_option_fraction", ASSAY_BAD_DATA, "option 0 (size): default, minimum and maximum"},
    {"bad_option_kind", ASSAY_BAD_DATA, "option 0 (size): unknown kind"},
    {"bad_option_choices", ASSAY_BAD_DATA, "option 1 (pooling): choices must be"},
    {"bad_option_choice_default", ASSAY_BAD_DATA, "option 1 (pooling): the default of a choice"},
    {"bad_option_text_default", ASSAY_BAD_DATA, "option 0 (size): the default of a text"},
    {"bad_option_text_length", ASSAY_BAD_DATA, "option 0 (size): minimum and maximum of a text"},
    {"bad_option_row_size", ASSAY_BAD_DATA, "option 0 (?): struct_size is not"},
    {"bad_option_count", ASSAY_BAD_DATA,
     "18446744073709551615 options; expected a table of at most"},
    {"bad_option_null_table", ASSAY_BAD_DATA, "2 options at NULL"},
    {"bad_options_size", ASSAY_BAD_DATA, "options_size 18446744073709551615"},
    {"bad_null_interface", ASSAY_BAD_DATA, "get_interface is NULL"},
    {"bad_no_interface", ASSAY_ABI_MISMATCH, "offers none; expected exactly one"},
    {"bad_both_interfaces", ASSAY_ABI_MISMATCH, "offers both; expected exactly one"},
    {"bad_model_size", ASSAY_ABI_MISMATCH, "assay.model.graph/1: struct_size is too small"},
    {"bad_null_function", ASSAY_ABI_MISMATCH, "assay.model.graph/1: build is NULL"},
    {"bad_opaque_model", ASSAY_ABI_MISMATCH, "assay.model.opaque/1: a function"},
    {"bad_backend_size", ASSAY_ABI_MISMATCH, "its kind is 2 (backend); expected 1"},
};

/* These load, and go wrong in build. */
static const abi_case build_cases[] = {
    {"bad_build_nonsense", ASSAY_INVALID_ARGUMENT, "value 12345 is none of this graph"},
    {"bad_build_inputs", ASSAY_INVALID_ARGUMENT, "input 0 is 99, which is no value"},
    {"bad_build_dims", ASSAY_INVALID_ARGUMENT, "dimension 0 is -4"},
    {"bad_build_null_name", ASSAY_INVALID_ARGUMENT, "the name is missing"},
    {"bad_build_classes", ASSAY_INVALID_ARGUMENT, "expected rows [B, 3]"},
    {"bad_build_operation", ASSAY_INVALID_ARGUMENT, "operation 100000 can't be applied"},
};

static as_arena *arena;

static void setup(void) {
    const char *folder = getenv("ABI_FOLDER");
    cr_assert(folder, "ABI_FOLDER must name the folder of the modules");
    setenv("ASSAY_PLUGIN_PATH", folder, 1);
    arena = as_arena_new();
}

static void teardown(void) {
    as_arena_free(arena);
}

TestSuite(abi, .init = setup, .fini = teardown);

Test(abi, good_model_loads_and_builds) {
    assay_error error = ASSAY_ERROR_INIT;
    as_plugin plugin, again;
    const assay_model_graph *model = NULL;
    const assay_model_opaque *opaque = NULL;
    assay_graph *graph = NULL;
    void *options = NULL;
    cr_assert_eq(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, "good_model", &plugin, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_eq(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, plugin.path, &again, &error),
                 ASSAY_OK);
    cr_assert_eq(plugin.descriptor, again.descriptor, "loaded once");
    cr_assert_eq(as_plugin_model(&plugin, &model, &opaque, &error), ASSAY_OK);
    cr_assert_not_null(model);
    cr_assert_null(opaque);
    cr_assert_eq(as_options_fill(arena, plugin.descriptor, NULL, 0, "options", &options, &error),
                 ASSAY_OK);
    const assay_model_config config = {.struct_size = sizeof config,
                                       .n_classes = 3,
                                       .vocab_size = 10,
                                       .max_tokens = 4,
                                       .options = options};
    cr_assert_eq(as_graph_build_model(model, &config, &(as_graph_options){.with_gradient = 1},
                                      &graph, &error),
                 ASSAY_OK, "%s", error.text);
    as_graph_free(graph);
}

Test(abi, bad_plugins_are_refused) {
    for (size_t i = 0; i < sizeof load_cases / sizeof *load_cases; i++) {
        const abi_case *c = &load_cases[i];
        assay_error error = ASSAY_ERROR_INIT;
        as_plugin plugin = {NULL, "preset"};
        assay_status status =
            as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, c->id, &plugin, &error);
        cr_assert_eq(status, c->status, "%s: status %s, '%s'", c->id, as_status_name(status),
                     error.text);
        cr_assert_eq(error.status, status);
        cr_assert(strstr(error.text, c->text), "%s: found '%s', expected '%s'", c->id, error.text,
                  c->text);
        cr_assert(strstr(error.where, c->id), "%s: where is '%s'", c->id, error.where);
        cr_assert_null(plugin.descriptor);
        cr_assert_str_eq(plugin.path, "preset", "untouched on failure");
    }
}

/* A model's status depends on the kind asked for. */
Test(abi, kinds_are_kept_apart) {
    assay_error error = ASSAY_ERROR_INIT;
    as_plugin plugin;
    cr_assert_eq(as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, "good_model", &plugin, &error),
                 ASSAY_ABI_MISMATCH);
    cr_assert(strstr(error.text, "its kind is 1 (model); expected 2 (backend)"), "%s", error.text);
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(
        as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, "bad_backend_size", &plugin, &error),
        ASSAY_ABI_MISMATCH);
    cr_assert(strstr(error.text, "struct_size is not sizeof(assay_backend)"), "%s", error.text);
}

static assay_status build(const char *id, assay_error *error) {
    as_plugin plugin;
    const assay_model_graph *model;
    const assay_model_opaque *opaque;
    assay_graph *graph = NULL;
    void *options = NULL;
    cr_assert_eq(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, id, &plugin, error), ASSAY_OK);
    cr_assert_eq(as_plugin_model(&plugin, &model, &opaque, error), ASSAY_OK);
    cr_assert_eq(as_options_fill(arena, plugin.descriptor, NULL, 0, "options", &options, error),
                 ASSAY_OK);
    const assay_model_config config = {.struct_size = sizeof config,
                                       .n_classes = 3,
                                       .vocab_size = 10,
                                       .max_tokens = 4,
                                       .options = options};
    assay_status status = as_graph_build_model(
        model, &config, &(as_graph_options){.with_gradient = 1}, &graph, error);
    as_graph_free(graph);
    return status;
}

Test(abi, bad_builds_stick_an_error) {
    for (size_t i = 0; i < sizeof build_cases / sizeof *build_cases; i++) {
        const abi_case *c = &build_cases[i];
        assay_error error = ASSAY_ERROR_INIT;
        assay_status status = build(c->id, &error);
        cr_assert_eq(status, c->status, "%s: %s", c->id, as_status_name(status));
        cr_assert(strstr(error.text, c->text), "%s: found '%s', expected '%s'", c->id, error.text,
                  c->text);
    }
}

/* Builds in a child process; true when it ended by itself within the time, with its status. */
static bool child_ends(const char *id, int milliseconds, int *ret_status) {
    const struct timespec pause = {0, 10000000};
    fflush(NULL);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        assay_error error = ASSAY_ERROR_INIT;
        int nowhere = open("/dev/null", O_WRONLY);
        signal(SIGSEGV, SIG_DFL);
        dup2(nowhere, 1);
        dup2(nowhere, 2);
        _exit(build(id, &error) == ASSAY_OK ? 0 : 7);
    }
    for (int waited = 0; waited < milliseconds; waited += 10) {
        if (waitpid(child, ret_status, WNOHANG) == child)
            return true;
        nanosleep(&pause, NULL);
    }
    kill(child, SIGKILL);
    waitpid(child, ret_status, 0);
    return false;
}

/* The two that only a process of its own contains; the cell's limits are tested in tests/cli. */
Test(abi, crash_and_hang_really_do) {
    int status = 0;
    cr_assert(child_ends("bad_build_crash", 20000, &status));
    cr_assert(WIFSIGNALED(status) ||
              (WIFEXITED(status) && WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 7));
    cr_assert_not(child_ends("bad_build_hang", 500, &status));
}

/* Every module of the folder is in one of the tables, or tested by name above. */
Test(abi, no_bad_plugin_is_left_out) {
    const char *const *ids;
    size_t n, n_bad = 0;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_plugin_list(arena, ASSAY_PLUGIN_KIND_MODEL, &ids, &n, &error), ASSAY_OK);
    for (size_t i = 0; i < n; i++) {
        bool known = strncmp(ids[i], "bad_", 4) != 0 || strcmp(ids[i], "bad_build_crash") == 0 ||
                     strcmp(ids[i], "bad_build_exit") == 0 || strcmp(ids[i], "bad_build_hang") == 0;
        n_bad += strncmp(ids[i], "bad_", 4) == 0;
        for (size_t k = 0; k < sizeof load_cases / sizeof *load_cases; k++)
            known = known || strcmp(ids[i], load_cases[k].id) == 0;
        for (size_t k = 0; k < sizeof build_cases / sizeof *build_cases; k++)
            known = known || strcmp(ids[i], build_cases[k].id) == 0;
        cr_assert(known, "no case loads %s", ids[i]);
    }
    cr_assert_geq(n_bad, sizeof load_cases / sizeof *load_cases);
}

/* A copy that ends at each of some lengths: an error, never a crash. */
Test(abi, cut_off_files_are_refused) {
    char source[4096], folder[] = "/tmp/assay-abi-XXXXXX", path[64];
    static char bytes[1 << 20];
    snprintf(source, sizeof source, "%s/good_model.so", getenv("ABI_FOLDER"));
    FILE *file = fopen(source, "rb");
    cr_assert(file && mkdtemp(folder));
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    snprintf(path, sizeof path, "%s/good_model.so", folder);
    const size_t lengths[] = {0, 3, 20, 64, 100, 1000, 4096, 5000, 9000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assay_error error = ASSAY_ERROR_INIT;
        as_plugin plugin;
        cr_assert_lt(lengths[i], size);
        file = fopen(path, "wb");
        cr_assert_eq(fwrite(bytes, 1, lengths[i], file), lengths[i]);
        fclose(file);
        cr_assert_eq(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, path, &plugin, &error),
                     ASSAY_BAD_DATA, "%zu bytes: %s", lengths[i], error.text);
    }
    unlink(path);
    rmdir(folder);
}

Test(abi, files_of_other_types_and_names_are_refused) {
    static const struct {
        const char *path;
        assay_status status;
        const char *text;
    } cases[] = {
        {"/dev/null", ASSAY_INVALID_ARGUMENT, "expected ID.so"},
        {"./Upper.so", ASSAY_INVALID_ARGUMENT, "expected ID.so"},
        {"./.so", ASSAY_INVALID_ARGUMENT, "expected ID.so"},
        {"/nowhere/at_all.so", ASSAY_NOT_FOUND, "No such file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assay_error error = ASSAY_ERROR_INIT;
        as_plugin plugin;
        cr_assert_eq(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, cases[i].path, &plugin, &error),
                     cases[i].status, "%s", cases[i].path);
        cr_assert(strstr(error.text, cases[i].text), "%s: %s", cases[i].path, error.text);
    }
    char folder[] = "/tmp/assay-abi-XXXXXX", path[64];
    assay_error error = ASSAY_ERROR_INIT;
    as_plugin plugin;
    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/pipe.so", folder);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, path, &plugin, &error),
                 ASSAY_BAD_DATA);
    cr_assert(strstr(error.text, "not a regular file"), "%s", error.text);
    unlink(path);
    rmdir(folder);
}
