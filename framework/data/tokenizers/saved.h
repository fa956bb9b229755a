/* SPDX-License-Identifier: MIT */
/* data/tokenizers/saved.h: everything that decides what a text's ids are, in one file: a cell's
 * tokenizer.json, from which `assay predict` and `assay export` take the text's way to the model.
 *
 *     { "format": "assay-tokenizer", "version": 1,
 *       "kind": "words", "pattern": null, "max_tokens": 256, "padding": "none",
 *       "special_tokens": true, "cleaning": ["strip_html", "lower"],
 *       "token_weights": { "kind": "tfidf", "smooth": true, "sublinear": false, "norm": "l2",
 *                          "idf": [0, 1.7, ...] },
 *       "vocabulary": ["the", "of", ...],
 *       "wordpiece": null }
 *
 * vocabulary: the words of ids 2, 3, ...; 0 is padding, 1 the unknown word. wordpiece: Hugging
 * Face's tokenizer.json as an object, in place of vocabulary; special_tokens is false where a suite
 * leaves [CLS] and [SEP] away. padding "max_tokens": every text
 * is filled up with PAD. idf: of every id. null: there is none. */
#ifndef AS_DATA_TOKENIZERS_SAVED_H
#define AS_DATA_TOKENIZERS_SAVED_H

#include "data/embeddings/tfidf.h"
#include "data/tokenizers/encoder.h"

#define AS_SAVED_TOKENIZER_FILE "tokenizer.json"
enum {
    AS_SAVED_TOKENIZER_VERSION = 1,
    AS_SAVED_TOKENIZER_MAX_BYTES = 256 << 20,
    AS_SAVED_TOKENIZER_MAX_IDS = 10000000, /* as a suite's vocab_size */
    AS_SAVED_TOKENIZER_MAX_TOKENS = 1000000
};

/* What is saved; nothing is owned. */
typedef struct as_tokenizer_to_save {
    const as_tokenizer_config *config;
    const json_t *cleaning;        /* as it was applied; NULL: none */
    const as_encoder *encoder;     /* has the vocabulary */
    const as_tfidf *token_weights; /* NULL: none */
} as_tokenizer_to_save;

/* [any] Writes the file whole or not at all. */
ASSAY_MUST_USE assay_status as_saved_tokenizer_write(const char *path,
                                                     const as_tokenizer_to_save *tokenizer,
                                                     assay_error *error);

typedef struct as_saved_tokenizer {
    const char *kind;
    int32_t max_tokens, vocab_size;
    bool special, padded;
    const json_t *cleaning;          /* NULL: none; the document's */
    const as_vocabulary *vocabulary; /* NULL: WordPiece */
    const as_wordpiece *wordpiece;   /* NULL: word level */
    as_tfidf *token_weights;         /* NULL: none */
    as_encoder *encoder;             /* one thread at a time */
    struct as_saved_tokenizer_owned *owned;
} as_saved_tokenizer;

/* [cell] From the file's bytes; `name` stands for them in errors. The result lives in `arena` and
 * in what as_saved_tokenizer_free releases, before the arena. BAD_DATA at "NAME#/field": another
 * format or version, a missing or unknown field, a wrong value, a word twice; what the parts report
 * themselves; LIMIT. */
ASSAY_MUST_USE assay_status as_saved_tokenizer_parse(as_arena *arena, const char *bytes,
                                                     size_t n_bytes, const char *name,
                                                     as_saved_tokenizer **ret_tokenizer,
                                                     assay_error *error);
/* [cell] From a file. ret_sha256 (NULL: not wanted): of its bytes. */
ASSAY_MUST_USE assay_status as_saved_tokenizer_load(as_arena *arena, const char *path,
                                                    as_saved_tokenizer **ret_tokenizer,
                                                    as_sha256_hex *ret_sha256, assay_error *error);
void as_saved_tokenizer_free(as_saved_tokenizer *tokenizer); /* NULL allowed */

#endif
