/* SPDX-License-Identifier: MIT */
/* More options than anybody reads. */
#include "valid.h"

SPOILED_PLUGIN("bad_option_count", p.n_options = UINT64_MAX;)
