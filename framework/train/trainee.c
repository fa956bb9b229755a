/* SPDX-License-Identifier: MIT */
/* A graph model on an engine as a trainee. With phases it takes the engine from graph to graph as
 * epochs begin, and tells the optimizer each parameter's share of the learning rate and the step it
 * was first trained after:
 *
 *     t of a parameter = step - since, since = steps done when its depth was first trained
 *
 * The kept copy holds what any phase trains; the rest never changes. */
#include <math.h>
#include <stdlib.h>

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

typedef struct graph_trainee {
    as_engine *engine; /* borrowed */
    as_phases *phases; /* borrowed; NULL: there is one */
    int32_t lowest;    /* depth that is trained now, with phases */
    int64_t n_steps;   /* done */
    double *kept;      /* [n_kept] values of the parameters that are ever trained */
    uint64_t n_kept;
    uint8_t *is_kept; /* [n_parameters] */
    uint8_t *exempt;  /* [n_parameters] from weight decay, for these kinds: */
    uint32_t exempt_kinds;
    int32_t *depths;    /* [n_parameters] with phases */
    double *rate_scale; /* [n_parameters] with phases */
    int64_t *since;     /* [n_parameters] with phases */
} graph_trainee;

static const assay_graph_view *view_of(const graph_trainee *graph) {
    return as_graph_view(as_engine_graph(graph->engine));
}

/* ---- training and predicting ----------------------------------------------------------------- */

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
    if (graph->phases) {
        config.rate_scale = graph->rate_scale;
        config.since = graph->since;
    }
    graph->n_steps = how->step;
    return as_engine_update(graph->engine, &config, step, ret_norm, error);
}

static assay_status graph_train_batch(void *self, const assay_batch *batch,
                                      const as_batch_step *how, double *logits,
                                      as_batch_result *ret_result, assay_error *error) {
    graph_trainee *graph = self;
    double weight = graph_loss_weight(graph, batch->labels, batch->n_rows);
    double whole = how->loss_weight > 0 ? how->loss_weight : weight;
    assay_step step = {(uint32_t)sizeof step, 1,           how->seed, how->step,
                       how->learning_rate,    1.0 / whole, 0};
    double loss = 0, norm = NAN;
    assay_status status = as_engine_accumulate(graph->engine, batch, &step, logits, &loss, error);
    if (status == ASSAY_OK && !how->more)
        status = graph_update(graph, how, &step, &norm, error);
    if (status != ASSAY_OK)
        return status;
    const as_loss_scale *scale = as_engine_loss_scale(graph->engine);
    bool skipped = !how->more && scale->scale > 0 && !isfinite(norm);
    if (skipped && as_loss_scale_is_spent(scale))
        return as_fail(error, ASSAY_DIVERGED, "training",
                       "the gradient is not finite in fp16 even with the loss scaled by %g; train "
                       "in bf16 or f32",
                       2 * scale->scale);
    *ret_result =
        (as_batch_result){loss / weight, norm, true, !how->more && !skipped, true, skipped};
    return ASSAY_OK;
}

static assay_status graph_predict(void *self, const assay_batch *batch, double *logits,
                                  assay_error *error) {
    graph_trainee *graph = self;
    return as_engine_forward(graph->engine, batch, logits, NULL, error);
}

static int64_t graph_compute_ns(const void *self) {
    const graph_trainee *graph = self;
    return as_engine_compute_ns(graph->engine);
}

/* ---- the kept copy --------------------------------------------------------------------------- */

static assay_status graph_keep(void *self, assay_error *error) {
    graph_trainee *graph = self;
    const assay_graph_view *view = view_of(graph);
    double *values = graph->kept;
    assay_status status = ASSAY_OK;
    for (uint32_t i = 0; status == ASSAY_OK && i < view->n_parameters; i++) {
        if (!graph->is_kept[i])
            continue;
        status = as_engine_get_parameter(graph->engine, ASSAY_STATE_PARAMETER, i, values, error);
        values += view->parameters[i].n_elements;
    }
    return status;
}

static assay_status graph_restore(void *self, assay_error *error) {
    graph_trainee *graph = self;
    const assay_graph_view *view = view_of(graph);
    const double *values = graph->kept;
    assay_status status = ASSAY_OK;
    for (uint32_t i = 0; status == ASSAY_OK && i < view->n_parameters; i++) {
        if (!graph->is_kept[i])
            continue;
        status = as_engine_set_parameter(graph->engine, ASSAY_STATE_PARAMETER, i, values, error);
        values += view->parameters[i].n_elements;
    }
    return status;
}

double *as_trainee_kept(const as_trainee *trainee, uint64_t *ret_n) {
    const graph_trainee *graph = trainee->self;
    if (trainee->train_batch != graph_train_batch)
        return NULL;
    *ret_n = graph->n_kept;
    return graph->kept;
}

as_engine *as_trainee_engine(const as_trainee *trainee) {
    const graph_trainee *graph = trainee->self;
    return trainee->train_batch == graph_train_batch ? graph->engine : NULL;
}

/* ---- phases ---------------------------------------------------------------------------------- */

/* Notes what is trained from now on, and since when. */
static void note_lowest(graph_trainee *graph, int32_t lowest, int64_t n_steps) {
    for (uint32_t i = 0; i < view_of(graph)->n_parameters; i++)
        if (graph->depths[i] >= lowest && graph->depths[i] < graph->lowest)
            graph->since[i] = n_steps;
    graph->lowest = lowest;
}

