/* SPDX-License-Identifier: MIT */
/* Says it was built for the next major version. */
#include "valid.h"

SPOILED_PLUGIN("bad_wrong_major", p.abi_major = ASSAY_ABI_MAJOR + 1;)
