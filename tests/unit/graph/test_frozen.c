/* SPDX-License-Identifier: MIT */
/* Freezing while a graph is closed, dropout of the frozen part, where that part ends, and the graph
 * in two there. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "assay/blocks.h"
#include "graph/internal.h"

static assay_graph *graph;
static const assay_builder *b;
static assay_error error;
static int n_asked;

static void setup(void) {
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_graph_new(&graph, &error), ASSAY_OK);
    b = as_graph_builder(graph);
    n_asked = 0;
}

static void teardown(void) {
    as_graph_free(graph);
}

TestSuite(frozen, .init = setup, .fini = teardown);

/* `context`: names that begin with it are frozen. */
static int begins_with(void *context, const char *name) {
    n_asked++;
    return strncmp(name, context, strlen(context)) == 0;
}

static as_graph_options freezing(const char *prefix) {
    return (as_graph_options){.with_gradient = 1,
                              .frozen = begins_with,
                              .context = (void *)(uintptr_t)prefix,
                              .frozen_without_dropout = 1};
}

static const assay_graph_view *close_graph(assay_value logits, const as_graph_options *options) {
    cr_assert_eq(as_graph_close(graph, logits, options, &error), ASSAY_OK, "%s: %s", error.where,
                 error.text);
    return as_graph_view(graph);
}

static assay_value tokens(const char *name, int64_t channels) {
    return assay_embedding(b, name, b->input(graph, ASSAY_INPUT_TOKEN_IDS), 10, channels);
}

static void expect_text(const assay_graph_view *view, const char *expected) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    as_graph_print(view, stream);
    fclose(stream);
    cr_expect_str_eq(text, expected);
    free(text);
}

/* "op@stream probability" of each forward node that draws. */
static const char *draws_text(const assay_graph_view *view) {
    static char text[512];
    size_t used = 0;
    text[0] = 0;
    for (uint32_t n = 0; n < view->n_forward_nodes; n++)
        if (as_op_attributes(view->nodes[n].op) & AS_ATTR_STREAM)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s@%d %g, ",
                                     as_op_name(view->nodes[n].op), view->nodes[n].attrs.stream,
                                     view->nodes[n].attrs.probability);
    return text;
}

/* tokens -> dropout -> attention -> dropout -> norm -> mean -> dropout -> hidden -> dropout ->
 * classifier */
static assay_value stack(void) {
    assay_value x = assay_dropout(b, tokens("low.words", 6), 0.1);
    x = assay_dropout(b, assay_self_attention(b, "low.attention", x, 2, 0.2), 0.3);
    x = assay_dropout(b, assay_mean_pool(b, assay_layer_norm(b, "low.norm", x, 1e-5)), 0.4);
    x = assay_dropout(b, assay_linear(b, "hidden", x, 3), 0.5);
    return assay_linear(b, "classifier", x, 2);
}

/* ---- which parameters ------------------------------------------------------------------------ */

Test(frozen, asks_of_the_models_own_parameters) {
    static const double weights[] = {1, 2, 3};
    as_graph_options options = freezing("low.");
    options.class_weights = weights;
    assay_value x = assay_mean_pool(b, assay_add(b, tokens("low.x", 3), tokens("high.x", 3)));
    const assay_graph_view *view = close_graph(x, &options);
    cr_expect_eq(n_asked, 2); /* not of the class weights */
    cr_expect_eq(as_graph_n_trained(view), 30);
    for (uint32_t i = 0; i < view->n_parameters; i++)
        cr_expect_eq(view->parameters[i].gradient != ASSAY_NONE,
                     strcmp(view->parameters[i].name, "high.x.weight") == 0);
}

