/* SPDX-License-Identifier: MIT */
/* The epoch loop:
 *
 *     for each epoch: for each step's batches (drawn from seed and epoch): gradients added up, then
 *         one update by the schedule's rate; then validate;
 *         better than before by the metric -> keep the weights; `patience` epochs without -> stop
 *     restore the kept weights
 *
 * Nothing here knows a backend. Nothing is allocated between the first step and the last, but where
 * a strategy goes on to another graph. */
#include <math.h>

#include "base/clock.h"
#include "base/error.h"
#include "train/training.h"

#define TELL_EVERY_NS INT64_C(100000000)

const char *as_stopped_name(as_stopped stopped) {
    switch (stopped) {
    case AS_STOPPED_NONE:
        return "none";
    case AS_STOPPED_EPOCHS:
        return "epochs";
    case AS_STOPPED_EARLY:
        return "early";
    case AS_STOPPED_DIVERGED:
        return "diverged";
    }
    return "?";
}

/* As a suite writes it. */
static const char *metric_name(as_metric_kind metric) {
    switch (metric) {
    case AS_METRIC_VALIDATION_LOSS:
        return "validation.loss";
    case AS_METRIC_VALIDATION_ACCURACY:
        return "validation.accuracy";
    case AS_METRIC_VALIDATION_F1_MACRO:
        return "validation.f1_macro";
    }
    return "?";
}

double as_seconds_since(int64_t start_ns) {
    return (double)(as_clock_ns() - start_ns) * 1e-9;
}

/* ---- progress -------------------------------------------------------------------------------- */

static void tell(as_training *t, const char *stage, double share) {
    int64_t now_ns = as_clock_ns();
    bool watched = t->watch.now & ~t->progress.watch; /* what nobody was told of waits for nobody */
    if (!t->job->observer.progress || (now_ns - t->told_ns < TELL_EVERY_NS && !watched))
        return;
    t->told_ns = now_ns;
    t->progress.stage = stage;
    t->progress.share = share;
    t->progress.watch = t->watch.now;
    t->job->observer.progress(t->job->observer.context, &t->progress);
}

static void after_validation_batch(void *context, uint32_t n_done, uint32_t n_batches) {
    as_training *t = context;
    t->n_batches++;
    tell(t, "validate", (double)n_done / n_batches);
}

/* Dropout's seed of a step: a bijection of the step number for each run seed, so no two steps of a
 * run share it. */
static uint64_t step_seed(uint64_t seed, int64_t step) {
    return assay_mix64(assay_mix64(seed + UINT64_C(0x9e3779b97f4a7c15)) + (uint64_t)step);
}

static assay_status diverged(as_training *t, const char *what, double value, assay_error *error) {
    t->result.stopped = AS_STOPPED_DIVERGED;
    t->result.diverged_step = t->result.n_steps;
    return as_fail(error, ASSAY_DIVERGED, "training",
                   "%s is %s at step %lld (epoch %d); a lower learning rate or clipping may help",
                   what, isnan(value) ? "not a number" : "infinite", (long long)t->result.n_steps,
                   (int)t->result.n_epochs + 1);
}

static assay_status check_finite(as_training *t, const as_batch_result *step, assay_error *error) {
    if (step->has_loss && !isfinite(step->loss))
        return diverged(t, "the loss", step->loss, error);
    if (step->has_grad_norm && !isfinite(step->grad_norm))
        return diverged(t, "the gradient norm", step->grad_norm, error);
    return ASSAY_OK;
}

static void count_hits(as_training *t, const assay_batch *batch) {
    int32_t n_classes = t->trainee->n_classes;
    for (int32_t b = 0; b < batch->n_rows; b++)
        t->sums.n_hits +=
            as_argmax(t->logits + (size_t)b * (size_t)n_classes, n_classes) == batch->labels[b];
    t->sums.n_rows_with_logits += (uint64_t)batch->n_rows;
}

/* ---- one step -------------------------------------------------------------------------------- */

/* A step while its batches run. */
typedef struct step_sums {
    as_step_record record;
    double weight;    /* of all its batches together; 0: there is one */
    double loss;      /* mean over the rows; NaN: the model has none */
    double grad_norm; /* NaN: the model has none */
    bool skipped;     /* nothing was updated */
    int64_t start_ns;
} step_sums;

