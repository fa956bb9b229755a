/* SPDX-License-Identifier: MIT */
/* build applies an operation to values that don't exist. */
#include "valid.h"

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    (void)config;
    return assay_add(b, 99, -7);
}

SPOILED_PLUGIN("bad_build_inputs", valid_model.build = build;)
