/* SPDX-License-Identifier: MIT */
/* Graph and opaque model at once. */
#include "valid.h"

static const void *everything(const char *name) {
    (void)name;
    return &valid_model;
}

SPOILED_PLUGIN("bad_both_interfaces", p.get_interface = everything;)
