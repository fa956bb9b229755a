/* SPDX-License-Identifier: MIT */
/* assay/blocks.h: the layers that models share, as inline functions over assay_builder.
 *
 * Names, shapes and initial distributions of parameters are PyTorch's: `name`.weight, `name`.bias,
 * `name`.weight_ih_l0_reverse and so on, so checkpoints load by name and recipes carry over.
 * All functions: [cell], return ASSAY_NONE after an error, which sticks to the graph. */
#ifndef ASSAY_BLOCKS_H
#define ASSAY_BLOCKS_H

#include <math.h>
#include <stdio.h>

#include "assay/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Parameter "name.suffix" that starts as `init` says; a name over 127 characters is an error. */
static inline assay_value assay_block_init(const assay_builder *b, const char *name,
                                           const char *suffix, int64_t rows, int64_t columns,
                                           const assay_init *init) {
    char full[128];
    int64_t dims[2] = {rows, columns};
    int n = snprintf(full, sizeof full, "%s.%s", name, suffix);
    if (n < 0 || (size_t)n >= sizeof full) {
        b->fail(b->graph, name, "parameter name is over 127 characters");
        return ASSAY_NONE;
    }
    return b->parameter(b->graph, full, columns ? 2u : 1u, dims, init);
}

/* Trained parameter "name.suffix". */
static inline assay_value assay_block_parameter(const assay_builder *b, const char *name,
                                                const char *suffix, int64_t rows, int64_t columns,
                                                int32_t kind, double scale) {
    assay_init init = {kind, 0, scale};
    return assay_block_init(b, name, suffix, rows, columns, &init);
}

static inline assay_value assay_apply1(const assay_builder *b, int32_t op, assay_value x,
                                       const assay_attrs *attrs) {
    return b->apply(b->graph, op, &x, 1, attrs);
}

static inline assay_value assay_apply2(const assay_builder *b, int32_t op, assay_value x,
                                       assay_value y) {
    assay_value inputs[2] = {x, y};
    return b->apply(b->graph, op, inputs, 2, NULL);
}

/* table[ids]: TOKENS [N, channels]; weight ~ N(0, 1) (torch.nn.Embedding). */
static inline assay_value assay_embedding(const assay_builder *b, const char *name, assay_value ids,
                                          int64_t n_ids, int64_t channels) {
    assay_value table =
        assay_block_parameter(b, name, "weight", n_ids, channels, ASSAY_INIT_NORMAL, 1.0);
    return assay_apply2(b, ASSAY_OP_EMBEDDING, ids, table);
}

/* As assay_embedding with a table that isn't trained: no gradient, no optimizer state. */
static inline assay_value assay_frozen_embedding(const assay_builder *b, const char *name,
                                                 assay_value ids, int64_t n_ids, int64_t channels) {
    assay_init init = {ASSAY_INIT_NORMAL, 1, 1.0};
    return assay_apply2(b, ASSAY_OP_EMBEDDING, ids,
                        assay_block_init(b, name, "weight", n_ids, channels, &init));
}

/* Each token's channels times its weight in the batch (TF-IDF and the like). */
static inline assay_value assay_weight_tokens(const assay_builder *b, assay_value x) {
    return assay_apply2(b, ASSAY_OP_SCALE_TOKENS, x, b->input(b->graph, ASSAY_INPUT_TOKEN_WEIGHTS));
}

/* The batch's token ids as vectors: assay_embedding, or without `trained` assay_frozen_embedding;
 * `weighted`: each times its token's weight. */
static inline assay_value assay_words(const assay_builder *b, const char *name, int64_t n_ids,
                                      int64_t channels, int trained, int weighted) {
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = trained ? assay_embedding(b, name, ids, n_ids, channels)
                            : assay_frozen_embedding(b, name, ids, n_ids, channels);
    return weighted ? assay_weight_tokens(b, x) : x;
}

/* x + table[row] for every token or row of x, table FIXED [R, C]. */
static inline assay_value assay_add_row(const assay_builder *b, assay_value x, assay_value table,
                                        int64_t row) {
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    assay_value inputs[2];
    inputs[0] = x;
    inputs[1] = table;
    attrs.begin = row;
    return b->apply(b->graph, ASSAY_OP_ADD_ROW, inputs, 2, &attrs);
}

