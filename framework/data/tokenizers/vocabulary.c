/* SPDX-License-Identifier: MIT */
/* Word counts (open addressing, linear probing, at most half full) and vocabularies. */
#include "data/tokenizers/vocabulary.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* ---- counts -----------------------------------------------------------------------------------*/

typedef struct word {
    const char *text;
    size_t n_bytes;
    uint64_t count;
} word;

struct as_word_counts {
    as_arena *arena;
    word *words;                       /* in order of first appearance */
    uint32_t *slots;                   /* index into words plus one; 0 is free */
    size_t n_words, capacity, n_slots; /* n_slots = 2 * capacity, a power of two */
    unsigned char key[crypto_shorthash_KEYBYTES];
};

static uint64_t keyed_hash(const unsigned char *key, const char *text, size_t n_bytes) {
    unsigned char hash[crypto_shorthash_BYTES];
    uint64_t value;
    _Static_assert(sizeof hash == sizeof value, "SipHash-2-4 gives 64 bits");
    crypto_shorthash(hash, (const unsigned char *)text, n_bytes, key);
    memcpy(&value, hash, sizeof value);
    return value;
}

/* The slot that holds the word, or the free one where it belongs. n_slots is a power of two and
 * never full. */
static size_t find_slot(const uint32_t *slots, size_t n_slots, const word *words,
                        const unsigned char *key, const char *text, size_t n_bytes) {
    size_t slot = (size_t)keyed_hash(key, text, n_bytes) & (n_slots - 1);
    while (slots[slot]) {
        const word *w = &words[slots[slot] - 1];
        if (w->n_bytes == n_bytes && memcmp(w->text, text, n_bytes) == 0)
            break;
        slot = (slot + 1) & (n_slots - 1);
    }
    return slot;
}

static assay_status no_memory(assay_error *error) {
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, "vocabulary", "no memory for the words");
}

static assay_status resize(as_word_counts *counts, size_t capacity, assay_error *error) {
    if (capacity > UINT32_MAX / 2)
        return assay_fail(error, ASSAY_LIMIT, "vocabulary", "has over two thousand million words");
    word *words = as_arena_alloc_array(counts->arena, capacity, sizeof *words);
    uint32_t *slots = as_arena_alloc_array(counts->arena, capacity * 2, sizeof *slots);
    if (!words || !slots)
        return no_memory(error);
    if (counts->n_words)
        memcpy(words, counts->words, counts->n_words * sizeof *words);
    for (uint32_t i = 0; i < counts->n_words; i++)
        slots[find_slot(slots, capacity * 2, words, counts->key, words[i].text, words[i].n_bytes)] =
            i + 1;
    counts->words = words;
    counts->slots = slots;
    counts->capacity = capacity;
    counts->n_slots = capacity * 2;
    return ASSAY_OK;
}

assay_status as_word_counts_new(as_arena *arena, as_word_counts **ret_counts, assay_error *error) {
    as_word_counts *counts = as_arena_alloc(arena, sizeof *counts);
    if (!counts)
        return no_memory(error);
    counts->arena = arena;
    crypto_shorthash_keygen(counts->key);
    assay_status status = resize(counts, 4096, error);
    if (status == ASSAY_OK)
        *ret_counts = counts;
    return status;
}

assay_status as_word_counts_add(as_word_counts *counts, const char *text, size_t n_bytes,
                                assay_error *error) {
    size_t slot =
        find_slot(counts->slots, counts->n_slots, counts->words, counts->key, text, n_bytes);
    if (counts->slots[slot]) {
        counts->words[counts->slots[slot] - 1].count++;
        return ASSAY_OK;
    }
    if (counts->n_words == counts->capacity) {
        assay_status status = resize(counts, counts->capacity * 2, error);
        if (status != ASSAY_OK)
            return status;
        slot = find_slot(counts->slots, counts->n_slots, counts->words, counts->key, text, n_bytes);
    }
    word added = {as_arena_strndup(counts->arena, text, n_bytes), n_bytes, 1};
    if (!added.text)
        return no_memory(error);
    counts->words[counts->n_words++] = added;
    counts->slots[slot] = (uint32_t)counts->n_words;
    return ASSAY_OK;
}

