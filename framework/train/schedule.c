/* SPDX-License-Identifier: MIT */
/* Learning-rate schedules; formulas and their sources: train/schedule.h. */
#include "train/schedule.h"

#include <math.h>

#define PI 3.14159265358979323846
/* ReduceLROnPlateau's eps: a smaller change of the rate is not made. */
#define LEAST_CHANGE 1e-8

const char *as_schedule_kind_name(as_schedule_kind kind) {
    static const char *const names[AS_SCHEDULE_COUNT] = {"constant", "linear", "cosine", "step",
                                                         "reduce_on_plateau"};
    return kind >= 0 && kind < AS_SCHEDULE_COUNT ? names[kind] : "?";
}

as_schedule as_schedule_start(const as_schedule_config *config, double learning_rate,
                              int64_t n_steps) {
    as_schedule schedule = {.config = *config, .learning_rate = learning_rate, .n_steps = n_steps};
    schedule.n_warmup = config->warmup_share > 0
                            ? (int64_t)ceil(config->warmup_share * (double)n_steps)
                            : config->warmup_steps;
    return schedule;
}

/* Share of the way from the end of the warm-up to the last step, 0 .. 1. */
static double progress(const as_schedule *schedule, int64_t done) {
    int64_t left = schedule->n_steps - schedule->n_warmup;
    return fmin(1, (double)(done - schedule->n_warmup) / (double)(left > 1 ? left : 1));
}

double as_schedule_rate(const as_schedule *schedule, int64_t step, int32_t epoch) {
    const as_schedule_config *config = &schedule->config;
    int64_t done = step - 1;
    double rest = 1;
    if (done < schedule->n_warmup)
        return schedule->learning_rate * (double)done / (double)schedule->n_warmup;
    switch (config->kind) {
    case AS_SCHEDULE_LINEAR:
        rest = 1 - progress(schedule, done);
        break;
    case AS_SCHEDULE_COSINE:
        rest = (1 + cos(PI * progress(schedule, done))) / 2;
        break;
    case AS_SCHEDULE_STEP:
        return schedule->learning_rate * pow(config->gamma, (double)((epoch - 1) / config->every));
    case AS_SCHEDULE_CONSTANT:
    case AS_SCHEDULE_PLATEAU:
    case AS_SCHEDULE_COUNT:
        return schedule->learning_rate;
    }
    return schedule->learning_rate * (config->final + (1 - config->final) * rest);
}

static bool better(const as_schedule *schedule, double metric) {
    if (schedule->n_epochs == 0)
        return true;
    return schedule->config.metric == AS_METRIC_VALIDATION_LOSS
               ? metric < schedule->best * (1 - schedule->config.threshold)
               : metric > schedule->best * (1 + schedule->config.threshold);
}

void as_schedule_epoch_done(as_schedule *schedule, double metric) {
    if (schedule->config.kind != AS_SCHEDULE_PLATEAU)
        return;
    bool improved = better(schedule, metric);
    schedule->n_epochs++;
    schedule->best = improved ? metric : schedule->best;
    schedule->n_bad = improved ? 0 : schedule->n_bad + 1;
    if (schedule->n_bad <= schedule->config.patience)
        return;
    double lower = fmax(schedule->learning_rate * schedule->config.factor, schedule->config.min_lr);
    if (schedule->learning_rate - lower > LEAST_CHANGE)
        schedule->learning_rate = lower;
    schedule->n_bad = 0;
}
