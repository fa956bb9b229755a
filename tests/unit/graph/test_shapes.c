/* SPDX-License-Identifier: MIT */
/* Shape rules: for every forward operation what it accepts, and each way to be refused. */
#include <criterion/criterion.h>

#include <math.h>

#include "graph/internal.h"

/* Values that every case may use, made in this order. */
enum {
    IDS,       /* tokens index */
    POSITIONS, /* tokens index */
    TABLE,     /* [20, 12] */
    V12,       /* [12] */
    V5,        /* [5] */
    W5X12,     /* [5, 12] */
    W12X12,    /* [12, 12] */
    W1X12,     /* [1, 12] */
    IH,        /* [12, 12]: 3 or 4 gates of 4 or 3 states, 12 inputs */
    HH_GRU,    /* [12, 4] */
    HH_LSTM,   /* [12, 3] */
    T12,       /* tokens [N, 12] */
    T1,        /* tokens [N, 1] */
    R12,       /* rows [B, 12] */
    LABELS,    /* rows index */
    WEIGHTS,   /* tokens [N, 1], the batch's */
    N_VALUES,
    NONE = -1
};

static void make_values(assay_graph *graph) {
    static const struct {
        int value;
        const char *name;
        int64_t dims[2];
    } parameters[] = {
        {TABLE, "table", {20, 12}}, {V12, "v12", {12, 0}},        {V5, "v5", {5, 0}},
        {W5X12, "w5x12", {5, 12}},  {W12X12, "w12x12", {12, 12}}, {W1X12, "w1x12", {1, 12}},
        {IH, "ih", {12, 12}},       {HH_GRU, "hh_gru", {12, 4}},  {HH_LSTM, "hh_lstm", {12, 3}},
    };
    const assay_builder *b = as_graph_builder(graph);
    const assay_init zero = {ASSAY_INIT_CONSTANT, 0, 0.0};
    assay_value made[N_VALUES];
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    made[IDS] = b->input(graph, ASSAY_INPUT_TOKEN_IDS);
    made[POSITIONS] = b->input(graph, ASSAY_INPUT_POSITIONS);
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
        made[parameters[i].value] = b->parameter(
            graph, parameters[i].name, parameters[i].dims[1] ? 2 : 1, parameters[i].dims, &zero);
    attrs.channels = 12;
    made[T12] = b->apply(graph, ASSAY_OP_SINUSOID, NULL, 0, &attrs);
    attrs.channels = 1;
    made[T1] = b->apply(graph, ASSAY_OP_SINUSOID, NULL, 0, &attrs);
    made[R12] = b->apply(graph, ASSAY_OP_MEAN_POOL, &made[T12], 1, NULL);
    made[LABELS] = as_graph_add_input(graph, ASSAY_INPUT_LABELS);
    made[WEIGHTS] = b->input(graph, ASSAY_INPUT_TOKEN_WEIGHTS);
    for (int i = 0; i < N_VALUES; i++)
        cr_assert_eq(made[i], i, "fixture value %d is %d: %s", i, (int)made[i], graph->error.text);
}

typedef struct shape_case {
    const char *name;
    int32_t op;
    int inputs[10]; /* ended by n_inputs */
    uint32_t n_inputs;
    assay_attrs attrs;
    const char *expected; /* the shape, or a part of the error's text */
} shape_case;

#define ATTRS(...)                                                                                 \
    { .struct_size = sizeof(assay_attrs), __VA_ARGS__ }
#define PLAIN                                                                                      \
    { .struct_size = sizeof(assay_attrs) }

