/* SPDX-License-Identifier: MIT */
/* The shape rules: one row per operation of ops.def, in its order. A rule checks the inputs and
 * attributes of a forward operation and says its output's shape; the formulas stand in ops.def.
 * The outputs of backward operations are gradients and have the shape of what they differentiate,
 * which gradient.c knows. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "graph/internal.h"

typedef bool shape_rule(as_shape_call *call);

static bool refuse(as_shape_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool refuse(as_shape_call *call, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(call->text, sizeof call->text, format, arguments);
    va_end(arguments);
    return false;
}

void as_shape_text(const assay_value_info *info, char *text, size_t size) {
    const char *domain = info->domain == ASSAY_DOMAIN_TOKENS ? "tokens" : "rows";
    const char *letter = info->domain == ASSAY_DOMAIN_TOKENS ? "N" : "B";
    if (info->domain == ASSAY_DOMAIN_SCALAR)
        snprintf(text, size, "scalar");
    else if (info->domain == ASSAY_DOMAIN_FIXED && info->rank == 1)
        snprintf(text, size, "[%lld]", (long long)info->dims[0]);
    else if (info->domain == ASSAY_DOMAIN_FIXED)
        snprintf(text, size, "[%lld, %lld]", (long long)info->dims[0], (long long)info->dims[1]);
    else if (info->is_index)
        snprintf(text, size, "%s [%s] index", domain, letter);
    else
        snprintf(text, size, "%s [%s, %lld]", domain, letter, (long long)info->dims[0]);
}

/* ---- what rules are made of ------------------------------------------------------------------ */

static bool is_real(const assay_value_info *info, int32_t domain) {
    return info->domain == domain && !info->is_index;
}

/* Refuses input i, which should have been `expected`. */
static bool refuse_input(as_shape_call *call, uint32_t i, const char *expected) {
    char found[64];
    as_shape_text(call->inputs[i], found, sizeof found);
    return refuse(call, "input %u is %s; expected %s", i, found, expected);
}

/* tokens [N, C] or rows [B, C] */
static bool need_channels(as_shape_call *call, uint32_t i) {
    const assay_value_info *info = call->inputs[i];
    return is_real(info, ASSAY_DOMAIN_TOKENS) || is_real(info, ASSAY_DOMAIN_ROWS) ||
           refuse_input(call, i, "tokens [N, C] or rows [B, C]");
}

static bool need_tokens(as_shape_call *call, uint32_t i) {
    return is_real(call->inputs[i], ASSAY_DOMAIN_TOKENS) || refuse_input(call, i, "tokens [N, C]");
}

/* A parameter of these dimensions; columns 0: rank 1. */
static bool need_parameter(as_shape_call *call, uint32_t i, int64_t rows, int64_t columns) {
    const assay_value_info *info = call->inputs[i];
    char expected[64];
    if (info->domain == ASSAY_DOMAIN_FIXED && info->rank == (columns ? 2u : 1u) &&
        info->dims[0] == rows && info->dims[1] == (columns ? columns : 1))
        return true;
    if (columns)
        snprintf(expected, sizeof expected, "a parameter [%lld, %lld]", (long long)rows,
                 (long long)columns);
    else
        snprintf(expected, sizeof expected, "a parameter [%lld]", (long long)rows);
    return refuse_input(call, i, expected);
}

static bool need_matrix(as_shape_call *call, uint32_t i) {
    const assay_value_info *info = call->inputs[i];
    return (info->domain == ASSAY_DOMAIN_FIXED && info->rank == 2) ||
           refuse_input(call, i, "a parameter of two dimensions");
}

static bool give(as_shape_call *call, int32_t domain, int64_t channels) {
    if (channels < 1 || channels > AS_MAX_DIM)
        return refuse(call, "%lld channels; expected 1 to 2147483647", (long long)channels);
    call->output = (assay_value_info){.domain = domain, .rank = 1, .dims = {channels, 1}};
    return true;
}

static bool need_probability(as_shape_call *call) {
    double p = call->attrs->probability;
    return (p >= 0 && p < 1) || refuse(call, "probability %g; expected 0 <= p < 1", p);
}

/* ---- the rules, in the order of ops.def ------------------------------------------------------ */

