/* SPDX-License-Identifier: MIT */
/* The suite's `data` and `tokenizer` sections as structures. */
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "data/cleaning.h"
#include "data/data.h"
#include "data/words.h"

enum { DEFAULT_SEED = 42, DEFAULT_VOCAB_SIZE = 20000, DEFAULT_MAX_TOKENS = 256 };
#define N_NAMES(names) (sizeof(names) / sizeof(names)[0])

static assay_status no_memory(const char *where, assay_error *error) {
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the configuration");
}

static assay_status missing(const char *where, const char *key, assay_error *error) {
    return as_fail(error, ASSAY_BAD_DATA, where, "the field \"%s\" is missing; add it", key);
}

/* A copy in the arena; NULL stays NULL. */
static assay_status get_string(as_arena *arena, const json_t *object, const char *key,
                               const char *where, const char **value, assay_error *error) {
    const char *found = NULL;
    assay_status status = as_json_get_string(object, key, where, &found, error);
    if (status == ASSAY_OK && found && !(*value = as_arena_strdup(arena, found)))
        return no_memory(where, error);
    return status;
}

/* A list of strings; absent or null is the empty list. */
static assay_status get_strings(as_arena *arena, const json_t *object, const char *key,
                                const char *where, const char *const **ret_list, size_t *ret_n,
                                assay_error *error) {
    const json_t *list = json_object_get(object, key), *item;
    size_t n = json_array_size(list), i;
    const char **names = as_arena_alloc_array(arena, n, sizeof *names);
    if (!names)
        return no_memory(where, error);
    if (list && !json_is_null(list) && !json_is_array(list))
        return as_fail(error, ASSAY_BAD_DATA, where, "\"%s\" is a list of strings; found %s", key,
                       as_json_type_name(list));
    json_array_foreach(list, i, item) {
        if (!json_is_string(item))
            return as_fail(error, ASSAY_BAD_DATA, where, "\"%s\" is a list of strings; found %s",
                           key, as_json_type_name(item));
        if (!(names[i] = as_arena_strdup(arena, json_string_value(item))))
            return no_memory(where, error);
    }
    *ret_list = names;
    *ret_n = n;
    return ASSAY_OK;
}

static assay_status read_subset(as_arena *arena, const json_t *subset, const char *where,
                                as_data_config *config, assay_error *error) {
    static const char *const names[] = {"labels", "train",      "validation", "test",
                                        "seed",   "stratified", "allocation"};
    const char *allocation = "proportional";
    int64_t seed = DEFAULT_SEED;
    assay_status status = as_json_check_fields(subset, where, names, N_NAMES(names), error);
    if (status == ASSAY_OK)
        status = get_strings(arena, subset, "labels", where, &config->subset.labels,
                             &config->subset.n_labels, error);
    for (int s = 0; s < AS_SPLIT_COUNT && status == ASSAY_OK; s++)
        status = as_json_get_integer(subset, as_split_name((as_split)s), where,
                                     s == AS_SPLIT_VALIDATION ? 0 : 1, UINT32_MAX,
                                     &config->subset.n_rows[s], error);
    if (status == ASSAY_OK)
        status = as_json_get_integer(subset, "seed", where, 0, INT64_MAX, &seed, error);
    if (status == ASSAY_OK)
        status = as_json_get_bool(subset, "stratified", where, &config->subset.stratified, error);
    if (status == ASSAY_OK)
        status = as_json_get_string(subset, "allocation", where, &allocation, error);
    if (status != ASSAY_OK)
        return status;
    config->subset.seed = (uint64_t)seed;
    config->subset.allocation =
        strcmp(allocation, "equal") == 0 ? AS_ALLOCATION_EQUAL : AS_ALLOCATION_PROPORTIONAL;
    if (config->subset.allocation != AS_ALLOCATION_EQUAL && strcmp(allocation, "proportional") != 0)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "allocation is \"proportional\" or \"equal\"; found \"%.60s\"", allocation);
    if (config->subset.allocation == AS_ALLOCATION_EQUAL && !config->subset.stratified)
        return assay_fail(error, ASSAY_BAD_DATA, where,
                          "allocation \"equal\" needs stratified rows; remove \"stratified\"");
    return ASSAY_OK;
}

