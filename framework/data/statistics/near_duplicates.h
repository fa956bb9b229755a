/* SPDX-License-Identifier: MIT */
/* data/statistics/near_duplicates.h: pairs of texts that share most of their word 5-grams (Jaccard
 * similarity of the sets of shingles at least `threshold`), found with MinHash and banding (Broder
 * 1997; Leskovec, Rajaraman, Ullman, Mining of Massive Datasets 3.4), each candidate pair verified
 * exactly: what is reported is right, what is missed is told by the recall. Definitions:
 * docs/methodology.md.
 *
 * Words are those between white space, as they stand; a text of fewer than five words has one
 * shingle, all of them; a blank text has none and is in no pair. */
#ifndef AS_DATA_STATISTICS_NEAR_DUPLICATES_H
#define AS_DATA_STATISTICS_NEAR_DUPLICATES_H

#include "data/dataset.h"

typedef struct as_near_pair {
    uint32_t a, b; /* a < b, rows of the data set */
    float jaccard; /* exact */
} as_near_pair;

#define AS_NEAR_THRESHOLD 0.8 /* where none is asked for */

/* [cell] rows [n_rows]; equal texts count as pairs too (jaccard 1). Pairs by a, then b.
 * Deterministic. Uses up to `threads` threads (0: one per processor). INVALID_ARGUMENT for a
 * threshold outside [0.5, 1]; LIMIT when more than AS_MAX_NEAR_CANDIDATES pairs look alike. */
ASSAY_MUST_USE assay_status as_near_duplicates(as_arena *arena, const as_dataset_row *rows,
                                               uint32_t n_rows, double threshold, int threads,
                                               as_near_pair **ret_pairs, size_t *ret_n,
                                               assay_error *error);

enum { AS_MAX_NEAR_CANDIDATES = 8 << 20 };

/* How a threshold is looked for: n_bands bands of n_rows hashes each. */
typedef struct as_near_bands {
    uint32_t n_bands, n_rows;
    double recall; /* 1 - (1 - threshold^n_rows)^n_bands: chance to find a pair right at it */
} as_near_bands;

/* [any] The most selective bands (largest n_rows) of at most 128 hashes with a recall of 0.995 at
 * the threshold. */
as_near_bands as_near_bands_for(double threshold);

#endif
