/* SPDX-License-Identifier: MIT */
/* Words of all texts, counted by split and by label. A word's rank in the vocabulary is its place
 * by descending count among the train texts' words, ties by byte order. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/statistics/parts.h"

const uint32_t as_statistics_sizes[AS_STATISTICS_SIZES] = {5000, 10000, 20000, 50000, UINT32_MAX};

typedef struct counting {
    as_arena *arena; /* the result's */
    const as_text_pass *pass;
    const as_label_rows *by_label;
    as_text_statistics *statistics;
    uint32_t n_words;                       /* distinct */
    uint64_t *counts[AS_STATISTICS_SPLITS]; /* [n_words] */
    uint64_t *all;                          /* [n_words] zero between uses */
    uint32_t *touched;                      /* [n_words] numbers whose `all` is not zero */
} counting;

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "data stats", "no memory for the words");
}

/* ---- vocabulary and coverage ----------------------------------------------------------------- */

typedef struct ranked {
    const char *text;
    size_t n_bytes;
    uint64_t count;
    uint32_t number;
} ranked;

static int compare_ranked(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    int order = memcmp(x->text, y->text, x->n_bytes < y->n_bytes ? x->n_bytes : y->n_bytes);
    return order ? order : (x->n_bytes > y->n_bytes) - (x->n_bytes < y->n_bytes);
}

static ranked rank_of(const counting *c, uint32_t number, uint64_t count) {
    ranked word = {.count = count, .number = number};
    word.text = as_interner_word(c->pass->interner, number, &word.n_bytes);
    return word;
}

static void add_known(const counting *c, uint32_t number, size_t rank) {
    as_word_statistics *w = &c->statistics->vocabulary;
    for (int size = 0; size < AS_STATISTICS_SIZES; size++)
        for (int s = 0; rank < as_statistics_sizes[size] && s < AS_STATISTICS_SPLITS; s++)
            w->known[s][size] += c->counts[s][number];
}

static assay_status cover(counting *c, assay_error *error) {
    as_word_statistics *w = &c->statistics->vocabulary;
    ranked *words = malloc((size_t)c->n_words * sizeof *words + 1);
    size_t n = 0;
    if (!words)
        return no_memory(error);
    for (uint32_t i = 0; i < c->n_words; i++)
        if (c->counts[w->vocabulary][i])
            words[n++] = rank_of(c, i, c->counts[w->vocabulary][i]);
    qsort(words, n, sizeof *words, compare_ranked);
    w->n_vocabulary = n;
    for (size_t i = 0; i < n; i++)
        add_known(c, words[i].number, i);
    free(words);
    return ASSAY_OK;
}

/* ---- commonest words ------------------------------------------------------------------------- */

/* Keeps `best` (at most AS_STATISTICS_COMMON, in order) when one more word comes. */
static void keep_best(ranked *best, uint32_t *n, ranked word) {
    uint32_t at = *n;
    while (at > 0 && compare_ranked(&word, &best[at - 1]) < 0)
        at--;
    if (at == AS_STATISTICS_COMMON)
        return;
    if (*n < AS_STATISTICS_COMMON)
        ++*n;
    memmove(&best[at + 1], &best[at], (*n - 1 - at) * sizeof *best);
    best[at] = word;
}

/* The commonest of the touched words; only_content leaves out stop words. */
static assay_status pick(const counting *c, size_t n_touched, bool only_content,
                         as_common_words *ret_common, assay_error *error) {
    const as_statistics_config *config = c->pass->config;
    ranked best[AS_STATISTICS_COMMON + 1];
    as_common_words common = {.n = 0};
    for (size_t i = 0; i < n_touched; i++) {
        uint64_t count = c->all[c->touched[i]];
        if (common.n == AS_STATISTICS_COMMON && count < best[common.n - 1].count)
            continue;
        ranked word = rank_of(c, c->touched[i], count);
        if (only_content && config->is_stopword(config->stopwords, word.text, word.n_bytes))
            continue;
        keep_best(best, &common.n, word);
    }
    for (uint32_t i = 0; i < common.n; i++) {
        common.words[i] = (as_common_word){
            as_arena_strndup(c->arena, best[i].text, best[i].n_bytes), best[i].count};
        if (!common.words[i].word)
            return no_memory(error);
    }
    *ret_common = common;
    return ASSAY_OK;
}

