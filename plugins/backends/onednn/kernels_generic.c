/* SPDX-License-Identifier: MIT */
/* onednn/kernels_generic.c: kernels for any processor (SSE2 on x86-64), and the choice of table. */

#include "kernels_begin.h"

#define WIDTH 4
#define TABLE onednn_kernels_generic
#define TABLE_NAME "generic"
#include "vector.inc"

#include "kernels.inc"

#include "kernels_attention.inc"

#include "kernels_recurrent.inc"

#include "kernels_table.inc"

const onednn_kernels *onednn_kernels_get(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return &onednn_kernels_v4;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &onednn_kernels_v3;
#endif
    return &onednn_kernels_generic;
}

const onednn_kernels *onednn_kernels_bf16(void) {
#if defined(__x86_64__)
    if (onednn_kernels_get() == &onednn_kernels_v4 && __builtin_cpu_supports("avx512bf16"))
        return &onednn_kernels_v4_bf16;
#endif
    return NULL;
}
