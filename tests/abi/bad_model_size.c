/* SPDX-License-Identifier: MIT */
/* An interface shorter than its function. */
#include "valid.h"

SPOILED_PLUGIN("bad_model_size", valid_model.struct_size = 8;)
