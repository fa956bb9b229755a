/* SPDX-License-Identifier: MIT */
/* A training that is broken off by a longjmp out of its observer, as a kill would break it off. */
#include "saved_training.h"

#include <stdlib.h>
#include <unistd.h>

#include "assay/blocks.h"
#include "plugin/plugin.h"

as_arena *arena;
as_prepared data;
scratch_path folder, path;
assay_error error;
char told[1600];

const as_state_fact facts[2] = {{"suite", "one"}, {"threads", "1"}};

void saved_set_up(void) {
    error = (assay_error)ASSAY_ERROR_INIT;
    arena = as_arena_new();
    folder = scratch_folder();
    path = scratch_join(folder.text, "a.state");
}

void saved_tear_down(void) {
    scratch_remove(&folder);
    as_arena_free(arena);
}

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

/* Without a layer that saturates. */
static assay_value build_flat(const assay_builder *b, const assay_model_config *config) {
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_embedding(b, "embedding", ids, config->vocab_size, CHANNELS);
    return assay_linear(b, "classifier", assay_mean_pool(b, x), config->n_classes);
}

/* The embedding of a token that one text has. */
static void make_large(as_engine *engine) {
    uint64_t n = as_engine_n_elements(engine);
    double *values = as_arena_alloc_array(arena, n, sizeof *values);
    OK(as_engine_get(engine, ASSAY_STATE_PARAMETER, values, n, &error));
    for (int i = 0; i < CHANNELS; i++)
        values[LARGE_TOKEN * CHANNELS + i] *= 1e5;
    OK(as_engine_set(engine, ASSAY_STATE_PARAMETER, values, n, &error));
}

void saved_begin(saved_run *r, const saved_setting *set) {
    static const assay_model_graph models[] = {{(uint32_t)sizeof models[0], 0, build},
                                               {(uint32_t)sizeof models[0], 0, build_flat}};
    static const assay_model_config config = {
        (uint32_t)sizeof config, 2, TOY_VOCABULARY, TOY_LONGEST, NULL, 1, 1, 0};
    static const as_graph_options options = {.with_gradient = 1};
    const as_phases_config phases = {&models[set->explodes || set->one_class], &config, &options,
                                     set->strategy, set->config.epochs};
    const assay_graph *graph = NULL;
    as_plugin plugin;
    as_engine_config engine = {NULL, set->dtype, 1, 8, TOY_LONGEST, 0};
    memset(r, 0, sizeof *r);
    r->set = set;
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, set->backend, &plugin, &error));
    OK(as_plugin_backend(&plugin, &engine.backend, &error));
    OK(as_phases_new(&phases, &r->phases, &error));
    OK(as_phases_graph(r->phases, 1, &graph, &error));
    OK(as_engine_new(&engine, graph, &r->engine, &error));
    OK(as_engine_init_parameters(r->engine, 5, &error));
    if (set->explodes)
        make_large(r->engine);
    OK(as_trainee_new_phased(r->engine, r->phases, &r->trainee, &error));
}

void saved_end(saved_run *r) {
    as_trainee_free(r->trainee);
    as_engine_free(r->engine);
    as_phases_free(r->phases);
}

static void pass_time(void) {
    usleep((useconds_t)(1.2e6 * EVERY));
}

static int64_t latest_step, one_class_until;

static void on_step(void *context, const as_step_record *step) {
    saved_run *r = context;
    latest_step = step->step;
    if (step->step == r->save_after)
        pass_time();
    if (step->step == r->break_at)
        longjmp(r->out, 1);
}

static int32_t n_predicted, slow_at; /* batches; the one that lasts */
static assay_status (*predict)(void *self, const assay_batch *batch, double *logits,
                               assay_error *error);

static assay_status slow_predict(void *self, const assay_batch *batch, double *logits,
                                 assay_error *ret_error) {
    if (n_predicted++ == slow_at)
        pass_time();
    return predict(self, batch, logits, ret_error);
}

static assay_status predict_class_0(void *self, const assay_batch *batch, double *logits,
                                    assay_error *ret_error) {
    assay_status status = slow_predict(self, batch, logits, ret_error);
    for (int32_t b = 0; latest_step <= one_class_until && b < batch->n_rows; b++)
        logits[2 * b] = fabs(logits[2 * b]) + fabs(logits[2 * b + 1]) + 1;
    return status;
}

static assay_status pack(void *context, as_state_parts *parts, assay_error *ret_error) {
    saved_run *r = context;
    static const double number = 0.1;
    r->saved = true;
    return as_state_add_f64(parts, "cell.number", &number, 1, ret_error);
}

assay_status saved_unpack(void *context, as_state *state, assay_error *ret_error) {
    double number = 0;
    assay_status status = as_state_read_f64(state, "cell.number", &number, 1, ret_error);
    (void)context;
    cr_assert(status != ASSAY_OK || number == 0.1);
    return status;
}

