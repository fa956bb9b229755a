/* SPDX-License-Identifier: MIT */
/* onednn/bf16.c: the copies in bf16 of values that matrix products read (sessions of dtype bf16).
 *
 * Values are f32, and so is everything computed from them but products and attention. Of a value
 * that these read there is a copy, rounded to nearest even, which lives until the last of them.
 * Most operations make the copy of their result themselves, and where nobody reads the f32 value
 * there is none; other values are rounded by the first product that reads them. In prediction norms
 * read what products and norms wrote in bf16, too. What lies behind the batch's last row is zero in
 * the copy, because the gradient by a weight sums over all rows of the plan. */

#include "internal.h"

/* Inputs that an operation reads as an operand of a matrix product, as a mask. */
static const uint32_t operands[ONEDNN_OP_COUNT] = {
    [ASSAY_OP_LINEAR] = 1u << 0,
    [ASSAY_OP_ATTENTION] = 1u << 0,
    [ASSAY_OP_LINEAR_GRAD_INPUT] = 1u << 0,
    [ASSAY_OP_LINEAR_GRAD_WEIGHT] = 1u << 0 | 1u << 1,
    [ASSAY_OP_ATTENTION_GRAD] = 1u << 0 | 1u << 1 | 1u << 2,
    [ASSAY_OP_RNN] = 1u << 0,
    [ASSAY_OP_LSTM] = 1u << 0,
    [ASSAY_OP_GRU] = 1u << 0,
    [ASSAY_OP_RNN_GRAD] = 1u << 2,
    [ASSAY_OP_LSTM_GRAD] = 1u << 2,
    [ASSAY_OP_GRU_GRAD] = 1u << 2,
};

/* Outputs of which an operation can write the copy, beside the f32 or alone. */
static const uint32_t rounded[ONEDNN_OP_COUNT] = {
    [ASSAY_OP_GELU] = 1u << 0,           [ASSAY_OP_DROPOUT] = 1u << 0,
    [ASSAY_OP_LAYER_NORM] = 1u << 0,     [ASSAY_OP_ATTENTION] = 1u << 0,
    [ASSAY_OP_GELU_GRAD] = 1u << 0,      [ASSAY_OP_LAYER_NORM_GRAD] = 1u << 0 | 1u << 3,
    [ASSAY_OP_ATTENTION_GRAD] = 1u << 0,
};

/* Outputs that an operation writes in one precision only. */
static const uint32_t either[ONEDNN_OP_COUNT] = {
    [ASSAY_OP_LINEAR] = 1u << 0,
    [ASSAY_OP_LINEAR_GRAD_INPUT] = 1u << 0,
};

static int is_written_by(const assay_plan *plan, assay_value value, int32_t op) {
    for (uint32_t n = 0; n < plan->n_nodes; n++)
        for (uint32_t i = 0; i < plan->nodes[n].node->n_outputs; i++)
            if (plan->nodes[n].node->outputs[i] == value)
                return plan->nodes[n].node->op == op;
    return 0;
}

/* A norm waits for memory: in prediction, as onednn_fuse has it for GELU, its terms are read in
 * bf16 where they are written so. */
static int is_short_term(const assay_plan *plan, const assay_node *node, uint32_t i) {
    return plan->kind == ASSAY_PLAN_FORWARD && plan->session->graph->loss != ASSAY_NONE &&
           node->op == ASSAY_OP_LAYER_NORM && (i == 0 || i == 3) &&
           (is_written_by(plan, node->inputs[i], ASSAY_OP_LINEAR) ||
            is_written_by(plan, node->inputs[i], ASSAY_OP_LAYER_NORM));
}

static int is_operand(const assay_plan *plan, const assay_node *node, uint32_t i) {
    return i < 32 && ((operands[node->op] >> i & 1u) || is_short_term(plan, node, i));
}

int onednn_reads_f32(const assay_plan *plan, uint32_t n, uint32_t i) {
    const assay_node *node = plan->nodes[n].node;
    const onednn_copy *copy = &plan->bf16[node->inputs[i]];
    return !plan->session->device->bf16 || !is_operand(plan, node, i) ||
           (!copy->by_writer && copy->maker == n);
}

