/* SPDX-License-Identifier: MIT */
/* An opaque model that cannot predict. */
#include "valid.h"

static const assay_model_opaque opaque = {
    (uint32_t)sizeof(assay_model_opaque), 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL};

static const void *interface_of(const char *name) {
    return strcmp(name, ASSAY_MODEL_OPAQUE) == 0 ? &opaque : NULL;
}

SPOILED_PLUGIN("bad_opaque_model", p.get_interface = interface_of;)
