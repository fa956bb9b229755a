/* SPDX-License-Identifier: MIT */
/* rewrite/linears.c: linear layers that read the same x and are only concatenated (query, key and
 * value) become one layer, whose weight is theirs one behind the other; so do their gradients. */
#include "rewrite.h"

/* ---- the layers ------------------------------------------------------------------------------ */

/* The linear layer, with bias, that writes input i of a concat node; NULL: none does. */
static const assay_node *linear_part(const assay_graph_view *graph, const assay_node *concat,
                                     uint32_t i) {
    int32_t n = graph->values[concat->inputs[i]].node;
    const assay_node *part = n >= 0 ? &graph->nodes[n] : NULL;
    return part && part->op == ASSAY_OP_LINEAR && part->n_inputs == 3 ? part : NULL;
}

/* 1 when all parts of a concat are linear layers with biases that read the same x. */
static int is_group(const assay_graph_view *graph, const assay_node *concat) {
    const assay_node *first = linear_part(graph, concat, 0);
    for (uint32_t i = 0; i < concat->n_inputs; i++) {
        const assay_node *part = linear_part(graph, concat, i);
        if (!first || !part || part->inputs[0] != first->inputs[0] ||
            part->inputs[2] == ASSAY_NONE || graph->uses[concat->inputs[i]] != 1)
            return 0;
    }
    return 1;
}

/* order[n++] = parameter, once; 1 when it was new. */
static int put(uint32_t *order, uint32_t *n, int32_t parameter) {
    for (uint32_t i = 0; i < *n; i++)
        if (order[i] == (uint32_t)parameter)
            return 0;
    order[(*n)++] = (uint32_t)parameter;
    return 1;
}

void rewrite_order_parameters(const assay_graph_view *graph, uint32_t *order, uint8_t *behind) {
    uint32_t n = 0;
    for (uint32_t c = 0; c < graph->n_forward_nodes; c++) {
        const assay_node *concat = &graph->nodes[c];
        if (concat->op != ASSAY_OP_CONCAT || !is_group(graph, concat))
            continue;
        for (uint32_t k = 1; k < 3; k++) /* weights, then biases */
            for (uint32_t i = 0; i < concat->n_inputs; i++) {
                int32_t p = graph->values[linear_part(graph, concat, i)->inputs[k]].parameter;
                if (put(order, &n, p) && behind)
                    behind[p] = i > 0;
            }
    }
    for (uint32_t p = 0; p < graph->n_parameters; p++)
        (void)put(order, &n, (int32_t)p);
}

/* What joining looks at: the nodes, and how the session's parameters stand. */
typedef struct joining {
    rewrite_nodes *own;
    const assay_session *session;
    rewrite_adjoins adjoins;
} joining;

/* 1 when `next` stands right behind `value`: two parameters, or two gradients of parameters. */
static int follows(const joining *j, assay_value value, assay_value next) {
    const assay_graph_view *graph = j->own->graph;
    int32_t p = graph->values[value].parameter, q = graph->values[next].parameter;
    if (p < 0 && q < 0) {
        p = assay_gradient_of(graph, value);
        q = assay_gradient_of(graph, next);
    }
    return p >= 0 && q >= 0 && j->adjoins(j->session, (uint32_t)p, (uint32_t)q);
}

static void join_group(const joining *j, uint32_t n) {
    rewrite_nodes *own = j->own;
    const assay_graph_view *graph = own->graph;
    const assay_node *concat = &graph->nodes[n], *first;
    if (own->nodes[n].node.op != ASSAY_OP_CONCAT || !is_group(graph, concat))
        return;
    first = linear_part(graph, concat, 0);
    for (uint32_t i = 1; i < concat->n_inputs; i++)
        for (uint32_t k = 1; k < 3; k++)
            if (!follows(j, linear_part(graph, concat, i - 1)->inputs[k],
                         linear_part(graph, concat, i)->inputs[k]))
                return;
    assay_value x = own->nodes[graph->values[concat->inputs[0]].node].inputs[0];
    for (uint32_t i = 0; i < concat->n_inputs; i++)
        rewrite_drop(own, (uint32_t)graph->values[concat->inputs[i]].node);
    own->nodes[n].node.op = ASSAY_OP_LINEAR;
    own->nodes[n].node.n_inputs = 0;
    own->nodes[n].node.attrs = (assay_attrs)ASSAY_ATTRS_INIT;
    rewrite_set_input(own, n, 0, x);
    rewrite_set_input(own, n, 1, first->inputs[1]);
    rewrite_set_input(own, n, 2, first->inputs[2]);
}