static inline assay_value assay_sinusoid(const assay_builder *b, int64_t channels) {
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    attrs.channels = channels;
    return b->apply(b->graph, ASSAY_OP_SINUSOID, NULL, 0, &attrs);
}

/* x weight^T + bias, which start as `weight` and `bias` say. */
static inline assay_value assay_linear_from(const assay_builder *b, const char *name, assay_value x,
                                            int64_t out, const assay_init *weight,
                                            const assay_init *bias) {
    assay_value inputs[3];
    inputs[0] = x;
    inputs[1] = assay_block_init(b, name, "weight", out, b->channels(b->graph, x), weight);
    inputs[2] = assay_block_init(b, name, "bias", out, 0, bias);
    return b->apply(b->graph, ASSAY_OP_LINEAR, inputs, 3, NULL);
}

/* x weight^T + bias; both ~ U(-1/sqrt(in), 1/sqrt(in)) (torch.nn.Linear). */
static inline assay_value assay_linear(const assay_builder *b, const char *name, assay_value x,
                                       int64_t out) {
    int64_t in = b->channels(b->graph, x);
    assay_init init = {ASSAY_INIT_UNIFORM, 0, in > 0 ? 1.0 / sqrt((double)in) : 0.0};
    return assay_linear_from(b, name, x, out, &init, &init);
}

static inline assay_value assay_add(const assay_builder *b, assay_value x, assay_value y) {
    return assay_apply2(b, ASSAY_OP_ADD, x, y);
}

static inline assay_value assay_scale(const assay_builder *b, assay_value x, double factor) {
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    attrs.factor = factor;
    return assay_apply1(b, ASSAY_OP_SCALE, x, &attrs);
}

static inline assay_value assay_relu(const assay_builder *b, assay_value x) {
    return assay_apply1(b, ASSAY_OP_RELU, x, NULL);
}

static inline assay_value assay_gelu(const assay_builder *b, assay_value x) {
    return assay_apply1(b, ASSAY_OP_GELU, x, NULL);
}

static inline assay_value assay_tanh(const assay_builder *b, assay_value x) {
    return assay_apply1(b, ASSAY_OP_TANH, x, NULL);
}

/* Identity where probability is 0. */
static inline assay_value assay_dropout(const assay_builder *b, assay_value x, double probability) {
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    if (probability == 0)
        return x;
    attrs.probability = probability;
    return assay_apply1(b, ASSAY_OP_DROPOUT, x, &attrs);
}

/* weight 1, bias 0 (torch.nn.LayerNorm). */
static inline assay_value assay_layer_norm(const assay_builder *b, const char *name, assay_value x,
                                           double epsilon) {
    int64_t channels = b->channels(b->graph, x);
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    assay_value inputs[3];
    attrs.epsilon = epsilon;
    inputs[0] = x;
    inputs[1] = assay_block_parameter(b, name, "weight", channels, 0, ASSAY_INIT_CONSTANT, 1.0);
    inputs[2] = assay_block_parameter(b, name, "bias", channels, 0, ASSAY_INIT_CONSTANT, 0.0);
    return b->apply(b->graph, ASSAY_OP_LAYER_NORM, inputs, 3, &attrs);
}

/* Sticks an error at options/heads for heads that don't divide the channels; `option` is the
 * channels' name. */
static inline void assay_check_heads(const assay_builder *b, int64_t heads, int64_t channels,
                                     const char *option) {
    char text[128];
    if (heads > 0 && channels % heads == 0)
        return;
    snprintf(text, sizeof text, "found %lld heads; they must divide the %lld channels (%.32s)",
             (long long)heads, (long long)channels, option);
    b->fail(b->graph, "options/heads", text);
}

/* Multi-head self-attention with its input and output projections: in_proj Xavier uniform, biases 0
 * (torch.nn.MultiheadAttention; parameters name.in_proj_weight, name.out_proj.weight, ...). */
