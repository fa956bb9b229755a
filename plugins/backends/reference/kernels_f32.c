/* SPDX-License-Identifier: MIT */
/* kernels_f32.c: the kernels in single precision. */
typedef float real;
#define REFERENCE_PRECISION reference_f32
#include "kernels.inc"