/* ---- their gradients ------------------------------------------------------------------------- */

enum { MAX_PARTS = 8 };

/* The slices of a joined layer's gradient, in the order of its channels, and their readers. */
typedef struct joined_gradient {
    uint32_t n;
    uint32_t slice[MAX_PARTS], input[MAX_PARTS], weight[MAX_PARTS], bias[MAX_PARTS];
} joined_gradient;

/* The slice from channel `begin` on of the gradient of a concat. */
static uint32_t find_slice(const rewrite_nodes *own, uint32_t concat, int64_t begin) {
    uint32_t n = 0;
    while (n < own->n &&
           !(own->nodes[n].node.op == ASSAY_OP_SLICE && own->nodes[n].node.attrs.begin == begin &&
             own->nodes[n].node.forward_node == (int32_t)concat))
        n++;
    return n;
}

/* 1 when nothing else than the gradients of part i reads its slice. */
static int is_parts_own(const rewrite_nodes *own, const joined_gradient *g, uint32_t i) {
    assay_value part = own->nodes[g->slice[i]].outputs[0];
    uint32_t n_known = (uint32_t)(g->input[i] < own->n) + (uint32_t)(g->weight[i] < own->n) +
                       (uint32_t)(g->bias[i] < own->n),
             n_readers = 0;
    for (uint32_t r = rewrite_next_reader(own, part, 0); r < own->n;
         r = rewrite_next_reader(own, part, r + 1))
        n_readers++;
    return n_readers == n_known && !rewrite_is_kept(own, part);
}

static int find_parts(const rewrite_nodes *own, uint32_t concat, joined_gradient *g) {
    int64_t begin = 0;
    assay_value whole = ASSAY_NONE;
    g->n = own->graph->nodes[concat].n_inputs;
    if (g->n > MAX_PARTS)
        return 0;
    for (uint32_t i = 0; i < g->n; i++) {
        uint32_t n = find_slice(own, concat, begin);
        if (n == own->n || (i > 0 && own->nodes[n].inputs[0] != whole))
            return 0;
        whole = own->nodes[n].inputs[0];
        begin += own->nodes[n].node.attrs.size;
        assay_value part = own->nodes[n].outputs[0];
        g->slice[i] = n;
        g->input[i] = rewrite_reader_of_op(own, part, ASSAY_OP_LINEAR_GRAD_INPUT);
        g->weight[i] = rewrite_reader_of_op(own, part, ASSAY_OP_LINEAR_GRAD_WEIGHT);
        g->bias[i] = rewrite_reader_of_op(own, part, ASSAY_OP_LINEAR_GRAD_BIAS);
        if (!is_parts_own(own, g, i))
            return 0;
    }
    return 1;
}

/* The sums that the parts' gradients by x go through: s = (r + g0) + g1 + ... in the order of the
 * nodes; r may be absent. */
typedef struct sum_chain {
    uint32_t first;            /* adds r; own->n without r */
    uint32_t adds[MAX_PARTS];  /* [i] adds part i of the order, i >= 1 */
    uint32_t order[MAX_PARTS]; /* gradient nodes by index */
    assay_value rest;          /* r */
} sum_chain;

static void sort_gradients(const joined_gradient *g, sum_chain *chain) {
    for (uint32_t i = 0; i < g->n; i++) { /* insertion sort */
        uint32_t k = i;
        for (; k > 0 && chain->order[k - 1] > g->input[i]; k--)
            chain->order[k] = chain->order[k - 1];
        chain->order[k] = g->input[i];
    }
}

