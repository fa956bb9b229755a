/* SPDX-License-Identifier: MIT */
/* The section "Peers": one table a group and scenario of cells that took turns. */
#include "report/sections.h"

#include <math.h>
#include <string.h>

#include "report/peers.h"

static const char *about(const char *scenario) {
    static const struct {
        const char *scenario, *text;
    } texts[] = {{"offline", "all texts, sorted by length"},
                 {"arrival", "all texts, in batches as they come"},
                 {"single_stream", "one text at a time"},
                 {"one_text", "one text of 128 tokens at a time"},
                 {"training", "optimizer steps"}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(texts[i].scenario, scenario) == 0)
            return texts[i].text;
    return scenario;
}

/* "1.12 (1.10 to 1.15)". */
static void add_interval(as_page *page, const as_record *from, as_figure figure, double scale,
                         const char *how) {
    as_page_cell(page);
    if (!isfinite(figure.value)) {
        as_page_text(page, NULL);
        return;
    }
    as_page_plain(page, scale * figure.value);
    as_page_from_cell(page, from, "result.json", "interleaved.blocks", how);
    if (!isfinite(figure.low) || !isfinite(figure.high))
        return;
    as_page_text(page, " (");
    as_page_plain(page, scale * figure.low);
    as_page_from_cell(page, from, "result.json", "interleaved.blocks", how);
    as_page_text(page, " to ");
    as_page_plain(page, scale * figure.high);
    as_page_from_cell(page, from, "result.json", "interleaved.blocks", how);
    as_page_text(page, ")");
}

static void add_row(as_page *page, const as_peer_table *t, const as_peer_row *row) {
    as_page_row(page);
    as_page_cell_name(page, row->name);
    if (!row->record) {
        as_page_cell_text(page, row->problem ? row->problem : "not measured");
        as_page_row_problem(page);
        return;
    }
    as_page_cell_name(page, row->record->entry);
    if (row->n_tried > 1)
        as_page_format(page, ", best of %zu", row->n_tried);
    if (row->is_other)
        as_page_text(page, ", another computation");
    as_page_cell_text(page, row->record->backend.libraries ? row->record->backend.libraries
                                                           : row->record->backend.id);
    as_page_cell_count(page, row->batch);
    as_page_from_cell(page, row->record, "result.json", "interleaved.blocks", "batch");
    add_interval(page, row->record, row->speed, 1, "median over rounds");
    if (row->record == t->base)
        as_page_cell_text(page, "base");
    else
        add_interval(page, row->record, row->ratio, 1, "median over rounds, paired with the base");
    add_interval(page, row->record, row->share_of_gemm, 100, "per cent, median over rounds");
    add_interval(page, row->record, row->share_of_compute, 100, "per cent, median over rounds");
}

static void add_table(as_page *page, const as_peer_table *t) {
    const char *title = as_page_print(
        page, "%s %s, %s: %s; %d rounds, %d threads", t->base->entry, t->base->dtype, t->scenario,
        about(t->scenario), (int)t->base->interleaved.rounds, (int)t->base->backend.threads);
    as_page_paragraph(page);
    as_page_strong(page, title);
    as_page_table(page,
                  as_page_print(page, "peers-%s-%s-%llu-%s", t->base->entry, t->base->dtype,
                                (unsigned long long)t->base->seed, t->scenario),
                  title);
    as_page_column(page, "program", AS_COLUMN_TEXT);
    as_page_column(page, "entry", AS_COLUMN_TEXT);
    as_page_column(page, "computes with", AS_COLUMN_TEXT);
    as_page_column(page, "batch", AS_COLUMN_NUMBER);
    as_page_column(page, t->is_latency ? "ms" : "real tokens/s", AS_COLUMN_NUMBER);
    as_page_column(page, "base is × as fast", AS_COLUMN_NUMBER);
    as_page_column(page, "% of peak gemm", AS_COLUMN_NUMBER);
    as_page_column(page, "% of peak compute", AS_COLUMN_NUMBER);
    for (size_t i = 0; i < t->n_rows; i++)
        add_row(page, t, &t->rows[i]);
}

static void add_peaks(as_page *page, const as_peer_table *t) {
    if (!isfinite(t->peak_gemm.value))
        return;
    as_page_paragraph(page);
    as_page_format(page, "Peaks while %s %s took its turns in %s: gemm ", t->base->entry,
                   t->base->dtype, t->scenario);
    as_page_plain(page, t->peak_gemm.value * 1e-9);
    as_page_from_cell(page, t->base, "result.json", "interleaved.blocks", "GFLOP/s, median");
    as_page_text(page, ", compute ");
    as_page_plain(page, t->peak_compute.value * 1e-9);
    as_page_from_cell(page, t->base, "result.json", "interleaved.blocks", "GFLOP/s, median");
    as_page_text(page, " GFLOP/s.");
}

assay_status as_section_peers(as_page *page, const as_section_input *in, assay_error *error) {
    as_peer_table *tables = NULL;
    size_t n = 0;
    assay_status status = as_peers_summarise(page->arena, in->run, &tables, &n, error);
    if (status != ASSAY_OK || n == 0)
        return status;
    as_page_section(page, "peers", "Peers");
    as_page_paragraph(page);
    as_page_text(page,
                 "Blocks measured in turn, A B C A B C, all programs alive at once and asleep "
                 "when it isn't their turn; a block is the same texts in every round and "
                 "program. Ratios are taken round by round; shown are medians with 95 % "
                 "intervals between order statistics. Of each program the entry that was "
                 "fastest stands here. Operations are those of the real tokens.");
    for (size_t i = 0; i < n; i++) {
        add_table(page, &tables[i]);
        add_peaks(page, &tables[i]);
    }
    return ASSAY_OK;
}
