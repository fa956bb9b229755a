/* SPDX-License-Identifier: MIT */
/* report/anonymise.h: reports for blind review. What gives an author away is taken out of a run's
 * texts while they are read (as_run_filter), so no format can have it:
 *
 *     as_anonymiser *anonymiser = as_anonymiser_new(arena);
 *     as_anonymiser_learn(anonymiser, folder);                       each run, before any is read
 *     const as_run_filter filter = as_anonymiser_filter(anonymiser);
 *     status = as_run_read_as(folder, AS_RAW_ANSWERS, &filter, &run, error);
 *
 * Removed are absolute paths, of which the last part stays, and the names of hosts and users: of
 * the run's environment, of home folders in its paths, and of the machine and user that make the
 * report. Texts of a data set (--texts full) are its authors' and stay as they are. */
#ifndef AS_REPORT_ANONYMISE_H
#define AS_REPORT_ANONYMISE_H

#include "report/page.h"

typedef struct as_anonymiser as_anonymiser;

/* [any] Knows the names of this machine and user. NULL: no memory. */
as_anonymiser *as_anonymiser_new(as_arena *arena);

/* [any] Also those that a run's run.json and the way to it tell; a run that cannot be read tells
 * none. */
void as_anonymiser_learn(as_anonymiser *anonymiser, const char *folder);

/* [any] For as_run_read_as; counts what it removes. */
as_run_filter as_anonymiser_filter(as_anonymiser *anonymiser);

/* [any] The section that lists what was removed and how often; NULL: nothing is known of it. */
void as_section_removed(as_page *page, const as_anonymiser *anonymiser);

#endif
