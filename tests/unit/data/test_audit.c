/* SPDX-License-Identifier: MIT */
/* The baseline equals scikit-learn's naive Bayes; planted leaks are found, common words are not. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "data/audit/audit.h"

static json_t *load_golden(void) {
    json_t *json = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    char *path = as_path_join(getenv("AS_GOLDEN"), "audit.json");
    cr_assert_eq(as_json_load(path, &json, &error), ASSAY_OK, "%s", error.text);
    free(path);
    return json;
}

static as_split_rows rows_of(as_arena *arena, const json_t *part, as_split which,
                             uint32_t n_labels) {
    const json_t *ids = json_object_get(part, "ids"), *labels = json_object_get(part, "labels");
    uint32_t n = (uint32_t)json_array_size(ids);
    as_row *rows = as_arena_alloc_array(arena, n, sizeof *rows);
    uint32_t *counts = as_arena_alloc_array(arena, n_labels, sizeof *counts);
    for (uint32_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(ids, i);
        size_t n_ids = json_array_size(row);
        int32_t *copy = as_arena_alloc_array(arena, n_ids, sizeof *copy);
        for (size_t k = 0; k < n_ids; k++)
            copy[k] = (int32_t)json_integer_value(json_array_get(row, k));
        rows[i] = (as_row){.ids = copy,
                           .n_ids = (int32_t)n_ids,
                           .n_tokens = (int32_t)n_ids,
                           .label = (int32_t)json_integer_value(json_array_get(labels, i))};
        counts[rows[i].label]++;
    }
    return (as_split_rows){.split = which, .n_rows = n, .rows = rows, .counts = counts};
}

Test(audit, baseline_equals_scikit_learn) {
    as_arena *arena = as_arena_new();
    json_t *golden = load_golden();
    uint32_t n_labels = (uint32_t)json_integer_value(json_object_get(golden, "labels")),
             counts[3] = {0};
    const json_t *train = json_object_get(golden, "train"), *test = json_object_get(golden, "test");
    const as_split_rows splits[AS_SPLIT_COUNT] = {rows_of(arena, train, AS_SPLIT_TRAIN, n_labels),
                                                  {.split = AS_SPLIT_VALIDATION, .counts = counts},
                                                  rows_of(arena, test, AS_SPLIT_TEST, n_labels)};
    as_content_audit audit;
    int32_t vocab = (int32_t)json_integer_value(json_object_get(golden, "vocab_size"));
    cr_assert_eq(as_audit_content(splits, n_labels, vocab, AS_TOKEN_FIRST_WORD, &audit, NULL),
                 ASSAY_OK);
    cr_assert(audit.baseline.made);
    cr_assert_float_eq(audit.baseline.accuracy[AS_SPLIT_TRAIN],
                       json_number_value(json_object_get(train, "accuracy")), 1e-12);
    cr_assert_float_eq(audit.baseline.accuracy[AS_SPLIT_TEST],
                       json_number_value(json_object_get(test, "accuracy")), 1e-12);
    cr_assert_float_eq(audit.baseline.majority[AS_SPLIT_TEST],
                       json_number_value(json_object_get(test, "majority")), 1e-12);
    cr_assert(isnan(audit.baseline.accuracy[AS_SPLIT_VALIDATION]));
    json_decref(golden);
    as_arena_free(arena);
}

/* 100 texts of each of two classes; token 2 in all, 3 in 95 of class 1 and 2 of class 0, 4 in 70 of
 * class 0 and none of class 1. */
Test(audit, a_token_that_tells_the_label_is_a_leak) {
    static int32_t ids[200][3];
    static as_row rows[200];
    uint32_t counts[2] = {100, 100}, none[2] = {0, 0};
    for (int i = 0; i < 200; i++) {
        int label = i / 100, place = i % 100, n = 0;
        ids[i][n++] = 2;
        if (label ? place < 95 : place < 2)
            ids[i][n++] = 3;
        if (!label && place < 70)
            ids[i][n++] = 4;
        rows[i] = (as_row){.ids = ids[i], .n_ids = n, .n_tokens = n, .label = label};
    }
    const as_split_rows splits[AS_SPLIT_COUNT] = {
        {.split = AS_SPLIT_TRAIN, .n_rows = 200, .rows = rows, .counts = counts},
        {.split = AS_SPLIT_VALIDATION, .counts = none},
        {.split = AS_SPLIT_TEST, .counts = none}};
    as_content_audit audit;
    cr_assert_eq(as_audit_content(splits, 2, 5, AS_TOKEN_FIRST_WORD, &audit, NULL), ASSAY_OK);
    cr_assert_eq(audit.n_leaks, 1);
    cr_assert_eq(audit.leaks[0].id, 3);
    cr_assert_eq(audit.leaks[0].label, 1);
    cr_assert_float_eq(audit.leaks[0].recall, 0.95, 1e-12);
    cr_assert_float_eq(audit.leaks[0].precision, 95.0 / 97, 1e-12);
    cr_assert_float_eq(audit.leaks[0].informedness, 0.93, 1e-12);
    cr_assert_eq(audit.n_short[AS_SPLIT_TRAIN], 198, "all but two have under three tokens");
}

Test(audit, one_class_has_no_baseline) {
    int32_t ids[1] = {2};
    as_row row = {.ids = ids, .n_ids = 1, .n_tokens = 1};
    uint32_t counts[2] = {1, 0}, none[2] = {0, 0};
    const as_split_rows splits[AS_SPLIT_COUNT] = {
        {.split = AS_SPLIT_TRAIN, .n_rows = 1, .rows = &row, .counts = counts},
        {.split = AS_SPLIT_VALIDATION, .counts = none},
        {.split = AS_SPLIT_TEST, .counts = none}};
    as_content_audit audit;
    cr_assert_eq(as_audit_content(splits, 2, 5, AS_TOKEN_FIRST_WORD, &audit, NULL), ASSAY_OK);
    cr_assert_not(audit.baseline.made);
    cr_assert_eq(audit.n_leaks, 0);
}
