/* SPDX-License-Identifier: MIT */
/* onednn/rowwise.c: layer norm, pooling over a row's tokens, and the loss. */

#include <math.h>

#include "internal.h"

/* ---- layer norm ---------------------------------------------------------------------------- */

/* Dropout of one row of a value. */
typedef struct dropout_of {
    const assay_attrs *attrs;
    uint32_t threshold;
    float keep_scale;
    int tokens; /* 1: rows are tokens */
} dropout_of;

static dropout_of make_dropout(const onednn_run *run, const onednn_node *node, assay_value value) {
    const assay_attrs *attrs = &node->dropout;
    return (dropout_of){.attrs = attrs,
                        .threshold = assay_dropout_threshold(attrs->probability),
                        .keep_scale = (float)(1.0 / (1.0 - attrs->probability)),
                        .tokens = onednn_info(run->plan, value)->domain == ASSAY_DOMAIN_TOKENS};
}

static void drop_row(const onednn_run *run, const dropout_of *dropout, float *to, const float *from,
                     size_t row, size_t channels) {
    const assay_batch *batch = run->batch;
    uint64_t key = assay_dropout_key(
        run->step->seed, dropout->attrs->stream,
        batch->row_keys[dropout->tokens ? run->plan->token_row[row] : (int32_t)row],
        dropout->tokens ? batch->positions[row] : 0);
    run->kernels->dropout(to, from, channels, key, dropout->threshold, dropout->keep_scale);
}

/* Rows of a thread's scratch. */
enum { NORM_DROPPED, NORM_SUM, NORM_ROWS };

assay_status onednn_prepare_norm(assay_plan *plan, onednn_node *node, assay_error *error) {
    (void)error;
    node->scratch_size = NORM_ROWS * onednn_column_stride(plan, node->node->outputs[0]) *
                         (size_t)plan->session->device->threads;
    return ASSAY_OK;
}

/* All rows of a layer norm. */
static onednn_norm_task norm_task(const onednn_run *run, const onednn_node *node) {
    const assay_node *n = node->node;
    int has_b = n->n_inputs > 3, a_is_bf16 = onednn_reads_copy(run, node, 0);
    int b_is_bf16 = has_b && onednn_reads_copy(run, node, 3);
    return (onednn_norm_task){.a = a_is_bf16 ? onednn_operand(run, node, 0)
                                             : onednn_in(run, node, 0),
                              .b = b_is_bf16 ? onednn_operand(run, node, 3)
                                   : has_b   ? onednn_in(run, node, 3)
                                             : NULL,
                              .a_is_bf16 = a_is_bf16,
                              .b_is_bf16 = b_is_bf16,
                              .x = n->n_outputs > 1 ? onednn_out(run, node, 1) : NULL,
                              .keeps_x = n->n_outputs > 1,
                              .y = onednn_out_f32(run, node, 0),
                              .y_bf16 = onednn_out_bf16(run, node, 0),
                              .gamma = onednn_in(run, node, 1),
                              .beta = onednn_in(run, node, 2),
                              .rows = onednn_rows(run, n->inputs[0]),
                              .n = onednn_channels(run->plan, n->inputs[0]),
                              .epsilon = (float)n->attrs.epsilon};
}

static const void *term_at(const void *term, int is_bf16, size_t i) {
    return is_bf16 ? (const void *)((const onednn_bf16 *)term + i)
                   : (const void *)((const float *)term + i);
}

/* Its rows [begin, end), x in `scratch` where nobody keeps it. */
static onednn_norm_task rows_of_task(const onednn_norm_task *all, size_t begin, size_t end,
                                     float *scratch) {
    onednn_norm_task task = *all;
    size_t at = begin * all->n;
    task.a = term_at(all->a, all->a_is_bf16, at);
    task.b = all->b ? term_at(all->b, all->b_is_bf16, at) : NULL;
    task.x = all->keeps_x ? all->x + at : scratch;
    task.y = all->y ? all->y + at : NULL;
    task.y_bf16 = all->y_bf16 ? all->y_bf16 + at : NULL;
    task.rows = end - begin;
    return task;
}