static bool shape_embedding(as_shape_call *call) {
    const assay_value_info *ids = call->inputs[0];
    if (!ids->is_index || ids->domain != ASSAY_DOMAIN_TOKENS)
        return refuse_input(call, 0, "token ids or positions");
    return need_matrix(call, 1) && give(call, ASSAY_DOMAIN_TOKENS, call->inputs[1]->dims[1]);
}

static bool shape_sinusoid(as_shape_call *call) {
    return give(call, ASSAY_DOMAIN_TOKENS, call->attrs->channels);
}

static bool shape_linear(as_shape_call *call) {
    if (!need_channels(call, 0) || !need_matrix(call, 1))
        return false;
    int64_t out = call->inputs[1]->dims[0];
    return need_parameter(call, 1, out, call->inputs[0]->dims[0]) &&
           (!call->inputs[2] || need_parameter(call, 2, out, 0)) &&
           give(call, call->inputs[0]->domain, out);
}

static bool shape_same(as_shape_call *call) {
    return need_channels(call, 0) && give(call, call->inputs[0]->domain, call->inputs[0]->dims[0]);
}

static bool shape_add(as_shape_call *call) {
    char found[64];
    if (!need_channels(call, 0) || !need_channels(call, 1))
        return false;
    as_shape_text(call->inputs[0], found, sizeof found);
    if (call->inputs[0]->domain != call->inputs[1]->domain ||
        call->inputs[0]->dims[0] != call->inputs[1]->dims[0])
        return refuse_input(call, 1, found);
    return shape_same(call);
}

static bool shape_scale(as_shape_call *call) {
    if (!isfinite(call->attrs->factor))
        return refuse(call, "factor %g; expected a finite number", call->attrs->factor);
    return shape_same(call);
}

static bool shape_dropout(as_shape_call *call) {
    return need_probability(call) && shape_same(call);
}

static bool shape_layer_norm(as_shape_call *call) {
    double epsilon = call->attrs->epsilon;
    if (!isfinite(epsilon) || epsilon <= 0)
        return refuse(call, "epsilon %g; expected a number above 0", epsilon);
    return need_channels(call, 0) && need_parameter(call, 1, call->inputs[0]->dims[0], 0) &&
           need_parameter(call, 2, call->inputs[0]->dims[0], 0) && shape_same(call);
}

/* Heads stay below 2^16, the factor of a head in the key of its dropout (ops.def). */
static bool shape_attention(as_shape_call *call) {
    int64_t heads = call->attrs->heads;
    if (!need_tokens(call, 0) || !need_probability(call))
        return false;
    int64_t channels = call->inputs[0]->dims[0];
    if (channels % 3 != 0)
        return refuse(call, "%lld channels; expected queries, keys and values, a multiple of 3",
                      (long long)channels);
    if (heads < 1 || heads > 65535 || channels / 3 % heads != 0)
        return refuse(call, "%lld heads; expected 1 to 65535, a divisor of %lld channels",
                      (long long)heads, (long long)channels / 3);
    return give(call, ASSAY_DOMAIN_TOKENS, channels / 3);
}

/* rnn, gru, lstm: w_hh [G H, H] fixes the state's size, the others must agree. */
static bool shape_recurrent(as_shape_call *call, int64_t gates) {
    int32_t two = call->attrs->bidirectional;
    if (two != 0 && two != 1)
        return refuse(call, "bidirectional %d; expected 0 or 1", (int)two);
    if (call->n_inputs != (two ? 9u : 5u))
        return refuse(call, "%u inputs; expected %d (x and four parameters per direction)",
                      call->n_inputs, two ? 9 : 5);
    if (!need_tokens(call, 0) || !need_matrix(call, 2))
        return false;
    int64_t in = call->inputs[0]->dims[0], hidden = call->inputs[2]->dims[1];
    for (uint32_t i = 1; i < call->n_inputs; i += 4) {
        if (!need_parameter(call, i, gates * hidden, in) ||
            !need_parameter(call, i + 1, gates * hidden, hidden) ||
            !need_parameter(call, i + 2, gates * hidden, 0) ||
            !need_parameter(call, i + 3, gates * hidden, 0))
            return false;
    }
    return give(call, ASSAY_DOMAIN_TOKENS, two ? 2 * hidden : hidden);
}

static bool shape_rnn(as_shape_call *call) {
    return shape_recurrent(call, 1);
}

static bool shape_gru(as_shape_call *call) {
    return shape_recurrent(call, 3);
}

