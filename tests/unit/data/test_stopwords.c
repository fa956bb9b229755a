/* SPDX-License-Identifier: MIT */
/* The stop-word lists are those of NLTK and scikit-learn (tests/golden, cleaning.json). */
#include "data/cleaning/stopwords.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../stats/golden.h"

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The list's words in byte order are the golden file's. */
static void is_golden(const as_stopword_list *list, size_t n) {
    json_t *golden = golden_load("cleaning.json");
    const json_t *expected = json_object_get(golden, list->name);
    const char **words = malloc(list->n_words * sizeof *words);
    cr_assert_eq(list->n_words, n, "%s: %zu", list->name, list->n_words);
    cr_assert_eq(json_array_size(expected), n);
    memcpy(words, list->words, n * sizeof *words);
    qsort(words, n, sizeof *words, by_bytes);
    for (size_t i = 0; i < n; i++)
        cr_expect_str_eq(words[i], json_string_value(json_array_get(expected, i)), "%s",
                         list->name);
    free(words);
    json_decref(golden);
}

Test(stopwords, lists_are_their_sources) {
    size_t n;
    const as_stopword_list *lists = as_stopword_lists(&n);
    cr_assert_eq(n, 2);
    cr_assert_str_eq(lists[0].name, "nltk_english");
    cr_assert_str_eq(lists[1].name, "sklearn_english");
    is_golden(&lists[0], 179);
    is_golden(&lists[1], 318);
}
