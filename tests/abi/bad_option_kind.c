/* SPDX-License-Identifier: MIT */
/* An option of no known kind. */
#include "valid.h"

SPOILED_PLUGIN("bad_option_kind", valid_table[0].kind = 9;)
