/* SPDX-License-Identifier: MIT */
/* cudnn/graph_ops.h: the cuDNN graphs that the backend uses, by their shapes; the deviceless tests
 * build the same ones. Each function fills a new builder; its tensors' numbers are the GPU_..._*
 * below. */
#ifndef CUDNN_GRAPH_OPS_H
#define CUDNN_GRAPH_OPS_H

#include "graph.h"

/* Self-attention over packed tokens: q, k, v are the thirds of qkv [N, 3C], y and its gradient
 * [N, C], C = heads size. Row b's tokens begin at element offsets[b] of their tensors. */
typedef struct gpu_attention_shape {
    int64_t rows, length; /* B; S, most tokens of a row */
    int64_t heads, size;  /* H, D */
    cudnnDataType_t type; /* BFLOAT16 or HALF */
    int masked;           /* 1: the scores are multiplied by a given mask [B, H, S, S] of 0 and */
    float keep;           /* 1, and by 1 / keep */
    int with_stats;       /* forward: logsumexp is written for the backward pass */
    int reserved;
} gpu_attention_shape;

/* Tensors in memory; both directions number them alike. */
enum {
    GPU_ATTENTION_QKV_OFFSETS = 0, /* int32 [B + 1], elements of qkv and of its gradient */
    GPU_ATTENTION_Y_OFFSETS,       /* int32 [B + 1], elements of y and of its gradient */
    GPU_ATTENTION_STATS_OFFSETS,   /* int32 [B + 1], elements of stats and sum */
    GPU_ATTENTION_LENGTHS,         /* int32 [B] */
    GPU_ATTENTION_Q,
    GPU_ATTENTION_K,
    GPU_ATTENTION_V,
    GPU_ATTENTION_Y,
    GPU_ATTENTION_STATS, /* f32 [N, H]: logsumexp */
    GPU_ATTENTION_MASK,  /* type [B, H, S, S] */
    GPU_ATTENTION_SCALE, /* a constant */
    /* backward */
    GPU_ATTENTION_DY,
    GPU_ATTENTION_DQ,
    GPU_ATTENTION_DK,
    GPU_ATTENTION_DV,
    GPU_ATTENTION_SUM, /* f32 [N, H]: dy . y of a head, of the graph's own */
    GPU_ATTENTION_TENSORS
};

gpu_builder *gpu_attention_forward(const cudnn_dnn_api *api, const gpu_attention_shape *shape);
gpu_builder *gpu_attention_backward(const cudnn_dnn_api *api, const gpu_attention_shape *shape);

/* Layer norm of x [rows, channels]. */
typedef struct gpu_norm_shape {
    int64_t rows, channels;
    cudnnDataType_t type; /* of x, y and their gradients; everything else is f32 */
    float epsilon;
} gpu_norm_shape;

enum {
    GPU_NORM_X = 0,
    GPU_NORM_SCALE,
    GPU_NORM_BIAS,
    GPU_NORM_MEAN,              /* f32 [rows] */
    GPU_NORM_INVERSE_DEVIATION, /* f32 [rows] */
    GPU_NORM_Y,
    /* backward */
    GPU_NORM_DY,
    GPU_NORM_DX,
    GPU_NORM_DSCALE,
    GPU_NORM_DBIAS,
    GPU_NORM_TENSORS
};

/* y [m, n] = gelu(x [m, k] weight [n, k]^T + bias [n]), the form with erf. */
typedef struct gpu_linear_shape {
    int64_t m, n, k;
    cudnnDataType_t type;
    int saved; /* 1: what gelu is taken of, h [m, n], is written too */
} gpu_linear_shape;

enum {
    GPU_LINEAR_X = 0,
    GPU_LINEAR_WEIGHT,
    GPU_LINEAR_BIAS,
    GPU_LINEAR_H, /* virtual where it isn't saved */
    GPU_LINEAR_Y,
    GPU_LINEAR_TENSORS
};

gpu_builder *gpu_linear_gelu(const cudnn_dnn_api *api, const gpu_linear_shape *shape);

gpu_builder *gpu_norm_forward(const cudnn_dnn_api *api, const gpu_norm_shape *shape);
gpu_builder *gpu_norm_backward(const cudnn_dnn_api *api, const gpu_norm_shape *shape);

#endif
