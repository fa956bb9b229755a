/* SPDX-License-Identifier: MIT */
/* cudnn/graph_attention_build.c: flash attention as cuDNN's engines recognise it: a graph of
 * products, pointwise operations and reductions whose intermediates stand nowhere.
 *
 *     forward   s = q k^T / sqrt D, -inf where a row or column lies behind the row's length
 *               a = exp(s - max s) / sum exp(s - max s);  stats = max s + log sum exp(s - max s)
 *               y = (mask a / keep) v
 *     backward  p = exp(s - stats);  sum = keep sum_d dy y;  dv = (mask p / keep)^T dy
 *               ds = p (mask (dy v^T) - sum) / keep / sqrt D;  dk = ds^T q;  dq = ds k
 *
 * dq is one product straight into dq: the engine then keeps ds in its workspace and adds nothing up
 * in an order that varies, so that the same input gives the same bits. (An f32 accumulator for dq
 * instead, as is usual, takes atomic additions.) The same operations, in this order, are what
 * NVIDIA's cudnn-frontend emits; its description of them is the only one there is. */

#include <math.h>

#include "graph_ops.h"

/* Numbers of the tensors that are set up before the operations. */
typedef struct attention_parts {
    gpu_builder *builder;
    const gpu_attention_shape *shape;
    int lengths, scale;
} attention_parts;

/* int32 [n, 1, 1, 1] */
static int add_integers(gpu_builder *builder, int64_t n) {
    gpu_tensor tensor = {
        .type = CUDNN_DATA_INT32, .rank = 4, .dims = {n, 1, 1, 1}, .strides = {1, 1, 1, 1}};
    return gpu_add_tensor(builder, &tensor);
}

/* [B, H, S, D], or [B, H, D, S] where `transposed`, of packed tokens that are `width` apart. */
static int add_heads(const attention_parts *a, gpu_tensor_kind kind, int64_t width, int offsets,
                     int transposed) {
    const gpu_attention_shape *s = a->shape;
    gpu_tensor tensor = {.kind = kind, .type = s->type, .rank = 4, .ragged_offset = 1 + offsets};
    tensor.dims[0] = s->rows;
    tensor.dims[1] = s->heads;
    tensor.dims[transposed ? 3 : 2] = s->length;
    tensor.dims[transposed ? 2 : 3] = s->size;
    tensor.strides[0] = s->length * width;
    tensor.strides[1] = s->size;
    tensor.strides[transposed ? 3 : 2] = width;
    tensor.strides[transposed ? 2 : 3] = 1;
    return gpu_add_tensor(a->builder, &tensor);
}

/* f32 [B, H, S, 1] in memory, packed like the tokens */
static int add_stats(const attention_parts *a) {
    const gpu_attention_shape *s = a->shape;
    gpu_tensor tensor = {.type = CUDNN_DATA_FLOAT,
                         .rank = 4,
                         .dims = {s->rows, s->heads, s->length, 1},
                         .strides = {s->heads * s->length, 1, s->heads, 1},
                         .ragged_offset = 1 + GPU_ATTENTION_STATS_OFFSETS};
    return gpu_add_tensor(a->builder, &tensor);
}

/* f32 [B, H, S, 1] that stands nowhere */
static int add_column(const attention_parts *a) {
    const gpu_attention_shape *s = a->shape;
    return gpu_add_virtual(a->builder, CUDNN_DATA_FLOAT,
                           (int64_t[]){s->rows, s->heads, s->length, 1});
}

/* [B, H, S, S] that stands nowhere */
static int add_scores(const attention_parts *a, cudnnDataType_t type) {
    const gpu_attention_shape *s = a->shape;
    return gpu_add_virtual(a->builder, type, (int64_t[]){s->rows, s->heads, s->length, s->length});
}

static int add_mask(const attention_parts *a) {
    const gpu_attention_shape *s = a->shape;
    int64_t square = s->length * s->length;
    gpu_tensor tensor = {.type = s->type,
                         .rank = 4,
                         .dims = {s->rows, s->heads, s->length, s->length},
                         .strides = {s->heads * square, square, s->length, 1}};
    return gpu_add_tensor(a->builder, &tensor);
}

/* The tensors in memory that both directions have, in the order of their numbers; keys, and for the
 * backward pass values, are read transposed. */
static attention_parts add_parts(gpu_builder *builder, const gpu_attention_shape *shape,
                                 int backward) {
    attention_parts a = {builder, shape, GPU_ATTENTION_LENGTHS, GPU_NO_TENSOR};
    int64_t width = shape->heads * shape->size;
    add_integers(builder, shape->rows + 1);
    add_integers(builder, shape->rows + 1);
    add_integers(builder, shape->rows + 1);
    add_integers(builder, shape->rows);
    add_heads(&a, GPU_IN_MEMORY, 3 * width, GPU_ATTENTION_QKV_OFFSETS, 0);
    add_heads(&a, GPU_IN_MEMORY, 3 * width, GPU_ATTENTION_QKV_OFFSETS, 1);
    add_heads(&a, GPU_IN_MEMORY, 3 * width, GPU_ATTENTION_QKV_OFFSETS, backward);
    add_heads(&a, GPU_IN_MEMORY, width, GPU_ATTENTION_Y_OFFSETS, 0);
    if (shape->with_stats || backward)
        add_stats(&a);
    else
        add_column(&a);
    add_mask(&a);
    a.scale = gpu_add_constant(builder, (float)(1 / sqrt((double)shape->size)));
    return a;
}

