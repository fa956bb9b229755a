/* SPDX-License-Identifier: MIT */
/* onednn/kernels_x86_64_v3.c: kernels for AVX2 with FMA. */

#include "kernels_begin.h"

#if defined(__x86_64__)
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#define WIDTH 8
#define TABLE onednn_kernels_v3
#define TABLE_NAME "AVX2"
#include "vector.inc"

#include "kernels.inc"

#include "kernels_attention.inc"

#include "kernels_recurrent_f32.inc"

#include "kernels_recurrent.inc"

#include "kernels_table.inc"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