/* Of the words counted in `all`, which is then zero again. */
static assay_status pick_both(counting *c, size_t n_touched, as_common_words *ret_common,
                              as_common_words *ret_content, assay_error *error) {
    assay_status status = pick(c, n_touched, false, ret_common, error);
    if (status == ASSAY_OK && c->pass->config->is_stopword)
        status = pick(c, n_touched, true, ret_content, error);
    for (size_t i = 0; i < n_touched; i++)
        c->all[c->touched[i]] = 0;
    return status;
}

static assay_status find_common(counting *c, assay_error *error) {
    as_word_statistics *w = &c->statistics->vocabulary;
    for (uint32_t i = 0; i < c->n_words; i++) {
        c->touched[i] = i;
        for (int s = 0; s < AS_STATISTICS_SPLITS; s++)
            c->all[i] += c->counts[s][i];
    }
    return pick_both(c, c->n_words, &w->common, &w->common_without_stopwords, error);
}

/* Counts the words of one label's texts in `all`; how many different ones there are. */
static size_t count_label(counting *c, uint32_t label) {
    const as_text_pass *p = c->pass;
    size_t n_touched = 0;
    for (uint32_t at = c->by_label->first[label]; at < c->by_label->first[label + 1]; at++) {
        uint32_t row = c->by_label->order[at], n = p->tokens[p->word_level][row];
        for (uint32_t i = 0; i < n; i++) {
            uint32_t number = p->row_words[row][i];
            if (c->all[number]++ == 0)
                c->touched[n_touched++] = number;
        }
    }
    return n_touched;
}

static assay_status find_common_by_label(counting *c, assay_error *error) {
    as_word_statistics *w = &c->statistics->vocabulary;
    assay_status status = ASSAY_OK;
    for (uint32_t k = 0; status == ASSAY_OK && k < c->statistics->n_labels; k++)
        status = pick_both(c, count_label(c, k), &w->label_common[k],
                           &w->label_common_without_stopwords[k], error);
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void count_splits(const counting *c) {
    const as_text_pass *p = c->pass;
    as_word_statistics *w = &c->statistics->vocabulary;
    for (uint32_t i = 0; i < p->n_rows; i++) {
        uint64_t *counts = c->counts[p->rows[i].split];
        uint32_t n = p->tokens[p->word_level][i];
        for (uint32_t k = 0; k < n; k++)
            counts[p->row_words[i][k]]++;
        w->split_words[p->rows[i].split] += n;
        w->n_words += n;
    }
}

static assay_status allocate(counting *c, as_arena *scratch, assay_error *error) {
    as_word_statistics *w = &c->statistics->vocabulary;
    uint32_t n_labels = c->statistics->n_labels;
    bool made = true;
    for (int s = 0; s < AS_STATISTICS_SPLITS; s++)
        made = (c->counts[s] = as_arena_alloc_array(scratch, c->n_words, sizeof(uint64_t))) && made;
    c->all = as_arena_alloc_array(scratch, c->n_words, sizeof *c->all);
    c->touched = as_arena_alloc_array(scratch, c->n_words, sizeof *c->touched);
    w->label_common = as_arena_alloc_array(c->arena, n_labels, sizeof *w->label_common);
    w->label_common_without_stopwords =
        as_arena_alloc_array(c->arena, n_labels, sizeof *w->label_common);
    return made && c->all && c->touched && w->label_common && w->label_common_without_stopwords
               ? ASSAY_OK
               : no_memory(error);
}

assay_status as_count_words(as_arena *arena, const as_text_pass *pass,
                            const as_label_rows *by_label, as_text_statistics *statistics,
                            assay_error *error) {
    as_word_statistics *w = &statistics->vocabulary;
    counting c = {.arena = arena, .pass = pass, .by_label = by_label, .statistics = statistics};
    if (!pass->has_words)
        return ASSAY_OK;
    as_arena *scratch = as_arena_new();
    c.n_words = as_interner_count(pass->interner);
    assay_status status = scratch ? allocate(&c, scratch, error) : no_memory(error);
    if (status == ASSAY_OK) {
        w->kind = pass->config->tokenizers[pass->word_level].kind;
        w->n_distinct = c.n_words;
        w->vocabulary = statistics->n_split[AS_SPLIT_TRAIN] ? AS_SPLIT_TRAIN : AS_SPLIT_ALL;
        count_splits(&c);
        status = cover(&c, error);
    }
    if (status == ASSAY_OK)
        status = find_common(&c, error);
    if (status == ASSAY_OK)
        status = find_common_by_label(&c, error);
    as_arena_free(scratch);
    return status;
}
