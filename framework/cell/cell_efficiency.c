/* SPDX-License-Identifier: MIT */
/* What the machine can do at most, measured between the pieces of a cell's work, and the work's
 * share of it. Each piece (training, a scenario) is held against the samples that were taken during
 * it. Samples count neither as the work's time nor as its energy or memory. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "cell/cell.h"
#include "train/engine.h"

#define MIN_INTERVAL_SECONDS 0.5
#define RESTLESS 1.5 /* spread of a limit from which on the machine gets a warning */

assay_status as_cell_peaks_open(as_cell *cell, assay_error *error) {
    const char *limit = getenv("ASSAY_CELL_MEMORY_LIMIT");
    bool wanted = cell->suite->measure_peaks || json_is_true(json_object_get(cell->run, "profile"));
    if (!wanted || !cell->engine)
        return ASSAY_OK;
    const as_peaks_config config = {.backend = cell->device,
                                    .device = as_engine_device(cell->engine),
                                    .dtype = as_dtype_from_name(cell->spec.dtype),
                                    .threads = cell->threads,
                                    .min_interval_seconds = MIN_INTERVAL_SECONDS,
                                    .memory_limit_bytes = limit ? strtoull(limit, NULL, 10) : 0};
    return as_peaks_new(&config, &cell->peaks, error);
}

size_t as_cell_peaks_begin(as_cell *cell) {
    return cell->peaks ? as_peaks_begin(cell->peaks) : 0;
}

void as_cell_peaks_sample(as_cell *cell) {
    if (cell->peaks)
        as_peaks_sample(cell->peaks);
}

void as_cell_peaks_pause(void *context) {
    as_cell *cell = context;
    if (cell->peaks)
        as_peaks_sample_if_due(cell->peaks);
}

void as_cell_training_pause(void *context) {
    as_cell *cell = context;
    if (!cell->peaks)
        return;
    (void)as_energy_joules(&cell->state.energy);
    as_peaks_sample_if_due(cell->peaks);
    as_energy_skip(&cell->state.energy);
}

/* Of the matrix peak since the `from`th sample. */
static double share_of_gemm(const as_cell *cell, double flops_per_second, size_t from) {
    if (!cell->peaks)
        return NAN;
    return flops_per_second / as_peaks_figure(cell->peaks, ASSAY_PEAK_GEMM, from).value;
}

void as_cell_training_end(as_cell *cell) {
    if (!cell->peaks)
        return;
    as_peaks_sample(cell->peaks);
    cell->training_peak_gemm =
        as_peaks_figure(cell->peaks, ASSAY_PEAK_GEMM, cell->training_from).value;
}

void as_cell_record_training_share(as_cell *cell) {
    if (cell->peaks)
        cell->record->training_share_of_peak_gemm =
            cell->record->achieved_flops_per_second / cell->training_peak_gemm;
}

assay_status as_cell_record_rate(as_cell *cell, const char *scenario, double flops, double seconds,
                                 size_t from, assay_error *error) {
    as_record *record = cell->record;
    double rate = flops / seconds;
    as_scenario_rate *more =
        as_arena_alloc_array(cell->arena, record->n_scenario_rates + 1, sizeof *more);
    if (!(rate > 0))
        return ASSAY_OK; /* a model without a graph */
    if (!more)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "record", "no memory for rates");
    for (size_t i = 0; i < record->n_scenario_rates; i++)
        more[i] = record->scenario_rates[i];
    more[record->n_scenario_rates++] =
        (as_scenario_rate){scenario, rate, share_of_gemm(cell, rate, from)};
    record->scenario_rates = more;
    return ASSAY_OK;
}

void as_cell_record_peaks(as_cell *cell) {
    static const char *const names[ASSAY_PEAK_COUNT] = {"compute", "gemm", "memory"};
    as_record *record = cell->record;
    if (!cell->peaks)
        return;
    as_figure *figures[ASSAY_PEAK_COUNT] = {&record->peaks.compute_flops_per_second,
                                            &record->peaks.gemm_flops_per_second,
                                            &record->peaks.memory_bytes_per_second};
    for (int32_t i = 0; i < ASSAY_PEAK_COUNT; i++) {
        const char *problem = as_peaks_problem(cell->peaks, i);
        *figures[i] = as_peaks_figure(cell->peaks, i, 0);
        if (problem)
            fprintf(cell->log, "peak_%s is not measured: %s\n", names[i], problem);
        else
            fprintf(cell->log, "peak_%s: %.4g per second\n", names[i], figures[i]->value);
    }
    double spread = as_peaks_spread(cell->peaks, ASSAY_PEAK_COMPUTE);
    if (spread > RESTLESS)
        as_cell_warn(cell,
                     "the machine was busy or changed its clock: what it can compute a second "
                     "varied by a factor of %.2g while the cell ran; times may be high",
                     spread);
    record->peaks.samples = (int64_t)as_peaks_count(cell->peaks);
    record->peaks.seconds = as_peaks_seconds(cell->peaks);
}