static const shape_case good[] = {
    {"embedding of ids", ASSAY_OP_EMBEDDING, {IDS, TABLE}, 2, PLAIN, "tokens [N, 12]"},
    {"embedding of positions", ASSAY_OP_EMBEDDING, {POSITIONS, TABLE}, 2, PLAIN, "tokens [N, 12]"},
    {"sinusoid", ASSAY_OP_SINUSOID, {0}, 0, ATTRS(.channels = 7), "tokens [N, 7]"},
    {"linear with bias", ASSAY_OP_LINEAR, {T12, W5X12, V5}, 3, PLAIN, "tokens [N, 5]"},
    {"linear without bias", ASSAY_OP_LINEAR, {R12, W5X12}, 2, PLAIN, "rows [B, 5]"},
    {"linear, absent bias", ASSAY_OP_LINEAR, {R12, W5X12, NONE}, 3, PLAIN, "rows [B, 5]"},
    {"add", ASSAY_OP_ADD, {T12, T12}, 2, PLAIN, "tokens [N, 12]"},
    {"scale", ASSAY_OP_SCALE, {R12}, 1, ATTRS(.factor = -2), "rows [B, 12]"},
    {"relu", ASSAY_OP_RELU, {T12}, 1, PLAIN, "tokens [N, 12]"},
    {"gelu", ASSAY_OP_GELU, {R12}, 1, PLAIN, "rows [B, 12]"},
    {"tanh", ASSAY_OP_TANH, {T1}, 1, PLAIN, "tokens [N, 1]"},
    {"dropout", ASSAY_OP_DROPOUT, {T12}, 1, ATTRS(.probability = 0.5), "tokens [N, 12]"},
    {"layer_norm", ASSAY_OP_LAYER_NORM, {R12, V12, V12}, 3, ATTRS(.epsilon = 1e-5), "rows [B, 12]"},
    {"attention", ASSAY_OP_ATTENTION, {T12}, 1, ATTRS(.heads = 2), "tokens [N, 4]"},
    {"gru", ASSAY_OP_GRU, {T12, IH, HH_GRU, V12, V12}, 5, PLAIN, "tokens [N, 4]"},
    {"gru, both ways",
     ASSAY_OP_GRU,
     {T12, IH, HH_GRU, V12, V12, IH, HH_GRU, V12, V12},
     9,
     ATTRS(.bidirectional = 1),
     "tokens [N, 8]"},
    {"lstm", ASSAY_OP_LSTM, {T12, IH, HH_LSTM, V12, V12}, 5, PLAIN, "tokens [N, 3]"},
    {"lstm, both ways",
     ASSAY_OP_LSTM,
     {T12, IH, HH_LSTM, V12, V12, IH, HH_LSTM, V12, V12},
     9,
     ATTRS(.bidirectional = 1),
     "tokens [N, 6]"},
    {"slice", ASSAY_OP_SLICE, {R12}, 1, ATTRS(.begin = 3, .size = 9), "rows [B, 9]"},
    {"concat", ASSAY_OP_CONCAT, {T12, T1, T12}, 3, PLAIN, "tokens [N, 25]"},
    {"select_token",
     ASSAY_OP_SELECT_TOKEN,
     {T12},
     1,
     ATTRS(.token = ASSAY_TOKEN_LAST),
     "rows [B, 12]"},
    {"mean_pool", ASSAY_OP_MEAN_POOL, {T12}, 1, PLAIN, "rows [B, 12]"},
    {"max_pool", ASSAY_OP_MAX_POOL, {T1}, 1, PLAIN, "rows [B, 1]"},
    {"attention_pool", ASSAY_OP_ATTENTION_POOL, {T12, T1}, 2, PLAIN, "rows [B, 12]"},
    {"rnn", ASSAY_OP_RNN, {T12, W12X12, W12X12, V12, V12}, 5, PLAIN, "tokens [N, 12]"},
    {"rnn, both ways",
     ASSAY_OP_RNN,
     {T12, W12X12, W12X12, V12, V12, W12X12, W12X12, V12, V12},
     9,
     ATTRS(.bidirectional = 1),
     "tokens [N, 24]"},
    {"scale_tokens", ASSAY_OP_SCALE_TOKENS, {T12, T1}, 2, PLAIN, "tokens [N, 12]"},
    {"scale_tokens by the batch",
     ASSAY_OP_SCALE_TOKENS,
     {T12, WEIGHTS},
     2,
     PLAIN,
     "tokens [N, 12]"},
    {"add_row, last", ASSAY_OP_ADD_ROW, {T12, TABLE}, 2, ATTRS(.begin = 19), "tokens [N, 12]"},
    {"add_row to rows", ASSAY_OP_ADD_ROW, {R12, W5X12}, 2, PLAIN, "rows [B, 12]"},
};

