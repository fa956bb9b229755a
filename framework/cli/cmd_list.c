/* SPDX-License-Identifier: MIT */
/* assay list: what can be run. Plugins are asked in a child process. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "base/json.h"
#include "base/paths.h"
#include "cli/child.h"
#include "cli/commands.h"
#include "data/readers/reader.h"
#include "plugin/plugin.h"

static const char usage[] =
    "usage: assay list models|backends|suites|resources [--json]\n"
    "\n"
    "models     model plugins; parameters are for 2 classes and 5,000 words\n"
    "backends   compute backends, and whether they work on this machine\n"
    "suites     suites that assay run knows by name\n"
    "resources  data sets, weights, vocabularies and embeddings that suites refer to, and whether\n"
    "           they are on this machine (assay data fetch NAME gets the others)\n"
    "\n"
    "Plugins are looked for in ASSAY_PLUGIN_PATH, then in the build or installation folder; "
    "suites\n"
    "and resources in ASSAY_SUITE_PATH, then likewise.\n"
    "\n"
    "Example\n"
    "  assay list backends --json | jq '.[] | select(.status == \"ok\") | .id'\n"
    "\n"
    "Exit status: 0 done, 64 usage. See assay-list(1).\n";

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* Width of a column: its longest text, at least `least`. */
static int width_of(const json_t *list, const char *key, int least) {
    const json_t *one;
    size_t i;
    json_array_foreach(list, i, one) {
        int n = (int)strlen(text_of(one, key));
        least = n > least ? n : least;
    }
    return least;
}

/* ---- plugins --------------------------------------------------------------------------------- */

static assay_status list_plugins(as_arena *arena, int32_t kind, const char *name, json_t **ret_list,
                                 assay_error *error) {
    const char *const *ids;
    size_t n;
    assay_status status = as_plugin_list(arena, kind, &ids, &n, error);
    return status == ASSAY_OK ? as_child_probe(arena, name, ids, n, ret_list, error) : status;
}

static assay_status list_models(as_arena *arena, json_t **ret_list, assay_error *error) {
    return list_plugins(arena, ASSAY_PLUGIN_KIND_MODEL, "models", ret_list, error);
}

static assay_status list_backends(as_arena *arena, json_t **ret_list, assay_error *error) {
    return list_plugins(arena, ASSAY_PLUGIN_KIND_BACKEND, "backends", ret_list, error);
}

static void print_models(const json_t *list) {
    int name = width_of(list, "id", 4);
    const json_t *one;
    size_t i;
    printf("%-*s  %-6s  %12s  %s\n", name, "NAME", "KIND", "PARAMETERS", "WHAT");
    json_array_foreach(list, i, one) {
        const json_t *n = json_object_get(one, "parameters");
        char count[32] = "-";
        if (json_is_integer(n))
            (void)as_grouped_text(json_integer_value(n), count, sizeof count);
        bool ok = strcmp(text_of(one, "status"), "ok") == 0;
        printf("%-*s  %-6s  %12s  %s\n", name, text_of(one, "id"),
               ok ? text_of(one, "kind") : "broken", count,
               text_of(one, ok ? "summary" : "reason"));
    }
}

static void print_backends(const json_t *list) {
    int name = width_of(list, "id", 4), status = width_of(list, "status", 6);
    const json_t *one;
    size_t i;
    printf("%-*s  %-*s  %s\n", name, "NAME", status, "STATUS", "WHAT");
    json_array_foreach(list, i, one) {
        bool ok = strcmp(text_of(one, "status"), "ok") == 0;
        printf("%-*s  %-*s  %s%s%s\n", name, text_of(one, "id"), status, text_of(one, "status"),
               text_of(one, ok ? "summary" : "reason"), *text_of(one, "libraries") ? ": " : "",
               text_of(one, "libraries"));
    }
}

/* ---- suites and resources -------------------------------------------------------------------- */

/* Fields of every JSON file in `folder` of the suite folders. */
static assay_status list_files(as_arena *arena, const char *folder, const char *const *keys,
                               size_t n_keys, json_t **ret_list, assay_error *error) {
    const char *const *names;
    size_t n;
    assay_status status = as_list_suite_files(arena, folder, ".json", &names, &n, error);
    if (status != ASSAY_OK)
        return status;
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        char file[512];
        const char *path = NULL;
        json_t *json = NULL, *row = json_object();
        assay_error found = ASSAY_ERROR_INIT;
        snprintf(file, sizeof file, "%s%s%s.json", folder, *folder ? "/" : "", names[i]);
        json_object_set_new(row, "name", as_json_text(names[i]));
        if (as_find_suite_file(arena, file, &path, &found) == ASSAY_OK &&
            as_json_load(path, &json, &found) == ASSAY_OK) {
            for (size_t k = 0; k < n_keys; k++) {
                json_t *value = json_object_get(json, keys[k]);
                json_object_set(row, keys[k], value ? value : json_null());
            }
        } else {
            json_object_set_new(row, "error", as_json_text(found.text));
        }
        json_object_set_new(row, "path", as_json_text(path ? path : ""));
        json_decref(json);
        json_array_append_new(list, row);
    }
    *ret_list = list;
    return ASSAY_OK;
}

