/* SPDX-License-Identifier: MIT */
/* bilstm_attention: embedding, stacked bidirectional LSTM, additive attention over the row's tokens
 * (score = v . tanh(W h + b), Yang et al. 2016), linear classifier. */
#include "assay/blocks_recurrent.h"

static const char *const inits[] = ASSAY_STYLE_NAMES;

static const assay_option options[] = {
    ASSAY_RECURRENT_OPTIONS(100, 64, 1, 0.3, inits),
    ASSAY_RECURRENT_INT(attention, 64, 0, 4096, "channels of W; 0: score = v . h + b"),
};

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    assay_recurrent_options o = *(const assay_recurrent_options *)config->options;
    o.bidirectional = 1;
    assay_value x = assay_recurrent_words(b, &o, config->vocab_size), query;
    query = x = assay_recurrent_stack(b, &o, ASSAY_OP_LSTM, "lstm", x);
    if (o.attention > 0)
        query = assay_tanh(b, assay_recurrent_linear(b, &o, "attention.hidden", x, o.attention));
    query = assay_recurrent_linear(b, &o, "attention.score", query, 1);
    return assay_recurrent_head(b, &o, assay_attention_pool(b, x, query), config->n_classes);
}

ASSAY_GRAPH_MODEL("bilstm_attention", "1.1", "MIT", "embedding, BiLSTM, attention, linear",
                  assay_recurrent_options, options, build)
