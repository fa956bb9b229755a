/* SPDX-License-Identifier: MIT */
/* cudnn/fused.c: the operations that fusion.c makes of several, by own kernels: a sum with its
 * layer norm, GELU's gradient with the bias' in front of it; and sums over rows in two steps. */
#include "internal.h"

/* Rows whose sum is one part of a sum over rows. */
#define SUM_CHUNK 64

/* ---- sums over rows -------------------------------------------------------------------------- */

static int64_t n_parts(int64_t rows) {
    return (rows + SUM_CHUNK - 1) / SUM_CHUNK;
}

size_t gpu_sums_scratch(int64_t rows, size_t c) {
    return (size_t)n_parts(rows) * c * sizeof(float);
}

assay_status gpu_add_parts(const gpu_run *run, const gpu_parts_arguments *a) {
    unsigned int blocks = (unsigned int)((a->n * a->count + GPU_WARP - 1) / GPU_WARP);
    return gpu_launch(run->device, GPU_KERNEL_add_parts, blocks, 1, GPU_BLOCK, 0, a, run->error);
}

assay_status gpu_sum_rows(const gpu_run *run, int kernel, int32_t type,
                          const gpu_sums_arguments *of, CUdeviceptr y, int add) {
    gpu_sums_arguments a = *of;
    gpu_parts_arguments parts = {
        .x = a.parts, .y = {y}, .n = a.c, .parts = n_parts(a.rows), .count = 1, .add = {add}};
    int64_t columns =
        kernel == GPU_KERNEL_column_sums ? GPU_WARP : GPU_WARP * 16 / (int64_t)gpu_type_bytes(type);
    a.chunk = SUM_CHUNK;
    assay_status status = gpu_launch(run->device, gpu_kernel_of(kernel, type),
                                     (unsigned int)((a.c + columns - 1) / columns),
                                     (unsigned int)parts.parts, GPU_BLOCK, 0, &a, run->error);
    return status == ASSAY_OK ? gpu_add_parts(run, &parts) : status;
}

/* ---- GELU's gradient --------------------------------------------------------------------------
 */

static int sums_bias(const assay_node *node) {
    return node->n_outputs > 1 && node->outputs[1] != ASSAY_NONE;
}

assay_status gpu_prepare_gelu_grad(assay_plan *plan, gpu_node *node, assay_error *error) {
    assay_value dx = node->node->outputs[0];
    (void)error;
    if (sums_bias(node->node))
        node->scratch_bytes = gpu_sums_scratch(gpu_rows(plan, dx), gpu_channels(plan, dx));
    return ASSAY_OK;
}

assay_status gpu_run_gelu_grad(const gpu_run *run, const gpu_node *node) {
    const assay_node *n = node->node;
    if (!sums_bias(n))
        return gpu_run_pointwise(run, node, GPU_GELU_GRAD);
    gpu_sums_arguments a = {.x = gpu_in(run, node, 0),
                            .h = gpu_in(run, node, 1),
                            .dx = gpu_out(run, node, 0),
                            .parts = gpu_scratch(run, node),
                            .rows = gpu_rows(run->plan, n->outputs[0]),
                            .c = (int64_t)gpu_channels(run->plan, n->outputs[0])};
    return gpu_sum_rows(run, GPU_KERNEL_gelu_grad_sums, gpu_type(run->plan, n->outputs[0]), &a,
                        gpu_out(run, node, 1), gpu_adds(run->plan, n->outputs[1]));
}

/* ---- a sum and its layer norm ------------------------------------------------------------------
 */

int gpu_is_residual_norm(const gpu_node *node) {
    return node && node->node->op == ASSAY_OP_LAYER_NORM && node->node->n_inputs > 3;
}

/* Of the gradient, whose sums are one part each. */
static unsigned int gradient_blocks(const assay_plan *plan, int64_t rows) {
    int64_t blocks = (rows + GPU_WARPS - 1) / GPU_WARPS;
    int64_t most = 2 * (int64_t)plan->session->device->multiprocessors;
    return (unsigned int)(blocks > most ? most : blocks);
}

