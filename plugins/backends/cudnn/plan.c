/* SPDX-License-Identifier: MIT */
/* cudnn/plan.c: compiling a graph into a plan: places of values, life spans, one table of
 * operations. run.c runs it. */
#include <stdlib.h>

#include "internal.h"

static const gpu_op_prepare prepares[ASSAY_OP_COUNT + 1] = {
    [ASSAY_OP_LINEAR] = gpu_prepare_linear,
    [ASSAY_OP_LINEAR_GRAD_INPUT] = gpu_prepare_linear_grad_input,
    [ASSAY_OP_LINEAR_GRAD_WEIGHT] = gpu_prepare_linear_grad_weight,
    [ASSAY_OP_LINEAR_GRAD_BIAS] = gpu_prepare_column_sums,
    [ASSAY_OP_ADD_ROW_GRAD] = gpu_prepare_column_sums,
    [ASSAY_OP_GELU_GRAD] = gpu_prepare_gelu_grad,
    [ASSAY_OP_LAYER_NORM] = gpu_prepare_layer_norm,
    [ASSAY_OP_LAYER_NORM_GRAD] = gpu_prepare_layer_norm_grad,
    [ASSAY_OP_ATTENTION] = gpu_prepare_attention,
    [ASSAY_OP_ATTENTION_GRAD] = gpu_prepare_attention_grad,
    [ASSAY_OP_ATTENTION_POOL_GRAD] = gpu_prepare_attention_pool_grad,
    [ASSAY_OP_GRU] = gpu_prepare_recurrent,
    [ASSAY_OP_LSTM] = gpu_prepare_recurrent,
    [ASSAY_OP_RNN] = gpu_prepare_recurrent,
    [ASSAY_OP_GRU_GRAD] = gpu_prepare_recurrent_grad,
    [ASSAY_OP_LSTM_GRAD] = gpu_prepare_recurrent_grad,
    [ASSAY_OP_RNN_GRAD] = gpu_prepare_recurrent_grad,
};

static const gpu_op_release releases[ASSAY_OP_COUNT + 1] = {
    [ASSAY_OP_LINEAR] = gpu_release_linear,
    [ASSAY_OP_LAYER_NORM] = gpu_release_layer_norm,
    [ASSAY_OP_LAYER_NORM_GRAD] = gpu_release_layer_norm,
    [ASSAY_OP_ATTENTION] = gpu_release_attention,
    [ASSAY_OP_ATTENTION_GRAD] = gpu_release_attention,
    [ASSAY_OP_GRU] = gpu_release_recurrent,
    [ASSAY_OP_LSTM] = gpu_release_recurrent,
    [ASSAY_OP_RNN] = gpu_release_recurrent,
    [ASSAY_OP_GRU_GRAD] = gpu_release_recurrent,
    [ASSAY_OP_LSTM_GRAD] = gpu_release_recurrent,
    [ASSAY_OP_RNN_GRAD] = gpu_release_recurrent,
};

/* ---- values -------------------------------------------------------------------------------- */

const assay_value_info *gpu_info(const assay_plan *plan, assay_value value) {
    return &plan->session->graph->values[value];
}

size_t gpu_channels(const assay_plan *plan, assay_value value) {
    const assay_value_info *info = gpu_info(plan, value);
    if (info->domain == ASSAY_DOMAIN_SCALAR || info->is_index)
        return 1;
    return (size_t)info->dims[0] *
           (size_t)(info->domain == ASSAY_DOMAIN_FIXED && info->rank == 2 ? info->dims[1] : 1);
}

int64_t gpu_rows(const assay_plan *plan, assay_value value) {
    int32_t domain = gpu_info(plan, value)->domain;
    return domain == ASSAY_DOMAIN_TOKENS ? plan->max_tokens
           : domain == ASSAY_DOMAIN_ROWS ? plan->max_rows
                                         : 1;
}

int32_t gpu_type(const assay_plan *plan, assay_value value) {
    return plan->places[value].type;
}

