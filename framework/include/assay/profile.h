/* SPDX-License-Identifier: MIT */
/* assay/profile.h: for backends: keeping the times of a plan's runs, and what a node's products
 * and operands come to, for assay_backend's profile and read_profile.
 *
 * A plan keeps one line for each node and a few for its own work. While profiling is off nothing is
 * kept, nothing is allocated and no clock is read:
 *
 *     int64_t start = session->profiling ? now() : 0;
 *     ... the node runs ...
 *     if (session->profiling)
 *         assay_profile_add(&plan->profile, line, now() - start, flops, bytes);
 *
 * Not for: figures of models (graph FLOPs); those count what the mathematics needs, these what ran.
 */
#ifndef ASSAY_PROFILE_H
#define ASSAY_PROFILE_H

#include "assay/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct assay_profile {
    assay_profile_entry *lines; /* [n_lines], the plan's memory; NULL before its first kept run */
    uint32_t n_lines;
    uint32_t reserved;
    uint64_t round; /* the session's count of calls to profile, when these lines were zero */
    uint64_t nanoseconds, n_runs;
    int64_t inner_ns; /* of lines that ran inside the line that is running */
} assay_profile;

/* [cell] Names of the lines stay, their figures begin from zero. */
static inline void assay_profile_restart(assay_profile *profile, uint64_t round) {
    for (uint32_t i = 0; i < profile->n_lines; i++) {
        assay_profile_entry *line = &profile->lines[i];
        line->calls = line->nanoseconds = line->flops = line->bytes = 0;
    }
    profile->nanoseconds = profile->n_runs = 0;
    profile->inner_ns = 0;
    profile->round = round;
}

/* [cell] A line has run once; what ran inside it has lines of its own and doesn't count. */
static inline void assay_profile_add(assay_profile *profile, uint32_t line, int64_t ns,
                                     uint64_t flops, uint64_t bytes) {
    assay_profile_entry *entry = &profile->lines[line];
    int64_t own = ns - profile->inner_ns;
    profile->inner_ns = 0;
    entry->calls++;
    entry->nanoseconds += own > 0 ? (uint64_t)own : 0;
    entry->flops += flops;
    entry->bytes += bytes;
}

/* [cell] The same for a line that runs inside another. Lines nest no deeper. */
static inline void assay_profile_add_inner(assay_profile *profile, uint32_t line, int64_t ns,
                                           uint64_t bytes) {
    assay_profile_entry *entry = &profile->lines[line];
    entry->calls++;
    entry->nanoseconds += ns > 0 ? (uint64_t)ns : 0;
    entry->bytes += bytes;
    profile->inner_ns += ns;
}

/* [cell] assay_backend.read_profile: lines that ran, in their order. */
static inline uint32_t assay_profile_read(const assay_profile *profile,
                                          assay_profile_entry *entries, uint32_t capacity,
                                          uint64_t *ret_nanoseconds, uint64_t *ret_runs) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < profile->n_lines; i++) {
        if (profile->lines[i].calls == 0)
            continue;
        if (n < capacity)
            entries[n] = profile->lines[i];
        n++;
    }
    *ret_nanoseconds = profile->nanoseconds;
    *ret_runs = profile->n_runs;
    return n;
}

/* ---- what a node comes to
 * --------------------------------------------------------------------------------------- */

/* A batch, as far as operations and bytes depend on it. */
typedef struct assay_extent {
    double rows, tokens;
    double squares; /* sum of the squared lengths of its rows */
} assay_extent;

static inline assay_extent assay_extent_of(const assay_batch *batch) {
    assay_extent extent = {(double)batch->n_rows, (double)batch->n_tokens, 0};
    for (int32_t b = 0; b < batch->n_rows; b++) {
        double length = (double)batch->offsets[b + 1] - (double)batch->offsets[b];
        extent.squares += length * length;
    }
    return extent;
}

static inline double assay_value_elements(const assay_value_info *value,
                                          const assay_extent *extent) {
    double channels = value->is_index ? 1 : (double)value->dims[0];
    switch (value->domain) {
    case ASSAY_DOMAIN_TOKENS:
        return extent->tokens * channels;
    case ASSAY_DOMAIN_ROWS:
        return extent->rows * channels;
    case ASSAY_DOMAIN_FIXED:
        return channels * (double)value->dims[1];
    default:
        return 1;
    }
}

