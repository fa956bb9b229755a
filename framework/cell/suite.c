/* SPDX-License-Identifier: MIT */
/* Reads a suite: file -> schema -> `--set` and lists of the command line -> what the file's format
 * cannot say (names used twice, lists with doubles) -> structs. Which plugins exist and which
 * options they have is suite_expand.c's. */
#include "cell/suite_json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/json_schema.h"
#include "base/paths.h"
#include "data/cleaning/cleaning.h"
#include "data/embeddings/embeddings.h"
#include "data/embeddings/tfidf.h"
#include "train/recipe.h"

/* Shorter measurements are tries, in which samples of the machine's limits would take most of the
 * time. */
#define LEAST_SECONDS_FOR_PEAKS 0.5

enum { MAX_NAME = 64 };

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "suite", "no memory");
}

int32_t as_dtype_from_name(const char *name) {
    static const char *const names[ASSAY_DTYPE_COUNT] = {"f32", "f64", "bf16", "tf32", "fp16"};
    for (int32_t i = 0; i < ASSAY_DTYPE_COUNT; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* ---- names and lists ------------------------------------------------------------------------- */

/* Names become file names: letters, digits, '.', '_', '-', beginning with a letter or digit. */
static assay_status check_name(const char *name, const char *where, assay_error *error) {
    bool good = isalnum((unsigned char)name[0]) && strlen(name) <= MAX_NAME;
    for (const char *p = name; good && *p; p++)
        good = isalnum((unsigned char)*p) || strchr("._-", *p);
    if (good)
        return ASSAY_OK;
    return as_fail(error, ASSAY_BAD_DATA, where,
                   "found \"%.80s\"; a name has 1 to %d letters, digits, '.', '_' or '-' and "
                   "begins with a letter or digit",
                   name, MAX_NAME);
}

static assay_status check_no_doubles(const json_t *list, const char *where, assay_error *error) {
    for (size_t i = 0; i < json_array_size(list); i++)
        for (size_t j = i + 1; j < json_array_size(list); j++)
            if (json_equal(json_array_get(list, i), json_array_get(list, j))) {
                char text[80], place[400];
                as_json_describe(json_array_get(list, j), text, sizeof text);
                snprintf(place, sizeof place, "%s/%zu", where, j);
                return as_fail(error, ASSAY_BAD_DATA, place, "%s stands in this list twice", text);
            }
    return ASSAY_OK;
}

/* Names of entries that the suite lists. */
static assay_status check_entries(json_t *suite, const char *where, assay_error *error) {
    json_t *entries = json_object_get(suite, "entries"), *entry;
    size_t i;
    json_array_foreach(entries, i, entry) {
        const char *name = json_string_value(json_object_get(entry, "name"));
        char place[300];
        snprintf(place, sizeof place, "%s#/entries/%zu/name", where, i);
        assay_status status = check_name(name, place, error);
        if (status != ASSAY_OK)
            return status;
        for (size_t k = 0; k < i; k++) {
            json_t *other = json_array_get(entries, k);
            if (strcmp(json_string_value(json_object_get(other, "name")), name) == 0)
                return as_fail(error, ASSAY_BAD_DATA, place,
                               "\"%s\" is also the name of entries/%zu; every entry needs its own",
                               name, k);
        }
    }
    return ASSAY_OK;
}

static assay_status check_lists(json_t *suite, const char *where, assay_error *error) {
    static const char *const lists[] = {"backends", "dtypes", "seeds"};
    char place[300];
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < sizeof lists / sizeof lists[0]; i++) {
        snprintf(place, sizeof place, "%s#/%s", where, lists[i]);
        status = check_no_doubles(json_object_get(suite, lists[i]), place, error);
    }
    if (status != ASSAY_OK)
        return status;
    snprintf(place, sizeof place, "%s#/name", where);
    return check_name(json_string_value(json_object_get(suite, "name")), place, error);
}

/* ---- the command line's part ----------------------------------------------------------------- */

static assay_status check_once(const char *option, const char *const *texts, size_t n,
                               assay_error *error) {
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(texts[i], texts[k]) == 0)
                return as_fail(error, ASSAY_INVALID_ARGUMENT, option, "\"%.80s\" twice", texts[i]);
    return ASSAY_OK;
}

