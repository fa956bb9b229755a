/* SPDX-License-Identifier: MIT */
/* Which rows a suite uses: quotas, disjoint draws, seeds, errors, duplicates. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "data/splits/select.h"

static const char *const labels[] = {"a", "b", "c"};

/* counts[split][label] rows; texts are distinct: "train-a-0". */
static as_dataset make(as_arena *arena, const uint32_t counts[4][3]) {
    as_dataset d = as_dataset_init(arena, labels, 3);
    char text[64], name[16];
    for (int s = 0; s < 4; s++)
        for (uint32_t k = 0; k < 3; k++)
            for (uint32_t i = 0; i < counts[s][k]; i++) {
                snprintf(text, sizeof text, "%s-%s-%u", as_split_name((as_split)s), labels[k], i);
                snprintf(name, sizeof name, "%06u", i);
                cr_assert_eq(
                    as_dataset_add(&d, (as_split)s, k, name, text, strlen(text), "x", NULL),
                    ASSAY_OK);
            }
    cr_assert_eq(as_dataset_finish(&d, false, "x", NULL), ASSAY_OK);
    return d;
}

static const uint32_t undivided[4][3] = {{0}, {0}, {0}, {600, 300, 100}};
static const uint32_t divided[4][3] = {{200, 100, 60}, {0}, {30, 20, 10}, {0}};

static as_data_config config_of(int64_t train, int64_t validation, int64_t test) {
    return (as_data_config){
        .where = "s.json#/data",
        .subset = {.n_rows = {train, validation, test}, .seed = 42, .stratified = true},
        .validation = {.seed = 42, .stratified = true}};
}

static as_selection select_rows(as_arena *arena, const as_dataset *d, const as_data_config *c) {
    as_selection s;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_select(arena, d, c, &s, &error), ASSAY_OK, "%s: %s", error.where, error.text);
    for (int split = 0; split < AS_SPLIT_COUNT; split++) /* ascending, and nowhere else */
        for (uint32_t i = 0; i < s.n_rows[split]; i++) {
            cr_assert(i == 0 || s.rows[split][i - 1] < s.rows[split][i]);
            for (int before = 0; before < split; before++)
                for (uint32_t k = 0; k < s.n_rows[before]; k++)
                    cr_assert_neq(s.rows[before][k], s.rows[split][i], "a row in two splits");
        }
    return s;
}

static void expect_counts(const as_dataset *d, const as_selection *s, as_split split, uint32_t a,
                          uint32_t b, uint32_t c) {
    uint32_t counts[3] = {0};
    for (uint32_t i = 0; i < s->n_rows[split]; i++)
        counts[s->label_map[d->rows[s->rows[split][i]].label]]++;
    cr_assert(counts[0] == a && counts[1] == b && counts[2] == c, "%s: %u %u %u",
              as_split_name(split), counts[0], counts[1], counts[2]);
}

Test(select, everything_by_default) {
    as_arena *arena = as_arena_new();
    as_dataset d = make(arena, divided);
    as_data_config c = config_of(AS_ROWS_ALL, AS_ROWS_ALL, AS_ROWS_ALL);
    as_selection s = select_rows(arena, &d, &c);
    expect_counts(&d, &s, AS_SPLIT_TRAIN, 200, 100, 60);
    expect_counts(&d, &s, AS_SPLIT_TEST, 30, 20, 10);
    cr_assert_eq(s.n_rows[AS_SPLIT_VALIDATION], 0);
    as_arena_free(arena);
}

Test(select, proportional_and_equal_allocation) {
    as_arena *arena = as_arena_new();
    as_dataset d = make(arena, undivided);
    as_data_config c = config_of(100, 10, 7);
    as_selection s = select_rows(arena, &d, &c);
    expect_counts(&d, &s, AS_SPLIT_TEST, 4, 2, 1); /* 4.2, 2.1, 0.7 by largest remainder */
    expect_counts(&d, &s, AS_SPLIT_VALIDATION, 6, 3, 1);
    expect_counts(&d, &s, AS_SPLIT_TRAIN, 60, 30, 10);
    c.subset.allocation = AS_ALLOCATION_EQUAL;
    s = select_rows(arena, &d, &c);
    expect_counts(&d, &s, AS_SPLIT_TEST, 3, 2, 2);
    expect_counts(&d, &s, AS_SPLIT_VALIDATION, 4, 3, 3);
    expect_counts(&d, &s, AS_SPLIT_TRAIN, 34, 33, 33);
    as_arena_free(arena);
}

