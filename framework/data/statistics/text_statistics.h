/* SPDX-License-Identifier: MIT */
/* data/statistics/text_statistics.h: what `assay data stats` tells of a data set.
 *
 * Characters are code points; words are what Python's str.split() gives (tokenizer `whitespace`);
 * a text without a word is blank. Quartiles by linear interpolation (Hyndman and Fan 1996, type 7,
 * NumPy's and pandas' default); the standard deviation with n - 1 (pandas' std; 0 for one value).
 *
 *     const as_statistics_config config = {.tokenizers = {{"words"}}, .n_tokenizers = 1};
 *     as_text_statistics *statistics;
 *     status = as_text_statistics_new(arena, dataset.rows, dataset.n_rows, dataset.n_labels,
 *                                     &config, &statistics, error);
 */
#ifndef AS_DATA_STATISTICS_TEXT_STATISTICS_H
#define AS_DATA_STATISTICS_TEXT_STATISTICS_H

#include "data/dataset.h"
#include "data/tokenizers/wordpiece.h"

/* ---- one list of lengths --------------------------------------------------------------------- */

/* Of n values; everything else 0 when n is 0. */
typedef struct as_length_summary {
    uint64_t n, total;
    double mean, std, median, q1, q3;
    uint64_t min, max;
} as_length_summary;

/* [any] Sorts the values. */
as_length_summary as_summarise_lengths(uint32_t *values, size_t n);

/* ---- what is asked for ----------------------------------------------------------------------- */

enum {
    AS_STATISTICS_TOKENIZERS = 8, /* at most */
    AS_STATISTICS_SPLITS = AS_SPLIT_COUNT + 1,
    AS_STATISTICS_CUTS = 4,  /* lengths in tokens: 64, 128, 256, 512 */
    AS_STATISTICS_SIZES = 5, /* words of a vocabulary: 5,000, 10,000, 20,000, 50,000, all */
    AS_STATISTICS_COMMON = 10
};
extern const uint32_t as_statistics_cuts[AS_STATISTICS_CUTS];
extern const uint32_t as_statistics_sizes[AS_STATISTICS_SIZES]; /* the last is UINT32_MAX: all */

typedef struct as_statistics_tokenizer {
    const char *kind;              /* "words", "whitespace", "unicode", "regex", "wordpiece" */
    const char *pattern;           /* of "regex" */
    const as_wordpiece *wordpiece; /* of "wordpiece" */
} as_statistics_tokenizer;

typedef struct as_statistics_config {
    /* Token lengths by each; the first that is not WordPiece also makes the vocabulary. */
    as_statistics_tokenizer tokenizers[AS_STATISTICS_TOKENIZERS];
    size_t n_tokenizers;
    bool near;        /* look for near duplicates, too */
    double threshold; /* of the Jaccard similarity; see near_duplicates.h */
    /* [any] Is the word (as the text has it) a stop word? NULL: there is no list. */
    bool (*is_stopword)(const void *context, const char *word, size_t n_bytes);
    const void *stopwords; /* context of is_stopword */
    int threads;           /* 0: one per processor */
} as_statistics_config;

/* ---- what is answered ------------------------------------------------------------------------ */

/* One length of every text: characters, words, or tokens of one tokenizer. */
typedef struct as_measure {
    as_length_summary all, splits[AS_STATISTICS_SPLITS];
    as_length_summary *labels; /* [n_labels] */
} as_measure;

typedef struct as_token_lengths {
    as_measure lengths; /* WordPiece: with [CLS] and [SEP] */
    /* texts with more tokens than each of as_statistics_cuts: these would be cut there */
    uint32_t n_longer[AS_STATISTICS_CUTS], n_longer_split[AS_STATISTICS_SPLITS][AS_STATISTICS_CUTS];
    uint32_t n_empty[AS_STATISTICS_SPLITS]; /* texts without a token, special ones not counted */
} as_token_lengths;

typedef struct as_common_word {
    const char *word; /* NUL-terminated (cut at a NUL of its own); may hold anything else */
    uint64_t count;
} as_common_word;

