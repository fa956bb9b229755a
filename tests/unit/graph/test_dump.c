/* SPDX-License-Identifier: MIT */
/* Text and DOT dumps of a small graph, byte for byte, and the counts of flops.c by hand. */
#include <criterion/criterion.h>

#include "assay/blocks.h"
#include "graph/internal.h"

/* ids -> embedding [7, 3] -> bidirectional gru of 2 -> attention pooling -> linear */
static assay_value build(const assay_builder *b, const assay_model_config *config) {
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_embedding(b, "embedding", ids, config->vocab_size, 3);
    x = assay_dropout(b, assay_recurrent(b, ASSAY_OP_GRU, "gru", 0, x, 2, 0), 0.25);
    assay_value score = assay_linear(b, "score", x, 1);
    x = assay_attention_pool(b, x, score);
    return assay_linear(b, "fc", x, config->n_classes);
}

static assay_graph *make(void) {
    const assay_model_graph model = {sizeof model, 0, build};
    const assay_model_config config = {
        .struct_size = sizeof config, .n_classes = 2, .vocab_size = 7, .max_tokens = 8};
    assay_error error = ASSAY_ERROR_INIT;
    assay_graph *graph = NULL;
    cr_assert_eq(as_graph_build_model(&model, &config, &(as_graph_options){.with_gradient = 1},
                                      &graph, &error),
                 ASSAY_OK, "%s", error.text);
    return graph;
}

static void expect_graph_print(assay_graph *graph, void (*print)(const assay_graph_view *, FILE *),
                               const char *expected) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    print(as_graph_view(graph), stream);
    fclose(stream);
    cr_assert_str_eq(text, expected, "found\n%s", text);
    free(text);
    as_graph_free(graph);
}

static void expect_print(void (*print)(const assay_graph_view *, FILE *), const char *expected) {
    expect_graph_print(make(), print, expected);
}

/* Constants, a row, token weights, class weights. */
static assay_graph *make_constants(void) {
    static const double weights[] = {1, 2};
    assay_error error = ASSAY_ERROR_INIT;
    assay_graph *graph = NULL;
    cr_assert_eq(as_graph_new(&graph, &error), ASSAY_OK);
    const assay_builder *b = as_graph_builder(graph);
    assay_value x = assay_words(b, "words", 7, 2, 0, 1);
    assay_value kind = assay_block_parameter(b, "kind", "weight", 3, 2, ASSAY_INIT_NORMAL, 1);
    x = assay_recurrent(b, ASSAY_OP_RNN, "rnn", 0, assay_add_row(b, x, kind, 1), 2, 0);
    assay_value logits = assay_pool(b, "pool", x, ASSAY_POOL_MAX, 0);
    cr_assert_eq(as_graph_close(graph, logits,
                                &(as_graph_options){.class_weights = weights, .with_gradient = 1},
                                &error),
                 ASSAY_OK, "%s", error.text);
    return graph;
}

Test(dump, constants) {
    expect_graph_print(make_constants(), as_graph_print,
                       "%0 = token_ids : tokens [N] index\n"
                       "%1 = frozen words.weight : [7, 2]\n"
                       "%2 = embedding(%0, %1 words.weight) : tokens [N, 2]\n"
                       "%3 = token_weights : tokens [N, 1]\n"
                       "%4 = scale_tokens(%2, %3) : tokens [N, 2]\n"
                       "%5 = parameter kind.weight : [3, 2]\n"
                       "%6 = add_row(%4, %5 kind.weight, row 1) : tokens [N, 2]\n"
                       "%7 = parameter rnn.weight_ih_l0 : [2, 2]\n"
                       "%8 = parameter rnn.weight_hh_l0 : [2, 2]\n"
                       "%9 = parameter rnn.bias_ih_l0 : [2]\n"
                       "%10 = parameter rnn.bias_hh_l0 : [2]\n"
                       "%11 = rnn(%6, %7 rnn.weight_ih_l0, %8 rnn.weight_hh_l0, "
                       "%9 rnn.bias_ih_l0, %10 rnn.bias_hh_l0, forward) : tokens [N, 2]\n"
                       "%12 = max_pool(%11) : rows [B, 2]\n"
                       "%13 = labels : rows [B] index\n"
                       "%14 = constant loss.class_weights : [2]\n"
                       "%15 = cross_entropy(%12, %13, %14 loss.class_weights, label_smoothing 0) "
                       ": scalar\n"
                       "logits %12, loss %15, 7 parameters, 34 elements, 18 trained\n");
}

