/* SPDX-License-Identifier: MIT */
/* The `embeddings` section of a suite, and the table that a model's embedding.weight starts from.
 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "data/embeddings/embeddings.h"
#include "data/tokenizers/vocabulary.h"

/* ---- configuration ----------------------------------------------------------------------------*/

static const char *const missing_names[] = {[AS_MISSING_ZERO] = "zero",
                                            [AS_MISSING_NORMAL] = "normal",
                                            [AS_MISSING_UNIFORM] = "uniform",
                                            [AS_MISSING_MATCHED] = "matched"};
enum { N_MISSING = sizeof missing_names / sizeof missing_names[0] };

/* Index of `name` among n names; BAD_DATA at where/key, with the nearest. */
static assay_status find_name(const char *name, const char *const *names, size_t n,
                              const char *where, const char *key, int *ret_index,
                              assay_error *error) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0) {
            *ret_index = (int)i;
            return ASSAY_OK;
        }
    const char *near = as_nearest_name(name, names, n);
    return as_fail(error, ASSAY_BAD_DATA, as_where_join(where, "/", key).text,
                   "\"%.80s\" is not known here; use \"%s\"", name, near ? near : names[0]);
}

static assay_status read_missing(const json_t *section, const char *where,
                                 as_embedding_config *config, assay_error *error) {
    static const char *const fields[] = {"kind", "mean", "std", "range"};
    const char *kind = missing_names[config->missing];
    int index = (int)config->missing;
    assay_status status = as_json_check_fields(section, where, fields, 4, error);
    if (status == ASSAY_OK)
        status = as_json_get_string(section, "kind", where, &kind, error);
    if (status == ASSAY_OK)
        status = find_name(kind, missing_names, N_MISSING, where, "kind", &index, error);
    if (status == ASSAY_OK)
        status = as_json_get_number(section, "mean", where, -1e6, 1e6, &config->mean, error);
    if (status == ASSAY_OK)
        status = as_json_get_number(section, "std", where, 0, 1e6, &config->std, error);
    if (status == ASSAY_OK)
        status = as_json_get_number(section, "range", where, 0, 1e6, &config->range, error);
    config->missing = (as_missing_kind)index;
    return status;
}

assay_status as_embedding_config_from_json(as_arena *arena, const json_t *section,
                                           const char *where, as_embedding_config *ret_config,
                                           assay_error *error) {
    static const char *const fields[] = {"resource", "missing", "unknown", "seed"};
    static const char *const unknown_names[] = {"zero", "missing"};
    as_embedding_config config = {
        .missing = AS_MISSING_NORMAL, .std = 0.6, .range = 0.05, .unknown_zero = true, .seed = 42};
    const char *resource = NULL, *unknown = unknown_names[0];
    int64_t seed = 42;
    int index = 0;
    const json_t *missing = json_object_get(section, "missing");
    assay_status status = as_json_check_fields(section, where, fields, 4, error);
    if (status == ASSAY_OK)
        status = as_json_get_string(section, "resource", where, &resource, error);
    if (status == ASSAY_OK && (!resource || !*resource))
        status = as_fail(error, ASSAY_BAD_DATA, as_where_join(where, "/", "resource").text,
                         "is missing; give the name of a resource or the path of a file");
    if (status == ASSAY_OK)
        status = as_json_get_string(section, "unknown", where, &unknown, error);
    if (status == ASSAY_OK)
        status = find_name(unknown, unknown_names, 2, where, "unknown", &index, error);
    if (status == ASSAY_OK)
        status = as_json_get_integer(section, "seed", where, 0, INT64_MAX, &seed, error);
    if (status == ASSAY_OK && missing && !json_is_null(missing))
        status = read_missing(missing, as_where_join(where, "/", "missing").text, &config, error);
    if (status != ASSAY_OK)
        return status;
    if (!(config.resource = as_arena_strdup(arena, resource)))
        return as_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for a name");
    config.unknown_zero = index == 0;
    config.seed = (uint64_t)seed;
    *ret_config = config;
    return ASSAY_OK;
}

