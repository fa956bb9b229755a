/* SPDX-License-Identifier: MIT */
/* A descriptor too short to tell its version. */
#include "valid.h"

SPOILED_PLUGIN("bad_empty_struct", p.struct_size = 0;)