Test(frozen, a_parameter_that_the_model_froze_stays_frozen) {
    as_graph_options options = freezing("nothing");
    assay_value ids = b->input(graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_frozen_embedding(b, "words", ids, 10, 4);
    const assay_graph_view *view =
        close_graph(assay_linear(b, "classifier", assay_mean_pool(b, x), 2), &options);
    cr_expect_eq(as_graph_n_trained(view), 10);
    cr_expect_eq(n_asked, 2);
}

/* One table read by the frozen and by the trained part. */
Test(frozen, a_shared_table_has_the_gradient_of_all_its_readers_or_none) {
    for (int frozen = 0; frozen < 2; frozen++) {
        if (frozen) {
            teardown();
            setup();
        }
        as_graph_options options = freezing(frozen ? "table" : "low");
        assay_value ids = b->input(graph, ASSAY_INPUT_TOKEN_IDS);
        assay_value table = assay_block_parameter(b, "table", "weight", 9, 4, ASSAY_INIT_NORMAL, 1);
        assay_value low =
            assay_linear(b, "low", assay_apply2(b, ASSAY_OP_EMBEDDING, ids, table), 4);
        assay_value x = assay_add(b, low, assay_apply2(b, ASSAY_OP_EMBEDDING, ids, table));
        const assay_graph_view *view =
            close_graph(assay_linear(b, "top", assay_mean_pool(b, x), 2), &options);
        uint32_t n_embedding = 0, n_input = 0;
        for (uint32_t n = view->n_forward_nodes; n < view->n_nodes; n++) {
            n_embedding += view->nodes[n].op == ASSAY_OP_EMBEDDING_GRAD;
            n_input += view->nodes[n].op == ASSAY_OP_LINEAR_GRAD_INPUT;
        }
        cr_expect_eq(n_embedding, frozen ? 0 : 2);
        /* Trained: through top and low; frozen: through top to low's weights. */
        cr_expect_eq(n_input, frozen ? 1 : 2);
        cr_expect_eq(view->parameters[0].gradient == ASSAY_NONE, frozen);
        cr_expect_eq(view->parameters[1].gradient == ASSAY_NONE, !frozen);
    }
}

Test(frozen, everything_is_an_error_with_gradient_alone) {
    as_graph_options options = freezing("");
    cr_assert_eq(as_graph_close(graph, stack(), &options, &error), ASSAY_INVALID_ARGUMENT);
    cr_expect(strstr(error.text, "each of the 11 parameters is frozen"), "%s", error.text);
    cr_expect_null(as_graph_view(graph));
    teardown();
    setup();
    options.with_gradient = 0;
    cr_expect_eq(as_graph_n_trained(close_graph(stack(), &options)), 0);
}

/* ---- dropout --------------------------------------------------------------------------------- */

Test(frozen, dropout_stays_where_it_is_not_said_otherwise) {
    as_graph_options options = freezing("low.");
    options.frozen_without_dropout = 0;
    cr_expect_str_eq(draws_text(close_graph(stack(), &options)),
                     "dropout@0 0.1, attention@1 0.2, dropout@2 0.3, dropout@3 0.4, "
                     "dropout@4 0.5, ");
}

/* The one in front of the trained layer belongs to it. */
Test(frozen, the_frozen_part_has_no_dropout) {
    as_graph_options options = freezing("low.");
    const assay_graph_view *view = close_graph(stack(), &options);
    cr_expect_str_eq(draws_text(view), "attention@0 0, dropout@1 0.4, dropout@2 0.5, ");
    for (uint32_t v = 0; v < view->n_values; v++)
        cr_expect(view->uses[v] > 0 && view->values[v].node < (int32_t)view->n_nodes);
}

Test(frozen, without_frozen_parameters_dropout_stays) {
    as_graph_options options = freezing("nothing");
    cr_expect_str_eq(draws_text(close_graph(stack(), &options)),
                     "dropout@0 0.1, attention@1 0.2, dropout@2 0.3, dropout@3 0.4, "
                     "dropout@4 0.5, ");
}

/* Nothing trained reads them: the last of them is the logits. */
Test(frozen, dropout_at_the_end_is_removed_too) {
    as_graph_options options = freezing("");
    options.with_gradient = 0;
    assay_value x = assay_dropout(b, assay_mean_pool(b, tokens("x", 2)), 0.1);
    const assay_graph_view *view =
        close_graph(assay_dropout(b, assay_dropout(b, x, 0.2), 0.3), &options);
    cr_expect_eq(view->n_forward_nodes, 3);
    cr_expect_eq(view->nodes[view->values[view->logits].node].op, ASSAY_OP_MEAN_POOL);
}

/* ---- where it ends --------------------------------------------------------------------------- */

static assay_value rows_of(assay_value logits, const char *prefix, int without_dropout) {
    as_graph_options options = freezing(prefix);
    options.frozen_without_dropout = without_dropout;
    return as_graph_frozen_rows(close_graph(logits, &options));
}

Test(frozen, rows_are_what_the_head_reads) {
    assay_value value = rows_of(stack(), "low.", 1);
    const assay_graph_view *view = as_graph_view(graph);
    cr_assert_neq(value, ASSAY_NONE);
    cr_expect_eq(view->nodes[view->values[value].node].op, ASSAY_OP_MEAN_POOL);
}

Test(frozen, rows_are_none_behind_dropout) {
    cr_expect_eq(rows_of(stack(), "low.", 0), ASSAY_NONE);
}

/* Its probability counts, not the node. */
Test(frozen, rows_are_none_behind_dropout_of_attention) {
    assay_value x = assay_self_attention(b, "low.attention", tokens("low.words", 6), 2, 0.2);
    cr_expect_eq(rows_of(assay_linear(b, "top", assay_mean_pool(b, x), 2), "low.", 0), ASSAY_NONE);
    teardown();
    setup();
    x = assay_self_attention(b, "low.attention", tokens("low.words", 6), 2, 0);
    cr_expect_neq(rows_of(assay_linear(b, "top", assay_mean_pool(b, x), 2), "low.", 0), ASSAY_NONE);
}

Test(frozen, rows_are_none_where_nothing_is_frozen_or_all_is) {
    cr_expect_eq(rows_of(stack(), "nothing", 1), ASSAY_NONE);
    teardown();
    setup();
    as_graph_options options = freezing("");
    options.with_gradient = 0;
    cr_expect_eq(as_graph_frozen_rows(close_graph(stack(), &options)), ASSAY_NONE);
}

Test(frozen, rows_are_none_where_two_values_cross) {
    assay_value x = tokens("low.words", 3);
    assay_value first = assay_linear(b, "first", assay_mean_pool(b, x), 2);
    assay_value second = assay_linear(b, "second", assay_max_pool(b, x), 2);
    cr_expect_eq(rows_of(assay_add(b, first, second), "low.", 1), ASSAY_NONE);
}

/* The same value twice is one. */
Test(frozen, rows_may_be_read_twice) {
    assay_value x = assay_mean_pool(b, tokens("low.words", 3));
    assay_value first = assay_linear(b, "first", x, 2);
    assay_value y = assay_add(b, first, assay_linear(b, "second", x, 2));
    cr_expect_neq(rows_of(y, "low.", 1), ASSAY_NONE);
}

Test(frozen, rows_are_none_where_tokens_cross) {
    assay_value x = assay_linear(b, "top", tokens("low.words", 3), 2);
    cr_expect_eq(rows_of(assay_mean_pool(b, x), "low.", 1), ASSAY_NONE);
}

/* A trained table reads the batch's ids, which features don't have. */
Test(frozen, rows_are_none_beside_a_trained_embedding) {
    assay_value x = assay_mean_pool(b, tokens("low.words", 2));
    x = assay_add(b, x, assay_mean_pool(b, tokens("own", 2)));
    cr_expect_eq(rows_of(x, "low.", 1), ASSAY_NONE);
}

/* ---- in two ---------------------------------------------------------------------------------- */

/* words -> linear -> max -> dropout -> classifier; what is low is frozen. */
static assay_value small(void) {
    assay_value x = assay_linear(b, "low.fc", tokens("low.words", 4), 3);
    x = assay_dropout(b, assay_max_pool(b, assay_dropout(b, x, 0.1)), 0.2);
    return assay_linear(b, "top", x, 2);
}

Test(frozen, before_has_what_the_value_depends_on) {
    assay_value value = rows_of(small(), "low.", 1);
    assay_graph *part = NULL;
    cr_assert_eq(as_graph_before(as_graph_view(graph), value, &part, &error), ASSAY_OK);
    expect_text(as_graph_view(part),
                "%0 = token_ids : tokens [N] index\n"
                "%1 = frozen low.words.weight : [10, 4]\n"
                "%2 = embedding(%0, %1 low.words.weight) : tokens [N, 4]\n"
                "%3 = frozen low.fc.weight : [3, 4]\n"
                "%4 = frozen low.fc.bias : [3]\n"
                "%5 = linear(%2, %3 low.fc.weight, %4 low.fc.bias) : tokens [N, 3]\n"
                "%6 = max_pool(%5) : rows [B, 3]\n"
                "logits %6, loss %-1, 3 parameters, 55 elements, 0 trained\n");
    const assay_graph_view *view = as_graph_view(part);
    cr_expect_eq(view->n_nodes, view->n_forward_nodes);
    cr_expect_eq(as_graph_loss_weight(view, NULL, 7), 7);
    as_graph_free(part);
}

/* Dropout keeps the stream that it has in the whole graph: 0 there too, but 2 with its own. */
Test(frozen, after_reads_rows_of_features) {
    as_graph_options options = freezing("low.");
    options.label_smoothing = 0.1;
    assay_value value = rows_of(small(), "low.", 1);
    assay_graph *part = NULL;
    cr_assert_eq(as_graph_after(as_graph_view(graph), value, 50, &options, &part, &error), ASSAY_OK,
                 "%s: %s", error.where, error.text);
    expect_text(as_graph_view(part), "%0 = token_ids : tokens [N] index\n"
                                     "%1 = frozen features : [50, 3]\n"
                                     "%2 = embedding(%0, %1 features) : tokens [N, 3]\n"
                                     "%3 = select_token(%2, first) : rows [B, 3]\n"
                                     "%4 = dropout(%3, probability 0.2) : rows [B, 3]\n"
                                     "%5 = parameter top.weight : [2, 3]\n"
                                     "%6 = parameter top.bias : [2]\n"
                                     "%7 = linear(%4, %5 top.weight, %6 top.bias) : rows [B, 2]\n"
                                     "%8 = labels : rows [B] index\n"
                                     "%9 = cross_entropy(%7, %8, label_smoothing 0.1) : scalar\n"
                                     "logits %7, loss %9, 3 parameters, 158 elements, 8 trained\n");
    as_graph_free(part);
}

Test(frozen, after_keeps_streams) {
    as_graph_options options = freezing("low.");
    assay_value value = rows_of(stack(), "low.", 1);
    assay_graph *part = NULL;
    cr_assert_eq(as_graph_after(as_graph_view(graph), value, 50, &options, &part, &error),
                 ASSAY_OK);
    cr_expect_str_eq(draws_text(as_graph_view(part)), "dropout@1 0.4, dropout@2 0.5, ");
    as_graph_free(part);
}

Test(frozen, parts_are_refused_elsewhere) {
    as_graph_options options = freezing("low.");
    assay_value x = tokens("low.words", 2), rows = assay_mean_pool(b, x);
    assay_value y = assay_add(b, rows, assay_mean_pool(b, tokens("own", 2)));
    const assay_graph_view *view = close_graph(y, &options);
    const assay_value none[] = {x, ASSAY_NONE, view->parameters[0].value, 1000, view->loss};
    assay_graph *part = NULL;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        error = (assay_error)ASSAY_ERROR_INIT;
        cr_expect_eq(as_graph_before(view, none[i], &part, &error), ASSAY_INVALID_ARGUMENT);
        cr_expect(strstr(error.text, "is no computed row value"), "%s", error.text);
        cr_expect_eq(as_graph_after(view, none[i], 5, &options, &part, &error),
                     ASSAY_INVALID_ARGUMENT);
    }
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_expect_eq(as_graph_after(view, rows, 5, &options, &part, &error), ASSAY_INVALID_ARGUMENT);
    cr_expect(strstr(error.text, "also reads the tokens of value"), "%s", error.text);
    cr_expect_null(part);
}
