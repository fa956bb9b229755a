/* SPDX-License-Identifier: MIT */
/* cudnn/graph_ops.c: layer norm, and a linear layer with GELU, as cuDNN graphs. Layouts are those
 * that cuDNN's engines ask for: norms (rows, channels, 1, 1), products with a leading batch of 1.
 */

#include "graph_ops.h"

static int add_rows(gpu_builder *builder, cudnnDataType_t type, int64_t rows, int64_t channels) {
    gpu_tensor tensor = {.type = type,
                         .rank = 4,
                         .dims = {rows, channels, 1, 1},
                         .strides = {channels, 1, channels, channels}};
    return gpu_add_tensor(builder, &tensor);
}

gpu_builder *gpu_norm_forward(const cudnn_dnn_api *api, const gpu_norm_shape *shape) {
    gpu_builder *builder = gpu_builder_new(api);
    gpu_norm norm;
    if (!builder)
        return NULL;
    norm.x = add_rows(builder, shape->type, shape->rows, shape->channels);
    norm.scale = add_rows(builder, CUDNN_DATA_FLOAT, 1, shape->channels);
    norm.bias = add_rows(builder, CUDNN_DATA_FLOAT, 1, shape->channels);
    norm.mean = add_rows(builder, CUDNN_DATA_FLOAT, shape->rows, 1);
    norm.inverse_deviation = add_rows(builder, CUDNN_DATA_FLOAT, shape->rows, 1);
    norm.y = add_rows(builder, shape->type, shape->rows, shape->channels);
    norm.epsilon = gpu_add_constant(builder, shape->epsilon);
    gpu_add_layer_norm(builder, &norm);
    return builder;
}

gpu_builder *gpu_norm_backward(const cudnn_dnn_api *api, const gpu_norm_shape *shape) {
    gpu_builder *builder = gpu_builder_new(api);
    gpu_norm_gradient norm;
    if (!builder)
        return NULL;
    norm.x = add_rows(builder, shape->type, shape->rows, shape->channels);
    norm.scale = add_rows(builder, CUDNN_DATA_FLOAT, 1, shape->channels);
    add_rows(builder, CUDNN_DATA_FLOAT, 1, shape->channels); /* the bias' number, unused */
    norm.mean = add_rows(builder, CUDNN_DATA_FLOAT, shape->rows, 1);
    norm.inverse_deviation = add_rows(builder, CUDNN_DATA_FLOAT, shape->rows, 1);
    add_rows(builder, shape->type, shape->rows, shape->channels); /* y's, unused */
    norm.dy = add_rows(builder, shape->type, shape->rows, shape->channels);
    norm.dx = add_rows(builder, shape->type, shape->rows, shape->channels);
    norm.dscale = add_rows(builder, CUDNN_DATA_FLOAT, 1, shape->channels);
    norm.dbias = add_rows(builder, CUDNN_DATA_FLOAT, 1, shape->channels);
    gpu_add_layer_norm_gradient(builder, &norm);
    return builder;
}

/* Of rank 3, with a leading 1, as engines want the operands of products. */
static int add_matrix(gpu_builder *builder, gpu_tensor_kind kind, cudnnDataType_t type,
                      const int64_t dims[2], const int64_t strides[2]) {
    gpu_tensor tensor = {.kind = kind,
                         .type = type,
                         .rank = 3,
                         .dims = {1, dims[0], dims[1]},
                         .strides = {dims[0] * dims[1], strides[0], strides[1]}};
    return gpu_add_tensor(builder, &tensor);
}

gpu_builder *gpu_linear_gelu(const cudnn_dnn_api *api, const gpu_linear_shape *shape) {
    gpu_builder *builder = gpu_builder_new(api);
    int64_t m = shape->m, n = shape->n, k = shape->k;
    cudnnDataType_t type = shape->type, f32 = CUDNN_DATA_FLOAT;
    int x, weight, bias, h, y, product;
    if (!builder)
        return NULL;
    x = add_matrix(builder, GPU_IN_MEMORY, type, (int64_t[]){m, k}, (int64_t[]){k, 1});
    weight = add_matrix(builder, GPU_IN_MEMORY, type, (int64_t[]){k, n}, (int64_t[]){1, k});
    bias = add_matrix(builder, GPU_IN_MEMORY, type, (int64_t[]){1, n}, (int64_t[]){n, 1});
    h = add_matrix(builder, shape->saved ? GPU_IN_MEMORY : GPU_VIRTUAL, shape->saved ? type : f32,
                   (int64_t[]){m, n}, (int64_t[]){n, 1});
    y = add_matrix(builder, GPU_IN_MEMORY, type, (int64_t[]){m, n}, (int64_t[]){n, 1});
    product = add_matrix(builder, GPU_VIRTUAL, f32, (int64_t[]){m, n}, (int64_t[]){n, 1});
    gpu_add_matmul(builder, x, weight, product, NULL);
    gpu_add_binary(builder, CUDNN_POINTWISE_ADD, product, bias, h);
    gpu_add_unary(builder, CUDNN_POINTWISE_GELU_FWD, h, y);
    return builder;
}
