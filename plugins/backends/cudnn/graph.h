/* SPDX-License-Identifier: MIT */
/* cudnn/graph.h: cuDNN's backend graphs: building one, finding an engine, running its plan.
 *
 * A builder keeps its first error; every later call on it does nothing, so that building code
 * checks once, at gpu_graph_finish. Tensors are numbered from 0 in the order they are added; the
 * number of one that is no intermediate is its place in the pointers that a run is given.
 *
 *     gpu_builder *b = gpu_builder_new(api);
 *     int x = gpu_add_tensor(b, &(gpu_tensor){...}), y = gpu_add_tensor(b, ...);
 *     gpu_add_unary(b, CUDNN_POINTWISE_GELU_FWD, x, y);
 *     status = gpu_graph_finish(b, &target, &graph, error);    // frees the builder
 *
 * Source: NVIDIA's cugraph.h and the backend API's documentation, version 9. */
#ifndef CUDNN_GRAPH_BUILDER_H
#define CUDNN_GRAPH_BUILDER_H

#include "assay/status.h"
#include "dnn_api.h"

enum { GPU_NO_TENSOR = -1, GPU_MOST_TENSORS = 64, GPU_MOST_OPERATIONS = 48 };

typedef enum gpu_tensor_kind {
    GPU_IN_MEMORY = 0, /* a device pointer at each run */
    GPU_VIRTUAL,       /* an intermediate that stands nowhere */
    GPU_CONSTANT,      /* one number, fixed here */
} gpu_tensor_kind;

typedef struct gpu_tensor {
    gpu_tensor_kind kind;
    cudnnDataType_t type;
    int rank; /* 1 to 4 */
    int64_t dims[4], strides[4];
    /* 0: none; else 1 + the tensor with where each of dims[0] begins, in elements */
    int ragged_offset;
    float constant; /* GPU_CONSTANT: its value */
} gpu_tensor;

typedef struct gpu_builder gpu_builder;
typedef struct gpu_graph gpu_graph; /* with its execution plan */

/* What plans are made for: a handle's device, or one that is only described. */
typedef struct gpu_target {
    cudnnHandle_t handle;                /* NULL: described */
    cudnnBackendDescriptor_t properties; /* NULL with a handle */
    uint64_t workspace_limit;            /* bytes that a plan may ask for */
    int deterministic;                   /* 1: only engines that are */
} gpu_target;

/* What was tried while an engine was looked for. */
typedef struct gpu_search {
    int n_configurations; /* offered by the heuristics */
    int n_refused;        /* of them before the one that was taken */
    int from_fallback;    /* 1: taken from the fallback list */
    int64_t engine;       /* global index of the one taken, -1: none */
} gpu_search;

/* ---- building ------------------------------------------------------------------------------- */

gpu_builder *gpu_builder_new(const cudnn_dnn_api *api); /* NULL: out of memory */
void gpu_builder_free(gpu_builder *builder);            /* NULL allowed */

int gpu_add_tensor(gpu_builder *builder, const gpu_tensor *tensor);
/* A virtual tensor of those dims, row-major. */
int gpu_add_virtual(gpu_builder *builder, cudnnDataType_t type, const int64_t dims[4]);
int gpu_add_constant(gpu_builder *builder, float value); /* f32, rank 4 */

/* Operands of a product with fewer rows, columns or inner terms for some of the batch: tensors of
 * int32, or GPU_NO_TENSOR. */
typedef struct gpu_overrides {
    int m, n, k;
} gpu_overrides;

/* c = a b, batched over the leading dims, sums in f32 */
void gpu_add_matmul(gpu_builder *builder, int a, int b, int c, const gpu_overrides *overrides);
/* y = mode(x) */
void gpu_add_unary(gpu_builder *builder, cudnnPointwiseMode_t mode, int x, int y);
/* y = mode(x, b) */
void gpu_add_binary(gpu_builder *builder, cudnnPointwiseMode_t mode, int x, int b, int y);
/* y = condition ? x : b */
void gpu_add_select(gpu_builder *builder, int x, int b, int condition, int y);
/* y = index of the element along `axis` (int32) */
void gpu_add_index(gpu_builder *builder, int axis, int x, int y);
/* y = x reduced over the dims that y has as 1 */
void gpu_add_reduction(gpu_builder *builder, cudnnReduceTensorOp_t operation, int x, int y);
/* y = x seen with y's dims and strides */
void gpu_add_reshape(gpu_builder *builder, int x, int y);
/* y = (x - mean) inverse_deviation scale + bias; the statistics are written */
typedef struct gpu_norm {
    int x, scale, bias, epsilon, mean, inverse_deviation, y;
} gpu_norm;
void gpu_add_layer_norm(gpu_builder *builder, const gpu_norm *norm);
typedef struct gpu_norm_gradient {
    int dy, x, scale, mean, inverse_deviation, dx, dscale, dbias;
} gpu_norm_gradient;
void gpu_add_layer_norm_gradient(gpu_builder *builder, const gpu_norm_gradient *norm);

/* ---- engines and running ------------------------------------------------------------------- */

/* Checks the graph, then takes the first engine that makes a plan: the heuristics' list, then the
 * fallback list. Frees the builder. ASSAY_UNSUPPORTED, with cuDNN's reason, where none does.
 * ret_search, which may be NULL, is written on failure too. */
ASSAY_MUST_USE assay_status gpu_graph_finish(gpu_builder *builder, const gpu_target *target,
                                             gpu_graph **ret_graph, gpu_search *ret_search,
                                             assay_error *error);
void gpu_graph_free(gpu_graph *graph); /* NULL allowed */
uint64_t gpu_graph_workspace(const gpu_graph *graph);

/* Only the heuristics' part: how many configurations they offer. Frees the builder. */
ASSAY_MUST_USE assay_status gpu_graph_offer(gpu_builder *builder, const gpu_target *target,
                                            gpu_search *ret_search, assay_error *error);

/* Where a graph's tensors stand; kept by whoever runs it, so that only other places than the last
 * run's take memory. Starts as zeros. */
typedef struct gpu_places {
    cudnnBackendDescriptor_t pack;
    const gpu_graph *graph;
    void *pointers[GPU_MOST_TENSORS], *workspace;
} gpu_places;

/* pointers [number of tensors]: device memory, 16-byte aligned; those of virtual and constant
 * tensors are not read. Work goes to the handle's stream. */
ASSAY_MUST_USE assay_status gpu_graph_run(const gpu_graph *graph, cudnnHandle_t handle,
                                          gpu_places *places, void *const *pointers,
                                          void *workspace, assay_error *error);
void gpu_places_done(const cudnn_dnn_api *api, gpu_places *places);

/* A device that is only described, from the JSON text that cuDNN itself writes for one. */
ASSAY_MUST_USE assay_status gpu_properties_parse(const cudnn_dnn_api *api, const char *json,
                                                 cudnnBackendDescriptor_t *ret_properties,
                                                 assay_error *error);
void gpu_properties_free(const cudnn_dnn_api *api, cudnnBackendDescriptor_t properties);

/* Records cuDNN's failure of `what`, with the text it keeps for it. */
assay_status gpu_graph_fail(const cudnn_dnn_api *api, cudnnStatus_t status, const char *what,
                            assay_error *error);

#endif
