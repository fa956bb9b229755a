/* SPDX-License-Identifier: MIT */
/* A graph on a backend: device, session, the cache of plans, the update plan. Every call into the
 * backend is timed, so that the host's own cost can be told from it. Nothing is allocated in a
 * steady step. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "train/engine.h"
#include "train/init.h"
#include "train/loss_scale.h"
#include "train/plan_cache.h"
#include "train/train.h"

struct as_engine {
    as_engine_config config;
    const assay_backend *backend;
    const assay_graph *graph;
    const assay_graph_view *view;
    assay_device *device;
    assay_session *session;
    as_plan_cache plans;
    assay_plan *update;
    assay_update_config update_config; /* the update plan was compiled for */
    int64_t n_classes;
    uint64_t n_elements;
    uint64_t largest; /* elements of the largest parameter */
    int64_t compute_ns;
    assay_plan *ran[2]; /* by ASSAY_PLAN_*: the one that ran last; NULL: none, or no longer there */
    as_loss_scale loss_scale;
};

/* status = CALL, timed. */
#define TIMED(engine, call)                                                                        \
    do {                                                                                           \
        int64_t start_ns_ = as_clock_ns();                                                         \
        status = (call);                                                                           \
        (engine)->compute_ns += as_clock_ns() - start_ns_;                                         \
    } while (0)

static assay_status check_supported(const as_engine *engine, const assay_graph_view *view,
                                    assay_error *error) {
    for (uint32_t i = 0; i < view->n_nodes; i++)
        if (!engine->backend->supports(engine->device, view, i))
            return as_fail(error, ASSAY_UNSUPPORTED, as_op_name(view->nodes[i].op),
                           "the backend cannot run node %u of the model (%s); choose another "
                           "backend or model",
                           (unsigned)i, as_op_name(view->nodes[i].op));
    return ASSAY_OK;
}

static assay_status open_session(as_engine *engine, assay_error *error) {
    assay_device_config device = {(uint32_t)sizeof device, engine->config.dtype,
                                  engine->config.threads, 0,
                                  engine->config.device_memory_limit_bytes};
    assay_status status;
    TIMED(engine, engine->backend->open(&device, &engine->device, error));
    if (status != ASSAY_OK)
        return status;
    status = check_supported(engine, engine->view, error);
    if (status != ASSAY_OK)
        return status;
    TIMED(engine,
          engine->backend->session_create(engine->device, engine->view, &engine->session, error));
    return status;
}

assay_status as_engine_new(const as_engine_config *config, const assay_graph *graph,
                           as_engine **ret_engine, assay_error *error) {
    assay_status status;
    as_engine *engine;
    if (config->max_rows < 1 || config->max_tokens < 1 || config->threads < 1)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "engine",
                       "max_rows %d, max_tokens %lld and threads %d must be at least 1",
                       (int)config->max_rows, (long long)config->max_tokens, (int)config->threads);
    if (config->max_tokens > INT32_MAX / config->max_rows)
        return as_fail(error, ASSAY_LIMIT, "engine",
                       "%d rows of up to %lld tokens are over %d tokens a batch; use smaller "
                       "batches",
                       (int)config->max_rows, (long long)config->max_tokens, INT32_MAX);
    engine = calloc(1, sizeof *engine);
    if (!engine)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "engine", "no memory for the engine");
    engine->config = *config;
    engine->backend = config->backend;
    engine->graph = graph;
    engine->view = as_graph_view(graph);
    engine->loss_scale = as_loss_scale_start(config->dtype);
    engine->n_classes = engine->view->values[engine->view->logits].dims[0];
    for (uint32_t i = 0; i < engine->view->n_parameters; i++) {
        uint64_t n = (uint64_t)engine->view->parameters[i].n_elements;
        engine->n_elements += n;
        engine->largest = n > engine->largest ? n : engine->largest;
    }
    status = open_session(engine, error);
    if (status != ASSAY_OK) {
        as_engine_free(engine);
        return status;
    }
    *ret_engine = engine;
    return ASSAY_OK;
}

