/* SPDX-License-Identifier: MIT */
/* onednn/attention.c: self-attention, one task for each row and head. A task's result doesn't
 * depend on the thread that runs it.
 *
 * Where only first tokens are wanted (fusion.c) a row has one query and y one row for it.
 *
 * A task's rows are read while the thread still works on the task before (kernels.inc,
 * fetch_ahead).
 *
 * State: lse [heads, max_tokens], where a gradient reads it. Scratch: dropout keys [max_tokens],
 * column sums of the gradient [max_rows, 3 C] where these are wanted, then room for each thread. */

#include "internal.h"

/* Floats that hold the keys. */
static size_t keys_size(const assay_plan *plan) {
    return 2 * (((size_t)plan->max_tokens + 7) / 8 * 8);
}

static size_t thread_scratch(const assay_plan *plan, size_t size) {
    size_t floats =
        plan->session->device->kernels->attention_scratch((size_t)plan->max_tokens, size);
    return (floats + ONEDNN_ALIGNED_FLOATS - 1) / ONEDNN_ALIGNED_FLOATS * ONEDNN_ALIGNED_FLOATS;
}

/* Floats that hold the column sums of each row's gradient. */
static size_t sums_size(const assay_plan *plan, const onednn_node *node) {
    const assay_node *n = node->node;
    if (n->op != ASSAY_OP_ATTENTION_GRAD || n->n_outputs < 2)
        return 0;
    return (size_t)plan->max_rows * onednn_column_stride(plan, n->inputs[1]);
}

assay_status onednn_prepare_attention(assay_plan *plan, onednn_node *node, assay_error *error) {
    const assay_node *n = node->node;
    int backward = n->op == ASSAY_OP_ATTENTION_GRAD;
    size_t heads = (size_t)n->attrs.heads;
    size_t size = onednn_channels(plan, n->inputs[backward ? 1 : 0]) / 3 / heads;
    (void)error;
    if (!backward && rewrite_last_backward(&plan->own, node->index) != node->index)
        node->state_size = heads * (size_t)plan->max_tokens;
    node->scratch_size = keys_size(plan) + sums_size(plan, node) +
                         (size_t)plan->session->device->threads * thread_scratch(plan, size);
    return ASSAY_OK;
}

/* Dropout keys of all tokens in the node's scratch, or NULL with dropout off. */
static const uint64_t *make_keys(const onednn_run *run, const onednn_node *node) {
    const assay_batch *batch = run->batch;
    uint64_t *keys = (uint64_t *)(void *)onednn_scratch(run, node);
    if (!run->dropout || !(node->node->attrs.probability > 0))
        return NULL;
    for (int32_t t = 0; t < batch->n_tokens; t++)
        keys[t] = assay_dropout_key(run->step->seed, node->node->attrs.stream,
                                    batch->row_keys[run->plan->token_row[t]], batch->positions[t]);
    return keys;
}

typedef struct attention_arrays {
    const char *qkv, *y_in, *dy;
    size_t element; /* bytes of one of these */
    float *y, *dqkv;
    onednn_bf16 *y_bf16, *dqkv_bf16;
    float *sums; /* [n_rows, 3 C], rows sums_stride apart, or NULL */
    size_t sums_stride;
    float *lse; /* [heads, max_tokens], or NULL where nobody reads it */
    const uint64_t *keys;
    size_t channels; /* C */
    int first_only;  /* 1: y [n_rows, C], of the first tokens */
} attention_arrays;

/* Input i as an operand: f32 or bf16. */
static const char *operand(const onednn_run *run, const onednn_node *node, uint32_t i) {
    return onednn_operand(run, node, i);
}

