/* SPDX-License-Identifier: MIT */
/* No summary. */
#include "valid.h"

SPOILED_PLUGIN("bad_null_summary", p.summary = NULL;)