static assay_status keep_entries(json_t *suite, const char *const *names, size_t n,
                                 assay_error *error) {
    json_t *entries = json_object_get(suite, "entries"), *entry, *kept = json_array();
    const char *known[256];
    size_t i, n_known = 0;
    json_array_foreach(entries, i, entry) {
        if (n_known < sizeof known / sizeof known[0])
            known[n_known++] = json_string_value(json_object_get(entry, "name"));
    }
    for (size_t k = 0; k < n; k++) {
        bool found = false;
        json_array_foreach(entries, i, entry) {
            if (strcmp(json_string_value(json_object_get(entry, "name")), names[k]) != 0)
                continue;
            json_array_append(kept, entry);
            found = true;
        }
        if (!found) {
            const char *near = as_nearest_name(names[k], known, n_known);
            json_decref(kept);
            return as_fail(error, ASSAY_INVALID_ARGUMENT, "--entries",
                           "the suite has no entry \"%.80s\"%s%s%s", names[k],
                           near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        }
    }
    return json_object_set_new(suite, "entries", kept) == 0 ? ASSAY_OK : no_memory(error);
}

static assay_status replace_list(json_t *suite, const char *option, const char *const *texts,
                                 size_t n, bool numbers, assay_error *error) {
    const char *key = option + 2;
    assay_status status = check_once(option, texts, n, error);
    if (status != ASSAY_OK)
        return status;
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        char *end = NULL;
        long long number = numbers ? strtoll(texts[i], &end, 10) : 0;
        if (numbers && (end == texts[i] || *end)) {
            json_decref(list);
            return as_fail(error, ASSAY_INVALID_ARGUMENT, option, "\"%.80s\" is not a whole number",
                           texts[i]);
        }
        if (json_array_append_new(list, numbers ? json_integer(number) : json_string(texts[i]))) {
            json_decref(list);
            return as_fail(error, ASSAY_INVALID_ARGUMENT, option, "\"%.80s\" is not UTF-8",
                           texts[i]);
        }
    }
    return json_object_set_new(suite, key, list) == 0 ? ASSAY_OK : no_memory(error);
}

static assay_status apply_overrides(json_t *suite, const json_t *schema,
                                    const as_suite_overrides *overrides, assay_error *error) {
    const as_suite_overrides *o = overrides;
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < o->n_sets; i++)
        status = as_suite_set(suite, schema, o->sets[i], error);
    if (status == ASSAY_OK)
        status = check_once("--entries", o->entries, o->n_entries, error);
    if (status == ASSAY_OK && o->entries)
        status = keep_entries(suite, o->entries, o->n_entries, error);
    if (status == ASSAY_OK && o->backends)
        status = replace_list(suite, "--backends", o->backends, o->n_backends, false, error);
    if (status == ASSAY_OK && o->dtypes)
        status = replace_list(suite, "--dtypes", o->dtypes, o->n_dtypes, false, error);
    if (status == ASSAY_OK && o->seeds)
        status = replace_list(suite, "--seeds", o->seeds, o->n_seeds, true, error);
    if (status != ASSAY_OK)
        return status;
    assay_error found = ASSAY_ERROR_INIT;
    if (as_json_schema_check(schema, suite, "command line", &found) != ASSAY_OK)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, found.where, found.text);
    return ASSAY_OK;
}

/* ---- structs --------------------------------------------------------------------------------- */

/* `base` with `over` laid over it, objects field by field; a new value. */
static json_t *merged(json_t *base, json_t *over) {
    if (!json_is_object(base) || !json_is_object(over))
        return json_deep_copy(over ? over : base);
    json_t *result = json_deep_copy(base), *value;
    const char *key;
    json_object_foreach(over, key, value) {
        json_object_set_new(result, key, merged(json_object_get(base, key), value));
    }
    return result;
}

static double number_or(const json_t *object, const char *key, double otherwise) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static const char *text_or(const json_t *object, const char *key, const char *otherwise) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : otherwise;
}