Test(flops, of_rows_tokens_and_class_weights_by_hand) {
    static const int32_t lengths[] = {3, 2};
    static const double forward[] = {0, 10, 10, 5 * 2 * (2 * 2 + 2 * 2 + 2) + 2 * 10, 10, 5 * 4};
    assay_graph *graph = make_constants();
    const assay_graph_view *view = as_graph_view(graph);
    cr_assert_eq(view->n_forward_nodes, sizeof forward / sizeof *forward);
    for (uint32_t n = 0; n < view->n_forward_nodes; n++)
        cr_assert_float_eq(as_node_flops(view, n, 2, lengths), forward[n], 0, "%s: %g",
                           as_op_name(view->nodes[n].op), as_node_flops(view, n, 2, lengths));
    /* cross_entropy_grad, max_pool_grad, rnn_grad with dx, add_row_grad */
    static const double backward[] = {9 * 4, 0, 2 * 100 + 4 * 10, 10};
    cr_assert_eq(view->n_nodes - view->n_forward_nodes, sizeof backward / sizeof *backward);
    for (uint32_t n = 0; n < sizeof backward / sizeof *backward; n++)
        cr_assert_float_eq(as_node_flops(view, view->n_forward_nodes + n, 2, lengths), backward[n],
                           0, "%s", as_op_name(view->nodes[view->n_forward_nodes + n].op));
    as_graph_free(graph);
}

Test(dump, text) {
    expect_print(as_graph_print,
                 "%0 = token_ids : tokens [N] index\n"
                 "%1 = parameter embedding.weight : [7, 3]\n"
                 "%2 = embedding(%0, %1 embedding.weight) : tokens [N, 3]\n"
                 "%3 = parameter gru.weight_ih_l0 : [6, 3]\n"
                 "%4 = parameter gru.weight_hh_l0 : [6, 2]\n"
                 "%5 = parameter gru.bias_ih_l0 : [6]\n"
                 "%6 = parameter gru.bias_hh_l0 : [6]\n"
                 "%7 = gru(%2, %3 gru.weight_ih_l0, %4 gru.weight_hh_l0, %5 gru.bias_ih_l0, "
                 "%6 gru.bias_hh_l0, forward) : tokens [N, 2]\n"
                 "%8 = dropout(%7, probability 0.25) : tokens [N, 2]\n"
                 "%9 = parameter score.weight : [1, 2]\n"
                 "%10 = parameter score.bias : [1]\n"
                 "%11 = linear(%8, %9 score.weight, %10 score.bias) : tokens [N, 1]\n"
                 "%12 = attention_pool(%8, %11) : rows [B, 2]\n"
                 "%13 = parameter fc.weight : [2, 2]\n"
                 "%14 = parameter fc.bias : [2]\n"
                 "%15 = linear(%12, %13 fc.weight, %14 fc.bias) : rows [B, 2]\n"
                 "%16 = labels : rows [B] index\n"
                 "%17 = cross_entropy(%15, %16, label_smoothing 0) : scalar\n"
                 "logits %15, loss %17, 9 parameters, 72 elements\n");
}

