/* SPDX-License-Identifier: MIT */
/* data/statistics/near_duplicates.h: pairs of texts that share most of their word 5-grams (Jaccard
 * similarity of the sets of shingles at least `threshold`), found with MinHash and banding (Broder
 * 1997; Leskovec, Rajaraman, Ullman, Mining of Massive Datasets 3.4), each candidate pair verified
 * exactly. Recall: docs/methodology.md. */
#ifndef AS_DATA_STATISTICS_NEAR_DUPLICATES_H
#define AS_DATA_STATISTICS_NEAR_DUPLICATES_H

#include "data/dataset.h"

typedef struct as_near_pair {
    uint32_t a, b; /* a < b, rows of the data set */
    float jaccard; /* exact */
} as_near_pair;

/* [cell] texts [n]; exact duplicates count as pairs too (jaccard 1). Deterministic. Uses up to
 * `threads` threads (0: one per processor). */
ASSAY_MUST_USE assay_status as_near_duplicates(as_arena *arena, const as_dataset_row *rows,
                                               uint32_t n_rows, double threshold, int threads,
                                               as_near_pair **ret_pairs, size_t *ret_n,
                                               assay_error *error);

#endif
