/* SPDX-License-Identifier: MIT */
/* cli/data_stats.h: `assay data stats`: a whole data set as it lies there, before any suite selects
 * from it. */
#ifndef AS_CLI_DATA_STATS_H
#define AS_CLI_DATA_STATS_H

#include "assay/status.h"
#include "base/arena.h"

/* [main] Arguments behind "stats"; prints to stdout. */
ASSAY_MUST_USE assay_status as_data_stats(as_arena *arena, int argc, char **argv,
                                          assay_error *error);

#endif
