/* SPDX-License-Identifier: MIT */
/* report/verify_document.h: is a report what its runs say? A document is made again from the runs
 * and with the options that its side file names, and must be the same byte for byte, and so must
 * the side file. What differs is told with the number's place and source. */
#ifndef AS_REPORT_VERIFY_DOCUMENT_H
#define AS_REPORT_VERIFY_DOCUMENT_H

#include "report/document.h"
#include "results/verify/verify.h"

/* [any] Adds to the verification: findings of the document at `path` and of its runs. `runs`, where
 * n_runs > 0, stand in place of the side file's paths, in its order. Of `own` this program's
 * version and the hooks for texts are used; the rest the side file says. Errors: there is no side
 * file, or it cannot be used; those of own->open_texts. */
ASSAY_MUST_USE assay_status as_verify_document(const char *path, const char *const *runs,
                                               size_t n_runs, const as_report_options *own,
                                               as_verification *verification, assay_error *error);

/* [any] The side file's path, to be freed: PATH.sources.json. */
char *as_sources_path(const char *path);

#endif