static assay_status list_suites(as_arena *arena, json_t **ret_list, assay_error *error) {
    static const char *const keys[] = {"title"};
    return list_files(arena, "", keys, 1, ret_list, error);
}

/* One resource: what its manifest says, and where it lies on this machine (null: nowhere). */
static json_t *describe_resource(as_arena *arena, const char *name) {
    static const char *const keys[] = {"kind", "license", "title"};
    as_manifest manifest = {0};
    assay_error error = ASSAY_ERROR_INIT;
    const char *here = NULL;
    json_t *row = json_object();
    json_object_set_new(row, "name", as_json_text(name));
    if (as_manifest_load(arena, name, &manifest, &error) != ASSAY_OK) {
        json_object_set_new(row, "error", as_json_text(error.text));
        return row;
    }
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        json_t *value = json_object_get(manifest.json, keys[k]);
        json_object_set(row, keys[k], value ? value : json_null());
    }
    json_object_set_new(row, "path", as_json_text(manifest.file));
    const as_reader *reader = manifest.format ? as_reader_find(manifest.format) : NULL;
    if (reader && reader->generates)
        here = "generated";
    else if (as_manifest_locate(arena, &manifest, NULL, NULL, &here, &error) != ASSAY_OK)
        here = NULL;
    json_object_set_new(row, "here", as_json_text(here));
    as_manifest_done(&manifest);
    return row;
}

static assay_status list_resources(as_arena *arena, json_t **ret_list, assay_error *error) {
    const char *const *names;
    size_t n;
    assay_status status = as_list_suite_files(arena, "resources", ".json", &names, &n, error);
    if (status != ASSAY_OK)
        return status;
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, describe_resource(arena, names[i]));
    *ret_list = list;
    return ASSAY_OK;
}

static void print_suites(const json_t *list) {
    int name = width_of(list, "name", 4);
    const json_t *one;
    size_t i;
    printf("%-*s  %s\n", name, "NAME", "WHAT");
    json_array_foreach(list, i, one) {
        printf("%-*s  %s\n", name, text_of(one, "name"),
               *text_of(one, "error") ? text_of(one, "error") : text_of(one, "title"));
    }
}

static void print_resources(const json_t *list) {
    int name = width_of(list, "name", 4), kind = width_of(list, "kind", 4),
        license = width_of(list, "license", 7);
    const json_t *one;
    size_t i;
    printf("%-*s  %-*s  %-*s  %-4s  %s\n", name, "NAME", kind, "KIND", license, "LICENCE", "HERE",
           "WHAT");
    json_array_foreach(list, i, one) {
        bool broken = *text_of(one, "error") != '\0';
        printf("%-*s  %-*s  %-*s  %-4s  %s\n", name, text_of(one, "name"), kind,
               broken ? "broken" : text_of(one, "kind"), license, text_of(one, "license"),
               *text_of(one, "here") ? "yes" : "no", text_of(one, broken ? "error" : "title"));
    }
}

/* ---- the table ------------------------------------------------------------------------------- */

typedef struct listing {
    const char *name;
    assay_status (*list)(as_arena *arena, json_t **ret_list, assay_error *error);
    void (*print)(const json_t *list);
} listing;

static const listing listings[] = {
    {"models", list_models, print_models},
    {"backends", list_backends, print_backends},
    {"suites", list_suites, print_suites},
    {"resources", list_resources, print_resources},
};
enum { N_LISTINGS = sizeof listings / sizeof listings[0] };

static assay_status find_listing(const char *name, const listing **ret, assay_error *error) {
    const char *names[N_LISTINGS];
    for (size_t i = 0; i < N_LISTINGS; i++) {
        names[i] = listings[i].name;
        if (strcmp(listings[i].name, name) == 0) {
            *ret = &listings[i];
            return ASSAY_OK;
        }
    }
    const char *near = as_nearest_name(name, names, N_LISTINGS);
    return as_fail(error, ASSAY_INVALID_ARGUMENT, "list", "cannot list \"%.40s\"%s%s%s", name,
                   near ? "; did you mean \"" : "; models, backends, suites or resources",
                   near ? near : "", near ? "\"?" : "");
}

static int run(int argc, char **argv) {
    assay_error error = ASSAY_ERROR_INIT;
    as_words operands;
    bool json = false;
    const as_arg args[] = {{"--json", AS_ARG_FLAG, &json}};
    const listing *what = NULL;
    json_t *list = NULL;
    as_arena *arena = as_arena_new();
    if (!arena)
        return AS_EXIT_FAILED;
    assay_status status = as_args_parse(arena, argc, argv, args, 1, 1, 1, &operands, &error);
    if (status == ASSAY_OK)
        status = find_listing(operands.items[0], &what, &error);
    if (status == ASSAY_OK)
        status = what->list(arena, &list, &error);
    if (status == ASSAY_OK && json) {
        json_dumpf(list, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (status == ASSAY_OK) {
        what->print(list);
    }
    json_decref(list);
    as_arena_free(arena);
    return status == ASSAY_OK ? AS_EXIT_OK : as_print_error(&error);
}

const as_command as_command_list = {"list", "models, backends, suites, resources", usage, run};
