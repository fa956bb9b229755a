/* SPDX-License-Identifier: MIT */
/* assay/checks.h: for backends: refuses calls that would make a kernel read or write out of bounds,
 * in the same words in every backend.
 *
 *     plan->bounds = assay_bounds_of(graph, kind, max_rows, max_tokens);    when it is compiled
 *     status = assay_check_batch(&plan->bounds, batch, step, error);        in every run
 *
 * Nothing here allocates. Not for: what only one backend can't do; that says `supports`. */
#ifndef ASSAY_CHECKS_H
#define ASSAY_CHECKS_H

#include <stdio.h>

#include "assay/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a batch of a plan must satisfy. */
typedef struct assay_bounds {
    int32_t kind; /* ASSAY_PLAN_* */
    int32_t max_rows, max_tokens;
    int32_t reads_token_weights, has_dropout; /* 0 or 1 */
    int32_t reserved;
    int64_t n_ids, n_positions; /* rows of the smallest table that they index; 0: not read */
    int64_t n_classes;          /* bound of labels; 0: not read */
} assay_bounds;

/* ---- a plan -------------------------------------------------------------------------------- */

/* [cell] The arguments of `compile`. */
static inline assay_status assay_check_plan(const assay_graph_view *graph, int32_t kind,
                                            int32_t max_rows, int32_t max_tokens,
                                            assay_error *error) {
    if ((kind != ASSAY_PLAN_FORWARD && kind != ASSAY_PLAN_ACCUMULATE) || max_rows < 1 ||
        max_tokens < max_rows)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "compile",
                          "expected a forward or accumulate plan for at least one row and one "
                          "token for each row");
    if (kind == ASSAY_PLAN_ACCUMULATE && graph->n_nodes == graph->n_forward_nodes)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "compile",
                          "the graph has no backward nodes; close it with its gradient");
    return ASSAY_OK;
}

/* [cell] The arguments of `compile_update`. */
static inline assay_status assay_check_update(const assay_update_config *config,
                                              assay_error *error) {
    if (config->optimizer < 0 || config->optimizer >= ASSAY_OPTIMIZER_COUNT)
        return assay_fail(error, ASSAY_UNSUPPORTED, "optimizer",
                          "expected sgd, adam, adamw, adam_keras or adam_lazy");
    if (config->optimizer == ASSAY_OPTIMIZER_ADAM_LAZY && config->weight_decay != 0)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "weight_decay",
                          "adam_lazy has no weight decay; set it to 0");
    return ASSAY_OK;
}

static inline void assay_lower_bound(int64_t *bound, int64_t n) {
    if (*bound == 0 || n < *bound)
        *bound = n;
}

/* [cell] Of a plan whose arguments assay_check_plan let pass. */
static inline assay_bounds assay_bounds_of(const assay_graph_view *graph, int32_t kind,
                                           int32_t max_rows, int32_t max_tokens) {
    uint32_t n_nodes = kind == ASSAY_PLAN_FORWARD ? graph->n_forward_nodes : graph->n_nodes;
    assay_bounds bounds;
    memset(&bounds, 0, sizeof bounds);
    bounds.kind = kind;
    bounds.max_rows = max_rows;
    bounds.max_tokens = max_tokens;
    for (uint32_t v = 0; v < graph->n_values; v++)
        if (graph->values[v].input == ASSAY_INPUT_TOKEN_WEIGHTS)
            bounds.reads_token_weights = 1;
    for (uint32_t n = 0; n < n_nodes; n++) {
        const assay_node *node = &graph->nodes[n];
        if (node->op == ASSAY_OP_EMBEDDING)
            assay_lower_bound(graph->values[node->inputs[0]].input == ASSAY_INPUT_POSITIONS
                                  ? &bounds.n_positions
                                  : &bounds.n_ids,
                              graph->values[node->inputs[1]].dims[0]);
        if (node->op == ASSAY_OP_SINUSOID)
            assay_lower_bound(&bounds.n_positions, max_tokens);
        if (node->op == ASSAY_OP_CROSS_ENTROPY)
            bounds.n_classes = graph->values[node->inputs[0]].dims[0];
        if ((node->op == ASSAY_OP_DROPOUT || node->op == ASSAY_OP_ATTENTION) &&
            node->attrs.probability > 0)
            bounds.has_dropout = 1;
    }
    return bounds;
}