static bool shape_lstm(as_shape_call *call) {
    return shape_recurrent(call, 4);
}

static bool shape_slice(as_shape_call *call) {
    int64_t begin = call->attrs->begin, size = call->attrs->size;
    if (!need_channels(call, 0))
        return false;
    int64_t channels = call->inputs[0]->dims[0];
    if (begin < 0 || size < 1 || begin >= channels || size > channels - begin)
        return refuse(call, "begin %lld, size %lld; expected a range inside %lld channels",
                      (long long)begin, (long long)size, (long long)channels);
    return give(call, call->inputs[0]->domain, size);
}

static bool shape_concat(as_shape_call *call) {
    int64_t channels = 0;
    for (uint32_t i = 0; i < call->n_inputs; i++) {
        if (!need_channels(call, i))
            return false;
        if (call->inputs[i]->domain != call->inputs[0]->domain)
            return refuse_input(call, i, "the domain of input 0");
        channels += call->inputs[i]->dims[0];
    }
    return give(call, call->inputs[0]->domain, channels);
}

static bool shape_pool(as_shape_call *call) {
    return need_tokens(call, 0) && give(call, ASSAY_DOMAIN_ROWS, call->inputs[0]->dims[0]);
}

static bool shape_select_token(as_shape_call *call) {
    int32_t token = call->attrs->token;
    if (token != ASSAY_TOKEN_FIRST && token != ASSAY_TOKEN_LAST)
        return refuse(call, "token %d; expected ASSAY_TOKEN_FIRST or ASSAY_TOKEN_LAST", (int)token);
    return shape_pool(call);
}

static bool shape_attention_pool(as_shape_call *call) {
    if (!need_tokens(call, 0) || !need_tokens(call, 1))
        return false;
    if (call->inputs[1]->dims[0] != 1)
        return refuse_input(call, 1, "scores tokens [N, 1]");
    return shape_pool(call);
}

static bool shape_cross_entropy(as_shape_call *call) {
    double s = call->attrs->label_smoothing;
    if (!is_real(call->inputs[0], ASSAY_DOMAIN_ROWS))
        return refuse_input(call, 0, "rows [B, n_classes]");
    if (!call->inputs[1]->is_index || call->inputs[1]->domain != ASSAY_DOMAIN_ROWS)
        return refuse_input(call, 1, "labels, rows [B] index");
    if (call->n_inputs > 2 && !need_parameter(call, 2, call->inputs[0]->dims[0], 0))
        return false;
    if (!(s >= 0 && s < 1))
        return refuse(call, "label smoothing %g; expected 0 <= s < 1", s);
    call->output = (assay_value_info){.domain = ASSAY_DOMAIN_SCALAR, .rank = 1, .dims = {1, 1}};
    return true;
}

static bool shape_scale_tokens(as_shape_call *call) {
    if (!need_tokens(call, 0) || !need_tokens(call, 1))
        return false;
    if (call->inputs[1]->dims[0] != 1)
        return refuse_input(call, 1, "weights tokens [N, 1]");
    return shape_same(call);
}

static bool shape_add_row(as_shape_call *call) {
    int64_t row = call->attrs->begin;
    if (!need_channels(call, 0) || !need_matrix(call, 1))
        return false;
    int64_t rows = call->inputs[1]->dims[0];
    if (row < 0 || row >= rows)
        return refuse(call, "row %lld; expected 0 to %lld", (long long)row, (long long)rows - 1);
    return need_parameter(call, 1, rows, call->inputs[0]->dims[0]) && shape_same(call);
}

/* ---- the table ------------------------------------------------------------------------------- */

#define shape_none NULL