/* x = a + dropout(b), in training and so in f32: row by row, the dropped one in scratch. */
static void norm_dropped(const onednn_run *run, const onednn_node *node,
                         const onednn_norm_task *task, size_t first, float *scratch) {
    dropout_of dropout = make_dropout(run, node, node->node->inputs[0]);
    for (size_t r = 0; r < task->rows; r++) {
        onednn_norm_task row = rows_of_task(task, r, r + 1, task->x);
        drop_row(run, &dropout, scratch, row.b, first + r, row.n);
        row.b = scratch;
        run->kernels->layer_norm(&row);
    }
}

assay_status onednn_run_layer_norm(const onednn_run *run, const onednn_node *node) {
    size_t stride = onednn_column_stride(run->plan, node->node->inputs[0]);
    int drops = run->dropout && node->node->n_inputs > 3 && node->dropout.probability > 0;
    onednn_norm_task all = norm_task(run, node);
    ONEDNN_PARALLEL(
        run->threads, all.rows * all.n, for (int part = 0; part < run->threads; part++) {
            float *scratch = onednn_scratch(run, node) + (size_t)part * NORM_ROWS * stride;
            size_t begin, end;
            onednn_split(all.rows, 1, run->threads, part, &begin, &end);
            onednn_norm_task task = rows_of_task(&all, begin, end, scratch + NORM_SUM * stride);
            if (drops)
                norm_dropped(run, node, &task, begin, scratch + NORM_DROPPED * stride);
            else
                run->kernels->layer_norm(&task);
        });
    onednn_clear_out_tail(run, node, 0);
    return ASSAY_OK;
}

/* A thread's scratch: its sums of columns, then rows. */
enum {
    GRAD_GAMMA,
    GRAD_BETA,
    GRAD_BIAS,
    GRAD_SUMS,
    GRAD_DY = GRAD_SUMS,
    GRAD_DX,
    GRAD_DROPPED,
    GRAD_ROWS
};

assay_status onednn_prepare_norm_grad(assay_plan *plan, onednn_node *node, assay_error *error) {
    (void)error;
    node->scratch_size = GRAD_ROWS * onednn_column_stride(plan, node->node->inputs[0]) *
                         (size_t)plan->session->device->threads;
    return ASSAY_OK;
}

static int has_output(const onednn_node *node, uint32_t i) {
    return i < node->node->n_outputs && node->node->outputs[i] != ASSAY_NONE;
}

/* dropout(dx) of one row: its place, or dx itself where dropout is off and nobody keeps it. */
static const float *drop_gradient(const onednn_run *run, const onednn_node *node, const float *dx,
                                  size_t row, float *scratch, size_t channels) {
    float *dropped = onednn_begin_rows(run, node, 3, row, scratch);
    dropout_of dropout = make_dropout(run, node, node->node->inputs[0]);
    if (run->dropout)
        drop_row(run, &dropout, dropped, dx, row, channels);
    else
        memcpy(dropped, dx, channels * sizeof *dx);
    onednn_end_rows(run, node, 3, row, 1, dropped);
    return dropped;
}

static void norm_grad_row(const onednn_run *run, const onednn_node *node, size_t row,
                          float *scratch, size_t stride) {
    const onednn_kernels *k = run->kernels;
    size_t channels = onednn_channels(run->plan, node->node->inputs[0]);
    const float *dy = onednn_in(run, node, 0) + row * channels;
    const float *x = onednn_in(run, node, 1) + row * channels;
    if (node->node->n_inputs > 3) {
        k->add(scratch + GRAD_DY * stride, dy, onednn_in(run, node, 3) + row * channels, channels);
        dy = scratch + GRAD_DY * stride;
    }
    float *dx = has_output(node, 0)
                    ? onednn_begin_rows(run, node, 0, row, scratch + GRAD_DX * stride)
                    : NULL;
    k->layer_norm_grad(dx, scratch + GRAD_GAMMA * stride, scratch + GRAD_BETA * stride, dy, x,
                       onednn_in(run, node, 2), 1, channels, (float)node->node->attrs.epsilon);
    if (!dx)
        return;
    const float *last = dx;
    onednn_end_rows(run, node, 0, row, 1, dx);
    if (has_output(node, 3))
        last = drop_gradient(run, node, dx, row, scratch + GRAD_DROPPED * stride, channels);
    if (has_output(node, 4))
        k->add(scratch + GRAD_BIAS * stride, scratch + GRAD_BIAS * stride, last, channels);
}

