/* SPDX-License-Identifier: MIT */
/* cudnn/kernels.h: what the host and the own kernels (kernels.cu, kernels_*.cuh) agree on: the list
 * of kernels, the one argument structure that each takes by value, and a batch's data on the
 * device.
 *
 * A kernel's name is gpu_NAME, or gpu_NAME_f32, _bf16 and _f16 where it is made for each storage
 * type. Sums are f32 (norms of gradients f64), in an order that never depends on timing. */
#ifndef CUDNN_KERNELS_H
#define CUDNN_KERNELS_H

#include <stdint.h>

/* Storage types of values. */
enum { GPU_F32 = 0, GPU_BF16 = 1, GPU_F16 = 2, GPU_I32 = 3 };

#define GPU_KERNEL_MAP(ONE, TYPED)                                                                 \
    TYPED(pointwise)                                                                               \
    TYPED(dropout)                                                                                 \
    TYPED(sinusoid)                                                                                \
    TYPED(add_row)                                                                                 \
    TYPED(scale_tokens)                                                                            \
    TYPED(scale_tokens_grad)                                                                       \
    TYPED(column_sums)                                                                             \
    TYPED(vector_column_sums)                                                                      \
    TYPED(gelu_grad_sums)                                                                          \
    TYPED(residual_norm)                                                                           \
    TYPED(residual_norm_grad)                                                                      \
    TYPED(layer_norm)                                                                              \
    TYPED(layer_norm_grad)                                                                         \
    TYPED(layer_norm_sums)                                                                         \
    TYPED(attention)                                                                               \
    TYPED(attention_grad_query)                                                                    \
    TYPED(attention_grad_key)                                                                      \
    TYPED(attention_mask)                                                                          \
    ONE(clear_tail)                                                                                \
    TYPED(embedding_grad)                                                                          \
    TYPED(select_token)                                                                            \
    TYPED(select_token_grad)                                                                       \
    TYPED(mean_pool)                                                                               \
    TYPED(mean_pool_grad)                                                                          \
    TYPED(max_pool)                                                                                \
    TYPED(max_pool_grad)                                                                           \
    TYPED(attention_pool)                                                                          \
    TYPED(attention_pool_grad)                                                                     \
    ONE(embedding)                                                                                 \
    ONE(copy_columns)                                                                              \
    ONE(convert)                                                                                   \
    ONE(add_parts)                                                                                 \
    ONE(cross_entropy)                                                                             \
    ONE(cross_entropy_grad)                                                                        \
    ONE(norm_parts)                                                                                \
    ONE(norm)                                                                                      \
    ONE(update)

enum {
#define GPU_ONE(name) GPU_KERNEL_##name,
#define GPU_TYPED(name) GPU_KERNEL_##name, GPU_KERNEL_##name##_bf16, GPU_KERNEL_##name##_f16,
    GPU_KERNEL_MAP(GPU_ONE, GPU_TYPED)
#undef GPU_ONE
#undef GPU_TYPED
        GPU_KERNEL_COUNT
};

typedef unsigned long long gpu_pointer; /* CUdeviceptr */

enum { GPU_WARP = 32, GPU_BLOCK = 256, GPU_WARPS = GPU_BLOCK / GPU_WARP };

/* ---- the batch on the device ----------------------------------------------------------------- */

enum { GPU_SORTED_IDS = 0, GPU_SORTED_POSITIONS = 1, GPU_SORTED_COUNT };

/* At the begin of a plan's block; the arrays stand behind it. */
typedef struct gpu_batch {
    int32_t n_rows, n_tokens;
    int32_t dropout; /* 1: on */
    float loss_scale;
    uint64_t seed;
    int32_t n_segments[GPU_SORTED_COUNT];
} gpu_batch;

/* Byte offsets into the block. */
typedef struct gpu_batch_layout {
    uint32_t bytes;
    uint32_t ids, positions; /* int32 [max_tokens] */
    uint32_t token_row;      /* int32 [max_tokens] row of each token, -1 behind the last */
    uint32_t offsets;        /* int32 [max_rows + 1]; n_tokens behind the last row */
    uint32_t lengths;        /* int32 [max_rows]; 0 behind the last row */
    uint32_t labels;         /* int32 [max_rows] */
    uint32_t row_keys;       /* uint64 [max_rows] */
    uint32_t token_weights;  /* f32 [max_tokens], 0 behind the last token */
    uint32_t time_order;     /* int32 [max_tokens], recurrent plans: tokens in the order of time, */
    uint32_t time_place;     /* and where each token stands in it; see gpu_order_by_time */
    uint32_t attention_offsets; /* int32 [3, stride], fused attention; see gpu_attention_offsets */
    uint32_t order[GPU_SORTED_COUNT];    /* int32 [max_tokens] tokens sorted by their index */
    uint32_t segments[GPU_SORTED_COUNT]; /* int32 [max_tokens + 1] first in order of each index */
} gpu_batch_layout;

