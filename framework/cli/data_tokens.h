/* SPDX-License-Identifier: MIT */
/* cli/data_tokens.h: `assay data tokens`, for cmd_data.c. */
#ifndef AS_CLI_DATA_TOKENS_H
#define AS_CLI_DATA_TOKENS_H

#include "assay/status.h"
#include "base/arena.h"

/* [main] Arguments behind "tokens"; prints to stdout. */
ASSAY_MUST_USE assay_status as_data_tokens(as_arena *arena, int argc, char **argv,
                                           assay_error *error);

#endif
