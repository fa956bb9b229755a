/* SPDX-License-Identifier: MIT */
/* onednn/linear.c: the linear layer and its three gradients as oneDNN matmuls over all tokens (or
 * rows) of the plan; operands in f32, or in bf16 with weights packed. */

#include "internal.h"

/* 1 when GELU follows on the product's bf16 in place: with the library's, in registers, the product
 * takes 7 % more. */
static int applies_gelu(const assay_plan *plan, const onednn_node *node) {
    return node->node->attrs.begin == ONEDNN_GELU && plan->session->device->bf16 &&
           !onednn_keeps_f32(plan, node->node->outputs[0]);
}

assay_status onednn_prepare_linear(assay_plan *plan, onednn_node *node, assay_error *error) {
    const assay_node *n = node->node;
    int64_t in = (int64_t)onednn_channels(plan, n->inputs[0]);
    int64_t out = (int64_t)onednn_channels(plan, n->outputs[0]);
    onednn_gemm_shape shape = {.m = onednn_max_rows(plan, n->inputs[0]),
                               .n = out,
                               .k = in,
                               .a_row = in,
                               .a_column = 1,
                               .b_row = 1,
                               .b_column = in,
                               .c_row = out,
                               .gelu = n->attrs.begin == ONEDNN_GELU && !applies_gelu(plan, node),
                               .c_bf16 = !onednn_keeps_f32(plan, n->outputs[0]),
                               .bias = n->n_inputs > 2 && n->inputs[2] != ASSAY_NONE};
    return onednn_prepare_product(plan, node, 0, shape, n->inputs[1], 0, error);
}

/* Where a product that writes f32 or bf16 writes output 0. */
static void *product_out(const onednn_run *run, const onednn_node *node) {
    float *place = onednn_out_f32(run, node, 0);
    return place ? (void *)place : onednn_out_bf16(run, node, 0);
}

static void apply_gelu(const onednn_run *run, const onednn_node *node) {
    onednn_bf16 *y = onednn_out_bf16(run, node, 0);
    size_t n = onednn_rows(run, node->node->outputs[0]) *
               onednn_channels(run->plan, node->node->outputs[0]);
    ONEDNN_PARALLEL(
        run->threads, n, for (int part = 0; part < run->threads; part++) {
            size_t begin, end;
            onednn_split(n, 2 * ONEDNN_ALIGNED_FLOATS, run->threads, part, &begin, &end);
            run->kernels->gelu_bf16(y + begin, y + begin, end - begin);
        });
}

assay_status onednn_run_linear(const onednn_run *run, const onednn_node *node) {
    const assay_node *n = node->node;
    int biased = n->n_inputs > 2 && n->inputs[2] != ASSAY_NONE;
    const void *weight;
    assay_status status = onednn_weight(run, node, 1, &weight);
    if (status != ASSAY_OK)
        return status;
    status = onednn_gemm_run(run->device, node->gemm[0], onednn_operand(run, node, 0), weight,
                             biased ? onednn_in(run, node, 2) : NULL, product_out(run, node),
                             run->error);
    if (status == ASSAY_OK && applies_gelu(run->plan, node))
        apply_gelu(run, node);
    onednn_clear_out_tail(run, node, 0);
    return status;
}

/* dx [M, I] = dy [M, O] weight [O, I] */
assay_status onednn_prepare_linear_grad_input(assay_plan *plan, onednn_node *node,
                                              assay_error *error) {
    const assay_node *n = node->node;
    int64_t in = (int64_t)onednn_channels(plan, n->outputs[0]);
    int64_t out = (int64_t)onednn_channels(plan, n->inputs[0]);
    onednn_gemm_shape shape = {.m = onednn_max_rows(plan, n->inputs[0]),
                               .n = in,
                               .k = out,
                               .a_row = out,
                               .a_column = 1,
                               .b_row = in,
                               .b_column = 1,
                               .c_row = in,
                               .c_bf16 = !onednn_keeps_f32(plan, n->outputs[0])};
    return onednn_prepare_product(plan, node, 0, shape, n->inputs[1], 0, error);
}

assay_status onednn_run_linear_grad_input(const onednn_run *run, const onednn_node *node) {
    const void *weight;
    assay_status status = onednn_weight(run, node, 1, &weight);
    if (status != ASSAY_OK)
        return status;
    status = onednn_gemm_run(run->device, node->gemm[0], onednn_operand(run, node, 0), weight, NULL,
                             product_out(run, node), run->error);
    onednn_clear_out_tail(run, node, 0);
    return status;
}

