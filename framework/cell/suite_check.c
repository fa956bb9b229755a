/* SPDX-License-Identifier: MIT */
/* Entries before their cells: weights, the options these decide, and models built on trial. */
#include "cell/suite_check.h"

#include <string.h>

#include "base/error.h"
#include "data/resources/resources.h"
#include "data/tokenizers/wordpiece.h"
#include "train/weights.h"

enum { TRIAL_CLASSES = 2, TRIAL_WORDS = 5000 };

assay_status as_entry_weights_path(as_arena *arena, const as_entry *entry, const char *data_dir,
                                   const char **ret_path, assay_error *error) {
    const char *name = entry->weights, *path = NULL, *member = NULL;
    if (strchr(name, '/')) {
        *ret_path = name;
        return ASSAY_OK;
    }
    assay_status status =
        as_resource_file(arena, name, "weights", "weights", data_dir, &path, &member, error);
    if (status == ASSAY_OK && member)
        status = as_fail(error, ASSAY_BAD_DATA, path,
                         "is an archive; weights are mapped, so unpack it and give the folder");
    if (status == ASSAY_OK)
        *ret_path = path;
    return status;
}

/* ---- options --------------------------------------------------------------------------------- */

static assay_status no_memory(const as_entry *entry, assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, entry->where, "no memory for its options");
}

/* Adds what `options` leaves out. Weights of another type are left to as_weights_match. */
static assay_status add_missing(as_arena *arena, const as_entry *entry,
                                const as_weights_config *config, const char *path,
                                const assay_plugin *descriptor, json_t *options,
                                assay_error *error) {
    json_t *found = as_weights_config_options(config);
    as_where where = as_where_join(path, ": ", "config.json");
    assay_status status = found ? ASSAY_OK : no_memory(entry, error);
    const char *name;
    json_t *value;
    void *tried = NULL;
    assay_error why = ASSAY_ERROR_INIT;
    if (status == ASSAY_OK &&
        as_options_from_json(arena, descriptor, found, where.text, &tried, &why) != ASSAY_OK)
        status = assay_fail(error, ASSAY_BAD_DATA, why.where, why.text);
    json_object_foreach(found, name, value) {
        if (status == ASSAY_OK && !json_object_get(options, name) &&
            json_object_set(options, name, value) != 0)
            status = no_memory(entry, error);
    }
    json_decref(found);
    return status;
}

/* With the weights open, or NULL. */
static assay_status fill_options(as_arena *arena, const as_entry *entry, const as_weights *weights,
                                 const char *path, const assay_plugin *descriptor,
                                 json_t **ret_options, assay_error *error) {
    const as_weights_config *config = weights ? as_weights_configuration(weights) : NULL;
    json_t *options = entry->options ? json_copy(entry->options) : json_object();
    assay_status status = options ? ASSAY_OK : no_memory(entry, error);
    if (status == ASSAY_OK && config && strcmp(config->model_type, descriptor->id) == 0)
        status = add_missing(arena, entry, config, path, descriptor, options, error);
    if (status == ASSAY_OK)
        *ret_options = options;
    else
        json_decref(options);
    return status;
}

assay_status as_entry_options(as_arena *arena, const as_entry *entry,
                              const assay_plugin *descriptor, const char *data_dir,
                              json_t **ret_options, assay_error *error) {
    as_weights *weights = NULL;
    const char *path = NULL;
    assay_status status = ASSAY_OK;
    if (entry->weights) {
        status = as_entry_weights_path(arena, entry, data_dir, &path, error);
        if (status == ASSAY_OK)
            status = as_weights_open(arena, path, &weights, error);
    }
    if (status == ASSAY_OK)
        status = fill_options(arena, entry, weights, path, descriptor, ret_options, error);
    as_weights_close(weights);
    return status;
}

assay_status as_entry_check_token_weights(const as_entry *entry, const assay_graph_view *view,
                                          assay_error *error) {
    const as_tokenizer_config *t = &entry->tokenizer;
    bool reads = false;
    for (uint32_t i = 0; i < view->n_values; i++)
        reads = reads || view->values[i].input == ASSAY_INPUT_TOKEN_WEIGHTS;
    if (reads ? t->token_weights || t->padded : !t->token_weights)
        return ASSAY_OK;
    as_where place = as_where_join(entry->where, "/", "token_weights");
    return as_fail(
        error, ASSAY_INVALID_ARGUMENT, place.text,
        reads ? "the model \"%s\" reads them, and the entry has none; add \"token_weights\", or "
                "for options.mask_outputs tokenizer.padding"
              : "the model \"%s\" does not read them; set options.token_weights to true if it has "
                "that option",
        entry->model);
}

/* ---- on trial -------------------------------------------------------------------------------- */

typedef struct trial {
    as_arena *arena;
    const as_entry *entry;
    as_plugin plugin;
    const assay_model_graph *model;
    const char *path; /* of the weights */
    as_weights *weights;
    json_t *options;
    assay_graph *graph;
} trial;

static assay_status open_weights(trial *t, const char *data_dir, bool *ret_absent,
                                 assay_error *error) {
    assay_error found = ASSAY_ERROR_INIT;
    if (!t->entry->weights)
        return ASSAY_OK;
    assay_status status = as_entry_weights_path(t->arena, t->entry, data_dir, &t->path, &found);
    *ret_absent = status == ASSAY_NOT_FOUND;
    if (*ret_absent)
        return ASSAY_OK;
    if (status != ASSAY_OK)
        return assay_fail(error, status, found.where, found.text);
    return as_weights_open(t->arena, t->path, &t->weights, error);
}

