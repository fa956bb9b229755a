/* SPDX-License-Identifier: MIT */
/* Intervals of one figure. Formulas stand at the functions; sources in intervals.h. */
#include "stats/intervals.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/random.h"

as_figure as_figure_point(double value) {
    return (as_figure){value, NAN, NAN};
}

double as_figure_half_width(as_figure figure) {
    return (figure.high - figure.low) / 2;
}

/* center = (k + z^2/2) / (n + z^2), half = z / (n + z^2) sqrt(k (n - k) / n + z^2 / 4) */
as_figure as_wilson(double successes, double n) {
    if (!(n >= 1))
        return as_figure_point(NAN);
    double z2 = AS_Z95 * AS_Z95;
    double center = (successes + z2 / 2) / (n + z2);
    double half = AS_Z95 / (n + z2) * sqrt(successes * (n - successes) / n + z2 / 4);
    /* At k = 0 and k = n the end is the boundary itself; the subtraction leaves rounding there. */
    double low = successes <= 0 ? 0 : center - half;
    double high = successes >= n ? 1 : center + half;
    return (as_figure){successes / n, low, high};
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void as_sort_doubles(double *values, size_t n) {
    if (n)
        qsort(values, n, sizeof *values, compare_doubles);
}

double as_quantile_sorted(const double *sorted, size_t n, double p) {
    if (n == 0)
        return NAN;
    double position = (double)(n - 1) * p;
    size_t below = (size_t)floor(position);
    if (below + 1 >= n)
        return sorted[n - 1];
    double share = position - (double)below;
    return sorted[below] + share * (sorted[below + 1] - sorted[below]);
}

double as_median(double *values, size_t n) {
    as_sort_doubles(values, n);
    return as_quantile_sorted(values, n, 0.5);
}

static double log_binomial_pmf(double k, double n, double p) {
    int sign;
    return lgamma_r(n + 1, &sign) - lgamma_r(k + 1, &sign) - lgamma_r(n - k + 1, &sign) +
           k * log(p) + (n - k) * log1p(-p);
}

as_figure as_percentile(const double *sorted, size_t n, double p) {
    if (n == 0)
        return as_figure_point(NAN);
    double count = (double)n, mean = count * p;
    /* p n is rounded: 0.95 * 20 must give rank 19, not 20. */
    size_t rank = (size_t)ceil(mean - 1e-9 * mean);
    rank = rank < 1 ? 1 : rank > n ? n : rank;
    as_figure figure = as_figure_point(sorted[rank - 1]);
    /* Beyond 40 standard deviations the binomial's mass is below the smallest double. */
    double reach = 40 * sqrt(mean * (1 - p)) + 40;
    double first = fmax(0, floor(mean - reach)), last = fmin(count, ceil(mean + reach));
    double below = 0; /* P(Bin < k) */
    int has_upper = 0;
    for (double k = first; k <= last + 1 && k <= count; k++) {
        size_t r = (size_t)k; /* x_(r), ranks from 1 */
        if (r >= 1 && below <= 0.025)
            figure.low = sorted[r - 1];
        if (r >= 1 && !has_upper && below >= 0.975) {
            figure.high = sorted[r - 1];
            has_upper = 1;
        }
        below += exp(log_binomial_pmf(k, count, p));
    }
    return figure;
}

as_figure as_bootstrap_percentiles(double value, double *resampled, size_t n) {
    as_figure figure = as_figure_point(value);
    for (size_t i = 0; i < n; i++)
        if (isnan(resampled[i]))
            return figure;
    if (n == 0)
        return figure;
    as_sort_doubles(resampled, n);
    figure.low = as_quantile_sorted(resampled, n, 0.025);
    figure.high = as_quantile_sorted(resampled, n, 0.975);
    return figure;
}

/* Gamma(shape, 1) for shape >= 1 (Marsaglia and Tsang 2000). */
static double draw_gamma(as_random *random, double shape) {
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = as_random_normal(random), v = 1 + c * x;
        double u = as_random_uniform(random);
        v = v * v * v;
        if (v > 0 && u > 0 && log(u) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v;
    }
}

/* Median of a bootstrap resample of n sorted values, drawn without resampling: the m-th smallest of
 * n uniform numbers is Beta(m, n + 1 - m) (David and Nagaraja 2003, 2.1), and where it falls in
 * sorted[] is the resample's m-th value. For even n the next one is the least of n - m uniform
 * numbers above it. */
static double resampled_median(const as_samples *sorted, as_random *random) {
    size_t n = sorted->n, m = (n + 1) / 2;
    double a = draw_gamma(random, (double)m), b = draw_gamma(random, (double)(n + 1 - m));
    double low = a / (a + b), high = low;
    if (n % 2 == 0)
        high += (1 - low) * (1 - pow(as_random_uniform(random), 1 / (double)(n - m)));
    size_t i = (size_t)(low * (double)n), j = (size_t)(high * (double)n);
    return (sorted->values[i < n ? i : n - 1] + sorted->values[j < n ? j : n - 1]) / 2;
}

/* Copies the samples of every seed into `values`, each sorted. */
static double *sort_samples(const as_samples *samples, size_t n_seeds, double *values,
                            as_samples *ret_sorted) {
    for (size_t s = 0; s < n_seeds; s++) {
        memcpy(values, samples[s].values, samples[s].n * sizeof *values);
        qsort(values, samples[s].n, sizeof *values, compare_doubles);
        ret_sorted[s] = (as_samples){values, samples[s].n};
        values += samples[s].n;
    }
    return values;
}

static double sorted_median(const as_samples *sorted) {
    return (sorted->values[(sorted->n - 1) / 2] + sorted->values[sorted->n / 2]) / 2;
}

static double log_ratio(double base, double new_) {
    return base > 0 && new_ > 0 ? log(new_ / base) : NAN;
}

assay_status as_ratio_of_medians(const as_samples *base, const as_samples *new_, size_t n_seeds,
                                 uint64_t seed, as_figure *ret_ratio, assay_error *error) {
    size_t total = 0;
    bool empty = n_seeds == 0;
    for (size_t s = 0; s < n_seeds; s++) {
        total += base[s].n + new_[s].n;
        empty = empty || base[s].n == 0 || new_[s].n == 0;
    }
    if (empty) {
        *ret_ratio = as_figure_point(NAN);
        return ASSAY_OK;
    }
    assay_status status = ASSAY_OK;
    double *values = calloc(total, sizeof *values);
    double *ratios = calloc(AS_BOOTSTRAP_RESAMPLES, sizeof *ratios);
    as_samples *sorted = calloc(2 * n_seeds, sizeof *sorted);
    if (!values || !ratios || !sorted) {
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, "ratio of medians", "no memory to resample");
        goto done;
    }
    as_samples *sorted_new = sorted + n_seeds;
    (void)sort_samples(new_, n_seeds, sort_samples(base, n_seeds, values, sorted), sorted_new);
    double sum = 0;
    for (size_t s = 0; s < n_seeds; s++)
        sum += log_ratio(sorted_median(&sorted[s]), sorted_median(&sorted_new[s]));
    double value = exp(sum / (double)n_seeds);
    as_random random = as_random_init(seed, as_hash64("ratio_of_medians"));
    for (size_t r = 0; r < AS_BOOTSTRAP_RESAMPLES; r++) {
        sum = 0;
        for (size_t k = 0; k < n_seeds; k++) {
            size_t s = (size_t)as_random_below(&random, n_seeds);
            double base_median = resampled_median(&sorted[s], &random);
            sum += log_ratio(base_median, resampled_median(&sorted_new[s], &random));
        }
        ratios[r] = exp(sum / (double)n_seeds);
    }
    *ret_ratio = as_bootstrap_percentiles(value, ratios, AS_BOOTSTRAP_RESAMPLES);
done:
    free(sorted);
    free(values);
    free(ratios);
    return status;
}