static inline assay_value assay_self_attention(const assay_builder *b, const char *name,
                                               assay_value x, int64_t heads, double dropout) {
    int64_t channels = b->channels(b->graph, x);
    char out_proj[128];
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    assay_value inputs[3];
    double bound = channels > 0 ? sqrt(6.0 / (4.0 * (double)channels)) : 0.0;
    inputs[0] = x;
    inputs[1] = assay_block_parameter(b, name, "in_proj_weight", 3 * channels, channels,
                                      ASSAY_INIT_UNIFORM, bound);
    inputs[2] =
        assay_block_parameter(b, name, "in_proj_bias", 3 * channels, 0, ASSAY_INIT_CONSTANT, 0.0);
    x = b->apply(b->graph, ASSAY_OP_LINEAR, inputs, 3, NULL);
    attrs.heads = (int32_t)heads;
    attrs.probability = dropout;
    inputs[0] = assay_apply1(b, ASSAY_OP_ATTENTION, x, &attrs);
    snprintf(out_proj, sizeof out_proj, "%.100s.out_proj", name);
    bound = channels > 0 ? 1.0 / sqrt((double)channels) : 0.0;
    inputs[1] =
        assay_block_parameter(b, out_proj, "weight", channels, channels, ASSAY_INIT_UNIFORM, bound);
    inputs[2] = assay_block_parameter(b, out_proj, "bias", channels, 0, ASSAY_INIT_CONSTANT, 0.0);
    return b->apply(b->graph, ASSAY_OP_LINEAR, inputs, 3, NULL);
}

/* Post-norm encoder layer `layer` of the module `name` (torch.nn.TransformerEncoderLayer with ReLU,
 * its parameter names "name.layers.0.self_attn.in_proj_weight" and so on): attention, dropout, add,
 * norm; linear, ReLU, dropout, linear, dropout, add, norm. */
static inline assay_value assay_encoder_layer(const assay_builder *b, const char *name,
                                              int32_t layer, assay_value x, int64_t heads,
                                              int64_t feed_forward, double dropout) {
    static const char *const parts[5] = {"self_attn", "norm1", "linear1", "linear2", "norm2"};
    char names[5][96];
    int64_t channels = b->channels(b->graph, x);
    assay_value y;
    for (int i = 0; i < 5; i++)
        snprintf(names[i], sizeof names[i], "%.64s.layers.%d.%s", name, (int)layer, parts[i]);
    y = assay_self_attention(b, names[0], x, heads, dropout);
    x = assay_layer_norm(b, names[1], assay_add(b, x, assay_dropout(b, y, dropout)), 1e-5);
    y = assay_relu(b, assay_linear(b, names[2], x, feed_forward));
    y = assay_linear(b, names[3], assay_dropout(b, y, dropout), channels);
    return assay_layer_norm(b, names[4], assay_add(b, x, assay_dropout(b, y, dropout)), 1e-5);
}

/* One recurrent layer (op = ASSAY_OP_RNN, ASSAY_OP_GRU or ASSAY_OP_LSTM) as layer `layer` of the
 * module `name`. inits: of weight_ih, weight_hh, bias_ih, bias_hh. */
static inline assay_value assay_recurrent_from(const assay_builder *b, int32_t op, const char *name,
                                               int32_t layer, assay_value x, int64_t hidden,
                                               int bidirectional, const assay_init inits[4]) {
    static const char *const kinds[4] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    int64_t gates = op == ASSAY_OP_RNN ? 1 : op == ASSAY_OP_GRU ? 3 : 4;
    int64_t columns[4] = {b->channels(b->graph, x), hidden, 0, 0};
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    assay_value inputs[9];
    uint32_t n = 0;
    inputs[n++] = x;
    for (int direction = 0; direction < (bidirectional ? 2 : 1); direction++) {
        for (int kind = 0; kind < 4; kind++) {
            char suffix[64];
            snprintf(suffix, sizeof suffix, "%s_l%d%s", kinds[kind], (int)layer,
                     direction ? "_reverse" : "");
            inputs[n++] =
                assay_block_init(b, name, suffix, gates * hidden, columns[kind], &inits[kind]);
        }
    }
    attrs.bidirectional = bidirectional;
    return b->apply(b->graph, op, inputs, n, &attrs);
}

