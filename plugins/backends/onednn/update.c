/* SPDX-License-Identifier: MIT */
/* onednn/update.c: global norm, clipping and the optimizer in two passes over the parameters.
 *
 * Of an embedding table only the rows that lookups touched since the last update have a gradient;
 * only these are read for the norm and set to zero again. Of the optimizers adam_lazy visits no
 * others either, the rest visit all rows. */

#include <math.h>

#include "internal.h"

#define UPDATE_BLOCK ((size_t)2048) /* floats; four arrays of them stay in the first cache */

void onednn_touch(onednn_parameter *parameter, int32_t row) {
    if (!parameter->by_rows || parameter->is_touched[row])
        return;
    parameter->is_touched[row] = 1;
    parameter->touched[parameter->n_touched++] = row;
}

void onednn_untouch(onednn_parameter *parameter) {
    for (int32_t i = 0; i < parameter->n_touched; i++)
        parameter->is_touched[parameter->touched[i]] = 0;
    parameter->n_touched = 0;
}

static size_t row_width(const assay_session *session, uint32_t parameter) {
    return (size_t)session->graph->parameters[parameter].dims[1];
}

/* ---- norm ---------------------------------------------------------------------------------- */

/* Sums of squares of blocks of about ONEDNN_NORM_BLOCK floats, so that the result doesn't depend
 * on the number of threads. Returns the number of partial sums written. */
static size_t sum_listed(assay_session *session, uint32_t p, double *partial) {
    const onednn_parameter *parameter = &session->parameters[p];
    const onednn_kernels *kernels = session->device->kernels;
    const float *g = session->slab[ASSAY_STATE_GRADIENT] + parameter->offset;
    size_t width = row_width(session, p), step = ONEDNN_NORM_BLOCK / width + 1;
    size_t n = (size_t)parameter->n_touched, blocks = (n + step - 1) / step;
    ONEDNN_PARALLEL(
        session->device->threads, n * width, for (int block = 0; block < (int)blocks; block++) {
            size_t begin = (size_t)block * step, end = begin + step < n ? begin + step : n;
            double sum = 0;
            for (size_t i = begin; i < end; i++)
                sum += kernels->sum_of_squares(g + (size_t)parameter->touched[i] * width, width);
            partial[block] = sum;
        });
    return blocks;
}

static size_t sum_all(assay_session *session, uint32_t p, double *partial) {
    const onednn_parameter *parameter = &session->parameters[p];
    const onednn_kernels *kernels = session->device->kernels;
    const float *g = session->slab[ASSAY_STATE_GRADIENT] + parameter->offset;
    size_t n = parameter->size, blocks = (n + ONEDNN_NORM_BLOCK - 1) / ONEDNN_NORM_BLOCK;
    ONEDNN_PARALLEL(
        session->device->threads, n, for (int block = 0; block < (int)blocks; block++) {
            size_t begin = (size_t)block * ONEDNN_NORM_BLOCK, left = n - begin;
            partial[block] = kernels->sum_of_squares(
                g + begin, left < ONEDNN_NORM_BLOCK ? left : ONEDNN_NORM_BLOCK);
        });
    return blocks;
}

static double gradient_norm(assay_session *session) {
    size_t n = 0;
    double total = 0;
    for (uint32_t p = 0; p < session->graph->n_parameters; p++)
        if (session->graph->parameters[p].gradient != ASSAY_NONE)
            n += session->parameters[p].by_rows ? sum_listed(session, p, session->partial + n)
                                                : sum_all(session, p, session->partial + n);
    for (size_t i = 0; i < n; i++)
        total += session->partial[i];
    return sqrt(total);
}

/* ---- optimizer ----------------------------------------------------------------------------- */

/* One parameter's update. */
typedef struct update_step {
    assay_session *session;
    int32_t optimizer;
    onednn_adam adam;
    onednn_sgd sgd;
} update_step;

