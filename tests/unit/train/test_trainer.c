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
    as_train_job job = {&toy.trainee, &data, config, 9, {NULL, NULL, NULL}};
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
    as_train_job job = {&toy.trainee, &data, &config, 9, {&n_told, on_progress, on_step}};
    toy.trainee.train_batch = slow_train_batch;
    int64_t start_ns = as_clock_ns();
    cr_assert_eq(as_train_run(arena, &job, &result, &error), ASSAY_OK);
    double seconds = (double)(as_clock_ns() - start_ns) * 1e-9;
    cr_assert_eq(n_steps_told, 70);
    cr_assert(n_told >= 1 && n_told <= seconds * 10 + 1, "%d in %g s", n_told, seconds);
}
