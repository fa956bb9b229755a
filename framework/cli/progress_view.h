/* SPDX-License-Identifier: MIT */
/* cli/progress_view.h: a run's progress on stderr. On a terminal finished cells scroll and one live
 * line stays last, at most ten times a second; elsewhere finished lines only, and a sign of life
 * after a minute of silence. */
#ifndef AS_CLI_PROGRESS_VIEW_H
#define AS_CLI_PROGRESS_VIEW_H

#include "cell/run.h"

typedef struct as_progress_view as_progress_view;

/* [main] NULL when out of memory. quiet: nothing is shown. */
as_progress_view *as_progress_view_new(const as_suite *suite, bool quiet);
/* [main] The listener to hand to as_run_suite. */
as_run_listener as_progress_view_listener(as_progress_view *view);
/* [main] Clears the live line. NULL allowed. */
void as_progress_view_free(as_progress_view *view);

/* [any] "41 s", "3 min 12 s", "2 h 5 min". */
void as_seconds_text(double seconds, char *text, size_t size);

#endif
