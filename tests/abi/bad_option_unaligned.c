/* SPDX-License-Identifier: MIT */
/* An option's field in the middle of another. */
#include "valid.h"

SPOILED_PLUGIN("bad_option_unaligned", valid_table[1].offset = 4;)
