/* SPDX-License-Identifier: MIT */
/* cudnn/fusion.c: rewrites a plan's nodes so that fewer kernels and passes go over activations.
 *
 * A plan runs the graph's nodes, or its own version of some of them; a node whose work another one
 * does is GPU_OP_NONE. Rewritten, operations take more operands than ops.def gives them:
 *
 *     linear            the node's `epilogue`: y = relu or gelu of x weight^T + bias
 *     linear_grad_input (dy, weight, sum) -> dx = dy weight + sum
 *     layer_norm        (a, gamma, beta, b) -> (y, z): y of z = a + b, or a + dropout(b) where the
 *                       node `drops`; z ASSAY_NONE where nobody else reads it
 *     layer_norm_grad   of such a one: (dy, z, gamma) -> (dz, dgamma, dbeta, dropout(dz), dbias);
 *                       dbias the column sums of dropout(dz), of dz where the node drops nothing
 *     gelu_grad         -> (dx, dbias): dbias the column sums of dx
 *
 * Linear layers that read the same x and are only concatenated (query, key and value) become one,
 * and so do their gradients: their weights stand one behind the other in the session's slabs
 * (gpu_order_parameters). In a forward plan dropout is nothing at all. The onednn backend's
 * fusion.c goes the same way. */

#include <stdlib.h>

#include "internal.h"

/* ---- the plan's own nodes -------------------------------------------------------------------- */

static uint32_t index_of(const assay_plan *plan, const gpu_node *node) {
    return (uint32_t)(node - plan->nodes);
}

/* The plan's own version of a node, which may be changed. */
static assay_node *own(assay_plan *plan, uint32_t n) {
    gpu_own_node *o = &plan->own[n];
    if (plan->nodes[n].node == &o->node)
        return &o->node;
    o->node = *plan->nodes[n].node;
    for (uint32_t i = 0; i < o->node.n_inputs; i++)
        o->inputs[i] = o->node.inputs[i];
    for (uint32_t i = 0; i < o->node.n_outputs; i++)
        o->outputs[i] = o->node.outputs[i];
    o->node.inputs = o->inputs;
    o->node.outputs = o->outputs;
    plan->nodes[n].node = &o->node;
    return &o->node;
}

static void set_input(assay_plan *plan, uint32_t n, uint32_t i, assay_value value) {
    assay_node *node = own(plan, n);
    for (; node->n_inputs <= i; node->n_inputs++)
        plan->own[n].inputs[node->n_inputs] = ASSAY_NONE;
    plan->own[n].inputs[i] = value;
}

static void set_output(assay_plan *plan, uint32_t n, uint32_t i, assay_value value) {
    assay_node *node = own(plan, n);
    for (; node->n_outputs <= i; node->n_outputs++)
        plan->own[n].outputs[node->n_outputs] = ASSAY_NONE;
    plan->own[n].outputs[i] = value;
}

static void drop(assay_plan *plan, uint32_t n) {
    assay_node *node = own(plan, n);
    node->op = GPU_OP_NONE;
    node->n_inputs = node->n_outputs = 0;
}

static int32_t op_of(const assay_plan *plan, uint32_t n) {
    return plan->nodes[n].node->op;
}

/* The node that writes a value, or NULL. */
static gpu_node *writer_of(const assay_plan *plan, assay_value value) {
    for (uint32_t n = 0; value != ASSAY_NONE && n < plan->n_nodes; n++)
        for (uint32_t i = 0; i < plan->nodes[n].node->n_outputs; i++)
            if (plan->nodes[n].node->outputs[i] == value)
                return &plan->nodes[n];
    return NULL;
}

/* Next node from `from` that reads a value, n_nodes when there is none. */
static uint32_t next_reader(const assay_plan *plan, assay_value value, uint32_t from) {
    for (uint32_t n = from; value != ASSAY_NONE && n < plan->n_nodes; n++)
        for (uint32_t i = 0; i < plan->nodes[n].node->n_inputs; i++)
            if (plan->nodes[n].node->inputs[i] == value)
                return n;
    return plan->n_nodes;
}

