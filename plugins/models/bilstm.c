/* SPDX-License-Identifier: MIT */
/* bilstm: embedding, stacked bidirectional LSTM, pooling over the row, linear classifier. */
#include "assay/blocks_recurrent.h"

static const char *const poolings[] = ASSAY_POOL_NAMES, *const inits[] = ASSAY_STYLE_NAMES;

static const assay_option options[] = {
    ASSAY_RECURRENT_OPTIONS(256, 128, 2, 0.4, inits),
    ASSAY_RECURRENT_CHOICE(pooling, ASSAY_POOL_MAX, poolings, "row vector from the states"),
    ASSAY_RECURRENT_BOOL(mask_outputs, 0, "states times token weights before pooling"),
};

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    assay_recurrent_options o = *(const assay_recurrent_options *)config->options;
    o.bidirectional = 1;
    assay_value x = assay_recurrent_words(b, &o, config->vocab_size);
    x = assay_recurrent_stack(b, &o, ASSAY_OP_LSTM, "lstm", x);
    x = assay_recurrent_pool(b, &o, x);
    return assay_recurrent_head(b, &o, x, config->n_classes);
}

ASSAY_GRAPH_MODEL("bilstm", "1.1", "MIT", "embedding, BiLSTM, pooling, linear",
                  assay_recurrent_options, options, build)
