/* SPDX-License-Identifier: MIT */
/* measure/roofline.h: what the machine can do at most, measured beside the work that is held
 * against it, since a machine's speed changes within seconds.
 *
 * compute  operations/s of multiply-adds in registers on all threads of the cell, in its precision
 * gemm     operations/s of the backend's own library in large matrix products
 * memory   bytes/s of a copy beyond the caches, read and written
 *
 *     as_peaks_config config = {.backend = backend, .device = device, .dtype = dtype, ...};
 *     status = as_peaks_new(&config, &peaks, error);
 *     size_t from = as_peaks_begin(peaks);
 *     work;  as_peaks_sample_if_due(peaks);  work;  as_peaks_sample(peaks);
 *     share = rate / as_peaks_figure(peaks, ASSAY_PEAK_GEMM, from).value;
 *
 * A sample takes a few hundredths of a second. Its memory is given back and doesn't count in
 * as_peak_rss_bytes. A limit that cannot be had is NaN, and as_peaks_problem tells why.
 * Definitions: docs/methodology.md. */
#ifndef AS_MEASURE_ROOFLINE_H
#define AS_MEASURE_ROOFLINE_H

#include <stdbool.h>

#include "assay/backend.h"
#include "stats/intervals.h"

typedef struct as_peaks as_peaks;

typedef struct as_peaks_config {
    const assay_backend *backend; /* outlives the peaks, as the device */
    assay_device *device;
    int32_t dtype, threads;
    double min_interval_seconds; /* between two samples that as_peaks_sample_if_due takes */
    uint64_t memory_limit_bytes; /* of this process; 0: none */
} as_peaks_config;

/* [cell] */
ASSAY_MUST_USE assay_status as_peaks_new(const as_peaks_config *config, as_peaks **ret_peaks,
                                         assay_error *error);
void as_peaks_free(as_peaks *peaks); /* NULL allowed */

/* [cell] Takes one sample of each limit. */
void as_peaks_sample(as_peaks *peaks);
/* [cell] Begins a piece of work, takes its first sample, and returns that sample's number. */
size_t as_peaks_begin(as_peaks *peaks);
/* [cell] Takes a sample when the last one is min_interval_seconds old, five times as old as it
 * took, and a fiftieth of the work's time so far: in a long piece of work they become rare. */
void as_peaks_sample_if_due(as_peaks *peaks);

/* [any] Samples so far. */
size_t as_peaks_count(const as_peaks *peaks);
/* [any] Median of the samples from the `from`th on with its order-statistic interval; NaN without
 * any. */
as_figure as_peaks_figure(const as_peaks *peaks, int32_t peak, size_t from);
/* [any] How much the machine's speed changed: the 90 % over the 10 % quantile of all samples; NaN
 * with fewer than six. */
double as_peaks_spread(const as_peaks *peaks, int32_t peak);
/* [any] Why a limit has no figure; NULL where it has one, or none was asked for yet. */
const char *as_peaks_problem(const as_peaks *peaks, int32_t peak);
/* [any] Seconds that samples have taken. */
double as_peaks_seconds(const as_peaks *peaks);

#endif
