/* SPDX-License-Identifier: MIT */
/* cudnn/fusion.c: rewrites a plan's nodes so that fewer kernels and passes go over activations.
 *
 * A plan runs its own version of the graph's nodes; a node whose work another one does is
 * REWRITE_OP_NONE. Rewritten, operations take more operands than ops.def gives them:
 *
 *     linear            the node's `epilogue`: y = relu or gelu of x weight^T + bias
 *     linear_grad_input (dy, weight, sum) -> dx = dy weight + sum
 *     layer_norm        (a, gamma, beta, b) -> (y, z): y of z = a + b, or a + dropout(b) where the
 *                       node `drops`; z ASSAY_NONE where nobody else reads it
 *     layer_norm_grad   of such a one: (dy, z, gamma) -> (dz, dgamma, dbeta, dropout(dz), dbias);
 *                       dbias the column sums of dropout(dz), of dz where the node drops nothing
 *     gelu_grad         -> (dx, dbias): dbias the column sums of dx
 *
 * What every device can do alike (linear layers side by side, whose weights stand one behind the
 * other in the session's slabs; dropout, sum and norm) is ../rewrite's; here stands what the
 * libraries and the own kernels can do. */

#include "internal.h"

static int32_t op_of(const assay_plan *plan, uint32_t n) {
    return plan->own.nodes[n].node.op;
}

static int adjoins(const assay_session *session, uint32_t parameter, uint32_t next) {
    const gpu_parameter *p = &session->parameters[parameter];
    return p->offset + p->size == session->parameters[next].offset;
}

/* ---- products -------------------------------------------------------------------------------- */

/* total = dy weight + rest in one product, where nobody else reads dy weight. It is computed where
 * the sum was. */
static void join_sum(assay_plan *plan, uint32_t n) {
    rewrite_nodes *own = &plan->own;
    if (op_of(plan, n) != ASSAY_OP_ADD)
        return;
    for (int i = 1; i >= 0; i--) {
        assay_value part = own->nodes[n].inputs[i], rest = own->nodes[n].inputs[1 - i];
        uint32_t product = rewrite_writer_of_op(own, part, ASSAY_OP_LINEAR_GRAD_INPUT);
        if (product == own->n || own->nodes[product].node.n_inputs > 2 ||
            rewrite_only_reader(own, part) != n)
            continue;
        own->nodes[n].node.op = ASSAY_OP_LINEAR_GRAD_INPUT;
        rewrite_set_input(own, n, 0, own->nodes[product].inputs[0]);
        rewrite_set_input(own, n, 1, own->nodes[product].inputs[1]);
        rewrite_set_input(own, n, 2, rest);
        rewrite_drop(own, product);
        return;
    }
}

/* f(linear(x)) in one, where nobody reads linear(x) again. */
static void join_activation(assay_plan *plan, uint32_t n, int32_t op, int32_t epilogue) {
    rewrite_nodes *own = &plan->own;
    if (op_of(plan, n) != op)
        return;
    assay_value x = own->nodes[n].inputs[0], y = own->nodes[n].outputs[0];
    uint32_t linear = rewrite_writer_of_op(own, x, ASSAY_OP_LINEAR);
    if (linear == own->n || rewrite_only_reader(own, x) != n || plan->nodes[linear].epilogue ||
        plan->places[x].type != plan->places[y].type)
        return;
    plan->nodes[linear].epilogue = epilogue;
    rewrite_set_output(own, linear, 0, y);
    rewrite_drop(own, n);
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

static int has_whole_vectors(const assay_plan *plan, assay_value value) {
    return gpu_channels(plan, value) % 8 == 0;
}

static void join_add_norm(assay_plan *plan, uint32_t n) {
    gpu_node *node = &plan->nodes[n];
    if (op_of(plan, n) != ASSAY_OP_LAYER_NORM)
        return;
    assay_value x = node->node->inputs[0];
    if (has_whole_vectors(plan, x) && gpu_channels(plan, x) <= GPU_MOST_FUSED_CHANNELS)
        node->drops = rewrite_join_add_norm(&plan->own, n, &node->dropout);
}

/* Dropout of the gradient of a norm that was joined with its sum. */
static void join_norm_gradient(assay_plan *plan, uint32_t n) {
    gpu_node *node = &plan->nodes[n];
    if (op_of(plan, n) == ASSAY_OP_LAYER_NORM_GRAD && gpu_is_residual_norm(node->forward))
        node->drops = rewrite_join_gradient_dropout(&plan->own, n, &node->dropout);
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
    rewrite_nodes *own = &plan->own;
    uint32_t output, sums;
    if (op_of(plan, n) != ASSAY_OP_LINEAR_GRAD_BIAS)
        return;
    assay_value dy = own->nodes[n].inputs[0];
    uint32_t writer = rewrite_writer(own, dy);
    if (writer < own->n && has_whole_vectors(plan, dy) &&
        summed_output(&plan->nodes[writer], &output, &sums))
        rewrite_join_bias_gradient(own, n, writer, output, sums);
}

/* ---- the whole plan -------------------------------------------------------------------------- */

static void each_node(assay_plan *plan, void (*rewrite)(assay_plan *plan, uint32_t n)) {
    for (uint32_t n = 0; n < plan->n_nodes; n++)
        rewrite(plan, n);
}

void gpu_fuse(assay_plan *plan) {
    const assay_device *device = plan->session->device;
    if (plan->kind == ASSAY_PLAN_FORWARD)
        rewrite_skip_dropout(&plan->own);
    if (device->without & GPU_WITHOUT_FUSION)
        return;
    rewrite_join_linears(&plan->own, plan->session, adjoins);
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
