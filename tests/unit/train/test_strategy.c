/* SPDX-License-Identifier: MIT */
/* Strategies: depths of the real models' parameters and of odd names, lowest depths, rates, and
 * what a suite may not say. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>

#include "plugin/plugin.h"
#include "train/phases.h"
#include "train/strategy.h"

static as_arena *arena;
static assay_error error;

static void set_up(void) {
    arena = as_arena_new();
    error = (assay_error)ASSAY_ERROR_INIT;
}

static void tear_down(void) {
    as_arena_free(arena);
}

TestSuite(strategy, .init = set_up, .fini = tear_down);

#define OK(call) cr_assert_eq(call, ASSAY_OK, "%s: %s", error.where, error.text)

/* ---- a suite's object ------------------------------------------------------------------------ */

static as_strategy parse(const char *text) {
    as_strategy strategy;
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    cr_assert(json || !text, "%s", text);
    OK(as_strategy_from_json(arena, json, "s.json#/entries/0", &strategy, &error));
    json_decref(json);
    return strategy;
}

Test(strategy, without_an_object_everything_is_trained) {
    as_strategy strategy = parse(NULL);
    cr_assert_eq(strategy.kind, AS_STRATEGY_FULL);
    cr_assert_eq(strategy.lr_decay, 1);
    cr_assert_eq(strategy.n_lr_factors, 0);
}

Test(strategy, fields_and_defaults) {
    as_strategy strategy = parse("{\"kind\": \"freeze\"}");
    cr_assert_eq(strategy.kind, AS_STRATEGY_FREEZE);
    cr_assert(strategy.cache_features && !strategy.frozen_dropout);
    strategy = parse("{\"kind\": \"freeze\", \"cache_features\": false, \"frozen_dropout\": true}");
    cr_assert(!strategy.cache_features && strategy.frozen_dropout);
    strategy = parse("{\"kind\": \"hybrid\", \"layers\": 2, \"lr_decay\": 0.5}");
    cr_assert_eq(strategy.kind, AS_STRATEGY_HYBRID);
    cr_assert_eq(strategy.layers, 2);
    cr_assert_eq(strategy.lr_decay, 0.5);
    cr_assert(!strategy.cache_features);
    strategy = parse("{\"kind\": \"gradual\", \"every\": 3, \"lr_factors\": [1, 0.5, 0]}");
    cr_assert_eq(strategy.kind, AS_STRATEGY_GRADUAL);
    cr_assert_eq(strategy.every, 3);
    cr_assert_eq(strategy.n_lr_factors, 3);
    cr_assert_eq(strategy.lr_factors[1], 0.5);
}