/* y [B, H, S, S] = x with `mode` and b */
static int add_step(const attention_parts *a, cudnnPointwiseMode_t mode, int x, int b) {
    int y = add_scores(a, CUDNN_DATA_FLOAT);
    gpu_add_binary(a->builder, mode, x, b, y);
    return y;
}

/* x times the mask and 1 / keep, where the graph has one. */
static int add_dropout(const attention_parts *a, int x) {
    if (!a->shape->masked)
        return x;
    x = add_step(a, CUDNN_POINTWISE_MUL, x, GPU_ATTENTION_MASK);
    return add_step(a, CUDNN_POINTWISE_MUL, x, gpu_add_constant(a->builder, 1 / a->shape->keep));
}

/* Truth value [B, H, S, S]: index along `axis` < length of the row */
static int add_within(const attention_parts *a, int axis, int scores) {
    int index = add_scores(a, CUDNN_DATA_INT32), within = add_scores(a, CUDNN_DATA_BOOLEAN);
    gpu_add_index(a->builder, axis, scores, index);
    gpu_add_binary(a->builder, CUDNN_POINTWISE_CMP_LT, index, a->lengths, within);
    return within;
}

/* Scores with -infinity where a query or a key lies behind its row's last token. */
static int add_padding(const attention_parts *a, int scores) {
    gpu_builder *builder = a->builder;
    int query = add_within(a, 2, scores), key = add_within(a, 3, scores);
    int both = add_scores(a, CUDNN_DATA_BOOLEAN), y = add_scores(a, CUDNN_DATA_FLOAT);
    gpu_add_binary(builder, CUDNN_POINTWISE_LOGICAL_AND, query, key, both);
    gpu_add_select(builder, scores, gpu_add_constant(builder, -INFINITY), both, y);
    return y;
}

/* x y [B, H, S, S], of which only rows' and columns' begins count */
static int add_product(const attention_parts *a, int x, int y) {
    int product = add_scores(a, CUDNN_DATA_FLOAT);
    gpu_add_matmul(a->builder, x, y, product,
                   &(gpu_overrides){a->lengths, a->lengths, GPU_NO_TENSOR});
    return product;
}

/* y [B, H, S, D] = weights x, sums over the row's tokens */
static void add_sums(const attention_parts *a, int weights, int x, int y) {
    gpu_add_matmul(a->builder, weights, x, y,
                   &(gpu_overrides){a->lengths, GPU_NO_TENSOR, a->lengths});
}

/* The softmax of the scores, in the type of the next product where nothing comes between. Engines
 * want the statistics in the graph even where they stand nowhere. */
static int add_softmax(const attention_parts *a, int scores) {
    gpu_builder *builder = a->builder;
    int max = add_column(a), sum = add_column(a);
    int logarithm = add_column(a), shifted, powers, y;
    gpu_add_reduction(builder, CUDNN_REDUCE_TENSOR_MAX, scores, max);
    shifted = add_step(a, CUDNN_POINTWISE_SUB, scores, max);
    powers = add_scores(a, CUDNN_DATA_FLOAT);
    gpu_add_unary(builder, CUDNN_POINTWISE_EXP, shifted, powers);
    gpu_add_reduction(builder, CUDNN_REDUCE_TENSOR_ADD, powers, sum);
    gpu_add_unary(builder, CUDNN_POINTWISE_LOG, sum, logarithm);
    gpu_add_binary(builder, CUDNN_POINTWISE_ADD, max, logarithm, GPU_ATTENTION_STATS);
    y = add_scores(a, a->shape->masked ? CUDNN_DATA_FLOAT : a->shape->type);
    gpu_add_binary(builder, CUDNN_POINTWISE_DIV, powers, sum, y);
    return y;
}

gpu_builder *gpu_attention_forward(const cudnn_dnn_api *api, const gpu_attention_shape *shape) {
    gpu_builder *builder = gpu_builder_new(api);
    attention_parts a;
    int weights;
    if (!builder)
        return NULL;
    a = add_parts(builder, shape, 0);
    weights = add_product(&a, GPU_ATTENTION_Q, GPU_ATTENTION_K);
    weights = add_step(&a, CUDNN_POINTWISE_MUL, weights, a.scale);
    weights = add_softmax(&a, add_padding(&a, weights));
    if (shape->masked) {
        int kept = add_step(&a, CUDNN_POINTWISE_MUL, weights, GPU_ATTENTION_MASK);
        weights = add_scores(&a, shape->type);
        gpu_add_binary(builder, CUDNN_POINTWISE_MUL, kept,
                       gpu_add_constant(builder, 1 / shape->keep), weights);
    }
    add_sums(&a, weights, GPU_ATTENTION_V, GPU_ATTENTION_Y);
    return builder;
}

