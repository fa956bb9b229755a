/* SPDX-License-Identifier: MIT */
/* An offset whose end overflows. */
#include "valid.h"

SPOILED_PLUGIN("bad_option_huge_offset", valid_table[1].offset = UINT64_MAX - 7;)