Test(select, equal_remainders_go_to_the_first_classes_once_each) {
    as_arena *arena = as_arena_new();
    static const uint32_t even[4][3] = {{0}, {0}, {0}, {10, 10, 10}};
    as_dataset d = make(arena, even);
    as_data_config c = config_of(AS_ROWS_ALL, 0, 5);
    as_selection s = select_rows(arena, &d, &c);
    expect_counts(&d, &s, AS_SPLIT_TEST, 2, 2, 1);
    c = config_of(AS_ROWS_ALL, 0, 4);
    s = select_rows(arena, &d, &c);
    expect_counts(&d, &s, AS_SPLIT_TEST, 2, 1, 1);
    as_arena_free(arena);
}

Test(select, all_of_it_can_be_used_whatever_the_rounding) {
    as_arena *arena = as_arena_new();
    static const uint32_t odd[4][3] = {{0}, {0}, {0}, {7, 5, 3}};
    as_dataset d = make(arena, odd);
    for (int64_t test = 1; test < 14; test++) {
        as_data_config c = config_of(AS_ROWS_ALL, 0, test);
        as_selection s = select_rows(arena, &d, &c);
        cr_assert_eq(s.n_rows[AS_SPLIT_TEST], test);
        cr_assert_eq(s.n_rows[AS_SPLIT_TRAIN], 15 - test);
        c = config_of(15 - test, 0, test);
        s = select_rows(arena, &d, &c);
        cr_assert_eq(s.n_rows[AS_SPLIT_TRAIN], 15 - test);
    }
    as_arena_free(arena);
}

Test(select, classes_are_relabelled_in_the_order_given) {
    static const char *const kept[] = {"c", "a"};
    as_arena *arena = as_arena_new();
    as_dataset d = make(arena, divided);
    as_data_config c = config_of(AS_ROWS_ALL, AS_ROWS_ALL, AS_ROWS_ALL);
    c.subset.labels = kept;
    c.subset.n_labels = 2;
    as_selection s = select_rows(arena, &d, &c);
    cr_assert_eq(s.n_labels, 2);
    cr_assert_str_eq(s.labels[0], "c");
    cr_assert(s.label_map[0] == 1 && s.label_map[1] == -1 && s.label_map[2] == 0);
    expect_counts(&d, &s, AS_SPLIT_TRAIN, 60, 200, 0);
    as_arena_free(arena);
}

Test(select, validation_is_a_share_of_train_or_drawn_beside_it) {
    as_arena *arena = as_arena_new();
    as_dataset d = make(arena, divided);
    as_data_config c = config_of(180, AS_ROWS_ALL, 6);
    c.validation.share = 0.2;
    as_selection s = select_rows(arena, &d, &c);
    expect_counts(&d, &s, AS_SPLIT_VALIDATION, 20, 10, 6);
    expect_counts(&d, &s, AS_SPLIT_TRAIN, 80, 40, 24);
    c = config_of(180, 36, 6);
    s = select_rows(arena, &d, &c);
    expect_counts(&d, &s, AS_SPLIT_VALIDATION, 20, 10, 6);
    expect_counts(&d, &s, AS_SPLIT_TRAIN, 100, 50, 30);
    as_arena_free(arena);
}

Test(select, a_seed_is_a_choice_and_more_training_rows_keep_the_test_rows) {
    as_arena *arena = as_arena_new();
    as_dataset d = make(arena, undivided);
    as_data_config c = config_of(100, 50, 50);
    as_selection first = select_rows(arena, &d, &c), again = select_rows(arena, &d, &c);
    for (int s = 0; s < AS_SPLIT_COUNT; s++)
        cr_assert_eq(memcmp(first.rows[s], again.rows[s], first.n_rows[s] * sizeof(uint32_t)), 0);
    c.subset.n_rows[AS_SPLIT_TRAIN] = 700;
    again = select_rows(arena, &d, &c);
    for (int s = 1; s < AS_SPLIT_COUNT; s++)
        cr_assert_eq(memcmp(first.rows[s], again.rows[s], first.n_rows[s] * sizeof(uint32_t)), 0);
    c.subset.seed = 43;
    again = select_rows(arena, &d, &c);
    cr_assert_neq(memcmp(first.rows[2], again.rows[2], 50 * sizeof(uint32_t)), 0);
    as_arena_free(arena);
}

Test(select, unstratified_rows_come_from_all_classes) {
    as_arena *arena = as_arena_new();
    as_dataset d = make(arena, undivided);
    as_data_config c = config_of(200, 0, 200);
    c.subset.stratified = false;
    as_selection s = select_rows(arena, &d, &c);
    uint32_t a = 0;
    for (uint32_t i = 0; i < 200; i++)
        a += d.rows[s.rows[AS_SPLIT_TRAIN][i]].label == 0;
    cr_assert(a > 80 && a < 160 && a != 120, "%u of 200 from the class with 60%%", a);
    as_arena_free(arena);
}

