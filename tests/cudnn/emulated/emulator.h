/* SPDX-License-Identifier: MIT */
/* emulator.h: what the cudnn backend's kernels need of CUDA, on the processor: a thread of a block
 * is a fiber, and a barrier lets the others run up to it. Blocks run one after the other, so that
 * shared memory is static. */
#ifndef TESTS_CUDNN_EMULATOR_H
#define TESTS_CUDNN_EMULATOR_H

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>
#include <string.h>

#undef __global__
#undef __device__
#undef __shared__
#undef __forceinline__
#undef __launch_bounds__
#define __global__
#define __device__
#define __shared__ static
#define __forceinline__ inline
#define __launch_bounds__(threads)

struct emulated_dim {
    unsigned int x, y, z;
};

/* Of the fiber that runs. */
extern emulated_dim emulated_thread, emulated_block, emulated_block_size, emulated_grid;
#define threadIdx emulated_thread
#define blockIdx emulated_block
#define blockDim emulated_block_size
#define gridDim emulated_grid

/* Dynamic shared memory of the block that runs. */
extern unsigned char *emulated_shared;
#define GPU_SHARED_MEMORY(type, name) type *name = (type *)emulated_shared

void emulated_sync_block();
void emulated_sync_warp();
#define __syncthreads emulated_sync_block
#define __syncwarp emulated_sync_warp

/* A slot for each thread of the block, for exchange within a warp. */
extern uint64_t emulated_slots[1024];

template <typename V> V emulated_exchange(V value, unsigned int from_lane) {
    unsigned int warp = emulated_thread.x / 32 * 32;
    V result;
    memcpy(&emulated_slots[emulated_thread.x], &value, sizeof value);
    emulated_sync_warp();
    memcpy(&result, &emulated_slots[warp + from_lane % 32], sizeof result);
    emulated_sync_warp();
    return result;
}

#define __shfl_xor_sync(mask, value, lanes)                                                        \
    emulated_exchange(value, emulated_thread.x % 32 ^ (unsigned int)(lanes))
#define __shfl_sync(mask, value, lane) emulated_exchange(value, (unsigned int)(lane))

/* Runs a kernel's threads: `body` once for each. */
void emulated_run(emulated_dim grid, unsigned int threads, unsigned int shared,
                  void (*body)(void *), void *argument);

#endif
