/* SPDX-License-Identifier: MIT */
/* Calls itself otherwise than its file. */
#include "valid.h"

SPOILED_PLUGIN("bad_id", p.id = "another";)