/* How an entry's texts become tokens: tokenizer, cleaning of its own, vectors, weights. */
static assay_status fill_text(as_arena *arena, const json_t *all, as_entry *entry,
                              assay_error *error) {
    const json_t *cleaning = json_object_get(all, "cleaning");
    const json_t *embeddings = json_object_get(all, "embeddings");
    const json_t *weights = json_object_get(all, "token_weights");
    as_where place = as_where_join(entry->where, "/", "tokenizer");
    assay_status status = as_tokenizer_config_from_json(arena, json_object_get(all, "tokenizer"),
                                                        (int32_t)entry->max_tokens, place.text,
                                                        &entry->tokenizer, error);
    if (status == ASSAY_OK && json_is_array(cleaning)) {
        as_cleaner *cleaner = NULL;
        place = as_where_join(entry->where, "/", "cleaning");
        status = as_cleaner_new(cleaning, place.text, &cleaner, error);
        as_cleaner_free(cleaner);
        entry->tokenizer.cleaning = cleaning;
    }
    if (status == ASSAY_OK && embeddings) {
        as_embedding_config *config = as_arena_alloc(arena, sizeof *config);
        place = as_where_join(entry->where, "/", "embeddings");
        if (!config)
            return no_memory(error);
        status = as_embedding_config_from_json(arena, embeddings, place.text, config, error);
        entry->tokenizer.embeddings = config;
    }
    if (status == ASSAY_OK && weights) {
        as_tfidf_config *config = as_arena_alloc(arena, sizeof *config);
        place = as_where_join(entry->where, "/", "token_weights");
        if (!config)
            return no_memory(error);
        status = as_tfidf_config_from_json(weights, place.text, config, error);
        entry->tokenizer.token_weights = config;
    }
    return status;
}

/* A tokenizer of another kind than the defaults' takes none of their fields. */
static void drop_foreign_tokenizer(json_t *all, const json_t *defaults, const json_t *given) {
    json_t *own = json_object_get(given, "tokenizer");
    const json_t *usual = json_object_get(defaults, "tokenizer");
    const char *kind = json_string_value(json_object_get(own, "kind"));
    if (all && usual && kind && strcmp(kind, text_or(usual, "kind", "words")) != 0)
        json_object_set_new(all, "tokenizer", json_deep_copy(own));
}

/* Nor a strategy of another kind. */
static void drop_foreign_strategy(json_t *all, const json_t *defaults, const json_t *given) {
    json_t *own = json_object_get(given, "strategy");
    const json_t *usual = json_object_get(defaults, "strategy");
    const char *kind = json_string_value(json_object_get(own, "kind"));
    if (all && usual && kind && strcmp(kind, text_or(usual, "kind", "")) != 0)
        json_object_set_new(all, "strategy", json_deep_copy(own));
}

/* Nor a schedule of another kind. */
static void drop_foreign_schedule(json_t *all, const json_t *defaults, const json_t *given) {
    const json_t *training = json_object_get(given, "training");
    json_t *own = json_object_get(training, "schedule");
    const json_t *usual = json_object_get(json_object_get(defaults, "training"), "schedule");
    const char *kind = json_string_value(json_object_get(own, "kind"));
    if (all && usual && kind && strcmp(kind, text_or(usual, "kind", "")) != 0)
        json_object_set_new(json_object_get(all, "training"), "schedule", json_deep_copy(own));
}

static void fill_peer(const json_t *peer, as_entry *entry) {
    entry->peer = (as_peer){.of = text_or(peer, "of", NULL),
                            .dtype = text_or(peer, "dtype", "f32"),
                            .program = text_or(peer, "program", entry->name),
                            .same_logits = strcmp(text_or(peer, "logits", "same"), "same") == 0};
}

static assay_status fill_entry(as_arena *arena, as_suite *suite, const as_suite_entry_json *source,
                               as_entry *entry, const char *where, assay_error *error) {
    json_t *defaults = json_object_get(suite->json, "defaults"), *given = source->given;
    json_t *all = defaults ? merged(defaults, given) : json_deep_copy(given);
    drop_foreign_tokenizer(all, defaults, given);
    drop_foreign_schedule(all, defaults, given);
    drop_foreign_strategy(all, defaults, given);
    char place[sizeof error->where];
    if (!all || json_array_append_new(suite->owned, all) != 0)
        return no_memory(error);
    snprintf(place, sizeof place, "%s#/entries/%zu", where, source->place);
    entry->where = as_arena_strdup(arena, place);
    entry->grid = source->grid;
    entry->name = text_or(all, "name", "");
    entry->model = text_or(all, "model", "");
    entry->weights = text_or(all, "weights", NULL);
    entry->options = json_object_get(all, "options");
    entry->max_tokens = (int64_t)number_or(all, "max_tokens", 256);
    entry->training_json = json_object_get(all, "training");
    entry->strategy_json = json_object_get(all, "strategy");
    fill_peer(json_object_get(all, "peer"), entry);
    if (!entry->where)
        return no_memory(error);
    assay_status status =
        as_train_config_from_json(entry->training_json, place, &entry->training, error);
    if (status == ASSAY_OK)
        status = as_strategy_from_json(arena, entry->strategy_json, place, &entry->strategy, error);
    return status == ASSAY_OK ? fill_text(arena, all, entry, error) : status;
}

