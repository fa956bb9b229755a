/* SPDX-License-Identifier: MIT */
/* onednn/plan.c: compiling a graph into a plan, and running it: one table of operations. */

#include <stdlib.h>

#include "internal.h"

static const onednn_op_prepare prepares[ONEDNN_OP_COUNT] = {
    [ASSAY_OP_LINEAR] = onednn_prepare_linear,
    [ASSAY_OP_LINEAR_GRAD_INPUT] = onednn_prepare_linear_grad_input,
    [ASSAY_OP_LINEAR_GRAD_WEIGHT] = onednn_prepare_linear_grad_weight,
    [ASSAY_OP_LINEAR_GRAD_BIAS] = onednn_prepare_column_sums,
    [ASSAY_OP_LAYER_NORM] = onednn_prepare_norm,
    [ASSAY_OP_LAYER_NORM_GRAD] = onednn_prepare_norm_grad,
    [ASSAY_OP_GELU] = onednn_prepare_rows,
    [ASSAY_OP_GELU_GRAD] = onednn_prepare_gelu_grad,
    [ASSAY_OP_DROPOUT] = onednn_prepare_rows,
    [ASSAY_OP_SINUSOID] = onednn_prepare_sinusoid,
    [ASSAY_OP_ATTENTION] = onednn_prepare_attention,
    [ASSAY_OP_ATTENTION_GRAD] = onednn_prepare_attention,
    [ASSAY_OP_ATTENTION_POOL] = onednn_prepare_attention_pool,
    [ASSAY_OP_ATTENTION_POOL_GRAD] = onednn_prepare_attention_pool,
    [ASSAY_OP_GRU] = onednn_prepare_recurrent,
    [ASSAY_OP_LSTM] = onednn_prepare_recurrent,
    [ASSAY_OP_GRU_GRAD] = onednn_prepare_recurrent_grad,
    [ASSAY_OP_LSTM_GRAD] = onednn_prepare_recurrent_grad,
    [ASSAY_OP_RNN] = onednn_prepare_recurrent,
    [ASSAY_OP_RNN_GRAD] = onednn_prepare_recurrent_grad,
    [ASSAY_OP_ADD_ROW_GRAD] = onednn_prepare_column_sums,
};

/* A missing function does not link. */
static const onednn_op_run runs[ONEDNN_OP_COUNT] = {
#define ASSAY_OP(NAME, name, min_inputs, max_inputs) [ASSAY_OP_##NAME] = onednn_run_##name,
#include "assay/ops.def"
#undef ASSAY_OP
};

/* ---- values -------------------------------------------------------------------------------- */

const assay_value_info *onednn_info(const assay_plan *plan, assay_value value) {
    return &plan->session->graph->values[value];
}

size_t onednn_channels(const assay_plan *plan, assay_value value) {
    const assay_value_info *info = onednn_info(plan, value);
    return (size_t)info->dims[0] *
           (size_t)(info->domain == ASSAY_DOMAIN_FIXED && info->rank == 2 ? info->dims[1] : 1);
}

int64_t onednn_max_rows(const assay_plan *plan, assay_value value) {
    int32_t domain = onednn_info(plan, value)->domain;
    return domain == ASSAY_DOMAIN_TOKENS ? plan->max_tokens
           : domain == ASSAY_DOMAIN_ROWS ? plan->max_rows
                                         : 1;
}

size_t onednn_rows(const onednn_run *run, assay_value value) {
    int32_t domain = onednn_info(run->plan, value)->domain;
    return domain == ASSAY_DOMAIN_TOKENS ? (size_t)run->batch->n_tokens
           : domain == ASSAY_DOMAIN_ROWS ? (size_t)run->batch->n_rows
                                         : 1;
}

int onednn_adds(const assay_plan *plan, const assay_node *node, uint32_t i) {
    return node->outputs[i] != ASSAY_NONE &&
           plan->pointer[node->outputs[i]].base == ONEDNN_IN_GRADIENTS;
}

