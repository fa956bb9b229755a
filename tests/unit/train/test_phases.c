/* SPDX-License-Identifier: MIT */
/* An engine that goes from graph to graph, and trainees that take it there. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "assay/blocks.h"
#include "data/batches.h"
#include "plugin/plugin.h"
#include "toy.h"
#include "train/engine.h"

enum { CHANNELS = 6 };

static as_arena *arena;
static const assay_backend *backend;
static as_phases *phases;
static as_engine *engine;
static as_prepared data;
static assay_error error;

#define OK(call) cr_assert_eq(call, ASSAY_OK, "%s: %s", error.where, error.text)

/* Embedding, two layers, head. */
static assay_value build(const assay_builder *b, const assay_model_config *config) {
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_embedding(b, "embedding", ids, config->vocab_size, CHANNELS);
    for (int i = 0; i < 2; i++) {
        char name[32];
        snprintf(name, sizeof name, "layer.%d.linear", i);
        x = assay_dropout(b, assay_tanh(b, assay_linear(b, name, x, CHANNELS)), 0.2);
    }
    return assay_linear(b, "classifier", assay_mean_pool(b, x), config->n_classes);
}

static void set_up(void) {
    error = (assay_error)ASSAY_ERROR_INIT;
    arena = as_arena_new();
    data = toy_prepared(arena, 200, 60);
}

static void close_all(void) {
    as_engine_free(engine);
    as_phases_free(phases);
    engine = NULL;
    phases = NULL;
}

static void tear_down(void) {
    close_all();
    as_arena_free(arena);
}

TestSuite(phases, .init = set_up, .fini = tear_down);

static const as_strategy gradual = {.kind = AS_STRATEGY_GRADUAL, .every = 1, .lr_decay = 1};

static void open_all(const char *backend_id, int32_t dtype, const as_strategy *strategy,
                     int32_t epochs) {
    static const assay_model_graph model = {(uint32_t)sizeof model, 0, build};
    static const assay_model_config config = {
        (uint32_t)sizeof config, 2, TOY_VOCABULARY, TOY_LONGEST, NULL, 1, 1, 0};
    static const as_graph_options options = {.with_gradient = 1};
    const as_phases_config phases_config = {&model, &config, &options, strategy, epochs};
    const assay_graph *graph = NULL;
    as_plugin plugin;
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, backend_id, &plugin, &error));
    OK(as_plugin_backend(&plugin, &backend, &error));
    as_engine_config engine_config = {backend, dtype, 1, 8, TOY_LONGEST, 0};
    OK(as_phases_new(&phases_config, &phases, &error));
    OK(as_phases_graph(phases, 1, &graph, &error));
    OK(as_engine_new(&engine_config, graph, &engine, &error));
    OK(as_engine_init_parameters(engine, 5, &error));
}

static double *state_of(int32_t state) {
    uint64_t n = as_engine_n_elements(engine);
    double *values = as_arena_alloc_array(arena, n, sizeof *values);
    OK(as_engine_get(engine, state, values, n, &error));
    return values;
}

static const assay_batch *batch_of(int32_t rows) {
    as_batches *batches = NULL;
    OK(as_batches_new(arena, &data.splits[AS_SPLIT_TRAIN], rows, &batches, &error));
    return as_batches_next(batches);
}

static const assay_batch *a_batch(void) {
    return batch_of(8);
}

static void train_step(int64_t number) {
    as_train_config config = toy_config(1, 0);
    assay_step step = {(uint32_t)sizeof step, 1, 7, number, 0.05, 0.125, 0};
    double norm;
    OK(as_engine_accumulate(engine, a_batch(), &step, NULL, NULL, &error));
    OK(as_engine_update(engine, &config.update, &step, &norm, &error));
}

/* ---- rebinding ------------------------------------------------------------------------------- */

