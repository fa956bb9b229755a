/* SPDX-License-Identifier: MIT */
/* A backend whose table is of another size than the host's. */
#include "valid.h"

static const assay_model_graph short_table = {16, 0, NULL};

static const void *interface_of(const char *name) {
    (void)name;
    return &short_table;
}

SPOILED_PLUGIN("bad_backend_size", p.kind = ASSAY_PLUGIN_KIND_BACKEND;
               p.get_interface = interface_of;)
