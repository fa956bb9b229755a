/* SPDX-License-Identifier: MIT */
/* onednn/fusion.c: rewrites a plan's nodes so that fewer passes go over activations.
 *
 * A plan runs its own version of the graph's nodes; a node whose work another one does is
 * REWRITE_OP_NONE. Rewritten, operations take more operands than ops.def gives them:
 *
 *     linear           attrs.begin ONEDNN_GELU: y = gelu(x weight^T + bias)
 *     layer_norm       (a, gamma, beta, b) -> (y, x): x = a + b, or a + dropout(b), the node's
 *                      `dropout`; x ASSAY_NONE where nobody else reads it
 *     layer_norm_grad  (dy, x, gamma, dy2 or none) -> (dx, dgamma, dbeta, dropout(dx), dbias): by
 *                      dy + dy2; dbias the column sums of dropout(dx), of dx where that is none
 *     gelu_grad, attention_grad    -> (dx, dbias): dbias the column sums of dx
 *     attention        y of rows: the first tokens' alone
 *
 * What every device can do alike (linear layers side by side, whose weights stand one behind the
 * other in the session's slabs; dropout, sum and norm) is ../rewrite's; here stands what the
 * library and the own loops can do. */

#include "internal.h"

static int32_t op_of(const assay_plan *plan, uint32_t n) {
    return plan->own.nodes[n].node.op;
}

static int adjoins(const assay_session *session, uint32_t parameter, uint32_t next) {
    const onednn_parameter *p = &session->parameters[parameter];
    return p->offset + p->size == session->parameters[next].offset;
}

/* gelu(linear(x)) in one, where nobody reads linear(x) again. */
static void join_gelu(assay_plan *plan, uint32_t n) {
    rewrite_nodes *own = &plan->own;
    if (op_of(plan, n) != ASSAY_OP_GELU)
        return;
    assay_value x = own->nodes[n].inputs[0], y = own->nodes[n].outputs[0];
    uint32_t linear = rewrite_writer_of_op(own, x, ASSAY_OP_LINEAR);
    if (linear == own->n || rewrite_only_reader(own, x) != n)
        return;
    own->nodes[linear].node.attrs.begin = ONEDNN_GELU;
    rewrite_set_output(own, linear, 0, y);
    rewrite_drop(own, n);
}

/* select_token(attention(x)), where nobody reads attention(x) again, asks for one query a row. Its
 * arithmetic is the same among others, so no bit depends on this. */
static void join_first_tokens(assay_plan *plan, uint32_t n) {
    rewrite_nodes *own = &plan->own;
    if (op_of(plan, n) != ASSAY_OP_SELECT_TOKEN ||
        own->nodes[n].node.attrs.token != ASSAY_TOKEN_FIRST)
        return;
    assay_value x = own->nodes[n].inputs[0], y = own->nodes[n].outputs[0];
    uint32_t attention = rewrite_writer_of_op(own, x, ASSAY_OP_ATTENTION);
    if (attention == own->n || rewrite_only_reader(own, x) != n)
        return;
    rewrite_set_output(own, attention, 0, y);
    rewrite_drop(own, n);
}

static void join_add_norm(assay_plan *plan, uint32_t n) {
    (void)rewrite_join_add_norm(&plan->own, n, &plan->nodes[n].dropout);
}

static void join_norm_gradient(assay_plan *plan, uint32_t n) {
    rewrite_nodes *own = &plan->own;
    if (op_of(plan, n) != ASSAY_OP_LAYER_NORM_GRAD)
        return;
    assay_value dy = own->nodes[n].inputs[0];
    uint32_t add = rewrite_writer_of_op(own, dy, ASSAY_OP_ADD);
    if (add < own->n && rewrite_only_reader(own, dy) == n) {
        assay_value terms[2] = {own->nodes[add].inputs[0], own->nodes[add].inputs[1]};
        rewrite_drop(own, add);
        rewrite_set_input(own, n, 0, terms[0]);
        rewrite_set_input(own, n, 3, terms[1]);
    }
    (void)rewrite_join_gradient_dropout(own, n, &plan->nodes[n].dropout);
}

/* The output whose column sums a node can make on its way, and the output they become. */
static int summed_output(const assay_node *node, uint32_t *ret_output, uint32_t *ret_sums) {
    *ret_sums = 1;
    *ret_output = 0;
    if (node->op == ASSAY_OP_GELU_GRAD || node->op == ASSAY_OP_ATTENTION_GRAD)
        return 1;
    if (node->op != ASSAY_OP_LAYER_NORM_GRAD)
        return 0;
    *ret_sums = 4;
    *ret_output = node->n_outputs > 3 && node->outputs[3] != ASSAY_NONE ? 3 : 0;
    return 1;
}

static void join_bias_gradient(assay_plan *plan, uint32_t n) {
    rewrite_nodes *own = &plan->own;
    uint32_t output, sums;
    if (op_of(plan, n) != ASSAY_OP_LINEAR_GRAD_BIAS)
        return;
    uint32_t writer = rewrite_writer(own, own->nodes[n].inputs[0]);
    if (writer < own->n && summed_output(&own->nodes[writer].node, &output, &sums))
        rewrite_join_bias_gradient(own, n, writer, output, sums);
}

static void each_node(assay_plan *plan, void (*rewrite)(assay_plan *plan, uint32_t n)) {
    for (uint32_t n = 0; n < plan->n_nodes; n++)
        rewrite(plan, n);
}

void onednn_fuse(assay_plan *plan) {
    if (plan->kind == ASSAY_PLAN_FORWARD)
        rewrite_skip_dropout(&plan->own);
    if (plan->kind == ASSAY_PLAN_FORWARD)
        each_node(plan, join_first_tokens);
    rewrite_join_linears(&plan->own, plan->session, adjoins);
    /* GELU behind a product rounds otherwise than alone: where it stands must not depend on what
     * the backward pass keeps (checkpointing and freezing change no bit), and features of a frozen
     * part, whose graph has no loss, are to be what training reads. */
    if (plan->kind == ASSAY_PLAN_FORWARD && plan->session->graph->loss != ASSAY_NONE)
        each_node(plan, join_gelu);
    each_node(plan, join_add_norm);
    each_node(plan, join_norm_gradient);
    each_node(plan, join_bias_gradient);
}