/* ---- the table --------------------------------------------------------------------------------*/

/* Mean and standard deviation (divided by n, as NumPy's) of the rows of `found`. */
static void measure(as_embedding_table *table, const bool *found) {
    double n = (double)table->n_found * table->dimensions, sum = 0, squares = 0;
    for (int pass = 0; pass < 2 && n > 0; pass++) {
        for (int32_t id = 0; id < table->vocab_size; id++) {
            const float *row = table->values + (size_t)id * (size_t)table->dimensions;
            for (int32_t i = 0; found[id] && i < table->dimensions; i++) {
                double from_mean = (double)row[i] - table->mean;
                sum += row[i];
                squares += from_mean * from_mean;
            }
        }
        if (pass == 0) {
            table->mean = sum / n;
            squares = 0;
        }
    }
    table->std = n > 0 ? sqrt(squares / n) : 0;
}

/* The numbers of a word without a vector, from a stream of its own. */
static void draw(const as_embedding_config *config, const as_embedding_table *table,
                 const char *word, size_t n_bytes, float *row) {
    as_random random = as_random_init(config->seed, as_hash64_bytes(word, n_bytes));
    bool matched = config->missing == AS_MISSING_MATCHED;
    double mean = matched ? table->mean : config->mean, std = matched ? table->std : config->std;
    for (int32_t i = 0; i < table->dimensions && config->missing != AS_MISSING_ZERO; i++)
        row[i] = config->missing == AS_MISSING_UNIFORM
                     ? (float)(config->range * (2 * as_random_uniform(&random) - 1))
                     : (float)(mean + std * as_random_normal(&random));
}

/* Copies the vectors there are. */
static void copy_found(const as_embeddings *embeddings, const as_vocabulary *vocabulary,
                       as_embedding_table *table, bool *found) {
    size_t d = (size_t)table->dimensions;
    for (int32_t id = AS_TOKEN_FIRST_WORD; id < table->vocab_size; id++) {
        const float *vector = as_embeddings_find(embeddings, as_vocabulary_word(vocabulary, id),
                                                 as_vocabulary_word_bytes(vocabulary, id));
        found[id] = vector != NULL;
        if (vector)
            memcpy(table->values + (size_t)id * d, vector, d * sizeof *vector);
        *(vector ? &table->n_found : &table->n_missing) += 1;
    }
}

assay_status as_embedding_table_new(as_arena *arena, const as_embeddings *embeddings,
                                    const as_vocabulary *vocabulary,
                                    const as_embedding_config *config,
                                    as_embedding_table *ret_table, assay_error *error) {
    static const char unknown_stream[] = "\0UNK"; /* no text has it for a word */
    as_embedding_table table = {.vocab_size = as_vocabulary_size(vocabulary),
                                .dimensions = as_embeddings_dimensions(embeddings)};
    size_t d = (size_t)table.dimensions, n_values;
    bool *found = as_arena_alloc_array(arena, (size_t)table.vocab_size, sizeof *found);
    table.sha256 = as_arena_strdup(arena, as_embeddings_sha256(embeddings));
    if (as_mul_size((size_t)table.vocab_size, d, &n_values))
        table.values = as_arena_alloc_array(arena, n_values, sizeof *table.values);
    if (!table.values || !found || !table.sha256)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "embeddings",
                       "no memory for a table of %d words and %d dimensions", table.vocab_size,
                       table.dimensions);
    copy_found(embeddings, vocabulary, &table, found);
    measure(&table, found);
    if (!config->unknown_zero)
        draw(config, &table, unknown_stream, sizeof unknown_stream,
             table.values + AS_TOKEN_UNK * d);
    for (int32_t id = AS_TOKEN_FIRST_WORD; id < table.vocab_size; id++)
        if (!found[id])
            draw(config, &table, as_vocabulary_word(vocabulary, id),
                 as_vocabulary_word_bytes(vocabulary, id), table.values + (size_t)id * d);
    *ret_table = table;
    return ASSAY_OK;
}
