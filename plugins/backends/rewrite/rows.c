/* SPDX-License-Identifier: MIT */
/* rewrite/rows.c: operations that go over the same rows one after the other become one pass:
 * dropout, sum and layer norm, their gradients, and the bias' gradient behind them. */
#include "rewrite.h"

static void skip_dropout(rewrite_nodes *own, uint32_t n) {
    if (own->nodes[n].node.op != ASSAY_OP_DROPOUT || rewrite_is_kept(own, own->nodes[n].outputs[0]))
        return;
    assay_value from = own->nodes[n].inputs[0], to = own->nodes[n].outputs[0];
    rewrite_drop(own, n);
    for (uint32_t r = rewrite_next_reader(own, to, n); r < own->n;
         r = rewrite_next_reader(own, to, r))
        for (uint32_t i = 0; i < own->nodes[r].node.n_inputs; i++)
            if (own->nodes[r].inputs[i] == to)
                own->nodes[r].inputs[i] = from;
}

void rewrite_skip_dropout(rewrite_nodes *own) {
    for (uint32_t n = 0; n < own->n; n++)
        skip_dropout(own, n);
}

/* 1 when nothing but this layer norm and its gradient reads x. */
static int is_norms_own(const rewrite_nodes *own, assay_value x, uint32_t norm) {
    for (uint32_t n = rewrite_next_reader(own, x, 0); n < own->n;
         n = rewrite_next_reader(own, x, n + 1))
        if (n != norm && !(own->nodes[n].node.op == ASSAY_OP_LAYER_NORM_GRAD &&
                           own->nodes[n].node.forward_node == (int32_t)norm))
            return 0;
    return !rewrite_is_kept(own, x);
}

int rewrite_join_add_norm(rewrite_nodes *own, uint32_t n, assay_attrs *ret_dropout) {
    if (own->nodes[n].node.op != ASSAY_OP_LAYER_NORM)
        return 0;
    assay_value x = own->nodes[n].inputs[0];
    uint32_t add = rewrite_writer_of_op(own, x, ASSAY_OP_ADD), dropout = own->n;
    if (add == own->n || !is_norms_own(own, x, n))
        return 0;
    assay_value terms[2] = {own->nodes[add].inputs[0], own->nodes[add].inputs[1]};
    for (int i = 0; i < 2 && dropout == own->n; i++) {
        dropout = rewrite_writer_of_op(own, terms[i], ASSAY_OP_DROPOUT);
        if (dropout < own->n && rewrite_only_reader(own, terms[i]) != add)
            dropout = own->n;
        if (dropout < own->n && i == 0) { /* the dropped one is second */
            terms[0] = terms[1];
            terms[1] = own->nodes[add].inputs[0];
        }
    }
    rewrite_drop(own, add);
    rewrite_set_input(own, n, 0, terms[0]);
    rewrite_set_input(own, n, 3, dropout < own->n ? own->nodes[dropout].inputs[0] : terms[1]);
    if (rewrite_next_reader(own, x, 0) < own->n)
        rewrite_set_output(own, n, 1, x);
    if (dropout == own->n)
        return 0;
    *ret_dropout = own->nodes[dropout].node.attrs;
    rewrite_drop(own, dropout);
    return 1;
}

int rewrite_join_gradient_dropout(rewrite_nodes *own, uint32_t n, assay_attrs *ret_dropout) {
    uint32_t reader = rewrite_reader_of_op(own, own->nodes[n].outputs[0], ASSAY_OP_DROPOUT);
    if (reader == own->n || rewrite_is_kept(own, own->nodes[reader].outputs[0]))
        return 0;
    rewrite_set_output(own, n, 3, own->nodes[reader].outputs[0]);
    *ret_dropout = own->nodes[reader].node.attrs;
    rewrite_drop(own, reader);
    return 1;
}

void rewrite_join_bias_gradient(rewrite_nodes *own, uint32_t n, uint32_t writer, uint32_t output,
                                uint32_t sums) {
    const rewrite_node *w = &own->nodes[writer];
    assay_value dbias = own->nodes[n].outputs[0];
    if (w->outputs[output] != own->nodes[n].inputs[0] ||
        (w->node.n_outputs > sums && w->outputs[sums] != ASSAY_NONE))
        return;
    rewrite_drop(own, n);
    rewrite_set_output(own, writer, sums, dbias);
}
