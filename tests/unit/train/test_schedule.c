/* SPDX-License-Identifier: MIT */
/* Schedules beside those of PyTorch and transformers (tests/golden/recipes.json), and at their
 * ends.
 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "train/recipe.h"

static double number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    cr_assert(json_is_number(value), "%s", key);
    return json_number_value(value);
}

static as_train_config config_of(json_t *training) {
    as_train_config config;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_train_config_from_json(training, "t", &config, &error), ASSAY_OK, "%s: %s",
                 error.where, error.text);
    json_decref(training);
    return config;
}

/* Every rate of a case; the end of an epoch tells its metric. */
static void check_case(const json_t *c, size_t index) {
    as_train_config config =
        config_of(json_pack("{s:O}", "schedule", json_object_get(c, "schedule")));
    const json_t *metrics = json_object_get(c, "metrics"), *rates = json_object_get(c, "rates");
    int64_t n_epochs = (int64_t)number(c, "epochs");
    int64_t n_steps = (int64_t)number(c, "steps_per_epoch");
    as_schedule schedule = as_schedule_start(&config.schedule, number(c, "lr"), n_epochs * n_steps);
    cr_assert_eq(json_array_size(rates), (size_t)(n_epochs * n_steps));
    for (int64_t step = 1; step <= n_epochs * n_steps; step++) {
        int64_t epoch = (step - 1) / n_steps + 1;
        double expected = json_number_value(json_array_get(rates, (size_t)step - 1));
        cr_expect_float_eq(as_schedule_rate(&schedule, step, (int32_t)epoch), expected,
                           1e-15 + 1e-12 * expected, "schedule %zu (%s), step %lld", index,
                           as_schedule_kind_name(config.schedule.kind), (long long)step);
        if (step % n_steps == 0 && json_array_size(metrics))
            as_schedule_epoch_done(&schedule,
                                   json_number_value(json_array_get(metrics, (size_t)epoch - 1)));
    }
}

Test(schedule, rates_are_those_of_pytorch_and_transformers) {
    char path[4096];
    json_error_t error;
    snprintf(path, sizeof path, "%s/recipes.json", getenv("AS_GOLDEN"));
    json_t *root = json_load_file(path, 0, &error), *c;
    size_t i;
    cr_assert_not_null(root, "%s: %s", path, error.text);
    cr_assert_geq(json_array_size(json_object_get(root, "schedules")), 15);
    json_array_foreach(json_object_get(root, "schedules"), i, c) {
        check_case(c, i);
    }
    json_decref(root);
}

Test(schedule, steps_beyond_the_plan_keep_the_last_rate) {
    as_schedule_config linear = {.kind = AS_SCHEDULE_LINEAR, .final = 0.25};
    as_schedule_config cosine = {.kind = AS_SCHEDULE_COSINE, .warmup_steps = 2};
    as_schedule a = as_schedule_start(&linear, 0.1, 10), b = as_schedule_start(&cosine, 0.1, 10);
    cr_assert_float_eq(as_schedule_rate(&a, 11, 1), 0.025, 1e-15);
    cr_assert_float_eq(as_schedule_rate(&a, 500, 9), 0.025, 1e-15);
    cr_assert_float_eq(as_schedule_rate(&b, 11, 1), 0, 1e-15);
    cr_assert_float_eq(as_schedule_rate(&b, 18, 1), 0, 1e-15); /* a cosine alone would rise again */
}

Test(schedule, only_the_plateau_listens_to_the_metric) {
    as_schedule_config config = {.kind = AS_SCHEDULE_CONSTANT};
    as_schedule schedule = as_schedule_start(&config, 0.1, 10);
    for (int i = 0; i < 50; i++)
        as_schedule_epoch_done(&schedule, 1);
    cr_assert_eq(as_schedule_rate(&schedule, 1, 1), 0.1);
}

/* ---- what a suite may say -------------------------------------------------------------------- */

Test(schedule, defaults) {
    as_train_config config = config_of(NULL);
    cr_assert_eq(config.schedule.kind, AS_SCHEDULE_CONSTANT);
    cr_assert_eq(config.update.optimizer, ASSAY_OPTIMIZER_ADAM);
    cr_assert_eq(config.update.clip_norm, 1);
    cr_assert_eq(config.update.clip_value, 0);
    cr_assert_eq(config.update.epsilon, 1e-8);
    cr_assert_eq(config.accumulate, 1);
    cr_assert_eq(config.decay_exempt, 0);
    cr_assert_eq(config.min_delta, 0);
    cr_assert(config.keep_best);
    config = config_of(json_pack("{s:s, s:f, s:[ss], s:{s:s}}", "optimizer", "adam_keras",
                                 "clip_value", 0.5, "decay_exempt", "layer_norm", "bias",
                                 "schedule", "kind", "reduce_on_plateau"));
    cr_assert_eq(config.update.epsilon, 1e-7);
    cr_assert_eq(config.update.clip_norm, 0);
    cr_assert_eq(config.decay_exempt, AS_EXEMPT_BIAS | AS_EXEMPT_LAYER_NORM);
    cr_assert_eq(config.schedule.factor, 0.1);
    cr_assert_eq(config.schedule.patience, 10);
    cr_assert_eq(config.schedule.threshold, 1e-4);
}

static void refuses(json_t *training, const char *where, const char *text) {
    as_train_config config = {.epochs = 77};
    assay_error error = ASSAY_ERROR_INIT;
    cr_expect_eq(as_train_config_from_json(training, "t", &config, &error), ASSAY_BAD_DATA);
    cr_expect_str_eq(error.where, where);
    cr_expect(strstr(error.text, text), "%s", error.text);
    cr_expect_eq(config.epochs, 77);
    json_decref(training);
}

Test(schedule, fields_without_meaning_are_refused) {
    refuses(json_pack("{s:{s:s, s:i}}", "schedule", "kind", "step", "warmup_steps", 3),
            "t/training/schedule/warmup_steps", "\"step\", which has every, gamma");
    refuses(json_pack("{s:{s:s, s:f}}", "schedule", "kind", "constant", "final", 0.5),
            "t/training/schedule/final", "\"constant\", which has warmup_steps, warmup_share");
    refuses(json_pack("{s:{s:s, s:f}}", "schedule", "kind", "linear", "gamma", 0.5),
            "t/training/schedule/gamma", "final");
    refuses(json_pack("{s:{s:s, s:i}}", "schedule", "kind", "reduce_on_plateau", "every", 1),
            "t/training/schedule/every", "metric, factor, patience, threshold, min_lr");
    refuses(json_pack("{s:{s:s, s:i, s:f}}", "schedule", "kind", "linear", "warmup_steps", 3,
                      "warmup_share", 0.1),
            "t/training/schedule", "warmup_steps 3 and warmup_share 0.1");
    refuses(json_pack("{s:f, s:f}", "clip_value", 0.5, "clip_norm", 1.0), "t/training/clip_value",
            "set one of them to 0");
}