float *onednn_value(const onednn_run *run, assay_value value) {
    const onednn_pointer *pointer = &run->plan->pointer[value];
    const assay_session *session = run->session;
    return pointer->base == ONEDNN_IN_PARAMETERS
               ? session->slab[ASSAY_STATE_PARAMETER] + pointer->offset
           : pointer->base == ONEDNN_IN_GRADIENTS
               ? session->slab[ASSAY_STATE_GRADIENT] + pointer->offset
               : session->arena + pointer->offset;
}

float *onednn_in(const onednn_run *run, const onednn_node *node, uint32_t i) {
    return onednn_value(run, node->node->inputs[i]);
}

float *onednn_out(const onednn_run *run, const onednn_node *node, uint32_t i) {
    return onednn_value(run, node->node->outputs[i]);
}

const int32_t *onednn_indices(const onednn_run *run, assay_value value) {
    int32_t input = onednn_info(run->plan, value)->input;
    return input == ASSAY_INPUT_TOKEN_IDS   ? run->batch->ids
           : input == ASSAY_INPUT_POSITIONS ? run->batch->positions
                                            : run->batch->labels;
}

float *onednn_state(const onednn_run *run, const onednn_node *node) {
    return run->session->arena + (node->forward ? node->forward->state : node->state);
}

float *onednn_scratch(const onednn_run *run, const onednn_node *node) {
    return run->session->arena + node->scratch;
}

void onednn_deliver_n(const onednn_run *run, const onednn_node *node, uint32_t i, const float *from,
                      size_t n) {
    float *to = onednn_out(run, node, i);
    if (onednn_adds(run->plan, node->node, i))
        run->kernels->add(to, to, from, n);
    else
        memcpy(to, from, n * sizeof *to);
}

void onednn_deliver(const onednn_run *run, const onednn_node *node, uint32_t i, const float *from) {
    onednn_deliver_n(run, node, i, from, onednn_channels(run->plan, node->node->outputs[i]));
}

void onednn_clear_tail(float *p, size_t rows, int64_t max_rows, size_t width) {
    memset(p + rows * width, 0, ((size_t)max_rows - rows) * width * sizeof *p);
}

void onednn_split(size_t n, size_t unit, int parts, int part, size_t *ret_begin, size_t *ret_end) {
    size_t units = (n + unit - 1) / unit;
    size_t begin = units * (size_t)part / (size_t)parts * unit;
    size_t end = units * ((size_t)part + 1) / (size_t)parts * unit;
    *ret_begin = begin < n ? begin : n;
    *ret_end = end < n ? end : n;
}

/* ---- compiling ----------------------------------------------------------------------------- */

void onednn_plan_free(assay_plan *plan) {
    if (!plan)
        return;
    for (uint32_t n = 0; plan->nodes && n < plan->n_nodes; n++)
        for (int g = 0; g < ONEDNN_NODE_GEMMS; g++)
            onednn_gemm_release(plan->session->device, plan->nodes[n].gemm[g]);
    for (uint32_t n = 0; plan->nodes && n < plan->n_nodes; n++)
        for (int d = 0; d < 2; d++)
            onednn_packing_release(plan->session, plan->nodes[n].packing[d]);
    free(plan->bf16);
    free(plan->nodes);
    rewrite_close(&plan->own);
    free(plan->pointer);
    free(plan->token_row);
    free(plan->logits);
    free(plan->profile.lines);
    free(plan);
}

/* Where parameters and their gradients stand; everything else is laid out later. */
static void place_parameters(assay_plan *plan) {
    const assay_session *session = plan->session;
    const assay_graph_view *graph = session->graph;
    for (uint32_t v = 0; v < graph->n_values; v++) {
        int32_t parameter = graph->values[v].parameter;
        int32_t gradient = assay_gradient_of(graph, (assay_value)v);
        if (parameter >= 0)
            plan->pointer[v] = (onednn_pointer){ONEDNN_IN_PARAMETERS, parameter,
                                                session->parameters[parameter].offset};
        else if (gradient >= 0)
            plan->pointer[v] = (onednn_pointer){ONEDNN_IN_GRADIENTS, gradient,
                                                session->parameters[gradient].offset};
    }
}