/* Sum of the loss weights of the next n batches, from the second reader of the same order. */
static double weight_ahead(const as_training *t, int32_t n) {
    double weight = 0;
    for (int32_t i = 0; i < n; i++) {
        const assay_batch *batch = as_batches_next(t->ahead);
        weight += t->trainee->loss_weight(t->trainee->self, batch->labels, batch->n_rows);
    }
    return weight;
}

static void add_batch(as_training *t, const assay_batch *batch, const as_batch_result *result,
                      step_sums *step, as_epoch_figures *epoch) {
    double share =
        step->weight > 0
            ? t->trainee->loss_weight(t->trainee->self, batch->labels, batch->n_rows) / step->weight
            : 1;
    step->loss += share * result->loss;
    step->grad_norm = result->grad_norm;
    step->skipped = result->skipped;
    step->record.n_rows += batch->n_rows;
    step->record.n_tokens += as_batches_real_tokens(t->batches);
    epoch->n_rows += (uint64_t)batch->n_rows;
    epoch->n_tokens += (uint64_t)as_batches_real_tokens(t->batches);
    t->sums.loss += result->loss * batch->n_rows;
    if (result->has_logits)
        count_hits(t, batch);
}

static void end_step(as_training *t, step_sums *step, as_epoch_figures *epoch) {
    step->record.loss = step->loss;
    step->record.grad_norm = step->grad_norm;
    step->record.seconds = as_seconds_since(step->start_ns);
    if (t->result.n_steps == 1)
        t->result.initial_loss = step->loss;
    epoch->steps++;
    epoch->learning_rate = step->record.learning_rate;
    if (!step->skipped)
        t->sums.grad_norm += step->grad_norm;
    if (t->job->observer.step)
        t->job->observer.step(t->job->observer.context, &step->record);
}

/* A step of n batches. */
static assay_status train_step(as_training *t, int32_t n, as_epoch_figures *epoch,
                               assay_error *error) {
    int64_t number = ++t->result.n_steps;
    double rate = as_schedule_rate(&t->schedule, number, epoch->epoch);
    step_sums step = {.record = {.epoch = epoch->epoch, .step = number, .learning_rate = rate},
                      .weight = n > 1 ? weight_ahead(t, n) : 0,
                      .start_ns = as_clock_ns()};
    as_batch_step how = {.epoch = epoch->epoch,
                         .step = number,
                         .seed = step_seed(t->job->seed, number),
                         .learning_rate = rate,
                         .update = &t->config->update,
                         .decay_exempt = t->config->decay_exempt,
                         .loss_weight = step.weight};
    as_batch_result result = {NAN, NAN, false, false, false, false};
    assay_status status = ASSAY_OK;
    for (int32_t i = 0; status == ASSAY_OK && i < n; i++) {
        const assay_batch *batch = as_batches_next(t->batches);
        how.more = i + 1 < n;
        status = t->trainee->train_batch(t->trainee->self, batch, &how, t->logits, &result, error);
        if (status != ASSAY_OK)
            return status;
        t->n_batches++;
        add_batch(t, batch, &result, &step, epoch);
        status = check_finite(t, &result, error);
    }
    end_step(t, &step, epoch);
    as_watch_step(&t->watch, number, result.has_grad_norm ? step.grad_norm : NAN);
    return status;
}

/* ---- one epoch ------------------------------------------------------------------------------- */

static int32_t batches_per_step(const as_training *t) {
    return t->config->accumulate > 1 ? t->config->accumulate : 1;
}

uint32_t as_training_draw(as_training *t, int32_t epoch) {
    as_batches_shuffle(t->batches, t->job->seed, (uint64_t)epoch);
    if (t->ahead)
        as_batches_shuffle(t->ahead, t->job->seed, (uint64_t)epoch);
    return as_batches_count(t->batches);
}

static assay_status begin_epoch(as_training *t, int32_t number, assay_error *error) {
    uint64_t n_real, n_padded;
    assay_status status = ASSAY_OK;
    if (t->trainee->begin_epoch)
        status = t->trainee->begin_epoch(t->trainee->self, number, error);
    if (status != ASSAY_OK)
        return status;
    t->epochs[number - 1] = (as_epoch_figures){.epoch = number,
                                               .train_accuracy = NAN,
                                               .validation_loss = NAN,
                                               .validation_accuracy = NAN,
                                               .validation_f1_macro = NAN,
                                               .validation_only_class = -1};
    t->progress.epoch = t->begun = number;
    t->n_done = 0;
    t->sums = (as_epoch_sums){0, 0, 0, 0};
    t->epoch_start_ns = as_clock_ns();
    (void)as_training_draw(t, number);
    as_batches_padding(t->batches, &n_real, &n_padded);
    t->result.n_padded_tokens += n_padded;
    return ASSAY_OK;
}