/* ---- a batch ------------------------------------------------------------------------------- */

/* "batch.FIELD[INDEX]": "found FOUND; expected at least LOW and below HIGH" */
static inline assay_status assay_fail_range(assay_error *error, const char *field, int32_t index,
                                            int64_t found, int64_t low, int64_t high) {
    char where[64], text[160];
    snprintf(where, sizeof where, "batch.%s[%d]", field, (int)index);
    snprintf(text, sizeof text, "found %lld; expected at least %lld and below %lld",
             (long long)found, (long long)low, (long long)high);
    return assay_fail(error, ASSAY_INVALID_ARGUMENT, where, text);
}

static inline assay_status assay_check_indices(assay_error *error, const char *field,
                                               const int32_t *indices, int32_t n, int64_t limit) {
    if (!indices)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, field, "is NULL, but the graph reads it");
    for (int32_t i = 0; i < n; i++)
        if (indices[i] < 0 || indices[i] >= limit)
            return assay_fail_range(error, field, i, indices[i], 0, limit);
    return ASSAY_OK;
}

static inline assay_status assay_check_rows(const assay_bounds *bounds, const assay_batch *batch,
                                            assay_error *error) {
    int32_t n_rows = batch->n_rows, n_tokens = batch->n_tokens;
    char text[192];
    if (n_rows < 1 || n_rows > bounds->max_rows || n_tokens < n_rows ||
        n_tokens > bounds->max_tokens) {
        snprintf(text, sizeof text,
                 "found %d rows and %d tokens; expected 1 to %d rows of at least one token, at "
                 "most %d tokens; compile a larger plan",
                 (int)n_rows, (int)n_tokens, (int)bounds->max_rows, (int)bounds->max_tokens);
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "batch", text);
    }
    if (!batch->offsets)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "batch.offsets", "is NULL");
    if (batch->offsets[0] != 0)
        return assay_fail_range(error, "offsets", 0, batch->offsets[0], 0, 1);
    for (int32_t b = 0; b < n_rows; b++) {
        int64_t low = (int64_t)batch->offsets[b] + 1, high = (int64_t)n_tokens + 1;
        if (batch->offsets[b + 1] < low || batch->offsets[b + 1] >= high)
            return assay_fail_range(error, "offsets", b + 1, batch->offsets[b + 1], low, high);
    }
    if (batch->offsets[n_rows] != n_tokens)
        return assay_fail_range(error, "offsets", n_rows, batch->offsets[n_rows], n_tokens,
                                (int64_t)n_tokens + 1);
    return ASSAY_OK;
}

/* Pointers that the graph reads without picking from a table by them. */
static inline assay_status assay_check_presence(const assay_bounds *bounds,
                                                const assay_batch *batch, const assay_step *step,
                                                assay_error *error) {
    int drops = bounds->kind == ASSAY_PLAN_ACCUMULATE && bounds->has_dropout && step->dropout;
    if (bounds->reads_token_weights &&
        (!ASSAY_HAS_FIELD(batch, assay_batch, token_weights) || !batch->token_weights))
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "batch.token_weights",
                          "is NULL, but the graph reads it; give each token its weight");
    if (drops && !batch->row_keys)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "batch.row_keys",
                          "is NULL; dropout needs a key for each row");
    if (drops && !batch->positions)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "batch.positions",
                          "is NULL; dropout needs each token's position");
    return ASSAY_OK;
}

