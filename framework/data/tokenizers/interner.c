/* SPDX-License-Identifier: MIT */
/* Open addressing with linear probing, at most half full. A slot holds its word's first and last
 * bytes, which for a word of at most 16 bytes is all of it: looking one up reads one place of
 * memory. The hash folds 64 x 64 -> 128 bit products over the word with random keys (as wyhash
 * does): fast on short words, and whoever does not know the keys cannot make words that collide. */
#include "data/tokenizers/interner.h"

#include <sodium.h>
#include <string.h>

#include "base/error.h"

typedef struct interned {
    const char *text;
    size_t n_bytes;
} interned;

/* The ends of a word: for 9 bytes and more its first and last eight, which overlap up to 16; fewer
 * are packed into `head`. Together with the length they tell words of up to 16 bytes apart. */
typedef struct ends {
    uint64_t head, tail;
} ends;

enum { ENDS_BYTES = 16 };

typedef struct slot {
    ends ends;
    uint32_t n_bytes;
    uint32_t number; /* plus one; 0 is free */
} slot;

struct as_interner {
    as_arena *arena;
    interned *words;
    slot *slots;
    uint32_t n_words, capacity; /* slots: 2 * capacity, a power of two */
    uint64_t keys[3];
};

static inline uint64_t load_64(const char *text) {
    uint64_t value;
    memcpy(&value, text, sizeof value);
    return value;
}

static inline uint64_t load_32(const char *text) {
    uint32_t value;
    memcpy(&value, text, sizeof value);
    return value;
}

static inline ends ends_of(const char *text, size_t n_bytes) {
    const unsigned char *b = (const unsigned char *)text;
    if (n_bytes > 8)
        return (ends){load_64(text), load_64(text + n_bytes - 8)};
    if (n_bytes >= 4)
        return (ends){load_32(text) | load_32(text + n_bytes - 4) << 32, 0};
    if (n_bytes > 0)
        return (ends){b[0] | (uint64_t)b[n_bytes / 2] << 8 | (uint64_t)b[n_bytes - 1] << 16, 0};
    return (ends){0, 0};
}

static inline uint64_t fold(uint64_t a, uint64_t b) {
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_word(const uint64_t keys[3], ends e, const char *text, size_t n_bytes) {
    uint64_t hash = 0;
    for (size_t at = 8; at + 8 < n_bytes; at += 8) /* what lies between the ends */
        hash = fold(hash ^ load_64(text + at) ^ keys[0], keys[1]);
    hash = fold(hash ^ e.head ^ keys[0], e.tail ^ keys[1]);
    return fold(hash ^ n_bytes, keys[2]);
}

static assay_status no_memory(assay_error *error) {
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, "vocabulary", "no memory for the words");
}

/* The slot that holds the word, or the free one where it belongs. */
static inline slot *find_slot(const as_interner *t, ends e, const char *text, size_t n_bytes) {
    size_t mask = (size_t)t->capacity * 2 - 1;
    for (size_t at = (size_t)hash_word(t->keys, e, text, n_bytes) & mask;; at = (at + 1) & mask) {
        slot *s = &t->slots[at];
        if (!s->number)
            return s;
        if (s->ends.head != e.head || s->ends.tail != e.tail || s->n_bytes != (uint32_t)n_bytes)
            continue;
        const interned *w = &t->words[s->number - 1];
        if (n_bytes <= ENDS_BYTES || (w->n_bytes == n_bytes && memcmp(w->text, text, n_bytes) == 0))
            return s;
    }
}

static assay_status resize(as_interner *t, uint32_t capacity, assay_error *error) {
    if (capacity > UINT32_MAX / 4)
        return assay_fail(error, ASSAY_LIMIT, "vocabulary", "has over 2^30 words");
    interned *words = as_arena_alloc_array(t->arena, capacity, sizeof *words);
    slot *slots = as_arena_alloc_array(t->arena, (size_t)capacity * 2, sizeof *slots);
    if (!words || !slots)
        return no_memory(error);
    if (t->n_words)
        memcpy(words, t->words, t->n_words * sizeof *words);
    t->words = words;
    t->slots = slots;
    t->capacity = capacity;
    for (uint32_t i = 0; i < t->n_words; i++) {
        const interned *w = &words[i];
        ends e = ends_of(w->text, w->n_bytes);
        *find_slot(t, e, w->text, w->n_bytes) = (slot){e, (uint32_t)w->n_bytes, i + 1};
    }
    return ASSAY_OK;
}

assay_status as_interner_new(as_arena *arena, as_interner **ret_interner, assay_error *error) {
    as_interner *t = as_arena_alloc(arena, sizeof *t);
    if (!t)
        return no_memory(error);
    t->arena = arena;
    randombytes_buf(t->keys, sizeof t->keys);
    t->keys[2] |= 1;
    assay_status status = resize(t, 4096, error);
    if (status == ASSAY_OK)
        *ret_interner = t;
    return status;
}

assay_status as_interner_add(as_interner *t, const char *word, size_t n_bytes, uint32_t *ret_number,
                             assay_error *error) {
    ends e = ends_of(word, n_bytes);
    slot *s = find_slot(t, e, word, n_bytes);
    if (s->number) {
        *ret_number = s->number - 1;
        return ASSAY_OK;
    }
    if (n_bytes > UINT32_MAX)
        return assay_fail(error, ASSAY_LIMIT, "vocabulary", "a word has over 2^32 bytes");
    if (t->n_words == t->capacity) {
        assay_status status = resize(t, t->capacity * 2, error);
        if (status != ASSAY_OK)
            return status;
        s = find_slot(t, e, word, n_bytes);
    }
    interned added = {as_arena_strndup(t->arena, word, n_bytes), n_bytes};
    if (!added.text)
        return no_memory(error);
    t->words[t->n_words++] = added;
    *s = (slot){e, (uint32_t)n_bytes, t->n_words};
    *ret_number = t->n_words - 1;
    return ASSAY_OK;
}

int64_t as_interner_find(const as_interner *t, const char *word, size_t n_bytes) {
    const slot *s = find_slot(t, ends_of(word, n_bytes), word, n_bytes);
    return (int64_t)s->number - 1;
}

uint32_t as_interner_count(const as_interner *interner) {
    return interner->n_words;
}

const char *as_interner_word(const as_interner *interner, uint32_t number, size_t *ret_n_bytes) {
    if (ret_n_bytes)
        *ret_n_bytes = interner->words[number].n_bytes;
    return interner->words[number].text;
}
