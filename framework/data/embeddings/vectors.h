/* SPDX-License-Identifier: MIT */
/* data/embeddings/vectors.h: word vectors in memory, or mapped, with a hash index of the words. */
#ifndef AS_DATA_EMBEDDINGS_VECTORS_H
#define AS_DATA_EMBEDDINGS_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assay/status.h"

/* Word i is words[ends[i - 1] .. ends[i]) (from 0 for the first), its vector values[i]. */
typedef struct as_vectors {
    float *values;   /* [n_words, dimensions] */
    uint64_t *ends;  /* [n_words] */
    uint32_t *slots; /* [n_slots] number plus one, 0 is free; linear probing, at most half full */
    char *words;     /* [n_word_bytes] */
    uint64_t n_word_bytes, n_slots; /* n_slots: a power of two */
    uint64_t keys[2];               /* of the hash, random */
    uint32_t n_words;
    int32_t dimensions;
} as_vectors;

/* [any] Frees what as_vectors_read allocated; not for mapped ones. */
void as_vectors_done(as_vectors *vectors);

/* [cell] Fills slots and keys. BAD_DATA when a word stands there twice, with the name and the lines
 * of both: word i stands in line i + first_line. */
ASSAY_MUST_USE assay_status as_vectors_index(as_vectors *vectors, const char *name,
                                             uint64_t first_line, assay_error *error);

/* [any] The word of a number. */
const char *as_vectors_word(const as_vectors *vectors, uint32_t number, size_t *ret_n_bytes);
/* [any] The word's number, or -1. */
int64_t as_vectors_find(const as_vectors *vectors, const char *word, size_t n_bytes);

#endif
