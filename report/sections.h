/* SPDX-License-Identifier: MIT */
/* report/sections.h: the parts of a run's report, each appended to a page (report/page.h). They
 * compute and arrange; how it looks is the renderers' affair. */
#ifndef AS_REPORT_SECTIONS_H
#define AS_REPORT_SECTIONS_H

#include "report/document.h"
#include "report/page.h"

/* What the sections of one run are made of. */
typedef struct as_section_input {
    const as_run *run;
    const as_summary *summary;
    const as_report_options *options;
} as_section_input;

/* Of a run with more entries, what is told of each at length (classes in full, matrices, epochs,
 * curves) is told of so many, the best by accuracy; where that is so the page says it. What did not
 * end well is told of as many more. */
enum { AS_MOST_DETAILED = 16 };

/* [any] Is the row of these? */
bool as_is_detailed(const as_summary *summary, size_t row);

/* [any] A paragraph that says so, where there are others: `where` they are to be found. */
void as_page_say_detailed(as_page *page, const as_summary *summary, const char *where);

/* [any] A figure's caption with a sentence that says so, where there are others. */
const char *as_detailed_caption(as_page *page, const as_summary *summary, const char *caption);

/* [any] Title, state and two sentences; warnings; the main table; cells without figures; notes. */
void as_section_title(as_page *page, const as_section_input *in);
ASSAY_MUST_USE assay_status as_section_warnings(as_page *page, const as_section_input *in,
                                                assay_error *error);
ASSAY_MUST_USE assay_status as_section_comparison(as_page *page, const as_section_input *in,
                                                  assay_error *error);
/* [any] INVALID_ARGUMENT names the first that is no column of the main table. */
ASSAY_MUST_USE assay_status as_check_columns(const char *const *names, size_t n, const char *where,
                                             assay_error *error);
void as_section_failures(as_page *page, const as_section_input *in);
void as_section_notes(as_page *page, const as_section_input *in);

/* [any] Cells that took turns, round by round: report/peers.h. */
ASSAY_MUST_USE assay_status as_section_peers(as_page *page, const as_section_input *in,
                                             assay_error *error);

/* [any] */
void as_section_grids(as_page *page, const as_section_input *in);
void as_section_classes(as_page *page, const as_section_input *in);
void as_section_confusions(as_page *page, const as_section_input *in);

/* A class taken for another. */
typedef struct as_confused {
    int32_t label, predicted;
    int64_t count;
} as_confused;

/* [any] The commonest of them, at most `most`, by falling count; returns how many. */
size_t as_commonest_confusions(const as_scores *scores, as_confused *list, size_t most);

/* [any] One section of the page each, of the runs and rows in `in`. */
void as_section_convergence(as_page *page, const as_section_input *in);
void as_section_curves(as_page *page, const as_section_input *in);
void as_section_models(as_page *page, const as_section_input *in);
void as_section_data(as_page *page, const as_section_input *in);
void as_section_equivalence(as_page *page, const as_section_input *in);
/* [any] Each model's graph node by node. BAD_DATA for a graph.json that is none. */
ASSAY_MUST_USE assay_status as_section_shapes(as_page *page, const as_section_input *in,
                                              assay_error *error);
/* [any] Shares of the machine's limits, and profiles. BAD_DATA for a profile that is none. */
ASSAY_MUST_USE assay_status as_section_efficiency(as_page *page, const as_section_input *in,
                                                  assay_error *error);
void as_section_environment(as_page *page, const as_section_input *in);
void as_section_methods(as_page *page, const as_section_input *in);

/* [any] Entry against entry; what an entry costs in multiples of the best one's. */
ASSAY_MUST_USE assay_status as_section_pairs(as_page *page, const as_section_input *in,
                                             assay_error *error);
void as_section_costs(as_page *page, const as_section_input *in);

/* [any] The most confident errors, the commonest confusions with an example of each, texts that
 * entries answer differently, texts that none gets right. Nothing with AS_TEXTS_NONE; with
 * AS_TEXTS_FULL the texts themselves. */
ASSAY_MUST_USE assay_status as_section_errors(as_page *page, const as_section_input *in,
                                              assay_error *error);

/* [any] Which tokens models attend to, of cells that left attention.json: the texts shaded with
 * AS_TEXTS_FULL, else the weights of their tokens; nothing with AS_TEXTS_NONE. BAD_DATA for a file
 * that is none. */
ASSAY_MUST_USE assay_status as_section_attention(as_page *page, const as_section_input *in,
                                                 assay_error *error);

/* [any] Of several runs: the entries of all of them, and their ranks across data sets. */
void as_section_runs(as_page *page, const as_report_input *input);

/* [any] The figures of the study that the suite's report.published names, beside ours; nothing
 * where it names none. Errors: those of as_published_load. */
ASSAY_MUST_USE assay_status as_section_published(as_page *page, const as_section_input *in,
                                                 assay_error *error);

/* [any] All of it, for every run of the input, in the order of a reader's questions; made once for
 * all documents of the input; it lives as long as the input's arena.
 */
typedef struct as_page_store as_page_store;
as_page_store *as_page_store_new(as_arena *arena); /* NULL: no memory */
ASSAY_MUST_USE assay_status as_report_page_of(const as_report_input *input,
                                              const as_page **ret_page, assay_error *error);

#endif