/* As assay_recurrent_from; all weights and biases ~ U(-1/sqrt(hidden), 1/sqrt(hidden))
 * (torch.nn.RNN, GRU, LSTM). */
static inline assay_value assay_recurrent(const assay_builder *b, int32_t op, const char *name,
                                          int32_t layer, assay_value x, int64_t hidden,
                                          int bidirectional) {
    assay_init init = {ASSAY_INIT_UNIFORM, 0, hidden > 0 ? 1.0 / sqrt((double)hidden) : 0.0};
    assay_init inits[4];
    for (int i = 0; i < 4; i++)
        inits[i] = init;
    return assay_recurrent_from(b, op, name, layer, x, hidden, bidirectional, inits);
}

static inline assay_value assay_slice(const assay_builder *b, assay_value x, int64_t begin,
                                      int64_t size) {
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    attrs.begin = begin;
    attrs.size = size;
    return assay_apply1(b, ASSAY_OP_SLICE, x, &attrs);
}

static inline assay_value assay_concat(const assay_builder *b, assay_value x, assay_value y) {
    return assay_apply2(b, ASSAY_OP_CONCAT, x, y);
}

/* token: ASSAY_TOKEN_FIRST or ASSAY_TOKEN_LAST. */
static inline assay_value assay_select_token(const assay_builder *b, assay_value x, int32_t token) {
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    attrs.token = token;
    return assay_apply1(b, ASSAY_OP_SELECT_TOKEN, x, &attrs);
}

/* Final states of a recurrent layer's output x: the last token's forward half and, bidirectional,
 * the first token's reverse half. ROWS, channels as x. */
static inline assay_value assay_final_state(const assay_builder *b, assay_value x,
                                            int bidirectional) {
    int64_t half = b->channels(b->graph, x) / 2;
    assay_value last = assay_select_token(b, x, ASSAY_TOKEN_LAST), first;
    if (!bidirectional)
        return last;
    /* One statement each: the order of nodes must not depend on the compiler. */
    last = assay_slice(b, last, 0, half);
    first = assay_slice(b, assay_select_token(b, x, ASSAY_TOKEN_FIRST), half, half);
    return assay_concat(b, last, first);
}

static inline assay_value assay_mean_pool(const assay_builder *b, assay_value x) {
    return assay_apply1(b, ASSAY_OP_MEAN_POOL, x, NULL);
}

static inline assay_value assay_max_pool(const assay_builder *b, assay_value x) {
    return assay_apply1(b, ASSAY_OP_MAX_POOL, x, NULL);
}

/* Softmax over the row's tokens of score [N, 1], weighted sum of x. */
static inline assay_value assay_attention_pool(const assay_builder *b, assay_value x,
                                               assay_value score) {
    return assay_apply2(b, ASSAY_OP_ATTENTION_POOL, x, score);
}

/* Ways from a recurrent layer's states to one vector a row; the names are for ASSAY_OPTION_CHOICE.
 */
enum { ASSAY_POOL_LAST = 0, ASSAY_POOL_MEAN, ASSAY_POOL_MAX, ASSAY_POOL_ATTENTION };
#define ASSAY_POOL_NAMES                                                                           \
    { "last", "mean", "max", "attention", NULL }

/* Last: assay_final_state. Attention: softmax over the row's tokens of "name.weight" x + bias. */
static inline assay_value assay_pool(const assay_builder *b, const char *name, assay_value x,
                                     int64_t pooling, int bidirectional) {
    switch (pooling) {
    case ASSAY_POOL_MEAN:
        return assay_mean_pool(b, x);
    case ASSAY_POOL_MAX:
        return assay_max_pool(b, x);
    case ASSAY_POOL_ATTENTION:
        return assay_attention_pool(b, x, assay_linear(b, name, x, 1));
    default:
        return assay_final_state(b, x, bidirectional);
    }
}

#ifdef __cplusplus
}
#endif
#endif
