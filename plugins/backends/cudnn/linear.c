/* SPDX-License-Identifier: MIT */
/* cudnn/linear.c: the linear layer and its gradients as matrix products; sums over rows. */
#include "internal.h"

static int has_bias(const assay_node *n) {
    return n->n_inputs > 2 && n->inputs[2] != ASSAY_NONE;
}

/* y [M, O] = x [M, I] weight [O, I]^T + bias, then the epilogue. What no library has with the
 * product, own kernels do behind it. */
assay_status gpu_prepare_linear(assay_plan *plan, gpu_node *node, assay_error *error) {
    assay_device *device = plan->session->device;
    const assay_node *n = node->node;
    gpu_gemm_shape shape = {.m = gpu_rows(plan, n->outputs[0]),
                            .n = (int64_t)gpu_channels(plan, n->outputs[0]),
                            .k = (int64_t)gpu_channels(plan, n->inputs[0]),
                            .transpose_b = 1,
                            .type = device->type,
                            .c_type = gpu_type(plan, n->outputs[0]),
                            .has_bias = has_bias(n),
                            .relu = node->epilogue == GPU_EPILOGUE_RELU,
                            .tf32 = device->dtype == ASSAY_DTYPE_TF32};
    assay_error refused = ASSAY_ERROR_INIT;
    assay_status status = ASSAY_UNSUPPORTED;
    if (node->epilogue == GPU_EPILOGUE_GELU) {
        status = gpu_linear_gelu_prepare(plan, node, &refused);
        if (status == ASSAY_OK)
            return ASSAY_OK;
        if (status != ASSAY_UNSUPPORTED)
            return assay_fail(error, status, refused.where, refused.text);
    }
    node->activates = node->epilogue == GPU_EPILOGUE_GELU;
    status = gpu_gemm_get(device, &shape, &node->gemm, &refused);
    if (status == ASSAY_OK)
        return ASSAY_OK;
    if (!shape.has_bias && !shape.relu)
        return assay_fail(error, status, refused.where, refused.text);
    node->adds_bias = shape.has_bias;
    node->activates = node->epilogue != GPU_EPILOGUE_NONE;
    shape.has_bias = shape.relu = 0;
    return gpu_gemm_get(device, &shape, &node->gemm, error);
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

/* y = f(y) */
static assay_status activate(const gpu_run *run, const gpu_node *node) {
    assay_value y = node->node->outputs[0];
    gpu_pointwise_arguments a = {.a = gpu_out(run, node, 0),
                                 .y = gpu_out(run, node, 0),
                                 .n = gpu_rows(run->plan, y) * (int64_t)gpu_channels(run->plan, y),
                                 .operation =
                                     node->epilogue == GPU_EPILOGUE_RELU ? GPU_RELU : GPU_GELU};
    return gpu_launch_for(run, gpu_kernel_of(GPU_KERNEL_pointwise, gpu_type(run->plan, y)),
                          a.n / 4 + 1, &a);
}

assay_status gpu_run_linear(const gpu_run *run, const gpu_node *node) {
    const assay_node *n = node->node;
    CUdeviceptr bias = 0;
    if (!node->gemm)
        return gpu_linear_gelu_run(run, node);
    if (has_bias(n))
        bias = gpu_type(run->plan, n->outputs[0]) == GPU_F32
                   ? gpu_in(run, node, 2)
                   : gpu_parameter_copy(run, n->inputs[2]);
    assay_status status = gpu_gemm_run(run->device, node->gemm, gpu_in(run, node, 0),
                                       gpu_parameter_copy(run, n->inputs[1]), bias, 0,
                                       gpu_out(run, node, 0), run->error);
    if (status == ASSAY_OK && node->adds_bias)
        status = add_bias(run, node);
    return status == ASSAY_OK && node->activates ? activate(run, node) : status;
}

/* dx [M, I] = dy [M, O] weight [O, I] (+ input 2) */
assay_status gpu_prepare_linear_grad_input(assay_plan *plan, gpu_node *node, assay_error *error) {
    const assay_device *device = plan->session->device;
    const assay_node *n = node->node;
    gpu_gemm_shape shape = {.m = gpu_rows(plan, n->outputs[0]),
                            .n = (int64_t)gpu_channels(plan, n->outputs[0]),
                            .k = (int64_t)gpu_channels(plan, n->inputs[0]),
                            .type = device->type,
                            .c_type = gpu_type(plan, n->outputs[0]),
                            .add = n->n_inputs > 2,
                            .tf32 = device->dtype == ASSAY_DTYPE_TF32};
    return gpu_gemm_get(plan->session->device, &shape, &node->gemm, error);
}

assay_status gpu_run_linear_grad_input(const gpu_run *run, const gpu_node *node) {
    return gpu_gemm_run(run->device, node->gemm, gpu_in(run, node, 0),
                        gpu_parameter_copy(run, node->node->inputs[1]), 0, gpu_in(run, node, 2),
                        gpu_out(run, node, 0), run->error);
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
    return gpu_gemm_run(run->device, node->gemm, gpu_in(run, node, 0), gpu_in(run, node, 1), 0, 0,
                        gpu_out(run, node, 0), run->error);
}

/* ---- sums over rows -------------------------------------------------------------------------- */

assay_status gpu_prepare_column_sums(assay_plan *plan, gpu_node *node, assay_error *error) {
    assay_value dy = node->node->inputs[0];
    (void)error;
    node->scratch_bytes = gpu_sums_scratch(gpu_rows(plan, dy), gpu_channels(plan, dy));
    return ASSAY_OK;
}

/* y [c] (+)= sum over the rows of dy, input 0 */
static assay_status column_sums(const gpu_run *run, const gpu_node *node, CUdeviceptr y, int add) {
    assay_value dy = node->node->inputs[0];
    gpu_sums_arguments sums = {.x = gpu_in(run, node, 0),
                               .parts = gpu_scratch(run, node),
                               .rows = gpu_rows(run->plan, dy),
                               .c = (int64_t)gpu_channels(run->plan, dy)};
    return gpu_sum_rows(run,
                        sums.c % 8 == 0 ? GPU_KERNEL_vector_column_sums : GPU_KERNEL_column_sums,
                        gpu_type(run->plan, dy), &sums, y, add);
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
