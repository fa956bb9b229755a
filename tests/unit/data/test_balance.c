/* SPDX-License-Identifier: MIT */
/* Class balance: scikit-learn's weights, repeated rows, rows left out; train alone. */
#include <string.h>

#include "data/splits/balance.h"
#include "tests/unit/stats/golden.h"

static const char *const labels[] = {"a", "b", "c", "d", "e"}, *const relabelled[] = {"c", "b",
                                                                                      "a"};

Test(balance, weights_are_scikit_learns) {
    json_t *golden = golden_load("splits.json");
    const json_t *all = json_object_get(golden, "class_weights");
    cr_assert_geq(json_array_size(all), 5);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *counted = json_object_get(json_array_get(all, i), "counts"),
                     *expected = json_object_get(json_array_get(all, i), "weights");
        uint32_t counts[5], n = (uint32_t)json_array_size(counted);
        double weights[5];
        for (uint32_t k = 0; k < n; k++)
            counts[k] = (uint32_t)json_integer_value(json_array_get(counted, k));
        cr_assert_eq(as_class_weights(counts, labels, n, "data/balance", weights, NULL), ASSAY_OK);
        for (uint32_t k = 0; k < n; k++)
            check_near(weights[k], json_number_value(json_array_get(expected, k)),
                       1e-15 * weights[k], labels[k]);
    }
    json_decref(golden);
}

Test(balance, a_class_without_rows_has_no_weight) {
    static const uint32_t counts[] = {3, 0, 2};
    double weights[3] = {7, 7, 7};
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_class_weights(counts, labels, 3, "s.json#/data/balance", weights, &error),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert_str_eq(error.where, "s.json#/data/balance");
    cr_assert(strstr(error.text, "\"b\" has no train rows"), "%s", error.text);
    cr_assert(weights[0] == 7 && weights[2] == 7);
}

/* Rows 0 .. n - 1, all selected for train in descending order; labels by a pattern. */
static as_selection make(as_arena *arena, const char *pattern, as_dataset *ret_dataset) {
    uint32_t n = (uint32_t)strlen(pattern);
    as_selection s = {.labels = relabelled, .n_labels = 3};
    *ret_dataset = as_dataset_init(arena, labels, 3);
    s.label_map = as_arena_alloc_array(arena, 3, sizeof *s.label_map);
    s.rows[AS_SPLIT_TRAIN] = as_arena_alloc_array(arena, n, sizeof(uint32_t));
    s.rows[AS_SPLIT_TEST] = as_arena_alloc_array(arena, n, sizeof(uint32_t));
    s.n_rows[AS_SPLIT_TRAIN] = s.n_rows[AS_SPLIT_TEST] = n;
    for (int32_t k = 0; k < 3; k++)
        s.label_map[k] = 2 - k; /* relabelled: a is class 2 */
    for (uint32_t i = 0; i < n; i++) {
        cr_assert_eq(as_dataset_add(ret_dataset, AS_SPLIT_TRAIN, (uint32_t)(pattern[i] - 'a'), "n",
                                    "text", 4, "x", NULL),
                     ASSAY_OK);
        s.rows[AS_SPLIT_TRAIN][i] = s.rows[AS_SPLIT_TEST][i] = n - 1 - i;
    }
    return s;
}

static as_data_config config_of(as_balance balance) {
    return (as_data_config){
        .where = "s.json#/data", .balance = balance, .subset = {.seed = 42, .stratified = true}};
}

static void apply(as_arena *arena, const as_dataset *d, as_balance balance, uint64_t seed,
                  as_selection *s) {
    as_data_config c = config_of(balance);
    assay_error error = ASSAY_ERROR_INIT;
    c.subset.seed = seed;
    cr_assert_eq(as_balance_rows(arena, d, &c, s, &error), ASSAY_OK, "%s: %s", error.where,
                 error.text);
}

static const char pattern[] = "aaaaaaaaaaabbbbcccccaaaaaaaaa"; /* 20 a, 4 b, 5 c */

static void count_rows(const as_dataset *d, const as_selection *s, uint32_t *by_row,
                       uint32_t *by_label) {
    memset(by_row, 0, d->n_rows * sizeof *by_row);
    memset(by_label, 0, 3 * sizeof *by_label);
    for (uint32_t i = 0; i < s->n_rows[AS_SPLIT_TRAIN]; i++) {
        uint32_t row = s->rows[AS_SPLIT_TRAIN][i];
        cr_assert_lt(row, d->n_rows);
        cr_assert(i == 0 || s->rows[AS_SPLIT_TRAIN][i - 1] >= row, "in the order they had");
        by_row[row]++;
        by_label[d->rows[row].label]++;
    }
}

