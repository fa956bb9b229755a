/* SPDX-License-Identifier: MIT */
/* Which activations are computed again for the backward pass, and that it pays. That figures stay
 * the same is shown in unit/train/test_checkpointing.c. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "assay/blocks.h"
#include "graph/internal.h"

enum { CHANNELS = 8 };

static assay_error error;

typedef assay_value body(const assay_builder *b, int layers);

static int is_low(void *context, const char *name) {
    (void)context;
    return strncmp(name, "low.", 4) == 0;
}

static assay_value tokens(const assay_builder *b, const char *name) {
    return assay_embedding(b, name, b->input(b->graph, ASSAY_INPUT_TOKEN_IDS), 10, CHANNELS);
}

static assay_value encoder(const assay_builder *b, int layers) {
    assay_value x = assay_dropout(b, tokens(b, "words"), 0.1);
    for (int i = 0; i < layers; i++)
        x = assay_encoder_layer(b, "encoder", i, x, 2, 4 * CHANNELS, 0.1);
    return assay_linear(b, "classifier", assay_mean_pool(b, x), 2);
}

/* Half of the layers are frozen. */
static assay_value low_encoder(const assay_builder *b, int layers) {
    assay_value x = assay_dropout(b, tokens(b, "low.words"), 0.1);
    for (int i = 0; i < layers; i++)
        x = assay_encoder_layer(b, i < layers / 2 ? "low.encoder" : "encoder", i, x, 2,
                                4 * CHANNELS, 0.1);
    return assay_linear(b, "classifier", assay_mean_pool(b, x), 2);
}

static assay_value lstms(const assay_builder *b, int layers) {
    assay_value x = tokens(b, "words");
    for (int i = 0; i < layers; i++)
        x = assay_recurrent(b, ASSAY_OP_LSTM, "lstm", i, assay_dropout(b, x, 0.1), CHANNELS, 0);
    return assay_linear(b, "classifier", assay_mean_pool(b, x), 2);
}

/* Every layer reads the words again: two values pass everywhere. */
static assay_value dense(const assay_builder *b, int layers) {
    assay_value words = tokens(b, "words"), x = words;
    for (int i = 0; i < layers; i++) {
        char name[16];
        snprintf(name, sizeof name, "l%d", i);
        x = assay_add(b, words, assay_gelu(b, assay_linear(b, name, x, CHANNELS)));
    }
    return assay_linear(b, "classifier", assay_mean_pool(b, assay_add(b, x, words)), 2);
}

static assay_graph *make(body *build, int layers, int checkpointing) {
    assay_graph *graph = NULL;
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_graph_new(&graph, &error), ASSAY_OK);
    assay_value logits = build(as_graph_builder(graph), layers);
    cr_assert_eq(as_graph_close(graph, logits,
                                &(as_graph_options){.with_gradient = 1,
                                                    .frozen = is_low,
                                                    .frozen_without_dropout = 1,
                                                    .checkpointing = checkpointing},
                                &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    return graph;
}

static uint32_t n_copies(const assay_graph_view *view) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < view->n_nodes; i++)
        n += as_node_is_recomputed(view, i);
    return n;
}

static int64_t value_size(const assay_graph_view *view, assay_value value) {
    const assay_value_info *info = &view->values[value];
    return info->domain == ASSAY_DOMAIN_TOKENS ? info->dims[0] : 0;
}

/* The most that lives at once, by the view's last uses. */
static int64_t peak(const assay_graph_view *view) {
    int64_t most = 0;
    for (uint32_t n = 0; n < view->n_nodes; n++) {
        int64_t sum = 0;
        for (uint32_t v = 0; v < view->n_values; v++) {
            int32_t node = view->values[v].node;
            if (node >= 0 && node <= (int32_t)n && view->last_use[v] >= (int32_t)n)
                sum += value_size(view, (assay_value)v);
        }
        most = sum > most ? sum : most;
    }
    return most;
}

static bool same_attrs(const assay_attrs *a, const assay_attrs *b) {
    return memcmp(a, b, sizeof *a) == 0;
}

/* A forward node with that operation and attributes. */
static bool has_original(const assay_graph_view *view, const assay_node *copy) {
    for (uint32_t n = 0; n < view->n_forward_nodes; n++)
        if (view->nodes[n].op == copy->op && same_attrs(&view->nodes[n].attrs, &copy->attrs))
            return true;
    return false;
}

/* Nodes read what stands before them; a gradient's forward node is of its kind and stands before it
 * too; its state and what it reads come from the same node. */
static void expect_sound(const assay_graph_view *view) {
    for (uint32_t n = 0; n < view->n_nodes; n++) {
        const assay_node *node = &view->nodes[n];
        for (uint32_t i = 0; i < node->n_inputs; i++)
            cr_expect(node->inputs[i] == ASSAY_NONE ||
                      view->values[node->inputs[i]].node < (int32_t)n);
        for (uint32_t i = 0; i < node->n_outputs; i++)
            cr_expect(node->outputs[i] == ASSAY_NONE ||
                      view->values[node->outputs[i]].node == (int32_t)n);
        cr_expect_lt(node->forward_node, (int32_t)n);
        if (as_node_is_recomputed(view, n))
            cr_expect(has_original(view, node), "%s", as_op_name(node->op));
        if (node->op == ASSAY_OP_ATTENTION_GRAD)
            cr_expect_eq(view->values[node->inputs[2]].node, node->forward_node);
        if (node->op == ASSAY_OP_LSTM_GRAD)
            cr_expect_eq(view->values[node->inputs[1]].node, node->forward_node);
    }
}

