/* SPDX-License-Identifier: MIT */
/* Two options of one name. */
#include "valid.h"

SPOILED_PLUGIN("bad_option_duplicate", valid_table[1].name = "size";)
