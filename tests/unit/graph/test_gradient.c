/* SPDX-License-Identifier: MIT */
/* Wiring of the gradient table: which backward nodes appear, what they read, where they lead. That
 * the figures are right is shown against central differences in tests/gradients. */
#include <criterion/criterion.h>

#include "assay/blocks.h"
#include "graph/internal.h"

static assay_graph *graph;
static const assay_builder *b;
static assay_error error;

static void setup(void) {
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_graph_new(&graph, &error), ASSAY_OK);
    b = as_graph_builder(graph);
}

static void teardown(void) {
    as_graph_free(graph);
}

TestSuite(gradient, .init = setup, .fini = teardown);

static assay_value tokens(const char *name, int64_t channels) {
    return assay_embedding(b, name, b->input(graph, ASSAY_INPUT_TOKEN_IDS), 10, channels);
}

static const assay_graph_view *close_graph(assay_value logits) {
    cr_assert_eq(as_graph_close(graph, logits,
                                &(as_graph_options){.label_smoothing = 0.1, .with_gradient = 1},
                                &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    return as_graph_view(graph);
}

/* One line per backward node: "op@forward(inputs)->outputs", values as %number, none as -. */
static const char *backward_text(const assay_graph_view *view) {
    static char text[4096];
    size_t used = 0;
    for (uint32_t n = view->n_forward_nodes; n < view->n_nodes; n++) {
        const assay_node *node = &view->nodes[n];
        used += (size_t)snprintf(text + used, sizeof text - used, "%s@%d(", as_op_name(node->op),
                                 (int)node->forward_node);
        for (uint32_t side = 0; side < 2; side++) {
            const assay_value *values = side ? node->outputs : node->inputs;
            uint32_t count = side ? node->n_outputs : node->n_inputs;
            for (uint32_t i = 0; i < count; i++) {
                if (values[i] == ASSAY_NONE)
                    used += (size_t)snprintf(text + used, sizeof text - used, "%s-", i ? " " : "");
                else
                    used += (size_t)snprintf(text + used, sizeof text - used, "%s%%%d",
                                             i ? " " : "", (int)values[i]);
            }
            used += (size_t)snprintf(text + used, sizeof text - used, "%s", side ? "\n" : ")->");
        }
        cr_assert_lt(used, sizeof text);
    }
    return text;
}

static void expect_backward(const assay_graph_view *view, const char *expected) {
    const char *found = backward_text(view);
    cr_assert_str_eq(found, expected, "found\n%s\nexpected\n%s", found, expected);
}

/* Every gradient has the shape of what it differentiates, and the graph stays topological. */
static void check_consistency(const assay_graph_view *view) {
    for (uint32_t i = 0; i < view->n_parameters; i++) {
        const assay_parameter_info *p = &view->parameters[i];
        cr_assert_neq(p->gradient, ASSAY_NONE, "%s has no gradient", p->name);
        const assay_value_info *value = &view->values[p->value];
        const assay_value_info *gradient = &view->values[p->gradient];
        cr_assert_eq(gradient->domain, value->domain);
        cr_assert_eq(gradient->rank, value->rank);
        cr_assert_eq(gradient->dims[0], value->dims[0]);
        cr_assert_eq(gradient->dims[1], value->dims[1]);
        cr_assert_eq(gradient->parameter, -1);
    }
    for (uint32_t n = 0; n < view->n_nodes; n++) {
        const assay_node *node = &view->nodes[n];
        for (uint32_t i = 0; i < node->n_inputs; i++)
            cr_assert(node->inputs[i] == ASSAY_NONE ||
                      view->values[node->inputs[i]].node < (int32_t)n);
        for (uint32_t i = 0; i < node->n_outputs; i++)
            cr_assert(node->outputs[i] == ASSAY_NONE ||
                      (view->values[node->outputs[i]].node == (int32_t)n &&
                       view->uses[node->outputs[i]] > 0));
    }
}

/* %0 ids, %1 table, %2 embedding, %3 mean, %4 weight, %5 bias, %6 logits, %7 labels, %8 loss */
Test(gradient, linear_and_embedding) {
    const assay_graph_view *view =
        close_graph(assay_linear(b, "fc", assay_mean_pool(b, tokens("e", 4)), 2));
    expect_backward(view, "cross_entropy_grad@3(%6 %7)->%9\n"
                          "linear_grad_input@2(%9 %4)->%10\n"
                          "linear_grad_weight@2(%9 %3)->%11\n"
                          "linear_grad_bias@2(%9)->%12\n"
                          "mean_pool_grad@1(%10)->%13\n"
                          "embedding_grad@0(%13 %0 %1)->%14\n");
    check_consistency(view);
    cr_assert_eq(view->parameters[0].gradient, 14);
    cr_assert_eq(view->parameters[1].gradient, 11);
    cr_assert_eq(view->parameters[2].gradient, 12);
    cr_assert_float_eq(view->nodes[4].attrs.label_smoothing, 0.1, 0);
}

/* Neither a frozen table nor what comes from it alone has a gradient: linear's dx is for the other
 * operand. %0 ids %1 table %2 x %3 frozen table %4 y %5 tanh y %6 add %7 mean */
Test(gradient, nothing_flows_into_what_is_frozen) {
    assay_value x = tokens("e", 2), ids = b->input(graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value y = assay_tanh(b, assay_frozen_embedding(b, "f", ids, 10, 2));
    const assay_graph_view *view = close_graph(assay_mean_pool(b, assay_add(b, x, y)));
    expect_backward(view, "cross_entropy_grad@5(%7 %8)->%10\n"
                          "mean_pool_grad@4(%10)->%11\n"
                          "embedding_grad@0(%11 %0 %1)->%12\n");
    cr_assert_eq(view->parameters[0].gradient, 12);
    cr_assert_eq(view->parameters[1].gradient, ASSAY_NONE);
}

/* %0 ids %1 table %2 x %3 weights %4 scaled %5 mean */
Test(gradient, batch_weights_have_no_gradient) {
    assay_value x = assay_weight_tokens(b, tokens("e", 2));
    const assay_graph_view *view = close_graph(assay_mean_pool(b, x));
    expect_backward(view, "cross_entropy_grad@3(%5 %6)->%8\n"
                          "mean_pool_grad@2(%8)->%9\n"
                          "scale_tokens@1(%9 %3)->%10\n"
                          "embedding_grad@0(%10 %0 %1)->%11\n");
    check_consistency(view);
}

/* %0 ids %1 table %2 x %3 scores' table %4 scores %5 scaled %6 rows %7 y %8 mean */
Test(gradient, scale_tokens_and_add_row) {
    assay_value x = tokens("e", 2), score = tokens("s", 1);
    assay_value y = assay_apply2(b, ASSAY_OP_SCALE_TOKENS, x, score);
    assay_value rows = assay_block_parameter(b, "rows", "weight", 3, 2, ASSAY_INIT_CONSTANT, 0);
    y = assay_add_row(b, y, rows, 2);
    const assay_graph_view *view = close_graph(assay_mean_pool(b, y));
    expect_backward(view, "cross_entropy_grad@5(%8 %9)->%11\n"
                          "mean_pool_grad@4(%11)->%12\n"
                          "add_row_grad@3(%12 %6)->%13\n"
                          "scale_tokens@2(%12 %4)->%14\n"
                          "scale_tokens_grad@2(%12 %2)->%15\n"
                          "embedding_grad@1(%15 %0 %3)->%16\n"
                          "embedding_grad@0(%14 %0 %1)->%17\n");
    cr_assert_eq(view->nodes[view->values[13].node].attrs.begin, 2);
    check_consistency(view);
}

Test(gradient, element_wise_rules) {
    /* %0 ids %1 table %2 x %3 relu %4 gelu %5 tanh %6 scale %7 dropout %8 max */
    assay_value x = assay_tanh(b, assay_gelu(b, assay_relu(b, tokens("e", 4))));
    x = assay_dropout(b, assay_scale(b, x, 3.0), 0.5);
    const assay_graph_view *view = close_graph(assay_max_pool(b, x));
    expect_backward(view, "cross_entropy_grad@7(%8 %9)->%11\n"
                          "max_pool_grad@6(%11 %7)->%12\n"
                          "dropout@5(%12)->%13\n"
                          "scale@4(%13)->%14\n"
                          "tanh_grad@3(%14 %5)->%15\n"
                          "gelu_grad@2(%15 %3)->%16\n"
                          "relu_grad@1(%16 %3)->%17\n"
                          "embedding_grad@0(%17 %0 %1)->%18\n");
    check_consistency(view);
    cr_assert_float_eq(view->nodes[11].attrs.factor, 3.0, 0);
}

Test(gradient, dropout_and_attention_share_their_stream) {
    assay_value x = assay_dropout(b, tokens("e", 6), 0.5);
    x = assay_add(b, x, assay_self_attention(b, "a", x, 2, 0.25));
    const assay_graph_view *view = close_graph(assay_mean_pool(b, assay_dropout(b, x, 0.5)));
    int32_t n_backward = 0;
    check_consistency(view);
    for (uint32_t n = view->n_forward_nodes; n < view->n_nodes; n++) {
        const assay_node *node = &view->nodes[n];
        if (node->op != ASSAY_OP_DROPOUT && node->op != ASSAY_OP_ATTENTION_GRAD)
            continue;
        const assay_attrs *forward = &view->nodes[node->forward_node].attrs;
        cr_assert_eq(node->attrs.stream, forward->stream);
        cr_assert_eq(node->attrs.probability, forward->probability);
        cr_assert_eq(node->attrs.heads, forward->heads);
        cr_assert_eq(node->attrs.stream, 2 - n_backward, "last stream first");
        n_backward++;
    }
    cr_assert_eq(n_backward, 3);
}

/* x is read by itself twice and by relu: two sums. */
Test(gradient, fan_out_is_summed) {
    /* %0 ids %1 table %2 x %3 x + x %4 relu x %5 sum %6 mean */
    assay_value x = tokens("e", 4), twice = assay_add(b, x, x);
    const assay_graph_view *view =
        close_graph(assay_mean_pool(b, assay_add(b, twice, assay_relu(b, x))));
    expect_backward(view, "cross_entropy_grad@5(%6 %7)->%9\n"
                          "mean_pool_grad@4(%9)->%10\n"
                          "relu_grad@2(%10 %4)->%11\n"
                          "add@1(%11 %10)->%12\n"
                          "add@1(%12 %10)->%13\n"
                          "embedding_grad@0(%13 %0 %1)->%14\n");
    check_consistency(view);
}

Test(gradient, shared_parameter_is_summed) {
    assay_value ids = b->input(graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value table = assay_block_parameter(b, "e", "weight", 10, 4, ASSAY_INIT_NORMAL, 1.0);
    assay_value first = assay_apply2(b, ASSAY_OP_EMBEDDING, ids, table);
    assay_value second = assay_apply2(b, ASSAY_OP_EMBEDDING, ids, table);
    const assay_graph_view *view =
        close_graph(assay_concat(b, assay_mean_pool(b, first), assay_max_pool(b, second)));
    check_consistency(view);
    const assay_node *last = &view->nodes[view->n_nodes - 1];
    cr_assert_eq(last->op, ASSAY_OP_ADD);
    cr_assert_eq(last->outputs[0], view->parameters[0].gradient);
    cr_assert_eq(view->values[last->outputs[0]].domain, ASSAY_DOMAIN_FIXED);
}

Test(gradient, concat_gives_each_its_channels) {
    /* %0 ids %1 %2 a %3 %4 b %5 mean a %6 max b %7 concat */
    assay_value one = tokens("a", 3), two = tokens("b", 5);
    const assay_graph_view *view =
        close_graph(assay_concat(b, assay_mean_pool(b, one), assay_max_pool(b, two)));
    check_consistency(view);
    const assay_node *first = &view->nodes[view->n_forward_nodes + 1], *second = first + 1;
    cr_assert_eq(first->op, ASSAY_OP_SLICE);
    cr_assert_eq(first->attrs.begin, 0);
    cr_assert_eq(first->attrs.size, 3);
    cr_assert_eq(second->op, ASSAY_OP_SLICE);
    cr_assert_eq(second->attrs.begin, 3);
    cr_assert_eq(second->attrs.size, 5);
}

Test(gradient, slice_keeps_range_and_width) {
    assay_value x = assay_slice(b, assay_select_token(b, tokens("e", 7), ASSAY_TOKEN_LAST), 2, 3);
    const assay_graph_view *view = close_graph(x);
    check_consistency(view);
    const assay_node *slice = &view->nodes[view->n_forward_nodes + 1], *token = slice + 1;
    cr_assert_eq(slice->op, ASSAY_OP_SLICE_GRAD);
    cr_assert_eq(slice->attrs.begin, 2);
    cr_assert_eq(slice->attrs.size, 3);
    cr_assert_eq(slice->attrs.channels, 7);
    cr_assert_eq(token->op, ASSAY_OP_SELECT_TOKEN_GRAD);
    cr_assert_eq(token->attrs.token, ASSAY_TOKEN_LAST);
}

/* Sinusoids depend on no parameter: no gradient flows to them, neither alone nor in a sum. */
Test(gradient, sinusoid_gets_none) {
    /* %0 sinusoid %1 gamma %2 beta %3 norm %4 mean %5 weight %6 bias %7 logits */
    assay_value x = assay_layer_norm(b, "n", assay_sinusoid(b, 4), 1e-5);
    const assay_graph_view *view = close_graph(assay_linear(b, "fc", assay_mean_pool(b, x), 2));
    expect_backward(view, "cross_entropy_grad@4(%7 %8)->%10\n"
                          "linear_grad_input@3(%10 %5)->%11\n"
                          "linear_grad_weight@3(%10 %4)->%12\n"
                          "linear_grad_bias@3(%10)->%13\n"
                          "mean_pool_grad@2(%11)->%14\n"
                          "layer_norm_grad@1(%14 %0 %1)->- %15 %16\n");
    check_consistency(view);
    cr_assert_float_eq(view->nodes[view->n_nodes - 1].attrs.epsilon, 1e-5, 0);
}

Test(gradient, recurrent_without_gradient_of_its_input) {
    assay_value x = assay_recurrent(b, ASSAY_OP_GRU, "g", 0, assay_sinusoid(b, 3), 2, 1);
    const assay_graph_view *view = close_graph(assay_mean_pool(b, x));
    check_consistency(view);
    const assay_node *node = &view->nodes[view->n_nodes - 1];
    cr_assert_eq(node->op, ASSAY_OP_GRU_GRAD);
    cr_assert_eq(node->attrs.bidirectional, 1);
    cr_assert_eq(node->n_inputs, 11);
    cr_assert_eq(node->n_outputs, 9);
    cr_assert_eq(node->outputs[0], ASSAY_NONE);
    cr_assert_eq(node->inputs[1], view->nodes[1].outputs[0], "y after dy");
    for (uint32_t i = 0; i < 9; i++)
        cr_assert_eq(node->inputs[2 + i], view->nodes[1].inputs[i]);
    for (uint32_t i = 0; i < 8; i++)
        cr_assert_eq(view->parameters[i].gradient, node->outputs[1 + i]);
}

Test(gradient, lstm_with_gradient_of_its_input) {
    assay_value x = assay_recurrent(b, ASSAY_OP_LSTM, "l", 0, tokens("e", 3), 2, 0);
    const assay_graph_view *view = close_graph(assay_mean_pool(b, x));
    check_consistency(view);
    const assay_node *node = &view->nodes[view->n_nodes - 2];
    cr_assert_eq(node->op, ASSAY_OP_LSTM_GRAD);
    cr_assert_eq(node->n_inputs, 7);
    cr_assert_eq(node->n_outputs, 5);
    cr_assert_neq(node->outputs[0], ASSAY_NONE);
}

Test(gradient, attention_pool_leaves_out_what_nobody_needs) {
    assay_value fixed = assay_sinusoid(b, 4);
    assay_value score = assay_linear(b, "s", tokens("e", 3), 1);
    const assay_graph_view *view = close_graph(assay_attention_pool(b, fixed, score));
    check_consistency(view);
    const assay_node *node = &view->nodes[view->n_forward_nodes + 1];
    cr_assert_eq(node->op, ASSAY_OP_ATTENTION_POOL_GRAD);
    cr_assert_eq(node->outputs[0], ASSAY_NONE);
    cr_assert_neq(node->outputs[1], ASSAY_NONE);
}

Test(gradient, without_parameters_there_is_no_backward_part) {
    const assay_graph_view *view = close_graph(assay_mean_pool(b, assay_sinusoid(b, 2)));
    cr_assert_eq(view->n_nodes, view->n_forward_nodes);
}

Test(gradient, is_left_out_when_not_asked_for) {
    assay_value x = assay_mean_pool(b, tokens("e", 4));
    cr_assert_eq(as_graph_close(graph, x, &(as_graph_options){.with_gradient = 0}, &error),
                 ASSAY_OK);
    const assay_graph_view *view = as_graph_view(graph);
    cr_assert_eq(view->n_nodes, view->n_forward_nodes);
    cr_assert_eq(view->parameters[0].gradient, ASSAY_NONE);
}

/* Every forward operation that carries a gradient occurs in one graph, and each input of it that
 * depends on a parameter gets one: nothing in the table is left out unseen. */
Test(gradient, every_forward_operation_has_a_rule) {
    bool seen[ASSAY_OP_COUNT] = {false};
    assay_value x = tokens("e", 6);
    x = assay_add(b, x, assay_sinusoid(b, 6));
    x = assay_layer_norm(b, "n", assay_self_attention(b, "a", x, 3, 0.1), 1e-5);
    x = assay_recurrent(b, ASSAY_OP_GRU, "g", 0, assay_dropout(b, x, 0.1), 3, 1);
    x = assay_recurrent(b, ASSAY_OP_LSTM, "l", 0, assay_gelu(b, x), 3, 1);
    x = assay_tanh(b, assay_relu(b, assay_scale(b, x, 2)));
    x = assay_recurrent(b, ASSAY_OP_RNN, "r", 0, x, 3, 1);
    x = assay_apply2(b, ASSAY_OP_SCALE_TOKENS, x, assay_linear(b, "w", x, 1));
    x = assay_add_row(b, x, assay_block_parameter(b, "k", "weight", 2, 6, ASSAY_INIT_NORMAL, 1), 0);
    assay_value row = assay_concat(b, assay_mean_pool(b, x), assay_max_pool(b, x));
    row = assay_concat(b, row, assay_final_state(b, x, 1));
    row = assay_concat(b, row, assay_attention_pool(b, x, assay_linear(b, "s", x, 1)));
    const assay_graph_view *view = close_graph(assay_linear(b, "fc", row, 2));
    check_consistency(view);
    for (uint32_t n = 0; n < view->n_nodes; n++)
        seen[view->nodes[n].op] = true;
    for (int32_t op = 0; op < ASSAY_OP_COUNT; op++)
        cr_assert(seen[op], "%s does not occur", as_op_name(op));
}
