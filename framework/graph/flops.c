/* SPDX-License-Identifier: MIT */
/* Floating-point operations of a node, from its shapes and the rows' lengths.
 *
 * Each +, -, *, /, comparison, exp, tanh, erf and square root counts as one; a multiply-add as two.
 * N tokens, B rows, M = N or B, L_b the length of row b, S = sum_b L_b^2. Gathering, slicing and
 * copying count as nothing, in a graph's sum recomputation neither, a backend's or checkpointing's:
 * a figure is the work that the mathematics needs, whoever does it. Dropout is counted as in
 * training. */
#include "graph/graph.h"

#include "graph/internal.h"

typedef struct flops_call {
    const assay_graph_view *view;
    const assay_node *node;
    double n_rows, n_tokens;
    double n_squares; /* sum of the squared lengths */
} flops_call;

typedef double flops_rule(const flops_call *c);

static const assay_value_info *info(const flops_call *c, assay_value value) {
    return &c->view->values[value];
}

/* Elements of a value: M C, or the product of a parameter's dims. */
static double elements(const flops_call *c, assay_value value) {
    const assay_value_info *i = info(c, value);
    double channels = (double)i->dims[0];
    switch (i->domain) {
    case ASSAY_DOMAIN_TOKENS:
        return c->n_tokens * channels;
    case ASSAY_DOMAIN_ROWS:
        return c->n_rows * channels;
    case ASSAY_DOMAIN_FIXED:
        return channels * (double)i->dims[1];
    default:
        return 1;
    }
}

static double input(const flops_call *c, uint32_t i) {
    return elements(c, c->node->inputs[i]);
}

/* Of the first output that somebody needs; all element-wise operations have just one. */
static double output(const flops_call *c) {
    return elements(c, c->node->outputs[0]);
}

static bool needed(const flops_call *c, uint32_t i) {
    return c->node->outputs[i] != ASSAY_NONE;
}

/* ---- forward --------------------------------------------------------------------------------- */

static double flops_zero(const flops_call *c) {
    (void)c;
    return 0;
}

/* 2 M I O, and M O for the bias */
static double flops_linear(const flops_call *c) {
    double product = 2 * output(c) * (double)info(c, c->node->inputs[0])->dims[0];
    return product + (c->node->inputs[2] != ASSAY_NONE ? output(c) : 0);
}

/* add, add_row, scale, scale_tokens, relu, tanh: one per element */
static double flops_one(const flops_call *c) {
    return output(c);
}

/* x / 2 (1 + erf(x / sqrt 2)): two factors, erf, sum, product */
static double flops_gelu(const flops_call *c) {
    return 5 * output(c);
}

/* comparison and factor */
static double flops_dropout(const flops_call *c) {
    return 2 * output(c);
}

/* mean 1, variance 3, centring and scaling 2, gamma and beta 2 */
static double flops_layer_norm(const flops_call *c) {
    return 8 * output(c);
}

/* Pairs of query and key that attention needs: S, or N where only first tokens are read. */
static double pairs(const flops_call *c) {
    const assay_graph_view *view = c->view;
    assay_value y = c->node->outputs[0];
    bool first_only = y != view->logits;
    for (uint32_t n = 0; n < view->n_forward_nodes; n++)
        for (uint32_t i = 0; i < view->nodes[n].n_inputs; i++)
            if (view->nodes[n].inputs[i] == y)
                first_only = first_only && view->nodes[n].op == ASSAY_OP_SELECT_TOKEN &&
                             view->nodes[n].attrs.token == ASSAY_TOKEN_FIRST;
    return first_only ? c->n_tokens : c->n_squares;
}

/* Of each pair: q k^T and a v, 2 C each; scale and softmax (maximum, difference, exp, sum,
 * quotient), 6 heads; dropout of the scores, 2 heads */
static double flops_attention(const flops_call *c) {
    double channels = (double)info(c, c->node->outputs[0])->dims[0];
    double per_score = c->node->attrs.probability > 0 ? 8 : 6;
    return pairs(c) * (4 * channels + per_score * c->node->attrs.heads);
}

/* Products with w_ih [G H, I] and w_hh [G H, H] and their biases, per direction. `w` is the first
 * weight among the node's inputs. */
static double gate_products(const flops_call *c, uint32_t w) {
    double directions = c->node->attrs.bidirectional ? 2 : 1;
    const assay_value_info *w_ih = info(c, c->node->inputs[w]);
    const assay_value_info *w_hh = info(c, c->node->inputs[w + 1]);
    double rows = (double)w_ih->dims[0];
    return directions * c->n_tokens * rows *
           (2 * (double)w_ih->dims[1] + 2 * (double)w_hh->dims[1] + 2);
}

