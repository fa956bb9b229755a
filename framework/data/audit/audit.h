/* SPDX-License-Identifier: MIT */
/* data/audit/audit.h: what may be wrong with the rows a cell is trained on: a token that nearly
 * decides the label, texts that are hardly there, and the accuracy that a bag of words reaches,
 * which no model should stay below. */
#ifndef AS_DATA_AUDIT_AUDIT_H
#define AS_DATA_AUDIT_AUDIT_H

#include "data/data.h"

/* A token whose presence tells the label: its informedness (Youden's J, 1950), the share of the
 * label's train texts that hold it less the share of the others that do, is at least
 * AS_LEAK_INFORMEDNESS. */
typedef struct as_leak {
    int32_t id;          /* of the token */
    int32_t label;       /* it tells */
    double precision;    /* share of that label among the train texts that hold the token */
    double recall;       /* share of that label's train texts that hold it */
    double informedness; /* recall less the same share of the other labels' texts */
} as_leak;

enum { AS_MAX_LEAKS = 20, AS_SHORT_TOKENS = 3 };
#define AS_LEAK_INFORMEDNESS 0.8

/* Multinomial naive Bayes over token counts with add-one smoothing (Manning, Raghavan, Schuetze,
 * Introduction to Information Retrieval, 13.2), fitted on train. */
typedef struct as_baseline {
    bool made;                       /* false: one class in train, or too many counts */
    double accuracy[AS_SPLIT_COUNT]; /* NaN: the split has no rows */
    double majority[AS_SPLIT_COUNT]; /* always the commonest class of train, the first of equals */
} as_baseline;

typedef struct as_content_audit {
    as_baseline baseline;
    as_leak leaks[AS_MAX_LEAKS]; /* by descending informedness, then id */
    uint32_t n_leaks;
    uint32_t n_short[AS_SPLIT_COUNT]; /* texts with under AS_SHORT_TOKENS tokens */
} as_content_audit;

/* [cell] Audits the rows by their ids, so after cleaning and cut; vocab_size bounds the ids, of
 * which those below first_id (padding, unknown word) are no words and are not counted. */
ASSAY_MUST_USE assay_status as_audit_content(const as_split_rows *splits, uint32_t n_labels,
                                             int32_t vocab_size, int32_t first_id,
                                             as_content_audit *ret_audit, assay_error *error);

#endif
