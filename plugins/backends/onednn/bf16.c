/* SPDX-License-Identifier: MIT */
/* onednn/bf16.c: the copies in bf16 of values that matrix products read (sessions of dtype bf16).
 *
 * Values are f32, and so is everything computed from them but products. The first product that
 * reads a value rounds it into a copy (to nearest even), which lives until the last product that
 * reads it: forward and gradient by the weight share x, both gradients share dy. Readers after the
 * first don't keep the f32 value alive. What lies behind the batch's last row is zero in the copy,
 * because the gradient by a weight sums over all rows of the plan. */

#include "internal.h"

/* Inputs that an operation reads as an operand of a matrix product, as a mask. */
static const uint32_t operands[ASSAY_OP_COUNT] = {
    [ASSAY_OP_LINEAR] = 1u << 0,
    [ASSAY_OP_LINEAR_GRAD_INPUT] = 1u << 0,
    [ASSAY_OP_LINEAR_GRAD_WEIGHT] = 1u << 0 | 1u << 1,
    [ASSAY_OP_RNN] = 1u << 0,
    [ASSAY_OP_LSTM] = 1u << 0,
    [ASSAY_OP_GRU] = 1u << 0,
    [ASSAY_OP_RNN_GRAD] = 1u << 2,
    [ASSAY_OP_LSTM_GRAD] = 1u << 2,
    [ASSAY_OP_GRU_GRAD] = 1u << 2,
};

static int is_operand(const assay_node *node, uint32_t i) {
    return i < 32 && (operands[node->op] >> i & 1u);
}

int onednn_reads_f32(const assay_plan *plan, uint32_t n, uint32_t i) {
    const assay_node *node = plan->nodes[n].node;
    return !plan->session->device->bf16 || !is_operand(node, i) ||
           plan->bf16[node->inputs[i]].maker == n;
}

/* The first operand reader in the plan makes the copy, which lives to the last. */
static assay_status place_operand(assay_plan *plan, onednn_layout *layout, uint32_t n,
                                  assay_value value, assay_error *error) {
    size_t size = (size_t)onednn_max_rows(plan, value) * onednn_channels(plan, value);
    uint32_t last = n;
    onednn_copy *copy = &plan->bf16[value];
    if (copy->is_made)
        return ASSAY_OK;
    for (uint32_t m = n; m < plan->n_nodes; m++)
        for (uint32_t i = 0; i < plan->nodes[m].node->n_inputs; i++)
            if (is_operand(plan->nodes[m].node, i) && plan->nodes[m].node->inputs[i] == value)
                last = m;
    *copy = (onednn_copy){.is_made = 1, .maker = n};
    return onednn_layout_add(layout, (size + 1) / 2, n, last, &copy->offset, error);
}

assay_status onednn_place_copies(assay_plan *plan, onednn_layout *layout, assay_error *error) {
    assay_status status = ASSAY_OK;
    if (!plan->session->device->bf16)
        return ASSAY_OK;
    for (uint32_t n = 0; n < plan->n_nodes; n++)
        for (uint32_t i = 0; i < plan->nodes[n].node->n_inputs && status == ASSAY_OK; i++)
            if (is_operand(plan->nodes[n].node, i))
                status = place_operand(plan, layout, n, plan->nodes[n].node->inputs[i], error);
    return status;
}

void onednn_round(const onednn_run *run, onednn_bf16 *to, const float *from, size_t rows,
                  int64_t max_rows, size_t width) {
    size_t n = rows * width;
    ONEDNN_PARALLEL_FOR(run->threads, n)
    for (int part = 0; part < run->threads; part++) {
        size_t begin, end;
        onednn_split(n, ONEDNN_ALIGNED_FLOATS, run->threads, part, &begin, &end);
        run->kernels->round(to + begin, from + begin, end - begin);
    }
    memset(to + n, 0, ((size_t)max_rows - rows) * width * sizeof *to);
}

const void *onednn_operand(const onednn_run *run, const onednn_node *node, uint32_t i) {
    assay_value value = node->node->inputs[i];
    if (!run->device->bf16)
        return onednn_value(run, value);
    const onednn_copy *copy = &run->plan->bf16[value];
    onednn_bf16 *to = (onednn_bf16 *)(void *)(run->session->arena + copy->offset);
    if (copy->maker == node->index)
        onednn_round(run, to, onednn_value(run, value), onednn_rows(run, value),
                     onednn_max_rows(run->plan, value), onednn_channels(run->plan, value));
    return to;
}

const void *onednn_summed_operand(const onednn_run *run, const onednn_node *node, uint32_t i) {
    assay_value value = node->node->inputs[i];
    if (!run->device->bf16)
        onednn_clear_tail(onednn_value(run, value), onednn_rows(run, value),
                          onednn_max_rows(run->plan, value), onednn_channels(run->plan, value));
    return onednn_operand(run, node, i);
}

/* ---- products ------------------------------------------------------------------------------- */

assay_status onednn_prepare_product(assay_plan *plan, onednn_node *node, int g,
                                    onednn_gemm_shape shape, assay_value weight, int packing,
                                    assay_error *error) {
    assay_session *session = plan->session;
    shape.bf16 = session->device->bf16;
    shape.packed = shape.bf16 && weight != ASSAY_NONE;
    assay_status status = onednn_gemm_get(session->device, &shape, &node->gemm[g], error);
    if (status == ASSAY_OK && shape.packed)
        status = onednn_packing_get(session, (uint32_t)onednn_info(plan, weight)->parameter,
                                    node->gemm[g], &node->packing[packing], error);
    return status;
}

assay_status onednn_weight(const onednn_run *run, const onednn_node *node, uint32_t i,
                           const void **ret_weight) {
    float *weight = onednn_in(run, node, i);
    onednn_packing *packing = node->packing[0];
    assay_status status = ASSAY_OK;
    *ret_weight = weight;
    if (!packing)
        return ASSAY_OK;
    if (onednn_packing_is_stale(run->session, packing))
        status = onednn_packing_fill(run->session, packing, weight, run->error);
    *ret_weight = onednn_packing_data(packing);
    return status;
}
