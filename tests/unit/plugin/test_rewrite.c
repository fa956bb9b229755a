/* SPDX-License-Identifier: MIT */
/* What plugins/backends/rewrite makes of a plan's nodes, as text. That backends compute the same
 * with it is tests/ops/models.c's to show. */
#include <criterion/criterion.h>

#include "assay/blocks.h"
#include "graph/internal.h"
#include "rewrite.h"

static assay_graph *graph;
static const assay_builder *b;
static rewrite_nodes own;
static assay_error error;

static void setup(void) {
    error = (assay_error)ASSAY_ERROR_INIT;
    own = (rewrite_nodes){0};
    cr_assert_eq(as_graph_new(&graph, &error), ASSAY_OK);
    b = as_graph_builder(graph);
}

static void teardown(void) {
    rewrite_close(&own);
    as_graph_free(graph);
}

TestSuite(rewrite, .init = setup, .fini = teardown);

static assay_value tokens(const char *name, int64_t channels) {
    return assay_embedding(b, name, b->input(graph, ASSAY_INPUT_TOKEN_IDS), 10, channels);
}

/* A plan of the graph's forward nodes, or of all. */
static void open_plan(assay_value logits, bool with_gradient) {
    cr_assert_eq(
        as_graph_close(graph, logits, &(as_graph_options){.with_gradient = with_gradient}, &error),
        ASSAY_OK, "%s: %s", error.where, error.text);
    const assay_graph_view *view = as_graph_view(graph);
    uint32_t n = with_gradient ? view->n_nodes : view->n_forward_nodes;
    cr_assert_eq(rewrite_open(view, n, &own, &error), ASSAY_OK, "%s", error.text);
}

/* " %7" or " fc.weight", "d fc.weight" for its gradient, "-" for none */
static size_t put_value(char *to, size_t size, assay_value value) {
    const assay_graph_view *view = own.graph;
    if (value == ASSAY_NONE)
        return (size_t)snprintf(to, size, " -");
    int32_t parameter = view->values[value].parameter, gradient = assay_gradient_of(view, value);
    if (parameter >= 0)
        return (size_t)snprintf(to, size, " %s", view->parameters[parameter].name);
    if (gradient >= 0)
        return (size_t)snprintf(to, size, " d %s", view->parameters[gradient].name);
    return (size_t)snprintf(to, size, " %%%d", (int)value);
}

/* "op inputs -> outputs" of the nodes in [from, to) that are left, a line each. */
static const char *text_of(uint32_t from, uint32_t to) {
    static char text[8192];
    size_t used = 0;
    text[0] = 0;
    for (uint32_t n = from; n < to; n++) {
        const assay_node *node = &own.nodes[n].node;
        if (node->op == REWRITE_OP_NONE)
            continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s", as_op_name(node->op));
        for (uint32_t i = 0; i < node->n_inputs; i++)
            used += put_value(text + used, sizeof text - used, node->inputs[i]);
        used += (size_t)snprintf(text + used, sizeof text - used, " ->");
        for (uint32_t i = 0; i < node->n_outputs; i++)
            used += put_value(text + used, sizeof text - used, node->outputs[i]);
        used += (size_t)snprintf(text + used, sizeof text - used, "\n");
        cr_assert_lt(used, sizeof text);
    }
    return text;
}

static void expect(const char *expected) {
    const char *found = text_of(0, own.n);
    cr_assert_str_eq(found, expected, "found\n%s\nexpected\n%s", found, expected);
}