/* ---- arguments ------------------------------------------------------------------------------- */

enum {
    GPU_ADD,       /* y = a + b */
    GPU_SCALE,     /* y = factor a */
    GPU_RELU,      /* y = max(a, 0) */
    GPU_GELU,      /* y = a Phi(a) */
    GPU_TANH,      /* y = tanh a */
    GPU_RELU_GRAD, /* y = b > 0 ? a : 0 */
    GPU_GELU_GRAD, /* y = a (Phi(b) + b phi(b)) */
    GPU_TANH_GRAD, /* y = a (1 - b^2) */
};

/* y [n], or y += where `add` (f32 only) */
typedef struct gpu_pointwise_arguments {
    gpu_pointer a, b, y;
    int64_t n;
    int32_t operation, add;
    float factor;
} gpu_pointwise_arguments;

/* y [rows, c] = dropout(x); tokens: rows are tokens, else batch rows. batch: gpu_batch, with the
 * arrays token_row, offsets and row_keys */
typedef struct gpu_dropout_arguments {
    gpu_pointer x, y, batch, token_row, offsets, row_keys;
    int64_t rows, c;
    int32_t tokens, stream;
    uint32_t threshold;
    float factor;
} gpu_dropout_arguments;

/* Kernels over a [rows, c] array with a second, smaller operand. */
typedef struct gpu_rows_arguments {
    gpu_pointer x, w, y; /* add_row: w f32 [c]; scale_tokens: w [rows]; _grad: w [rows, c] */
    gpu_pointer batch, offsets, token_row;
    int64_t rows, c;
    int32_t token; /* select_token: 0 first, 1 last */
} gpu_rows_arguments;

/* y [rows, units] = table[ids], zeros behind the last token; a unit is 2, 4 or 16 bytes */
typedef struct gpu_embedding_arguments {
    gpu_pointer table, ids, y, batch;
    int64_t rows, units;
    int32_t unit;
} gpu_embedding_arguments;

/* dtable[id] += sum of dy over the id's tokens, a block for each segment */
typedef struct gpu_embedding_grad_arguments {
    gpu_pointer dy, ids, order, segments, batch, dtable, touched; /* touched 0: no flags */
    int64_t c;
    int32_t sorted;
} gpu_embedding_grad_arguments;

/* y[m, y_begin + i] = x[m, x_begin + i], i < size, in units of 2 or 4 bytes */
typedef struct gpu_columns_arguments {
    gpu_pointer x, y;
    int64_t rows, size, x_stride, x_begin, y_stride, y_begin;
    int32_t unit;
} gpu_columns_arguments;

/* y [n] of to_type = x [n] of from_type, or y += where `add` (f32) */
typedef struct gpu_convert_arguments {
    gpu_pointer x, y;
    int64_t n;
    int32_t from_type, to_type, add;
} gpu_convert_arguments;

/* parts [chunks, c] f32: sums over `chunk` rows each of x [rows, c]; gelu_grad_sums: of dx = x
 * gelu'(h). column_sums takes any c, the others multiples of a vector */
typedef struct gpu_sums_arguments {
    gpu_pointer x, h, dx, parts;
    int64_t rows, c, chunk;
} gpu_sums_arguments;

enum { GPU_MOST_SUMS = 3 };

/* y[k] [n] (+)= sum over parts of x [parts, count, n] for k < count, in an order of its own; 0: not
 * wanted. 32 columns a block */
typedef struct gpu_parts_arguments {
    gpu_pointer x, y[GPU_MOST_SUMS];
    int64_t n, parts;
    int32_t count, add[GPU_MOST_SUMS];
} gpu_parts_arguments;

enum { GPU_MOST_FUSED_CHANNELS = 1024 };

/* z = a + dropout(b) (z 0: not stored), y = layer norm of z, moments [rows, 2] (mean, inverse).
 * _grad: z in a, dy in y -> dz, db = dropout(dz) (either 0: not stored), parts [blocks, 3, c] of
 * dgamma, dbeta and the sums of db. c is a multiple of 8. drops: 1 where the header's flag counts
 */
