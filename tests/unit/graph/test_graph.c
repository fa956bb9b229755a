/* SPDX-License-Identifier: MIT */
/* Builder and closing: sticking errors, parameter rules, pruning, canonical form, the view. */
#include <criterion/criterion.h>

#include <math.h>

#include "assay/blocks.h"
#include "graph/internal.h"

static assay_graph *graph;
static const assay_builder *b;
static assay_error error;
static const assay_init zero = {ASSAY_INIT_CONSTANT, 0, 0.0};

static void setup(void) {
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_graph_new(&graph, &error), ASSAY_OK);
    b = as_graph_builder(graph);
}

static void teardown(void) {
    as_graph_free(graph);
}

TestSuite(graph, .init = setup, .fini = teardown);

static assay_value parameter(const char *name, int64_t rows, int64_t columns) {
    int64_t dims[2] = {rows, columns};
    return b->parameter(graph, name, columns ? 2 : 1, dims, &zero);
}

/* Rows [B, channels] from an embedding named `name`. */
static assay_value bag(const char *name, int64_t channels) {
    assay_value ids = b->input(graph, ASSAY_INPUT_TOKEN_IDS);
    return assay_mean_pool(b, assay_embedding(b, name, ids, 10, channels));
}

static void expect_error(assay_status status, const char *where, const char *text) {
    assay_error found = ASSAY_ERROR_INIT;
    cr_assert_eq(as_graph_status(graph, &found), status, "%s: %s", found.where, found.text);
    cr_assert(strstr(found.where, where), "where: found '%s', expected '%s'", found.where, where);
    cr_assert(strstr(found.text, text), "text: found '%s', expected '%s'", found.text, text);
}

Test(graph, same_input_is_one_value) {
    assay_value ids = b->input(graph, ASSAY_INPUT_TOKEN_IDS);
    cr_assert_eq(b->input(graph, ASSAY_INPUT_TOKEN_IDS), ids);
    cr_assert_neq(b->input(graph, ASSAY_INPUT_POSITIONS), ids);
    cr_assert_eq(b->channels(graph, ids), 0);
}

Test(graph, labels_are_the_hosts) {
    cr_assert_eq(b->input(graph, ASSAY_INPUT_LABELS), ASSAY_NONE);
    expect_error(ASSAY_INVALID_ARGUMENT, "graph input 2", "labels are the host's");
}

Test(graph, token_weights_are_a_channel) {
    assay_value weights = b->input(graph, ASSAY_INPUT_TOKEN_WEIGHTS);
    cr_assert_eq(b->channels(graph, weights), 1);
    cr_assert_eq(graph->values[weights].domain, ASSAY_DOMAIN_TOKENS);
    cr_assert_eq(b->input(graph, ASSAY_INPUT_TOKEN_WEIGHTS), weights);
}

Test(graph, frozen_is_yes_or_no) {
    const assay_init odd = {ASSAY_INIT_CONSTANT, 2, 0.0};
    const int64_t dims[2] = {2, 2};
    cr_assert_eq(b->parameter(graph, "w", 2, dims, &odd), ASSAY_NONE);
    expect_error(ASSAY_INVALID_ARGUMENT, "graph parameter 'w'", "frozen is 2; expected 0 or 1");
}

Test(graph, class_weights_are_a_constant_of_the_loss) {
    static const double weights[] = {0.5, 2, 1};
    static const int32_t labels[] = {1, 1, 0, 2};
    assay_value logits = bag("embedding", 3);
    cr_assert_eq(as_graph_close(graph, logits,
                                &(as_graph_options){.label_smoothing = 0.1,
                                                    .class_weights = weights,
                                                    .with_gradient = 1},
                                &error),
                 ASSAY_OK, "%s", error.text);
    const assay_graph_view *view = as_graph_view(graph);
    const assay_parameter_info *p = &view->parameters[1];
    cr_assert_eq(view->n_parameters, 2);
    cr_assert_str_eq(p->name, "loss.class_weights");
    cr_assert_eq(p->gradient, ASSAY_NONE);
    cr_assert_eq(p->init.frozen, 1);
    cr_assert_arr_eq(p->values, weights, sizeof weights);
    cr_assert_neq(p->values, weights, "a copy");
    cr_assert_eq(as_graph_n_trained(view), 30);
    cr_assert_float_eq(as_graph_loss_weight(view, labels, 4), 5.5, 0);
    cr_assert_eq(view->nodes[view->values[view->loss].node].inputs[2], p->value);
}

