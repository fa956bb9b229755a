/* SPDX-License-Identifier: MIT */
/* The built-in graph models on the built-in backends, through the engine: a row's logits don't
 * depend on what else is in its batch (dropout off and on), onednn agrees with the reference,
 * training learns the toy. */
#include <criterion/criterion.h>

#include "data/batches.h"
#include "plugin/plugin.h"
#include "toy.h"
#include "train/engine.h"

enum { N_ROWS = 11 };

static const char *const models[] = {"rnn",        "lstm", "gru", "bilstm", "bilstm_attention",
                                     "transformer"};
static as_arena *arena;
static as_prepared data;
static assay_error error;
static assay_graph *graph;
static as_engine *engine;
static const assay_backend *backend;

static void set_up(void) {
    arena = as_arena_new();
    data = toy_prepared(arena, 320, 64);
    error = (assay_error)ASSAY_ERROR_INIT;
}

static void close_model(void) {
    as_engine_free(engine);
    as_graph_free(graph);
    engine = NULL;
    graph = NULL;
}

static void tear_down(void) {
    close_model();
    as_arena_free(arena);
}

TestSuite(models, .init = set_up, .fini = tear_down);

#define OK(call) cr_assert_eq(call, ASSAY_OK, "%s: %s", error.where, error.text)

static const assay_backend *load_backend(const char *id) {
    as_plugin plugin;
    const assay_backend *loaded = NULL;
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, id, &plugin, &error));
    OK(as_plugin_backend(&plugin, &loaded, &error));
    return loaded;
}

static void open_model(const char *model_id, const char *backend_id, int32_t dtype) {
    as_plugin plugin;
    const assay_model_graph *model = NULL;
    const assay_model_opaque *opaque = NULL;
    void *options = NULL;
    assay_model_config config = {
        (uint32_t)sizeof config, 2, TOY_VOCABULARY, TOY_LONGEST, NULL, 1, 1, 0};
    as_engine_config engine_config = {NULL, dtype, 1, 32, TOY_LONGEST, 0};
    engine_config.backend = backend = load_backend(backend_id);
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, model_id, &plugin, &error));
    OK(as_plugin_model(&plugin, &model, &opaque, &error));
    OK(as_options_fill(arena, plugin.descriptor, NULL, 0, model_id, &options, &error));
    config.options = options;
    OK(as_graph_build_model(model, &config, &(as_graph_options){.with_gradient = 1}, &graph,
                            &error));
    OK(as_engine_new(&engine_config, graph, &engine, &error));
    OK(as_engine_init_parameters(engine, 5, &error));
}

static void predict(const assay_batch *batch, bool dropout, double *logits) {
    assay_step step = {(uint32_t)sizeof step, 1, 99, 1, 0, 1, 0};
    if (dropout)
        OK(as_engine_accumulate(engine, batch, &step, logits, NULL, &error));
    else
        OK(as_engine_forward(engine, batch, logits, NULL, &error));
}

/* Parameters of a model with its default options, those of `trained` in all. */
static int64_t count_parameters(const char *model_id, int64_t vocab_size, int32_t n_classes,
                                const as_option_value *values, size_t n_values,
                                int64_t *ret_trained) {
    as_plugin plugin;
    const assay_model_graph *model = NULL;
    const assay_model_opaque *opaque = NULL;
    void *options = NULL;
    int64_t n = 0;
    assay_model_config config = {
        (uint32_t)sizeof config, n_classes, vocab_size, 512, NULL, 1, 1, 0};
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, model_id, &plugin, &error));
    OK(as_plugin_model(&plugin, &model, &opaque, &error));
    OK(as_options_fill(arena, plugin.descriptor, values, n_values, model_id, &options, &error));
    config.options = options;
    OK(as_graph_build_model(model, &config, &(as_graph_options){.with_gradient = 1}, &graph,
                            &error));
    const assay_graph_view *view = as_graph_view(graph);
    for (uint32_t i = 0; i < view->n_parameters; i++)
        n += view->parameters[i].n_elements;
    *ret_trained = as_graph_n_trained(view);
    close_model();
    return n;
}

/* What the studies' models have: the layers' sizes say it, so a missing bias or layer shows. A:
 * 92,230 distinct tokens, the embedding (9,223,200) frozen; B: 50,000 words of GloVe 300d. */
