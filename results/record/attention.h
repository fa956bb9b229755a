/* SPDX-License-Identifier: MIT */
/* results/record/attention.h: attention.json of a cell (the suite's measure.attention): which
 * tokens of some test texts the trained model attends to (results/schema/attention.schema.json).
 * Texts are named by their index; where their tokens stand is told in bytes of the source's text,
 * the text itself is not there. */
#ifndef AS_RESULTS_ATTENTION_H
#define AS_RESULTS_ATTENTION_H

#include "results/record/record.h"

enum { AS_ATTENTION_SCHEMA_VERSION = 1 };

typedef struct as_attended_token {
    int32_t id;
    int64_t begin, end; /* -1: it has no place in the text, as special tokens */
    double weight;
} as_attended_token;

typedef struct as_attended_text {
    int64_t index; /* as in predictions.csv, split test */
    int32_t label, predicted;
    double probability; /* of the predicted class */
    int64_t n_bytes;    /* of the text */
    as_attended_token *tokens;
    size_t n_tokens;
} as_attended_text;

typedef struct as_attended {
    as_arena *arena; /* NULL: of one being made */
    json_t *json;    /* of one that was read: texts point into it */
    const char *cell, *entry, *model;
    const char *operation; /* "attention", averaged over its heads, or "attention_pool" */
    int64_t node;          /* of graph.json */
    int64_t heads;
    const char *query; /* "first", "last": of that token; "mean": over all; "pool": there is none */
    as_attended_text *texts;
    size_t n_texts;
} as_attended;

/* [any] "attention pooling", "last attention layer, mean over 12 heads, from the first token". */
void as_attended_name(const as_attended *attended, char *text, size_t size);

/* [any] Writes attention.json. */
ASSAY_MUST_USE assay_status as_attended_write(const as_attended *attended, const char *folder,
                                              assay_error *error);
/* [any] Reads attention.json. NOT_FOUND: there is none. */
ASSAY_MUST_USE assay_status as_attended_read(const char *folder, as_attended **ret_attended,
                                             assay_error *error);
void as_attended_free(as_attended *attended); /* NULL allowed */

/* [any] That of a run's cell. NOT_FOUND: it has none. */
ASSAY_MUST_USE assay_status as_run_attended(const as_run *run, const as_record *cell,
                                            as_attended **ret_attended, assay_error *error);

#endif
