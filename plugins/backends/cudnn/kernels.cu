/* SPDX-License-Identifier: MIT */
/* cudnn/kernels.cu: all own kernels as one module. Compiled to a fatbin that is part of the plugin
 * and loaded by the driver, so that the plugin needs no CUDA library at load. */
#include "kernels_common.cuh"

#include "kernels_pointwise.cuh"

#include "kernels_rowwise.cuh"

#include "kernels_fused.cuh"

#include "kernels_attention.cuh"

#include "kernels_sequence.cuh"

#include "kernels_update.cuh"
