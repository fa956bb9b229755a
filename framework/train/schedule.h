/* SPDX-License-Identifier: MIT */
/* train/schedule.h: the learning rate of every optimizer step.
 *
 * t counts steps from 1, W the steps of warm-up, N all steps, E epochs from 1, f = final:
 *
 *     warm-up        lr (t - 1) / W                                       while t <= W
 *     constant       lr
 *     linear         lr (f + (1 - f) (1 - x))                   x = (t - 1 - W) / (N - W), at most
 * 1 cosine         lr (f + (1 - f) (1 + cos(pi x)) / 2) step           lr gamma^floor((E - 1) /
 * every) reduce_on_plateau  times factor, down to min_lr at least, after an epoch that is the
 *                    (patience + 1)th in a row whose metric is no better than the best by more than
 *                    threshold, relative; then counting starts anew
 *
 * These are transformers' get_constant_ / get_linear_ / get_cosine_schedule_with_warmup (whose
 * first step of a warm-up has rate 0), torch.optim.lr_scheduler.StepLR called once an epoch, and
 * torch.optim.lr_scheduler.ReduceLROnPlateau (threshold_mode "rel", cooldown 0, eps 1e-8). With
 * final: transformers' get_polynomial_decay_schedule_with_warmup of power 1 with lr_end = f lr, and
 * get_cosine_with_min_lr_schedule_with_warmup with min_lr_rate = f.
 *
 * Batches by token budget or weighted sampling are not equally many in every epoch: N is the number
 * of epochs times the steps of epoch 1's order. Steps beyond N keep the last rate; when an early
 * stop or fewer batches end a run before N, the rate has not come down to its end. */
#ifndef AS_TRAIN_SCHEDULE_H
#define AS_TRAIN_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum as_metric_kind {
    AS_METRIC_VALIDATION_LOSS,
    AS_METRIC_VALIDATION_ACCURACY,
    AS_METRIC_VALIDATION_F1_MACRO,
} as_metric_kind;

typedef enum as_schedule_kind {
    AS_SCHEDULE_CONSTANT,
    AS_SCHEDULE_LINEAR,
    AS_SCHEDULE_COSINE,
    AS_SCHEDULE_STEP,
    AS_SCHEDULE_PLATEAU,
    AS_SCHEDULE_COUNT
} as_schedule_kind;

typedef struct as_schedule_config {
    as_schedule_kind kind;
    int64_t warmup_steps;  /* constant, linear, cosine */
    double warmup_share;   /* of all steps, rounded up; with it warmup_steps is 0 */
    double final;          /* linear, cosine: share of lr at the end */
    int32_t every;         /* step: epochs between two cuts, at least 1 */
    double gamma;          /* step */
    as_metric_kind metric; /* plateau; a loss is better when lower, the others when higher */
    double factor;         /* plateau */
    int32_t patience;      /* plateau: epochs without a better metric that are let pass */
    double threshold;      /* plateau */
    double min_lr;         /* plateau */
} as_schedule_config;

typedef struct as_schedule {
    as_schedule_config config;
    double learning_rate; /* the configured one; plateau: as it is now */
    int64_t n_steps, n_warmup;
    double best; /* plateau */
    int32_t n_epochs, n_bad;
} as_schedule;

/* [any] "constant", "linear", "cosine", "step", "reduce_on_plateau"; never NULL. */
const char *as_schedule_kind_name(as_schedule_kind kind);
/* [any] A schedule before its first step; n_steps: of the whole run, at least 1. */
as_schedule as_schedule_start(const as_schedule_config *config, double learning_rate,
                              int64_t n_steps);
/* [any] The learning rate of a step. */
double as_schedule_rate(const as_schedule *schedule, int64_t step, int32_t epoch);
/* [any] Tells the plateau's metric at the end of an epoch; the other kinds ignore it. */
void as_schedule_epoch_done(as_schedule *schedule, double metric);

#endif
