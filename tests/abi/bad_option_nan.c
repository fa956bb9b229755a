/* SPDX-License-Identifier: MIT */
/* A range that is no number. */
#include "valid.h"

SPOILED_PLUGIN("bad_option_nan", valid_table[0].maximum = (double)NAN;)