static void check_rebinding(const char *backend_id, int32_t dtype) {
    const assay_graph *next = NULL;
    double logits[16], after_logits[16];
    open_all(backend_id, dtype, &gradual, 4);
    train_step(1);
    train_step(2);
    const double *parameters = state_of(ASSAY_STATE_PARAMETER), *m = state_of(ASSAY_STATE_MOMENT1),
                 *v = state_of(ASSAY_STATE_MOMENT2);
    uint64_t n = as_engine_n_elements(engine), n_nonzero = 0;
    for (uint64_t i = 0; i < n; i++)
        n_nonzero += m[i] != 0;
    cr_assert_eq(n_nonzero, 2 * CHANNELS + 2, "the head's alone");
    OK(as_engine_forward(engine, a_batch(), logits, NULL, &error));
    OK(as_phases_graph(phases, 2, &next, &error));
    OK(as_engine_rebind(engine, next, &error));
    cr_assert_eq(as_engine_graph(engine), next);
    cr_assert_arr_eq(state_of(ASSAY_STATE_PARAMETER), parameters, n * sizeof(double));
    cr_assert_arr_eq(state_of(ASSAY_STATE_MOMENT1), m, n * sizeof(double));
    cr_assert_arr_eq(state_of(ASSAY_STATE_MOMENT2), v, n * sizeof(double));
    OK(as_engine_forward(engine, a_batch(), after_logits, NULL, &error));
    cr_assert_arr_eq(logits, after_logits, sizeof logits);
    train_step(3);
    m = state_of(ASSAY_STATE_MOMENT1);
    n_nonzero = 0;
    for (uint64_t i = 0; i < n; i++)
        n_nonzero += m[i] != 0;
    cr_assert_eq(n_nonzero, 2 * CHANNELS + 2 + CHANNELS * (CHANNELS + 1));
    close_all();
}

/* What is frozen again starts anew when it is trained again. */
Test(phases, rebinding_may_freeze_again) {
    const assay_graph *first = NULL, *second = NULL;
    open_all("reference", ASSAY_DTYPE_F64, &gradual, 4);
    OK(as_phases_graph(phases, 1, &first, &error));
    OK(as_phases_graph(phases, 2, &second, &error));
    OK(as_engine_rebind(engine, second, &error));
    train_step(1);
    const double *parameters = state_of(ASSAY_STATE_PARAMETER);
    uint64_t n = as_engine_n_elements(engine), n_nonzero = 0;
    OK(as_engine_rebind(engine, first, &error));
    OK(as_engine_rebind(engine, second, &error));
    cr_assert_arr_eq(state_of(ASSAY_STATE_PARAMETER), parameters, n * sizeof(double));
    const double *m = state_of(ASSAY_STATE_MOMENT1);
    for (uint64_t i = 0; i < n; i++)
        n_nonzero += m[i] != 0;
    cr_assert_eq(n_nonzero, 2 * CHANNELS + 2, "the head's alone");
}

Test(phases, rebinding_carries_parameters_and_moments_over) {
    check_rebinding("reference", ASSAY_DTYPE_F64);
#ifdef HAVE_ONEDNN
    check_rebinding("onednn", ASSAY_DTYPE_F32);
#endif
}

static assay_value build_other(const assay_builder *b, const assay_model_config *config) {
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_embedding(b, "embedding", ids, config->vocab_size, CHANNELS);
    for (int i = 0; i < 2; i++) {
        char name[32];
        snprintf(name, sizeof name, "layer.%d.other", i);
        x = assay_linear(b, name, x, CHANNELS);
    }
    return assay_linear(b, "classifier", assay_mean_pool(b, x), config->n_classes);
}

static void check_refused(assay_value (*other_build)(const assay_builder *,
                                                     const assay_model_config *),
                          int64_t vocab_size, int32_t n_classes, const char *where) {
    const assay_model_graph model = {(uint32_t)sizeof model, 0, other_build};
    const assay_model_config config = {
        (uint32_t)sizeof config, n_classes, vocab_size, TOY_LONGEST, NULL, 1, 1, 0};
    static const as_graph_options options = {.with_gradient = 1};
    const assay_graph *graph = as_engine_graph(engine);
    assay_graph *other = NULL;
    double before[16], after[16];
    OK(as_engine_forward(engine, a_batch(), before, NULL, &error));
    OK(as_graph_build_model(&model, &config, &options, &other, &error));
    cr_expect_eq(as_engine_rebind(engine, other, &error), ASSAY_INVALID_ARGUMENT);
    cr_expect_str_eq(error.where, where);
    cr_expect_eq(as_engine_graph(engine), graph);
    error = (assay_error)ASSAY_ERROR_INIT;
    OK(as_engine_forward(engine, a_batch(), after, NULL, &error));
    cr_expect_arr_eq(before, after, sizeof before);
    as_graph_free(other);
}

Test(phases, a_graph_of_another_model_leaves_the_engine_as_it_was) {
    open_all("reference", ASSAY_DTYPE_F64, &gradual, 4);
    check_refused(build_other, TOY_VOCABULARY, 2, "layer.0.other.weight");
    check_refused(build, TOY_VOCABULARY + 1, 2, "embedding.weight");
    check_refused(build, TOY_VOCABULARY, 3, "graph");
}

/* Uploads fail from the n-th on: rebinding must not leave a half of it. */
static int n_uploads;

