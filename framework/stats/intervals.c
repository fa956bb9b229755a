/* SPDX-License-Identifier: MIT */
/* Intervals of one figure. Formulas stand at the functions; sources in intervals.h. */
#include "stats/intervals.h"

#include <math.h>
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

/* The upper end exists when P(Bin(n, p) < n) = 1 - p^n >= 0.975, the lower one when
 * P(Bin(n, p) < 1) = (1 - p)^n <= 0.025. */
int64_t as_percentile_samples_needed(double p) {
    double worst = fmax(log(0.025) / log(p), log(0.025) / log1p(-p));
    return (int64_t)ceil(worst);
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

/* Selects the k-th smallest (from 0) in expected linear time (Hoare's quickselect). */
static double select_kth(double *values, size_t n, size_t k) {
    size_t low = 0, high = n - 1;
    while (low < high) {
        double pivot = values[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i >= j)
                break;
            double swap = values[i];
            values[i++] = values[j];
            values[j--] = swap;
        }
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
    return values[k];
}

static double resampled_median(const as_samples *samples, as_random *random, double *scratch) {
    for (size_t i = 0; i < samples->n; i++)
        scratch[i] = samples->values[as_random_below(random, samples->n)];
    double upper = select_kth(scratch, samples->n, samples->n / 2);
    if (samples->n % 2)
        return upper;
    double lower = scratch[0]; /* the largest of the lower half, which select_kth left in front */
    for (size_t i = 1; i < samples->n / 2; i++)
        lower = fmax(lower, scratch[i]);
    return (lower + upper) / 2;
}

assay_status as_ratio_of_medians(const as_samples *base, const as_samples *new_, size_t n_seeds,
                                 uint64_t seed, as_figure *ret_ratio, assay_error *error) {
    size_t longest = 0;
    for (size_t s = 0; s < n_seeds; s++) {
        if (base[s].n == 0 || new_[s].n == 0)
            longest = SIZE_MAX;
        else if (longest != SIZE_MAX)
            longest = base[s].n > longest ? base[s].n : longest;
        if (longest != SIZE_MAX && new_[s].n > longest)
            longest = new_[s].n;
    }
    if (n_seeds == 0 || longest == SIZE_MAX) {
        *ret_ratio = as_figure_point(NAN);
        return ASSAY_OK;
    }
    double *scratch = calloc(longest, sizeof *scratch);
    double *ratios = calloc(AS_BOOTSTRAP_RESAMPLES, sizeof *ratios);
    if (!scratch || !ratios) {
        free(scratch);
        free(ratios);
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "ratio of medians", "no memory to resample");
    }
    double log_ratio = 0;
    for (size_t s = 0; s < n_seeds; s++) {
        memcpy(scratch, base[s].values, base[s].n * sizeof *scratch);
        double base_median = as_median(scratch, base[s].n);
        memcpy(scratch, new_[s].values, new_[s].n * sizeof *scratch);
        double new_median = as_median(scratch, new_[s].n);
        log_ratio += base_median > 0 && new_median > 0 ? log(new_median / base_median) : NAN;
    }
    as_random random = as_random_init(seed, as_hash64("ratio_of_medians"));
    for (size_t r = 0; r < AS_BOOTSTRAP_RESAMPLES; r++) {
        double sum = 0;
        for (size_t k = 0; k < n_seeds; k++) {
            size_t s = (size_t)as_random_below(&random, n_seeds);
            double base_median = resampled_median(&base[s], &random, scratch);
            double new_median = resampled_median(&new_[s], &random, scratch);
            sum += base_median > 0 && new_median > 0 ? log(new_median / base_median) : NAN;
        }
        ratios[r] = exp(sum / (double)n_seeds);
    }
    double value = exp(log_ratio / (double)n_seeds);
    *ret_ratio = as_bootstrap_percentiles(value, ratios, AS_BOOTSTRAP_RESAMPLES);
    free(scratch);
    free(ratios);
    return ASSAY_OK;
}
