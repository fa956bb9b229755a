/* SPDX-License-Identifier: MIT */
/* results/published/published.h: figures that studies printed, beside which reports set their own:
 * results/published/NAME.json, checked against results/schema/published.schema.json. Shares are
 * fractions of 1. Not for our own results. */
#ifndef AS_RESULTS_PUBLISHED_H
#define AS_RESULTS_PUBLISHED_H

#include <jansson.h>
#include <stdbool.h>

#include "assay/status.h"
#include "base/arena.h"

typedef struct as_published_figure {
    const char *field;       /* "test.accuracy": of a record, or the schema's other names */
    const char *class_label; /* of test.per_class.*; else NULL */
    int32_t epoch;           /* of epochs.*; 0: not given */
    double low, high;        /* the same number where the study gives one */
    bool derived;            /* computed from the description, not printed */
    bool approximate;        /* "about" */
    bool hardware_unstated;
    const char *remark; /* NULL: none */
} as_published_figure;

typedef struct as_published_entry {
    const char *name, *suite, *remark; /* remark NULL: none */
    bool pretrained;                   /* the study started from pretrained weights */
    const json_t *recipe;              /* object: path in result.json -> the study's value */
    const json_t *choices;             /* strings: what the study leaves open */
    as_published_figure *figures;
    size_t n_figures;
} as_published_entry;

typedef struct as_published {
    json_t *json;                       /* owned */
    const char *name, *source, *remark; /* remark NULL: none */
    const json_t *data;                 /* facts: objects with what, value or low and high, field */
    as_published_entry *entries;
    size_t n_entries;
} as_published;

/* [any] Loads NAME of a suite's report.published from the source tree's or the installed folder
 * (ASSAY_SUITE_PATH's come first: ../results/published beside each). BAD_DATA names file and field.
 * The lists live in `arena`, the texts in ret->json. */
ASSAY_MUST_USE assay_status as_published_load(as_arena *arena, const char *name,
                                              as_published *ret_published, assay_error *error);

/* [any] The same from a path; the file's name must be the study's. */
ASSAY_MUST_USE assay_status as_published_read(as_arena *arena, const char *path, const char *name,
                                              as_published *ret_published, assay_error *error);
void as_published_done(as_published *published); /* an empty one is allowed */

#endif
