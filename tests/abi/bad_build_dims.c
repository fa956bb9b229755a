/* SPDX-License-Identifier: MIT */
/* build asks for a parameter of negative size. */
#include "valid.h"

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    const int64_t dims[2] = {-4, 8};
    const assay_init init = {ASSAY_INIT_CONSTANT, 0, 0.0};
    (void)config;
    return b->parameter(b->graph, "embedding.weight", 2, dims, &init);
}

SPOILED_PLUGIN("bad_build_dims", valid_model.build = build;)
