/* SPDX-License-Identifier: MIT */
/* No build information. */
#include "valid.h"

SPOILED_PLUGIN("bad_null_build", p.build = NULL;)
