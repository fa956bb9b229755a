/* SPDX-License-Identifier: MIT */
/* Exact McNemar test, Tango's interval, Holm's adjustment. Sources in tests.h. */
#include "stats/tests.h"

#include <math.h>

double as_mcnemar_exact(int64_t b, int64_t c) {
    int64_t n = b + c, least = b < c ? b : c;
    if (2 * least >= n)
        return 1;
    int sign;
    double log_half_n = (double)n * log(0.5), log_n = lgamma_r((double)n + 1, &sign), tail = 0;
    /* Largest term first, so that the sum may stop when terms no longer count. */
    for (int64_t k = least; k >= 0; k--) {
        double log_choose =
            log_n - lgamma_r((double)k + 1, &sign) - lgamma_r((double)(n - k) + 1, &sign);
        double term = exp(log_choose + log_half_n);
        tail += term;
        if (term < tail * 1e-18)
            break;
    }
    return fmin(1, 2 * tail);
}

/* Score statistic at difference d: (gains - losses - n d) / sqrt(n (2 q + d (1 - d))), q = the
 * maximum-likelihood share of losses under that difference, the larger root of
 *     2n q^2 + (2n d - gains - losses - (gains - losses) d) q - losses d (1 - d) = 0. */
static double tango_score(double gains, double losses, double n, double d) {
    double a = 2 * n;
    double b = -gains - losses + (2 * n - gains + losses) * d;
    double c = -losses * d * (1 - d);
    double root = sqrt(fmax(0, b * b - 4 * a * c));
    /* (root - b) / 2a cancels for b > 0: then 2c / (-b - root) is the same root. */
    double q = b > 0 ? -2 * c / (b + root) : (root - b) / (2 * a);
    double variance = n * (2 * q + d * (1 - d));
    double distance = gains - losses - n * d;
    if (variance <= 0)
        return distance > 0 ? INFINITY : distance < 0 ? -INFINITY : 0;
    return distance / sqrt(variance);
}

/* The score falls as d grows: bisect for score = target between the estimate and an end of -1 .. 1.
 */
static double tango_end(double gains, double losses, double n, double end, double target) {
    double inside = (gains - losses) / n, outside = end;
    for (int i = 0; i < 200; i++) {
        double middle = (inside + outside) / 2;
        double score = tango_score(gains, losses, n, middle);
        int still_inside = target > 0 ? score <= target : score >= target;
        if (still_inside)
            inside = middle;
        else
            outside = middle;
    }
    return inside;
}

as_figure as_tango(double gains, double losses, double n) {
    if (!(n >= 1) || !(gains >= 0) || !(losses >= 0) || gains + losses > n * (1 + 1e-12))
        return as_figure_point(NAN);
    as_figure figure = {(gains - losses) / n, tango_end(gains, losses, n, -1, AS_Z95),
                        tango_end(gains, losses, n, 1, -AS_Z95)};
    return figure;
}

/* Adjusted p of rank k (from 0, ascending) = max over j <= k of min(1, (n - j) p_j). Few values:
 * the next smallest is searched for each rank; values done are marked by their sign. */
void as_holm(double *p, size_t n) {
    double largest = 0;
    for (size_t rank = 0; rank < n; rank++) {
        size_t next = n;
        for (size_t i = 0; i < n; i++)
            if (!signbit(p[i]) && (next == n || p[i] < p[next]))
                next = i;
        if (next == n)
            break;
        largest = fmax(largest, fmin(1, (double)(n - rank) * p[next]));
        p[next] = -largest;
    }
    for (size_t i = 0; i < n; i++)
        p[i] = fabs(p[i]);
}
