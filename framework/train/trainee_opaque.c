/* SPDX-License-Identifier: MIT */
/* An opaque model as a trainee. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "train/trainer.h"

typedef struct opaque_trainee {
    const assay_model_opaque *model;
    void *state;   /* the plugin's */
    float *logits; /* [max_rows, n_classes] */
    int32_t max_rows, n_classes;
    bool gave_loss; /* once a model has given a loss, NaN no longer means "has none" */
    int64_t compute_ns;
} opaque_trainee;

static assay_status opaque_train_batch(void *self, const assay_batch *batch,
                                       const as_batch_step *how, double *logits,
                                       as_batch_result *ret_result, assay_error *error) {
    opaque_trainee *opaque = self;
    assay_train_step step = {(uint32_t)sizeof step, how->epoch, how->step, how->learning_rate};
    double loss = NAN;
    int64_t start_ns = as_clock_ns();
    assay_status status = opaque->model->train_step(opaque->state, batch, &step, &loss, error);
    (void)logits;
    opaque->compute_ns += as_clock_ns() - start_ns;
    if (status != ASSAY_OK)
        return status;
    opaque->gave_loss = opaque->gave_loss || !isnan(loss);
    *ret_result = (as_batch_result){loss, NAN, opaque->gave_loss, false, false, false};
    return ASSAY_OK;
}

static assay_status opaque_predict(void *self, const assay_batch *batch, double *logits,
                                   assay_error *error) {
    opaque_trainee *opaque = self;
    size_t n = (size_t)batch->n_rows * (size_t)opaque->n_classes;
    int64_t start_ns;
    assay_status status;
    if (batch->n_rows > opaque->max_rows)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "batch", "%d rows; expected at most %d",
                       (int)batch->n_rows, (int)opaque->max_rows);
    start_ns = as_clock_ns();
    status = opaque->model->predict(opaque->state, batch, opaque->logits, error);
    opaque->compute_ns += as_clock_ns() - start_ns;
    if (status != ASSAY_OK)
        return status;
    for (size_t i = 0; i < n; i++)
        logits[i] = (double)opaque->logits[i];
    return ASSAY_OK;
}

static assay_status opaque_keep(void *self, assay_error *error) {
    opaque_trainee *opaque = self;
    return opaque->model->keep(opaque->state, error);
}

static assay_status opaque_restore(void *self, assay_error *error) {
    opaque_trainee *opaque = self;
    return opaque->model->restore(opaque->state, error);
}

static int64_t opaque_compute_ns(const void *self) {
    const opaque_trainee *opaque = self;
    return opaque->compute_ns;
}

static void opaque_destroy(void *self) {
    opaque_trainee *opaque = self;
    if (opaque->state)
        opaque->model->destroy(opaque->state);
    free(opaque->logits);
    free(opaque);
}

assay_status as_trainee_new_opaque(const assay_model_opaque *model,
                                   const assay_model_config *config, int32_t max_rows,
                                   as_trainee **ret_trainee, assay_error *error) {
    as_trainee *trainee = calloc(1, sizeof *trainee);
    opaque_trainee *opaque = calloc(1, sizeof *opaque);
    float *logits = calloc((size_t)max_rows, (size_t)config->n_classes * sizeof *logits);
    bool keeps = model->keep && model->restore;
    assay_status status;
    if (!trainee || !opaque || !logits) {
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, "model", "no memory for %d rows of logits",
                         (int)max_rows);
        goto fail;
    }
    *opaque = (opaque_trainee){model, NULL, logits, max_rows, config->n_classes, false, 0};
    status = model->create(config, &opaque->state, error);
    if (status != ASSAY_OK)
        goto fail;
    *trainee = (as_trainee){.self = opaque,
                            .n_classes = config->n_classes,
                            .train_batch = opaque_train_batch,
                            .predict = opaque_predict,
                            .keep = keeps ? opaque_keep : NULL,
                            .restore = keeps ? opaque_restore : NULL,
                            .compute_ns = opaque_compute_ns,
                            .destroy = opaque_destroy};
    *ret_trainee = trainee;
    return ASSAY_OK;

fail:
    free(trainee);
    free(opaque);
    free(logits);
    return status;
}

const void *as_trainee_opaque_model(const as_trainee *trainee) {
    const opaque_trainee *opaque = trainee->self;
    return trainee->train_batch == opaque_train_batch ? opaque->state : NULL;
}

int64_t as_trainee_n_parameters(const as_trainee *trainee) {
    const opaque_trainee *opaque = trainee->self;
    if (trainee->train_batch != opaque_train_batch || !opaque->model->n_parameters)
        return -1;
    return opaque->model->n_parameters(opaque->state);
}