Test(graph, without_class_weights_each_row_counts_one) {
    static const int32_t labels[] = {1, 1, 0};
    cr_assert_eq(
        as_graph_close(graph, bag("embedding", 3), &(as_graph_options){.with_gradient = 1}, &error),
        ASSAY_OK);
    cr_assert_float_eq(as_graph_loss_weight(as_graph_view(graph), labels, 3), 3, 0);
    cr_assert_eq(as_graph_n_trained(as_graph_view(graph)), 30);
}

Test(graph, class_weights_are_above_zero) {
    static const double bad[] = {0, -1, NAN, INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const double weights[] = {1, bad[i]};
        teardown();
        setup();
        cr_assert_eq(as_graph_close(
                         graph, bag("embedding", 2),
                         &(as_graph_options){.class_weights = weights, .with_gradient = 1}, &error),
                     ASSAY_INVALID_ARGUMENT);
        expect_error(ASSAY_INVALID_ARGUMENT, "loss.class_weights", "class 1 has the weight");
        cr_assert_null(as_graph_view(graph));
    }
}

Test(graph, unknown_input_is_refused) {
    cr_assert_eq(b->input(graph, 77), ASSAY_NONE);
    expect_error(ASSAY_INVALID_ARGUMENT, "graph input 77", "ASSAY_INPUT_POSITIONS");
}