static assay_status failing_upload(assay_session *session, int32_t state, uint32_t parameter,
                                   const double *values, uint64_t n, assay_error *e) {
    if (n_uploads-- <= 0)
        return assay_fail(e, ASSAY_IO, "upload", "scripted failure");
    return backend->upload(session, state, parameter, values, n, e);
}

Test(phases, a_failed_rebinding_leaves_the_engine_as_it_was) {
    open_all("reference", ASSAY_DTYPE_F64, &gradual, 4);
    assay_backend failing = *backend;
    const assay_graph *graph = as_engine_graph(engine), *next = NULL;
    double before[16], after[16];
    failing.upload = failing_upload;
    as_engine_free(engine);
    as_engine_config config = {&failing, ASSAY_DTYPE_F64, 1, 8, TOY_LONGEST, 0};
    OK(as_engine_new(&config, graph, &engine, &error));
    n_uploads = 8;
    OK(as_engine_init_parameters(engine, 5, &error));
    OK(as_engine_forward(engine, a_batch(), before, NULL, &error));
    OK(as_phases_graph(phases, 2, &next, &error));
    n_uploads = 2;
    cr_assert_eq(as_engine_rebind(engine, next, &error), ASSAY_IO);
    cr_assert_eq(as_engine_graph(engine), graph);
    error = (assay_error)ASSAY_ERROR_INIT;
    OK(as_engine_forward(engine, batch_of(3), after, NULL, &error)); /* a plan of its own */
    cr_assert_arr_eq(before, after, 3 * 2 * sizeof *before);
    close_all(); /* while the table is there */
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void check_memory(const char *backend_id, int32_t dtype, uint64_t element_bytes,
                         uint64_t alignment) {
    const as_strategy freeze = {.kind = AS_STRATEGY_FREEZE, .lr_decay = 1};
    open_all(backend_id, dtype, &freeze, 1);
    assay_memory memory = as_engine_memory(engine);
    uint64_t all = as_engine_n_elements(engine) * element_bytes,
             head = (2 * CHANNELS + 2) * element_bytes;
    cr_expect(memory.parameter_bytes >= all && memory.parameter_bytes <= all + 8 * alignment);
    cr_expect(memory.gradient_bytes >= head && memory.gradient_bytes <= head + 2 * alignment,
              "%llu", (unsigned long long)memory.gradient_bytes);
    cr_expect_eq(memory.optimizer_bytes, 2 * memory.gradient_bytes);
    close_all();
    open_all(backend_id, dtype, NULL, 1);
    memory = as_engine_memory(engine);
    cr_expect_eq(memory.gradient_bytes, memory.parameter_bytes);
    cr_expect_eq(memory.optimizer_bytes, 2 * memory.parameter_bytes);
    close_all();
}

Test(phases, frozen_parameters_have_no_gradient_and_no_optimizer_state) {
    check_memory("reference", ASSAY_DTYPE_F64, 8, 0);
    check_memory("reference", ASSAY_DTYPE_F32, 4, 0);
#ifdef HAVE_ONEDNN
    check_memory("onednn", ASSAY_DTYPE_F32, 4, 64);
#endif
}

/* ---- the trainee ----------------------------------------------------------------------------- */

typedef struct watch_steps {
    double *before;
    int32_t changed[8]; /* epoch -> lowest depth whose parameters changed in it */
} watch_steps;

static void note_changes(void *context, const as_step_record *step) {
    watch_steps *watch = context;
    const assay_graph_view *view = as_graph_view(as_engine_graph(engine));
    const double *now = state_of(ASSAY_STATE_PARAMETER), *before = watch->before;
    for (uint32_t p = 0; p < view->n_parameters; p++) {
        size_t n = (size_t)view->parameters[p].n_elements;
        int32_t depth = as_depth_of_name(as_phases_depths(phases), view->parameters[p].name);
        if (memcmp(now, before, n * sizeof *now) != 0 && depth < watch->changed[step->epoch])
            watch->changed[step->epoch] = depth;
        now += n;
        before += n;
    }
    memcpy(watch->before, state_of(ASSAY_STATE_PARAMETER),
           as_engine_n_elements(engine) * sizeof(double));
}

Test(phases, gradual_trains_layer_after_layer) {
    static const int32_t expected[] = {0, 3, 2, 1, 0, 0};
    as_train_config config = toy_config(5, 0);
    as_trainee *trainee = NULL;
    as_train_result result;
    open_all("reference", ASSAY_DTYPE_F32, &gradual, 5);
    watch_steps watch = {state_of(ASSAY_STATE_PARAMETER), {9, 9, 9, 9, 9, 9, 9, 9}};
    OK(as_trainee_new_phased(engine, phases, &trainee, &error));
    as_train_job job = {.trainee = trainee,
                        .data = &data,
                        .config = &config,
                        .seed = 3,
                        .observer = {.context = &watch, .step = note_changes}};
    OK(as_train_run(arena, &job, &result, &error));
    for (int epoch = 1; epoch <= 5; epoch++)
        cr_expect_eq(watch.changed[epoch], expected[epoch], "epoch %d: %d", epoch,
                     watch.changed[epoch]);
    as_trainee_free(trainee);
}

/* Kept before epoch 1, restored after epoch 4: three graphs later. */
Test(phases, a_kept_copy_outlives_rebinding) {
    as_trainee *trainee = NULL;
    uint64_t n_kept = 0;
    open_all("reference", ASSAY_DTYPE_F32, &gradual, 4);
    OK(as_trainee_new_phased(engine, phases, &trainee, &error));
    cr_assert_not_null(as_trainee_kept(trainee, &n_kept));
    cr_assert_eq(n_kept, as_engine_n_elements(engine), "all are trained in the end");
    OK(trainee->keep(trainee->self, &error));
    const double *start = state_of(ASSAY_STATE_PARAMETER);
    for (int32_t epoch = 1; epoch <= 4; epoch++) {
        OK(trainee->begin_epoch(trainee->self, epoch, &error));
        train_step(epoch);
    }
    cr_assert_neq(memcmp(start, state_of(ASSAY_STATE_PARAMETER),
                         as_engine_n_elements(engine) * sizeof(double)),
                  0);
    OK(trainee->restore(trainee->self, &error));
    cr_assert_arr_eq(start, state_of(ASSAY_STATE_PARAMETER),
                     as_engine_n_elements(engine) * sizeof(double));
    as_trainee_free(trainee);
}

Test(phases, what_is_never_trained_is_not_kept) {
    const as_strategy hybrid = {.kind = AS_STRATEGY_HYBRID, .layers = 1, .lr_decay = 1};
    as_trainee *trainee = NULL;
    uint64_t n_kept = 0;
    open_all("reference", ASSAY_DTYPE_F32, &hybrid, 4);
    OK(as_trainee_new_phased(engine, phases, &trainee, &error));
    cr_assert_not_null(as_trainee_kept(trainee, &n_kept));
    cr_assert_eq(n_kept, CHANNELS * (CHANNELS + 1) + 2 * CHANNELS + 2);
    as_trainee_free(trainee);
}

/* A run of two epochs in one go, and one that a new trainee takes up after the first. */
Test(phases, a_resumed_trainee_goes_on_to_the_same_bits) {
    as_train_config config = toy_config(1, 0);
    as_trainee *trainee = NULL;
    uint64_t n = 0;
    double *whole = NULL, *states[3];
    as_batch_result result;
    double logits[16];
    for (int resumed = 0; resumed < 2; resumed++) {
        open_all("reference", ASSAY_DTYPE_F32, &gradual, 3);
        n = as_engine_n_elements(engine);
        OK(as_trainee_new_phased(engine, phases, &trainee, &error));
        for (int64_t step = 1; step <= 6; step++) {
            as_batch_step how = {.epoch = (int32_t)(step + 1) / 2,
                                 .step = step,
                                 .seed = (uint64_t)step,
                                 .learning_rate = 0.05,
                                 .update = &config.update};
            if (step % 2 == 1)
                OK(trainee->begin_epoch(trainee->self, how.epoch, &error));
            OK(trainee->train_batch(trainee->self, a_batch(), &how, logits, &result, &error));
            if (step != 4 || !resumed)
                continue;
            static const int64_t steps_before[] = {0, 2};
            static const int32_t which[] = {ASSAY_STATE_PARAMETER, ASSAY_STATE_MOMENT1,
                                            ASSAY_STATE_MOMENT2};
            for (int s = 0; s < 3; s++)
                states[s] = state_of(which[s]);
            as_trainee_free(trainee);
            close_all();
            open_all("reference", ASSAY_DTYPE_F32, &gradual, 3);
            OK(as_trainee_new_phased(engine, phases, &trainee, &error));
            OK(as_trainee_resume(trainee, 2, steps_before, 4, &error));
            for (int s = 0; s < 3; s++)
                OK(as_engine_set(engine, which[s], states[s], n, &error));
        }
        if (resumed)
            cr_assert_arr_eq(whole, state_of(ASSAY_STATE_PARAMETER), n * sizeof(double));
        whole = state_of(ASSAY_STATE_PARAMETER);
        as_trainee_free(trainee);
        close_all();
    }
}
