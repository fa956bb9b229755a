/* SPDX-License-Identifier: MIT */
/* How near the work came to what the machine could do, and, of cells that were profiled, where the
 * time of a step went. Definitions: docs/methodology.md. */
#include "report/profile_table.h"
#include "report/sections.h"

#include <math.h>

#include "base/error.h"

/* ---- shares of the peaks --------------------------------------------------------------------- */

static void add_share(as_page *page, const as_row_summary *row, double flops_per_second,
                      double share, const char *field) {
    as_page_cell_plain(page, 1e-9 * flops_per_second);
    as_page_from_row(page, row, "result.json", as_page_print(page, "%s.achieved_per_second", field),
                     "mean over seeds, GFLOP/s");
    as_page_cell_percent(page, share);
    as_page_from_row(page, row, "result.json", as_page_print(page, "%s.share_of_peak_gemm", field),
                     "mean over seeds, %");
}

static void add_peak(as_page *page, const as_row_summary *row, double value, const char *field) {
    as_page_cell_plain(page, 1e-9 * value);
    as_page_from_row(page, row, "result.json", as_page_print(page, "peaks.%s.value", field),
                     "mean over seeds, 1e9 per second");
}

static void add_row(as_page *page, const as_row_summary *row) {
    const as_row_efficiency *e = &row->efficiency;
    as_page_row(page);
    as_page_cell_name(page, row->name);
    add_share(page, row, e->training_flops_per_second, e->training_share, "flops");
    add_share(page, row, e->offline_flops_per_second, e->offline_share, "flops.scenarios.offline");
    add_share(page, row, e->single_stream_flops_per_second, e->single_stream_share,
              "flops.scenarios.single_stream");
    add_peak(page, row, e->peak_gemm, "gemm_flops_per_second");
    add_peak(page, row, e->peak_compute, "compute_flops_per_second");
    add_peak(page, row, e->peak_memory, "memory_bytes_per_second");
}

static bool has_peaks(const as_row_summary *row) {
    return isfinite(row->efficiency.peak_gemm) || isfinite(row->efficiency.peak_compute) ||
           isfinite(row->efficiency.peak_memory);
}

static bool add_shares(as_page *page, const as_section_input *in) {
    static const char *const headings[] = {
        "training GFLOP/s",    "% of matrix peak",     "offline GFLOP/s",
        "% of matrix peak",    "one text GFLOP/s",     "% of matrix peak",
        "matrix peak GFLOP/s", "compute peak GFLOP/s", "memory peak GB/s"};
    bool any = false;
    for (size_t k = 0; k < in->summary->n_complete; k++)
        any = any || has_peaks(&in->summary->rows[k]);
    if (!any)
        return false;
    as_page_section(page, "efficiency", "Efficiency");
    as_page_paragraph(page);
    as_page_text(page, "Operations from the graph, per second, and their share of the rate of "
                       "large matrix products, which was measured between the pieces of the same "
                       "work; beside it multiply-adds in registers and a copy in memory.");
    as_page_table(page, "efficiency", "Work per second beside what the machine could do");
    as_page_column(page, "entry", AS_COLUMN_TEXT);
    for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++)
        as_page_column(page, headings[i], AS_COLUMN_NUMBER);
    for (size_t k = 0; k < in->summary->n_complete; k++)
        if (has_peaks(&in->summary->rows[k]))
            add_row(page, &in->summary->rows[k]);
    return true;
}

/* ---- profiles -------------------------------------------------------------------------------- */

static void add_number(as_page *page, const as_record *record, double value, const char *field,
                       const char *how) {
    as_page_cell_plain(page, value);
    as_page_from_cell(page, record, "profile.json", field, how);
}

static void add_operation(as_page *page, const as_record *record, const as_profile_part *part,
                          const as_profile_operation *o) {
    as_roof roof = as_profile_operation_roof(o);
    double steps = (double)part->steps;
    as_page_row(page);
    as_page_cell_text(page, o->name);
    add_number(page, record, (double)o->calls / steps, "parts.lines.calls", "sum over steps");
    add_number(page, record, 1e3 * o->seconds / steps, "parts.lines.seconds", "sum over steps, ms");
    add_number(page, record, 100 * o->seconds / part->seconds, "parts.lines.share", "sum, %");
    add_number(page, record, o->flops > 0 ? 1e-9 * o->flops / o->seconds : NAN, "parts.lines.flops",
               "over seconds, GFLOP/s");
    add_number(page, record, o->bytes > 0 ? 1e-9 * o->bytes / o->seconds : NAN, "parts.lines.bytes",
               "over seconds, GB/s");
    add_number(page, record, 100 * roof.share, "parts.lines.roof_share", "by seconds, %");
    as_page_cell_text(page, roof.name);
}

static void add_part(as_page *page, const as_record *record, const as_profile *profile,
                     const as_profile_part *part, size_t number) {
    static const char *const headings[] = {"calls",   "ms",   "share %",
                                           "GFLOP/s", "GB/s", "% of its roof"};
    size_t n = 0;
    const as_profile_operation *all = as_profile_operations(page->arena, profile, part, &n);
    if (!all) {
        page->failed = true;
        return;
    }
    as_page_paragraph(page);
    as_page_format(page, "%s: ", part->name);
    as_page_count(page, part->steps);
    as_page_from_cell(page, record, "profile.json", "parts.steps", NULL);
    as_page_text(page, " steps of ");
    as_page_plain(page, 1e3 * part->seconds / (double)part->steps);
    as_page_from_cell(page, record, "profile.json", "parts.seconds", "over steps, ms");
    as_page_text(page, " ms; operations account for ");
    as_page_plain(page, 100 * as_profile_accounted(part));
    as_page_from_cell(page, record, "profile.json", "parts.accounted_share", "%");
    as_page_text(page, " % of them.");
    as_page_table(page, as_page_print(page, "profile-%zu", number), "A step by operation");
    as_page_column(page, "operation", AS_COLUMN_TEXT);
    for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++)
        as_page_column(page, headings[i], AS_COLUMN_NUMBER);
    as_page_column(page, "roof", AS_COLUMN_TEXT);
    for (size_t i = 0; i < n; i++)
        add_operation(page, record, part, &all[i]);
}

static assay_status add_profiles(as_page *page, const as_section_input *in, bool headed,
                                 assay_error *error) {
    size_t number = 0;
    for (size_t i = 0; i < in->run->n_cells; i++) {
        const as_record *record = in->run->cells[i];
        as_profile *profile = NULL;
        assay_error found = ASSAY_ERROR_INIT;
        assay_status status = as_run_profile(in->run, record, &profile, &found);
        if (status == ASSAY_NOT_FOUND)
            continue;
        if (status != ASSAY_OK)
            return assay_fail(error, status, found.where, found.text);
        if (!headed)
            as_page_section(page, "efficiency", "Efficiency");
        headed = true;
        as_page_details(page);
        as_page_text(page, "Profile of ");
        as_page_name(page, record->cell);
        for (size_t p = 0; p < profile->n_parts; p++)
            add_part(page, record, profile, &profile->parts[p], ++number);
        as_page_details_end(page);
        as_profile_free(profile);
    }
    return ASSAY_OK;
}

assay_status as_section_efficiency(as_page *page, const as_section_input *in, assay_error *error) {
    bool headed = add_shares(page, in);
    return add_profiles(page, in, headed, error);
}
