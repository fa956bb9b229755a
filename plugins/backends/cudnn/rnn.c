/* SPDX-License-Identifier: MIT */
/* cudnn/rnn.c: recurrent layers through cuDNN's RNN interface (version 8), and the order of tokens
 * that it wants (rnn_order.c).
 *
 * cuDNN computes without padding where sequences are packed by time: the longest row first, all
 * first tokens, then all second ones, and so on. x is brought into that order, y back out of it.
 * The lengths are host data in cuDNN's descriptors, set for each batch, which is why a plan with
 * such a layer is never captured. Always the standard algorithm: the persistent ones refuse rows of
 * different lengths.
 *
 * State: cuDNN's reserve. Scratch: x and y in the order of time; of the gradient also dy, dx and
 * the gradients of the weights, which are then added to the parameters' own. The weights stand once
 * for each node and are copied from the parameters when these have changed. */

#include <stdlib.h>

#include "internal.h"
#include "rnn_shape.h"

typedef struct rnn_data {
    gpu_rnn_shape shape;
    gpu_rnn_layout layout;
    cudnnRNNDescriptor_t rnn;
    cudnnRNNDataDescriptor_t x, y;
    cudnnTensorDescriptor_t state; /* [directions, rows, H] */
    gpu_memory weights;
    uint64_t version; /* of the parameters that they were copied from */
} rnn_data;

/* Offsets into scratch, bytes. */
typedef struct rnn_scratch {
    size_t x, y, dy, dx, weights;
    size_t forward_bytes, backward_bytes;
} rnn_scratch;

/* ---- preparing ----------------------------------------------------------------------------- */

static size_t take(size_t *end, size_t bytes) {
    size_t begin = *end;
    *end += (bytes + GPU_ALIGNMENT - 1) / GPU_ALIGNMENT * GPU_ALIGNMENT;
    return begin;
}

static rnn_scratch lay_out_scratch(const assay_plan *plan, const rnn_data *data) {
    size_t tokens = (size_t)plan->max_tokens, element = plan->session->device->type_bytes;
    size_t in = tokens * (size_t)data->shape.in * element;
    size_t out = tokens * (size_t)data->shape.directions * (size_t)data->shape.hidden * element;
    rnn_scratch s = {0};
    s.x = take(&s.forward_bytes, in);
    s.y = take(&s.forward_bytes, out);
    s.backward_bytes = s.forward_bytes;
    s.dy = take(&s.backward_bytes, out);
    s.dx = take(&s.backward_bytes, in);
    s.weights = take(&s.backward_bytes, data->layout.bytes);
    return s;
}

/* Descriptors of x, y and the states for rows of those lengths, longest first. */
static assay_status describe_batch(assay_device *device, rnn_data *data, int32_t n_rows,
                                   const int32_t *lengths, assay_error *error) {
    const cudnn_dnn_api *api = &device->lib->cudnn;
    const gpu_rnn_shape *shape = &data->shape;
    int dims[3] = {shape->directions, n_rows, shape->hidden};
    int strides[3] = {n_rows * shape->hidden, shape->hidden, 1};
    cudnnStatus_t result =
        api->SetRNNDataDescriptor(data->x, shape->type, CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED,
                                  lengths[0], n_rows, shape->in, lengths, NULL);
    if (result == CUDNN_STATUS_SUCCESS)
        result = api->SetRNNDataDescriptor(
            data->y, shape->type, CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED, lengths[0], n_rows,
            shape->directions * shape->hidden, lengths, NULL);
    if (result == CUDNN_STATUS_SUCCESS)
        result = api->SetTensorNdDescriptor(data->state, shape->type, 3, dims, strides);
    return gpu_check_cudnn(device, result, "lengths of a recurrent layer's rows", error);
}

/* What the described batch needs, with the device's workspace made large enough. */
static assay_status measure(assay_device *device, rnn_data *data, cudnnForwardMode_t mode,
                            size_t *ret_workspace, size_t *ret_reserve, assay_error *error) {
    size_t workspace = 0, reserve = 0;
    assay_status status =
        gpu_check_cudnn(device,
                        device->lib->cudnn.GetRNNTempSpaceSizes(device->cudnn, data->rnn, mode,
                                                                data->x, &workspace, &reserve),
                        "memory of a recurrent layer", error);
    if (status == ASSAY_OK)
        status = gpu_grow(device, &device->workspace, workspace, "workspace of cuDNN", error);
    if (status != ASSAY_OK)
        return status;
    *ret_workspace = workspace;
    *ret_reserve = reserve;
    return ASSAY_OK;
}

static cudnnForwardMode_t mode_of(const assay_plan *plan) {
    return plan->kind == ASSAY_PLAN_ACCUMULATE ? CUDNN_FWD_MODE_TRAINING : CUDNN_FWD_MODE_INFERENCE;
}

