/* SPDX-License-Identifier: MIT */
/* Permutations are NumPy's, item by item: tests/golden/splits.json. */
#include "base/file.h"
#include "data/splits/numpy_random.h"
#include "tests/unit/stats/golden.h"

static void check_permutation(const json_t *expected) {
    uint64_t seed = strtoull(json_string_value(json_object_get(expected, "seed")), NULL, 10);
    uint32_t n = (uint32_t)golden_count(expected, "n");
    const json_t *first = json_object_get(expected, "first");
    uint32_t *items = malloc(n * sizeof *items);
    unsigned char *bytes = malloc((size_t)n * 4);
    cr_assert(items && bytes);
    as_numpy_permutation(seed, n, items);
    cr_assert_eq(json_array_size(first), n < 20 ? n : 20);
    for (size_t i = 0; i < json_array_size(first); i++)
        cr_assert_eq(items[i], json_integer_value(json_array_get(first, i)),
                     "seed %llu, n %u, item %zu: %u", (unsigned long long)seed, n, i, items[i]);
    for (uint32_t i = 0; i < n; i++)
        for (int k = 0; k < 4; k++)
            bytes[4 * (size_t)i + (size_t)k] = (unsigned char)(items[i] >> 8 * k);
    cr_assert_str_eq(as_sha256_bytes(bytes, (size_t)n * 4).text,
                     json_string_value(json_object_get(expected, "sha256")), "seed %llu, n %u",
                     (unsigned long long)seed, n);
    free(items);
    free(bytes);
}

Test(numpy_random, permutations_are_numpys) {
    json_t *golden = golden_load("splits.json");
    const json_t *all = json_object_get(golden, "permutations");
    cr_assert_geq(json_array_size(all), 50);
    for (size_t i = 0; i < json_array_size(all); i++)
        check_permutation(json_array_get(all, i));
    json_decref(golden);
}

Test(numpy_random, nothing_to_permute) {
    uint32_t item = 77;
    as_numpy_permutation(1, 0, &item);
    cr_assert_eq(item, 77);
}