static assay_status build(trial *t, assay_error *error) {
    const as_weights_config *has = t->weights ? as_weights_configuration(t->weights) : NULL;
    int64_t n_classes = t->weights ? as_weights_classes(t->weights) : 0;
    as_where where = as_where_join(t->entry->where, "/", "options");
    const as_graph_options forward = {0};
    assay_model_config config = {.struct_size = sizeof config,
                                 .n_classes = n_classes >= TRIAL_CLASSES && n_classes <= INT32_MAX
                                                  ? (int32_t)n_classes
                                                  : TRIAL_CLASSES,
                                 .vocab_size = has ? has->vocab_size : TRIAL_WORDS,
                                 .max_tokens = t->entry->max_tokens,
                                 .threads = 1};
    void *options = NULL;
    assay_status status = as_options_from_json(t->arena, t->plugin.descriptor, t->options,
                                               where.text, &options, error);
    config.options = options;
    if (status == ASSAY_OK)
        status = as_graph_build_model(t->model, &config, &forward, &t->graph, error);
    return status;
}

/* The words of a WordPiece vocabulary that is on this machine, against those of the weights. */
static assay_status check_vocabulary(const trial *t, const char *data_dir, assay_error *error) {
    const as_weights_config *has = t->weights ? as_weights_configuration(t->weights) : NULL;
    const as_tokenizer_config *k = &t->entry->tokenizer;
    const as_wordpiece_options options = {k->lower_case, k->split_chinese, k->strip_accents};
    as_wordpiece *wordpiece = NULL;
    const char *path = NULL, *member = NULL;
    assay_error absent = ASSAY_ERROR_INIT;
    if (!has || strcmp(k->kind, "wordpiece") != 0 ||
        as_resource_file(t->arena, k->vocabulary, "vocabulary", "vocabulary", data_dir, &path,
                         &member, &absent) != ASSAY_OK)
        return ASSAY_OK; /* the cell tells what is not there */
    assay_status status =
        as_wordpiece_load_file(t->arena, path, member, &options, &wordpiece, error);
    if (status != ASSAY_OK || as_wordpiece_vocab_size(wordpiece) == has->vocab_size)
        return status;
    as_where where = as_where_join(t->entry->where, "/", "tokenizer/vocabulary");
    return as_fail(error, ASSAY_BAD_DATA, where.text,
                   "%.200s has %d tokens; the weights' config.json says vocab_size %lld: use the "
                   "vocabulary that belongs to them",
                   path, (int)as_wordpiece_vocab_size(wordpiece), (long long)has->vocab_size);
}

/* Token weights, layers that the strategy wants, every tensor of the weights. */
static assay_status check_parameters(trial *t, assay_error *error) {
    const assay_graph_view *view = as_graph_view(t->graph);
    as_weights_result result;
    as_depths depths;
    int32_t lowest;
    assay_status status = as_entry_check_token_weights(t->entry, view, error);
    if (status == ASSAY_OK)
        status = as_depths_of(t->arena, view, &depths, error);
    if (status == ASSAY_OK)
        status = as_strategy_lowest(&t->entry->strategy, &depths, 1, &lowest, error);
    if (status == ASSAY_OK && t->weights)
        status =
            as_weights_match(t->arena, t->weights, view, t->plugin.descriptor->id, &result, error);
    return status;
}

static assay_status try_entry(trial *t, const char *data_dir, assay_error *error) {
    const assay_model_opaque *opaque = NULL;
    assay_error ignored = ASSAY_ERROR_INIT;
    bool absent = false;
    assay_status status =
        as_plugin_load(t->arena, ASSAY_PLUGIN_KIND_MODEL, t->entry->model, &t->plugin, &ignored);
    if (status == ASSAY_OK)
        status = as_plugin_model(&t->plugin, &t->model, &opaque, &ignored);
    if (status != ASSAY_OK || opaque) /* as_suite_cells tells of plugins */
        return ASSAY_OK;
    status = open_weights(t, data_dir, &absent, error);
    if (status != ASSAY_OK || absent)
        return status;
    status = fill_options(t->arena, t->entry, t->weights, t->path, t->plugin.descriptor,
                          &t->options, error);
    if (status == ASSAY_OK)
        status = build(t, error);
    if (status == ASSAY_OK)
        status = check_vocabulary(t, data_dir, error);
    return status == ASSAY_OK ? check_parameters(t, error) : status;
}

/* What a model or strategy says of itself gets the entry's place. */
static assay_status place_error(const as_entry *entry, const assay_error *found,
                                assay_error *error) {
    bool own =
        strncmp(found->where, "options/", 8) == 0 || strncmp(found->where, "strategy/", 9) == 0;
    as_where place = as_where_join(entry->where, "/", found->where);
    return assay_fail(error, found->status, own ? place.text : found->where, found->text);
}

assay_status as_suite_check(const as_suite *suite, const char *data_dir, assay_error *error) {
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < suite->n_entries; i++) {
        trial t = {.arena = as_arena_new(), .entry = &suite->entries[i]};
        assay_error found = ASSAY_ERROR_INIT;
        status = t.arena ? try_entry(&t, data_dir, &found) : no_memory(t.entry, &found);
        if (status != ASSAY_OK)
            status = place_error(t.entry, &found, error);
        as_graph_free(t.graph);
        json_decref(t.options);
        as_weights_close(t.weights);
        as_arena_free(t.arena);
    }
    return status;
}
