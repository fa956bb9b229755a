/* SPDX-License-Identifier: MIT */
/* Wilson, percentiles and quantiles against SciPy and NumPy; the two-level bootstrap by behaviour.
 */
#include "stats/intervals.h"

#include "base/random.h"
#include "golden.h"

Test(intervals, wilson_equals_scipy) {
    json_t *golden = golden_load("stats.json");
    const json_t *cases = json_object_get(golden, "wilson");
    cr_assert_geq(json_array_size(cases), 6);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        as_figure f = as_wilson(golden_real(c, "k"), golden_real(c, "n"));
        check_near(f.low, golden_real(c, "low"), 1e-12, "low");
        check_near(f.high, golden_real(c, "high"), 1e-12, "high");
    }
    json_decref(golden);
    cr_assert(isnan(as_wilson(0, 0).value));
}

Test(intervals, percentile_ranks_equal_scipys_binomial) {
    json_t *golden = golden_load("stats.json");
    const json_t *cases = json_object_get(golden, "percentile");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        size_t n = (size_t)golden_count(c, "n");
        double *ranks = calloc(n, sizeof *ranks), p = golden_real(c, "p");
        for (size_t k = 0; k < n; k++)
            ranks[k] = (double)k + 1; /* the value is its rank */
        as_figure f = as_percentile(ranks, n, p);
        check_near(f.value, golden_real(c, "rank"), 0, "rank");
        check_near(isnan(f.low) ? 0 : f.low, golden_real(c, "low"), 0, "low rank");
        check_near(isnan(f.high) ? 0 : f.high, golden_real(c, "high"), 0, "high rank");
        free(ranks);
    }
    json_decref(golden);
    cr_assert(isnan(as_percentile(NULL, 0, 0.5).value));
}

static bool has_both_ends(size_t n, double p) {
    double samples[368] = {0};
    as_figure f = as_percentile(samples, n, p);
    return isfinite(f.low) && isfinite(f.high);
}

Test(intervals, p99_needs_368_samples) {
    cr_assert(has_both_ends(368, 0.99) && !has_both_ends(367, 0.99));
    cr_assert(has_both_ends(36, 0.9) && !has_both_ends(35, 0.9));
    cr_assert(has_both_ends(6, 0.5) && !has_both_ends(5, 0.5));
}

Test(intervals, quantile_equals_numpy) {
    json_t *golden = golden_load("stats.json");
    const json_t *cases = json_object_get(golden, "quantile");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i), *values = json_object_get(c, "values");
        double v[8];
        for (size_t k = 0; k < json_array_size(values); k++)
            v[k] = json_number_value(json_array_get(values, k));
        check_near(as_quantile_sorted(v, json_array_size(values), golden_real(c, "p")),
                   golden_real(c, "quantile"), 1e-12, "quantile");
    }
    json_decref(golden);
    double odd[] = {5, 1, 3}, even[] = {4, 1, 3, 2};
    cr_assert_eq(as_median(odd, 3), 3);
    cr_assert_eq(as_median(even, 4), 2.5);
}

Test(intervals, constant_samples_give_an_exact_ratio) {
    double base[3][5], new_[3][5];
    as_samples b[3], n[3];
    for (int s = 0; s < 3; s++) {
        for (int i = 0; i < 5; i++) {
            base[s][i] = 2.0 * (s + 1);
            new_[s][i] = 3.0 * (s + 1);
        }
        b[s] = (as_samples){base[s], 5};
        n[s] = (as_samples){new_[s], s == 1 ? 4 : 5};
    }
    as_figure ratio;
    cr_assert_eq(as_ratio_of_medians(b, n, 3, 1, &ratio, NULL), ASSAY_OK);
    check_near(ratio.value, 1.5, 1e-12, "value");
    check_near(ratio.low, 1.5, 1e-12, "low");
    check_near(ratio.high, 1.5, 1e-12, "high");
}

Test(intervals, ratio_interval_spans_seeds_that_disagree) {
    double ones[4] = {1, 1, 1, 1}, more[4] = {1.2, 1.2, 1.2, 1.2};
    as_samples base[2] = {{ones, 4}, {ones, 4}}, new_[2] = {{ones, 4}, {more, 4}};
    as_figure ratio;
    cr_assert_eq(as_ratio_of_medians(base, new_, 2, 1, &ratio, NULL), ASSAY_OK);
    check_near(ratio.value, sqrt(1.2), 1e-12, "value");
    check_near(ratio.low, 1, 1e-12, "low");
    check_near(ratio.high, 1.2, 1e-12, "high");
}

/* The quantiles were made by resampling 1 .. n a million times with NumPy (default_rng(1)): n =
 * 101: 42 and 60; n = 100: 41.5 and 59.5. 1,000 resamples place them within about one. */
Test(intervals, ratio_interval_is_as_wide_as_resampling_makes_it) {
    static const double one[1] = {1}, low[2] = {41, 41}, high[2] = {61, 60};
    double values[101];
    for (size_t i = 0; i < 101; i++)
        values[i] = (double)((i * 37) % 101 + 1); /* out of order */
    for (size_t k = 0; k < 2; k++) {
        as_samples base = {one, 1}, new_ = {values, 101};
        if (k == 1) { /* 101 is at the place that is left out */
            for (size_t i = 0; i < 101; i++)
                if (values[i] == 101)
                    values[i] = values[100];
            new_.n = 100;
        }
        as_figure ratio;
        cr_assert_eq(as_ratio_of_medians(&base, &new_, 1, 1, &ratio, NULL), ASSAY_OK);
        check_near(ratio.value, k ? 50.5 : 51, 1e-9, "value");
        check_near(ratio.low, low[k], 1.5, "low");
        check_near(ratio.high, high[k], 1.5, "high");
    }
}

Test(intervals, ratio_without_samples_does_not_exist) {
    double one[1] = {1}, zero[1] = {0};
    as_samples some[1] = {{one, 1}}, none[1] = {{one, 0}}, zeros[1] = {{zero, 1}};
    as_figure ratio;
    cr_assert_eq(as_ratio_of_medians(some, none, 1, 1, &ratio, NULL), ASSAY_OK);
    cr_assert(isnan(ratio.value) && isnan(ratio.low));
    cr_assert_eq(as_ratio_of_medians(some, zeros, 1, 1, &ratio, NULL), ASSAY_OK);
    cr_assert(isnan(ratio.value) && isnan(ratio.high));
    cr_assert_eq(as_ratio_of_medians(some, some, 0, 1, &ratio, NULL), ASSAY_OK);
    cr_assert(isnan(ratio.value));
}

/* Coverage: of 200 pairs of samples from one distribution about 190 intervals hold the ratio 1. */
Test(intervals, ratio_interval_covers) {
    enum { TRIALS = 200, N = 60 };
    as_random random = as_random_init(4, 4);
    int covered = 0;
    for (int t = 0; t < TRIALS; t++) {
        double a[N], b[N];
        for (int i = 0; i < N; i++) {
            a[i] = exp(0.2 * as_random_normal(&random));
            b[i] = exp(0.2 * as_random_normal(&random));
        }
        as_samples base = {a, N}, new_ = {b, N};
        as_figure ratio;
        cr_assert_eq(as_ratio_of_medians(&base, &new_, 1, (uint64_t)t, &ratio, NULL), ASSAY_OK);
        covered += ratio.low <= 1 && 1 <= ratio.high;
    }
    cr_assert(covered >= 180 && covered <= 200, "covered %d of 200", covered);
}
