/* SPDX-License-Identifier: MIT */
/* report/number.h: numbers as people read them: a half-width to two significant digits (or as many
 * as asked) and its value to the same place (GUM 7.2.6), three significant digits without an
 * interval, counts whole; never "nan", "-0.0" or "±0". */
#ifndef AS_REPORT_NUMBER_H
#define AS_REPORT_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stats/intervals.h"

/* A number's two texts; half is empty where there is no interval, value is "-" where there is no
 * number. */
typedef struct as_number {
    char value[32], half[32];
} as_number;

/* Significant digits of a half-width: how many there are unless asked for, and how many may be. */
enum { AS_NUMBER_DIGITS = 2, AS_NUMBER_MOST_DIGITS = 3 };

/* [any] figure * scale, its half-width in `digits` significant digits. */
as_number as_number_figure(as_figure figure, double scale, int digits);

/* [any] Three significant digits ("0.0123", "41.2", "53200"). */
as_number as_number_plain(double value);

/* [any] "67.0 M", "345 k", "812"; "-" when negative. */
as_number as_number_count_short(int64_t count);

/* [any] "82,115"; "-" when negative. */
as_number as_number_count(int64_t count);

typedef struct as_number_text {
    char text[72];
} as_number_text;

/* [any] Signed difference with `decimals` places, "+0.52", "-0.20", "0.00" for what rounds to zero.
 */
as_number_text as_number_signed(double value, int decimals);

/* [any] "< 0.001", "0.012", "0.43"; "-" for NaN. */
as_number_text as_number_p(double p);

#endif
