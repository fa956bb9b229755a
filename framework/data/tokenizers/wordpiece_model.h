/* SPDX-License-Identifier: MIT */
/* data/tokenizers/wordpiece_model.h: what a loaded WordPiece tokenizer is made of. Read by the
 * loaders (wordpiece_load.c, tokenizer_json.c) and the encoder (wordpiece.c), nobody else. */
#ifndef AS_DATA_TOKENIZERS_WORDPIECE_MODEL_H
#define AS_DATA_TOKENIZERS_WORDPIECE_MODEL_H

#include <jansson.h>

#include "base/file.h"
#include "data/tokenizers/added_tokens.h"
#include "data/tokenizers/bert_normalizer.h"
#include "data/tokenizers/token_trie.h"
#include "data/tokenizers/wordpiece.h"

enum {
    AS_WORDPIECE_MAX_TOKENS = 1000000,
    AS_WORDPIECE_MAX_TOKEN_BYTES = 1024,
    AS_WORDPIECE_MAX_FILE_BYTES = 16 << 20,
    AS_WORDPIECE_MAX_CHARACTERS = 10000, /* of a word; BERT has 100 */
    AS_WORDPIECE_MAX_ADDED = 10000,
    AS_WORDPIECE_MAX_TEMPLATE = 8 /* special tokens on one side of a text */
};

typedef struct as_wordpiece_piece {
    const char *text;
    uint32_t n_bytes;
} as_wordpiece_piece;

/* What a file says; as_wordpiece_build makes a tokenizer of it. */
typedef struct as_wordpiece_source {
    const char *name;           /* of the file, for errors */
    as_wordpiece_piece *tokens; /* [n_tokens] of the model, by id; room for n_added more */
    size_t n_tokens;
    const as_added_token *added; /* [n_added] */
    size_t n_added;
    as_bert_rules rules;
    const char *unknown, *prefix;
    uint32_t max_characters;
    int32_t before[AS_WORDPIECE_MAX_TEMPLATE], behind[AS_WORDPIECE_MAX_TEMPLATE];
    size_t n_before, n_behind;
} as_wordpiece_source;

/* How the encoder takes an ASCII byte. */
enum { AS_ASCII_OTHER = 0, AS_ASCII_LETTER = 1, AS_ASCII_GAP = 2, AS_ASCII_SIGN = 3 };

struct as_wordpiece {
    as_wordpiece_piece *tokens; /* [n_tokens] added ones included */
    size_t n_tokens, n_model;   /* all, and those of the model, which come first */
    as_token_trie trie;
    uint32_t inside; /* its node behind the prefix: where a word goes on; UINT32_MAX: never */
    int32_t unknown_id, pad_id;
    const char *prefix;          /* of a piece that continues a word */
    const as_added_token *added; /* [n_added] as the file lists them */
    size_t n_added;
    as_bert_rules rules;
    const uint8_t *flat; /* classes of characters */
    uint32_t max_characters;
    as_added_tokens raw, normalized; /* found before and after normalising */
    int32_t before[AS_WORDPIECE_MAX_TEMPLATE], behind[AS_WORDPIECE_MAX_TEMPLATE];
    size_t n_before, n_behind;
    uint8_t ascii[256];
    int32_t signs[128]; /* id of an ASCII punctuation character */
    uint64_t serial;    /* of this tokenizer in the process: a scratch's cache belongs to one */
    as_sha256_hex digest;
};

/* [cell] Checks and builds. Errors name source->name. */
ASSAY_MUST_USE assay_status as_wordpiece_build(as_arena *arena, const as_wordpiece_source *source,
                                               as_wordpiece **ret_wordpiece, assay_error *error);

/* [any] The tokenizer as Hugging Face's tokenizer.json, which as_tokenizer_json_read gives back; a
 * new object, NULL when out of memory. special false: no special tokens around a text. */
json_t *as_wordpiece_to_json(const as_wordpiece *wordpiece, bool special);

/* [any] "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]". */
enum { AS_WORDPIECE_N_SPECIAL = 5 };
extern const char *const as_wordpiece_special[AS_WORDPIECE_N_SPECIAL];

#endif
