/* SPDX-License-Identifier: MIT */
/* build makes more logits than there are classes. */
#include "valid.h"

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    assay_model_config wider = *config;
    wider.n_classes++;
    return valid_build(b, &wider);
}

SPOILED_PLUGIN("bad_build_classes", valid_model.build = build;)