/* Products of a recurrent layer with the inputs and the states of all tokens; `w` is the first
 * weight among the node's inputs. */
static inline double assay_gate_products(const assay_graph_view *graph, const assay_node *node,
                                         uint32_t w, const assay_extent *extent) {
    const assay_value_info *w_ih = &graph->values[node->inputs[w]];
    const assay_value_info *w_hh = &graph->values[node->inputs[w + 1]];
    return (node->attrs.bidirectional ? 2 : 1) * extent->tokens * (double)w_ih->dims[0] * 2 *
           ((double)w_ih->dims[1] + (double)w_hh->dims[1]);
}

/* [any] Operations of a node's matrix products and recurrences, a multiply-add as two; 0 for all
 * other nodes. Attention whose result a backend made one of rows has one query a row; its gradient
 * computes the scores again: five products. */
static inline double assay_product_flops(const assay_graph_view *graph, const assay_node *node,
                                         const assay_extent *extent) {
    const assay_value_info *values = graph->values;
    switch (node->op) {
    case ASSAY_OP_LINEAR:
    case ASSAY_OP_LINEAR_GRAD_INPUT:
        return 2 * assay_value_elements(&values[node->outputs[0]], extent) *
               (double)values[node->inputs[0]].dims[0];
    case ASSAY_OP_LINEAR_GRAD_WEIGHT:
        return 2 * assay_value_elements(&values[node->inputs[0]], extent) *
               (double)values[node->inputs[1]].dims[0];
    case ASSAY_OP_ATTENTION:
        return 4 *
               (values[node->outputs[0]].domain == ASSAY_DOMAIN_ROWS ? extent->tokens
                                                                     : extent->squares) *
               (double)values[node->outputs[0]].dims[0];
    case ASSAY_OP_ATTENTION_GRAD:
        return 10 * extent->squares * (double)values[node->inputs[0]].dims[0];
    case ASSAY_OP_RNN:
    case ASSAY_OP_GRU:
    case ASSAY_OP_LSTM:
        return assay_gate_products(graph, node, 1, extent);
    case ASSAY_OP_RNN_GRAD:
    case ASSAY_OP_GRU_GRAD:
    case ASSAY_OP_LSTM_GRAD: {
        double unneeded = 0; /* the gradient by x, where nobody reads it */
        if (node->outputs[0] == ASSAY_NONE)
            unneeded = 2 * (node->attrs.bidirectional ? 2 : 1) * extent->tokens *
                       assay_value_elements(&values[node->inputs[3]], extent);
        return 2 * assay_gate_products(graph, node, 3, extent) - unneeded;
    }
    default:
        return 0;
    }
}

/* Of a table only the rows that are looked up count. */
static inline double assay_operand_elements(const assay_graph_view *graph, assay_value value,
                                            int is_table, const assay_extent *extent) {
    if (is_table)
        return extent->tokens * (double)graph->values[value].dims[1];
    return assay_value_elements(&graph->values[value], extent);
}

/* [any] Bytes of a node's operands, each read once, and of its results, each written once, in
 * elements of so many bytes; indices have four. */
static inline double assay_node_bytes(const assay_graph_view *graph, const assay_node *node,
                                      const assay_extent *extent, double input_bytes,
                                      double output_bytes) {
    int gradient = node->op == ASSAY_OP_EMBEDDING_GRAD, lookup = node->op == ASSAY_OP_EMBEDDING;
    double sum = 0;
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        assay_value v = node->inputs[i];
        if (v == ASSAY_NONE || (gradient && i == 2)) /* that table isn't read */
            continue;
        sum += (graph->values[v].is_index ? 4 : input_bytes) *
               assay_operand_elements(graph, v, lookup && i == 1, extent);
    }
    for (uint32_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] != ASSAY_NONE)
            sum += output_bytes * assay_operand_elements(graph, node->outputs[i], gradient, extent);
    return sum;
}

#ifdef __cplusplus
}
#endif
#endif
