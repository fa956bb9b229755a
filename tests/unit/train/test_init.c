/* SPDX-License-Identifier: MIT */
/* Initial values of parameters. */
#include <criterion/criterion.h>
#include <math.h>

#include "train/init.h"

enum { N = 40000 };
static double a[N], b[N];

static void draw(const char *name, int32_t kind, double scale, uint64_t seed, double *values) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_parameter_info parameter = {.name = name, .init = {kind, 0, scale}, .n_elements = N};
    cr_assert_eq(as_init_parameter(&parameter, seed, values, &error), ASSAY_OK);
}

static double mean(const double *x) {
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += x[i];
    return sum / N;
}

static double variance(const double *x) {
    double sum = 0, centre = mean(x);
    for (int i = 0; i < N; i++)
        sum += (x[i] - centre) * (x[i] - centre);
    return sum / N;
}

Test(init, depends_on_seed_and_name_alone) {
    draw("gru.weight_ih_l0", ASSAY_INIT_UNIFORM, 0.25, 7, a);
    draw("gru.weight_ih_l0", ASSAY_INIT_UNIFORM, 0.25, 7, b);
    cr_assert_arr_eq(a, b, sizeof a);
    draw("gru.weight_hh_l0", ASSAY_INIT_UNIFORM, 0.25, 7, b);
    cr_assert_neq(a[0], b[0]);
    draw("gru.weight_ih_l0", ASSAY_INIT_UNIFORM, 0.25, 8, b);
    cr_assert_neq(a[0], b[0]);
}

Test(init, values_are_floats) {
    draw("w", ASSAY_INIT_NORMAL, 1, 7, a);
    for (int i = 0; i < N; i++)
        cr_assert_eq(a[i], (double)(float)a[i]);
}

/* 40,000 draws: the mean's standard error is scale / 200 or less; bounds are 5 of them. */
Test(init, distributions_have_their_moments) {
    draw("w", ASSAY_INIT_UNIFORM, 0.5, 7, a);
    for (int i = 0; i < N; i++)
        cr_assert(a[i] >= -0.5 && a[i] <= 0.5);
    cr_assert(fabs(mean(a)) < 0.0075);
    cr_assert_float_eq(variance(a), 0.25 / 3, 0.002);
    draw("w", ASSAY_INIT_NORMAL, 2, 7, a);
    cr_assert(fabs(mean(a)) < 0.05);
    cr_assert_float_eq(variance(a), 4, 0.15);
    draw("w", ASSAY_INIT_CONSTANT, 1.5, 7, a);
    for (int i = 0; i < N; i++)
        cr_assert_eq(a[i], 1.5);
}

Test(init, an_unknown_kind_is_an_error) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_parameter_info parameter = {.name = "w", .init = {9, 0, 1}, .n_elements = 1};
    cr_assert_eq(as_init_parameter(&parameter, 1, a, &error), ASSAY_INVALID_ARGUMENT);
    cr_assert_str_eq(error.where, "w");
}
