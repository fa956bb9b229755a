/* SPDX-License-Identifier: MIT */
/* train/feature_file.h: features as a matrix in memory and as a file of the cache. Private to
 * frozen_features.c and its test.
 *
 * The file, in this machine's byte order: a header (magic, version, byte order, key, rows,
 * channels, bytes of an element, SHA-256 of the elements), then rows x channels elements. */
#ifndef AS_TRAIN_FEATURE_FILE_H
#define AS_TRAIN_FEATURE_FILE_H

#include "train/frozen_features.h"

/* Elements are f32, or f64 where the backend computes in it. */
typedef struct as_feature_matrix {
    void *elements;
    uint64_t n_rows;
    int64_t channels;
    bool wide; /* f64 */
} as_feature_matrix;

/* [any] All zero; false: no memory. */
bool as_feature_matrix_init(as_feature_matrix *matrix, uint64_t n_rows, int64_t channels,
                            bool wide);
void as_feature_matrix_done(as_feature_matrix *matrix);
size_t as_feature_matrix_bytes(const as_feature_matrix *matrix);
void as_feature_matrix_set(const as_feature_matrix *matrix, uint64_t row, const double *values);
/* [any] values[n_rows * channels] */
void as_feature_matrix_widen(const as_feature_matrix *matrix, double *values);

/* [cell] The key of what `frozen` gives for the rows of config->data. */
ASSAY_MUST_USE assay_status as_feature_key(const as_features_config *config,
                                           const assay_graph_view *frozen, as_sha256_hex *ret_key,
                                           assay_error *error);

/* [cell] Fills the matrix; false: there is no such file, or not a whole one of this shape, which is
 * then removed. */
bool as_feature_file_read(const char *folder, const char *key, const as_feature_matrix *matrix);
/* [cell] Where it cannot be written, why_not says why, and nothing is left behind. */
void as_feature_file_write(const char *folder, const char *key, const as_feature_matrix *matrix,
                           char why_not[200]);

#endif
