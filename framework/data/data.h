/* SPDX-License-Identifier: MIT */
/* data/data.h: from a suite's `data` section to token ids, in one call.
 *
 *     manifest -> source on this machine -> rows in canonical order -> rows the suite selects
 *              -> cleaning -> tokens -> vocabulary (of the train rows) -> ids
 *
 * Everything here is a function of the configuration and the data's content alone: no clock, no
 * folder order, no thread count. Batches of the result: data/batches.h.
 *
 *     as_data_config data;
 *     as_tokenizer_config tokenizer;
 *     as_prepared *prepared;
 *     status = as_data_config_from_json(arena, json_object_get(suite, "data"), "quick.json#/data",
 *                                       &data, error);
 *     status = as_tokenizer_config_from_json(arena, json_object_get(entry, "tokenizer"),
 * max_tokens, "quick.json#/entries/0/tokenizer", &tokenizer, error); status = as_prepare(arena,
 * &data, &tokenizer, NULL, &prepared, error); for (uint32_t i = 0; i <
 * prepared->splits[AS_SPLIT_TRAIN].n_rows; i++) ...
 */
#ifndef AS_DATA_DATA_H
#define AS_DATA_DATA_H

#include <jansson.h>
#include <stdbool.h>

#include "assay/status.h"
#include "base/arena.h"
#include "base/file.h"

/* Splits a prepared data set has; AS_SPLIT_ALL occurs in sources only (undivided data). */
typedef enum as_split {
    AS_SPLIT_TRAIN = 0,
    AS_SPLIT_VALIDATION = 1,
    AS_SPLIT_TEST = 2,
    AS_SPLIT_COUNT = 3,
    AS_SPLIT_ALL = 3
} as_split;

/* [any] "train", "validation", "test", "all"; never NULL. */
const char *as_split_name(as_split split);

/* ---- configuration ----------------------------------------------------------------------------*/

/* Rows asked of one split: all of them where the suite says nothing. */
enum { AS_ROWS_ALL = -1 };

/* How a stratified draw divides its rows among the classes (survey sampling's terms). */
typedef enum as_allocation {
    AS_ALLOCATION_PROPORTIONAL = 0, /* as in the source, by largest remainder; the default */
    AS_ALLOCATION_EQUAL = 1         /* the same number of each class */
} as_allocation;

/* Order in which rows stand before anything is drawn from them. */
typedef enum as_order {
    AS_ORDER_CANONICAL = 0, /* split, label, name */
    AS_ORDER_ARCHIVE = 1    /* split, then as the entries lie in the archive */
} as_order;

typedef enum as_draw {
    AS_DRAW_SHUFFLE = 0, /* ours: Philox, stratified or not */
    AS_DRAW_NUMPY = 1    /* numpy.random.default_rng(seed).permutation(n)[:rows], not stratified */
} as_draw;

typedef enum as_validation_kind {
    AS_VALIDATION_SHARE = 0, /* a seeded share of the train rows, taken from them */
    AS_VALIDATION_TAIL = 1,  /* the last share of the train rows as they stand (Keras) */
    AS_VALIDATION_NONE = 2,  /* none, even where the source has one */
    AS_VALIDATION_TEST = 3   /* the test rows themselves: flagged in every table */
} as_validation_kind;

typedef enum as_balance {
    AS_BALANCE_NONE = 0,
    AS_BALANCE_CLASS_WEIGHTS = 1,     /* in the loss: n / (n_labels n_k) */
    AS_BALANCE_WEIGHTED_SAMPLING = 2, /* batches drawn with replacement, each class as likely */
    AS_BALANCE_OVERSAMPLE = 3,        /* rows of smaller classes repeated up to the largest */
    AS_BALANCE_UNDERSAMPLE = 4        /* larger classes cut down to the smallest */
} as_balance;