/* Per state: sum, tanh */
static double flops_rnn(const flops_call *c) {
    return gate_products(c, 1) + 2 * output(c);
}

/* Per state: r and z 5 each (sum, sigmoid 4), n 3 (product, sum, tanh), h' 4 */
static double flops_gru(const flops_call *c) {
    return gate_products(c, 1) + 17 * output(c);
}

/* Per state: three sigmoids 5 each, g 2, c' 3, h' 2 */
static double flops_lstm(const flops_call *c) {
    return gate_products(c, 1) + 22 * output(c);
}

/* mean_pool, max_pool and their gradients' inputs: one per token and channel */
static double flops_pool(const flops_call *c) {
    return input(c, 0);
}

/* softmax over the tokens 5 N, weighted sum 2 N C */
static double flops_attention_pool(const flops_call *c) {
    return 5 * c->n_tokens + 2 * input(c, 0);
}

/* maximum, difference, exp, sum, and with class weights a product; the log and the chosen logit per
 * row are left out */
static double flops_cross_entropy(const flops_call *c) {
    return (c->node->n_inputs > 2 ? 5 : 4) * input(c, 0);
}

/* ---- backward -------------------------------------------------------------------------------- */

/* one addition per token and channel */
static double flops_embedding_grad(const flops_call *c) {
    return input(c, 0);
}

/* dx = dy W: 2 M O I */
static double flops_linear_grad_input(const flops_call *c) {
    return 2 * output(c) * (double)info(c, c->node->inputs[0])->dims[0];
}

/* dW = dy^T x: 2 M O I */
static double flops_linear_grad_weight(const flops_call *c) {
    return 2 * input(c, 0) * (double)info(c, c->node->inputs[1])->dims[0];
}

static double flops_linear_grad_bias(const flops_call *c) {
    return input(c, 0);
}

/* Phi(x) 4, phi(x) 4, product, sum, product with dy */
static double flops_gelu_grad(const flops_call *c) {
    return 11 * output(c);
}

/* y^2, difference, product */
static double flops_tanh_grad(const flops_call *c) {
    return 3 * output(c);
}

/* dgamma 2, dbeta 1, dx 8 where it is needed */
static double flops_layer_norm_grad(const flops_call *c) {
    return (needed(c, 0) ? 11 : 3) * input(c, 0);
}

/* dv, da, dq, dk: 2 S C each; softmax's gradient 4 S heads */
static double flops_attention_grad(const flops_call *c) {
    double channels = (double)info(c, c->node->inputs[0])->dims[0];
    double per_score = c->node->attrs.probability > 0 ? 6 : 4;
    return c->n_squares * (8 * channels + per_score * c->node->attrs.heads);
}

/* Each product has two gradients, the one by x only where it is needed. */
static double gate_gradients(const flops_call *c) {
    double without_dx = 0;
    if (!needed(c, 0))
        without_dx = 2 * (c->node->attrs.bidirectional ? 2 : 1) * c->n_tokens *
                     elements(c, c->node->inputs[3]);
    return 2 * gate_products(c, 3) - without_dx;
}

/* Twice the forward count per state, as for the products. */
static double flops_rnn_grad(const flops_call *c) {
    return gate_gradients(c) + 4 * input(c, 0);
}

static double flops_gru_grad(const flops_call *c) {
    return gate_gradients(c) + 34 * input(c, 0);
}

static double flops_lstm_grad(const flops_call *c) {
    return gate_gradients(c) + 44 * input(c, 0);
}

/* weighted copies 2 N C, dscore 2 N C, softmax's gradient 4 N */
static double flops_attention_pool_grad(const flops_call *c) {
    double each = 2 * input(c, 1);
    return (needed(c, 0) ? each : 0) + (needed(c, 1) ? each + 4 * c->n_tokens : 0);
}

/* one quotient per token and channel */
static double flops_mean_pool_grad(const flops_call *c) {
    return output(c);
}

/* softmax 5, difference and scale 2, with class weights two products */
static double flops_cross_entropy_grad(const flops_call *c) {
    return (c->node->n_inputs > 2 ? 9 : 7) * input(c, 0);
}

/* product and sum per token and channel */
static double flops_scale_tokens_grad(const flops_call *c) {
    return 2 * input(c, 0);
}

/* one addition per token and channel */
static double flops_add_row_grad(const flops_call *c) {
    return input(c, 0);
}

/* ---- the table ------------------------------------------------------------------------------- */