/* Last node of the plan that reads a value; the plan's end for what is read afterwards. */
static uint32_t last_reader(const assay_plan *plan, assay_value value, uint32_t writer) {
    const assay_graph_view *graph = plan->session->graph;
    uint32_t last = writer;
    if (value == graph->logits)
        return plan->n_nodes;
    for (uint32_t n = writer; n < plan->n_nodes; n++)
        for (uint32_t i = 0; i < plan->nodes[n].node->n_inputs; i++)
            if (plan->nodes[n].node->inputs[i] == value && onednn_reads_f32(plan, n, i))
                last = n;
    return last;
}

static assay_status place_value(assay_plan *plan, assay_layout *layout, uint32_t writer,
                                assay_value value, assay_error *error) {
    if (value == ASSAY_NONE || plan->pointer[value].base != ONEDNN_IN_ARENA ||
        !onednn_keeps_f32(plan, value))
        return ASSAY_OK;
    size_t size = (size_t)onednn_max_rows(plan, value) * onednn_channels(plan, value);
    return assay_layout_add(layout, size, writer, last_reader(plan, value, writer),
                            &plan->pointer[value].offset, error);
}

static assay_status place_node(assay_plan *plan, assay_layout *layout, uint32_t n,
                               assay_error *error) {
    onednn_node *node = &plan->nodes[n];
    assay_status status = ASSAY_OK;
    for (uint32_t i = 0; i < node->node->n_outputs && status == ASSAY_OK; i++)
        status = place_value(plan, layout, n, node->node->outputs[i], error);
    if (status == ASSAY_OK && prepares[node->node->op])
        status = prepares[node->node->op](plan, node, error);
    if (status == ASSAY_OK && node->state_size)
        status = assay_layout_add(layout, node->state_size, n, rewrite_last_backward(&plan->own, n),
                                  &node->state, error);
    if (status == ASSAY_OK && node->scratch_size)
        status = assay_layout_add(layout, node->scratch_size, n, n, &node->scratch, error);
    return status;
}

/* Token weights stand in the arena too, with room for max_tokens: matmuls read that many. */
static assay_status place_inputs(assay_plan *plan, assay_layout *layout, assay_error *error) {
    const assay_graph_view *graph = plan->session->graph;
    assay_status status = ASSAY_OK;
    for (uint32_t v = 0; v < graph->n_values && status == ASSAY_OK; v++)
        if (graph->values[v].input == ASSAY_INPUT_TOKEN_WEIGHTS)
            status = place_value(plan, layout, 0, (assay_value)v, error);
    return status;
}

static void link_nodes(assay_plan *plan) {
    const assay_graph_view *graph = plan->session->graph;
    for (uint32_t n = 0; n < plan->n_nodes; n++) {
        int32_t forward = graph->nodes[n].forward_node;
        plan->nodes[n].node = &plan->own.nodes[n].node;
        plan->nodes[n].index = n;
        plan->nodes[n].forward = forward >= 0 ? &plan->nodes[forward] : NULL;
    }
}

/* Nobody reads the arena between runs, so it can move. */
static assay_status grow_arena(assay_session *session, size_t size, assay_error *error) {
    if (size <= session->arena_size)
        return ASSAY_OK;
    float *grown = onednn_area_grow(session->arena, session->arena_size, size);
    if (!grown)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "onednn plan", "no memory for activations");
    session->arena = grown;
    session->arena_size = size;
    return ASSAY_OK;
}

