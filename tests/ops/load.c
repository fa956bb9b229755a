/* SPDX-License-Identifier: MIT */
/* load.c: backends and models for the tests, found as the program `assay` finds them. */
#include "graph/graph.h"
#include "harness.h"

const assay_backend *load_backend(as_arena *arena, const char *id) {
    assay_error error = ASSAY_ERROR_INIT;
    as_plugin plugin;
    const assay_backend *backend = NULL;
    require(as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, id, &plugin, &error), &error);
    require(as_plugin_backend(&plugin, &backend, &error), &error);
    return backend;
}

assay_graph *load_model(as_arena *arena, const char *id, const as_option_value *options,
                        size_t n_options, int64_t n_ids, int32_t n_classes) {
    assay_error error = ASSAY_ERROR_INIT;
    const assay_model_graph *model = NULL;
    const assay_model_opaque *opaque = NULL;
    assay_graph *graph = NULL;
    as_plugin plugin;
    void *filled = NULL;
    require(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, id, &plugin, &error), &error);
    require(as_plugin_model(&plugin, &model, &opaque, &error), &error);
    require(as_options_fill(arena, plugin.descriptor, options, n_options, id, &filled, &error),
            &error);
    assay_model_config config = {(uint32_t)sizeof config, n_classes, n_ids, 512, filled, 1, 1, 0};
    require(as_graph_build_model(model, &config,
                                 &(as_graph_options){.label_smoothing = 0.1, .with_gradient = 1},
                                 &graph, &error),
            &error);
    return graph;
}
