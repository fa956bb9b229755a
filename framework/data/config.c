/* SPDX-License-Identifier: MIT */
/* The suite's `data` and `tokenizer` sections as structures. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "data/cleaning/cleaning.h"
#include "data/data.h"

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

/* The place of one of `n` words in its list; BAD_DATA names the field and the list. */
static assay_status get_word(const json_t *object, const char *key, const char *where,
                             const char *const *words, size_t n, int *value, assay_error *error) {
    const char *found = NULL;
    char text[sizeof error->text];
    assay_status status = as_json_get_string(object, key, where, &found, error);
    if (status != ASSAY_OK || !found)
        return status;
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], found) == 0) {
            *value = (int)i;
            return ASSAY_OK;
        }
    snprintf(text, sizeof text, "%s is one of:", key);
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s %s", i ? "," : "", words[i]);
    }
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "; found \"%.60s\"", found);
    return assay_fail(error, ASSAY_BAD_DATA, where, text);
}

static assay_status get_seed(const json_t *object, const char *where, uint64_t *seed,
                             assay_error *error) {
    int64_t value = (int64_t)*seed;
    assay_status status = as_json_get_integer(object, "seed", where, 0, INT64_MAX, &value, error);
    if (status == ASSAY_OK)
        *seed = (uint64_t)value;
    return status;
}

static assay_status read_subset(as_arena *arena, const json_t *subset, const char *where,
                                as_data_config *config, assay_error *error) {
    static const char *const names[] = {"labels", "train",      "validation", "test",
                                        "seed",   "stratified", "allocation", "draw"};
    static const char *const draws[] = {"shuffle", "numpy"};
    const char *allocation = "proportional";
    int64_t seed = DEFAULT_SEED;
    int draw = AS_DRAW_SHUFFLE;
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
    if (status == ASSAY_OK)
        status = get_word(subset, "draw", where, draws, N_NAMES(draws), &draw, error);
    if (status != ASSAY_OK)
        return status;
    config->subset.draw = (as_draw)draw;
    if (draw == AS_DRAW_NUMPY)
        config->subset.stratified = false;
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
    static const char *const names[] = {"kind", "share", "seed", "stratified"};
    static const char *const kinds[] = {"share", "tail", "none", "test"};
    int kind = AS_VALIDATION_SHARE;
    assay_status status = as_json_check_fields(validation, where, names, N_NAMES(names), error);
    if (status == ASSAY_OK)
        status = get_word(validation, "kind", where, kinds, N_NAMES(kinds), &kind, error);
    config->validation.kind = (as_validation_kind)kind;
    if (status == ASSAY_OK)
        status =
            as_json_get_number(validation, "share", where, 0, 1, &config->validation.share, error);
    if (status == ASSAY_OK && kind >= AS_VALIDATION_NONE && config->validation.share > 0)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "\"share\" has no meaning with kind \"%s\"; remove one", kinds[kind]);
    if (status == ASSAY_OK)
        status = get_seed(validation, where, &config->validation.seed, error);
    return status == ASSAY_OK ? as_json_get_bool(validation, "stratified", where,
                                                 &config->validation.stratified, error)
                              : status;
}

static assay_status read_folds(const json_t *folds, const char *where, as_data_config *config,
                               assay_error *error) {
    static const char *const names[] = {"n", "index", "seed", "stratified"};
    int64_t n = 0, index = 1;
    assay_status status = as_json_check_fields(folds, where, names, N_NAMES(names), error);
    if (status == ASSAY_OK && !json_object_get(folds, "n"))
        status = missing(where, "n", error);
    if (status == ASSAY_OK)
        status = as_json_get_integer(folds, "n", where, 2, 1000, &n, error);
    if (status == ASSAY_OK)
        status = as_json_get_integer(folds, "index", where, 1, n, &index, error);
    if (status == ASSAY_OK)
        status = get_seed(folds, where, &config->folds.seed, error);
    if (status == ASSAY_OK)
        status = as_json_get_bool(folds, "stratified", where, &config->folds.stratified, error);
    config->folds.n = (int32_t)n;
    config->folds.index = (int32_t)index;
    return status;
}

static assay_status read_filter(const json_t *filter, const char *where, as_data_config *config,
                                assay_error *error) {
    static const char *const names[] = {"min_characters", "min_words"};
    assay_status status = as_json_check_fields(filter, where, names, N_NAMES(names), error);
    if (status == ASSAY_OK)
        status = as_json_get_integer(filter, "min_characters", where, 0, INT32_MAX,
                                     &config->filter.min_characters, error);
    return status == ASSAY_OK ? as_json_get_integer(filter, "min_words", where, 0, INT32_MAX,
                                                    &config->filter.min_words, error)
                              : status;
}

static assay_status read_overlaps(const json_t *overlaps, const char *where, as_data_config *config,
                                  assay_error *error) {
    static const char *const names[] = {"remove"};
    assay_status status = as_json_check_fields(overlaps, where, names, N_NAMES(names), error);
    return status == ASSAY_OK
               ? as_json_get_bool(overlaps, "remove", where, &config->overlaps.remove, error)
               : status;
}

