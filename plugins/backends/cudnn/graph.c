/* SPDX-License-Identifier: MIT */
/* cudnn/graph.c: building the descriptors of a cuDNN backend graph.
 *
 * Every descriptor is kept until the graph is freed: the library documents no moment at which one
 * that another holds may go. Finding an engine and running stand in graph_engine.c. */

#include <stdio.h>
#include <stdlib.h>

#include "graph.h"
#include "graph_parts.h"

assay_status gpu_graph_fail(const cudnn_dnn_api *api, cudnnStatus_t status, const char *what,
                            assay_error *error) {
    char last[700] = "", text[1024];
    api->GetLastErrorString(last, sizeof last);
    snprintf(text, sizeof text, "cuDNN: %s: %s%s%s", what, api->GetErrorString(status),
             *last ? ": " : "", last);
    switch (CUDNN_STATUS_CATEGORY((int)status)) {
    case CUDNN_STATUS_NOT_SUPPORTED:
        return assay_fail(error, ASSAY_UNSUPPORTED, "cudnn", text);
    default:
        return assay_fail(error,
                          status == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED ||
                                  status == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED
                              ? ASSAY_OUT_OF_MEMORY
                              : ASSAY_INTERNAL,
                          "cudnn", text);
    }
}

gpu_builder *gpu_builder_new(const cudnn_dnn_api *api) {
    gpu_builder *builder = calloc(1, sizeof *builder);
    if (builder) {
        builder->api = api;
        builder->error.struct_size = sizeof builder->error;
    }
    return builder;
}

void gpu_builder_free(gpu_builder *builder) {
    if (!builder)
        return;
    while (builder->n_kept > 0)
        builder->api->BackendDestroyDescriptor(builder->kept[--builder->n_kept]);
    free(builder);
}

/* ---- descriptors: nothing happens after the first error -------------------------------------- */

cudnnBackendDescriptor_t gpu_part(gpu_builder *builder, cudnnBackendDescriptorType_t type,
                                  const char *what) {
    cudnnBackendDescriptor_t descriptor = NULL;
    cudnnStatus_t status;
    if (builder->error.status != ASSAY_OK)
        return NULL;
    if (builder->n_kept == GPU_MOST_PARTS) {
        assay_fail(&builder->error, ASSAY_LIMIT, "cudnn", "a graph has too many descriptors");
        return NULL;
    }
    status = builder->api->BackendCreateDescriptor(type, &descriptor);
    if (status != CUDNN_STATUS_SUCCESS) {
        gpu_graph_fail(builder->api, status, what, &builder->error);
        return NULL;
    }
    builder->kept[builder->n_kept++] = descriptor;
    return descriptor;
}

void gpu_part_set(gpu_builder *builder, cudnnBackendDescriptor_t descriptor,
                  cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t n,
                  const void *values, const char *what) {
    cudnnStatus_t status;
    if (builder->error.status != ASSAY_OK)
        return;
    status = builder->api->BackendSetAttribute(descriptor, name, type, n, values);
    if (status != CUDNN_STATUS_SUCCESS)
        gpu_graph_fail(builder->api, status, what, &builder->error);
}

void gpu_part_finish(gpu_builder *builder, cudnnBackendDescriptor_t descriptor, const char *what) {
    cudnnStatus_t status;
    if (builder->error.status != ASSAY_OK)
        return;
    status = builder->api->BackendFinalize(descriptor);
    if (status != CUDNN_STATUS_SUCCESS)
        gpu_graph_fail(builder->api, status, what, &builder->error);
}

static void set_part(gpu_builder *builder, cudnnBackendDescriptor_t descriptor,
                     cudnnBackendAttributeName_t name, cudnnBackendDescriptor_t part,
                     const char *what) {
    gpu_part_set(builder, descriptor, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &part, what);
}

