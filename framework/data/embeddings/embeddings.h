/* SPDX-License-Identifier: MIT */
/* data/embeddings/embeddings.h: pretrained word vectors (GloVe and word2vec text files: a word and
 * its numbers a line, word2vec with a "COUNT DIMENSIONS" line before), read once, then mapped from
 * a cache keyed by the source's SHA-256. */
#ifndef AS_DATA_EMBEDDINGS_EMBEDDINGS_H
#define AS_DATA_EMBEDDINGS_EMBEDDINGS_H

#include "data/data.h"

typedef struct as_embeddings as_embeddings;

/* [cell] Opens a file of vectors: text, plain or gz/xz/bz2/zstd, or in a zip or tar (member, NULL:
 * the only file). The cache lies in the folder "embeddings" of `cache_dir` (NULL:
 * as_cache_folder's; none there: no cache); a full disk costs the cache, not the run. BAD_DATA with
 * file and line: ragged rows, numbers that are none or not finite, another dimension than
 * `dimensions` (0: any), a word twice or not UTF-8, an empty file; LIMIT: a line, word or vector
 * too long (see vector_text.h). */
ASSAY_MUST_USE assay_status as_embeddings_open(const char *path, const char *member,
                                               int32_t dimensions, const char *cache_dir,
                                               as_embeddings **ret_embeddings, assay_error *error);
void as_embeddings_free(as_embeddings *embeddings); /* NULL allowed */

/* [any] */
int32_t as_embeddings_dimensions(const as_embeddings *embeddings);
uint32_t as_embeddings_count(const as_embeddings *embeddings);
const char *as_embeddings_sha256(const as_embeddings *embeddings); /* of the source file */
/* [any] Why the vectors are not in the cache now (a full disk); NULL when they are. */
const char *as_embeddings_not_cached(const as_embeddings *embeddings);
/* [any] The word's vector [dimensions], or NULL; the embeddings own it. */
const float *as_embeddings_find(const as_embeddings *embeddings, const char *word, size_t n_bytes);

/* ---- a model's table --------------------------------------------------------------------------*/

typedef enum as_missing_kind {
    AS_MISSING_ZERO = 0,
    AS_MISSING_NORMAL = 1,
    AS_MISSING_UNIFORM = 2,
    AS_MISSING_MATCHED = 3 /* normal, with mean and standard deviation of the values found */
} as_missing_kind;

typedef struct as_embedding_config {
    const char *resource; /* name of a resource, or path of a file */
    as_missing_kind missing;
    double mean, std, range;
    bool unknown_zero; /* UNK's vector is zero, else drawn like a missing one; PAD's is zero */
    uint64_t seed;
} as_embedding_config;

typedef struct as_embedding_table {
    float *values; /* [vocab_size, dimensions], the arena's */
    int32_t vocab_size, dimensions;
    uint32_t n_found, n_missing; /* of the words, PAD and UNK not counted */
    double mean, std;            /* of the values found */
    const char *sha256;          /* of the source */
} as_embedding_table;

/* [any] Reads an `embeddings` section of a suite; strings are copied into `arena`. */
ASSAY_MUST_USE assay_status as_embedding_config_from_json(as_arena *arena, const json_t *section,
                                                          const char *where,
                                                          as_embedding_config *ret_config,
                                                          assay_error *error);

/* [cell] The rows of a vocabulary. A missing word's numbers depend on (seed, word) alone. */
ASSAY_MUST_USE assay_status as_embedding_table_new(as_arena *arena, const as_embeddings *embeddings,
                                                   const as_vocabulary *vocabulary,
                                                   const as_embedding_config *config,
                                                   as_embedding_table *ret_table,
                                                   assay_error *error);

/* [cell] Finds the file of a resource or path and opens it. */
ASSAY_MUST_USE assay_status as_embeddings_load(const as_embedding_config *config,
                                               const char *data_dir, as_embeddings **ret_embeddings,
                                               assay_error *error);

#endif
