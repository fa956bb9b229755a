/* SPDX-License-Identifier: MIT */
/* A default past the last choice. */
#include "valid.h"

SPOILED_PLUGIN("bad_option_choice_default", valid_table[1].default_value = 2;)
