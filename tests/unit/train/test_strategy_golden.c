/* SPDX-License-Identifier: MIT */
/* Eight epochs of one step by a suite's "strategy" object, through the whole trainer, beside
 * PyTorch's requires_grad and parameter groups (tests/golden/strategies.json): in f64 on the
 * reference backend, in f32 on each. */
#include "assay/blocks.h"
#include "plugin/plugin.h"
#include "steps_golden.h"
#include "train/recipe.h"

enum { N_EPOCHS = 8 };

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_embedding(b, "encoder.embeddings", ids, config->vocab_size, CHANNELS);
    for (int i = 0; i < 2; i++) {
        char linear[48], norm[48];
        snprintf(linear, sizeof linear, "encoder.layer.%d.linear", i);
        snprintf(norm, sizeof norm, "encoder.layer.%d.norm", i);
        assay_value y = assay_tanh(b, assay_linear(b, linear, x, CHANNELS));
        x = assay_layer_norm(b, norm, assay_add(b, x, y), 1e-5);
    }
    x = assay_tanh(b, assay_linear(b, "encoder.pooler", assay_mean_pool(b, x), CHANNELS));
    return assay_linear(b, "classifier", x, config->n_classes);
}

/* One case on one backend. */
typedef struct setting {
    as_arena *arena;
    const json_t *steps;
    as_phases *phases;
    as_engine *engine;
    double worst; /* of parameters, norm and loss, relative */
    int n_steps;
} setting;

static json_t *golden(void) {
    return golden_file("strategies.json");
}

static uint32_t n_trained(const assay_graph_view *view) {
    uint32_t n = 0;
    for (uint32_t p = 0; p < view->n_parameters; p++)
        n += view->parameters[p].gradient != ASSAY_NONE;
    return n;
}

static void after_step(void *context, const as_step_record *record) {
    setting *s = context;
    const json_t *expected = json_array_get(s->steps, (size_t)record->step - 1);
    double norm = number(expected, "norm"), loss = number(expected, "loss");
    cr_expect_eq(n_trained(as_graph_view(as_engine_graph(s->engine))),
                 (uint32_t)number(expected, "trained"), "epoch %d", record->epoch);
    cr_expect_eq(json_object_size(json_object_get(expected, "after")),
                 as_graph_view(as_engine_graph(s->engine))->n_parameters);
    s->worst =
        fmax(s->worst, golden_difference(s->arena, s->engine, json_object_get(expected, "after")));
    s->worst = fmax(s->worst, fabs(record->grad_norm - norm) / norm);
    s->worst = fmax(s->worst, fabs(record->loss - loss) / loss);
    s->n_steps++;
}

static assay_status fill_start(void *context, uint32_t parameter, double *values,
                               assay_error *error) {
    const json_t *one = context;
    const json_t *list = json_array_get(one, parameter);
    (void)error;
    for (size_t i = 0; i < json_array_size(list); i++)
        values[i] = json_number_value(json_array_get(list, i));
    return ASSAY_OK;
}

/* The start values in the view's order. */
static void set_start(setting *s, const json_t *start) {
    const assay_graph_view *view = as_graph_view(as_engine_graph(s->engine));
    assay_error error = ASSAY_ERROR_INIT;
    json_t *lists = json_array();
    for (uint32_t p = 0; p < view->n_parameters; p++) {
        json_t *list = json_object_get(start, view->parameters[p].name);
        cr_assert_eq(json_array_size(list), (size_t)view->parameters[p].n_elements);
        json_array_append(lists, list);
    }
    cr_assert_eq(as_engine_fill(s->engine, fill_start, lists, &error), ASSAY_OK);
    json_decref(lists);
}

#define OK(call) cr_assert_eq(call, ASSAY_OK, "%s: %s", error.where, error.text)

/* Every text is in every step, so an epoch is a step, in whichever order the texts are drawn. */
static void train(setting *s, const as_train_config *config) {
    assay_error error = ASSAY_ERROR_INIT;
    as_trainee *trainee = NULL;
    as_train_result result;
    as_prepared data = golden_texts(s->arena, golden());
    OK(as_trainee_new_phased(s->engine, s->phases, &trainee, &error));
    as_train_job job = {.trainee = trainee,
                        .data = &data,
                        .config = config,
                        .seed = 3,
                        .observer = {.context = s, .step = after_step}};
    OK(as_train_run(s->arena, &job, &result, &error));
    as_trainee_free(trainee);
}

static void check_case(const json_t *one, const char *backend, int32_t dtype, double bound) {
    static const assay_model_graph model = {(uint32_t)sizeof model, 0, build};
    static const assay_model_config model_config = {
        (uint32_t)sizeof model_config, 2, VOCABULARY, MOST_TOKENS, NULL, 1, 1, 0};
    static const as_graph_options options = {.with_gradient = 1};
    setting s = {.arena = as_arena_new(), .steps = json_object_get(one, "steps")};
    assay_error error = ASSAY_ERROR_INIT;
    as_plugin plugin;
    as_strategy strategy;
    as_train_config config;
    const assay_graph *graph = NULL;
    as_engine_config engine = {NULL, dtype, 1, N_ROWS, MOST_TOKENS, 0};
    char *text = json_dumps(json_object_get(one, "strategy"), JSON_COMPACT);
    OK(as_plugin_load(s.arena, ASSAY_PLUGIN_KIND_BACKEND, backend, &plugin, &error));
    OK(as_plugin_backend(&plugin, &engine.backend, &error));
    OK(as_strategy_from_json(s.arena, json_object_get(one, "strategy"), "golden", &strategy,
                             &error));
    OK(as_train_config_from_json(json_object_get(one, "training"), "golden", &config, &error));
    const as_phases_config phases = {&model, &model_config, &options, &strategy, N_EPOCHS};
    OK(as_phases_new(&phases, &s.phases, &error));
    OK(as_phases_graph(s.phases, 1, &graph, &error));
    OK(as_engine_new(&engine, graph, &s.engine, &error));
    set_start(&s, json_object_get(one, "start"));
    train(&s, &config);
    cr_expect_eq(s.n_steps, N_EPOCHS);
    cr_expect(s.worst <= bound, "%s, %s: %.1e", backend, text, s.worst);
    free(text);
    as_engine_free(s.engine);
    as_phases_free(s.phases);
    as_arena_free(s.arena);
}

static void check_all(const char *backend, int32_t dtype, double bound) {
    json_t *cases = json_object_get(golden(), "cases"), *one;
    size_t i;
    cr_assert_eq(json_array_size(cases), 9);
    json_array_foreach(cases, i, one) {
        check_case(one, backend, dtype, bound);
    }
}

Test(strategy_golden, reference_f64_is_pytorch) {
    check_all("reference", ASSAY_DTYPE_F64, 1e-10);
}

Test(strategy_golden, reference_f32_is_within_1e_5) {
    check_all("reference", ASSAY_DTYPE_F32, 1e-5);
}

#ifdef HAVE_ONEDNN
Test(strategy_golden, onednn_f32_is_within_1e_5) {
    check_all("onednn", ASSAY_DTYPE_F32, 1e-5);
}
#endif
