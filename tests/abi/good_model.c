/* SPDX-License-Identifier: MIT */
/* Nothing is wrong here: shows that what the others fail for is what they spoil. */
#include "valid.h"

/* The braces keep the macro's last argument from being empty. */
SPOILED_PLUGIN("good_model", {})
