/* SPDX-License-Identifier: MIT */
/* report/verify_figures.h: figures that stand as files beside a document are drawn again. */
#ifndef AS_REPORT_VERIFY_FIGURES_H
#define AS_REPORT_VERIFY_FIGURES_H

#include "report/document.h"
#include "results/verify/verify.h"

/* [main] The files in folder/figures must be those that gnuplot draws of the input, byte for byte,
 * which needs the gnuplot that drew them. latex: those of the paper's parts (pdf), of which none
 * may be missing; else of those of --figures that are there. Adds findings; errors: those of
 * drawing. */
ASSAY_MUST_USE assay_status as_verify_figures(const as_report_input *input, const char *folder,
                                              bool latex, as_verification *verification,
                                              assay_error *error);

#endif
