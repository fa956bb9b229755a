/* SPDX-License-Identifier: MIT */
/* No get_interface. */
#include "valid.h"

SPOILED_PLUGIN("bad_null_interface", p.get_interface = NULL;)
