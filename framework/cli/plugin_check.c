/* SPDX-License-Identifier: MIT */
/* The work of `assay plugin check`, done in a child process: one line for each thing looked at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/child.h"
#include "cli/commands.h"
#include "plugin/plugin.h"
#include "train/model_check.h"

enum { MAX_BACKENDS = 8, MAX_VALUES = 64 };

typedef struct tally {
    int32_t passed, failed, skipped;
} tally;

static void tell(void *context, const char *check, as_check_outcome outcome, const char *detail) {
    static const char *const words[] = {"ok", "FAIL", "skip"};
    tally *t = context;
    t->passed += outcome == AS_CHECK_PASSED;
    t->failed += outcome == AS_CHECK_FAILED;
    t->skipped += outcome == AS_CHECK_SKIPPED;
    printf("  %-4s  %-11s %s\n", words[outcome], check, detail);
    fflush(stdout); /* a crash in what follows leaves what was found */
}

/* "hidden=16" -> number, true and false -> bool, else text; `text` is cut in two. */
static assay_status parse_value(as_arena *arena, const char *set, as_option_value *ret_value,
                                assay_error *error) {
    const char *equals = strchr(set, '=');
    if (!equals || equals == set)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--set",
                       "\"%.80s\" is not OPTION=VALUE, as hidden=128", set);
    char *name = as_arena_alloc(arena, (size_t)(equals - set) + 1), *end;
    if (!name)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "--set", "no memory");
    memcpy(name, set, (size_t)(equals - set));
    name[equals - set] = '\0';
    as_option_value value = {.name = name, .kind = AS_OPTION_TEXT, .text = equals + 1};
    value.number = strtod(value.text, &end);
    if (end != value.text && !*end)
        value.kind = AS_OPTION_NUMBER;
    else if (strcmp(value.text, "true") == 0 || strcmp(value.text, "false") == 0)
        value =
            (as_option_value){.name = name, .kind = AS_OPTION_BOOL, .number = value.text[0] == 't'};
    *ret_value = value;
    return ASSAY_OK;
}

/* The reference in f64 first, then every other backend that can work here. */
static assay_status find_backends(as_arena *arena, tally *t, as_check_backend *backends,
                                  size_t *ret_n, assay_error *error) {
    const char *const *ids = NULL;
    size_t n_ids, n = 1;
    as_plugin plugin;
    assay_status status =
        as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, "reference", &plugin, error);
    backends[0] = (as_check_backend){.id = "reference", .dtype = ASSAY_DTYPE_F64};
    if (status == ASSAY_OK)
        status = as_plugin_backend(&plugin, &backends[0].backend, error);
    if (status == ASSAY_OK)
        status = as_plugin_list(arena, ASSAY_PLUGIN_KIND_BACKEND, &ids, &n_ids, error);
    for (size_t i = 0; status == ASSAY_OK && i < n_ids && n < MAX_BACKENDS; i++) {
        assay_error why = ASSAY_ERROR_INIT;
        as_check_backend *backend = &backends[n];
        if (strcmp(ids[i], "reference") == 0)
            continue;
        assay_status found =
            as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, ids[i], &plugin, &why);
        if (found == ASSAY_OK && plugin.descriptor->probe)
            found = plugin.descriptor->probe(&why);
        if (found == ASSAY_OK)
            found = as_plugin_backend(&plugin, &backend->backend, &why);
        backend->id = ids[i];
        backend->dtype = ASSAY_DTYPE_F32;
        n += found == ASSAY_OK;
        /* A model lying in the folder too is no backend that can't work. */
        if (found == ASSAY_UNAVAILABLE)
            tell(t, ids[i], AS_CHECK_SKIPPED, why.text);
    }
    *ret_n = n;
    return status;
}

static void introduce(const as_plugin *plugin, const char *kind) {
    const assay_plugin *d = plugin->descriptor;
    printf("%s %s  %s, %s, %s\n", d->id, d->version, kind, d->license,
           plugin->path[0] ? plugin->path : "linked in");
}

