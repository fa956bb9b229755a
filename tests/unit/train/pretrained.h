/* SPDX-License-Identifier: MIT */
/* The tiny distilbert and bert of make_bert_golden.py as graph and engine, for the tests that load
 * weights into them. Failures end the test. */
#ifndef PRETRAINED_H
#define PRETRAINED_H

#include "../scratch_folder.h"
#include "plugin/plugin.h"
#include "train/engine.h"
#include "train/weights.h"

enum { MAX_ROWS = 8, CLASSES = 3 };

#define OK(call) cr_assert_eq(call, ASSAY_OK, "%s: %s", error.where, error.text)

static as_arena *arena;
static assay_error error;
static assay_graph *graph;
static const assay_graph_view *view;
static as_engine *engine;
static as_weights *weights;
static as_weights_result result;
static scratch_path scratch;

static inline void set_up(void) {
    arena = as_arena_new();
    error = (assay_error)ASSAY_ERROR_INIT;
    memset(&result, 0, sizeof result);
    scratch = scratch_folder();
}

static inline void close_model(void) {
    as_engine_free(engine);
    as_graph_free(graph);
    as_weights_close(weights);
    engine = NULL;
    graph = NULL;
    weights = NULL;
}

static inline void tear_down(void) {
    close_model();
    scratch_remove(&scratch);
    as_arena_free(arena);
}

static inline scratch_path golden(const char *name) {
    const char *folder = getenv("AS_GOLDEN");
    cr_assert(folder, "AS_GOLDEN is not set; meson test sets it");
    return scratch_join(folder, name);
}

static const as_option_value tiny[] = {
    {"layers", AS_OPTION_NUMBER, 2, NULL},     {"heads", AS_OPTION_NUMBER, 2, NULL},
    {"dim", AS_OPTION_NUMBER, 16, NULL},       {"hidden_dim", AS_OPTION_NUMBER, 20, NULL},
    {"positions", AS_OPTION_NUMBER, 12, NULL}, {"head", AS_OPTION_TEXT, 0, NULL}};

typedef struct model_size {
    int32_t n_classes;
    int64_t vocab_size, max_tokens;
} model_size;
static const model_size tiny_size = {CLASSES, 50, 12};

static inline assay_status build_model_with(const char *id, const as_option_value *values, size_t n,
                                            model_size s, const as_graph_options *graph_options) {
    as_plugin plugin;
    const assay_model_graph *model = NULL;
    const assay_model_opaque *opaque = NULL;
    void *options = NULL;
    assay_model_config config = {
        (uint32_t)sizeof config, s.n_classes, s.vocab_size, s.max_tokens, NULL, 1, 1, 0};
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, id, &plugin, &error));
    OK(as_plugin_model(&plugin, &model, &opaque, &error));
    OK(as_options_fill(arena, plugin.descriptor, values, n, id, &options, &error));
    config.options = options;
    assay_status status = as_graph_build_model(model, &config, graph_options, &graph, &error);
    view = status == ASSAY_OK ? as_graph_view(graph) : NULL;
    return status;
}

static inline assay_status build_model(const char *id, const as_option_value *values, size_t n,
                                       model_size s) {
    return build_model_with(id, values, n, s, &(as_graph_options){.with_gradient = 1});
}

/* The tiny model with a head; NULL: its first. */
static inline void build_tiny(const char *id, const char *head) {
    as_option_value values[6];
    memcpy(values, tiny, sizeof tiny);
    values[5].text = head;
    OK(build_model(id, values, head ? 6 : 5, tiny_size));
}

static inline void open_engine(const char *backend_id, int32_t dtype) {
    as_plugin plugin;
    as_engine_config config = {NULL, dtype, 1, MAX_ROWS, 12, 0};
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, backend_id, &plugin, &error));
    OK(as_plugin_backend(&plugin, &config.backend, &error));
    OK(as_engine_new(&config, graph, &engine, &error));
}

#endif
