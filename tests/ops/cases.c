/* SPDX-License-Identifier: MIT */
/* cases.c: see cases.h. */
#include "cases.h"

#include "assay/blocks.h"

const op_shape op_shapes[] = {
    {"one", 1, 1, 2, 0, 0, 0, 1, {1}},
    {"single_row", 3, 5, 3, 0, 0, 0, 1, {7}},
    {"length_one_rows", 4, 3, 3, 0, 0, 0, 3, {1, 1, 1}},
    {"ragged", 5, 3, 4, 0, 0, 0, 4, {3, 1, 6, 2}},
    {"even", 6, 4, 2, 0, 0, 0, 3, {4, 4, 4}},
    {"repeated_ids", 3, 2, 5, 3, 0, 0, 3, {2, 5, 1}},
    {"one_channel", 1, 3, 2, 0, 0, 0, 2, {3, 4}},
    {"ties", 5, 3, 3, 0, 2, 1, 3, {6, 1, 9}},
    {"odd_large", 33, 17, 7, 50, 0, 1, 9, {1, 13, 7, 31, 2, 1, 19, 5, 8}},
    {"wide", 64, 66, 10, 100, 0, 1, 32, {12, 9,  30, 1,  17, 22, 5, 40, 3,  8,  16,
                                         16, 2,  27, 11, 6,  1,  4, 35, 9,  13, 7,
                                         28, 14, 10, 3,  21, 18, 2, 5,  33, 1}},
    {"long_row", 24, 20, 3, 0, 0, 1, 2, {1, 150}},
};
const size_t n_op_shapes = sizeof op_shapes / sizeof *op_shapes;

/* The smallest number of heads above one that divides C; C's own divisor 1 for C = 1. */
static int64_t heads_for(int64_t channels) {
    for (int64_t heads = 2; heads <= channels; heads++)
        if (channels % heads == 0)
            return heads;
    return 1;
}

static assay_value linear_without_bias(const assay_builder *b, const char *name, assay_value x,
                                       int64_t out) {
    int64_t in = b->channels(b->graph, x);
    assay_value inputs[2] = {
        x, assay_block_parameter(b, name, "weight", out, in, ASSAY_INIT_UNIFORM, 1.0)};
    return b->apply(b->graph, ASSAY_OP_LINEAR, inputs, 2, NULL);
}

static assay_value build_embedding(const assay_builder *b, assay_value x, const op_shape *shape) {
    (void)b;
    (void)shape;
    return x;
}

static assay_value build_positions(const assay_builder *b, assay_value x, const op_shape *shape) {
    assay_value positions = b->input(b->graph, ASSAY_INPUT_POSITIONS);
    assay_value table = assay_embedding(b, "position", positions, 160, shape->channels);
    return assay_tanh(b, assay_add(b, x, table));
}

static assay_value build_sinusoid(const assay_builder *b, assay_value x, const op_shape *shape) {
    return assay_tanh(b, assay_add(b, x, assay_sinusoid(b, shape->channels)));
}

static assay_value build_linear(const assay_builder *b, assay_value x, const op_shape *shape) {
    return assay_tanh(b, assay_linear(b, "linear", x, shape->hidden));
}

static assay_value build_linear_no_bias(const assay_builder *b, assay_value x,
                                        const op_shape *shape) {
    return assay_tanh(b, linear_without_bias(b, "linear", x, shape->hidden));
}

static assay_value build_linear_rows(const assay_builder *b, assay_value x, const op_shape *shape) {
    return assay_tanh(b, assay_linear(b, "linear", assay_mean_pool(b, x), shape->hidden));
}

/* One weight read by two layers: its gradients add up. */
static assay_value build_shared_weight(const assay_builder *b, assay_value x,
                                       const op_shape *shape) {
    assay_value weight = assay_block_parameter(b, "shared", "weight", shape->channels,
                                               shape->channels, ASSAY_INIT_UNIFORM, 1.0);
    x = assay_tanh(b, assay_apply2(b, ASSAY_OP_LINEAR, x, weight));
    return assay_tanh(b, assay_apply2(b, ASSAY_OP_LINEAR, x, weight));
}

