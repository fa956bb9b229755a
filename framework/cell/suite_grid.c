/* SPDX-License-Identifier: MIT */
/* An entry with a grid stands for one entry per combination of its values:
 *
 *     {"name": "gru", "grid": {"values": {"training.lr": [1e-3, 5e-4], "options.hidden": [64]}}}
 *
 * becomes gru-hidden64-lr0.001 and gru-hidden64-lr0.0005: fields in the order of their paths, so
 * that names don't depend on how the JSON was written; the last varies fastest. Which of them a
 * report shows is decided there, on validation figures alone. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_schema.h"
#include "cell/suite_json.h"

enum { MAX_FIELDS = 8, MAX_ENTRIES = 1000, MAX_NAME = 64 };

/* A grid while its points are made. */
typedef struct grid {
    const json_t *entry, *spec;
    const char *where; /* of the grid: "quick.json#/entries/1/grid" */
    const char *paths[MAX_FIELDS];
    const json_t *lists[MAX_FIELDS];
    size_t n_fields, n_points;
} grid;

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "suite", "no memory for its grids");
}

static assay_status read_grid(const json_t *entry, const char *where, grid *ret_grid,
                              assay_error *error) {
    grid g = {.entry = entry, .spec = json_object_get(entry, "grid"), .where = where};
    const char *path;
    json_t *list;
    g.n_points = 1;
    json_object_foreach(json_object_get(g.spec, "values"), path, list) {
        if (g.n_fields == MAX_FIELDS)
            return as_fail(error, ASSAY_LIMIT, where, "over %d fields", MAX_FIELDS);
        as_where place = as_where_join(where, "/values/", path);
        for (size_t i = 0; i < json_array_size(list); i++)
            for (size_t j = 0; j < i; j++)
                if (json_equal(json_array_get(list, i), json_array_get(list, j)))
                    return as_fail(error, ASSAY_BAD_DATA, place.text,
                                   "value %zu is also value %zu; each point is run once", i, j);
        if (strcmp(path, "name") == 0 || strncmp(path, "grid", 4) == 0)
            return as_fail(error, ASSAY_BAD_DATA, place.text, "cannot be varied");
        size_t at = g.n_fields++;
        for (; at > 0 && strcmp(g.paths[at - 1], path) > 0; at--) {
            g.paths[at] = g.paths[at - 1];
            g.lists[at] = g.lists[at - 1];
        }
        g.paths[at] = path;
        g.lists[at] = list;
        g.n_points *= json_array_size(list);
        if (g.n_points > MAX_ENTRIES)
            return as_fail(error, ASSAY_LIMIT, where, "over %d combinations", MAX_ENTRIES);
    }
    *ret_grid = g;
    return ASSAY_OK;
}

/* The point's value of field f; the last field varies fastest. */
static json_t *value_at(const grid *g, size_t point, size_t f) {
    for (size_t later = g->n_fields; later-- > f + 1;)
        point /= json_array_size(g->lists[later]);
    return json_array_get(g->lists[f], point % json_array_size(g->lists[f]));
}

