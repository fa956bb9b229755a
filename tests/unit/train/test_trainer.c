/* SPDX-License-Identifier: MIT */
/* The epoch loop, driven by a scripted trainee. */
#include <criterion/criterion.h>
#include <unistd.h>

#include "base/clock.h"
#include "toy.h"

static as_arena *arena;
static as_prepared data;
static toy_trainee toy;
static as_train_result result;
static assay_error error;

static void set_up(void) {
    arena = as_arena_new();
    data = toy_prepared(arena, 50, 20);
    toy_init(&toy);
    error = (assay_error)ASSAY_ERROR_INIT;
    memset(&result, 0, sizeof result);
    result.n_epochs = 77;
}

static void tear_down(void) {
    as_arena_free(arena);
}

TestSuite(trainer, .init = set_up, .fini = tear_down);

static assay_status run(const as_train_config *config) {
    as_train_job job = {&toy.trainee, &data, config, 9, {.context = NULL}, NULL};
    return as_train_run(arena, &job, &result, &error);
}

/* Validation gets better up to `best`, then worse. */
static void script_best(int best) {
    for (int epoch = 0; epoch < 16; epoch++)
        toy.margin[epoch] = epoch <= best ? epoch : 2 * best - epoch;
}

Test(trainer, stops_patience_epochs_after_the_best_and_restores_it) {
    as_train_config config = toy_config(12, 2);
    script_best(3);
    cr_assert_eq(run(&config), ASSAY_OK, "%s", error.text);
    cr_assert_eq(result.n_epochs, 5);
    cr_assert_eq(result.best_epoch, 3);
    cr_assert_eq(result.kept_epoch, 3);
    cr_assert_eq(toy.weights, 3);
    cr_assert_eq(result.stopped, AS_STOPPED_EARLY);
    cr_assert_str_eq(as_stopped_name(result.stopped), "early");
}

Test(trainer, patience_0_never_stops_early) {
    as_train_config config = toy_config(9, 0);
    script_best(3);
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(result.n_epochs, 9);
    cr_assert_eq(result.stopped, AS_STOPPED_EPOCHS);
    cr_assert_eq(toy.weights, 3);
}

Test(trainer, running_out_of_epochs_is_not_early) {
    as_train_config config = toy_config(5, 2);
    script_best(3);
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(result.stopped, AS_STOPPED_EPOCHS);
}

Test(trainer, best_epoch_follows_the_metric) {
    as_train_config config = toy_config(4, 0);
    /* epoch 2: few errors but timid; epoch 4: confident, more errors */
    double margin[] = {0, 0.1, 0.2, 0.3, 3};
    uint64_t n_wrong[] = {9, 8, 0, 4, 2};
    memcpy(toy.margin, margin, sizeof margin);
    memcpy(toy.n_wrong, n_wrong, sizeof n_wrong);
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(result.best_epoch, 4);
    cr_assert_float_eq(result.epochs[3].validation_accuracy, 0.9, 1e-15);
    config.metric = AS_METRIC_VALIDATION_ACCURACY;
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(result.best_epoch, 2);
    config.metric = AS_METRIC_VALIDATION_F1_MACRO;
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(result.best_epoch, 2);
    cr_assert_eq(toy.weights, 2);
}

Test(trainer, equal_epochs_keep_the_first) {
    as_train_config config = toy_config(6, 2);
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(result.best_epoch, 1);
    cr_assert_eq(result.n_epochs, 3);
}

Test(trainer, keep_best_off_ends_with_the_last_epoch) {
    as_train_config config = toy_config(6, 0);
    config.keep_best = false;
    script_best(2);
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(result.best_epoch, 2);
    cr_assert_eq(result.kept_epoch, 6);
    cr_assert_eq(toy.weights, 6);
}

Test(trainer, a_trainee_that_cannot_keep_ends_with_the_last_epoch) {
    as_train_config config = toy_config(6, 0);
    toy.trainee.keep = NULL;
    toy.trainee.restore = NULL;
    script_best(2);
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(result.kept_epoch, 6);
    cr_assert_eq(toy.weights, 6);
}