assay_status onednn_run_layer_norm_grad(const onednn_run *run, const onednn_node *node) {
    static const uint32_t outputs[GRAD_SUMS] = {1, 2, 4};
    float *sums = onednn_scratch(run, node);
    size_t rows = onednn_rows(run, node->node->inputs[0]);
    size_t channels = onednn_channels(run->plan, node->node->inputs[0]);
    size_t stride = onednn_column_stride(run->plan, node->node->inputs[0]);
    ONEDNN_PARALLEL(
        run->threads, rows * channels, for (int part = 0; part < run->threads; part++) {
            size_t begin, end;
            float *scratch = sums + (size_t)part * GRAD_ROWS * stride;
            onednn_split(rows, 1, run->threads, part, &begin, &end);
            memset(scratch, 0, GRAD_SUMS * stride * sizeof *sums);
            for (size_t r = begin; r < end; r++)
                norm_grad_row(run, node, r, scratch, stride);
        });
    onednn_add_parts(run, sums, GRAD_ROWS * stride, GRAD_SUMS * stride, run->threads);
    for (size_t i = 0; i < GRAD_SUMS; i++)
        if (has_output(node, outputs[i]))
            onednn_deliver(run, node, outputs[i], sums + i * stride);
    for (uint32_t i = 0; i < 4; i += 3)
        if (has_output(node, i))
            onednn_clear_out_tail(run, node, i);
    return ASSAY_OK;
}

/* ---- pooling: threads take rows -------------------------------------------------------------- */

static size_t selected(const onednn_run *run, const onednn_node *node, size_t row) {
    const int32_t *offsets = run->batch->offsets;
    return (size_t)(node->node->attrs.token == ASSAY_TOKEN_FIRST ? offsets[row]
                                                                 : offsets[row + 1] - 1);
}

assay_status onednn_run_select_token(const onednn_run *run, const onednn_node *node) {
    const float *x = onednn_in(run, node, 0);
    float *y = onednn_out(run, node, 0);
    size_t channels = onednn_channels(run->plan, node->node->inputs[0]);
    for (size_t b = 0; b < (size_t)run->batch->n_rows; b++)
        memcpy(y + b * channels, x + selected(run, node, b) * channels, channels * sizeof *y);
    return ASSAY_OK;
}

assay_status onednn_run_select_token_grad(const onednn_run *run, const onednn_node *node) {
    const float *dy = onednn_in(run, node, 0);
    float *dx = onednn_out(run, node, 0);
    size_t channels = onednn_channels(run->plan, node->node->outputs[0]);
    memset(dx, 0, (size_t)run->batch->n_tokens * channels * sizeof *dx);
    for (size_t b = 0; b < (size_t)run->batch->n_rows; b++)
        memcpy(dx + selected(run, node, b) * channels, dy + b * channels, channels * sizeof *dx);
    return ASSAY_OK;
}

/* Calls `pool` for every row of the batch. */
typedef void (*pool_fn)(const onednn_run *run, const onednn_node *node, size_t row, size_t begin,
                        size_t n_tokens);

static assay_status each_row(const onednn_run *run, const onednn_node *node, pool_fn pool) {
    const int32_t *offsets = run->batch->offsets;
    size_t work = (size_t)run->batch->n_tokens * onednn_channels(run->plan, node->node->inputs[0]);
    ONEDNN_PARALLEL(
        run->threads, work, for (int part = 0; part < run->threads; part++) {
            size_t first, end;
            onednn_split((size_t)run->batch->n_rows, 1, run->threads, part, &first, &end);
            for (size_t b = first; b < end; b++)
                pool(run, node, b, (size_t)offsets[b], (size_t)(offsets[b + 1] - offsets[b]));
        });
    return ASSAY_OK;
}

