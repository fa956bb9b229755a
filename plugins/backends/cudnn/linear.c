/* SPDX-License-Identifier: MIT */
/* cudnn/linear.c: the linear layer and its gradients as matrix products; sums over rows. */
#include "internal.h"

/* Rows whose sum is one part of a sum over rows. */
#define SUM_CHUNK 128

/* y [M, O] = x [M, I] weight [O, I]^T + bias */
assay_status gpu_prepare_linear(assay_plan *plan, gpu_node *node, assay_error *error) {
    const assay_device *device = plan->session->device;
    const assay_node *n = node->node;
    gpu_gemm_shape shape = {.m = gpu_rows(plan, n->outputs[0]),
                            .n = (int64_t)gpu_channels(plan, n->outputs[0]),
                            .k = (int64_t)gpu_channels(plan, n->inputs[0]),
                            .transpose_b = 1,
                            .type = device->type,
                            .c_type = gpu_type(plan, n->outputs[0]),
                            .has_bias = n->n_inputs > 2 && n->inputs[2] != ASSAY_NONE,
                            .tf32 = device->dtype == ASSAY_DTYPE_TF32};
    assay_error refused = ASSAY_ERROR_INIT;
    assay_status status = gpu_gemm_get(plan->session->device, &shape, &node->gemm, &refused);
    if (status == ASSAY_OK)
        return ASSAY_OK;
    if (!shape.has_bias)
        return assay_fail(error, status, refused.where, refused.text);
    shape.has_bias = 0;
    node->adds_bias = 1;
    return gpu_gemm_get(plan->session->device, &shape, &node->gemm, error);
}

/* y += bias */
static assay_status add_bias(const gpu_run *run, const gpu_node *node) {
    assay_value y = node->node->outputs[0];
    gpu_rows_arguments a = {.x = gpu_out(run, node, 0),
                            .w = gpu_in(run, node, 2),
                            .y = gpu_out(run, node, 0),
                            .rows = gpu_rows(run->plan, y),
                            .c = (int64_t)gpu_channels(run->plan, y)};
    return gpu_launch_for(run, gpu_kernel_of(GPU_KERNEL_add_row, gpu_type(run->plan, y)),
                          a.rows * a.c, &a);
}

assay_status gpu_run_linear(const gpu_run *run, const gpu_node *node) {
    const assay_node *n = node->node;
    CUdeviceptr bias = 0;
    if (n->n_inputs > 2 && n->inputs[2] != ASSAY_NONE)
        bias = gpu_type(run->plan, n->outputs[0]) == GPU_F32
                   ? gpu_in(run, node, 2)
                   : gpu_parameter_copy(run, n->inputs[2]);
    assay_status status = gpu_gemm_run(run->device, node->gemm, gpu_in(run, node, 0),
                                       gpu_parameter_copy(run, n->inputs[1]), bias,
                                       gpu_out(run, node, 0), run->error);
    return status == ASSAY_OK && node->adds_bias ? add_bias(run, node) : status;
}

/* dx [M, I] = dy [M, O] weight [O, I] */
assay_status gpu_prepare_linear_grad_input(assay_plan *plan, gpu_node *node, assay_error *error) {
    const assay_device *device = plan->session->device;
    const assay_node *n = node->node;
    gpu_gemm_shape shape = {.m = gpu_rows(plan, n->outputs[0]),
                            .n = (int64_t)gpu_channels(plan, n->outputs[0]),
                            .k = (int64_t)gpu_channels(plan, n->inputs[0]),
                            .type = device->type,
                            .c_type = gpu_type(plan, n->outputs[0]),
                            .tf32 = device->dtype == ASSAY_DTYPE_TF32};
    return gpu_gemm_get(plan->session->device, &shape, &node->gemm, error);
}

assay_status gpu_run_linear_grad_input(const gpu_run *run, const gpu_node *node) {
    return gpu_gemm_run(run->device, node->gemm, gpu_in(run, node, 0),
                        gpu_parameter_copy(run, node->node->inputs[1]), 0, gpu_out(run, node, 0),
                        run->error);
}