static void pause_training(as_training *t) {
    int64_t start_ns = as_clock_ns();
    if (!t->job->observer.pause)
        return;
    t->job->observer.pause(t->job->observer.context);
    int64_t took_ns = as_clock_ns() - start_ns;
    t->start_ns += took_ns;
    t->epoch_start_ns += took_ns;
}

/* The steps of the epoch that began last, as far as they are to be done. */
static assay_status train_epoch(as_training *t, as_epoch_figures *epoch, assay_error *error) {
    const as_epoch_sums *sums = &t->sums;
    uint32_t n_batches = as_batches_count(t->batches), step = (uint32_t)batches_per_step(t);
    while (t->n_done < n_batches) {
        uint32_t left = n_batches - t->n_done, n = left < step ? left : step;
        assay_status status = train_step(t, (int32_t)n, epoch, error);
        if (status != ASSAY_OK)
            return status;
        t->n_done += n;
        t->progress.train_loss = sums->loss / (double)epoch->n_rows;
        t->progress.tokens_per_second =
            (double)epoch->n_tokens / as_seconds_since(t->epoch_start_ns);
        tell(t, "train", (double)t->n_done / n_batches);
        as_training_save_if_due(t);
        pause_training(t);
    }
    epoch->train_loss = sums->loss / (double)epoch->n_rows;
    epoch->grad_norm = sums->grad_norm / (double)epoch->steps;
    if (sums->n_rows_with_logits)
        epoch->train_accuracy = (double)sums->n_hits / (double)sums->n_rows_with_logits;
    epoch->seconds = as_seconds_since(t->epoch_start_ns);
    return ASSAY_OK;
}

static assay_status validate(as_training *t, as_epoch_figures *epoch, assay_error *error) {
    int64_t start_ns = as_clock_ns();
    assay_status status = as_evaluation_run(&t->validation, t->trainee, error);
    if (status != ASSAY_OK)
        return status;
    epoch->validation_loss = t->validation.loss;
    epoch->validation_accuracy = t->validation.accuracy;
    epoch->validation_f1_macro = t->validation.f1_macro;
    epoch->validation_only_class = t->validation.only_class;
    epoch->validation_seconds = as_seconds_since(start_ns);
    t->progress.validation_accuracy = epoch->validation_accuracy;
    /* An infinite loss may be an opaque model's honest probability of 0. */
    return isnan(epoch->validation_loss)
               ? diverged(t, "the validation loss", epoch->validation_loss, error)
               : ASSAY_OK;
}

/* ---- the run --------------------------------------------------------------------------------- */

static double metric_of(const as_epoch_figures *epoch, as_metric_kind metric) {
    switch (metric) {
    case AS_METRIC_VALIDATION_LOSS:
        return epoch->validation_loss;
    case AS_METRIC_VALIDATION_ACCURACY:
        return epoch->validation_accuracy;
    case AS_METRIC_VALIDATION_F1_MACRO:
        return epoch->validation_f1_macro;
    }
    return NAN;
}

/* Larger is better. */
static double goodness_of(const as_training *t, const as_epoch_figures *epoch) {
    double metric = metric_of(epoch, t->config->metric);
    return t->config->metric == AS_METRIC_VALIDATION_LOSS ? -metric : metric;
}

/* The best epoch, or the last one as long as it is good: the next may diverge. */
static bool keeps(const as_training *t) {
    return t->trainee->keep && t->trainee->restore;
}

static assay_status keep(as_training *t, int32_t epoch, assay_error *error) {
    assay_status status = t->trainee->keep(t->trainee->self, error);
    if (status == ASSAY_OK)
        t->result.kept_epoch = epoch;
    return status;
}

static as_watch_epoch watched_epoch(const as_training *t, const as_epoch_figures *epoch) {
    return (as_watch_epoch){epoch->epoch,
                            epoch->train_accuracy,
                            epoch->validation_accuracy,
                            epoch->validation_only_class,
                            t->validation.split ? t->validation.n_classes_of : 0,
                            t->validation.split ? t->validation.split->n_rows : 0};
}

/* Notes whether a finished epoch is the best so far; without validation the latest counts as best.
 */
