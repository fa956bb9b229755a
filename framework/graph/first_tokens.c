/* SPDX-License-Identifier: MIT */
/* What is read of a row's first token alone is computed for that token alone.
 *
 * A classifier over the first token (BERT, DistilBERT) reads one position of the last layer, and
 * what follows that layer's attention works on each position by itself:
 *
 *     y = f(x), rows = select_token(y)      is      rows = f(select_token(x))
 *
 * so select_token moves up until it stands behind what mixes tokens. Of DistilBERT's products that
 * spares an eighth, of BERT-base's a sixteenth, in each direction; gradients follow, as they are
 * derived from the graph behind this pass. The arithmetic of each element that is left is the same,
 * and so are dropped elements: rows are keyed as first tokens are (assay_dropout_keep). */
#include <string.h>

#include "graph/internal.h"

typedef struct narrowing {
    assay_graph *graph;
    assay_value_info *values; /* [n_values] of the graph as it was */
    assay_node *nodes;        /* [n_nodes] likewise */
    uint32_t n_values, n_nodes;
    bool *whole;           /* [n_values] read for all tokens */
    assay_value *own;      /* [n_values] the value now, ASSAY_NONE before it is there */
    assay_value *selected; /* [n_values] its first tokens as rows, likewise */
} narrowing;

/* 1 for operations that work on each position by itself and so on rows as on tokens. */
static bool is_position_wise(int32_t op) {
    switch (op) {
    case ASSAY_OP_LINEAR:
    case ASSAY_OP_ADD:
    case ASSAY_OP_ADD_ROW:
    case ASSAY_OP_SCALE:
    case ASSAY_OP_RELU:
    case ASSAY_OP_GELU:
    case ASSAY_OP_TANH:
    case ASSAY_OP_DROPOUT:
    case ASSAY_OP_LAYER_NORM:
    case ASSAY_OP_SLICE:
    case ASSAY_OP_CONCAT:
        return true;
    default:
        return false;
    }
}

static bool selects_first(const assay_node *node) {
    return node->op == ASSAY_OP_SELECT_TOKEN && node->attrs.token == ASSAY_TOKEN_FIRST;
}

static bool is_of_tokens(const narrowing *c, assay_value value) {
    return value != ASSAY_NONE && c->values[value].domain == ASSAY_DOMAIN_TOKENS;
}

/* 1 where a node that gave tokens is to give rows. */
static bool becomes_rows(const narrowing *c, const assay_node *node) {
    assay_value output = node->outputs[0];
    return is_position_wise(node->op) && is_of_tokens(c, output) && !c->whole[output];
}

/* Every node reaches the logits, so a value that nobody needs whole is read as first tokens. */
static bool mark_whole(const narrowing *c) {
    bool any = false;
    for (uint32_t n = c->n_nodes; n-- > 0;) {
        const assay_node *node = &c->nodes[n];
        bool first = selects_first(node) || becomes_rows(c, node);
        any = any || becomes_rows(c, node);
        for (uint32_t i = 0; !first && i < node->n_inputs; i++)
            if (node->inputs[i] != ASSAY_NONE)
                c->whole[node->inputs[i]] = true;
    }
    return any;
}

/* The first tokens of a value, which a node computes once, in front of their first reader. */
static assay_value first_tokens_of(const narrowing *c, assay_value value) {
    if (c->graph->values[c->own[value]].domain == ASSAY_DOMAIN_ROWS)
        return c->own[value];
    if (c->selected[value] == ASSAY_NONE) {
        assay_attrs attrs = ASSAY_ATTRS_INIT;
        attrs.token = ASSAY_TOKEN_FIRST;
        c->selected[value] = as_graph_add_forward(c->graph, "graph first tokens",
                                                  ASSAY_OP_SELECT_TOKEN, &c->own[value], 1, &attrs);
    }
    return c->selected[value];
}

static void copy_node(const narrowing *c, const assay_node *node) {
    assay_value inputs[AS_MAX_OPERANDS], output = node->outputs[0], *own = &c->own[output];
    assay_value_info info = c->values[output];
    bool rows = becomes_rows(c, node);
    if (selects_first(node)) {
        *own = first_tokens_of(c, node->inputs[0]);
        return;
    }
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        assay_value value = node->inputs[i];
        inputs[i] = value == ASSAY_NONE              ? ASSAY_NONE
                    : rows && is_of_tokens(c, value) ? first_tokens_of(c, value)
                                                     : c->own[value];
    }
    if (as_graph_failed(c->graph))
        return;
    if (rows)
        info.domain = ASSAY_DOMAIN_ROWS;
    *own = as_graph_add_value(c->graph, &info);
    if (*own != ASSAY_NONE)
        (void)as_graph_add_node(c->graph, node->op, -1, inputs, node->n_inputs, own, 1,
                                &node->attrs);
}

/* Inputs and parameters, which no node computes. */
static void copy_given(const narrowing *c, assay_value value) {
    const assay_value_info *info = &c->values[value];
    assay_value own = c->own[value] = as_graph_add_value(c->graph, info);
    if (own == ASSAY_NONE)
        return;
    c->graph->values[own].parameter = info->parameter;
    c->graph->values[own].input = info->input;
    if (info->parameter >= 0)
        c->graph->parameters[info->parameter].value = own;
    if (info->input >= 0)
        c->graph->inputs[info->input] = own;
}

/* Again in the old order, so that values are still numbered along the graph. */
static void copy_all(const narrowing *c) {
    assay_graph *graph = c->graph;
    graph->values = NULL;
    graph->nodes = NULL;
    graph->n_values = graph->n_nodes = graph->room_values = graph->room_nodes = 0;
    for (uint32_t v = 0; v < c->n_values && !as_graph_failed(graph); v++)
        if (c->values[v].node >= 0)
            copy_node(c, &c->nodes[c->values[v].node]);
        else
            copy_given(c, (assay_value)v);
}

bool as_graph_narrow(assay_graph *graph, assay_value *logits) {
    narrowing c = {.graph = graph,
                   .values = graph->values,
                   .nodes = graph->nodes,
                   .n_values = graph->n_values,
                   .n_nodes = graph->n_nodes};
    c.whole = as_arena_alloc_array(graph->arena, c.n_values, sizeof *c.whole);
    c.own = as_arena_alloc_array(graph->arena, c.n_values, sizeof *c.own);
    c.selected = as_arena_alloc_array(graph->arena, c.n_values, sizeof *c.selected);
    if (!c.whole || !c.own || !c.selected) {
        as_graph_fail(graph, ASSAY_OUT_OF_MEMORY, "graph", "out of memory while closing");
        return false;
    }
    for (uint32_t v = 0; v < c.n_values; v++)
        c.own[v] = c.selected[v] = ASSAY_NONE;
    if (!mark_whole(&c))
        return true;
    copy_all(&c);
    *logits = c.own[*logits];
    return !as_graph_failed(graph);
}
