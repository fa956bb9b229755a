/* SPDX-License-Identifier: MIT */
/* Word counts, vocabularies, and Study A's vocabulary on the real data. */
#include <ctype.h>
#include <sodium.h>

#include "base/random.h"
#include "data/cleaning/cleaning.h"
#include "data/embeddings/embeddings.h"
#include "data/splits/numpy_random.h"
#include "data/tokenizers/interner.h"
#include "data/tokenizers/splitter.h"
#include "data/tokenizers/vocabulary.h"
#include "words_data.h"

static void count_text(as_arena *arena, as_word_counts *counts, const char *text, size_t n_bytes) {
    as_splitter *splitter;
    as_split_cursor cursor = {text, text, text + n_bytes};
    const char *token;
    size_t n;
    cr_assert_eq(as_splitter_new(arena, "whitespace", NULL, "x", &splitter, NULL), ASSAY_OK);
    for (;;) {
        cr_assert_eq(as_splitter_next(splitter, &cursor, &token, &n, NULL), ASSAY_OK);
        if (!token)
            break;
        cr_assert_eq(as_word_counts_add(counts, token, n, NULL), ASSAY_OK);
    }
    as_splitter_free(splitter);
}

static as_word_counts *count(as_arena *arena, const char *text) {
    as_word_counts *counts;
    cr_assert_eq(as_word_counts_new(arena, &counts, NULL), ASSAY_OK);
    count_text(arena, counts, text, strlen(text));
    return counts;
}

static as_vocabulary *make(as_arena *arena, const as_word_counts *counts, as_vocabulary_rule rule) {
    as_vocabulary *vocabulary;
    cr_assert_eq(as_vocabulary_new(arena, counts, &rule, &vocabulary, NULL), ASSAY_OK);
    return vocabulary;
}

static void holds(const as_vocabulary *v, const char *const *words, int32_t n) {
    cr_assert_eq(as_vocabulary_size(v), n);
    for (int32_t id = 0; id < n; id++) {
        cr_assert_str_eq(as_vocabulary_word(v, id), words[id]);
        cr_assert_eq(as_vocabulary_word_bytes(v, id), strlen(words[id]));
        if (id >= AS_TOKEN_FIRST_WORD)
            cr_assert_eq(as_vocabulary_id(v, words[id], strlen(words[id])), id);
    }
}

Test(vocabulary, goes_by_count_then_bytes) {
    static const char *const expected[] = {"[PAD]", "[UNK]", "b", "B", "a", "ab", "\xc3\xa4"};
    as_arena *arena = as_arena_new();
    as_word_counts *counts = count(arena, "ab \xc3\xa4 a b b b B B a ab \xc3\xa4");
    as_vocabulary *v = make(arena, counts, (as_vocabulary_rule){.vocab_size = 100});
    holds(v, expected, 7);
    cr_assert_null(as_vocabulary_word(v, 7));
    cr_assert_null(as_vocabulary_word(v, -1));
    cr_assert_eq(as_vocabulary_word_bytes(v, 7), 0);
    cr_assert_eq(as_vocabulary_id(v, "none", 4), AS_TOKEN_UNK);
    cr_assert_eq(as_vocabulary_id(v, "[PAD]", 5), AS_TOKEN_UNK, "a text cannot name PAD");
    v = make(arena, counts, (as_vocabulary_rule){.vocab_size = 4});
    holds(v, expected, 4);
    cr_assert_eq(as_vocabulary_id(v, "a", 1), AS_TOKEN_UNK);
    v = make(arena, counts, (as_vocabulary_rule){.vocab_size = 2});
    cr_assert_eq(as_vocabulary_size(v), 2);
    as_arena_free(arena);
}

static bool is_lower(const void *context, const char *word, size_t n_bytes) {
    cr_assert_eq(n_bytes, 1);
    ++*(int *)(uintptr_t)context;
    return islower((unsigned char)word[0]);
}

Test(vocabulary, min_count_and_the_first_group) {
    static const char *const expected[] = {"[PAD]", "[UNK]", "c", "a", "b", "D", "A", "B"};
    as_arena *arena = as_arena_new();
    as_word_counts *counts = count(arena, "b b a a c c c D D D D A A B B x X");
    int n_asked = 0;
    as_vocabulary_rule rule = {
        .vocab_size = 100, .min_count = 2, .first = is_lower, .context = &n_asked};
    holds(make(arena, counts, rule), expected, 8);
    cr_assert_eq(n_asked, 6, "once for each word with min_count");
    rule.vocab_size = 6;
    holds(make(arena, counts, rule), expected, 6);
    rule.min_count = 5;
    holds(make(arena, counts, rule), expected, 2);
    as_arena_free(arena);
}

/* Counts from 1 to 6,000, so also beyond those that are told apart before sorting: every size must
 * be the beginning of the whole. */