static void mean_row(const onednn_run *run, const onednn_node *node, size_t row, size_t begin,
                     size_t n_tokens) {
    size_t channels = onednn_channels(run->plan, node->node->inputs[0]);
    const float *x = onednn_in(run, node, 0) + begin * channels;
    float *y = onednn_out(run, node, 0) + row * channels;
    memset(y, 0, channels * sizeof *y);
    run->kernels->column_sum(y, x, n_tokens, channels);
    run->kernels->scale(y, y, 1.0f / (float)n_tokens, channels);
}

assay_status onednn_run_mean_pool(const onednn_run *run, const onednn_node *node) {
    return each_row(run, node, mean_row);
}

static void mean_row_grad(const onednn_run *run, const onednn_node *node, size_t row, size_t begin,
                          size_t n_tokens) {
    size_t channels = onednn_channels(run->plan, node->node->inputs[0]);
    const float *dy = onednn_in(run, node, 0) + row * channels;
    float *dx = onednn_out(run, node, 0) + begin * channels;
    for (size_t t = 0; t < n_tokens; t++)
        run->kernels->scale(dx + t * channels, dy, 1.0f / (float)n_tokens, channels);
}

assay_status onednn_run_mean_pool_grad(const onednn_run *run, const onednn_node *node) {
    return each_row(run, node, mean_row_grad);
}

static void max_row(const onednn_run *run, const onednn_node *node, size_t row, size_t begin,
                    size_t n_tokens) {
    size_t channels = onednn_channels(run->plan, node->node->inputs[0]);
    const float *x = onednn_in(run, node, 0) + begin * channels;
    float *y = onednn_out(run, node, 0) + row * channels;
    memcpy(y, x, channels * sizeof *y);
    for (size_t t = 1; t < n_tokens; t++)
        run->kernels->max(y, x + t * channels, channels);
}

assay_status onednn_run_max_pool(const onednn_run *run, const onednn_node *node) {
    return each_row(run, node, max_row);
}

static void max_row_grad(const onednn_run *run, const onednn_node *node, size_t row, size_t begin,
                         size_t n_tokens) {
    size_t channels = onednn_channels(run->plan, node->node->inputs[0]);
    const float *dy = onednn_in(run, node, 0) + row * channels;
    const float *x = onednn_in(run, node, 1) + begin * channels;
    float *dx = onednn_out(run, node, 0) + begin * channels;
    memset(dx, 0, n_tokens * channels * sizeof *dx);
    for (size_t c = 0; c < channels; c++) {
        size_t best = 0;
        for (size_t t = 1; t < n_tokens; t++)
            if (x[t * channels + c] > x[best * channels + c])
                best = t;
        dx[best * channels + c] = dy[c];
    }
}

assay_status onednn_run_max_pool_grad(const onednn_run *run, const onednn_node *node) {
    return each_row(run, node, max_row_grad);
}

/* Scratch: the softmax of every token's score, and its gradient. */
assay_status onednn_prepare_attention_pool(assay_plan *plan, onednn_node *node,
                                           assay_error *error) {
    (void)error;
    node->scratch_size = 2 * (size_t)plan->max_tokens;
    return ASSAY_OK;
}

static void attention_row(const onednn_run *run, const onednn_node *node, size_t row, size_t begin,
                          size_t n_tokens) {
    size_t channels = onednn_channels(run->plan, node->node->inputs[0]);
    const float *x = onednn_in(run, node, 0) + begin * channels;
    float *y = onednn_out(run, node, 0) + row * channels;
    float *a = onednn_scratch(run, node) + begin;
    run->kernels->softmax(a, onednn_in(run, node, 1) + begin, n_tokens);
    memset(y, 0, channels * sizeof *y);
    for (size_t t = 0; t < n_tokens; t++)
        run->kernels->axpy(y, a[t], x + t * channels, channels);
}

assay_status onednn_run_attention_pool(const onednn_run *run, const onednn_node *node) {
    return each_row(run, node, attention_row);
}

