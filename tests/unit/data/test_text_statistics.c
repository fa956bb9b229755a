/* SPDX-License-Identifier: MIT */
/* Statistics of texts: against pandas and Python on a small corpus (tests/golden/
 * make_statistics_golden.py), by hand, and Study B's published figures on the real 20 Newsgroups.
 */
#include "data/statistics/text_statistics.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../stats/golden.h"
#include "data/readers/reader.h"
#include "data/statistics/clean_rows.h"
#include "data/statistics/workers.h"

enum { N_LABELS = 3 };

/* ---- lengths ---------------------------------------------------------------------------------*/

static void check_summary(const as_length_summary *s, const json_t *golden, const char *what) {
    cr_assert_eq((int64_t)s->n, golden_count(golden, "n"), "%s", what);
    cr_assert_eq((int64_t)s->total, golden_count(golden, "total"), "%s", what);
    cr_assert_eq((int64_t)s->min, golden_count(golden, "min"), "%s", what);
    cr_assert_eq((int64_t)s->max, golden_count(golden, "max"), "%s", what);
    check_near(s->mean, golden_real(golden, "mean"), 1e-12 * (1 + fabs(s->mean)), what);
    check_near(s->std, golden_real(golden, "std"), 1e-12 * (1 + s->std), what);
    check_near(s->q1, golden_real(golden, "q1"), 1e-12 * (1 + s->q1), what);
    check_near(s->median, golden_real(golden, "median"), 1e-12 * (1 + s->median), what);
    check_near(s->q3, golden_real(golden, "q3"), 1e-12 * (1 + s->q3), what);
}

Test(text_statistics, lengths_are_those_of_pandas) {
    json_t *golden = golden_load("statistics.json"), *cases = json_object_get(golden, "lengths");
    cr_assert_geq(json_array_size(cases), 10);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i), *list = json_object_get(c, "values");
        size_t n = json_array_size(list);
        uint32_t *values = malloc(n * sizeof *values);
        char what[32];
        snprintf(what, sizeof what, "case %zu", i);
        for (size_t k = 0; k < n; k++)
            values[k] = (uint32_t)json_integer_value(json_array_get(list, k));
        as_length_summary s = as_summarise_lengths(values, n);
        check_summary(&s, json_object_get(c, "summary"), what);
        free(values);
    }
    json_decref(golden);
}

Test(text_statistics, no_lengths_are_all_zero) {
    as_length_summary s = as_summarise_lengths(NULL, 0), zero = {0};
    cr_assert_eq(memcmp(&s, &zero, sizeof s), 0);
}

/* ---- the golden corpus ------------------------------------------------------------------------*/

static bool the_or_a(const void *context, const char *word, size_t n_bytes) {
    cr_assert_str_eq(context, "context");
    return (n_bytes == 3 && strncasecmp(word, "the", 3) == 0) ||
           (n_bytes == 1 && (*word == 'a' || *word == 'A'));
}

typedef struct corpus {
    json_t *golden;
    const json_t *expected;
    as_arena *arena;
    as_dataset_row *rows;
    uint32_t n_rows;
} corpus;

static corpus open_corpus(void) {
    static const char *const splits[] = {"train", "validation", "test"};
    corpus c = {.golden = golden_load("statistics.json"), .arena = as_arena_new()};
    const json_t *rows = json_object_get(c.golden, "rows");
    c.expected = json_object_get(c.golden, "statistics");
    c.n_rows = (uint32_t)json_array_size(rows);
    c.rows = as_arena_alloc_array(c.arena, c.n_rows, sizeof *c.rows);
    cr_assert_gt(c.n_rows, 100);
    for (uint32_t i = 0; i < c.n_rows; i++) {
        const json_t *row = json_array_get(rows, i);
        c.rows[i] = (as_dataset_row){.text = json_string_value(json_object_get(row, "text")),
                                     .name = "row",
                                     .label = (uint32_t)golden_count(row, "label")};
        c.rows[i].n_bytes = json_string_length(json_object_get(row, "text"));
        for (int s = 0; s < 3; s++)
            if (strcmp(json_string_value(json_object_get(row, "split")), splits[s]) == 0)
                c.rows[i].split = (as_split)s;
    }
    return c;
}

static void close_corpus(corpus *c) {
    as_arena_free(c->arena);
    json_decref(c->golden);
}