static void expect_part(uint32_t from, uint32_t to, const char *expected) {
    const char *found = text_of(from, to);
    cr_assert_str_eq(found, expected, "found\n%s\nexpected\n%s", found, expected);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

Test(rewrite, a_copy_leaves_the_graph_alone) {
    open_plan(assay_mean_pool(b, assay_relu(b, tokens("e", 4))), false);
    rewrite_set_input(&own, 1, 3, 0);
    rewrite_set_output(&own, 1, 1, 2);
    rewrite_drop(&own, 0);
    expect("relu %2 - - %0 -> %3 %2\nmean_pool %3 -> %4\ncross_entropy %4 %5 -> %6\n");
    cr_assert_eq(own.graph->nodes[0].op, ASSAY_OP_EMBEDDING);
    cr_assert_eq(own.graph->nodes[1].n_inputs, 1);
    cr_assert_eq(own.graph->nodes[1].n_outputs, 1);
}

Test(rewrite, a_node_with_too_many_operands_is_refused) {
    assay_value values[REWRITE_OPERANDS + 1] = {0};
    assay_node node = {.op = ASSAY_OP_GRU,
                       .n_inputs = REWRITE_OPERANDS,
                       .inputs = values,
                       .n_outputs = REWRITE_OPERANDS + 1,
                       .outputs = values};
    assay_graph_view view = {.n_nodes = 1, .nodes = &node};
    rewrite_nodes untouched = {.n = 77};
    cr_assert_eq(rewrite_open(&view, 1, &untouched, &error), ASSAY_UNSUPPORTED);
    cr_assert_eq(untouched.n, 77);
    node.n_outputs--;
    cr_assert_eq(rewrite_open(&view, 1, &own, NULL), ASSAY_OK);
    cr_assert_eq(own.nodes[0].outputs[REWRITE_OPERANDS - 1], 0);
}

/* %0 ids %2 x %3 relu x %4 x + relu x %5 its double %6 mean; cross_entropy %6 %7 -> %8 */
Test(rewrite, writers_and_readers) {
    assay_value x = tokens("e", 4), sum = assay_add(b, x, assay_relu(b, x));
    open_plan(assay_mean_pool(b, assay_add(b, sum, sum)), false);
    cr_assert_eq(rewrite_writer(&own, 4), 2);
    cr_assert_eq(rewrite_writer(&own, 0), own.n, "an input");
    cr_assert_eq(rewrite_writer(&own, ASSAY_NONE), own.n);
    cr_assert_eq(rewrite_writer_of_op(&own, 4, ASSAY_OP_ADD), 2);
    cr_assert_eq(rewrite_writer_of_op(&own, 4, ASSAY_OP_RELU), own.n);
    cr_assert_eq(rewrite_next_reader(&own, 2, 0), 1);
    cr_assert_eq(rewrite_next_reader(&own, 2, 2), 2);
    cr_assert_eq(rewrite_next_reader(&own, 2, 3), own.n);
    cr_assert_eq(rewrite_next_reader(&own, ASSAY_NONE, 0), own.n);
    cr_assert_eq(rewrite_reader_of_op(&own, 2, ASSAY_OP_ADD), 2);
    cr_assert_eq(rewrite_only_reader(&own, 3), 2);
    cr_assert_eq(rewrite_only_reader(&own, 2), own.n, "two nodes");
    cr_assert_eq(rewrite_only_reader(&own, 4), own.n, "one node, twice");
    cr_assert_eq(rewrite_only_reader(&own, 6), own.n, "the logits");
    cr_assert_eq(rewrite_only_reader(&own, 8), own.n, "the loss");
    cr_assert(rewrite_is_kept(&own, 6));
    cr_assert_not(rewrite_is_kept(&own, 3));
}

Test(rewrite, the_last_backward_node_of_a_forward_one) {
    open_plan(assay_linear(b, "fc", assay_mean_pool(b, tokens("e", 4)), 2), true);
    uint32_t dbias = rewrite_reader_of_op(&own, own.nodes[4].outputs[0], ASSAY_OP_LINEAR_GRAD_BIAS);
    cr_assert_lt(dbias, own.n);
    cr_assert_eq(rewrite_last_backward(&own, 2), dbias);
    own.n = own.graph->n_forward_nodes;
    cr_assert_eq(rewrite_last_backward(&own, 2), 2);
}

/* ---- linear layers side by side -------------------------------------------------------------- */

/* Queries, keys and values side by side. */
static assay_value projections(assay_value x) {
    assay_value parts[3] = {assay_linear(b, "q", x, 4), assay_linear(b, "k", x, 4),
                            assay_linear(b, "v", x, 4)};
    return b->apply(graph, ASSAY_OP_CONCAT, parts, 3, NULL);
}

static int always(const assay_session *session, uint32_t parameter, uint32_t next) {
    (void)session, (void)parameter, (void)next;
    return 1;
}

/* Parameters as they were made: weight, bias, weight, ...: nothing adjoins. */
static int never(const assay_session *session, uint32_t parameter, uint32_t next) {
    (void)session, (void)parameter, (void)next;
    return 0;
}

Test(rewrite, weights_of_one_x_follow_each_other) {
    uint32_t order[16];
    uint8_t behind[16] = {0};
    char text[512] = "";
    open_plan(assay_mean_pool(b, projections(tokens("e", 4))), false);
    rewrite_order_parameters(own.graph, order, behind);
    for (uint32_t i = 0; i < own.graph->n_parameters; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s\n", behind[order[i]] ? "+ " : "",
                 own.graph->parameters[order[i]].name);
    }
    cr_assert_str_eq(text,
                     "q.weight\n+ k.weight\n+ v.weight\nq.bias\n+ k.bias\n+ v.bias\ne.weight\n",
                     "found\n%s", text);
}

