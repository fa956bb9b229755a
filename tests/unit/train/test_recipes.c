/* SPDX-License-Identifier: MIT */
/* Five optimizer steps by a suite's "training" object, through the whole trainer, beside PyTorch's
 * and Keras' (tests/golden/recipes.json): in f64 on the reference backend, in f32 on each. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "assay/blocks.h"
#include "plugin/plugin.h"
#include "toy.h"
#include "train/engine.h"
#include "train/recipe.h"

enum { VOCABULARY = 5, CHANNELS = 4, N_ROWS = 4, N_STEPS = 5, MOST_TOKENS = 4 };

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_embedding(b, "embedding", ids, config->vocab_size, CHANNELS);
    x = assay_mean_pool(b, assay_tanh(b, assay_layer_norm(b, "norm", x, 1e-5)));
    return assay_linear(b, "classifier", x, config->n_classes);
}

/* One recipe on one backend. */
typedef struct setting {
    as_arena *arena;
    const json_t *recipe;
    assay_graph *graph;
    as_engine *engine;
    double bound;
    int n_steps;
    double worst_after, worst_norm, worst_loss;
} setting;

static json_t *golden(void) {
    static json_t *root;
    char path[4096];
    json_error_t error;
    snprintf(path, sizeof path, "%s/recipes.json", getenv("AS_GOLDEN"));
    if (!root)
        root = json_load_file(path, 0, &error);
    cr_assert_not_null(root, "%s", path);
    return root;
}

static double number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    cr_assert(json_is_number(value), "%s", key);
    return json_number_value(value);
}

static const double *numbers(as_arena *arena, const json_t *list, size_t n) {
    double *values = as_arena_alloc_array(arena, n, sizeof *values);
    cr_assert_eq(json_array_size(list), n);
    for (size_t i = 0; i < n; i++)
        values[i] = json_number_value(json_array_get(list, i));
    return values;
}

static as_prepared texts(as_arena *arena, bool weighted, const json_t *weights) {
    as_prepared data;
    as_row *rows = as_arena_alloc_array(arena, N_ROWS, sizeof *rows);
    as_split_rows *train = &data.splits[AS_SPLIT_TRAIN];
    memset(&data, 0, sizeof data);
    for (size_t i = 0; i < N_ROWS; i++) {
        const json_t *text = json_array_get(json_object_get(golden(), "rows"), i);
        int32_t n = (int32_t)json_array_size(text);
        int32_t *ids = as_arena_alloc_array(arena, MOST_TOKENS, sizeof *ids);
        for (int32_t t = 0; t < n; t++)
            ids[t] = (int32_t)json_integer_value(json_array_get(text, (size_t)t));
        rows[i] = (as_row){
            .text = "",
            .name = "",
            .ids = ids,
            .n_ids = n,
            .label =
                (int32_t)json_integer_value(json_array_get(json_object_get(golden(), "labels"), i)),
            .index = (uint32_t)i,
        };
        train->n_tokens += (uint64_t)n;
        train->longest = n > train->longest ? n : train->longest;
    }
    train->split = AS_SPLIT_TRAIN;
    train->n_rows = N_ROWS;
    train->rows = rows;
    data.n_labels = 2;
    data.max_tokens = MOST_TOKENS;
    data.class_weights = weighted ? numbers(arena, weights, 2) : NULL;
    return data;
}

/* Largest difference of the parameters, in units of the largest value of each. */
static double difference(setting *s, const json_t *expected) {
    const assay_graph_view *view = as_graph_view(s->graph);
    uint64_t n = as_engine_n_elements(s->engine);
    double *values = as_arena_alloc_array(s->arena, n, sizeof *values), worst = 0;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_engine_get(s->engine, ASSAY_STATE_PARAMETER, values, n, &error), ASSAY_OK);
    for (uint32_t p = 0; p < view->n_parameters; p++) {
        const assay_parameter_info *one = &view->parameters[p];
        size_t size = (size_t)one->n_elements;
        double scale = 1e-3;
        if (!one->values) {
            const double *right = numbers(s->arena, json_object_get(expected, one->name), size);
            for (size_t i = 0; i < size; i++)
                scale = fmax(scale, fabs(right[i]));
            for (size_t i = 0; i < size; i++)
                worst = fmax(worst, fabs(values[i] - right[i]) / scale);
        }
        values += size;
    }
    return worst;
}

