/* SPDX-License-Identifier: MIT */
/* stats/tests.h: paired comparisons of two classifiers on the same texts. Definitions and sources:
 * docs/methodology.md. */
#ifndef AS_STATS_TESTS_H
#define AS_STATS_TESTS_H

#include <stddef.h>
#include <stdint.h>

#include "stats/intervals.h"

/* [any] Two-sided p of McNemar's exact test: texts that only one of the two got right, b and c of
 * them, are a fair coin's tosses under the hypothesis (Dietterich 1998): min(1, 2 P(Bin(b + c, 1/2)
 * <= min(b, c))). 1 when b + c = 0. */
double as_mcnemar_exact(int64_t b, int64_t c);

/* [any] Difference (gains - losses) / n of two paired proportions with Tango's score interval
 * (Statistics in Medicine 17:891-908, 1998): gains = texts only the second got right, losses = only
 * the first. Real-valued counts (means over seeds) are allowed; gains + losses = 0 gives +-z^2 / (n
 * + z^2). All NaN unless n >= 1, both counts are >= 0 and their sum is <= n. */
as_figure as_tango(double gains, double losses, double n);

/* [any] Holm's step-down adjustment (1979) of n p values in place. */
void as_holm(double *p, size_t n);

#endif
