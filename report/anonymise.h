/* SPDX-License-Identifier: MIT */
/* report/anonymise.h: a page for blind review. */
#ifndef AS_REPORT_ANONYMISE_H
#define AS_REPORT_ANONYMISE_H

#include "report/page.h"

/* [any] Takes out of every text of the page: absolute paths (only their last part stays), the
 * names of host and user where the run's environment has them, and of the machine this runs on;
 * adds a section that lists what was removed and how often. */
void as_page_anonymise(as_page *page, as_run *const *runs, size_t n_runs);

#endif