static as_text_statistics *count(const corpus *c, int threads) {
    const as_statistics_config config = {.tokenizers = {{.kind = "words"}, {.kind = "whitespace"}},
                                         .n_tokenizers = 2,
                                         .is_stopword = the_or_a,
                                         .stopwords = "context",
                                         .threads = threads};
    as_text_statistics *statistics = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_text_statistics_new(c->arena, c->rows, c->n_rows, N_LABELS, &config,
                                        &statistics, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    return statistics;
}

static void check_measure(const as_measure *m, const json_t *expected, const char *key) {
    static const char *const splits[] = {"train", "validation", "test"};
    const json_t *groups = json_object_get(expected, "groups");
    check_summary(&m->all, json_object_get(json_object_get(groups, "all"), key), key);
    for (int s = 0; s < 3; s++)
        check_summary(&m->splits[s], json_object_get(json_object_get(groups, splits[s]), key), key);
    cr_assert_eq(m->splits[AS_SPLIT_ALL].n, 0);
    for (uint32_t k = 0; k < N_LABELS; k++) {
        char name[16];
        snprintf(name, sizeof name, "label %u", k);
        check_summary(&m->labels[k], json_object_get(json_object_get(groups, name), key), key);
    }
}

Test(text_statistics, lengths_of_the_corpus_by_split_and_label) {
    corpus c = open_corpus();
    const as_text_statistics *t = count(&c, 1);
    check_measure(&t->characters, c.expected, "characters");
    check_measure(&t->words, c.expected, "words");
    check_measure(&t->tokens[0].lengths, c.expected, "tokens");
    check_measure(&t->tokens[1].lengths, c.expected, "words");
    for (uint32_t i = 0, total = 0; i <= c.n_rows; i++) {
        if (i == c.n_rows)
            cr_assert_eq(total, t->words.all.total);
        else
            total += t->text_words[i];
    }
    close_corpus(&c);
}

Test(text_statistics, blank_texts_and_texts_past_a_length) {
    corpus c = open_corpus();
    const as_text_statistics *t = count(&c, 1);
    const json_t *blank = json_object_get(c.expected, "blank");
    cr_assert_eq(t->n_blank, golden_count(blank, "all"));
    cr_assert_gt(t->n_blank, 0);
    cr_assert_eq(t->n_blank_split[AS_SPLIT_TRAIN], golden_count(blank, "train"));
    cr_assert_eq(t->n_blank_split[AS_SPLIT_TEST], golden_count(blank, "test"));
    cr_assert_eq(t->n_blank_label[2], golden_count(blank, "label 2"));
    const json_t *longer = json_object_get(c.expected, "longer");
    for (size_t i = 0; i < AS_STATISTICS_CUTS; i++) {
        cr_assert_eq(t->tokens[0].n_longer[i],
                     json_integer_value(json_array_get(json_object_get(longer, "all"), i)));
        cr_assert_eq(t->tokens[0].n_longer_split[AS_SPLIT_TEST][i],
                     json_integer_value(json_array_get(json_object_get(longer, "test"), i)));
    }
    close_corpus(&c);
}

static void check_common(const as_common_words *found, const json_t *list, const char *what) {
    cr_assert_eq(found->n, json_array_size(list), "%s", what);
    for (uint32_t i = 0; i < found->n; i++) {
        const json_t *word = json_array_get(list, i);
        cr_assert_str_eq(found->words[i].word, json_string_value(json_array_get(word, 0)), "%s %u",
                         what, i);
        cr_assert_eq((int64_t)found->words[i].count, json_integer_value(json_array_get(word, 1)),
                     "%s %u", what, i);
    }
}

Test(text_statistics, commonest_words_and_vocabulary) {
    corpus c = open_corpus();
    const as_text_statistics *t = count(&c, 1);
    const as_word_statistics *w = &t->vocabulary;
    const json_t *with = json_object_get(c.expected, "commonest");
    const json_t *without = json_object_get(c.expected, "commonest_without");
    cr_assert_str_eq(w->kind, "words");
    check_common(&w->common, json_object_get(with, "all"), "all");
    check_common(&w->common_without_stopwords, json_object_get(without, "all"), "without");
    for (uint32_t k = 0; k < N_LABELS; k++) {
        char name[16];
        snprintf(name, sizeof name, "label %u", k);
        check_common(&w->label_common[k], json_object_get(with, name), name);
        check_common(&w->label_common_without_stopwords[k], json_object_get(without, name), name);
    }
    cr_assert_eq((int64_t)w->n_vocabulary, golden_count(c.expected, "vocabulary"));
    for (size_t s = 0; s < 3; s++)
        for (size_t i = 0; i < AS_STATISTICS_SIZES; i++)
            cr_assert_eq((int64_t)w->known[s][i],
                         json_integer_value(json_array_get(
                             json_array_get(json_object_get(c.expected, "known"), s), i)));
    close_corpus(&c);
}

Test(text_statistics, exact_duplicates) {
    corpus c = open_corpus();
    const as_exact_statistics *e = &count(&c, 1)->exact;
    const json_t *golden = json_object_get(c.expected, "duplicates");
    cr_assert_eq(e->n_repeated, golden_count(golden, "texts"));
    cr_assert_eq(e->n_groups, golden_count(golden, "sets"));
    cr_assert_eq(e->n_conflicts, golden_count(golden, "conflicts"));
    cr_assert_eq(e->n_conflict_texts, golden_count(golden, "conflict_texts"));
    for (size_t s = 0; s < 3; s++) {
        cr_assert_eq(e->n_within[s],
                     json_integer_value(json_array_get(json_object_get(golden, "within"), s)));
        for (size_t t = 0; t < 3; t++)
            cr_assert_eq(e->n_across[s][t],
                         json_integer_value(json_array_get(
                             json_array_get(json_object_get(golden, "across"), s), t)),
                         "%zu %zu", s, t);
    }
    close_corpus(&c);
}

Test(text_statistics, threads_change_nothing) {
    corpus c = open_corpus();
    const as_text_statistics *one = count(&c, 1), *many = count(&c, 7);
    cr_assert_eq(memcmp(&one->words.all, &many->words.all, sizeof one->words.all), 0);
    cr_assert_eq(memcmp(&one->exact, &many->exact, sizeof one->exact), 0);
    cr_assert_eq(
        memcmp(one->vocabulary.known, many->vocabulary.known, sizeof one->vocabulary.known), 0);
    cr_assert_eq(one->vocabulary.n_distinct, many->vocabulary.n_distinct);
    for (uint32_t k = 0; k < N_LABELS; k++)
        for (uint32_t i = 0; i < AS_STATISTICS_COMMON; i++)
            cr_assert_str_eq(one->vocabulary.label_common[k].words[i].word,
                             many->vocabulary.label_common[k].words[i].word);
    close_corpus(&c);
}

/* ---- by hand ----------------------------------------------------------------------------------*/

/* Train has the words 0 .. 11,999, the first half twice; test has each of the words 0 .. 14,999
 * once.
 */
Test(text_statistics, coverage_at_each_size) {
    as_arena *arena = as_arena_new();
    size_t size = 30000 * 8;
    char *train = as_arena_alloc(arena, size), *test = as_arena_alloc(arena, size);
    size_t n_train = 0, n_test = 0;
    for (int i = 0; i < 15000; i++) {
        if (i < 12000)
            n_train += (size_t)sprintf(train + n_train, "w%05d ", i);
        if (i < 6000)
            n_train += (size_t)sprintf(train + n_train, "w%05d ", i);
        n_test += (size_t)sprintf(test + n_test, "w%05d ", i);
    }
    const as_dataset_row rows[] = {
        {.text = train, .name = "a", .n_bytes = n_train, .split = AS_SPLIT_TRAIN},
        {.text = test, .name = "b", .n_bytes = n_test, .split = AS_SPLIT_TEST}};
    const as_statistics_config config = {.tokenizers = {{.kind = "words"}}, .n_tokenizers = 1};
    const uint64_t train_known[] = {10000, 16000, 18000, 18000, 18000};
    const uint64_t test_known[] = {5000, 10000, 12000, 12000, 12000};
    as_text_statistics *t;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_text_statistics_new(arena, rows, 2, 1, &config, &t, &error), ASSAY_OK);
    cr_assert_eq(t->vocabulary.n_vocabulary, 12000);
    cr_assert_eq(t->vocabulary.n_distinct, 15000);
    cr_assert_eq(t->vocabulary.split_words[AS_SPLIT_TEST], 15000);
    for (int i = 0; i < AS_STATISTICS_SIZES; i++) {
        cr_assert_eq(t->vocabulary.known[AS_SPLIT_TRAIN][i], train_known[i]);
        cr_assert_eq(t->vocabulary.known[AS_SPLIT_TEST][i], test_known[i]);
    }
    as_arena_free(arena);
}

