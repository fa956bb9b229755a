/* SPDX-License-Identifier: MIT */
/* data/prepare/build.h: the steps of as_prepare between a data set and an image. Private to
 * prepare/. */
#ifndef AS_DATA_PREPARE_BUILD_H
#define AS_DATA_PREPARE_BUILD_H

#include "data/audit/audit.h"
#include "data/cache/image.h"
#include "data/cleaning/cleaning.h"
#include "data/embeddings/embeddings.h"
#include "data/readers/reader.h"
#include "data/splits/overlaps.h"
#include "data/tokenizers/interner.h"
#include "data/tokenizers/wordpiece.h"

/* A row after cleaning and tokenising. */
typedef struct as_row_tokens {
    uint32_t *ids;      /* [n_ids] numbers of words, later ids; WordPiece: ids, cut and complete */
    uint32_t n_ids;     /* word level: all of the text's tokens */
    uint32_t n_tokens;  /* of the text; special ones not counted */
    uint32_t n_unknown; /* WordPiece */
    bool truncated;     /* WordPiece */
    uint16_t worker;    /* whose numbers they are, until they are made one */
} as_row_tokens;

enum { AS_MAX_WORKERS = 16 };
#define AS_NO_SERIAL UINT32_MAX

/* Everything of one preparation; the arena is scratch. */
typedef struct as_build {
    as_arena *arena;
    const as_data_config *data;
    const as_tokenizer_config *tokenizer;
    const json_t *cleaning;          /* the tokenizer's, else the data's */
    const as_wordpiece *wordpiece;   /* NULL: word level */
    const as_embeddings *embeddings; /* NULL: none */
    const char *source;
    int threads;
    as_arena *worker_arenas[2 * AS_MAX_WORKERS]; /* [n_worker_arenas] tokens live there; freed with
                                                    the build */
    int n_worker_arenas;
    as_dataset dataset;     /* whole */
    as_dataset kept;        /* without what the filter drops */
    uint32_t *indices;      /* [kept rows] in the whole data set */
    as_selection selection; /* of kept */
    as_row_texts *texts;    /* [kept rows] */
    as_row_tokens *tokens;  /* [kept rows] */
    as_interner *words;     /* word level: number -> word */
    int32_t *ids_of;        /* [words] id of each number */
    int32_t only_unknown;   /* the one id of a text without tokens */
    as_overlaps overlaps;
    as_removal *filtered; /* [n_filtered] */
    uint32_t n_filtered;
    as_cleaning_counts *cleaning_counts; /* [n_steps] */
    size_t n_steps;
    as_content_audit content;
    as_image_content out; /* rows and strings in the arena */
    assay_error *error;
} as_build;

/* [cell] Notes OUT_OF_MEMORY in the build's error, and is it. */
ASSAY_MUST_USE assay_status as_build_no_memory(const as_build *build);

/* [cell] filter.c: rows that are too short after cleaning leave the data set. */
ASSAY_MUST_USE assay_status as_build_filter(as_build *build);
/* texts.c: cleaning, digests and tokens of texts on build->threads threads. Begin (needs cleaning
 * and tokenizer), give texts with serials 0, 1, ..., finish into build->texts and ->tokens of the
 * kept rows by their serials (AS_NO_SERIAL: not given), end (also early, or NULL). */
typedef struct as_text_pass as_text_pass;
ASSAY_MUST_USE assay_status as_text_pass_begin(as_build *build, as_text_pass **ret_pass);
ASSAY_MUST_USE assay_status as_text_pass_give(void *pass, uint32_t serial, const char *text,
                                              size_t n_bytes, assay_error *error);
ASSAY_MUST_USE assay_status as_text_pass_finish(as_text_pass *pass, const uint32_t *serials);
void as_text_pass_end(as_text_pass *pass);
/* [cell] The whole pass over the selected rows. */
ASSAY_MUST_USE assay_status as_build_texts(as_build *build);
/* [cell] rows.c: the vocabulary; then rows with ids, and their digest. */
ASSAY_MUST_USE assay_status as_build_vocabulary(as_build *build);
ASSAY_MUST_USE assay_status as_build_rows(as_build *build);
/* [cell] report.c: JSON of what was done and found, warnings, removals. */
ASSAY_MUST_USE assay_status as_build_report(as_build *build);

/* [cell] key.c: what an image of this preparation depends on. `content` names the data set's. */
ASSAY_MUST_USE assay_status as_build_key(const as_data_config *data,
                                         const as_tokenizer_config *tokenizer,
                                         const json_t *cleaning, const char *reading,
                                         const char *content, const char *order,
                                         const char *vocabulary, const char *pretrained,
                                         as_sha256_hex *ret_key, assay_error *error);

#endif
