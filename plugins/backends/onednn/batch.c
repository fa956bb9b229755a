/* SPDX-License-Identifier: MIT */
/* onednn/batch.c: refuses a batch that would make a kernel read out of bounds. */

#include <stdio.h>

#include "internal.h"

static assay_status out_of_range(assay_error *error, const char *field, int32_t index,
                                 int64_t found, int64_t low, int64_t high) {
    char where[64], text[160];
    snprintf(where, sizeof where, "batch.%s[%d]", field, (int)index);
    snprintf(text, sizeof text, "found %lld; expected at least %lld and below %lld",
             (long long)found, (long long)low, (long long)high);
    return assay_fail(error, ASSAY_INVALID_ARGUMENT, where, text);
}

static assay_status check_indices(assay_error *error, const char *field, const int32_t *indices,
                                  int32_t n, int64_t limit) {
    if (!indices)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, field, "is NULL, but the graph reads it");
    for (int32_t i = 0; i < n; i++)
        if (indices[i] < 0 || indices[i] >= limit)
            return out_of_range(error, field, i, indices[i], 0, limit);
    return ASSAY_OK;
}

static assay_status check_rows(const assay_plan *plan, const assay_batch *batch,
                               assay_error *error) {
    char text[160];
    if (!batch->offsets)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "batch.offsets", "is NULL");
    if (batch->n_rows < 1 || batch->n_rows > plan->max_rows || batch->n_tokens < batch->n_rows ||
        batch->n_tokens > plan->max_tokens) {
        snprintf(text, sizeof text,
                 "found %d rows and %d tokens; expected 1 to %d rows of at least one token, at "
                 "most %d tokens; compile a larger plan",
                 (int)batch->n_rows, (int)batch->n_tokens, (int)plan->max_rows,
                 (int)plan->max_tokens);
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "batch", text);
    }
    if (batch->offsets[0] != 0)
        return out_of_range(error, "offsets", 0, batch->offsets[0], 0, 1);
    for (int32_t b = 0; b < batch->n_rows; b++) {
        int64_t low = (int64_t)batch->offsets[b] + 1, high = (int64_t)batch->n_tokens + 1;
        if (batch->offsets[b + 1] < low || batch->offsets[b + 1] >= high)
            return out_of_range(error, "offsets", b + 1, batch->offsets[b + 1], low, high);
    }
    if (batch->offsets[batch->n_rows] != batch->n_tokens)
        return out_of_range(error, "offsets", batch->n_rows, batch->offsets[batch->n_rows],
                            batch->n_tokens, (int64_t)batch->n_tokens + 1);
    return ASSAY_OK;
}

static assay_status check_node(const assay_plan *plan, const assay_node *node,
                               const assay_batch *batch, assay_error *error) {
    const assay_graph_view *graph = plan->session->graph;
    if (node->op == ASSAY_OP_EMBEDDING) {
        int64_t limit = graph->values[node->inputs[1]].dims[0];
        return graph->values[node->inputs[0]].input == ASSAY_INPUT_POSITIONS
                   ? check_indices(error, "positions", batch->positions, batch->n_tokens, limit)
                   : check_indices(error, "ids", batch->ids, batch->n_tokens, limit);
    }
    if (node->op == ASSAY_OP_SINUSOID)
        return check_indices(error, "positions", batch->positions, batch->n_tokens,
                             plan->max_tokens);
    if (node->op == ASSAY_OP_CROSS_ENTROPY &&
        (batch->labels || plan->kind == ASSAY_PLAN_ACCUMULATE))
        return check_indices(error, "labels", batch->labels, batch->n_rows,
                             graph->values[node->inputs[0]].dims[0]);
    if ((node->op == ASSAY_OP_DROPOUT || node->op == ASSAY_OP_ATTENTION) &&
        node->attrs.probability > 0 && plan->kind == ASSAY_PLAN_ACCUMULATE &&
        (!batch->row_keys || !batch->positions))
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "batch.row_keys",
                          "row_keys or positions are NULL; dropout needs both");
    return ASSAY_OK;
}

static assay_status check_token_weights(const assay_batch *batch, assay_error *error) {
    if (ASSAY_HAS_FIELD(batch, assay_batch, token_weights) && batch->token_weights)
        return ASSAY_OK;
    return assay_fail(error, ASSAY_INVALID_ARGUMENT, "batch.token_weights",
                      "is NULL, but the graph reads it; give each token its weight");
}

assay_status onednn_check_batch(const assay_plan *plan, const assay_batch *batch,
                                assay_error *error) {
    if (!batch)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "batch", "is NULL; the plan needs one");
    assay_status status = check_rows(plan, batch, error);
    for (uint32_t v = 0; v < plan->session->graph->n_values && status == ASSAY_OK; v++)
        if (plan->session->graph->values[v].input == ASSAY_INPUT_TOKEN_WEIGHTS)
            status = check_token_weights(batch, error);
    for (uint32_t n = 0; n < plan->n_nodes && status == ASSAY_OK; n++)
        status = check_node(plan, &plan->session->graph->nodes[n], batch, error);
    return status;
}
