/* SPDX-License-Identifier: MIT */
/* kernels_f64.c: the kernels in double precision. */
typedef double real;
#define REFERENCE_PRECISION reference_f64
#include "kernels.inc"
