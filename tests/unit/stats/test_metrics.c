/* SPDX-License-Identifier: MIT */
/* Scores against scikit-learn's on committed vectors, to 1e-12; intervals against their meaning. */
#include "stats/metrics.h"

#include "golden.h"

typedef struct rows {
    int32_t *labels, *predicted;
    size_t n;
} rows;

static rows golden_rows(const json_t *c) {
    const json_t *labels = json_object_get(c, "labels"), *p = json_object_get(c, "predicted");
    rows r = {NULL, NULL, json_array_size(labels)};
    r.labels = calloc(r.n, sizeof *r.labels);
    r.predicted = calloc(r.n, sizeof *r.predicted);
    for (size_t i = 0; i < r.n; i++) {
        r.labels[i] = (int32_t)json_integer_value(json_array_get(labels, i));
        r.predicted[i] = (int32_t)json_integer_value(json_array_get(p, i));
    }
    return r;
}

static void check_case(const json_t *c) {
    const char *name = json_string_value(json_object_get(c, "name"));
    int32_t k = (int32_t)golden_count(c, "n_classes");
    rows r = golden_rows(c);
    as_arena *arena = as_arena_new();
    assay_error error = ASSAY_ERROR_INIT;
    as_scores s;
    cr_assert_eq(as_scores_compute(arena, r.labels, r.predicted, r.n, NULL, k, 1, &s, &error), 0,
                 "%s: %s", name, error.text);
    cr_assert_eq(s.n, (int64_t)r.n);
    check_near(s.accuracy.value, golden_real(c, "accuracy"), 1e-12, name);
    check_near(s.f1_macro.value, golden_real(c, "f1_macro"), 1e-12, name);
    check_near(s.f1_weighted.value, golden_real(c, "f1_weighted"), 1e-12, name);
    check_near(s.precision_macro.value, golden_real(c, "precision_macro"), 1e-12, name);
    check_near(s.recall_macro.value, golden_real(c, "recall_macro"), 1e-12, name);
    check_near(s.precision_weighted.value, golden_real(c, "precision_weighted"), 1e-12, name);
    check_near(s.recall_weighted.value, golden_real(c, "recall_weighted"), 1e-12, name);
    for (int32_t i = 0; i < k; i++) {
        const json_t *g = json_array_get(json_object_get(c, "per_class"), (size_t)i);
        check_near(s.per_class[i].precision, golden_real(g, "precision"), 1e-12, name);
        check_near(s.per_class[i].recall, golden_real(g, "recall"), 1e-12, name);
        check_near(s.per_class[i].f1, golden_real(g, "f1"), 1e-12, name);
        cr_assert_eq(s.per_class[i].support, golden_count(g, "support"));
        const json_t *row = json_array_get(json_object_get(c, "confusion"), (size_t)i);
        for (int32_t j = 0; j < k; j++)
            cr_assert_eq(s.confusion[i * k + j], json_integer_value(json_array_get(row, (size_t)j)),
                         "%s", name);
    }
    cr_assert(s.f1_macro.low <= s.f1_macro.high, "%s: interval", name);
    free(r.labels);
    free(r.predicted);
    as_arena_free(arena);
}

Test(metrics, equal_scikit_learn) {
    json_t *cases = golden_load("metrics.json");
    cr_assert_geq(json_array_size(cases), 15);
    for (size_t i = 0; i < json_array_size(cases); i++)
        check_case(json_array_get(cases, i));
    json_decref(cases);
}

Test(metrics, label_out_of_range_is_refused) {
    int32_t labels[] = {0, 2}, predicted[] = {0, 1};
    as_arena *arena = as_arena_new();
    assay_error error = ASSAY_ERROR_INIT;
    as_scores s = {.n = 77};
    cr_assert_eq(as_scores_compute(arena, labels, predicted, 2, NULL, 2, 1, &s, &error),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert_eq(s.n, 77, "ret_ must be untouched");
    cr_assert(strstr(error.text, "row 1"));
    labels[1] = -1;
    cr_assert_eq(as_scores_compute(arena, labels, predicted, 2, NULL, 2, 1, &s, NULL),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert_eq(as_scores_compute(arena, labels, predicted, 0, NULL, 0, 1, &s, NULL),
                 ASSAY_INVALID_ARGUMENT);
    as_arena_free(arena);
}

Test(metrics, no_rows_give_no_numbers) {
    as_arena *arena = as_arena_new();
    as_scores s;
    cr_assert_eq(as_scores_compute(arena, NULL, NULL, 0, NULL, 3, 1, &s, NULL), ASSAY_OK);
    cr_assert_eq(s.n, 0);
    cr_assert(isnan(s.accuracy.value) && isnan(s.accuracy.low) && isnan(s.f1_macro.value));
    as_arena_free(arena);
}

Test(metrics, intervals_depend_on_the_seed_and_the_confusion_alone) {
    int32_t labels[60], predicted[60], labels2[60], predicted2[60];
    for (int i = 0; i < 60; i++) {
        labels[i] = i % 3;
        predicted[i] = i % 7 == 0 ? (i + 1) % 3 : i % 3;
        labels2[59 - i] = labels[i];
        predicted2[59 - i] = predicted[i];
    }
    as_arena *arena = as_arena_new();
    as_scores a, b, c;
    cr_assert_eq(as_scores_compute(arena, labels, predicted, 60, NULL, 3, 5, &a, NULL), ASSAY_OK);
    cr_assert_eq(as_scores_compute(arena, labels2, predicted2, 60, NULL, 3, 5, &b, NULL), ASSAY_OK);
    cr_assert_eq(as_scores_compute(arena, labels, predicted, 60, NULL, 3, 6, &c, NULL), ASSAY_OK);
    cr_assert_eq(a.f1_macro.low, b.f1_macro.low);
    cr_assert_eq(a.f1_macro.high, b.f1_macro.high);
    cr_assert(a.f1_macro.low != c.f1_macro.low || a.f1_macro.high != c.f1_macro.high);
    cr_assert(a.f1_macro.low < a.f1_macro.value && a.f1_macro.value < a.f1_macro.high);
    as_arena_free(arena);
}

/* With balanced labels drawn anew, weighted recall is accuracy: its bootstrap interval must agree
 * with the binomial's normal approximation. */
Test(metrics, bootstrap_width_is_the_binomial_one) {
    enum { N = 4000 };
    int64_t confusion[4] = {1600, 400, 400, 1600};
    as_arena *arena = as_arena_new();
    as_scores s;
    cr_assert_eq(as_scores_from_confusion(arena, confusion, NULL, 2, 1, 9, &s, NULL), ASSAY_OK);
    double sd = sqrt(0.8 * 0.2 / N);
    check_near(s.recall_weighted.high - s.recall_weighted.low, 2 * 1.96 * sd, 0.15 * 4 * sd,
               "width");
    check_near(s.recall_weighted.high, s.accuracy.high, 0.3 * sd, "upper end");
    as_arena_free(arena);
}

Test(metrics, negative_and_overflowing_counts_are_refused) {
    int64_t negative[4] = {1, -1, 0, 3}, huge[4] = {INT64_MAX, 1, 0, 0};
    as_arena *arena = as_arena_new();
    as_scores s;
    cr_assert_eq(as_scores_from_confusion(arena, negative, NULL, 2, 0, 9, &s, NULL),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert_eq(as_scores_from_confusion(arena, huge, NULL, 2, 0, 9, &s, NULL),
                 ASSAY_INVALID_ARGUMENT);
    as_arena_free(arena);
}
