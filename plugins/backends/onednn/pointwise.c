/* SPDX-License-Identifier: MIT */
/* onednn/pointwise.c: lookups, element-wise operations, dropout, slices; threads take ranges. */

#include <math.h>
#include <stdlib.h>

#include "internal.h"

/* ---- lookups ------------------------------------------------------------------------------- */

assay_status onednn_run_embedding(const onednn_run *run, const onednn_node *node) {
    size_t n = onednn_rows(run, node->node->outputs[0]);
    size_t channels = onednn_channels(run->plan, node->node->outputs[0]);
    const int32_t *ids = onednn_indices(run, node->node->inputs[0]);
    const float *table = onednn_in(run, node, 1);
    float *y = onednn_out(run, node, 0);
    ONEDNN_PARALLEL(
        run->threads, n * channels, for (int part = 0; part < run->threads; part++) {
            size_t begin, end;
            onednn_split(n, 1, run->threads, part, &begin, &end);
            for (size_t t = begin; t < end; t++)
                memcpy(y + t * channels, table + (size_t)ids[t] * channels, channels * sizeof *y);
        });
    return ASSAY_OK;
}

/* A thread owns the table rows whose number leaves its own as remainder: each row is summed in the
 * order of the tokens, whatever the number of threads. */
assay_status onednn_run_embedding_grad(const onednn_run *run, const onednn_node *node) {
    const float *dy = onednn_in(run, node, 0);
    const int32_t *ids = onednn_indices(run, node->node->inputs[1]);
    float *table = onednn_out(run, node, 0);
    onednn_parameter *parameter =
        &run->session->parameters[onednn_info(run->plan, node->node->inputs[2])->parameter];
    size_t n = onednn_rows(run, node->node->inputs[0]);
    size_t channels = onednn_channels(run->plan, node->node->inputs[0]);
    for (size_t t = 0; t < n; t++)
        onednn_touch(parameter, ids[t]);
    if (!onednn_adds(run->plan, node->node, 0))
        memset(table, 0, onednn_channels(run->plan, node->node->outputs[0]) * sizeof *table);
    ONEDNN_PARALLEL(
        run->threads, n * channels, for (int part = 0; part < run->threads; part++) {
            for (size_t t = 0; t < n; t++) {
                float *row = table + (size_t)ids[t] * channels;
                if (ids[t] % run->threads == part)
                    run->kernels->add(row, row, dy + t * channels, channels);
            }
        });
    return ASSAY_OK;
}

/* Room for every position a batch of this plan can have; rows are filled at their first use. */
assay_status onednn_prepare_sinusoid(assay_plan *plan, onednn_node *node, assay_error *error) {
    assay_session *session = plan->session;
    onednn_sinusoid *table = &session->sinusoid[node->index];
    size_t channels = onednn_channels(plan, node->node->outputs[0]);
    if (plan->max_tokens <= table->capacity)
        return ASSAY_OK;
    float *grown = onednn_alloc((size_t)plan->max_tokens * channels);
    if (!grown)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "sinusoid", "out of memory");
    onednn_free(table->rows);
    *table = (onednn_sinusoid){.rows = grown, .capacity = plan->max_tokens, .filled = 0};
    return ASSAY_OK;
}

static void fill_sinusoid(onednn_sinusoid *table, int32_t positions, size_t channels) {
    for (; table->filled < positions; table->filled++) {
        float *row = table->rows + (size_t)table->filled * channels;
        for (size_t c = 0; c < channels; c++) {
            double power = (double)(c / 2 * 2) / (double)channels;
            double angle = (double)table->filled / pow(10000.0, power);
            row[c] = (float)(c % 2 ? cos(angle) : sin(angle));
        }
    }
}

assay_status onednn_run_sinusoid(const onednn_run *run, const onednn_node *node) {
    onednn_sinusoid *table = &run->session->sinusoid[node->index];
    size_t channels = onednn_channels(run->plan, node->node->outputs[0]);
    const int32_t *positions = run->batch->positions;
    float *y = onednn_out(run, node, 0);
    int32_t longest = 0;
    for (int32_t t = 0; t < run->batch->n_tokens; t++)
        longest = positions[t] >= longest ? positions[t] + 1 : longest;
    fill_sinusoid(table, longest, channels);
    ONEDNN_PARALLEL(
        run->threads, (size_t)run->batch->n_tokens * channels,
        for (int part = 0; part < run->threads; part++) {
            size_t begin, end;
            onednn_split((size_t)run->batch->n_tokens, 1, run->threads, part, &begin, &end);
            for (size_t t = begin; t < end; t++)
                memcpy(y + t * channels, table->rows + (size_t)positions[t] * channels,
                       channels * sizeof *y);
        });
    return ASSAY_OK;
}

