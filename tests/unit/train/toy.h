/* SPDX-License-Identifier: MIT */
/* toy.h: small data and a scripted trainee for the tests of train/ and measure/. */
#ifndef TOY_H
#define TOY_H

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "train/trainer.h"

enum { TOY_VOCABULARY = 12, TOY_LONGEST = 9 };

/* n rows of 1 to TOY_LONGEST tokens; class 1 has token 2 somewhere, class 0 never. */
static inline void toy_split(as_arena *arena, as_split which, uint32_t n, uint64_t seed,
                             as_split_rows *ret_split) {
    as_row *rows = as_arena_alloc_array(arena, n, sizeof *rows);
    uint32_t *counts = as_arena_alloc_array(arena, 2, sizeof *counts);
    as_random random = as_random_init(seed, (uint64_t)which);
    memset(ret_split, 0, sizeof *ret_split);
    for (uint32_t i = 0; i < n; i++) {
        int32_t *ids = as_arena_alloc_array(arena, TOY_LONGEST, sizeof *ids);
        int32_t length = 1 + (int32_t)as_random_below(&random, TOY_LONGEST);
        for (int32_t t = 0; t < length; t++)
            ids[t] = 3 + (int32_t)as_random_below(&random, TOY_VOCABULARY - 3);
        rows[i] = (as_row){.text = "",
                           .name = "",
                           .ids = ids,
                           .n_ids = length,
                           .label = (int32_t)(i % 2),
                           .index = i};
        if (rows[i].label == 1)
            ids[as_random_below(&random, (uint64_t)length)] = 2;
        counts[rows[i].label]++;
        ret_split->n_tokens += (uint64_t)length;
        ret_split->longest = length > ret_split->longest ? length : ret_split->longest;
    }
    ret_split->split = which;
    ret_split->n_rows = n;
    ret_split->rows = rows;
    ret_split->counts = counts;
}

static inline as_prepared toy_prepared(as_arena *arena, uint32_t n_train, uint32_t n_validation) {
    as_prepared prepared;
    memset(&prepared, 0, sizeof prepared);
    prepared.n_labels = 2;
    prepared.max_tokens = TOY_LONGEST;
    toy_split(arena, AS_SPLIT_TRAIN, n_train, 1, &prepared.splits[AS_SPLIT_TRAIN]);
    toy_split(arena, AS_SPLIT_VALIDATION, n_validation, 1, &prepared.splits[AS_SPLIT_VALIDATION]);
    toy_split(arena, AS_SPLIT_TEST, 20, 1, &prepared.splits[AS_SPLIT_TEST]);
    return prepared;
}

static inline as_train_config toy_config(int32_t epochs, int32_t patience) {
    as_train_config config = {.update = {.struct_size = (uint32_t)sizeof(assay_update_config),
                                         .optimizer = ASSAY_OPTIMIZER_ADAM,
                                         .beta1 = 0.9,
                                         .beta2 = 0.999,
                                         .epsilon = 1e-8,
                                         .clip_norm = 1},
                              .learning_rate = 0.05,
                              .batch = 8,
                              .epochs = epochs,
                              .metric = AS_METRIC_VALIDATION_LOSS,
                              .patience = patience,
                              .keep_best = true};
    return config;
}

/* A trainee whose "weights" are the number of the epoch that trained last, and whose validation
 * figures after epoch e follow a script: margin[e] is the logit of the right class (0 of the
 * others), and the first n_wrong[e] rows get it negated. Index 0: before training. */
typedef struct toy_trainee {
    as_trainee trainee;
    double margin[16];
    uint64_t n_wrong[16];
    int32_t only_class;   /* predicted for every row; -1: by the script */
    int64_t nan_at_step;  /* 0: never */
    int64_t fail_at_step; /* 0: never */
    double grad_norm;
    int64_t explodes_at_step; /* 0: never; the norm is 10,000 times as large there */
    double train_right;       /* share of the train rows whose logits are right; NaN: no logits */
    bool has_loss;
    int32_t weights, kept;
    double rate; /* learning rate of the last step */
    int64_t n_steps, n_batches;
    uint64_t seeds[256];      /* of each batch */
    double loss_weights[256]; /* of each batch: of its whole step, as told, */
    double own_weights[256];  /* and of itself */
    uint64_t row_sum;         /* of row keys trained on */
    int32_t n_predicted;
} toy_trainee;