void as_engine_free(as_engine *engine) {
    if (!engine)
        return;
    as_plan_cache_done(&engine->plans, engine->backend);
    engine->backend->plan_free(engine->update);
    engine->backend->session_free(engine->session);
    engine->backend->close(engine->device);
    free(engine);
}

uint64_t as_engine_n_elements(const as_engine *engine) {
    return engine->n_elements;
}

const assay_graph *as_engine_graph(const as_engine *engine) {
    return engine->graph;
}

const as_engine_config *as_engine_configuration(const as_engine *engine) {
    return &engine->config;
}

int32_t as_engine_n_classes(const as_engine *engine) {
    return (int32_t)engine->n_classes;
}

assay_device *as_engine_device(const as_engine *engine) {
    return engine->device;
}

bool as_engine_profile(as_engine *engine, bool on) {
    if (!engine->backend->profile || !engine->backend->read_profile)
        return false;
    engine->backend->profile(engine->session, on);
    return true;
}

uint32_t as_engine_read_profile(const as_engine *engine, int32_t kind, assay_profile_entry *entries,
                                uint32_t capacity, uint64_t *ret_nanoseconds) {
    const assay_plan *plan = kind == AS_PLAN_UPDATE ? engine->update : engine->ran[kind];
    uint64_t n_runs = 0;
    *ret_nanoseconds = 0;
    return plan ? engine->backend->read_profile(plan, entries, capacity, ret_nanoseconds, &n_runs)
                : 0;
}

int64_t as_engine_compute_ns(const as_engine *engine) {
    return engine->compute_ns;
}

uint64_t as_engine_n_compiled(const as_engine *engine) {
    return engine->plans.n_compiled;
}

/* ---- parameters and states ------------------------------------------------------------------- */

static uint64_t size_of(const as_engine *engine, uint32_t parameter) {
    return (uint64_t)engine->view->parameters[parameter].n_elements;
}

assay_status as_engine_get_parameter(as_engine *engine, int32_t state, uint32_t parameter,
                                     double *values, assay_error *error) {
    assay_status status;
    TIMED(engine, engine->backend->download(engine->session, state, parameter, values,
                                            size_of(engine, parameter), error));
    if (state == ASSAY_STATE_GRADIENT && engine->loss_scale.scale > 0)
        for (uint64_t i = 0; status == ASSAY_OK && i < size_of(engine, parameter); i++)
            values[i] /= engine->loss_scale.scale;
    return status;
}

as_loss_scale *as_engine_loss_scale(as_engine *engine) {
    return &engine->loss_scale;
}

assay_status as_engine_set_parameter(as_engine *engine, int32_t state, uint32_t parameter,
                                     const double *values, assay_error *error) {
    assay_status status;
    TIMED(engine, engine->backend->upload(engine->session, state, parameter, values,
                                          size_of(engine, parameter), error));
    return status;
}

/* Zeros for the largest parameter; NULL with an error when there is no memory. */
static double *new_staging(const as_engine *engine, assay_error *error) {
    double *staging = calloc(engine->largest ? engine->largest : 1, sizeof *staging);
    if (!staging)
        (void)as_fail(error, ASSAY_OUT_OF_MEMORY, "engine",
                      "no memory for a parameter of %llu elements",
                      (unsigned long long)engine->largest);
    return staging;
}

assay_status as_engine_fill(as_engine *engine, as_parameter_fill fill, void *context,
                            assay_error *error) {
    double *staging = new_staging(engine, error);
    assay_status status = staging ? ASSAY_OK : ASSAY_OUT_OF_MEMORY;
    for (uint32_t i = 0; status == ASSAY_OK && i < engine->view->n_parameters; i++) {
        status = fill(context, i, staging, error);
        if (status == ASSAY_OK)
            status = as_engine_set_parameter(engine, ASSAY_STATE_PARAMETER, i, staging, error);
    }
    free(staging);
    return status;
}

int64_t as_find_parameter(const assay_graph_view *view, const char *name) {
    for (uint32_t i = 0; i < view->n_parameters; i++)
        if (strcmp(view->parameters[i].name, name) == 0)
            return i;
    return -1;
}

