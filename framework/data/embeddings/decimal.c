/* SPDX-License-Identifier: MIT */
/* Clinger's fast path (How to read floating point numbers accurately, 1990): an integer below 2^53
 * times or over a power of ten up to 10^22 is two exact doubles and one operation, so the double
 * is the number rounded once. Rounding it again to a float is right unless the double lies halfway
 * between two floats: the number and the double never lie on different sides of a halfway point,
 * which is itself a double. There, and outside that range, strtof decides. */
#include "data/embeddings/decimal.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0, "doubles are rounded to doubles");
_Static_assert(FLT_MANT_DIG == 24 && DBL_MANT_DIG == 53, "IEEE 754 binary32 and binary64");

enum { MAX_DIGITS = 19, MAX_POWER = 22 }; /* 10^19 - 1 < 2^64 */

static const double powers[MAX_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                             1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                             1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void) {
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static bool read_slowly(const char *text, float *ret_value) {
    pthread_once(&c_locale_once, make_c_locale);
    if (!c_locale)
        return false;
    float value = strtof_l(text, NULL, c_locale);
    if (!isfinite(value))
        return false;
    *ret_value = value;
    return true;
}

/* Reads digits into *value, which wraps past MAX_DIGITS of them. */
static inline const char *read_digits(const char *p, uint64_t *value) {
    uint64_t v = *value;
    for (unsigned digit; (digit = (unsigned)(unsigned char)*p - '0') <= 9; p++)
        v = v * 10 + digit;
    *value = v;
    return p;
}

/* Reads an exponent behind 'e' into *exponent; NULL when it has no digits. */
static const char *read_exponent(const char *p, int *exponent) {
    bool negative = *p == '-';
    int value = 0;
    p += negative || *p == '+';
    const char *digits = p;
    for (unsigned digit; (digit = (unsigned)(unsigned char)*p - '0') <= 9; p++)
        value = value < 100000 ? value * 10 + (int)digit : value;
    *exponent += negative ? -value : value;
    return p == digits ? NULL : p;
}

/* mantissa * 10^exponent by the fast path; false where it does not hold. */
static inline bool combine(uint64_t mantissa, int exponent, double *ret_value) {
    enum { DROPPED_BITS = DBL_MANT_DIG - FLT_MANT_DIG };
    const uint64_t half = UINT64_C(1) << (DROPPED_BITS - 1);
    uint64_t bits;
    if (mantissa > UINT64_C(1) << DBL_MANT_DIG || exponent > MAX_POWER || exponent < -MAX_POWER)
        return false;
    double value =
        exponent < 0 ? (double)mantissa / powers[-exponent] : (double)mantissa * powers[exponent];
    memcpy(&bits, &value, sizeof bits);
    *ret_value = value;
    return (bits & (2 * half - 1)) != half;
}

bool as_decimal_read(const char *text, const char **ret_end, float *ret_value) {
    bool negative = *text == '-';
    const char *p = text + (negative || *text == '+'), *start = p;
    uint64_t mantissa = 0;
    int exponent = 0;
    double value;
    p = read_digits(p, &mantissa);
    ptrdiff_t n_digits = p - start;
    if (*p == '.') {
        const char *fraction = p + 1;
        p = read_digits(fraction, &mantissa);
        n_digits += p - fraction;
        exponent = p - fraction > 100000 ? -100000 : -(int)(p - fraction);
    }
    if (n_digits == 0)
        return false;
    if ((*p == 'e' || *p == 'E') && !(p = read_exponent(p + 1, &exponent)))
        return false;
    *ret_end = p;
    if (n_digits > MAX_DIGITS || !combine(mantissa, exponent, &value))
        return read_slowly(text, ret_value);
    *ret_value = (float)(negative ? -value : value);
    return true;
}
