/* SPDX-License-Identifier: MIT */
/* rnn: embedding, stacked tanh RNN layers (Elman 1990), pooling over the row, linear classifier. */
#include "assay/blocks.h"

typedef struct rnn_options {
    int64_t embedding, train_embedding, token_weights, hidden, layers, bidirectional, pooling;
    double dropout;
} rnn_options;

static const char *const poolings[] = ASSAY_POOL_NAMES;

static const assay_option options[] = {
    ASSAY_OPTION_INT(rnn_options, embedding, 64, 1, 4096, "channels of the embedding"),
    ASSAY_OPTION_BOOL(rnn_options, train_embedding, 1, "off: the embedding stays as it is loaded"),
    ASSAY_OPTION_BOOL(rnn_options, token_weights, 0, "scale each embedding by its token's weight"),
    ASSAY_OPTION_INT(rnn_options, hidden, 64, 1, 4096, "state size of each direction"),
    ASSAY_OPTION_INT(rnn_options, layers, 1, 1, 16, "stacked layers"),
    ASSAY_OPTION_BOOL(rnn_options, bidirectional, 0, "read each row in both directions"),
    ASSAY_OPTION_CHOICE(rnn_options, pooling, ASSAY_POOL_LAST, poolings,
                        "row vector from the states"),
    ASSAY_OPTION_REAL(rnn_options, dropout, 0.3, 0, 0.99,
                      "after embedding, between layers, at end"),
};

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    const rnn_options *o = (const rnn_options *)config->options;
    assay_value x = assay_words(b, "embedding", config->vocab_size, o->embedding,
                                (int)o->train_embedding, (int)o->token_weights);
    for (int32_t layer = 0; layer < o->layers; layer++) {
        x = assay_dropout(b, x, o->dropout);
        x = assay_recurrent(b, ASSAY_OP_RNN, "rnn", layer, x, o->hidden, (int)o->bidirectional);
    }
    x = assay_pool(b, "attention", x, o->pooling, (int)o->bidirectional);
    return assay_linear(b, "classifier", assay_dropout(b, x, o->dropout), config->n_classes);
}

ASSAY_GRAPH_MODEL("rnn", "1.0", "MIT", "embedding, RNN, linear", rnn_options, options, build)