assay_status as_engine_fill_from(as_engine *engine, as_engine *from, as_parameter_fill other,
                                 void *context, assay_error *error) {
    double *staging = new_staging(engine, error);
    assay_status status = staging ? ASSAY_OK : ASSAY_OUT_OF_MEMORY;
    for (uint32_t i = 0; status == ASSAY_OK && i < engine->view->n_parameters; i++) {
        int64_t there = as_find_parameter(from->view, engine->view->parameters[i].name);
        if (there < 0 && !other)
            continue;
        status = there >= 0 ? as_engine_get_parameter(from, ASSAY_STATE_PARAMETER, (uint32_t)there,
                                                      staging, error)
                            : other(context, i, staging, error);
        if (status == ASSAY_OK)
            status = as_engine_set_parameter(engine, ASSAY_STATE_PARAMETER, i, staging, error);
    }
    free(staging);
    return status;
}

typedef struct initial_values {
    const assay_graph_view *view;
    uint64_t seed;
} initial_values;

static assay_status fill_initial(void *context, uint32_t parameter, double *values,
                                 assay_error *error) {
    const initial_values *initial = context;
    return as_init_parameter(&initial->view->parameters[parameter], initial->seed, values, error);
}

assay_status as_engine_init_parameters(as_engine *engine, uint64_t seed, assay_error *error) {
    initial_values initial = {engine->view, seed};
    return as_engine_fill(engine, fill_initial, &initial, error);
}

static assay_status check_size(const as_engine *engine, uint64_t n, assay_error *error) {
    if (n == engine->n_elements)
        return ASSAY_OK;
    return as_fail(error, ASSAY_INVALID_ARGUMENT, "parameters",
                   "found %llu elements, the model has %llu", (unsigned long long)n,
                   (unsigned long long)engine->n_elements);
}

assay_status as_engine_get(as_engine *engine, int32_t state, double *data, uint64_t n,
                           assay_error *error) {
    assay_status status = check_size(engine, n, error);
    for (uint32_t i = 0; status == ASSAY_OK && i < engine->view->n_parameters; i++) {
        status = as_engine_get_parameter(engine, state, i, data, error);
        data += size_of(engine, i);
    }
    return status;
}

assay_status as_engine_set(as_engine *engine, int32_t state, const double *data, uint64_t n,
                           assay_error *error) {
    assay_status status = check_size(engine, n, error);
    for (uint32_t i = 0; status == ASSAY_OK && i < engine->view->n_parameters; i++) {
        status = as_engine_set_parameter(engine, state, i, data, error);
        data += size_of(engine, i);
    }
    return status;
}

assay_status as_engine_zero(as_engine *engine, int32_t state, assay_error *error) {
    double *staging = new_staging(engine, error);
    assay_status status = staging ? ASSAY_OK : ASSAY_OUT_OF_MEMORY;
    for (uint32_t i = 0; status == ASSAY_OK && i < engine->view->n_parameters; i++)
        status = as_engine_set_parameter(engine, state, i, staging, error);
    free(staging);
    return status;
}

assay_memory as_engine_memory(const as_engine *engine) {
    assay_memory memory;
    engine->backend->memory(engine->session, &memory);
    return memory;
}

/* ---- another graph --------------------------------------------------------------------------- */

static assay_status check_same_model(const as_engine *engine, const assay_graph_view *view,
                                     assay_error *error) {
    const assay_graph_view *old = engine->view;
    if (view->n_parameters != old->n_parameters ||
        view->values[view->logits].dims[0] != engine->n_classes)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "graph",
                       "%u parameters, %lld classes; the engine goes on with %u and %lld only",
                       (unsigned)view->n_parameters, (long long)view->values[view->logits].dims[0],
                       (unsigned)old->n_parameters, (long long)engine->n_classes);
    for (uint32_t i = 0; i < view->n_parameters; i++)
        if (strcmp(view->parameters[i].name, old->parameters[i].name) != 0 ||
            view->parameters[i].n_elements != old->parameters[i].n_elements)
            return as_fail(error, ASSAY_INVALID_ARGUMENT, view->parameters[i].name,
                           "%lld elements; the engine has %s with %lld in its place",
                           (long long)view->parameters[i].n_elements, old->parameters[i].name,
                           (long long)old->parameters[i].n_elements);
    return check_supported(engine, view, error);
}

