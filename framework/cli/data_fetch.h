/* SPDX-License-Identifier: MIT */
/* cli/data_fetch.h: `assay data fetch`, for cmd_data.c. */
#ifndef AS_CLI_DATA_FETCH_H
#define AS_CLI_DATA_FETCH_H

#include "assay/status.h"
#include "base/arena.h"

/* [main] Arguments behind "fetch". */
ASSAY_MUST_USE assay_status as_data_fetch(as_arena *arena, int argc, char **argv,
                                          assay_error *error);

#endif
