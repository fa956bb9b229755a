/* SPDX-License-Identifier: MIT */
/* Steps that drop whole tokens: remove_stopwords, min_token_length, max_token_length. A token is a
 * maximal run without white space; what stays is joined by one blank. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "data/cleaning/steps.h"
#include "data/cleaning/stopwords.h"

/* ---- walking over tokens ----------------------------------------------------------------------*/

/* The next token of [p, end): its start, and its end in *ret_end; NULL: none is left. */
static inline const char *next_token(const char *p, const char *end, const char **ret_end) {
    const char *start = NULL;
    while (p < end) {
        int32_t point;
        size_t n = as_next_point(p, (size_t)(end - p), &point);
        bool space = as_is_white_space(point);
        if (space && start)
            break;
        if (!space && !start)
            start = p;
        p += n;
    }
    *ret_end = p;
    return start;
}

/* Copies the tokens that `stays` says stay. Inlined into each step, so that the call is too. */
static inline assay_status
keep_tokens(const as_step *step, const char *text, size_t n_bytes, as_clean_output *out,
            bool (*stays)(const as_step *step, const char *token, size_t n_bytes),
            assay_error *error) {
    const char *p = text, *end = text + n_bytes, *token;
    assay_status status = as_output_reserve(out, n_bytes, error);
    if (status != ASSAY_OK)
        return status;
    char *to = out->data;
    while ((token = next_token(p, end, &p))) {
        size_t n = (size_t)(p - token);
        if (!stays(step, token, n))
            continue;
        if (to > out->data)
            *to++ = ' ';
        memcpy(to, token, n);
        to += n;
    }
    out->n_bytes = (size_t)(to - out->data);
    return ASSAY_OK;
}

/* ---- by length --------------------------------------------------------------------------------*/

static bool long_enough(const as_step *step, const char *token, size_t n_bytes) {
    return as_count_points(token, n_bytes) >= (size_t)step->options.length;
}

static bool short_enough(const as_step *step, const char *token, size_t n_bytes) {
    return as_count_points(token, n_bytes) <= (size_t)step->options.length;
}

assay_status as_min_length_apply(const as_step *step, const char *text, size_t n_bytes,
                                 as_clean_output *out, assay_error *error) {
    return keep_tokens(step, text, n_bytes, out, long_enough, error);
}

assay_status as_max_length_apply(const as_step *step, const char *text, size_t n_bytes,
                                 as_clean_output *out, assay_error *error) {
    return keep_tokens(step, text, n_bytes, out, short_enough, error);
}

/* ---- stop words -------------------------------------------------------------------------------*/

typedef struct word {
    const char *text; /* NULL: an empty slot */
    size_t n_bytes;
} word;

/* A hash table with open addressing. */
typedef struct word_set {
    word *slots; /* [mask + 1], at most half of them taken */
    size_t mask, longest;
} word_set;

enum { MAX_WORDS = 100000 };

/* FNV-1a, 64 bits. */
static size_t hash_word(const char *text, size_t n) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001B3u;
    return (size_t)(hash ^ (hash >> 32));
}

/* The slot that holds the word, or the empty one where it belongs. */
static word *find_slot(const word_set *set, const char *text, size_t n) {
    size_t i = hash_word(text, n) & set->mask;
    while (set->slots[i].text &&
           (set->slots[i].n_bytes != n || memcmp(set->slots[i].text, text, n) != 0))
        i = (i + 1) & set->mask;
    return &set->slots[i];
}

static void add_word(word_set *set, const char *text) {
    size_t n = strlen(text);
    *find_slot(set, text, n) = (word){text, n};
    set->longest = n > set->longest ? n : set->longest;
}

static bool is_no_stopword(const as_step *step, const char *token, size_t n_bytes) {
    const word_set *set = step->state;
    return n_bytes > set->longest || !find_slot(set, token, n_bytes)->text;
}

assay_status as_stopwords_apply(const as_step *step, const char *text, size_t n_bytes,
                                as_clean_output *out, assay_error *error) {
    return keep_tokens(step, text, n_bytes, out, is_no_stopword, error);
}

static assay_status find_list(const as_step *step, const as_stopword_list **ret_list,
                              assay_error *error) {
    const char *names[8];
    size_t n;
    const as_stopword_list *lists = as_stopword_lists(&n);
    *ret_list = NULL;
    for (size_t i = 0; i < n && step->options.list; i++) {
        names[i] = lists[i].name;
        if (strcmp(names[i], step->options.list) == 0)
            *ret_list = &lists[i];
    }
    if (*ret_list || (!step->options.list && step->options.words))
        return ASSAY_OK;
    if (!step->options.list)
        return assay_fail(error, ASSAY_BAD_DATA, step->where,
                          "remove_stopwords needs \"list\", \"words\" or both");
    return as_fail_unknown(error, as_where_join(step->where, "/", "list").text, "stop-word list",
                           step->options.list, names, n);
}

/* The words the suite itself lists, copied. */
static assay_status add_own_words(as_arena *arena, const as_step *step, word_set *set,
                                  assay_error *error) {
    as_where list = as_where_join(step->where, "/", "words");
    const json_t *one;
    size_t i;
    json_array_foreach(step->options.words, i, one) {
        const char *end, *text = json_string_value(one), *stop = text + strlen(text);
        char index[32];
        snprintf(index, sizeof index, "%zu", i);
        if (next_token(text, stop, &end) != text || end != stop)
            return as_fail(error, ASSAY_BAD_DATA, as_where_join(list.text, "/", index).text,
                           "found \"%.40s\"; expected a word without white space", text);
        const char *copy = as_arena_strdup(arena, text);
        if (!copy)
            return assay_fail(error, ASSAY_OUT_OF_MEMORY, list.text, "no memory for the words");
        add_word(set, copy);
    }
    return ASSAY_OK;
}

assay_status as_stopwords_prepare(as_arena *arena, as_step *step, assay_error *error) {
    const as_stopword_list *list;
    assay_status status = find_list(step, &list, error);
    if (status != ASSAY_OK)
        return status;
    size_t n_own = json_array_size(step->options.words), size = 16;
    if (n_own > MAX_WORDS)
        return as_fail(error, ASSAY_BAD_DATA, as_where_join(step->where, "/", "words").text,
                       "has %zu words; at most %d are taken", n_own, MAX_WORDS);
    while (size < 2 * (n_own + (list ? list->n_words : 0)))
        size *= 2;
    word_set *set = as_arena_alloc(arena, sizeof *set);
    word *slots = as_arena_alloc_array(arena, size, sizeof *slots);
    if (!set || !slots)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, step->where, "no memory for the words");
    *set = (word_set){slots, size - 1, 0};
    for (size_t i = 0; list && i < list->n_words; i++)
        add_word(set, list->words[i]);
    step->state = set;
    return add_own_words(arena, step, set, error);
}
