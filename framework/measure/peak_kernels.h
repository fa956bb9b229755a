/* SPDX-License-Identifier: MIT */
/* measure/peak_kernels.h: the loops behind peak_compute and peak_memory, one thread's part of each.
 * Private to roofline.c. */
#ifndef AS_MEASURE_PEAK_KERNELS_H
#define AS_MEASURE_PEAK_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* One block of dependent-free multiply-adds in registers. */
typedef struct as_peak_kernel {
    const char *name;      /* "avx512_bf16", ... */
    double flops;          /* of one block */
    int (*prepare)(void);  /* once in each thread before its blocks; 0: cannot run here */
    double (*block)(void); /* returns something that depends on every product */
    void (*finish)(void);  /* in each thread after its blocks */
} as_peak_kernel;

/* [any] The fastest one for a dtype that this processor runs; NULL: none. */
const as_peak_kernel *as_peak_kernel_for(int32_t dtype);

/* [any] Copies whole cache lines from one 64-byte boundary to another; `past_caches` writes around
 * the caches where the processor can. */
void as_peak_copy(void *to, const void *from, size_t n_bytes, int past_caches);

#endif
