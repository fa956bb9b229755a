/* SPDX-License-Identifier: MIT */
/* Which rows a suite uses: quotas, disjoint draws, orders, validation, folds, seeds, errors. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/splits/numpy_random.h"
#include "data/splits/select.h"
#include "tests/unit/stats/golden.h"

static const char *const labels[] = {"a", "b", "c"};

/* counts[split][label] rows; texts are distinct: "train-a-0". Row i lies at the place -i, modulo a
 * prime, in the archive. */
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
    for (uint32_t i = 0; i < d.n_rows; i++)
        d.rows[i].position = (1009 - i) * 17 % 1009;
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

static as_selection select_any(as_arena *arena, const as_dataset *d, const as_data_config *c) {
    as_selection s;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_select(arena, d, c, &s, &error), ASSAY_OK, "%s: %s", error.where, error.text);
    if (!s.validation_is_test)
        for (int split = 0; split < AS_SPLIT_COUNT; split++) /* no row twice */
            for (uint32_t i = 0; i < s.n_rows[split]; i++)
                for (int before = 0; before <= split; before++)
                    for (uint32_t k = 0; k < (before < split ? s.n_rows[before] : i); k++)
                        cr_assert_neq(s.rows[before][k], s.rows[split][i], "row %u twice",
                                      s.rows[split][i]);
    return s;
}

/* Rows of seeded draws stand in the data set's order. */
static as_selection select_rows(as_arena *arena, const as_dataset *d, const as_data_config *c) {
    as_selection s = select_any(arena, d, c);
    for (int split = 0; split < AS_SPLIT_COUNT; split++)
        for (uint32_t i = 1; i < s.n_rows[split]; i++)
            cr_assert_lt(s.rows[split][i - 1], s.rows[split][i]);
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

/* ---- orders and NumPy's draws -----------------------------------------------------------------*/

/* Rows of one split of the data set in archive order. */
static uint32_t archive_rows(const as_dataset *d, as_split split, uint32_t *rows) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->n_rows; i++)
        if (d->rows[i].split == split) {
            uint32_t k = n++;
            for (; k > 0 && d->rows[rows[k - 1]].position > d->rows[i].position; k--)
                rows[k] = rows[k - 1];
            rows[k] = i;
        }
    return n;
}

Test(select, rows_can_stand_in_archive_order) {
    uint32_t expected[400];
    as_arena *arena = as_arena_new();
    as_dataset d = make(arena, divided);
    as_data_config c = config_of(AS_ROWS_ALL, AS_ROWS_ALL, 30);
    c.order = AS_ORDER_ARCHIVE;
    as_selection s = select_any(arena, &d, &c);
    cr_assert_eq(s.n_rows[AS_SPLIT_TRAIN], archive_rows(&d, AS_SPLIT_TRAIN, expected));
    cr_assert_eq(memcmp(s.rows[AS_SPLIT_TRAIN], expected, 360 * sizeof *expected), 0);
    for (uint32_t i = 1; i < 30; i++)
        cr_assert_lt(d.rows[s.rows[AS_SPLIT_TEST][i - 1]].position,
                     d.rows[s.rows[AS_SPLIT_TEST][i]].position);
    expect_counts(&d, &s, AS_SPLIT_TEST, 15, 10, 5);
    as_arena_free(arena);
}