/* ---- element-wise -------------------------------------------------------------------------- */

/* Runs STATEMENT over the range [begin, end) of the output's elements on each thread. */
#define ELEMENTWISE(STATEMENT)                                                                     \
    float *y = onednn_out(run, node, 0);                                                           \
    size_t n = onednn_rows(run, node->node->outputs[0]) *                                          \
               onednn_channels(run->plan, node->node->outputs[0]);                                 \
    const onednn_kernels *k = run->kernels;                                                        \
    ONEDNN_PARALLEL(                                                                               \
        run->threads, n, for (int part = 0; part < run->threads; part++) {                         \
            size_t begin, end;                                                                     \
            onednn_split(n, ONEDNN_ALIGNED_FLOATS, run->threads, part, &begin, &end);              \
            STATEMENT;                                                                             \
        });                                                                                        \
    return ASSAY_OK

/* The sum of a parameter used several times may end in its gradient. */
assay_status onednn_run_add(const onednn_run *run, const onednn_node *node) {
    const float *a = onednn_in(run, node, 0), *b = onednn_in(run, node, 1);
    if (onednn_adds(run->plan, node->node, 0)) {
        onednn_deliver(run, node, 0, a);
        onednn_deliver(run, node, 0, b);
        return ASSAY_OK;
    }
    ELEMENTWISE(k->add(y + begin, a + begin, b + begin, end - begin));
}

assay_status onednn_run_scale(const onednn_run *run, const onednn_node *node) {
    const float *x = onednn_in(run, node, 0);
    float factor = (float)node->node->attrs.factor;
    ELEMENTWISE(k->scale(y + begin, x + begin, factor, end - begin));
}

assay_status onednn_run_relu(const onednn_run *run, const onednn_node *node) {
    const float *x = onednn_in(run, node, 0);
    ELEMENTWISE(k->relu(y + begin, x + begin, end - begin));
}

/* Scratch: a row of each thread. */
assay_status onednn_prepare_rows(assay_plan *plan, onednn_node *node, assay_error *error) {
    (void)error;
    node->scratch_size =
        onednn_column_stride(plan, node->node->outputs[0]) * (size_t)plan->session->device->threads;
    return ASSAY_OK;
}

assay_status onednn_run_gelu(const onednn_run *run, const onednn_node *node) {
    const float *x = onednn_in(run, node, 0);
    size_t n = onednn_rows(run, node->node->outputs[0]);
    size_t channels = onednn_channels(run->plan, node->node->outputs[0]);
    size_t stride = onednn_column_stride(run->plan, node->node->outputs[0]);
    ONEDNN_PARALLEL(
        run->threads, n * channels, for (int part = 0; part < run->threads; part++) {
            size_t begin, end;
            onednn_split(n, 1, run->threads, part, &begin, &end);
            for (size_t i = begin; i < end; i++) {
                float *y = onednn_begin_rows(run, node, 0, i,
                                             onednn_scratch(run, node) + (size_t)part * stride);
                run->kernels->gelu(y, x + i * channels, channels);
                onednn_end_rows(run, node, 0, i, 1, y);
            }
        });
    onednn_clear_out_tail(run, node, 0);
    return ASSAY_OK;
}

assay_status onednn_run_tanh(const onednn_run *run, const onednn_node *node) {
    const float *x = onednn_in(run, node, 0);
    ELEMENTWISE(k->tanh(y + begin, x + begin, end - begin));
}

assay_status onednn_run_relu_grad(const onednn_run *run, const onednn_node *node) {
    const float *dy = onednn_in(run, node, 0), *from = onednn_in(run, node, 1);
    ELEMENTWISE(k->relu_grad(y + begin, dy + begin, from + begin, end - begin));
}

/* Scratch: each thread's column sums and a row. */
assay_status onednn_prepare_gelu_grad(assay_plan *plan, onednn_node *node, assay_error *error) {
    assay_status status = onednn_prepare_rows(plan, node, error);
    node->scratch_size *= 2;
    return status;
}

