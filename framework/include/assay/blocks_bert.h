/* SPDX-License-Identifier: MIT */
/* assay/blocks_bert.h: what BERT and its relatives share (Devlin et al. 2018), as inline functions
 * over assay_builder, on top of blocks.h.
 *
 * A parameter is called `module`.`part`.weight or .bias, as transformers calls it, so that Hugging
 * Face checkpoints load by name; `part` may have dots, module "" leaves it away. They start as
 * BERT's do (its modeling.py, initializer_range 0.02): weights and embeddings ~ N(0, 0.02^2)
 * truncated at two deviations, biases 0, norms 1 and 0. All functions: [cell], return ASSAY_NONE
 * after an error, which sticks to the graph. */
#ifndef ASSAY_BLOCKS_BERT_H
#define ASSAY_BLOCKS_BERT_H

#include "assay/blocks.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Options of such a model; `head` is an index into its own list of heads. */
typedef struct assay_bert_options {
    int64_t layers, heads, dim, hidden_dim, positions, head;
    double dropout, attention_dropout, classifier_dropout;
} assay_bert_options;

/* The rows of its option table, with base-size defaults. */
#define ASSAY_BERT_OPTIONS(n_layers, head_names, dropout_in_head)                                  \
    ASSAY_OPTION_INT(assay_bert_options, layers, n_layers, 1, 48, "encoder layers"),               \
        ASSAY_OPTION_INT(assay_bert_options, heads, 12, 1, 64, "attention heads"),                 \
        ASSAY_OPTION_INT(assay_bert_options, dim, 768, 1, 4096, "channels, a multiple of heads"),  \
        ASSAY_OPTION_INT(assay_bert_options, hidden_dim, 3072, 1, 16384,                           \
                         "channels inside a layer"),                                               \
        ASSAY_OPTION_INT(assay_bert_options, positions, 512, 1, 65536,                             \
                         "learned positions, at least max_tokens"),                                \
        ASSAY_OPTION_CHOICE(assay_bert_options, head, 0, head_names, "from states to logits"),     \
        ASSAY_OPTION_REAL(assay_bert_options, dropout, 0.1, 0, 0.99, "of embeddings and layers"),  \
        ASSAY_OPTION_REAL(assay_bert_options, attention_dropout, 0.1, 0, 0.99,                     \
                          "of attention weights"),                                                 \
        ASSAY_OPTION_REAL(assay_bert_options, classifier_dropout, dropout_in_head, 0, 0.99,        \
                          "in the head")

static inline assay_value assay_bert_parameter(const assay_builder *b, const char *module,
                                               const char *part, const char *suffix, int64_t rows,
                                               int64_t columns, int32_t kind, double scale) {
    char name[128];
    snprintf(name, sizeof name, "%.80s%s%.46s", module, *module ? "." : "", part);
    return assay_block_parameter(b, name, suffix, rows, columns, kind, scale);
}

/* table[ids]: TOKENS [N, channels] */
static inline assay_value assay_bert_embedding(const assay_builder *b, const char *module,
                                               const char *part, int32_t input, int64_t n_ids,
                                               int64_t channels) {
    assay_value ids = b->input(b->graph, input);
    return assay_apply2(b, ASSAY_OP_EMBEDDING, ids,
                        assay_bert_parameter(b, module, part, "weight", n_ids, channels,
                                             ASSAY_INIT_TRUNCATED_NORMAL, 0.02));
}

/* x weight^T + bias */
static inline assay_value assay_bert_linear(const assay_builder *b, const char *module,
                                            const char *part, assay_value x, int64_t out) {
    int64_t in = b->channels(b->graph, x);
    assay_value inputs[3];
    inputs[0] = x;
    inputs[1] =
        assay_bert_parameter(b, module, part, "weight", out, in, ASSAY_INIT_TRUNCATED_NORMAL, 0.02);
    inputs[2] = assay_bert_parameter(b, module, part, "bias", out, 0, ASSAY_INIT_CONSTANT, 0);
    return b->apply(b->graph, ASSAY_OP_LINEAR, inputs, 3, NULL);
}

/* Layer norm of x + y, epsilon 1e-12. */
static inline assay_value assay_bert_add_norm(const assay_builder *b, const char *module,
                                              const char *part, assay_value x, assay_value y) {
    int64_t channels = b->channels(b->graph, x);
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    assay_value inputs[3];
    attrs.epsilon = 1e-12;
    inputs[0] = assay_add(b, x, y);
    inputs[1] =
        assay_bert_parameter(b, module, part, "weight", channels, 0, ASSAY_INIT_CONSTANT, 1);
    inputs[2] = assay_bert_parameter(b, module, part, "bias", channels, 0, ASSAY_INIT_CONSTANT, 0);
    return b->apply(b->graph, ASSAY_OP_LAYER_NORM, inputs, 3, &attrs);
}

/* Multi-head self-attention without its output projection; the parts are query, key and value, each
 * a linear layer of its own as in the checkpoints, concatenated for the operation. */
static inline assay_value assay_bert_attention(const assay_builder *b, const char *module,
                                               const char *const parts[3], assay_value x,
                                               int64_t heads, double dropout) {
    int64_t channels = b->channels(b->graph, x);
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    assay_value qkv[3];
    for (int i = 0; i < 3; i++)
        qkv[i] = assay_bert_linear(b, module, parts[i], x, channels);
    attrs.heads = (int32_t)heads;
    attrs.probability = dropout;
    return assay_apply1(b, ASSAY_OP_ATTENTION, b->apply(b->graph, ASSAY_OP_CONCAT, qkv, 3, NULL),
                        &attrs);
}

/* Dropout, Linear(128), ReLU, dropout, Linear: a head of plain PyTorch layers with their own
 * initialisation, called as in torch.nn.Sequential (classifier.1, classifier.4). */
static inline assay_value assay_bert_two_linear(const assay_builder *b, assay_value x,
                                                double dropout, int64_t n_classes) {
    x = assay_linear(b, "classifier.1", assay_dropout(b, x, dropout), 128);
    return assay_linear(b, "classifier.4", assay_dropout(b, assay_relu(b, x), dropout), n_classes);
}

/* Sticks an error for sizes that don't go together, with the option's name. */
static inline void assay_bert_check(const assay_builder *b, const assay_model_config *config) {
    const assay_bert_options *o = (const assay_bert_options *)config->options;
    char text[128];
    assay_check_heads(b, o->heads, o->dim, "dim");
    if (config->max_tokens > o->positions) {
        snprintf(text, sizeof text, "max_tokens is %lld; the model has %lld positions",
                 (long long)config->max_tokens, (long long)o->positions);
        b->fail(b->graph, "options/positions", text);
    }
}

#ifdef __cplusplus
}
#endif
#endif
