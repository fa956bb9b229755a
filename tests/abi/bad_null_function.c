/* SPDX-License-Identifier: MIT */
/* A graph model without build. */
#include "valid.h"

SPOILED_PLUGIN("bad_null_function", valid_model.build = NULL;)
