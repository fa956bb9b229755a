/* SPDX-License-Identifier: MIT */
/* cudnn/rowwise.c: pooling, the loss, and layer norm by own kernels. */
#include "internal.h"

#define NORM_CHUNK 64 /* rows whose sum is one part of layer norm's dgamma and dbeta */

/* ---- pooling --------------------------------------------------------------------------------- */

/* Arguments for a pool of x [tokens, c]; gradients set theirs. */
static gpu_pool_arguments pool_arguments(const gpu_run *run, assay_value x) {
    return (gpu_pool_arguments){.batch = run->header,
                                .offsets = gpu_batch_array(run, offsets),
                                .token_row = gpu_batch_array(run, token_row),
                                .rows = run->plan->max_rows,
                                .tokens = run->plan->max_tokens,
                                .c = (int64_t)gpu_channels(run->plan, x)};
}

static assay_status forward_pool(const gpu_run *run, const gpu_node *node, int first) {
    assay_value x = node->node->inputs[0];
    gpu_pool_arguments a = pool_arguments(run, x);
    a.x = gpu_in(run, node, 0);
    a.y = gpu_out(run, node, 0);
    return gpu_launch_for(run, gpu_kernel_of(first, gpu_type(run->plan, x)), a.rows * a.c, &a);
}

assay_status gpu_run_mean_pool(const gpu_run *run, const gpu_node *node) {
    return forward_pool(run, node, GPU_KERNEL_mean_pool);
}

assay_status gpu_run_max_pool(const gpu_run *run, const gpu_node *node) {
    return forward_pool(run, node, GPU_KERNEL_max_pool);
}

assay_status gpu_run_mean_pool_grad(const gpu_run *run, const gpu_node *node) {
    assay_value dy = node->node->inputs[0];
    gpu_pool_arguments a = pool_arguments(run, dy);
    a.dy = gpu_in(run, node, 0);
    a.dx = gpu_out(run, node, 0);
    return gpu_launch_for(run, gpu_kernel_of(GPU_KERNEL_mean_pool_grad, gpu_type(run->plan, dy)),
                          a.tokens * a.c, &a);
}

static assay_status zero_output(const gpu_run *run, const gpu_node *node, uint32_t i) {
    assay_value value = i < node->node->n_outputs ? node->node->outputs[i] : ASSAY_NONE;
    if (value == ASSAY_NONE)
        return ASSAY_OK;
    return gpu_zero(run, gpu_value(run, value),
                    (size_t)gpu_rows(run->plan, value) * gpu_channels(run->plan, value) *
                        gpu_type_bytes(gpu_type(run->plan, value)));
}

assay_status gpu_run_max_pool_grad(const gpu_run *run, const gpu_node *node) {
    assay_value dy = node->node->inputs[0];
    gpu_pool_arguments a = pool_arguments(run, dy);
    a.dy = gpu_in(run, node, 0);
    a.x = gpu_in(run, node, 1);
    a.dx = gpu_out(run, node, 0);
    assay_status status = zero_output(run, node, 0);
    if (status != ASSAY_OK)
        return status;
    return gpu_launch_for(run, gpu_kernel_of(GPU_KERNEL_max_pool_grad, gpu_type(run->plan, dy)),
                          a.rows * a.c, &a);
}

assay_status gpu_run_attention_pool(const gpu_run *run, const gpu_node *node) {
    assay_value x = node->node->inputs[0];
    gpu_pool_arguments a = pool_arguments(run, x);
    a.x = gpu_in(run, node, 0);
    a.score = gpu_in(run, node, 1);
    a.y = gpu_out(run, node, 0);
    return gpu_launch(run->device, gpu_kernel_of(GPU_KERNEL_attention_pool, gpu_type(run->plan, x)),
                      (unsigned int)a.rows, 1, GPU_BLOCK, 0, &a, run->error);
}

/* scratch: dy . x of each token */
assay_status gpu_prepare_attention_pool_grad(assay_plan *plan, gpu_node *node, assay_error *error) {
    (void)error;
    node->scratch_bytes = (size_t)plan->max_tokens * sizeof(float);
    return ASSAY_OK;
}

assay_status gpu_run_attention_pool_grad(const gpu_run *run, const gpu_node *node) {
    assay_value dy = node->node->inputs[0];
    gpu_pool_arguments a = pool_arguments(run, dy);
    a.dy = gpu_in(run, node, 0);
    a.x = gpu_in(run, node, 1);
    a.score = gpu_in(run, node, 2);
    a.dx = gpu_out(run, node, 0);
    a.dscore = gpu_out(run, node, 1);
    a.raw = gpu_scratch(run, node);
    assay_status status = zero_output(run, node, 0);
    if (status == ASSAY_OK)
        status = zero_output(run, node, 1);
    if (status != ASSAY_OK)
        return status;
    return gpu_launch(run->device,
                      gpu_kernel_of(GPU_KERNEL_attention_pool_grad, gpu_type(run->plan, dy)),
                      (unsigned int)run->plan->max_rows, 1, GPU_BLOCK, 0, &a, run->error);
}