int gpu_adds(const assay_plan *plan, assay_value value) {
    return plan->places[value].base == GPU_IN_GRADIENTS;
}

static CUdeviceptr batch_input(const gpu_run *run, int32_t input) {
    return input == ASSAY_INPUT_TOKEN_IDS   ? gpu_batch_array(run, ids)
           : input == ASSAY_INPUT_POSITIONS ? gpu_batch_array(run, positions)
                                            : gpu_batch_array(run, labels);
}

CUdeviceptr gpu_value(const gpu_run *run, assay_value value) {
    const assay_session *session = run->session;
    if (value == ASSAY_NONE)
        return 0;
    const gpu_place *place = &run->plan->places[value];
    switch (place->base) {
    case GPU_IN_PARAMETERS:
        return session->slab[ASSAY_STATE_PARAMETER].data + place->offset * sizeof(float);
    case GPU_IN_GRADIENTS:
        return session->slab[ASSAY_STATE_GRADIENT].data + place->offset * sizeof(float);
    case GPU_IN_BATCH:
        return batch_input(run, gpu_info(run->plan, value)->input);
    default:
        return session->arena.data + place->offset;
    }
}

CUdeviceptr gpu_parameter_copy(const gpu_run *run, assay_value value) {
    const assay_device *device = run->device;
    if (device->type == GPU_F32)
        return gpu_value(run, value);
    return run->session->copies.data + run->plan->places[value].offset * device->type_bytes;
}

CUdeviceptr gpu_in(const gpu_run *run, const gpu_node *node, uint32_t i) {
    return i < node->node->n_inputs ? gpu_value(run, node->node->inputs[i]) : 0;
}

CUdeviceptr gpu_out(const gpu_run *run, const gpu_node *node, uint32_t i) {
    return i < node->node->n_outputs ? gpu_value(run, node->node->outputs[i]) : 0;
}

CUdeviceptr gpu_state(const gpu_run *run, const gpu_node *node) {
    return run->session->arena.data + (node->forward ? node->forward->state : node->state);
}

CUdeviceptr gpu_scratch(const gpu_run *run, const gpu_node *node) {
    return run->session->arena.data + node->scratch;
}

/* ---- places -------------------------------------------------------------------------------- */

/* 1 for logits that a linear layer makes and nothing but the loss reads: they stay f32. */
static int is_wide(const assay_graph_view *graph, assay_value value) {
    int32_t producer = graph->values[value].node;
    if (value != graph->logits || producer < 0 || graph->nodes[producer].op != ASSAY_OP_LINEAR)
        return 0;
    for (uint32_t n = 0; n < graph->n_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].n_inputs; i++)
            if (graph->nodes[n].inputs[i] == value &&
                graph->nodes[n].op != ASSAY_OP_CROSS_ENTROPY &&
                graph->nodes[n].op != ASSAY_OP_CROSS_ENTROPY_GRAD)
                return 0;
    return 1;
}

/* Type of every value; base and offset of all but those in the arena. */
static void place_fixed(assay_plan *plan) {
    const assay_session *session = plan->session;
    const assay_graph_view *graph = session->graph;
    for (uint32_t v = 0; v < graph->n_values; v++) {
        const assay_value_info *info = &graph->values[v];
        gpu_place *place = &plan->places[v];
        int32_t gradient = assay_gradient_of(graph, (assay_value)v);
        int by_batch = info->domain == ASSAY_DOMAIN_TOKENS || info->domain == ASSAY_DOMAIN_ROWS;
        place->base = GPU_IN_ARENA;
        place->type = by_batch && !is_wide(graph, (assay_value)v) ? session->device->type : GPU_F32;
        if (info->is_index) {
            place->base = GPU_IN_BATCH;
            place->type = GPU_I32;
        } else if (info->parameter >= 0) {
            place->base = GPU_IN_PARAMETERS;
            place->offset = session->parameters[info->parameter].offset;
        } else if (gradient >= 0) {
            place->base = GPU_IN_GRADIENTS;
            place->offset = session->parameters[gradient].offset;
        }
    }
}

