/* SPDX-License-Identifier: MIT */
/* The engine, the graph trainee and the equivalence check, on the reference backend with a bag of
 * words. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "assay/blocks.h"
#include "data/batches.h"
#include "plugin/plugin.h"
#include "toy.h"
#include "train/engine.h"

static as_arena *arena;
static const assay_backend *reference;
static assay_graph *graph;
static as_engine *engine;
static as_prepared data;
static assay_error error;

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_embedding(b, "embedding", ids, config->vocab_size, 6);
    x = assay_mean_pool(b, assay_dropout(b, x, 0.2));
    return assay_linear(b, "classifier", x, config->n_classes);
}

static as_engine *new_engine(const assay_backend *backend, int32_t dtype) {
    as_engine_config config = {backend, dtype, 1, 8, TOY_LONGEST, 0};
    as_engine *made = NULL;
    cr_assert_eq(as_engine_new(&config, graph, &made, &error), ASSAY_OK, "%s: %s", error.where,
                 error.text);
    cr_assert_eq(as_engine_init_parameters(made, 5, &error), ASSAY_OK);
    return made;
}

static void set_up(void) {
    static const assay_model_graph model = {(uint32_t)sizeof model, 0, build};
    static const assay_model_config config = {
        (uint32_t)sizeof config, 2, TOY_VOCABULARY, TOY_LONGEST, NULL, 1, 1, 0};
    as_plugin plugin;
    error = (assay_error)ASSAY_ERROR_INIT;
    arena = as_arena_new();
    data = toy_prepared(arena, 200, 60);
    cr_assert_eq(as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, "reference", &plugin, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_eq(as_plugin_backend(&plugin, &reference, &error), ASSAY_OK);
    cr_assert_eq(as_graph_build_model(&model, &config, &(as_graph_options){.with_gradient = 1},
                                      &graph, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    engine = new_engine(reference, ASSAY_DTYPE_F64);
}

static void tear_down(void) {
    as_engine_free(engine);
    as_graph_free(graph);
    as_arena_free(arena);
}

TestSuite(engine, .init = set_up, .fini = tear_down);

static as_batches *batches_of(int32_t rows) {
    as_batches *batches = NULL;
    cr_assert_eq(as_batches_new(arena, &data.splits[AS_SPLIT_TRAIN], rows, &batches, &error),
                 ASSAY_OK);
    return batches;
}

static double cross_entropy(const double *logits, int32_t label) {
    return log1p(exp(logits[1 - label] - logits[label]));
}

Test(engine, forward_gives_logits_and_their_loss) {
    const assay_batch *batch = as_batches_next(batches_of(8));
    double logits[16], loss = 0, expected = 0;
    cr_assert_eq(as_engine_forward(engine, batch, logits, &loss, &error), ASSAY_OK);
    for (int b = 0; b < 8; b++)
        expected += cross_entropy(logits + 2 * b, batch->labels[b]);
    cr_assert_float_eq(loss, expected, 1e-12);
    cr_assert_eq(as_engine_n_elements(engine), TOY_VOCABULARY * 6 + 2 * 6 + 2);
}

Test(engine, two_halves_accumulate_the_gradient_of_the_whole) {
    uint64_t n = as_engine_n_elements(engine);
    double *whole = calloc(n, sizeof *whole), *halves = calloc(n, sizeof *halves);
    assay_step step = {(uint32_t)sizeof step, 1, 77, 1, 0, 1.0 / 8, 0};
    as_batches *four = batches_of(4);
    cr_assert_eq(
        as_engine_accumulate(engine, as_batches_next(batches_of(8)), &step, NULL, NULL, &error),
        ASSAY_OK);
    cr_assert_eq(as_engine_get(engine, ASSAY_STATE_GRADIENT, whole, n, &error), ASSAY_OK);
    cr_assert_eq(as_engine_zero(engine, ASSAY_STATE_GRADIENT, &error), ASSAY_OK);
    for (int half = 0; half < 2; half++)
        cr_assert_eq(as_engine_accumulate(engine, as_batches_next(four), &step, NULL, NULL, &error),
                     ASSAY_OK);
    cr_assert_eq(as_engine_get(engine, ASSAY_STATE_GRADIENT, halves, n, &error), ASSAY_OK);
    double size = 0;
    for (uint64_t i = 0; i < n; i++) {
        cr_assert_float_eq(whole[i], halves[i], 1e-13);
        size += fabs(whole[i]);
    }
    cr_assert_gt(size, 0.01);
    free(whole);
    free(halves);
}

Test(engine, parameters_round_trip) {
    uint64_t n = as_engine_n_elements(engine);
    double *before = calloc(n, sizeof *before), *after = calloc(n, sizeof *after);
    cr_assert_eq(as_engine_get(engine, ASSAY_STATE_PARAMETER, before, n, &error), ASSAY_OK);
    cr_assert_eq(as_engine_zero(engine, ASSAY_STATE_PARAMETER, &error), ASSAY_OK);
    cr_assert_eq(as_engine_get(engine, ASSAY_STATE_PARAMETER, after, n, &error), ASSAY_OK);
    cr_assert_eq(after[0], 0);
    cr_assert_eq(as_engine_set(engine, ASSAY_STATE_PARAMETER, before, n, &error), ASSAY_OK);
    cr_assert_eq(as_engine_get(engine, ASSAY_STATE_PARAMETER, after, n, &error), ASSAY_OK);
    cr_assert_arr_eq(before, after, n * sizeof *before);
    cr_assert_eq(as_engine_get(engine, ASSAY_STATE_PARAMETER, after, n - 1, &error),
                 ASSAY_INVALID_ARGUMENT);
    free(before);
    free(after);
}

/* The rows' bucket is 64, which the tokens' own wouldn't reach. */
Test(engine, runs_rows_of_one_token_each) {
    enum { N = 33 };
    int32_t ids[N], offsets[N + 1] = {0};
    double logits[2 * N], alone[2];
    const as_engine_config config = {reference, ASSAY_DTYPE_F64, 1, 64, TOY_LONGEST, 0};
    assay_batch batch = {.struct_size = (uint32_t)sizeof batch,
                         .n_rows = N,
                         .n_tokens = N,
                         .ids = ids,
                         .offsets = offsets};
    as_engine_free(engine);
    cr_assert_eq(as_engine_new(&config, graph, &engine, &error), ASSAY_OK);
    cr_assert_eq(as_engine_init_parameters(engine, 5, &error), ASSAY_OK);
    for (int32_t i = 0; i < N; i++) {
        ids[i] = i % TOY_VOCABULARY;
        offsets[i + 1] = i + 1;
    }
    cr_assert_eq(as_engine_forward(engine, &batch, logits, NULL, &error), ASSAY_OK, "%s: %s",
                 error.where, error.text);
    batch.n_rows = batch.n_tokens = 1;
    batch.ids = ids + N - 1;
    cr_assert_eq(as_engine_forward(engine, &batch, alone, NULL, &error), ASSAY_OK);
    cr_assert_float_eq(alone[0], logits[2 * N - 2], 1e-15);
    cr_assert_float_eq(alone[1], logits[2 * N - 1], 1e-15);
}