/* 1 when more than operands of products is read of a value. */
static int is_read_in_f32(const assay_plan *plan, assay_value value) {
    for (uint32_t n = 0; n < plan->n_nodes; n++)
        for (uint32_t i = 0; i < plan->nodes[n].node->n_inputs; i++)
            if (plan->nodes[n].node->inputs[i] == value &&
                !is_operand(plan, plan->nodes[n].node, i))
                return 1;
    return value == plan->session->graph->logits;
}

/* The node before n that writes a value and can write its copy; n without one. */
static uint32_t writer_of_copy(const assay_plan *plan, uint32_t n, assay_value value,
                               int keeps_f32) {
    for (uint32_t m = 0; m < n; m++) {
        const assay_node *node = plan->nodes[m].node;
        uint32_t can = rounded[node->op] | (keeps_f32 ? 0u : either[node->op]);
        for (uint32_t i = 0; i < node->n_outputs; i++)
            if (node->outputs[i] == value && i < 32 && (can >> i & 1u) &&
                plan->pointer[value].base == ONEDNN_IN_ARENA)
                return m;
    }
    return n;
}

/* Its writer makes the copy, or the first operand reader in the plan; it lives to the last. */
static assay_status place_operand(assay_plan *plan, assay_layout *layout, uint32_t n,
                                  assay_value value, assay_error *error) {
    size_t size = (size_t)onednn_max_rows(plan, value) * onednn_channels(plan, value);
    uint32_t last = n;
    onednn_copy *copy = &plan->bf16[value];
    if (copy->is_made)
        return ASSAY_OK;
    for (uint32_t m = n; m < plan->n_nodes; m++)
        for (uint32_t i = 0; i < plan->nodes[m].node->n_inputs; i++)
            if (is_operand(plan, plan->nodes[m].node, i) && plan->nodes[m].node->inputs[i] == value)
                last = m;
    *copy = (onednn_copy){.is_made = 1, .keeps_f32 = is_read_in_f32(plan, value)};
    copy->maker = writer_of_copy(plan, n, value, copy->keeps_f32);
    copy->by_writer = copy->maker != n;
    copy->keeps_f32 |= !copy->by_writer;
    return assay_layout_add(layout, (size + 1) / 2, copy->maker, last, &copy->offset, error);
}

assay_status onednn_place_copies(assay_plan *plan, assay_layout *layout, assay_error *error) {
    assay_status status = ASSAY_OK;
    if (!plan->session->device->bf16)
        return ASSAY_OK;
    for (uint32_t n = 0; n < plan->n_nodes; n++)
        for (uint32_t i = 0; i < plan->nodes[n].node->n_inputs && status == ASSAY_OK; i++)
            if (is_operand(plan, plan->nodes[n].node, i))
                status = place_operand(plan, layout, n, plan->nodes[n].node->inputs[i], error);
    return status;
}

/* ---- results --------------------------------------------------------------------------------- */

int onednn_keeps_f32(const assay_plan *plan, assay_value value) {
    return !plan->bf16[value].is_made || plan->bf16[value].keeps_f32;
}

onednn_bf16 *onednn_out_bf16(const onednn_run *run, const onednn_node *node, uint32_t i) {
    const onednn_copy *copy = &run->plan->bf16[node->node->outputs[i]];
    return copy->by_writer ? (onednn_bf16 *)(void *)(run->session->arena + copy->offset) : NULL;
}

float *onednn_out_f32(const onednn_run *run, const onednn_node *node, uint32_t i) {
    return onednn_keeps_f32(run->plan, node->node->outputs[i]) ? onednn_out(run, node, i) : NULL;
}

void onednn_clear_out_tail(const onednn_run *run, const onednn_node *node, uint32_t i) {
    assay_value value = node->node->outputs[i];
    onednn_bf16 *copy = onednn_out_bf16(run, node, i);
    size_t rows = onednn_rows(run, value), width = onednn_channels(run->plan, value);
    if (copy)
        memset(copy + rows * width, 0,
               ((size_t)onednn_max_rows(run->plan, value) - rows) * width * sizeof *copy);
}