/* Peak with checkpointing over the peak without. */
static double share(body *build, int layers) {
    assay_graph *plain = make(build, layers, 0), *again = make(build, layers, 1);
    const assay_graph_view *view = as_graph_view(again);
    double result = (double)peak(view) / (double)peak(as_graph_view(plain));
    cr_expect_eq(n_copies(as_graph_view(plain)), 0);
    expect_sound(view);
    as_graph_free(plain);
    as_graph_free(again);
    return result;
}

Test(checkpointing, deep_graphs_need_a_part_of_the_memory) {
    cr_expect_lt(share(encoder, 6), 0.35, "%g", share(encoder, 6));
    cr_expect_lt(share(encoder, 24), 0.2, "%g", share(encoder, 24));
    cr_expect_lt(share(lstms, 8), 0.9, "%g", share(lstms, 8));
}

/* At most one more forward pass, and none of the last segment. */
Test(checkpointing, no_node_is_computed_again_twice) {
    assay_graph *graph = make(encoder, 12, 1);
    const assay_graph_view *view = as_graph_view(graph);
    int32_t streams[64] = {0};
    cr_expect_gt(n_copies(view), view->n_forward_nodes / 2);
    cr_expect_lt(n_copies(view), view->n_forward_nodes);
    for (uint32_t n = 0; n < view->n_nodes; n++)
        if (as_node_is_recomputed(view, n) && view->nodes[n].op == ASSAY_OP_DROPOUT)
            cr_expect_eq(++streams[view->nodes[n].attrs.stream], 1);
    as_graph_free(graph);
}

/* Without a gain the graph is the one without. */
Test(checkpointing, graphs_that_gain_nothing_stay_as_they_are) {
    body *const bodies[] = {lstms, dense};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        assay_graph *plain = make(bodies[i], i ? 5 : 1, 0), *again = make(bodies[i], i ? 5 : 1, 1);
        const assay_graph_view *x = as_graph_view(plain), *y = as_graph_view(again);
        cr_assert_eq(x->n_nodes, y->n_nodes);
        for (uint32_t n = 0; n < x->n_nodes; n++) {
            cr_expect_eq(x->nodes[n].op, y->nodes[n].op);
            cr_expect_eq(memcmp(x->nodes[n].inputs, y->nodes[n].inputs,
                                x->nodes[n].n_inputs * sizeof(assay_value)),
                         0);
        }
        as_graph_free(plain);
        as_graph_free(again);
    }
}

Test(checkpointing, the_frozen_part_is_not_computed_again) {
    assay_graph *graph = make(low_encoder, 12, 1);
    const assay_graph_view *view = as_graph_view(graph);
    cr_expect_gt(n_copies(view), 0);
    for (uint32_t n = view->n_forward_nodes; n < view->n_nodes; n++) {
        const assay_node *node = &view->nodes[n];
        for (uint32_t i = 0; i < node->n_inputs; i++) {
            int32_t parameter =
                node->inputs[i] == ASSAY_NONE ? -1 : view->values[node->inputs[i]].parameter;
            cr_expect(parameter < 0 || !is_low(NULL, view->parameters[parameter].name));
        }
    }
    as_graph_free(graph);
}

Test(checkpointing, needs_a_gradient) {
    assay_graph *graph = NULL;
    cr_assert_eq(as_graph_new(&graph, &error), ASSAY_OK);
    assay_value logits = encoder(as_graph_builder(graph), 6);
    cr_assert_eq(as_graph_close(graph, logits, &(as_graph_options){.checkpointing = 1}, &error),
                 ASSAY_OK);
    cr_expect_eq(as_graph_view(graph)->n_nodes, as_graph_view(graph)->n_forward_nodes);
    as_graph_free(graph);
}

/* The mathematics stays the same, so does its count. */
Test(checkpointing, changes_no_count_of_operations) {
    static const int32_t lengths[] = {3, 5};
    assay_graph *plain = make(encoder, 6, 0), *again = make(encoder, 6, 1);
    for (int with_gradient = 0; with_gradient < 2; with_gradient++)
        cr_expect_eq(as_graph_flops(as_graph_view(plain), with_gradient, 2, lengths),
                     as_graph_flops(as_graph_view(again), with_gradient, 2, lengths));
    as_graph_free(plain);
    as_graph_free(again);
}

static void expect_in_dump(const assay_graph_view *view,
                           void (*print)(const assay_graph_view *, FILE *), const char *part) {
    char *text = NULL;
    size_t size = 0;
    uint32_t n = 0;
    FILE *stream = open_memstream(&text, &size);
    print(view, stream);
    fclose(stream);
    for (const char *at = text; (at = strstr(at, part)); at++)
        n++;
    cr_expect_eq(n, n_copies(view), "%s", text);
    free(text);
}

Test(checkpointing, dumps_mark_what_is_computed_again) {
    assay_graph *graph = make(encoder, 6, 1);
    expect_in_dump(as_graph_view(graph), as_graph_print, ", computed again\n");
    expect_in_dump(as_graph_view(graph), as_graph_print_dot, "style=dashed");
    as_graph_free(graph);
}
