/* SPDX-License-Identifier: MIT */
/* transformer: embedding + sinusoidal positions, post-norm encoder layers (Vaswani et al. 2017;
 * names and defaults of torch.nn.TransformerEncoderLayer), mean over the row's tokens, linear
 * classifier. */
#include "assay/blocks.h"

typedef struct transformer_options {
    int64_t hidden, layers, heads, feed_forward;
    double dropout;
} transformer_options;

static const assay_option options[] = {
    ASSAY_OPTION_INT(transformer_options, hidden, 64, 1, 4096, "channels, a multiple of heads"),
    ASSAY_OPTION_INT(transformer_options, layers, 2, 1, 48, "encoder layers"),
    ASSAY_OPTION_INT(transformer_options, heads, 4, 1, 64, "attention heads"),
    ASSAY_OPTION_INT(transformer_options, feed_forward, 128, 1, 16384, "channels inside a layer"),
    ASSAY_OPTION_REAL(transformer_options, dropout, 0.1, 0, 0.99, "of PyTorch's encoder, at end"),
};

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    const transformer_options *o = (const transformer_options *)config->options;
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_embedding(b, "embedding", ids, config->vocab_size, o->hidden);
    x = assay_dropout(b, assay_add(b, x, assay_sinusoid(b, o->hidden)), o->dropout);
    for (int32_t layer = 0; layer < o->layers; layer++)
        x = assay_encoder_layer(b, "encoder", layer, x, o->heads, o->feed_forward, o->dropout);
    x = assay_dropout(b, assay_mean_pool(b, x), o->dropout);
    return assay_linear(b, "classifier", x, config->n_classes);
}

ASSAY_GRAPH_MODEL("transformer", "1.0", "MIT", "transformer encoder, mean, linear",
                  transformer_options, options, build)
