/* SPDX-License-Identifier: MIT */
/* Paired tests against SciPy and against Tango's definition solved numerically. */
#include "stats/tests.h"

#include "golden.h"

Test(tests, mcnemar_equals_scipys_binomtest) {
    json_t *golden = golden_load("stats.json");
    const json_t *cases = json_object_get(golden, "mcnemar");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        int64_t b = golden_count(c, "b"), n = golden_count(c, "c");
        double p = golden_real(c, "p");
        check_near(as_mcnemar_exact(b, n), p, 1e-9 * p + 1e-300, "p");
        cr_assert_eq(as_mcnemar_exact(b, n), as_mcnemar_exact(n, b));
    }
    json_decref(golden);
}

Test(tests, tango_equals_its_definition) {
    json_t *golden = golden_load("stats.json");
    const json_t *cases = json_object_get(golden, "tango");
    cr_assert_geq(json_array_size(cases), 10);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        double gains = golden_real(c, "gains"), losses = golden_real(c, "losses");
        double n = golden_real(c, "n");
        as_figure f = as_tango(gains, losses, n);
        check_near(f.value, golden_real(c, "value"), 1e-12, "value");
        check_near(f.low, golden_real(c, "low"), 2e-8, "low");
        check_near(f.high, golden_real(c, "high"), 2e-8, "high");
        as_figure mirrored = as_tango(losses, gains, n);
        check_near(mirrored.low, -f.high, 1e-12, "mirrored");
    }
    json_decref(golden);
}

Test(tests, tango_without_discordance_still_has_width) {
    as_figure f = as_tango(0, 0, 1000);
    double z2 = AS_Z95 * AS_Z95;
    check_near(f.high, z2 / (1000 + z2), 1e-12, "high");
    check_near(f.low, -z2 / (1000 + z2), 1e-12, "low");
}

Test(tests, tango_refuses_impossible_counts) {
    cr_assert(isnan(as_tango(1, 0, 0).value));
    cr_assert(isnan(as_tango(-1, 0, 5).low));
    cr_assert(isnan(as_tango(4, 2, 5).high));
}

Test(tests, holm_equals_its_definition) {
    json_t *golden = golden_load("stats.json");
    const json_t *cases = json_object_get(golden, "holm");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i), *p = json_object_get(c, "p");
        const json_t *adjusted = json_object_get(c, "adjusted");
        double values[8];
        for (size_t k = 0; k < json_array_size(p); k++)
            values[k] = json_number_value(json_array_get(p, k));
        as_holm(values, json_array_size(p));
        for (size_t k = 0; k < json_array_size(p); k++)
            check_near(values[k], json_number_value(json_array_get(adjusted, k)), 1e-12, "p");
    }
    json_decref(golden);
}
