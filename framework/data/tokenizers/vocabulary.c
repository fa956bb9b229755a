/* SPDX-License-Identifier: MIT */
/* Word counts and vocabularies, both on top of an interner: the n-th word has the n-th count, or
 * the id n + AS_TOKEN_FIRST_WORD. */
#include "data/tokenizers/vocabulary.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/tokenizers/interner.h"

static assay_status no_memory(assay_error *error) {
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, "vocabulary", "no memory for the words");
}

/* ---- counts -----------------------------------------------------------------------------------*/

struct as_word_counts {
    as_arena *arena;
    as_interner *words;
    uint64_t *counts; /* [capacity] */
    size_t capacity;
};

assay_status as_word_counts_new(as_arena *arena, as_word_counts **ret_counts, assay_error *error) {
    as_word_counts *counts = as_arena_alloc(arena, sizeof *counts);
    if (!counts)
        return no_memory(error);
    counts->arena = arena;
    assay_status status = as_interner_new(arena, &counts->words, error);
    if (status == ASSAY_OK)
        *ret_counts = counts;
    return status;
}

static assay_status grow(as_word_counts *counts, assay_error *error) {
    size_t capacity = counts->capacity ? counts->capacity * 2 : 4096;
    uint64_t *grown = as_arena_alloc_array(counts->arena, capacity, sizeof *grown);
    if (!grown)
        return no_memory(error);
    if (counts->capacity)
        memcpy(grown, counts->counts, counts->capacity * sizeof *grown);
    counts->counts = grown;
    counts->capacity = capacity;
    return ASSAY_OK;
}

assay_status as_word_counts_add_n(as_word_counts *counts, const char *text, size_t n_bytes,
                                  uint64_t count, assay_error *error) {
    uint32_t number;
    assay_status status = as_interner_add(counts->words, text, n_bytes, &number, error);
    if (status == ASSAY_OK && number >= counts->capacity)
        status = grow(counts, error);
    if (status == ASSAY_OK)
        counts->counts[number] += count;
    return status;
}

assay_status as_word_counts_add(as_word_counts *counts, const char *text, size_t n_bytes,
                                assay_error *error) {
    return as_word_counts_add_n(counts, text, n_bytes, 1, error);
}

uint64_t as_word_counts_get(const as_word_counts *counts, const char *text, size_t n_bytes) {
    int64_t number = as_interner_find(counts->words, text, n_bytes);
    return number < 0 ? 0 : counts->counts[number];
}

size_t as_word_counts_distinct(const as_word_counts *counts) {
    return as_interner_count(counts->words);
}

/* ---- vocabulary -------------------------------------------------------------------------------*/

struct as_vocabulary {
    as_interner *words;
};

typedef struct candidate {
    const char *text;
    size_t n_bytes;
    uint64_t count;
    bool first; /* of those with a vector */
} candidate;

static int compare_candidates(const void *a, const void *b) {
    const candidate *x = a, *y = b;
    if (x->first != y->first)
        return x->first ? -1 : 1;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    size_t n = x->n_bytes < y->n_bytes ? x->n_bytes : y->n_bytes;
    int order = memcmp(x->text, y->text, n);
    return order ? order : (x->n_bytes > y->n_bytes) - (x->n_bytes < y->n_bytes);
}

/* A count that n_kept words reach, or min_count where fewer do: without a first group rarer words
 * cannot be in the vocabulary, and most words of most corpora, which are rare, need no sorting. */
static uint64_t lowest_count(const as_word_counts *counts, const as_vocabulary_rule *rule,
                             size_t n_kept) {
    enum { N_BINS = 4096 };
    uint32_t bins[N_BINS] = {0}; /* words of each count, the last one of more */
    size_t n;
    uint64_t count = N_BINS - 1;
    if (rule->first)
        return rule->min_count;
    for (uint32_t i = 0; i < as_interner_count(counts->words); i++)
        bins[counts->counts[i] < N_BINS ? counts->counts[i] : N_BINS - 1]++;
    for (n = bins[count]; n < n_kept && count > 0; n += bins[count])
        count--;
    return count > rule->min_count ? count : rule->min_count;
}