/* 1 when something else than the plan's nodes reads it: logits, loss, a parameter's gradient. */
static int is_kept(const assay_plan *plan, assay_value value) {
    const assay_graph_view *graph = plan->session->graph;
    return value == graph->logits || value == graph->loss ||
           plan->places[value].base != GPU_IN_ARENA;
}

/* The one node that reads a value, once; n_nodes when there are others, or none. */
static uint32_t only_reader(const assay_plan *plan, assay_value value) {
    uint32_t n = next_reader(plan, value, 0), times = 0;
    if (n == plan->n_nodes || is_kept(plan, value) ||
        next_reader(plan, value, n + 1) < plan->n_nodes)
        return plan->n_nodes;
    for (uint32_t i = 0; i < plan->nodes[n].node->n_inputs; i++)
        times += plan->nodes[n].node->inputs[i] == value;
    return times == 1 ? n : plan->n_nodes;
}

/* The node of that operation that alone reads a value, or NULL. */
static gpu_node *only_reader_of(const assay_plan *plan, assay_value value, int32_t op) {
    uint32_t n = only_reader(plan, value);
    return n < plan->n_nodes && op_of(plan, n) == op ? &plan->nodes[n] : NULL;
}

static gpu_node *writer_of_op(const assay_plan *plan, assay_value value, int32_t op) {
    gpu_node *node = writer_of(plan, value);
    return node && node->node->op == op ? node : NULL;
}

/* ---- dropout in forward plans ---------------------------------------------------------------- */

static void skip_dropout(assay_plan *plan, uint32_t n) {
    assay_value from = plan->nodes[n].node->inputs[0], to = plan->nodes[n].node->outputs[0];
    if (op_of(plan, n) != ASSAY_OP_DROPOUT || is_kept(plan, to))
        return;
    drop(plan, n);
    for (uint32_t r = next_reader(plan, to, n); r < plan->n_nodes; r = next_reader(plan, to, r))
        for (uint32_t i = 0; i < plan->nodes[r].node->n_inputs; i++)
            if (plan->nodes[r].node->inputs[i] == to)
                set_input(plan, r, i, from);
}

/* ---- linear layers side by side -------------------------------------------------------------- */

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

void gpu_order_parameters(const assay_graph_view *graph, uint32_t *order, uint8_t *behind) {
    uint32_t n = 0;
    for (uint32_t c = 0; c < graph->n_forward_nodes; c++) {
        const assay_node *concat = &graph->nodes[c];
        if (concat->op != ASSAY_OP_CONCAT || !is_group(graph, concat))
            continue;
        for (uint32_t k = 1; k < 3; k++) /* weights, then biases */
            for (uint32_t i = 0; i < concat->n_inputs; i++) {
                int32_t p = graph->values[linear_part(graph, concat, i)->inputs[k]].parameter;
                if (put(order, &n, p))
                    behind[p] = i > 0;
            }
    }
    for (uint32_t p = 0; p < graph->n_parameters; p++)
        (void)put(order, &n, (int32_t)p);
}

/* The parameter that a place in the slabs is of, or whose gradient it is. */
static const gpu_parameter *parameter_at(const assay_plan *plan, const gpu_place *place) {
    for (uint32_t p = 0; p < plan->session->graph->n_parameters; p++)
        if (plan->session->parameters[p].offset == place->offset)
            return &plan->session->parameters[p];
    return NULL;
}

/* 1 when `next` stands right behind `value` in the same slab. */
static int follows(const assay_plan *plan, assay_value value, assay_value next) {
    const gpu_place *a = &plan->places[value], *b = &plan->places[next];
    if (a->base != b->base || (a->base != GPU_IN_PARAMETERS && a->base != GPU_IN_GRADIENTS))
        return 0;
    const gpu_parameter *parameter = parameter_at(plan, a);
    return parameter && a->offset + parameter->size == b->offset;
}

