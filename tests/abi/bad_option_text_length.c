/* SPDX-License-Identifier: MIT */
/* A text option that may be longer than any text is. */
#include "valid.h"

SPOILED_PLUGIN("bad_option_text_length", valid_table[0].kind = ASSAY_OPTION_KIND_TEXT;
               valid_table[0].default_value = 0; valid_table[0].maximum = 1e9;)
