/* SPDX-License-Identifier: MIT */
/* What model_check.c and model_check_opaque.c share. */
#ifndef AS_TRAIN_MODEL_CHECK_INTERNAL_H
#define AS_TRAIN_MODEL_CHECK_INTERNAL_H

#include "base/arena.h"
#include "graph/graph.h"
#include "train/model_check.h"

enum { CHECK_ROWS = 12, CHECK_TOKENS = 12, CHECK_VOCABULARY = 64, CHECK_STEPS = 60 };

typedef struct check_rows {
    int32_t ids[CHECK_ROWS * CHECK_TOKENS], positions[CHECK_ROWS * CHECK_TOKENS];
    float weights[CHECK_ROWS * CHECK_TOKENS];
    int32_t offsets[CHECK_ROWS + 1], labels[CHECK_ROWS], alone[2];
    uint64_t keys[CHECK_ROWS];
    assay_batch batch; /* all of them */
} check_rows;

typedef struct check_run {
    as_arena *arena;
    const assay_model_graph *graph_model;
    void *options;
    assay_model_config config; /* two classes */
    assay_graph *graph;        /* so configured, with gradient; NULL for an opaque model */
    double step_flops;
    check_rows rows;
    int32_t n_failed;
} check_run;

/* [cell] Hands one check's outcome to the listener; failed ones are counted in `run`. */
void as_check_tell(const as_model_check *check, check_run *run, const char *name,
                   as_check_outcome outcome, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* [cell] One that failed with an error. */
void as_check_tell_error(const as_model_check *check, check_run *run, const char *name,
                         const assay_error *error);
/* [any] All checks of an opaque model. */
void as_check_opaque_model(const as_model_check *check, check_run *run,
                           const assay_model_opaque *opaque);

#endif