Test(select, numpy_draws_the_first_rows_of_its_permutation) {
    static const as_order orders[] = {AS_ORDER_CANONICAL, AS_ORDER_ARCHIVE};
    uint32_t train[400], test[400], permutation[400];
    as_arena *arena = as_arena_new();
    as_dataset d = make(arena, divided);
    as_data_config c = config_of(100, AS_ROWS_ALL, 20);
    c.subset.draw = AS_DRAW_NUMPY;
    for (size_t o = 0; o < 2; o++) {
        c.order = (int)orders[o];
        as_selection s = select_any(arena, &d, &c);
        uint32_t n_train = archive_rows(&d, AS_SPLIT_TRAIN, train),
                 n_test = archive_rows(&d, AS_SPLIT_TEST, test);
        for (uint32_t i = 0; i < n_train && orders[o] == AS_ORDER_CANONICAL; i++)
            train[i] = i; /* train rows come first */
        for (uint32_t i = 0; i < n_test && orders[o] == AS_ORDER_CANONICAL; i++)
            test[i] = n_train + i;
        cr_assert(s.n_rows[AS_SPLIT_TRAIN] == 100 && s.n_rows[AS_SPLIT_TEST] == 20);
        as_numpy_permutation(42, n_train, permutation);
        for (uint32_t i = 0; i < 100; i++)
            cr_assert_eq(s.rows[AS_SPLIT_TRAIN][i], train[permutation[i]], "place %u", i);
        as_numpy_permutation(42, n_test, permutation);
        for (uint32_t i = 0; i < 20; i++)
            cr_assert_eq(s.rows[AS_SPLIT_TEST][i], test[permutation[i]], "place %u", i);
    }
    as_arena_free(arena);
}

Test(select, numpy_draws_of_one_source_share_its_permutation) {
    uint32_t permutation[1000];
    as_arena *arena = as_arena_new();
    as_dataset d = make(arena, undivided);
    as_data_config c = config_of(AS_ROWS_ALL, 50, 200);
    c.subset.draw = AS_DRAW_NUMPY;
    as_selection s = select_any(arena, &d, &c);
    as_numpy_permutation(42, 1000, permutation);
    cr_assert_eq(s.n_rows[AS_SPLIT_TRAIN], 750);
    cr_assert_eq(memcmp(s.rows[AS_SPLIT_TEST], permutation, 200 * sizeof *permutation), 0);
    cr_assert_eq(memcmp(s.rows[AS_SPLIT_VALIDATION], permutation + 200, 50 * sizeof *permutation),
                 0);
    cr_assert_eq(memcmp(s.rows[AS_SPLIT_TRAIN], permutation + 250, 750 * sizeof *permutation), 0);
    as_arena_free(arena);
}

/* ---- validation -------------------------------------------------------------------------------*/

Test(select, the_tail_is_where_keras_cuts) {
    static const uint32_t one_class[4][3] = {{2000, 2000, 1000}, {0}, {1, 1, 1}, {0}};
    as_arena *arena = as_arena_new();
    as_dataset d = make(arena, one_class);
    json_t *golden = golden_load("splits.json");
    const json_t *all = json_object_get(golden, "tails");
    uint32_t n_checked = 0;
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *tail = json_array_get(all, i);
        int64_t n = golden_count(tail, "n");
        if (n > 5000)
            continue;
        as_data_config c = config_of(n, AS_ROWS_ALL, AS_ROWS_ALL);
        c.subset.draw = AS_DRAW_NUMPY;
        as_selection whole = select_any(arena, &d, &c);
        c.validation.kind = AS_VALIDATION_TAIL;
        c.validation.share = golden_real(tail, "share");
        as_selection s;
        cr_assert_eq(as_select(arena, &d, &c, &s, NULL), ASSAY_OK);
        uint32_t n_train = s.n_rows[AS_SPLIT_TRAIN], n_tail = s.n_rows[AS_SPLIT_VALIDATION];
        cr_assert_eq(n_train, golden_count(tail, "train"), "%lld rows: %u", (long long)n, n_train);
        cr_assert_eq(n_train + n_tail, n);
        cr_assert_eq(
            memcmp(s.rows[AS_SPLIT_TRAIN], whole.rows[AS_SPLIT_TRAIN], n_train * sizeof(uint32_t)),
            0);
        cr_assert_eq(memcmp(s.rows[AS_SPLIT_VALIDATION], whole.rows[AS_SPLIT_TRAIN] + n_train,
                            n_tail * sizeof(uint32_t)),
                     0);
        n_checked++;
    }
    cr_assert_geq(n_checked, 6);
    json_decref(golden);
    as_arena_free(arena);
}

