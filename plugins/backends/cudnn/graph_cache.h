/* SPDX-License-Identifier: MIT */
/* cudnn/graph_cache.h: execution plans by shape, shared by the nodes and plans of a device. Finding
 * one takes cuDNN a second or two, so that neither those that are in use nor the last
 * GPU_SPARE_GRAPHS that no one uses are given up; a shape that has no engine is remembered too. */
#ifndef CUDNN_GRAPH_CACHE_H
#define CUDNN_GRAPH_CACHE_H

#include "graph_ops.h"
#include "internal.h"

enum { GPU_SPARE_GRAPHS = 64 };

enum {
    GPU_GRAPH_ATTENTION = 0,
    GPU_GRAPH_ATTENTION_GRAD,
    GPU_GRAPH_NORM,
    GPU_GRAPH_NORM_GRAD,
    GPU_GRAPH_LINEAR_GELU,
};

typedef struct gpu_graph_key {
    int32_t kind; /* GPU_GRAPH_* */
    union {
        gpu_attention_shape attention;
        gpu_norm_shape norm;
        gpu_linear_shape linear;
    } shape;
} gpu_graph_key;

typedef struct gpu_graph_entry gpu_graph_entry;

/* The plan of that shape, which is made here if need be. Starts as zeros: padding counts. Release
 * it once. ASSAY_UNSUPPORTED where cuDNN has none. Never during a capture. */
ASSAY_MUST_USE assay_status gpu_graph_get(assay_device *device, const gpu_graph_key *key,
                                          gpu_graph_entry **ret_entry, assay_error *error);
void gpu_graph_release(assay_device *device, gpu_graph_entry *entry); /* NULL allowed */
/* Runs it on the device's stream with the device's workspace. */
ASSAY_MUST_USE assay_status gpu_graph_entry_run(assay_device *device, const gpu_graph_entry *entry,
                                                gpu_places *places, const CUdeviceptr *pointers,
                                                int n_pointers, assay_error *error);
/* Memory for what is made just before a graph runs and read by it alone. */
gpu_memory *gpu_graph_memory(assay_device *device);
/* The library's name for a storage type. */
cudnnDataType_t gpu_cudnn_type(int32_t type);

#endif
