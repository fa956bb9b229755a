/* SPDX-License-Identifier: MIT */
/* Cross-validation: every row in one part, classes spread as scikit-learn's StratifiedKFold. */
#include <string.h>

#include "data/splits/folds.h"
#include "tests/unit/stats/golden.h"

enum { MOST_CLASSES = 8 };
static const char *const labels[MOST_CLASSES] = {"a", "b", "c", "d", "e", "f", "g", "h"};

/* Classes of counts[k] rows each, dealt so that they don't ascend; returns the number of rows. */
static uint32_t make_classes(as_arena *arena, const uint32_t *counts, uint32_t n,
                             as_classes *ret_classes) {
    uint32_t left[MOST_CLASSES], n_rows = 0, used = 0;
    for (uint32_t k = 0; k < n; k++)
        n_rows += left[k] = counts[k];
    int32_t *of = as_arena_alloc_array(arena, n_rows, sizeof *of);
    for (uint32_t k = 0; used < n_rows; k = (k + 1) % n)
        if (left[k]) {
            of[used++] = (int32_t)k;
            left[k]--;
        }
    *ret_classes = (as_classes){of, labels, n};
    return n_rows;
}

static uint32_t *cut(as_arena *arena, uint32_t n_rows, const as_classes *classes, uint32_t n,
                     uint64_t seed) {
    uint32_t *fold_of;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_folds_cut(arena, n_rows, classes, n, seed, "folds/n", &fold_of, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    return fold_of;
}

static void check_case(const json_t *expected) {
    as_arena *arena = as_arena_new();
    as_classes classes;
    uint32_t counts[MOST_CLASSES], n = (uint32_t)golden_count(expected, "n");
    const json_t *sizes = json_object_get(expected, "sizes"),
                 *all = json_object_get(expected, "counts");
    uint32_t n_classes = (uint32_t)json_array_size(all);
    for (uint32_t k = 0; k < n_classes; k++)
        counts[k] = (uint32_t)json_integer_value(json_array_get(all, k));
    uint32_t n_rows = make_classes(arena, counts, n_classes, &classes);
    uint32_t *fold_of = cut(arena, n_rows, &classes, n, 42);
    for (uint32_t fold = 0; fold < n; fold++)
        for (uint32_t k = 0; k < n_classes; k++) {
            uint32_t found = 0;
            for (uint32_t i = 0; i < n_rows; i++)
                found += fold_of[i] == fold && (uint32_t)classes.of[i] == k;
            cr_assert_eq(found, json_integer_value(json_array_get(json_array_get(sizes, fold), k)),
                         "%u rows in %u parts, part %u, class %u: %u", n_rows, n, fold, k, found);
        }
    as_arena_free(arena);
}

Test(folds, sizes_are_those_of_stratified_k_fold) {
    json_t *golden = golden_load("splits.json");
    const json_t *all = json_object_get(golden, "folds");
    cr_assert_geq(json_array_size(all), 6);
    for (size_t i = 0; i < json_array_size(all); i++)
        check_case(json_array_get(all, i));
    json_decref(golden);
}

Test(folds, a_seed_is_a_choice_and_parts_are_random) {
    static const uint32_t counts[] = {60, 40};
    as_arena *arena = as_arena_new();
    as_classes classes;
    uint32_t n_rows = make_classes(arena, counts, 2, &classes), together = 0;
    uint32_t *first = cut(arena, n_rows, &classes, 5, 1);
    cr_assert_eq(memcmp(first, cut(arena, n_rows, &classes, 5, 1), n_rows * sizeof *first), 0);
    cr_assert_neq(memcmp(first, cut(arena, n_rows, &classes, 5, 2), n_rows * sizeof *first), 0);
    for (uint64_t seed = 0; seed < 200; seed++) { /* rows 0 and 1 share a part in about a fifth */
        uint32_t *fold_of = cut(arena, n_rows, &classes, 5, seed);
        together += fold_of[0] == fold_of[1];
    }
    cr_assert(together > 15 && together < 70, "%u of 200", together);
    as_arena_free(arena);
}

Test(folds, unstratified_parts_differ_by_a_row_at_most) {
    as_arena *arena = as_arena_new();
    uint32_t *fold_of = cut(arena, 103, NULL, 10, 3), sizes[10] = {0};
    for (uint32_t i = 0; i < 103; i++)
        sizes[fold_of[i]]++;
    for (uint32_t fold = 0; fold < 10; fold++)
        cr_assert(sizes[fold] == 10 || sizes[fold] == 11);
    as_arena_free(arena);
}

Test(folds, too_few_rows_are_refused) {
    static const uint32_t counts[] = {60, 4};
    as_arena *arena = as_arena_new();
    as_classes classes;
    uint32_t n_rows = make_classes(arena, counts, 2, &classes), *fold_of = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_folds_cut(arena, n_rows, &classes, 5, 1, "x/folds/n", &fold_of, &error),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert_str_eq(error.where, "x/folds/n");
    cr_assert(strstr(error.text, "is 5; the class \"b\" has 4 rows"), "%s", error.text);
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_folds_cut(arena, 3, NULL, 4, 1, "x/folds/n", &fold_of, &error),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert(strstr(error.text, "is 4; the data has 3 rows"), "%s", error.text);
    cr_assert_null(fold_of);
    as_arena_free(arena);
}