Test(engine, refuses_what_its_plans_cannot_hold) {
    double logits[64];
    cr_assert_eq(as_engine_forward(engine, as_batches_next(batches_of(9)), logits, NULL, &error),
                 ASSAY_INVALID_ARGUMENT);
    as_engine_config config = {reference, ASSAY_DTYPE_F64, 1, 0, 4, 0};
    as_engine *untouched = engine;
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_engine_new(&config, graph, &untouched, &error), ASSAY_INVALID_ARGUMENT);
    config.max_rows = 1 << 20;
    config.max_tokens = 1 << 20;
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_engine_new(&config, graph, &untouched, &error), ASSAY_LIMIT);
    cr_assert_eq(untouched, engine);
}

Test(engine, a_steady_epoch_compiles_nothing) {
    as_batches *batches = batches_of(8);
    const assay_batch *batch;
    double logits[16];
    uint64_t n_compiled = 0;
    for (int pass = 0; pass < 2; pass++) {
        n_compiled = as_engine_n_compiled(engine);
        as_batches_by_length(batches);
        while ((batch = as_batches_next(batches)))
            cr_assert_eq(as_engine_forward(engine, batch, logits, NULL, &error), ASSAY_OK);
    }
    cr_assert_gt(n_compiled, 0);
    cr_assert_eq(as_engine_n_compiled(engine), n_compiled);
}

/* What a step of rate 1 takes from the first parameter, 2 before it, whose gradient is 1. */
static double taken(assay_update_config config) {
    uint64_t n = as_engine_n_elements(engine);
    double *values = calloc(n, sizeof *values);
    assay_step step = {(uint32_t)sizeof step, 0, 0, 1, 1.0, 1, 0};
    config.struct_size = (uint32_t)sizeof config;
    config.optimizer = ASSAY_OPTIMIZER_SGD;
    for (uint64_t i = 0; i < n; i++)
        values[i] = 1;
    cr_assert_eq(as_engine_set(engine, ASSAY_STATE_GRADIENT, values, n, &error), ASSAY_OK);
    for (uint64_t i = 0; i < n; i++)
        values[i] = 2;
    cr_assert_eq(as_engine_set(engine, ASSAY_STATE_PARAMETER, values, n, &error), ASSAY_OK);
    cr_assert_eq(as_engine_update(engine, &config, &step, NULL, &error), ASSAY_OK);
    cr_assert_eq(as_engine_get(engine, ASSAY_STATE_PARAMETER, values, n, &error), ASSAY_OK);
    double first = 2 - values[0];
    free(values);
    return first;
}

