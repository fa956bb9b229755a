/* SPDX-License-Identifier: MIT */
/* transformer: embedding + positions, post-norm encoder layers (Vaswani et al. 2017; names and
 * defaults of torch.nn.TransformerEncoderLayer), mean over the row's tokens, linear classifier. */
#include "assay/blocks.h"

typedef struct transformer_options {
    int64_t hidden, layers, heads, feed_forward, positions, train_embedding, token_weights;
    double dropout, encoder_dropout;
} transformer_options;

enum { SINUSOID, LEARNED, NONE };
static const char *const position_names[] = {"sinusoid", "learned", "none", NULL};

static const assay_option options[] = {
    ASSAY_OPTION_INT(transformer_options, hidden, 64, 1, 4096, "channels, a multiple of heads"),
    ASSAY_OPTION_INT(transformer_options, layers, 2, 1, 48, "encoder layers"),
    ASSAY_OPTION_INT(transformer_options, heads, 4, 1, 64, "attention heads"),
    ASSAY_OPTION_INT(transformer_options, feed_forward, 128, 1, 16384, "channels inside a layer"),
    ASSAY_OPTION_CHOICE(transformer_options, positions, SINUSOID, position_names,
                        "what is added to embeddings"),
    ASSAY_OPTION_BOOL(transformer_options, train_embedding, 1,
                      "off: the embedding stays as it is loaded"),
    ASSAY_OPTION_BOOL(transformer_options, token_weights, 0,
                      "scale each embedding by its token's weight"),
    ASSAY_OPTION_REAL(transformer_options, dropout, 0.1, 0, 0.99, "after positions, before logits"),
    ASSAY_OPTION_REAL(transformer_options, encoder_dropout, 0.1, 0, 0.99, "in the encoder layers"),
};

/* Learned positions are as many as a row may have tokens. */
static assay_value add_positions(const assay_builder *b, const assay_model_config *config,
                                 assay_value x) {
    const transformer_options *o = (const transformer_options *)config->options;
    if (o->positions == NONE)
        return x;
    if (o->positions == SINUSOID)
        return assay_add(b, x, assay_sinusoid(b, o->hidden));
    assay_value positions = b->input(b->graph, ASSAY_INPUT_POSITIONS);
    return assay_add(b, x,
                     assay_embedding(b, "positions", positions, config->max_tokens, o->hidden));
}

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    const transformer_options *o = (const transformer_options *)config->options;
    assay_check_heads(b, o->heads, o->hidden, "hidden");
    assay_value x = assay_words(b, "embedding", config->vocab_size, o->hidden,
                                (int)o->train_embedding, (int)o->token_weights);
    x = assay_dropout(b, add_positions(b, config, x), o->dropout);
    for (int32_t layer = 0; layer < o->layers; layer++)
        x = assay_encoder_layer(b, "encoder", layer, x, o->heads, o->feed_forward,
                                o->encoder_dropout);
    x = assay_dropout(b, assay_mean_pool(b, x), o->dropout);
    return assay_linear(b, "classifier", x, config->n_classes);
}

ASSAY_GRAPH_MODEL("transformer", "1.1", "MIT", "transformer encoder, mean, linear",
                  transformer_options, options, build)
