/* SPDX-License-Identifier: MIT */
/* data/tokenizers/wordpiece.h: BERT's tokenizer (Devlin et al. 2018), token for token what Hugging
 * Face's BertTokenizerFast gives: normalising (control characters, white space, Chinese characters,
 * accents, case), splitting at white space and punctuation, then the longest vocabulary prefixes
 * ("##" continues a word; a word of over 100 characters, or with no such division, is [UNK]).
 *
 *     as_wordpiece *wp;
 *     status = as_wordpiece_load(arena, "vocab.txt", NULL, &wp, error);
 *     as_wordpiece_scratch *scratch = as_wordpiece_scratch_new();
 *     status = as_wordpiece_encode(wp, scratch, text, n_bytes, 512, true, &encoding, error);
 */
#ifndef AS_DATA_TOKENIZERS_WORDPIECE_H
#define AS_DATA_TOKENIZERS_WORDPIECE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assay/status.h"
#include "base/arena.h"

typedef struct as_wordpiece as_wordpiece; /* unchanging once loaded: any number of threads */

typedef struct as_wordpiece_options {
    /* each -1: what tokenizer.json (or tokenizer_config.json beside vocab.txt) says, else BERT's
     * uncased defaults (true, true, as lower_case) */
    int lower_case;
    int split_chinese; /* blanks around CJK ideographs */
    int strip_accents;
} as_wordpiece_options;

/* [cell] Loads vocab.txt (one token a line), tokenizer.json (model type WordPiece; any other is
 * refused by name), or a folder with one of them. `options` NULL: all -1. BAD_DATA with file and
 * line, or JSON field: no [UNK], no tokens, a token twice, ids with holes, sizes past the bounds.
 */
ASSAY_MUST_USE assay_status as_wordpiece_load(as_arena *arena, const char *path,
                                              const as_wordpiece_options *options,
                                              as_wordpiece **ret_wordpiece, assay_error *error);
/* [cell] The same for `member` of an archive (NULL: the file itself), as as_resource_file finds it;
 * a tokenizer_config.json counts only beside a file named vocab.txt. */
ASSAY_MUST_USE assay_status as_wordpiece_load_file(as_arena *arena, const char *path,
                                                   const char *member,
                                                   const as_wordpiece_options *options,
                                                   as_wordpiece **ret_wordpiece,
                                                   assay_error *error);
/* [cell] The same from bytes in memory; `name` stands for them in errors. */
ASSAY_MUST_USE assay_status as_wordpiece_from_vocab(as_arena *arena, const char *bytes,
                                                    size_t n_bytes, const char *name,
                                                    const as_wordpiece_options *options,
                                                    as_wordpiece **ret_wordpiece,
                                                    assay_error *error);
ASSAY_MUST_USE assay_status as_wordpiece_from_json(as_arena *arena, const char *bytes,
                                                   size_t n_bytes, const char *name,
                                                   const as_wordpiece_options *options,
                                                   as_wordpiece **ret_wordpiece,
                                                   assay_error *error);

/* [any] */
int32_t as_wordpiece_vocab_size(const as_wordpiece *wordpiece);
const char *as_wordpiece_token(const as_wordpiece *wordpiece, int32_t id); /* NULL outside */
int32_t as_wordpiece_unknown_id(const as_wordpiece *wordpiece);
int32_t as_wordpiece_pad_id(const as_wordpiece *wordpiece); /* -1: has none */
int32_t as_wordpiece_id(const as_wordpiece *wordpiece, const char *token,
                        size_t n_bytes); /* or -1 */
/* [any] SHA-256 of tokens in id order and every setting: equal for vocab.txt and tokenizer.json of
 * the same tokenizer. 64 hex digits. */
const char *as_wordpiece_digest(const as_wordpiece *wordpiece);

typedef struct as_wordpiece_encoding {
    const int32_t *ids;            /* [n] in the scratch, valid until its next use */
    const uint32_t *begins, *ends; /* [n] bytes of the original text; special tokens 0, 0 */
    size_t n;
    size_t n_tokens;  /* the text's, special ones not counted, were it not cut */
    size_t n_unknown; /* of the ids */
    bool truncated;   /* there were more than fit */
} as_wordpiece_encoding;

typedef struct as_wordpiece_scratch as_wordpiece_scratch;      /* one thread's */
as_wordpiece_scratch *as_wordpiece_scratch_new(void);          /* NULL when out of memory */
void as_wordpiece_scratch_free(as_wordpiece_scratch *scratch); /* NULL allowed */

/* [one thread per scratch] Ids of a text. Invalid UTF-8 is read as U+FFFD, one for each maximal
 * ill-formed part (Unicode 3.9, what Rust and Python do). At most max_tokens ids (special tokens
 * included); 0: no limit. `special`: [CLS] ... [SEP] around it (as tokenizer.json's post-processor
 * or BERT's own). offsets false: begins and ends are not filled (NULL), which is faster. */
ASSAY_MUST_USE assay_status as_wordpiece_encode(const as_wordpiece *wordpiece,
                                                as_wordpiece_scratch *scratch, const char *text,
                                                size_t n_bytes, size_t max_tokens, bool special,
                                                bool offsets, as_wordpiece_encoding *ret_encoding,
                                                assay_error *error);

#endif