static const shape_case bad[] = {
    {"embedding of no index", ASSAY_OP_EMBEDDING, {T12, TABLE}, 2, PLAIN, "input 0 is tokens"},
    {"embedding of labels", ASSAY_OP_EMBEDDING, {LABELS, TABLE}, 2, PLAIN, "token ids"},
    {"embedding in a vector", ASSAY_OP_EMBEDDING, {IDS, V12}, 2, PLAIN, "two dimensions"},
    {"embedding, one input", ASSAY_OP_EMBEDDING, {IDS}, 1, PLAIN, "1 inputs; expected 2 to 2"},
    {"sinusoid of nothing", ASSAY_OP_SINUSOID, {0}, 0, PLAIN, "0 channels"},
    {"sinusoid too wide",
     ASSAY_OP_SINUSOID,
     {0},
     0,
     ATTRS(.channels = INT64_C(1) << 31),
     "2147483648 channels"},
    {"linear of an index", ASSAY_OP_LINEAR, {IDS, W5X12, V5}, 3, PLAIN, "input 0 is tokens [N] i"},
    {"linear of a parameter", ASSAY_OP_LINEAR, {TABLE, W5X12, V5}, 3, PLAIN, "input 0 is [20, 12]"},
    {"linear, other width", ASSAY_OP_LINEAR, {T1, W5X12, V5}, 3, PLAIN, "a parameter [5, 1]"},
    {"linear, vector weight", ASSAY_OP_LINEAR, {T12, V12, V5}, 3, PLAIN, "two dimensions"},
    {"linear, wrong bias", ASSAY_OP_LINEAR, {T12, W5X12, V12}, 3, PLAIN, "a parameter [5]"},
    {"linear, matrix bias", ASSAY_OP_LINEAR, {T12, W1X12, W1X12}, 3, PLAIN, "a parameter [1]"},
    {"linear, no weight", ASSAY_OP_LINEAR, {T12, NONE, V5}, 3, PLAIN, "input 1 is -1"},
    {"linear, four inputs", ASSAY_OP_LINEAR, {T12, W5X12, V5, V5}, 4, PLAIN, "4 inputs"},
    {"add across domains", ASSAY_OP_ADD, {T12, R12}, 2, PLAIN, "input 1 is rows"},
    {"add of other width", ASSAY_OP_ADD, {T12, T1}, 2, PLAIN, "expected tokens [N, 12]"},
    {"add of a parameter", ASSAY_OP_ADD, {V12, V12}, 2, PLAIN, "input 0 is [12]"},
    {"add of an index", ASSAY_OP_ADD, {T12, IDS}, 2, PLAIN, "input 1 is tokens [N] index"},
    {"scale by NaN", ASSAY_OP_SCALE, {T12}, 1, ATTRS(.factor = NAN), "factor"},
    {"scale by infinity", ASSAY_OP_SCALE, {T12}, 1, ATTRS(.factor = INFINITY), "factor inf"},
    {"scale of an index", ASSAY_OP_SCALE, {IDS}, 1, PLAIN, "input 0"},
    {"relu of an index", ASSAY_OP_RELU, {IDS}, 1, PLAIN, "input 0"},
    {"gelu of a parameter", ASSAY_OP_GELU, {V12}, 1, PLAIN, "input 0"},
    {"tanh of labels", ASSAY_OP_TANH, {LABELS}, 1, PLAIN, "rows [B] index"},
    {"dropout of all", ASSAY_OP_DROPOUT, {T12}, 1, ATTRS(.probability = 1), "probability 1"},
    {"dropout below 0", ASSAY_OP_DROPOUT, {T12}, 1, ATTRS(.probability = -0.1), "probability -0.1"},
    {"dropout of NaN", ASSAY_OP_DROPOUT, {T12}, 1, ATTRS(.probability = NAN), "probability"},
    {"dropout of an index", ASSAY_OP_DROPOUT, {IDS}, 1, PLAIN, "input 0"},
    {"layer_norm, epsilon 0", ASSAY_OP_LAYER_NORM, {T12, V12, V12}, 3, PLAIN, "epsilon 0"},
    {"layer_norm, wrong gamma",
     ASSAY_OP_LAYER_NORM,
     {T12, V5, V12},
     3,
     ATTRS(.epsilon = 1e-5),
     "input 1 is [5]"},
    {"layer_norm, wrong beta",
     ASSAY_OP_LAYER_NORM,
     {T12, V12, V5},
     3,
     ATTRS(.epsilon = 1e-5),
     "input 2 is [5]"},
    {"attention of rows", ASSAY_OP_ATTENTION, {R12}, 1, ATTRS(.heads = 2), "input 0 is rows"},
    {"attention, no thirds", ASSAY_OP_ATTENTION, {T1}, 1, ATTRS(.heads = 1), "multiple of 3"},
    {"attention, no heads", ASSAY_OP_ATTENTION, {T12}, 1, PLAIN, "0 heads"},
    {"attention, 3 heads", ASSAY_OP_ATTENTION, {T12}, 1, ATTRS(.heads = 3), "divisor of 4"},
    {"attention, all dropped",
     ASSAY_OP_ATTENTION,
     {T12},
     1,
     ATTRS(.heads = 2, .probability = 1),
     "probability 1"},
    {"gru of rows", ASSAY_OP_GRU, {R12, IH, HH_GRU, V12, V12}, 5, PLAIN, "input 0 is rows"},
    {"gru, lstm's state", ASSAY_OP_GRU, {T12, IH, HH_LSTM, V12, V12}, 5, PLAIN, "input 1"},
    {"gru, one way of two",
     ASSAY_OP_GRU,
     {T12, IH, HH_GRU, V12, V12},
     5,
     ATTRS(.bidirectional = 1),
     "expected 9"},
    {"gru, two ways of one",
     ASSAY_OP_GRU,
     {T12, IH, HH_GRU, V12, V12, IH, HH_GRU, V12, V12},
     9,
     PLAIN,
     "expected 5"},
    {"gru, six inputs", ASSAY_OP_GRU, {T12, IH, HH_GRU, V12, V12, V12}, 6, PLAIN, "expected 5"},
    {"gru, wrong bias", ASSAY_OP_GRU, {T12, IH, HH_GRU, V5, V12}, 5, PLAIN, "input 3 is [5]"},
    {"gru, wrong second bias", ASSAY_OP_GRU, {T12, IH, HH_GRU, V12, V5}, 5, PLAIN, "input 4"},
    {"gru, wrong reverse w_hh",
     ASSAY_OP_GRU,
     {T12, IH, HH_GRU, V12, V12, IH, HH_LSTM, V12, V12},
     9,
     ATTRS(.bidirectional = 1),
     "input 6 is [12, 3]"},
    {"gru, bidirectional 2",
     ASSAY_OP_GRU,
     {T12, IH, HH_GRU, V12, V12},
     5,
     ATTRS(.bidirectional = 2),
     "bidirectional 2"},
    {"lstm, gru's state", ASSAY_OP_LSTM, {T12, IH, HH_GRU, V12, V12}, 5, PLAIN, "[16, 12]"},
    {"lstm, vector w_hh", ASSAY_OP_LSTM, {T12, IH, V12, V12, V12}, 5, PLAIN, "input 2"},
    {"slice past the end", ASSAY_OP_SLICE, {T12}, 1, ATTRS(.begin = 3, .size = 10), "size 10"},
    {"slice of nothing", ASSAY_OP_SLICE, {T12}, 1, PLAIN, "size 0"},
    {"slice before 0", ASSAY_OP_SLICE, {T12}, 1, ATTRS(.begin = -1, .size = 2), "begin -1"},
    {"slice, sum overflows",
     ASSAY_OP_SLICE,
     {T12},
     1,
     ATTRS(.begin = 1, .size = INT64_MAX),
     "inside 12 channels"},
    {"concat across domains", ASSAY_OP_CONCAT, {T12, R12}, 2, PLAIN, "input 1 is rows"},
    {"concat of one", ASSAY_OP_CONCAT, {T12}, 1, PLAIN, "1 inputs; expected 2 to 8"},
    {"concat of nine", ASSAY_OP_CONCAT, {T1, T1, T1, T1, T1, T1, T1, T1, T1}, 9, PLAIN, "9 inputs"},
    {"select_token, third", ASSAY_OP_SELECT_TOKEN, {T12}, 1, ATTRS(.token = 2), "token 2"},
    {"select_token of rows", ASSAY_OP_SELECT_TOKEN, {R12}, 1, PLAIN, "input 0 is rows"},
    {"mean_pool of rows", ASSAY_OP_MEAN_POOL, {R12}, 1, PLAIN, "input 0 is rows"},
    {"max_pool of an index", ASSAY_OP_MAX_POOL, {IDS}, 1, PLAIN, "input 0"},
    {"attention_pool, wide score", ASSAY_OP_ATTENTION_POOL, {T12, T12}, 2, PLAIN, "[N, 1]"},
    {"attention_pool of rows", ASSAY_OP_ATTENTION_POOL, {R12, T1}, 2, PLAIN, "input 0"},
    {"the host's cross_entropy", ASSAY_OP_CROSS_ENTROPY, {R12, LABELS}, 2, PLAIN, "host adds"},
    {"a backward operation", ASSAY_OP_TANH_GRAD, {T12, T12}, 2, PLAIN, "can't be applied"},
    {"no operation", ASSAY_OP_COUNT, {T12}, 1, PLAIN, "can't be applied"},
    {"operation -1", -1, {T12}, 1, PLAIN, "can't be applied"},
    {"rnn, three gates",
     ASSAY_OP_RNN,
     {T12, IH, HH_GRU, V12, V12},
     5,
     PLAIN,
     "a parameter [4, 12]"},
    {"rnn, one direction short",
     ASSAY_OP_RNN,
     {T12, W12X12, W12X12, V12, V12},
     5,
     ATTRS(.bidirectional = 1),
     "5 inputs; expected 9"},
    {"scale_tokens, wide", ASSAY_OP_SCALE_TOKENS, {T12, T12}, 2, PLAIN, "weights tokens [N, 1]"},
    {"scale_tokens of rows", ASSAY_OP_SCALE_TOKENS, {R12, T1}, 2, PLAIN, "input 0 is rows"},
    {"scale_tokens by ids", ASSAY_OP_SCALE_TOKENS, {T12, IDS}, 2, PLAIN, "input 1 is tokens [N] i"},
    {"add_row, one too far",
     ASSAY_OP_ADD_ROW,
     {T12, TABLE},
     2,
     ATTRS(.begin = 20),
     "row 20; expected"},
    {"add_row -1",
     ASSAY_OP_ADD_ROW,
     {T12, TABLE},
     2,
     ATTRS(.begin = -1),
     "row -1; expected 0 to 19"},
    {"add_row, other width", ASSAY_OP_ADD_ROW, {T1, TABLE}, 2, PLAIN, "a parameter [20, 1]"},
    {"add_row of a vector", ASSAY_OP_ADD_ROW, {T12, V12}, 2, PLAIN, "two dimensions"},
    {"input out of range", ASSAY_OP_RELU, {N_VALUES}, 1, PLAIN, "no value of this graph"},
    {"input -5", ASSAY_OP_RELU, {-5}, 1, PLAIN, "input 0 is -5"},
    {"old attributes", ASSAY_OP_RELU, {T12}, 1, {.struct_size = 8}, "ASSAY_ATTRS_INIT"},
};

