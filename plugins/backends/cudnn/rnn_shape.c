/* SPDX-License-Identifier: MIT */
/* cudnn/rnn_shape.c: see rnn_shape.h.
 *
 * linLayerID of cudnnGetRNNWeightParams, each from the input first, then from the state: RNN 0, 1;
 * GRU r, z, n = 0, 1, 2 and 3, 4, 5; LSTM i, f, g, o = 0 .. 3 and 4 .. 7 (cuDNN's documentation of
 * that function): the orders of PyTorch's gates. GRU is the form whose reset gate multiplies
 * Un h + cn. */

#include "rnn_shape.h"

#include <stdint.h>
#include <stdio.h>

#include "assay/graph.h"
#include "graph.h"

int32_t gpu_rnn_gates(const gpu_rnn_shape *shape) {
    return shape->op == ASSAY_OP_LSTM ? 4 : shape->op == ASSAY_OP_GRU ? 3 : 1;
}

assay_status gpu_rnn_describe(const cudnn_dnn_api *api, const gpu_rnn_shape *shape,
                              cudnnRNNDescriptor_t *ret_rnn, assay_error *error) {
    cudnnRNNMode_t mode = shape->op == ASSAY_OP_LSTM  ? CUDNN_LSTM
                          : shape->op == ASSAY_OP_GRU ? CUDNN_GRU
                                                      : CUDNN_RNN_TANH;
    /* f32: FMA keeps TensorFloat-32 out */
    cudnnMathType_t math = shape->type != CUDNN_DATA_FLOAT ? CUDNN_TENSOR_OP_MATH
                           : shape->tf32                   ? CUDNN_DEFAULT_MATH
                                                           : CUDNN_FMA_MATH;
    cudnnRNNDescriptor_t rnn = NULL;
    cudnnStatus_t status = api->CreateRNNDescriptor(&rnn);
    if (status == CUDNN_STATUS_SUCCESS)
        status = api->SetRNNDescriptor_v8(
            rnn, CUDNN_RNN_ALGO_STANDARD, mode, CUDNN_RNN_DOUBLE_BIAS,
            shape->directions == 2 ? CUDNN_BIDIRECTIONAL : CUDNN_UNIDIRECTIONAL, CUDNN_LINEAR_INPUT,
            shape->type, CUDNN_DATA_FLOAT, math, shape->in, shape->hidden, shape->hidden, 1, NULL,
            CUDNN_RNN_PADDED_IO_DISABLED);
    if (status == CUDNN_STATUS_SUCCESS) {
        *ret_rnn = rnn;
        return ASSAY_OK;
    }
    if (rnn)
        api->DestroyRNNDescriptor(rnn);
    return gpu_graph_fail(api, status, "description of a recurrent layer", error);
}

/* ---- weights ------------------------------------------------------------------------------- */

/* What the layout is asked with. */
typedef struct rnn_question {
    const cudnn_dnn_api *api;
    cudnnHandle_t handle;
    cudnnRNNDescriptor_t rnn;
    const gpu_rnn_shape *shape;
    cudnnTensorDescriptor_t matrix, bias;
    size_t bytes;
} rnn_question;

/* Offset and elements of what a descriptor describes; addresses are from 0x1000 on, as NULL means
 * that there is none. */
static assay_status read_place(const rnn_question *q, cudnnTensorDescriptor_t tensor,
                               const void *address, size_t *ret_offset, size_t *ret_bytes,
                               assay_error *error) {
    int rank = 0, dims[8] = {0}, strides[8] = {0};
    size_t n = q->shape->type == CUDNN_DATA_FLOAT ? 4 : 2;
    cudnnDataType_t type;
    cudnnStatus_t status = q->api->GetTensorNdDescriptor(tensor, 8, &type, &rank, dims, strides);
    if (status != CUDNN_STATUS_SUCCESS)
        return gpu_graph_fail(q->api, status, "shape of a recurrent layer's weights", error);
    for (int i = 0; i < rank && i < 8; i++)
        n *= (size_t)dims[i];
    if (!address || type != q->shape->type || (uintptr_t)address < 0x1000)
        return assay_fail(error, ASSAY_INTERNAL, "cudnn",
                          "a recurrent layer has no such weights; is this cuDNN 9?");
    *ret_offset = (size_t)((uintptr_t)address - 0x1000);
    *ret_bytes = n;
    return ASSAY_OK;
}