static const uint32_t with_validation[4][3] = {{40, 20, 10}, {12, 8, 4}, {30, 20, 10}, {0}};

Test(select, the_sources_own_validation_is_used_dropped_or_replaced_by_test) {
    as_arena *arena = as_arena_new();
    as_dataset d = make(arena, with_validation);
    as_data_config c = config_of(AS_ROWS_ALL, AS_ROWS_ALL, AS_ROWS_ALL);
    as_selection s = select_rows(arena, &d, &c);
    expect_counts(&d, &s, AS_SPLIT_VALIDATION, 12, 8, 4);
    c.validation.kind = AS_VALIDATION_NONE;
    s = select_rows(arena, &d, &c);
    cr_assert_eq(s.n_rows[AS_SPLIT_VALIDATION], 0);
    expect_counts(&d, &s, AS_SPLIT_TRAIN, 40, 20, 10);
    cr_assert_not(s.validation_is_test);
    c.validation.kind = AS_VALIDATION_TEST;
    c.subset.n_rows[AS_SPLIT_TEST] = 6;
    s = select_rows(arena, &d, &c);
    cr_assert(s.validation_is_test);
    cr_assert_eq(s.n_rows[AS_SPLIT_VALIDATION], 6);
    cr_assert_eq(memcmp(s.rows[AS_SPLIT_VALIDATION], s.rows[AS_SPLIT_TEST], 6 * sizeof(uint32_t)),
                 0);
    expect_counts(&d, &s, AS_SPLIT_TRAIN, 40, 20, 10);
    as_arena_free(arena);
}

Test(select, a_share_of_numpys_rows_keeps_their_order) {
    as_arena *arena = as_arena_new();
    as_dataset d = make(arena, divided);
    as_data_config c = config_of(180, AS_ROWS_ALL, 6);
    c.subset.draw = AS_DRAW_NUMPY;
    as_selection whole = select_any(arena, &d, &c);
    c.validation.share = 0.25;
    as_selection s = select_any(arena, &d, &c);
    uint32_t t = 0, v = 0;
    cr_assert_eq(s.n_rows[AS_SPLIT_VALIDATION], 45);
    for (uint32_t i = 0; i < 180; i++) {
        uint32_t row = whole.rows[AS_SPLIT_TRAIN][i];
        if (t < 135 && s.rows[AS_SPLIT_TRAIN][t] == row)
            t++;
        else if (v < 45 && s.rows[AS_SPLIT_VALIDATION][v] == row)
            v++;
    }
    cr_assert(t == 135 && v == 45, "%u train and %u validation rows in the order drawn", t, v);
    as_arena_free(arena);
}

/* ---- cross-validation -------------------------------------------------------------------------*/

Test(select, every_row_is_in_one_test_part) {
    as_arena *arena = as_arena_new();
    as_dataset d = make(arena, with_validation); /* 52, 28 and 14 rows of train and validation */
    uint32_t times[200] = {0};
    for (int32_t index = 1; index <= 4; index++) {
        as_data_config c = config_of(AS_ROWS_ALL, AS_ROWS_ALL, AS_ROWS_ALL);
        c.folds.n = 4;
        c.folds.index = index;
        c.folds.stratified = true;
        c.folds.seed = 9;
        as_selection s = select_rows(arena, &d, &c);
        cr_assert_eq(s.n_rows[AS_SPLIT_TRAIN] + s.n_rows[AS_SPLIT_TEST], 94);
        cr_assert_eq(s.n_rows[AS_SPLIT_VALIDATION], 0);
        uint32_t counts[3] = {0};
        for (uint32_t i = 0; i < s.n_rows[AS_SPLIT_TEST]; i++) {
            const as_dataset_row *row = &d.rows[s.rows[AS_SPLIT_TEST][i]];
            cr_assert_neq(row->split, AS_SPLIT_TEST, "the source's test split isn't used");
            times[s.rows[AS_SPLIT_TEST][i]]++;
            counts[row->label]++;
        }
        cr_assert(counts[0] == 13 && counts[1] == 7 && (counts[2] == 3 || counts[2] == 4),
                  "%u %u %u", counts[0], counts[1], counts[2]);
        c.validation.share = 0.2;
        as_selection shared = select_rows(arena, &d, &c);
        cr_assert_eq(shared.n_rows[AS_SPLIT_TEST], s.n_rows[AS_SPLIT_TEST]);
        cr_assert_eq(shared.n_rows[AS_SPLIT_VALIDATION], lround(0.2 * s.n_rows[AS_SPLIT_TRAIN]));
    }
    for (uint32_t i = 0; i < d.n_rows; i++)
        cr_assert_eq(times[i], d.rows[i].split == AS_SPLIT_TEST ? 0 : 1, "row %u: %u times", i,
                     times[i]);
    as_arena_free(arena);
}