/* A block of the slab; with_gradient 0: it is zero there. */
static void update_block(const update_step *u, size_t begin, size_t n, int with_gradient) {
    assay_session *session = u->session;
    const onednn_kernels *kernels = session->device->kernels;
    float *p = session->slab[ASSAY_STATE_PARAMETER] + begin;
    float *g = session->slab[ASSAY_STATE_GRADIENT] + begin;
    float *m = session->slab[ASSAY_STATE_MOMENT1] + begin;
    if (u->optimizer == ASSAY_OPTIMIZER_SGD)
        kernels->sgd(p, with_gradient ? g : NULL, m, n, &u->sgd);
    else
        kernels->adam(p, with_gradient ? g : NULL, m, session->slab[ASSAY_STATE_MOMENT2] + begin, n,
                      &u->adam);
    if (with_gradient)
        memset(g, 0, n * sizeof *g);
}

/* Parameters [begin, begin + n): by blocks, so that the gradient is still in the cache when it is
 * set to zero. */
static void update_range(const update_step *u, size_t begin, size_t n, int with_gradient) {
    for (size_t done = 0; done < n; done += UPDATE_BLOCK)
        update_block(u, begin + done, n - done < UPDATE_BLOCK ? n - done : UPDATE_BLOCK,
                     with_gradient);
}

/* Rows [begin, end) of a table: untouched rows that follow each other go together. */
static void update_rows(const update_step *u, uint32_t p, size_t begin, size_t end) {
    const onednn_parameter *parameter = &u->session->parameters[p];
    size_t width = row_width(u->session, p);
    for (size_t row = begin; row < end;) {
        size_t next = row + 1;
        while (next < end && parameter->is_touched[next] == parameter->is_touched[row])
            next++;
        update_range(u, parameter->offset + row * width, (next - row) * width,
                     parameter->is_touched[row]);
        row = next;
    }
}

/* Touched rows [begin, end) of a table in the order of their list. */
static void update_listed(const update_step *u, uint32_t p, size_t begin, size_t end) {
    const onednn_parameter *parameter = &u->session->parameters[p];
    size_t width = row_width(u->session, p);
    for (size_t i = begin; i < end; i++)
        update_range(u, parameter->offset + (size_t)parameter->touched[i] * width, width, 1);
}

/* 1: a table of which only touched rows change. */
static int is_lazy(const assay_session *session, int32_t optimizer, uint32_t p) {
    return optimizer == ASSAY_OPTIMIZER_ADAM_LAZY && session->parameters[p].by_rows;
}

static void update_parameter(const update_step *u, uint32_t p) {
    onednn_parameter *parameter = &u->session->parameters[p];
    int threads = u->session->device->threads, by_rows = parameter->by_rows;
    int lazy = is_lazy(u->session, u->optimizer, p);
    size_t width = by_rows ? row_width(u->session, p) : 1;
    size_t n = lazy ? (size_t)parameter->n_touched : parameter->size / width;
    size_t unit = by_rows ? 1 : ONEDNN_ALIGNED_FLOATS;
    ONEDNN_PARALLEL(
        threads, n * width, for (int part = 0; part < threads; part++) {
            size_t begin, end;
            onednn_split(n, unit, threads, part, &begin, &end);
            if (lazy)
                update_listed(u, p, begin, end);
            else if (by_rows)
                update_rows(u, p, begin, end);
            else
                update_range(u, parameter->offset + begin, end - begin, 1);
        });
    onednn_untouch(parameter);
}

/* Keras' Adam is PyTorch's with the correction of v moved from the root to the rate; PyTorch's own
 * for sparse gradients is Keras'. */
static onednn_adam make_adam(const assay_update_config *config, int of_keras, double rate,
                             int64_t t) {
    double root = sqrt(1.0 - pow(config->beta2, (double)t));
    rate /= 1.0 - pow(config->beta1, (double)t);
    return (onednn_adam){.beta1 = (float)config->beta1,
                         .one_minus_beta1 = (float)(1.0 - config->beta1),
                         .beta2 = (float)config->beta2,
                         .one_minus_beta2 = (float)(1.0 - config->beta2),
                         .rate = (float)(of_keras ? rate * root : rate),
                         .root = (float)(of_keras ? 1.0 : 1.0 / root),
                         .epsilon = (float)config->epsilon};
}

static int64_t own_step(const assay_update_config *config, uint32_t p, const assay_step *step) {
    return step->step - (config->since ? config->since[p] : 0);
}