Test(rewrite, query_key_and_value_become_one_product) {
    open_plan(assay_mean_pool(b, projections(tokens("e", 4))), false);
    rewrite_join_linears(&own, NULL, always);
    expect("embedding %0 e.weight -> %2\n"
           "linear %2 q.weight q.bias -> %12\n"
           "mean_pool %12 -> %13\n"
           "cross_entropy %13 %14 -> %15\n");
}

Test(rewrite, what_does_not_adjoin_stays) {
    open_plan(assay_mean_pool(b, projections(tokens("e", 4))), true);
    char before[8192];
    strcpy(before, text_of(0, own.n));
    rewrite_join_linears(&own, NULL, never);
    expect(before);
}

/* dx = rest + dy weight: x is also added to what comes of it. */
Test(rewrite, their_gradients_become_three_products) {
    assay_value x = tokens("e", 4);
    open_plan(assay_mean_pool(b, assay_add(b, x, assay_linear(b, "o", projections(x), 4))), true);
    rewrite_join_linears(&own, NULL, always);
    expect_part(own.graph->n_forward_nodes, own.n,
                "cross_entropy_grad %17 %18 -> %20\n"
                "mean_pool_grad %20 -> %21\n"
                "linear_grad_input %21 o.weight -> %22\n"
                "linear_grad_weight %21 %12 -> d o.weight\n"
                "linear_grad_bias %21 -> d o.bias\n"
                "linear_grad_input %22 q.weight -> %36\n"
                "add %21 %36 -> %37\n"
                "linear_grad_weight %22 %2 -> d q.weight\n"
                "linear_grad_bias %22 -> d q.bias\n"
                "embedding_grad %37 %0 e.weight -> d e.weight\n");
}

/* Nobody else reads x. */
Test(rewrite, without_a_rest_the_product_is_the_sum) {
    open_plan(assay_mean_pool(b, projections(assay_tanh(b, tokens("e", 4)))), true);
    rewrite_join_linears(&own, NULL, always);
    expect_part(own.graph->n_forward_nodes, own.n,
                "cross_entropy_grad %14 %15 -> %17\n"
                "mean_pool_grad %17 -> %18\n"
                "linear_grad_input %18 q.weight -> %30\n"
                "linear_grad_weight %18 %3 -> d q.weight\n"
                "linear_grad_bias %18 -> d q.bias\n"
                "tanh_grad %30 %3 -> %33\n"
                "embedding_grad %33 %0 e.weight -> d e.weight\n");
}

/* ---- passes over the same rows --------------------------------------------------------------- */

