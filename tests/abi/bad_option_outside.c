/* SPDX-License-Identifier: MIT */
/* An option's field past the end of the struct. */
#include "valid.h"

SPOILED_PLUGIN("bad_option_outside", valid_table[1].offset = 16;)
