/* SPDX-License-Identifier: MIT */
/* The cells of a suite: entry x backend x dtype x seed. Every plugin is loaded and every option
 * checked here, before anything runs; no plugin code but its query is called. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cell/suite.h"

enum { MAX_CELLS = 100000 };

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "suite", "no memory for its cells");
}

assay_status as_options_from_json(as_arena *arena, const assay_plugin *descriptor, json_t *options,
                                  const char *where, void **ret_options, assay_error *error) {
    size_t n = 0;
    const char *key;
    json_t *value;
    as_option_value *values =
        as_arena_alloc_array(arena, json_object_size(options) + 1, sizeof *values);
    if (!values)
        return no_memory(error);
    json_object_foreach(options, key, value) {
        as_option_value *one = &values[n++];
        one->name = key;
        one->kind = json_is_string(value)    ? AS_OPTION_TEXT
                    : json_is_boolean(value) ? AS_OPTION_BOOL
                                             : AS_OPTION_NUMBER;
        one->number = json_is_boolean(value) ? json_is_true(value) : json_number_value(value);
        one->text = json_string_value(value);
    }
    return as_options_fill(arena, descriptor, values, n, where, ret_options, error);
}

json_t *as_options_to_json(const assay_plugin *descriptor, const void *options) {
    json_t *json = json_object();
    for (uint64_t i = 0; i < descriptor->n_options; i++) {
        const assay_option *option = &descriptor->options[i];
        const char *field = (const char *)options + option->offset;
        int64_t integer;
        double real;
        const char *text;
        memcpy(&integer, field, sizeof integer);
        memcpy(&real, field, sizeof real);
        memcpy(&text, field, sizeof text);
        json_t *value = option->kind == ASSAY_OPTION_KIND_REAL   ? json_real(real)
                        : option->kind == ASSAY_OPTION_KIND_BOOL ? json_boolean(integer != 0)
                        : option->kind == ASSAY_OPTION_KIND_TEXT ? json_string(text)
                        : option->kind == ASSAY_OPTION_KIND_CHOICE
                            ? json_string(option->choices[integer])
                            : json_integer(integer);
        json_object_set_new(json, option->name, value);
    }
    return json;
}

static assay_status check_peer(const as_entry *entry, bool own, assay_error *error) {
    as_where place = as_where_join(entry->where, "/", "peer");
    if (!entry->peer.of || own)
        return ASSAY_OK;
    return as_fail(error, ASSAY_INVALID_ARGUMENT, place.text,
                   "the model \"%s\" is a graph model; a peer is an opaque one, as external",
                   entry->model);
}

/* A peer stands beside cells of one precision; where there are none, it has no cell. */
static bool is_wanted(const as_suite *suite, const as_entry *entry) {
    for (size_t d = 0; entry->peer.of && d < suite->n_dtypes; d++)
        if (strcmp(suite->dtypes[d], entry->peer.dtype) == 0)
            return true;
    return !entry->peer.of;
}

/* A model's interface, its options checked; *ret_own says whether it is opaque. */
static assay_status check_model(as_arena *arena, const as_entry *entry, bool *ret_own,
                                assay_error *error) {
    as_plugin plugin;
    const assay_model_graph *graph = NULL;
    const assay_model_opaque *opaque = NULL;
    void *options;
    char where[sizeof error->where];
    assay_error found = ASSAY_ERROR_INIT;
    assay_status status =
        as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, entry->model, &plugin, &found);
    if (status == ASSAY_OK)
        status = as_plugin_model(&plugin, &graph, &opaque, &found);
    if (status != ASSAY_OK) {
        snprintf(where, sizeof where, "%s/model", entry->where);
        return as_fail(error, status, where, "%s: %s", found.where, found.text);
    }
    snprintf(where, sizeof where, "%s/options", entry->where);
    *ret_own = opaque != NULL;
    return as_options_from_json(arena, plugin.descriptor, entry->options, where, &options, error);
}

static assay_status backend_ids(as_arena *arena, const as_suite *suite, const char ***ret_ids,
                                assay_error *error) {
    const char **ids = as_arena_alloc_array(arena, suite->n_backends, sizeof *ids);
    if (!ids)
        return no_memory(error);
    for (size_t i = 0; i < suite->n_backends; i++) {
        as_plugin plugin;
        const assay_backend *backend;
        char where[64];
        assay_error found = ASSAY_ERROR_INIT;
        assay_status status =
            as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, suite->backends[i], &plugin, &found);
        if (status == ASSAY_OK)
            status = as_plugin_backend(&plugin, &backend, &found);
        if (status != ASSAY_OK) {
            snprintf(where, sizeof where, "backends/%zu", i);
            return as_fail(error, status, where, "%s: %s", found.where, found.text);
        }
        ids[i] = plugin.descriptor->id;
    }
    *ret_ids = ids;
    return ASSAY_OK;
}

static assay_status add_cell(as_arena *arena, as_cell_spec *cell, const as_entry *entry,
                             const char *backend, const char *backend_id, const char *dtype,
                             uint64_t seed, assay_error *error) {
    char name[256];
    int n =
        snprintf(name, sizeof name, "%s__%s__%s__s%" PRIu64, entry->name, backend_id, dtype, seed);
    if (n < 0 || (size_t)n >= sizeof name)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, entry->where, "the cell's name is too long");
    *cell = (as_cell_spec){entry, backend, dtype, seed, as_arena_strdup(arena, name)};
    return cell->name ? ASSAY_OK : no_memory(error);
}

assay_status as_suite_cells(as_arena *arena, const as_suite *suite, as_cell_spec **ret_cells,
                            size_t *ret_n, assay_error *error) {
    size_t most, n = 0;
    if (!as_mul_size(suite->n_entries, suite->n_backends * suite->n_dtypes, &most) ||
        !as_mul_size(most, suite->n_seeds, &most) || most > MAX_CELLS)
        return as_fail(error, ASSAY_LIMIT, "suite", "expands to over %d cells", MAX_CELLS);
    as_cell_spec *cells = as_arena_alloc_array(arena, most, sizeof *cells);
    const char **ids = NULL;
    if (!cells)
        return no_memory(error);
    assay_status status = backend_ids(arena, suite, &ids, error);
    for (size_t e = 0; status == ASSAY_OK && e < suite->n_entries; e++) {
        const as_entry *entry = &suite->entries[e];
        bool own = false;
        status = check_model(arena, entry, &own, error);
        if (status == ASSAY_OK)
            status = check_peer(entry, own, error);
        if (!is_wanted(suite, entry))
            continue;
        const char *own_dtype = entry->peer.of ? entry->peer.dtype : "f32";
        size_t n_backends = own ? 1 : suite->n_backends, n_dtypes = own ? 1 : suite->n_dtypes;
        for (size_t b = 0; b < n_backends; b++)
            for (size_t d = 0; d < n_dtypes; d++)
                for (size_t s = 0; status == ASSAY_OK && s < suite->n_seeds; s++)
                    status = add_cell(arena, &cells[n++], entry, own ? "own" : suite->backends[b],
                                      own ? "own" : ids[b], own ? own_dtype : suite->dtypes[d],
                                      suite->seeds[s], error);
    }
    if (status != ASSAY_OK)
        return status;
    *ret_cells = cells;
    *ret_n = n;
    return ASSAY_OK;
}
