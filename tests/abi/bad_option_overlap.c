/* SPDX-License-Identifier: MIT */
/* Two options in one field. */
#include "valid.h"

SPOILED_PLUGIN("bad_option_overlap", valid_table[1].offset = 0;)
