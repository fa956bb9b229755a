/* SPDX-License-Identifier: MIT */
/* No licence. */
#include "valid.h"

SPOILED_PLUGIN("bad_null_license", p.license = NULL;)
