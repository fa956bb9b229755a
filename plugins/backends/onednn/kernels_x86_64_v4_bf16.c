/* SPDX-License-Identifier: MIT */
/* onednn/kernels_x86_64_v4_bf16.c: kernels for AVX-512 with AVX512_BF16, in devices of dtype
 * bf16: attention, recurrent steps and gradients by weights multiply in bf16. */

#include "kernels_begin.h"

#if defined(__x86_64__)
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma"))),             \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma")
#endif

#define WIDTH 16
#define TABLE onednn_kernels_v4_bf16
#define TABLE_NAME "AVX-512 BF16"
#define TABLE_ROUND round_bf16
#include "vector.inc"

#include "kernels.inc"

#include "kernels_attention_bf16.inc"

#include "kernels_columns_bf16.inc"

#include "kernels_gelu_bf16.inc"

#include "kernels_recurrent_bf16.inc"

#include "kernels_recurrent.inc"

#include "kernels_table.inc"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
