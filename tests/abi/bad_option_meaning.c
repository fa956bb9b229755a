/* SPDX-License-Identifier: MIT */
/* An option without a meaning. */
#include "valid.h"

SPOILED_PLUGIN("bad_option_meaning", valid_table[0].meaning = NULL;)
