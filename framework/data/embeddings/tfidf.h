/* SPDX-License-Identifier: MIT */
/* data/embeddings/tfidf.h: term frequency times inverse document frequency with scikit-learn's
 * definitions (TfidfTransformer): tf = count, or 1 + ln(count) where sublinear; idf = ln((1 + n) /
 * (1 + df)) + 1 where smooth, else ln(n / df) + 1; then each text's vector is divided by its L1 or
 * L2 norm. */
#ifndef AS_DATA_EMBEDDINGS_TFIDF_H
#define AS_DATA_EMBEDDINGS_TFIDF_H

#include "data/data.h"

typedef enum as_tfidf_norm {
    AS_TFIDF_NORM_NONE = 0,
    AS_TFIDF_NORM_L1 = 1,
    AS_TFIDF_NORM_L2 = 2
} as_tfidf_norm;

typedef struct as_tfidf_config {
    bool smooth, sublinear; /* defaults true, false */
    as_tfidf_norm norm;     /* default L2 */
} as_tfidf_config;

typedef struct as_tfidf as_tfidf;

/* [any] Reads a `token_weights` section of a suite. */
ASSAY_MUST_USE assay_status as_tfidf_config_from_json(const json_t *section, const char *where,
                                                      as_tfidf_config *ret_config,
                                                      assay_error *error);
/* [cell] Fits the idf of ids 0 .. vocab_size - 1 on a split's rows (PAD never counts; UNK does).
 * Everything lives in `arena`. */
ASSAY_MUST_USE assay_status as_tfidf_fit(as_arena *arena, const as_split_rows *train,
                                         int32_t vocab_size, const as_tfidf_config *config,
                                         as_tfidf **ret_tfidf, assay_error *error);
/* [cell] From idf[vocab_size] itself, finite and not negative (BAD_DATA else): a saved one. */
ASSAY_MUST_USE assay_status as_tfidf_from_idf(as_arena *arena, const double *idf,
                                              int32_t vocab_size, const as_tfidf_config *config,
                                              as_tfidf **ret_tfidf, assay_error *error);
/* [any] As a suite's `token_weights` section, a new object. */
json_t *as_tfidf_config_to_json(const as_tfidf_config *config);
/* [any] */
const as_tfidf_config *as_tfidf_configuration(const as_tfidf *tfidf);
int32_t as_tfidf_vocab_size(const as_tfidf *tfidf);
/* [one thread] Weight of every token of a text: its id's tf-idf in this text. An id that train
 * never had has idf of df 0 (smooth) or 0. */
void as_tfidf_weights(as_tfidf *tfidf, const int32_t *ids, int32_t n_ids, float *ret_weights);
/* [one thread] The same, not rounded to floats. */
void as_tfidf_weights_double(as_tfidf *tfidf, const int32_t *ids, int32_t n_ids,
                             double *ret_weights);
/* [any] [vocab_size] */
const double *as_tfidf_idf(const as_tfidf *tfidf);

#endif