static const as_dataset_row near_rows[] = {
    {.text = "one two three four five six seven eight nine ten eleven twelve", .label = 0},
    {.text = "one two three four five six seven eight nine ten eleven twelve", .label = 0},
    {.text = "one two three four five six seven eight nine ten eleven twelve tail",
     .label = 1,
     .split = AS_SPLIT_TEST},
    {.text = "  ", .label = 0, .split = AS_SPLIT_TEST},
    {.text = "  ", .label = 1, .split = AS_SPLIT_TEST},
    {.text = "nothing like the others at all", .label = 1, .split = AS_SPLIT_TEST},
};
enum { N_NEAR_ROWS = sizeof near_rows / sizeof near_rows[0] };

Test(text_statistics, near_duplicates_count_texts_and_pairs) {
    as_arena *arena = as_arena_new();
    as_dataset_row rows[N_NEAR_ROWS];
    const as_statistics_config config = {.near = true, .threshold = 0.8};
    as_text_statistics *t;
    assay_error error = ASSAY_ERROR_INIT;
    memcpy(rows, near_rows, sizeof rows);
    for (int i = 0; i < N_NEAR_ROWS; i++)
        rows[i].n_bytes = strlen(rows[i].text);
    cr_assert_eq(as_text_statistics_new(arena, rows, N_NEAR_ROWS, 2, &config, &t, &error),
                 ASSAY_OK);
    /* rows 0 and 1 are equal and stand for one: 8 of 9 shingles are shared with row 2 */
    cr_assert(t->near.made);
    cr_assert_eq(t->near.n_pairs, 1);
    cr_assert_eq(t->near.n_conflicts, 1);
    cr_assert_eq(t->near.n_texts, 3);
    cr_assert_eq(t->near.n_within[AS_SPLIT_TRAIN], 2);
    cr_assert_eq(t->near.n_within[AS_SPLIT_TEST], 0);
    cr_assert_eq(t->near.n_across[AS_SPLIT_TRAIN][AS_SPLIT_TEST], 2);
    cr_assert_eq(t->near.n_across[AS_SPLIT_TEST][AS_SPLIT_TRAIN], 1);
    cr_assert_eq(t->exact.n_repeated, 1);
    cr_assert_eq(t->n_blank, 2);
    cr_assert_null(t->vocabulary.kind);
    cr_assert_eq(t->classes.total, N_NEAR_ROWS);
    as_arena_free(arena);
}