static assay_status judge(as_training *t, const as_epoch_figures *epoch, assay_error *error) {
    bool better = true;
    as_watch_epoch watched = watched_epoch(t, epoch);
    as_watch_epoch_done(&t->watch, &watched);
    tell(t, "validate", 1);
    if (t->validation.split) {
        double metric = goodness_of(t, epoch);
        better = t->result.best_epoch == 0 || metric > t->best_metric;
        t->best_metric = better ? metric : t->best_metric;
        if (t->reference_epoch == 0 || metric > t->reference + t->config->min_delta) {
            t->reference = metric;
            t->reference_epoch = epoch->epoch;
        }
        as_schedule_epoch_done(&t->schedule, metric_of(epoch, t->config->schedule.metric));
    }
    if (better)
        t->result.best_epoch = epoch->epoch;
    bool wanted = better || !t->config->keep_best;
    return wanted && keeps(t) ? keep(t, epoch->epoch, error) : ASSAY_OK;
}

static bool out_of_patience(const as_training *t, int32_t epoch) {
    return t->validation.split && t->config->patience > 0 && epoch < t->config->epochs &&
           epoch - t->reference_epoch >= t->config->patience;
}

/* The schedule's length is that of epoch 1's order, times the epochs. */
static void plan_steps(as_training *t) {
    int32_t n = batches_per_step(t);
    int64_t steps = ((int64_t)as_training_draw(t, 1) + n - 1) / n * t->config->epochs;
    t->schedule = as_schedule_start(&t->config->schedule, t->config->learning_rate, steps);
    as_watch_start(&t->watch, t->schedule.n_warmup, steps);
}

/* The next epoch, or what is left of the one that began last. */
static assay_status run_epoch(as_training *t, assay_error *error) {
    int32_t number = t->result.n_epochs + 1;
    as_epoch_figures *epoch = &t->epochs[number - 1];
    assay_status status = t->begun == number ? ASSAY_OK : begin_epoch(t, number, error);
    if (status == ASSAY_OK)
        status = train_epoch(t, epoch, error);
    if (status == ASSAY_OK && t->validation.split)
        status = validate(t, epoch, error);
    if (status == ASSAY_OK)
        status = judge(t, epoch, error);
    if (status == ASSAY_OK)
        t->result.n_epochs = number;
    return status;
}

static assay_status run_epochs(as_training *t, assay_error *error) {
    assay_status status = ASSAY_OK;
    t->result.stopped = t->batches ? AS_STOPPED_EPOCHS : AS_STOPPED_NONE;
    if (!t->batches)
        return ASSAY_OK;
    plan_steps(t);
    if (keeps(t))
        status = keep(t, 0, error);
    if (status == ASSAY_OK)
        status = as_training_take_up(t, error);
    as_training_plan_save(t);
    while (status == ASSAY_OK && t->result.n_epochs < t->config->epochs) {
        if (out_of_patience(t, t->result.n_epochs)) {
            t->result.stopped = AS_STOPPED_EARLY;
            break;
        }
        status = run_epoch(t, error);
        if (status == ASSAY_OK)
            as_training_save_if_due(t);
    }
    return status;
}

/* Leaves the kept weights in the trainee, where any were kept and others are there now. */
static assay_status restore(as_training *t, assay_error *error) {
    bool bad = t->result.stopped == AS_STOPPED_DIVERGED;
    if (!t->batches || !keeps(t)) {
        t->result.kept_epoch = bad ? -1 : t->result.n_epochs;
        return ASSAY_OK;
    }
    if (!bad && t->result.kept_epoch == t->result.n_epochs)
        return ASSAY_OK;
    return t->trainee->restore(t->trainee->self, error);
}

static void sum_up(as_training *t) {
    as_train_result *result = &t->result;
    double seconds = as_seconds_since(t->start_ns);
    int64_t compute_ns = t->trainee->compute_ns(t->trainee->self) - t->compute_start_ns;
    if (result->kept_epoch > 0) {
        as_watch_epoch kept = watched_epoch(t, &t->epochs[result->kept_epoch - 1]);
        as_watch_finish(&t->watch, &kept);
    }
    result->watched = t->watch.found;
    for (int32_t i = 0; i < result->n_epochs; i++) {
        result->n_rows += t->epochs[i].n_rows;
        result->n_tokens += t->epochs[i].n_tokens;
        result->train_seconds += t->epochs[i].seconds;
        result->validation_seconds += t->epochs[i].validation_seconds;
    }
    result->epochs = t->epochs;
    result->seconds = seconds;
    result->samples_per_second =
        result->n_epochs ? (double)result->n_rows / result->train_seconds : NAN;
    result->tokens_per_second =
        result->n_epochs ? (double)result->n_tokens / result->train_seconds : NAN;
    result->host_seconds_per_batch =
        t->n_batches ? (seconds - (double)compute_ns * 1e-9) / (double)t->n_batches : NAN;
}

