/* SPDX-License-Identifier: MIT */
/* train/trainer.h: the epoch loop over anything that can be trained: a graph model on an engine, or
 * an opaque model. What a run does is a function of (data, configuration, seed); with one thread it
 * is the same bit for bit.
 *
 *     status = as_trainee_new_graph(engine, &trainee, error);          (or as_trainee_new_opaque)
 *     as_train_job job = {trainee, prepared, &entry->training, seed, {context, on_progress,
 * on_step}}; status = as_train_run(arena, &job, &result, error);              weights: the best
 * epoch's status = as_evaluate(trainee, &prepared->splits[AS_SPLIT_TEST], batch, logits, &loss,
 * error); as_trainee_free(trainee); as_engine_free(engine);
 */
#ifndef AS_TRAIN_TRAINER_H
#define AS_TRAIN_TRAINER_H

#include "train/phases.h"
#include "train/state.h"
#include "train/train.h"
#include "train/watch.h"

/* ---- what is trained
 * ------------------------------------------------------------------------------*/

/* One batch of an optimizer step as the trainer asks for it; most steps have one batch. */
typedef struct as_batch_step {
    int32_t epoch; /* from 1 */
    int64_t step;  /* from 1, over all epochs */
    uint64_t seed; /* of dropout; differs from step to step */
    double learning_rate;
    const assay_update_config *update;
    uint32_t decay_exempt; /* AS_EXEMPT_*, or-ed */
    /* loss_weight of all the step's batches together; 0: this batch is its only one */
    double loss_weight;
    bool more; /* other batches of the step follow: gradients are added up, nothing is updated */
} as_batch_step;

/* What a step tells. Figures that a model doesn't know are NaN with their flag off; with it on, a
 * figure that isn't finite means divergence. */
typedef struct as_batch_result {
    double loss;      /* mean over the batch's rows, before the update */
    double grad_norm; /* before clipping */
    bool has_loss, has_grad_norm;
    bool has_logits; /* the step's own logits were written (dropout on) */
    bool skipped;    /* the loss scale was too large: nothing was updated, the norm isn't finite */
} as_batch_result;

/* A thing that learns. Functions are [cell]. `keep` copies the state aside, `restore` copies it
 * back; both NULL: only the last state exists. */
typedef struct as_trainee {
    void *self;
    int32_t n_classes;
    /* logits [n_rows, n_classes] */
    assay_status (*train_batch)(void *self, const assay_batch *batch, const as_batch_step *step,
                                double *logits, as_batch_result *ret_result, assay_error *error);
    assay_status (*predict)(void *self, const assay_batch *batch, double *logits,
                            assay_error *error);
    assay_status (*keep)(void *self, assay_error *error);
    assay_status (*restore)(void *self, assay_error *error);
    /* Nanoseconds spent so far inside the backend or the plugin: what is left of a run's time is
     * the host's own cost. */
    int64_t (*compute_ns)(const void *self);
    void (*destroy)(void *self); /* NULL: nothing to do */
    /* What a mean of the loss over these rows divides its sum by; NULL: a step has one batch. */
    double (*loss_weight)(const void *self, const int32_t *labels, int32_t n_rows);
    /* Before the first step of an epoch (from 1): what is trained may change here. NULL: nothing to
     * do. */
    assay_status (*begin_epoch)(void *self, int32_t epoch, assay_error *error);
} as_trainee;

/* [cell] A graph model: the engine (not owned, its parameters as they stand) with room for a kept
 * copy. */
ASSAY_MUST_USE assay_status as_trainee_new_graph(as_engine *engine, as_trainee **ret_trainee,
                                                 assay_error *error);
/* [cell] The same by a strategy: the engine stands on as_phases_graph(phases, 1) and is taken from
 * graph to graph as epochs begin. The phases outlive trainee and engine; NULL: as
 * as_trainee_new_graph. */
