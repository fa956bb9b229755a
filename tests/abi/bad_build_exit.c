/* SPDX-License-Identifier: MIT */
/* build ends the process, as if all were well. */
#include <stdlib.h>

#include "valid.h"

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    exit(0);
    return valid_build(b, config);
}

SPOILED_PLUGIN("bad_build_exit", valid_model.build = build;)
