/* SPDX-License-Identifier: MIT */
/* cudnn/kernels_common.cuh: storage types, vectors of 16 bytes and sums over warps and blocks.
 *
 * The kernels are compiled by nvcc, and by a plain C++ compiler with GPU_EMULATED for tests that
 * run them on the processor (tests/cudnn/emulator.h has __global__, threadIdx and so on). */
#ifndef CUDNN_KERNELS_COMMON_CUH
#define CUDNN_KERNELS_COMMON_CUH

#ifdef GPU_EMULATED
#include "emulator.h"
#else
#define GPU_SHARED_MEMORY(type, name)                                                              \
    extern __shared__ __align__(16) unsigned char gpu_shared_[];                                   \
    type *name = (type *)gpu_shared_
#endif

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <math.h>

#include "assay/backend.h"
#include "kernels.h"

typedef __nv_bfloat16 bf16;
typedef __half f16;

#define GPU_INLINE static __device__ __forceinline__

GPU_INLINE float to_float(float x) {
    return x;
}
GPU_INLINE float to_float(bf16 x) {
    return __bfloat162float(x);
}
GPU_INLINE float to_float(f16 x) {
    return __half2float(x);
}

template <typename T> GPU_INLINE T from_float(float x);
template <> __device__ __forceinline__ float from_float<float>(float x) {
    return x;
}
template <> __device__ __forceinline__ bf16 from_float<bf16>(float x) {
    return __float2bfloat16_rn(x);
}
template <> __device__ __forceinline__ f16 from_float<f16>(float x) {
    return __float2half_rn(x);
}

/* Element i of an array whose type is known at run time. */
GPU_INLINE float load_any(gpu_pointer x, int32_t type, int64_t i) {
    return type == GPU_F32    ? ((const float *)x)[i]
           : type == GPU_BF16 ? to_float(((const bf16 *)x)[i])
                              : to_float(((const f16 *)x)[i]);
}

GPU_INLINE void store_any(gpu_pointer y, int32_t type, int64_t i, float value) {
    if (type == GPU_F32)
        ((float *)y)[i] = value;
    else if (type == GPU_BF16)
        ((bf16 *)y)[i] = from_float<bf16>(value);
    else
        ((f16 *)y)[i] = from_float<f16>(value);
}

/* 16 bytes: 4 f32 or 8 of 16 bits. */
template <typename T> struct alignas(16) vector {
    enum { n = 16 / sizeof(T) };
    T v[16 / sizeof(T)];
};

GPU_INLINE int64_t thread_index() {
    return (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
}

GPU_INLINE int64_t thread_count() {
    return (int64_t)gridDim.x * blockDim.x;
}

/* ---- sums ------------------------------------------------------------------------------------ */

template <typename V> GPU_INLINE V warp_sum(V x) {
    for (int step = GPU_WARP / 2; step > 0; step /= 2)
        x += __shfl_xor_sync(0xffffffffu, x, step);
    return x;
}

GPU_INLINE float warp_max(float x) {
    for (int step = GPU_WARP / 2; step > 0; step /= 2)
        x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, step));
    return x;
}

/* Over a block of GPU_BLOCK threads, for all of them; `room` has GPU_WARPS elements of shared
 * memory and is free again when every thread has returned. */
template <typename V> GPU_INLINE V block_sum(V x, V *room) {
    V total = 0;
    x = warp_sum(x);
    __syncthreads();
    if (threadIdx.x % GPU_WARP == 0)
        room[threadIdx.x / GPU_WARP] = x;
    __syncthreads();
    for (int warp = 0; warp < GPU_WARPS; warp++)
        total += room[warp];
    return total;
}

GPU_INLINE float block_max(float x, float *room) {
    x = warp_max(x);
    __syncthreads();
    if (threadIdx.x % GPU_WARP == 0)
        room[threadIdx.x / GPU_WARP] = x;
    __syncthreads();
    for (int warp = 0; warp < GPU_WARPS; warp++)
        x = fmaxf(x, room[warp]);
    return x;
}

/* The kernel NAME for each storage type, from a template NAME_of. */
#define GPU_TYPED_KERNEL(name, arguments)                                                          \
    extern "C" __global__ void __launch_bounds__(GPU_BLOCK) gpu_##name##_f32(arguments a) {        \
        name##_of<float>(a);                                                                       \
    }                                                                                              \
    extern "C" __global__ void __launch_bounds__(GPU_BLOCK) gpu_##name##_bf16(arguments a) {       \
        name##_of<bf16>(a);                                                                        \
    }                                                                                              \
    extern "C" __global__ void __launch_bounds__(GPU_BLOCK) gpu_##name##_f16(arguments a) {        \
        name##_of<f16>(a);                                                                         \
    }
#define GPU_KERNEL(name, arguments)                                                                \
    extern "C" __global__ void __launch_bounds__(GPU_BLOCK) gpu_##name(arguments a)

#endif