typedef struct gpu_residual_norm_arguments {
    gpu_pointer a, b, z, y, gamma, beta, moments, dz, db, parts;
    gpu_pointer batch, token_row, offsets, row_keys;
    int64_t rows, c;
    int32_t drops, tokens, stream;
    uint32_t threshold;
    float factor, epsilon;
} gpu_residual_norm_arguments;

/* layer_norm: x -> y. _grad: dy (in y), x -> dx, and moments [rows, 2] (mean, inverse) for _sums:
 * parts [chunks, 2, c] of dgamma and dbeta. gamma and beta are f32. */
typedef struct gpu_norm_arguments {
    gpu_pointer x, y, gamma, beta, dx, moments, parts;
    int64_t rows, c, chunk;
    float epsilon;
} gpu_norm_arguments;

/* see ops.def. lse [rows, heads]: log of the softmax's denominator; delta [rows, heads]: dy . y of
 * a head, which attention_grad_query leaves for attention_grad_key */
typedef struct gpu_attention_arguments {
    gpu_pointer qkv, y, dy, dqkv, lse, delta;
    gpu_pointer batch, offsets, token_row, row_keys;
    int64_t rows, c;
    int32_t heads, dims, stream, dropout; /* dropout: 1 where the header's flag counts */
    uint32_t threshold;
    float factor, scale;
} gpu_attention_arguments;

/* Pools: x [tokens, c] -> y [rows, c]; gradients: dy [rows, c] -> dx, dscore [tokens]. raw f32
 * [tokens]: scratch. */
typedef struct gpu_pool_arguments {
    gpu_pointer x, score, y, dy, dx, dscore, raw;
    gpu_pointer batch, offsets, token_row;
    int64_t rows, tokens, c; /* max_rows, max_tokens */
} gpu_pool_arguments;

/* mask [rows, heads, length, length] of 0 and 1: where dropout keeps a score. One block column for
 * each (query, head, row) */
typedef struct gpu_mask_arguments {
    gpu_pointer mask, batch, lengths, row_keys;
    int64_t length;
    int32_t heads, stream;
    uint32_t threshold;
} gpu_mask_arguments;

/* y [rows, c]: zeros behind the batch's last token; a row is `units` of 16 bytes */
typedef struct gpu_tail_arguments {
    gpu_pointer y, batch;
    int64_t rows, units;
} gpu_tail_arguments;

/* logits [rows, k] of logits_type -> loss f32; or dlogits of `type` */
typedef struct gpu_cross_entropy_arguments {
    gpu_pointer logits, labels, weights, y, batch; /* weights f32 [k], or 0 */
    int64_t rows, k;
    int32_t logits_type, type;
    float smoothing;
} gpu_cross_entropy_arguments;

/* ---- update ---------------------------------------------------------------------------------- */

enum { GPU_CHUNK = 4096 }; /* elements of a block's share of a parameter */

/* What one parameter's update depends on; written by the host before each. */
typedef struct gpu_coefficients {
    int64_t offset;  /* in the slabs */
    int64_t touched; /* of its rows' flags; -1: all rows count */
    int32_t width;
    int32_t of_keras; /* the rule's last line, see assay/backend.h */
    float rate, root, decay, l2, momentum;
    int32_t reserved;
} gpu_coefficients;

typedef struct gpu_chunk {
    int32_t parameter, n; /* n: elements, at most GPU_CHUNK */
    int64_t begin;        /* in the parameter */
} gpu_chunk;

/* Head of the session's update memory: written by the host, then by gpu_norm. The sums of the
 * chunks (f64) stand behind it. */
typedef struct gpu_update_state {
    double gradient_scale; /* 0: 1, unchecked */
    double norm;
    float factor; /* of every gradient: clipping and scale */
    int32_t skip; /* 1: the norm is not finite, nothing changes */
} gpu_update_state;

typedef struct gpu_update_arguments {
    gpu_pointer parameters, gradients, moments1, moments2; /* f32 slabs */
    gpu_pointer copies, touched, coefficients, chunks, state, sums;
    int64_t n_chunks;
    double clip_norm;
    int32_t optimizer; /* ASSAY_OPTIMIZER_* */
    int32_t copy_type; /* GPU_F32: no copies */
    float beta1, one_minus_beta1, beta2, one_minus_beta2, epsilon, clip_value;
} gpu_update_arguments;

#endif
