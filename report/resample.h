/* SPDX-License-Identifier: MIT */
/* report/resample.h: the bootstrap over texts and seeds (docs/methodology.md) for all rows of a
 * summary at once: rows of equally many texts and seeds draw the same resamples, so that two of
 * them can be compared draw by draw. */
#ifndef AS_REPORT_RESAMPLE_H
#define AS_REPORT_RESAMPLE_H

#include "report/aggregate.h"

/* [any] Of every complete row that has all its predictions: `right` and `f1_resampled`; of those
 * with several seeds also the intervals of its scores. */
ASSAY_MUST_USE assay_status as_resample_rows(as_arena *arena, as_summary *summary,
                                             assay_error *error);

#endif
