/* SPDX-License-Identifier: MIT */
/* onednn/recurrent.c: RNN, LSTM and GRU layers, one or two directions.
 *
 * The input part of all gates is one matmul per direction over all tokens; the step loops
 * (kernels_recurrent.inc) run one task for each direction and share of the rows, without barriers;
 * the gradients of x and of both weights are matmuls over all tokens again. Rows are sorted longest
 * first, so that a step works on a prefix of them. In bf16 all products take operands in bf16, the
 * steps' too; states, cells and what gates are made of stay f32, so that rounding doesn't pile up
 * over time.
 *
 * Gates stand as [direction, token, gate, padded], padded = H rounded up to whole vectors, so that
 * every operand of a product is dense (others, oneDNN 2.6 multiplies more slowly and takes memory
 * for each time). Gates: RNN one; LSTM i, f, g, o; GRU n, r, z, and apart from these q = Un h + cn.
 * GRU's recurrent products are those of r, z and q: their gradients are an array of their own. */

#include <stdlib.h>

#include "internal.h"

#define MOST_BLOCKS 4
#define TILE_FLOATS 512

/* Everything that follows from the node and the plan; offsets in floats. */
typedef struct recurrent_shape {
    size_t in, hidden, padded, gates; /* I, H, padded H, 1, 3 or 4 */
    size_t blocks;                    /* of biases: 1 or 4 */
    size_t directions, parts;         /* parts: shares of the rows */
    size_t gates_stride;              /* from token to token */
    size_t tokens;                    /* of the plan */
    size_t weight_stride;             /* packed recurrent weights of a direction */
    size_t before_stride;             /* of the states before, from token to token */
    int own_products;                 /* 1: gradients by weights with our own kernel */
    int is_gru, is_lstm;
    const int *block_of_input, *block_of_state; /* block of each of PyTorch's gates */
    /* in the node's state */
    size_t gate_values, cell, q, input_weight, bias, order, before_bf16, state_size;
    /* in scratch */
    size_t state_weight, tile, carry, bias_sum, before, weight_gradient, state_gates, columns;
    size_t gates_bf16, state_gates_bf16;
    size_t forward_scratch, backward_scratch;
} recurrent_shape;

static const int blocks_in_order[MOST_BLOCKS] = {0, 1, 2, 3};
static const int gru_input_blocks[3] = {1, 2, 0};
static const int gru_state_blocks[3] = {1, 2, 3};

static size_t rounded(size_t n) {
    return (n + ONEDNN_ALIGNED_FLOATS - 1) / ONEDNN_ALIGNED_FLOATS * ONEDNN_ALIGNED_FLOATS;
}

/* Takes n floats of an area and moves its end. */
static size_t take(size_t *end, size_t n) {
    size_t begin = *end;
    *end += rounded(n);
    return begin;
}

