/* SPDX-License-Identifier: MIT */
/* cudnn/attention.c: chooses between cuDNN's fused attention and the own kernels, and launches
 * these. Both work on packed tokens, so no score is computed for padding. */
#include <math.h>

#include "internal.h"

/* What a node's own pointer holds where cuDNN's fused form serves; see graph_attention.c. */
static int is_fused(const gpu_node *node) {
    return node->own != NULL;
}

/* state, own kernels: lse [tokens, heads] f32 */
assay_status gpu_prepare_attention(assay_plan *plan, gpu_node *node, assay_error *error) {
    if (gpu_fused_attention_fits(plan, node)) {
        assay_error refused = ASSAY_ERROR_INIT;
        assay_status status = gpu_fused_attention_prepare(plan, node, &refused);
        if (status == ASSAY_OK)
            return ASSAY_OK;
        if (status != ASSAY_UNSUPPORTED)
            return assay_fail(error, status, refused.where, refused.text);
        node->own = NULL;
    }
    node->state_bytes = (size_t)plan->max_tokens * (size_t)node->node->attrs.heads * sizeof(float);
    return ASSAY_OK;
}

/* scratch, own kernels: delta [tokens, heads] f32 */
assay_status gpu_prepare_attention_grad(assay_plan *plan, gpu_node *node, assay_error *error) {
    if (is_fused(node->forward))
        return gpu_fused_attention_prepare(plan, node, error);
    node->scratch_bytes =
        (size_t)plan->max_tokens * (size_t)node->node->attrs.heads * sizeof(float);
    return ASSAY_OK;
}

void gpu_release_attention(assay_plan *plan, gpu_node *node) {
    if (node->own)
        gpu_fused_attention_release(plan, node);
}

static gpu_attention_arguments arguments_of(const gpu_run *run, const gpu_node *node,
                                            assay_value qkv) {
    const assay_attrs *attrs = &node->node->attrs;
    int64_t c = (int64_t)gpu_channels(run->plan, qkv) / 3;
    int32_t dims = (int32_t)(c / attrs->heads);
    return (gpu_attention_arguments){.qkv = gpu_value(run, qkv),
                                     .lse = gpu_state(run, node),
                                     .batch = run->header,
                                     .offsets = gpu_batch_array(run, offsets),
                                     .token_row = gpu_batch_array(run, token_row),
                                     .row_keys = gpu_batch_array(run, row_keys),
                                     .rows = run->plan->max_tokens,
                                     .c = c,
                                     .heads = attrs->heads,
                                     .dims = dims,
                                     .stream = attrs->stream,
                                     .dropout = attrs->probability > 0,
                                     .threshold = assay_dropout_threshold(attrs->probability),
                                     .factor = (float)(1.0 / (1.0 - attrs->probability)),
                                     .scale = (float)(1.0 / sqrt((double)dims))};
}

/* A warp for each token, shared memory for `vectors` of a head's channels each. */
static assay_status launch(const gpu_run *run, int first, int32_t type, size_t vectors,
                           const gpu_attention_arguments *a) {
    return gpu_launch(run->device, gpu_kernel_of(first, type),
                      (unsigned int)((a->rows + GPU_WARPS - 1) / GPU_WARPS), (unsigned int)a->heads,
                      GPU_BLOCK, vectors * GPU_WARPS * (size_t)a->dims * sizeof(float), a,
                      run->error);
}

assay_status gpu_run_attention(const gpu_run *run, const gpu_node *node) {
    if (is_fused(node) && gpu_fused_attention_serves(run, node))
        return gpu_fused_attention_run(run, node);
    assay_value qkv = node->node->inputs[0];
    gpu_attention_arguments a = arguments_of(run, node, qkv);
    a.y = gpu_out(run, node, 0);
    return launch(run, GPU_KERNEL_attention, gpu_type(run->plan, qkv), 1, &a);
}

assay_status gpu_run_attention_grad(const gpu_run *run, const gpu_node *node) {
    if (is_fused(node->forward) && gpu_fused_attention_serves(run, node))
        return gpu_fused_attention_grad_run(run, node);
    assay_value qkv = node->node->inputs[1];
    int32_t type = gpu_type(run->plan, qkv);
    gpu_attention_arguments a = arguments_of(run, node, qkv);
    a.dy = gpu_in(run, node, 0);
    a.y = gpu_in(run, node, 2);
    a.dqkv = gpu_out(run, node, 0);
    a.delta = gpu_scratch(run, node);
    assay_status status = launch(run, GPU_KERNEL_attention_grad_query, type, 2, &a);
    return status == ASSAY_OK ? launch(run, GPU_KERNEL_attention_grad_key, type, 2, &a) : status;
}
