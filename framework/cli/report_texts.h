/* SPDX-License-Identifier: MIT */
/* cli/report_texts.h: the texts that a report shows with --texts full, from the data sets that the
 * runs were made of. The report itself knows no data (report/document.h has a hook for it). */
#ifndef AS_CLI_REPORT_TEXTS_H
#define AS_CLI_REPORT_TEXTS_H

#include "report/document.h"

typedef struct as_report_texts as_report_texts;

/* [main] `path`: where the data set lies now, in place of the suite's data.path (NULL: that);
 * data_dir as in as_prepare. NULL: no memory. */
as_report_texts *as_report_texts_new(as_arena *arena, const char *path, const char *data_dir);

/* [main] Sets the hooks. Their errors: NOT_FOUND, the data is not on this machine; BAD_DATA, its
 * content is another than the record's. */
void as_report_texts_use(as_report_texts *texts, as_report_options *options);

#endif