Test(engine, an_update_follows_its_latest_configuration) {
    static const uint8_t exempt[] = {1, 1, 1};
    double norm = sqrt((double)as_engine_n_elements(engine));
    cr_assert_eq(taken((assay_update_config){.clip_norm = 0}), 1);
    cr_assert_float_eq(taken((assay_update_config){.clip_norm = 0.5}), 0.5 / norm, 1e-6);
    cr_assert_eq(taken((assay_update_config){.clip_value = 0.25}), 0.25);
    cr_assert_eq(taken((assay_update_config){.clip_value = 0.5}), 0.5);
    cr_assert_eq(taken((assay_update_config){.weight_decay = 0.5}), 2);
    cr_assert_eq(taken((assay_update_config){.weight_decay = 0.5, .decay_exempt = exempt}), 1);
    cr_assert_eq(taken((assay_update_config){.weight_decay = 0.5}), 2);
}

/* ---- training -------------------------------------------------------------------------------- */

static as_train_result train(as_trainee **ret_trainee) {
    static as_train_config config;
    as_train_result result;
    as_train_job job = {NULL, &data, &config, 3, {.context = NULL}, NULL};
    config = toy_config(8, 0);
    cr_assert_eq(as_trainee_new_graph(engine, ret_trainee, &error), ASSAY_OK);
    job.trainee = *ret_trainee;
    cr_assert_eq(as_train_run(arena, &job, &result, &error), ASSAY_OK, "%s: %s", error.where,
                 error.text);
    return result;
}

Test(engine, a_step_follows_the_mean_gradient_of_its_batch) {
    uint64_t n = as_engine_n_elements(engine);
    double *gradient = calloc(n, sizeof *gradient), logits[8], sum = 0;
    const assay_batch *batch = as_batches_next(batches_of(4));
    assay_step step = {(uint32_t)sizeof step, 1, 42, 1, 0, 1.0 / 4, 0};
    as_train_config config = toy_config(1, 0);
    as_batch_step how = {
        .epoch = 1, .step = 1, .seed = 42, .learning_rate = 0.05, .update = &config.update};
    as_batch_result result;
    as_trainee *trainee = NULL;
    cr_assert_eq(as_engine_accumulate(engine, batch, &step, NULL, NULL, &error), ASSAY_OK);
    cr_assert_eq(as_engine_get(engine, ASSAY_STATE_GRADIENT, gradient, n, &error), ASSAY_OK);
    cr_assert_eq(as_engine_zero(engine, ASSAY_STATE_GRADIENT, &error), ASSAY_OK);
    for (uint64_t i = 0; i < n; i++)
        sum += gradient[i] * gradient[i];
    cr_assert_eq(as_trainee_new_graph(engine, &trainee, &error), ASSAY_OK);
    cr_assert_eq(trainee->train_batch(trainee->self, batch, &how, logits, &result, &error),
                 ASSAY_OK);
    cr_assert_float_eq(result.grad_norm, sqrt(sum), 1e-12);
    as_trainee_free(trainee);
    free(gradient);
}

Test(engine, training_learns_the_toy) {
    as_trainee *trainee = NULL;
    as_train_result result = train(&trainee);
    double logits[40], loss;
    int n_right = 0;
    cr_assert_gt(result.initial_loss, 0.4);
    cr_assert_lt(result.epochs[7].train_loss, 0.5 * result.epochs[0].train_loss);
    cr_assert_gt(result.epochs[7].train_accuracy, 0.9);
    cr_assert_gt(result.epochs[7].validation_accuracy, 0.9);
    cr_assert_gt(result.epochs[0].grad_norm, 0);
    cr_assert_eq(as_evaluate(trainee, &data.splits[AS_SPLIT_TEST], 8, logits, &loss, &error),
                 ASSAY_OK);
    for (uint32_t row = 0; row < 20; row++)
        n_right += as_argmax(logits + 2 * row, 2) == data.splits[AS_SPLIT_TEST].rows[row].label;
    cr_assert_geq(n_right, 18);
    as_trainee_free(trainee);
}