/* Reserve grows with the tokens: measured for max_rows rows that have at least max_tokens. */
static assay_status measure_most(assay_plan *plan, rnn_data *data, size_t *ret_reserve,
                                 assay_error *error) {
    assay_device *device = plan->session->device;
    int32_t rows = plan->max_rows, length = (plan->max_tokens + rows - 1) / rows;
    int32_t *lengths = malloc((size_t)rows * sizeof *lengths);
    size_t workspace;
    assay_status status;
    if (!lengths)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn", "no memory for a recurrent layer");
    for (int32_t b = 0; b < rows; b++)
        lengths[b] = length;
    status = describe_batch(device, data, rows, lengths, error);
    if (status == ASSAY_OK)
        status = measure(device, data, mode_of(plan), &workspace, ret_reserve, error);
    free(lengths);
    return status;
}

static gpu_rnn_shape shape_of(const assay_plan *plan, const assay_node *node) {
    gpu_rnn_shape shape = {.op = node->op,
                           .directions = node->attrs.bidirectional ? 2 : 1,
                           .in = (int32_t)gpu_channels(plan, node->inputs[0]),
                           .type = CUDNN_DATA_FLOAT,
                           .tf32 = plan->session->device->dtype == ASSAY_DTYPE_TF32};
    shape.hidden = (int32_t)gpu_channels(plan, node->outputs[0]) / shape.directions;
    if (plan->session->device->type != GPU_F32)
        shape.type =
            plan->session->device->type == GPU_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_HALF;
    return shape;
}

static assay_status create_descriptors(assay_device *device, rnn_data *data, assay_error *error) {
    const cudnn_dnn_api *api = &device->lib->cudnn;
    assay_status status = gpu_rnn_describe(api, &data->shape, &data->rnn, error);
    cudnnStatus_t result;
    if (status != ASSAY_OK)
        return status;
    result = api->CreateRNNDataDescriptor(&data->x);
    if (result == CUDNN_STATUS_SUCCESS)
        result = api->CreateRNNDataDescriptor(&data->y);
    if (result == CUDNN_STATUS_SUCCESS)
        result = api->CreateTensorDescriptor(&data->state);
    return gpu_check_cudnn(device, result, "descriptors of a recurrent layer", error);
}

assay_status gpu_prepare_recurrent(assay_plan *plan, gpu_node *node, assay_error *error) {
    assay_device *device = plan->session->device;
    rnn_data *data = calloc(1, sizeof *data);
    size_t reserve = 0;
    assay_status status;
    if (!data)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn", "no memory for a recurrent layer");
    node->own = data;
    data->shape = shape_of(plan, node->node);
    status = create_descriptors(device, data, error);
    if (status == ASSAY_OK)
        status = gpu_rnn_lay_out(&device->lib->cudnn, device->cudnn, data->rnn, &data->shape,
                                 &data->layout, error);
    if (status == ASSAY_OK)
        status = measure_most(plan, data, &reserve, error);
    if (status == ASSAY_OK)
        status = gpu_alloc(device, data->layout.bytes, "weights of a recurrent layer",
                           &data->weights, error);
    if (status != ASSAY_OK)
        return status;
    plan->session->memory_of_nodes += data->weights.bytes;
    node->state_bytes = reserve;
    node->scratch_bytes = lay_out_scratch(plan, data).forward_bytes;
    return ASSAY_OK;
}

assay_status gpu_prepare_recurrent_grad(assay_plan *plan, gpu_node *node, assay_error *error) {
    (void)error;
    node->scratch_bytes = lay_out_scratch(plan, node->forward->own).backward_bytes;
    return ASSAY_OK;
}

void gpu_release_recurrent(assay_plan *plan, gpu_node *node) {
    const cudnn_dnn_api *api = &plan->session->device->lib->cudnn;
    rnn_data *data = node->own;
    if (!data)
        return;
    plan->session->memory_of_nodes -= data->weights.bytes;
    gpu_free(plan->session->device, &data->weights);
    if (data->state)
        (void)api->DestroyTensorDescriptor(data->state);
    if (data->y)
        (void)api->DestroyRNNDataDescriptor(data->y);
    if (data->x)
        (void)api->DestroyRNNDataDescriptor(data->x);
    if (data->rnn)
        (void)api->DestroyRNNDescriptor(data->rnn);
    free(data);
    node->own = NULL;
}

/* ---- running ------------------------------------------------------------------------------- */