static void tell(void *context, const char *text) {
    (void)context;
    snprintf(told, sizeof told, "%s", text);
}

bool saved_train(saved_run *r, bool saves) {
    as_trainee trainee = *r->trainee;
    const as_train_saver saver = {.path = path.text,
                                  .every_seconds = EVERY,
                                  .facts = facts,
                                  .n_facts = 2,
                                  .context = r,
                                  .pack = pack,
                                  .unpack = saved_unpack,
                                  .tell = tell};
    const as_train_job job = {.trainee = &trainee,
                              .data = &data,
                              .config = &r->set->config,
                              .seed = 3,
                              .observer = {.context = r, .step = on_step},
                              .saver = saves ? &saver : NULL};
    predict = trainee.predict;
    trainee.predict = r->set->one_class ? predict_class_0 : slow_predict;
    n_predicted = 0;
    latest_step = 0;
    one_class_until = r->set->until ? r->set->until : INT64_MAX;
    slow_at = r->save_epoch ? (r->save_epoch - 1) * (N_VALIDATION / 8) : -1;
    if (setjmp(r->out))
        return false;
    OK(as_train_run(arena, &job, &r->result, &error));
    return true;
}

static void check_same_epochs(const saved_run *a, const saved_run *b) {
    cr_assert_eq(a->result.n_epochs, b->result.n_epochs, "%s", a->set->name);
    for (int32_t i = 0; i < a->result.n_epochs; i++) {
        as_epoch_figures x = a->result.epochs[i], y = b->result.epochs[i];
        x.seconds = y.seconds = x.validation_seconds = y.validation_seconds = 0;
        cr_assert_eq(x.epoch, y.epoch);
        cr_assert_eq(x.steps, y.steps, "%s, epoch %d", a->set->name, i + 1);
        cr_assert_eq(x.n_rows, y.n_rows);
        cr_assert_eq(x.n_tokens, y.n_tokens);
        cr_assert_arr_eq(&x.train_loss, &y.train_loss, 8 * sizeof(double), "%s, epoch %d",
                         a->set->name, i + 1);
        cr_assert_eq(x.validation_only_class, y.validation_only_class);
    }
}

#define SAME(field) cr_assert(memcmp(&a->field, &b->field, sizeof a->field) == 0, "watched." #field)

static void check_same_watched(const as_watched *a, const as_watched *b) {
    SAME(seen);
    SAME(n_overfitting);
    SAME(overfitting_first.epoch);
    SAME(overfitting_first.train_accuracy);
    SAME(overfitting_first.validation_accuracy);
    SAME(overfitting_first.only_class);
    SAME(overfitting_first.n_classes_of);
    SAME(overfitting_last.epoch);
    SAME(overfitting_last.train_accuracy);
    SAME(overfitting_last.validation_accuracy);
    SAME(overfitting_last.only_class);
    SAME(overfitting_last.n_classes_of);
    SAME(n_one_class);
    SAME(kept_epoch);
    SAME(kept_class);
    SAME(n_exploding);
    SAME(exploding_step);
    SAME(exploding_norm);
    SAME(exploding_median);
    SAME(validation_half_width);
    SAME(warmup_steps);
    SAME(planned_steps);
}

void saved_check_same(const saved_run *a, const saved_run *b, const char *when) {
    const as_train_result *x = &a->result, *y = &b->result;
    uint64_t n = as_engine_n_elements(a->engine);
    double *one = as_arena_alloc_array(arena, n, sizeof *one);
    double *other = as_arena_alloc_array(arena, n, sizeof *other);
    for (int32_t state = ASSAY_STATE_PARAMETER; state <= ASSAY_STATE_MOMENT2; state++) {
        OK(as_engine_get(a->engine, state, one, n, &error));
        OK(as_engine_get(b->engine, state, other, n, &error));
        cr_assert_arr_eq(one, other, n * sizeof *one, "%s, %s: state %d differs", a->set->name,
                         when, state);
    }
    check_same_epochs(a, b);
    cr_assert_eq(x->best_epoch, y->best_epoch);
    cr_assert_eq(x->kept_epoch, y->kept_epoch);
    cr_assert_eq(x->stopped, y->stopped);
    cr_assert_eq(x->n_steps, y->n_steps);
    cr_assert_eq(x->initial_loss, y->initial_loss);
    cr_assert_eq(x->n_padded_tokens, y->n_padded_tokens);
    cr_assert_eq(x->n_rows, y->n_rows);
    check_same_watched(&x->watched, &y->watched);
}

saved_setting saved_usual(const char *name, const char *backend, int32_t dtype, int32_t optimizer) {
    saved_setting set = {
        .name = name, .backend = backend, .dtype = dtype, .config = toy_config(5, 0)};
    set.config.update.optimizer = optimizer;
    set.config.update.weight_decay = optimizer == ASSAY_OPTIMIZER_ADAM_LAZY ? 0 : 0.01;
    data = toy_prepared(arena, 100, N_VALIDATION);
    return set;
}