/* ---- backward ------------------------------------------------------------------------------ */

/* sum [B, H, S] = keep sum_d dy y */
static void add_output_sums(const attention_parts *a) {
    const gpu_attention_shape *s = a->shape;
    gpu_builder *builder = a->builder;
    int products = gpu_add_virtual(builder, CUDNN_DATA_FLOAT,
                                   (int64_t[]){s->rows, s->heads, s->length, s->size});
    int sums = add_column(a);
    gpu_add_binary(builder, CUDNN_POINTWISE_MUL, GPU_ATTENTION_DY, GPU_ATTENTION_Y, products);
    gpu_add_reduction(builder, CUDNN_REDUCE_TENSOR_ADD, products, sums);
    gpu_add_binary(builder, CUDNN_POINTWISE_MUL, sums,
                   gpu_add_constant(builder, s->masked ? s->keep : 1), GPU_ATTENTION_SUM);
}

/* x [B, H, S, S] transposed, in the type of a product's operand */
static int add_transposed(const attention_parts *a, int x) {
    const gpu_attention_shape *s = a->shape;
    int64_t square = s->length * s->length;
    gpu_tensor tensor = {.kind = GPU_VIRTUAL,
                         .type = s->type,
                         .rank = 4,
                         .dims = {s->rows, s->heads, s->length, s->length},
                         .strides = {s->heads * square, square, 1, s->length}};
    int y = gpu_add_tensor(a->builder, &tensor);
    gpu_add_reshape(a->builder, x, y);
    return y;
}

/* k as rows again, for dq = ds k: the engine looks for this reshape */
static int add_keys_as_rows(const attention_parts *a) {
    int y = add_heads(a, GPU_VIRTUAL, 3 * a->shape->heads * a->shape->size,
                      GPU_ATTENTION_QKV_OFFSETS, 0);
    gpu_add_reshape(a->builder, GPU_ATTENTION_K, y);
    return y;
}

gpu_builder *gpu_attention_backward(const cudnn_dnn_api *api, const gpu_attention_shape *shape) {
    gpu_builder *builder = gpu_builder_new(api);
    int64_t width = shape->heads * shape->size;
    int powers, scores, ds;
    attention_parts a;
    if (!builder)
        return NULL;
    a = add_parts(builder, shape, 1);
    add_heads(&a, GPU_IN_MEMORY, width, GPU_ATTENTION_Y_OFFSETS, 0);
    add_heads(&a, GPU_IN_MEMORY, 3 * width, GPU_ATTENTION_QKV_OFFSETS, 0);
    add_heads(&a, GPU_IN_MEMORY, 3 * width, GPU_ATTENTION_QKV_OFFSETS, 0);
    add_heads(&a, GPU_IN_MEMORY, 3 * width, GPU_ATTENTION_QKV_OFFSETS, 0);
    add_stats(&a);
    add_output_sums(&a);
    scores = add_product(&a, GPU_ATTENTION_Q, GPU_ATTENTION_K);
    scores = add_step(&a, CUDNN_POINTWISE_MUL, scores, a.scale);
    scores = add_step(&a, CUDNN_POINTWISE_SUB, scores, GPU_ATTENTION_STATS);
    scores = add_padding(&a, scores);
    powers = add_scores(&a, CUDNN_DATA_FLOAT);
    gpu_add_unary(builder, CUDNN_POINTWISE_EXP, scores, powers);
    add_sums(&a, add_transposed(&a, add_dropout(&a, powers)), GPU_ATTENTION_DY, GPU_ATTENTION_DV);
    ds = add_product(&a, GPU_ATTENTION_DY, GPU_ATTENTION_V);
    if (shape->masked)
        ds = add_step(&a, CUDNN_POINTWISE_MUL, ds, GPU_ATTENTION_MASK);
    ds = add_step(&a, CUDNN_POINTWISE_SUB, ds, GPU_ATTENTION_SUM);
    ds = add_step(&a, CUDNN_POINTWISE_MUL, ds, powers);
    if (shape->masked)
        ds = add_step(&a, CUDNN_POINTWISE_MUL, ds, gpu_add_constant(builder, 1 / shape->keep));
    ds = add_step(&a, CUDNN_POINTWISE_MUL, ds, a.scale);
    add_sums(&a, add_transposed(&a, ds), GPU_ATTENTION_Q, GPU_ATTENTION_DK);
    add_sums(&a, ds, add_keys_as_rows(&a), GPU_ATTENTION_DQ);
    return builder;
}