assay_status onednn_run_gelu_grad(const onednn_run *run, const onednn_node *node) {
    const float *dy = onednn_in(run, node, 0), *from = onednn_in(run, node, 1);
    size_t n = onednn_rows(run, node->node->outputs[0]);
    size_t channels = onednn_channels(run->plan, node->node->outputs[0]);
    size_t stride = onednn_column_stride(run->plan, node->node->outputs[0]);
    float *sums = onednn_scratch(run, node);
    int with_sums = node->node->n_outputs > 1;
    ONEDNN_PARALLEL(
        run->threads, n * channels, for (int part = 0; part < run->threads; part++) {
            size_t begin, end;
            float *sum = sums + (size_t)part * 2 * stride;
            onednn_split(n, 1, run->threads, part, &begin, &end);
            memset(sum, 0, channels * sizeof *sum);
            for (size_t i = begin; i < end; i++) {
                float *dx = onednn_begin_rows(run, node, 0, i, sum + stride);
                run->kernels->gelu_grad(dx, dy + i * channels, from + i * channels, channels);
                onednn_end_rows(run, node, 0, i, 1, dx);
                if (with_sums)
                    run->kernels->add(sum, sum, dx, channels);
            }
        });
    onednn_clear_out_tail(run, node, 0);
    if (!with_sums)
        return ASSAY_OK;
    onednn_add_parts(run, sums, 2 * stride, channels, run->threads);
    onednn_deliver(run, node, 1, sums);
    return ASSAY_OK;
}

assay_status onednn_run_tanh_grad(const onednn_run *run, const onednn_node *node) {
    const float *dy = onednn_in(run, node, 0), *from = onednn_in(run, node, 1);
    ELEMENTWISE(k->tanh_grad(y + begin, dy + begin, from + begin, end - begin));
}

/* Forward and backward alike. */
assay_status onednn_run_dropout(const onednn_run *run, const onednn_node *node) {
    const float *x = onednn_in(run, node, 0);
    const assay_attrs *attrs = &node->node->attrs;
    const assay_batch *batch = run->batch;
    size_t n = onednn_rows(run, node->node->outputs[0]);
    size_t channels = onednn_channels(run->plan, node->node->outputs[0]);
    size_t stride = onednn_column_stride(run->plan, node->node->outputs[0]);
    int tokens = onednn_info(run->plan, node->node->outputs[0])->domain == ASSAY_DOMAIN_TOKENS;
    uint32_t threshold = assay_dropout_threshold(attrs->probability);
    float keep_scale = (float)(1.0 / (1.0 - attrs->probability));
    ONEDNN_PARALLEL(
        run->threads, n * channels, for (int part = 0; part < run->threads; part++) {
            size_t begin, end;
            onednn_split(n, 1, run->threads, part, &begin, &end);
            for (size_t i = begin; i < end; i++) {
                float *y = onednn_begin_rows(run, node, 0, i,
                                             onednn_scratch(run, node) + (size_t)part * stride);
                if (run->dropout) {
                    uint64_t row_key =
                        batch->row_keys[tokens ? run->plan->token_row[i] : (int32_t)i];
                    uint64_t key = assay_dropout_key(run->step->seed, attrs->stream, row_key,
                                                     tokens ? batch->positions[i] : 0);
                    run->kernels->dropout(y, x + i * channels, channels, key, threshold,
                                          keep_scale);
                } else {
                    memcpy(y, x + i * channels, channels * sizeof *y);
                }
                onednn_end_rows(run, node, 0, i, 1, y);
            }
        });
    onednn_clear_out_tail(run, node, 0);
    return ASSAY_OK;
}

/* ---- rows added and tokens scaled ----------------------------------------------------------- */

assay_status onednn_run_add_row(const onednn_run *run, const onednn_node *node) {
    size_t n = onednn_rows(run, node->node->outputs[0]);
    size_t channels = onednn_channels(run->plan, node->node->outputs[0]);
    const float *x = onednn_in(run, node, 0);
    const float *row = onednn_in(run, node, 1) + (size_t)node->node->attrs.begin * channels;
    float *y = onednn_out(run, node, 0);
    ONEDNN_PARALLEL(
        run->threads, n * channels, for (int part = 0; part < run->threads; part++) {
            size_t begin, end;
            onednn_split(n, 1, run->threads, part, &begin, &end);
            for (size_t i = begin; i < end; i++)
                run->kernels->add(y + i * channels, x + i * channels, row, channels);
        });
    return ASSAY_OK;
}