static assay_status fill_strings(as_arena *arena, const json_t *list, const char ***ret_strings,
                                 size_t *ret_n, assay_error *error) {
    size_t n = json_array_size(list);
    const char **strings = as_arena_alloc_array(arena, n, sizeof *strings);
    if (!strings)
        return no_memory(error);
    for (size_t i = 0; i < n; i++)
        strings[i] = json_string_value(json_array_get(list, i));
    *ret_strings = strings;
    *ret_n = n;
    return ASSAY_OK;
}

static void fill_scenarios(as_suite *suite, const json_t *measure) {
    const json_t *given = json_object_get(measure, "scenarios"), *one;
    size_t i;
    suite->n_scenarios = 0;
    if (!given) {
        suite->scenarios[suite->n_scenarios++] = as_scenario_find("single_stream");
        suite->scenarios[suite->n_scenarios++] = as_scenario_find("offline");
    }
    json_array_foreach(given, i, one) {
        const as_scenario *scenario = as_scenario_find(json_string_value(one));
        if (scenario && suite->n_scenarios < AS_SUITE_SCENARIOS)
            suite->scenarios[suite->n_scenarios++] = scenario;
    }
}

/* Rows that stand for a split are whole units of the largest batch, so every batch must fit into
 * one. */
static assay_status fill_batches(const json_t *list, const char *where, as_blocks_config *blocks,
                                 assay_error *error) {
    json_int_t largest = 1;
    const json_t *one;
    size_t i;
    json_array_foreach(list, i, one) {
        if (json_integer_value(one) > largest)
            largest = json_integer_value(one);
    }
    json_array_foreach(list, i, one) {
        json_int_t batch = json_integer_value(one);
        if (largest % batch != 0)
            return as_fail(error, ASSAY_BAD_DATA, where,
                           "%lld does not divide the largest, %lld; a block is made of whole "
                           "batches of each size",
                           (long long)batch, (long long)largest);
        blocks->batches[blocks->n_batches++] = (int32_t)batch;
    }
    return ASSAY_OK;
}

static assay_status fill_measure(as_suite *suite, const char *where, assay_error *error) {
    const json_t *measure = json_object_get(suite->json, "measure");
    const json_t *blocks = json_object_get(measure, "interleave");
    const json_t *margins = json_object_get(json_object_get(suite->json, "compare"), "margins");
    char place[300];
    suite->measure_seconds = number_or(measure, "seconds", 2);
    const json_t *peaks = json_object_get(measure, "peaks");
    suite->measure_peaks =
        peaks ? json_is_true(peaks) : suite->measure_seconds >= LEAST_SECONDS_FOR_PEAKS;
    suite->measure_scores = !json_is_false(json_object_get(measure, "scores"));
    suite->measure_attention = (size_t)number_or(measure, "attention", 0);
    if (suite->measure_attention > 0 && !suite->measure_scores) {
        snprintf(place, sizeof place, "%s#/measure/attention", where);
        return as_fail(error, ASSAY_BAD_DATA, place,
                       "%zu texts, and measure.scores is false; they are chosen by their "
                       "predictions, so leave one of the two out",
                       suite->measure_attention);
    }
    fill_scenarios(suite, measure);
    suite->interleave = (as_blocks_config){.rounds = (int32_t)number_or(blocks, "rounds", 10),
                                           .seconds = number_or(blocks, "seconds", 1),
                                           .rows = (uint32_t)number_or(blocks, "rows", 0),
                                           .queries = (uint32_t)number_or(blocks, "queries", 10),
                                           .steps = (uint32_t)number_or(blocks, "steps", 4)};
    suite->margin_accuracy = number_or(margins, "accuracy", 0.01);
    suite->margin_latency = number_or(margins, "latency", 0.05);
    suite->margin_training = number_or(margins, "training", 0.05);
    suite->margin_memory = number_or(margins, "memory", 0.05);
    snprintf(place, sizeof place, "%s#/measure/interleave/batches", where);
    return fill_batches(json_object_get(blocks, "batches"), place, &suite->interleave, error);
}

