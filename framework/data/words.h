/* SPDX-License-Identifier: MIT */
/* data/words.h: word tokenizers, the vocabulary, and encoding texts to ids.
 *
 *     words       maximal runs of letters, marks and numbers (Unicode general categories L*, M*,
 * N*) whitespace  maximal runs between white space (U+0009-000D, U+0085, categories Z*)
 *
 * A vocabulary holds PAD (0), UNK (1), then the commonest words by descending count, ties by byte
 * order. The hash table is keyed (SipHash-2-4, libsodium, a fresh key per process): hostile texts
 * cannot make it slow, and its order shows nowhere. */
#ifndef AS_DATA_WORDS_H
#define AS_DATA_WORDS_H

#include "data/cleaning.h"
#include "data/data.h"

typedef struct as_tokenizer {
    const char *name;
    /* Next token of [*cursor, end): its start, its length in *ret_n_bytes, *cursor behind it; NULL
     * at the end. Valid UTF-8 is assumed; any other byte separates. */
    const char *(*next)(const char **cursor, const char *end, size_t *ret_n_bytes);
} as_tokenizer;

/* [any] The tokenizer of that name; INVALID_ARGUMENT at `where` suggests the nearest. */
ASSAY_MUST_USE assay_status as_tokenizer_find(const char *name, const char *where,
                                              const as_tokenizer **ret_tokenizer,
                                              assay_error *error);

/* ---- counting and the vocabulary --------------------------------------------------------------*/

typedef struct as_word_counts as_word_counts;

/* [cell] An empty count in `arena`; adding copies each new word once. */
ASSAY_MUST_USE assay_status as_word_counts_new(as_arena *arena, as_word_counts **ret_counts,
                                               assay_error *error);
ASSAY_MUST_USE assay_status as_word_counts_add(as_word_counts *counts, const char *word,
                                               size_t n_bytes, assay_error *error);
/* [any] How often a word was added. */
uint64_t as_word_counts_get(const as_word_counts *counts, const char *word, size_t n_bytes);
size_t as_word_counts_distinct(const as_word_counts *counts);

/* [cell] The vocab_size - 2 commonest words (fewer if there are fewer). vocab_size >= 2. */
ASSAY_MUST_USE assay_status as_vocabulary_new(as_arena *arena, const as_word_counts *counts,
                                              int32_t vocab_size, as_vocabulary **ret_vocabulary,
                                              assay_error *error);
/* [any] Ids are 0 .. size - 1. */
int32_t as_vocabulary_size(const as_vocabulary *vocabulary);
/* [any] The word's id, or AS_TOKEN_UNK. */
int32_t as_vocabulary_id(const as_vocabulary *vocabulary, const char *word, size_t n_bytes);
/* [any] The word of an id ("[PAD]", "[UNK]" for 0 and 1); NULL outside. */
const char *as_vocabulary_word(const as_vocabulary *vocabulary, int32_t id);

/* ---- encoding ---------------------------------------------------------------------------------*/

typedef struct as_encoding {
    int32_t n_ids;     /* >= 1 */
    int32_t n_unknown; /* of them UNK */
    bool truncated;    /* there were more tokens */
    bool empty;        /* there was none: the one id is UNK */
} as_encoding;

/* [cell] Cleaning, tokenizer and vocabulary as one: everything outlives the encoder. */
ASSAY_MUST_USE assay_status as_encoder_new(as_arena *arena, const as_cleaning_step *const *steps,
                                           size_t n_steps, const as_tokenizer *tokenizer,
                                           const as_vocabulary *vocabulary, int32_t max_tokens,
                                           as_encoder **ret_encoder, assay_error *error);

/* [cell] Ids of a text (UTF-8) into ids[max_tokens]. Memory is taken only when a text is longer
 * than any before. */
ASSAY_MUST_USE assay_status as_encoder_encode(as_encoder *encoder, const char *text, size_t n_bytes,
                                              int32_t *ids, as_encoding *ret_encoding,
                                              assay_error *error);

#endif
