/* SPDX-License-Identifier: MIT */
/* assay/blocks_recurrent.h: what the recurrent classifiers share, as inline functions over
 * assay_builder, on top of blocks.h:
 *
 *     words -> dropout -> (layer -> dropout) ... -> pooling -> dropout -> (dense -> dropout) ->
 * logits
 *
 * Parameters are called as PyTorch calls them and start as the option `init` says:
 *
 *                       torch                                  keras
 *     embedding         N(0, 1)                                U(-0.05, 0.05)
 *     weight_ih_l*      U(-1/sqrt(hidden), 1/sqrt(hidden))     Glorot uniform over all gates
 *     weight_hh_l*      the same                               orthogonal over all gates
 *     bias_ih_l*        the same                               0; an LSTM's forget gate 1
 *     bias_hh_l*        the same                               0
 *     linear weights    U(-1/sqrt(in), 1/sqrt(in))             Glorot uniform
 *     linear biases     the same                               0
 *
 * Glorot uniform is U(-l, l), l = sqrt(6 / (in + out)) (Glorot and Bengio 2010). All functions:
 * [cell], return ASSAY_NONE after an error, which sticks to the graph. */
#ifndef ASSAY_BLOCKS_RECURRENT_H
#define ASSAY_BLOCKS_RECURRENT_H

#include "assay/blocks.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Options of such a model. What its option table doesn't have is 0 and off. */
typedef struct assay_recurrent_options {
    int64_t embedding, train_embedding, token_weights, embedding_dropout;
    int64_t hidden, layers, bidirectional, residual;
    int64_t pooling, mask_outputs, attention, dense, output, init;
    double dropout;
} assay_recurrent_options;

enum { ASSAY_STYLE_TORCH = 0, ASSAY_STYLE_KERAS };
#define ASSAY_STYLE_NAMES                                                                          \
    { "torch", "keras", NULL }
enum { ASSAY_OUTPUT_SOFTMAX = 0, ASSAY_OUTPUT_SIGMOID };
#define ASSAY_OUTPUT_NAMES                                                                         \
    { "softmax", "sigmoid", NULL }

#define ASSAY_RECURRENT_INT(field, value, low, high, meaning)                                      \
    ASSAY_OPTION_INT(assay_recurrent_options, field, value, low, high, meaning)
#define ASSAY_RECURRENT_BOOL(field, value, meaning)                                                \
    ASSAY_OPTION_BOOL(assay_recurrent_options, field, value, meaning)
#define ASSAY_RECURRENT_CHOICE(field, value, names, meaning)                                       \
    ASSAY_OPTION_CHOICE(assay_recurrent_options, field, value, names, meaning)

/* The rows that every such model's option table has; inits: ASSAY_STYLE_NAMES. */
#define ASSAY_RECURRENT_OPTIONS(channels, hidden_, layers_, dropout_, inits)                       \
    ASSAY_RECURRENT_INT(embedding, channels, 1, 4096, "channels of the embedding"),                \
        ASSAY_RECURRENT_BOOL(train_embedding, 1, "off: the embedding stays as it is loaded"),      \
        ASSAY_RECURRENT_BOOL(token_weights, 0, "scale each embedding by its token's weight"),      \
        ASSAY_RECURRENT_INT(hidden, hidden_, 1, 4096, "state size of each direction"),             \
        ASSAY_RECURRENT_INT(layers, layers_, 1, 16, "stacked layers"),                             \
        ASSAY_OPTION_REAL(assay_recurrent_options, dropout, dropout_, 0, 0.99,                     \
                          "after embedding and each layer, in the head"),                          \
        ASSAY_RECURRENT_BOOL(embedding_dropout, 1, "off: no dropout after the embedding"),         \
        ASSAY_RECURRENT_CHOICE(init, ASSAY_STYLE_TORCH, inits, "whose initial values")

/* The rows of rnn, lstm and gru beyond these. */
#define ASSAY_RECURRENT_STACK_OPTIONS(bidirectional_, poolings, outputs)                           \
    ASSAY_RECURRENT_BOOL(bidirectional, bidirectional_, "read each row in both directions"),       \
        ASSAY_RECURRENT_BOOL(residual, 0, "inner layers add their input to their output"),         \
        ASSAY_RECURRENT_CHOICE(pooling, ASSAY_POOL_LAST, poolings, "row vector from the states"),  \
        ASSAY_RECURRENT_INT(dense, 0, 0, 4096, "ReLU channels before the classifier; 0: none"),    \
        ASSAY_RECURRENT_CHOICE(output, ASSAY_OUTPUT_SOFTMAX, outputs,                              \
                               "sigmoid: one logit for two classes")

static inline assay_init assay_glorot_uniform(int64_t in, int64_t out) {
    assay_init init = {ASSAY_INIT_UNIFORM, 0, 0};
    init.scale = in + out > 0 ? sqrt(6.0 / (double)(in + out)) : 0.0;
    return init;
}

