/* SPDX-License-Identifier: MIT */
/* A kind that doesn't exist. */
#include "valid.h"

SPOILED_PLUGIN("bad_kind", p.kind = 7;)