static assay_status lay_out(assay_plan *plan, assay_error *error) {
    assay_layout layout = {.alignment = ONEDNN_ALIGNED_FLOATS};
    assay_status status = ASSAY_OK;
    place_parameters(plan);
    link_nodes(plan);
    onednn_fuse(plan);
    status = onednn_place_copies(plan, &layout, error);
    if (status == ASSAY_OK)
        status = place_inputs(plan, &layout, error);
    for (uint32_t n = 0; n < plan->n_nodes && status == ASSAY_OK; n++)
        status = place_node(plan, &layout, n, error);
    if (status == ASSAY_OK)
        status = grow_arena(plan->session, layout.size, error);
    assay_layout_done(&layout);
    return status;
}

assay_status onednn_compile(assay_session *session, int32_t kind, int32_t max_rows,
                            int32_t max_tokens, assay_plan **ret_plan, assay_error *error) {
    const assay_graph_view *graph = session->graph;
    assay_status status = assay_check_plan(graph, kind, max_rows, max_tokens, error);
    if (status != ASSAY_OK)
        return status;
    status = ASSAY_OUT_OF_MEMORY;
    assay_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        goto fail;
    plan->session = session;
    plan->kind = kind;
    plan->max_rows = max_rows;
    plan->max_tokens = max_tokens;
    plan->bounds = assay_bounds_of(graph, kind, max_rows, max_tokens);
    plan->n_nodes = kind == ASSAY_PLAN_FORWARD ? graph->n_forward_nodes : graph->n_nodes;
    plan->nodes = calloc((size_t)plan->n_nodes + 1, sizeof *plan->nodes);
    plan->pointer = calloc((size_t)graph->n_values + 1, sizeof *plan->pointer);
    plan->bf16 = calloc((size_t)graph->n_values + 1, sizeof *plan->bf16);
    plan->token_row = calloc((size_t)max_tokens, sizeof *plan->token_row);
    plan->logits = calloc((size_t)max_rows * (size_t)graph->values[graph->logits].dims[0],
                          sizeof *plan->logits);
    if (!plan->nodes || !plan->pointer || !plan->bf16 || !plan->token_row || !plan->logits)
        goto fail;
    status = rewrite_open(graph, plan->n_nodes, &plan->own, error);
    if (status != ASSAY_OK)
        goto fail;
    int threads_before = onednn_enter(session->device);
    status = lay_out(plan, error);
    onednn_leave(threads_before);
    if (status != ASSAY_OK)
        goto fail;
    *ret_plan = plan;
    return ASSAY_OK;
fail:
    onednn_plan_free(plan);
    return assay_fail(error, status, "onednn plan", "out of memory");
}

assay_status onednn_compile_update(assay_session *session, const assay_update_config *config,
                                   assay_plan **ret_plan, assay_error *error) {
    assay_status status = assay_check_update(config, error);
    if (status != ASSAY_OK)
        return status;
    assay_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "onednn plan", "out of memory");
    plan->session = session;
    plan->kind = ONEDNN_PLAN_UPDATE;
    plan->update = *config;
    *ret_plan = plan;
    return ASSAY_OK;
}

/* ---- running ------------------------------------------------------------------------------- */

static assay_status run_nodes(onednn_run *run) {
    const assay_plan *plan = run->plan;
    for (uint32_t n = 0; n < plan->n_nodes; n++) {
        const onednn_node *node = &plan->nodes[n];
        if (node->node->op == REWRITE_OP_NONE ||
            (node->node->op == ASSAY_OP_CROSS_ENTROPY && !run->batch->labels))
            continue;
        int64_t start_ns = onednn_profile_start(run->session);
        assay_status status = runs[node->node->op](run, node);
        if (status != ASSAY_OK)
            return status;
        onednn_profile_node(run, n, start_ns);
    }
    return ASSAY_OK;
}

static void number_rows(assay_plan *plan, const assay_batch *batch) {
    for (int32_t b = 0; b < batch->n_rows; b++)
        for (int32_t t = batch->offsets[b]; t < batch->offsets[b + 1]; t++)
            plan->token_row[t] = b;
}

