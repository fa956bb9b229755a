/* SPDX-License-Identifier: MIT */
/* build crashes. */
#include "valid.h"

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    volatile int *nowhere = NULL;
    *nowhere = 1;
    return valid_build(b, config);
}

SPOILED_PLUGIN("bad_build_crash", valid_model.build = build;)