/* Goes over to the graph of an epoch. */
static assay_status bind(graph_trainee *graph, int32_t epoch, assay_error *error) {
    const assay_graph *next = NULL;
    assay_status status = as_phases_graph(graph->phases, epoch, &next, error);
    if (status == ASSAY_OK && next != as_engine_graph(graph->engine))
        status = as_engine_rebind(graph->engine, next, error);
    return status;
}

static assay_status graph_begin_epoch(void *self, int32_t epoch, assay_error *error) {
    graph_trainee *graph = self;
    int32_t lowest = as_phases_lowest(graph->phases, epoch);
    assay_status status = lowest == graph->lowest ? ASSAY_OK : bind(graph, epoch, error);
    if (status == ASSAY_OK)
        note_lowest(graph, lowest, graph->n_steps);
    return status;
}

assay_status as_trainee_resume(const as_trainee *trainee, int32_t epoch,
                               const int64_t *steps_before, int64_t n_steps, assay_error *error) {
    graph_trainee *graph = trainee->self;
    if (trainee->train_batch != graph_train_batch)
        return ASSAY_OK;
    graph->n_steps = n_steps;
    if (!graph->phases)
        return ASSAY_OK;
    assay_status status = bind(graph, epoch, error);
    if (status != ASSAY_OK)
        return status;
    graph->lowest = as_phases_depths(graph->phases)->top + 2;
    for (int32_t e = 1; e <= epoch; e++)
        note_lowest(graph, as_phases_lowest(graph->phases, e), steps_before[e - 1]);
    return ASSAY_OK;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void graph_destroy(void *self) {
    graph_trainee *graph = self;
    free(graph->kept);
    free(graph->is_kept);
    free(graph->exempt);
    free(graph->depths);
    free(graph->rate_scale);
    free(graph->since);
    free(graph);
}

/* Marks what any phase trains; returns the number of elements. */
static uint64_t mark_kept(graph_trainee *graph) {
    const assay_graph_view *view = view_of(graph);
    int32_t last = graph->phases ? as_phases_last_lowest(graph->phases) : 0;
    uint64_t n = 0;
    for (uint32_t i = 0; i < view->n_parameters; i++) {
        const assay_parameter_info *parameter = &view->parameters[i];
        bool later = graph->phases && graph->depths[i] >= last && !parameter->values;
        graph->is_kept[i] = parameter->gradient != ASSAY_NONE || later;
        n += graph->is_kept[i] ? (uint64_t)parameter->n_elements : 0;
    }
    return n;
}

/* Depth and rate of each parameter. */
static bool set_up_phases(graph_trainee *graph, uint32_t n) {
    const as_depths *depths = as_phases_depths(graph->phases);
    const assay_graph_view *view = view_of(graph);
    graph->depths = calloc((size_t)n + 1, sizeof *graph->depths);
    graph->rate_scale = calloc((size_t)n + 1, sizeof *graph->rate_scale);
    graph->since = calloc((size_t)n + 1, sizeof *graph->since);
    if (!graph->depths || !graph->rate_scale || !graph->since)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        graph->depths[i] = as_depth_of_name(depths, view->parameters[i].name);
        graph->rate_scale[i] =
            as_strategy_rate(as_phases_strategy(graph->phases), depths, graph->depths[i]);
    }
    graph->lowest = depths->top + 2; /* nothing yet */
    return true;
}

assay_status as_trainee_new_phased(as_engine *engine, as_phases *phases, as_trainee **ret_trainee,
                                   assay_error *error) {
    uint32_t n_parameters = as_graph_view(as_engine_graph(engine))->n_parameters;
    as_trainee *trainee = calloc(1, sizeof *trainee);
    graph_trainee *graph = calloc(1, sizeof *graph);
    assay_status status = ASSAY_OK;
    if (!trainee || !graph)
        goto no_memory;
    graph->engine = engine;
    graph->phases = phases;
    graph->is_kept = calloc((size_t)n_parameters + 1, 1);
    graph->exempt = calloc((size_t)n_parameters + 1, 1);
    if (!graph->is_kept || !graph->exempt || (phases && !set_up_phases(graph, n_parameters)))
        goto no_memory;
    graph->n_kept = mark_kept(graph);
    graph->kept = calloc(graph->n_kept + 1, sizeof *graph->kept);
    if (!graph->kept)
        goto no_memory;
    if (phases)
        status = graph_begin_epoch(graph, 1, error);
    if (status != ASSAY_OK)
        goto fail;
    *trainee = (as_trainee){.self = graph,
                            .n_classes = as_engine_n_classes(engine),
                            .train_batch = graph_train_batch,
                            .predict = graph_predict,
                            .keep = graph_keep,
                            .restore = graph_restore,
                            .compute_ns = graph_compute_ns,
                            .destroy = graph_destroy,
                            .loss_weight = graph_loss_weight,
                            .begin_epoch = phases ? graph_begin_epoch : NULL};
    *ret_trainee = trainee;
    return ASSAY_OK;

no_memory:
    status = as_fail(error, ASSAY_OUT_OF_MEMORY, "model", "no memory to keep %llu parameters",
                     (unsigned long long)(graph ? graph->n_kept : 0));
fail:
    if (graph)
        graph_destroy(graph);
    free(trainee);
    return status;
}

assay_status as_trainee_new_graph(as_engine *engine, as_trainee **ret_trainee, assay_error *error) {
    return as_trainee_new_phased(engine, NULL, ret_trainee, error);
}