static void take_token_weights(const onednn_run *run) {
    const assay_graph_view *graph = run->session->graph;
    for (uint32_t v = 0; v < graph->n_values; v++)
        if (graph->values[v].input == ASSAY_INPUT_TOKEN_WEIGHTS)
            memcpy(onednn_value(run, (assay_value)v), run->batch->token_weights,
                   (size_t)run->batch->n_tokens * sizeof(float));
}

static void keep_logits(onednn_run *run) {
    assay_plan *plan = run->plan;
    assay_value logits = run->session->graph->logits;
    size_t n = (size_t)run->batch->n_rows * onednn_channels(plan, logits);
    memcpy(plan->logits, onednn_value(run, logits), n * sizeof *plan->logits);
    plan->n_rows = run->batch->n_rows;
    plan->has_loss = run->batch->labels && run->session->graph->loss != ASSAY_NONE;
}

/* After an update: weights in bf16 are made again from what is trained. */
static void parameters_changed(assay_session *session) {
    for (uint32_t p = 0; p < session->graph->n_parameters; p++)
        if (session->graph->parameters[p].gradient != ASSAY_NONE)
            session->parameters[p].version++;
}

assay_status onednn_plan_run(assay_plan *plan, const assay_batch *batch, const assay_step *step,
                             assay_error *error) {
    assay_device *device = plan->session->device;
    assay_status status = ASSAY_OK;
    int64_t run_ns, line_ns;
    if (plan->kind != ONEDNN_PLAN_UPDATE)
        status = assay_check_batch(&plan->bounds, batch, step, error);
    if (status == ASSAY_OK)
        status = onednn_profile_begin_run(plan, batch, &run_ns, error);
    if (status != ASSAY_OK)
        return status;
    line_ns = run_ns;
    int threads_before = onednn_enter(device);
    onednn_flush_denormals(device->threads);
    if (plan->kind == ONEDNN_PLAN_UPDATE) {
        size_t bytes = line_ns ? onednn_update_bytes(plan) : 0;
        status = onednn_run_update(plan, step, error);
        parameters_changed(plan->session);
        onednn_profile_line(plan->session, ONEDNN_LINE_UPDATE, line_ns, bytes);
    } else {
        onednn_run run = {.plan = plan,
                          .session = plan->session,
                          .device = device,
                          .kernels = device->kernels,
                          .batch = batch,
                          .step = step,
                          .dropout = plan->kind == ASSAY_PLAN_ACCUMULATE && step->dropout,
                          .threads = device->threads,
                          .error = error};
        number_rows(plan, batch);
        take_token_weights(&run);
        onednn_profile_line(plan->session, ONEDNN_LINE_BATCH, line_ns, 0);
        status = run_nodes(&run);
        line_ns = onednn_profile_start(plan->session);
        if (status == ASSAY_OK)
            keep_logits(&run);
        onednn_profile_line(plan->session, ONEDNN_LINE_RESULTS, line_ns, 0);
    }
    onednn_restore_denormals(device->threads);
    onednn_leave(threads_before);
    onednn_profile_end_run(plan, run_ns);
    return status;
}

assay_status onednn_plan_read(assay_plan *plan, assay_value value, double *data, uint64_t n,
                              assay_error *error) {
    const assay_graph_view *graph = plan->session->graph;
    assay_status status = assay_check_read(graph, value, n, plan->n_rows, plan->has_loss, error);
    if (status != ASSAY_OK)
        return status;
    if (value == graph->loss)
        data[0] = plan->loss;
    else
        for (uint64_t i = 0; i < n; i++)
            data[i] = (double)plan->logits[i];
    return ASSAY_OK;
}

assay_status onednn_plan_read_grad_norm(assay_plan *plan, double *ret_norm, assay_error *error) {
    if (!plan->has_norm)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "read_grad_norm",
                          "no update has run in this plan");
    *ret_norm = plan->gradient_norm;
    return ASSAY_OK;
}