/* Copies what goes on of one parameter into the new session. */
static assay_status carry_over(as_engine *engine, const assay_graph_view *view,
                               assay_session *session, uint32_t i, double *staging,
                               assay_error *error) {
    static const int32_t states[] = {ASSAY_STATE_PARAMETER, ASSAY_STATE_MOMENT1,
                                     ASSAY_STATE_MOMENT2};
    bool trained = view->parameters[i].gradient != ASSAY_NONE &&
                   engine->view->parameters[i].gradient != ASSAY_NONE;
    assay_status status = ASSAY_OK;
    for (int s = 0; status == ASSAY_OK && s < (trained ? 3 : 1); s++) {
        status = as_engine_get_parameter(engine, states[s], i, staging, error);
        if (status == ASSAY_OK)
            TIMED(engine, engine->backend->upload(session, states[s], i, staging,
                                                  size_of(engine, i), error));
    }
    return status;
}

assay_status as_engine_rebind(as_engine *engine, const assay_graph *graph, assay_error *error) {
    const assay_graph_view *view = as_graph_view(graph);
    assay_session *session = NULL;
    double *staging = NULL;
    assay_status status = check_same_model(engine, view, error);
    if (status != ASSAY_OK)
        return status;
    TIMED(engine, engine->backend->session_create(engine->device, view, &session, error));
    if (status == ASSAY_OK && !(staging = new_staging(engine, error)))
        status = ASSAY_OUT_OF_MEMORY;
    for (uint32_t i = 0; status == ASSAY_OK && i < view->n_parameters; i++)
        status = carry_over(engine, view, session, i, staging, error);
    free(staging);
    if (status != ASSAY_OK) {
        engine->backend->session_free(session);
        return status;
    }
    as_plan_cache_done(&engine->plans, engine->backend);
    engine->backend->plan_free(engine->update);
    engine->backend->session_free(engine->session);
    engine->ran[ASSAY_PLAN_FORWARD] = engine->ran[ASSAY_PLAN_ACCUMULATE] = NULL;
    engine->update = NULL;
    engine->session = session;
    engine->graph = graph;
    engine->view = view;
    return ASSAY_OK;
}

/* ---- running --------------------------------------------------------------------------------- */

static assay_status plan_for(as_engine *engine, int32_t kind, const assay_batch *batch,
                             assay_plan **ret_plan, assay_error *error) {
    const as_engine_config *config = &engine->config;
    int64_t most = (int64_t)config->max_rows * config->max_tokens;
    if (batch->n_rows < 1 || batch->n_rows > config->max_rows || batch->n_tokens < batch->n_rows ||
        batch->n_tokens > most)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "batch",
                       "%d rows of %d tokens; expected 1 to %d rows with 1 to %lld tokens each",
                       (int)batch->n_rows, (int)batch->n_tokens, (int)config->max_rows,
                       (long long)config->max_tokens);
    int32_t rows = as_bucket_rows(batch->n_rows, config->max_rows);
    int32_t tokens = as_bucket_tokens(batch->n_tokens, (int64_t)rows * config->max_tokens);
    assay_status status;
    /* A plan has a token for each of its rows, also where the batch fills no more of them. */
    TIMED(engine, as_plan_cache_get(&engine->plans, engine->backend, engine->session, kind, rows,
                                    tokens < rows ? rows : tokens, ret_plan, error));
    engine->ran[kind] = status == ASSAY_OK ? *ret_plan : NULL;
    return status;
}

static assay_status run_plan(as_engine *engine, assay_plan *plan, const assay_batch *batch,
                             const assay_step *step, assay_error *error) {
    assay_status status;
    TIMED(engine, engine->backend->run(plan, batch, step, error));
    return status;
}