#define FLOPS(X)                                                                                   \
    X(EMBEDDING, zero)                                                                             \
    X(SINUSOID, zero)                                                                              \
    X(LINEAR, linear)                                                                              \
    X(ADD, one)                                                                                    \
    X(SCALE, one)                                                                                  \
    X(RELU, one)                                                                                   \
    X(GELU, gelu)                                                                                  \
    X(TANH, one)                                                                                   \
    X(DROPOUT, dropout)                                                                            \
    X(LAYER_NORM, layer_norm)                                                                      \
    X(ATTENTION, attention)                                                                        \
    X(GRU, gru)                                                                                    \
    X(LSTM, lstm)                                                                                  \
    X(SLICE, zero)                                                                                 \
    X(CONCAT, zero)                                                                                \
    X(SELECT_TOKEN, zero)                                                                          \
    X(MEAN_POOL, pool)                                                                             \
    X(MAX_POOL, pool)                                                                              \
    X(ATTENTION_POOL, attention_pool)                                                              \
    X(CROSS_ENTROPY, cross_entropy)                                                                \
    X(EMBEDDING_GRAD, embedding_grad)                                                              \
    X(LINEAR_GRAD_INPUT, linear_grad_input)                                                        \
    X(LINEAR_GRAD_WEIGHT, linear_grad_weight)                                                      \
    X(LINEAR_GRAD_BIAS, linear_grad_bias)                                                          \
    X(RELU_GRAD, one)                                                                              \
    X(GELU_GRAD, gelu_grad)                                                                        \
    X(TANH_GRAD, tanh_grad)                                                                        \
    X(LAYER_NORM_GRAD, layer_norm_grad)                                                            \
    X(ATTENTION_GRAD, attention_grad)                                                              \
    X(GRU_GRAD, gru_grad)                                                                          \
    X(LSTM_GRAD, lstm_grad)                                                                        \
    X(SLICE_GRAD, zero)                                                                            \
    X(SELECT_TOKEN_GRAD, zero)                                                                     \
    X(MEAN_POOL_GRAD, mean_pool_grad)                                                              \
    X(MAX_POOL_GRAD, zero)                                                                         \
    X(ATTENTION_POOL_GRAD, attention_pool_grad)                                                    \
    X(CROSS_ENTROPY_GRAD, cross_entropy_grad)                                                      \
    X(RNN, rnn)                                                                                    \
    X(SCALE_TOKENS, one)                                                                           \
    X(ADD_ROW, one)                                                                                \
    X(RNN_GRAD, rnn_grad)                                                                          \
    X(SCALE_TOKENS_GRAD, scale_tokens_grad)                                                        \
    X(ADD_ROW_GRAD, add_row_grad)

/* Each row once (-Woverride-init) and as many rows as operations: none is missing. */
#define COUNT_ROW(NAME, rule) +1
_Static_assert(0 FLOPS(COUNT_ROW) == ASSAY_OP_COUNT, "an operation lacks its count");

static flops_rule *const rules[ASSAY_OP_COUNT] = {
#define ROW(NAME, rule) [ASSAY_OP_##NAME] = flops_##rule,
    FLOPS(ROW)
#undef ROW
};

double as_node_flops(const assay_graph_view *view, uint32_t node, int32_t n_rows,
                     const int32_t *lengths) {
    flops_call call = {.view = view, .node = &view->nodes[node], .n_rows = n_rows};
    for (int32_t b = 0; b < n_rows; b++) {
        call.n_tokens += lengths[b];
        call.n_squares += (double)lengths[b] * lengths[b];
    }
    return rules[call.node->op](&call);
}

double as_graph_flops(const assay_graph_view *view, int with_gradient, int32_t n_rows,
                      const int32_t *lengths) {
    uint32_t n_nodes = with_gradient ? view->n_nodes : view->n_forward_nodes;
    double sum = 0;
    for (uint32_t n = 0; n < n_nodes; n++)
        if (!as_node_is_recomputed(view, n))
            sum += as_node_flops(view, n, n_rows, lengths);
    return sum;
}

int32_t as_graph_n_products(const assay_graph_view *view) {
    int32_t n = 0;
    for (uint32_t i = 0; i < view->n_forward_nodes; i++) {
        int32_t op = view->nodes[i].op;
        if (op == ASSAY_OP_LINEAR)
            n += 1;
        else if (op == ASSAY_OP_ATTENTION || op == ASSAY_OP_RNN || op == ASSAY_OP_LSTM ||
                 op == ASSAY_OP_GRU)
            n += 2;
    }
    return n;
}