/* The commonest words, ties by byte order; fewer than asked for where there are fewer. */
typedef struct as_common_words {
    as_common_word words[AS_STATISTICS_COMMON];
    uint32_t n;
} as_common_words;

/* The words of the first word-level tokenizer, as the text has them (no case folding). */
typedef struct as_word_statistics {
    const char *kind;    /* of the tokenizer; NULL: none was word-level, and nothing below is set */
    as_split vocabulary; /* where the vocabulary comes from: train, or `all` of undivided data */
    uint64_t n_words, n_distinct; /* in all texts */
    uint64_t n_vocabulary;        /* distinct words of `vocabulary` */
    uint64_t split_words[AS_STATISTICS_SPLITS];
    /* of split_words, those among the vocabulary's commonest as_statistics_sizes words (by count,
     * ties by byte order) */
    uint64_t known[AS_STATISTICS_SPLITS][AS_STATISTICS_SIZES];
    as_common_words common, common_without_stopwords; /* of all texts */
    as_common_words *label_common;                    /* [n_labels] */
    as_common_words *label_common_without_stopwords;  /* [n_labels] */
} as_word_statistics;

/* Equal texts (byte by byte; by BLAKE2b-128). Blank texts are counted as blank alone. */
typedef struct as_exact_statistics {
    uint32_t n_repeated;                     /* texts that came earlier in the data set */
    uint32_t n_within[AS_STATISTICS_SPLITS]; /* texts that came earlier in their split */
    uint32_t n_across[AS_STATISTICS_SPLITS]
                     [AS_STATISTICS_SPLITS]; /* [s][t]: texts of s also in t */
    uint32_t n_groups;                       /* sets of two or more equal texts ... */
    uint32_t n_conflicts;                    /* ... of them with different labels, */
    uint32_t n_conflict_texts;               /* ... and the texts in these */
} as_exact_statistics;

/* Pairs of different texts with a Jaccard similarity of at least the threshold; equal texts stand
 * for one. Counts of texts include those whose near duplicate is an equal text. */
typedef struct as_near_statistics {
    bool made;
    double threshold, expected_recall;       /* of a pair right at the threshold */
    uint64_t n_pairs, n_conflicts;           /* of them with different labels */
    uint32_t n_within[AS_STATISTICS_SPLITS]; /* texts with a near duplicate in their split */
    uint32_t n_across[AS_STATISTICS_SPLITS]
                     [AS_STATISTICS_SPLITS]; /* [s][t]: texts of s with one in t */
    uint32_t n_texts;                        /* with a near duplicate anywhere */
} as_near_statistics;

typedef struct as_text_statistics {
    uint32_t n_texts, n_labels;
    uint32_t n_split[AS_STATISTICS_SPLITS];
    uint32_t n_blank, n_blank_split[AS_STATISTICS_SPLITS], *n_blank_label; /* [n_labels] */
    uint32_t *counts[AS_STATISTICS_SPLITS]; /* [n_labels] texts of a class in a split */
    as_length_summary classes;              /* texts per class, all splits together */
    as_measure characters, words;
    uint32_t *text_words;                              /* [n_texts] of each text, for drawing */
    as_token_lengths tokens[AS_STATISTICS_TOKENIZERS]; /* as config.tokenizers */
    size_t n_tokenizers;
    as_word_statistics vocabulary;
    as_exact_statistics exact;
    as_near_statistics near;
} as_text_statistics;

/* [cell] The result lives in `arena`. Deterministic, whatever the threads. INVALID_ARGUMENT for a
 * tokenizer that does not exist; LIMIT from a pattern or near_duplicates.h; OUT_OF_MEMORY. */
ASSAY_MUST_USE assay_status as_text_statistics_new(as_arena *arena, const as_dataset_row *rows,
                                                   uint32_t n_rows, uint32_t n_labels,
                                                   const as_statistics_config *config,
                                                   as_text_statistics **ret_statistics,
                                                   assay_error *error);

#endif