static void fill_checkpoint(as_suite *suite) {
    const json_t *checkpoint = json_object_get(suite->json, "checkpoint");
    suite->checkpoint_keep = json_is_true(json_object_get(checkpoint, "keep"));
    suite->checkpoint_every = number_or(checkpoint, "every", 60);
}

/* The lists that a file may leave out, so that the suite as run states them. */
static int state_lists(json_t *suite) {
    json_t *lists =
        json_pack("{s:[s], s:[s], s:[i]}", "backends", "onednn", "dtypes", "f32", "seeds", 1);
    int failed = !lists || json_object_update_missing(suite, lists) != 0;
    json_decref(lists);
    return failed;
}

/* Every entry, grids expanded; a point of a grid must not take another entry's name. */
static assay_status fill_entries(as_arena *arena, as_suite *suite, const json_t *schema,
                                 const char *where, assay_error *error) {
    as_suite_entry_json *sources = NULL;
    assay_status status = as_suite_entries(arena, suite->json, schema, where, suite->owned,
                                           &sources, &suite->n_entries, error);
    if (status != ASSAY_OK)
        return status;
    suite->entries = as_arena_alloc_array(arena, suite->n_entries, sizeof *suite->entries);
    if (!suite->entries)
        return no_memory(error);
    for (size_t i = 0; status == ASSAY_OK && i < suite->n_entries; i++) {
        status = fill_entry(arena, suite, &sources[i], &suite->entries[i], where, error);
        for (size_t k = 0; status == ASSAY_OK && k < i; k++)
            if (strcmp(suite->entries[k].name, suite->entries[i].name) == 0)
                return as_fail(error, ASSAY_BAD_DATA, suite->entries[i].where,
                               "\"%s\" is also the name of another entry", suite->entries[i].name);
    }
    return status;
}

static const as_entry *find_entry(const as_suite *suite, const char *name) {
    for (size_t i = 0; i < suite->n_entries; i++)
        if (strcmp(suite->entries[i].name, name) == 0)
            return &suite->entries[i];
    return NULL;
}

/* A peer's other entry is in the run, and nobody's peer itself. */
static assay_status check_peers(const as_suite *suite, assay_error *error) {
    for (size_t i = 0; i < suite->n_entries; i++) {
        const as_entry *entry = &suite->entries[i];
        const as_entry *of = entry->peer.of ? find_entry(suite, entry->peer.of) : NULL;
        if (!entry->peer.of || (of && !of->peer.of))
            continue;
        as_where place = as_where_join(entry->where, "/", "peer/of");
        return as_fail(error, ASSAY_INVALID_ARGUMENT, place.text,
                       of ? "\"%s\" is itself a peer of another entry"
                          : "there is no entry \"%s\" in this run; with --entries, name it too",
                       entry->peer.of);
    }
    return ASSAY_OK;
}

