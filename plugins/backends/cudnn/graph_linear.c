/* SPDX-License-Identifier: MIT */
/* cudnn/graph_linear.c: a linear layer with its bias and GELU as one cuDNN graph: cuBLASLt's GELU
 * is the tanh form, cuDNN has the one with erf. */

#include <stdlib.h>

#include "graph_cache.h"

typedef struct linear_data {
    gpu_graph_entry *entry;
    gpu_places places;
} linear_data;

assay_status gpu_linear_gelu_prepare(assay_plan *plan, gpu_node *node, assay_error *error) {
    const assay_node *n = node->node;
    gpu_graph_key key;
    linear_data *data;
    if (n->n_inputs < 3 || n->inputs[2] == ASSAY_NONE || gpu_channels(plan, n->inputs[0]) % 8 ||
        gpu_channels(plan, n->outputs[0]) % 8)
        return assay_fail(error, ASSAY_UNSUPPORTED, "cudnn", "no bias, or channels that aren't 8s");
    data = calloc(1, sizeof *data);
    if (!data)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn", "no memory for a linear layer");
    memset(&key, 0, sizeof key);
    key.kind = GPU_GRAPH_LINEAR_GELU;
    key.shape.linear.m = gpu_rows(plan, n->outputs[0]);
    key.shape.linear.n = (int64_t)gpu_channels(plan, n->outputs[0]);
    key.shape.linear.k = (int64_t)gpu_channels(plan, n->inputs[0]);
    key.shape.linear.type = gpu_cudnn_type(plan->session->device->type);
    assay_status status = gpu_graph_get(plan->session->device, &key, &data->entry, error);
    if (status == ASSAY_OK)
        node->own = data;
    else
        free(data);
    return status;
}

assay_status gpu_linear_gelu_run(const gpu_run *run, const gpu_node *node) {
    linear_data *data = node->own;
    CUdeviceptr pointers[GPU_LINEAR_TENSORS] = {0};
    pointers[GPU_LINEAR_X] = gpu_in(run, node, 0);
    pointers[GPU_LINEAR_WEIGHT] = gpu_parameter_copy(run, node->node->inputs[1]);
    pointers[GPU_LINEAR_BIAS] = gpu_parameter_copy(run, node->node->inputs[2]);
    pointers[GPU_LINEAR_Y] = gpu_out(run, node, 0);
    return gpu_graph_entry_run(run->device, data->entry, &data->places, pointers,
                               GPU_LINEAR_TENSORS, run->error);
}

void gpu_release_linear(assay_plan *plan, gpu_node *node) {
    linear_data *data = node->own;
    if (!data)
        return;
    gpu_places_done(&plan->session->device->lib->cudnn, &data->places);
    gpu_graph_release(plan->session->device, data->entry);
    free(data);
    node->own = NULL;
}