/* An operand of an operation, where the operation has it. */
static void set_tensor(gpu_builder *builder, cudnnBackendDescriptor_t descriptor,
                       cudnnBackendAttributeName_t name, int tensor, const char *what) {
    if (builder->error.status != ASSAY_OK || tensor == GPU_NO_TENSOR)
        return;
    if (tensor < 0 || tensor >= builder->n_tensors) {
        assay_fail(&builder->error, ASSAY_INTERNAL, what, "no such tensor in the graph");
        return;
    }
    set_part(builder, descriptor, name, builder->descriptors[tensor], what);
    builder->used[tensor] = true;
    if (builder->tensors[tensor].ragged_offset > 0)
        builder->used[builder->tensors[tensor].ragged_offset - 1] = true;
}

static void set_type(gpu_builder *builder, cudnnBackendDescriptor_t descriptor,
                     cudnnBackendAttributeName_t name, cudnnDataType_t type, const char *what) {
    gpu_part_set(builder, descriptor, name, CUDNN_TYPE_DATA_TYPE, 1, &type, what);
}

/* ---- tensors ------------------------------------------------------------------------------- */

static void set_tensor_kind(gpu_builder *builder, cudnnBackendDescriptor_t descriptor,
                            const gpu_tensor *tensor) {
    bool yes = true;
    if (tensor->kind == GPU_VIRTUAL)
        gpu_part_set(builder, descriptor, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &yes,
                     "virtual tensor");
    if (tensor->kind == GPU_CONSTANT)
        gpu_part_set(builder, descriptor, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1,
                     &yes, "constant");
    if (tensor->ragged_offset > 0)
        set_part(builder, descriptor, CUDNN_ATTR_TENSOR_RAGGED_OFFSET_DESC,
                 builder->descriptors[tensor->ragged_offset - 1], "ragged offset");
}

int gpu_add_tensor(gpu_builder *builder, const gpu_tensor *tensor) {
    int64_t alignment = 16, id = builder->n_tensors + 1;
    cudnnBackendDescriptor_t descriptor;
    if (builder->n_tensors == GPU_MOST_TENSORS) {
        assay_fail(&builder->error, ASSAY_LIMIT, "cudnn", "a graph has too many tensors");
        return GPU_NO_TENSOR;
    }
    descriptor = gpu_part(builder, CUDNN_BACKEND_TENSOR_DESCRIPTOR, "tensor");
    set_type(builder, descriptor, CUDNN_ATTR_TENSOR_DATA_TYPE, tensor->type, "type of a tensor");
    gpu_part_set(builder, descriptor, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, tensor->rank,
                 tensor->dims, "dims of a tensor");
    gpu_part_set(builder, descriptor, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, tensor->rank,
                 tensor->strides, "strides of a tensor");
    gpu_part_set(builder, descriptor, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &id,
                 "number of a tensor");
    gpu_part_set(builder, descriptor, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1,
                 &alignment, "alignment of a tensor");
    set_tensor_kind(builder, descriptor, tensor);
    gpu_part_finish(builder, descriptor, "tensor");
    if (builder->error.status != ASSAY_OK)
        return GPU_NO_TENSOR;
    builder->tensors[builder->n_tensors] = *tensor;
    builder->descriptors[builder->n_tensors] = descriptor;
    return builder->n_tensors++;
}

int gpu_add_virtual(gpu_builder *builder, cudnnDataType_t type, const int64_t dims[4]) {
    gpu_tensor tensor = {.kind = GPU_VIRTUAL,
                         .type = type,
                         .rank = 4,
                         .dims = {dims[0], dims[1], dims[2], dims[3]},
                         .strides = {dims[1] * dims[2] * dims[3], dims[2] * dims[3], dims[3], 1}};
    return gpu_add_tensor(builder, &tensor);
}