static assay_value build_add(const assay_builder *b, assay_value x, const op_shape *shape) {
    return assay_add(b, x, assay_tanh(b, assay_linear(b, "linear", x, shape->channels)));
}

static assay_value build_add_self(const assay_builder *b, assay_value x, const op_shape *shape) {
    (void)shape;
    return assay_tanh(b, assay_add(b, x, x));
}

static assay_value build_scale(const assay_builder *b, assay_value x, const op_shape *shape) {
    (void)shape;
    return assay_tanh(b, assay_scale(b, x, -0.7));
}

static assay_value build_relu(const assay_builder *b, assay_value x, const op_shape *shape) {
    return assay_relu(b, assay_linear(b, "linear", x, shape->hidden));
}

/* The classic chain that backends fuse. */
static assay_value build_gelu(const assay_builder *b, assay_value x, const op_shape *shape) {
    x = assay_gelu(b, assay_linear(b, "up", x, shape->hidden));
    return assay_linear(b, "down", x, shape->channels);
}

/* Pre-activation read twice: an activation must not be fused away. */
static assay_value build_gelu_kept(const assay_builder *b, assay_value x, const op_shape *shape) {
    assay_value up = assay_linear(b, "up", x, shape->hidden);
    return assay_add(b, up, assay_gelu(b, up));
}

static assay_value build_tanh(const assay_builder *b, assay_value x, const op_shape *shape) {
    (void)shape;
    return assay_tanh(b, x);
}

static assay_value build_dropout(const assay_builder *b, assay_value x, const op_shape *shape) {
    (void)shape;
    return assay_tanh(b, assay_dropout(b, x, 0.3));
}

static assay_value build_dropout_rows(const assay_builder *b, assay_value x,
                                      const op_shape *shape) {
    x = assay_linear(b, "linear", assay_mean_pool(b, x), shape->hidden + 9);
    return assay_tanh(b, assay_dropout(b, x, 0.5));
}

/* Two dropouts draw different masks. */
static assay_value build_dropout_twice(const assay_builder *b, assay_value x,
                                       const op_shape *shape) {
    (void)shape;
    return assay_dropout(b, assay_tanh(b, assay_dropout(b, x, 0.25)), 0.25);
}

static assay_value build_layer_norm(const assay_builder *b, assay_value x, const op_shape *shape) {
    (void)shape;
    return assay_layer_norm(b, "norm", x, 1e-5);
}

static assay_value build_layer_norm_rows(const assay_builder *b, assay_value x,
                                         const op_shape *shape) {
    (void)shape;
    return assay_layer_norm(b, "norm", assay_mean_pool(b, x), 1e-3);
}

static assay_value build_attention(const assay_builder *b, assay_value x, const op_shape *shape) {
    return assay_self_attention(b, "attention", x, heads_for(shape->channels), 0);
}

static assay_value build_attention_one_head(const assay_builder *b, assay_value x,
                                            const op_shape *shape) {
    (void)shape;
    return assay_self_attention(b, "attention", x, 1, 0);
}

static assay_value build_attention_dropout(const assay_builder *b, assay_value x,
                                           const op_shape *shape) {
    return assay_self_attention(b, "attention", x, heads_for(shape->channels), 0.4);
}

static assay_value build_gru(const assay_builder *b, assay_value x, const op_shape *shape) {
    return assay_recurrent(b, ASSAY_OP_GRU, "gru", 0, x, shape->hidden, 0);
}

static assay_value build_gru_bidirectional(const assay_builder *b, assay_value x,
                                           const op_shape *shape) {
    return assay_recurrent(b, ASSAY_OP_GRU, "gru", 0, x, shape->hidden, 1);
}

static assay_value build_gru_stacked(const assay_builder *b, assay_value x, const op_shape *shape) {
    x = assay_recurrent(b, ASSAY_OP_GRU, "gru", 0, x, shape->hidden, 1);
    x = assay_recurrent(b, ASSAY_OP_GRU, "gru", 1, assay_dropout(b, x, 0.2), shape->hidden, 1);
    return assay_final_state(b, x, 1);
}