/* `node` is the forward node. */
static recurrent_shape make_shape(const assay_plan *plan, const assay_node *node) {
    const assay_device *device = plan->session->device;
    size_t rows = (size_t)plan->max_rows, tasks, width, all;
    recurrent_shape s = {0};
    s.is_gru = node->op == ASSAY_OP_GRU;
    s.is_lstm = node->op == ASSAY_OP_LSTM;
    s.gates = s.is_gru ? 3 : s.is_lstm ? 4 : 1;
    s.blocks = s.is_gru || s.is_lstm ? 4 : 1;
    s.block_of_input = s.is_gru ? gru_input_blocks : blocks_in_order;
    s.block_of_state = s.is_gru ? gru_state_blocks : blocks_in_order;
    s.tokens = (size_t)plan->max_tokens;
    s.directions = node->attrs.bidirectional ? 2 : 1;
    s.in = onednn_channels(plan, node->inputs[0]);
    s.hidden = onednn_channels(plan, node->outputs[0]) / s.directions;
    width = device->kernels->width;
    s.padded = (s.hidden + width - 1) / width * width;
    s.parts = (size_t)device->threads / s.directions;
    s.parts = s.parts > rows ? rows : s.parts;
    s.parts = s.parts < 1 ? 1 : s.parts;
    s.gates_stride = s.gates * s.padded;
    s.weight_stride = s.gates_stride * s.padded / (device->bf16 ? 2 : 1);
    s.before_stride = device->bf16 ? s.padded : s.hidden;
    s.own_products = onednn_column_products_fit(device, s.gates_stride);
    tasks = s.directions * s.parts;
    all = s.directions * s.tokens;
    s.gate_values = take(&s.state_size, all * s.gates_stride);
    s.cell = take(&s.state_size, s.is_lstm ? all * s.padded : 0);
    s.q = take(&s.state_size, s.is_gru ? all * s.padded : 0);
    s.input_weight = take(&s.state_size, s.directions * s.gates * s.padded * s.in);
    s.bias = take(&s.state_size, s.directions * s.blocks * s.padded);
    s.order = take(&s.state_size, 2 * rows);
    s.before_bf16 = take(&s.state_size, device->bf16 ? (all * s.padded + 1) / 2 : 0);
    s.state_weight = take(&s.forward_scratch, s.directions * s.weight_stride);
    s.tile = take(&s.forward_scratch, tasks * TILE_FLOATS);
    s.backward_scratch = s.forward_scratch;
    s.carry = take(&s.backward_scratch, s.directions * rows * s.padded);
    s.bias_sum = take(&s.backward_scratch, tasks * s.blocks * s.padded);
    s.weight_gradient = take(&s.backward_scratch, s.gates * s.padded * (s.in + s.hidden));
    if (s.own_products)
        s.columns =
            take(&s.backward_scratch,
                 onednn_columns_scratch(s.gates * s.padded, s.in + ONEDNN_PANEL_B - 1 + s.hidden));
    if (device->bf16) {
        s.gates_bf16 = take(&s.backward_scratch, (all * s.gates_stride + 1) / 2);
        s.state_gates_bf16 =
            s.is_gru ? take(&s.backward_scratch, (all * s.gates_stride + 1) / 2) : s.gates_bf16;
    } else {
        s.before = take(&s.backward_scratch, all * s.before_stride);
        s.state_gates = take(&s.backward_scratch, s.is_gru ? all * s.gates_stride : 0);
    }
    return s;
}

/* ---- packing ------------------------------------------------------------------------------- */

static const float *weight_of(const onednn_run *run, const assay_node *forward, size_t direction,
                              uint32_t kind) {
    return onednn_value(run, forward->inputs[1 + 4 * direction + kind]);
}

enum { WEIGHT_IH, WEIGHT_HH, BIAS_IH, BIAS_HH };

/* weight_ih with its gates at their blocks [gates, padded, I]. */
static float *pack_input_weight(const onednn_run *run, const recurrent_shape *s,
                                const assay_node *forward, size_t direction, float *state) {
    size_t rows = s->gates * s->padded;
    float *to = state + s->input_weight + direction * rows * s->in;
    const float *w = weight_of(run, forward, direction, WEIGHT_IH);
    memset(to, 0, rows * s->in * sizeof *to);
    for (size_t g = 0; g < s->gates; g++)
        memcpy(to + (size_t)s->block_of_input[g] * s->padded * s->in, w + g * s->hidden * s->in,
               s->hidden * s->in * sizeof *to);
    return to;
}

/* All biases that stand outside the product of the reset gate; GRU's fourth block gets cn. */
static void pack_biases(const onednn_run *run, const recurrent_shape *s, const assay_node *forward,
                        size_t direction, float *state) {
    float *bias = state + s->bias + direction * s->blocks * s->padded;
    const float *b_ih = weight_of(run, forward, direction, BIAS_IH);
    const float *b_hh = weight_of(run, forward, direction, BIAS_HH);
    memset(bias, 0, s->blocks * s->padded * sizeof *bias);
    for (size_t g = 0; g < s->gates; g++) {
        size_t input_block = (size_t)s->block_of_input[g] * s->padded;
        size_t state_block = (size_t)s->block_of_state[g] * s->padded;
        for (size_t i = 0; i < s->hidden; i++) {
            bias[input_block + i] += b_ih[g * s->hidden + i];
            bias[state_block + i] += b_hh[g * s->hidden + i];
        }
    }
}

