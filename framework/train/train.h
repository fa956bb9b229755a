/* SPDX-License-Identifier: MIT */
/* train/train.h: trains a model (graph model on a backend, or opaque model) on prepared data:
 * epochs, validation, early stopping, best epoch restored; predicts; checks a backend against the
 * reference. The epoch loop and evaluation: train/trainer.h. */
#ifndef AS_TRAIN_TRAIN_H
#define AS_TRAIN_TRAIN_H

#include <stdbool.h>

#include "assay/backend.h"
#include "assay/model.h"
#include "base/arena.h"
#include "data/data.h"
#include "graph/graph.h"
#include "train/schedule.h"

/* Kinds of parameters without weight decay: as_decay_exempt in train/recipe.h. */
enum { AS_EXEMPT_BIAS = 1, AS_EXEMPT_LAYER_NORM = 2 };

typedef struct as_train_config {
    assay_update_config update; /* optimizer, betas, decay, clipping */
    uint32_t decay_exempt;      /* AS_EXEMPT_*, or-ed */
    double learning_rate;       /* what the schedule starts from */
    as_schedule_config schedule;
    int32_t batch;        /* rows of a batch; with batch_tokens at most */
    int32_t batch_tokens; /* of a batch, but for single rows; 0: no budget */
    int32_t accumulate;   /* batches of a step; 0: as 1 */
    bool checkpointing;   /* of the graph: activations are computed again for the backward pass */
    int32_t epochs;       /* at most; 0 evaluates only */
    double label_smoothing;
    as_metric_kind metric; /* of early stopping and of the best epoch */
    int32_t patience; /* epochs without a better metric before stopping; 0: never stops early */
    double min_delta; /* by how much a metric must be better to count for patience */
    bool keep_best;   /* else the last epoch */
} as_train_config;

/* Rows packed and run on a backend, with a bounded cache of plans by token bucket. */
typedef struct as_engine as_engine;

typedef struct as_engine_config {
    const assay_backend *backend;
    int32_t dtype, threads;
    int32_t max_rows;
    int64_t max_tokens;                 /* per row */
    uint64_t device_memory_limit_bytes; /* of a device with its own memory; 0: none */
} as_engine_config;

/* [cell] Opens the device, makes the session for the graph, checks supports() of every node. The
 * graph outlives the engine. */
ASSAY_MUST_USE assay_status as_engine_new(const as_engine_config *config, const assay_graph *graph,
                                          as_engine **ret_engine, assay_error *error);
void as_engine_free(as_engine *engine); /* NULL allowed */

/* [cell] Draws every parameter from (seed, its name) by its assay_init, rounded to f32, and uploads
 * it. */
ASSAY_MUST_USE assay_status as_engine_init_parameters(as_engine *engine, uint64_t seed,
                                                      assay_error *error);
/* [cell] All parameters, one after the other in the view's order; n = sum of n_elements. */
ASSAY_MUST_USE assay_status as_engine_get(as_engine *engine, int32_t state, double *data,
                                          uint64_t n, assay_error *error);
ASSAY_MUST_USE assay_status as_engine_set(as_engine *engine, int32_t state, const double *data,
                                          uint64_t n, assay_error *error);
uint64_t as_engine_n_elements(const as_engine *engine);

/* [cell] Logits [n_rows, n_classes] and, where labels are there and ret_loss is not NULL, the
 * summed loss. */
ASSAY_MUST_USE assay_status as_engine_forward(as_engine *engine, const assay_batch *batch,
                                              double *logits, double *ret_loss, assay_error *error);
/* [cell] Forward and backward, gradients added; logits (NULL allowed) and the summed loss of this
 * batch. */
ASSAY_MUST_USE assay_status as_engine_accumulate(as_engine *engine, const assay_batch *batch,
                                                 const assay_step *step, double *logits,
                                                 double *ret_loss, assay_error *error);
ASSAY_MUST_USE assay_status as_engine_update(as_engine *engine, const assay_update_config *config,
                                             const assay_step *step, double *ret_grad_norm,
                                             assay_error *error);

/* The equivalence check: same weights, same batch, dropout off, logits and gradients of `backend`
 * against the reference backend in f64. Errors are the largest absolute difference over the scale
 * (largest absolute reference value) of the logits, and of each parameter's gradient, the worst
 * one. */
typedef struct as_equivalence {
    double logits_error, gradient_error;
    double logits_bound, gradient_bound; /* fixed per dtype, docs/methodology.md */
    bool passed;
} as_equivalence;
ASSAY_MUST_USE assay_status as_equivalence_check(as_engine *engine, const assay_backend *reference,
                                                 const assay_batch *batch,
                                                 as_equivalence *ret_result, assay_error *error);

/* [any] The bound for logits of a graph's model in a precision; NaN: none is fixed for it. */
double as_equivalence_logits_bound(int32_t dtype, const assay_graph_view *view);

/* What the trainer tells while it runs; called from the training thread, at least once a second. */
typedef struct as_train_progress {
    const char *stage; /* "train", "validate", "test", ... */
    int32_t epoch, epochs;
    double share;                           /* of this epoch, 0 .. 1 */
    double tokens_per_second;               /* real tokens, so far in this epoch */
    double train_loss, validation_accuracy; /* NaN until known */
    uint32_t watch;                         /* AS_WATCH_* now: train/watch.h */
} as_train_progress;

typedef void (*as_train_progress_fn)(void *context, const as_train_progress *progress);

#endif