Test(models, have_the_parameters_of_the_studies) {
#define NUMBER(name, number)                                                                       \
    { name, AS_OPTION_NUMBER, number, NULL }
#define SWITCH(name, on)                                                                           \
    { name, AS_OPTION_BOOL, on, NULL }
    static const as_option_value gru[] = {NUMBER("layers", 4),
                                          SWITCH("residual", 1),
                                          NUMBER("dense", 64),
                                          NUMBER("hidden", 64),
                                          SWITCH("train_embedding", 0),
                                          NUMBER("embedding", 100),
                                          {"output", AS_OPTION_TEXT, 0, "sigmoid"}};
    static const as_option_value attention[] = {NUMBER("embedding", 300), NUMBER("hidden", 128),
                                                NUMBER("layers", 2), NUMBER("attention", 0),
                                                SWITCH("token_weights", 1)};
    static const struct {
        const char *model;
        const as_option_value *values;
        size_t n_values;
        int64_t vocab_size;
        int32_t n_classes;
        int64_t total, trained;
    } cases[] = {{"gru", gru, 7, 92232, 2, 9518753, 295553},
                 {"bilstm_attention", attention, 5, 50000, 20, 15840981, 15840981},
                 {"bilstm", NULL, 0, 30000, 2, 8471042, 8471042},
                 {"rnn", NULL, 0, 5000, 2, 328450, 328450},
                 {"lstm", NULL, 0, 5000, 2, 353410, 353410},
                 {"transformer", NULL, 0, 5000, 2, 387074, 387074}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t trained,
            total = count_parameters(cases[i].model, cases[i].vocab_size, cases[i].n_classes,
                                     cases[i].values, cases[i].n_values, &trained);
        cr_assert_eq(total, cases[i].total, "%s: %lld", cases[i].model, (long long)total);
        cr_assert_eq(trained, cases[i].trained, "%s: %lld", cases[i].model, (long long)trained);
    }
}

static assay_status build_with(const char *model_id, int32_t n_classes,
                               const as_option_value *values, size_t n_values) {
    as_plugin plugin;
    const assay_model_graph *model = NULL;
    const assay_model_opaque *opaque = NULL;
    void *options = NULL;
    assay_model_config config = {(uint32_t)sizeof config, n_classes, 100, 16, NULL, 1, 1, 0};
    const as_graph_options with_gradient = {.with_gradient = 1};
    error = (assay_error)ASSAY_ERROR_INIT;
    close_model();
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, model_id, &plugin, &error));
    OK(as_plugin_model(&plugin, &model, &opaque, &error));
    assay_status status =
        as_options_fill(arena, plugin.descriptor, values, n_values, "options", &options, &error);
    config.options = options;
    return status == ASSAY_OK ? as_graph_build_model(model, &config, &with_gradient, &graph, &error)
                              : status;
}

