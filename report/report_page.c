/* SPDX-License-Identifier: MIT */
/* The whole report as a page: which sections, in which order. A reader asks: what came out, can I
 * believe it, where is it wrong, what was it made of, how do I repeat it. */
#include "base/error.h"
#include "report/anonymise.h"
#include "report/figures.h"

/* Those of the whole comparison; classes and confusions stand with their tables. */
static assay_status add_figures(as_page *page, const as_section_input *in, assay_error *error) {
    if (in->summary->n_complete == 0)
        return ASSAY_OK;
    page->with_pictures = true;
    as_page_section(page, "figures", "Figures");
    page->with_pictures = false;
    as_figure_costs(page, in);
    assay_status status = as_figure_differences(page, in, error);
    as_figure_seeds(page, in);
    as_figure_curves(page, in);
    if (status == ASSAY_OK)
        status = as_figure_latency(page, in, error);
    return status == ASSAY_OK ? as_figure_profiles(page, in, error) : status;
}

static assay_status add_run(as_page *page, const as_section_input *in, assay_error *error) {
    as_section_title(page, in);
    assay_status status = as_section_warnings(page, in, error);
    if (status == ASSAY_OK)
        status = as_section_comparison(page, in, error);
    if (status == ASSAY_OK)
        status = as_section_peers(page, in, error);
    if (status != ASSAY_OK)
        return status;
    as_section_failures(page, in);
    as_section_notes(page, in);
    if (!in->options->no_figures)
        status = add_figures(page, in, error);
    if (status == ASSAY_OK)
        status = as_section_pairs(page, in, error);
    as_section_costs(page, in);
    as_section_classes(page, in);
    if (!in->options->no_figures)
        as_figure_classes(page, in);
    as_section_confusions(page, in);
    if (!in->options->no_figures)
        as_figure_confusions(page, in);
    if (status == ASSAY_OK)
        status = as_section_errors(page, in, error);
    if (status == ASSAY_OK)
        status = as_section_attention(page, in, error);
    as_section_convergence(page, in);
    as_section_curves(page, in);
    as_section_grids(page, in);
    as_section_data(page, in);
    if (status == ASSAY_OK)
        status = as_section_published(page, in, error);
    as_section_models(page, in);
    if (status == ASSAY_OK)
        status = as_section_shapes(page, in, error);
    if (status == ASSAY_OK)
        status = as_section_efficiency(page, in, error);
    as_section_equivalence(page, in);
    as_section_environment(page, in);
    as_section_methods(page, in);
    return status;
}

static assay_status make_page(as_arena *arena, const as_report_input *input, as_page *ret_page,
                              assay_error *error) {
    as_page page = as_page_new(arena);
    assay_status status = ASSAY_OK;
    if (input->n_runs > 1)
        as_section_runs(&page, input);
    for (size_t i = 0; i < input->n_runs && status == ASSAY_OK; i++) {
        const as_section_input in = {input->runs[i], &input->summaries[i], &input->options};
        page.run = i;
        page.digits = as_report_digits(input->runs[i], input->options.digits);
        page.prefix = input->n_runs > 1 ? as_page_print(&page, "run%zu-", i + 1) : "";
        status = add_run(&page, &in, error);
    }
    if (status == ASSAY_OK && input->options.anonymous)
        as_section_removed(&page, input->options.anonymiser);
    if (status == ASSAY_OK && page.failed)
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the report");
    if (status == ASSAY_OK)
        *ret_page = page;
    return status;
}

/* ---- once for all documents ------------------------------------------------------------------ */

struct as_page_store {
    as_arena *arena;
    as_page page;
    bool made;
};

as_page_store *as_page_store_new(as_arena *arena) {
    as_page_store *store = as_arena_alloc(arena, sizeof *store);
    if (store)
        *store = (as_page_store){.arena = arena};
    return store;
}

assay_status as_report_page_of(const as_report_input *input, const as_page **ret_page,
                               assay_error *error) {
    as_page_store *store = input->store;
    if (!store->made) {
        assay_status status = make_page(store->arena, input, &store->page, error);
        if (status != ASSAY_OK)
            return status;
        store->made = true;
    }
    *ret_page = &store->page;
    return ASSAY_OK;
}
