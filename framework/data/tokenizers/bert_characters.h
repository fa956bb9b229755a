/* SPDX-License-Identifier: MIT */
/* data/tokenizers/bert_characters.h: what BERT's normaliser and pre-tokenizer take a character for,
 * as Hugging Face's tokenizers do: tables made by make_bert_tables.py, which asks them. They follow
 * no single Unicode version, and none of a library's here. */
#ifndef AS_DATA_TOKENIZERS_BERT_CHARACTERS_H
#define AS_DATA_TOKENIZERS_BERT_CHARACTERS_H

#include <stddef.h>
#include <stdint.h>

enum {
    AS_BERT_DROP = 1,         /* clean_text removes it: control, format, private use, U+FFFD */
    AS_BERT_BLANK = 2,        /* clean_text makes it a blank */
    AS_BERT_CHINESE = 4,      /* a blank before and behind it */
    AS_BERT_MARK = 8,         /* a nonspacing mark, which strip_accents removes */
    AS_BERT_PUNCTUATION = 16, /* a word of its own */
    AS_BERT_SPACE = 32,       /* splits words */
    AS_BERT_WORD = 64,        /* of a word in the sense of an added token's single_word */
    AS_BERT_DECOMPOSES = 128  /* stands in as_bert_pairs */
};

typedef struct as_bert_class {
    uint8_t flags;
    uint8_t rank;  /* of its canonical combining class; 0: a starter */
    int32_t lower; /* to be added for lower case; U+0130 also gets a U+0307 behind it */
} as_bert_class;

typedef struct as_bert_run {
    uint16_t length;
    uint8_t kind;
} as_bert_run;

typedef struct as_bert_far_run {
    uint32_t first;
    uint8_t kind;
} as_bert_far_run;

typedef struct as_bert_pair {
    uint32_t from, first, second;
} as_bert_pair;

enum { AS_BERT_FLAT = 0x20000 };
extern const as_bert_class as_bert_classes[];
extern const as_bert_run as_bert_runs[];         /* cover U+0000 .. AS_BERT_FLAT - 1 */
extern const as_bert_far_run as_bert_far_runs[]; /* the rest, ascending */
extern const as_bert_pair as_bert_pairs[];       /* ascending */
extern const size_t as_bert_n_runs, as_bert_n_far_runs, as_bert_n_pairs;

#endif