/* The option's name and the value found, before there is a graph. */
Test(models, impossible_options_are_refused) {
    static const as_option_value residual[] = {SWITCH("residual", 1), NUMBER("layers", 2)};
    static const as_option_value heads[] = {NUMBER("heads", 5), NUMBER("hidden", 64)};
    static const as_option_value layers[] = {NUMBER("layers", 0)}, hidden[] = {NUMBER("hidden", 0)},
                                 dropout[] = {NUMBER("dropout", 1)},
                                 init[] = {{"init", AS_OPTION_TEXT, 0, "jax"}},
                                 output[] = {{"output", AS_OPTION_TEXT, 0, "sigmoid"}};
    static const struct {
        const char *model;
        int32_t n_classes;
        const as_option_value *values;
        size_t n_values;
        const char *where, *text;
    } cases[] = {
        {"gru", 2, residual, 2, "options/residual", "found 2 layers"},
        {"rnn", 2, residual, 1, "options/residual", "found 1 layer;"},
        {"gru", 3, output, 1, "options/output", "the data has 3"},
        {"transformer", 2, heads, 2, "options/heads", "found 5 heads; they must divide the 64"},
        {"transformer", 2, layers, 1, "options.layers", "found 0; expected an integer from 1"},
        {"gru", 2, layers, 1, "options.layers", "found 0; expected an integer from 1"},
        {"bert", 2, layers, 1, "options.layers", "found 0; expected an integer from 1"},
        {"lstm", 2, hidden, 1, "options.hidden", "found 0; expected an integer from 1"},
        {"bilstm", 2, dropout, 1, "options.dropout", "found 1; expected a number from 0 to 0.99"},
        {"bilstm_attention", 2, init, 1, "options.init", "'jax'; expected one of torch, keras"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(
            build_with(cases[i].model, cases[i].n_classes, cases[i].values, cases[i].n_values),
            ASSAY_INVALID_ARGUMENT, "case %zu", i);
        cr_assert_str_eq(error.where, cases[i].where);
        cr_assert(strstr(error.text, cases[i].text), "%s", error.text);
    }
}

/* "d30 d30 +": dropout and additions in the graph's order. */
static const char *places_of(const char *model_id, const as_option_value *values, size_t n) {
    static char text[256];
    OK(build_with(model_id, 2, values, n));
    const assay_graph_view *view = as_graph_view(graph);
    text[0] = '\0';
    for (uint32_t i = 0; i < view->n_forward_nodes; i++) {
        const assay_node *node = &view->nodes[i];
        size_t used = strlen(text);
        switch (node->op) {
        case ASSAY_OP_DROPOUT:
            snprintf(text + used, sizeof text - used, "d%.0f ", 100 * node->attrs.probability);
            break;
        case ASSAY_OP_ATTENTION:
            snprintf(text + used, sizeof text - used, "a%.0f ", 100 * node->attrs.probability);
            break;
        case ASSAY_OP_ADD:
            strcat(text, "+ ");
            break;
        case ASSAY_OP_GRU:
        case ASSAY_OP_LSTM:
            strcat(text, "r ");
            break;
        case ASSAY_OP_RELU:
            strcat(text, "relu ");
            break;
        default:
            break;
        }
    }
    return text;
}

Test(models, dropout_stands_where_the_studies_have_it) {
    static const as_option_value gru[] = {NUMBER("layers", 4), SWITCH("residual", 1),
                                          NUMBER("dense", 64), SWITCH("embedding_dropout", 0)};
    static const as_option_value transformer[] = {NUMBER("layers", 1), NUMBER("dropout", 0.3),
                                                  NUMBER("encoder_dropout", 0.2)};
    /* A: after each recurrent layer, before its input is added, and after the dense layer */
    cr_assert_str_eq(places_of("gru", gru, 4), "r d30 r d30 + r d30 + r d30 relu d30 ");
    /* B and C: after the embedding, between the layers, before the classifier */
    cr_assert_str_eq(places_of("bilstm", NULL, 0), "d40 r d40 r d40 ");
    /* D: after embedding + positions, before the classifier; in the encoder PyTorch's places */
    cr_assert_str_eq(places_of("transformer", transformer, 3),
                     "+ d30 a20 d20 + relu d20 d20 + d30 ");
}

Test(models, a_frozen_embedding_is_not_trained) {
    static const char *const with[] = {"rnn", "lstm", "gru", "bilstm", "bilstm_attention"};
    const as_option_value values[] = {{"train_embedding", AS_OPTION_BOOL, 0, NULL},
                                      {"token_weights", AS_OPTION_BOOL, 1, NULL},
                                      {"embedding", AS_OPTION_NUMBER, 50, NULL}};
    for (size_t i = 0; i < sizeof with / sizeof *with; i++) {
        int64_t trained, n = count_parameters(with[i], 1000, 2, values, 3, &trained);
        cr_assert_eq(n - trained, 1000 * 50, "%s", with[i]);
    }
}

/* Largest difference, over the logits' scale, between rows in a batch and rows alone. */
static double dependence(bool dropout) {
    as_split_rows split = data.splits[AS_SPLIT_TRAIN];
    as_batches *together = NULL, *alone = NULL;
    double in_batch[2 * N_ROWS], by_itself[2], worst = 0, scale = 0;
    split.n_rows = N_ROWS;
    OK(as_batches_new(arena, &split, N_ROWS, &together, &error));
    OK(as_batches_new(arena, &split, 1, &alone, &error));
    predict(as_batches_next(together), dropout, in_batch);
    for (int row = 0; row < N_ROWS; row++) {
        predict(as_batches_next(alone), dropout, by_itself);
        for (int k = 0; k < 2; k++) {
            scale = fmax(scale, fabs(by_itself[k]));
            worst = fmax(worst, fabs(by_itself[k] - in_batch[2 * row + k]));
        }
    }
    return worst / scale;
}

static void check_independence(const char *backend_id, int32_t dtype, double bound) {
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        open_model(models[i], backend_id, dtype);
        for (int dropout = 0; dropout < 2; dropout++)
            cr_assert_leq(dependence(dropout), bound, "%s on %s, dropout %d", models[i], backend_id,
                          dropout);
        close_model();
    }
}

