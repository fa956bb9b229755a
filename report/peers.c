/* SPDX-License-Identifier: MIT */
/* Cells that took turns, by round. Definitions: report/peers.h, docs/methodology.md. */
#include "report/peers.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "report/aggregate.h"
#include "report/text_table.h"

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the peers");
}

static bool is_latency(const char *scenario) {
    return strcmp(scenario, "single_stream") == 0 || strcmp(scenario, "one_text") == 0;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static const as_timed_block *find_block(const as_record *r, const char *scenario, int32_t round) {
    for (size_t i = 0; i < r->interleaved.n_blocks; i++)
        if (r->interleaved.blocks[i].round == round &&
            strcmp(r->interleaved.blocks[i].scenario, scenario) == 0)
            return &r->interleaved.blocks[i];
    return NULL;
}

typedef double (*of_rounds)(const as_timed_block *own, const as_timed_block *base);

static double speed(const as_timed_block *own, const as_timed_block *base) {
    (void)base;
    return is_latency(own->scenario) ? own->median_ms : (double)own->tokens / own->seconds;
}

/* How many times as fast the base is. */
static double ratio(const as_timed_block *own, const as_timed_block *base) {
    double x = speed(own, NULL), y = speed(base, NULL);
    return is_latency(own->scenario) ? x / y : y / x;
}

/* The work of a block is the same in every cell, so the base's operations are everybody's. */
static double rate(const as_timed_block *own, const as_timed_block *base) {
    return (double)own->tokens / own->seconds * (base->flops / (double)base->tokens);
}

static double share_of_gemm(const as_timed_block *own, const as_timed_block *base) {
    return rate(own, base) / base->peak_gemm;
}

static double share_of_compute(const as_timed_block *own, const as_timed_block *base) {
    return rate(own, base) / base->peak_compute;
}

static double peak_gemm(const as_timed_block *own, const as_timed_block *base) {
    (void)base;
    return own->peak_gemm;
}

static double peak_compute(const as_timed_block *own, const as_timed_block *base) {
    (void)base;
    return own->peak_compute;
}

/* Median over the rounds that both cells have; all NaN without a finite one. */
static assay_status over_rounds(as_arena *arena, const as_record *own, const as_record *base,
                                const char *scenario, of_rounds of, as_figure *ret_figure,
                                assay_error *error) {
    size_t n = 0;
    double *values =
        as_arena_alloc_array(arena, (size_t)own->interleaved.rounds + 1, sizeof *values);
    if (!values)
        return no_memory(error);
    for (int32_t round = 1; round <= own->interleaved.rounds; round++) {
        const as_timed_block *x = find_block(own, scenario, round);
        const as_timed_block *y = find_block(base, scenario, round);
        double value = x && y ? of(x, y) : NAN;
        if (isfinite(value))
            values[n++] = value;
    }
    as_sort_doubles(values, n);
    *ret_figure = n ? as_percentile(values, n, 0.5) : as_figure_point(NAN);
    return ASSAY_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static bool has_scenario(const as_record *r, const char *scenario) {
    return r->status == AS_CELL_OK && find_block(r, scenario, 1);
}

static assay_status fill_row(as_arena *arena, const as_record *own, const as_record *base,
                             const char *scenario, as_peer_row *row, assay_error *error) {
    struct {
        of_rounds of;
        as_figure *to;
    } const figures[] = {{speed, &row->speed},
                         {ratio, &row->ratio},
                         {share_of_gemm, &row->share_of_gemm},
                         {share_of_compute, &row->share_of_compute}};
    assay_status status = ASSAY_OK;
    row->record = own;
    row->batch = find_block(own, scenario, 1)->batch;
    row->is_other = own->peer.of && !own->peer.same_logits;
    for (size_t i = 0; status == ASSAY_OK && i < sizeof figures / sizeof figures[0]; i++)
        status = over_rounds(arena, own, base, scenario, figures[i].of, figures[i].to, error);
    if (own == base)
        row->ratio = as_figure_point(NAN);
    return status;
}

/* Is a cell a member of the base's group? A cell that failed before its blocks has none, but is a
 * peer of the base's entry. */
static bool is_member(const as_record *r, const as_record *base) {
    for (size_t i = 0; i < base->interleaved.n_cells; i++)
        if (r->cell && strcmp(base->interleaved.cells[i], r->cell) == 0)
            return true;
    return false;
}

static as_peer_row *find_program(as_peer_table *table, const char *name) {
    for (size_t i = 0; i < table->n_rows; i++)
        if (!table->rows[i].is_own && strcmp(table->rows[i].name, name) == 0)
            return &table->rows[i];
    return NULL;
}

/* A peer's cell: a row of its own, or a better or another try of its program's. */
static assay_status add_peer(as_arena *arena, const as_record *r, as_peer_table *table,
                             assay_error *error) {
    as_peer_row *row = find_program(table, r->peer.program), found = {.name = r->peer.program};
    if (!row) {
        row = &table->rows[table->n_rows++];
        *row = found;
    }
    row->n_tried++;
    if (!has_scenario(r, table->scenario)) {
        if (!row->record)
            row->problem = r->status == AS_CELL_OK ? "cannot do this" : r->reason;
        return ASSAY_OK;
    }
    assay_status status = fill_row(arena, r, table->base, table->scenario, &found, error);
    if (status != ASSAY_OK)
        return status;
    found.n_tried = row->n_tried;
    if (!row->record || (table->is_latency ? found.speed.value < row->speed.value
                                           : found.speed.value > row->speed.value))
        *row = found;
    return ASSAY_OK;
}

static const char *own_name(as_arena *arena, const as_record *r) {
    char name[200];
    snprintf(name, sizeof name, "%.100s, assay %.60s", r->entry,
             r->backend.id ? r->backend.id : "");
    return as_arena_strdup(arena, name);
}

static assay_status fill_table(as_arena *arena, const as_run *run, as_peer_table *table,
                               assay_error *error) {
    assay_status status = ASSAY_OK;
    if (!(table->rows = as_arena_alloc_array(arena, run->n_cells, sizeof *table->rows)))
        return no_memory(error);
    for (size_t i = 0; status == ASSAY_OK && i < run->n_cells; i++) {
        const as_record *r = run->cells[i];
        if (!is_member(r, table->base) || r->peer.of || !has_scenario(r, table->scenario))
            continue;
        as_peer_row *row = &table->rows[table->n_rows++];
        *row = (as_peer_row){.name = own_name(arena, r), .n_tried = 1, .is_own = true};
        if (!row->name)
            return no_memory(error);
        status = fill_row(arena, r, table->base, table->scenario, row, error);
    }
    for (size_t i = 0; status == ASSAY_OK && i < run->n_cells; i++)
        if (is_member(run->cells[i], table->base) && run->cells[i]->peer.of)
            status = add_peer(arena, run->cells[i], table, error);
    if (status == ASSAY_OK)
        status = over_rounds(arena, table->base, table->base, table->scenario, peak_gemm,
                             &table->peak_gemm, error);
    if (status == ASSAY_OK)
        status = over_rounds(arena, table->base, table->base, table->scenario, peak_compute,
                             &table->peak_compute, error);
    return status;
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* The first of assay's own cells of a group that has the scenario. */
static bool is_base(const as_run *run, size_t i, const char *scenario) {
    const as_record *r = run->cells[i];
    if (r->peer.of || r->interleaved.rounds < 1 || !has_scenario(r, scenario))
        return false;
    for (size_t k = 0; k < i; k++)
        if (!run->cells[k]->peer.of && has_scenario(run->cells[k], scenario) &&
            is_member(run->cells[k], r))
            return false;
    return true;
}

assay_status as_peers_summarise(as_arena *arena, const as_run *run, as_peer_table **ret_tables,
                                size_t *ret_n, assay_error *error) {
    static const char *const scenarios[] = {"offline", "arrival", "single_stream", "one_text",
                                            "training"};
    enum { N_SCENARIOS = sizeof scenarios / sizeof scenarios[0] };
    size_t n = 0;
    assay_status status = ASSAY_OK;
    as_peer_table *tables = as_arena_alloc_array(arena, run->n_cells * N_SCENARIOS, sizeof *tables);
    if (!tables)
        return no_memory(error);
    for (size_t i = 0; i < run->n_cells; i++)
        for (size_t s = 0; status == ASSAY_OK && s < N_SCENARIOS; s++) {
            if (!is_base(run, i, scenarios[s]))
                continue;
            tables[n] = (as_peer_table){.base = run->cells[i],
                                        .scenario = scenarios[s],
                                        .is_latency = is_latency(scenarios[s])};
            status = fill_table(arena, run, &tables[n], error);
            if (tables[n].n_rows > 1)
                n++;
        }
    *ret_tables = tables;
    *ret_n = n;
    return status;
}

/* ---- for the terminal ------------------------------------------------------------------------ */

enum { N_COLUMNS = 5 };

static assay_status print_one(as_arena *arena, const as_peer_table *t, int digits, FILE *stream,
                              int width, bool ascii, assay_error *error) {
    const char *headings[N_COLUMNS] = {t->is_latency ? "ms" : "tokens/s", "batch", "base is x",
                                       "% of gemm", "% of compute"};
    as_table_row *rows = as_arena_alloc_array(arena, t->n_rows, sizeof *rows);
    as_number *numbers = as_arena_alloc_array(arena, t->n_rows * N_COLUMNS, sizeof *numbers);
    if (!rows || !numbers)
        return no_memory(error);
    for (size_t i = 0; i < t->n_rows; i++) {
        const as_peer_row *from = &t->rows[i];
        as_number *to = numbers + i * N_COLUMNS;
        to[0] = as_number_figure(from->speed, 1, digits);
        to[1] = as_number_count(from->batch);
        to[2] = as_number_figure(from->ratio, 1, digits);
        to[3] = as_number_figure(from->share_of_gemm, 100, digits);
        to[4] = as_number_figure(from->share_of_compute, 100, digits);
        rows[i] = (as_table_row){from->record == t->base ? "*"
                                 : from->is_other        ? "o"
                                                         : " ",
                                 from->name, from->record ? to : NULL,
                                 from->record ? NULL : from->problem};
    }
    fprintf(stream, "\n%s %s, %s, %d rounds in turn", t->base->entry, t->base->dtype, t->scenario,
            (int)t->base->interleaved.rounds);
    if (isfinite(t->peak_gemm.value))
        fprintf(stream, "; peaks: gemm %s, compute %s GFLOP/s",
                as_number_plain(t->peak_gemm.value * 1e-9).value,
                as_number_plain(t->peak_compute.value * 1e-9).value);
    fputs("\n", stream);
    const as_table table = {headings, N_COLUMNS, rows, t->n_rows, width, ascii};
    (void)as_table_print(&table, stream);
    return ASSAY_OK;
}

assay_status as_peers_print(as_arena *arena, const as_run *run, FILE *stream, int width, bool ascii,
                            assay_error *error) {
    as_peer_table *tables = NULL;
    size_t n = 0;
    assay_status status = as_peers_summarise(arena, run, &tables, &n, error);
    for (size_t i = 0; status == ASSAY_OK && i < n; i++)
        status =
            print_one(arena, &tables[i], as_report_digits(run, 0), stream, width, ascii, error);
    if (status == ASSAY_OK && n)
        as_print_wrapped(stream, "", "",
                         "*: the base. base is x: how many times as fast it is, median over rounds "
                         "with half of its 95 % interval. o: another computation, as the protocol "
                         "by itself.",
                         width);
    return status;
}