/* Last node of the plan that reads a value; the plan's end for what is read afterwards. */
static uint32_t last_reader(const assay_plan *plan, assay_value value, uint32_t writer) {
    const assay_graph_view *graph = plan->session->graph;
    uint32_t last = writer;
    if (value == graph->logits || value == graph->loss)
        return plan->n_nodes;
    for (uint32_t n = writer; n < plan->n_nodes; n++)
        for (uint32_t i = 0; i < plan->nodes[n].node->n_inputs; i++)
            if (plan->nodes[n].node->inputs[i] == value)
                last = n;
    return last;
}

static assay_status place_value(assay_plan *plan, assay_layout *layout, uint32_t writer,
                                assay_value value, assay_error *error) {
    if (value == ASSAY_NONE || plan->places[value].base != GPU_IN_ARENA)
        return ASSAY_OK;
    size_t rows = (size_t)gpu_rows(plan, value), c = gpu_channels(plan, value);
    if (c && rows > (SIZE_MAX / 8) / c)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn plan", "a value is too large");
    return assay_layout_add(layout, rows * c * gpu_type_bytes(gpu_type(plan, value)), writer,
                            last_reader(plan, value, writer), &plan->places[value].offset, error);
}

static assay_status place_node(assay_plan *plan, assay_layout *layout, uint32_t n,
                               assay_error *error) {
    gpu_node *node = &plan->nodes[n];
    assay_status status = ASSAY_OK;
    for (uint32_t i = 0; i < node->node->n_outputs && status == ASSAY_OK; i++)
        status = place_value(plan, layout, n, node->node->outputs[i], error);
    if (status == ASSAY_OK && prepares[node->node->op])
        status = prepares[node->node->op](plan, node, error);
    if (status == ASSAY_OK && node->state_bytes)
        status = assay_layout_add(layout, node->state_bytes, n,
                                  rewrite_last_backward(&plan->own, n), &node->state, error);
    if (status == ASSAY_OK && node->scratch_bytes)
        status = assay_layout_add(layout, node->scratch_bytes, n, n, &node->scratch, error);
    return status;
}

/* Token weights stand in the arena in the device's type. */
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
    plan->can_capture = 1;
    for (uint32_t n = 0; n < plan->n_nodes; n++) {
        const assay_node *node = &graph->nodes[n];
        plan->nodes[n].node = &plan->own.nodes[n].node;
        plan->nodes[n].index = n;
        plan->nodes[n].forward = node->forward_node >= 0 ? &plan->nodes[node->forward_node] : NULL;
        if (node->op == ASSAY_OP_GRU || node->op == ASSAY_OP_LSTM || node->op == ASSAY_OP_RNN)
            plan->can_capture = 0; /* lengths are host data of cuDNN's descriptors */
        if (node->op == ASSAY_OP_EMBEDDING_GRAD)
            plan->is_sorted[graph->values[node->inputs[1]].input == ASSAY_INPUT_POSITIONS] = 1;
    }
}

static assay_status lay_out(assay_plan *plan, assay_error *error) {
    assay_layout layout = {.alignment = GPU_ALIGNMENT};
    place_fixed(plan);
    link_nodes(plan);
    gpu_fuse(plan);
    assay_status status = place_inputs(plan, &layout, error);
    for (uint32_t n = 0; n < plan->n_nodes && status == ASSAY_OK; n++)
        status = place_node(plan, &layout, n, error);
    if (status == ASSAY_OK)
        status = gpu_grow(plan->session->device, &plan->session->arena, layout.size, "activations",
                          error);
    assay_layout_done(&layout);
    return status;
}

/* ---- compiling ----------------------------------------------------------------------------- */

