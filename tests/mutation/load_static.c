/* SPDX-License-Identifier: MIT */
/* load_static.c: stands for tests/ops/load.c in a program that has its plugins linked in as their
 * static twins, without the host's loader: fewer sources to compile for each mutant.
 * STATIC_BACKENDS and STATIC_MODELS, X(id) of each, say which. */
#include "graph/graph.h"
#include "ops/harness.h"
#include "plugin/plugin.h"

#define X(id) const assay_plugin *assay_plugin_query_##id(const assay_host *host);
STATIC_BACKENDS STATIC_MODELS
#undef X

    typedef struct linked {
    const char *id;
    const assay_plugin *(*query)(const assay_host *host);
} linked;

#define X(id) {#id, assay_plugin_query_##id},
static const linked plugins[] = {STATIC_BACKENDS STATIC_MODELS};
#undef X

static const assay_plugin *query(const char *id) {
    assay_host host = {(uint32_t)sizeof host, ASSAY_ABI_MAJOR, ASSAY_ABI_MINOR, 0, "test"};
    for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++)
        if (strcmp(id, plugins[i].id) == 0)
            return plugins[i].query(&host);
    tap_bail("%s is not linked in", id);
}

const assay_backend *load_backend(as_arena *arena, const char *id) {
    (void)arena;
    return query(id)->get_interface(ASSAY_BACKEND);
}

assay_graph *load_model(as_arena *arena, const char *id, const as_option_value *options,
                        size_t n_options, int64_t n_ids, int32_t n_classes) {
    assay_error error = ASSAY_ERROR_INIT;
    const assay_plugin *model = query(id);
    assay_graph *graph = NULL;
    void *filled = NULL;
    require(as_options_fill(arena, model, options, n_options, id, &filled, &error), &error);
    assay_model_config config = {(uint32_t)sizeof config, n_classes, n_ids, 512, filled, 1, 1, 0};
    require(as_graph_build_model(model->get_interface(ASSAY_MODEL_GRAPH), &config,
                                 &(as_graph_options){.label_smoothing = 0.1, .with_gradient = 1},
                                 &graph, &error),
            &error);
    return graph;
}