Test(vocabulary, a_smaller_one_begins_a_larger_one) {
    enum { N = 300 };
    static const int32_t sizes[] = {2, 3, 50, 101, 150, 202, 250, 301, 302, 303};
    as_arena *arena = as_arena_new();
    as_word_counts *counts;
    cr_assert_eq(as_word_counts_new(arena, &counts, NULL), ASSAY_OK);
    for (int i = 0; i < N; i++) {
        char word[16];
        int n = snprintf(word, sizeof word, "w%d", i);
        for (int k = i % 3 == 0 ? 6000 - i : i % 3 == 1 ? i / 2 + 1 : 1; k > 0; k--)
            cr_assert_eq(as_word_counts_add(counts, word, (size_t)n, NULL), ASSAY_OK);
    }
    as_vocabulary *all = make(arena, counts, (as_vocabulary_rule){.vocab_size = N + 2});
    cr_assert_eq(as_vocabulary_size(all), N + 2);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        as_vocabulary *v = make(arena, counts, (as_vocabulary_rule){.vocab_size = sizes[i]});
        cr_assert_eq(as_vocabulary_size(v), sizes[i] < N + 2 ? sizes[i] : N + 2);
        for (int32_t id = 0; id < as_vocabulary_size(v); id++)
            cr_assert_str_eq(as_vocabulary_word(v, id), as_vocabulary_word(all, id));
    }
    as_arena_free(arena);
}

Test(vocabulary, from_words_keeps_their_order_and_refuses_doubles) {
    static const char *const words[] = {"z", "", "a", "b", "a"};
    static const char *const expected[] = {"[PAD]", "[UNK]", "z", "", "a", "b"};
    as_arena *arena = as_arena_new();
    as_vocabulary *v = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_vocabulary_from_words(arena, words, NULL, 4, &v, NULL), ASSAY_OK);
    holds(v, expected, 6);
    v = NULL;
    cr_assert_eq(as_vocabulary_from_words(arena, words, NULL, 5, &v, &error), ASSAY_BAD_DATA);
    cr_assert(strstr(error.text, "\"a\"") && strstr(error.text, "words 3 and 5"), "%s", error.text);
    cr_assert_null(v);
    as_arena_free(arena);
}

Test(vocabulary, words_that_hold_a_nul_differ) {
    as_arena *arena = as_arena_new();
    as_word_counts *counts;
    cr_assert_eq(as_word_counts_new(arena, &counts, NULL), ASSAY_OK);
    count_text(arena, counts, "a a\0b a\0b a\0c", 13);
    cr_assert_eq(as_word_counts_distinct(counts), 3);
    as_vocabulary *v = make(arena, counts, (as_vocabulary_rule){.vocab_size = 10});
    cr_assert_eq(as_vocabulary_id(v, "a\0b", 3), 2);
    cr_assert_eq(as_vocabulary_word_bytes(v, 2), 3);
    cr_assert_eq(as_vocabulary_id(v, "a", 1), 3);
    const char *const words[] = {"a", "a\0b", "a\0c"};
    const uint32_t n_bytes[] = {1, 3, 3};
    cr_assert_eq(as_vocabulary_from_words(arena, words, n_bytes, 3, &v, NULL), ASSAY_OK);
    cr_assert_eq(as_vocabulary_id(v, "a\0c", 3), 4);
    as_arena_free(arena);
}

Test(vocabulary, many_words_keep_their_counts) {
    as_arena *arena = as_arena_new();
    as_word_counts *counts;
    char word[16];
    cr_assert_eq(as_word_counts_new(arena, &counts, NULL), ASSAY_OK);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 50000; i += round + 1) {
            int n = snprintf(word, sizeof word, "w%d", i);
            cr_assert_eq(as_word_counts_add(counts, word, (size_t)n, NULL), ASSAY_OK);
        }
    cr_assert_eq(as_word_counts_distinct(counts), 50000);
    for (int i = 0; i < 50000; i++) {
        int n = snprintf(word, sizeof word, "w%d", i);
        cr_assert_eq(as_word_counts_get(counts, word, (size_t)n), i % 2 ? 1 : 2);
    }
    cr_assert_eq(as_word_counts_get(counts, "w", 1), 0);
    as_arena_free(arena);
}

/* Words of every length up to 40 that differ in one byte: nothing of a word may be overlooked. */
Test(interner, tells_words_apart_at_every_length_and_place) {
    as_arena *arena = as_arena_new();
    as_interner *words;
    uint32_t number, next = 0;
    char word[40];
    cr_assert_eq(as_interner_new(arena, &words, NULL), ASSAY_OK);
    for (int round = 0; round < 2; round++) {
        next = 0;
        for (size_t n = 0; n <= sizeof word; n++)
            for (size_t at = 0; at <= n; at++) {
                memset(word, 'a', sizeof word);
                if (at < n)
                    word[at] = 'b';
                cr_assert_eq(as_interner_add(words, word, n, &number, NULL), ASSAY_OK);
                cr_assert_eq(number, next, "%zu bytes, %zu differs", n, at);
                next++;
            }
    }
    cr_assert_eq(as_interner_count(words), next);
    memset(word, 0, sizeof word);
    for (size_t n = 1; n <= sizeof word; n++)
        cr_assert_eq(as_interner_find(words, word, n), -1, "zeros of %zu bytes", n);
    as_arena_free(arena);
}

/* ---- Study A ----------------------------------------------------------------------------------*/

