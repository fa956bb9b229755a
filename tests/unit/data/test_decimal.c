/* SPDX-License-Identifier: MIT */
/* Decimal numbers to floats, against the C library's strtof. */
#include <criterion/criterion.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "data/embeddings/decimal.h"

static void is_as_strtof(const char *text) {
    const char *end = NULL;
    char *expected_end;
    float value = 7, expected = strtof(text, &expected_end);
    bool read = as_decimal_read(text, &end, &value);
    cr_assert_eq(read, isfinite(expected), "%s", text);
    if (!read)
        return;
    cr_assert(end == expected_end, "%s: read %td bytes", text, end - text);
    cr_assert_eq(memcmp(&value, &expected, sizeof value), 0, "%s: %.9g, expected %.9g", text,
                 (double)value, (double)expected);
}

Test(decimal, reads_what_strtof_reads) {
    static const char *const texts[] = {
        "0\n",
        "-0\n",
        "+1.5\n",
        ".5\n",
        "5.\n",
        "1e0\n",
        "1E+2\n",
        "-1.25e-3\n",
        "0.0000\n",
        "123456789012345678901234567890\n",
        "0.00000000000000000000000000000000000001\n",
        "9007199254740993\n",
        "16777217\n",
        "16777217.0000000000000001\n",
        "16777219\n",
        "1.00000005960464477539062500\n",   /* halfway between 1 and the next float */
        "1.0000000596046447753906250001\n", /* just above it */
        "1.0000000596046447\n",
        "1.0000000596046448\n",
        "0.1e1 2\n",
        "3.4028234664e38\n",
        "3.4028235677973366e38\n",
        "3.4028235677973365e38\n",
        "1e39\n",
        "1e-45\n",
        "7e-46\n",
        "1.1754943e-38\n",
        "1.17549429e-38\n",
        "1e-100000\n",
        "0e99999999999\n",
        "1e99999999999\n",
        "00000000000000000000000000000001.5\n",
        "1e22\n",
        "1e-22\n",
        "9007199254740992e22\n",
        "0.30000001192092895507812500000001\n",
        "1 e5\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        is_as_strtof(texts[i]);
}

Test(decimal, refuses_what_is_no_number) {
    static const char *const texts[] = {"\n",    " 1\n",       "-\n",   ".\n",   "e5\n",
                                        "1e\n",  "1e+\n",      "nan\n", "inf\n", "-inf\n",
                                        "+-1\n", "infinity\n", "x1\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *end = NULL;
        float value = 7;
        cr_assert(!as_decimal_read(texts[i], &end, &value), "%s", texts[i]);
        cr_assert_eq(value, 7);
    }
}

/* Numbers that lie on or beside a halfway point of two floats, where rounding twice would show. */
Test(decimal, a_million_hostile_numbers_equal_strtof) {
    static const char *const formats[] = {"%.5g\n",  "%.8g\n",  "%.9g\n", "%.15g\n",
                                          "%.17g\n", "%.25g\n", "%.6f\n", "%.12e\n"};
    as_random random = as_random_init(1, as_hash64("decimal"));
    char text[400];
    for (int i = 0; i < 1000000; i++) {
        uint32_t bits = as_random_u32(&random) & 0x7FFFFFFF;
        float value, next;
        if (i % 2)
            bits = 0x38000000 + bits % 0x08000000; /* 2^-15 to 2 */
        memcpy(&value, &bits, sizeof value);
        bits++;
        memcpy(&next, &bits, sizeof next);
        if (!isfinite(value) || !isfinite(next))
            continue;
        double between = ((double)value + (double)next) / 2;
        for (uint32_t steps = as_random_u32(&random) % 3; steps > 0; steps--)
            between = nextafter(between, i % 3 ? 0 : DBL_MAX);
        snprintf(text, sizeof text, formats[as_random_u32(&random) % 8], i % 5 ? between : value);
        is_as_strtof(text);
    }
}

Test(decimal, knows_no_locale) {
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"};
    const char *end;
    float value;
    for (size_t i = 0; i < 4 && !setlocale(LC_ALL, names[i]); i++)
        continue;
    cr_assert(as_decimal_read("1.0000000596046447753906250001\n", &end, &value));
    cr_assert(value > 1 && *end == '\n', "also on the slow path");
}
