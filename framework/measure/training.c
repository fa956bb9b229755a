/* SPDX-License-Identifier: MIT */
/* training: optimizer steps on the train split's batches as the suite's epoch 1 draws them, at the
 * rate that its schedule starts from. The model learns on; nothing is evaluated after it. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "data/batches.h"
#include "measure/scenario_run.h"

typedef struct training {
    const as_trainee *trainee;
    const as_train_config *config;
    uint64_t seed;
    as_batches *batches;
    uint64_t n_batches;
    int64_t n_steps;
} training;

static const assay_batch *query(void *self, uint64_t i) {
    training *t = self;
    if (i % t->n_batches == 0)
        as_batches_shuffle(t->batches, t->seed, 1);
    return as_batches_next(t->batches);
}

static int32_t real_tokens(const void *self) {
    return as_batches_real_tokens(((const training *)self)->batches);
}

static assay_status step(void *self, const assay_batch *batch, double *logits, assay_error *error) {
    training *t = self;
    as_batch_result result = {NAN, NAN, false, false, false, false};
    t->n_steps++;
    const as_batch_step how = {.epoch = 1,
                               .step = t->n_steps,
                               .seed = assay_mix64(t->seed + (uint64_t)t->n_steps),
                               .learning_rate = t->config->learning_rate,
                               .update = &t->config->update,
                               .decay_exempt = t->config->decay_exempt};
    assay_status status =
        t->trainee->train_batch(t->trainee->self, batch, &how, logits, &result, error);
    if (status == ASSAY_OK && result.has_loss && !isfinite(result.loss))
        return as_fail(error, ASSAY_DIVERGED, "training", "the loss is %g at timed step %lld",
                       result.loss, (long long)t->n_steps);
    return status;
}

assay_status as_training_open(as_arena *arena, const as_trainee *trainee,
                              const as_split_rows *split, const as_scenario_config *config,
                              as_sequence *ret_sequence, assay_error *error) {
    if (split->n_rows == 0 || !config->training)
        return as_fail(error, ASSAY_UNSUPPORTED, "training", "there are no train rows");
    training *t = as_arena_alloc(arena, sizeof *t);
    if (!t)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "training", "no memory");
    memset(t, 0, sizeof *t);
    t->trainee = trainee;
    t->config = config->training;
    t->seed = config->seed;
    const as_batches_config batches = {.batch_rows = config->batch,
                                       .batch_tokens = config->training->batch_tokens};
    assay_status status = as_batches_open(arena, split, &batches, &t->batches, error);
    if (status != ASSAY_OK)
        return status;
    as_batches_shuffle(t->batches, t->seed, 1);
    t->n_batches = as_batches_count(t->batches);
    uint64_t n_block = config->block_queries, n_shapes = n_block ? n_block : 8;
    *ret_sequence = (as_sequence){.self = t,
                                  .query = query,
                                  .shape = query,
                                  .n_shapes = n_shapes < t->n_batches ? n_shapes : t->n_batches,
                                  .n_round = 1,
                                  .n_window = t->n_batches < 8 ? (uint32_t)t->n_batches : 8,
                                  .max_rows = as_batches_max_rows(t->batches),
                                  .real_tokens = real_tokens,
                                  .n_block = n_block < t->n_batches ? n_block : t->n_batches,
                                  .run = step};
    return ASSAY_OK;
}