Test(balance, oversampling_repeats_rows_evenly_up_to_the_largest_class) {
    uint32_t by_row[sizeof pattern], by_label[3], thrice = 0;
    as_arena *arena = as_arena_new();
    as_dataset d;
    as_selection s = make(arena, "aaaaaaaaaaabbbbccccccaaaaaaaaa", &d); /* 20, 4, 6 */
    apply(arena, &d, AS_BALANCE_OVERSAMPLE, 42, &s);
    count_rows(&d, &s, by_row, by_label);
    cr_assert(by_label[0] == 20 && by_label[1] == 20 && by_label[2] == 20, "%u %u %u", by_label[0],
              by_label[1], by_label[2]);
    for (uint32_t i = 0; i < d.n_rows; i++)
        switch (d.rows[i].label) {
        case 0:
            cr_assert_eq(by_row[i], 1);
            break;
        case 1:
            cr_assert_eq(by_row[i], 5);
            break;
        default: /* 20 = 3 * 6 + 2 */
            cr_assert(by_row[i] == 3 || by_row[i] == 4);
            thrice += by_row[i] == 3;
        }
    cr_assert_eq(thrice, 4);
    cr_assert_eq(s.n_rows[AS_SPLIT_TEST], 30, "test stays");
    as_arena_free(arena);
}

Test(balance, undersampling_keeps_as_many_as_the_smallest_class_has) {
    uint32_t by_row[sizeof pattern], by_label[3];
    as_arena *arena = as_arena_new();
    as_dataset d;
    as_selection s = make(arena, pattern, &d);
    apply(arena, &d, AS_BALANCE_UNDERSAMPLE, 42, &s);
    count_rows(&d, &s, by_row, by_label);
    for (uint32_t k = 0; k < 3; k++)
        cr_assert_eq(by_label[k], 4);
    for (uint32_t i = 0; i < d.n_rows; i++)
        cr_assert_leq(by_row[i], 1);
    cr_assert_eq(s.n_rows[AS_SPLIT_TEST], 29, "test stays");
    as_arena_free(arena);
}

Test(balance, draws_follow_the_seed) {
    static const as_balance kinds[] = {AS_BALANCE_OVERSAMPLE, AS_BALANCE_UNDERSAMPLE};
    as_arena *arena = as_arena_new();
    for (size_t k = 0; k < 2; k++) {
        as_dataset d;
        as_selection first = make(arena, "aaaaaaaaabbbbccccccaaaa", &d), again = first,
                     other = first;
        apply(arena, &d, kinds[k], 1, &first);
        apply(arena, &d, kinds[k], 1, &again);
        apply(arena, &d, kinds[k], 2, &other);
        size_t n_bytes = first.n_rows[AS_SPLIT_TRAIN] * sizeof(uint32_t);
        cr_assert_eq(memcmp(first.rows[0], again.rows[0], n_bytes), 0);
        cr_assert_neq(memcmp(first.rows[0], other.rows[0], n_bytes), 0);
    }
    as_arena_free(arena);
}

Test(balance, other_kinds_leave_the_rows_alone) {
    static const as_balance kinds[] = {AS_BALANCE_NONE, AS_BALANCE_CLASS_WEIGHTS,
                                       AS_BALANCE_WEIGHTED_SAMPLING};
    as_arena *arena = as_arena_new();
    as_dataset d;
    as_selection s = make(arena, pattern, &d), before = s;
    for (size_t k = 0; k < 3; k++)
        apply(arena, &d, kinds[k], 1, &s);
    cr_assert_eq(memcmp(&s, &before, sizeof s), 0);
    as_arena_free(arena);
}

Test(balance, a_class_without_train_rows_is_said) {
    as_arena *arena = as_arena_new();
    as_dataset d;
    as_selection s = make(arena, "aaabbb", &d), before = s;
    as_data_config c = config_of(AS_BALANCE_UNDERSAMPLE);
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_balance_rows(arena, &d, &c, &s, &error), ASSAY_INVALID_ARGUMENT);
    cr_assert_str_eq(error.where, "s.json#/data/balance");
    cr_assert(strstr(error.text, "\"c\" has no train rows"), "%s", error.text);
    cr_assert_eq(memcmp(&s, &before, sizeof s), 0);
    as_arena_free(arena);
}

Test(balance, too_many_copies_are_refused) {
    static const char *names[4500];
    static char texts[4500][8];
    as_arena *arena = as_arena_new();
    for (uint32_t k = 0; k < 4500; k++) {
        snprintf(texts[k], sizeof texts[k], "%u", k);
        names[k] = texts[k];
    }
    as_dataset d = as_dataset_init(arena, names, 4500);
    as_selection s = {.labels = names, .n_labels = 4500};
    s.label_map = as_arena_alloc_array(arena, 4500, sizeof *s.label_map);
    s.rows[AS_SPLIT_TRAIN] = as_arena_alloc_array(arena, 5500, sizeof(uint32_t));
    for (uint32_t i = 0; i < 5500; i++) { /* 1,001 rows of class 0, one of each other */
        cr_assert_eq(as_dataset_add(&d, AS_SPLIT_TRAIN, i < 4500 ? i : 0, "n", "t", 1, "x", NULL),
                     ASSAY_OK);
        s.rows[AS_SPLIT_TRAIN][s.n_rows[AS_SPLIT_TRAIN]++] = i;
        s.label_map[i % 4500] = (int32_t)(i % 4500);
    }
    as_data_config c = config_of(AS_BALANCE_OVERSAMPLE);
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_balance_rows(arena, &d, &c, &s, &error), ASSAY_LIMIT);
    cr_assert(strstr(error.text, "4504500 train rows"), "%s", error.text);
    cr_assert_eq(s.n_rows[AS_SPLIT_TRAIN], 5500);
    as_arena_free(arena);
}
