/* SPDX-License-Identifier: MIT */
/* No version. */
#include "valid.h"

SPOILED_PLUGIN("bad_null_version", p.version = NULL;)
