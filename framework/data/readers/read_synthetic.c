/* SPDX-License-Identifier: MIT */
/* A generated data set that is learnable through word order alone. Each text is a run of filler
 * words with two marker words in it; the label says which marker comes first. Texts come in pairs:
 * the second has the same words with the markers exchanged and the other label. So both classes
 * have the same multiset of words, pair by pair, and every bag-of-words classifier is exactly at
 * chance.
 *
 * Draws are integers from Philox streams keyed by seed and split: the same bytes on every machine.
 * Options: seed, min_words, max_words (markers included), fillers, and rows per split (even). */
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "data/readers/reader.h"

enum { MAX_WORDS = 512 };

static const char *const markers[2] = {"red", "blue"};

typedef struct recipe {
    int64_t seed, min_words, max_words, fillers, rows[AS_SPLIT_COUNT];
} recipe;

static assay_status read_recipe(const as_manifest *manifest, recipe *ret_recipe,
                                assay_error *error) {
    recipe r = {1, 6, 16, 50, {2000, 0, 500}};
    const json_t *options = manifest->reader;
    assay_status status =
        as_json_get_integer(options, "seed", manifest->file, 0, INT64_MAX, &r.seed, error);
    if (status == ASSAY_OK)
        status = as_json_get_integer(options, "min_words", manifest->file, 2, MAX_WORDS,
                                     &r.min_words, error);
    if (status == ASSAY_OK)
        status = as_json_get_integer(options, "max_words", manifest->file, r.min_words, MAX_WORDS,
                                     &r.max_words, error);
    if (status == ASSAY_OK)
        status =
            as_json_get_integer(options, "fillers", manifest->file, 1, 100000, &r.fillers, error);
    for (int s = 0; s < AS_SPLIT_COUNT && status == ASSAY_OK; s++) {
        const char *key = as_split_name((as_split)s);
        status =
            as_json_get_integer(options, key, manifest->file, 0, AS_MAX_ROWS, &r.rows[s], error);
        if (status == ASSAY_OK && r.rows[s] % 2)
            status = as_fail(error, ASSAY_BAD_DATA, manifest->file,
                             "reader.%s is %lld; rows come in pairs, so it must be even", key,
                             (long long)r.rows[s]);
    }
    if (status == ASSAY_OK)
        *ret_recipe = r;
    return status;
}

/* Words of one pair: fillers everywhere but at the two marker positions. */
typedef struct pair {
    uint32_t n_words, first, second; /* positions of the markers, first < second */
    uint32_t fillers[MAX_WORDS];
} pair;

static void draw_pair(as_random *random, const recipe *r, pair *p) {
    uint64_t span = (uint64_t)(r->max_words - r->min_words + 1);
    p->n_words = (uint32_t)((uint64_t)r->min_words + as_random_below(random, span));
    for (uint32_t i = 0; i < p->n_words; i++)
        p->fillers[i] = (uint32_t)as_random_below(random, (uint64_t)r->fillers);
    uint32_t a = (uint32_t)as_random_below(random, p->n_words);
    uint32_t b = (uint32_t)as_random_below(random, p->n_words - 1);
    b += b >= a;
    p->first = a < b ? a : b;
    p->second = a < b ? b : a;
}

/* The text of the pair's member whose first marker is markers[label]; returns its length. */
static size_t write_text(const pair *p, uint32_t label, char *text, size_t size) {
    size_t used = 0;
    for (uint32_t i = 0; i < p->n_words; i++) {
        const char *space = i ? " " : "";
        int n = i == p->first || i == p->second
                    ? snprintf(text + used, size - used, "%s%s", space,
                               markers[i == p->first ? label : 1 - label])
                    : snprintf(text + used, size - used, "%sw%u", space, p->fillers[i]);
        used += (size_t)n;
    }
    return used;
}

assay_status as_read_synthetic(const as_manifest *manifest, const char *path, as_dataset *dataset,
                               assay_error *error) {
    char text[MAX_WORDS * 8], name[24], purpose[40];
    recipe r;
    pair p = {0, 0, 0, {0}};
    assay_status status = read_recipe(manifest, &r, error);
    (void)path;
    if (status == ASSAY_OK && dataset->n_labels != 2)
        status = as_fail(error, ASSAY_BAD_DATA, manifest->file,
                         "has %u labels; the synthetic data has two: red first, blue first",
                         dataset->n_labels);
    for (int s = 0; s < AS_SPLIT_COUNT && status == ASSAY_OK; s++) {
        snprintf(purpose, sizeof purpose, "synthetic/%s", as_split_name((as_split)s));
        as_random random = as_random_init((uint64_t)r.seed, as_hash64(purpose));
        for (int64_t row = 0; row < r.rows[s] && status == ASSAY_OK; row++) {
            uint32_t label = (uint32_t)(row & 1);
            if (!label)
                draw_pair(&random, &r, &p);
            size_t n = write_text(&p, label, text, sizeof text);
            snprintf(name, sizeof name, "%07lld", (long long)row);
            status =
                as_dataset_add(dataset, (as_split)s, label, name, text, n, manifest->file, error);
        }
    }
    return status;
}
