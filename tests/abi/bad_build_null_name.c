/* SPDX-License-Identifier: MIT */
/* build gives a parameter no name. */
#include "valid.h"

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    const int64_t dims[1] = {8};
    const assay_init init = {ASSAY_INIT_CONSTANT, 0, 0.0};
    (void)config;
    return b->parameter(b->graph, NULL, 1, dims, &init);
}

SPOILED_PLUGIN("bad_build_null_name", valid_model.build = build;)
