/* SPDX-License-Identifier: MIT */
/* rewrite/nodes.c: a plan's own nodes: copying, changing, who writes and reads what. */
#include <stdlib.h>
#include <string.h>

#include "rewrite.h"

static int fits(const assay_node *node) {
    return node->n_inputs <= REWRITE_OPERANDS && node->n_outputs <= REWRITE_OPERANDS;
}

static void copy_node(rewrite_node *to, const assay_node *from) {
    to->node = *from;
    for (uint32_t i = 0; i < from->n_inputs; i++)
        to->inputs[i] = from->inputs[i];
    for (uint32_t i = 0; i < from->n_outputs; i++)
        to->outputs[i] = from->outputs[i];
    to->node.inputs = to->inputs;
    to->node.outputs = to->outputs;
}

assay_status rewrite_open(const assay_graph_view *graph, uint32_t n, rewrite_nodes *ret_own,
                          assay_error *error) {
    for (uint32_t i = 0; i < n; i++)
        if (!fits(&graph->nodes[i]))
            return assay_fail(error, ASSAY_UNSUPPORTED, "plan",
                              "an operation has more inputs or outputs than this backend takes");
    rewrite_node *nodes = calloc((size_t)n + 1, sizeof *nodes);
    if (!nodes)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "plan", "no memory for its nodes");
    for (uint32_t i = 0; i < n; i++)
        copy_node(&nodes[i], &graph->nodes[i]);
    *ret_own = (rewrite_nodes){.graph = graph, .n = n, .nodes = nodes};
    return ASSAY_OK;
}

void rewrite_close(rewrite_nodes *own) {
    free(own->nodes);
    *own = (rewrite_nodes){0};
}

void rewrite_set_input(rewrite_nodes *own, uint32_t n, uint32_t i, assay_value value) {
    rewrite_node *o = &own->nodes[n];
    for (; o->node.n_inputs <= i; o->node.n_inputs++)
        o->inputs[o->node.n_inputs] = ASSAY_NONE;
    o->inputs[i] = value;
}

void rewrite_set_output(rewrite_nodes *own, uint32_t n, uint32_t i, assay_value value) {
    rewrite_node *o = &own->nodes[n];
    for (; o->node.n_outputs <= i; o->node.n_outputs++)
        o->outputs[o->node.n_outputs] = ASSAY_NONE;
    o->outputs[i] = value;
}

void rewrite_drop(rewrite_nodes *own, uint32_t n) {
    assay_node *node = &own->nodes[n].node;
    node->op = REWRITE_OP_NONE;
    node->n_inputs = node->n_outputs = 0;
}

int rewrite_is_kept(const rewrite_nodes *own, assay_value value) {
    return own->graph->last_use[value] == (int32_t)own->graph->n_nodes;
}

uint32_t rewrite_writer(const rewrite_nodes *own, assay_value value) {
    for (uint32_t n = 0; value != ASSAY_NONE && n < own->n; n++)
        for (uint32_t i = 0; i < own->nodes[n].node.n_outputs; i++)
            if (own->nodes[n].outputs[i] == value)
                return n;
    return own->n;
}

uint32_t rewrite_writer_of_op(const rewrite_nodes *own, assay_value value, int32_t op) {
    uint32_t n = rewrite_writer(own, value);
    return n < own->n && own->nodes[n].node.op == op ? n : own->n;
}

/* How often node n reads a value. */
static uint32_t n_reads(const rewrite_nodes *own, uint32_t n, assay_value value) {
    uint32_t times = 0;
    for (uint32_t i = 0; i < own->nodes[n].node.n_inputs; i++)
        times += own->nodes[n].inputs[i] == value;
    return times;
}

uint32_t rewrite_next_reader(const rewrite_nodes *own, assay_value value, uint32_t from) {
    uint32_t n = from;
    while (n < own->n && (value == ASSAY_NONE || !n_reads(own, n, value)))
        n++;
    return n;
}

uint32_t rewrite_reader_of_op(const rewrite_nodes *own, assay_value value, int32_t op) {
    uint32_t n = rewrite_next_reader(own, value, 0);
    while (n < own->n && own->nodes[n].node.op != op)
        n = rewrite_next_reader(own, value, n + 1);
    return n;
}

uint32_t rewrite_only_reader(const rewrite_nodes *own, assay_value value) {
    uint32_t n = rewrite_next_reader(own, value, 0);
    if (n == own->n || rewrite_is_kept(own, value) || n_reads(own, n, value) > 1)
        return own->n;
    return rewrite_next_reader(own, value, n + 1) == own->n ? n : own->n;
}

uint32_t rewrite_last_backward(const rewrite_nodes *own, uint32_t forward) {
    uint32_t last = forward;
    for (uint32_t n = forward + 1; n < own->n; n++)
        if (own->nodes[n].node.forward_node == (int32_t)forward)
            last = n;
    return last;
}