static assay_status read_fingerprint(const json_t *fingerprint, const char *where,
                                     as_data_config *config, assay_error *error) {
    static const char *const names[] = {"distinct_tokens", "longest"};
    assay_status status = as_json_check_fields(fingerprint, where, names, N_NAMES(names), error);
    if (status == ASSAY_OK)
        status = as_json_get_integer(fingerprint, "distinct_tokens", where, 1, INT32_MAX,
                                     &config->fingerprint.distinct_tokens, error);
    return status == ASSAY_OK ? as_json_get_integer(fingerprint, "longest", where, 1, INT32_MAX,
                                                    &config->fingerprint.longest, error)
                              : status;
}

/* An optional object in the section, NULL when absent or null. */
static const json_t *part(const json_t *section, const char *key) {
    const json_t *object = json_object_get(section, key);
    return json_is_null(object) ? NULL : object;
}

/* Calls `read` on an optional part of the section. */
static assay_status read_part(const json_t *section, const char *key, const char *where,
                              assay_status (*read)(const json_t *object, const char *where,
                                                   as_data_config *config, assay_error *error),
                              as_data_config *config, assay_error *error) {
    char place[sizeof error->where];
    snprintf(place, sizeof place, "%s/%s", where, key);
    return part(section, key) ? read(part(section, key), place, config, error) : ASSAY_OK;
}

/* The list of steps, compiled once to see that it can be. */
static assay_status read_cleaning(const json_t *section, const char *where,
                                  const json_t **ret_cleaning, assay_error *error) {
    const json_t *cleaning = part(section, "cleaning");
    as_cleaner *cleaner = NULL;
    char place[sizeof error->where];
    snprintf(place, sizeof place, "%s/cleaning", where);
    if (!cleaning)
        return ASSAY_OK;
    if (!json_is_array(cleaning))
        return as_fail(error, ASSAY_BAD_DATA, place, "is a list of steps; found %s",
                       as_json_type_name(cleaning));
    assay_status status = as_cleaner_new(cleaning, place, &cleaner, error);
    as_cleaner_free(cleaner);
    if (status == ASSAY_OK)
        *ret_cleaning = cleaning;
    return status;
}

assay_status as_data_config_from_json(as_arena *arena, const json_t *section, const char *where,
                                      as_data_config *ret_config, assay_error *error) {
    static const char *const names[] = {"resource", "path",    "order",      "cleaning",
                                        "filter",   "subset",  "validation", "folds",
                                        "overlaps", "balance", "fingerprint"};
    static const char *const orders[] = {"canonical", "archive"};
    static const char *const balances[] = {"none", "class_weights", "weighted_sampling",
                                           "oversample", "undersample"};
    as_data_config config = {.where = as_arena_strdup(arena, where),
                             .order = -1,
                             .subset = {.n_rows = {AS_ROWS_ALL, AS_ROWS_ALL, AS_ROWS_ALL},
                                        .seed = DEFAULT_SEED,
                                        .stratified = true},
                             .validation = {.seed = DEFAULT_SEED, .stratified = true},
                             .folds = {.seed = DEFAULT_SEED, .stratified = true}};
    char place[sizeof error->where];
    int balance = AS_BALANCE_NONE;
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
        status = get_word(section, "order", where, orders, N_NAMES(orders), &config.order, error);
    if (status == ASSAY_OK)
        status = get_word(section, "balance", where, balances, N_NAMES(balances), &balance, error);
    config.balance = (as_balance)balance;
    if (status == ASSAY_OK)
        status = read_cleaning(section, where, &config.cleaning, error);
    snprintf(place, sizeof place, "%s/subset", where);
    if (status == ASSAY_OK && part(section, "subset"))
        status = read_subset(arena, part(section, "subset"), place, &config, error);
    config.validation.seed = config.folds.seed = config.subset.seed;
    if (status == ASSAY_OK)
        status = read_part(section, "validation", where, read_validation, &config, error);
    if (status == ASSAY_OK)
        status = read_part(section, "folds", where, read_folds, &config, error);
    if (status == ASSAY_OK)
        status = read_part(section, "filter", where, read_filter, &config, error);
    if (status == ASSAY_OK)
        status = read_part(section, "overlaps", where, read_overlaps, &config, error);
    if (status == ASSAY_OK)
        status = read_part(section, "fingerprint", where, read_fingerprint, &config, error);
    if (status == ASSAY_OK)
        *ret_config = config;
    return status;
}

/* Fields that only some kinds of tokenizer have: elsewhere they would be ignored, so they are
 * refused. */
