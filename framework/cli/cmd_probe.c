/* SPDX-License-Identifier: MIT */
/* assay probe models|backends ID..., assay probe show|check|run ...: the child's side of
 * cli/child.h; not for people. It loads plugins, calls their probe and build, and answers with one
 * JSON line each on the descriptor of progress. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/error.h"
#include "base/json.h"
#include "cell/progress.h"
#include "cli/child.h"
#include "cli/commands.h"
#include "graph/graph.h"
#include "plugin/plugin.h"

/* The sizes that `assay list models` states with the counts. */
enum { LIST_CLASSES = 2, LIST_VOCABULARY = 5000, LIST_TOKENS = 256 };

static json_t *answer_failure(const char *id, assay_status status, const assay_error *error) {
    char text[600];
    snprintf(text, sizeof text, "%.150s%s%.400s", error->where, error->where[0] ? ": " : "",
             error->text);
    return json_pack("{s:o, s:s, s:o}", "id", as_json_text(id), "status",
                     status == ASSAY_UNAVAILABLE ? "unavailable" : "failed", "reason",
                     as_json_text(text));
}

/* Parameters of a graph model with its defaults, or null. */
static json_t *count_parameters(as_arena *arena, const assay_plugin *plugin,
                                const assay_model_graph *model) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_graph *graph = NULL;
    void *options = NULL;
    int64_t n = 0;
    if (as_options_fill(arena, plugin, NULL, 0, "options", &options, &error) != ASSAY_OK)
        return json_null();
    assay_model_config config = {.struct_size = sizeof config,
                                 .n_classes = LIST_CLASSES,
                                 .vocab_size = LIST_VOCABULARY,
                                 .max_tokens = LIST_TOKENS,
                                 .options = options,
                                 .threads = 1};
    if (as_graph_build_model(model, &config, &(as_graph_options){.with_gradient = 0}, &graph,
                             &error) != ASSAY_OK)
        return json_null();
    const assay_graph_view *view = as_graph_view(graph);
    for (uint32_t i = 0; i < view->n_parameters; i++)
        n += view->parameters[i].n_elements;
    as_graph_free(graph);
    return json_integer(n);
}

static json_t *probe_model(as_arena *arena, const char *id) {
    assay_error error = ASSAY_ERROR_INIT;
    as_plugin plugin;
    const assay_model_graph *graph;
    const assay_model_opaque *opaque;
    assay_status status = as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, id, &plugin, &error);
    if (status == ASSAY_OK)
        status = as_plugin_model(&plugin, &graph, &opaque, &error);
    if (status != ASSAY_OK)
        return answer_failure(id, status, &error);
    const assay_plugin *d = plugin.descriptor;
    return json_pack("{s:s, s:s, s:s, s:o, s:s?, s:s?, s:s?, s:o}", "id", d->id, "status", "ok",
                     "kind", graph ? "graph" : "opaque", "path", as_json_text(plugin.path),
                     "version", d->version, "license", d->license, "summary", d->summary,
                     "parameters", graph ? count_parameters(arena, d, graph) : json_null());
}

static json_t *probe_backend(as_arena *arena, const char *id) {
    assay_error error = ASSAY_ERROR_INIT;
    as_plugin plugin;
    const assay_backend *backend;
    assay_status status = as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, id, &plugin, &error);
    if (status == ASSAY_OK && plugin.descriptor->probe)
        status = plugin.descriptor->probe(&error);
    if (status == ASSAY_OK)
        status = as_plugin_backend(&plugin, &backend, &error);
    if (status != ASSAY_OK)
        return answer_failure(id, status, &error);
    const assay_plugin *d = plugin.descriptor;
    return json_pack("{s:s, s:s, s:o, s:s?, s:s?, s:s?, s:s?}", "id", d->id, "status", "ok", "path",
                     as_json_text(plugin.path), "version", d->version, "license", d->license,
                     "summary", d->summary, "libraries",
                     backend->libraries ? backend->libraries() : NULL);
}

static bool pipe_is_there(void) {
    struct stat info;
    int flags = fcntl(AS_PROGRESS_FD, F_GETFL);
    return flags >= 0 && fstat(AS_PROGRESS_FD, &info) == 0 && S_ISFIFO(info.st_mode) &&
           fcntl(AS_PROGRESS_FD, F_SETFL, flags & ~O_NONBLOCK) == 0;
}

static int probe_list(int argc, char **argv, json_t *(*probe)(as_arena *, const char *)) {
    as_arena *arena = as_arena_new();
    int fd = pipe_is_there() ? AS_PROGRESS_FD : STDOUT_FILENO;
    int code = AS_EXIT_OK;
    for (int i = 0; arena && code == AS_EXIT_OK && i < argc; i++) {
        json_t *answer = probe(arena, argv[i]);
        char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
        if (!text || dprintf(fd, "%s\n", text) < 0)
            code = AS_EXIT_FAILED;
        free(text);
        json_decref(answer);
    }
    as_arena_free(arena);
    return arena ? code : AS_EXIT_FAILED;
}

static int run(int argc, char **argv) {
    int code = AS_EXIT_USAGE;
    if (argc > 0 && strcmp(argv[0], "models") == 0)
        code = probe_list(argc - 1, argv + 1, probe_model);
    else if (argc > 0 && strcmp(argv[0], "backends") == 0)
        code = probe_list(argc - 1, argv + 1, probe_backend);
    else if (argc > 0 && strcmp(argv[0], "show") == 0)
        code = as_show(argc - 1, argv + 1);
    else if (argc > 0 && strcmp(argv[0], "check") == 0)
        code = as_plugin_check_main(argc - 1, argv + 1);
    else if (argc > 0 && strcmp(argv[0], "run") == 0)
        code = as_run_check(argc - 1, argv + 1);
    else
        fputs("assay: probe: is started by assay list, show, plugin and run\n", stderr);
    code = as_close_stdout(code);
    if (argc > 0 && pipe_is_there())
        dprintf(AS_PROGRESS_FD, AS_CHILD_DONE " %d\n", code);
    fflush(NULL);
    _exit(code); /* unloading vendor libraries can crash; the answer is given */
}

const as_command as_command_probe = {"probe", NULL, NULL, run};
