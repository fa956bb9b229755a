/* SPDX-License-Identifier: MIT */
/* An option struct of all memory. */
#include "valid.h"

SPOILED_PLUGIN("bad_options_size", p.options_size = UINT64_MAX;)
