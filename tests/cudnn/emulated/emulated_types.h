// SPDX-License-Identifier: MIT
// emulated_types.h: elements of cuDNN's tensors as doubles.
#ifndef TESTS_CUDNN_EMULATED_TYPES_H
#define TESTS_CUDNN_EMULATED_TYPES_H

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cudnn.h>
#include <stdint.h>

static inline size_t emulated_bytes(cudnnDataType_t type) {
    return type == CUDNN_DATA_BFLOAT16 || type == CUDNN_DATA_HALF ? 2 : 4;
}

static inline double emulated_load(const void *data, cudnnDataType_t type, size_t i) {
    switch (type) {
    case CUDNN_DATA_BFLOAT16:
        return (double)__bfloat162float(((const __nv_bfloat16 *)data)[i]);
    case CUDNN_DATA_HALF:
        return (double)__half2float(((const __half *)data)[i]);
    case CUDNN_DATA_INT32:
        return (double)((const int32_t *)data)[i];
    default:
        return (double)((const float *)data)[i];
    }
}

static inline double emulated_round(double x, cudnnDataType_t type) {
    switch (type) {
    case CUDNN_DATA_BFLOAT16:
        return (double)__bfloat162float(__float2bfloat16_rn((float)x));
    case CUDNN_DATA_HALF:
        return (double)__half2float(__float2half_rn((float)x));
    case CUDNN_DATA_FLOAT:
        return (double)(float)x;
    default:
        return x;
    }
}

static inline void emulated_store(void *data, cudnnDataType_t type, size_t i, double x) {
    if (type == CUDNN_DATA_BFLOAT16)
        ((__nv_bfloat16 *)data)[i] = __float2bfloat16_rn((float)x);
    else if (type == CUDNN_DATA_HALF)
        ((__half *)data)[i] = __float2half_rn((float)x);
    else
        ((float *)data)[i] = (float)x;
}

#endif