Test(trainer, nan_loss_is_divergence_and_the_last_good_epoch_comes_back) {
    as_train_config config = toy_config(6, 0);
    toy.nan_at_step = 7 + 7 + 2; /* 50 rows in batches of 8: 7 steps an epoch */
    script_best(6);
    cr_assert_eq(run(&config), ASSAY_DIVERGED);
    cr_assert(strstr(error.text, "step 16"), "%s", error.text);
    cr_assert_eq(result.stopped, AS_STOPPED_DIVERGED);
    cr_assert_eq(result.diverged_step, 16);
    cr_assert_eq(result.n_epochs, 2);
    cr_assert_eq(result.kept_epoch, 2);
    cr_assert_eq(toy.weights, 2);
}

Test(trainer, the_last_good_epoch_comes_back_when_the_last_is_to_be_kept) {
    as_train_config config = toy_config(6, 0);
    config.keep_best = false;
    toy.nan_at_step = 7 + 7 + 2;
    script_best(1);
    cr_assert_eq(run(&config), ASSAY_DIVERGED);
    cr_assert_eq(result.best_epoch, 1);
    cr_assert_eq(result.kept_epoch, 2);
    cr_assert_eq(toy.weights, 2);
}

Test(trainer, divergence_in_the_first_epoch_leaves_the_initial_weights) {
    as_train_config config = toy_config(6, 0);
    toy.nan_at_step = 1;
    cr_assert_eq(run(&config), ASSAY_DIVERGED);
    cr_assert_eq(result.kept_epoch, 0);
    cr_assert_eq(result.best_epoch, 0);
    cr_assert_eq(toy.weights, 0);
    cr_assert(isnan(result.tokens_per_second));
}

Test(trainer, nan_validation_is_divergence) {
    as_train_config config = toy_config(6, 0);
    toy.margin[2] = (double)NAN;
    cr_assert_eq(run(&config), ASSAY_DIVERGED);
    cr_assert_eq(result.diverged_step, 14);
    cr_assert_eq(toy.weights, 1);
}

Test(trainer, a_model_without_a_loss_does_not_diverge) {
    as_train_config config = toy_config(2, 0);
    toy.has_loss = false;
    toy.nan_at_step = 3;
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert(isnan(result.epochs[0].train_loss));
    cr_assert(isnan(result.epochs[0].train_accuracy));
}

Test(trainer, a_failing_step_leaves_the_result_untouched) {
    as_train_config config = toy_config(2, 0);
    toy.fail_at_step = 3;
    cr_assert_eq(run(&config), ASSAY_LIMIT);
    cr_assert_eq(result.n_epochs, 77);
    cr_assert_str_eq(error.text, "scripted failure");
}

Test(trainer, no_epochs_trains_nothing) {
    as_train_config config = toy_config(0, 3);
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(toy.n_steps, 0);
    cr_assert_eq(result.stopped, AS_STOPPED_NONE);
    cr_assert_eq(result.n_epochs, 0);
    cr_assert(isnan(result.initial_loss));
    cr_assert(isnan(result.host_seconds_per_batch));
}

Test(trainer, without_validation_rows_the_last_epoch_counts) {
    as_train_config config = toy_config(4, 1);
    data = toy_prepared(arena, 50, 0);
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(result.n_epochs, 4);
    cr_assert_eq(result.best_epoch, 4);
    cr_assert_eq(result.stopped, AS_STOPPED_EPOCHS);
    cr_assert(isnan(result.epochs[3].validation_loss));
    cr_assert_eq(toy.weights, 4);
}

Test(trainer, no_train_rows_is_an_error) {
    as_train_config config = toy_config(1, 0);
    data = toy_prepared(arena, 0, 4);
    cr_assert_eq(run(&config), ASSAY_INVALID_ARGUMENT);
    cr_assert_eq(result.n_epochs, 77);
}

