/* SPDX-License-Identifier: MIT */
/* cudnn/rnn_shape.h: cuDNN's description of a recurrent layer and where the layer's parameters
 * stand in its weights; the deviceless tests use it too. */
#ifndef CUDNN_RNN_SHAPE_H
#define CUDNN_RNN_SHAPE_H

#include "assay/status.h"
#include "dnn_api.h"

enum { GPU_RNN_PARTS = 4 }; /* w_ih, w_hh, b_ih, b_hh of a direction */

typedef struct gpu_rnn_shape {
    int32_t op;         /* ASSAY_OP_RNN, GRU or LSTM */
    int32_t directions; /* 1 or 2 */
    int32_t in, hidden; /* I, H */
    cudnnDataType_t type;
    int32_t tf32; /* f32: products may be rounded to 10 bits */
} gpu_rnn_shape;

/* Where a parameter stands, in bytes of the weights. */
typedef struct gpu_rnn_part {
    size_t offset, bytes;
} gpu_rnn_part;

typedef struct gpu_rnn_layout {
    size_t bytes; /* of all weights */
    gpu_rnn_part parts[2][GPU_RNN_PARTS];
} gpu_rnn_layout;

int32_t gpu_rnn_gates(const gpu_rnn_shape *shape); /* 1, 3 or 4 */

/* One layer, both biases, sequences packed by time. Free with cudnnDestroyRNNDescriptor. */
ASSAY_MUST_USE assay_status gpu_rnn_describe(const cudnn_dnn_api *api, const gpu_rnn_shape *shape,
                                             cudnnRNNDescriptor_t *ret_rnn, assay_error *error);
/* Asks cuDNN where each gate's weights and biases are, and fails unless the gates of a parameter
 * follow each other as they do in the parameter. */
ASSAY_MUST_USE assay_status gpu_rnn_lay_out(const cudnn_dnn_api *api, cudnnHandle_t handle,
                                            cudnnRNNDescriptor_t rnn, const gpu_rnn_shape *shape,
                                            gpu_rnn_layout *ret_layout, assay_error *error);

#endif