/* state: mean and inverse deviation of each row, f32 */
void gpu_prepare_residual_norm(assay_plan *plan, gpu_node *node) {
    node->state_bytes = 2 * (size_t)gpu_rows(plan, node->node->outputs[0]) * sizeof(float);
}

/* scratch: parts of the three sums */
void gpu_prepare_residual_norm_grad(assay_plan *plan, gpu_node *node) {
    assay_value z = node->node->inputs[1];
    node->scratch_bytes = GPU_MOST_SUMS * (size_t)gradient_blocks(plan, gpu_rows(plan, z)) *
                          gpu_channels(plan, z) * sizeof(float);
}

static gpu_residual_norm_arguments arguments_of(const gpu_run *run, const gpu_node *node,
                                                assay_value x) {
    const assay_attrs *dropout = &node->dropout;
    gpu_residual_norm_arguments a = {.moments = gpu_state(run, node),
                                     .batch = run->header,
                                     .token_row = gpu_batch_array(run, token_row),
                                     .offsets = gpu_batch_array(run, offsets),
                                     .row_keys = gpu_batch_array(run, row_keys),
                                     .rows = gpu_rows(run->plan, x),
                                     .c = (int64_t)gpu_channels(run->plan, x),
                                     .drops = node->drops,
                                     .tokens =
                                         gpu_info(run->plan, x)->domain == ASSAY_DOMAIN_TOKENS,
                                     .epsilon = (float)node->node->attrs.epsilon};
    if (node->drops) {
        a.stream = dropout->stream;
        a.threshold = assay_dropout_threshold(dropout->probability);
        a.factor = (float)(1.0 / (1.0 - dropout->probability));
    }
    return a;
}

assay_status gpu_run_residual_norm(const gpu_run *run, const gpu_node *node) {
    assay_value y = node->node->outputs[0];
    gpu_residual_norm_arguments a = arguments_of(run, node, y);
    a.a = gpu_in(run, node, 0);
    a.gamma = gpu_in(run, node, 1);
    a.beta = gpu_in(run, node, 2);
    a.b = gpu_in(run, node, 3);
    a.y = gpu_out(run, node, 0);
    a.z = gpu_out(run, node, 1);
    return gpu_launch_for(run, gpu_kernel_of(GPU_KERNEL_residual_norm, gpu_type(run->plan, y)),
                          a.rows * GPU_WARP, &a);
}

assay_status gpu_run_residual_norm_grad(const gpu_run *run, const gpu_node *node) {
    static const uint32_t outputs[GPU_MOST_SUMS] = {1, 2, 4}; /* dgamma, dbeta, dbias */
    const assay_node *n = node->node;
    assay_value z = n->inputs[1];
    gpu_residual_norm_arguments a = arguments_of(run, node, z);
    unsigned int blocks = gradient_blocks(run->plan, a.rows);
    a.y = gpu_in(run, node, 0);
    a.a = gpu_in(run, node, 1);
    a.gamma = gpu_in(run, node, 2);
    a.dz = gpu_out(run, node, 0);
    a.db = gpu_out(run, node, 3);
    a.parts = gpu_scratch(run, node);
    assay_status status = gpu_launch(
        run->device, gpu_kernel_of(GPU_KERNEL_residual_norm_grad, gpu_type(run->plan, z)), blocks,
        1, GPU_BLOCK, GPU_WARPS * (size_t)a.c * sizeof(float), &a, run->error);
    gpu_parts_arguments sums = {.x = a.parts, .n = a.c, .parts = blocks, .count = GPU_MOST_SUMS};
    for (int i = 0; i < GPU_MOST_SUMS; i++) {
        sums.y[i] = gpu_out(run, node, outputs[i]);
        sums.add[i] = sums.y[i] && gpu_adds(run->plan, n->outputs[outputs[i]]);
    }
    return status == ASSAY_OK ? gpu_add_parts(run, &sums) : status;
}
