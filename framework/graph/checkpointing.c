/* SPDX-License-Identifier: MIT */
/* Activation recomputation (Chen, Xu, Zhang, Guestrin 2016, "Training deep nets with sublinear
 * memory cost"): less memory for up to one more forward pass, and bit for bit the same results.
 *
 * The forward nodes are cut into segments. A cut may stand where exactly one computed value passes
 * from the nodes before it to those after it, as between the layers of a stack. Of a segment that
 * isn't the last, only the value at its beginning is kept for the backward part; there the nodes
 * whose values the segment's gradients need stand once more, in front of those gradients, with the
 * same attributes (so the same dropout) and forward_node -1. Gradients then read, and name as their
 * forward node, what was computed again. The last segment is still in memory when its gradients
 * begin, and what depends on no trained parameter has none: both are never computed again.
 *
 * Which cuts: with b_j the size of the value at the beginning of segment j and a_j the sizes of
 * what gradients read in it, the most that lives at once is
 *
 *     max_k (b_1 + ... + b_k + a_k)
 *
 * because segments behind k are done when k's gradients run. The cuts that make it smallest are
 * found by bisection over that bound, with the smallest sum of b up to each cut under the bound by
 * dynamic programming. For a stack of equal layers that is about one segment a layer, or several
 * layers where a layer keeps little; a graph that gains less than an eighth stays as it is. */
#include <string.h>

#include "graph/internal.h"

enum {
    MOST_CUTS = 512, /* of which to choose; more are thinned out */
    LEAST_SHARE = 8, /* what is saved must be at least total / LEAST_SHARE */
};

/* A place for a cut: before forward node `node`. */
typedef struct cut {
    uint32_t node;
    int64_t carried;  /* size of the value that passes */
    int64_t released; /* the same where `before` counts it for gradients behind the cut, else 0 */
    int64_t before;   /* sizes of what gradients read of the nodes before it */
} cut;

typedef struct checkpoints {
    assay_graph *graph;
    uint32_t n_forward, n_values;
    assay_node *backward; /* [n_backward] as the gradient table made them */
    uint32_t n_backward;
    bool *read;        /* [n_values] by gradients */
    bool *read_by_own; /* [n_values] by the gradient of the node that makes it */
    cut *cuts;         /* [n_cuts] from the first segment's beginning to the end */
    uint32_t n_cuts;
    int32_t *segment;  /* [n_forward] a number of its own; -1: never computed again */
    bool *again;       /* [n_values] to be computed again */
    assay_value *copy; /* [n_values] of what has been, else ASSAY_NONE */
    int32_t *copied;   /* [n_forward] node that computes it again, else -1 */
} checkpoints;

/* ---- sizes ----------------------------------------------------------------------------------- */

/* Floats a token; a value of rows is nothing beside those. */
static int64_t value_size(const assay_graph *graph, assay_value value) {
    const assay_value_info *info = &graph->values[value];
    return info->domain == ASSAY_DOMAIN_TOKENS ? info->dims[0] : 0;
}

/* What a node's gradient needs of it: its value where it is read, and what backends keep beside it:
 * gates and cell states, a number for each head of attention. */
static int64_t kept_size(const checkpoints *c, uint32_t n) {
    const assay_node *node = &c->graph->nodes[n];
    int64_t size = value_size(c->graph, node->outputs[0]);
    if (!c->read[node->outputs[0]])
        return 0;
    switch (node->op) {
    case ASSAY_OP_RNN:
        return 2 * size;
    case ASSAY_OP_GRU:
        return 5 * size;
    case ASSAY_OP_LSTM:
        return 6 * size;
    case ASSAY_OP_ATTENTION:
        return size + node->attrs.heads;
    default:
        return size;
    }
}

/* ---- where cuts may stand -------------------------------------------------------------------- */

static void mark_read(checkpoints *c) {
    for (uint32_t n = 0; n < c->n_backward; n++) {
        const assay_node *node = &c->backward[n];
        for (uint32_t i = 0; i < node->n_inputs; i++) {
            assay_value value = node->inputs[i];
            if (value == ASSAY_NONE)
                continue;
            c->read[value] = true;
            if (c->graph->values[value].node == node->forward_node)
                c->read_by_own[value] = true;
        }
    }
}

/* Appends the cut before node `n`, through which `value` passes. */
static void add_cut(checkpoints *c, uint32_t n, assay_value value, int64_t before) {
    int64_t size = value == ASSAY_NONE ? 0 : value_size(c->graph, value);
    bool behind = value != ASSAY_NONE && c->read[value] && !c->read_by_own[value];
    c->cuts[c->n_cuts++] =
        (cut){.node = n, .carried = size, .released = behind ? size : 0, .before = before};
}

/* Every place where one value passes, from the last one that nothing trained stands before (or from
 * the beginning). passing[n] and sum[n]: how many values pass in front of node n, and the sum of
 * their numbers, which is the value where it is one. */
