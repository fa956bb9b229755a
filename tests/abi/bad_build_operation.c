/* SPDX-License-Identifier: MIT */
/* build applies an operation that doesn't exist. */
#include "valid.h"

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    (void)config;
    return b->apply(b->graph, 100000, NULL, 0, NULL);
}

SPOILED_PLUGIN("bad_build_operation", valid_model.build = build;)
