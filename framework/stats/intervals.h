/* SPDX-License-Identifier: MIT */
/* stats/intervals.h: figures with 95 % intervals: Wilson's for a proportion, order statistics for a
 * percentile, bootstrap for everything else. Definitions and sources: docs/methodology.md.
 *
 * An interval that does not exist (no data, too few samples) has NaN ends, never a guess. */
#ifndef AS_STATS_INTERVALS_H
#define AS_STATS_INTERVALS_H

#include <stddef.h>
#include <stdint.h>

#include "assay/status.h"

/* A figure with its 95 % interval; low and high NaN where there is none. */
typedef struct as_figure {
    double value, low, high;
} as_figure;

/* Resamples of every bootstrap, and the standard normal quantile at 0.975. */
enum { AS_BOOTSTRAP_RESAMPLES = 1000 };
#define AS_Z95 1.959963984540054

/* [any] value, no interval. */
as_figure as_figure_point(double value);

/* [any] Half the interval's width; NaN where there is none. */
double as_figure_half_width(as_figure figure);

/* [any] successes / n with Wilson's score interval (Wilson 1927; Brown, Cai, DasGupta 2001). All
 * NaN when n < 1. */
as_figure as_wilson(double successes, double n);

/* [any] Quantile p of n ascending values by linear interpolation at (n - 1) p (type 7 of Hyndman
 * and Fan 1996, NumPy's default). NaN when n is 0. */
double as_quantile_sorted(const double *sorted, size_t n, double p);

/* [any] Median as as_quantile_sorted(.., 0.5); reorders the values. NaN when n is 0. */
double as_median(double *values, size_t n);

/* [any] Sorts ascending; no NaN among them. */
void as_sort_doubles(double *values, size_t n);

/* [any] Percentile of n ascending samples by nearest rank, x_(ceil(p n)), with the
 * distribution-free interval between order statistics l and u: l the largest rank with P(Bin(n, p)
 * < l) <= 0.025, u the smallest with P(Bin(n, p) < u) >= 0.975 (David and Nagaraja 2003,
 * section 7.1). An end whose rank falls outside 1 .. n is NaN: the upper one where 1 - p^n < 0.975,
 * the lower one where (1 - p)^n > 0.025, so that p = 0.99 needs 368 samples. 0 < p < 1. */
as_figure as_percentile(const double *sorted, size_t n, double p);

/* [any] 2.5 % and 97.5 % quantiles (type 7) of the n resampled values, which are sorted in place;
 * NaN ends when one of them is NaN or n is 0. */
as_figure as_bootstrap_percentiles(double value, double *resampled, size_t n);

/* Measurements of one run's process (a seed): the lower level of a two-level bootstrap. */
typedef struct as_samples {
    const double *values;
    size_t n;
} as_samples;

/* [any] Ratio of speeds or times new/base: the geometric mean over the n_seeds groups of
 * median(new[s]) / median(base[s]), with the percentile interval of a two-level bootstrap (seeds
 * drawn with replacement, then samples within each drawn seed, base and new independently; Davison
 * and Hinkley 1997, section 3.8). All NaN when a group is empty or a median is not positive. */
ASSAY_MUST_USE assay_status as_ratio_of_medians(const as_samples *base, const as_samples *new_,
                                                size_t n_seeds, uint64_t seed, as_figure *ret_ratio,
                                                assay_error *error);

#endif
