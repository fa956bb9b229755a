/* SPDX-License-Identifier: MIT */
/* What of a training run stands in its saved state, and when it is saved. Random numbers have no
 * state: batches are a function of (seed, epoch), dropout of (seed, step). The file is state.h's,
 * the weights are trainee_state.h's. */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "train/trainee_state.h"
#include "train/training.h"

/* Training time between two saves is at least so many times what the last one took. */
enum { LEAST_RATIO = 9 };

/* ---- numbers --------------------------------------------------------------------------------- */

typedef enum number_kind { REAL, INT32, INT64, UINT32, UINT64 } number_kind;

typedef struct number {
    const char *name;
    number_kind kind;
    size_t offset;
    int64_t low, high; /* of integers */
} number;

#define RUN_REAL(field)                                                                            \
    { #field, REAL, offsetof(as_training, field), 0, 0 }
#define RUN(field, kind, low, high)                                                                \
    { #field, kind, offsetof(as_training, field), low, high }
#define COUNT(field, kind) RUN(field, kind, 0, INT64_C(1) << 53)

static const number run_numbers[] = {
    RUN(result.n_epochs, INT32, 0, INT32_MAX - 1),
    RUN(begun, INT32, 1, INT32_MAX),
    COUNT(n_done, UINT32),
    COUNT(result.n_steps, INT64),
    COUNT(n_batches, UINT64),
    COUNT(result.n_padded_tokens, UINT64),
    COUNT(result.n_resumed, INT32),
    RUN_REAL(result.initial_loss),
    RUN_REAL(sums.loss),
    RUN_REAL(sums.grad_norm),
    COUNT(sums.n_hits, UINT64),
    COUNT(sums.n_rows_with_logits, UINT64),
    RUN(result.best_epoch, INT32, 0, INT32_MAX),
    RUN(result.kept_epoch, INT32, 0, INT32_MAX),
    RUN(reference_epoch, INT32, 0, INT32_MAX),
    RUN_REAL(best_metric),
    RUN_REAL(reference),
    RUN_REAL(schedule.learning_rate),
    RUN_REAL(schedule.best),
    COUNT(schedule.n_epochs, INT32),
    COUNT(schedule.n_bad, INT32),
    RUN(watch.n_norms, INT32, 0, AS_WATCH_NORMS),
    RUN(watch.next, INT32, 0, AS_WATCH_NORMS - 1),
    RUN(watch.now, UINT32, 0, 255),
    RUN(watch.found.seen, UINT32, 0, 255),
    COUNT(watch.found.n_overfitting, INT32),
    COUNT(watch.found.overfitting_first.epoch, INT32),
    RUN_REAL(watch.found.overfitting_first.train_accuracy),
    RUN_REAL(watch.found.overfitting_first.validation_accuracy),
    RUN(watch.found.overfitting_first.only_class, INT32, -1, INT32_MAX),
    COUNT(watch.found.overfitting_first.n_classes_of, INT32),
    COUNT(watch.found.overfitting_last.epoch, INT32),
    RUN_REAL(watch.found.overfitting_last.train_accuracy),
    RUN_REAL(watch.found.overfitting_last.validation_accuracy),
    RUN(watch.found.overfitting_last.only_class, INT32, -1, INT32_MAX),
    COUNT(watch.found.overfitting_last.n_classes_of, INT32),
    COUNT(watch.found.n_one_class, INT32),
    COUNT(watch.found.n_exploding, INT64),
    COUNT(watch.found.exploding_step, INT64),
    RUN_REAL(watch.found.exploding_norm),
    RUN_REAL(watch.found.exploding_median),
};

#define EPOCH_REAL(field)                                                                          \
    { "epochs." #field, REAL, offsetof(as_epoch_figures, field), 0, 0 }
#define EPOCH(field, kind, low)                                                                    \
    { "epochs." #field, kind, offsetof(as_epoch_figures, field), low, INT64_C(1) << 53 }

/* Of each epoch that has begun. */
static const number epoch_numbers[] = {
    EPOCH(epoch, INT32, 1),          EPOCH(steps, INT64, 0),
    EPOCH(n_rows, UINT64, 0),        EPOCH(n_tokens, UINT64, 0),
    EPOCH_REAL(train_loss),          EPOCH_REAL(train_accuracy),
    EPOCH_REAL(validation_loss),     EPOCH_REAL(validation_accuracy),
    EPOCH_REAL(validation_f1_macro), EPOCH_REAL(learning_rate),
    EPOCH_REAL(grad_norm),           EPOCH_REAL(seconds),
    EPOCH_REAL(validation_seconds),  EPOCH(validation_only_class, INT32, -1),
};

enum {
    N_RUN = sizeof run_numbers / sizeof *run_numbers,
    N_EPOCH = sizeof epoch_numbers / sizeof *epoch_numbers
};

static int64_t integer_at(const void *place, number_kind kind) {
    switch (kind) {
    case INT32:
        return *(const int32_t *)place;
    case UINT32:
        return *(const uint32_t *)place;
    case UINT64:
        return (int64_t) * (const uint64_t *)place;
    default:
        return *(const int64_t *)place;
    }
}

static void set_integer(void *place, number_kind kind, int64_t value) {
    switch (kind) {
    case INT32:
        *(int32_t *)place = (int32_t)value;
        break;
    case UINT32:
        *(uint32_t *)place = (uint32_t)value;
        break;
    case UINT64:
        *(uint64_t *)place = (uint64_t)value;
        break;
    default:
        *(int64_t *)place = value;
    }
}

/* A number of n structures `stride` bytes apart; room[n] holds them while they are copied. */
typedef union eight_bytes {
    double real;
    int64_t integer;
} eight_bytes;

static assay_status add_number(as_state_parts *parts, const number *what, const void *base,
                               size_t stride, size_t n, eight_bytes *room, assay_error *error) {
    const char *place = (const char *)base + what->offset;
    for (size_t i = 0; i < n; i++, place += stride)
        if (what->kind == REAL)
            room[i].real = *(const double *)(const void *)place;
        else
            room[i].integer = integer_at(place, what->kind);
    return what->kind == REAL ? as_state_add_f64(parts, what->name, &room->real, n, error)
                              : as_state_add_i64(parts, what->name, &room->integer, n, error);
}

static assay_status read_number(as_state *state, const number *what, void *base, size_t stride,
                                size_t n, eight_bytes *room, assay_error *error) {
    char *place = (char *)base + what->offset;
    int64_t high = what->kind == INT32 && what->high > INT32_MAX     ? INT32_MAX
                   : what->kind == UINT32 && what->high > UINT32_MAX ? UINT32_MAX
                                                                     : what->high;
    assay_status status = what->kind == REAL
                              ? as_state_read_f64(state, what->name, &room->real, n, error)
                              : as_state_read_i64(state, what->name, &room->integer, n, error);
    for (size_t i = 0; status == ASSAY_OK && i < n; i++, place += stride) {
        if (what->kind == REAL)
            *(double *)(void *)place = room[i].real;
        else if (room[i].integer < what->low || room[i].integer > high)
            status =
                as_state_fail_value(state, what->name, room[i].integer, what->low, high, error);
        else
            set_integer(place, what->kind, room[i].integer);
    }
    return status;
}

static assay_status new_room(size_t n, eight_bytes **ret_room, assay_error *error) {
    if (!(*ret_room = calloc(n, sizeof **ret_room)))
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "training state", "no memory for %zu epochs", n);
    return ASSAY_OK;
}

/* Times since the run began, which are no fields but differences. */
static const char times_name[] = "seconds.run_and_compute";

static assay_status add_numbers(const as_training *t, as_state_parts *parts, assay_error *error) {
    size_t n = (size_t)t->begun;
    int64_t compute_ns = t->trainee->compute_ns(t->trainee->self) - t->compute_start_ns;
    double times[2] = {as_seconds_since(t->start_ns), (double)compute_ns * 1e-9};
    eight_bytes *room = NULL;
    assay_status status = new_room(n, &room, error);
    for (size_t i = 0; status == ASSAY_OK && i < N_RUN; i++)
        status = add_number(parts, &run_numbers[i], t, 0, 1, room, error);
    for (size_t i = 0; status == ASSAY_OK && i < N_EPOCH; i++)
        status = add_number(parts, &epoch_numbers[i], t->epochs, sizeof *t->epochs, n, room, error);
    if (status == ASSAY_OK)
        status = as_state_add_f64(parts, "watch.norms", t->watch.latest, AS_WATCH_NORMS, error);
    if (status == ASSAY_OK)
        status = as_state_add_f64(parts, times_name, times, 2, error);
    free(room);
    return status;
}

static assay_status check_between(const as_state *state, const char *name, int64_t value,
                                  int64_t low, int64_t high, assay_error *error) {
    return value >= low && value <= high
               ? ASSAY_OK
               : as_state_fail_value(state, name, value, low, high, error);
}

/* What the tables' bounds can't say of the run, before as many epochs are read. */
static assay_status check_run(const as_training *t, const as_state *state, assay_error *error) {
    const as_train_result *r = &t->result;
    int32_t high = r->n_epochs < t->config->epochs ? r->n_epochs + 1 : t->config->epochs;
    assay_status status =
        check_between(state, "result.n_epochs", r->n_epochs, 0, t->config->epochs, error);
    if (status == ASSAY_OK)
        status =
            check_between(state, "begun", t->begun, r->n_epochs ? r->n_epochs : 1, high, error);
    if (status == ASSAY_OK)
        status = check_between(state, "result.best_epoch", r->best_epoch, 0, r->n_epochs, error);
    if (status == ASSAY_OK)
        status = check_between(state, "result.kept_epoch", r->kept_epoch, 0, r->n_epochs, error);
    return status;
}

static assay_status read_epochs(as_training *t, as_state *state, assay_error *error) {
    eight_bytes *room = NULL;
    assay_status status = new_room((size_t)t->begun, &room, error);
    for (size_t i = 0; status == ASSAY_OK && i < N_EPOCH; i++)
        status = read_number(state, &epoch_numbers[i], t->epochs, sizeof *t->epochs,
                             (size_t)t->begun, room, error);
    for (int32_t i = 0; status == ASSAY_OK && i < t->begun; i++)
        status =
            check_between(state, "epochs.validation_only_class", t->epochs[i].validation_only_class,
                          -1, t->trainee->n_classes - 1, error);
    free(room);
    return status;
}

static assay_status read_numbers(as_training *t, as_state *state, double times[2],
                                 assay_error *error) {
    eight_bytes one;
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < N_RUN; i++)
        status = read_number(state, &run_numbers[i], t, 0, 1, &one, error);
    if (status == ASSAY_OK)
        status = check_run(t, state, error);
    if (status == ASSAY_OK)
        status = read_epochs(t, state, error);
    if (status == ASSAY_OK)
        status = as_state_read_f64(state, "watch.norms", t->watch.latest, AS_WATCH_NORMS, error);
    if (status == ASSAY_OK && !as_watch_take_up(&t->watch))
        status = as_fail(error, ASSAY_BAD_DATA, "watch.norms",
                         "found a norm that is not a finite number; remove the training state to "
                         "train anew");
    return status == ASSAY_OK ? as_state_read_f64(state, times_name, times, 2, error) : status;
}

/* ---- saving ---------------------------------------------------------------------------------- */

static bool with_kept(const as_training *t) {
    return t->trainee->keep && t->trainee->restore && t->result.kept_epoch > 0;
}

static assay_status save(as_training *t, assay_error *error) {
    const as_train_saver *saver = t->job->saver;
    as_state_parts *parts = NULL;
    as_trainee_source source = {NULL, NULL, NULL, 0};
    assay_status status = as_state_parts_new(&parts, error);
    if (status == ASSAY_OK)
        status = add_numbers(t, parts, error);
    if (status == ASSAY_OK)
        status =
            as_trainee_pack(t->trainee, &t->config->update, with_kept(t), &source, parts, error);
    if (status == ASSAY_OK && saver->pack)
        status = saver->pack(saver->context, parts, error);
    if (status == ASSAY_OK)
        status = as_state_write(parts, saver->path, saver->facts, saver->n_facts, error);
    as_trainee_source_done(&source);
    as_state_parts_free(parts);
    return status;
}

static bool saves(const as_training *t) {
    return t->job->saver && t->job->saver->every_seconds > 0 && as_trainee_can_save(t->trainee);
}

void as_training_plan_save(as_training *t) {
    if (saves(t))
        t->save_ns = as_clock_ns() + (int64_t)(t->job->saver->every_seconds * 1e9);
}

static void tell(const as_training *t, const char *format, const char *a, const char *b) {
    char text[1500];
    if (!t->job->saver->tell)
        return;
    snprintf(text, sizeof text, format, a, b);
    t->job->saver->tell(t->job->saver->context, text);
}

void as_training_save_if_due(as_training *t) {
    int64_t start_ns;
    if (!saves(t) || (start_ns = as_clock_ns()) < t->save_ns)
        return;
    int64_t compute_ns = t->trainee->compute_ns(t->trainee->self);
    assay_error error = ASSAY_ERROR_INIT;
    if (t->begun > t->result.n_epochs)
        t->epochs[t->begun - 1].seconds = (double)(start_ns - t->epoch_start_ns) * 1e-9;
    if (save(t, &error) != ASSAY_OK && !t->save_failed) {
        t->save_failed = true;
        tell(t, "the training state could not be saved, and the run goes on without: %s: %s",
             error.where, error.text);
    }
    int64_t now_ns = as_clock_ns(), took_ns = now_ns - start_ns;
    int64_t every_ns = (int64_t)(t->job->saver->every_seconds * 1e9);
    t->start_ns += took_ns;
    t->epoch_start_ns += took_ns;
    t->compute_start_ns += t->trainee->compute_ns(t->trainee->self) - compute_ns;
    t->save_ns = now_ns + (LEAST_RATIO * took_ns > every_ns ? LEAST_RATIO * took_ns : every_ns);
}

/* ---- going on -------------------------------------------------------------------------------- */

/* The trainee in the graph of the epoch at work, with the weights and moments of the state. */
static assay_status set_weights(const as_training *t, as_state *state, assay_error *error) {
    int64_t *before = calloc((size_t)t->begun, sizeof *before);
    if (!before)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "training state", "no memory for %d epochs",
                       (int)t->begun);
    for (int32_t i = 1; i < t->begun; i++)
        before[i] = before[i - 1] + t->epochs[i - 1].steps;
    assay_status status = as_trainee_resume(t->trainee, t->begun, before, t->result.n_steps, error);
    if (status == ASSAY_OK)
        status = as_trainee_unpack(t->trainee, &t->config->update, with_kept(t), state, error);
    free(before);
    return status;
}

/* Draws the order of the epoch at work and passes over the batches that are done. */
static assay_status skip_batches(const as_training *t, const as_state *state, uint32_t n_batches,
                                 assay_error *error) {
    assay_status status = check_between(state, "n_done", t->n_done, 0, n_batches, error);
    for (uint32_t i = 0; status == ASSAY_OK && i < t->n_done; i++) {
        (void)as_batches_next(t->batches);
        if (t->ahead)
            (void)as_batches_next(t->ahead);
    }
    return status;
}

static assay_status take_up(as_training *t, as_state *state, assay_error *error) {
    const as_train_saver *saver = t->job->saver;
    double times[2] = {0, 0};
    assay_status status = read_numbers(t, state, times, error);
    if (status == ASSAY_OK)
        status = skip_batches(t, state, as_training_draw(t, t->begun), error);
    if (status == ASSAY_OK)
        status = set_weights(t, state, error);
    if (status == ASSAY_OK && saver->unpack)
        status = saver->unpack(saver->context, state, error);
    if (status == ASSAY_OK)
        status = as_state_check_all_read(state, error);
    if (status != ASSAY_OK)
        return status;
    int64_t now_ns = as_clock_ns();
    t->start_ns = now_ns - (int64_t)(times[0] * 1e9);
    t->epoch_start_ns = now_ns - (int64_t)(t->epochs[t->begun - 1].seconds * 1e9);
    t->compute_start_ns = t->trainee->compute_ns(t->trainee->self) - (int64_t)(times[1] * 1e9);
    t->result.n_resumed++;
    t->result.resumed_step = t->result.n_steps;
    t->progress.epoch = t->begun;
    if (t->result.n_epochs)
        t->progress.validation_accuracy = t->epochs[t->result.n_epochs - 1].validation_accuracy;
    return ASSAY_OK;
}

assay_status as_training_take_up(as_training *t, assay_error *error) {
    const as_train_saver *saver = t->job->saver;
    as_state *state = NULL;
    as_state_why why;
    char step[32];
    if (!saver || !as_trainee_can_save(t->trainee))
        return ASSAY_OK;
    assay_status status =
        as_state_open(saver->path, saver->facts, saver->n_facts, &state, &why, error);
    if (status == ASSAY_OK && !state && why.text[0])
        tell(t, "training starts anew: %s is not used: %s", saver->path, why.text);
    if (status != ASSAY_OK || !state)
        return status;
    status = take_up(t, state, error);
    as_state_close(state);
    snprintf(step, sizeof step, "%" PRId64, t->result.n_steps);
    if (status == ASSAY_OK)
        tell(t, "training goes on after step %s, from %s", step, saver->path);
    return status;
}