static void join_linears(assay_plan *plan, uint32_t n) {
    const assay_graph_view *graph = plan->session->graph;
    const assay_node *concat = &graph->nodes[n], *first;
    if (op_of(plan, n) != ASSAY_OP_CONCAT || !is_group(graph, concat))
        return;
    first = linear_part(graph, concat, 0);
    for (uint32_t i = 1; i < concat->n_inputs; i++)
        for (uint32_t k = 1; k < 3; k++)
            if (!follows(plan, linear_part(graph, concat, i - 1)->inputs[k],
                         linear_part(graph, concat, i)->inputs[k]))
                return;
    assay_value x = plan->nodes[graph->values[concat->inputs[0]].node].node->inputs[0];
    for (uint32_t i = 0; i < concat->n_inputs; i++)
        drop(plan, (uint32_t)graph->values[concat->inputs[i]].node);
    assay_node *linear = own(plan, n);
    linear->op = ASSAY_OP_LINEAR;
    linear->n_inputs = 0;
    linear->attrs = (assay_attrs)ASSAY_ATTRS_INIT;
    set_input(plan, n, 0, x);
    set_input(plan, n, 1, first->inputs[1]);
    set_input(plan, n, 2, first->inputs[2]);
}

/* ---- their gradients ------------------------------------------------------------------------- */

enum { MAX_PARTS = 8 };

/* The slices of a joined layer's gradient, in the order of its channels, and their readers. */
typedef struct joined_gradient {
    uint32_t n;
    uint32_t slice[MAX_PARTS], input[MAX_PARTS], weight[MAX_PARTS], bias[MAX_PARTS];
} joined_gradient;

/* Index of the one reader of that operation; n_nodes without one. */
static uint32_t reader_of_op(const assay_plan *plan, assay_value value, int32_t op) {
    uint32_t n = next_reader(plan, value, 0);
    while (n < plan->n_nodes && op_of(plan, n) != op)
        n = next_reader(plan, value, n + 1);
    return n;
}

static int find_parts(const assay_plan *plan, uint32_t concat, joined_gradient *g) {
    const assay_node *node = &plan->session->graph->nodes[concat];
    int64_t begin = 0;
    assay_value whole = ASSAY_NONE;
    g->n = node->n_inputs;
    if (g->n > MAX_PARTS)
        return 0;
    for (uint32_t i = 0; i < g->n; i++) {
        uint32_t n = 0;
        while (n < plan->n_nodes &&
               !(op_of(plan, n) == ASSAY_OP_SLICE && plan->nodes[n].node->attrs.begin == begin &&
                 plan->session->graph->nodes[n].forward_node == (int32_t)concat))
            n++;
        if (n == plan->n_nodes || (i > 0 && plan->nodes[n].node->inputs[0] != whole))
            return 0;
        whole = plan->nodes[n].node->inputs[0];
        begin += plan->nodes[n].node->attrs.size;
        assay_value part = plan->nodes[n].node->outputs[0];
        g->slice[i] = n;
        g->input[i] = reader_of_op(plan, part, ASSAY_OP_LINEAR_GRAD_INPUT);
        g->weight[i] = reader_of_op(plan, part, ASSAY_OP_LINEAR_GRAD_WEIGHT);
        g->bias[i] = reader_of_op(plan, part, ASSAY_OP_LINEAR_GRAD_BIAS);
        uint32_t known = (uint32_t)(g->input[i] < plan->n_nodes) +
                         (uint32_t)(g->weight[i] < plan->n_nodes) +
                         (uint32_t)(g->bias[i] < plan->n_nodes),
                 readers = 0;
        for (uint32_t r = next_reader(plan, part, 0); r < plan->n_nodes;
             r = next_reader(plan, part, r + 1))
            readers++;
        if (readers != known || is_kept(plan, part))
            return 0;
    }
    return 1;
}

/* The sums that the parts' gradients by x go through: s = (r + g0) + g1 + ... in the order of the
 * nodes; r may be absent. */
typedef struct sum_chain {
    uint32_t first;            /* adds r; n_nodes without r */
    uint32_t adds[MAX_PARTS];  /* [i] adds part i of the order, i >= 1 */
    uint32_t order[MAX_PARTS]; /* gradient nodes by index */
    assay_value rest;          /* r */
} sum_chain;

static assay_value other_input(const assay_node *add, assay_value value) {
    return add->inputs[add->inputs[0] == value ? 1 : 0];
}

