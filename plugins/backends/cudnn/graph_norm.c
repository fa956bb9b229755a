/* SPDX-License-Identifier: MIT */
/* cudnn/graph_norm.c: layer norm through cuDNN, or the own kernels where it has no engine.
 *
 * State: mean and inverse deviation of each row, f32. Scratch of the gradient: those of gamma and
 * beta, which cuDNN writes and the parameters' own are added to; or what the own kernels want. */

#include <stdlib.h>

#include "graph_cache.h"

typedef struct norm_data {
    gpu_graph_entry *entry; /* NULL: own kernels */
    gpu_places places;
} norm_data;

static size_t aligned(size_t bytes) {
    return (bytes + GPU_ALIGNMENT - 1) / GPU_ALIGNMENT * GPU_ALIGNMENT;
}

static size_t rows_of(const assay_plan *plan, const gpu_node *node) {
    return (size_t)gpu_rows(plan, node->node->inputs[0]);
}

static assay_status prepare(assay_plan *plan, gpu_node *node, int32_t kind, assay_error *error) {
    assay_device *device = plan->session->device;
    assay_error why = ASSAY_ERROR_INIT;
    assay_status status;
    norm_data *data = calloc(1, sizeof *data);
    gpu_graph_key key;
    if (!data)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn", "no memory for a layer norm");
    node->own = data;
    memset(&key, 0, sizeof key);
    key.kind = kind;
    key.shape.norm.rows = (int64_t)rows_of(plan, node);
    key.shape.norm.channels = (int64_t)gpu_channels(plan, node->node->inputs[0]);
    key.shape.norm.type = gpu_cudnn_type(gpu_type(plan, node->node->inputs[0]));
    key.shape.norm.epsilon = (float)node->node->attrs.epsilon;
    if (device->without & GPU_WITHOUT_NORM)
        return ASSAY_OK;
    status = gpu_graph_get(device, &key, &data->entry, &why);
    if (status == ASSAY_OK || status == ASSAY_UNSUPPORTED)
        return ASSAY_OK;
    return assay_fail(error, status, why.where, why.text);
}

assay_status gpu_prepare_layer_norm(assay_plan *plan, gpu_node *node, assay_error *error) {
    if (gpu_is_residual_norm(node)) {
        gpu_prepare_residual_norm(plan, node);
        return ASSAY_OK;
    }
    node->state_bytes = 2 * aligned(rows_of(plan, node) * sizeof(float));
    return prepare(plan, node, GPU_GRAPH_NORM, error);
}

assay_status gpu_prepare_layer_norm_grad(assay_plan *plan, gpu_node *node, assay_error *error) {
    if (gpu_is_residual_norm(node->forward)) {
        gpu_prepare_residual_norm_grad(plan, node);
        return ASSAY_OK;
    }
    size_t channels = gpu_channels(plan, node->node->inputs[0]);
    assay_status status = prepare(plan, node, GPU_GRAPH_NORM_GRAD, error);
    norm_data *data = node->own;
    if (status != ASSAY_OK)
        return status;
    /* Without the forward graph there are no statistics to read. */
    if (data->entry && !((const norm_data *)node->forward->own)->entry) {
        gpu_graph_release(plan->session->device, data->entry);
        data->entry = NULL;
    }
    node->scratch_bytes =
        data->entry
            ? 2 * aligned(channels * sizeof(float)) +
                  aligned(rows_of(plan, node) * channels * plan->session->device->type_bytes)
            : gpu_own_layer_norm_grad_scratch(plan, node);
    return ASSAY_OK;
}

void gpu_release_layer_norm(assay_plan *plan, gpu_node *node) {
    norm_data *data = node->own;
    if (!data)
        return;
    gpu_places_done(&plan->session->device->lib->cudnn, &data->places);
    gpu_graph_release(plan->session->device, data->entry);
    free(data);
    node->own = NULL;
}

assay_status gpu_run_layer_norm(const gpu_run *run, const gpu_node *node) {
    norm_data *data = node->own;
    CUdeviceptr pointers[GPU_NORM_TENSORS] = {0};
    if (gpu_is_residual_norm(node))
        return gpu_run_residual_norm(run, node);
    if (!data->entry)
        return gpu_own_layer_norm(run, node);
    pointers[GPU_NORM_X] = gpu_in(run, node, 0);
    pointers[GPU_NORM_SCALE] = gpu_in(run, node, 1);
    pointers[GPU_NORM_BIAS] = gpu_in(run, node, 2);
    pointers[GPU_NORM_MEAN] = gpu_state(run, node);
    pointers[GPU_NORM_INVERSE_DEVIATION] =
        gpu_state(run, node) + aligned(rows_of(run->plan, node) * sizeof(float));
    pointers[GPU_NORM_Y] = gpu_out(run, node, 0);
    return gpu_graph_entry_run(run->device, data->entry, &data->places, pointers, GPU_NORM_TENSORS,
                               run->error);
}

/* Brings a gradient of gamma or beta from scratch to where it belongs. */
static assay_status deliver(const gpu_run *run, const gpu_node *node, uint32_t i, CUdeviceptr from,
                            size_t channels) {
    assay_value value = node->node->outputs[i];
    if (value == ASSAY_NONE)
        return ASSAY_OK;
    return gpu_deliver(run, gpu_out(run, node, i), from, channels, gpu_adds(run->plan, value));
}

assay_status gpu_run_layer_norm_grad(const gpu_run *run, const gpu_node *node) {
    if (gpu_is_residual_norm(node->forward))
        return gpu_run_residual_norm_grad(run, node);
    norm_data *data = node->own;
    size_t channels = gpu_channels(run->plan, node->node->inputs[0]);
    size_t sums = aligned(channels * sizeof(float));
    CUdeviceptr scratch = gpu_scratch(run, node), pointers[GPU_NORM_TENSORS] = {0};
    assay_status status;
    if (!data->entry)
        return gpu_own_layer_norm_grad(run, node);
    pointers[GPU_NORM_DY] = gpu_in(run, node, 0);
    pointers[GPU_NORM_X] = gpu_in(run, node, 1);
    pointers[GPU_NORM_SCALE] = gpu_in(run, node, 2);
    pointers[GPU_NORM_MEAN] = gpu_state(run, node);
    pointers[GPU_NORM_INVERSE_DEVIATION] =
        gpu_state(run, node) + aligned(rows_of(run->plan, node) * sizeof(float));
    pointers[GPU_NORM_DSCALE] = scratch;
    pointers[GPU_NORM_DBIAS] = scratch + sums;
    pointers[GPU_NORM_DX] =
        node->node->outputs[0] == ASSAY_NONE ? scratch + 2 * sums : gpu_out(run, node, 0);
    status = gpu_graph_entry_run(run->device, data->entry, &data->places, pointers,
                                 GPU_NORM_TENSORS, run->error);
    if (status == ASSAY_OK)
        status = deliver(run, node, 1, scratch, channels);
    return status == ASSAY_OK ? deliver(run, node, 2, scratch + sums, channels) : status;
}
