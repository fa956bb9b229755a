/* SPDX-License-Identifier: MIT */
/* build returns a value that does not exist. */
#include "valid.h"

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    (void)valid_build(b, config);
    return 12345;
}

SPOILED_PLUGIN("bad_build_nonsense", valid_model.build = build;)