typedef struct as_data_config {
    const char *where;      /* its place for errors, as "quick.json#/data"; NULL: "data" */
    const char *resource;   /* name of a resource or path of its manifest */
    const char *path;       /* folder or archive; NULL: where the resource usually lies */
    int order;              /* as_order, or -1: as the manifest says */
    const json_t *cleaning; /* list of steps, see data/cleaning/cleaning.h; NULL: none. Borrowed
                               from the section it was read from, which must outlive this */
    struct {
        int64_t min_characters; /* texts with fewer code points after cleaning are dropped; 0 */
        int64_t min_words;      /* ... with fewer words between white space; 0: none. Default 0 */
    } filter;                   /* before anything is drawn */
    struct {
        const char *const *labels;      /* only these classes, relabelled 0, 1, ... in this order */
        size_t n_labels;                /* 0: all classes */
        int64_t n_rows[AS_SPLIT_COUNT]; /* rows to draw, or AS_ROWS_ALL */
        uint64_t seed;                  /* default 42 */
        bool stratified;                /* default true */
        as_allocation allocation;       /* default proportional */
        as_draw draw;
    } subset;
    struct {
        as_validation_kind kind;
        double share;    /* of the train rows, taken from them; 0: none */
        uint64_t seed;   /* default: subset.seed */
        bool stratified; /* default true */
    } validation;
    struct {
        int32_t n;     /* 0: no cross-validation. Else train and validation rows together are cut */
        int32_t index; /* into n parts; part `index` (from 1) is the test split */
        uint64_t seed;
        bool stratified;
    } folds;
    struct {
        bool remove; /* texts that stand in an earlier split go from the later one */
    } overlaps;
    as_balance balance;
    struct {
        int64_t distinct_tokens; /* lower-cased white-space tokens of train; 0: not stated */
        int64_t longest;         /* of them in one train text */
    } fingerprint; /* of the right subset: checked, the outcome stands in the record */
} as_data_config;

typedef struct as_tokenizer_config {
    const char *kind;       /* "words", "whitespace", "unicode", "regex" or "wordpiece" */
    const char *pattern;    /* of "regex" */
    int32_t vocab_size;     /* at most, PAD and UNK included; default 20000; word level */
    int32_t min_count;      /* rarer words are left out; default 1; word level */
    bool fit_on_validation; /* words are counted in train and validation texts */
    bool pretrained_first;  /* words with a pretrained vector come before the others */
    const char *vocabulary; /* WordPiece: name of a resource, or path of a file or folder */
    int32_t lower_case, strip_accents, split_chinese; /* WordPiece: -1: as its file says */
    bool special;                                     /* WordPiece: [CLS] and [SEP]; default true */
    int32_t max_tokens;                               /* longer texts are cut here; default 256 */
    bool padded; /* shorter ones are filled up to it with PAD ids; not with token_weights */
    const struct as_embedding_config *embeddings; /* pretrained vectors; NULL: none */
    const struct as_tfidf_config *token_weights;  /* NULL: none */
    const json_t *cleaning; /* instead of the data section's; NULL: that. Borrowed */
} as_tokenizer_config;

/* [any] Reads a suite's `data` section; `where` is its place for errors ("quick.json#/data").
 * Strings are copied into `arena`. A NULL section is an error: a suite has data. */
ASSAY_MUST_USE assay_status as_data_config_from_json(as_arena *arena, const json_t *section,
                                                     const char *where, as_data_config *ret_config,
                                                     assay_error *error);

/* [any] Reads a `tokenizer` section; NULL and absent fields take the defaults ("words", 20000).
 * max_tokens <= 0 takes the default too. */
ASSAY_MUST_USE assay_status as_tokenizer_config_from_json(as_arena *arena, const json_t *section,
                                                          int32_t max_tokens, const char *where,
                                                          as_tokenizer_config *ret_config,
                                                          assay_error *error);

/* ---- what a cell works on ---------------------------------------------------------------------*/

enum { AS_TOKEN_PAD = 0, AS_TOKEN_UNK = 1, AS_TOKEN_FIRST_WORD = 2 };

typedef struct as_row {
    const char *text;     /* UTF-8 as in the source, before cleaning; NUL-terminated */
    const char *name;     /* its name in the source, as "0_3.txt"; unique within split and label */
    const int32_t *ids;   /* [n_ids] */
    const float *weights; /* [n_ids] of the tokens; padded: 0 of padding, 1 of the others; NULL: the
                             suite asks for none */
    size_t n_bytes;       /* of text */
    int32_t n_ids;        /* 1 .. max_tokens: a text without tokens has one UNK */
    int32_t n_padding;    /* of them PAD, the last ones; 0 but where the suite pads */
    int32_t label;        /* 0 .. n_labels - 1 */
    int32_t n_tokens;     /* the text had, before the cut; special tokens not counted */
    uint32_t index;       /* of the row in the whole data set's canonical order: identifies the text
                             whatever subset it is drawn into */
} as_row;

