/* SPDX-License-Identifier: MIT */
/* bilstm_attention: embedding, stacked bidirectional LSTM, additive attention over the row's tokens
 * (score = v . tanh(W h + b), Yang et al. 2016), linear classifier. */
#include "assay/blocks.h"

typedef struct bilstm_options {
    int64_t embedding, train_embedding, token_weights, hidden, layers, attention;
    double dropout;
} bilstm_options;

static const assay_option options[] = {
    ASSAY_OPTION_INT(bilstm_options, embedding, 100, 1, 4096, "channels of the embedding"),
    ASSAY_OPTION_BOOL(bilstm_options, train_embedding, 1,
                      "off: the embedding stays as it is loaded"),
    ASSAY_OPTION_BOOL(bilstm_options, token_weights, 0,
                      "scale each embedding by its token's weight"),
    ASSAY_OPTION_INT(bilstm_options, hidden, 64, 1, 4096, "state size of each direction"),
    ASSAY_OPTION_INT(bilstm_options, layers, 1, 1, 16, "stacked layers"),
    ASSAY_OPTION_INT(bilstm_options, attention, 64, 0, 4096, "channels of W; 0: score = v . h + b"),
    ASSAY_OPTION_REAL(bilstm_options, dropout, 0.3, 0, 0.99,
                      "after embedding, between layers, at end"),
};

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    const bilstm_options *o = (const bilstm_options *)config->options;
    assay_value x = assay_words(b, "embedding", config->vocab_size, o->embedding,
                                (int)o->train_embedding, (int)o->token_weights);
    for (int32_t layer = 0; layer < o->layers; layer++) {
        x = assay_dropout(b, x, o->dropout);
        x = assay_recurrent(b, ASSAY_OP_LSTM, "lstm", layer, x, o->hidden, 1);
    }
    assay_value query = x;
    if (o->attention > 0)
        query = assay_tanh(b, assay_linear(b, "attention.hidden", x, o->attention));
    x = assay_attention_pool(b, x, assay_linear(b, "attention.score", query, 1));
    return assay_linear(b, "classifier", assay_dropout(b, x, o->dropout), config->n_classes);
}

ASSAY_GRAPH_MODEL("bilstm_attention", "1.0", "MIT", "embedding, BiLSTM, attention, linear",
                  bilstm_options, options, build)
