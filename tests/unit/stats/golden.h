/* SPDX-License-Identifier: MIT */
/* Golden vectors that tests/golden/make_metrics_golden.py made; AS_GOLDEN names their folder. */
#ifndef AS_TESTS_STATS_GOLDEN_H
#define AS_TESTS_STATS_GOLDEN_H

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static inline json_t *golden_load(const char *name) {
    char path[4096];
    json_error_t why;
    const char *folder = getenv("AS_GOLDEN");
    cr_assert(folder, "AS_GOLDEN is not set; meson test sets it");
    snprintf(path, sizeof path, "%s/%s", folder, name);
    json_t *json = json_load_file(path, 0, &why);
    cr_assert(json, "%s: %s", path, why.text);
    return json;
}

static inline double golden_real(const json_t *o, const char *key) {
    cr_assert(json_is_number(json_object_get(o, key)), "golden field %s", key);
    return json_number_value(json_object_get(o, key));
}

static inline int64_t golden_count(const json_t *o, const char *key) {
    cr_assert(json_is_integer(json_object_get(o, key)), "golden field %s", key);
    return json_integer_value(json_object_get(o, key));
}

static inline void check_near(double found, double expected, double tolerance, const char *what) {
    cr_assert(fabs(found - expected) <= tolerance, "%s: %.17g, expected %.17g", what, found,
              expected);
}

#endif
