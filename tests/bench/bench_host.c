/* SPDX-License-Identifier: MIT */
/* bench_host.c: the host's own cost per batch, with a model that does nothing: what is left is
 * drawing and packing batches, counting hits, progress, and the loss and F1 of validation. Prints
 * JSON; exit status 1 when the cost is 50 microseconds or more. The least of five runs: what else
 * the machine does only adds.
 *
 *     build/tests/bench/bench_host */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "train/trainer.h"

#define LIMIT_US 50.0

enum {
    N_TRAIN = 8000,
    N_VALIDATION = 2000,
    N_CLASSES = 10,
    BATCH = 32,
    EPOCHS = 3,
    LONGEST = 256,
    RUNS = 5
};

static assay_status create(const assay_model_config *config, void **ret_model, assay_error *error) {
    static int state;
    (void)config;
    (void)error;
    *ret_model = &state;
    return ASSAY_OK;
}

static assay_status train_step(void *model, const assay_batch *batch, const assay_train_step *step,
                               double *ret_loss, assay_error *error) {
    (void)model;
    (void)batch;
    (void)error;
    *ret_loss = 1.0 / (double)step->step;
    return ASSAY_OK;
}

static assay_status predict(void *model, const assay_batch *batch, float *logits,
                            assay_error *error) {
    (void)model;
    (void)error;
    memset(logits, 0, (size_t)batch->n_rows * N_CLASSES * sizeof *logits);
    return ASSAY_OK;
}

static void destroy(void *model) {
    (void)model;
}

/* Rows as long as film reviews cut at LONGEST. */
static int make_split(as_arena *arena, as_split which, uint32_t n, as_split_rows *ret_split) {
    as_row *rows = as_arena_alloc_array(arena, n, sizeof *rows);
    as_random random = as_random_init(1, (uint64_t)which);
    if (!rows)
        return 0;
    *ret_split = (as_split_rows){.split = which, .n_rows = n, .rows = rows, .longest = LONGEST};
    for (uint32_t i = 0; i < n; i++) {
        int32_t length = 60 + (int32_t)as_random_below(&random, LONGEST - 59);
        int32_t *ids = as_arena_alloc_array(arena, (size_t)length, sizeof *ids);
        if (!ids)
            return 0;
        for (int32_t t = 0; t < length; t++)
            ids[t] = (int32_t)as_random_below(&random, 20000);
        rows[i] = (as_row){.text = "",
                           .name = "",
                           .ids = ids,
                           .n_ids = length,
                           .label = (int32_t)(i % N_CLASSES),
                           .index = i};
        ret_split->n_tokens += (uint64_t)length;
    }
    return 1;
}

static void on_progress(void *context, const as_train_progress *progress) {
    (void)context;
    (void)progress;
}

int main(void) {
    static const assay_model_opaque model = {
        (uint32_t)sizeof model, 0, create, train_step, predict, NULL, NULL, NULL, destroy};
    assay_model_config model_config = {
        (uint32_t)sizeof model_config, N_CLASSES, 20000, LONGEST, NULL, 1, 1, 0};
    as_train_config config = {
        .learning_rate = 1e-3, .batch = BATCH, .epochs = EPOCHS, .keep_best = true};
    as_prepared data = {.n_labels = N_CLASSES, .max_tokens = LONGEST};
    assay_error error = ASSAY_ERROR_INIT;
    as_trainee *trainee = NULL;
    as_train_result result;
    as_arena *arena = as_arena_new();
    int exit_status = 3;
    if (!arena || !make_split(arena, AS_SPLIT_TRAIN, N_TRAIN, &data.splits[AS_SPLIT_TRAIN]) ||
        !make_split(arena, AS_SPLIT_VALIDATION, N_VALIDATION, &data.splits[AS_SPLIT_VALIDATION]) ||
        as_trainee_new_opaque(&model, &model_config, BATCH, &trainee, &error) != ASSAY_OK)
        goto done;
    as_train_job job = {trainee, &data, &config, 1, {.progress = on_progress}, NULL};
    double us = INFINITY;
    for (int run = 0; run < RUNS; run++) {
        if (as_train_run(arena, &job, &result, &error) != ASSAY_OK)
            goto done;
        us = fmin(us, 1e6 * result.host_seconds_per_batch);
    }
    printf("{\"bench\": \"host\", \"batches\": %lld, \"rows_per_batch\": %d, "
           "\"microseconds_per_batch\": %.2f, \"limit\": %.0f}\n",
           (long long)(result.n_steps + EPOCHS * ((N_VALIDATION + BATCH - 1) / BATCH)), BATCH, us,
           LIMIT_US);
    exit_status = us < LIMIT_US ? 0 : 1;

done:
    if (exit_status == 3)
        fprintf(stderr, "bench_host: %s: %s\n", error.where, error.text);
    as_trainee_free(trainee);
    as_arena_free(arena);
    return exit_status;
}
