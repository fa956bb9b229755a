/* SPDX-License-Identifier: MIT */
/* onednn/kernels_generic.c: kernels for any processor (SSE2 on x86-64), and the choice of table:
 * what the processor has and oneDNN may use, so that ONEDNN_MAX_CPU_ISA limits both. */

#include <dnnl.h>

#include "kernels_begin.h"

#define WIDTH 4
#define TABLE onednn_kernels_generic
#define TABLE_NAME "generic"
#include "vector.inc"

#include "kernels.inc"

#include "kernels_attention.inc"

#include "kernels_recurrent_f32.inc"

#include "kernels_recurrent.inc"

#include "kernels_table.inc"

#if defined(__x86_64__)
static int may_use(dnnl_cpu_isa_t isa) {
    return ((unsigned)dnnl_get_effective_cpu_isa() & (unsigned)isa) == (unsigned)isa;
}
#endif

const onednn_kernels *onednn_kernels_get(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        may_use(dnnl_cpu_isa_avx512_core))
        return &onednn_kernels_v4;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        may_use(dnnl_cpu_isa_avx2))
        return &onednn_kernels_v3;
#endif
    return &onednn_kernels_generic;
}

const onednn_kernels *onednn_kernels_bf16(void) {
#if defined(__x86_64__)
    if (onednn_kernels_get() == &onednn_kernels_v4 && __builtin_cpu_supports("avx512bf16") &&
        may_use(dnnl_cpu_isa_avx512_core_bf16))
        return &onednn_kernels_v4_bf16;
#endif
    return NULL;
}

int onednn_has_amx(void) {
#if defined(__x86_64__)
    return may_use(dnnl_cpu_isa_avx512_core_amx);
#else
    return 0;
#endif
}