/* The words that may be in the vocabulary, in its order. */
static size_t list_candidates(const as_word_counts *counts, const as_vocabulary_rule *rule,
                              size_t n_kept, candidate *candidates) {
    size_t n = 0;
    uint64_t lowest = lowest_count(counts, rule, n_kept);
    for (uint32_t i = 0; i < as_interner_count(counts->words); i++) {
        candidate c = {.count = counts->counts[i]};
        if (c.count < lowest)
            continue;
        c.text = as_interner_word(counts->words, i, &c.n_bytes);
        c.first = rule->first && rule->first(rule->context, c.text, c.n_bytes);
        candidates[n++] = c;
    }
    qsort(candidates, n, sizeof *candidates, compare_candidates);
    return n;
}

static assay_status new_vocabulary(as_arena *arena, as_vocabulary **ret_vocabulary,
                                   assay_error *error) {
    as_vocabulary *v = as_arena_alloc(arena, sizeof *v);
    if (!v)
        return no_memory(error);
    assay_status status = as_interner_new(arena, &v->words, error);
    if (status == ASSAY_OK)
        *ret_vocabulary = v;
    return status;
}

assay_status as_vocabulary_new(as_arena *arena, const as_word_counts *counts,
                               const as_vocabulary_rule *rule, as_vocabulary **ret_vocabulary,
                               assay_error *error) {
    as_vocabulary *v = NULL;
    size_t n = as_word_counts_distinct(counts);
    size_t n_kept = (size_t)rule->vocab_size - AS_TOKEN_FIRST_WORD;
    candidate *candidates = calloc(n + 1, sizeof *candidates);
    assay_status status = candidates ? new_vocabulary(arena, &v, error) : no_memory(error);
    if (status != ASSAY_OK)
        goto done;
    n = list_candidates(counts, rule, n_kept, candidates);
    n_kept = n < n_kept ? n : n_kept;
    for (size_t i = 0; status == ASSAY_OK && i < n_kept; i++) {
        uint32_t number;
        status =
            as_interner_add(v->words, candidates[i].text, candidates[i].n_bytes, &number, error);
    }
    if (status == ASSAY_OK)
        *ret_vocabulary = v;
done:
    free(candidates);
    return status;
}

assay_status as_vocabulary_from_words(as_arena *arena, const char *const *words,
                                      const uint32_t *n_bytes, size_t n_words,
                                      as_vocabulary **ret_vocabulary, assay_error *error) {
    as_vocabulary *v;
    assay_status status = new_vocabulary(arena, &v, error);
    for (size_t i = 0; status == ASSAY_OK && i < n_words; i++) {
        uint32_t number;
        status = as_interner_add(v->words, words[i], n_bytes ? n_bytes[i] : strlen(words[i]),
                                 &number, error);
        if (status == ASSAY_OK && number != i)
            status = as_fail(error, ASSAY_BAD_DATA, "vocabulary",
                             "the word \"%.80s\" stands in it twice, as words %u and %zu", words[i],
                             number + 1, i + 1);
    }
    if (status == ASSAY_OK)
        *ret_vocabulary = v;
    return status;
}

int32_t as_vocabulary_size(const as_vocabulary *vocabulary) {
    return (int32_t)as_interner_count(vocabulary->words) + AS_TOKEN_FIRST_WORD;
}

int32_t as_vocabulary_id(const as_vocabulary *vocabulary, const char *text, size_t n_bytes) {
    int64_t number = as_interner_find(vocabulary->words, text, n_bytes);
    return number < 0 ? AS_TOKEN_UNK : (int32_t)number + AS_TOKEN_FIRST_WORD;
}

/* The word of an id and its length; NULL outside. */
static const char *word_of(const as_vocabulary *vocabulary, int32_t id, size_t *ret_n_bytes) {
    static const char *const special[] = {[AS_TOKEN_PAD] = "[PAD]", [AS_TOKEN_UNK] = "[UNK]"};
    *ret_n_bytes = 0;
    if (id < 0 || id >= as_vocabulary_size(vocabulary))
        return NULL;
    if (id >= AS_TOKEN_FIRST_WORD)
        return as_interner_word(vocabulary->words, (uint32_t)(id - AS_TOKEN_FIRST_WORD),
                                ret_n_bytes);
    *ret_n_bytes = strlen(special[id]);
    return special[id];
}

const char *as_vocabulary_word(const as_vocabulary *vocabulary, int32_t id) {
    size_t n_bytes;
    return word_of(vocabulary, id, &n_bytes);
}

size_t as_vocabulary_word_bytes(const as_vocabulary *vocabulary, int32_t id) {
    size_t n_bytes;
    word_of(vocabulary, id, &n_bytes);
    return n_bytes;
}