int gpu_add_constant(gpu_builder *builder, float value) {
    gpu_tensor tensor = {.kind = GPU_CONSTANT,
                         .type = CUDNN_DATA_FLOAT,
                         .rank = 4,
                         .dims = {1, 1, 1, 1},
                         .strides = {1, 1, 1, 1},
                         .constant = value};
    return gpu_add_tensor(builder, &tensor);
}

/* ---- operations ------------------------------------------------------------------------------ */

static void add_operation(gpu_builder *builder, cudnnBackendDescriptor_t operation,
                          const char *what) {
    gpu_part_finish(builder, operation, what);
    if (builder->error.status != ASSAY_OK)
        return;
    if (builder->n_operations == GPU_MOST_OPERATIONS)
        assay_fail(&builder->error, ASSAY_LIMIT, "cudnn", "a graph has too many operations");
    else
        builder->operations[builder->n_operations++] = operation;
}

void gpu_add_matmul(gpu_builder *builder, int a, int b, int c, const gpu_overrides *overrides) {
    const char *what = "matmul";
    cudnnBackendDescriptor_t matmul, operation;
    double padding = 0;
    matmul = gpu_part(builder, CUDNN_BACKEND_MATMUL_DESCRIPTOR, what);
    set_type(builder, matmul, CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_DATA_FLOAT, what);
    if (overrides)
        gpu_part_set(builder, matmul, CUDNN_ATTR_MATMUL_PADDING_VALUE, CUDNN_TYPE_DOUBLE, 1,
                     &padding, "padding of a matmul");
    gpu_part_finish(builder, matmul, what);
    operation = gpu_part(builder, CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_MATMUL_ADESC, a, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_MATMUL_BDESC, b, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_MATMUL_CDESC, c, what);
    set_part(builder, operation, CUDNN_ATTR_OPERATION_MATMUL_DESC, matmul, what);
    if (overrides) {
        set_tensor(builder, operation, CUDNN_ATTR_OPERATION_MATMUL_GEMM_M_OVERRIDE_DESC,
                   overrides->m, what);
        set_tensor(builder, operation, CUDNN_ATTR_OPERATION_MATMUL_GEMM_N_OVERRIDE_DESC,
                   overrides->n, what);
        set_tensor(builder, operation, CUDNN_ATTR_OPERATION_MATMUL_GEMM_K_OVERRIDE_DESC,
                   overrides->k, what);
    }
    add_operation(builder, operation, what);
}

/* What a pointwise mode computes in: indices as int32, conditions as truth values. */
static cudnnDataType_t pointwise_type(cudnnPointwiseMode_t mode) {
    if (mode == CUDNN_POINTWISE_GEN_INDEX)
        return CUDNN_DATA_INT32;
    return mode >= CUDNN_POINTWISE_CMP_EQ && mode <= CUDNN_POINTWISE_LOGICAL_NOT
               ? CUDNN_DATA_BOOLEAN
               : CUDNN_DATA_FLOAT;
}

/* Operands of a pointwise operation; axis: of GEN_INDEX, else -1 */
typedef struct pointwise {
    int x, b, t, y;
    int64_t axis;
} pointwise;

static void add_pointwise(gpu_builder *builder, cudnnPointwiseMode_t mode, const pointwise *of) {
    const char *what = "pointwise operation";
    cudnnBackendDescriptor_t kind, operation;
    kind = gpu_part(builder, CUDNN_BACKEND_POINTWISE_DESCRIPTOR, what);
    gpu_part_set(builder, kind, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode,
                 what);
    set_type(builder, kind, CUDNN_ATTR_POINTWISE_MATH_PREC, pointwise_type(mode), what);
    if (of->axis >= 0)
        gpu_part_set(builder, kind, CUDNN_ATTR_POINTWISE_AXIS, CUDNN_TYPE_INT64, 1, &of->axis,
                     what);
    gpu_part_finish(builder, kind, what);
    operation = gpu_part(builder, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, what);
    set_part(builder, operation, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, kind, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, of->x, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, of->b, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_POINTWISE_TDESC, of->t, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, of->y, what);
    add_operation(builder, operation, what);
}

