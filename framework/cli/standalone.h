/* SPDX-License-Identifier: MIT */
/* cli/standalone.h: a report's LaTeX parts made into a PDF. */
#ifndef AS_CLI_STANDALONE_H
#define AS_CLI_STANDALONE_H

#include "assay/status.h"

/* [main] Makes FOLDER/report.pdf of FOLDER/report.tex by pdflatex and bibtex: without a shell, with
 * a limit of time, in a whitelisted environment; what they leave beside it is removed. The same
 * parts give the same bytes; `epoch`: seconds since 1970 that stand in the file as its date.
 * UNAVAILABLE: one of them is not installed; IO: with LaTeX's words. */
ASSAY_MUST_USE assay_status as_standalone_pdf(const char *folder, long long epoch,
                                              assay_error *error);

#endif
