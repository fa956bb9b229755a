/* SPDX-License-Identifier: MIT */
/* Attention's weights, read off a graph by the operations that it already has: a weighted sum of
 * unit vectors is the weights,
 *
 *     sum_u a_u e_u = (a_0, a_1, ...)
 *
 * so the probe mixes positions' unit vectors instead of the values. No backend needs to know. */
#include <string.h>

#include "graph/internal.h"

enum { POOL_WINDOW = 256 };

static bool is_attention(int32_t op) {
    return op == ASSAY_OP_ATTENTION || op == ASSAY_OP_ATTENTION_POOL;
}

/* Whose query matters, by how the tokens behind the node become rows. */
static as_attention_query query_of(const assay_graph_view *view, uint32_t node) {
    if (view->nodes[node].op == ASSAY_OP_ATTENTION_POOL)
        return AS_ATTENTION_POOL;
    for (uint32_t n = node + 1; n < view->n_forward_nodes; n++) {
        const assay_node *behind = &view->nodes[n];
        if (behind->op == ASSAY_OP_SELECT_TOKEN)
            return behind->attrs.token == ASSAY_TOKEN_FIRST ? AS_ATTENTION_FIRST
                                                            : AS_ATTENTION_LAST;
        if (behind->op == ASSAY_OP_MEAN_POOL || behind->op == ASSAY_OP_MAX_POOL)
            break;
    }
    return AS_ATTENTION_MEAN;
}

bool as_graph_find_attention(const assay_graph_view *view, as_attention *ret_attention) {
    uint32_t n = view->n_forward_nodes;
    while (n > 0 && !is_attention(view->nodes[n - 1].op))
        n--;
    if (n == 0)
        return false;
    const assay_node *node = &view->nodes[n - 1];
    bool pool = node->op == ASSAY_OP_ATTENTION_POOL;
    int64_t channels = pool ? POOL_WINDOW : view->values[node->outputs[0]].dims[0];
    *ret_attention = (as_attention){.node = n - 1,
                                    .heads = pool ? 1 : node->attrs.heads,
                                    .query = query_of(view, n - 1),
                                    .channels = channels,
                                    .window = channels / (pool ? 1 : node->attrs.heads)};
    return true;
}

static assay_value apply(assay_graph *graph, int32_t op, const assay_value *inputs,
                         uint32_t n_inputs, const assay_attrs *attrs) {
    return as_graph_failed(graph)
               ? ASSAY_NONE
               : as_graph_add_forward(graph, "attention's weights", op, inputs, n_inputs, attrs);
}

/* window[position]: TOKENS [N, channels] */
static assay_value unit_vectors(assay_graph *graph, const as_attention *attention,
                                int64_t max_tokens) {
    static const assay_init frozen = {.kind = ASSAY_INIT_CONSTANT, .frozen = 1, .scale = 0};
    const assay_attrs none = ASSAY_ATTRS_INIT;
    const int64_t dims[2] = {max_tokens, attention->channels};
    assay_value inputs[2] = {as_graph_add_input(graph, ASSAY_INPUT_POSITIONS), ASSAY_NONE};
    if (!as_graph_failed(graph))
        inputs[1] = as_graph_add_parameter(graph, AS_ATTENTION_WINDOW, 2, dims, &frozen, NULL);
    return apply(graph, ASSAY_OP_EMBEDDING, inputs, 2, &none);
}

/* The attention node over queries and keys as they were, and unit vectors as values. */
static assay_value self_attention(assay_graph *graph, const assay_attrs *of_node, assay_value qkv,
                                  assay_value units, const as_attention *attention) {
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    attrs.size = 2 * attention->channels;
    assay_value parts[2] = {apply(graph, ASSAY_OP_SLICE, &qkv, 1, &attrs), units};
    attrs = (assay_attrs)ASSAY_ATTRS_INIT;
    assay_value mixed = apply(graph, ASSAY_OP_CONCAT, parts, 2, &attrs);
    assay_value weights = apply(graph, ASSAY_OP_ATTENTION, &mixed, 1, of_node);
    attrs.token = attention->query == AS_ATTENTION_LAST ? ASSAY_TOKEN_LAST : ASSAY_TOKEN_FIRST;
    return apply(graph,
                 attention->query == AS_ATTENTION_MEAN ? ASSAY_OP_MEAN_POOL : ASSAY_OP_SELECT_TOKEN,
                 &weights, 1, &attrs);
}

assay_status as_graph_attention_probe(const assay_graph_view *view, const as_attention *attention,
                                      int64_t max_tokens, assay_graph **ret_graph,
                                      assay_error *error) {
    const assay_node *node = &view->nodes[attention->node];
    bool pool = node->op == ASSAY_OP_ATTENTION_POOL;
    assay_value source = node->inputs[pool ? 1 : 0];
    const assay_attrs none = ASSAY_ATTRS_INIT;
    as_part p;
    assay_status status = as_part_new(view, &p, error);
    if (status != ASSAY_OK)
        return status;
    as_part_mark(&p, source, ASSAY_NONE);
    as_part_copy(&p);
    assay_value units = ASSAY_NONE, result = ASSAY_NONE;
    if (!as_graph_failed(p.graph))
        units = unit_vectors(p.graph, attention, max_tokens);
    if (pool) {
        const assay_value inputs[2] = {units, p.own[source]};
        result = apply(p.graph, ASSAY_OP_ATTENTION_POOL, inputs, 2, &none);
    } else {
        result = self_attention(p.graph, &node->attrs, p.own[source], units, attention);
    }
    return as_part_finish(&p, result, ret_graph, error);
}
