/* SPDX-License-Identifier: MIT */
/* report/figures.h: a run's figures as plots on its page (report/plot.h), one per question that a
 * reader has. Each adds nothing where the run has nothing for it. */
#ifndef AS_REPORT_FIGURES_H
#define AS_REPORT_FIGURES_H

#include "report/plot.h"
#include "report/sections.h"

/* Beyond so many entries an overlay becomes several panels, and matrices are drawn of the first so
 * many entries only. */
enum { AS_MOST_OVERLAID = 8, AS_MOST_MATRICES = 12 };

/* [any] Is an entry worth its cost? Is a difference real? Do the seeds agree? */
void as_figure_costs(as_page *page, const as_section_input *in);
ASSAY_MUST_USE assay_status as_figure_differences(as_page *page, const as_section_input *in,
                                                  assay_error *error);
void as_figure_seeds(as_page *page, const as_section_input *in);

/* [any] Was it trained well? By epoch, an entry a panel; by step, entries over each other. */
void as_figure_curves(as_page *page, const as_section_input *in);

/* [any] Where is it wrong? */
void as_figure_classes(as_page *page, const as_section_input *in);
void as_figure_confusions(as_page *page, const as_section_input *in);

/* [any] Where does the time of a step go? Errors: those of as_profile_read. */
ASSAY_MUST_USE assay_status as_figure_profiles(as_page *page, const as_section_input *in,
                                               assay_error *error);

/* [any] How steady is it? How long are the texts? */
ASSAY_MUST_USE assay_status as_figure_latency(as_page *page, const as_section_input *in,
                                              assay_error *error);

#endif