static assay_value build_lstm(const assay_builder *b, assay_value x, const op_shape *shape) {
    return assay_recurrent(b, ASSAY_OP_LSTM, "lstm", 0, x, shape->hidden, 0);
}

static assay_value build_lstm_bidirectional(const assay_builder *b, assay_value x,
                                            const op_shape *shape) {
    return assay_recurrent(b, ASSAY_OP_LSTM, "lstm", 0, x, shape->hidden, 1);
}

static assay_value build_lstm_stacked(const assay_builder *b, assay_value x,
                                      const op_shape *shape) {
    x = assay_recurrent(b, ASSAY_OP_LSTM, "lstm", 0, x, shape->hidden, 1);
    x = assay_recurrent(b, ASSAY_OP_LSTM, "lstm", 1, assay_dropout(b, x, 0.2), shape->hidden, 0);
    return assay_final_state(b, x, 0);
}

static assay_value build_rnn(const assay_builder *b, assay_value x, const op_shape *shape) {
    return assay_recurrent(b, ASSAY_OP_RNN, "rnn", 0, x, shape->hidden, 0);
}

static assay_value build_rnn_bidirectional(const assay_builder *b, assay_value x,
                                           const op_shape *shape) {
    return assay_recurrent(b, ASSAY_OP_RNN, "rnn", 0, x, shape->hidden, 1);
}

static assay_value build_rnn_stacked(const assay_builder *b, assay_value x, const op_shape *shape) {
    x = assay_recurrent(b, ASSAY_OP_RNN, "rnn", 0, x, shape->hidden, 1);
    x = assay_recurrent(b, ASSAY_OP_RNN, "rnn", 1, assay_dropout(b, x, 0.2), shape->hidden, 1);
    return assay_final_state(b, x, 1);
}

/* The batch's weights, read twice: by the product and, as any channel, by a linear layer. */
static assay_value build_token_weights(const assay_builder *b, assay_value x,
                                       const op_shape *shape) {
    assay_value weights = b->input(b->graph, ASSAY_INPUT_TOKEN_WEIGHTS);
    assay_value channels = assay_linear(b, "linear", weights, shape->channels);
    return assay_tanh(b, assay_add(b, assay_weight_tokens(b, x), channels));
}

/* Weights that the model makes itself: both inputs have a gradient. */
static assay_value build_scale_tokens(const assay_builder *b, assay_value x,
                                      const op_shape *shape) {
    (void)shape;
    return assay_apply2(b, ASSAY_OP_SCALE_TOKENS, x,
                        assay_tanh(b, assay_linear(b, "weight", x, 1)));
}

static assay_value build_add_row(const assay_builder *b, assay_value x, const op_shape *shape) {
    assay_value table =
        assay_block_parameter(b, "rows", "weight", 3, shape->channels, ASSAY_INIT_UNIFORM, 1.0);
    return assay_tanh(b, assay_add_row(b, x, table, 1));
}

/* Two rows of one table: its gradients add up. */
static assay_value build_add_row_rows(const assay_builder *b, assay_value x,
                                      const op_shape *shape) {
    assay_value table =
        assay_block_parameter(b, "rows", "weight", 2, shape->channels, ASSAY_INIT_UNIFORM, 1.0);
    x = assay_tanh(b, assay_add_row(b, assay_mean_pool(b, x), table, 0));
    return assay_tanh(b, assay_add_row(b, x, table, 1));
}

/* Beside a table that is trained, so that the layer above it has a gradient all the same. */
static assay_value build_frozen_embedding(const assay_builder *b, assay_value x,
                                          const op_shape *shape) {
    assay_value positions = b->input(b->graph, ASSAY_INPUT_POSITIONS);
    assay_value frozen = assay_frozen_embedding(b, "frozen", positions, 160, shape->channels);
    return assay_tanh(b, assay_linear(b, "linear", assay_add(b, x, frozen), shape->hidden));
}

static assay_value build_slice(const assay_builder *b, assay_value x, const op_shape *shape) {
    x = assay_linear(b, "linear", x, shape->hidden + 3);
    return assay_tanh(b, assay_slice(b, x, 2, shape->hidden));
}

