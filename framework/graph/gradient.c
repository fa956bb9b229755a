/* SPDX-License-Identifier: MIT */
/* The gradient table: how each forward operation carries the gradient of its output back to its
 * inputs (reverse-mode differentiation, Griewank and Walther 2008, chapter 3). A rule emits coarse
 * backward operations of ops.def, where their formulas stand.
 *
 * Forward nodes are visited from the last to the first. Where a value is read several times, its
 * gradients are summed by add nodes in the order of the visit. Only inputs that depend on a trained
 * parameter get a gradient: never the batch's inputs, never sinusoid, never what is frozen. A node
 * of several gradients has ASSAY_NONE for those nobody needs. */
#include <assert.h>

#include "graph/internal.h"

/* One forward node while its rule runs. */
typedef struct backward {
    assay_graph *graph;
    assay_value *gradients; /* [forward values] so far, or ASSAY_NONE */
    const bool *needs;      /* [forward values] depends on a trained parameter */
    int32_t node;           /* the forward node */
    const assay_value *x;   /* its inputs */
    assay_value y;          /* its output */
    assay_value dy;         /* the gradient of its output */
    uint32_t n_x;
    assay_attrs attrs; /* its attributes, copied to what the rule emits; a rule may change them */
} backward;

typedef void gradient_rule(backward *b);

/* Adds `gradient` to what input i has already. */
static void give(backward *b, uint32_t i, assay_value gradient) {
    assay_value *sum = &b->gradients[b->x[i]];
    if (gradient == ASSAY_NONE)
        return;
    if (*sum == ASSAY_NONE) {
        *sum = gradient;
        return;
    }
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    assay_value terms[2] = {*sum, gradient};
    assay_value total = as_graph_add_value(b->graph, &b->graph->values[b->x[i]]);
    if (total != ASSAY_NONE &&
        as_graph_add_node(b->graph, ASSAY_OP_ADD, b->node, terms, 2, &total, 1, &attrs))
        *sum = total;
}

static bool wants(const backward *b, uint32_t i) {
    return i < b->n_x && b->x[i] != ASSAY_NONE && b->needs[b->x[i]];
}

/* Emits `op`, whose outputs are the gradients of inputs first .. first + n - 1; does nothing when
 * none of them is wanted. */
static void emit(backward *b, int32_t op, const assay_value *inputs, uint32_t n_inputs,
                 uint32_t first, uint32_t n) {
    assay_value outputs[AS_MAX_OPERANDS];
    bool any = false;
    for (uint32_t k = 0; k < n; k++) {
        outputs[k] = ASSAY_NONE;
        if (!wants(b, first + k))
            continue;
        any = true;
        outputs[k] = as_graph_add_value(b->graph, &b->graph->values[b->x[first + k]]);
        if (outputs[k] == ASSAY_NONE)
            return;
    }
    if (!any || !as_graph_add_node(b->graph, op, b->node, inputs, n_inputs, outputs, n, &b->attrs))
        return;
    for (uint32_t k = 0; k < n; k++)
        if (outputs[k] != ASSAY_NONE)
            give(b, first + k, outputs[k]);
}

/* emit(b, op, first, n, operands...) */
#define EMIT(b, op, first, n, ...)                                                                 \
    emit(b, op, (const assay_value[]){__VA_ARGS__},                                                \
         (uint32_t)(sizeof((const assay_value[]){__VA_ARGS__}) / sizeof(assay_value)), first, n)

/* ---- the rules, in the order of ops.def ------------------------------------------------------ */

/* y_t = table[ids_t]:  dtable[ids_t] += dy_t */
static void gradient_embedding(backward *b) {
    EMIT(b, ASSAY_OP_EMBEDDING_GRAD, 1, 1, b->dy, b->x[0], b->x[1]);
}

/* y = x W^T + c:  dx = dy W,  dW = dy^T x,  dc = sum dy */
static void gradient_linear(backward *b) {
    EMIT(b, ASSAY_OP_LINEAR_GRAD_INPUT, 0, 1, b->dy, b->x[1]);
    EMIT(b, ASSAY_OP_LINEAR_GRAD_WEIGHT, 1, 1, b->dy, b->x[0]);
    EMIT(b, ASSAY_OP_LINEAR_GRAD_BIAS, 2, 1, b->dy);
}

/* y = x0 + x1:  dx0 = dx1 = dy */
static void gradient_add(backward *b) {
    for (uint32_t i = 0; i < 2; i++)
        if (wants(b, i))
            give(b, i, b->dy);
}

/* y = f x:  dx = f dy */
static void gradient_scale(backward *b) {
    EMIT(b, ASSAY_OP_SCALE, 0, 1, b->dy);
}

/* y = max(x, 0):  dx = dy where y > 0 */
static void gradient_relu(backward *b) {
    EMIT(b, ASSAY_OP_RELU_GRAD, 0, 1, b->dy, b->y);
}

/* y = x Phi(x):  dx = dy (Phi(x) + x phi(x)) */
static void gradient_gelu(backward *b) {
    EMIT(b, ASSAY_OP_GELU_GRAD, 0, 1, b->dy, b->x[0]);
}

