/* SPDX-License-Identifier: MIT */
/* Option rows of another size. */
#include "valid.h"

SPOILED_PLUGIN("bad_option_row_size", valid_table[0].struct_size = 56;)