/* A text of exactly 64 tokens fits into 64; one more does not. */
Test(text_statistics, a_text_is_cut_only_when_it_has_more_tokens) {
    static const uint32_t lengths[] = {63, 64, 65, 128, 129, 256, 257, 512, 513, 2000};
    enum { N = sizeof lengths / sizeof lengths[0] };
    const uint32_t expected[] = {8, 6, 4, 2};
    as_arena *arena = as_arena_new();
    as_dataset_row rows[N];
    const as_statistics_config config = {.tokenizers = {{.kind = "words"}}, .n_tokenizers = 1};
    as_text_statistics *t;
    assay_error error = ASSAY_ERROR_INIT;
    for (int i = 0; i < N; i++) {
        char *text = as_arena_alloc(arena, lengths[i] * 2 + 1);
        for (uint32_t k = 0; k < lengths[i]; k++)
            memcpy(text + (size_t)2 * k, "w ", 2);
        rows[i] = (as_dataset_row){.text = text, .name = "r", .n_bytes = (size_t)lengths[i] * 2};
    }
    cr_assert_eq(as_text_statistics_new(arena, rows, N, 1, &config, &t, &error), ASSAY_OK);
    for (int c = 0; c < AS_STATISTICS_CUTS; c++)
        cr_assert_eq(t->tokens[0].n_longer[c], expected[c], "%u", as_statistics_cuts[c]);
    as_arena_free(arena);
}