/* Partial sums in scratch as linear_grad_bias; the table's other rows have no gradient. */
assay_status onednn_run_add_row_grad(const onednn_run *run, const onednn_node *node) {
    size_t n = onednn_rows(run, node->node->inputs[0]);
    size_t channels = onednn_channels(run->plan, node->node->inputs[0]);
    size_t stride = onednn_column_stride(run->plan, node->node->inputs[0]);
    const float *dy = onednn_in(run, node, 0);
    float *sums = onednn_scratch(run, node), *table = onednn_out(run, node, 0);
    float *row = table + (size_t)node->node->attrs.begin * channels;
    ONEDNN_PARALLEL(
        run->threads, n * channels, for (int part = 0; part < run->threads; part++) {
            size_t begin, end;
            onednn_split(n, 1, run->threads, part, &begin, &end);
            memset(sums + (size_t)part * stride, 0, stride * sizeof *sums);
            run->kernels->column_sum(sums + (size_t)part * stride, dy + begin * channels,
                                     end - begin, channels);
        });
    onednn_add_parts(run, sums, stride, channels, run->threads);
    if (!onednn_adds(run->plan, node->node, 0))
        memset(table, 0, onednn_channels(run->plan, node->node->outputs[0]) * sizeof *table);
    run->kernels->add(row, row, sums, channels);
    return ASSAY_OK;
}

assay_status onednn_run_scale_tokens(const onednn_run *run, const onednn_node *node) {
    size_t n = onednn_rows(run, node->node->outputs[0]);
    size_t channels = onednn_channels(run->plan, node->node->outputs[0]);
    const float *x = onednn_in(run, node, 0), *w = onednn_in(run, node, 1);
    float *y = onednn_out(run, node, 0);
    ONEDNN_PARALLEL(
        run->threads, n * channels, for (int part = 0; part < run->threads; part++) {
            size_t begin, end;
            onednn_split(n, 1, run->threads, part, &begin, &end);
            for (size_t t = begin; t < end; t++)
                run->kernels->scale(y + t * channels, x + t * channels, w[t], channels);
        });
    return ASSAY_OK;
}

assay_status onednn_run_scale_tokens_grad(const onednn_run *run, const onednn_node *node) {
    size_t n = onednn_rows(run, node->node->outputs[0]);
    size_t channels = onednn_channels(run->plan, node->node->inputs[0]);
    const float *dy = onednn_in(run, node, 0), *x = onednn_in(run, node, 1);
    float *dw = onednn_out(run, node, 0);
    ONEDNN_PARALLEL(
        run->threads, n * channels, for (int part = 0; part < run->threads; part++) {
            size_t begin, end;
            onednn_split(n, 1, run->threads, part, &begin, &end);
            for (size_t t = begin; t < end; t++)
                dw[t] = run->kernels->dot(dy + t * channels, x + t * channels, channels);
        });
    return ASSAY_OK;
}

/* ---- channels ------------------------------------------------------------------------------ */

/* to [n, to_width] from from [n, from_width], `width` channels. */
static void copy_channels(const onednn_run *run, float *to, size_t to_width, const float *from,
                          size_t from_width, size_t n, size_t width) {
    ONEDNN_PARALLEL(
        run->threads, n * width, for (int part = 0; part < run->threads; part++) {
            size_t begin, end;
            onednn_split(n, 1, run->threads, part, &begin, &end);
            for (size_t i = begin; i < end; i++)
                memcpy(to + i * to_width, from + i * from_width, width * sizeof *to);
        });
}

assay_status onednn_run_slice(const onednn_run *run, const onednn_node *node) {
    const assay_attrs *attrs = &node->node->attrs;
    copy_channels(run, onednn_out(run, node, 0), (size_t)attrs->size,
                  onednn_in(run, node, 0) + attrs->begin,
                  onednn_channels(run->plan, node->node->inputs[0]),
                  onednn_rows(run, node->node->inputs[0]), (size_t)attrs->size);
    return ASSAY_OK;
}

assay_status onednn_run_slice_grad(const onednn_run *run, const onednn_node *node) {
    const assay_attrs *attrs = &node->node->attrs;
    size_t n = onednn_rows(run, node->node->inputs[0]);
    size_t channels = onednn_channels(run->plan, node->node->outputs[0]);
    float *dx = onednn_out(run, node, 0);
    memset(dx, 0, n * channels * sizeof *dx);
    copy_channels(run, dx + attrs->begin, channels, onednn_in(run, node, 0), (size_t)attrs->size, n,
                  (size_t)attrs->size);
    return ASSAY_OK;
}

assay_status onednn_run_concat(const onednn_run *run, const onednn_node *node) {
    size_t channels = onednn_channels(run->plan, node->node->outputs[0]);
    float *y = onednn_out(run, node, 0);
    for (uint32_t i = 0; i < node->node->n_inputs; i++) {
        size_t width = onednn_channels(run->plan, node->node->inputs[i]);
        copy_channels(run, y, channels, onednn_in(run, node, i), width,
                      onednn_rows(run, node->node->inputs[i]), width);
        y += width;
    }
    return ASSAY_OK;
}