Test(trainer, every_row_once_an_epoch_and_every_step_its_own_seed) {
    as_train_config config = toy_config(3, 0);
    uint64_t first[21];
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(toy.n_steps, 21);
    cr_assert_eq(toy.row_sum, 3 * (50 * 49 / 2));
    cr_assert_eq(result.n_steps, 21);
    cr_assert_eq(result.n_rows, 150);
    cr_assert_eq(result.n_tokens, 3 * data.splits[AS_SPLIT_TRAIN].n_tokens);
    cr_assert_eq(toy.n_predicted, 3 * 20);
    cr_assert_eq(result.initial_loss, 1.0);
    for (int i = 0; i < 21; i++)
        for (int k = 0; k < i; k++)
            cr_assert_neq(toy.seeds[i], toy.seeds[k]);
    memcpy(first, toy.seeds, sizeof first);
    toy_init(&toy);
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_arr_eq(first, toy.seeds, sizeof first);
}

Test(trainer, train_loss_is_the_mean_over_rows) {
    as_train_config config = toy_config(1, 0);
    double sum = 0;
    cr_assert_eq(run(&config), ASSAY_OK);
    /* The scripted loss of step i is 1 / i; one batch of the seven has 2 rows, wherever it stands.
     */
    for (int i = 1; i <= 7; i++)
        sum += 8.0 / i;
    bool found = false;
    for (int small = 1; small <= 7; small++)
        found = found || fabs((sum - 6.0 / small) / 50 - result.epochs[0].train_loss) < 1e-12;
    cr_assert(found, "%g", result.epochs[0].train_loss);
}

/* ---- early stopping, schedule ---------------------------------------------------------------- */

/* Accuracy after epoch e is 1 - n_wrong[e] / 20. */
static void script_wrong(const uint64_t *n_wrong, int n) {
    memcpy(toy.n_wrong + 1, n_wrong, (size_t)n * sizeof *n_wrong);
}

Test(trainer, a_step_up_of_min_delta_does_not_count_for_patience) {
    static const uint64_t n_wrong[] = {10, 9, 8, 7, 6, 6, 5, 4};
    as_train_config config = toy_config(8, 2);
    config.metric = AS_METRIC_VALIDATION_ACCURACY;
    script_wrong(n_wrong, 8);
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(result.n_epochs, 8);
    config.min_delta = 0.12; /* 0.50 -> 0.65 in epoch 4 counts, then 0.80 would in epoch 8 */
    config.patience = 3;
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(result.n_epochs, 7);
    cr_assert_eq(result.stopped, AS_STOPPED_EARLY);
    cr_assert_eq(result.best_epoch, 7); /* kept is the best, by however little */
    cr_assert_eq(toy.weights, 7);
}

Test(trainer, every_metric_can_stop) {
    static const uint64_t n_wrong[] = {6, 5, 4, 4, 4, 4, 4, 4};
    as_train_config config = toy_config(8, 2);
    script_wrong(n_wrong, 8);
    for (int epoch = 0; epoch < 16; epoch++)
        toy.margin[epoch] = epoch == 1 ? 0.1 : 6; /* the loss is best after epoch 1 */
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(result.n_epochs, 3);
    config.metric = AS_METRIC_VALIDATION_ACCURACY;
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(result.n_epochs, 5);
    config.metric = AS_METRIC_VALIDATION_F1_MACRO;
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(result.n_epochs, 5);
}

Test(trainer, the_schedule_spans_all_steps) {
    as_train_config config = toy_config(3, 0);
    config.schedule = (as_schedule_config){.kind = AS_SCHEDULE_LINEAR};
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_float_eq(toy.rate, 0.05 / 21, 1e-15);
    cr_assert_float_eq(result.epochs[0].learning_rate, 0.05 * 15 / 21, 1e-15); /* of step 7 */
    cr_assert_float_eq(result.epochs[2].learning_rate, 0.05 / 21, 1e-15);
    config.accumulate = 2; /* 4 steps an epoch */
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_float_eq(toy.rate, 0.05 / 12, 1e-15);
}