/* "-lr0.001" for training.lr = 0.001, made of characters that names may have. */
static void add_to_name(char *name, size_t size, const char *path, const json_t *value) {
    const char *dot = strrchr(path, '.');
    char *text = json_is_string(value)
                     ? strdup(json_string_value(value))
                     : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
    size_t n = strlen(name);
    if (n < size)
        snprintf(name + n, size - n, "-%s%s", dot ? dot + 1 : path, text ? text : "");
    for (char *p = name + n; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
            *p = '_';
    free(text);
}

/* The point's own name; a number where the values would make it too long. */
static void name_point(const grid *g, size_t point, char *name, size_t size) {
    const char *base = json_string_value(json_object_get(g->entry, "name"));
    snprintf(name, size, "%s", base);
    for (size_t f = 0; f < g->n_fields; f++)
        add_to_name(name, size, g->paths[f], value_at(g, point, f));
    if (strlen(name) > MAX_NAME)
        snprintf(name, size, "%.*s-g%zu", MAX_NAME - 8, base, point + 1);
}

/* Does the suite's schema allow this entry? What it finds is the grid's fault. */
static assay_status check_entry(const json_t *suite, const json_t *schema, json_t *entry,
                                const grid *g, assay_error *error) {
    json_t *alone = json_copy((json_t *)(uintptr_t)suite), *list = json_array();
    assay_error found = ASSAY_ERROR_INIT;
    assay_status status = ASSAY_OK;
    if (!alone || !list || json_array_append(list, entry) != 0 ||
        json_object_set(alone, "entries", list) != 0)
        status = no_memory(error);
    else if (as_json_schema_check(schema, alone, "", &found) != ASSAY_OK) {
        const char *field = strstr(found.where, "/entries/0/");
        status = as_fail(error, ASSAY_BAD_DATA, g->where, "%s: %s",
                         field ? field + strlen("/entries/0/") : found.where, found.text);
    }
    json_decref(alone);
    json_decref(list);
    return status;
}

static assay_status add_point(const json_t *suite, const json_t *schema, const grid *g,
                              size_t point, as_suite_entry_json *entry, json_t *owned,
                              assay_error *error) {
    json_t *given = json_deep_copy(g->entry), *values = json_object();
    json_t *about = json_object();
    char name[256];
    assay_status status = ASSAY_OK;
    if (!given || !values || !about || json_array_append_new(owned, given) != 0 ||
        json_array_append_new(owned, about) != 0) {
        json_decref(values);
        return no_memory(error);
    }
    json_object_del(given, "grid");
    for (size_t f = 0; status == ASSAY_OK && f < g->n_fields; f++) {
        json_t *value = value_at(g, point, f);
        as_where place = as_where_join(g->where, "/values/", g->paths[f]);
        json_object_set_new(values, g->paths[f], json_deep_copy(value));
        status = as_suite_set_in_entry(schema, given, g->paths[f], value, place.text, error);
    }
    name_point(g, point, name, sizeof name);
    json_object_set_new(given, "name", json_string(name));
    const json_t *select = json_object_get(g->spec, "select");
    json_object_set(about, "entry", json_object_get(g->entry, "name"));
    json_object_set_new(about, "select",
                        json_string(select ? json_string_value(select) : "validation.accuracy"));
    json_object_set_new(about, "values", values);
    if (status == ASSAY_OK)
        status = check_entry(suite, schema, given, g, error);
    entry->given = given;
    entry->grid = about;
    return status;
}

assay_status as_suite_entries(as_arena *arena, const json_t *suite, const json_t *schema,
                              const char *where, json_t *owned, as_suite_entry_json **ret_entries,
                              size_t *ret_n, assay_error *error) {
    json_t *list = json_object_get(suite, "entries"), *given;
    as_suite_entry_json *entries = as_arena_alloc_array(arena, MAX_ENTRIES, sizeof *entries);
    size_t n = 0, i;
    if (!entries)
        return no_memory(error);
    json_array_foreach(list, i, given) {
        char place[300];
        grid g = {0};
        if (!json_object_get(given, "grid")) {
            if (n == MAX_ENTRIES)
                return as_fail(error, ASSAY_LIMIT, where, "over %d entries", MAX_ENTRIES);
            entries[n++] = (as_suite_entry_json){i, given, NULL};
            continue;
        }
        snprintf(place, sizeof place, "%s#/entries/%zu/grid", where, i);
        assay_status status = read_grid(given, place, &g, error);
        if (status == ASSAY_OK && n + g.n_points > MAX_ENTRIES)
            status = as_fail(error, ASSAY_LIMIT, place, "makes it over %d entries", MAX_ENTRIES);
        for (size_t point = 0; status == ASSAY_OK && point < g.n_points; point++) {
            entries[n].place = i;
            status = add_point(suite, schema, &g, point, &entries[n++], owned, error);
        }
        if (status != ASSAY_OK)
            return status;
    }
    *ret_entries = entries;
    *ret_n = n;
    return ASSAY_OK;
}