Test(engine, the_kept_epoch_is_the_one_that_validates_best) {
    as_trainee *trainee = NULL;
    as_train_result result = train(&trainee);
    double logits[2 * 60], loss;
    cr_assert_eq(as_evaluate(trainee, &data.splits[AS_SPLIT_VALIDATION], 8, logits, &loss, &error),
                 ASSAY_OK);
    cr_assert_eq(loss, result.epochs[result.best_epoch - 1].validation_loss);
    for (int i = 0; i < result.n_epochs; i++)
        cr_assert_leq(loss, result.epochs[i].validation_loss);
    as_trainee_free(trainee);
}

Test(engine, the_same_seed_gives_the_same_bits) {
    uint64_t n = as_engine_n_elements(engine);
    double *first = calloc(n, sizeof *first), *second = calloc(n, sizeof *second);
    as_trainee *trainee = NULL;
    double losses[2];
    for (int time = 0; time < 2; time++) {
        as_engine_free(engine);
        engine = new_engine(reference, ASSAY_DTYPE_F32);
        losses[time] = train(&trainee).epochs[7].train_loss;
        cr_assert_eq(as_engine_get(engine, ASSAY_STATE_PARAMETER, time ? second : first, n, &error),
                     ASSAY_OK);
        as_trainee_free(trainee);
    }
    cr_assert_eq(losses[0], losses[1]);
    cr_assert_arr_eq(first, second, n * sizeof *first);
    free(first);
    free(second);
}

Test(engine, a_huge_learning_rate_diverges) {
    as_train_config config = toy_config(8, 0);
    as_trainee *trainee = NULL;
    as_train_result result;
    as_train_job job = {NULL, &data, &config, 3, {.context = NULL}, NULL};
    config.update.optimizer = ASSAY_OPTIMIZER_SGD;
    config.update.clip_norm = 0;
    config.learning_rate = 1e200;
    as_engine_free(engine);
    engine = new_engine(reference, ASSAY_DTYPE_F32);
    cr_assert_eq(as_trainee_new_graph(engine, &trainee, &error), ASSAY_OK);
    job.trainee = trainee;
    cr_assert_eq(as_train_run(arena, &job, &result, &error), ASSAY_DIVERGED);
    cr_assert_gt(result.diverged_step, 0);
    as_trainee_free(trainee);
}

/* ---- equivalence ----------------------------------------------------------------------------- */

static assay_backend broken;

/* One logit of the batch a little off. */
static assay_status read_wrong(assay_plan *plan, assay_value value, double *values, uint64_t n,
                               assay_error *e) {
    assay_status status = reference->read(plan, value, values, n, e);
    if (n > 1)
        values[1] *= 1.01;
    return status;
}

/* One gradient with the wrong sign. */
static assay_status download_wrong(assay_session *session, int32_t state, uint32_t parameter,
                                   double *values, uint64_t n, assay_error *e) {
    assay_status status = reference->download(session, state, parameter, values, n, e);
    if (state == ASSAY_STATE_GRADIENT && parameter == 2)
        for (uint64_t i = 0; i < n; i++)
            values[i] = -values[i];
    return status;
}

static as_equivalence check(const assay_backend *backend, int32_t dtype) {
    as_equivalence result;
    as_engine_free(engine);
    engine = new_engine(backend, dtype);
    cr_assert_eq(
        as_equivalence_check(engine, reference, as_batches_next(batches_of(8)), &result, &error),
        ASSAY_OK, "%s: %s", error.where, error.text);
    return result;
}

Test(engine, equivalence_passes_for_f32) {
    as_equivalence result = check(reference, ASSAY_DTYPE_F32);
    cr_assert(result.passed, "%g %g", result.logits_error, result.gradient_error);
    cr_assert_gt(result.logits_error, 0); /* f32 was really compared with f64 */
    cr_assert_lt(result.gradient_error, 1e-5);
    double gradients[TOY_VOCABULARY * 6 + 14];
    cr_assert_eq(
        as_engine_get(engine, ASSAY_STATE_GRADIENT, gradients, TOY_VOCABULARY * 6 + 14, &error),
        ASSAY_OK);
    for (int i = 0; i < TOY_VOCABULARY * 6 + 14; i++)
        cr_assert_eq(gradients[i], 0); /* training may follow */
}

Test(engine, equivalence_of_f64_is_exact) {
    as_equivalence result = check(reference, ASSAY_DTYPE_F64);
    cr_assert(result.passed && result.logits_error == 0 && result.gradient_error == 0);
}