/* y = tanh x:  dx = dy (1 - y^2) */
static void gradient_tanh(backward *b) {
    EMIT(b, ASSAY_OP_TANH_GRAD, 0, 1, b->dy, b->y);
}

/* y = mask x / (1 - p):  dx = mask dy / (1 - p), the same mask by the same stream */
static void gradient_dropout(backward *b) {
    EMIT(b, ASSAY_OP_DROPOUT, 0, 1, b->dy);
}

/* y = gamma xhat + beta:  dx through mean and variance, dgamma = sum dy xhat, dbeta = sum dy */
static void gradient_layer_norm(backward *b) {
    EMIT(b, ASSAY_OP_LAYER_NORM_GRAD, 0, 3, b->dy, b->x[0], b->x[1]);
}

/* y = softmax(q k^T / sqrt D) v:  dq, dk and dv stand together as qkv does */
static void gradient_attention(backward *b) {
    EMIT(b, ASSAY_OP_ATTENTION_GRAD, 0, 1, b->dy, b->x[0], b->y);
}

/* Back-propagation through time: gradients of x and of every weight and bias in one node. */
static void recurrent(backward *b, int32_t op) {
    assay_value operands[AS_MAX_OPERANDS] = {b->dy, b->y};
    for (uint32_t i = 0; i < b->n_x; i++)
        operands[2 + i] = b->x[i];
    emit(b, op, operands, 2 + b->n_x, 0, b->n_x);
}

static void gradient_gru(backward *b) {
    recurrent(b, ASSAY_OP_GRU_GRAD);
}

static void gradient_lstm(backward *b) {
    recurrent(b, ASSAY_OP_LSTM_GRAD);
}

/* y = x[begin : begin + size]:  dx = dy there, 0 elsewhere */
static void gradient_slice(backward *b) {
    b->attrs.channels = b->graph->values[b->x[0]].dims[0];
    EMIT(b, ASSAY_OP_SLICE_GRAD, 0, 1, b->dy);
}

/* y = (x0, x1, ...):  dx_i = its channels of dy */
static void gradient_concat(backward *b) {
    b->attrs.begin = 0;
    for (uint32_t i = 0; i < b->n_x; i++) {
        b->attrs.size = b->graph->values[b->x[i]].dims[0];
        EMIT(b, ASSAY_OP_SLICE, i, 1, b->dy);
        b->attrs.begin += b->attrs.size;
    }
}

/* y_b = x at the row's first or last token:  dx = dy there, 0 elsewhere */
static void gradient_select_token(backward *b) {
    EMIT(b, ASSAY_OP_SELECT_TOKEN_GRAD, 0, 1, b->dy);
}

/* y_b = mean_t x_t:  dx_t = dy_b / length_b */
static void gradient_mean_pool(backward *b) {
    EMIT(b, ASSAY_OP_MEAN_POOL_GRAD, 0, 1, b->dy);
}

/* y_b = max_t x_t:  dx = dy_b at the first maximum */
static void gradient_max_pool(backward *b) {
    EMIT(b, ASSAY_OP_MAX_POOL_GRAD, 0, 1, b->dy, b->x[0]);
}

/* y_b = sum_t a_t x_t, a = softmax(score):  dx_t = a_t dy,  dscore_t = a_t dy . (x_t - y_b) */
static void gradient_attention_pool(backward *b) {
    EMIT(b, ASSAY_OP_ATTENTION_POOL_GRAD, 0, 2, b->dy, b->x[0], b->x[1]);
}

/* The loss itself, where the gradient starts; class weights are a constant. */
static void gradient_cross_entropy(backward *b) {
    emit(b, ASSAY_OP_CROSS_ENTROPY_GRAD, b->x, b->n_x, 0, 1);
}

static void gradient_rnn(backward *b) {
    recurrent(b, ASSAY_OP_RNN_GRAD);
}

/* y_t = w_t x_t:  dx_t = w_t dy_t,  dw_t = dy_t . x_t */
static void gradient_scale_tokens(backward *b) {
    EMIT(b, ASSAY_OP_SCALE_TOKENS, 0, 1, b->dy, b->x[1]);
    EMIT(b, ASSAY_OP_SCALE_TOKENS_GRAD, 1, 1, b->dy, b->x[0]);
}

/* y = x + table[row]:  dx = dy,  dtable[row] = sum dy */
static void gradient_add_row(backward *b) {
    if (wants(b, 0))
        give(b, 0, b->dy);
    EMIT(b, ASSAY_OP_ADD_ROW_GRAD, 1, 1, b->dy, b->x[1]);
}

/* ---- the table ------------------------------------------------------------------------------- */

#define gradient_none NULL

