/* SPDX-License-Identifier: MIT */
/* Saved training states: runs that are broken off after a step, taken up by a fresh engine and
 * trainee, end in the same bits as one done in one go: every optimizer, recipe, strategy, watcher.
 * test_state_use.c has states that are not usable. */
#include <unistd.h>

#include "plugin/plugin.h"
#include "saved_training.h"

TestSuite(state, .init = saved_set_up, .fini = saved_tear_down);

/* One break after step `after`; saved is after it, or at the end of epoch `epoch`. */
static void check_break(const saved_setting *set, const saved_run *whole, int64_t after,
                        int32_t epoch) {
    char when[80];
    saved_run r;
    unlink(path.text);
    saved_begin(&r, set);
    r.save_after = epoch ? 0 : after;
    r.break_at = after + 1;
    r.save_epoch = epoch;
    bool done = saved_train(&r, true);
    snprintf(when, sizeof when, "broken off after step %lld%s", (long long)after,
             epoch ? " (end of an epoch)" : "");
    cr_assert(r.saved, "%s, %s: not saved", set->name, when);
    cr_assert(!done || after >= whole->result.n_steps);
    saved_end(&r);
    saved_begin(&r, set);
    done = saved_train(&r, true);
    cr_assert(done);
    cr_assert_not_null(strstr(told, "training goes on after step"), "%s", told);
    cr_assert_eq(r.result.n_resumed, 1);
    cr_assert_leq(r.result.resumed_step, after);
    cr_assert_gt(r.result.resumed_step, 0);
    saved_check_same(whole, &r, when);
    saved_end(&r);
}

static void check_setting(const saved_setting *set) {
    saved_run whole;
    saved_begin(&whole, set);
    cr_assert(saved_train(&whole, false));
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
    saved_end(&whole);
}

static void check_optimizers(const char *backend, int32_t dtype) {
    static const char *const names[] = {"SGD", "Adam", "AdamW", "Keras' Adam", "lazy Adam"};
    for (int32_t i = 0; i < ASSAY_OPTIMIZER_COUNT; i++) {
        saved_setting set = saved_usual(names[i], backend, dtype, i);
        check_setting(&set);
    }
    saved_setting set = saved_usual("SGD with momentum", backend, dtype, ASSAY_OPTIMIZER_SGD);
    set.config.update.momentum = 0.9;
    check_setting(&set);
}

/* Accumulation, a schedule with a memory, early stopping by a figure, warm-up. */
static void check_recipes(const char *backend, int32_t dtype) {
    saved_setting set = saved_usual("accumulation", backend, dtype, ASSAY_OPTIMIZER_ADAMW);
    set.config.accumulate = 3;
    set.config.schedule.kind = AS_SCHEDULE_LINEAR;
    set.config.schedule.warmup_steps = 4;
    check_setting(&set);
    set = saved_usual("plateau", backend, dtype, ASSAY_OPTIMIZER_ADAM);
    set.config.schedule = (as_schedule_config){.kind = AS_SCHEDULE_PLATEAU,
                                               .metric = AS_METRIC_VALIDATION_ACCURACY,
                                               .factor = 0.5,
                                               .patience = 1,
                                               .threshold = 0.2};
    set.one_class = true; /* so that no epoch is better than the first */
    check_setting(&set);
    set = saved_usual("early stopping, the first epoch is kept", backend, dtype,
                      ASSAY_OPTIMIZER_ADAM);
    set.one_class = true; /* so all epochs are equally good */
    set.config.epochs = 12;
    set.config.patience = 3;
    set.config.metric = AS_METRIC_VALIDATION_ACCURACY;
    check_setting(&set);
    set = saved_usual("the last epoch", backend, dtype, ASSAY_OPTIMIZER_ADAM);
    set.config.keep_best = false;
    check_setting(&set);
}

static void check_strategies(const char *backend, int32_t dtype) {
    static const as_strategy gradual = {.kind = AS_STRATEGY_GRADUAL, .every = 1, .lr_decay = 0.5};
    static const as_strategy hybrid = {.kind = AS_STRATEGY_HYBRID, .layers = 1, .lr_decay = 1};
    saved_setting set = saved_usual("gradual", backend, dtype, ASSAY_OPTIMIZER_ADAMW);
    set.strategy = &gradual;
    check_setting(&set);
    set = saved_usual("hybrid", backend, dtype, ASSAY_OPTIMIZER_ADAM);
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

Test(state, watchers_go_on_watching, .timeout = 100) {
    saved_setting set =
        saved_usual("one class", "reference", ASSAY_DTYPE_F32, ASSAY_OPTIMIZER_ADAM);
    set.one_class = true;
    set.config.epochs = 8;

    set.config.keep_best = false;
    check_setting(&set);
    set.until = 65; /* and what was seen is not forgotten */
    check_setting(&set);
    set = saved_usual("exploding", "reference", ASSAY_DTYPE_F32, ASSAY_OPTIMIZER_ADAM);
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
