/* SPDX-License-Identifier: MIT */
/* Five optimizer steps by a suite's "training" object, through the whole trainer, beside PyTorch's
 * and Keras' (tests/golden/recipes.json): in f64 on the reference backend, in f32 on each. */
#include "assay/blocks.h"
#include "plugin/plugin.h"
#include "steps_golden.h"
#include "train/recipe.h"

enum { N_STEPS = 5 };

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
    return golden_file("recipes.json");
}

static void after_step(void *context, const as_step_record *record) {
    setting *s = context;
    const json_t *steps = json_object_get(s->recipe, "steps");
    const json_t *expected = json_array_get(steps, (size_t)record->step - 1);
    double norm = number(expected, "norm"), loss = number(expected, "loss");
    double rate = number(expected, "learning_rate");
    cr_expect_float_eq(record->learning_rate, rate, 1e-15 + 1e-12 * rate);
    cr_expect_eq(record->n_rows, N_ROWS);
    s->worst_after = fmax(
        s->worst_after, golden_difference(s->arena, s->engine, json_object_get(expected, "after")));
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
    as_train_job job = {trainee, data, config, 3, {.context = s, .step = after_step}, NULL};
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
    as_prepared data = golden_texts(s.arena, golden());
    if (json_array_size(weights) > 0)
        data.class_weights = numbers(s.arena, weights, 2);
    as_engine_config engine = {NULL, dtype, 1, N_ROWS, MOST_TOKENS, 0};
    char *text = json_dumps(json_object_get(recipe, "training"), JSON_COMPACT);
    cr_assert_eq(as_plugin_load(s.arena, ASSAY_PLUGIN_KIND_BACKEND, backend, &plugin, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_eq(as_plugin_backend(&plugin, &engine.backend, &error), ASSAY_OK);
    cr_assert_eq(
        as_train_config_from_json(json_object_get(recipe, "training"), "recipes", &config, &error),
        ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_eq(as_graph_build_model(&model, &model_config,
                                      &(as_graph_options){.label_smoothing = config.label_smoothing,
                                                          .class_weights = data.class_weights,
                                                          .with_gradient = 1},
                                      &s.graph, &error),
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

/* ---- factors of the learning rate, parameters that begin late, sparse gradients -------------- */

/* One case of "groups" on one backend, with a batch and an update at a time. */
typedef struct grouped {
    setting s;
    const json_t *since; /* of the case */
    int64_t step;        /* the next one, from 1 */
    assay_update_config update;
    double *rate_scale; /* [n_parameters] */
    int64_t *steps_before;
    double worst_after, worst_norm, worst_loss;
} grouped;

static int not_yet_trained(void *context, const char *name) {
    const grouped *g = context;
    return json_integer_value(json_object_get(g->since, name)) >= g->step;
}

static assay_batch batch_of(as_arena *arena, const json_t *rows, size_t n_rows) {
    assay_batch batch = {.struct_size = (uint32_t)sizeof batch, .n_rows = (int32_t)n_rows};
    int32_t *ids = as_arena_alloc_array(arena, N_ROWS * MOST_TOKENS, sizeof *ids);
    int32_t *offsets = as_arena_alloc_array(arena, N_ROWS + 1, sizeof *offsets);
    int32_t *labels = as_arena_alloc_array(arena, N_ROWS, sizeof *labels);
    for (size_t i = 0; i < n_rows; i++) {
        size_t row = (size_t)json_integer_value(json_array_get(rows, i));
        const json_t *text = json_array_get(json_object_get(golden(), "rows"), row), *id;
        size_t t;
        json_array_foreach((json_t *)(uintptr_t)text, t, id) {
            ids[batch.n_tokens++] = (int32_t)json_integer_value(id);
        }
        offsets[i + 1] = batch.n_tokens;
        labels[i] =
            (int32_t)json_integer_value(json_array_get(json_object_get(golden(), "labels"), row));
    }
    batch.ids = ids;
    batch.offsets = offsets;
    batch.labels = labels;
    return batch;
}

static size_t rows_of_step(const json_t *batches) {
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(batches); i++)
        n += json_array_size(json_array_get(batches, i));
    return n;
}

static void run_grouped_step(grouped *g, const json_t *expected) {
    const json_t *batches = json_object_get(expected, "batches");
    const json_t *losses = json_object_get(expected, "losses");
    double norm = 0, right = number(expected, "norm");
    assay_error error = ASSAY_ERROR_INIT;
    assay_step step = {(uint32_t)sizeof step,
                       0,
                       1,
                       g->step,
                       number(json_object_get(g->s.recipe, "training"), "lr"),
                       1.0 / (double)rows_of_step(batches),
                       0};
    for (size_t i = 0; i < json_array_size(batches); i++) {
        const json_t *rows = json_array_get(batches, i);
        assay_batch batch = batch_of(g->s.arena, rows, json_array_size(rows));
        double loss = 0, right_loss = json_number_value(json_array_get(losses, i));
        cr_assert_eq(as_engine_accumulate(g->s.engine, &batch, &step, NULL, &loss, &error),
                     ASSAY_OK, "%s: %s", error.where, error.text);
        g->worst_loss = fmax(g->worst_loss, fabs(loss - right_loss) / right_loss);
    }
    cr_assert_eq(as_engine_update(g->s.engine, &g->update, &step, &norm, &error), ASSAY_OK,
                 "%s: %s", error.where, error.text);
    g->worst_norm = fmax(g->worst_norm, fabs(norm - right) / right);
    g->worst_after = fmax(g->worst_after, golden_difference(g->s.arena, g->s.engine,
                                                            json_object_get(expected, "after")));
}

/* An engine for what is trained from this step on, with the states of the one before. */
static void begin_phase(grouped *g, const as_engine_config *config) {
    static const assay_model_graph model = {(uint32_t)sizeof model, 0, build};
    static const assay_model_config model_config = {
        (uint32_t)sizeof model_config, 2, VOCABULARY, MOST_TOKENS, NULL, 1, 1, 0};
    as_graph_options options = {.with_gradient = 1, .frozen = not_yet_trained, .context = g};
    setting before = g->s;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_graph_build_model(&model, &model_config, &options, &g->s.graph, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_eq(as_engine_new(config, g->s.graph, &g->s.engine, &error), ASSAY_OK);
    uint64_t n = as_engine_n_elements(g->s.engine);
    double *values = as_arena_alloc_array(g->s.arena, n, sizeof *values);
    for (int32_t state = 0; before.engine && state <= ASSAY_STATE_MOMENT2; state++) {
        cr_assert_eq(as_engine_get(before.engine, state, values, n, &error), ASSAY_OK);
        cr_assert_eq(as_engine_set(g->s.engine, state, values, n, &error), ASSAY_OK);
    }
    if (!before.engine)
        set_start(&g->s);
    as_engine_free(before.engine);
    as_graph_free(before.graph);
}

/* Factors and beginnings; steps_before of what isn't trained yet is never looked at. */
static void set_groups(grouped *g) {
    const assay_graph_view *view = as_graph_view(g->s.graph);
    const json_t *scales = json_object_get(g->s.recipe, "rate_scale");
    for (uint32_t p = 0; p < view->n_parameters; p++) {
        const json_t *scale = json_object_get(scales, view->parameters[p].name);
        g->rate_scale[p] = scale ? json_number_value(scale) : 1;
        g->steps_before[p] =
            json_integer_value(json_object_get(g->since, view->parameters[p].name));
    }
}

static void check_group(const json_t *one, const char *backend, int32_t dtype, double bound) {
    grouped g = {.s = {.arena = as_arena_new(), .recipe = one},
                 .since = json_object_get(one, "since")};
    assay_error error = ASSAY_ERROR_INIT;
    as_plugin plugin;
    as_train_config config;
    as_engine_config engine = {NULL, dtype, 1, N_ROWS, MOST_TOKENS, 0};
    const json_t *training = json_object_get(one, "training"), *expected;
    uint8_t exempt[16];
    size_t i;
    cr_assert_eq(as_plugin_load(g.s.arena, ASSAY_PLUGIN_KIND_BACKEND, backend, &plugin, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_eq(as_plugin_backend(&plugin, &engine.backend, &error), ASSAY_OK);
    cr_assert_eq(as_train_config_from_json(training, "groups", &config, &error), ASSAY_OK);
    g.update = config.update;
    g.update.rate_scale = g.rate_scale = as_arena_alloc_array(g.s.arena, 16, sizeof(double));
    g.update.since = g.steps_before = as_arena_alloc_array(g.s.arena, 16, sizeof(int64_t));
    g.update.decay_exempt = exempt;
    json_array_foreach(json_object_get(one, "steps"), i, expected) {
        g.step = (int64_t)i + 1;
        if (i == 0 || json_object_size(g.since) > 0)
            begin_phase(&g, &engine);
        cr_assert_lt(as_graph_view(g.s.graph)->n_parameters, 16);
        as_decay_exempt(as_graph_view(g.s.graph), config.decay_exempt, exempt);
        set_groups(&g);
        run_grouped_step(&g, expected);
    }
    char *text = json_dumps(one, JSON_COMPACT);
    cr_expect_eq(g.step, N_STEPS);
    cr_expect(g.worst_after <= bound && g.worst_norm <= bound && g.worst_loss <= bound,
              "%s, %.200s: parameters %.1e, norm %.1e, loss %.1e", backend, text, g.worst_after,
              g.worst_norm, g.worst_loss);
    free(text);
    as_engine_free(g.s.engine);
    as_graph_free(g.s.graph);
    as_arena_free(g.s.arena);
}

static void check_groups(const char *backend, int32_t dtype, double bound) {
    json_t *groups = json_object_get(golden(), "groups"), *one;
    size_t i;
    cr_assert_geq(json_array_size(groups), 12);
    json_array_foreach(groups, i, one) {
        check_group(one, backend, dtype, bound);
    }
}

Test(recipes, groups_in_reference_f64_are_pytorch_and_keras) {
    check_groups("reference", ASSAY_DTYPE_F64, 1e-10);
}

Test(recipes, groups_in_reference_f32_are_within_1e_5) {
    check_groups("reference", ASSAY_DTYPE_F32, 1e-5);
}

#ifdef HAVE_ONEDNN
Test(recipes, groups_in_onednn_f32_are_within_1e_5) {
    check_groups("onednn", ASSAY_DTYPE_F32, 1e-5);
}
#endif

Test(recipes, adam_lazy_has_no_weight_decay) {
    assay_error error = ASSAY_ERROR_INIT;
    as_train_config config = {.batch = -7};
    json_t *training = json_pack("{s:s,s:f}", "optimizer", "adam_lazy", "weight_decay", 0.5);
    cr_assert_eq(as_train_config_from_json(training, "entries/2", &config, &error), ASSAY_BAD_DATA);
    cr_assert_str_eq(error.where, "entries/2/training/weight_decay");
    cr_assert_str_eq(error.text,
                     "found 0.5; adam_lazy has no weight decay: set it to 0 or choose adam");
    cr_assert_eq(config.batch, -7);
    json_decref(training);
    training = json_pack("{s:s,s:f}", "optimizer", "adam_lazy", "weight_decay", 0.0);
    cr_assert_eq(as_train_config_from_json(training, "entries/2", &config, &error), ASSAY_OK);
    cr_assert_eq(config.update.optimizer, ASSAY_OPTIMIZER_ADAM_LAZY);
    cr_assert_eq(config.update.epsilon, 1e-8);
    json_decref(training);
}

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
    cr_assert_eq(as_graph_build_model(&model, &config, &(as_graph_options){.with_gradient = 1},
                                      &graph, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    for (uint32_t kinds = 0; kinds <= 3; kinds++)
        for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
            cr_expect_eq(exempt_in(as_graph_view(graph), kinds, expected[i].name),
                         (kinds & expected[i].kinds) != 0, "%s", expected[i].name);
    as_graph_free(graph);
}