static void find_cuts(checkpoints *c, const bool *trained, const int32_t *passing,
                      const int64_t *sum) {
    int64_t before = 0;
    bool frozen = true;
    add_cut(c, 0, ASSAY_NONE, 0);
    for (uint32_t n = 1; n < c->n_forward; n++) {
        before += kept_size(c, n - 1);
        frozen = frozen && !trained[c->graph->nodes[n - 1].outputs[0]];
        if (passing[n] != 1)
            continue;
        if (frozen)
            c->n_cuts = 0;
        add_cut(c, n, (assay_value)sum[n], before);
    }
    add_cut(c, c->n_forward, ASSAY_NONE, before + kept_size(c, c->n_forward - 1));
}

/* Counts each computed value at the places between its node and its last reader. */
static void count_passing(const checkpoints *c, int32_t *last_reader, int32_t *passing,
                          int64_t *sum) {
    const assay_graph *graph = c->graph;
    for (uint32_t n = 0; n < c->n_forward; n++) {
        const assay_node *node = &graph->nodes[n];
        last_reader[n] = (int32_t)n;
        for (uint32_t i = 0; i < node->n_inputs; i++)
            if (node->inputs[i] != ASSAY_NONE && graph->values[node->inputs[i]].node >= 0)
                last_reader[graph->values[node->inputs[i]].node] = (int32_t)n;
    }
    for (uint32_t n = 0; n < c->n_forward; n++) {
        passing[n + 1]++;
        passing[last_reader[n] + 1]--;
        sum[n + 1] += graph->nodes[n].outputs[0];
        sum[last_reader[n] + 1] -= graph->nodes[n].outputs[0];
    }
    for (uint32_t n = 1; n < c->n_forward; n++) {
        passing[n] += passing[n - 1];
        sum[n] += sum[n - 1];
    }
}

static void thin_out(checkpoints *c) {
    uint32_t step = (c->n_cuts + MOST_CUTS - 1) / MOST_CUTS, n = 0;
    for (uint32_t i = 0; i + 1 < c->n_cuts; i += step)
        c->cuts[n++] = c->cuts[i];
    c->cuts[n++] = c->cuts[c->n_cuts - 1];
    c->n_cuts = n;
}

/* ---- which cuts ------------------------------------------------------------------------------ */

/* from[i]: the cut where the segment that ends in cut i begins, when nothing larger than `most`
 * lives at once; false where that can't be. sum[i] is the smallest b_1 + ... up to cut i. */
static bool fits(const checkpoints *c, int64_t most, int64_t *sum, uint32_t *from) {
    sum[0] = c->cuts[0].carried;
    for (uint32_t i = 1; i < c->n_cuts; i++) {
        const cut *end = &c->cuts[i];
        sum[i] = INT64_MAX;
        for (uint32_t j = 0; j < i; j++) {
            int64_t kept = end->before - end->released - c->cuts[j].before;
            if (sum[j] == INT64_MAX || sum[j] + kept > most || sum[j] + end->carried >= sum[i])
                continue;
            sum[i] = sum[j] + end->carried;
            from[i] = j;
        }
    }
    return sum[c->n_cuts - 1] != INT64_MAX;
}

/* Numbers the segments of the smallest bound; false where there is one alone, or little to save. */
static bool choose(checkpoints *c, int64_t *sum, uint32_t *from) {
    uint32_t last = c->n_cuts - 1;
    int64_t total = c->cuts[0].carried + c->cuts[last].before - c->cuts[0].before;
    int64_t low = 0, high = total;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (fits(c, middle, sum, from))
            high = middle;
        else
            low = middle + 1;
    }
    if (total - high < total / LEAST_SHARE || !fits(c, high, sum, from) || from[last] == 0)
        return false;
    for (uint32_t end = from[last]; end > 0; end = from[end])
        for (uint32_t n = c->cuts[from[end]].node; n < c->cuts[end].node; n++)
            c->segment[n] = (int32_t)end; /* any number of its own */
    return true;
}

/* ---- computing again ------------------------------------------------------------------------- */

/* Marks a value that forward node `reader` or its gradient reads, if it is made in its segment. */
static void need(checkpoints *c, int32_t reader, assay_value value) {
    int32_t node =
        value == ASSAY_NONE || (uint32_t)value >= c->n_values ? -1 : c->graph->values[value].node;
    if (node >= 0 && (uint32_t)node < c->n_forward && c->segment[node] >= 0 &&
        c->segment[node] == c->segment[reader])
        c->again[value] = true;
}

static void mark_again(checkpoints *c) {
    for (uint32_t n = 0; n < c->n_backward; n++)
        for (uint32_t i = 0; i < c->backward[n].n_inputs; i++)
            need(c, c->backward[n].forward_node, c->backward[n].inputs[i]);
    for (uint32_t n = c->n_forward; n-- > 0;) {
        const assay_node *node = &c->graph->nodes[n];
        for (uint32_t i = 0; c->again[node->outputs[0]] && i < node->n_inputs; i++)
            need(c, (int32_t)n, node->inputs[i]);
    }
}

/* Appends a node that reads copies where there are any. Only values of the node's own segment have
 * them by now: the segments behind it read its last value as it was kept. */
