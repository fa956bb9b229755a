/* SPDX-License-Identifier: MIT */
/* A descriptor that ends before get_interface. */
#include "valid.h"

SPOILED_PLUGIN("bad_short_struct", p.struct_size = offsetof(assay_plugin, get_interface);)
