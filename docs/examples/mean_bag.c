/* SPDX-License-Identifier: MIT */
/* mean_bag: embedding, mean over the row's tokens, hidden layers, linear classifier (a deep
 * averaging network, Iyyer et al. 2015). The example of docs/plugin-guide.md. */
#include "assay/blocks.h"

typedef struct mean_bag_options {
    int64_t embedding, hidden, layers;
    double dropout;
} mean_bag_options;

static const assay_option options[] = {
    ASSAY_OPTION_INT(mean_bag_options, embedding, 100, 1, 4096, "channels of the embedding"),
    ASSAY_OPTION_INT(mean_bag_options, hidden, 64, 1, 4096, "channels of a hidden layer"),
    ASSAY_OPTION_INT(mean_bag_options, layers, 1, 0, 16, "hidden layers"),
    ASSAY_OPTION_REAL(mean_bag_options, dropout, 0.3, 0, 0.99, "before each linear layer"),
};

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    const mean_bag_options *o = (const mean_bag_options *)config->options;
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_embedding(b, "embedding", ids, config->vocab_size, o->embedding);
    x = assay_mean_pool(b, x);
    for (int64_t layer = 0; layer < o->layers; layer++) {
        char name[32];
        snprintf(name, sizeof name, "hidden.%d", (int)layer);
        x = assay_relu(b, assay_linear(b, name, assay_dropout(b, x, o->dropout), o->hidden));
    }
    return assay_linear(b, "classifier", assay_dropout(b, x, o->dropout), config->n_classes);
}

ASSAY_GRAPH_MODEL("mean_bag", "1.0", "MIT", "embedding, mean, linear", mean_bag_options, options,
                  build)