/* ---- loss ------------------------------------------------------------------------------------ */

static gpu_cross_entropy_arguments loss_arguments(const gpu_run *run, const gpu_node *node) {
    assay_value logits = node->node->inputs[0];
    return (gpu_cross_entropy_arguments){.logits = gpu_in(run, node, 0),
                                         .labels = gpu_in(run, node, 1),
                                         .weights = gpu_in(run, node, 2),
                                         .y = gpu_out(run, node, 0),
                                         .batch = run->header,
                                         .rows = run->plan->max_rows,
                                         .k = (int64_t)gpu_channels(run->plan, logits),
                                         .logits_type = gpu_type(run->plan, logits),
                                         .type = gpu_type(run->plan, node->node->outputs[0]),
                                         .smoothing = (float)node->node->attrs.label_smoothing};
}

assay_status gpu_run_cross_entropy(const gpu_run *run, const gpu_node *node) {
    gpu_cross_entropy_arguments a = loss_arguments(run, node);
    return gpu_launch(run->device, GPU_KERNEL_cross_entropy, 1, 1, GPU_BLOCK, 0, &a, run->error);
}

assay_status gpu_run_cross_entropy_grad(const gpu_run *run, const gpu_node *node) {
    gpu_cross_entropy_arguments a = loss_arguments(run, node);
    return gpu_launch_for(run, GPU_KERNEL_cross_entropy_grad, a.rows, &a);
}

/* ---- layer norm ------------------------------------------------------------------------------ */

assay_status gpu_own_layer_norm(const gpu_run *run, const gpu_node *node) {
    assay_value x = node->node->inputs[0];
    gpu_norm_arguments a = {.x = gpu_in(run, node, 0),
                            .y = gpu_out(run, node, 0),
                            .gamma = gpu_in(run, node, 1),
                            .beta = gpu_in(run, node, 2),
                            .rows = gpu_rows(run->plan, x),
                            .c = (int64_t)gpu_channels(run->plan, x),
                            .epsilon = (float)node->node->attrs.epsilon};
    return gpu_launch_for(run, gpu_kernel_of(GPU_KERNEL_layer_norm, gpu_type(run->plan, x)),
                          a.rows * GPU_WARP, &a);
}

static int64_t norm_parts(const assay_plan *plan, assay_value x) {
    return (gpu_rows(plan, x) + NORM_CHUNK - 1) / NORM_CHUNK;
}

/* moments [rows, 2], parts [n, 2, c] */
size_t gpu_own_layer_norm_grad_scratch(const assay_plan *plan, const gpu_node *node) {
    assay_value x = node->node->inputs[1];
    size_t parts = (size_t)norm_parts(plan, x), c = gpu_channels(plan, x);
    return (2 * (size_t)gpu_rows(plan, x) + 2 * parts * c) * sizeof(float);
}

/* dgamma and dbeta from their parts. */
static assay_status deliver_sums(const gpu_run *run, const gpu_node *node,
                                 const gpu_norm_arguments *a, int64_t parts) {
    gpu_parts_arguments sums = {.x = a->parts, .n = a->c, .parts = parts, .count = 2};
    for (uint32_t i = 0; i < 2; i++) {
        sums.y[i] = gpu_out(run, node, 1 + i);
        sums.add[i] = sums.y[i] && gpu_adds(run->plan, node->node->outputs[1 + i]);
    }
    return gpu_add_parts(run, &sums);
}

assay_status gpu_own_layer_norm_grad(const gpu_run *run, const gpu_node *node) {
    assay_value x = node->node->inputs[1];
    int32_t type = gpu_type(run->plan, x);
    int64_t parts = norm_parts(run->plan, x), rows = gpu_rows(run->plan, x);
    CUdeviceptr scratch = gpu_scratch(run, node);
    gpu_norm_arguments a = {.x = gpu_in(run, node, 1),
                            .y = gpu_in(run, node, 0),
                            .gamma = gpu_in(run, node, 2),
                            .dx = gpu_out(run, node, 0),
                            .moments = scratch,
                            .parts = scratch + 2 * (uint64_t)rows * sizeof(float),
                            .rows = rows,
                            .c = (int64_t)gpu_channels(run->plan, x),
                            .chunk = NORM_CHUNK,
                            .epsilon = (float)node->node->attrs.epsilon};
    assay_status status =
        gpu_launch_for(run, gpu_kernel_of(GPU_KERNEL_layer_norm_grad, type), rows * GPU_WARP, &a);
    if (status == ASSAY_OK && (gpu_out(run, node, 1) || gpu_out(run, node, 2))) {
        status = gpu_launch(run->device, gpu_kernel_of(GPU_KERNEL_layer_norm_sums, type),
                            (unsigned int)((a.c + GPU_WARP - 1) / GPU_WARP), (unsigned int)parts,
                            GPU_BLOCK, 0, &a, run->error);
        if (status == ASSAY_OK)
            status = deliver_sums(run, node, &a, parts);
    }
    return status;
}
