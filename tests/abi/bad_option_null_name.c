/* SPDX-License-Identifier: MIT */
/* An option without a name. */
#include "valid.h"

SPOILED_PLUGIN("bad_option_null_name", valid_table[0].name = NULL;)