static bool append(checkpoints *c, const assay_node *node, int32_t forward_node,
                   const assay_value *outputs) {
    assay_value inputs[AS_MAX_OPERANDS];
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        assay_value value = node->inputs[i];
        bool has_copy = value != ASSAY_NONE && c->copy[value] != ASSAY_NONE;
        inputs[i] = has_copy ? c->copy[value] : value;
    }
    return as_graph_add_node(c->graph, node->op, forward_node, inputs, node->n_inputs, outputs,
                             node->n_outputs, &node->attrs);
}

static bool append_segment(checkpoints *c, int32_t segment) {
    for (uint32_t n = 0; n < c->n_forward; n++) {
        const assay_node node = c->graph->nodes[n]; /* the array may move */
        assay_value output = node.outputs[0];
        if (c->segment[n] != segment || !c->again[output])
            continue;
        assay_value copy = as_graph_add_value(c->graph, &c->graph->values[output]);
        if (copy == ASSAY_NONE || !append(c, &node, -1, &copy))
            return false;
        c->copy[output] = copy;
        c->copied[n] = (int32_t)c->graph->n_nodes - 1;
    }
    return true;
}

/* The backward nodes once more, each segment's behind the copies they read. */
static void append_backward(checkpoints *c) {
    int32_t segment = -1;
    for (uint32_t n = 0; n < c->n_backward; n++) {
        const assay_node *node = &c->backward[n];
        int32_t forward = node->forward_node;
        if (c->segment[forward] != segment) {
            segment = c->segment[forward];
            if (segment >= 0 && !append_segment(c, segment))
                return;
        }
        if (c->copied[forward] >= 0)
            forward = c->copied[forward];
        if (!append(c, node, forward, node->outputs))
            return;
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool allocate(checkpoints *c) {
    as_arena *arena = c->graph->arena;
    c->backward = as_arena_alloc_array(arena, c->n_backward, sizeof *c->backward);
    c->read = as_arena_alloc_array(arena, c->n_values, sizeof *c->read);
    c->read_by_own = as_arena_alloc_array(arena, c->n_values, sizeof *c->read_by_own);
    c->cuts = as_arena_alloc_array(arena, (size_t)c->n_forward + 2, sizeof *c->cuts);
    c->segment = as_arena_alloc_array(arena, c->n_forward, sizeof *c->segment);
    c->again = as_arena_alloc_array(arena, c->n_values, sizeof *c->again);
    c->copy = as_arena_alloc_array(arena, c->n_values, sizeof *c->copy);
    c->copied = as_arena_alloc_array(arena, c->n_forward, sizeof *c->copied);
    return c->backward && c->read && c->read_by_own && c->cuts && c->segment && c->again &&
           c->copy && c->copied;
}

static bool find_segments(checkpoints *c) {
    const assay_graph *graph = c->graph;
    bool *trained = as_arena_alloc_array(graph->arena, c->n_values, sizeof *trained);
    int32_t *passing =
        as_arena_alloc_array(graph->arena, (size_t)c->n_forward + 2, sizeof *passing);
    int64_t *passing_sum =
        as_arena_alloc_array(graph->arena, (size_t)c->n_forward + 2, sizeof *passing_sum);
    int64_t *sum = as_arena_alloc_array(graph->arena, (size_t)c->n_forward + 2, sizeof *sum);
    uint32_t *from = as_arena_alloc_array(graph->arena, (size_t)c->n_forward + 2, sizeof *from);
    if (!trained || !passing || !passing_sum || !sum || !from) {
        as_graph_fail(c->graph, ASSAY_OUT_OF_MEMORY, "graph", "out of memory for checkpointing");
        return false;
    }
    as_mark_trained(graph->parameters, graph->n_parameters, graph->nodes, c->n_forward, trained);
    mark_read(c);
    count_passing(c, c->copied, passing, passing_sum); /* copied has no use yet */
    find_cuts(c, trained, passing, passing_sum);
    thin_out(c);
    return choose(c, sum, from);
}

void as_graph_add_checkpoints(assay_graph *graph, uint32_t n_forward_nodes) {
    checkpoints c = {.graph = graph,
                     .n_forward = n_forward_nodes,
                     .n_values = graph->n_values,
                     .n_backward = graph->n_nodes - n_forward_nodes};
    if (!allocate(&c)) {
        as_graph_fail(graph, ASSAY_OUT_OF_MEMORY, "graph", "out of memory for checkpointing");
        return;
    }
    memcpy(c.backward, graph->nodes + c.n_forward, c.n_backward * sizeof *c.backward);
    for (uint32_t v = 0; v < c.n_values; v++)
        c.copy[v] = ASSAY_NONE;
    for (uint32_t n = 0; n < c.n_forward; n++)
        c.segment[n] = -1;
    if (!find_segments(&c))
        return;
    for (uint32_t n = 0; n < c.n_forward; n++)
        c.copied[n] = -1;
    mark_again(&c);
    graph->n_nodes = c.n_forward;
    append_backward(&c);
}