static int find_chain(const assay_plan *plan, const joined_gradient *g, sum_chain *chain) {
    for (uint32_t i = 0; i < g->n; i++) { /* insertion sort */
        uint32_t k = i;
        for (; k > 0 && chain->order[k - 1] > g->input[i]; k--)
            chain->order[k] = chain->order[k - 1];
        chain->order[k] = g->input[i];
    }
    assay_value sum = plan->nodes[chain->order[0]].node->outputs[0];
    chain->rest = ASSAY_NONE;
    chain->first = plan->n_nodes;
    for (uint32_t i = 0; i < g->n; i++) {
        assay_value part = plan->nodes[chain->order[i]].node->outputs[0];
        gpu_node *add = only_reader_of(plan, part, ASSAY_OP_ADD);
        if (!add)
            return 0;
        assay_value other = other_input(add->node, part);
        if (i == 0 && other != plan->nodes[chain->order[1]].node->outputs[0]) {
            chain->first = index_of(plan, add);
            chain->rest = other;
            sum = add->node->outputs[0];
        } else if (i > 0) {
            if (other != sum || only_reader(plan, sum) != index_of(plan, add))
                return 0;
            chain->adds[i] = index_of(plan, add);
            sum = add->node->outputs[0];
        }
    }
    return 1;
}

static void join_grad_input(assay_plan *plan, const joined_gradient *g, assay_value dy,
                            assay_value weight) {
    sum_chain chain;
    uint32_t last = g->n - 1;
    if (!find_chain(plan, g, &chain))
        return;
    uint32_t product = chain.order[last], sum = chain.adds[last];
    set_input(plan, product, 0, dy);
    set_input(plan, product, 1, weight);
    for (uint32_t i = 0; i < last; i++)
        drop(plan, chain.order[i]);
    for (uint32_t i = 1; i < last; i++)
        drop(plan, chain.adds[i]);
    if (chain.first < plan->n_nodes) {
        drop(plan, chain.first);
        set_input(plan, sum, 0, chain.rest);
        set_input(plan, sum, 1, plan->nodes[product].node->outputs[0]);
    } else {
        assay_value total = plan->nodes[sum].node->outputs[0];
        drop(plan, sum);
        set_output(plan, product, 0, total);
    }
}

/* All parts have a gradient node there, and these write one behind the other. */
static int writes_in_order(const assay_plan *plan, const uint32_t *nodes, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (nodes[i] == plan->n_nodes ||
            (i > 0 && !follows(plan, plan->nodes[nodes[i - 1]].node->outputs[0],
                               plan->nodes[nodes[i]].node->outputs[0])))
            return 0;
    return 1;
}

/* The last of the nodes writes all parts' gradients, from the address of the first's on. */
static void join_gradient_nodes(assay_plan *plan, const uint32_t *nodes, uint32_t n,
                                assay_value dy) {
    uint32_t last = nodes[0];
    assay_value first = plan->nodes[nodes[0]].node->outputs[0];
    if (!writes_in_order(plan, nodes, n))
        return;
    for (uint32_t i = 1; i < n; i++)
        last = nodes[i] > last ? nodes[i] : last;
    for (uint32_t i = 0; i < n; i++)
        if (nodes[i] != last)
            drop(plan, nodes[i]);
    set_input(plan, last, 0, dy);
    set_output(plan, last, 0, first);
}

/* Slices that nobody reads any more aren't made. */
static void drop_unread_slices(assay_plan *plan, const joined_gradient *g) {
    for (uint32_t i = 0; i < g->n; i++)
        if (next_reader(plan, plan->nodes[g->slice[i]].node->outputs[0], 0) == plan->n_nodes)
            drop(plan, g->slice[i]);
}

static void join_linear_gradients(assay_plan *plan, uint32_t concat) {
    const assay_graph_view *graph = plan->session->graph;
    joined_gradient g;
    if (graph->nodes[concat].op != ASSAY_OP_CONCAT || op_of(plan, concat) != ASSAY_OP_LINEAR ||
        plan->n_nodes == graph->n_forward_nodes || !find_parts(plan, concat, &g))
        return;
    assay_value dy = plan->nodes[g.slice[0]].node->inputs[0];
    uint32_t with_input = 0;
    for (uint32_t i = 0; i < g.n; i++)
        with_input += g.input[i] < plan->n_nodes;
    if (with_input == g.n)
        join_grad_input(plan, &g, dy, plan->nodes[concat].node->inputs[1]);
    join_gradient_nodes(plan, g.weight, g.n, dy);
    join_gradient_nodes(plan, g.bias, g.n, dy);
    drop_unread_slices(plan, &g);
}

