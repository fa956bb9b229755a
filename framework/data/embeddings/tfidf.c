/* SPDX-License-Identifier: MIT */
/* TF-IDF. A text's weights are found by counting its ids in an array that is zero between texts. */
#include "data/embeddings/tfidf.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

struct as_tfidf {
    as_tfidf_config config;
    int32_t vocab_size;
    double *idf;      /* [vocab_size] */
    uint32_t *counts; /* [vocab_size] of the text at hand; zero between texts */
};

static const char *const norms[] = {
    [AS_TFIDF_NORM_NONE] = "none", [AS_TFIDF_NORM_L1] = "l1", [AS_TFIDF_NORM_L2] = "l2"};

assay_status as_tfidf_config_from_json(const json_t *section, const char *where,
                                       as_tfidf_config *ret_config, assay_error *error) {
    static const char *const fields[] = {"kind", "smooth", "sublinear", "norm"};
    as_tfidf_config config = {.smooth = true};
    const char *kind = "tfidf", *norm = norms[AS_TFIDF_NORM_L2];
    size_t index = 0;
    assay_status status = as_json_check_fields(section, where, fields, 4, error);
    if (status == ASSAY_OK)
        status = as_json_get_string(section, "kind", where, &kind, error);
    if (status == ASSAY_OK && strcmp(kind, "tfidf") != 0)
        status = as_fail(error, ASSAY_BAD_DATA, as_where_join(where, "/", "kind").text,
                         "\"%.80s\" is not known; use \"tfidf\"", kind);
    if (status == ASSAY_OK)
        status = as_json_get_bool(section, "smooth", where, &config.smooth, error);
    if (status == ASSAY_OK)
        status = as_json_get_bool(section, "sublinear", where, &config.sublinear, error);
    if (status == ASSAY_OK)
        status = as_json_get_string(section, "norm", where, &norm, error);
    if (status != ASSAY_OK)
        return status;
    while (index < 3 && strcmp(norm, norms[index]) != 0)
        index++;
    if (index == 3)
        return as_fail(error, ASSAY_BAD_DATA, as_where_join(where, "/", "norm").text,
                       "\"%.80s\" is not known; use \"none\", \"l1\" or \"l2\"", norm);
    config.norm = (as_tfidf_norm)index;
    *ret_config = config;
    return ASSAY_OK;
}

json_t *as_tfidf_config_to_json(const as_tfidf_config *config) {
    return json_pack("{s:s, s:b, s:b, s:s}", "kind", "tfidf", "smooth", (int)config->smooth,
                     "sublinear", (int)config->sublinear, "norm", norms[config->norm]);
}

/* ---- fitting ----------------------------------------------------------------------------------*/

static double inverse_document_frequency(const as_tfidf_config *config, uint32_t n, uint32_t df) {
    if (config->smooth)
        return log((1.0 + n) / (1.0 + df)) + 1;
    return df ? log((double)n / df) + 1 : 0;
}

assay_status as_tfidf_fit(as_arena *arena, const as_split_rows *train, int32_t vocab_size,
                          const as_tfidf_config *config, as_tfidf **ret_tfidf, assay_error *error) {
    as_tfidf *t = as_arena_alloc(arena, sizeof *t);
    size_t n = (size_t)vocab_size;
    uint32_t *df = as_arena_alloc_array(arena, n, sizeof *df);
    uint32_t *last = as_arena_alloc_array(arena, n, sizeof *last); /* row last seen in, plus one */
    double *idf = as_arena_alloc_array(arena, n, sizeof *idf);
    uint32_t *counts = as_arena_alloc_array(arena, n, sizeof *counts);
    if (!t || !df || !last || !idf || !counts)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "token_weights", "no memory for %d words",
                       vocab_size);
    for (uint32_t row = 0; row < train->n_rows; row++)
        for (int32_t i = 0; i < train->rows[row].n_ids; i++) {
            int32_t id = train->rows[row].ids[i];
            df[id] += last[id] != row + 1;
            last[id] = row + 1;
        }
    for (size_t id = 0; id < n; id++)
        idf[id] = inverse_document_frequency(config, train->n_rows, df[id]);
    *t = (as_tfidf){*config, vocab_size, idf, counts};
    *ret_tfidf = t;
    return ASSAY_OK;
}

