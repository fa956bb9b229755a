/* SPDX-License-Identifier: MIT */
/* Rounding rules of tables. */
#include "report/number.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

/* "86.3 +- 2.3" */
static void check_number(as_number number, const char *expected) {
    char joined[80];
    snprintf(joined, sizeof joined, "%s%s%s", number.value, number.half[0] ? " +- " : "",
             number.half);
    cr_assert_str_eq(joined, expected);
}

static void check_figure(double value, double half, const char *expected) {
    as_figure figure = {value, value - half, value + half};
    check_number(as_number_figure(figure, 1, AS_NUMBER_DIGITS), expected);
}

Test(number, half_width_has_two_digits_and_value_its_place) {
    check_figure(86.345, 2.34, "86.3 +- 2.3");
    check_figure(58.1, 0.4, "58.10 +- 0.40");
    check_figure(1.91, 0.03, "1.910 +- 0.030");
    check_figure(86.345, 9.96, "86 +- 10");
    check_figure(86.346, 0.0996, "86.35 +- 0.10");
    check_figure(1234.5, 123.4, "1234 +- 123");
    check_figure(0, 0.5, "0.00 +- 0.50");
}

Test(number, half_width_has_as_many_digits_as_asked) {
    const as_figure figure = {86.345, 84.005, 88.685}; /* +- 2.34 */
    check_number(as_number_figure(figure, 1, 1), "86 +- 2");
    check_number(as_number_figure(figure, 1, 3), "86.34 +- 2.34");
    cr_assert_str_eq(as_number_figure((as_figure){5, 5, 5}, 1, 1).value, "5.00");
}

Test(number, no_interval_gives_three_digits) {
    cr_assert_str_eq(as_number_plain(41.23).value, "41.2");
    cr_assert_str_eq(as_number_plain(3.204).value, "3.20");
    cr_assert_str_eq(as_number_plain(212.4).value, "212");
    cr_assert_str_eq(as_number_plain(2410.4).value, "2410");
    cr_assert_str_eq(as_number_plain(53198).value, "53200");
    cr_assert_str_eq(as_number_plain(0.01234).value, "0.0123");
    cr_assert_str_eq(as_number_plain(99.96).value, "100");
    cr_assert_str_eq(as_number_plain(0).value, "0.00");
    check_figure(5, 0, "5.00"); /* never +- 0 */
}

Test(number, never_nan_nor_minus_zero) {
    cr_assert_str_eq(as_number_plain(NAN).value, "-");
    cr_assert_str_eq(as_number_plain(INFINITY).value, "-");
    cr_assert_str_eq(as_number_figure((as_figure){NAN, 0, 1}, 1, 2).value, "-");
    check_figure(-0.001, 0.5, "0.00 +- 0.50");
    cr_assert_str_eq(as_number_signed(-0.001, 2).text, "0.00");
    cr_assert_str_eq(as_number_signed(0.001, 2).text, "0.00");
    cr_assert_str_eq(as_number_signed(-0.2, 2).text, "-0.20");
    cr_assert_str_eq(as_number_signed(8.12, 1).text, "+8.1");
    cr_assert_str_eq(as_number_signed(NAN, 1).text, "-");
}

Test(number, counts) {
    cr_assert_str_eq(as_number_count(82115).value, "82,115");
    cr_assert_str_eq(as_number_count(999).value, "999");
    cr_assert_str_eq(as_number_count(1234567).value, "1,234,567");
    cr_assert_str_eq(as_number_count(-1).value, "-");
    cr_assert_str_eq(as_number_count_short(66955010).value, "67.0 M");
    cr_assert_str_eq(as_number_count_short(345090).value, "345 k");
    cr_assert_str_eq(as_number_count_short(999700).value, "1.00 M");
    cr_assert_str_eq(as_number_count_short(812).value, "812");
    cr_assert_str_eq(as_number_count_short(0).value, "0");
    cr_assert_str_eq(as_number_count_short(-1).value, "-");
}

Test(number, p_values_are_never_zero) {
    cr_assert_str_eq(as_number_p(1e-9).text, "< 0.001");
    cr_assert_str_eq(as_number_p(0.0123).text, "0.012");
    cr_assert_str_eq(as_number_p(0.431).text, "0.43");
    cr_assert_str_eq(as_number_p(1).text, "1.00");
    cr_assert_str_eq(as_number_p(NAN).text, "-");
}