Test(models, rows_are_independent_on_the_reference) {
    check_independence("reference", ASSAY_DTYPE_F64, 1e-12);
}

Test(models, dropout_changes_the_logits) {
    as_batches *batches = NULL;
    double off[2 * N_ROWS], on[2 * N_ROWS];
    OK(as_batches_new(arena, &data.splits[AS_SPLIT_TRAIN], N_ROWS, &batches, &error));
    const assay_batch *batch = as_batches_next(batches);
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        open_model(models[i], "reference", ASSAY_DTYPE_F64);
        predict(batch, false, off);
        predict(batch, true, on);
        for (int k = 0; k < 2 * N_ROWS; k++)
            cr_assert_neq(off[k], on[k], "%s", models[i]);
        close_model();
    }
}

#ifdef HAVE_ONEDNN /* the build's options decide what is tested, never what happens to be found */

Test(models, rows_are_independent_on_onednn) {
    check_independence("onednn", ASSAY_DTYPE_F32, 1e-5);
}

Test(models, onednn_is_equivalent_to_the_reference) {
    const assay_backend *reference = load_backend("reference");
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        as_batches *batches = NULL;
        as_equivalence result;
        open_model(models[i], "onednn", ASSAY_DTYPE_F32);
        OK(as_batches_new(arena, &data.splits[AS_SPLIT_TRAIN], 32, &batches, &error));
        OK(as_equivalence_check(engine, reference, as_batches_next(batches), &result, &error));
        cr_assert(result.passed, "%s: logits %g, gradients %g", models[i], result.logits_error,
                  result.gradient_error);
        cr_assert_gt(result.logits_error, 0);
        close_model();
    }
}

static bool offers(const assay_backend *candidate, int32_t dtype) {
    assay_device_config config = {(uint32_t)sizeof config, dtype, 1, 0, 0};
    assay_device *device = NULL;
    assay_status status = candidate->open(&config, &device, &error);
    candidate->close(device);
    return status == ASSAY_OK;
}

Test(models, onednn_in_bf16_is_within_its_bounds_and_not_f32) {
    const assay_backend *reference = load_backend("reference");
    if (!offers(load_backend("onednn"), ASSAY_DTYPE_BF16))
        cr_skip("%s", error.text);
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        as_batches *batches = NULL;
        as_equivalence result;
        open_model(models[i], "onednn", ASSAY_DTYPE_BF16);
        OK(as_batches_new(arena, &data.splits[AS_SPLIT_TRAIN], 32, &batches, &error));
        OK(as_equivalence_check(engine, reference, as_batches_next(batches), &result, &error));
        cr_assert(result.passed, "%s: logits %g, gradients %g", models[i], result.logits_error,
                  result.gradient_error);
        cr_assert_gt(result.gradient_error, 1e-4, "%s", models[i]);
        close_model();
    }
}

static as_train_result train(void) {
    as_train_config config = toy_config(6, 0);
    as_trainee *trainee = NULL;
    as_train_result result;
    config.batch = 16;
    config.learning_rate = 0.003;
    OK(as_trainee_new_graph(engine, &trainee, &error));
    as_train_job job = {trainee, &data, &config, 3, {.context = NULL}, NULL};
    OK(as_train_run(arena, &job, &result, &error));
    as_trainee_free(trainee);
    return result;
}

Test(models, learn_the_toy_on_onednn_the_same_way_twice) {
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        double loss[2] = {0, 0};
        for (int time = 0; time < 2; time++) {
            open_model(models[i], "onednn", ASSAY_DTYPE_F32);
            as_train_result result = train();
            loss[time] = result.epochs[5].train_loss;
            cr_assert_gt(result.epochs[result.best_epoch - 1].validation_accuracy, 0.9, "%s",
                         models[i]);
            close_model();
        }
        cr_assert_eq(loss[0], loss[1], "%s: one thread, same seed, other losses", models[i]);
    }
}

#endif