typedef struct as_split_rows {
    as_split split;
    uint32_t n_rows;
    const as_row *rows;     /* as the suite orders them: by index, or as drawn */
    const uint32_t *counts; /* [n_labels] rows of each class */
    uint64_t n_tokens;      /* ids of all rows, padding not counted */
    uint64_t n_unknown;     /* of them UNK */
    uint32_t n_truncated;   /* rows that had more than max_tokens tokens */
    uint32_t n_empty;       /* rows without a token after cleaning */
    int32_t longest;        /* largest n_ids; 0 without rows */
    uint64_t n_padding;     /* PAD ids of all rows */
    const int32_t *lengths; /* [n_rows] what rows count as when batches are made of them, where
                               that is not n_ids (longest is of these then); NULL */
} as_split_rows;

/* How the data's content digest relates to the one its manifest states. */
typedef enum as_identity {
    AS_IDENTITY_NOT_STATED = 0,
    AS_IDENTITY_MATCHES = 1,
    AS_IDENTITY_DIFFERS = 2
} as_identity;

typedef struct as_vocabulary as_vocabulary; /* data/tokenizers/vocabulary.h */
typedef struct as_encoder as_encoder;       /* data/tokenizers/encoder.h */

typedef struct as_prepared {
    const char *name;    /* of the resource */
    const char *source;  /* file or folder it was read from; "generated" */
    const char *license; /* of the manifest; may be NULL */
    const char *citation;
    const char *const *labels; /* [n_labels] */
    uint32_t n_labels;
    uint32_t n_source_rows; /* of the whole data set */
    as_split_rows splits[AS_SPLIT_COUNT];
    as_sha256_hex sha256;      /* content of the whole data set in canonical order */
    as_sha256_hex rows_sha256; /* split, label and text of the rows used, in order */
    as_identity identity;
    int32_t vocab_size;              /* ids are below it */
    const as_vocabulary *vocabulary; /* of the train rows; NULL: WordPiece */
    as_encoder *encoder; /* text -> ids exactly as the rows above; one thread at a time */
    int32_t max_tokens;
    bool validation_is_test;     /* every table says so */
    const double *class_weights; /* [n_labels] of the loss; NULL: none */
    const float *row_weights;    /* [train rows] of drawing them; NULL: each once an epoch */
    const struct as_embedding_table *embeddings; /* NULL: none */
    const struct as_tfidf *token_weights;        /* NULL: none */
    json_t
        *report; /* owned by this; what was done and found: cleaning step by step, overlaps,
                    removals, leaks, baseline, encoding; see results/schema, dataset.preparation */
    const char *removals_csv;    /* every text removed, with its reason; "" when none was */
    const char *const *warnings; /* [n_warnings] what a reader of the figures should know */
    size_t n_warnings;
    bool from_cache;
    const char
        *cache_problem; /* why the cache could not be written; NULL: it was, or need not be */
    struct as_prepared_owned *owned; /* released by as_prepared_free */
} as_prepared;

/* [cell] Loads, selects, cleans, audits, tokenises; or takes all that from the cache, when the
 * same was done before with the same data, settings and version. `data_dir` overrides
 * ASSAY_DATA_DIR (NULL: that, or $XDG_DATA_HOME/assay, or ~/.local/share/assay). The result lives
 * in `arena` and in what as_prepared_free releases, before the arena. The source is data->path
 * where given; else what as_manifest_locate finds. Errors: NOT_FOUND (manifest or source),
 * BAD_DATA (content), INVALID_ARGUMENT (the suite asks for what the data cannot give), LIMIT
 * (sizes), IO, OUT_OF_MEMORY. */
ASSAY_MUST_USE assay_status as_prepare(as_arena *arena, const as_data_config *data,
                                       const as_tokenizer_config *tokenizer, const char *data_dir,
                                       as_prepared **ret_prepared, assay_error *error);
void as_prepared_free(as_prepared *prepared); /* NULL allowed */

#endif