Test(rewrite, dropout_is_nothing_in_a_forward_plan) {
    assay_value x = assay_dropout(b, assay_dropout(b, tokens("e", 4), 0.5), 0.25);
    open_plan(assay_mean_pool(b, assay_add(b, x, assay_relu(b, x))), false);
    rewrite_skip_dropout(&own);
    expect("embedding %0 e.weight -> %2\n"
           "relu %2 -> %5\n"
           "add %2 %5 -> %6\n"
           "mean_pool %6 -> %7\n"
           "cross_entropy %7 %8 -> %9\n");
}

Test(rewrite, dropout_that_makes_the_logits_stays) {
    open_plan(assay_dropout(b, assay_mean_pool(b, tokens("e", 4)), 0.5), false);
    rewrite_skip_dropout(&own);
    expect("embedding %0 e.weight -> %2\n"
           "mean_pool %2 -> %3\n"
           "dropout %3 -> %4\n"
           "cross_entropy %4 %5 -> %6\n");
}

/* layer_norm(dropout(relu x) + x), the dropout first or second, and one that others read too. */
static void open_norm(int order, bool with_gradient) {
    assay_value x = tokens("e", 4), dropped = assay_dropout(b, assay_relu(b, x), 0.5);
    assay_value sum = order == 0 ? assay_add(b, dropped, x) : assay_add(b, x, dropped);
    assay_value y = assay_layer_norm(b, "n", sum, 1e-5);
    open_plan(assay_mean_pool(b, order == 2 ? assay_add(b, y, dropped) : y), with_gradient);
}

Test(rewrite, a_norm_makes_its_sum_and_dropout) {
    for (int order = 0; order < 2; order++) {
        assay_attrs dropout = ASSAY_ATTRS_INIT;
        open_norm(order, false);
        cr_assert_eq(rewrite_join_add_norm(&own, 4, &dropout), 1);
        cr_assert_eq(dropout.probability, 0.5);
        expect("embedding %0 e.weight -> %2\n"
               "relu %2 -> %3\n"
               "layer_norm %2 n.weight n.bias %3 -> %8\n"
               "mean_pool %8 -> %9\n"
               "cross_entropy %9 %10 -> %11\n");
        teardown();
        setup();
    }
}

Test(rewrite, a_dropout_that_others_read_stays) {
    assay_attrs dropout = ASSAY_ATTRS_INIT;
    open_norm(2, false);
    cr_assert_eq(rewrite_join_add_norm(&own, 4, &dropout), 0);
    cr_assert_eq(dropout.probability, 0);
    expect("embedding %0 e.weight -> %2\n"
           "relu %2 -> %3\n"
           "dropout %3 -> %4\n"
           "layer_norm %2 n.weight n.bias %4 -> %8\n"
           "add %8 %4 -> %9\n"
           "mean_pool %9 -> %10\n"
           "cross_entropy %10 %11 -> %12\n");
}

Test(rewrite, a_sum_that_others_read_stays) {
    assay_attrs dropout = ASSAY_ATTRS_INIT;
    assay_value x = tokens("e", 4), sum = assay_add(b, x, assay_relu(b, x));
    assay_value y = assay_layer_norm(b, "n", sum, 1e-5);
    open_plan(assay_mean_pool(b, assay_add(b, y, sum)), false);
    char before[8192];
    strcpy(before, text_of(0, own.n));
    for (uint32_t n = 0; n < own.n; n++)
        cr_assert_eq(rewrite_join_add_norm(&own, n, &dropout), 0);
    expect(before);
}

