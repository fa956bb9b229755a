/* SPDX-License-Identifier: MIT */
/* lstm: embedding, stacked LSTM layers (Hochreiter and Schmidhuber 1997), pooling over the row,
 * linear classifier. */
#include "assay/blocks_recurrent.h"

static const char *const poolings[] = ASSAY_POOL_NAMES, *const inits[] = ASSAY_STYLE_NAMES,
                         *const outputs[] = ASSAY_OUTPUT_NAMES;

static const assay_option options[] = {
    ASSAY_RECURRENT_OPTIONS(64, 64, 1, 0.3, inits),
    ASSAY_RECURRENT_STACK_OPTIONS(0, poolings, outputs),
};

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    const assay_recurrent_options *o = (const assay_recurrent_options *)config->options;
    assay_value x = assay_recurrent_words(b, o, config->vocab_size);
    x = assay_recurrent_stack(b, o, ASSAY_OP_LSTM, "lstm", x);
    x = assay_recurrent_pool(b, o, x);
    return assay_recurrent_head(b, o, x, config->n_classes);
}

ASSAY_GRAPH_MODEL("lstm", "1.1", "MIT", "embedding, LSTM, linear", assay_recurrent_options, options,
                  build)
