/* SPDX-License-Identifier: MIT */
/* Near duplicates against brute force: Python's on a small corpus (tests/golden/
 * make_statistics_golden.py), and here on a planted one, where the recall is measured. */
#include "data/statistics/near_duplicates.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../stats/golden.h"
#include "base/random.h"

static void find(as_arena *arena, const as_dataset_row *rows, uint32_t n_rows, double threshold,
                 int threads, as_near_pair **ret_pairs, size_t *ret_n) {
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(
        as_near_duplicates(arena, rows, n_rows, threshold, threads, ret_pairs, ret_n, &error),
        ASSAY_OK, "%s: %s", error.where, error.text);
}

static as_dataset_row row_of(const char *text) {
    return (as_dataset_row){.text = text, .name = "row", .n_bytes = strlen(text)};
}

/* ---- against Python ---------------------------------------------------------------------------*/

/* The chance to miss a pair is so small that here none is missed. */
static void check_golden(const json_t *golden, double threshold) {
    const json_t *texts = json_object_get(golden, "texts"), *all = json_object_get(golden, "pairs");
    uint32_t n_rows = (uint32_t)json_array_size(texts);
    as_arena *arena = as_arena_new();
    as_dataset_row *rows = as_arena_alloc_array(arena, n_rows, sizeof *rows);
    as_near_pair *pairs;
    size_t n, at = 0;
    for (uint32_t i = 0; i < n_rows; i++)
        rows[i] = row_of(json_string_value(json_array_get(texts, i)));
    find(arena, rows, n_rows, threshold, 2, &pairs, &n);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *pair = json_array_get(all, i);
        double jaccard = json_number_value(json_array_get(pair, 2));
        if (jaccard < threshold)
            continue;
        cr_assert_lt(at, n, "a pair is missed at %g", threshold);
        cr_assert_eq(pairs[at].a, json_integer_value(json_array_get(pair, 0)));
        cr_assert_eq(pairs[at].b, json_integer_value(json_array_get(pair, 1)));
        check_near((double)pairs[at].jaccard, jaccard, 1e-7, "similarity");
        at++;
    }
    cr_assert_eq(at, n, "%zu pairs too many at %g", n - at, threshold);
    cr_assert_gt(n, 5);
    as_arena_free(arena);
}

Test(near_duplicates, pairs_are_those_of_brute_force) {
    json_t *golden = golden_load("statistics.json");
    check_golden(json_object_get(golden, "near"), 0.5);
    check_golden(json_object_get(golden, "near"), 0.8);
    check_golden(json_object_get(golden, "near"), 0.9);
    json_decref(golden);
}

/* ---- recall -----------------------------------------------------------------------------------*/

enum { N_BASES = 800, N_PLANTED = 2 * N_BASES, N_WORDS = 4096, MOST_WORDS = 160 };

typedef struct planted {
    uint16_t words[MOST_WORDS];
    int n_words;
    uint64_t shingles[MOST_WORDS]; /* five words of 12 bits: exact, no hash */
    int n;
} planted;

