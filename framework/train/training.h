/* SPDX-License-Identifier: MIT */
/* train/training.h: a training run between its steps. Private to trainer.c and trainer_state.c: a
 * field that the steps to come depend on belongs into trainer_state.c's tables too. */
#ifndef AS_TRAIN_TRAINING_H
#define AS_TRAIN_TRAINING_H

#include "data/batches.h"
#include "train/evaluate.h"
#include "train/trainer.h"

/* Sums over the steps of an epoch. */
typedef struct as_epoch_sums {
    double loss, grad_norm; /* loss weighted by rows */
    uint64_t n_hits, n_rows_with_logits;
} as_epoch_sums;

typedef struct as_training {
    const as_train_job *job;
    const as_trainee *trainee;
    const as_train_config *config;
    as_batches *batches; /* NULL: nothing to train */
    as_batches *ahead;   /* the same, read before them; NULL: a step has one batch */
    as_schedule schedule;
    as_watch watch;
    as_evaluation validation; /* split NULL: none */
    double *logits;           /* [batch rows, n_classes] of a training step */
    as_epoch_figures *epochs; /* [config->epochs] */
    as_train_result result;
    int32_t begun;      /* the epoch that began last; result.n_epochs, or one more */
    uint32_t n_done;    /* batches of that epoch */
    as_epoch_sums sums; /* over them */
    double best_metric; /* of result.best_epoch */
    double reference;   /* the metric that the next has to beat by min_delta, for patience */
    int32_t reference_epoch;
    uint64_t n_batches; /* run so far, validation too */
    as_train_progress progress;
    /* When the run and the epoch would have begun, had they been done in one go. */
    int64_t start_ns, epoch_start_ns;
    int64_t compute_start_ns; /* the same of the trainee's compute_ns */
    int64_t told_ns, save_ns; /* when progress was told; when the state is to be saved */
    bool save_failed;
} as_training;

/* [any] Seconds of the monotonic clock since then. */
double as_seconds_since(int64_t start_ns);

/* [cell] Sets the time of the first save. */
void as_training_plan_save(as_training *t);
/* [cell] Saves the state if it is time; what that takes is no part of any figure. A save that fails
 * is told once and changes nothing. */
void as_training_save_if_due(as_training *t);
/* [cell] Takes up the saved state, where there is one to go on from: the run stands as after
 * the step that it was saved after, and the order of that epoch's batches is drawn. Called with the
 * initial weights in place and kept. */
ASSAY_MUST_USE assay_status as_training_take_up(as_training *t, assay_error *error);

/* [any] Draws an epoch's order; returns its batches. */
uint32_t as_training_draw(as_training *t, int32_t epoch);

#endif