Test(strategy, refuses_what_a_kind_does_not_have) {
    static const struct {
        const char *text, *where, *says;
    } cases[] = {
        {"{\"kind\": \"full\", \"layers\": 2}", "strategy/layers", "\"full\", which has lr_decay"},
        {"{\"kind\": \"full\", \"cache_features\": true}", "strategy/cache_features", "\"full\""},
        {"{\"kind\": \"freeze\", \"lr_decay\": 0.5}", "strategy/lr_decay", "\"freeze\""},
        {"{\"kind\": \"freeze\", \"lr_factors\": [1]}", "strategy/lr_factors", "\"freeze\""},
        {"{\"kind\": \"freeze\", \"every\": 1}", "strategy/every", "\"freeze\""},
        {"{\"kind\": \"hybrid\", \"layers\": 1, \"every\": 1}", "strategy/every", "\"hybrid\""},
        {"{\"kind\": \"gradual\", \"layers\": 1}", "strategy/layers", "\"gradual\""},
        {"{\"kind\": \"gradual\", \"cache_features\": true}", "strategy/cache_features",
         "\"gradual\""},
        {"{\"kind\": \"hybrid\"}", "strategy/layers", "is missing"},
        {"{\"kind\": \"full\", \"lr_decay\": 0.5, \"lr_factors\": [1]}", "strategy/lr_factors",
         "beside lr_decay 0.5"},
        {"{\"kind\": \"thaw\"}", "strategy/kind", "found \"thaw\""},
        {"{}", "strategy/kind", "found none"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        as_strategy strategy = {.every = 77};
        json_t *json = json_loads(cases[i].text, 0, NULL);
        error = (assay_error)ASSAY_ERROR_INIT;
        cr_expect_eq(as_strategy_from_json(arena, json, "s.json#/entries/0", &strategy, &error),
                     ASSAY_BAD_DATA, "%s", cases[i].text);
        cr_expect(strstr(error.where, cases[i].where), "%s: at %s", cases[i].text, error.where);
        cr_expect(strstr(error.where, "s.json#/entries/0/"), "%s", error.where);
        cr_expect(strstr(error.text, cases[i].says), "%s: %s", cases[i].text, error.text);
        cr_expect_eq(strategy.every, 77);
        json_decref(json);
    }
}

/* ---- depths ---------------------------------------------------------------------------------- */

/* Depths of names alone. */
static as_depths depths_of(const char *const *names, uint32_t n) {
    assay_parameter_info *parameters = as_arena_alloc_array(arena, n, sizeof *parameters);
    assay_graph_view view = {.n_parameters = n, .parameters = parameters};
    as_depths depths;
    for (uint32_t i = 0; i < n; i++)
        parameters[i] = (assay_parameter_info){.name = names[i]};
    OK(as_depths_of(arena, &view, &depths, &error));
    return depths;
}

static void check_depths(const char *const *names, const int32_t *expected, uint32_t n,
                         int32_t top) {
    as_depths depths = depths_of(names, n);
    cr_expect_eq(depths.top, top, "top %d", depths.top);
    for (uint32_t i = 0; i < n; i++)
        cr_expect_eq(depths.depths[i], expected[i], "%s: %d", names[i], depths.depths[i]);
}

#define CHECK_DEPTHS(names, expected, top)                                                         \
    check_depths(names, expected, (uint32_t)(sizeof(names) / sizeof *(names)), top)

Test(strategy, odd_names) {
    static const char *const names[] = {"words.embedding",
                                        "net.layer.2.w",
                                        "net.layer.7.w",
                                        "net.norm",
                                        "layer.x.w",
                                        "player.9.w",
                                        "net2.layer.9",
                                        "a.weight_l3x",
                                        "head.weight_ll",
                                        "head.layer.99999999999999999999.w",
                                        "head.layer.12345.w",
                                        "net.layer.2.embedding.weight",
                                        ".",
                                        "layers"};
    static const int32_t depths[] = {0, 1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 1, 3, 3};
    CHECK_DEPTHS(names, depths, 2);
}

Test(strategy, recurrent_names) {
    static const char *const names[] = {
        "embedding.weight", "gru.weight_ih_l0", "gru.bias_hh_l1_reverse", "gru.weight_hh_l12",
        "lstm_l2_x.weight", "gru.norm.weight",  "classifier.weight"};
    static const int32_t depths[] = {0, 1, 2, 3, 4, 3, 4};
    CHECK_DEPTHS(names, depths, 3);
}

Test(strategy, without_layers_all_but_embeddings_is_head) {
    static const char *const names[] = {"embedding.weight", "classifier.weight"};
    static const int32_t depths[] = {0, 1};
    CHECK_DEPTHS(names, depths, 0);
}

typedef struct real_model {
    const char *id;
    as_option_value options[8];
    int32_t top;
    const char *names[6]; /* some names, and their depths */
    int32_t depths[6];
    int32_t at[6]; /* parameters of depth 0, 1, ... */
} real_model;

#define NUMBER(name, value)                                                                        \
    { name, AS_OPTION_NUMBER, value, NULL }
#define TINY_BERT                                                                                  \
    NUMBER("layers", 3), NUMBER("heads", 2), NUMBER("dim", 4), NUMBER("hidden_dim", 6),            \
        NUMBER("positions", 16)
#define RECURRENT NUMBER("layers", 2), NUMBER("hidden", 3), NUMBER("embedding", 4)

static const real_model real_models[] = {
    {"rnn", {RECURRENT}, 2, {"rnn.weight_hh_l1"}, {2}, {1, 4, 4, 2}},
    {"lstm", {RECURRENT}, 2, {"lstm.bias_ih_l0"}, {1}, {1, 4, 4, 2}},
    {"gru", {RECURRENT}, 2, {"gru.weight_ih_l1_reverse"}, {2}, {1, 8, 8, 2}},
    {"bilstm", {RECURRENT}, 2, {"lstm.weight_ih_l1_reverse"}, {2}, {1, 8, 8, 2}},
    {"bilstm_attention",
     {RECURRENT},
     2,
     {"attention.score.weight", "lstm.weight_ih_l0_reverse"},
     {3, 1},
     {1, 8, 8, 0}},
    {"transformer",
     {NUMBER("layers", 2), NUMBER("heads", 2), NUMBER("hidden", 4), NUMBER("feed_forward", 6)},
     2,
     {"encoder.layers.0.norm1.weight", "encoder.layers.1.linear2.bias", "classifier.weight"},
     {1, 2, 3},
     {1, 12, 12, 2}},
    {"distilbert",
     {TINY_BERT},
     3,
     {"distilbert.embeddings.LayerNorm.weight", "distilbert.transformer.layer.0.ffn.lin1.weight",
      "distilbert.transformer.layer.2.sa_layer_norm.bias", "pre_classifier.weight",
      "classifier.bias"},
     {0, 1, 3, 4, 4},
     {4, 16, 16, 16, 4}},
    {"bert",
     {TINY_BERT},
     3,
     {"bert.embeddings.token_type_embeddings.weight",
      "bert.encoder.layer.1.attention.self.query.weight", "bert.pooler.dense.weight",
      "classifier.weight"},
     {0, 2, 3, 4},
     {5, 16, 16, 18, 2}},
};

static as_phases *open_phases(const real_model *real, const as_strategy *strategy) {
    static const as_graph_options options = {.with_gradient = 1};
    as_plugin plugin;
    const assay_model_graph *model = NULL;
    const assay_model_opaque *opaque = NULL;
    assay_model_config *config = as_arena_alloc(arena, sizeof *config);
    as_phases *phases = NULL;
    size_t n = 0;
    *config = (assay_model_config){(uint32_t)sizeof *config, 2, 20, 9, NULL, 1, 1, 0};
    while (n < 8 && real->options[n].name)
        n++;
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, real->id, &plugin, &error));
    OK(as_plugin_model(&plugin, &model, &opaque, &error));
    void *filled = NULL;
    OK(as_options_fill(arena, plugin.descriptor, real->options, n, real->id, &filled, &error));
    config->options = filled;
    const as_phases_config phases_config = {model, config, &options, strategy, 5};
    OK(as_phases_new(&phases_config, &phases, &error));
    return phases;
}