Test(text_statistics, one_other_label_among_equal_texts_is_a_conflict) {
    as_arena *arena = as_arena_new();
    as_dataset_row rows[3];
    const as_statistics_config config = {.n_tokenizers = 0};
    as_text_statistics *t;
    assay_error error = ASSAY_ERROR_INIT;
    for (uint32_t i = 0; i < 3; i++)
        rows[i] = (as_dataset_row){.text = "x", .name = "r", .n_bytes = 1, .label = i & 1};
    cr_assert_eq(as_text_statistics_new(arena, rows, 3, 2, &config, &t, &error), ASSAY_OK);
    cr_assert_eq(t->exact.n_conflicts, 1);
    cr_assert_eq(t->exact.n_conflict_texts, 3);
    as_arena_free(arena);
}

Test(text_statistics, undivided_data_is_its_own_vocabulary) {
    as_arena *arena = as_arena_new();
    const as_dataset_row rows[] = {
        {.text = "b a b", .name = "x", .n_bytes = 5, .split = AS_SPLIT_ALL}};
    const as_statistics_config config = {.tokenizers = {{.kind = "words"}}, .n_tokenizers = 1};
    as_text_statistics *t;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_text_statistics_new(arena, rows, 1, 1, &config, &t, &error), ASSAY_OK);
    cr_assert_eq(t->vocabulary.vocabulary, AS_SPLIT_ALL);
    cr_assert_eq(t->vocabulary.known[AS_SPLIT_ALL][0], 3);
    cr_assert_eq(t->vocabulary.common.n, 2);
    cr_assert_str_eq(t->vocabulary.common.words[0].word, "b");
    as_arena_free(arena);
}

Test(text_statistics, an_unknown_tokenizer_is_an_error) {
    as_arena *arena = as_arena_new();
    const as_dataset_row rows[] = {{.text = "a", .name = "x", .n_bytes = 1}};
    const as_statistics_config config = {.tokenizers = {{.kind = "word"}}, .n_tokenizers = 1};
    as_text_statistics *untouched = (as_text_statistics *)&config, *t = untouched;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_text_statistics_new(arena, rows, 1, 1, &config, &t, &error),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert_eq(t, untouched);
    cr_assert(strstr(error.text, "words"), "%s", error.text);
    as_arena_free(arena);
}

/* ---- cleaned rows -----------------------------------------------------------------------------*/

Test(text_statistics, cleaned_rows_are_counted_once_whatever_the_threads) {
    static const char *const texts[] = {"A <b>B</b>", "plain", "<i></i>", "X", "<p>", "same"};
    enum { N = sizeof texts / sizeof texts[0] };
    json_t *steps = json_pack("[s, s]", "strip_html", "lower");
    as_dataset_row rows[N];
    for (uint32_t i = 0; i < N; i++)
        rows[i] = (as_dataset_row){
            .text = texts[i], .name = "t", .n_bytes = strlen(texts[i]), .label = i};
    for (int threads = 1; threads < 5; threads++) {
        as_cleaned_rows cleaned;
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(as_clean_rows(rows, N, steps, "steps", threads, &cleaned, &error), ASSAY_OK,
                     "%s: %s", error.where, error.text);
        cr_assert_eq(cleaned.n_steps, 2);
        cr_assert_str_eq(cleaned.counts[0].step, "strip_html");
        cr_assert_eq(cleaned.counts[0].texts, N);
        cr_assert_eq(cleaned.counts[0].changed, 3);
        cr_assert_eq(cleaned.counts[0].emptied, 2);
        cr_assert_eq(cleaned.counts[1].changed, 2);
        cr_assert_str_eq(cleaned.rows[3].text, "x");
        cr_assert_eq(cleaned.rows[3].label, 3);
        cr_assert_eq(cleaned.rows[3].n_bytes, 1);
        as_cleaned_rows_done(&cleaned);
    }
    json_decref(steps);
}

Test(text_statistics, a_step_that_fails_names_the_text) {
    json_t *steps =
        json_pack("[{s:s, s:s, s:s}]", "step", "regex", "pattern", "(a+)+$", "replace", "");
    char text[4001];
    memset(text, 'a', 4000);
    strcpy(text + 3999, "b");
    const as_dataset_row rows[] = {{.text = text, .name = "bad_one.txt", .n_bytes = 4000}};
    as_cleaned_rows cleaned = {.n_steps = 7};
    assay_error error = ASSAY_ERROR_INIT;
    assay_status status = as_clean_rows(rows, 1, steps, "steps", 1, &cleaned, &error);
    cr_assert_eq(status, ASSAY_LIMIT, "%d", status);
    cr_assert_eq(cleaned.n_steps, 7);
    cr_assert(strstr(error.text, "bad_one.txt"), "%s", error.text);
    json_decref(steps);
}