/* to [max_tokens, width bytes] = rows of `from` in the given order, zeros behind the last token */
static assay_status reorder(const gpu_run *run, CUdeviceptr to, CUdeviceptr from, CUdeviceptr order,
                            size_t channels) {
    size_t bytes = channels * run->device->type_bytes;
    gpu_embedding_arguments a = {.table = from,
                                 .ids = order,
                                 .y = to,
                                 .batch = run->header,
                                 .rows = run->plan->max_tokens,
                                 .unit = bytes % 16 == 0  ? 16
                                         : bytes % 4 == 0 ? 4
                                                          : 2};
    a.units = (int64_t)bytes / a.unit;
    return gpu_launch_for(run, GPU_KERNEL_embedding, a.rows * a.units, &a);
}

static assay_status into_time(const gpu_run *run, CUdeviceptr to, CUdeviceptr from,
                              size_t channels) {
    return reorder(run, to, from, gpu_batch_array(run, time_order), channels);
}

static assay_status out_of_time(const gpu_run *run, CUdeviceptr to, CUdeviceptr from,
                                size_t channels) {
    return reorder(run, to, from, gpu_batch_array(run, time_place), channels);
}

/* The parameters, if they have changed, into cuDNN's weights. */
static assay_status refresh_weights(const gpu_run *run, const assay_node *node, rnn_data *data) {
    assay_device *device = run->device;
    if (data->version == run->session->version)
        return ASSAY_OK;
    for (int32_t d = 0; d < data->shape.directions; d++) {
        for (int32_t i = 0; i < GPU_RNN_PARTS; i++) {
            const gpu_rnn_part *part = &data->layout.parts[d][i];
            CUdeviceptr from = gpu_parameter_copy(run, node->inputs[1 + GPU_RNN_PARTS * d + i]);
            assay_status status =
                gpu_check(device,
                          device->lib->driver.cuMemcpyDtoDAsync(data->weights.data + part->offset,
                                                                from, part->bytes, device->stream),
                          "weights of a recurrent layer", run->error);
            if (status != ASSAY_OK)
                return status;
        }
    }
    data->version = run->session->version;
    return ASSAY_OK;
}

/* A run's sizes, checked against what the plan holds. */
static assay_status begin(const gpu_run *run, const gpu_node *forward, size_t *ret_workspace,
                          size_t *ret_reserve) {
    rnn_data *data = forward->own;
    assay_status status = describe_batch(run->device, data, run->batch->n_rows,
                                         run->plan->sorted_lengths, run->error);
    if (status == ASSAY_OK)
        status =
            measure(run->device, data, mode_of(run->plan), ret_workspace, ret_reserve, run->error);
    if (status == ASSAY_OK && *ret_reserve > forward->state_bytes)
        return assay_fail(run->error, ASSAY_INTERNAL, "cudnn",
                          "a recurrent layer keeps more for its backward pass than cuDNN said for "
                          "the largest batch");
    return status;
}

static assay_status run_recurrent(const gpu_run *run, const gpu_node *node) {
    rnn_data *data = node->own;
    assay_device *device = run->device;
    rnn_scratch s = lay_out_scratch(run->plan, data);
    CUdeviceptr x = gpu_scratch(run, node) + s.x, y = gpu_scratch(run, node) + s.y;
    size_t in = (size_t)data->shape.in, workspace, reserve;
    size_t out = (size_t)(data->shape.directions * data->shape.hidden);
    assay_status status = begin(run, node, &workspace, &reserve);
    if (status == ASSAY_OK)
        status = refresh_weights(run, node->node, data);
    if (status == ASSAY_OK)
        status = into_time(run, x, gpu_in(run, node, 0), in);
    if (status != ASSAY_OK)
        return status;
    status = gpu_check_cudnn(
        device,
        device->lib->cudnn.RNNForward(
            device->cudnn, data->rnn, mode_of(run->plan), NULL, data->x, (const void *)x, data->y,
            (void *)y, data->state, NULL, NULL, data->state, NULL, NULL, data->layout.bytes,
            (const void *)data->weights.data, workspace, (void *)device->workspace.data, reserve,
            reserve ? (void *)gpu_state(run, node) : NULL),
        "cudnnRNNForward", run->error);
    return status == ASSAY_OK ? out_of_time(run, gpu_out(run, node, 0), y, out) : status;
}

/* ---- gradient ------------------------------------------------------------------------------ */