Test(strategy, depths_of_the_real_models) {
    for (size_t i = 0; i < sizeof real_models / sizeof *real_models; i++) {
        const real_model *real = &real_models[i];
        as_phases *phases = open_phases(real, NULL);
        const as_depths *depths = as_phases_depths(phases);
        cr_expect_eq(depths->top, real->top, "%s: %d layers", real->id, depths->top);
        for (int k = 0; k < 6 && real->names[k]; k++) {
            bool there = false;
            for (uint32_t p = 0; p < depths->n; p++)
                there = there || strcmp(depths->names[p], real->names[k]) == 0;
            cr_expect(there, "%s has no %s", real->id, real->names[k]);
            cr_expect_eq(as_depth_of_name(depths, real->names[k]), real->depths[k], "%s",
                         real->names[k]);
        }
        for (int32_t depth = 0; depth <= real->top + 1; depth++) {
            int32_t n = 0;
            for (uint32_t p = 0; p < depths->n; p++)
                n += depths->depths[p] == depth;
            if (real->at[depth])
                cr_expect_eq(n, real->at[depth], "%s has %d of depth %d", real->id, n, depth);
        }
        as_phases_free(phases);
    }
}

/* Elements of a graph that are trained, by their depth. */
Test(strategy, graphs_train_what_the_strategy_says) {
    static const as_strategy strategies[] = {
        {.kind = AS_STRATEGY_FREEZE, .every = 1, .lr_decay = 1},
        {.kind = AS_STRATEGY_HYBRID, .every = 1, .lr_decay = 1, .layers = 2},
        {.kind = AS_STRATEGY_GRADUAL, .every = 1, .lr_decay = 1},
        {.kind = AS_STRATEGY_FULL, .every = 1, .lr_decay = 1},
    };
    for (size_t i = 0; i < sizeof real_models / sizeof *real_models; i++)
        for (size_t s = 0; s < 4; s++)
            for (int32_t epoch = 0; epoch <= 5; epoch++) {
                const assay_graph *graph = NULL, *again = NULL;
                as_phases *phases = open_phases(&real_models[i], &strategies[s]);
                int32_t lowest = as_phases_lowest(phases, epoch);
                OK(as_phases_graph(phases, epoch, &graph, &error));
                OK(as_phases_graph(phases, epoch, &again, &error));
                cr_assert_eq(graph, again);
                const assay_graph_view *view = as_graph_view(graph);
                for (uint32_t p = 0; p < view->n_parameters; p++) {
                    const assay_parameter_info *one = &view->parameters[p];
                    int32_t depth = as_depth_of_name(as_phases_depths(phases), one->name);
                    cr_expect_eq(one->gradient != ASSAY_NONE, depth >= lowest, "%s, %s, epoch %d",
                                 one->name, as_strategy_name(strategies[s].kind), (int)epoch);
                }
                as_phases_free(phases);
            }
}

/* ---- lowest depth and rate ------------------------------------------------------------------- */

static int32_t lowest_in(as_strategy strategy, int32_t top, int32_t epoch) {
    static const char *const names[] = {"embedding", "head"};
    const int32_t both[] = {0, top + 1};
    const as_depths depths = {names, both, 2, top};
    int32_t lowest = -1;
    OK(as_strategy_lowest(&strategy, &depths, epoch, &lowest, &error));
    return lowest;
}