/* dweight [O, I] = dy^T [O, M] x [M, I] */
assay_status onednn_prepare_linear_grad_weight(assay_plan *plan, onednn_node *node,
                                               assay_error *error) {
    const assay_node *n = node->node;
    int64_t in = (int64_t)onednn_channels(plan, n->inputs[1]);
    int64_t out = (int64_t)onednn_channels(plan, n->inputs[0]);
    onednn_gemm_shape shape = {.m = out,
                               .n = in,
                               .k = onednn_max_rows(plan, n->inputs[0]),
                               .a_row = 1,
                               .a_column = out,
                               .b_row = in,
                               .b_column = 1,
                               .c_row = in,
                               .add = onednn_adds(plan, n, 0)};
    if (onednn_columns_fit(plan->session->device, (size_t)out, (size_t)in)) {
        node->scratch_size = onednn_columns_scratch((size_t)out, (size_t)in);
        return ASSAY_OK;
    }
    return onednn_prepare_product(plan, node, 0, shape, ASSAY_NONE, 0, error);
}

static void add_own_product(const onednn_run *run, const onednn_node *node,
                            const void *const *operands) {
    const assay_node *n = node->node;
    size_t in = onednn_channels(run->plan, n->inputs[1]);
    size_t out = onednn_channels(run->plan, n->inputs[0]);
    float *to = onednn_out(run, node, 0);
    if (!onednn_adds(run->plan, n, 0))
        memset(to, 0, in * out * sizeof *to);
    onednn_add_columns(run, to, operands[0], out, operands[1], in, onednn_rows(run, n->inputs[0]),
                       onednn_scratch(run, node));
}

assay_status onednn_run_linear_grad_weight(const onednn_run *run, const onednn_node *node) {
    const void *operands[2];
    for (uint32_t i = 0; i < 2; i++)
        operands[i] = onednn_summed_operand(run, node, i);
    if (!node->gemm[0]) {
        add_own_product(run, node, operands);
        return ASSAY_OK;
    }
    return onednn_gemm_run(run->device, node->gemm[0], operands[0], operands[1], NULL,
                           onednn_out(run, node, 0), run->error);
}

/* Sums over rows: each thread sums its rows into scratch, then the threads' sums are added in
 * order. */
assay_status onednn_prepare_column_sums(assay_plan *plan, onednn_node *node, assay_error *error) {
    (void)error;
    node->scratch_size =
        onednn_column_stride(plan, node->node->inputs[0]) * (size_t)plan->session->device->threads;
    return ASSAY_OK;
}

size_t onednn_column_stride(const assay_plan *plan, assay_value value) {
    size_t channels = onednn_channels(plan, value);
    return (channels + ONEDNN_ALIGNED_FLOATS - 1) / ONEDNN_ALIGNED_FLOATS * ONEDNN_ALIGNED_FLOATS;
}

/* sums[0] += sums[1] + ... in order; sums are `step` floats apart. */
void onednn_add_parts(const onednn_run *run, float *sums, size_t step, size_t n, int parts) {
    for (int part = 1; part < parts; part++)
        run->kernels->add(sums, sums, sums + (size_t)part * step, n);
}

assay_status onednn_run_linear_grad_bias(const onednn_run *run, const onednn_node *node) {
    const float *dy = onednn_in(run, node, 0);
    float *sums = onednn_scratch(run, node);
    size_t rows = onednn_rows(run, node->node->inputs[0]);
    size_t channels = onednn_channels(run->plan, node->node->inputs[0]);
    size_t step = onednn_column_stride(run->plan, node->node->inputs[0]);
    ONEDNN_PARALLEL(
        run->threads, rows * channels, for (int part = 0; part < run->threads; part++) {
            size_t begin, end;
            float *sum = sums + (size_t)part * step;
            onednn_split(rows, 1, run->threads, part, &begin, &end);
            memset(sum, 0, channels * sizeof *sum);
            run->kernels->column_sum(sum, dy + begin * channels, end - begin, channels);
        });
    onednn_add_parts(run, sums, step, channels, run->threads);
    onednn_deliver_n(run, node, 0, sums, channels);
    return ASSAY_OK;
}
