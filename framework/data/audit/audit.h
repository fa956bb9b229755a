/* SPDX-License-Identifier: MIT */
/* data/audit/audit.h: what may be wrong with the rows a cell is trained on: a token that nearly
 * decides the label, texts that are hardly there, and the accuracy that a bag of words reaches,
 * which no model should stay below. */
#ifndef AS_DATA_AUDIT_AUDIT_H
#define AS_DATA_AUDIT_AUDIT_H

#include "data/data.h"

/* A token that is as good as the label: in at least min_share of one class's train texts... */
typedef struct as_leak {
    int32_t id;       /* of the token */
    int32_t label;    /* it tells */
    double precision; /* share of that label among the train texts that hold the token */
    double recall;    /* share of that label's train texts that hold it */
} as_leak;

enum { AS_MAX_LEAKS = 20 };

typedef struct as_baseline {
    bool made;                           /* false: fewer than two classes in train */
    double accuracy[AS_SPLIT_COUNT];     /* multinomial naive Bayes with add-one smoothing */
    double majority[AS_SPLIT_COUNT];     /* always the commonest class of train */
} as_baseline;

typedef struct as_content_audit {
    as_baseline baseline;
    as_leak leaks[AS_MAX_LEAKS]; /* by descending F1 */
    uint32_t n_leaks;
    uint32_t n_short[AS_SPLIT_COUNT]; /* texts with under 3 tokens */
} as_content_audit;

/* [cell] Audits the rows (their ids, so after cleaning and cut). vocab_size bounds the ids. */
ASSAY_MUST_USE assay_status as_audit_content(const as_split_rows *splits, uint32_t n_labels,
                                             int32_t vocab_size, as_content_audit *ret_audit,
                                             assay_error *error);

#endif