/* The weights as operand b of the node's products: the forward pass has them in f32 in the state;
 * in bf16 each pass has a packing of its own. */
static assay_status input_weight(const onednn_run *run, const onednn_node *node,
                                 const recurrent_shape *s, size_t direction,
                                 const void **ret_weight) {
    const assay_node *forward = node->forward ? node->forward->node : node->node;
    float *state = onednn_state(run, node);
    onednn_packing *packing = node->packing[direction];
    assay_status status = ASSAY_OK;
    if (!packing) {
        *ret_weight = node->forward
                          ? state + s->input_weight + direction * s->gates * s->padded * s->in
                          : pack_input_weight(run, s, forward, direction, state);
        return ASSAY_OK;
    }
    if (onednn_packing_is_stale(run->session, packing))
        status =
            onednn_packing_fill(run->session, packing,
                                pack_input_weight(run, s, forward, direction, state), run->error);
    *ret_weight = onednn_packing_data(run->session, packing);
    return status;
}

/* ---- tasks --------------------------------------------------------------------------------- */

typedef struct row_order {
    int32_t length, first;
} row_order;

static int longer_first(const void *a, const void *b) {
    const row_order *x = a, *y = b;
    return x->length != y->length ? (x->length < y->length) - (x->length > y->length)
                                  : (x->first > y->first) - (x->first < y->first);
}

/* Insertion sort: a batch is small and nothing may be allocated here. */
static void sort_rows(row_order *rows, size_t n) {
    for (size_t i = 1; i < n; i++) {
        row_order row = rows[i];
        size_t j = i;
        for (; j > 0 && longer_first(&row, &rows[j - 1]) < 0; j--)
            rows[j] = rows[j - 1];
        rows[j] = row;
    }
}

/* The k-th row of part p among sorted rows, as first[] and length[] of the part one after the
 * other: part p takes every parts-th row. */
static void order_rows(const onednn_run *run, const recurrent_shape *s, float *state,
                       row_order *rows) {
    const int32_t *offsets = run->batch->offsets;
    size_t n = (size_t)run->batch->n_rows, to = 0;
    int32_t *first = (int32_t *)(void *)(state + s->order), *length = first + run->plan->max_rows;
    for (size_t b = 0; b < n; b++)
        rows[b] = (row_order){offsets[b + 1] - offsets[b], offsets[b]};
    sort_rows(rows, n);
    for (size_t part = 0; part < s->parts; part++) {
        for (size_t i = part; i < n; i += s->parts, to++) {
            first[to] = rows[i].first;
            length[to] = rows[i].length;
        }
    }
}

/* Rows that parts 0 .. part - 1 have together. */
static size_t rows_before(size_t n, size_t parts, size_t part) {
    size_t sum = 0;
    for (size_t p = 0; p < part; p++)
        sum += (n + parts - 1 - p) / parts;
    return sum;
}

static onednn_recurrent_task make_task(const onednn_run *run, const onednn_node *node,
                                       const recurrent_shape *s, size_t task, float *y) {
    size_t direction = task / s->parts, part = task % s->parts, n = (size_t)run->batch->n_rows;
    size_t begin = rows_before(n, s->parts, part), end = rows_before(n, s->parts, part + 1);
    float *state = onednn_state(run, node), *scratch = onednn_scratch(run, node);
    float *gates = state + s->gate_values + direction * s->tokens * s->gates_stride;
    size_t own = direction * s->tokens * s->padded; /* of arrays with one block a token */
    const int32_t *first = (const int32_t *)(const void *)(state + s->order);
    onednn_bf16 *before = (onednn_bf16 *)(void *)(state + s->before_bf16);
    return (onednn_recurrent_task){
        .n_rows = end - begin,
        .first = first + begin,
        .length = first + run->plan->max_rows + begin,
        .reverse = direction == 1,
        .hidden = s->hidden,
        .padded = s->padded,
        .gates = gates,
        .gates_stride = s->gates_stride,
        .cell = s->is_lstm ? state + s->cell + own : NULL,
        .q = s->is_gru ? state + s->q + own : NULL,
        .state_gates =
            s->is_gru ? scratch + s->state_gates + direction * s->tokens * s->gates_stride : gates,
        .before = run->device->bf16 ? before + own : NULL,
        .y = y + direction * s->hidden,
        .y_stride = s->directions * s->hidden,
        .weight = scratch + s->state_weight + direction * s->weight_stride,
        .bias = state + s->bias + (direction * s->blocks + s->blocks - 1) * s->padded,
        .tile = scratch + s->tile + task * TILE_FLOATS};
}