void gpu_plan_free(assay_plan *plan) {
    if (!plan)
        return;
    assay_device *device = plan->session->device;
    const gpu_driver *driver = &device->lib->driver;
    (void)driver->cuCtxSetCurrent(device->context);
    (void)driver->cuStreamSynchronize(device->stream); /* it may still run */
    for (uint32_t n = 0; plan->nodes && n < plan->n_nodes; n++) {
        if (plan->nodes[n].node && releases[plan->nodes[n].node->op])
            releases[plan->nodes[n].node->op](plan, &plan->nodes[n]);
        gpu_gemm_release(device, plan->nodes[n].gemm);
        if (plan->nodes[n].event)
            (void)driver->cuEventDestroy(plan->nodes[n].event);
    }
    for (int c = 0; c < GPU_CAPTURES; c++)
        if (plan->captures[c].exec)
            (void)driver->cuGraphExecDestroy(plan->captures[c].exec);
    if (plan->begin)
        (void)driver->cuEventDestroy(plan->begin);
    if (plan->end)
        (void)driver->cuEventDestroy(plan->end);
    if (plan->pinned_results)
        (void)driver->cuMemFreeHost(plan->pinned_results);
    gpu_free(device, &plan->results);
    gpu_free(device, &plan->chunks);
    free(plan->nodes);
    rewrite_close(&plan->own);
    free(plan->places);
    free(plan->sorting);
    free(plan->sorted_lengths);
    free(plan);
}

/* Where results come back to. */
static assay_status reserve_results(assay_plan *plan, assay_error *error) {
    assay_device *device = plan->session->device;
    assay_value logits = plan->session->graph->logits;
    size_t n = (size_t)plan->max_rows * gpu_channels(plan, logits);
    assay_status status = gpu_check(
        device, device->lib->driver.cuMemAllocHost(&plan->pinned_results, (n + 1) * sizeof(float)),
        "pinned memory for results", error);
    if (status == ASSAY_OK && gpu_type(plan, logits) != GPU_F32)
        status = gpu_alloc(device, n * sizeof(float), "logits", &plan->results, error);
    return status;
}

static assay_status fill_plan(assay_plan *plan, assay_error *error) {
    const assay_graph_view *graph = plan->session->graph;
    plan->nodes = calloc((size_t)plan->n_nodes + 1, sizeof *plan->nodes);
    plan->places = calloc((size_t)graph->n_values + 1, sizeof *plan->places);
    plan->sorting = calloc(2 * (size_t)plan->max_tokens, sizeof *plan->sorting);
    if (!plan->nodes || !plan->places || !plan->sorting)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn plan", "out of memory");
    assay_status status = rewrite_open(graph, plan->n_nodes, &plan->own, error);
    if (status == ASSAY_OK)
        status = lay_out(plan, error);
    if (!plan->can_capture) /* recurrent nodes */
        plan->sorted_lengths = calloc(2 * (size_t)plan->max_rows, sizeof *plan->sorted_lengths);
    if (status == ASSAY_OK && !plan->can_capture && !plan->sorted_lengths)
        status = assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn plan", "out of memory");
    gpu_lay_out_batch(plan);
    if (status == ASSAY_OK)
        status = gpu_stage_reserve(plan->session, plan->layout.bytes, error);
    if (status == ASSAY_OK)
        status = reserve_results(plan, error);
    return status;
}

assay_status gpu_compile(assay_session *session, int32_t kind, int32_t max_rows, int32_t max_tokens,
                         assay_plan **ret_plan, assay_error *error) {
    const assay_graph_view *graph = session->graph;
    assay_status status = assay_check_plan(graph, kind, max_rows, max_tokens, error);
    if (status == ASSAY_OK)
        status = gpu_enter(session->device, error);
    if (status != ASSAY_OK)
        return status;
    assay_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn plan", "out of memory");
    plan->session = session;
    plan->kind = kind;
    plan->max_rows = max_rows;
    plan->max_tokens = max_tokens;
    plan->bounds = assay_bounds_of(graph, kind, max_rows, max_tokens);
    plan->n_nodes = kind == ASSAY_PLAN_FORWARD ? graph->n_forward_nodes : graph->n_nodes;
    status = fill_plan(plan, error);
    if (status != ASSAY_OK) {
        gpu_plan_free(plan);
        return status;
    }
    *ret_plan = plan;
    return ASSAY_OK;
}
