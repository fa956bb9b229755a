/* SPDX-License-Identifier: MIT */
/* Needs a minor version that this host lacks. */
#include "valid.h"

SPOILED_PLUGIN("bad_newer_minor", p.abi_minor = ASSAY_ABI_MINOR + 1;)