Test(dump, dot) {
    expect_print(
        as_graph_print_dot,
        "digraph assay {\n"
        "  rankdir=TB;\n"
        "  node [fontname=\"sans-serif\"];\n"
        "  v0 [shape=ellipse, label=\"token_ids\"];\n"
        "  v16 [shape=ellipse, label=\"labels\"];\n"
        "  v2 [shape=box, label=\"embedding\\ntokens [N, 3]\\nembedding.weight [7, 3]\"];\n"
        "  v0 -> v2;\n"
        "  v7 [shape=box, label=\"gru, forward\\ntokens [N, 2]\\ngru.weight_ih_l0 [6, 3]\\n"
        "gru.weight_hh_l0 [6, 2]\\ngru.bias_ih_l0 [6]\\ngru.bias_hh_l0 [6]\"];\n"
        "  v2 -> v7;\n"
        "  v8 [shape=box, label=\"dropout, probability 0.25\\ntokens [N, 2]\"];\n"
        "  v7 -> v8;\n"
        "  v11 [shape=box, label=\"linear\\ntokens [N, 1]\\nscore.weight [1, 2]\\n"
        "score.bias [1]\"];\n"
        "  v8 -> v11;\n"
        "  v12 [shape=box, label=\"attention_pool\\nrows [B, 2]\"];\n"
        "  v8 -> v12;\n"
        "  v11 -> v12;\n"
        "  v15 [shape=box, label=\"linear\\nrows [B, 2]\\nfc.weight [2, 2]\\nfc.bias [2]\"];\n"
        "  v12 -> v15;\n"
        "  v17 [shape=box, label=\"cross_entropy, label_smoothing 0\\nscalar\"];\n"
        "  v15 -> v17;\n"
        "  v16 -> v17;\n"
        "}\n");
}

Test(dump, operation_names) {
    cr_assert_str_eq(as_op_name(ASSAY_OP_LINEAR_GRAD_BIAS), "linear_grad_bias");
    cr_assert_str_eq(as_op_name(0), "embedding");
    cr_assert_str_eq(as_op_name(ASSAY_OP_COUNT), "?");
    cr_assert_str_eq(as_op_name(-1), "?");
}

/* Two rows of 3 and 2 tokens: N = 5, B = 2. */
Test(flops, forward_counts_by_hand) {
    static const int32_t lengths[] = {3, 2};
    assay_graph *graph = make();
    const assay_graph_view *view = as_graph_view(graph);
    const double expected[] = {
        0,                                     /* embedding */
        5 * 6 * (2 * 3 + 2 * 2 + 2) + 17 * 10, /* gru: gates 6 x (3 and 2 products, biases) */
        2 * 10,                                /* dropout */
        2 * 5 * 2 + 5,                         /* score */
        5 * 5 + 2 * 10,                        /* attention_pool */
        2 * 2 * 2 * 2 + 4,                     /* fc */
        4 * 4,                                 /* cross_entropy */
    };
    double sum = 0;
    cr_assert_eq(view->n_forward_nodes, sizeof expected / sizeof *expected);
    for (uint32_t n = 0; n < view->n_forward_nodes; n++) {
        double found = as_node_flops(view, n, 2, lengths);
        cr_assert_float_eq(found, expected[n], 0, "%s: %g", as_op_name(view->nodes[n].op), found);
        sum += found;
    }
    cr_assert_float_eq(as_graph_flops(view, 0, 2, lengths), sum, 0);
    cr_assert_gt(as_graph_flops(view, 1, 2, lengths), 2 * sum);
    as_graph_free(graph);
}

/* One row of 4 and one of 1, 6 channels, 2 heads: S = 17. */
Test(flops, attention_grows_with_the_squared_lengths) {
    static const int32_t lengths[] = {4, 1};
    assay_error error = ASSAY_ERROR_INIT;
    assay_graph *graph = NULL;
    cr_assert_eq(as_graph_new(&graph, &error), ASSAY_OK);
    const assay_builder *b = as_graph_builder(graph);
    assay_value x = assay_embedding(b, "e", b->input(graph, ASSAY_INPUT_TOKEN_IDS), 5, 6);
    x = assay_mean_pool(b, assay_self_attention(b, "a", x, 2, 0));
    cr_assert_eq(as_graph_close(graph, x, &(as_graph_options){.with_gradient = 1}, &error),
                 ASSAY_OK);
    const assay_graph_view *view = as_graph_view(graph);
    cr_assert_eq(view->nodes[2].op, ASSAY_OP_ATTENTION);
    cr_assert_float_eq(as_node_flops(view, 2, 2, lengths), 17 * (4 * 6 + 6 * 2), 0);
    for (uint32_t n = view->n_forward_nodes; n < view->n_nodes; n++)
        if (view->nodes[n].op == ASSAY_OP_ATTENTION_GRAD)
            cr_assert_float_eq(as_node_flops(view, n, 2, lengths), 17 * (8 * 6 + 4 * 2), 0);
    as_graph_free(graph);
}