/* ---- workers ----------------------------------------------------------------------------------*/

static assay_status fail_from_two(void *context, size_t i, assay_error *error) {
    ((int *)context)[i]++;
    return i < 2    ? ASSAY_OK
           : i == 2 ? assay_fail(error, ASSAY_BAD_DATA, "two", "failed")
                    : assay_fail(error, ASSAY_LIMIT, "later", "failed");
}

Test(text_statistics, the_first_failing_worker_is_told) {
    int runs[6] = {0};
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_workers_run(6, fail_from_two, runs, &error), ASSAY_BAD_DATA);
    cr_assert_str_eq(error.where, "two");
    for (int i = 0; i < 6; i++)
        cr_assert_eq(runs[i], 1);
    for (size_t n = 1; n < 9; n++) /* shares meet and cover everything */
        cr_assert(as_worker_first(0, n, 20) == 0 && as_worker_first(n, n, 20) == 20);
    cr_assert_eq(as_worker_count(3, 100), 3);
    cr_assert_eq(as_worker_count(3, 2), 2);
    cr_assert_eq(as_worker_count(3, 0), 1);
    cr_assert_leq(as_worker_count(1000, 100000), AS_MAX_WORKERS);
}

/* ---- Study B's exploratory figures ------------------------------------------------------------*/

Test(text_statistics, study_b_exploratory_figures, .timeout = 120) {
    const char *data = getenv("ASSAY_TEST_DATA");
    if (!data) {
        cr_assert(!getenv("CI"), "ASSAY_TEST_DATA is not set, though CI is");
        cr_skip("ASSAY_TEST_DATA is not set: 20 Newsgroups is not at hand");
    }
    char path[4096];
    as_arena *arena = as_arena_new();
    as_manifest manifest;
    as_dataset dataset;
    const char *source;
    as_text_statistics *t;
    assay_error error = ASSAY_ERROR_INIT;
    const as_statistics_config config = {.tokenizers = {{.kind = "words"}}, .n_tokenizers = 1};
    snprintf(path, sizeof path, "%s/20news/20news-bydate.tar.xz", data);
    cr_assert_eq(as_manifest_load(arena, "20newsgroups-all", &manifest, &error), ASSAY_OK, "%s",
                 error.text);
    cr_assert_eq(as_dataset_load(arena, &manifest, path, NULL, &dataset, &source, &error), ASSAY_OK,
                 "%s: %s", error.where, error.text);
    cr_assert_eq(as_text_statistics_new(arena, dataset.rows, dataset.n_rows, dataset.n_labels,
                                        &config, &t, &error),
                 ASSAY_OK, "%s", error.text);
    cr_assert_eq(t->n_texts, 18846);
    cr_assert_eq(t->n_blank, 515);
    cr_assert_eq(t->words.all.total, 3423145);
    cr_assert_eq(t->characters.all.total, 22043554);
    cr_assert_eq(t->words.all.min, 0);
    cr_assert_eq(t->words.all.max, 11765);
    check_near(t->words.all.mean, 181.6, 0.05, "mean");
    check_near(t->words.all.median, 83, 0, "median");
    check_near(t->words.all.std, 501.3338003825374, 1e-9, "std"); /* NumPy's std with ddof = 1 */
    check_near(t->words.all.q1, 40, 0, "lower quartile");
    check_near(t->words.all.q3, 166, 0, "upper quartile");
    cr_assert_eq(t->classes.n, 20);
    cr_assert_eq(t->classes.min, 628);
    cr_assert_eq(t->classes.max, 999);
    check_near(t->classes.mean, 942.3, 1e-9, "mean of classes");
    check_near(t->classes.std, 97.0, 0.05, "std of classes");
    for (uint32_t k = 0; k < dataset.n_labels; k++) {
        if (strcmp(dataset.labels[k], "talk.religion.misc") == 0)
            cr_assert_eq(t->words.labels[k].n, 628);
        if (strcmp(dataset.labels[k], "rec.sport.hockey") == 0)
            cr_assert_eq(t->words.labels[k].n, 999);
    }
    as_manifest_done(&manifest);
    as_arena_free(arena);
}
