/* SPDX-License-Identifier: MIT */
/* bench_near_duplicates.c: the recall of near duplicates by MinHash against brute force over every
 * pair, on texts with planted near copies, and the time of both. Prints JSON, a line a threshold;
 * exit status 1 when the recall is below 0.95.
 *
 *     build/tests/bench/bench_near_duplicates */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "data/statistics/near_duplicates.h"

#define LEAST_RECALL 0.95

enum { N_TEXTS = 2000, N_WORDS = 4096, MOST_WORDS = 200 };

typedef struct text {
    uint16_t words[MOST_WORDS];
    int n_words, n;
    uint64_t shingles[MOST_WORDS]; /* five words of 12 bits: exact, no hash */
} text;

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void fill_shingles(text *t) {
    int n = 0;
    for (int i = 0; i + 5 <= t->n_words; i++, n++) {
        t->shingles[n] = 0;
        for (int k = 0; k < 5; k++)
            t->shingles[n] = t->shingles[n] << 12 | t->words[i + k];
    }
    qsort(t->shingles, (size_t)n, sizeof t->shingles[0], compare);
    t->n = 0;
    for (int i = 0; i < n; i++)
        if (i == 0 || t->shingles[i] != t->shingles[t->n - 1])
            t->shingles[t->n++] = t->shingles[i];
}

static double similarity(const text *a, const text *b) {
    int i = 0, j = 0, common = 0;
    while (i < a->n && j < b->n) {
        uint64_t x = a->shingles[i], y = b->shingles[j];
        common += x == y;
        i += x <= y;
        j += y <= x;
    }
    return (double)common / (a->n + b->n - common);
}

/* Every second text is a copy of the one before it with up to five words changed. */
static void plant(text *texts) {
    as_random random = as_random_init(9, as_hash64("bench near duplicates"));
    for (int i = 0; i < N_TEXTS; i += 2) {
        text *a = &texts[i], *b = &texts[i + 1];
        a->n_words = 60 + (int)as_random_below(&random, MOST_WORDS - 60);
        for (int k = 0; k < a->n_words; k++)
            a->words[k] = (uint16_t)as_random_below(&random, N_WORDS);
        *b = *a;
        for (uint64_t n = as_random_below(&random, 6); n > 0; n--)
            b->words[as_random_below(&random, (uint64_t)b->n_words)] =
                (uint16_t)as_random_below(&random, N_WORDS);
        fill_shingles(a);
        fill_shingles(b);
    }
}

static as_dataset_row *write_rows(as_arena *arena, const text *texts) {
    as_dataset_row *rows = as_arena_alloc_array(arena, N_TEXTS, sizeof *rows);
    for (int i = 0; rows && i < N_TEXTS; i++) {
        char *out = as_arena_alloc(arena, MOST_WORDS * 6 + 1);
        size_t n = 0;
        for (int k = 0; out && k < texts[i].n_words; k++)
            n += (size_t)sprintf(out + n, "w%u ", texts[i].words[k]);
        rows[i] = (as_dataset_row){.text = out, .name = "text", .n_bytes = n};
        if (!out)
            return NULL;
    }
    return rows;
}

static const double thresholds[] = {0.5, 0.7, 0.8, 0.9};
enum { N_THRESHOLDS = sizeof thresholds / sizeof thresholds[0] };

/* Pairs at each threshold, by looking at every pair; seconds. */
static double force(const text *texts, size_t *n_true) {
    int64_t begin = as_clock_ns();
    for (int i = 0; i < N_TEXTS; i++)
        for (int j = i + 1; j < N_TEXTS; j++) {
            double found = similarity(&texts[i], &texts[j]);
            for (int k = 0; k < N_THRESHOLDS; k++)
                n_true[k] += found >= thresholds[k];
        }
    return (double)(as_clock_ns() - begin) * 1e-9;
}

/* Prints one line; false when the recall is too low or something failed. */
static bool measure(const as_dataset_row *rows, double threshold, size_t n_true,
                    double force_seconds) {
    as_arena *arena = as_arena_new();
    as_near_pair *pairs;
    size_t n = 0;
    assay_error error = ASSAY_ERROR_INIT;
    int64_t begin = as_clock_ns();
    if (!arena || as_near_duplicates(arena, rows, N_TEXTS, threshold, 0, &pairs, &n, &error)) {
        fprintf(stderr, "%s: %s\n", error.where, error.text);
        as_arena_free(arena);
        return false;
    }
    double seconds = (double)(as_clock_ns() - begin) * 1e-9;
    double recall = n_true ? (double)n / (double)n_true : 0;
    printf("{\"threshold\": %.2f, \"pairs\": %zu, \"found\": %zu, \"recall\": %.4f, "
           "\"expected_at_threshold\": %.4f, \"seconds\": %.3f, \"brute_force_seconds\": %.3f}\n",
           threshold, n_true, n, recall, as_near_bands_for(threshold).recall, seconds,
           force_seconds);
    as_arena_free(arena);
    return recall >= LEAST_RECALL;
}

int main(void) {
    size_t n_true[N_THRESHOLDS] = {0};
    as_arena *arena = as_arena_new();
    text *texts = calloc(N_TEXTS, sizeof *texts);
    bool good = arena && texts;
    if (good)
        plant(texts);
    as_dataset_row *rows = good ? write_rows(arena, texts) : NULL;
    double seconds = rows ? force(texts, n_true) : 0;
    for (int k = 0; k < N_THRESHOLDS; k++)
        good = rows && measure(rows, thresholds[k], n_true[k], seconds) && good;
    free(texts);
    as_arena_free(arena);
    return good ? 0 : 1;
}
