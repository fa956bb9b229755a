/* SPDX-License-Identifier: MIT */
/* Initial values of parameters. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "train/init.h"

enum { N = 40000 };
static double a[N], b[N];

static void draw(const char *name, int32_t kind, double scale, uint64_t seed, double *values) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_parameter_info parameter = {
        .name = name, .rank = 1, .dims = {N, 0}, .init = {kind, 0, scale}, .n_elements = N};
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

/* Cut at two deviations and drawn again: the deviation left is 0.8796 scale. */
Test(init, a_truncated_normal_ends_at_two_deviations) {
    draw("w", ASSAY_INIT_TRUNCATED_NORMAL, 0.02, 7, a);
    double most = 0;
    for (int i = 0; i < N; i++)
        most = fmax(most, fabs(a[i]));
    cr_assert(most <= (double)0.04F && most > 0.0395, "%g", most);
    cr_assert(fabs(mean(a)) < 0.0005);
    cr_assert_float_eq(sqrt(variance(a)), 0.02 * 0.8796, 0.0002);
    int n_far = 0; /* P(|x| > 1.5 scale) = 0.0924 of what is left */
    for (int i = 0; i < N; i++)
        n_far += fabs(a[i]) > 0.03;
    cr_assert_float_eq((double)n_far / N, 0.0924, 0.0075);
}

static void draw_matrix(int64_t rows, int64_t columns, double scale) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_parameter_info parameter = {.name = "w",
                                      .rank = 2,
                                      .dims = {rows, columns},
                                      .init = {ASSAY_INIT_ORTHOGONAL, 0, scale},
                                      .n_elements = rows * columns};
    cr_assert_eq(as_init_parameter(&parameter, 3, a, &error), ASSAY_OK);
}

/* Columns where there are fewer of these, rows otherwise; a square matrix has both. */
Test(init, orthogonal_matrices_are) {
    static const int64_t sizes[][2] = {{96, 32}, {32, 96}, {20, 20}, {7, 1}, {1, 7}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int64_t rows = sizes[s][0], columns = sizes[s][1];
        draw_matrix(rows, columns, 2);
        for (int64_t i = 0; rows >= columns && i < columns * columns; i++) {
            double sum = 0;
            for (int64_t k = 0; k < rows; k++)
                sum += a[k * columns + i / columns] * a[k * columns + i % columns];
            cr_assert_float_eq(sum, i / columns == i % columns ? 4 : 0, 4e-6);
        }
        for (int64_t i = 0; columns >= rows && i < rows * rows; i++) {
            double sum = 0;
            for (int64_t k = 0; k < columns; k++)
                sum += a[i / rows * columns + k] * a[i % rows * columns + k];
            cr_assert_float_eq(sum, i / rows == i % rows ? 4 : 0, 4e-6);
        }
    }
}

Test(init, the_forget_gate_is_the_second_quarter) {
    draw("b", ASSAY_INIT_FORGET_GATE, 1, 7, a);
    for (int i = 0; i < N; i++)
        cr_assert_eq(a[i], i >= N / 4 && i < N / 2 ? 1 : 0);
}

Test(init, kinds_for_other_shapes_are_errors) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_parameter_info parameter = {.name = "w",
                                      .rank = 1,
                                      .dims = {6, 0},
                                      .init = {ASSAY_INIT_ORTHOGONAL, 0, 1},
                                      .n_elements = 6};
    cr_assert_eq(as_init_parameter(&parameter, 1, a, &error), ASSAY_INVALID_ARGUMENT);
    error = (assay_error)ASSAY_ERROR_INIT;
    parameter.init.kind = ASSAY_INIT_FORGET_GATE;
    cr_assert_eq(as_init_parameter(&parameter, 1, a, &error), ASSAY_INVALID_ARGUMENT);
    cr_assert(strstr(error.text, "6 elements"), "%s", error.text);
}

Test(init, an_unknown_kind_is_an_error) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_parameter_info parameter = {.name = "w", .init = {9, 0, 1}, .n_elements = 1};
    cr_assert_eq(as_init_parameter(&parameter, 1, a, &error), ASSAY_INVALID_ARGUMENT);
    cr_assert_str_eq(error.where, "w");
}
