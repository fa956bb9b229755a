/* SPDX-License-Identifier: MIT */
/* results/record/same.h: cells of a run whose models predict the same class for every test text.
 * Two models that learn something hardly agree on all texts; two that collapsed do.
 *
 *     run.json: "same_predictions": [["lstm__onednn__f32__s1", "rnn__onednn__f32__s1"], ...]
 *
 * Compared are cells of the same seed, of different entries that are no points of one grid, and of
 * the same backend and precision, unless a model computes by itself. */
#ifndef AS_RESULTS_SAME_H
#define AS_RESULTS_SAME_H

#include "base/file.h"
#include "results/record/record.h"

/* What a cell predicts, and for whom it may stand; all texts are the arena's. */
typedef struct as_answers {
    const char *cell, *entry, *backend, *dtype;
    const char *grid; /* the entry that this one is a point of; "" */
    uint64_t seed;
    as_sha256_hex digest; /* of (row, predicted class) of all test texts; "": there are none */
} as_answers;

/* [any] Of a record that was read with its predictions. */
ASSAY_MUST_USE assay_status as_answers_of(as_arena *arena, const as_record *record,
                                          as_answers *ret_answers, assay_error *error);

/* [any] Are both cells compared, and the same? */
bool as_answers_same(const as_answers *a, const as_answers *b);

/* [any] A new array of all pairs of names, in the order of the list; an item whose cell is NULL
 * stands for a cell without a record. NULL: no memory. */
json_t *as_answers_pairs(const as_answers *answers, size_t n);

#endif
