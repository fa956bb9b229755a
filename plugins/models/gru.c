/* SPDX-License-Identifier: MIT */
/* gru: embedding, stacked GRU layers, pooling over the row, linear classifier. */
#include "assay/blocks.h"

typedef struct gru_options {
    int64_t embedding, hidden, layers, bidirectional, pooling;
    double dropout;
} gru_options;

enum { POOL_LAST, POOL_MEAN, POOL_MAX };

static const char *const poolings[] = {"last", "mean", "max", NULL};

static const assay_option options[] = {
    ASSAY_OPTION_INT(gru_options, embedding, 100, 1, 4096, "channels of the embedding"),
    ASSAY_OPTION_INT(gru_options, hidden, 64, 1, 4096, "state size of each direction"),
    ASSAY_OPTION_INT(gru_options, layers, 1, 1, 16, "stacked layers"),
    ASSAY_OPTION_BOOL(gru_options, bidirectional, 1, "read each row in both directions"),
    ASSAY_OPTION_CHOICE(gru_options, pooling, POOL_LAST, poolings, "row vector from the states"),
    ASSAY_OPTION_REAL(gru_options, dropout, 0.3, 0, 0.99,
                      "after embedding, between layers, at end"),
};

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    const gru_options *o = (const gru_options *)config->options;
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_embedding(b, "embedding", ids, config->vocab_size, o->embedding);
    for (int32_t layer = 0; layer < o->layers; layer++) {
        x = assay_dropout(b, x, o->dropout);
        x = assay_recurrent(b, ASSAY_OP_GRU, "gru", layer, x, o->hidden, (int)o->bidirectional);
    }
    x = o->pooling == POOL_MEAN  ? assay_mean_pool(b, x)
        : o->pooling == POOL_MAX ? assay_max_pool(b, x)
                                 : assay_final_state(b, x, (int)o->bidirectional);
    return assay_linear(b, "classifier", assay_dropout(b, x, o->dropout), config->n_classes);
}

ASSAY_GRAPH_MODEL("gru", "1.0", "MIT", "embedding, GRU, linear", gru_options, options, build)