Test(select, undivided_data_or_some_of_it_can_be_cut) {
    as_arena *arena = as_arena_new();
    as_dataset d = make(arena, undivided);
    as_data_config c = config_of(AS_ROWS_ALL, AS_ROWS_ALL, AS_ROWS_ALL);
    c.folds.n = 10;
    c.folds.index = 3;
    c.folds.stratified = true;
    as_selection s = select_rows(arena, &d, &c);
    expect_counts(&d, &s, AS_SPLIT_TEST, 60, 30, 10);
    expect_counts(&d, &s, AS_SPLIT_TRAIN, 540, 270, 90);
    c.subset.n_rows[AS_SPLIT_TRAIN] = 200;
    s = select_rows(arena, &d, &c);
    expect_counts(&d, &s, AS_SPLIT_TEST, 12, 6, 2);
    expect_counts(&d, &s, AS_SPLIT_TRAIN, 108, 54, 18);
    as_arena_free(arena);
}

/* ---- errors -----------------------------------------------------------------------------------*/

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

Test(select, contradictions_are_said) {
    as_arena *arena = as_arena_new();
    as_dataset d = make(arena, with_validation);
    as_data_config c = config_of(AS_ROWS_ALL, 5, AS_ROWS_ALL);
    c.validation.kind = AS_VALIDATION_NONE;
    expect_error(&d, &c, "s.json#/data/subset/validation",
                 "5 rows beside validation.kind \"none\"");
    c.validation.kind = AS_VALIDATION_TEST;
    expect_error(&d, &c, "s.json#/data/subset/validation",
                 "5 rows beside validation.kind \"test\"");
    c = config_of(AS_ROWS_ALL, 0, AS_ROWS_ALL);
    c.validation.kind = AS_VALIDATION_TAIL;
    expect_error(&d, &c, "s.json#/data/validation/share", "needs the share");
    c.subset.n_rows[AS_SPLIT_VALIDATION] = AS_ROWS_ALL;
    c.validation.share = 0.2;
    expect_error(&d, &c, "s.json#/data/validation/share", "validation rows already");
    c = config_of(AS_ROWS_ALL, AS_ROWS_ALL, 7);
    c.folds.n = 4;
    c.folds.index = 5;
    c.folds.stratified = true;
    expect_error(&d, &c, "s.json#/data/folds/index", "is 5; there are parts 1 to 4");
    c.folds.index = 4;
    expect_error(&d, &c, "s.json#/data/subset/test", "beside folds");
    c.subset.n_rows[AS_SPLIT_TEST] = AS_ROWS_ALL;
    c.subset.n_rows[AS_SPLIT_VALIDATION] = 3;
    expect_error(&d, &c, "s.json#/data/subset/validation", "beside folds");
    c.subset.n_rows[AS_SPLIT_VALIDATION] = AS_ROWS_ALL;
    c.folds.n = 15;
    expect_error(&d, &c, "s.json#/data/folds/n", "is 15; the class \"c\" has 14 rows");
    c.folds.n = 3;
    c.folds.index = 1;
    c.subset.n_rows[AS_SPLIT_TRAIN] = 95;
    expect_error(&d, &c, "s.json#/data/subset/train", "asks for 95 rows; the data has 94");
    as_arena_free(arena);
}