static assay_value apply_case(assay_graph *graph, const shape_case *c) {
    assay_value inputs[10];
    for (uint32_t i = 0; i < c->n_inputs; i++)
        inputs[i] = c->inputs[i];
    make_values(graph);
    return as_graph_builder(graph)->apply(graph, c->op, inputs, c->n_inputs, &c->attrs);
}

Test(shapes, every_operation_gives_its_shape) {
    bool seen[ASSAY_OP_COUNT] = {false};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assay_graph *graph;
        assay_error error = ASSAY_ERROR_INIT;
        char shape[64];
        cr_assert_eq(as_graph_new(&graph, &error), ASSAY_OK);
        assay_value value = apply_case(graph, &good[i]);
        cr_assert_neq(value, ASSAY_NONE, "%s: %s", good[i].name, graph->error.text);
        as_shape_text(&graph->values[value], shape, sizeof shape);
        cr_assert_str_eq(shape, good[i].expected, "%s: %s", good[i].name, shape);
        cr_assert_eq(as_graph_status(graph, &error), ASSAY_OK);
        seen[good[i].op] = true;
        as_graph_free(graph);
    }
    for (int32_t op = 0; op < ASSAY_OP_COUNT; op++)
        cr_assert(seen[op] || !as_op_is_forward(op) || op == ASSAY_OP_CROSS_ENTROPY,
                  "no case applies %s", as_op_name(op));
}

