/* SPDX-License-Identifier: MIT */
/* Philox against the known-answer vectors of Random123 1.14 (kat_vectors, "philox4x32 10"), and
 * what is built on it. */
#include <criterion/criterion.h>

#include "base/random.h"

Test(random, philox_known_answers) {
    static const struct {
        uint32_t counter[4], key[2], block[4];
    } vectors[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint32_t block[4];
        as_philox4x32(vectors[i].counter, vectors[i].key, block);
        for (int k = 0; k < 4; k++)
            cr_assert_eq(block[k], vectors[i].block[k], "vector %zu word %d: %08x", i, k, block[k]);
    }
}

Test(random, a_stream_is_its_seed_and_name) {
    as_random a = as_random_init(1, as_hash64("x")), b = a, c = as_random_init(2, as_hash64("x"));
    as_random d = as_random_init(1, as_hash64("y"));
    int same_seed = 0, same_stream = 0;
    for (int i = 0; i < 100; i++) {
        uint64_t value = as_random_u64(&a);
        cr_assert_eq(value, as_random_u64(&b));
        same_seed += value == as_random_u64(&c);
        same_stream += value == as_random_u64(&d);
    }
    cr_assert_eq(same_seed, 0);
    cr_assert_eq(same_stream, 0);
}

Test(random, draws_below_n_cover_evenly) {
    as_random random = as_random_init(3, 4);
    int counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t value = as_random_below(&random, 7);
        cr_assert_lt(value, 7);
        counts[value]++;
    }
    for (int k = 0; k < 7; k++) /* 6 standard deviations of a binomial(70000, 1/7) are 556 */
        cr_assert(counts[k] > 9444 && counts[k] < 10556, "%d drawn %d times", k, counts[k]);
    cr_assert_eq(as_random_below(&random, 1), 0);
}

Test(random, uniform_and_normal_have_their_moments) {
    as_random random = as_random_init(5, 6);
    double sum = 0, normal_sum = 0, normal_squares = 0;
    enum { N = 100000 };
    for (int i = 0; i < N; i++) {
        double u = as_random_uniform(&random), z = as_random_normal(&random);
        cr_assert(u >= 0 && u < 1);
        sum += u;
        normal_sum += z;
        normal_squares += z * z;
    }
    /* 6 standard errors: 6 / sqrt(12 N), 6 / sqrt(N), 6 sqrt(2 / N) */
    cr_assert(sum / N > 0.5 - 0.0055 && sum / N < 0.5 + 0.0055);
    cr_assert(normal_sum / N > -0.019 && normal_sum / N < 0.019);
    cr_assert(normal_squares / N > 1 - 0.027 && normal_squares / N < 1 + 0.027);
}

Test(random, shuffle_is_a_permutation_and_repeats) {
    uint32_t a[100], b[100], moved = 0;
    unsigned char seen[100] = {0};
    for (uint32_t i = 0; i < 100; i++)
        a[i] = b[i] = i;
    as_random first = as_random_init(7, 8), second = first;
    as_random_shuffle(&first, a, 100);
    as_random_shuffle(&second, b, 100);
    for (uint32_t i = 0; i < 100; i++) {
        cr_assert_eq(a[i], b[i]);
        cr_assert_not(seen[a[i]]);
        seen[a[i]] = 1;
        moved += a[i] != i;
    }
    cr_assert_gt(moved, 80);
    as_random_shuffle(&first, a, 0);
}
