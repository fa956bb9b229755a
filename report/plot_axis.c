/* SPDX-License-Identifier: MIT */
/* Ticks, their labels, and labels kept apart. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/plot.h"

/* Multiples of `step` within the range. */
static size_t multiples(double low, double high, double step, size_t most, double *ticks) {
    size_t n = 0;
    for (double i = ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
        if (ticks && n < most)
            ticks[n] = i == 0 ? 0 : i * step;
        n++;
    }
    return n;
}

/* The smallest step that has at most `most` multiples in the range. */
static size_t linear_ticks(double low, double high, size_t most, double *ticks) {
    static const double steps[] = {1, 2, 5};
    double power = pow(10, floor(log10((high - low) / (double)most)));
    for (int e = 0; e < 3; e++, power *= 10)
        for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
            if (multiples(low, high, steps[i] * power, most, NULL) <= most)
                return multiples(low, high, steps[i] * power, most, ticks);
    return 0;
}

static size_t log_ticks(double low, double high, size_t most, double *ticks) {
    static const double many[] = {1, 2, 5}, one[] = {1};
    double first = floor(log10(low)), last = ceil(log10(high)), decades = log10(high / low);
    const double *factors = decades * 3 <= (double)most ? many : one;
    size_t n_factors = factors == many ? 3 : 1, n = 0;
    double stride = factors == one ? ceil(decades / (double)most) : 1;
    for (double e = first; e <= last; e += stride > 1 ? stride : 1)
        for (size_t i = 0; i < n_factors; i++) {
            double value = factors[i] * pow(10, e);
            if (value >= low * 0.9999 && value <= high * 1.0001 && n < most)
                ticks[n++] = value;
        }
    return n;
}

size_t as_plot_ticks(double low, double high, bool log, size_t most, double *ret_ticks) {
    if (!(high > low) || most == 0 || !isfinite(low) || !isfinite(high))
        return 0;
    if (!log)
        return linear_ticks(low, high, most, ret_ticks);
    size_t n = low > 0 ? log_ticks(low, high, most, ret_ticks) : 0;
    /* Within a decade there may be one or none: steps as on a plain axis say more. */
    return n >= 2 ? n : linear_ticks(low, high, most < 4 ? most : 4, ret_ticks);
}

void as_plot_tick_text(double value, double step, char *text, size_t size) {
    static const struct {
        double unit;
        const char *suffix;
    } units[] = {{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e4, " k"}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        double unit = units[i].unit == 1e4 ? 1e3 : units[i].unit;
        if (fabs(value) < units[i].unit)
            continue;
        snprintf(text, size, "%.6g%s", value / unit, units[i].suffix);
        return;
    }
    int decimals = step > 0 && step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;
    if (value != 0 && fabs(value) < 1e-4)
        snprintf(text, size, "%.0e", value);
    else
        snprintf(text, size, "%.*f", decimals > 8 ? 8 : decimals, value);
}

/* ---- labels kept apart
 * --------------------------------------------------------------------------- */

typedef struct place {
    double wanted, at;
    size_t index;
} place;

static int compare_places(const void *a, const void *b) {
    const place *x = a, *y = b;
    if (x->wanted != y->wanted)
        return x->wanted < y->wanted ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* Neighbours that are too near form a block around the mean of what its members want; blocks that
 * meet become one (isotonic regression by pooling, as in Ayer et al. 1955). */
static void pool(place *p, size_t n, double gap) {
    for (size_t i = 0; i < n; i++) {
        p[i].at = p[i].wanted - (double)i * gap; /* now only their order must hold */
    }
    for (size_t end = 1; end <= n; end++) {
        size_t first = end - 1;
        double mean = p[first].wanted - (double)first * gap;
        while (first > 0 && p[first - 1].at > mean) {
            double before = p[first - 1].at, sum = 0;
            while (first > 0 && p[first - 1].at == before)
                first--;
            for (size_t i = first; i < end; i++)
                sum += p[i].wanted - (double)i * gap;
            mean = sum / (double)(end - first);
        }
        for (size_t i = first; i < end; i++)
            p[i].at = mean;
    }
    for (size_t i = 0; i < n; i++)
        p[i].at += (double)i * gap;
}

void as_plot_spread(double *places, size_t n, double gap, double low, double high) {
    place *p = n ? calloc(n, sizeof *p) : NULL;
    if (!p)
        return;
    if (n > 1 && gap * (double)(n - 1) > high - low)
        gap = (high - low) / (double)(n - 1);
    for (size_t i = 0; i < n; i++)
        p[i] = (place){places[i], 0, i};
    qsort(p, n, sizeof *p, compare_places);
    pool(p, n, gap);
    for (size_t i = 0; i < n; i++)
        p[i].at = fmax(p[i].at, low + gap * (double)i);
    for (size_t i = n; i-- > 0;)
        p[i].at = fmin(p[i].at, high - gap * (double)(n - 1 - i));
    for (size_t i = 0; i < n; i++)
        places[p[i].index] = p[i].at;
    free(p);
}