/* ---- forward ------------------------------------------------------------------------------- */

/* Input part of one direction: [M, I] [I, gates padded]. */
static onednn_gemm_shape input_gemm(const assay_plan *plan, const recurrent_shape *s) {
    return (onednn_gemm_shape){.m = plan->max_tokens,
                               .n = (int64_t)(s->gates * s->padded),
                               .k = (int64_t)s->in,
                               .a_row = (int64_t)s->in,
                               .a_column = 1,
                               .b_row = 1,
                               .b_column = (int64_t)s->in,
                               .c_row = (int64_t)s->gates_stride,
                               .bias = 1};
}

assay_status onednn_prepare_recurrent(assay_plan *plan, onednn_node *node, assay_error *error) {
    recurrent_shape s = make_shape(plan, node->node);
    assay_status status = ASSAY_OK;
    node->state_size = s.state_size;
    node->scratch_size = s.forward_scratch + 2 * rounded((size_t)plan->max_rows);
    for (size_t d = 0; d < s.directions && status == ASSAY_OK; d++)
        status = onednn_prepare_product(plan, node, (int)d, input_gemm(plan, &s),
                                        node->node->inputs[1 + 4 * d + WEIGHT_IH], (int)d, error);
    return status;
}

static assay_status run_forward(const onednn_run *run, const onednn_node *node,
                                void (*kernel)(const onednn_recurrent_task *task)) {
    recurrent_shape s = make_shape(run->plan, node->node);
    float *state = onednn_state(run, node), *scratch = onednn_scratch(run, node);
    float *y = onednn_out(run, node, 0);
    const void *x = onednn_operand(run, node, 0);
    assay_status status = ASSAY_OK;
    order_rows(run, &s, state, (row_order *)(void *)(scratch + s.forward_scratch));
    for (size_t d = 0; d < s.directions && status == ASSAY_OK; d++) {
        const void *weight = NULL;
        pack_biases(run, &s, node->node, d, state);
        run->kernels->pack_recurrent_forward(scratch + s.state_weight + d * s.weight_stride,
                                             weight_of(run, node->node, d, WEIGHT_HH), s.gates,
                                             s.hidden);
        status = input_weight(run, node, &s, d, &weight);
        if (status == ASSAY_OK)
            status = onednn_gemm_run(
                run->device, node->gemm[d], x, weight, state + s.bias + d * s.blocks * s.padded,
                state + s.gate_values + d * s.tokens * s.gates_stride, run->error);
    }
    if (status != ASSAY_OK)
        return status;
    int n = (int)(s.directions * s.parts);
    ONEDNN_PARALLEL(
        run->threads, (size_t)run->batch->n_tokens * s.directions * s.gates_stride,
        for (int i = 0; i < n; i++) {
            onednn_recurrent_task task = make_task(run, node, &s, (size_t)i, y);
            kernel(&task);
        });
    return ASSAY_OK;
}

assay_status onednn_run_rnn(const onednn_run *run, const onednn_node *node) {
    return run_forward(run, node, run->kernels->rnn);
}

assay_status onednn_run_lstm(const onednn_run *run, const onednn_node *node) {
    return run_forward(run, node, run->kernels->lstm);
}

assay_status onednn_run_gru(const onednn_run *run, const onednn_node *node) {
    return run_forward(run, node, run->kernels->gru);
}

/* ---- backward ------------------------------------------------------------------------------ */

enum { GEMM_DX, GEMM_DX_ADD, GEMM_DW_INPUT, GEMM_DW_STATE };