/* ---- sums ------------------------------------------------------------------------------------ */

/* total = dy weight + rest in one product, where nobody else reads dy weight. It is computed where
 * the sum was. */
static void join_sum(assay_plan *plan, uint32_t n) {
    if (op_of(plan, n) != ASSAY_OP_ADD)
        return;
    for (int i = 1; i >= 0; i--) {
        const assay_node *add = plan->nodes[n].node;
        assay_value part = add->inputs[i], rest = add->inputs[1 - i];
        gpu_node *product = writer_of_op(plan, part, ASSAY_OP_LINEAR_GRAD_INPUT);
        if (!product || product->node->n_inputs > 2 || only_reader(plan, part) != n)
            continue;
        assay_value dy = product->node->inputs[0], weight = product->node->inputs[1];
        assay_node *sum = own(plan, n);
        sum->op = ASSAY_OP_LINEAR_GRAD_INPUT;
        sum->n_inputs = 0;
        set_input(plan, n, 0, dy);
        set_input(plan, n, 1, weight);
        set_input(plan, n, 2, rest);
        drop(plan, index_of(plan, product));
        return;
    }
}

/* ---- activations ----------------------------------------------------------------------------- */

/* f(linear(x)) in one, where nobody reads linear(x) again. */
static void join_activation(assay_plan *plan, uint32_t n, int32_t op, int32_t epilogue) {
    if (op_of(plan, n) != op)
        return;
    assay_value x = plan->nodes[n].node->inputs[0], y = plan->nodes[n].node->outputs[0];
    gpu_node *linear = writer_of_op(plan, x, ASSAY_OP_LINEAR);
    if (!linear || only_reader(plan, x) != n || linear->epilogue ||
        plan->places[x].type != plan->places[y].type)
        return;
    linear->epilogue = epilogue;
    set_output(plan, index_of(plan, linear), 0, y);
    drop(plan, n);
}

/* Exact: rounding keeps the sign, so that ReLU of the sum that is rounded is the same number. */
static void join_relu(assay_plan *plan, uint32_t n) {
    join_activation(plan, n, ASSAY_OP_RELU, GPU_EPILOGUE_RELU);
}

/* Rounds once where two operations round twice. */
static void join_gelu(assay_plan *plan, uint32_t n) {
    join_activation(plan, n, ASSAY_OP_GELU, GPU_EPILOGUE_GELU);
}

/* ---- sums and norms -------------------------------------------------------------------------- */

/* 1 when nothing but this layer norm and its gradient reads x. */
static int is_norms_own(const assay_plan *plan, assay_value x, uint32_t norm) {
    for (uint32_t n = next_reader(plan, x, 0); n < plan->n_nodes; n = next_reader(plan, x, n + 1))
        if (n != norm && !(op_of(plan, n) == ASSAY_OP_LAYER_NORM_GRAD &&
                           plan->nodes[n].forward == &plan->nodes[norm]))
            return 0;
    return !is_kept(plan, x);
}

static int has_whole_vectors(const assay_plan *plan, assay_value value) {
    return gpu_channels(plan, value) % 8 == 0;
}