static void after_step(void *context, const as_step_record *record) {
    setting *s = context;
    const json_t *steps = json_object_get(s->recipe, "steps");
    const json_t *expected = json_array_get(steps, (size_t)record->step - 1);
    double norm = number(expected, "norm"), loss = number(expected, "loss");
    double rate = number(expected, "learning_rate");
    cr_expect_float_eq(record->learning_rate, rate, 1e-15 + 1e-12 * rate);
    cr_expect_eq(record->n_rows, N_ROWS);
    s->worst_after = fmax(s->worst_after, difference(s, json_object_get(expected, "after")));
    s->worst_norm = fmax(s->worst_norm, fabs(record->grad_norm - norm) / norm);
    s->worst_loss = fmax(s->worst_loss, fabs(record->loss - loss) / loss);
    s->n_steps++;
}

static void set_start(setting *s) {
    const assay_graph_view *view = as_graph_view(s->graph);
    const json_t *start = json_object_get(s->recipe, "start");
    uint64_t n = as_engine_n_elements(s->engine), offset = 0;
    double *values = as_arena_alloc_array(s->arena, n, sizeof *values);
    assay_error error = ASSAY_ERROR_INIT;
    for (uint32_t p = 0; p < view->n_parameters; p++) {
        const assay_parameter_info *one = &view->parameters[p];
        size_t size = (size_t)one->n_elements;
        const double *from =
            one->values ? one->values : numbers(s->arena, json_object_get(start, one->name), size);
        memcpy(values + offset, from, size * sizeof *values);
        offset += size;
    }
    cr_assert_eq(as_engine_set(s->engine, ASSAY_STATE_PARAMETER, values, n, &error), ASSAY_OK);
}

/* Every text is in every step, so an epoch is a step, in whichever order the texts are drawn. */
static void train(setting *s, as_train_config *config, const as_prepared *data) {
    assay_error error = ASSAY_ERROR_INIT;
    as_trainee *trainee = NULL;
    as_train_result result;
    config->epochs = N_STEPS;
    config->keep_best = false;
    cr_assert_eq(as_trainee_new_graph(s->engine, &trainee, &error), ASSAY_OK);
    as_train_job job = {trainee, data, config, 3, {s, NULL, after_step}};
    cr_assert_eq(as_train_run(s->arena, &job, &result, &error), ASSAY_OK, "%s: %s", error.where,
                 error.text);
    as_trainee_free(trainee);
}

