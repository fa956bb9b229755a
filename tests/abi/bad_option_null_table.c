/* SPDX-License-Identifier: MIT */
/* Options at NULL. */
#include "valid.h"

SPOILED_PLUGIN("bad_option_null_table", p.options = NULL;)