assay_status as_tfidf_from_idf(as_arena *arena, const double *idf, int32_t vocab_size,
                               const as_tfidf_config *config, as_tfidf **ret_tfidf,
                               assay_error *error) {
    as_tfidf *t = as_arena_alloc(arena, sizeof *t);
    size_t n = (size_t)vocab_size;
    double *copy = as_arena_alloc_array(arena, n, sizeof *copy);
    uint32_t *counts = as_arena_alloc_array(arena, n, sizeof *counts);
    if (!t || !copy || !counts)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "token_weights", "no memory for %d words",
                       vocab_size);
    for (size_t id = 0; id < n; id++) {
        if (!isfinite(idf[id]) || idf[id] < 0)
            return as_fail(error, ASSAY_BAD_DATA, "token_weights",
                           "the idf of id %zu is %g; it is finite and not negative", id, idf[id]);
        copy[id] = idf[id];
    }
    *t = (as_tfidf){*config, vocab_size, copy, counts};
    *ret_tfidf = t;
    return ASSAY_OK;
}

const as_tfidf_config *as_tfidf_configuration(const as_tfidf *tfidf) {
    return &tfidf->config;
}

int32_t as_tfidf_vocab_size(const as_tfidf *tfidf) {
    return tfidf->vocab_size;
}

const double *as_tfidf_idf(const as_tfidf *tfidf) {
    return tfidf->idf;
}

/* ---- weights ----------------------------------------------------------------------------------*/

/* tf * idf of an id counted in the text at hand, before the norm; PAD has none. */
static double raw_weight(const as_tfidf *t, int32_t id) {
    double tf = t->counts[id];
    if (id == AS_TOKEN_PAD || tf == 0)
        return 0;
    return (t->config.sublinear ? 1 + log(tf) : tf) * t->idf[id];
}

/* Counts the text's ids and gives the norm of its vector: the sum over its distinct ids. */
static double begin_text(as_tfidf *t, const int32_t *ids, int32_t n_ids) {
    double sum = 0;
    for (int32_t i = 0; i < n_ids; i++)
        t->counts[ids[i]]++;
    for (int32_t i = 0; i < n_ids; i++) {
        /* Each occurrence adds its share, so no list of distinct ids is needed. */
        double weight = raw_weight(t, ids[i]);
        sum += (t->config.norm == AS_TFIDF_NORM_L1 ? fabs(weight) : weight * weight) /
               t->counts[ids[i]];
    }
    if (t->config.norm == AS_TFIDF_NORM_NONE || sum == 0)
        return 1;
    return t->config.norm == AS_TFIDF_NORM_L1 ? sum : sqrt(sum);
}

static void end_text(as_tfidf *t, const int32_t *ids, int32_t n_ids) {
    for (int32_t i = 0; i < n_ids; i++)
        t->counts[ids[i]] = 0;
}

void as_tfidf_weights(as_tfidf *tfidf, const int32_t *ids, int32_t n_ids, float *ret_weights) {
    double norm = begin_text(tfidf, ids, n_ids);
    for (int32_t i = 0; i < n_ids; i++)
        ret_weights[i] = (float)(raw_weight(tfidf, ids[i]) / norm);
    end_text(tfidf, ids, n_ids);
}

void as_tfidf_weights_double(as_tfidf *tfidf, const int32_t *ids, int32_t n_ids,
                             double *ret_weights) {
    double norm = begin_text(tfidf, ids, n_ids);
    for (int32_t i = 0; i < n_ids; i++)
        ret_weights[i] = raw_weight(tfidf, ids[i]) / norm;
    end_text(tfidf, ids, n_ids);
}