ASSAY_MUST_USE assay_status as_trainee_new_phased(as_engine *engine, as_phases *phases,
                                                  as_trainee **ret_trainee, assay_error *error);
/* [cell] For a run that goes on from a saved state: takes the engine to the graph of `epoch`, as if
 * the epochs up to it had begun after steps_before[epoch] steps each, and n_steps had been done.
 * Parameters and moments are set after it. No effect on other trainees. */
ASSAY_MUST_USE assay_status as_trainee_resume(const as_trainee *trainee, int32_t epoch,
                                              const int64_t *steps_before, int64_t n_steps,
                                              assay_error *error);
/* [any] The kept copy: values of the parameters that are ever trained, in the view's order, *ret_n
 * of them, to be saved and set; NULL for an opaque model. */
double *as_trainee_kept(const as_trainee *trainee, uint64_t *ret_n);
/* [any] A graph model's engine; NULL for an opaque one. */
as_engine *as_trainee_engine(const as_trainee *trainee);
/* [cell] An opaque model: creates it from the configuration, which outlives the trainee. max_rows:
 * of any batch. */
ASSAY_MUST_USE assay_status as_trainee_new_opaque(const assay_model_opaque *model,
                                                  const assay_model_config *config,
                                                  int32_t max_rows, as_trainee **ret_trainee,
                                                  assay_error *error);
void as_trainee_free(as_trainee *trainee); /* NULL allowed */
/* [cell] What an opaque model's create gave; NULL for a graph model. */
const void *as_trainee_opaque_model(const as_trainee *trainee);
/* [cell] Learned parameters that an opaque model has now; -1: not told, or a graph model. */
int64_t as_trainee_n_parameters(const as_trainee *trainee);

/* ---- the run
 * --------------------------------------------------------------------------------------*/

/* One optimizer step, as steps.jsonl has it, over all its batches. */
typedef struct as_step_record {
    int32_t epoch;
    int64_t step;
    double loss, learning_rate, grad_norm;
    int64_t n_rows, n_tokens;
    double seconds;
} as_step_record;

/* Who is told; every function may be NULL. Called from the training thread. */
typedef struct as_train_observer {
    void *context;
    as_train_progress_fn
        progress; /* 1 to 10 times a second (a batch longer than that: once each) */
    void (*step)(void *context, const as_step_record *record); /* every step */
    /* Between two steps; what it takes doesn't count as training. */
    void (*pause)(void *context);
} as_train_observer;

/* Saves the run's state between optimizer steps, and goes on from a saved one: with one thread to
 * the same weights and figures, bit for bit, as if it had not been broken off; times add up.
 *
 * A state that is damaged or differs in a fact is not used, the run starts anew; one of another
 * version is an error before the first step (train/state.h). Opaque models are neither saved nor
 * gone on from: only the plugin knows their state. */
typedef struct as_train_saver {
    const char *path; /* of the state, replaced whole by each save, removed by the caller */
    /* At least so many seconds of training between two saves, and nine times what the last one
     * took; 0: none. */
    double every_seconds;
    const as_state_fact *facts; /* [n_facts] what decides the run's outcome */
    size_t n_facts;
    void *context;
    /* The caller's own part of a state, in names that begin with "cell."; both NULL: none. */
    assay_status (*pack)(void *context, as_state_parts *parts, assay_error *error);
    assay_status (*unpack)(void *context, as_state *state, assay_error *error);
    /* In words: gone on from a state, or why not; the first save that failed. NULL: nobody. */
    void (*tell)(void *context, const char *text);
} as_train_saver;

typedef struct as_train_job {
    const as_trainee *trainee;
    const as_prepared *data;
    const as_train_config *config;
    uint64_t seed;
    as_train_observer observer;
    const as_train_saver *saver; /* NULL: nothing is saved, nothing gone on from */
} as_train_job;

/* One epoch, as epochs.jsonl has it. Training figures are of the epoch's own steps (dropout on,
 * weights changing), validation figures of the weights at its end; losses are means over rows. NaN:
 * unknown, or no validation rows. Validation loss is plain cross-entropy, whatever the label
 * smoothing. */