Test(strategy, lowest_depths) {
    as_strategy gradual = {.kind = AS_STRATEGY_GRADUAL, .every = 2};
    static const int32_t expected[] = {4, 4, 3, 3, 2, 2, 1, 1, 0, 0, 0};
    for (int32_t epoch = 1; epoch <= 11; epoch++)
        cr_expect_eq(lowest_in(gradual, 3, epoch), expected[epoch - 1], "epoch %d", (int)epoch);
    cr_expect_eq(lowest_in(gradual, 3, INT32_MAX), 0);
    cr_expect_eq(lowest_in(gradual, 0, 1), 1);
    cr_expect_eq(lowest_in(gradual, 0, 3), 0);
    cr_expect_eq(lowest_in((as_strategy){.kind = AS_STRATEGY_FREEZE}, 3, 9), 4);
    cr_expect_eq(lowest_in((as_strategy){.kind = AS_STRATEGY_HYBRID, .layers = 1}, 3, 9), 3);
    cr_expect_eq(lowest_in((as_strategy){.kind = AS_STRATEGY_HYBRID, .layers = 3}, 3, 9), 1);
    cr_expect_eq(lowest_in((as_strategy){.kind = AS_STRATEGY_FULL}, 3, 9), 0);
}

Test(strategy, refuses_models_that_it_does_not_fit) {
    static const char *const names[] = {"a", "b"};
    static const int32_t all_head[] = {1, 1}, no_head[] = {0, 0}, both[] = {0, 1};
    const as_depths cases[] = {{names, all_head, 2, 0}, {names, no_head, 2, 0}};
    for (int kind = AS_STRATEGY_FREEZE; kind < AS_STRATEGY_COUNT; kind++)
        for (int i = 0; i < 2; i++) {
            as_strategy strategy = {.kind = (as_strategy_kind)kind, .layers = 1, .every = 1};
            int32_t lowest = 77;
            error = (assay_error)ASSAY_ERROR_INIT;
            cr_expect_eq(as_strategy_lowest(&strategy, &cases[i], 1, &lowest, &error),
                         ASSAY_INVALID_ARGUMENT);
            cr_expect_str_eq(error.where, "strategy/kind");
            cr_expect_eq(lowest, 77);
        }
    as_strategy full = {.kind = AS_STRATEGY_FULL},
                hybrid = {.kind = AS_STRATEGY_HYBRID, .layers = 1};
    int32_t lowest = 77;
    OK(as_strategy_lowest(&full, &cases[0], 1, &lowest, &error));
    cr_expect_eq(lowest, 0);
    const as_depths no_layers = {names, both, 2, 0};
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_expect_eq(as_strategy_lowest(&hybrid, &no_layers, 1, &lowest, &error),
                 ASSAY_INVALID_ARGUMENT);
    cr_expect_str_eq(error.where, "strategy/layers");
    cr_expect(strstr(error.text, "found 1; the model has 0 layers"), "%s", error.text);
}

Test(strategy, refuses_factors_for_depths_that_are_not_there) {
    static const char *const names[] = {"a", "b"};
    static const int32_t both[] = {0, 3};
    static const double factors[5] = {1, 1, 1, 1, 1};
    const as_depths depths = {names, both, 2, 2};
    for (int kind = 0; kind < AS_STRATEGY_COUNT; kind++) {
        as_strategy strategy = {.kind = (as_strategy_kind)kind,
                                .layers = 1,
                                .every = 1,
                                .lr_factors = factors,
                                .n_lr_factors = 4};
        int32_t lowest = 77;
        OK(as_strategy_lowest(&strategy, &depths, 1, &lowest, &error));
        strategy.n_lr_factors = 5;
        lowest = 77;
        cr_expect_eq(as_strategy_lowest(&strategy, &depths, 1, &lowest, &error),
                     ASSAY_INVALID_ARGUMENT);
        cr_expect_eq(lowest, 77);
        cr_expect_str_eq(error.where, "strategy/lr_factors");
        cr_expect(strstr(error.text, "found 5 factors; head, 2 layers"), "%s", error.text);
        error = (assay_error)ASSAY_ERROR_INIT;
    }
}

Test(strategy, rates_by_depth) {
    static const double factors[] = {1, 0.5, 0.1};
    const as_depths depths = {NULL, NULL, 0, 3};
    const as_strategy decay = {.lr_decay = 0.5},
                      list = {.lr_decay = 1, .lr_factors = factors, .n_lr_factors = 3};
    static const double expected_decay[] = {0.0625, 0.125, 0.25, 0.5, 1},
                        expected_list[] = {0.1, 0.1, 0.1, 0.5, 1};
    for (int32_t depth = 0; depth <= 4; depth++) {
        cr_expect_float_eq(as_strategy_rate(&decay, &depths, depth), expected_decay[depth], 1e-15);
        cr_expect_eq(as_strategy_rate(&list, &depths, depth), expected_list[depth]);
    }
}
