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
