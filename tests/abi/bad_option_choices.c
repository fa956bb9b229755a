/* SPDX-License-Identifier: MIT */
/* A choice without choices. */
#include "valid.h"

SPOILED_PLUGIN("bad_option_choices", valid_table[1].choices = NULL;)