/* dx [M, I] (+)= gates [M, gates padded] weight [gates padded, I] */
static onednn_gemm_shape dx_gemm(const assay_plan *plan, const recurrent_shape *s, int add) {
    return (onednn_gemm_shape){.m = plan->max_tokens,
                               .n = (int64_t)s->in,
                               .k = (int64_t)(s->gates * s->padded),
                               .a_row = (int64_t)s->gates_stride,
                               .a_column = 1,
                               .b_row = (int64_t)s->in,
                               .b_column = 1,
                               .c_row = (int64_t)s->in,
                               .add = add};
}

/* [gates padded, width] = gates^T [gates padded, M] b [M, width] */
static onednn_gemm_shape dw_gemm(const assay_plan *plan, const recurrent_shape *s, size_t width,
                                 size_t stride) {
    return (onednn_gemm_shape){.m = (int64_t)(s->gates * s->padded),
                               .n = (int64_t)width,
                               .k = plan->max_tokens,
                               .a_row = 1,
                               .a_column = (int64_t)s->gates_stride,
                               .b_row = (int64_t)stride,
                               .b_column = 1,
                               .c_row = (int64_t)width};
}

assay_status onednn_prepare_recurrent_grad(assay_plan *plan, onednn_node *node,
                                           assay_error *error) {
    recurrent_shape s = make_shape(plan, node->forward->node);
    onednn_gemm_shape shapes[4] = {dx_gemm(plan, &s, 0), dx_gemm(plan, &s, 1),
                                   dw_gemm(plan, &s, s.in, s.in),
                                   dw_gemm(plan, &s, s.hidden, s.before_stride)};
    const assay_value *weights = node->forward->node->inputs + 1;
    assay_status status = ASSAY_OK;
    node->scratch_size = s.backward_scratch;
    for (int d = 0; d < (int)s.directions && status == ASSAY_OK; d++)
        status = onednn_prepare_product(plan, node, d ? GEMM_DX_ADD : GEMM_DX, shapes[d],
                                        weights[4 * d + WEIGHT_IH], d, error);
    for (int g = GEMM_DW_INPUT; g <= GEMM_DW_STATE && !s.own_products && status == ASSAY_OK; g++)
        status = onednn_prepare_product(plan, node, g, shapes[g], ASSAY_NONE, 0, error);
    return status;
}

/* before [D, N, H] = the state each token starts from: that of its neighbour, or zero. */
static void shift_states(const onednn_run *run, const recurrent_shape *s, float *before,
                         const float *y) {
    const int32_t *offsets = run->batch->offsets, *rows = run->plan->token_row;
    size_t h = s->hidden, width = s->directions * h, n = (size_t)run->batch->n_tokens;
    ONEDNN_PARALLEL(
        run->threads, n * width, for (int part = 0; part < run->threads; part++) {
            size_t first, end;
            onednn_split(n, 1, run->threads, part, &first, &end);
            for (size_t d = 0; d < s->directions; d++) {
                for (size_t t = first; t < end; t++) {
                    size_t start = (size_t)(d ? offsets[rows[t] + 1] - 1 : offsets[rows[t]]);
                    float *to = before + (d * s->tokens + t) * h;
                    if (t == start)
                        memset(to, 0, h * sizeof *to);
                    else
                        memcpy(to, y + (d ? t + 1 : t - 1) * width + d * h, h * sizeof *to);
                }
            }
        });
}

/* Output i (+)= from [blocks, padded, width] with PyTorch's gates taken from their blocks. */
static void deliver_gates(const onednn_run *run, const onednn_node *node, const recurrent_shape *s,
                          uint32_t i, const float *from, const int *blocks, size_t width) {
    if (node->node->outputs[i] == ASSAY_NONE)
        return;
    float *to = onednn_out(run, node, i);
    int add = onednn_adds(run->plan, node->node, i);
    size_t n = s->hidden * width;
    for (size_t g = 0; g < s->gates; g++, to += n) {
        const float *block = from + (size_t)blocks[g] * s->padded * width;
        if (add)
            run->kernels->add(to, to, block, n);
        else
            memcpy(to, block, n * sizeof *to);
    }
}