/* The batch's tokens as vectors, with dropout. */
static inline assay_value assay_recurrent_words(const assay_builder *b,
                                                const assay_recurrent_options *o, int64_t n_ids) {
    int keras = o->init == ASSAY_STYLE_KERAS;
    assay_init init = {ASSAY_INIT_NORMAL, 0, 1.0};
    init.kind = keras ? ASSAY_INIT_UNIFORM : ASSAY_INIT_NORMAL;
    init.frozen = !o->train_embedding;
    init.scale = keras ? 0.05 : 1.0;
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x =
        assay_apply2(b, ASSAY_OP_EMBEDDING, ids,
                     assay_block_init(b, "embedding", "weight", n_ids, o->embedding, &init));
    x = o->token_weights ? assay_weight_tokens(b, x) : x;
    return assay_dropout(b, x, o->embedding_dropout ? o->dropout : 0);
}

static inline assay_value assay_recurrent_linear(const assay_builder *b,
                                                 const assay_recurrent_options *o, const char *name,
                                                 assay_value x, int64_t out) {
    assay_init zero = {ASSAY_INIT_CONSTANT, 0, 0};
    assay_init glorot = assay_glorot_uniform(b->channels(b->graph, x), out);
    return o->init == ASSAY_STYLE_KERAS ? assay_linear_from(b, name, x, out, &glorot, &zero)
                                        : assay_linear(b, name, x, out);
}

/* Layer `layer` of the module `name`. */
static inline assay_value assay_recurrent_layer(const assay_builder *b,
                                                const assay_recurrent_options *o, int32_t op,
                                                const char *name, int32_t layer, assay_value x) {
    int64_t gates = op == ASSAY_OP_RNN ? 1 : op == ASSAY_OP_GRU ? 3 : 4;
    assay_init inits[4] = {{0, 0, 0}, {ASSAY_INIT_ORTHOGONAL, 0, 1}, {0, 0, 0}, {0, 0, 0}};
    if (o->init != ASSAY_STYLE_KERAS)
        return assay_recurrent(b, op, name, layer, x, o->hidden, (int)o->bidirectional);
    inits[0] = assay_glorot_uniform(b->channels(b->graph, x), gates * o->hidden);
    if (op == ASSAY_OP_LSTM) {
        inits[2].kind = ASSAY_INIT_FORGET_GATE;
        inits[2].scale = 1;
    }
    return assay_recurrent_from(b, op, name, layer, x, o->hidden, (int)o->bidirectional, inits);
}

/* All layers, dropout between them. Residual: from the second to the last but one each adds its
 * input, after its own dropout. */
static inline assay_value assay_recurrent_stack(const assay_builder *b,
                                                const assay_recurrent_options *o, int32_t op,
                                                const char *name, assay_value x) {
    char text[96];
    if (o->residual && o->layers < 3) {
        snprintf(text, sizeof text, "found %d layer%s; there are inner ones from 3 layers on",
                 (int)o->layers, o->layers == 1 ? "" : "s");
        b->fail(b->graph, "options/residual", text);
    }
    for (int32_t layer = 0; layer < o->layers; layer++) {
        int last = layer == o->layers - 1;
        assay_value y = assay_recurrent_layer(b, o, op, name, layer, x);
        y = assay_dropout(b, y, last ? 0 : o->dropout);
        x = o->residual && layer > 0 && !last ? assay_add(b, y, x) : y;
    }
    return x;
}

/* One vector a row; mask_outputs: of the states times their tokens' weights, so that padding (whose
 * weight is 0) gives zeros. */
static inline assay_value assay_recurrent_pool(const assay_builder *b,
                                               const assay_recurrent_options *o, assay_value x) {
    x = o->mask_outputs ? assay_weight_tokens(b, x) : x;
    if (o->pooling != ASSAY_POOL_ATTENTION)
        return assay_pool(b, "attention", x, o->pooling, (int)o->bidirectional);
    return assay_attention_pool(b, x, assay_recurrent_linear(b, o, "attention", x, 1));
}

/* Dropout, the dense layer with its own, logits. Sigmoid: with z of the second class they are
 * [0, z], whose softmax is [1 - sigmoid z, sigmoid z], so that cross-entropy is the binary one. */
static inline assay_value assay_recurrent_head(const assay_builder *b,
                                               const assay_recurrent_options *o, assay_value x,
                                               int64_t n_classes) {
    char text[96];
    x = assay_dropout(b, x, o->dropout);
    if (o->dense > 0) {
        x = assay_relu(b, assay_recurrent_linear(b, o, "dense", x, o->dense));
        x = assay_dropout(b, x, o->dropout);
    }
    if (o->output != ASSAY_OUTPUT_SIGMOID)
        return assay_recurrent_linear(b, o, "classifier", x, n_classes);
    if (n_classes != 2) {
        snprintf(text, sizeof text, "found sigmoid, which is for two classes; the data has %lld",
                 (long long)n_classes);
        b->fail(b->graph, "options/output", text);
    }
    x = assay_recurrent_linear(b, o, "classifier", x, 1);
    return assay_concat(b, assay_scale(b, x, 0), x);
}

#ifdef __cplusplus
}
#endif
#endif
