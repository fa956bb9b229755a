/* SPDX-License-Identifier: MIT */
/* The hash index. Its keys are drawn when it is made and stored with it, so that a file cannot be
 * made whose words all collide. */
#include "data/embeddings/vectors.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void as_vectors_done(as_vectors *vectors) {
    free(vectors->values);
    free(vectors->ends);
    free(vectors->slots);
    free(vectors->words);
    *vectors = (as_vectors){0};
}

const char *as_vectors_word(const as_vectors *v, uint32_t number, size_t *ret_n_bytes) {
    uint64_t begin = number ? v->ends[number - 1] : 0;
    *ret_n_bytes = (size_t)(v->ends[number] - begin);
    return v->words + begin;
}

/* 64 x 64 -> 128 bit products folded to 64 bits, eight bytes at a time. */
static uint64_t fold(uint64_t a, uint64_t b) {
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_word(const uint64_t keys[2], const char *word, size_t n_bytes) {
    uint64_t hash = keys[0] ^ n_bytes;
    for (size_t n; n_bytes > 0; word += n, n_bytes -= n) {
        uint64_t part = 0;
        n = n_bytes < sizeof part ? n_bytes : sizeof part;
        memcpy(&part, word, n);
        hash = fold(hash ^ part, keys[1]);
    }
    return fold(hash ^ keys[0], keys[1]);
}

/* The slot that holds the word, or the free one where it belongs. */
static uint64_t find_slot(const as_vectors *v, const char *word, size_t n_bytes) {
    uint64_t slot = hash_word(v->keys, word, n_bytes) & (v->n_slots - 1);
    for (; v->slots[slot]; slot = (slot + 1) & (v->n_slots - 1)) {
        size_t n;
        const char *other = as_vectors_word(v, v->slots[slot] - 1, &n);
        if (n == n_bytes && memcmp(other, word, n) == 0)
            break;
    }
    return slot;
}

int64_t as_vectors_find(const as_vectors *v, const char *word, size_t n_bytes) {
    return (int64_t)v->slots[find_slot(v, word, n_bytes)] - 1;
}

assay_status as_vectors_index(as_vectors *v, const char *name, uint64_t first_line,
                              assay_error *error) {
    v->n_slots = 16;
    while (v->n_slots < (uint64_t)v->n_words * 2)
        v->n_slots *= 2;
    v->slots = calloc(v->n_slots, sizeof *v->slots);
    if (!v->slots)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, name, "no memory for %u words", v->n_words);
    randombytes_buf(v->keys, sizeof v->keys);
    v->keys[1] |= 1;
    for (uint32_t i = 0; i < v->n_words; i++) {
        size_t n_bytes;
        char line[32];
        const char *word = as_vectors_word(v, i, &n_bytes);
        uint32_t *slot = &v->slots[find_slot(v, word, n_bytes)];
        if (*slot) {
            snprintf(line, sizeof line, "%llu", (unsigned long long)(i + first_line));
            return as_fail(error, ASSAY_BAD_DATA, as_where_join(name, ":", line).text,
                           "the word \"%.*s\" has a vector in line %llu already; a word stands in "
                           "the file once",
                           n_bytes < 80 ? (int)n_bytes : 80, word,
                           (unsigned long long)(*slot - 1 + first_line));
        }
        *slot = i + 1;
    }
    return ASSAY_OK;
}