Test(engine, equivalence_sees_a_wrong_logit) {
    broken = *reference;
    broken.read = read_wrong;
    as_equivalence result = check(&broken, ASSAY_DTYPE_F32);
    cr_assert(!result.passed && result.logits_error > result.logits_bound);
    cr_assert(result.gradient_error < result.gradient_bound);
}

Test(engine, equivalence_sees_a_wrong_gradient) {
    broken = *reference;
    broken.download = download_wrong;
    as_equivalence result = check(&broken, ASSAY_DTYPE_F32);
    cr_assert(!result.passed && result.gradient_error > 1);
    cr_assert(result.logits_error < result.logits_bound);
}

static int32_t seen_labels[8];
static double seen_bias[2];

static assay_status run_seen(assay_plan *plan, const assay_batch *batch, const assay_step *step,
                             assay_error *e) {
    for (int b = 0; b < 8; b++)
        seen_labels[b] = batch->labels[b];
    return reference->run(plan, batch, step, e);
}

static assay_status download_seen(assay_session *session, int32_t state, uint32_t parameter,
                                  double *values, uint64_t n, assay_error *e) {
    assay_status status = reference->download(session, state, parameter, values, n, e);
    if (state == ASSAY_STATE_GRADIENT && parameter == 2)
        memcpy(seen_bias, values, sizeof seen_bias);
    return status;
}

/* The toy's labels alternate, and to untrained weights its rows look alike: with each row's next
 * class for a label the bias would have no gradient to speak of. */
Test(engine, equivalence_takes_labels_whose_gradients_add_up) {
    const int32_t *right = as_batches_next(batches_of(8))->labels;
    broken = *reference;
    broken.run = run_seen;
    broken.download = download_seen;
    cr_assert(check(&broken, ASSAY_DTYPE_F32).passed);
    cr_expect_eq(seen_labels[0], 1 - right[0]);
    for (int b = 1; b < 8; b++)
        cr_expect_eq(seen_labels[b], right[0]);
    cr_expect_gt(fabs(seen_bias[0]), 0.3); /* 6/8 of a half for equal logits */
}

/* bf16 stands for a backend that is better than it must be, so that every processor can test this.
 */
static assay_status open_better(const assay_device_config *config, assay_device **ret_device,
                                assay_error *e) {
    assay_device_config better = *config;
    better.dtype = config->dtype == ASSAY_DTYPE_BF16 ? ASSAY_DTYPE_F32 : config->dtype;
    return reference->open(&better, ret_device, e);
}

static double logits_factor;

static assay_status read_scaled(assay_plan *plan, assay_value value, double *values, uint64_t n,
                                assay_error *e) {
    assay_status status = reference->read(plan, value, values, n, e);
    for (uint64_t i = 0; i < n; i++)
        values[i] *= logits_factor;
    return status;
}

/* The toy has one product: 4 u for logits, 4 sqrt(u) for gradients. */
Test(engine, equivalence_has_bounds_for_bf16) {
    broken = *reference;
    broken.open = open_better;
    broken.read = read_scaled;
    logits_factor = 1 + 0x1p-7;
    as_equivalence result = check(&broken, ASSAY_DTYPE_BF16);
    cr_assert_float_eq(result.logits_bound, 0x1p-6, 1e-15);
    cr_assert_float_eq(result.gradient_bound, 0.25, 1e-15);
    cr_assert_float_eq(result.logits_error, 0x1p-7, 1e-4);
    cr_assert(result.passed);
    logits_factor = 1 + 0x1p-5;
    result = check(&broken, ASSAY_DTYPE_BF16);
    cr_assert(!result.passed && result.gradient_error < result.gradient_bound);
}

Test(engine, equivalence_in_bf16_sees_a_wrong_gradient) {
    broken = *reference;
    broken.open = open_better;
    broken.download = download_wrong;
    as_equivalence result = check(&broken, ASSAY_DTYPE_BF16);
    cr_assert(!result.passed && result.logits_error < result.logits_bound);
    cr_assert_float_eq(result.gradient_error, 2, 1e-3);
}

static int32_t supports_nothing(const assay_device *device, const assay_graph_view *view,
                                uint32_t node) {
    (void)device;
    (void)view;
    (void)node;
    return 0;
}

Test(engine, an_unsupported_operation_is_named) {
    as_engine_config config = {&broken, ASSAY_DTYPE_F32, 1, 8, TOY_LONGEST, 0};
    as_engine *made = NULL;
    broken = *reference;
    broken.supports = supports_nothing;
    cr_assert_eq(as_engine_new(&config, graph, &made, &error), ASSAY_UNSUPPORTED);
    cr_assert(strstr(error.text, "embedding"), "%s", error.text);
    cr_assert_null(made);
}