Test(trainer, the_plateau_is_told_its_own_metric) {
    static const uint64_t n_wrong[] = {6, 5, 5, 5, 5, 4};
    as_train_config config = toy_config(6, 0);
    config.schedule = (as_schedule_config){.kind = AS_SCHEDULE_PLATEAU,
                                           .metric = AS_METRIC_VALIDATION_ACCURACY,
                                           .factor = 0.5,
                                           .patience = 1};
    script_wrong(n_wrong, 6);
    for (int epoch = 0; epoch < 16; epoch++)
        toy.margin[epoch] = 1 + 0.5 * epoch; /* would never rest by the loss alone */
    cr_assert_eq(run(&config), ASSAY_OK);
    for (int i = 0; i < 6; i++)
        cr_assert_float_eq(result.epochs[i].learning_rate, i < 4 ? 0.05 : 0.025, 1e-15, "%d", i);
}

Test(trainer, a_plateau_needs_validation_rows) {
    as_train_config config = toy_config(4, 0);
    config.schedule.kind = AS_SCHEDULE_PLATEAU;
    data = toy_prepared(arena, 50, 0);
    cr_assert_eq(run(&config), ASSAY_INVALID_ARGUMENT);
    cr_assert_str_eq(error.where, "training.schedule");
    cr_assert_eq(toy.n_steps, 0);
}

/* ---- accumulation ---------------------------------------------------------------------------- */