static assay_status read_validation(const json_t *validation, const char *where,
                                    as_data_config *config, assay_error *error) {
    static const char *const names[] = {"share", "seed", "stratified"};
    int64_t seed = (int64_t)config->subset.seed;
    assay_status status = as_json_check_fields(validation, where, names, N_NAMES(names), error);
    if (status == ASSAY_OK)
        status =
            as_json_get_number(validation, "share", where, 0, 1, &config->validation.share, error);
    if (status == ASSAY_OK)
        status = as_json_get_integer(validation, "seed", where, 0, INT64_MAX, &seed, error);
    if (status == ASSAY_OK)
        status = as_json_get_bool(validation, "stratified", where, &config->validation.stratified,
                                  error);
    config->validation.seed = (uint64_t)seed;
    return status;
}

/* Fields that have one value so far: another is refused, not ignored. */
static assay_status check_fixed(const json_t *section, const char *key, const char *only,
                                const char *where, assay_error *error) {
    const char *value = only;
    assay_status status = as_json_get_string(section, key, where, &value, error);
    if (status == ASSAY_OK && strcmp(value, only) != 0)
        return as_fail(error, ASSAY_UNSUPPORTED, where, "%s is \"%s\" here; found \"%.60s\"", key,
                       only, value);
    return status;
}

/* An optional object in the section, NULL when absent or null. */
static const json_t *part(const json_t *section, const char *key) {
    const json_t *object = json_object_get(section, key);
    return json_is_null(object) ? NULL : object;
}

assay_status as_data_config_from_json(as_arena *arena, const json_t *section, const char *where,
                                      as_data_config *ret_config, assay_error *error) {
    static const char *const names[] = {"resource", "path",       "order",  "cleaning",
                                        "subset",   "validation", "balance"};
    as_data_config config = {.where = as_arena_strdup(arena, where),
                             .subset = {.n_rows = {AS_ROWS_ALL, AS_ROWS_ALL, AS_ROWS_ALL},
                                        .seed = DEFAULT_SEED,
                                        .stratified = true},
                             .validation = {.seed = DEFAULT_SEED, .stratified = true}};
    char place[sizeof error->where];
    assay_status status = as_json_check_fields(section, where, names, N_NAMES(names), error);
    if (!config.where)
        return no_memory(where, error);
    if (status == ASSAY_OK)
        status = get_string(arena, section, "resource", where, &config.resource, error);
    if (status == ASSAY_OK && !config.resource)
        status = missing(where, "resource", error);
    if (status == ASSAY_OK)
        status = get_string(arena, section, "path", where, &config.path, error);
    if (status == ASSAY_OK)
        status = check_fixed(section, "order", "canonical", where, error);
    if (status == ASSAY_OK)
        status = check_fixed(section, "balance", "none", where, error);
    if (status == ASSAY_OK)
        status = get_strings(arena, section, "cleaning", where, &config.cleaning,
                             &config.n_cleaning, error);
    for (size_t i = 0; i < config.n_cleaning && status == ASSAY_OK; i++) {
        const as_cleaning_step *step;
        snprintf(place, sizeof place, "%s/cleaning/%zu", where, i);
        status = as_cleaning_find(config.cleaning[i], place, &step, error);
    }
    snprintf(place, sizeof place, "%s/subset", where);
    if (status == ASSAY_OK && part(section, "subset"))
        status = read_subset(arena, part(section, "subset"), place, &config, error);
    config.validation.seed = config.subset.seed;
    snprintf(place, sizeof place, "%s/validation", where);
    if (status == ASSAY_OK && part(section, "validation"))
        status = read_validation(part(section, "validation"), place, &config, error);
    if (status == ASSAY_OK)
        *ret_config = config;
    return status;
}

assay_status as_tokenizer_config_from_json(as_arena *arena, const json_t *section,
                                           int32_t max_tokens, const char *where,
                                           as_tokenizer_config *ret_config, assay_error *error) {
    static const char *const names[] = {"kind", "vocab_size"};
    int64_t vocab_size = DEFAULT_VOCAB_SIZE;
    as_tokenizer_config config = {.kind = "words",
                                  .max_tokens = max_tokens > 0 ? max_tokens : DEFAULT_MAX_TOKENS};
    const as_tokenizer *tokenizer;
    assay_status status = ASSAY_OK;
    if (section && !json_is_null(section)) {
        status = as_json_check_fields(section, where, names, N_NAMES(names), error);
        if (status == ASSAY_OK)
            status = get_string(arena, section, "kind", where, &config.kind, error);
        if (status == ASSAY_OK)
            status = as_json_get_integer(section, "vocab_size", where, AS_TOKEN_FIRST_WORD + 1,
                                         100000000, &vocab_size, error);
    }
    if (status == ASSAY_OK)
        status = as_tokenizer_find(config.kind, where, &tokenizer, error);
    if (status != ASSAY_OK)
        return status;
    config.vocab_size = (int32_t)vocab_size;
    *ret_config = config;
    return ASSAY_OK;
}