Test(shapes, bad_inputs_and_attributes_are_refused) {
    bool seen[ASSAY_OP_COUNT] = {false};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assay_graph *graph;
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(as_graph_new(&graph, &error), ASSAY_OK);
        cr_assert_eq(apply_case(graph, &bad[i]), ASSAY_NONE, "%s passed", bad[i].name);
        cr_assert_eq(as_graph_status(graph, &error), ASSAY_INVALID_ARGUMENT);
        cr_assert(strstr(error.text, bad[i].expected), "%s: found '%s', expected '%s'", bad[i].name,
                  error.text, bad[i].expected);
        cr_assert(strstr(error.where, as_op_name(bad[i].op)), "%s: where is '%s'", bad[i].name,
                  error.where);
        if (bad[i].op >= 0 && bad[i].op < ASSAY_OP_COUNT)
            seen[bad[i].op] = true;
        as_graph_free(graph);
    }
    for (int32_t op = 0; op < ASSAY_OP_COUNT; op++)
        cr_assert(seen[op] || !as_op_is_forward(op), "no case refuses %s", as_op_name(op));
}

/* cross_entropy is applied by close alone. */
Test(shapes, cross_entropy_checks_logits_and_smoothing) {
    static const double smoothing[] = {1, -0.1, NAN};
    const assay_value logits[] = {T12, IDS, V12, LABELS, N_VALUES, ASSAY_NONE};
    assay_graph *graph;
    for (size_t i = 0; i < sizeof logits / sizeof *logits; i++) {
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(as_graph_new(&graph, &error), ASSAY_OK);
        make_values(graph);
        cr_assert_eq(
            as_graph_close(graph, logits[i], &(as_graph_options){.with_gradient = 1}, &error),
            ASSAY_INVALID_ARGUMENT);
        cr_assert_str_eq(error.where, "graph logits");
        as_graph_free(graph);
    }
    for (size_t i = 0; i < sizeof smoothing / sizeof *smoothing; i++) {
        assay_error error = ASSAY_ERROR_INIT;
        assay_attrs attrs = ASSAY_ATTRS_INIT;
        attrs.channels = 2;
        cr_assert_eq(as_graph_new(&graph, &error), ASSAY_OK);
        const assay_builder *b = as_graph_builder(graph);
        assay_value x = b->apply(graph, ASSAY_OP_SINUSOID, NULL, 0, &attrs);
        x = b->apply(graph, ASSAY_OP_MEAN_POOL, &x, 1, NULL);
        cr_assert_eq(
            as_graph_close(graph, x,
                           &(as_graph_options){.label_smoothing = smoothing[i], .with_gradient = 1},
                           &error),
            ASSAY_INVALID_ARGUMENT);
        cr_assert(strstr(error.text, "label smoothing"), "%s", error.text);
        cr_assert_null(as_graph_view(graph));
        as_graph_free(graph);
    }
}
