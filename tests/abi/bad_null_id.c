/* SPDX-License-Identifier: MIT */
/* No id. */
#include "valid.h"

SPOILED_PLUGIN("bad_null_id", p.id = NULL;)