/* Waits, then reads what is wanted of the plan's last batch. */
static assay_status read_results(as_engine *engine, assay_plan *plan, const assay_batch *batch,
                                 double *logits, double *ret_loss, assay_error *error) {
    const assay_backend *backend = engine->backend;
    assay_status status;
    double loss = 0;
    TIMED(engine, backend->sync(engine->device, error));
    if (status == ASSAY_OK && logits)
        TIMED(engine, backend->read(plan, engine->view->logits, logits,
                                    (uint64_t)batch->n_rows * (uint64_t)engine->n_classes, error));
    if (status == ASSAY_OK && ret_loss)
        TIMED(engine, backend->read(plan, engine->view->loss, &loss, 1, error));
    if (status == ASSAY_OK && ret_loss)
        *ret_loss = loss;
    return status;
}

assay_status as_engine_forward(as_engine *engine, const assay_batch *batch, double *logits,
                               double *ret_loss, assay_error *error) {
    assay_step step = {(uint32_t)sizeof step, 0, 0, 1, 0, 0, 0};
    assay_plan *plan = NULL;
    if (ret_loss && !batch->labels)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "batch", "a loss needs labels");
    assay_status status = plan_for(engine, ASSAY_PLAN_FORWARD, batch, &plan, error);
    if (status == ASSAY_OK)
        status = run_plan(engine, plan, batch, &step, error);
    if (status == ASSAY_OK)
        status = read_results(engine, plan, batch, logits, ret_loss, error);
    return status;
}

assay_status as_engine_accumulate(as_engine *engine, const assay_batch *batch,
                                  const assay_step *step, double *logits, double *ret_loss,
                                  assay_error *error) {
    assay_plan *plan = NULL;
    assay_step scaled = *step;
    if (!batch->labels)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "batch", "training needs labels");
    if (engine->loss_scale.scale > 0)
        scaled.loss_scale *= engine->loss_scale.scale;
    assay_status status = plan_for(engine, ASSAY_PLAN_ACCUMULATE, batch, &plan, error);
    if (status == ASSAY_OK)
        status = run_plan(engine, plan, batch, &scaled, error);
    if (status == ASSAY_OK && (logits || ret_loss))
        status = read_results(engine, plan, batch, logits, ret_loss, error);
    return status;
}

static bool same_update(const assay_update_config *a, const assay_update_config *b) {
    return a->optimizer == b->optimizer && a->beta1 == b->beta1 && a->beta2 == b->beta2 &&
           a->epsilon == b->epsilon && a->momentum == b->momentum &&
           a->weight_decay == b->weight_decay && a->clip_norm == b->clip_norm &&
           a->clip_value == b->clip_value && a->decay_exempt == b->decay_exempt &&
           a->rate_scale == b->rate_scale && a->since == b->since;
}

assay_status as_engine_update(as_engine *engine, const assay_update_config *config,
                              const assay_step *step, double *ret_grad_norm, assay_error *error) {
    const assay_backend *backend = engine->backend;
    assay_status status = ASSAY_OK;
    double norm = 0;
    if (!engine->update || !same_update(config, &engine->update_config)) {
        assay_plan *plan = NULL;
        TIMED(engine, backend->compile_update(engine->session, config, &plan, error));
        if (status != ASSAY_OK)
            return status;
        backend->plan_free(engine->update);
        engine->update = plan;
        engine->update_config = *config;
    }
    assay_step scaled = *step;
    scaled.gradient_scale = engine->loss_scale.scale;
    status = run_plan(engine, engine->update, NULL, &scaled, error);
    if (status != ASSAY_OK || (!ret_grad_norm && engine->loss_scale.scale <= 0))
        return status;
    TIMED(engine, backend->sync(engine->device, error));
    if (status == ASSAY_OK)
        TIMED(engine, backend->read_grad_norm(engine->update, &norm, error));
    if (status != ASSAY_OK)
        return status;
    (void)as_loss_scale_step(&engine->loss_scale, norm);
    if (ret_grad_norm)
        *ret_grad_norm = norm;
    return ASSAY_OK;
}
