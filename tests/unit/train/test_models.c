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
    as_engine_config engine_config = {NULL, dtype, 1, 32, TOY_LONGEST};
    engine_config.backend = backend = load_backend(backend_id);
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, model_id, &plugin, &error));
    OK(as_plugin_model(&plugin, &model, &opaque, &error));
    OK(as_options_fill(arena, plugin.descriptor, NULL, 0, model_id, &options, &error));
    config.options = options;
    OK(as_graph_build_model(model, &config, 0, NULL, 1, &graph, &error));
    OK(as_engine_new(&engine_config, graph, &engine, &error));
    OK(as_engine_init_parameters(engine, 5, &error));
}

static void predict(const assay_batch *batch, bool dropout, double *logits) {
    assay_step step = {(uint32_t)sizeof step, 1, 99, 1, 0, 1};
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
    OK(as_graph_build_model(model, &config, 0, NULL, 1, &graph, &error));
    const assay_graph_view *view = as_graph_view(graph);
    for (uint32_t i = 0; i < view->n_parameters; i++)
        n += view->parameters[i].n_elements;
    *ret_trained = as_graph_n_trained(view);
    close_model();
    return n;
}

/* What the papers' models have: the layers' sizes say it, so a missing bias or layer shows. */
Test(models, have_the_parameters_of_the_papers) {
    static const struct {
        const char *model;
        int64_t vocab_size, expected;
    } cases[] = {{"rnn", 5000, 328450}, {"lstm", 5000, 353410}, {"bilstm", 30000, 8471042}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t trained;
        cr_assert_eq(count_parameters(cases[i].model, cases[i].vocab_size, 2, NULL, 0, &trained),
                     cases[i].expected, "%s", cases[i].model);
        cr_assert_eq(trained, cases[i].expected);
    }
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

static as_train_result train(void) {
    as_train_config config = toy_config(6, 0);
    as_trainee *trainee = NULL;
    as_train_result result;
    config.batch = 16;
    config.learning_rate = 0.003;
    OK(as_trainee_new_graph(engine, &trainee, &error));
    as_train_job job = {trainee, &data, &config, 3, {NULL, NULL, NULL}};
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