static assay_value build_concat(const assay_builder *b, assay_value x, const op_shape *shape) {
    return assay_concat(b, assay_tanh(b, x), assay_linear(b, "linear", x, shape->hidden));
}

static assay_value build_concat_three(const assay_builder *b, assay_value x,
                                      const op_shape *shape) {
    assay_value inputs[3] = {assay_linear(b, "linear", x, shape->hidden), x, assay_tanh(b, x)};
    return assay_tanh(b, b->apply(b->graph, ASSAY_OP_CONCAT, inputs, 3, NULL));
}

static assay_value build_select_first(const assay_builder *b, assay_value x,
                                      const op_shape *shape) {
    (void)shape;
    return assay_select_token(b, x, ASSAY_TOKEN_FIRST);
}

static assay_value build_select_last(const assay_builder *b, assay_value x, const op_shape *shape) {
    (void)shape;
    return assay_select_token(b, x, ASSAY_TOKEN_LAST);
}

static assay_value build_mean_pool(const assay_builder *b, assay_value x, const op_shape *shape) {
    (void)shape;
    return assay_mean_pool(b, x);
}

static assay_value build_max_pool(const assay_builder *b, assay_value x, const op_shape *shape) {
    (void)shape;
    return assay_max_pool(b, x);
}

static assay_value build_attention_pool(const assay_builder *b, assay_value x,
                                        const op_shape *shape) {
    assay_value hidden = assay_tanh(b, assay_linear(b, "hidden", x, shape->hidden));
    return assay_attention_pool(b, x, assay_linear(b, "query", hidden, 1));
}

/* Six readers of one value, in both domains. */
static assay_value build_fan_out(const assay_builder *b, assay_value x, const op_shape *shape) {
    assay_value y = assay_add(b, assay_gelu(b, x), assay_layer_norm(b, "norm", x, 1e-5));
    y = assay_add(b, assay_max_pool(b, y), assay_select_token(b, x, ASSAY_TOKEN_LAST));
    y = assay_add(b, y, assay_mean_pool(b, x));
    return assay_concat(
        b, y, assay_relu(b, assay_linear(b, "linear", assay_max_pool(b, x), shape->hidden)));
}