/* [cell] The batch and step that a forward or accumulate plan is to run. */
static inline assay_status assay_check_batch(const assay_bounds *bounds, const assay_batch *batch,
                                             const assay_step *step, assay_error *error) {
    if (!batch)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "batch", "is NULL; the plan needs one");
    if (bounds->kind == ASSAY_PLAN_ACCUMULATE && !step)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "step", "is NULL; the plan needs one");
    assay_status status = assay_check_rows(bounds, batch, error);
    if (status == ASSAY_OK && bounds->n_ids > 0)
        status = assay_check_indices(error, "ids", batch->ids, batch->n_tokens, bounds->n_ids);
    if (status == ASSAY_OK && bounds->n_positions > 0)
        status = assay_check_indices(error, "positions", batch->positions, batch->n_tokens,
                                     bounds->n_positions);
    if (status == ASSAY_OK && bounds->n_classes > 0 &&
        (batch->labels || bounds->kind == ASSAY_PLAN_ACCUMULATE))
        status =
            assay_check_indices(error, "labels", batch->labels, batch->n_rows, bounds->n_classes);
    if (status == ASSAY_OK)
        status = assay_check_presence(bounds, batch, step, error);
    return status;
}

/* ---- upload, download and read ------------------------------------------------------------- */

static inline assay_status assay_check_count(uint64_t found, uint64_t expected, const char *where,
                                             assay_error *error) {
    char text[96];
    if (found == expected)
        return ASSAY_OK;
    snprintf(text, sizeof text, "found %llu elements; expected %llu", (unsigned long long)found,
             (unsigned long long)expected);
    return assay_fail(error, ASSAY_INVALID_ARGUMENT, where, text);
}

/* [cell] The arguments of `upload` and `download`. */
static inline assay_status assay_check_state(const assay_graph_view *graph, int32_t state,
                                             uint32_t parameter, uint64_t n, assay_error *error) {
    if (state < ASSAY_STATE_PARAMETER || state > ASSAY_STATE_MOMENT2 ||
        parameter >= graph->n_parameters)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "state", "no such state or parameter");
    return assay_check_count(n, (uint64_t)graph->parameters[parameter].n_elements,
                             graph->parameters[parameter].name, error);
}

/* 1 when a session keeps that state: gradient and moments of what isn't trained are zero. */
static inline int assay_is_kept(const assay_graph_view *graph, int32_t state, uint32_t parameter) {
    return state == ASSAY_STATE_PARAMETER || graph->parameters[parameter].gradient != ASSAY_NONE;
}

/* [cell] What may be uploaded to a state that isn't kept. */
static inline assay_status assay_check_zero(const double *data, uint64_t n, const char *name,
                                            assay_error *error) {
    for (uint64_t i = 0; i < n; i++)
        if (data[i] != 0)
            return assay_fail(error, ASSAY_INVALID_ARGUMENT, name,
                              "isn't trained: its gradient and moments stay zero");
    return ASSAY_OK;
}

/* [cell] The arguments of `read` in a backend that keeps logits and loss only. n_rows: of the
 * plan's last batch, 0 before the first; has_loss: whether that had labels. */
static inline assay_status assay_check_read(const assay_graph_view *graph, assay_value value,
                                            uint64_t n, int32_t n_rows, int32_t has_loss,
                                            assay_error *error) {
    if (n_rows == 0)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "read", "the plan has not run a batch");
    if (value == ASSAY_NONE || (value != graph->logits && value != graph->loss))
        return assay_fail(error, ASSAY_UNSUPPORTED, "read",
                          "this backend keeps logits and loss only");
    if (value == graph->loss && !has_loss)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "read", "the last batch had no labels");
    uint64_t k = value == graph->logits ? (uint64_t)graph->values[value].dims[0] : 0;
    return assay_check_count(n, k ? (uint64_t)n_rows * k : 1, "read", error);
}

#ifdef __cplusplus
}
#endif
#endif
