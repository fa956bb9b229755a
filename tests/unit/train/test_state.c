/* SPDX-License-Identifier: MIT */
/* Saved training states: runs that are broken off after a step, taken up by a fresh engine and
 * trainee, end in the same bits as one done in one go. */
#include <criterion/criterion.h>
#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>

#include "../scratch_folder.h"
#include "assay/blocks.h"
#include "base/clock.h"
#include "plugin/plugin.h"
#include "toy.h"
#include "train/engine.h"
#include "train/state.h"

enum { CHANNELS = 6, N_VALIDATION = 40, LARGE_TOKEN = TOY_VOCABULARY - 1 };

static as_arena *arena;
static as_prepared data;
static scratch_path folder, path;
static assay_error error;

#define OK(call) cr_assert_eq(call, ASSAY_OK, "%s: %s", error.where, error.text)

static void set_up(void) {
    error = (assay_error)ASSAY_ERROR_INIT;
    arena = as_arena_new();
    folder = scratch_folder();
    path = scratch_join(folder.text, "a.state");
}

static void tear_down(void) {
    scratch_remove(&folder);
    as_arena_free(arena);
}

TestSuite(state, .init = set_up, .fini = tear_down);

static const as_state_fact facts[] = {{"suite", "one"}, {"threads", "1"}};

typedef struct setting {
    const char *name, *backend;
    int32_t dtype;
    const as_strategy *strategy;
    as_train_config config;
    bool one_class; /* every validation text is predicted as class 0 */
    int64_t until;  /* this step; 0: to the end */
    bool explodes;  /* one train text has a very large gradient */
} setting;

typedef struct run {
    const setting *set;
    as_phases *phases;
    as_engine *engine;
    as_trainee *trainee;
    as_train_result result;
    /* where it is broken off */
    int64_t save_after, break_at; /* steps; 0: never */
    int32_t save_epoch;           /* its validation lasts until a save is due; 0: none */
    bool saved;
    jmp_buf out;
} run;

#define EVERY 0.05

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

