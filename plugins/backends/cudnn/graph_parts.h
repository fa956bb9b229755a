/* SPDX-License-Identifier: MIT */
/* cudnn/graph_parts.h: what graph.c and graph_engine.c share: the builder and its descriptors. */
#ifndef CUDNN_GRAPH_PARTS_H
#define CUDNN_GRAPH_PARTS_H

#include <stdbool.h>

#include "graph.h"

enum {
    GPU_MOST_PARTS =
        GPU_MOST_TENSORS + 2 * GPU_MOST_OPERATIONS + 4 /* graph, heuristics, configuration */
};

struct gpu_builder {
    const cudnn_dnn_api *api;
    assay_error error; /* the first one */
    int n_kept, n_tensors, n_operations;
    cudnnBackendDescriptor_t kept[GPU_MOST_PARTS]; /* freed with the builder or its graph */
    gpu_tensor tensors[GPU_MOST_TENSORS];
    cudnnBackendDescriptor_t descriptors[GPU_MOST_TENSORS];
    bool used[GPU_MOST_TENSORS]; /* by an operation */
    cudnnBackendDescriptor_t operations[GPU_MOST_OPERATIONS];
};

/* A new descriptor that the builder keeps; NULL after an error. `what` is for error texts. */
cudnnBackendDescriptor_t gpu_part(gpu_builder *builder, cudnnBackendDescriptorType_t type,
                                  const char *what);
void gpu_part_set(gpu_builder *builder, cudnnBackendDescriptor_t descriptor,
                  cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t n,
                  const void *values, const char *what);
void gpu_part_finish(gpu_builder *builder, cudnnBackendDescriptor_t descriptor, const char *what);

#endif