static int find_chain(const rewrite_nodes *own, const joined_gradient *g, sum_chain *chain) {
    sort_gradients(g, chain);
    assay_value sum = own->nodes[chain->order[0]].outputs[0];
    chain->rest = ASSAY_NONE;
    chain->first = own->n;
    for (uint32_t i = 0; i < g->n; i++) {
        assay_value part = own->nodes[chain->order[i]].outputs[0];
        uint32_t add = rewrite_only_reader(own, part);
        if (add == own->n || own->nodes[add].node.op != ASSAY_OP_ADD)
            return 0;
        assay_value other = own->nodes[add].inputs[own->nodes[add].inputs[0] == part ? 1 : 0];
        if (i == 0 && other != own->nodes[chain->order[1]].outputs[0]) {
            chain->first = add;
            chain->rest = other;
            sum = own->nodes[add].outputs[0];
        } else if (i > 0) {
            if (other != sum || rewrite_only_reader(own, sum) != add)
                return 0;
            chain->adds[i] = add;
            sum = own->nodes[add].outputs[0];
        }
    }
    return 1;
}

static void join_grad_input(rewrite_nodes *own, const joined_gradient *g, assay_value dy,
                            assay_value weight) {
    sum_chain chain;
    uint32_t last = g->n - 1;
    if (!find_chain(own, g, &chain))
        return;
    uint32_t product = chain.order[last], sum = chain.adds[last];
    rewrite_set_input(own, product, 0, dy);
    rewrite_set_input(own, product, 1, weight);
    for (uint32_t i = 0; i < last; i++)
        rewrite_drop(own, chain.order[i]);
    for (uint32_t i = 1; i < last; i++)
        rewrite_drop(own, chain.adds[i]);
    if (chain.first < own->n) {
        rewrite_drop(own, chain.first);
        rewrite_set_input(own, sum, 0, chain.rest);
        rewrite_set_input(own, sum, 1, own->nodes[product].outputs[0]);
    } else {
        assay_value total = own->nodes[sum].outputs[0];
        rewrite_drop(own, sum);
        rewrite_set_output(own, product, 0, total);
    }
}

/* All parts have a gradient node there, and these write one behind the other. */
static int writes_in_order(const joining *j, const uint32_t *nodes, uint32_t n) {
    const rewrite_nodes *own = j->own;
    for (uint32_t i = 0; i < n; i++)
        if (nodes[i] == own->n || (i > 0 && !follows(j, own->nodes[nodes[i - 1]].outputs[0],
                                                     own->nodes[nodes[i]].outputs[0])))
            return 0;
    return 1;
}

/* The last of the nodes writes all parts' gradients, from the address of the first's on. */
static void join_gradient_nodes(const joining *j, const uint32_t *nodes, uint32_t n,
                                assay_value dy) {
    rewrite_nodes *own = j->own;
    if (!writes_in_order(j, nodes, n))
        return;
    uint32_t last = nodes[0];
    assay_value first = own->nodes[nodes[0]].outputs[0];
    for (uint32_t i = 1; i < n; i++)
        last = nodes[i] > last ? nodes[i] : last;
    for (uint32_t i = 0; i < n; i++)
        if (nodes[i] != last)
            rewrite_drop(own, nodes[i]);
    rewrite_set_input(own, last, 0, dy);
    rewrite_set_output(own, last, 0, first);
}

static void join_gradients(const joining *j, uint32_t concat) {
    rewrite_nodes *own = j->own;
    joined_gradient g = {0};
    if (own->graph->nodes[concat].op != ASSAY_OP_CONCAT ||
        own->nodes[concat].node.op != ASSAY_OP_LINEAR || own->n == own->graph->n_forward_nodes ||
        !find_parts(own, concat, &g))
        return;
    assay_value dy = own->nodes[g.slice[0]].inputs[0];
    uint32_t with_input = 0;
    for (uint32_t i = 0; i < g.n; i++)
        with_input += g.input[i] < own->n;
    if (with_input == g.n)
        join_grad_input(own, &g, dy, own->nodes[concat].inputs[1]);
    join_gradient_nodes(j, g.weight, g.n, dy);
    join_gradient_nodes(j, g.bias, g.n, dy);
    for (uint32_t i = 0; i < g.n; i++) /* slices that nobody reads any more aren't made */
        if (rewrite_next_reader(own, own->nodes[g.slice[i]].outputs[0], 0) == own->n)
            rewrite_drop(own, g.slice[i]);
}

void rewrite_join_linears(rewrite_nodes *own, const assay_session *session,
                          rewrite_adjoins adjoins) {
    joining j = {own, session, adjoins};
    for (uint32_t n = 0; n < own->n; n++)
        join_group(&j, n);
    for (uint32_t n = 0; n < own->n; n++)
        join_gradients(&j, n);
}
