/* SPDX-License-Identifier: MIT */
/* build never returns. */
#include "valid.h"

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    volatile int for_ever = 1;
    while (for_ever)
        ;
    return valid_build(b, config);
}

SPOILED_PLUGIN("bad_build_hang", valid_model.build = build;)