static void check_recipe(const json_t *recipe, const char *backend, int32_t dtype, double bound) {
    static const assay_model_graph model = {(uint32_t)sizeof model, 0, build};
    static const assay_model_config model_config = {
        (uint32_t)sizeof model_config, 2, VOCABULARY, MOST_TOKENS, NULL, 1, 1, 0};
    setting s = {.arena = as_arena_new(), .recipe = recipe, .bound = bound};
    assay_error error = ASSAY_ERROR_INIT;
    as_plugin plugin;
    as_train_config config;
    const json_t *weights = json_object_get(recipe, "class_weights");
    as_prepared data = texts(s.arena, json_array_size(weights) > 0, weights);
    as_engine_config engine = {NULL, dtype, 1, N_ROWS, MOST_TOKENS};
    char *text = json_dumps(json_object_get(recipe, "training"), JSON_COMPACT);
    cr_assert_eq(as_plugin_load(s.arena, ASSAY_PLUGIN_KIND_BACKEND, backend, &plugin, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_eq(as_plugin_backend(&plugin, &engine.backend, &error), ASSAY_OK);
    cr_assert_eq(
        as_train_config_from_json(json_object_get(recipe, "training"), "recipes", &config, &error),
        ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_eq(as_graph_build_model(&model, &model_config, config.label_smoothing,
                                      data.class_weights, 1, &s.graph, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_eq(as_engine_new(&engine, s.graph, &s.engine, &error), ASSAY_OK);
    set_start(&s);
    train(&s, &config, &data);
    cr_expect_eq(s.n_steps, N_STEPS);
    cr_expect(s.worst_after <= bound && s.worst_norm <= bound && s.worst_loss <= bound,
              "%s, %s: parameters %.1e, norm %.1e, loss %.1e", backend, text, s.worst_after,
              s.worst_norm, s.worst_loss);
    free(text);
    as_engine_free(s.engine);
    as_graph_free(s.graph);
    as_arena_free(s.arena);
}

static void check_all(const char *backend, int32_t dtype, double bound) {
    json_t *recipes = json_object_get(golden(), "recipes"), *recipe;
    size_t i;
    cr_assert_geq(json_array_size(recipes), 13);
    json_array_foreach(recipes, i, recipe) {
        check_recipe(recipe, backend, dtype, bound);
    }
}

Test(recipes, reference_f64_is_pytorch_and_keras) {
    check_all("reference", ASSAY_DTYPE_F64, 1e-10);
}

Test(recipes, reference_f32_is_within_1e_5) {
    check_all("reference", ASSAY_DTYPE_F32, 1e-5);
}

#ifdef HAVE_ONEDNN
Test(recipes, onednn_f32_is_within_1e_5) {
    check_all("onednn", ASSAY_DTYPE_F32, 1e-5);
}
#endif

/* ---- parameters without weight decay --------------------------------------------------------- */

static assay_value build_gru(const assay_builder *b, const assay_model_config *config) {
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_embedding(b, "embedding", ids, config->vocab_size, CHANNELS);
    x = assay_layer_norm(b, "gate", x, 1e-5);
    x = assay_recurrent(b, ASSAY_OP_GRU, "gru", 0, x, 3, 1);
    return assay_linear(b, "classifier", assay_mean_pool(b, x), config->n_classes);
}

static bool exempt_in(const assay_graph_view *view, uint32_t kinds, const char *name) {
    uint8_t exempt[64];
    memset(exempt, 7, sizeof exempt);
    as_decay_exempt(view, kinds, exempt);
    for (uint32_t p = 0; p < view->n_parameters; p++)
        if (strcmp(view->parameters[p].name, name) == 0) {
            cr_assert(exempt[p] <= 1);
            return exempt[p];
        }
    cr_assert(false, "no parameter %s", name);
    return false;
}

Test(recipes, a_table_called_bias_is_none) {
    static const assay_parameter_info parameters[] = {
        {.name = "relative_bias", .rank = 2},
        {.name = "bias", .rank = 1},
        {.name = "bias.weight", .rank = 1},
        {.name = "attention.in_proj_bias", .rank = 1}};
    const assay_graph_view view = {.n_parameters = 4, .parameters = parameters};
    static const uint8_t expected[] = {0, 1, 0, 1};
    uint8_t exempt[4] = {7, 7, 7, 7};
    as_decay_exempt(&view, AS_EXEMPT_BIAS, exempt);
    cr_assert_arr_eq(exempt, expected, sizeof expected);
}

Test(recipes, kinds_of_parameters_without_decay) {
    static const assay_model_graph model = {(uint32_t)sizeof model, 0, build_gru};
    static const assay_model_config config = {
        (uint32_t)sizeof config, 2, VOCABULARY, MOST_TOKENS, NULL, 1, 1, 0};
    static const struct {
        const char *name;
        uint32_t kinds; /* that exempt it */
    } expected[] = {{"embedding.weight", 0},
                    {"gate.weight", AS_EXEMPT_LAYER_NORM},
                    {"gate.bias", AS_EXEMPT_LAYER_NORM | AS_EXEMPT_BIAS},
                    {"gru.weight_hh_l0", 0},
                    {"gru.bias_ih_l0", AS_EXEMPT_BIAS},
                    {"gru.bias_hh_l0_reverse", AS_EXEMPT_BIAS},
                    {"classifier.weight", 0},
                    {"classifier.bias", AS_EXEMPT_BIAS}};
    assay_graph *graph = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_graph_build_model(&model, &config, 0, NULL, 1, &graph, &error), ASSAY_OK,
                 "%s: %s", error.where, error.text);
    for (uint32_t kinds = 0; kinds <= 3; kinds++)
        for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
            cr_expect_eq(exempt_in(as_graph_view(graph), kinds, expected[i].name),
                         (kinds & expected[i].kinds) != 0, "%s", expected[i].name);
    as_graph_free(graph);
}