/* Puts one gate behind those before it. */
static assay_status append(gpu_rnn_part *part, int32_t gate, size_t offset, size_t bytes,
                           assay_error *error) {
    if (gate == 0)
        part->offset = offset;
    if (offset != part->offset + part->bytes)
        return assay_fail(error, ASSAY_UNSUPPORTED, "cudnn",
                          "this version of cuDNN keeps the gates of a recurrent layer's weights "
                          "apart; expected them one behind the other");
    part->bytes += bytes;
    return ASSAY_OK;
}

/* One gate of one direction, from the input (side 0) or from the state (1). */
static assay_status ask(const rnn_question *q, int32_t direction, int32_t side, int32_t gate,
                        gpu_rnn_layout *layout, assay_error *error) {
    int32_t layer = side * gpu_rnn_gates(q->shape) + gate;
    void *matrix = NULL, *bias = NULL;
    size_t offset, bytes;
    cudnnStatus_t result = q->api->GetRNNWeightParams(q->handle, q->rnn, direction, q->bytes,
                                                      (const void *)(uintptr_t)0x1000, layer,
                                                      q->matrix, &matrix, q->bias, &bias);
    assay_status status;
    if (result != CUDNN_STATUS_SUCCESS)
        return gpu_graph_fail(q->api, result, "weights of a recurrent layer", error);
    status = read_place(q, q->matrix, matrix, &offset, &bytes, error);
    if (status == ASSAY_OK)
        status = append(&layout->parts[direction][side], gate, offset, bytes, error);
    if (status == ASSAY_OK)
        status = read_place(q, q->bias, bias, &offset, &bytes, error);
    return status == ASSAY_OK
               ? append(&layout->parts[direction][2 + side], gate, offset, bytes, error)
               : status;
}

/* The sizes that the layer's parameters have, and that cuDNN must have found. */
static assay_status check_sizes(const gpu_rnn_shape *shape, const gpu_rnn_layout *layout,
                                assay_error *error) {
    size_t rows = (size_t)gpu_rnn_gates(shape) * (size_t)shape->hidden;
    size_t element = shape->type == CUDNN_DATA_FLOAT ? 4 : 2;
    size_t expected[GPU_RNN_PARTS] = {rows * (size_t)shape->in, rows * (size_t)shape->hidden, rows,
                                      rows};
    char text[160];
    for (int32_t d = 0; d < shape->directions; d++) {
        for (int i = 0; i < GPU_RNN_PARTS; i++) {
            const gpu_rnn_part *part = &layout->parts[d][i];
            if (part->bytes == expected[i] * element && part->offset <= layout->bytes &&
                part->bytes <= layout->bytes - part->offset)
                continue;
            snprintf(text, sizeof text,
                     "found %zu bytes at %zu of %zu for part %d of direction %d; expected %zu",
                     part->bytes, part->offset, layout->bytes, i, (int)d, expected[i] * element);
            return assay_fail(error, ASSAY_INTERNAL, "cudnn weights", text);
        }
    }
    return ASSAY_OK;
}

static assay_status ask_all(rnn_question *q, gpu_rnn_layout *layout, assay_error *error) {
    cudnnStatus_t result = q->api->GetRNNWeightSpaceSize(q->handle, q->rnn, &q->bytes);
    assay_status status = ASSAY_OK;
    if (result == CUDNN_STATUS_SUCCESS)
        result = q->api->CreateTensorDescriptor(&q->matrix);
    if (result == CUDNN_STATUS_SUCCESS)
        result = q->api->CreateTensorDescriptor(&q->bias);
    if (result != CUDNN_STATUS_SUCCESS)
        return gpu_graph_fail(q->api, result, "weights of a recurrent layer", error);
    layout->bytes = q->bytes;
    for (int32_t d = 0; d < q->shape->directions; d++)
        for (int32_t side = 0; side < 2; side++)
            for (int32_t gate = 0; gate < gpu_rnn_gates(q->shape) && status == ASSAY_OK; gate++)
                status = ask(q, d, side, gate, layout, error);
    return status == ASSAY_OK ? check_sizes(q->shape, layout, error) : status;
}

assay_status gpu_rnn_lay_out(const cudnn_dnn_api *api, cudnnHandle_t handle,
                             cudnnRNNDescriptor_t rnn, const gpu_rnn_shape *shape,
                             gpu_rnn_layout *ret_layout, assay_error *error) {
    rnn_question question = {.api = api, .handle = handle, .rnn = rnn, .shape = shape};
    gpu_rnn_layout layout = {0};
    assay_status status = ask_all(&question, &layout, error);
    if (question.matrix)
        api->DestroyTensorDescriptor(question.matrix);
    if (question.bias)
        api->DestroyTensorDescriptor(question.bias);
    if (status == ASSAY_OK)
        *ret_layout = layout;
    return status;
}