static int compare_shingles(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void fill_shingles(planted *p) {
    p->n = 0;
    for (int i = 0; i + 5 <= p->n_words; i++) {
        uint64_t shingle = 0;
        for (int k = 0; k < 5; k++)
            shingle = shingle << 12 | p->words[i + k];
        p->shingles[p->n++] = shingle;
    }
    qsort(p->shingles, (size_t)p->n, sizeof p->shingles[0], compare_shingles);
    int kept = 0;
    for (int i = 0; i < p->n; i++)
        if (i == 0 || p->shingles[i] != p->shingles[kept - 1])
            p->shingles[kept++] = p->shingles[i];
    p->n = kept;
}

static double similarity(const planted *a, const planted *b) {
    int i = 0, j = 0, common = 0;
    while (i < a->n && j < b->n) {
        uint64_t x = a->shingles[i], y = b->shingles[j];
        common += x == y;
        i += x <= y;
        j += y <= x;
    }
    return (double)common / (a->n + b->n - common);
}

/* Texts 2i and 2i + 1 are a text and a copy of it with up to three words changed. */
static planted *plant(void) {
    planted *texts = calloc(N_PLANTED, sizeof *texts);
    as_random random = as_random_init(3, as_hash64("planted"));
    for (int i = 0; i < N_PLANTED; i += 2) {
        planted *a = &texts[i], *b = &texts[i + 1];
        a->n_words = 60 + (int)as_random_below(&random, MOST_WORDS - 60);
        for (int k = 0; k < a->n_words; k++)
            a->words[k] = (uint16_t)as_random_below(&random, N_WORDS);
        *b = *a;
        for (uint64_t n = as_random_below(&random, 4); n > 0; n--)
            b->words[as_random_below(&random, (uint64_t)b->n_words)] =
                (uint16_t)as_random_below(&random, N_WORDS);
        fill_shingles(a);
        fill_shingles(b);
    }
    return texts;
}

static as_dataset_row *write_texts(as_arena *arena, const planted *texts) {
    as_dataset_row *rows = as_arena_alloc_array(arena, N_PLANTED, sizeof *rows);
    for (int i = 0; i < N_PLANTED; i++) {
        char *text = as_arena_alloc(arena, MOST_WORDS * 6), *at = text;
        for (int k = 0; k < texts[i].n_words; k++)
            at += sprintf(at, "w%u ", texts[i].words[k]);
        rows[i] = row_of(text);
    }
    return rows;
}

/* Every pair of all texts, not only the planted ones. */
static void measure_recall(double threshold, double margin) {
    as_arena *arena = as_arena_new();
    planted *texts = plant();
    as_near_pair *pairs;
    size_t n, at = 0, n_true = 0, n_close = 0, n_close_found = 0;
    find(arena, write_texts(arena, texts), N_PLANTED, threshold, 0, &pairs, &n);
    for (uint32_t i = 0; i < N_PLANTED; i++)
        for (uint32_t j = i + 1; j < N_PLANTED; j++) {
            double jaccard = similarity(&texts[i], &texts[j]);
            bool found = at < n && pairs[at].a == i && pairs[at].b == j;
            if (found)
                check_near((double)pairs[at++].jaccard, jaccard, 1e-7, "similarity");
            cr_assert(!found || jaccard >= threshold, "%u and %u: %g", i, j, jaccard);
            n_true += jaccard >= threshold;
            if (jaccard >= threshold && jaccard < threshold + margin) {
                n_close++;
                n_close_found += found;
            }
        }
    cr_assert_eq(at, n, "pairs are not in order, or come twice");
    cr_assert_gt(n_close, 80, "only %zu pairs near the threshold", n_close);
    cr_assert_geq((double)n, 0.99 * (double)n_true, "%zu of %zu", n, n_true);
    cr_assert_geq((double)n_close_found, 0.95 * (double)n_close, "%zu of %zu at the threshold %g",
                  n_close_found, n_close, threshold);
    free(texts);
    as_arena_free(arena);
}

Test(near_duplicates, recall_at_the_threshold_is_at_least_95_percent, .timeout = 120) {
    measure_recall(0.8, 0.05);
    measure_recall(0.9, 0.05);
}

Test(near_duplicates, bands_promise_their_recall) {
    for (int i = 50; i <= 100; i++) {
        as_near_bands b = as_near_bands_for(i / 100.0);
        double miss = pow(1 - pow(i / 100.0, b.n_rows), b.n_bands);
        cr_assert(b.n_bands * b.n_rows <= 128 && b.n_rows >= 1, "%d", i);
        cr_assert_geq(b.recall, 0.995, "%d", i);
        check_near(b.recall, 1 - miss, 1e-12, "recall");
    }
    as_near_bands usual = as_near_bands_for(AS_NEAR_THRESHOLD);
    cr_assert_eq(usual.n_bands, 21);
    cr_assert_eq(usual.n_rows, 6);
}

/* ---- edges ------------------------------------------------------------------------------------*/

Test(near_duplicates, short_equal_and_blank_texts) {
    const as_dataset_row rows[] = {row_of("same"),  row_of(""),        row_of("same"),
                                   row_of(" \n "),  row_of("same no"), row_of("no same"),
                                   row_of(" same ")};
    as_arena *arena = as_arena_new();
    as_near_pair *pairs;
    size_t n;
    find(arena, rows, 7, 1, 1, &pairs, &n);
    cr_assert_eq(n, 3); /* 0, 2 and 6 */
    cr_assert(pairs[0].a == 0 && pairs[0].b == 2);
    cr_assert(pairs[1].a == 0 && pairs[1].b == 6);
    cr_assert(pairs[2].a == 2 && pairs[2].b == 6);
    cr_assert_eq(pairs[0].jaccard, 1.0F);
    find(arena, rows, 0, 0.8, 0, &pairs, &n);
    cr_assert_eq(n, 0);
    as_arena_free(arena);
}

Test(near_duplicates, threads_change_nothing) {
    as_arena *arena = as_arena_new();
    planted *texts = plant();
    as_dataset_row *rows = write_texts(arena, texts);
    as_near_pair *one, *many;
    size_t n_one, n_many;
    find(arena, rows, 500, 0.8, 1, &one, &n_one);
    find(arena, rows, 500, 0.8, 5, &many, &n_many);
    cr_assert_eq(n_one, n_many);
    cr_assert_eq(memcmp(one, many, n_one * sizeof *one), 0);
    free(texts);
    as_arena_free(arena);
}

Test(near_duplicates, a_threshold_outside_its_range) {
    const double wrong[] = {0.49, 1.01, -1, NAN};
    as_arena *arena = as_arena_new();
    for (size_t i = 0; i < 4; i++) {
        as_near_pair *pairs = NULL;
        size_t n = 7;
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(as_near_duplicates(arena, NULL, 0, wrong[i], 1, &pairs, &n, &error),
                     ASSAY_INVALID_ARGUMENT);
        cr_assert(pairs == NULL && n == 7);
    }
    as_arena_free(arena);
}

Test(near_duplicates, too_many_pairs_are_refused, .timeout = 120) {
    enum { N = 4200 }; /* 8.8 million pairs */
    as_arena *arena = as_arena_new();
    as_dataset_row *rows = as_arena_alloc_array(arena, N, sizeof *rows);
    as_near_pair *pairs = NULL;
    size_t n = 7;
    assay_error error = ASSAY_ERROR_INIT;
    for (int i = 0; i < N; i++)
        rows[i] = row_of("the same text again and again");
    cr_assert_eq(as_near_duplicates(arena, rows, N, 0.8, 1, &pairs, &n, &error), ASSAY_LIMIT);
    cr_assert(pairs == NULL && n == 7);
    cr_assert(strstr(error.text, "raise the threshold"), "%s", error.text);
    as_arena_free(arena);
}
