/* SPDX-License-Identifier: MIT */
/* tiny.h: the built-in graph models in tiny sizes on a backend, for tests of how a graph is closed:
 * the same model closed in two ways has the same initial parameters, by their names. */
#ifndef TINY_H
#define TINY_H

#include <criterion/criterion.h>
#include <stdlib.h>

#include "data/batches.h"
#include "plugin/plugin.h"
#include "toy.h"
#include "train/engine.h"

enum { TINY_ROWS = 8, TINY_CLASSES = 2, TINY_OPTIONS = 8 };

static const char *const tiny_models[] = {
    "rnn", "lstm", "gru", "bilstm", "bilstm_attention", "transformer", "distilbert", "bert"};
enum { TINY_MODELS = sizeof tiny_models / sizeof *tiny_models };

static as_arena *arena;
static as_prepared data;
static assay_error error;

#define OK(call) cr_assert_eq(call, ASSAY_OK, "%s: %s", error.where, error.text)

static inline void tiny_set_up(void) {
    arena = as_arena_new();
    data = toy_prepared(arena, 64, 16);
    error = (assay_error)ASSAY_ERROR_INIT;
}

static inline void tiny_tear_down(void) {
    as_arena_free(arena);
}

static inline const assay_backend *tiny_backend(const char *id) {
    as_plugin plugin;
    const assay_backend *backend = NULL;
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, id, &plugin, &error));
    OK(as_plugin_backend(&plugin, &backend, &error));
    return backend;
}

/* Options of a model with `layers` layers; `dropout` at every place that has one. Up to
 * TINY_OPTIONS; returns how many. */
static inline size_t tiny_options(const char *model, int layers, double dropout,
                                  as_option_value *ret_options) {
    const as_option_value of_bert[] = {{"dim", AS_OPTION_NUMBER, 8, NULL},
                                       {"hidden_dim", AS_OPTION_NUMBER, 16, NULL},
                                       {"heads", AS_OPTION_NUMBER, 2, NULL},
                                       {"positions", AS_OPTION_NUMBER, TOY_LONGEST, NULL},
                                       {"layers", AS_OPTION_NUMBER, layers, NULL},
                                       {"dropout", AS_OPTION_NUMBER, dropout, NULL},
                                       {"attention_dropout", AS_OPTION_NUMBER, dropout, NULL},
                                       {"classifier_dropout", AS_OPTION_NUMBER, dropout, NULL}};
    const as_option_value of_transformer[] = {{"hidden", AS_OPTION_NUMBER, 8, NULL},
                                              {"heads", AS_OPTION_NUMBER, 2, NULL},
                                              {"feed_forward", AS_OPTION_NUMBER, 16, NULL},
                                              {"layers", AS_OPTION_NUMBER, layers, NULL},
                                              {"dropout", AS_OPTION_NUMBER, dropout, NULL}};
    const as_option_value of_recurrent[] = {{"embedding", AS_OPTION_NUMBER, 5, NULL},
                                            {"hidden", AS_OPTION_NUMBER, 6, NULL},
                                            {"layers", AS_OPTION_NUMBER, layers, NULL},
                                            {"dropout", AS_OPTION_NUMBER, dropout, NULL}};
    const as_option_value *options = of_recurrent;
    size_t n = sizeof of_recurrent / sizeof *of_recurrent;
    if (strstr(model, "bert")) {
        options = of_bert;
        n = sizeof of_bert / sizeof *of_bert;
    } else if (strcmp(model, "transformer") == 0) {
        options = of_transformer;
        n = sizeof of_transformer / sizeof *of_transformer;
    }
    memcpy(ret_options, options, n * sizeof *options);
    return n;
}

static inline assay_status tiny_build(const char *id, const as_option_value *values,
                                      size_t n_values, const as_graph_options *options,
                                      assay_graph **ret_graph) {
    as_plugin plugin;
    const assay_model_graph *model = NULL;
    const assay_model_opaque *opaque = NULL;
    void *filled = NULL;
    assay_model_config config = {
        (uint32_t)sizeof config, TINY_CLASSES, TOY_VOCABULARY, TOY_LONGEST, NULL, 1, 1, 0};
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, id, &plugin, &error));
    OK(as_plugin_model(&plugin, &model, &opaque, &error));
    OK(as_options_fill(arena, plugin.descriptor, values, n_values, id, &filled, &error));
    config.options = filled;
    return as_graph_build_model(model, &config, options, ret_graph, &error);
}

/* The model with `layers` layers, closed as the options say. */
static inline assay_graph *tiny_model(const char *id, int layers, double dropout,
                                      const as_graph_options *options) {
    as_option_value values[TINY_OPTIONS];
    assay_graph *graph = NULL;
    OK(tiny_build(id, values, tiny_options(id, layers, dropout, values), options, &graph));
    return graph;
}

static inline as_engine *tiny_engine(const assay_graph *graph, const char *backend, int32_t dtype) {
    as_engine_config config = {tiny_backend(backend), dtype, 1, TINY_ROWS, TOY_LONGEST, 0};
    as_engine *engine = NULL;
    OK(as_engine_new(&config, graph, &engine, &error));
    OK(as_engine_init_parameters(engine, 5, &error));
    return engine;
}

/* Parameter of that name in a view, or -1. */
static inline int64_t tiny_parameter(const assay_graph_view *view, const char *name) {
    for (uint32_t i = 0; i < view->n_parameters; i++)
        if (strcmp(view->parameters[i].name, name) == 0)
            return i;
    return -1;
}

/* That state of every parameter which is trained in `b` is bit for bit the same in both. */
static inline void tiny_expect_equal(as_engine *a, as_engine *b, int32_t state, const char *what) {
    const assay_graph_view *left = as_graph_view(as_engine_graph(a));
    const assay_graph_view *right = as_graph_view(as_engine_graph(b));
    for (uint32_t i = 0; i < right->n_parameters; i++) {
        if (right->parameters[i].gradient == ASSAY_NONE)
            continue;
        int64_t j = tiny_parameter(left, right->parameters[i].name);
        uint64_t n = (uint64_t)right->parameters[i].n_elements;
        double *x = calloc(n, sizeof *x), *y = calloc(n, sizeof *y);
        cr_assert(j >= 0 && x && y);
        OK(as_engine_get_parameter(a, state, (uint32_t)j, x, &error));
        OK(as_engine_get_parameter(b, state, i, y, &error));
        cr_expect_eq(memcmp(x, y, n * sizeof *x), 0, "%s: %s", what, right->parameters[i].name);
        free(x);
        free(y);
    }
}

#endif
