/* SPDX-License-Identifier: MIT */
/* An integer whose default isn't one. */
#include "valid.h"

SPOILED_PLUGIN("bad_option_fraction", valid_table[0].default_value = 1.5;)
