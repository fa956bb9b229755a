/* SPDX-License-Identifier: MIT */
/* measure/profile.h: where the time of a few training steps and of a few batches of inference goes,
 * operation by operation, as the backend keeps it (assay_backend.profile). The batches are real
 * ones, run once before, so that plans are compiled.
 *
 * Training steps have a learning rate of 0: the parameters stay, gradients and moments don't. To be
 * called when the model is no longer needed otherwise. */
#ifndef AS_MEASURE_PROFILE_H
#define AS_MEASURE_PROFILE_H

#include "train/trainer.h"

/* One line of one plan's run. */
typedef struct as_profiled_line {
    const char *name; /* static, the backend's */
    int32_t plan;     /* ASSAY_PLAN_*, AS_PLAN_UPDATE */
    int32_t node;     /* of the engine's graph; -1: the plan's own work */
    uint64_t calls, nanoseconds, flops, bytes;
} as_profiled_line;

typedef struct as_profiled_step {
    int64_t start_ns, ns; /* from the first step's start; wall time of the host's call */
    int32_t n_rows, n_tokens;
    as_profiled_line *lines; /* [n_lines] in the order of running */
    size_t n_lines;
} as_profiled_step;

typedef struct as_profiled {
    as_profiled_step *steps; /* [n_steps], in the arena */
    size_t n_steps;
} as_profiled;

typedef struct as_profile_config {
    const as_trainee *trainee;
    as_engine *engine; /* the trainee's */
    const as_split_rows *split;
    const as_train_config *training; /* NULL: inference */
    int32_t batch_rows;
    uint64_t seed;
    int64_t steps_before; /* of the training that the model has had */
    size_t n_steps;       /* at most */
    double max_seconds;   /* after which no step begins, but for the second */
    /* Before each step and after the last, untimed; NULL: nobody. */
    void (*pause)(void *context);
    void *context;
} as_profile_config;

/* [cell] UNSUPPORTED where the backend keeps no times, INVALID_ARGUMENT without rows. */
ASSAY_MUST_USE assay_status as_profile_run(as_arena *arena, const as_profile_config *config,
                                           as_profiled *ret_profiled, assay_error *error);

#endif