/* dx_t = a_t dy,  dscore_t = a_t (dy . x_t - sum_u a_u dy . x_u) */
static void attention_row_grad(const onednn_run *run, const onednn_node *node, size_t row,
                               size_t begin, size_t n_tokens) {
    const assay_value *outputs = node->node->outputs;
    size_t channels = onednn_channels(run->plan, node->node->inputs[0]);
    const float *dy = onednn_in(run, node, 0) + row * channels;
    const float *x = onednn_in(run, node, 1) + begin * channels;
    float *a = onednn_scratch(run, node) + begin, *da = a + run->plan->max_tokens;
    run->kernels->softmax(a, onednn_in(run, node, 2) + begin, n_tokens);
    for (size_t t = 0; t < n_tokens && outputs[0] != ASSAY_NONE; t++)
        run->kernels->scale(onednn_value(run, outputs[0]) + (begin + t) * channels, dy, a[t],
                            channels);
    if (outputs[1] == ASSAY_NONE)
        return;
    float *dscore = onednn_value(run, outputs[1]) + begin, mean;
    for (size_t t = 0; t < n_tokens; t++)
        da[t] = run->kernels->dot(dy, x + t * channels, channels);
    mean = run->kernels->dot(a, da, n_tokens);
    for (size_t t = 0; t < n_tokens; t++)
        dscore[t] = a[t] * (da[t] - mean);
}

assay_status onednn_run_attention_pool_grad(const onednn_run *run, const onednn_node *node) {
    return each_row(run, node, attention_row_grad);
}

/* ---- loss ---------------------------------------------------------------------------------- */

/* log of the sum of exp(x_k) */
static double log_sum(const float *x, size_t n) {
    double top = (double)x[0], sum = 0;
    for (size_t k = 1; k < n; k++)
        top = (double)x[k] > top ? (double)x[k] : top;
    for (size_t k = 0; k < n; k++)
        sum += exp((double)x[k] - top);
    return top + log(sum);
}

/* NULL without class weights. */
static const float *class_weights(const onednn_run *run, const onednn_node *node) {
    return node->node->n_inputs > 2 ? onednn_in(run, node, 2) : NULL;
}

/* Share of class k in the target of a row, times the class's weight. */
static double target(const onednn_node *node, const float *weights, size_t n, size_t k,
                     int32_t label) {
    double smoothing = node->node->attrs.label_smoothing;
    double share = smoothing / (double)n + ((int32_t)k == label ? 1.0 - smoothing : 0.0);
    return weights ? (double)weights[k] * share : share;
}

assay_status onednn_run_cross_entropy(const onednn_run *run, const onednn_node *node) {
    size_t n = onednn_channels(run->plan, node->node->inputs[0]);
    const float *logits = onednn_in(run, node, 0), *weights = class_weights(run, node);
    double loss = 0;
    for (size_t b = 0; b < (size_t)run->batch->n_rows; b++) {
        const float *x = logits + b * n;
        double log_total = log_sum(x, n);
        for (size_t k = 0; k < n; k++)
            loss += target(node, weights, n, k, run->batch->labels[b]) * (log_total - (double)x[k]);
    }
    run->plan->loss = loss;
    return ASSAY_OK;
}

assay_status onednn_run_cross_entropy_grad(const onednn_run *run, const onednn_node *node) {
    size_t n = onednn_channels(run->plan, node->node->inputs[0]);
    const float *logits = onednn_in(run, node, 0), *weights = class_weights(run, node);
    float *dlogits = onednn_out(run, node, 0);
    for (size_t b = 0; b < (size_t)run->batch->n_rows; b++) {
        const float *x = logits + b * n;
        double log_total = log_sum(x, n), total = 0;
        int32_t label = run->batch->labels[b];
        for (size_t k = 0; k < n; k++)
            total += target(node, weights, n, k, label);
        for (size_t k = 0; k < n; k++)
            dlogits[b * n + k] =
                (float)(run->step->loss_scale * (exp((double)x[k] - log_total) * total -
                                                 target(node, weights, n, k, label)));
    }
    return ASSAY_OK;
}