static onednn_attention_task make_task(const onednn_run *run, const onednn_node *node,
                                       const attention_arrays *a, size_t row, size_t head) {
    const assay_attrs *attrs = &node->node->attrs;
    const int32_t *offsets = run->batch->offsets;
    size_t first = (size_t)offsets[row], size = a->channels / (size_t)attrs->heads;
    size_t n_tokens = (size_t)offsets[row + 1] - first;
    size_t in = first * 3 * a->channels + head * size;
    size_t out = (a->first_only ? row : first) * a->channels + head * size;
    float *scratch = onednn_scratch(run, node) + keys_size(run->plan) + sums_size(run->plan, node);
    onednn_attention_task task = {
        .n_tokens = n_tokens,
        .n_queries = a->first_only ? 1 : n_tokens,
        .size = size,
        .q = a->qkv + in * a->element,
        .k = a->qkv + (in + a->channels) * a->element,
        .v = a->qkv + (in + 2 * a->channels) * a->element,
        .stride = 3 * a->channels,
        .out = a->y ? a->y + out : NULL,
        .out_bf16 = a->y_bf16 ? a->y_bf16 + out : NULL,
        .y_stride = a->channels,
        .lse = a->lse ? a->lse + head * (size_t)run->plan->max_tokens + first : NULL,
        .keys = a->keys ? a->keys + first : NULL,
        .channel = (uint32_t)head * 65536u,
        .threshold = assay_dropout_threshold(attrs->probability),
        .keep_scale = (float)(1.0 / (1.0 - attrs->probability)),
        .scratch = scratch + (size_t)onednn_thread() * thread_scratch(run->plan, size)};
    if (!a->dy)
        return task;
    task.y = a->y_in + out * a->element;
    task.dy = a->dy + out * a->element;
    for (size_t i = 0; i < 3; i++) {
        task.gradient[i] = a->dqkv ? a->dqkv + in + i * a->channels : NULL;
        task.gradient_bf16[i] = a->dqkv_bf16 ? a->dqkv_bf16 + in + i * a->channels : NULL;
        task.sums[i] =
            a->sums ? a->sums + row * a->sums_stride + i * a->channels + head * size : NULL;
    }
    return task;
}

static assay_status run_tasks(const onednn_run *run, const onednn_node *node,
                              const attention_arrays *arrays,
                              void (*kernel)(const onednn_attention_task *task)) {
    int heads = node->node->attrs.heads, n = run->batch->n_rows * heads;
    size_t work = (size_t)run->batch->n_tokens * arrays->channels;
    ONEDNN_DYNAMIC(
        run->threads, work, for (int i = 0; i < n; i++) {
            int next = i + run->threads; /* the others take those in between */
            onednn_attention_task ahead,
                task = make_task(run, node, arrays, (size_t)(i / heads), (size_t)(i % heads));
            if (next < n) {
                ahead =
                    make_task(run, node, arrays, (size_t)(next / heads), (size_t)(next % heads));
                task.ahead = &ahead;
            }
            kernel(&task);
        });
    onednn_clear_out_tail(run, node, 0);
    return ASSAY_OK;
}

assay_status onednn_run_attention(const onednn_run *run, const onednn_node *node) {
    attention_arrays arrays = {
        .qkv = operand(run, node, 0),
        .element = run->device->bf16 ? sizeof(onednn_bf16) : sizeof(float),
        .y = onednn_out_f32(run, node, 0),
        .y_bf16 = onednn_out_bf16(run, node, 0),
        .lse = node->state_size ? onednn_state(run, node) : NULL,
        .keys = make_keys(run, node),
        .channels = onednn_channels(run->plan, node->node->outputs[0]),
        .first_only = onednn_info(run->plan, node->node->outputs[0])->domain == ASSAY_DOMAIN_ROWS};
    return run_tasks(run, node, &arrays, run->kernels->attention);
}

assay_status onednn_run_attention_grad(const onednn_run *run, const onednn_node *node) {
    attention_arrays arrays = {.dy = operand(run, node, 0),
                               .qkv = operand(run, node, 1),
                               .y_in = operand(run, node, 2),
                               .element = run->device->bf16 ? sizeof(onednn_bf16) : sizeof(float),
                               .dqkv = onednn_out_f32(run, node, 0),
                               .dqkv_bf16 = onednn_out_bf16(run, node, 0),
                               .lse = onednn_state(run, node),
                               .keys = make_keys(run, node),
                               .channels = onednn_channels(run->plan, node->node->inputs[0])};
    if (sums_size(run->plan, node)) {
        arrays.sums = onednn_scratch(run, node) + keys_size(run->plan);
        arrays.sums_stride = onednn_column_stride(run->plan, node->node->inputs[1]);
    }
    assay_status status = run_tasks(run, node, &arrays, run->kernels->attention_grad);
    if (status != ASSAY_OK || !arrays.sums)
        return status;
    onednn_add_parts(run, arrays.sums, arrays.sums_stride, 3 * arrays.channels, run->batch->n_rows);
    onednn_deliver_n(run, node, 1, arrays.sums, 3 * arrays.channels);
    return ASSAY_OK;
}