static onednn_bf16 *rounded_gates(float *scratch, const recurrent_shape *s, size_t offset,
                                  size_t direction) {
    return (onednn_bf16 *)(void *)(scratch + offset) + direction * s->tokens * s->gates_stride;
}

static void run_backward_tasks(const onednn_run *run, const onednn_node *node,
                               const recurrent_shape *s,
                               void (*kernel)(const onednn_recurrent_task *task)) {
    float *scratch = onednn_scratch(run, node), *y = onednn_in(run, node, 1);
    const float *dy = onednn_in(run, node, 0);
    int n = (int)(s->directions * s->parts);
    for (size_t d = 0; d < s->directions; d++)
        run->kernels->pack_recurrent_backward(scratch + s->state_weight + d * s->weight_stride,
                                              weight_of(run, node->forward->node, d, WEIGHT_HH),
                                              s->gates, s->hidden);
    ONEDNN_PARALLEL(
        run->threads, (size_t)run->batch->n_tokens * s->directions * s->gates_stride,
        for (int i = 0; i < n; i++) {
            onednn_recurrent_task task = make_task(run, node, s, (size_t)i, y);
            size_t direction = (size_t)i / s->parts, part = (size_t)i % s->parts;
            size_t before = rows_before((size_t)run->batch->n_rows, s->parts, part);
            task.dy = dy + direction * s->hidden;
            task.carry =
                scratch + s->carry + (direction * (size_t)run->plan->max_rows + before) * s->padded;
            task.bias_sum = scratch + s->bias_sum + (size_t)i * s->blocks * s->padded;
            if (run->device->bf16) {
                task.gates_bf16 = rounded_gates(scratch, s, s->gates_bf16, direction);
                task.state_gates_bf16 = rounded_gates(scratch, s, s->state_gates_bf16, direction);
            }
            kernel(&task);
        });
}

/* Operands of the large products, in the device's precision: gradients of the gates and of the
 * recurrent products [D, N, gates_stride], the states before [D, N, before_stride], and x [N, I],
 * zeros behind the batch's last token of each direction. */
typedef struct backward_operands {
    const void *gates, *state_gates, *before, *x;
} backward_operands;

static size_t operand_size(const onednn_run *run) {
    return run->device->bf16 ? sizeof(onednn_bf16) : sizeof(float);
}

/* values [D, N, width] with zeros behind. */
static const void *summed(const onednn_run *run, const recurrent_shape *s, void *values,
                          size_t width) {
    size_t n = (size_t)run->batch->n_tokens, row = width * operand_size(run);
    for (size_t d = 0; d < s->directions; d++)
        memset((char *)values + (d * s->tokens + n) * row, 0, (s->tokens - n) * row);
    return values;
}

static backward_operands make_operands(const onednn_run *run, const onednn_node *node,
                                       const recurrent_shape *s) {
    float *scratch = onednn_scratch(run, node), *state = onednn_state(run, node);
    int bf16 = run->device->bf16;
    float *before = bf16 ? state + s->before_bf16 : scratch + s->before;
    float *gates = bf16 ? scratch + s->gates_bf16 : state + s->gate_values;
    float *state_gates = bf16 ? scratch + s->state_gates_bf16 : scratch + s->state_gates;
    backward_operands operands;
    if (!bf16)
        shift_states(run, s, before, onednn_in(run, node, 1));
    operands.gates = summed(run, s, gates, s->gates_stride);
    operands.state_gates =
        s->is_gru ? summed(run, s, state_gates, s->gates_stride) : operands.gates;
    operands.before = summed(run, s, before, s->before_stride);
    operands.x = onednn_summed_operand(run, node, 2);
    return operands;
}

/* Element i of an operand. */
static const void *element(const onednn_run *run, const void *operand, size_t i) {
    return (const char *)operand + i * operand_size(run);
}