/* The gradient reads the sum: it is written out, and its dropout made on the way back. */
Test(rewrite, gradients_of_a_norm_and_its_dropout) {
    assay_attrs dropout = ASSAY_ATTRS_INIT;
    open_norm(1, true);
    cr_assert_eq(rewrite_join_add_norm(&own, 4, &dropout), 1);
    uint32_t grad = rewrite_last_backward(&own, 4);
    cr_assert_eq(own.nodes[grad].node.op, ASSAY_OP_LAYER_NORM_GRAD);
    cr_assert_eq(rewrite_join_gradient_dropout(&own, grad, &dropout), 1);
    cr_assert_eq(rewrite_join_gradient_dropout(&own, grad, &dropout), 0, "once");
    expect("embedding %0 e.weight -> %2\n"
           "relu %2 -> %3\n"
           "layer_norm %2 n.weight n.bias %3 -> %8 %5\n"
           "mean_pool %8 -> %9\n"
           "cross_entropy %9 %10 -> %11\n"
           "cross_entropy_grad %9 %10 -> %12\n"
           "mean_pool_grad %12 -> %13\n"
           "layer_norm_grad %13 %5 n.weight -> %14 d n.weight d n.bias %17\n"
           "relu_grad %17 %3 -> %18\n"
           "add %14 %18 -> %19\n"
           "embedding_grad %19 %0 e.weight -> d e.weight\n");
}

/* Rows of one token each in the middle of an encoder, where only the first token is read. */
Test(rewrite, a_sum_over_rows_joins_its_norm_too) {
    assay_attrs dropout = ASSAY_ATTRS_INIT;
    assay_value x = tokens("e", 4);
    assay_value first = assay_select_token(b, x, ASSAY_TOKEN_FIRST);
    assay_value context = assay_mean_pool(b, assay_relu(b, x));
    assay_value sum = assay_add(b, first, assay_dropout(b, context, 0.5));
    open_plan(assay_linear(b, "fc", assay_layer_norm(b, "n", sum, 1e-5), 2), true);
    uint32_t norm = rewrite_reader_of_op(&own, sum, ASSAY_OP_LAYER_NORM);
    cr_assert_eq(rewrite_join_add_norm(&own, norm, &dropout), 1);
    cr_assert_eq(rewrite_join_gradient_dropout(&own, rewrite_last_backward(&own, norm), &dropout),
                 1);
    expect("embedding %0 e.weight -> %2\n"
           "select_token %2 -> %3\n"
           "relu %2 -> %4\n"
           "mean_pool %4 -> %5\n"
           "layer_norm %3 n.weight n.bias %5 -> %10 %7\n"
           "linear %10 fc.weight fc.bias -> %13\n"
           "cross_entropy %13 %14 -> %15\n"
           "cross_entropy_grad %13 %14 -> %16\n"
           "linear_grad_input %16 fc.weight -> %17\n"
           "linear_grad_weight %16 %10 -> d fc.weight\n"
           "linear_grad_bias %16 -> d fc.bias\n"
           "layer_norm_grad %17 %7 n.weight -> %20 d n.weight d n.bias %23\n"
           "mean_pool_grad %23 -> %24\n"
           "relu_grad %24 %4 -> %25\n"
           "select_token_grad %20 -> %26\n"
           "add %25 %26 -> %27\n"
           "embedding_grad %27 %0 e.weight -> d e.weight\n");
}

/* gelu_grad makes the sums of its dx, which the linear layer in front wants; then it is taken. */
Test(rewrite, a_writer_makes_the_bias_gradient) {
    assay_value x = assay_linear(b, "fc", tokens("e", 4), 2);
    open_plan(assay_mean_pool(b, assay_gelu(b, x)), true);
    uint32_t dbias = 0;
    while (own.nodes[dbias].node.op != ASSAY_OP_LINEAR_GRAD_BIAS)
        dbias++;
    uint32_t writer = rewrite_writer(&own, own.nodes[dbias].inputs[0]);
    rewrite_join_bias_gradient(&own, dbias, writer, 0, 1);
    expect_part(own.graph->n_forward_nodes, own.n,
                "cross_entropy_grad %7 %8 -> %10\n"
                "mean_pool_grad %10 -> %11\n"
                "gelu_grad %11 %5 -> %12 d fc.bias\n"
                "linear_grad_input %12 fc.weight -> %13\n"
                "linear_grad_weight %12 %2 -> d fc.weight\n"
                "embedding_grad %13 %0 e.weight -> d e.weight\n");
}
