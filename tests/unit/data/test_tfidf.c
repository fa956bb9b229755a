/* SPDX-License-Identifier: MIT */
/* TF-IDF, against scikit-learn (tests/golden/make_tfidf_golden.py). */
#include <math.h>

#include "data/embeddings/tfidf.h"
#include "words_data.h"

static as_row row_of(as_arena *arena, const json_t *ids) {
    int32_t n = (int32_t)json_array_size(ids);
    int32_t *copy = as_arena_alloc_array(arena, (size_t)n, sizeof *copy);
    for (int32_t i = 0; i < n; i++)
        copy[i] = (int32_t)json_integer_value(json_array_get(ids, (size_t)i));
    return (as_row){.ids = copy, .n_ids = n};
}

static as_tfidf *fit(as_arena *arena, const json_t *rows, int32_t vocab_size,
                     as_tfidf_config config) {
    as_split_rows train = {.n_rows = (uint32_t)json_array_size(rows)};
    as_row *copy = as_arena_alloc_array(arena, train.n_rows, sizeof *copy);
    as_tfidf *tfidf;
    for (uint32_t i = 0; i < train.n_rows; i++)
        copy[i] = row_of(arena, json_array_get(rows, i));
    train.rows = copy;
    cr_assert_eq(as_tfidf_fit(arena, &train, vocab_size, &config, &tfidf, NULL), ASSAY_OK);
    return tfidf;
}

static void weights_are(as_arena *arena, as_tfidf *tfidf, const json_t *ids,
                        const json_t *expected) {
    as_row row = row_of(arena, ids);
    double weights[64];
    float floats[64];
    cr_assert(row.n_ids <= 64 && json_array_size(expected) == (size_t)row.n_ids);
    as_tfidf_weights_double(tfidf, row.ids, row.n_ids, weights);
    as_tfidf_weights(tfidf, row.ids, row.n_ids, floats);
    for (int32_t i = 0; i < row.n_ids; i++) {
        double want = json_number_value(json_array_get(expected, (size_t)i));
        cr_assert_float_eq(weights[i], want, 1e-9, "token %d: %.12g, expected %.12g", i, weights[i],
                           want);
        cr_assert_eq(floats[i], (float)weights[i]);
    }
}

Test(tfidf, equals_scikit_learn) {
    json_t *golden = load_golden("tfidf.json"), *one, *ids;
    int32_t vocab_size = (int32_t)json_integer_value(json_object_get(golden, "vocabulary"));
    size_t c, i, n_compared = 0;
    cr_assert_eq(json_array_size(json_object_get(golden, "cases")), 48);
    json_array_foreach(json_object_get(golden, "cases"), c, one) {
        as_arena *arena = as_arena_new();
        as_tfidf_config config;
        json_t *section = json_pack(
            "{s:s, s:O, s:O, s:O}", "kind", "tfidf", "smooth", json_object_get(one, "smooth"),
            "sublinear", json_object_get(one, "sublinear"), "norm", json_object_get(one, "norm"));
        cr_assert_eq(as_tfidf_config_from_json(section, "x", &config, NULL), ASSAY_OK);
        const json_t *corpus =
            json_array_get(json_object_get(golden, "corpora"),
                           (size_t)json_integer_value(json_object_get(one, "corpus")));
        const json_t *rows = json_object_get(corpus, "rows");
        const json_t *other = json_object_get(corpus, "other");
        const json_t *weights = json_object_get(one, "weights");
        as_tfidf *tfidf = fit(arena, rows, vocab_size, config);
        size_t n_fitted = json_array_size(weights) - json_array_size(other);
        for (i = 0; i < n_fitted; i++, n_compared++)
            weights_are(arena, tfidf, json_array_get(rows, i), json_array_get(weights, i));
        json_array_foreach(other, i, ids)
            weights_are(arena, tfidf, ids, json_array_get(weights, n_fitted + i));
        for (i = 2; i < (size_t)vocab_size; i++)
            cr_assert_float_eq(as_tfidf_idf(tfidf)[i],
                               json_number_value(json_array_get(json_object_get(one, "idf"), i)),
                               1e-12);
        json_decref(section);
        as_arena_free(arena);
    }
    cr_assert(n_compared > 600);
    json_decref(golden);
}

Test(tfidf, padding_weighs_nothing) {
    as_arena *arena = as_arena_new();
    json_t *rows = json_pack("[[i, i, i], [i, i]]", 2, 3, 0, 3, 0);
    as_tfidf *tfidf =
        fit(arena, rows, 4, (as_tfidf_config){.smooth = true, .norm = AS_TFIDF_NORM_L2});
    const int32_t ids[] = {2, 3, 0, 0, 0};
    double with[5], without[2];
    as_tfidf_weights_double(tfidf, ids, 5, with);
    as_tfidf_weights_double(tfidf, ids, 2, without);
    cr_assert(with[0] == without[0] && with[1] == without[1] && with[2] == 0 && with[4] == 0);
    cr_assert_float_eq(with[0] * with[0] + with[1] * with[1], 1, 1e-12);
    as_tfidf_weights_double(tfidf, ids + 2, 3, with);
    cr_assert(with[0] == 0 && with[2] == 0, "no division by a norm of 0");
    json_decref(rows);
    as_arena_free(arena);
}

Test(tfidf, configuration) {
    as_tfidf_config config;
    static const char *const bad[][3] = {
        {"{\"kind\": \"bm25\"}", "x/kind", "use \"tfidf\""},
        {"{\"kind\": \"tfidf\", \"norm\": \"max\"}", "x/norm", "\"l2\""},
        {"{\"kind\": \"tfidf\", \"smoth\": true}", "x", "\"smooth\""},
        {"{\"kind\": \"tfidf\", \"smooth\": 1}", "x/smooth", "true or false"},
    };
    json_t *section = json_pack("{s:s}", "kind", "tfidf");
    cr_assert_eq(as_tfidf_config_from_json(section, "x", &config, NULL), ASSAY_OK);
    cr_assert(config.smooth && !config.sublinear && config.norm == AS_TFIDF_NORM_L2);
    json_decref(section);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assay_error error = ASSAY_ERROR_INIT;
        section = json_loads(bad[i][0], 0, NULL);
        cr_assert_eq(as_tfidf_config_from_json(section, "x", &config, &error), ASSAY_BAD_DATA);
        cr_assert(strncmp(error.where, bad[i][1], strlen(bad[i][1])) == 0, "%s", error.where);
        cr_assert(strstr(error.text, bad[i][2]), "%s", error.text);
        json_decref(section);
    }
}