static void join_add_norm(assay_plan *plan, uint32_t n) {
    if (op_of(plan, n) != ASSAY_OP_LAYER_NORM)
        return;
    assay_value x = plan->nodes[n].node->inputs[0];
    gpu_node *add = writer_of_op(plan, x, ASSAY_OP_ADD), *dropout = NULL;
    if (!add || !is_norms_own(plan, x, n) || !has_whole_vectors(plan, x) ||
        gpu_channels(plan, x) > GPU_MOST_FUSED_CHANNELS)
        return;
    assay_value terms[2] = {add->node->inputs[0], add->node->inputs[1]};
    for (int i = 0; i < 2 && !dropout; i++) {
        dropout = writer_of_op(plan, terms[i], ASSAY_OP_DROPOUT);
        if (dropout && only_reader(plan, terms[i]) != index_of(plan, add))
            dropout = NULL;
        if (dropout && i == 0) { /* the dropped one is second */
            terms[0] = terms[1];
            terms[1] = add->node->inputs[0];
        }
    }
    drop(plan, index_of(plan, add));
    set_input(plan, n, 0, terms[0]);
    set_input(plan, n, 3, dropout ? dropout->node->inputs[0] : terms[1]);
    if (next_reader(plan, x, 0) < plan->n_nodes)
        set_output(plan, n, 1, x);
    if (!dropout)
        return;
    plan->nodes[n].drops = 1;
    plan->nodes[n].dropout = dropout->node->attrs;
    drop(plan, index_of(plan, dropout));
}

/* Dropout of the gradient of a norm that was joined with its sum. */
static void join_norm_gradient(assay_plan *plan, uint32_t n) {
    if (op_of(plan, n) != ASSAY_OP_LAYER_NORM_GRAD || !gpu_is_residual_norm(plan->nodes[n].forward))
        return;
    uint32_t reader = reader_of_op(plan, plan->nodes[n].node->outputs[0], ASSAY_OP_DROPOUT);
    if (reader == plan->n_nodes || is_kept(plan, plan->nodes[reader].node->outputs[0]))
        return;
    const assay_node *dropout = plan->nodes[reader].node;
    plan->nodes[n].drops = 1;
    plan->nodes[n].dropout = dropout->attrs;
    set_output(plan, n, 3, dropout->outputs[0]);
    drop(plan, reader);
}

/* The output whose column sums a node can make on its way, and the output that they become. */
static int summed_output(const gpu_node *node, uint32_t *ret_output, uint32_t *ret_sums) {
    *ret_output = 0;
    *ret_sums = 1;
    if (node->node->op == ASSAY_OP_GELU_GRAD)
        return 1;
    *ret_output = node->drops ? 3 : 0;
    *ret_sums = 4;
    return node->node->op == ASSAY_OP_LAYER_NORM_GRAD && gpu_is_residual_norm(node->forward);
}

static void join_bias_gradient(assay_plan *plan, uint32_t n) {
    uint32_t output, sums;
    if (op_of(plan, n) != ASSAY_OP_LINEAR_GRAD_BIAS)
        return;
    assay_value dy = plan->nodes[n].node->inputs[0], dbias = plan->nodes[n].node->outputs[0];
    gpu_node *writer = writer_of(plan, dy);
    if (!writer || !has_whole_vectors(plan, dy) || !summed_output(writer, &output, &sums) ||
        writer->node->outputs[output] != dy ||
        (writer->node->n_outputs > sums && writer->node->outputs[sums] != ASSAY_NONE))
        return;
    drop(plan, n);
    set_output(plan, index_of(plan, writer), sums, dbias);
}

/* ---- the whole plan -------------------------------------------------------------------------- */

static void each_node(assay_plan *plan, void (*rewrite)(assay_plan *plan, uint32_t n)) {
    for (uint32_t n = 0; n < plan->n_nodes; n++)
        rewrite(plan, n);
}

void gpu_fuse(assay_plan *plan) {
    const assay_device *device = plan->session->device;
    if (plan->kind == ASSAY_PLAN_FORWARD)
        each_node(plan, skip_dropout);
    if (device->without & GPU_WITHOUT_FUSION)
        return;
    each_node(plan, join_linears);
    each_node(plan, join_linear_gradients);
    each_node(plan, join_sum);
    each_node(plan, join_relu);
    /* Where gelu rounds once must not depend on what the backward pass keeps (checkpointing and
     * freezing change no bit), and features of a frozen part, whose graph has no loss, are to be
     * what training reads. */
    if (plan->kind == ASSAY_PLAN_FORWARD && plan->session->graph->loss != ASSAY_NONE &&
        device->type != GPU_F32 && !(device->without & GPU_WITHOUT_GELU))
        each_node(plan, join_gelu);
    each_node(plan, join_add_norm);
    each_node(plan, join_norm_gradient);
    each_node(plan, join_bias_gradient);
}
