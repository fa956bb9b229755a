/* SPDX-License-Identifier: MIT */
/* Where select_token stands after closing: behind what mixes tokens, and nowhere else than before
 * when other tokens are read too. */
#include <criterion/criterion.h>
#include <stdlib.h>

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

TestSuite(first_tokens, .init = setup, .fini = teardown);

static assay_value words(int64_t channels) {
    return assay_embedding(b, "words", b->input(graph, ASSAY_INPUT_TOKEN_IDS), 10, channels);
}

static const assay_graph_view *close_graph(assay_value logits) {
    cr_assert_eq(as_graph_close(graph, logits, &(as_graph_options){.with_gradient = 1}, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    return as_graph_view(graph);
}

/* The forward nodes that compute something, "op" over tokens and "OP" over rows; streams behind @.
 */
static const char *nodes_text(const assay_graph_view *view) {
    static char text[1024];
    size_t used = 0;
    text[0] = 0;
    for (uint32_t n = 0; n < view->n_forward_nodes; n++) {
        const assay_node *node = &view->nodes[n];
        size_t begin = used;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s", as_op_name(node->op));
        for (size_t i = begin; i < used; i++)
            if (view->values[node->outputs[0]].domain != ASSAY_DOMAIN_TOKENS && text[i] >= 'a')
                text[i] = (char)(text[i] - 'a' + 'A');
        if (as_op_attributes(node->op) & AS_ATTR_STREAM)
            used += (size_t)snprintf(text + used, sizeof text - used, "@%d", node->attrs.stream);
        used += (size_t)snprintf(text + used, sizeof text - used, " ");
    }
    return text;
}

/* Values are numbered along the graph: readers of parts rely on it. */
static void expect_numbered_along(const assay_graph_view *view) {
    for (uint32_t n = 0; n < view->n_forward_nodes; n++) {
        const assay_node *node = &view->nodes[n];
        cr_expect_eq(view->values[node->outputs[0]].node, (int32_t)n);
        for (uint32_t i = 0; i < node->n_inputs; i++)
            cr_expect_lt(node->inputs[i], node->outputs[0]);
    }
    for (uint32_t p = 0; p < view->n_parameters; p++)
        cr_expect_eq(view->values[view->parameters[p].value].parameter, (int32_t)p);
}

Test(first_tokens, of_an_encoders_last_layer_what_follows_attention_is_rows) {
    assay_value x = assay_encoder_layer(b, "low", 0, words(4), 2, 6, 0.1);
    x = assay_select_token(b, assay_encoder_layer(b, "top", 0, x, 2, 6, 0.1), ASSAY_TOKEN_FIRST);
    const assay_graph_view *view = close_graph(assay_linear(b, "classifier", x, 2));
    cr_expect_str_eq(
        nodes_text(view),
        "embedding linear attention@0 linear dropout@1 add layer_norm linear relu dropout@2 linear "
        "dropout@3 add layer_norm linear attention@4 SELECT_TOKEN LINEAR DROPOUT@5 SELECT_TOKEN "
        "ADD LAYER_NORM LINEAR RELU DROPOUT@6 LINEAR DROPOUT@7 ADD LAYER_NORM LINEAR "
        "CROSS_ENTROPY ");
    expect_numbered_along(view);
}

/* The residual is read twice as first tokens, selected once. */
Test(first_tokens, are_selected_once) {
    assay_value x = words(4);
    assay_value gelu = assay_gelu(b, x), tanh = assay_tanh(b, x);
    assay_value y = assay_add(b, gelu, tanh);
    const assay_graph_view *view = close_graph(assay_select_token(b, y, ASSAY_TOKEN_FIRST));
    cr_expect_str_eq(nodes_text(view), "embedding SELECT_TOKEN GELU TANH ADD CROSS_ENTROPY ");
    expect_numbered_along(view);
}

Test(first_tokens, parameters_and_attributes_follow) {
    assay_value x = words(4);
    assay_value table = assay_block_parameter(b, "kind", "weight", 3, 4, ASSAY_INIT_NORMAL, 1);
    assay_value scaled = assay_scale(b, assay_add_row(b, x, table, 2), 0.5);
    x = assay_concat(b, scaled, assay_slice(b, x, 1, 2));
    x = assay_select_token(b, assay_layer_norm(b, "norm", x, 1e-7), ASSAY_TOKEN_FIRST);
    const assay_graph_view *view = close_graph(assay_linear(b, "classifier", x, 2));
    cr_expect_str_eq(nodes_text(view), "embedding SELECT_TOKEN ADD_ROW SCALE SLICE CONCAT "
                                       "LAYER_NORM LINEAR CROSS_ENTROPY ");
    cr_expect_eq(view->nodes[2].attrs.begin, 2);
    cr_expect_float_eq(view->nodes[3].attrs.factor, 0.5, 0);
    cr_expect_eq(view->nodes[4].attrs.begin, 1);
    cr_expect_eq(view->nodes[4].attrs.size, 2);
    cr_expect_float_eq(view->nodes[6].attrs.epsilon, 1e-7, 0);
    cr_expect_eq(view->values[view->nodes[5].outputs[0]].dims[0], 6);
    expect_numbered_along(view);
}

/* ---- as it was ------------------------------------------------------------------------------- */

Test(first_tokens, means_read_all_tokens) {
    assay_value x = assay_relu(b, words(4));
    cr_expect_str_eq(nodes_text(close_graph(assay_mean_pool(b, x))),
                     "embedding relu MEAN_POOL CROSS_ENTROPY ");
}

/* Dropout of rows is keyed as of first tokens, so last ones stay. */
Test(first_tokens, last_tokens_stay) {
    assay_value x = assay_select_token(b, assay_relu(b, words(4)), ASSAY_TOKEN_LAST);
    cr_expect_str_eq(nodes_text(close_graph(x)), "embedding relu SELECT_TOKEN CROSS_ENTROPY ");
}

Test(first_tokens, what_others_read_whole_stays_and_what_follows_moves) {
    assay_value x = assay_relu(b, words(4));
    assay_value first = assay_select_token(b, assay_tanh(b, x), ASSAY_TOKEN_FIRST);
    const assay_graph_view *view = close_graph(assay_add(b, first, assay_max_pool(b, x)));
    cr_expect_str_eq(nodes_text(view),
                     "embedding relu SELECT_TOKEN TANH MAX_POOL ADD CROSS_ENTROPY ");
    expect_numbered_along(view);
}

/* A value that a position-wise node reads for all tokens is needed whole, at any distance. */
Test(first_tokens, a_whole_reader_far_behind_counts) {
    assay_value x = assay_relu(b, words(4));
    assay_value first = assay_select_token(b, x, ASSAY_TOKEN_FIRST);
    assay_value mean = assay_mean_pool(b, assay_gelu(b, assay_tanh(b, x)));
    cr_expect_str_eq(nodes_text(close_graph(assay_add(b, first, mean))),
                     "embedding relu SELECT_TOKEN tanh gelu MEAN_POOL ADD CROSS_ENTROPY ");
}

Test(first_tokens, a_part_closed_again_stays) {
    assay_value x = assay_select_token(b, assay_relu(b, words(4)), ASSAY_TOKEN_FIRST);
    const assay_graph_view *view = close_graph(assay_linear(b, "classifier", x, 2));
    assay_graph *after = NULL;
    assay_value rows = view->nodes[2].outputs[0]; /* relu's, which are rows now */
    cr_assert_eq(
        as_graph_after(view, rows, 7, &(as_graph_options){.with_gradient = 1}, &after, &error),
        ASSAY_OK, "%s", error.text);
    cr_expect_str_eq(nodes_text(as_graph_view(after)),
                     "embedding SELECT_TOKEN LINEAR CROSS_ENTROPY ");
    as_graph_free(after);
}
