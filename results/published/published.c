/* SPDX-License-Identifier: MIT */
/* Reading of published figures. The schema checks types and bounds; what it cannot say (a value or
 * a range, epochs and classes where they belong) is checked here. */
#include "results/published/published.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/json_schema.h"
#include "base/paths.h"

static assay_status no_memory(assay_error *error) {
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, "published", "no memory for published figures");
}

static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

/* A value, or low and high with low <= high. */
static assay_status read_range(const json_t *object, const char *where, double *ret_low,
                               double *ret_high, assay_error *error) {
    const json_t *value = json_object_get(object, "value"), *low = json_object_get(object, "low"),
                 *high = json_object_get(object, "high");
    if (value ? low || high : !low || !high)
        return assay_fail(error, ASSAY_BAD_DATA, where,
                          "found neither or both; expected \"value\", or \"low\" and \"high\"");
    double least = json_number_value(value ? value : low),
           most = json_number_value(value ? value : high);
    if (least > most)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "found low %g above high %g; expected low <= high", least, most);
    *ret_low = least;
    *ret_high = most;
    return ASSAY_OK;
}

static assay_status read_figure(const json_t *json, const char *where, as_published_figure *f,
                                assay_error *error) {
    static const char classes[] = "test.per_class.", epochs[] = "epochs.";
    const char *kind = text_of(json, "kind"), *hardware = text_of(json, "hardware");
    f->field = text_of(json, "field");
    f->class_label = text_of(json, "class");
    f->epoch = (int32_t)json_integer_value(json_object_get(json, "epoch"));
    f->remark = text_of(json, "remark");
    f->derived = strcmp(kind, "derived") == 0;
    f->approximate = json_is_true(json_object_get(json, "approximate"));
    f->hardware_unstated = hardware && strcmp(hardware, "unstated") == 0;
    if ((strncmp(f->field, classes, sizeof classes - 1) == 0) != (f->class_label != NULL))
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "\"class\" belongs to figures of test.per_class and to no other; this is %s",
                       f->field);
    if (f->epoch && strncmp(f->field, epochs, sizeof epochs - 1) != 0)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "\"epoch\" belongs to figures of epochs and to no other; this is %s",
                       f->field);
    return read_range(json, where, &f->low, &f->high, error);
}

static assay_status read_entry(as_arena *arena, const json_t *json, const char *path, size_t index,
                               as_published_entry *e, assay_error *error) {
    const json_t *figures = json_object_get(json, "figures");
    char place[sizeof error->where];
    e->name = text_of(json, "name");
    e->suite = text_of(json, "suite");
    e->remark = text_of(json, "remark");
    e->pretrained = json_is_true(json_object_get(json, "pretrained"));
    e->recipe = json_object_get(json, "recipe");
    e->choices = json_object_get(json, "choices");
    e->n_figures = json_array_size(figures);
    e->figures = as_arena_alloc_array(arena, e->n_figures, sizeof *e->figures);
    if (!e->figures)
        return no_memory(error);
    for (size_t i = 0; i < e->n_figures; i++) {
        snprintf(place, sizeof place, "%s#/entries/%zu/figures/%zu", path, index, i);
        assay_status status = read_figure(json_array_get(figures, i), place, &e->figures[i], error);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

/* Facts of `list` have a value or a range too. */
static assay_status check_facts(const json_t *json, const char *list, const char *path,
                                assay_error *error) {
    const json_t *facts = json_object_get(json, list);
    char place[sizeof error->where];
    double low, high;
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < json_array_size(facts); i++) {
        snprintf(place, sizeof place, "%s#/%s/%zu", path, list, i);
        status = read_range(json_array_get(facts, i), place, &low, &high, error);
    }
    return status;
}

static assay_status read_entries(as_arena *arena, const char *path, as_published *p,
                                 assay_error *error) {
    const json_t *entries = json_object_get(p->json, "entries");
    char place[sizeof error->where];
    assay_status status = ASSAY_OK;
    p->n_entries = json_array_size(entries);
    p->entries = as_arena_alloc_array(arena, p->n_entries, sizeof *p->entries);
    if (!p->entries)
        return no_memory(error);
    for (size_t i = 0; status == ASSAY_OK && i < p->n_entries; i++) {
        snprintf(place, sizeof place, "%s#/entries/%zu", path, i);
        status = read_entry(arena, json_array_get(entries, i), path, i, &p->entries[i], error);
        for (size_t k = 0; status == ASSAY_OK && k < i; k++)
            if (strcmp(p->entries[k].name, p->entries[i].name) == 0)
                status = as_fail(error, ASSAY_BAD_DATA, place,
                                 "\"%s\" is also the name of another entry", p->entries[i].name);
    }
    return status;
}

static assay_status check_schema(as_arena *arena, const json_t *json, const char *path,
                                 assay_error *error) {
    const char *file = NULL;
    json_t *schema = NULL;
    assay_status status =
        as_find_suite_file(arena, "../results/schema/published.schema.json", &file, error);
    if (status == ASSAY_OK)
        status = as_json_load(file, &schema, error);
    if (status == ASSAY_OK)
        status = as_json_schema_check(schema, json, path, error);
    json_decref(schema);
    return status;
}

assay_status as_published_read(as_arena *arena, const char *path, const char *name,
                               as_published *ret_published, assay_error *error) {
    as_published p = {NULL, NULL, NULL, NULL, NULL, NULL, 0};
    char place[sizeof error->where];
    assay_status status = as_json_load(path, &p.json, error);
    if (status == ASSAY_OK)
        status = check_schema(arena, p.json, path, error);
    if (status != ASSAY_OK)
        goto fail;
    p.name = text_of(p.json, "name");
    p.source = text_of(p.json, "source");
    p.remark = text_of(p.json, "remark");
    p.data = json_object_get(p.json, "data");
    if (strcmp(p.name, name) != 0) {
        snprintf(place, sizeof place, "%s#/name", path);
        status = as_fail(error, ASSAY_BAD_DATA, place, "found \"%s\"; expected \"%s\", as its file",
                         p.name, name);
        goto fail;
    }
    if ((status = check_facts(p.json, "data", path, error)) != ASSAY_OK ||
        (status = check_facts(p.json, "claims", path, error)) != ASSAY_OK ||
        (status = read_entries(arena, path, &p, error)) != ASSAY_OK)
        goto fail;
    *ret_published = p;
    return ASSAY_OK;
fail:
    json_decref(p.json);
    return status;
}

assay_status as_published_load(as_arena *arena, const char *name, as_published *ret_published,
                               assay_error *error) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const char *path = NULL;
    char file[128];
    size_t n = strlen(name);
    if (n == 0 || n > 60 || strspn(name, allowed) != n)
        return as_fail(error, ASSAY_BAD_DATA, "suite#/report/published",
                       "found \"%.80s\"; expected a study's name such as study-a: small letters, "
                       "digits and hyphens, at most 60",
                       name);
    snprintf(file, sizeof file, "../results/published/%s.json", name);
    assay_status status = as_find_suite_file(arena, file, &path, error);
    return status == ASSAY_OK ? as_published_read(arena, path, name, ret_published, error) : status;
}

void as_published_done(as_published *published) {
    json_decref(published->json);
    *published = (as_published){NULL, NULL, NULL, NULL, NULL, NULL, 0};
}