#define NONE GPU_NO_TENSOR

void gpu_add_unary(gpu_builder *builder, cudnnPointwiseMode_t mode, int x, int y) {
    add_pointwise(builder, mode, &(pointwise){x, NONE, NONE, y, -1});
}

void gpu_add_binary(gpu_builder *builder, cudnnPointwiseMode_t mode, int x, int b, int y) {
    add_pointwise(builder, mode, &(pointwise){x, b, NONE, y, -1});
}

void gpu_add_select(gpu_builder *builder, int x, int b, int condition, int y) {
    add_pointwise(builder, CUDNN_POINTWISE_BINARY_SELECT, &(pointwise){x, b, condition, y, -1});
}

void gpu_add_index(gpu_builder *builder, int axis, int x, int y) {
    add_pointwise(builder, CUDNN_POINTWISE_GEN_INDEX, &(pointwise){x, NONE, NONE, y, axis});
}

void gpu_add_reduction(gpu_builder *builder, cudnnReduceTensorOp_t kind, int x, int y) {
    const char *what = "reduction";
    cudnnBackendDescriptor_t reduction, operation;
    reduction = gpu_part(builder, CUDNN_BACKEND_REDUCTION_DESCRIPTOR, what);
    gpu_part_set(builder, reduction, CUDNN_ATTR_REDUCTION_OPERATOR,
                 CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, 1, &kind, what);
    set_type(builder, reduction, CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_DATA_FLOAT, what);
    gpu_part_finish(builder, reduction, what);
    operation = gpu_part(builder, CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_REDUCTION_YDESC, y, what);
    set_part(builder, operation, CUDNN_ATTR_OPERATION_REDUCTION_DESC, reduction, what);
    add_operation(builder, operation, what);
}

void gpu_add_reshape(gpu_builder *builder, int x, int y) {
    const char *what = "reshape";
    cudnnBackendDescriptor_t operation;
    operation = gpu_part(builder, CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_RESHAPE_XDESC, x, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_RESHAPE_YDESC, y, what);
    add_operation(builder, operation, what);
}

void gpu_add_layer_norm(gpu_builder *builder, const gpu_norm *norm) {
    const char *what = "layer norm";
    cudnnBackendNormMode_t mode = CUDNN_LAYER_NORM;
    cudnnBackendNormFwdPhase_t phase = CUDNN_NORM_FWD_TRAINING;
    cudnnBackendDescriptor_t operation;
    operation = gpu_part(builder, CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR, what);
    gpu_part_set(builder, operation, CUDNN_ATTR_OPERATION_NORM_FWD_MODE, CUDNN_TYPE_NORM_MODE, 1,
                 &mode, what);
    gpu_part_set(builder, operation, CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, CUDNN_TYPE_NORM_FWD_PHASE,
                 1, &phase, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, norm->x, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, norm->scale, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, norm->bias, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC, norm->epsilon, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, norm->mean, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC,
               norm->inverse_deviation, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, norm->y, what);
    add_operation(builder, operation, what);
}

void gpu_add_layer_norm_gradient(gpu_builder *builder, const gpu_norm_gradient *norm) {
    const char *what = "layer norm's gradient";
    cudnnBackendNormMode_t mode = CUDNN_LAYER_NORM;
    cudnnBackendDescriptor_t operation;
    operation = gpu_part(builder, CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR, what);
    gpu_part_set(builder, operation, CUDNN_ATTR_OPERATION_NORM_BWD_MODE, CUDNN_TYPE_NORM_MODE, 1,
                 &mode, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC, norm->dy, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_NORM_BWD_XDESC, norm->x, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC, norm->scale, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC, norm->mean, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC,
               norm->inverse_deviation, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC, norm->dx, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC, norm->dscale, what);
    set_tensor(builder, operation, CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC, norm->dbias, what);
    add_operation(builder, operation, what);
}
