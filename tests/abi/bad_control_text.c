/* SPDX-License-Identifier: MIT */
/* An escape sequence in the summary. */
#include "valid.h"

SPOILED_PLUGIN("bad_control_text", p.summary = "\033[2Jgone";)
