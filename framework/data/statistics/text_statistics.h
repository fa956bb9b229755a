/* SPDX-License-Identifier: MIT */
/* data/statistics/text_statistics.h: what `assay data stats` tells of a data set. Characters are
 * code points, words what Python's str.split() gives (tokenizer `whitespace`). Quartiles by linear
 * interpolation (Hyndman and Fan's type 7, NumPy's and pandas' default), the standard deviation with
 * n - 1 (pandas' std). */
#ifndef AS_DATA_STATISTICS_TEXT_STATISTICS_H
#define AS_DATA_STATISTICS_TEXT_STATISTICS_H

#include "data/dataset.h"

/* Of n values; everything else 0 when n is 0. */
typedef struct as_summary {
    uint64_t n, total;
    double mean, std, median, q1, q3;
    uint64_t min, max;
} as_summary;

/* [any] Sorts the values. */
as_summary as_summarise(uint32_t *values, size_t n);

#endif
