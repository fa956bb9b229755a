/* SPDX-License-Identifier: MIT */
/* A text option with a default other than the empty text. */
#include "valid.h"

SPOILED_PLUGIN("bad_option_text_default", valid_table[0].kind = ASSAY_OPTION_KIND_TEXT;)