static assay_status check_config(const as_train_config *config, assay_error *error) {
    if (config->batch < 1)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "training.batch",
                       "found %d; expected at least 1", (int)config->batch);
    if (config->epochs < 0 || config->patience < 0)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "training",
                       "epochs %d and patience %d must not be negative", (int)config->epochs,
                       (int)config->patience);
    if (!isfinite(config->learning_rate) || config->learning_rate < 0)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "training.lr",
                       "found %g; expected a finite number, 0 or above", config->learning_rate);
    return ASSAY_OK;
}

/* What the configuration asks of the trainee and of the data. */
static assay_status check_means(const as_training *t, uint32_t n_validation, assay_error *error) {
    const as_train_config *config = t->config;
    if (config->accumulate > 1 && !t->trainee->loss_weight)
        return as_fail(error, ASSAY_UNSUPPORTED, "training.accumulate",
                       "found %d; the model makes its steps itself, one a batch: set it to 1",
                       (int)config->accumulate);
    if (config->schedule.kind == AS_SCHEDULE_PLATEAU && n_validation == 0)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "training.schedule",
                       "reduce_on_plateau follows %s, and there are no validation texts",
                       metric_name(config->schedule.metric));
    return ASSAY_OK;
}

/* Everything that is allocated. */
static assay_status prepare(as_training *t, as_arena *arena, assay_error *error) {
    const as_split_rows *train = &t->job->data->splits[AS_SPLIT_TRAIN],
                        *validation = &t->job->data->splits[AS_SPLIT_VALIDATION];
    assay_status status = check_config(t->config, error);
    if (status != ASSAY_OK || t->config->epochs == 0)
        return status;
    if (train->n_rows == 0)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "data", "there are no rows to train on");
    status = check_means(t, validation->n_rows, error);
    if (status != ASSAY_OK)
        return status;
    const as_batches_config batches = {.batch_rows = t->config->batch,
                                       .batch_tokens = t->config->batch_tokens,
                                       .row_weights = t->job->data->row_weights};
    status = as_batches_open(arena, train, &batches, &t->batches, error);
    if (status == ASSAY_OK && t->config->accumulate > 1)
        status = as_batches_open(arena, train, &batches, &t->ahead, error);
    if (status == ASSAY_OK && validation->n_rows) {
        status = as_evaluation_init(arena, validation, t->config->batch, t->trainee->n_classes,
                                    NULL, &t->validation, error);
        t->validation.after_batch = after_validation_batch;
        t->validation.context = t;
    }
    if (status != ASSAY_OK)
        return status;
    t->logits = as_arena_alloc_array(arena, (size_t)as_batches_max_rows(t->batches),
                                     (size_t)t->trainee->n_classes * sizeof *t->logits);
    t->epochs = as_arena_alloc_array(arena, (size_t)t->config->epochs, sizeof *t->epochs);
    return t->logits && t->epochs ? ASSAY_OK
                                  : as_fail(error, ASSAY_OUT_OF_MEMORY, "training",
                                            "no memory for %d epochs", (int)t->config->epochs);
}

assay_status as_train_run(as_arena *arena, const as_train_job *job, as_train_result *ret_result,
                          assay_error *error) {
    as_training t = {.job = job, .trainee = job->trainee, .config = job->config};
    assay_status status = prepare(&t, arena, error);
    if (status != ASSAY_OK)
        return status;
    t.result.initial_loss = NAN;
    t.progress = (as_train_progress){"train", 0, job->config->epochs, 0, NAN, NAN, NAN, 0};
    as_watch_start(&t.watch, 0, 0);
    t.start_ns = as_clock_ns();
    t.compute_start_ns = t.trainee->compute_ns(t.trainee->self);
    status = run_epochs(&t, error);
    if (status != ASSAY_OK && t.result.stopped != AS_STOPPED_DIVERGED)
        return status;
    assay_status restored = restore(&t, error);
    if (restored != ASSAY_OK)
        return restored;
    sum_up(&t);
    *ret_result = t.result;
    return status;
}