typedef struct as_epoch_figures {
    int32_t epoch;             /* from 1 */
    int64_t steps;             /* of this epoch */
    uint64_t n_rows, n_tokens; /* trained on in this epoch, real tokens */
    double train_loss, train_accuracy;
    double validation_loss, validation_accuracy, validation_f1_macro;
    double learning_rate; /* of the last step */
    double grad_norm;     /* mean over the steps, before clipping */
    double seconds;       /* of training */
    double validation_seconds;
    int32_t validation_only_class; /* the one class predicted for all validation rows; -1 */
} as_epoch_figures;

typedef enum as_stopped {
    AS_STOPPED_NONE,     /* epochs = 0: nothing was trained */
    AS_STOPPED_EPOCHS,   /* all epochs done */
    AS_STOPPED_EARLY,    /* no validation metric better by min_delta for `patience` epochs */
    AS_STOPPED_DIVERGED, /* a loss was not finite */
} as_stopped;

/* [any] "none", "epochs", "early", "diverged". */
const char *as_stopped_name(as_stopped stopped);

typedef struct as_train_result {
    const as_epoch_figures *epochs; /* [n_epochs], in the arena */
    int32_t n_epochs;               /* completed */
    int32_t best_epoch; /* from 1, by config->metric, ties to the earlier; 0: none completed */
    int32_t kept_epoch; /* whose weights the trainee holds; 0: the initial ones; -1: those of a
                           diverged step */
    as_stopped stopped;
    int64_t diverged_step; /* 0: did not diverge */
    int32_t n_resumed;     /* times that the run went on from a saved state */
    int64_t resumed_step;  /* the latest was after this step */
    double initial_loss;   /* of the first step, before its update; NaN without a step */
    int64_t n_steps;
    uint64_t n_rows, n_tokens; /* trained on in all epochs */
    uint64_t n_padded_tokens;  /* they would be, padded to the longest row of each batch */
    double train_seconds;      /* training parts of all epochs */
    double validation_seconds;
    double seconds;                               /* all of as_train_run */
    double samples_per_second, tokens_per_second; /* over train_seconds; NaN without a step */
    double host_seconds_per_batch; /* wall time outside backend or plugin, waiting for a busy CPU
                                      included, per batch run; NaN without one */
    as_watched watched;            /* what is worth a warning */
} as_train_result;

/* [cell] Trains. Needs train rows (epochs > 0); without validation rows every epoch runs and the
 * last is kept. On ASSAY_DIVERGED (loss NaN or infinite; the error says at which step) *ret_result
 * is filled too and the best completed epoch is restored, with keep_best off the last completed
 * one. The epoch that is kept is the first of those with the best metric, by however little;
 * `patience` counts the epochs since the metric was last better, by more than min_delta, than the
 * best that counted so.
 *
 * A step of several batches (accumulate) follows the mean gradient over all their rows; the batches
 * that are left at an epoch's end are a step of fewer. UNSUPPORTED for a trainee that has no
 * loss_weight. */
ASSAY_MUST_USE assay_status as_train_run(as_arena *arena, const as_train_job *job,
                                         as_train_result *ret_result, assay_error *error);

/* [cell] Logits [split->n_rows, n_classes] in the split's row order; *ret_loss (NULL allowed) is
 * the mean cross-entropy. Rows run longest first in batches of batch_rows. */
ASSAY_MUST_USE assay_status as_evaluate(const as_trainee *trainee, const as_split_rows *split,
                                        int32_t batch_rows, double *logits, double *ret_loss,
                                        assay_error *error);

/* [any] Row-wise softmax in place, logits -> probabilities. */
void as_softmax_rows(double *logits, size_t n_rows, int32_t n_classes);
/* [any] Class of the largest logit, the first of equals. */
int32_t as_argmax(const double *logits, int32_t n_classes);

#endif
