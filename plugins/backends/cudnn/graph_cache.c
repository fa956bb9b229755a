/* SPDX-License-Identifier: MIT */
/* cudnn/graph_cache.c: see graph_cache.h. A list, newest use first: a model has a handful of
 * shapes. */

#include <stdlib.h>
#include <string.h>

#include "graph_cache.h"

#define WORKSPACE_LIMIT ((uint64_t)8 << 30) /* what a graph may ask for */

struct gpu_graph_entry {
    gpu_graph_entry *next;
    gpu_graph_key key;
    gpu_graph *graph; /* NULL: cuDNN has no engine for it, `reason` says why */
    char *reason;
    int n_users;
};

struct gpu_graph_cache {
    gpu_graph_entry *first;
    gpu_memory memory;
};

cudnnDataType_t gpu_cudnn_type(int32_t type) {
    return type == GPU_F32    ? CUDNN_DATA_FLOAT
           : type == GPU_BF16 ? CUDNN_DATA_BFLOAT16
                              : CUDNN_DATA_HALF;
}

static void entry_free(gpu_graph_entry *entry) {
    gpu_graph_free(entry->graph);
    free(entry->reason);
    free(entry);
}

void gpu_graphs_free(assay_device *device) {
    if (!device->graphs)
        return;
    while (device->graphs->first) {
        gpu_graph_entry *entry = device->graphs->first;
        device->graphs->first = entry->next;
        entry_free(entry);
    }
    gpu_free(device, &device->graphs->memory);
    free(device->graphs);
    device->graphs = NULL;
}

static gpu_builder *build(const cudnn_dnn_api *api, const gpu_graph_key *key) {
    switch (key->kind) {
    case GPU_GRAPH_ATTENTION:
        return gpu_attention_forward(api, &key->shape.attention);
    case GPU_GRAPH_ATTENTION_GRAD:
        return gpu_attention_backward(api, &key->shape.attention);
    case GPU_GRAPH_NORM:
        return gpu_norm_forward(api, &key->shape.norm);
    case GPU_GRAPH_LINEAR_GELU:
        return gpu_linear_gelu(api, &key->shape.linear);
    default:
        return gpu_norm_backward(api, &key->shape.norm);
    }
}

/* Drops what nobody uses behind the GPU_SPARE_GRAPHS newest. */
static void trim(gpu_graph_cache *cache) {
    int n_spare = 0;
    for (gpu_graph_entry **at = &cache->first; *at;) {
        gpu_graph_entry *entry = *at;
        if (entry->n_users == 0 && ++n_spare > GPU_SPARE_GRAPHS) {
            *at = entry->next;
            entry_free(entry);
        } else {
            at = &entry->next;
        }
    }
}

static gpu_graph_entry *find(gpu_graph_cache *cache, const gpu_graph_key *key) {
    for (gpu_graph_entry **at = &cache->first; *at; at = &(*at)->next) {
        gpu_graph_entry *entry = *at;
        if (memcmp(&entry->key, key, sizeof *key) != 0)
            continue;
        *at = entry->next;
        entry->next = cache->first;
        cache->first = entry;
        return entry;
    }
    return NULL;
}

/* A new entry; what has no engine becomes one too, other failures don't. */
static assay_status make(assay_device *device, const gpu_graph_key *key,
                         gpu_graph_entry **ret_entry, assay_error *error) {
    gpu_target target = {
        .handle = device->cudnn, .workspace_limit = WORKSPACE_LIMIT, .deterministic = 1};
    assay_error why = ASSAY_ERROR_INIT;
    gpu_graph_entry *entry = calloc(1, sizeof *entry);
    gpu_builder *builder = entry ? build(&device->lib->cudnn, key) : NULL;
    assay_status status;
    if (!builder) {
        free(entry);
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn", "no memory for a graph");
    }
    entry->key = *key;
    status = gpu_graph_finish(builder, &target, &entry->graph, NULL, &why);
    if (status == ASSAY_UNSUPPORTED)
        entry->reason = strdup(why.text);
    if (status != ASSAY_OK && !entry->reason) {
        entry_free(entry);
        return assay_fail(error, status, why.where, why.text);
    }
    entry->next = device->graphs->first;
    device->graphs->first = entry;
    *ret_entry = entry;
    return ASSAY_OK;
}

assay_status gpu_graph_get(assay_device *device, const gpu_graph_key *key,
                           gpu_graph_entry **ret_entry, assay_error *error) {
    gpu_graph_entry *entry;
    if (!device->graphs && !(device->graphs = calloc(1, sizeof *device->graphs)))
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn", "no memory for graphs");
    entry = find(device->graphs, key);
    if (!entry) {
        assay_status status = make(device, key, &entry, error);
        if (status != ASSAY_OK)
            return status;
        trim(device->graphs);
    }
    if (!entry->graph)
        return assay_fail(error, ASSAY_UNSUPPORTED, "cudnn", entry->reason);
    assay_status status =
        gpu_grow(device, &device->workspace, (size_t)gpu_graph_workspace(entry->graph),
                 "workspace of cuDNN", error);
    if (status != ASSAY_OK)
        return status;
    entry->n_users++;
    *ret_entry = entry;
    return ASSAY_OK;
}

void gpu_graph_release(assay_device *device, gpu_graph_entry *entry) {
    if (!entry)
        return;
    entry->n_users--;
    trim(device->graphs);
}

gpu_memory *gpu_graph_memory(assay_device *device) {
    return &device->graphs->memory;
}

assay_status gpu_graph_entry_run(assay_device *device, const gpu_graph_entry *entry,
                                 gpu_places *places, const CUdeviceptr *pointers, int n_pointers,
                                 assay_error *error) {
    void *addresses[GPU_MOST_TENSORS] = {NULL};
    for (int i = 0; i < n_pointers; i++)
        addresses[i] = (void *)(uintptr_t)pointers[i];
    return gpu_graph_run(entry->graph, device->cudnn, places, addresses,
                         (void *)(uintptr_t)device->workspace.data, error);
}
