/* SPDX-License-Identifier: MIT */
/* Pairs of cells with the same test predictions; the rule: results/record/same.h. */
#include "results/record/same.h"

#include <string.h>

#include "base/error.h"
#include "base/sha256.h"

static const char *copy_of(as_arena *arena, const char *text) {
    return as_arena_strdup(arena, text ? text : "");
}

static as_sha256_hex digest_of(const as_record *record) {
    unsigned char bytes[AS_SHA256_BYTES];
    as_sha256_hex hex = {""};
    as_sha256 state = as_sha256_init();
    size_t n = 0;
    for (size_t i = 0; i < record->n_predictions; i++) {
        const as_prediction *p = &record->predictions[i];
        int64_t row[2] = {p->index, p->predicted};
        if (strcmp(p->split, "test") != 0)
            continue;
        as_sha256_update(&state, row, sizeof row);
        n++;
    }
    as_sha256_final(&state, bytes);
    if (n)
        sodium_bin2hex(hex.text, sizeof hex.text, bytes, sizeof bytes);
    return hex;
}

assay_status as_answers_of(as_arena *arena, const as_record *record, as_answers *ret_answers,
                           assay_error *error) {
    const char *grid = json_string_value(json_object_get(record->grid, "entry"));
    as_answers answers = {.cell = copy_of(arena, record->cell),
                          .entry = copy_of(arena, record->entry),
                          .backend = copy_of(arena, record->backend.id),
                          .dtype = copy_of(arena, record->dtype),
                          .grid = copy_of(arena, grid),
                          .seed = record->seed,
                          .digest = digest_of(record)};
    if (!answers.cell || !answers.entry || !answers.backend || !answers.dtype || !answers.grid)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "record", "no memory for its answers");
    *ret_answers = answers;
    return ASSAY_OK;
}

bool as_answers_same(const as_answers *a, const as_answers *b) {
    bool own = strcmp(a->backend, "own") == 0 || strcmp(b->backend, "own") == 0;
    return a->digest.text[0] && strcmp(a->digest.text, b->digest.text) == 0 && a->seed == b->seed &&
           strcmp(a->entry, b->entry) != 0 && !(a->grid[0] && strcmp(a->grid, b->grid) == 0) &&
           (own || (strcmp(a->backend, b->backend) == 0 && strcmp(a->dtype, b->dtype) == 0));
}

json_t *as_answers_pairs(const as_answers *answers, size_t n) {
    json_t *pairs = json_array();
    for (size_t i = 0; pairs && i < n; i++)
        for (size_t k = i + 1; pairs && k < n; k++)
            if (answers[i].cell && answers[k].cell && as_answers_same(&answers[i], &answers[k]) &&
                json_array_append_new(pairs,
                                      json_pack("[s, s]", answers[i].cell, answers[k].cell)) != 0) {
                json_decref(pairs);
                pairs = NULL;
            }
    return pairs;
}
