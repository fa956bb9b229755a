/* SPDX-License-Identifier: MIT */
/* The two things that can be trained: a graph model on an engine, and an opaque model. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "train/engine.h"
#include "train/recipe.h"
#include "train/trainer.h"

void as_trainee_free(as_trainee *trainee) {
    if (!trainee)
        return;
    if (trainee->destroy)
        trainee->destroy(trainee->self);
    free(trainee);
}

/* ---- graph model ----------------------------------------------------------------------------- */

typedef struct graph_trainee {
    as_engine *engine; /* borrowed */
    double *kept;      /* [n_elements] */
    uint8_t *exempt;   /* [n_parameters] from weight decay, for these kinds: */
    uint32_t exempt_kinds;
} graph_trainee;

static const assay_graph_view *view_of(const graph_trainee *graph) {
    return as_graph_view(as_engine_graph(graph->engine));
}

static double graph_loss_weight(const void *self, const int32_t *labels, int32_t n_rows) {
    return as_graph_loss_weight(view_of(self), labels, n_rows);
}

static assay_status graph_update(graph_trainee *graph, const as_batch_step *how,
                                 const assay_step *step, double *ret_norm, assay_error *error) {
    assay_update_config config = *how->update;
    if (how->decay_exempt != graph->exempt_kinds)
        as_decay_exempt(view_of(graph), how->decay_exempt, graph->exempt);
    graph->exempt_kinds = how->decay_exempt;
    if (how->decay_exempt)
        config.decay_exempt = graph->exempt;
    return as_engine_update(graph->engine, &config, step, ret_norm, error);
}

static assay_status graph_train_batch(void *self, const assay_batch *batch,
                                      const as_batch_step *how, double *logits,
                                      as_batch_result *ret_result, assay_error *error) {
    graph_trainee *graph = self;
    double weight = graph_loss_weight(graph, batch->labels, batch->n_rows);
    double whole = how->loss_weight > 0 ? how->loss_weight : weight;
    assay_step step = {(uint32_t)sizeof step, 1,          how->seed, how->step,
                       how->learning_rate,    1.0 / whole};
    double loss = 0, norm = NAN;
    assay_status status = as_engine_accumulate(graph->engine, batch, &step, logits, &loss, error);
    if (status == ASSAY_OK && !how->more)
        status = graph_update(graph, how, &step, &norm, error);
    if (status == ASSAY_OK)
        *ret_result = (as_batch_result){loss / weight, norm, true, !how->more, true};
    return status;
}

static assay_status graph_predict(void *self, const assay_batch *batch, double *logits,
                                  assay_error *error) {
    graph_trainee *graph = self;
    return as_engine_forward(graph->engine, batch, logits, NULL, error);
}

static assay_status graph_keep(void *self, assay_error *error) {
    graph_trainee *graph = self;
    return as_engine_get(graph->engine, ASSAY_STATE_PARAMETER, graph->kept,
                         as_engine_n_elements(graph->engine), error);
}

static assay_status graph_restore(void *self, assay_error *error) {
    graph_trainee *graph = self;
    return as_engine_set(graph->engine, ASSAY_STATE_PARAMETER, graph->kept,
                         as_engine_n_elements(graph->engine), error);
}

static int64_t graph_compute_ns(const void *self) {
    const graph_trainee *graph = self;
    return as_engine_compute_ns(graph->engine);
}

static void graph_destroy(void *self) {
    graph_trainee *graph = self;
    free(graph->kept);
    free(graph->exempt);
    free(graph);
}

assay_status as_trainee_new_graph(as_engine *engine, as_trainee **ret_trainee, assay_error *error) {
    as_trainee *trainee = calloc(1, sizeof *trainee);
    graph_trainee *graph = calloc(1, sizeof *graph);
    uint64_t n = as_engine_n_elements(engine);
    double *kept = calloc(n ? n : 1, sizeof *kept);
    uint8_t *exempt = calloc(as_graph_view(as_engine_graph(engine))->n_parameters + 1, 1);
    if (!trainee || !graph || !kept || !exempt)
        goto fail;
    *graph = (graph_trainee){engine, kept, exempt, 0};
    *trainee = (as_trainee){graph,
                            as_engine_n_classes(engine),
                            graph_train_batch,
                            graph_predict,
                            graph_keep,
                            graph_restore,
                            graph_compute_ns,
                            graph_destroy,
                            graph_loss_weight};
    *ret_trainee = trainee;
    return ASSAY_OK;

fail:
    free(trainee);
    free(graph);
    free(kept);
    free(exempt);
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "model", "no memory to keep %llu parameters",
                   (unsigned long long)n);
}

/* ---- opaque model ---------------------------------------------------------------------------- */

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
    *ret_result = (as_batch_result){loss, NAN, opaque->gave_loss, false, false};
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
    *trainee = (as_trainee){opaque,
                            config->n_classes,
                            opaque_train_batch,
                            opaque_predict,
                            keeps ? opaque_keep : NULL,
                            keeps ? opaque_restore : NULL,
                            opaque_compute_ns,
                            opaque_destroy,
                            NULL};
    *ret_trainee = trainee;
    return ASSAY_OK;

fail:
    free(trainee);
    free(opaque);
    free(logits);
    return status;
}

int64_t as_trainee_n_parameters(const as_trainee *trainee) {
    const opaque_trainee *opaque = trainee->self;
    if (trainee->train_batch != opaque_train_batch || !opaque->model->n_parameters)
        return -1;
    return opaque->model->n_parameters(opaque->state);
}