const op_variant op_variants[] = {
    {"embedding", ASSAY_OP_EMBEDDING, build_embedding, ASSAY_DOMAIN_TOKENS, 0, false},
    {"embedding_positions", ASSAY_OP_EMBEDDING, build_positions, ASSAY_DOMAIN_TOKENS, 0, false},
    {"sinusoid", ASSAY_OP_SINUSOID, build_sinusoid, ASSAY_DOMAIN_TOKENS, 0, false},
    {"linear", ASSAY_OP_LINEAR, build_linear, ASSAY_DOMAIN_TOKENS, 0, false},
    {"linear_no_bias", ASSAY_OP_LINEAR, build_linear_no_bias, ASSAY_DOMAIN_TOKENS, 0, false},
    {"linear_rows", ASSAY_OP_LINEAR, build_linear_rows, ASSAY_DOMAIN_ROWS, 0, false},
    {"linear_shared_weight", ASSAY_OP_LINEAR, build_shared_weight, ASSAY_DOMAIN_TOKENS, 0, false},
    {"add", ASSAY_OP_ADD, build_add, ASSAY_DOMAIN_TOKENS, 0, false},
    {"add_self", ASSAY_OP_ADD, build_add_self, ASSAY_DOMAIN_TOKENS, 0, false},
    {"scale", ASSAY_OP_SCALE, build_scale, ASSAY_DOMAIN_TOKENS, 0, false},
    {"relu", ASSAY_OP_RELU, build_relu, ASSAY_DOMAIN_TOKENS, 0, false},
    {"gelu", ASSAY_OP_GELU, build_gelu, ASSAY_DOMAIN_TOKENS, 0, false},
    {"gelu_kept", ASSAY_OP_GELU, build_gelu_kept, ASSAY_DOMAIN_TOKENS, 0, false},
    {"tanh", ASSAY_OP_TANH, build_tanh, ASSAY_DOMAIN_TOKENS, 0, false},
    {"dropout", ASSAY_OP_DROPOUT, build_dropout, ASSAY_DOMAIN_TOKENS, 0, false},
    {"dropout_rows", ASSAY_OP_DROPOUT, build_dropout_rows, ASSAY_DOMAIN_ROWS, 0, false},
    {"dropout_twice", ASSAY_OP_DROPOUT, build_dropout_twice, ASSAY_DOMAIN_TOKENS, 0, false},
    {"layer_norm", ASSAY_OP_LAYER_NORM, build_layer_norm, ASSAY_DOMAIN_TOKENS, 0, false},
    {"layer_norm_rows", ASSAY_OP_LAYER_NORM, build_layer_norm_rows, ASSAY_DOMAIN_ROWS, 0, false},
    {"attention", ASSAY_OP_ATTENTION, build_attention, ASSAY_DOMAIN_TOKENS, 0, false},
    {"attention_one_head", ASSAY_OP_ATTENTION, build_attention_one_head, ASSAY_DOMAIN_TOKENS, 0,
     false},
    {"attention_dropout", ASSAY_OP_ATTENTION, build_attention_dropout, ASSAY_DOMAIN_TOKENS, 0,
     false},
    {"gru", ASSAY_OP_GRU, build_gru, ASSAY_DOMAIN_TOKENS, 0, false},
    {"gru_bidirectional", ASSAY_OP_GRU, build_gru_bidirectional, ASSAY_DOMAIN_TOKENS, 0, false},
    {"gru_stacked", ASSAY_OP_GRU, build_gru_stacked, ASSAY_DOMAIN_ROWS, 0, false},
    {"lstm", ASSAY_OP_LSTM, build_lstm, ASSAY_DOMAIN_TOKENS, 0, false},
    {"lstm_bidirectional", ASSAY_OP_LSTM, build_lstm_bidirectional, ASSAY_DOMAIN_TOKENS, 0, false},
    {"lstm_stacked", ASSAY_OP_LSTM, build_lstm_stacked, ASSAY_DOMAIN_ROWS, 0, false},
    {"slice", ASSAY_OP_SLICE, build_slice, ASSAY_DOMAIN_TOKENS, 0, false},
    {"concat", ASSAY_OP_CONCAT, build_concat, ASSAY_DOMAIN_TOKENS, 0, false},
    {"concat_three", ASSAY_OP_CONCAT, build_concat_three, ASSAY_DOMAIN_TOKENS, 0, false},
    {"select_first", ASSAY_OP_SELECT_TOKEN, build_select_first, ASSAY_DOMAIN_ROWS, 0, false},
    {"select_last", ASSAY_OP_SELECT_TOKEN, build_select_last, ASSAY_DOMAIN_ROWS, 0, false},
    {"mean_pool", ASSAY_OP_MEAN_POOL, build_mean_pool, ASSAY_DOMAIN_ROWS, 0, false},
    {"max_pool", ASSAY_OP_MAX_POOL, build_max_pool, ASSAY_DOMAIN_ROWS, 0, false},
    {"attention_pool", ASSAY_OP_ATTENTION_POOL, build_attention_pool, ASSAY_DOMAIN_ROWS, 0, false},
    {"rnn", ASSAY_OP_RNN, build_rnn, ASSAY_DOMAIN_TOKENS, 0, false},
    {"rnn_bidirectional", ASSAY_OP_RNN, build_rnn_bidirectional, ASSAY_DOMAIN_TOKENS, 0, false},
    {"rnn_stacked", ASSAY_OP_RNN, build_rnn_stacked, ASSAY_DOMAIN_ROWS, 0, false},
    {"token_weights", ASSAY_OP_SCALE_TOKENS, build_token_weights, ASSAY_DOMAIN_TOKENS, 0, false},
    {"scale_tokens", ASSAY_OP_SCALE_TOKENS, build_scale_tokens, ASSAY_DOMAIN_TOKENS, 0, false},
    {"add_row", ASSAY_OP_ADD_ROW, build_add_row, ASSAY_DOMAIN_TOKENS, 0, false},
    {"add_row_rows", ASSAY_OP_ADD_ROW, build_add_row_rows, ASSAY_DOMAIN_ROWS, 0, false},
    {"frozen_embedding", ASSAY_OP_EMBEDDING, build_frozen_embedding, ASSAY_DOMAIN_TOKENS, 0, false},
    {"class_weights", ASSAY_OP_CROSS_ENTROPY, build_mean_pool, ASSAY_DOMAIN_ROWS, 0, true},
    {"class_weights_smoothing", ASSAY_OP_CROSS_ENTROPY, build_max_pool, ASSAY_DOMAIN_ROWS, 0.2,
     true},
    {"label_smoothing", ASSAY_OP_CROSS_ENTROPY, build_mean_pool, ASSAY_DOMAIN_ROWS, 0.2, false},
    {"fan_out", ASSAY_OP_CROSS_ENTROPY, build_fan_out, ASSAY_DOMAIN_ROWS, 0, false},
};
const size_t n_op_variants = sizeof op_variants / sizeof *op_variants;