/* operation, rule, attributes it reads */
#define SHAPES(X)                                                                                  \
    X(EMBEDDING, embedding, 0)                                                                     \
    X(SINUSOID, sinusoid, AS_ATTR_CHANNELS)                                                        \
    X(LINEAR, linear, 0)                                                                           \
    X(ADD, add, 0)                                                                                 \
    X(SCALE, scale, AS_ATTR_FACTOR)                                                                \
    X(RELU, same, 0)                                                                               \
    X(GELU, same, 0)                                                                               \
    X(TANH, same, 0)                                                                               \
    X(DROPOUT, dropout, AS_ATTR_PROBABILITY | AS_ATTR_STREAM)                                      \
    X(LAYER_NORM, layer_norm, AS_ATTR_EPSILON)                                                     \
    X(ATTENTION, attention, AS_ATTR_HEADS | AS_ATTR_PROBABILITY | AS_ATTR_STREAM)                  \
    X(GRU, gru, AS_ATTR_BIDIRECTIONAL)                                                             \
    X(LSTM, lstm, AS_ATTR_BIDIRECTIONAL)                                                           \
    X(SLICE, slice, AS_ATTR_RANGE)                                                                 \
    X(CONCAT, concat, 0)                                                                           \
    X(SELECT_TOKEN, select_token, AS_ATTR_TOKEN)                                                   \
    X(MEAN_POOL, pool, 0)                                                                          \
    X(MAX_POOL, pool, 0)                                                                           \
    X(ATTENTION_POOL, attention_pool, 0)                                                           \
    X(CROSS_ENTROPY, cross_entropy, AS_ATTR_LABEL_SMOOTHING)                                       \
    X(EMBEDDING_GRAD, none, 0)                                                                     \
    X(LINEAR_GRAD_INPUT, none, 0)                                                                  \
    X(LINEAR_GRAD_WEIGHT, none, 0)                                                                 \
    X(LINEAR_GRAD_BIAS, none, 0)                                                                   \
    X(RELU_GRAD, none, 0)                                                                          \
    X(GELU_GRAD, none, 0)                                                                          \
    X(TANH_GRAD, none, 0)                                                                          \
    X(LAYER_NORM_GRAD, none, AS_ATTR_EPSILON)                                                      \
    X(ATTENTION_GRAD, none, AS_ATTR_HEADS | AS_ATTR_PROBABILITY | AS_ATTR_STREAM)                  \
    X(GRU_GRAD, none, AS_ATTR_BIDIRECTIONAL)                                                       \
    X(LSTM_GRAD, none, AS_ATTR_BIDIRECTIONAL)                                                      \
    X(SLICE_GRAD, none, AS_ATTR_RANGE | AS_ATTR_CHANNELS)                                          \
    X(SELECT_TOKEN_GRAD, none, AS_ATTR_TOKEN)                                                      \
    X(MEAN_POOL_GRAD, none, 0)                                                                     \
    X(MAX_POOL_GRAD, none, 0)                                                                      \
    X(ATTENTION_POOL_GRAD, none, 0)                                                                \
    X(CROSS_ENTROPY_GRAD, none, AS_ATTR_LABEL_SMOOTHING)                                           \
    X(RNN, rnn, AS_ATTR_BIDIRECTIONAL)                                                             \
    X(SCALE_TOKENS, scale_tokens, 0)                                                               \
    X(ADD_ROW, add_row, AS_ATTR_ROW)                                                               \
    X(RNN_GRAD, none, AS_ATTR_BIDIRECTIONAL)                                                       \
    X(SCALE_TOKENS_GRAD, none, 0)                                                                  \
    X(ADD_ROW_GRAD, none, AS_ATTR_ROW)

/* Each row once (-Woverride-init) and as many rows as operations: none is missing. */
#define COUNT_ROW(NAME, rule, attributes) +1
_Static_assert(0 SHAPES(COUNT_ROW) == ASSAY_OP_COUNT, "an operation lacks its shape rule");

static const struct {
    shape_rule *rule; /* NULL: backward */
    uint32_t attributes;
} shapes[ASSAY_OP_COUNT] = {
#define ROW(NAME, rule, attributes) [ASSAY_OP_##NAME] = {shape_##rule, attributes},
    SHAPES(ROW)
#undef ROW
};

static bool is_op(int32_t op) {
    return op >= 0 && op < ASSAY_OP_COUNT;
}

bool as_shape_infer(int32_t op, as_shape_call *call) {
    return shapes[op].rule(call);
}

uint32_t as_op_attributes(int32_t op) {
    return is_op(op) ? shapes[op].attributes : 0;
}

bool as_op_is_forward(int32_t op) {
    return is_op(op) && shapes[op].rule;
}

const char *as_op_name(int32_t op) {
    static const char *const names[] = {
#define ASSAY_OP(NAME, name, least, most) #name,
#include "assay/ops.def"
#undef ASSAY_OP
    };
    return is_op(op) ? names[op] : "?";
}