Test(graph, first_error_sticks_and_everything_after_it_does_nothing) {
    b->fail(graph, "options.heads", "hidden must be a multiple of heads");
    cr_assert_eq(parameter("w", 2, 2), ASSAY_NONE);
    cr_assert_eq(b->input(graph, ASSAY_INPUT_TOKEN_IDS), ASSAY_NONE);
    cr_assert_eq(b->apply(graph, ASSAY_OP_RELU, NULL, 7, NULL), ASSAY_NONE);
    cr_assert_eq(b->channels(graph, 0), 0);
    b->fail(graph, "later", "another");
    expect_error(ASSAY_INVALID_ARGUMENT, "options.heads", "multiple of heads");
    cr_assert_eq(graph->n_values, 0);
    cr_assert_eq(as_graph_close(graph, 0, &(as_graph_options){.with_gradient = 1}, &error),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert_str_eq(error.where, "options.heads");
}

Test(graph, failing_without_a_text_still_fails) {
    b->fail(graph, NULL, NULL);
    expect_error(ASSAY_INVALID_ARGUMENT, "graph", "without a text");
}

Test(graph, error_names_node_operation_and_parameter) {
    assay_value x = bag("embedding", 6);
    assay_value inputs[2] = {x, parameter("encoder.fc.weight", 3, 5)};
    b->apply(graph, ASSAY_OP_LINEAR, inputs, 2, NULL);
    expect_error(ASSAY_INVALID_ARGUMENT, "graph node 2 (linear, encoder.fc.weight)",
                 "input 1 is [3, 5]; expected a parameter [3, 6]");
}

Test(graph, parameter_names_are_keys) {
    static const struct {
        const char *name, *where, *text;
    } cases[] = {
        {NULL, "graph parameter ''", "missing"},
        {"", "graph parameter ''", "missing"},
        {"a b", "graph parameter 'a'", "byte 1"},
        {"layer/weight", "graph parameter 'layer'", "byte 5"},
        {"\xc3\xa4", "graph parameter ''", "byte 0"},
        {"a\nb", "graph parameter 'a'", "byte 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        teardown();
        setup();
        cr_assert_eq(parameter(cases[i].name, 2, 2), ASSAY_NONE);
        expect_error(ASSAY_INVALID_ARGUMENT, cases[i].where, cases[i].text);
    }
}

Test(graph, parameter_names_end_at_127_bytes) {
    char name[130];
    memset(name, 'x', sizeof name);
    name[127] = '\0';
    cr_assert_neq(parameter(name, 1, 1), ASSAY_NONE);
    name[127] = 'x';
    name[128] = '\0';
    cr_assert_eq(parameter(name, 1, 1), ASSAY_NONE);
    expect_error(ASSAY_INVALID_ARGUMENT, "graph parameter 'xxx", "over 127 bytes");
}

Test(graph, parameter_names_are_unique) {
    parameter("w", 2, 2);
    cr_assert_eq(parameter("w", 2, 2), ASSAY_NONE);
    expect_error(ASSAY_INVALID_ARGUMENT, "graph parameter 'w'", "taken by an earlier");
}

Test(graph, parameter_dimensions_are_bounded) {
    static const struct {
        uint32_t rank;
        int64_t dims[2];
        assay_status status;
        const char *text;
    } cases[] = {
        {0, {1, 1}, ASSAY_INVALID_ARGUMENT, "rank 0"},
        {3, {1, 1}, ASSAY_INVALID_ARGUMENT, "rank 3"},
        {1, {0, 1}, ASSAY_INVALID_ARGUMENT, "dimension 0 is 0"},
        {2, {4, -3}, ASSAY_INVALID_ARGUMENT, "dimension 1 is -3"},
        {1, {INT64_C(1) << 31, 1}, ASSAY_INVALID_ARGUMENT, "dimension 0 is 2147483648"},
        {2, {INT64_MAX, INT64_MAX}, ASSAY_INVALID_ARGUMENT, "dimension 0"},
        {2, {2147483647, 2147483647}, ASSAY_LIMIT, "elements; at most"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        teardown();
        setup();
        cr_assert_eq(b->parameter(graph, "w", cases[i].rank, cases[i].dims, &zero), ASSAY_NONE);
        expect_error(cases[i].status, "graph parameter 'w'", cases[i].text);
    }
    teardown();
    setup();
    cr_assert_eq(b->parameter(graph, "w", 2, NULL, &zero), ASSAY_NONE);
    expect_error(ASSAY_INVALID_ARGUMENT, "graph parameter 'w'", "rank 2");
    teardown();
    setup();
    cr_assert_neq(parameter("w", 2147483647, 0), ASSAY_NONE);
}

Test(graph, initial_distributions_are_checked) {
    static const assay_init cases[] = {
        {6, 0, 1.0}, {-1, 0, 1.0}, {ASSAY_INIT_UNIFORM, 0, -1.0}, {ASSAY_INIT_NORMAL, 0, NAN}};
    int64_t dims[1] = {2};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        teardown();
        setup();
        cr_assert_eq(b->parameter(graph, "w", 1, dims, &cases[i]), ASSAY_NONE);
        expect_error(ASSAY_INVALID_ARGUMENT, "graph parameter 'w'", "initial");
    }
    teardown();
    setup();
    cr_assert_eq(b->parameter(graph, "w", 1, dims, NULL), ASSAY_NONE);
    expect_error(ASSAY_INVALID_ARGUMENT, "graph parameter 'w'", "NULL");
}

Test(graph, a_build_that_never_ends_meets_the_limit) {
    assay_value x = bag("embedding", 2);
    uint32_t n = 0;
    while (x != ASSAY_NONE && n++ < 2 * AS_MAX_FORWARD_NODES)
        x = assay_relu(b, x);
    expect_error(ASSAY_LIMIT, "(relu)", "more than 65536 nodes");
}

Test(graph, unused_parameters_are_named) {
    assay_value x = bag("embedding", 4);
    parameter("forgotten.weight", 2, 2);
    assay_relu(b, assay_linear(b, "side", x, 3));
    cr_assert_eq(as_graph_close(graph, x, &(as_graph_options){.with_gradient = 1}, &error),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert(strstr(error.text, "3 of 4 parameters: forgotten.weight, side.weight, side.bias;"),
              "%s", error.text);
    cr_assert_null(as_graph_view(graph));
}

Test(graph, unused_nodes_are_removed_and_the_rest_renumbered) {
    assay_value x = bag("embedding", 4);
    assay_dropout(b, x, 0.5);
    assay_tanh(b, assay_sinusoid(b, 3));
    b->input(graph, ASSAY_INPUT_POSITIONS);
    assay_value logits = assay_linear(b, "fc", assay_dropout(b, x, 0.25), 2);
    cr_assert_eq(as_graph_close(graph, logits, &(as_graph_options){.with_gradient = 0}, &error),
                 ASSAY_OK, "%s", error.text);
    const assay_graph_view *view = as_graph_view(graph);
    const int32_t ops[] = {ASSAY_OP_EMBEDDING, ASSAY_OP_MEAN_POOL, ASSAY_OP_DROPOUT,
                           ASSAY_OP_LINEAR, ASSAY_OP_CROSS_ENTROPY};
    cr_assert_eq(view->n_nodes, 5);
    cr_assert_eq(view->n_forward_nodes, 5);
    for (uint32_t n = 0; n < 5; n++) {
        cr_assert_eq(view->nodes[n].op, ops[n]);
        cr_assert_eq(view->values[view->nodes[n].outputs[0]].node, (int32_t)n);
        cr_assert_eq(view->nodes[n].forward_node, -1);
    }
    cr_assert_eq(view->nodes[2].attrs.stream, 0, "streams count what is left");
    cr_assert_eq(view->nodes[2].attrs.probability, 0.25);
    for (uint32_t v = 0; v < view->n_values; v++)
        cr_assert_neq(view->values[v].input, ASSAY_INPUT_POSITIONS);
    for (uint32_t i = 0; i < view->n_parameters; i++)
        cr_assert_eq(view->values[view->parameters[i].value].parameter, (int32_t)i);
}

Test(graph, a_graph_without_waste_keeps_its_numbers) {
    assay_value x = bag("embedding", 4), logits = assay_linear(b, "fc", x, 2);
    cr_assert_eq(as_graph_close(graph, logits, &(as_graph_options){.with_gradient = 1}, &error),
                 ASSAY_OK);
    cr_assert_eq(as_graph_view(graph)->logits, logits);
    cr_assert_eq(as_graph_view(graph)->values[x].node, 1);
}

Test(graph, attributes_nobody_reads_are_cleared) {
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    attrs.heads = 3;
    attrs.stream = 99;
    attrs.factor = 0.5;
    attrs.probability = 0.5;
    assay_value x = bag("embedding", 4);
    x = b->apply(graph, ASSAY_OP_SCALE, &x, 1, &attrs);
    cr_assert_eq(as_graph_close(graph, x, &(as_graph_options){.with_gradient = 0}, &error),
                 ASSAY_OK);
    const assay_attrs *kept = &as_graph_view(graph)->nodes[2].attrs;
    cr_assert_eq(kept->factor, 0.5);
    cr_assert_eq(kept->heads, 0);
    cr_assert_eq(kept->stream, 0);
    cr_assert_eq(kept->probability, 0);
}

Test(graph, linear_always_has_three_inputs) {
    assay_value inputs[2] = {bag("embedding", 4), parameter("w", 2, 4)};
    assay_value logits = b->apply(graph, ASSAY_OP_LINEAR, inputs, 2, NULL);
    cr_assert_eq(as_graph_close(graph, logits, &(as_graph_options){.with_gradient = 1}, &error),
                 ASSAY_OK);
    const assay_node *node = &as_graph_view(graph)->nodes[2];
    cr_assert_eq(node->n_inputs, 3);
    cr_assert_eq(node->inputs[2], ASSAY_NONE);
}

Test(graph, nothing_can_be_added_after_closing) {
    assay_value x = bag("embedding", 4);
    cr_assert_eq(as_graph_close(graph, x, &(as_graph_options){.with_gradient = 0}, &error),
                 ASSAY_OK);
    uint32_t n_nodes = as_graph_view(graph)->n_nodes;
    cr_assert_eq(assay_relu(b, x), ASSAY_NONE);
    cr_assert_eq(parameter("w", 2, 2), ASSAY_NONE);
    cr_assert_eq(as_graph_view(graph)->n_nodes, n_nodes);
    expect_error(ASSAY_INVALID_ARGUMENT, "graph node", "closed");
    cr_assert_eq(as_graph_close(graph, x, &(as_graph_options){.with_gradient = 0}, &error),
                 ASSAY_INVALID_ARGUMENT);
}

/* y = tanh(x); logits = y + y */
Test(graph, uses_count_reads_and_last_use_is_the_last_reader) {
    assay_value x = bag("embedding", 4), y = assay_tanh(b, x), logits = assay_add(b, y, y);
    cr_assert_eq(as_graph_close(graph, logits, &(as_graph_options){.with_gradient = 1}, &error),
                 ASSAY_OK);
    const assay_graph_view *view = as_graph_view(graph);
    int32_t end = (int32_t)view->n_nodes;
    /* add reads it twice, tanh_grad once */
    cr_assert_eq(view->uses[y], 3);
    cr_assert_eq(view->nodes[view->last_use[y]].op, ASSAY_OP_TANH_GRAD);
    cr_assert_eq(view->uses[x], 1);
    cr_assert_eq(view->last_use[x], 2);
    cr_assert_eq(view->uses[logits], 3, "cross_entropy, its gradient, the host");
    cr_assert_eq(view->last_use[logits], end);
    cr_assert_eq(view->uses[view->loss], 1);
    cr_assert_eq(view->last_use[view->loss], end);
    cr_assert_eq(view->uses[view->parameters[0].gradient], 1);
    cr_assert_eq(view->last_use[view->parameters[0].gradient], end);
    cr_assert_eq(view->last_use[view->parameters[0].value], end);
}

static assay_value build_bag(const assay_builder *builder, const assay_model_config *config) {
    assay_value ids = builder->input(builder->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_embedding(builder, "embedding", ids, config->vocab_size, 4);
    return assay_linear(builder, "fc", assay_mean_pool(builder, x), 3);
}

static assay_value build_tokens(const assay_builder *builder, const assay_model_config *config) {
    assay_value ids = builder->input(builder->graph, ASSAY_INPUT_TOKEN_IDS);
    return assay_embedding(builder, "embedding", ids, config->vocab_size, config->n_classes);
}

Test(graph, model_is_built_and_its_logits_checked) {
    assay_model_graph model = {sizeof model, 0, build_bag};
    assay_model_config config = {
        .struct_size = sizeof config, .n_classes = 3, .vocab_size = 20, .max_tokens = 8};
    assay_graph *preset = graph, *built = preset;
    cr_assert_eq(as_graph_build_model(&model, &config, &(as_graph_options){.with_gradient = 1},
                                      &built, &error),
                 ASSAY_OK);
    cr_assert_eq(as_graph_view(built)->n_parameters, 3);
    cr_assert_eq(as_graph_view(built)->parameters[0].n_elements, 80);
    as_graph_free(built);

    built = preset;
    config.n_classes = 5;
    cr_assert_eq(as_graph_build_model(&model, &config, &(as_graph_options){.with_gradient = 1},
                                      &built, &error),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert_eq(built, preset, "untouched on failure");
    cr_assert(strstr(error.text, "rows [B, 3]; expected rows [B, 5]"), "%s", error.text);

    error = (assay_error)ASSAY_ERROR_INIT;
    model.build = build_tokens;
    cr_assert_eq(as_graph_build_model(&model, &config, &(as_graph_options){.with_gradient = 1},
                                      &built, &error),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert(strstr(error.text, "pool the tokens first"), "%s", error.text);
}