static assay_status check_kind_fields(const json_t *section, bool pieces, bool regex,
                                      const char *kind, const char *where, assay_error *error) {
    static const struct {
        const char *name;
        bool pieces;
    } fields[] = {{"vocab_size", false},       {"min_count", false},    {"fit", false},
                  {"pretrained_first", false}, {"vocabulary", true},    {"lower_case", true},
                  {"strip_accents", true},     {"split_chinese", true}, {"special_tokens", true}};
    for (size_t i = 0; i < N_NAMES(fields); i++)
        if (part(section, fields[i].name) && fields[i].pieces != pieces)
            return as_fail(error, ASSAY_BAD_DATA, where,
                           "\"%s\" has no meaning for the tokenizer \"%s\"; remove it",
                           fields[i].name, kind);
    if (!regex == !part(section, "pattern"))
        return ASSAY_OK;
    return as_fail(error, ASSAY_BAD_DATA, where, "\"pattern\" %s",
                   regex ? "is missing: the tokenizer \"regex\" needs one"
                         : "belongs to the tokenizer \"regex\" alone; remove it");
}

/* true, false or absent (-1). */
static assay_status get_choice(const json_t *section, const char *key, const char *where,
                               int32_t *value, assay_error *error) {
    bool chosen = false;
    assay_status status = as_json_get_bool(section, key, where, &chosen, error);
    if (status == ASSAY_OK && part(section, key))
        *value = chosen;
    return status;
}

static assay_status read_tokenizer(as_arena *arena, const json_t *section, const char *where,
                                   as_tokenizer_config *config, assay_error *error) {
    static const char *const names[] = {
        "kind",          "pattern",          "vocab_size",     "min_count",
        "fit",           "pretrained_first", "vocabulary",     "lower_case",
        "strip_accents", "split_chinese",    "special_tokens", "padding"};
    static const char *const paddings[] = {"none", "max_tokens"};
    static const char *const kinds[] = {"words", "whitespace", "unicode", "regex", "wordpiece"};
    static const char *const fits[] = {"train", "train+validation"};
    int64_t vocab_size = config->vocab_size, min_count = config->min_count;
    int kind = 0, fit = 0, padding = 0;
    assay_status status = as_json_check_fields(section, where, names, N_NAMES(names), error);
    if (status == ASSAY_OK)
        status = get_word(section, "kind", where, kinds, N_NAMES(kinds), &kind, error);
    config->kind = kinds[kind];
    if (status == ASSAY_OK)
        status = check_kind_fields(section, kind == 4, kind == 3, kinds[kind], where, error);
    if (status == ASSAY_OK)
        status = get_string(arena, section, "pattern", where, &config->pattern, error);
    if (status == ASSAY_OK)
        status = get_string(arena, section, "vocabulary", where, &config->vocabulary, error);
    if (status == ASSAY_OK)
        status = as_json_get_integer(section, "vocab_size", where, AS_TOKEN_FIRST_WORD + 1,
                                     100000000, &vocab_size, error);
    if (status == ASSAY_OK)
        status = as_json_get_integer(section, "min_count", where, 1, INT32_MAX, &min_count, error);
    if (status == ASSAY_OK)
        status = get_word(section, "fit", where, fits, N_NAMES(fits), &fit, error);
    if (status == ASSAY_OK)
        status =
            as_json_get_bool(section, "pretrained_first", where, &config->pretrained_first, error);
    if (status == ASSAY_OK)
        status = as_json_get_bool(section, "special_tokens", where, &config->special, error);
    if (status == ASSAY_OK)
        status = get_choice(section, "lower_case", where, &config->lower_case, error);
    if (status == ASSAY_OK)
        status = get_choice(section, "strip_accents", where, &config->strip_accents, error);
    if (status == ASSAY_OK)
        status = get_choice(section, "split_chinese", where, &config->split_chinese, error);
    if (status == ASSAY_OK)
        status = get_word(section, "padding", where, paddings, N_NAMES(paddings), &padding, error);
    config->vocab_size = (int32_t)vocab_size;
    config->min_count = (int32_t)min_count;
    config->fit_on_validation = fit == 1;
    config->padded = padding == 1;
    return status;
}

assay_status as_tokenizer_config_from_json(as_arena *arena, const json_t *section,
                                           int32_t max_tokens, const char *where,
                                           as_tokenizer_config *ret_config, assay_error *error) {
    as_tokenizer_config config = {.kind = "words",
                                  .vocab_size = DEFAULT_VOCAB_SIZE,
                                  .min_count = 1,
                                  .vocabulary = NULL,
                                  .lower_case = -1,
                                  .strip_accents = -1,
                                  .split_chinese = -1,
                                  .special = true,
                                  .max_tokens = max_tokens > 0 ? max_tokens : DEFAULT_MAX_TOKENS};
    assay_status status = ASSAY_OK;
    if (section && !json_is_null(section))
        status = read_tokenizer(arena, section, where, &config, error);
    if (status == ASSAY_OK && strcmp(config.kind, "wordpiece") == 0 && !config.vocabulary)
        config.vocabulary = "bert-base-uncased-vocabulary";
    if (status == ASSAY_OK)
        *ret_config = config;
    return status;
}