/* Takes `suite` over, whatever the status. */
static assay_status make_suite(as_arena *arena, json_t *json, const json_t *schema,
                               const char *where, as_suite **ret_suite, assay_error *error) {
    assay_status status = ASSAY_OK;
    char place[sizeof error->where];
    as_suite *suite = as_arena_alloc(arena, sizeof *suite);
    if (!suite || state_lists(json) != 0 || !(suite->owned = json_array())) {
        json_decref(json);
        return no_memory(error);
    }
    suite->json = json;
    suite->name = text_or(json, "name", "");
    suite->title = text_or(json, "title", suite->name);
    suite->n_seeds = json_array_size(json_object_get(json, "seeds"));
    suite->seeds = as_arena_alloc_array(arena, suite->n_seeds, sizeof *suite->seeds);
    if (!suite->seeds) {
        status = no_memory(error);
        goto fail;
    }
    if ((status = check_entries(json, where, error)) != ASSAY_OK ||
        (status = check_lists(json, where, error)) != ASSAY_OK)
        goto fail;
    for (size_t i = 0; i < suite->n_seeds; i++)
        suite->seeds[i] =
            (uint64_t)json_integer_value(json_array_get(json_object_get(json, "seeds"), i));
    snprintf(place, sizeof place, "%s#/data", where);
    status =
        as_data_config_from_json(arena, json_object_get(json, "data"), place, &suite->data, error);
    if (status == ASSAY_OK)
        status = fill_entries(arena, suite, schema, where, error);
    if (status == ASSAY_OK)
        status = fill_strings(arena, json_object_get(json, "backends"), &suite->backends,
                              &suite->n_backends, error);
    if (status == ASSAY_OK)
        status = fill_strings(arena, json_object_get(json, "dtypes"), &suite->dtypes,
                              &suite->n_dtypes, error);
    if (status != ASSAY_OK)
        goto fail;
    status = fill_measure(suite, where, error);
    if (status == ASSAY_OK)
        status = check_peers(suite, error);
    if (status != ASSAY_OK)
        goto fail;
    fill_checkpoint(suite);
    *ret_suite = suite;
    return ASSAY_OK;
fail:
    as_suite_free(suite);
    return status;
}

void as_suite_free(as_suite *suite) {
    if (!suite)
        return;
    json_decref(suite->json);
    json_decref(suite->owned);
    suite->json = suite->owned = NULL;
}

/* ---- files ----------------------------------------------------------------------------------- */

static assay_status load_schema(as_arena *arena, json_t **ret_schema, assay_error *error) {
    const char *path;
    assay_status status = as_find_suite_file(arena, "schema/suite.schema.json", &path, error);
    return status == ASSAY_OK ? as_json_load(path, ret_schema, error) : status;
}

/* A name with a slash or ending in .json is a path, anything else a name under suites/. */
static assay_status find_suite(as_arena *arena, const char *name, const char **ret_path,
                               assay_error *error) {
    size_t n = strlen(name);
    if (strchr(name, '/') || (n > 5 && strcmp(name + n - 5, ".json") == 0)) {
        *ret_path = name;
        return ASSAY_OK;
    }
    char file[300];
    if (snprintf(file, sizeof file, "%s.json", name) >= (int)sizeof file)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "suite", "the name is too long");
    assay_error found = ASSAY_ERROR_INIT;
    assay_status status = as_find_suite_file(arena, file, ret_path, &found);
    if (status == ASSAY_NOT_FOUND)
        return as_fail(error, status, "suite", "%s\ndo     assay list suites", found.text);
    return status == ASSAY_OK ? status : assay_fail(error, status, found.where, found.text);
}

assay_status as_suite_load(as_arena *arena, const char *path_or_name,
                           const as_suite_overrides *overrides, as_suite **ret_suite,
                           assay_error *error) {
    json_t *schema = NULL, *json = NULL;
    const char *path = NULL;
    assay_status status = find_suite(arena, path_or_name, &path, error);
    if (status == ASSAY_OK)
        status = as_json_load(path, &json, error);
    if (status == ASSAY_OK)
        status = load_schema(arena, &schema, error);
    if (status == ASSAY_OK)
        status = as_json_schema_check(schema, json, path, error);
    if (status == ASSAY_OK)
        status = check_entries(json, path, error);
    if (status == ASSAY_OK && overrides)
        status = apply_overrides(json, schema, overrides, error);
    if (status == ASSAY_OK)
        status = make_suite(arena, json_incref(json), schema, path, ret_suite, error);
    json_decref(schema);
    json_decref(json);
    return status;
}

assay_status as_suite_from_json(as_arena *arena, json_t *suite, const char *where,
                                as_suite **ret_suite, assay_error *error) {
    json_t *schema = NULL;
    assay_status status = load_schema(arena, &schema, error);
    if (status == ASSAY_OK)
        status = as_json_schema_check(schema, suite, where, error);
    if (status == ASSAY_OK)
        status = make_suite(arena, json_incref(suite), schema, where, ret_suite, error);
    json_decref(schema);
    return status;
}

assay_status as_suite_digest(const as_suite *suite, as_sha256_hex *ret_hex, assay_error *error) {
    char *text = json_dumps(suite->json, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text)
        return no_memory(error);
    *ret_hex = as_sha256_bytes(text, strlen(text));
    free(text);
    return ASSAY_OK;
}