uint64_t as_word_counts_get(const as_word_counts *counts, const char *text, size_t n_bytes) {
    size_t slot =
        find_slot(counts->slots, counts->n_slots, counts->words, counts->key, text, n_bytes);
    return counts->slots[slot] ? counts->words[counts->slots[slot] - 1].count : 0;
}

size_t as_word_counts_distinct(const as_word_counts *counts) {
    return counts->n_words;
}

/* ---- vocabulary -------------------------------------------------------------------------------*/

struct as_vocabulary {
    word *words; /* words[i] has the id i + AS_TOKEN_FIRST_WORD */
    uint32_t *slots;
    size_t n_words, n_slots;
    unsigned char key[crypto_shorthash_KEYBYTES];
};

static int compare_words(const void *a, const void *b) {
    const word *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    size_t n = x->n_bytes < y->n_bytes ? x->n_bytes : y->n_bytes;
    int order = memcmp(x->text, y->text, n);
    return order ? order : (x->n_bytes > y->n_bytes) - (x->n_bytes < y->n_bytes);
}

assay_status as_vocabulary_new(as_arena *arena, const as_word_counts *counts,
                               const as_vocabulary_rule *rule, as_vocabulary **ret_vocabulary,
                               assay_error *error) {
    as_vocabulary *v = as_arena_alloc(arena, sizeof *v);
    size_t n_kept = (size_t)rule->vocab_size - AS_TOKEN_FIRST_WORD, n_slots = 16;
    word *sorted = malloc(counts->n_words * sizeof *sorted + 1);
    assay_status status = ASSAY_OK;
    if (n_kept > counts->n_words)
        n_kept = counts->n_words;
    while (n_slots < n_kept * 2)
        n_slots *= 2;
    if (!v || !sorted)
        goto fail;
    memcpy(sorted, counts->words, counts->n_words * sizeof *sorted);
    qsort(sorted, counts->n_words, sizeof *sorted, compare_words);
    v->words = as_arena_alloc_array(arena, n_kept, sizeof *v->words);
    v->slots = as_arena_alloc_array(arena, n_slots, sizeof *v->slots);
    v->n_slots = n_slots;
    memcpy(v->key, counts->key, sizeof v->key);
    if (!v->words || !v->slots)
        goto fail;
    for (size_t i = 0; i < n_kept; i++) {
        word *w = &v->words[i];
        *w = sorted[i];
        if (!(w->text = as_arena_strndup(arena, w->text, w->n_bytes)))
            goto fail;
        v->slots[find_slot(v->slots, n_slots, v->words, v->key, w->text, w->n_bytes)] =
            (uint32_t)i + 1;
    }
    v->n_words = n_kept;
    *ret_vocabulary = v;
    goto done;
fail:
    status = no_memory(error);
done:
    free(sorted);
    return status;
}

int32_t as_vocabulary_size(const as_vocabulary *vocabulary) {
    return (int32_t)vocabulary->n_words + AS_TOKEN_FIRST_WORD;
}

int32_t as_vocabulary_id(const as_vocabulary *v, const char *text, size_t n_bytes) {
    uint32_t found = v->slots[find_slot(v->slots, v->n_slots, v->words, v->key, text, n_bytes)];
    return found ? (int32_t)found - 1 + AS_TOKEN_FIRST_WORD : AS_TOKEN_UNK;
}

const char *as_vocabulary_word(const as_vocabulary *vocabulary, int32_t id) {
    if (id < 0 || id >= as_vocabulary_size(vocabulary))
        return NULL;
    return id == AS_TOKEN_PAD   ? "[PAD]"
           : id == AS_TOKEN_UNK ? "[UNK]"
                                : vocabulary->words[id - AS_TOKEN_FIRST_WORD].text;
}