Test(trainer, accumulates_batches_and_tells_each_the_weight_of_the_step) {
    as_train_config config = toy_config(8, 0);
    config.accumulate = 3;
    cr_assert_eq(run(&config), ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_eq(toy.n_batches, 8 * 7);
    cr_assert_eq(toy.n_steps, 8 * 3); /* 3 + 3 + 1 batches an epoch */
    cr_assert_eq(result.n_steps, 8 * 3);
    cr_assert_eq(result.n_rows, 8 * 50);
    cr_assert_eq(toy.row_sum, 8 * (50 * 49 / 2));
    for (int epoch = 0; epoch < 8; epoch++) {
        const double *told = toy.loss_weights + 7 * epoch, *own = toy.own_weights + 7 * epoch;
        for (int step = 0; step < 2; step++)
            for (int i = 0; i < 3; i++)
                cr_assert_eq(told[3 * step + i],
                             own[3 * step] + own[3 * step + 1] + own[3 * step + 2]);
        cr_assert_eq(told[6], 0); /* alone */
    }
}

Test(trainer, batches_of_a_step_share_its_seed) {
    as_train_config config = toy_config(1, 0);
    config.accumulate = 4;
    cr_assert_eq(run(&config), ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_eq(toy.seeds[0], toy.seeds[3]);
    cr_assert_neq(toy.seeds[3], toy.seeds[4]);
    cr_assert_eq(toy.seeds[4], toy.seeds[6]);
}

Test(trainer, a_model_that_steps_by_itself_cannot_accumulate) {
    as_train_config config = toy_config(1, 0);
    config.accumulate = 2;
    toy.trainee.loss_weight = NULL;
    cr_assert_eq(run(&config), ASSAY_UNSUPPORTED);
    cr_assert_str_eq(error.where, "training.accumulate");
    config.accumulate = 1;
    cr_assert_eq(run(&config), ASSAY_OK);
}

/* ---- watchers -------------------------------------------------------------------------------- */

Test(trainer, over_fitting_and_one_class_are_seen) {
    static const uint64_t n_wrong[] = {3, 4, 5, 6};
    as_train_config config = toy_config(4, 0);
    config.keep_best = false;
    toy.train_right = 0.96;
    script_wrong(n_wrong, 4);
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_float_eq(result.epochs[0].train_accuracy, 0.96, 1e-12);
    cr_assert_eq(result.watched.n_overfitting, 4); /* gaps of 0.11, 0.16, ... */
    cr_assert_eq(result.watched.overfitting_last.epoch, 4);
    cr_assert_eq(result.watched.n_one_class, 0);
    cr_assert_eq(result.epochs[3].validation_only_class, -1);
    cr_assert_eq(result.watched.n_validation, 20);
    cr_assert(result.watched.seen & AS_WATCH_SMALL_VALIDATION);
    toy.only_class = 1;
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(result.watched.n_one_class, 4);
    cr_assert_eq(result.watched.kept_class, 1);
    cr_assert_eq(result.epochs[3].validation_only_class, 1);
}

Test(trainer, gradient_norms_reach_the_watcher) {
    as_train_config config = toy_config(10, 0);
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(result.watched.seen & AS_WATCH_EXPLODING, 0);
    toy.explodes_at_step = 40;
    cr_assert_eq(run(&config), ASSAY_OK);
    cr_assert_eq(result.watched.exploding_step, 40);
    cr_assert_eq(result.watched.n_exploding, 1);
    toy.grad_norm = INFINITY;
    cr_assert_eq(run(&config), ASSAY_DIVERGED);
}

/* ---- observers ------------------------------------------------------------------------------- */

static int n_told, n_steps_told;
static double last_share;

static void on_progress(void *context, const as_train_progress *progress) {
    cr_assert_eq(context, &n_told);
    cr_assert(progress->share >= 0 && progress->share <= 1);
    cr_assert(progress->epoch >= 1 && progress->epoch <= progress->epochs);
    last_share = progress->share;
    n_told++;
}

static void on_step(void *context, const as_step_record *record) {
    cr_assert_eq(context, &n_told);
    cr_assert_eq(record->step, ++n_steps_told);
    cr_assert_eq(record->learning_rate, 0.05);
}

static assay_status slow_train_batch(void *self, const assay_batch *batch,
                                     const as_batch_step *step, double *logits,
                                     as_batch_result *ret_result, assay_error *ret_error) {
    usleep(10000);
    return toy_train_batch(self, batch, step, logits, ret_result, ret_error);
}

Test(trainer, tells_progress_at_most_ten_times_a_second) {
    as_train_config config = toy_config(10, 0);
    as_train_job job = {&toy.trainee, &data, &config, 9, {&n_told, on_progress, on_step, NULL},
                        NULL};
    toy.trainee.train_batch = slow_train_batch;
    int64_t start_ns = as_clock_ns();
    cr_assert_eq(as_train_run(arena, &job, &result, &error), ASSAY_OK);
    double seconds = (double)(as_clock_ns() - start_ns) * 1e-9;
    cr_assert_eq(n_steps_told, 70);
    cr_assert(n_told >= 1 && n_told <= seconds * 10 + 1, "%d in %g s", n_told, seconds);
}

static int n_paused;

static void pause_20_ms(void *context) {
    const struct timespec time = {0, 20000000};
    (*(int *)context)++;
    nanosleep(&time, NULL);
}

/* Others measure between the steps of a training; its own times must not know of it. */
Test(trainer, what_a_pause_takes_does_not_count) {
    as_train_config config = toy_config(2, 0);
    as_train_job job = {
        &toy.trainee, &data, &config, 9, {.context = &n_paused, .pause = pause_20_ms}, NULL};
    cr_assert_eq(as_train_run(arena, &job, &result, &error), ASSAY_OK);
    cr_assert_eq(n_paused, result.n_steps, "once behind each step");
    cr_assert_lt(result.train_seconds, 0.02 * n_paused / 2);
    cr_assert_lt(result.seconds, 0.02 * n_paused / 2);
}

/* Tokens are real ones: the suite's padding is run over, not counted. */
Test(trainer, the_suites_padding_is_no_token) {
    as_split_rows *train = &data.splits[AS_SPLIT_TRAIN];
    as_row *rows = as_arena_alloc_array(arena, train->n_rows, sizeof *rows);
    as_train_config config = toy_config(2, 0);
    as_train_job job = {&toy.trainee, &data, &config, 9, {.context = NULL}, NULL};
    static const int32_t padded[TOY_LONGEST] = {3, 4};
    for (uint32_t i = 0; i < train->n_rows; i++) {
        rows[i] = train->rows[i];
        rows[i].ids = padded;
        rows[i].n_ids = TOY_LONGEST;
        rows[i].n_padding = TOY_LONGEST - 2;
    }
    train->rows = rows;
    train->longest = TOY_LONGEST;
    cr_assert_eq(as_train_run(arena, &job, &result, &error), ASSAY_OK);
    cr_assert_eq(result.n_tokens, 2 * 2 * (uint64_t)train->n_rows);
    cr_assert_eq(result.n_padded_tokens, 2 * TOY_LONGEST * (uint64_t)train->n_rows);
    cr_assert_eq(result.epochs[1].n_tokens, 2 * (uint64_t)train->n_rows);
}
