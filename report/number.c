/* SPDX-License-Identifier: MIT */
/* Rounding and layout of numbers; rules in number.h. */
#include "report/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const as_number missing = {"-", ""};

/* Decimals that show `value` with `digits` significant digits, at least 0. */
static int decimals_for(double value, int digits) {
    if (value == 0)
        return digits - 1;
    int magnitude = (int)floor(log10(fabs(value)));
    /* 9.96 to two digits is 10: one decimal less than its magnitude says. */
    double rounded = round(fabs(value) * pow(10, digits - 1 - magnitude));
    if (rounded >= pow(10, digits))
        magnitude++;
    int decimals = digits - 1 - magnitude;
    return decimals < 0 ? 0 : decimals > 12 ? 12 : decimals;
}

static void print_fixed(char *text, size_t size, double value, int decimals) {
    snprintf(text, size, "%.*f", decimals, value);
    if (text[0] == '-' && strspn(text + 1, "0.") == strlen(text + 1))
        memmove(text, text + 1, strlen(text));
}

as_number as_number_plain(double value) {
    as_number number = missing;
    if (!isfinite(value) || fabs(value) >= 1e18)
        return number;
    if (fabs(value) >= 1000) {
        double place = pow(10, floor(log10(fabs(value))) - 2);
        value = round(value / place) * place;
    }
    print_fixed(number.value, sizeof number.value, value, decimals_for(value, 3));
    return number;
}

as_number as_number_figure(as_figure figure, double scale, int digits) {
    double half = as_figure_half_width(figure) * scale;
    double value = figure.value * scale;
    if (!isfinite(value) || !(half > 0) || !isfinite(half) || fabs(value) >= 1e18)
        return as_number_plain(value);
    as_number number = missing;
    int decimals = decimals_for(half, digits);
    print_fixed(number.value, sizeof number.value, value, decimals);
    print_fixed(number.half, sizeof number.half, half, decimals);
    return number;
}

as_number as_number_count_short(int64_t count) {
    static const struct {
        double unit;
        const char *suffix;
    } units[] = {{1e9, " G"}, {1e6, " M"}, {1e3, " k"}};
    as_number number = missing;
    if (count < 0)
        return missing;
    for (size_t i = 0; i < 3; i++) {
        /* 999,700 has three digits as 1.00 M. */
        if ((double)count < units[i].unit * 0.9995)
            continue;
        number = as_number_plain((double)count / units[i].unit);
        strcat(number.value, units[i].suffix);
        return number;
    }
    snprintf(number.value, sizeof number.value, "%d", (int)count);
    return number;
}

as_number as_number_count(int64_t count) {
    as_number number = missing;
    char digits[24];
    if (count < 0)
        return missing;
    int n = snprintf(digits, sizeof digits, "%lld", (long long)count), out = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            number.value[out++] = ',';
        number.value[out++] = digits[i];
    }
    number.value[out] = '\0';
    return number;
}

as_number_text as_number_signed(double value, int decimals) {
    as_number_text result = {"-"};
    if (!isfinite(value) || fabs(value) >= 1e18)
        return result;
    snprintf(result.text, sizeof result.text, "%+.*f", decimals, value);
    if (strspn(result.text + 1, "0.") == strlen(result.text + 1))
        memmove(result.text, result.text + 1, strlen(result.text));
    return result;
}

as_number_text as_number_p(double p) {
    as_number_text result = {"-"};
    if (p < 0.001)
        snprintf(result.text, sizeof result.text, "< 0.001");
    else if (p <= 1)
        snprintf(result.text, sizeof result.text, "%.*f", p < 0.1 ? 3 : 2, p);
    return result;
}