static void begin(run *r, const setting *set) {
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

static void end(run *r) {
    as_trainee_free(r->trainee);
    as_engine_free(r->engine);
    as_phases_free(r->phases);
}

static void pass_time(void) {
    usleep((useconds_t)(1.2e6 * EVERY));
}

static int64_t latest_step, one_class_until;

static void on_step(void *context, const as_step_record *step) {
    run *r = context;
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
    run *r = context;
    static const double number = 0.1;
    r->saved = true;
    return as_state_add_f64(parts, "cell.number", &number, 1, ret_error);
}

static assay_status unpack(void *context, as_state *state, assay_error *ret_error) {
    double number = 0;
    assay_status status = as_state_read_f64(state, "cell.number", &number, 1, ret_error);
    (void)context;
    cr_assert(status != ASSAY_OK || number == 0.1);
    return status;
}

static char told[1600];

static void tell(void *context, const char *text) {
    (void)context;
    snprintf(told, sizeof told, "%s", text);
}

/* Runs to the end, or to where it is broken off; true: to the end. */
static bool train(run *r, bool saves) {
    as_trainee trainee = *r->trainee;
    const as_train_saver saver = {.path = path.text,
                                  .every_seconds = EVERY,
                                  .facts = facts,
                                  .n_facts = 2,
                                  .context = r,
                                  .pack = pack,
                                  .unpack = unpack,
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

static void check_same_epochs(const run *a, const run *b) {
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

static void check_same(const run *a, const run *b, const char *when) {
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

/* One break after step `after`; saved is after it, or at the end of epoch `epoch`. */
static void check_break(const setting *set, const run *whole, int64_t after, int32_t epoch) {
    char when[80];
    run r;
    unlink(path.text);
    begin(&r, set);
    r.save_after = epoch ? 0 : after;
    r.break_at = after + 1;
    r.save_epoch = epoch;
    bool done = train(&r, true);
    snprintf(when, sizeof when, "broken off after step %lld%s", (long long)after,
             epoch ? " (end of an epoch)" : "");
    cr_assert(r.saved, "%s, %s: not saved", set->name, when);
    cr_assert(!done || after >= whole->result.n_steps);
    end(&r);
    begin(&r, set);
    done = train(&r, true);
    cr_assert(done);
    cr_assert_not_null(strstr(told, "training goes on after step"), "%s", told);
    cr_assert_eq(r.result.n_resumed, 1);
    cr_assert_leq(r.result.resumed_step, after);
    cr_assert_gt(r.result.resumed_step, 0);
    check_same(whole, &r, when);
    end(&r);
}

static void check_setting(const setting *set) {
    run whole;
    begin(&whole, set);
    cr_assert(train(&whole, false));
    cr_assert_eq(whole.result.watched.n_exploding > 0, set->explodes);
    cr_assert_eq(whole.result.watched.n_one_class > 0, set->one_class);
    cr_assert(whole.result.watched.n_overfitting > 1 || !set->one_class);
    cr_assert_eq(whole.result.stopped, set->config.patience ? AS_STOPPED_EARLY : AS_STOPPED_EPOCHS);
    int64_t n = whole.result.n_steps, per_epoch = whole.result.epochs[0].steps;
    cr_assert_gt(n, 3 * per_epoch, "%s: %lld steps", set->name, (long long)n);
    const int64_t places[] = {1, per_epoch / 2, per_epoch, per_epoch + 1, 2 * per_epoch + 2, n - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        check_break(set, &whole, places[i], 0);
    check_break(set, &whole, per_epoch, 1);
    check_break(set, &whole, 2 * per_epoch, 2);
    end(&whole);
}

static setting usual(const char *name, const char *backend, int32_t dtype, int32_t optimizer) {
    setting set = {.name = name, .backend = backend, .dtype = dtype, .config = toy_config(5, 0)};
    set.config.update.optimizer = optimizer;
    set.config.update.weight_decay = optimizer == ASSAY_OPTIMIZER_ADAM_LAZY ? 0 : 0.01;
    data = toy_prepared(arena, 100, N_VALIDATION);
    return set;
}

static void check_optimizers(const char *backend, int32_t dtype) {
    static const char *const names[] = {"SGD", "Adam", "AdamW", "Keras' Adam", "lazy Adam"};
    for (int32_t i = 0; i < ASSAY_OPTIMIZER_COUNT; i++) {
        setting set = usual(names[i], backend, dtype, i);
        check_setting(&set);
    }
    setting set = usual("SGD with momentum", backend, dtype, ASSAY_OPTIMIZER_SGD);
    set.config.update.momentum = 0.9;
    check_setting(&set);
}

/* Accumulation, a schedule with a memory, early stopping by a figure, warm-up. */
static void check_recipes(const char *backend, int32_t dtype) {
    setting set = usual("accumulation", backend, dtype, ASSAY_OPTIMIZER_ADAMW);
    set.config.accumulate = 3;
    set.config.schedule.kind = AS_SCHEDULE_LINEAR;
    set.config.schedule.warmup_steps = 4;
    check_setting(&set);
    set = usual("plateau", backend, dtype, ASSAY_OPTIMIZER_ADAM);
    set.config.schedule = (as_schedule_config){.kind = AS_SCHEDULE_PLATEAU,
                                               .metric = AS_METRIC_VALIDATION_ACCURACY,
                                               .factor = 0.5,
                                               .patience = 1,
                                               .threshold = 0.2};
    set.one_class = true; /* so that no epoch is better than the first */
    check_setting(&set);
    set = usual("early stopping, the first epoch is kept", backend, dtype, ASSAY_OPTIMIZER_ADAM);
    set.one_class = true; /* so all epochs are equally good */
    set.config.epochs = 12;
    set.config.patience = 3;
    set.config.metric = AS_METRIC_VALIDATION_ACCURACY;
    check_setting(&set);
    set = usual("the last epoch", backend, dtype, ASSAY_OPTIMIZER_ADAM);
    set.config.keep_best = false;
    check_setting(&set);
}

static void check_strategies(const char *backend, int32_t dtype) {
    static const as_strategy gradual = {.kind = AS_STRATEGY_GRADUAL, .every = 1, .lr_decay = 0.5};
    static const as_strategy hybrid = {.kind = AS_STRATEGY_HYBRID, .layers = 1, .lr_decay = 1};
    setting set = usual("gradual", backend, dtype, ASSAY_OPTIMIZER_ADAMW);
    set.strategy = &gradual;
    check_setting(&set);
    set = usual("hybrid", backend, dtype, ASSAY_OPTIMIZER_ADAM);
    set.strategy = &hybrid;
    check_setting(&set);
}

Test(state, reference_goes_on_to_the_same_bits, .timeout = 100) {
    check_optimizers("reference", ASSAY_DTYPE_F32);
}

Test(state, recipes_go_on_to_the_same_bits, .timeout = 100) {
    check_recipes("reference", ASSAY_DTYPE_F64);
}

Test(state, strategies_go_on_to_the_same_bits, .timeout = 100) {
    check_strategies("reference", ASSAY_DTYPE_F32);
}

#ifdef HAVE_ONEDNN
Test(state, onednn_goes_on_to_the_same_bits, .timeout = 100) {
    check_optimizers("onednn", ASSAY_DTYPE_F32);
}

static bool can_bf16(void) {
    const assay_device_config config = {(uint32_t)sizeof config, ASSAY_DTYPE_BF16, 1, 0, 0};
    const assay_backend *backend = NULL;
    assay_device *device = NULL;
    as_plugin plugin;
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, "onednn", &plugin, &error));
    OK(as_plugin_backend(&plugin, &backend, &error));
    if (backend->open(&config, &device, NULL) != ASSAY_OK)
        return false;
    backend->close(device);
    return true;
}

Test(state, bf16_goes_on_to_the_same_bits, .timeout = 100) {
    if (!can_bf16())
        cr_skip("the processor has no bf16");
    check_optimizers("onednn", ASSAY_DTYPE_BF16);
}

Test(state, recipes_on_onednn_go_on_to_the_same_bits, .timeout = 100) {
    check_recipes("onednn", ASSAY_DTYPE_F32);
    check_strategies("onednn", ASSAY_DTYPE_F32);
}
#endif

/* Norms leave the window in the order they came in, after it was taken up too. */
Test(state, a_watch_goes_on_with_its_norms) {
    as_random random = as_random_init(1, 1);
    as_watch whole, broken;
    as_watch_start(&whole, 0, 1000);
    for (int64_t step = 1; step <= 900; step++) {
        double norm = as_random_uniform(&random);
        if (step == 100 || step == 700) {
            broken = whole;
            memset(broken.sorted, 0, sizeof broken.sorted);
            cr_assert(as_watch_take_up(&broken));
        }
        as_watch_step(&whole, step, norm);
        if (step >= 100) {
            as_watch_step(&broken, step, norm);
            cr_assert_arr_eq(broken.sorted, whole.sorted,
                             (size_t)whole.n_norms * sizeof *whole.sorted, "step %d", (int)step);
        }
    }
    broken.latest[3] = (double)NAN;
    cr_assert_not(as_watch_take_up(&broken));
}

/* ---- states that are not used ---------------------------------------------------------------- */

Test(state, watchers_go_on_watching, .timeout = 100) {
    setting set = usual("one class", "reference", ASSAY_DTYPE_F32, ASSAY_OPTIMIZER_ADAM);
    set.one_class = true;
    set.config.epochs = 8;

    set.config.keep_best = false;
    check_setting(&set);
    set.until = 65; /* and what was seen is not forgotten */
    check_setting(&set);
    set = usual("exploding", "reference", ASSAY_DTYPE_F32, ASSAY_OPTIMIZER_ADAM);
    set.explodes = true;
    as_split_rows *train_rows = &data.splits[AS_SPLIT_TRAIN];
    for (uint32_t i = 0; i < train_rows->n_rows; i++)
        for (int32_t t = 0; t < train_rows->rows[i].n_ids; t++) {
            int32_t *ids = (int32_t *)(uintptr_t)train_rows->rows[i].ids;
            ids[t] = ids[t] == LARGE_TOKEN ? LARGE_TOKEN - 1 : ids[t];
            ids[0] = i == 0 ? LARGE_TOKEN : ids[0];
        }
    check_setting(&set);
}

/* Broken off after a step. */
static void leave_a_state(const setting *set, int64_t after) {
    run r;
    begin(&r, set);
    r.save_after = after;
    r.break_at = after + 1;
    cr_assert(!train(&r, true));
    cr_assert(r.saved);
    end(&r);
}

Test(state, a_run_is_broken_off_as_often_as_you_like) {
    setting set = usual("thrice", "reference", ASSAY_DTYPE_F32, ASSAY_OPTIMIZER_ADAMW);
    run whole, r;
    begin(&whole, &set);
    cr_assert(train(&whole, false));
    for (int64_t after = 9; after < 60; after += 20)
        leave_a_state(&set, after);
    begin(&r, &set);
    cr_assert(train(&r, true));
    cr_assert_eq(r.result.n_resumed, 3);
    check_same(&whole, &r, "thrice");
    end(&r);
    end(&whole);
}

Test(state, a_damaged_state_costs_its_part_of_the_training_alone) {
    setting set = usual("damaged", "reference", ASSAY_DTYPE_F32, ASSAY_OPTIMIZER_ADAM);
    run whole, r;
    leave_a_state(&set, 5);
    cr_assert_eq(truncate(path.text, 3000), 0);
    begin(&whole, &set);
    cr_assert(train(&whole, false));
    begin(&r, &set);
    cr_assert(train(&r, true));
    cr_assert_not_null(strstr(told, "training starts anew"), "%s", told);
    cr_assert_eq(r.result.n_resumed, 0);
    check_same(&whole, &r, "damaged");
    end(&r);
    end(&whole);
}

static assay_status give_f64(void *context, int32_t unused, uint32_t index, as_state_sink *sink,
                             assay_error *ret_error) {
    const as_tensor *tensor = (const as_tensor *)context + index;
    double *values = as_arena_alloc(arena, tensor->n_bytes);
    (void)unused;
    (void)ret_error;
    memcpy(values, tensor->data, tensor->n_bytes);
    as_state_put(sink, values, tensor->n_elements);
    return ASSAY_OK;
}

static void add_f64(as_state_parts *parts, const as_tensor *tensors, uint32_t i) {
    as_tensor_out tensor = {tensors[i].name, AS_TENSOR_F64, tensors[i].rank, {0}};
    memcpy(tensor.dims, tensors[i].dims, sizeof tensor.dims);
    OK(as_state_add_source(parts, &tensor, give_f64, (void *)(uintptr_t)tensors, 0, i, &error));
}

/* With a right checksum: made by hand, or a fault of ours. The first of an integer's values is
 * another, or, where there is none of that name, it is there too. */
static void check_refused(const setting *set, const char *name, int64_t value) {
    as_state_parts *parts = NULL;
    as_safetensors *file = NULL;
    bool found = false;
    size_t n;
    OK(as_safetensors_open(path.text, &file, &error));
    const as_tensor *tensors = as_safetensors_tensors(file, &n);
    OK(as_state_parts_new(&parts, &error));
    for (size_t i = 0; i < n; i++) {
        int64_t *numbers = as_arena_alloc_array(arena, tensors[i].n_elements, 8);
        if (tensors[i].type == AS_TENSOR_F64)
            add_f64(parts, tensors, (uint32_t)i);
        if (tensors[i].type != AS_TENSOR_I64)
            continue;
        memcpy(numbers, tensors[i].data, tensors[i].n_bytes);
        if (strcmp(tensors[i].name, name) == 0) {
            numbers[0] = value;
            found = true;
        }
        OK(as_state_add_i64(parts, tensors[i].name, numbers, tensors[i].n_elements, &error));
    }
    if (!found)
        OK(as_state_add_i64(parts, name, &value, 1, &error));
    OK(as_state_write(parts, scratch_join(folder.text, "b.state").text, facts, 2, &error));
    as_state_parts_free(parts);
    as_safetensors_close(file);

    run r;
    begin(&r, set);
    const as_train_saver saver = {.path = scratch_join(folder.text, "b.state").text,
                                  .facts = facts,
                                  .n_facts = 2,
                                  .unpack = unpack};
    const as_train_job job = {
        .trainee = r.trainee, .data = &data, .config = &set->config, .seed = 3, .saver = &saver};
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_train_run(arena, &job, &r.result, &error), ASSAY_BAD_DATA, "%s", name);
    cr_assert_not_null(strstr(error.where, name), "%s: %s", error.where, error.text);
    error = (assay_error)ASSAY_ERROR_INIT;
    end(&r);
}

Test(state, numbers_out_of_bounds_are_refused_by_name) {
    setting set = usual("bounds", "reference", ASSAY_DTYPE_F64, ASSAY_OPTIMIZER_ADAM);
    leave_a_state(&set, 5);
    check_refused(&set, "begun", 0);
    check_refused(&set, "begun", 6);
    check_refused(&set, "begun", 3);
    check_refused(&set, "n_done", 1000);
    check_refused(&set, "result.n_epochs", -1);
    check_refused(&set, "result.best_epoch", 4);
    check_refused(&set, "result.kept_epoch", 4);
    check_refused(&set, "result.n_steps", INT64_MIN);
    check_refused(&set, "watch.n_norms", 256);
    check_refused(&set, "watch.next", 255);
    check_refused(&set, "epochs.validation_only_class", 2);
    check_refused(&set, "moment3", 1);
}

Test(state, a_save_that_fails_changes_nothing) {
    setting set = usual("no room", "reference", ASSAY_DTYPE_F32, ASSAY_OPTIMIZER_ADAM);
    run whole, r;
    begin(&whole, &set);
    cr_assert(train(&whole, false));
    begin(&r, &set);
    path = scratch_join(folder.text, "no/such/folder/a.state");
    r.save_after = 3;
    told[0] = '\0';
    cr_assert(train(&r, true));
    cr_assert_not_null(strstr(told, "could not be saved"), "%s", told);
    check_same(&whole, &r, "not saved");
    end(&r);
    end(&whole);
}

/* Times of what was done before the break count, the break and the saves don't. */
Test(state, times_add_up) {
    setting set = usual("times", "reference", ASSAY_DTYPE_F32, ASSAY_OPTIMIZER_ADAM);
    run r;
    leave_a_state(&set, 60); /* in which 1.2 times EVERY passed */
    int64_t start_ns = as_clock_ns();
    usleep(300000);
    begin(&r, &set);
    cr_assert(train(&r, true));
    double since = (double)(as_clock_ns() - start_ns) * 1e-9;
    cr_assert_geq(r.result.epochs[4].seconds, EVERY);
    cr_assert_geq(r.result.seconds, EVERY);
    cr_assert_lt(r.result.epochs[4].seconds, since, "the break counts");
    int64_t n_batches = r.result.n_steps + r.result.n_epochs * N_VALIDATION / 8;
    cr_assert_lt(r.result.host_seconds_per_batch * (double)n_batches, 1.001 * r.result.seconds);
    end(&r);
}