static void tell_loaded(const as_plugin *plugin, tally *t) {
    char text[80];
    snprintf(text, sizeof text, "interface %u.%u, %llu options", plugin->descriptor->abi_major,
             plugin->descriptor->abi_minor, (unsigned long long)plugin->descriptor->n_options);
    tell(t, "loads", AS_CHECK_PASSED, text);
}

static assay_status check_model(as_arena *arena, const as_plugin *plugin, const as_words *sets,
                                tally *t, assay_error *error) {
    as_check_backend backends[MAX_BACKENDS];
    as_option_value values[MAX_VALUES];
    const assay_model_graph *graph = NULL;
    const assay_model_opaque *opaque = NULL;
    int32_t n_failed = 0;
    as_model_check check = {
        .plugin = *plugin, .values = values, .backends = backends, .told = tell, .context = t};
    assay_status status = as_plugin_model(plugin, &graph, &opaque, error);
    for (; status == ASSAY_OK && check.n_values < sets->n && check.n_values < MAX_VALUES;
         check.n_values++)
        status = parse_value(arena, sets->items[check.n_values], &values[check.n_values], error);
    if (status != ASSAY_OK)
        return status;
    introduce(plugin, graph ? "graph model" : "opaque model");
    tell_loaded(plugin, t);
    if (graph)
        status = find_backends(arena, t, backends, &check.n_backends, error);
    return status == ASSAY_OK ? as_model_check_run(&check, &n_failed, error) : status;
}

static void check_backend(const as_plugin *plugin, tally *t) {
    static const char *const names[ASSAY_DTYPE_COUNT] = {"f32", "f64", "bf16", "tf32", "fp16"};
    assay_error error = ASSAY_ERROR_INIT;
    const assay_backend *backend;
    introduce(plugin, "backend");
    tell_loaded(plugin, t);
    if (plugin->descriptor->probe && plugin->descriptor->probe(&error) != ASSAY_OK) {
        tell(t, "probe", AS_CHECK_SKIPPED, error.text);
        return;
    }
    tell(t, "probe", AS_CHECK_PASSED, "can work here");
    if (as_plugin_backend(plugin, &backend, &error) != ASSAY_OK) {
        tell(t, "interface", AS_CHECK_FAILED, error.text);
        return;
    }
    for (int32_t dtype = 0; dtype < ASSAY_DTYPE_COUNT; dtype++) {
        const assay_device_config config = {
            .struct_size = sizeof config, .dtype = dtype, .threads = 1};
        assay_device *device = NULL;
        assay_status status = backend->open(&config, &device, &error);
        tell(t, names[dtype],
             status == ASSAY_OK            ? AS_CHECK_PASSED
             : status == ASSAY_UNSUPPORTED ? AS_CHECK_SKIPPED
                                           : AS_CHECK_FAILED,
             status == ASSAY_OK ? "opens" : error.text);
        if (status == ASSAY_OK)
            backend->close(device);
    }
}

static assay_status check(as_arena *arena, int argc, char **argv, tally *t, assay_error *error) {
    as_words operands, sets = {NULL, 0};
    as_plugin plugin;
    assay_error as_backend = ASSAY_ERROR_INIT;
    const as_arg args[] = {{"--set", AS_ARG_MORE, &sets}};
    assay_status status = as_args_parse(arena, argc, argv, args, 1, 1, 1, &operands, error);
    if (status == ASSAY_OK)
        status = as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, operands.items[0], &plugin, error);
    if (status == ASSAY_OK)
        return check_model(arena, &plugin, &sets, t, error);
    if (as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, operands.items[0], &plugin, &as_backend) !=
        ASSAY_OK)
        return status;
    check_backend(&plugin, t);
    return ASSAY_OK;
}

int as_plugin_check_main(int argc, char **argv) {
    assay_error error = ASSAY_ERROR_INIT;
    tally t = {0, 0, 0};
    as_arena *arena = as_arena_new();
    if (!arena)
        return AS_EXIT_FAILED;
    assay_status status = check(arena, argc, argv, &t, &error);
    as_arena_free(arena);
    if (status != ASSAY_OK)
        return as_print_error(&error);
    printf("%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped);
    return t.failed ? AS_EXIT_BAD_DATA : AS_EXIT_OK;
}
