/* SPDX-License-Identifier: MIT */
/* A default outside the range. */
#include "valid.h"

SPOILED_PLUGIN("bad_option_default", valid_table[0].default_value = 65;)