/* Adds cuDNN's gradients of the weights to the parameters' own. */
static assay_status deliver_weights(const gpu_run *run, const gpu_node *node, const rnn_data *data,
                                    CUdeviceptr weights) {
    for (uint32_t i = 0; i < (uint32_t)(GPU_RNN_PARTS * data->shape.directions); i++) {
        const gpu_rnn_part *part = &data->layout.parts[i / GPU_RNN_PARTS][i % GPU_RNN_PARTS];
        assay_value value = node->node->outputs[1 + i];
        gpu_convert_arguments a = {.x = weights + part->offset,
                                   .y = gpu_out(run, node, 1 + i),
                                   .n = (int64_t)(part->bytes / run->device->type_bytes),
                                   .from_type = run->device->type,
                                   .to_type = GPU_F32};
        assay_status status;
        if (value == ASSAY_NONE)
            continue;
        a.add = gpu_adds(run->plan, value);
        status = gpu_launch_for(run, GPU_KERNEL_convert, a.n, &a);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

/* 1 when a weight's gradient is wanted. */
static int wants_weights(const assay_node *node) {
    for (uint32_t i = 1; i < node->n_outputs; i++)
        if (node->outputs[i] != ASSAY_NONE)
            return 1;
    return 0;
}

/* dx from dy; the backward pass of the weights reads what this leaves in the reserve. */
static assay_status run_data(const gpu_run *run, const gpu_node *node, CUdeviceptr scratch,
                             size_t workspace, size_t reserve) {
    assay_device *device = run->device;
    rnn_data *data = node->forward->own;
    rnn_scratch s = lay_out_scratch(run->plan, data);
    return gpu_check_cudnn(
        device,
        device->lib->cudnn.RNNBackwardData_v8(
            device->cudnn, data->rnn, NULL, data->y, (const void *)(scratch + s.y),
            (const void *)(scratch + s.dy), data->x, (void *)(scratch + s.dx), data->state, NULL,
            NULL, NULL, data->state, NULL, NULL, NULL, data->layout.bytes,
            (const void *)data->weights.data, workspace, (void *)device->workspace.data, reserve,
            (void *)gpu_state(run, node)),
        "cudnnRNNBackwardData_v8", run->error);
}

static assay_status run_weights(const gpu_run *run, const gpu_node *node, CUdeviceptr scratch,
                                size_t workspace, size_t reserve) {
    assay_device *device = run->device;
    rnn_data *data = node->forward->own;
    rnn_scratch s = lay_out_scratch(run->plan, data);
    assay_status status = gpu_zero(run, scratch + s.weights, data->layout.bytes);
    if (status != ASSAY_OK)
        return status;
    status = gpu_check_cudnn(
        device,
        device->lib->cudnn.RNNBackwardWeights_v8(
            device->cudnn, data->rnn, CUDNN_WGRAD_MODE_ADD, NULL, data->x,
            (const void *)(scratch + s.x), data->state, NULL, data->y,
            (const void *)(scratch + s.y), data->layout.bytes, (void *)(scratch + s.weights),
            workspace, (void *)device->workspace.data, reserve, (void *)gpu_state(run, node)),
        "cudnnRNNBackwardWeights_v8", run->error);
    return status == ASSAY_OK ? deliver_weights(run, node, data, scratch + s.weights) : status;
}

static assay_status run_recurrent_grad(const gpu_run *run, const gpu_node *node) {
    const gpu_node *forward = node->forward;
    rnn_data *data = forward->own;
    rnn_scratch s = lay_out_scratch(run->plan, data);
    CUdeviceptr scratch = gpu_scratch(run, node), dx = gpu_out(run, node, 0);
    size_t in = (size_t)data->shape.in, workspace, reserve;
    size_t out = (size_t)(data->shape.directions * data->shape.hidden);
    assay_status status = begin(run, forward, &workspace, &reserve);
    if (status == ASSAY_OK)
        status = into_time(run, scratch + s.dy, gpu_in(run, node, 0), out);
    if (status == ASSAY_OK)
        status = into_time(run, scratch + s.y, gpu_in(run, node, 1), out);
    if (status == ASSAY_OK)
        status = into_time(run, scratch + s.x, gpu_in(run, node, 2), in);
    if (status == ASSAY_OK)
        status = run_data(run, node, scratch, workspace, reserve);
    if (status == ASSAY_OK && dx)
        status = out_of_time(run, dx, scratch + s.dx, in);
    if (status == ASSAY_OK && wants_weights(node->node))
        status = run_weights(run, node, scratch, workspace, reserve);
    return status;
}

assay_status gpu_run_rnn(const gpu_run *run, const gpu_node *node) {
    return run_recurrent(run, node);
}

assay_status gpu_run_gru(const gpu_run *run, const gpu_node *node) {
    return run_recurrent(run, node);
}

assay_status gpu_run_lstm(const gpu_run *run, const gpu_node *node) {
    return run_recurrent(run, node);
}

assay_status gpu_run_rnn_grad(const gpu_run *run, const gpu_node *node) {
    return run_recurrent_grad(run, node);
}

assay_status gpu_run_gru_grad(const gpu_run *run, const gpu_node *node) {
    return run_recurrent_grad(run, node);
}

assay_status gpu_run_lstm_grad(const gpu_run *run, const gpu_node *node) {
    return run_recurrent_grad(run, node);
}