float *onednn_begin_rows(const onednn_run *run, const onednn_node *node, uint32_t i, size_t row,
                         float *scratch) {
    float *place = onednn_out_f32(run, node, i);
    return place ? place + row * onednn_channels(run->plan, node->node->outputs[i]) : scratch;
}

void onednn_end_rows(const onednn_run *run, const onednn_node *node, uint32_t i, size_t row,
                     size_t n_rows, const float *rows) {
    onednn_bf16 *copy = onednn_out_bf16(run, node, i);
    size_t width = onednn_channels(run->plan, node->node->outputs[i]);
    if (copy)
        run->kernels->round(copy + row * width, rows, n_rows * width);
}

/* ---- operands -------------------------------------------------------------------------------- */

void onednn_round(const onednn_run *run, onednn_bf16 *to, const float *from, size_t rows,
                  int64_t max_rows, size_t width) {
    size_t n = rows * width;
    ONEDNN_PARALLEL(
        run->threads, n, for (int part = 0; part < run->threads; part++) {
            size_t begin, end;
            onednn_split(n, ONEDNN_ALIGNED_FLOATS, run->threads, part, &begin, &end);
            run->kernels->round(to + begin, from + begin, end - begin);
        });
    memset(to + n, 0, ((size_t)max_rows - rows) * width * sizeof *to);
}

const void *onednn_operand(const onednn_run *run, const onednn_node *node, uint32_t i) {
    assay_value value = node->node->inputs[i];
    if (!run->device->bf16)
        return onednn_value(run, value);
    const onednn_copy *copy = &run->plan->bf16[value];
    onednn_bf16 *to = (onednn_bf16 *)(void *)(run->session->arena + copy->offset);
    if (!copy->by_writer && copy->maker == node->index)
        onednn_round(run, to, onednn_value(run, value), onednn_rows(run, value),
                     onednn_max_rows(run->plan, value), onednn_channels(run->plan, value));
    return to;
}

int onednn_reads_copy(const onednn_run *run, const onednn_node *node, uint32_t i) {
    return run->device->bf16 && is_operand(run->plan, node->node, i);
}

const void *onednn_summed_operand(const onednn_run *run, const onednn_node *node, uint32_t i) {
    assay_value value = node->node->inputs[i];
    if (!run->device->bf16)
        onednn_clear_tail(onednn_value(run, value), onednn_rows(run, value),
                          onednn_max_rows(run->plan, value), onednn_channels(run->plan, value));
    return onednn_operand(run, node, i);
}

/* ---- products ------------------------------------------------------------------------------- */

/* Least rows of a product in f32 that pay for packing its weight each time. */
#define PASSING_ROWS 64

/* In f32, prediction keeps its weights packed; of training's products the gradient by x gains most
 * (a fifth), and forward next to nothing. */
static int packs_f32(const assay_plan *plan, const onednn_node *node, int64_t rows, int *ret_pass) {
    *ret_pass = node->node->op == ASSAY_OP_LINEAR_GRAD_INPUT;
    return *ret_pass ? rows >= PASSING_ROWS
                     : node->node->op == ASSAY_OP_LINEAR && plan->kind == ASSAY_PLAN_FORWARD;
}

assay_status onednn_prepare_product(assay_plan *plan, onednn_node *node, int g,
                                    onednn_gemm_shape shape, assay_value weight, int packing,
                                    assay_error *error) {
    assay_session *session = plan->session;
    int passing = 0;
    shape.bf16 = session->device->bf16;
    shape.packed = weight != ASSAY_NONE && (shape.bf16 || packs_f32(plan, node, shape.m, &passing));
    assay_status status = onednn_gemm_get(session->device, &shape, &node->gemm[g], error);
    if (status == ASSAY_OK && shape.packed)
        status = onednn_packing_get(session, (uint32_t)onednn_info(plan, weight)->parameter,
                                    node->gemm[g], passing, &node->packing[packing], error);
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
    *ret_weight = onednn_packing_data(run->session, packing);
    return status;
}
