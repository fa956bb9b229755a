/* SPDX-License-Identifier: MIT */
/* get_interface knows nothing. */
#include "valid.h"

static const void *nothing(const char *name) {
    (void)name;
    return NULL;
}

SPOILED_PLUGIN("bad_no_interface", p.get_interface = nothing;)