/* dweight [O, I] = dy [M, O]^T x [M, I], f32; dy is zero behind the batch's end */
assay_status gpu_prepare_linear_grad_weight(assay_plan *plan, gpu_node *node, assay_error *error) {
    const assay_device *device = plan->session->device;
    const assay_node *n = node->node;
    gpu_gemm_shape shape = {.m = (int64_t)gpu_channels(plan, n->inputs[0]),
                            .n = (int64_t)gpu_channels(plan, n->inputs[1]),
                            .k = gpu_rows(plan, n->inputs[0]),
                            .transpose_a = 1,
                            .type = device->type,
                            .c_type = GPU_F32,
                            .add = gpu_adds(plan, n->outputs[0]),
                            .tf32 = device->dtype == ASSAY_DTYPE_TF32};
    return gpu_gemm_get(plan->session->device, &shape, &node->gemm, error);
}

assay_status gpu_run_linear_grad_weight(const gpu_run *run, const gpu_node *node) {
    return gpu_gemm_run(run->device, node->gemm, gpu_in(run, node, 0), gpu_in(run, node, 1), 0,
                        gpu_out(run, node, 0), run->error);
}

/* ---- sums over rows -------------------------------------------------------------------------- */

static int64_t n_parts(int64_t rows) {
    return (rows + SUM_CHUNK - 1) / SUM_CHUNK;
}

assay_status gpu_prepare_column_sums(assay_plan *plan, gpu_node *node, assay_error *error) {
    assay_value dy = node->node->inputs[0];
    (void)error;
    node->scratch_bytes =
        (size_t)n_parts(gpu_rows(plan, dy)) * gpu_channels(plan, dy) * sizeof(float);
    return ASSAY_OK;
}

/* y [c] (+)= sum over the rows of dy, input 0 */
static assay_status column_sums(const gpu_run *run, const gpu_node *node, CUdeviceptr y, int add) {
    assay_value dy = node->node->inputs[0];
    int64_t rows = gpu_rows(run->plan, dy), c = (int64_t)gpu_channels(run->plan, dy);
    gpu_sums_arguments sums = {gpu_in(run, node, 0), gpu_scratch(run, node), rows, c, SUM_CHUNK};
    gpu_parts_arguments parts = {gpu_scratch(run, node), y, c, n_parts(rows), add};
    assay_status status =
        gpu_launch(run->device, gpu_kernel_of(GPU_KERNEL_column_sums, gpu_type(run->plan, dy)),
                   (unsigned int)((c + GPU_WARP - 1) / GPU_WARP), (unsigned int)n_parts(rows),
                   GPU_BLOCK, 0, &sums, run->error);
    return status == ASSAY_OK ? gpu_launch_for(run, GPU_KERNEL_add_parts, c, &parts) : status;
}

/* dbias [O] = sum over M of dy */
assay_status gpu_run_linear_grad_bias(const gpu_run *run, const gpu_node *node) {
    return column_sums(run, node, gpu_out(run, node, 0),
                       gpu_adds(run->plan, node->node->outputs[0]));
}

/* dtable [R, C]: row attrs.begin = sum over M of dy, 0 elsewhere */
assay_status gpu_run_add_row_grad(const gpu_run *run, const gpu_node *node) {
    assay_value table = node->node->outputs[0];
    size_t c = gpu_channels(run->plan, node->node->inputs[0]);
    int add = gpu_adds(run->plan, table);
    assay_status status = ASSAY_OK;
    if (!add)
        status =
            gpu_zero(run, gpu_out(run, node, 0), gpu_channels(run->plan, table) * sizeof(float));
    if (status != ASSAY_OK)
        return status;
    return column_sums(run, node,
                       gpu_out(run, node, 0) + (size_t)node->node->attrs.begin * c * sizeof(float),
                       add);
}