/* operation, rule; backward operations have none, second derivatives are not needed */
#define GRADIENTS(X)                                                                               \
    X(EMBEDDING, embedding)                                                                        \
    X(SINUSOID, none)                                                                              \
    X(LINEAR, linear)                                                                              \
    X(ADD, add)                                                                                    \
    X(SCALE, scale)                                                                                \
    X(RELU, relu)                                                                                  \
    X(GELU, gelu)                                                                                  \
    X(TANH, tanh)                                                                                  \
    X(DROPOUT, dropout)                                                                            \
    X(LAYER_NORM, layer_norm)                                                                      \
    X(ATTENTION, attention)                                                                        \
    X(GRU, gru)                                                                                    \
    X(LSTM, lstm)                                                                                  \
    X(SLICE, slice)                                                                                \
    X(CONCAT, concat)                                                                              \
    X(SELECT_TOKEN, select_token)                                                                  \
    X(MEAN_POOL, mean_pool)                                                                        \
    X(MAX_POOL, max_pool)                                                                          \
    X(ATTENTION_POOL, attention_pool)                                                              \
    X(CROSS_ENTROPY, cross_entropy)                                                                \
    X(EMBEDDING_GRAD, none)                                                                        \
    X(LINEAR_GRAD_INPUT, none)                                                                     \
    X(LINEAR_GRAD_WEIGHT, none)                                                                    \
    X(LINEAR_GRAD_BIAS, none)                                                                      \
    X(RELU_GRAD, none)                                                                             \
    X(GELU_GRAD, none)                                                                             \
    X(TANH_GRAD, none)                                                                             \
    X(LAYER_NORM_GRAD, none)                                                                       \
    X(ATTENTION_GRAD, none)                                                                        \
    X(GRU_GRAD, none)                                                                              \
    X(LSTM_GRAD, none)                                                                             \
    X(SLICE_GRAD, none)                                                                            \
    X(SELECT_TOKEN_GRAD, none)                                                                     \
    X(MEAN_POOL_GRAD, none)                                                                        \
    X(MAX_POOL_GRAD, none)                                                                         \
    X(ATTENTION_POOL_GRAD, none)                                                                   \
    X(CROSS_ENTROPY_GRAD, none)                                                                    \
    X(RNN, rnn)                                                                                    \
    X(SCALE_TOKENS, scale_tokens)                                                                  \
    X(ADD_ROW, add_row)                                                                            \
    X(RNN_GRAD, none)                                                                              \
    X(SCALE_TOKENS_GRAD, none)                                                                     \
    X(ADD_ROW_GRAD, none)

/* Each row once (-Woverride-init) and as many rows as operations: none is missing. */
#define COUNT_ROW(NAME, rule) +1
_Static_assert(0 GRADIENTS(COUNT_ROW) == ASSAY_OP_COUNT, "an operation lacks its gradient");

static gradient_rule *const gradients[ASSAY_OP_COUNT] = {
#define ROW(NAME, rule) [ASSAY_OP_##NAME] = gradient_##rule,
    GRADIENTS(ROW)
#undef ROW
};

/* ---- reverse pass ---------------------------------------------------------------------------- */

/* A value needs its gradient when it is a trained parameter or computed from such a value. */
void as_mark_trained(const assay_parameter_info *parameters, uint32_t n_parameters,
                     const assay_node *nodes, uint32_t n_nodes, bool *needs) {
    for (uint32_t i = 0; i < n_parameters; i++)
        needs[parameters[i].value] = !parameters[i].init.frozen;
    for (uint32_t n = 0; n < n_nodes; n++) {
        const assay_node *node = &nodes[n];
        for (uint32_t i = 0; i < node->n_inputs; i++)
            if (node->inputs[i] != ASSAY_NONE && needs[node->inputs[i]])
                needs[node->outputs[0]] = true;
    }
}

/* The loss starts the gradient; any other node only carries on what has reached it. */
static void visit(assay_graph *graph, uint32_t n, assay_value *value_gradients, const bool *needs) {
    const assay_node *node = &graph->nodes[n];
    backward b = {.graph = graph,
                  .gradients = value_gradients,
                  .needs = needs,
                  .node = (int32_t)n,
                  .x = node->inputs,
                  .n_x = node->n_inputs,
                  .y = node->outputs[0],
                  .dy = value_gradients[node->outputs[0]],
                  .attrs = node->attrs};
    if (b.dy == ASSAY_NONE && node->op != ASSAY_OP_CROSS_ENTROPY)
        return;
    assert(gradients[node->op]);
    gradients[node->op](&b);
}

void as_graph_add_gradient(assay_graph *graph) {
    uint32_t n_forward = graph->n_nodes, n_values = graph->n_values;
    bool *needs = as_arena_alloc_array(graph->arena, n_values, sizeof *needs);
    assay_value *value_gradients =
        as_arena_alloc_array(graph->arena, n_values, sizeof *value_gradients);
    if (!needs || !value_gradients) {
        as_graph_fail(graph, ASSAY_OUT_OF_MEMORY, "graph", "out of memory for the gradient");
        return;
    }
    for (uint32_t v = 0; v < n_values; v++)
        value_gradients[v] = ASSAY_NONE;
    as_mark_trained(graph->parameters, graph->n_parameters, graph->nodes, n_forward, needs);
    for (uint32_t n = n_forward; n-- > 0;)
        visit(graph, n, value_gradients, needs);
    for (uint32_t i = 0; i < graph->n_parameters; i++)
        graph->parameters[i].gradient = value_gradients[graph->parameters[i].value];
}