/* A row weighs twice its class plus one, so that a sum tells which rows it is over. */
static inline double toy_loss_weight(const void *self, const int32_t *labels, int32_t n_rows) {
    double sum = 0;
    (void)self;
    for (int32_t b = 0; b < n_rows; b++)
        sum += 2 * labels[b] + 1;
    return sum;
}

static inline assay_status toy_train_batch(void *self, const assay_batch *batch,
                                           const as_batch_step *step, double *logits,
                                           as_batch_result *ret_result, assay_error *error) {
    toy_trainee *toy = self;
    toy->weights = step->epoch;
    toy->rate = step->learning_rate;
    if (toy->n_batches < 256) {
        toy->seeds[toy->n_batches] = step->seed;
        toy->loss_weights[toy->n_batches] = step->loss_weight;
        toy->own_weights[toy->n_batches] = toy_loss_weight(toy, batch->labels, batch->n_rows);
    }
    toy->n_batches++;
    toy->n_steps += !step->more;
    for (int32_t b = 0; b < batch->n_rows; b++) {
        bool right = (double)batch->row_keys[b] < toy->train_right * 50;
        logits[2 * b] = right == (batch->labels[b] == 0);
        logits[2 * b + 1] = 1 - logits[2 * b];
        toy->row_sum += batch->row_keys[b];
    }
    if (step->step == toy->fail_at_step)
        return assay_fail(error, ASSAY_LIMIT, "toy", "scripted failure");
    double loss = step->step == toy->nan_at_step ? (double)NAN : 1.0 / (double)step->step;
    double norm = toy->grad_norm * (step->step == toy->explodes_at_step ? 1e4 : 1);
    *ret_result =
        (as_batch_result){loss, norm, toy->has_loss, !step->more, !isnan(toy->train_right), false};
    return ASSAY_OK;
}

static inline assay_status toy_predict(void *self, const assay_batch *batch, double *logits,
                                       assay_error *error) {
    toy_trainee *toy = self;
    (void)error;
    toy->n_predicted += batch->n_rows;
    for (int32_t b = 0; b < batch->n_rows; b++) {
        int32_t label = batch->labels ? batch->labels[b] : 0;
        double margin = toy->margin[toy->weights];
        logits[2 * b + label] = batch->row_keys[b] < toy->n_wrong[toy->weights] ? -margin : margin;
        logits[2 * b + 1 - label] = 0;
        if (toy->only_class >= 0) {
            logits[2 * b + toy->only_class] = margin;
            logits[2 * b + 1 - toy->only_class] = 0;
        }
    }
    return ASSAY_OK;
}

static inline assay_status toy_keep(void *self, assay_error *error) {
    toy_trainee *toy = self;
    (void)error;
    toy->kept = toy->weights;
    return ASSAY_OK;
}

static inline assay_status toy_restore(void *self, assay_error *error) {
    toy_trainee *toy = self;
    (void)error;
    toy->weights = toy->kept;
    return ASSAY_OK;
}

static inline int64_t toy_compute_ns(const void *self) {
    (void)self;
    return 0;
}

static inline void toy_init(toy_trainee *toy) {
    memset(toy, 0, sizeof *toy);
    toy->has_loss = true;
    toy->only_class = -1;
    toy->grad_norm = 1;
    toy->train_right = (double)NAN;
    toy->trainee = (as_trainee){.self = toy,
                                .n_classes = 2,
                                .train_batch = toy_train_batch,
                                .predict = toy_predict,
                                .keep = toy_keep,
                                .restore = toy_restore,
                                .compute_ns = toy_compute_ns,
                                .loss_weight = toy_loss_weight};
    for (int i = 0; i < 16; i++)
        toy->margin[i] = 1;
}

#endif
