/* SPDX-License-Identifier: MIT */
/* report/grids.h: which point of an entry's grid a report shows: the best by the mean over seeds of
 * a validation figure, ties to the first. Test figures take no part, and those of the other points
 * are shown nowhere. */
#ifndef AS_REPORT_GRIDS_H
#define AS_REPORT_GRIDS_H

#include <stdio.h>

#include "report/aggregate.h"

/* [any] Takes the points that were not selected out of summary->rows and lists the grids. To be
 * called when rows have their problems and validation figures, before they are ordered. */
ASSAY_MUST_USE assay_status as_select_points(as_arena *arena, as_summary *summary,
                                             assay_error *error);

/* [any] Is it a cell of a point that was not selected? Its warnings may hold test figures. */
bool as_is_passed_over(const as_summary *summary, const as_record *record);

/* [any] The grids as lines for the terminal. */
void as_grids_print(const as_summary *summary, FILE *stream, int width);

#endif