/* dw [gates padded, I] = gates^T x, dr [gates padded, H] = state_gates^T before. */
static assay_status multiply_weights(const onednn_run *run, const onednn_node *node,
                                     const recurrent_shape *s, const backward_operands *operands,
                                     size_t d, float *dw, float *dr) {
    const void *gates = element(run, operands->gates, d * s->tokens * s->gates_stride);
    const void *state_gates = element(run, operands->state_gates, d * s->tokens * s->gates_stride);
    const void *before = element(run, operands->before, d * s->tokens * s->before_stride);
    if (!s->own_products) {
        assay_status status = onednn_gemm_run(run->device, node->gemm[GEMM_DW_INPUT], gates,
                                              operands->x, NULL, dw, run->error);
        return status != ASSAY_OK ? status
                                  : onednn_gemm_run(run->device, node->gemm[GEMM_DW_STATE],
                                                    state_gates, before, NULL, dr, run->error);
    }
    const onednn_column_product products[2] = {{{operands->x, s->in, s->in}, dw},
                                               {{before, s->hidden, s->before_stride}, dr}};
    onednn_columns a = {gates, s->gates_stride, s->gates_stride}, b = a;
    size_t n = (size_t)run->batch->n_tokens;
    float *columns = onednn_scratch(run, node) + s->columns;
    b.values = state_gates;
    memset(dw, 0, s->gates_stride * s->in * sizeof *dw);
    memset(dr, 0, s->gates_stride * s->hidden * sizeof *dr);
    onednn_add_column_products(run, a, products, s->is_gru ? 1 : 2, n, columns);
    if (s->is_gru)
        onednn_add_column_products(run, b, products + 1, 1, n, columns);
    return ASSAY_OK;
}

/* Gradients by weights and biases of one direction. */
static assay_status deliver_direction(const onednn_run *run, const onednn_node *node,
                                      const recurrent_shape *s, const backward_operands *operands,
                                      size_t d) {
    float *scratch = onednn_scratch(run, node), *sums, *dw = scratch + s->weight_gradient;
    float *dr = dw + s->gates_stride * s->in;
    uint32_t output = (uint32_t)(1 + 4 * d);
    sums = scratch + s->bias_sum + d * s->parts * s->blocks * s->padded;
    onednn_add_parts(run, sums, s->blocks * s->padded, s->blocks * s->padded, (int)s->parts);
    deliver_gates(run, node, s, output + BIAS_IH, sums, s->block_of_input, 1);
    deliver_gates(run, node, s, output + BIAS_HH, sums, s->block_of_state, 1);
    assay_status status = multiply_weights(run, node, s, operands, d, dw, dr);
    if (status != ASSAY_OK)
        return status;
    deliver_gates(run, node, s, output + WEIGHT_IH, dw, s->block_of_input, s->in);
    deliver_gates(run, node, s, output + WEIGHT_HH, dr, blocks_in_order, s->hidden);
    return ASSAY_OK;
}

static assay_status run_backward(const onednn_run *run, const onednn_node *node,
                                 void (*kernel)(const onednn_recurrent_task *task)) {
    recurrent_shape s = make_shape(run->plan, node->forward->node);
    assay_status status = ASSAY_OK;
    run_backward_tasks(run, node, &s, kernel);
    backward_operands operands = make_operands(run, node, &s);
    for (size_t d = 0; d < s.directions && node->node->outputs[0] != ASSAY_NONE; d++) {
        const void *weight = NULL;
        if (status == ASSAY_OK)
            status = input_weight(run, node, &s, d, &weight);
        if (status == ASSAY_OK)
            status = onednn_gemm_run(run->device, node->gemm[d ? GEMM_DX_ADD : GEMM_DX],
                                     element(run, operands.gates, d * s.tokens * s.gates_stride),
                                     weight, NULL, onednn_out(run, node, 0), run->error);
    }
    for (size_t d = 0; d < s.directions && status == ASSAY_OK; d++)
        status = deliver_direction(run, node, &s, &operands, d);
    return status;
}

assay_status onednn_run_rnn_grad(const onednn_run *run, const onednn_node *node) {
    return run_backward(run, node, run->kernels->rnn_grad);
}

assay_status onednn_run_lstm_grad(const onednn_run *run, const onednn_node *node) {
    return run_backward(run, node, run->kernels->lstm_grad);
}

assay_status onednn_run_gru_grad(const onednn_run *run, const onednn_node *node) {
    return run_backward(run, node, run->kernels->gru_grad);
}
