/* SPDX-License-Identifier: MIT */
/* Pairs of entries with the same test predictions; the rule: report/same.h. */
#include "report/same.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "results/record/paired.h"

/* Accuracy and macro F1 of equal predictions are equal to the last bit: nearly all pairs end here,
 * before any text is looked at. */
static bool may_be_same(const as_record *a, const as_record *b) {
    return a->seed == b->seed && a->n_predictions && b->n_predictions &&
           a->test.accuracy.value == b->test.accuracy.value &&
           a->test.f1_macro.value == b->test.f1_macro.value;
}

/* *ret_class: the class that all predictions are, -1 for several. */
static bool are_same(as_arena *arena, const as_record *a, const as_record *b, int32_t *ret_class) {
    const as_record *both[2] = {a, b};
    as_paired paired;
    assay_error different = ASSAY_ERROR_INIT;
    int32_t only;
    if (as_paired_new(arena, both, 2, &paired, &different) != ASSAY_OK || paired.n_texts == 0)
        return false; /* not the same texts */
    only = paired.predicted[0][0];
    for (size_t t = 0; t < paired.n_texts; t++) {
        if (paired.predicted[0][t] != paired.predicted[1][t])
            return false;
        only = paired.predicted[0][t] == only ? only : -1;
    }
    *ret_class = only;
    return true;
}

static bool comparable(const as_row_summary *a, const as_row_summary *b) {
    bool own = strcmp(a->backend, "own") == 0 || strcmp(b->backend, "own") == 0;
    return a->place < b->place && strcmp(a->entry, b->entry) != 0 &&
           (own || (strcmp(a->backend, b->backend) == 0 && strcmp(a->dtype, b->dtype) == 0));
}

static as_same_pair compare_rows(as_arena *arena, const as_row_summary *a,
                                 const as_row_summary *b) {
    as_same_pair pair = {a, b, 0, 0, -1};
    for (size_t i = 0; i < a->n_records; i++)
        for (size_t j = 0; j < b->n_records; j++) {
            int32_t only = -1;
            pair.n_seeds += a->records[i]->seed == b->records[j]->seed;
            if (!may_be_same(a->records[i], b->records[j]) ||
                !are_same(arena, a->records[i], b->records[j], &only))
                continue;
            pair.only_class = pair.n_same == 0 || pair.only_class == only ? only : -1;
            pair.n_same++;
        }
    return pair;
}

assay_status as_same_predictions(as_arena *arena, const as_summary *summary,
                                 as_same_pair **ret_pairs, size_t *ret_n, assay_error *error) {
    size_t n = 0, k = summary->n_complete, most;
    as_same_pair *pairs =
        as_mul_size(k, k, &most) ? as_arena_alloc_array(arena, most, sizeof *pairs) : NULL;
    if (!pairs)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for %zu rows", k);
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++) {
            if (!comparable(&summary->rows[i], &summary->rows[j]))
                continue;
            as_same_pair pair = compare_rows(arena, &summary->rows[i], &summary->rows[j]);
            if (pair.n_same)
                pairs[n++] = pair;
        }
    *ret_pairs = pairs;
    *ret_n = n;
    return ASSAY_OK;
}

void as_same_text(const as_same_pair *pair, char *text, size_t size) {
    const as_scores *test = &pair->a->records[0]->test;
    char label[100] = "";
    if (pair->only_class >= 0 && pair->only_class < test->n_classes)
        snprintf(label, sizeof label, ", \"%.60s\"", test->per_class[pair->only_class].label);
    snprintf(text, size, "predict the same class for every test text%s (%zu of %zu seeds)", label,
             pair->n_same, pair->n_seeds);
}