/* As many as the shapes have classes at most. */
static const double class_weights[] = {0.5, 2, 1.25, 0.125, 3, 1, 0.75, 1.5, 4, 0.25};

static int32_t shape_n_ids(const op_shape *shape) {
    int32_t n = 0;
    for (int32_t b = 0; b < shape->n_rows; b++)
        n += shape->lengths[b];
    return shape->n_ids ? shape->n_ids : n;
}

/* With gradient. */
static void close_graph(assay_graph *graph, assay_value logits, double label_smoothing,
                        const double *weights) {
    assay_error error = ASSAY_ERROR_INIT;
    const as_graph_options options = {
        .label_smoothing = label_smoothing, .class_weights = weights, .with_gradient = 1};
    require(as_graph_close(graph, logits, &options, &error), &error);
}

assay_graph *case_graph(const op_variant *variant, const op_shape *shape) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_graph *graph = NULL;
    require(as_graph_new(&graph, &error), &error);
    const assay_builder *b = as_graph_builder(graph);
    int32_t n_ids = shape_n_ids(shape);
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value y = variant->build(b, assay_embedding(b, "x", ids, n_ids, shape->channels), shape);
    if (variant->domain == ASSAY_DOMAIN_TOKENS)
        y = assay_attention_pool(b, y, assay_embedding(b, "score", ids, n_ids, 1));
    close_graph(graph, assay_linear(b, "classifier", y, shape->n_classes), variant->label_smoothing,
                variant->class_weights ? class_weights : NULL);
    return graph;
}

assay_graph *body_graph(graph_body *body, int32_t n_ids, int32_t n_channels, int32_t n_classes,
                        double label_smoothing, const double *weights) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_graph *graph = NULL;
    require(as_graph_new(&graph, &error), &error);
    const assay_builder *b = as_graph_builder(graph);
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value y = body(b, assay_embedding(b, "x", ids, n_ids, n_channels));
    close_graph(graph, assay_linear(b, "classifier", y, n_classes), label_smoothing, weights);
    return graph;
}

assay_batch *case_batch(as_arena *arena, const op_shape *shape) {
    return make_batch(arena, shape->lengths, shape->n_rows, shape_n_ids(shape), shape->n_classes);
}

static bool has_op(const assay_graph_view *graph, int32_t op) {
    for (uint32_t i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].op == op)
            return true;
    return false;
}

void check_coverage(void) {
    for (int32_t op = 0; op < ASSAY_OP_COUNT; op++) {
        bool covered = false;
        for (size_t v = 0; v < n_op_variants && !covered; v++) {
            if (!strstr(as_op_name(op), "_grad") && op_variants[v].op != op)
                continue;
            assay_graph *graph = case_graph(&op_variants[v], &op_shapes[1]);
            covered = has_op(as_graph_view(graph), op);
            as_graph_free(graph);
        }
        tap_ok(covered, "operation %s has a case", as_op_name(op));
    }
}