static void expect_error(const as_dataset *d, const as_data_config *c, const char *where,
                         const char *piece) {
    as_arena *arena = as_arena_new();
    as_selection s = {.n_labels = 77};
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_select(arena, d, c, &s, &error), ASSAY_INVALID_ARGUMENT);
    cr_assert_str_eq(error.where, where);
    cr_assert(strstr(error.text, piece), "%s", error.text);
    cr_assert_eq(s.n_labels, 77);
    as_arena_free(arena);
}

Test(select, what_the_data_lacks_is_said) {
    static const char *const unknown[] = {"a", "bb"}, *const twice[] = {"a", "b", "a"},
                             *const one[] = {"a"};
    as_arena *arena = as_arena_new();
    as_dataset d = make(arena, divided), all = make(arena, undivided);
    as_data_config c = config_of(361, AS_ROWS_ALL, AS_ROWS_ALL);
    expect_error(&d, &c, "s.json#/data/subset/train", "asks for 361 rows; the data has 360");
    c = config_of(300, AS_ROWS_ALL, AS_ROWS_ALL);
    c.subset.allocation = AS_ALLOCATION_EQUAL;
    expect_error(&d, &c, "s.json#/data/subset/train",
                 "asks for 100 rows of the class \"c\"; it has 60 left for the split \"train\"");
    c = config_of(100, AS_ROWS_ALL, AS_ROWS_ALL);
    expect_error(&all, &c, "s.json#/data/subset/test", "has no test split");
    c = config_of(AS_ROWS_ALL, 0, 1000);
    expect_error(&all, &c, "s.json#/data/subset/train", "no train rows");
    c = config_of(AS_ROWS_ALL, 10, AS_ROWS_ALL);
    c.validation.share = 0.1;
    expect_error(&d, &c, "s.json#/data/validation/share", "validation rows already");
    c = config_of(AS_ROWS_ALL, AS_ROWS_ALL, AS_ROWS_ALL);
    c.validation.share = 0.001;
    expect_error(&d, &c, "s.json#/data/validation/share", "both splits need rows");
    c.validation.share = 0;
    c.subset.labels = unknown;
    c.subset.n_labels = 2;
    expect_error(&d, &c, "s.json#/data/subset/labels", "no class \"bb\"; use \"b\"");
    c.subset.labels = twice;
    c.subset.n_labels = 3;
    expect_error(&d, &c, "s.json#/data/subset/labels", "twice");
    c.subset.labels = one;
    c.subset.n_labels = 1;
    expect_error(&d, &c, "s.json#/data/subset/labels", "at least two");
    as_arena_free(arena);
}

Test(select, duplicates_are_counted_by_split) {
    static const struct {
        as_split split;
        const char *text;
    } rows[] = {
        {AS_SPLIT_TRAIN, "x"}, {AS_SPLIT_TRAIN, "x"},      {AS_SPLIT_TRAIN, "x"},
        {AS_SPLIT_TRAIN, "y"}, {AS_SPLIT_VALIDATION, "x"}, {AS_SPLIT_VALIDATION, "z"},
        {AS_SPLIT_TEST, "y"},  {AS_SPLIT_TEST, "y"},       {AS_SPLIT_TEST, "z"},
        {AS_SPLIT_TEST, "zz"}, {AS_SPLIT_TEST, ""},
    };
    as_arena *arena = as_arena_new();
    as_dataset d = as_dataset_init(arena, labels, 2);
    as_selection s = {.n_labels = 2};
    as_audit audit;
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_assert_eq(as_dataset_add(&d, rows[i].split, 0, "n", rows[i].text, strlen(rows[i].text),
                                    "x", NULL),
                     ASSAY_OK);
        uint32_t *list = s.rows[rows[i].split];
        if (!list)
            list = s.rows[rows[i].split] = as_arena_alloc_array(arena, 16, sizeof *list);
        list[s.n_rows[rows[i].split]++] = i;
    }
    cr_assert_eq(as_audit_duplicates(&d, &s, &audit, NULL), ASSAY_OK);
    cr_assert_eq(audit.duplicates_within[AS_SPLIT_TRAIN], 2);
    cr_assert_eq(audit.duplicates_within[AS_SPLIT_VALIDATION], 0);
    cr_assert_eq(audit.duplicates_within[AS_SPLIT_TEST], 1);
    cr_assert_eq(audit.validation_in_train, 1);
    cr_assert_eq(audit.test_in_train, 2);
    cr_assert_eq(audit.test_in_validation, 1);
    as_arena_free(arena);
}