static update_step make_step(assay_session *session, const assay_update_config *config, uint32_t p,
                             const assay_step *step, double clip) {
    double decay = config->decay_exempt && config->decay_exempt[p] ? 0.0 : config->weight_decay;
    double rate = step->learning_rate * (config->rate_scale ? config->rate_scale[p] : 1.0);
    int64_t t = own_step(config, p, step);
    int keras = config->optimizer == ASSAY_OPTIMIZER_ADAM_KERAS;
    int decoupled = keras || config->optimizer == ASSAY_OPTIMIZER_ADAMW;
    int of_keras = keras || is_lazy(session, config->optimizer, p);
    update_step u = {
        .session = session,
        .optimizer = config->optimizer,
        .adam = make_adam(config, of_keras, rate, t),
        .sgd = {.momentum = t == 1 ? 0.0f : (float)config->momentum, .rate = (float)rate}};
    u.adam.clip = u.sgd.clip = (float)clip;
    u.adam.most = u.sgd.most = config->clip_value > 0 ? (float)config->clip_value : INFINITY;
    u.adam.l2 = u.sgd.l2 = (float)(decoupled ? 0.0 : decay);
    u.adam.decay = (float)(decoupled ? 1.0 - rate * decay : 1.0);
    return u;
}

/* Every trained parameter's step must be 1 or later. */
static assay_status check_steps(const assay_plan *plan, const assay_step *step,
                                assay_error *error) {
    const assay_graph_view *graph = plan->session->graph;
    if (step->step < 1)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "step", "expected a step number from 1");
    for (uint32_t p = 0; p < graph->n_parameters; p++)
        if (graph->parameters[p].gradient != ASSAY_NONE && own_step(&plan->update, p, step) < 1)
            return assay_fail(error, ASSAY_INVALID_ARGUMENT, graph->parameters[p].name,
                              "is updated in a step that is not after its `since`");
    return ASSAY_OK;
}

size_t onednn_update_bytes(const assay_plan *plan) {
    const assay_session *session = plan->session;
    size_t n = 0, states = plan->update.optimizer != ASSAY_OPTIMIZER_SGD ? 4
                           : plan->update.momentum != 0                  ? 3
                                                                         : 2;
    for (uint32_t p = 0; p < session->graph->n_parameters; p++) {
        const onednn_parameter *parameter = &session->parameters[p];
        if (session->graph->parameters[p].gradient != ASSAY_NONE)
            n += is_lazy(session, plan->update.optimizer, p)
                     ? (size_t)parameter->n_touched * row_width(session, p)
                     : parameter->size;
    }
    return 2 * states * n * sizeof(float);
}

static void drop_gradients(assay_session *session) {
    memset(session->slab[ASSAY_STATE_GRADIENT], 0, session->trained_size * sizeof(float));
    for (uint32_t p = 0; p < session->graph->n_parameters; p++)
        if (session->parameters[p].by_rows)
            onednn_untouch(&session->parameters[p]);
}

assay_status onednn_run_update(assay_plan *plan, const assay_step *step, assay_error *error) {
    assay_session *session = plan->session;
    assay_status status = check_steps(plan, step, error);
    if (status != ASSAY_OK)
        return status;
    double scale = 0, clip = 1.0;
    if (ASSAY_HAS_FIELD(step, assay_step, gradient_scale))
        scale = step->gradient_scale;
    double norm = gradient_norm(session) / (scale > 0 ? scale : 1.0);
    if (scale > 0 && !isfinite(norm)) {
        drop_gradients(session);
        plan->gradient_norm = norm;
        plan->has_norm = 1;
        return ASSAY_OK;
    }
    if (plan->update.clip_norm > 0 && plan->update.clip_norm / (norm + 1e-6) < 1.0)
        clip = plan->update.clip_norm / (norm + 1e-6);
    clip /= scale > 0 ? scale : 1.0;
    for (uint32_t p = 0; p < session->graph->n_parameters; p++) {
        if (session->graph->parameters[p].gradient == ASSAY_NONE)
            continue;
        update_step update = make_step(session, &plan->update, p, step, clip);
        update_parameter(&update, p);
    }
    plan->gradient_norm = norm;
    plan->has_norm = 1;
    return ASSAY_OK;
}
