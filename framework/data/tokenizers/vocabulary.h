/* SPDX-License-Identifier: MIT */
/* data/tokenizers/vocabulary.h: counting words, and the vocabulary of a word-level tokenizer.
 *
 * A vocabulary holds PAD (0), UNK (1), then the words: by descending count, ties by byte order.
 * Words are looked up with data/tokenizers/interner.h. */
#ifndef AS_DATA_TOKENIZERS_VOCABULARY_H
#define AS_DATA_TOKENIZERS_VOCABULARY_H

#include "data/data.h"

/* ---- counting ---------------------------------------------------------------------------------*/

typedef struct as_word_counts as_word_counts;

/* [cell] An empty count in `arena`; adding copies each new word once. */
ASSAY_MUST_USE assay_status as_word_counts_new(as_arena *arena, as_word_counts **ret_counts,
                                               assay_error *error);
ASSAY_MUST_USE assay_status as_word_counts_add(as_word_counts *counts, const char *word,
                                               size_t n_bytes, assay_error *error);
/* [cell] Adds a word `count` times. */
ASSAY_MUST_USE assay_status as_word_counts_add_n(as_word_counts *counts, const char *word,
                                                 size_t n_bytes, uint64_t count,
                                                 assay_error *error);
/* [any] How often a word was added. */
uint64_t as_word_counts_get(const as_word_counts *counts, const char *word, size_t n_bytes);
size_t as_word_counts_distinct(const as_word_counts *counts);

/* ---- the vocabulary ---------------------------------------------------------------------------*/

/* Which words stand first, whatever their count (Study A: those with a pretrained vector).
 * [cell] Is the word in the first group? */
typedef bool (*as_word_first)(const void *context, const char *word, size_t n_bytes);

typedef struct as_vocabulary_rule {
    int32_t vocab_size;  /* at most, PAD and UNK included; >= 2 */
    uint64_t min_count;  /* rarer words are left out; 0 and 1: none */
    as_word_first first; /* NULL: by count alone */
    const void *context; /* of first */
} as_vocabulary_rule;

/* [cell] The vocab_size - 2 commonest words (fewer if there are fewer) of those with min_count. */
ASSAY_MUST_USE assay_status as_vocabulary_new(as_arena *arena, const as_word_counts *counts,
                                              const as_vocabulary_rule *rule,
                                              as_vocabulary **ret_vocabulary, assay_error *error);
/* [cell] From the words themselves ([n_words], each n_bytes[i] long; NULL: each ends in NUL), ids
 * 2, 3, ... in this order (a cache's). BAD_DATA when a word comes twice. */
ASSAY_MUST_USE assay_status as_vocabulary_from_words(as_arena *arena, const char *const *words,
                                                     const uint32_t *n_bytes, size_t n_words,
                                                     as_vocabulary **ret_vocabulary,
                                                     assay_error *error);
/* [any] Ids are 0 .. size - 1. */
int32_t as_vocabulary_size(const as_vocabulary *vocabulary);
/* [any] The word's id, or AS_TOKEN_UNK. */
int32_t as_vocabulary_id(const as_vocabulary *vocabulary, const char *word, size_t n_bytes);
/* [any] The word of an id ("[PAD]", "[UNK]" for 0 and 1); NULL outside. */
const char *as_vocabulary_word(const as_vocabulary *vocabulary, int32_t id);
/* [any] Its length: a word of the whitespace splitter may hold a NUL. 0 outside. */
size_t as_vocabulary_word_bytes(const as_vocabulary *vocabulary, int32_t id);

#endif