enum { N_TRAIN = 25000, N_ROWS = 5000 };

typedef struct review {
    bool positive;
    int number, rating;
    char *text;
    size_t n_bytes;
} review;

typedef struct reviews {
    review rows[N_TRAIN];
    size_t n;
} reviews;

static void keep_review(void *context, const char *name, const char *data, size_t n_bytes) {
    reviews *r = context;
    review one = {.n_bytes = n_bytes};
    char label[4];
    if (sscanf(name, "aclImdb/train/%3[a-z]/%d_%d.txt", label, &one.number, &one.rating) != 3)
        return;
    one.positive = strcmp(label, "pos") == 0;
    one.text = malloc(n_bytes + 1);
    memcpy(one.text, data, n_bytes);
    cr_assert(r->n < N_TRAIN);
    r->rows[r->n++] = one;
}

static int compare_reviews(const void *a, const void *b) {
    const review *x = a, *y = b;
    return x->positive != y->positive ? x->positive - y->positive : x->number - y->number;
}

static bool has_vector(const void *context, const char *word, size_t n_bytes) {
    return as_embeddings_find(context, word, n_bytes) != NULL;
}

/* The vocabulary's words, each with a line feed behind it, as SHA-256. */
static void vocabulary_is(const as_vocabulary *v, const char *sha256) {
    crypto_hash_sha256_state state;
    unsigned char digest[crypto_hash_sha256_BYTES];
    char hex[65];
    crypto_hash_sha256_init(&state);
    for (int32_t id = AS_TOKEN_FIRST_WORD; id < as_vocabulary_size(v); id++) {
        const char *word = as_vocabulary_word(v, id);
        crypto_hash_sha256_update(&state, (const unsigned char *)word,
                                  as_vocabulary_word_bytes(v, id));
        crypto_hash_sha256_update(&state, (const unsigned char *)"\n", 1);
    }
    crypto_hash_sha256_final(&state, digest);
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    cr_assert_str_eq(hex, sha256);
}

/* The 93,290 distinct lower-cased white-space tokens of Study A's subset in name order, those with
 * a GloVe vector before the others, all in the order that Python gives them. */
Test(vocabulary, study_a_in_name_order, .timeout = 240) {
    const char *root = test_data();
    json_t *golden = load_golden("words_digests.json");
    const json_t *want = json_object_get(golden, "study_a");
    json_t *steps = json_pack("[s]", "lower");
    static reviews all;
    static uint32_t permutation[N_TRAIN];
    char path[PATH_MAX], cache[] = "/tmp/test_vocabulary.XXXXXX";
    as_arena *arena = as_arena_new();
    as_word_counts *counts;
    as_cleaner *cleaner;
    as_embeddings *glove;
    as_embedding_table table;
    const as_embedding_config config = {.missing = AS_MISSING_ZERO, .unknown_zero = true};
    each_member(root, "imdb/aclImdb-labelled.tar.xz", keep_review, &all);
    cr_assert_eq(all.n, N_TRAIN);
    qsort(all.rows, N_TRAIN, sizeof *all.rows, compare_reviews);
    as_numpy_permutation(42, N_TRAIN, permutation);
    cr_assert_eq(as_cleaner_new(steps, "x", &cleaner, NULL), ASSAY_OK);
    cr_assert_eq(as_word_counts_new(arena, &counts, NULL), ASSAY_OK);
    for (size_t i = 0; i < N_ROWS; i++) {
        const review *row = &all.rows[permutation[i]];
        const char *text;
        size_t n_bytes;
        cr_assert_eq(as_clean(cleaner, row->text, row->n_bytes, &text, &n_bytes, NULL), ASSAY_OK);
        count_text(arena, counts, text, n_bytes);
    }
    cr_assert_eq((json_int_t)as_word_counts_distinct(counts),
                 json_integer_value(json_object_get(want, "distinct")));
    snprintf(path, sizeof path, "%s/glove/glove.6B.50d.txt.xz", root);
    cr_assert_not_null(mkdtemp(cache));
    cr_assert_eq(as_embeddings_open(path, NULL, 50, cache, &glove, NULL), ASSAY_OK);
    cr_assert_eq(as_embeddings_count(glove), 400000);
    as_vocabulary *v =
        make(arena, counts,
             (as_vocabulary_rule){.vocab_size = 1 << 20, .first = has_vector, .context = glove});
    vocabulary_is(v, json_string_value(json_object_get(want, "vocabulary_sha256")));
    cr_assert_eq(as_embedding_table_new(arena, glove, v, &config, &table, NULL), ASSAY_OK);
    cr_assert_eq(table.n_found, json_integer_value(json_object_get(want, "found")));
    cr_assert_eq(table.n_found + table.n_missing + 2, (uint32_t)as_vocabulary_size(v));
    as_embeddings_free(glove);
    as_cleaner_free(cleaner);
    for (size_t i = 0; i < N_TRAIN; i++)
        free(all.rows[i].text);
    cr_assert_eq(as_remove_folder(cache, NULL), ASSAY_OK);
    as_arena_free(arena);
    json_decref(steps);
    json_decref(golden);
}
