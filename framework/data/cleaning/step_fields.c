/* SPDX-License-Identifier: MIT */
/* The table of cleaning steps, and reading one step of a suite: its name, its fields, checked
 * against the table. */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "data/cleaning/steps.h"

#define TEXT false
#define TOKEN true
#define NO_FIELDS                                                                                  \
    {                                                                                              \
        { 0 }                                                                                      \
    }
#define FIELDS(...)                                                                                \
    { __VA_ARGS__ }
#define FIELD(field, field_type, is_needed, text_, low_, high_)                                    \
    {                                                                                              \
        .name = #field, .type = field_type, .offset = offsetof(as_step_options, field),            \
        .needed = is_needed, .text = text_, .low = low_, .high = high_                             \
    }
#define STRING(field, value) FIELD(field, AS_FIELD_STRING, false, value, 0, 0)
#define NEEDED_STRING(field) FIELD(field, AS_FIELD_STRING, true, NULL, 0, 0)
#define BOOLEAN(field, value) FIELD(field, AS_FIELD_BOOLEAN, false, NULL, value, 0)
#define NEEDED_INTEGER(field, low, high) FIELD(field, AS_FIELD_INTEGER, true, NULL, low, high)
#define LIST(field) FIELD(field, AS_FIELD_LIST, false, NULL, 0, 0)
#define NEEDED_LIST(field) FIELD(field, AS_FIELD_LIST, true, NULL, 0, 0)
#define STEP(name, level, fields, prepare, apply, release)                                         \
    {#name, level, fields, prepare, apply, release},
static const as_step_kind kinds[] = {
#include "data/cleaning/steps.def"
};
#undef STEP
#undef TEXT
#undef TOKEN

enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

assay_status as_fail_unknown(assay_error *error, const char *where, const char *what,
                             const char *name, const char *const *names, size_t n) {
    char all[640] = "";
    const char *near = as_nearest_name(name, names, n);
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", names[i]);
    }
    return as_fail(error, ASSAY_INVALID_ARGUMENT, where, "no %s \"%.80s\"%s%s%s; there are: %s",
                   what, name, near ? "; use \"" : "", near ? near : "", near ? "\"" : "", all);
}

static assay_status find_kind(const char *name, const char *where, const as_step_kind **ret_kind,
                              assay_error *error) {
    const char *names[N_KINDS];
    for (size_t i = 0; i < N_KINDS; i++) {
        names[i] = kinds[i].name;
        if (strcmp(kinds[i].name, name) == 0) {
            *ret_kind = &kinds[i];
            return ASSAY_OK;
        }
    }
    return as_fail_unknown(error, where, "cleaning step", name, names, N_KINDS);
}

/* An array of strings, left where it is. */
static assay_status read_list(const json_t *object, const as_step_field *field, const char *where,
                              const json_t **ret_list, assay_error *error) {
    const json_t *list = json_object_get(object, field->name), *one;
    as_where place = as_where_join(where, "/", field->name);
    size_t i;
    if (!list || json_is_null(list))
        return ASSAY_OK;
    if (!json_is_array(list))
        return as_fail(error, ASSAY_BAD_DATA, place.text, "found %s; expected a list of strings",
                       as_json_type_name(list));
    json_array_foreach(list, i, one) {
        char index[32];
        snprintf(index, sizeof index, "%zu", i);
        place = as_where_join(place.text, "/", index);
        if (!json_is_string(one))
            return as_fail(error, ASSAY_BAD_DATA, place.text, "found %s; expected a string",
                           as_json_type_name(one));
        place = as_where_join(where, "/", field->name);
    }
    *ret_list = list;
    return ASSAY_OK;
}

static assay_status read_string(as_arena *arena, const json_t *object, const as_step_field *field,
                                const char *where, const char **value, assay_error *error) {
    const char *text = field->text;
    assay_status status = as_json_get_string(object, field->name, where, &text, error);
    if (status != ASSAY_OK || !text)
        return status;
    if (!(*value = as_arena_strdup(arena, text)))
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the cleaning");
    return ASSAY_OK;
}

/* One field into its place in the options; `object` is NULL where the step is a name alone. */
static assay_status read_field(as_arena *arena, const json_t *object, const as_step_field *field,
                               as_step *step, assay_error *error) {
    void *at = (char *)&step->options + field->offset;
    const json_t *found = json_object_get(object, field->name);
    if (field->needed && (!found || json_is_null(found)))
        return as_fail(error, ASSAY_BAD_DATA, as_where_join(step->where, "/", field->name).text,
                       "missing; the step %s needs it", step->kind->name);
    switch (field->type) {
    case AS_FIELD_STRING:
        return read_string(arena, object, field, step->where, at, error);
    case AS_FIELD_BOOLEAN:
        *(bool *)at = field->low != 0;
        return as_json_get_bool(object, field->name, step->where, at, error);
    case AS_FIELD_INTEGER:
        return as_json_get_integer(object, field->name, step->where, field->low, field->high, at,
                                   error);
    default:
        return read_list(object, field, step->where, at, error);
    }
}

static assay_status read_fields(as_arena *arena, const json_t *object, as_step *step,
                                assay_error *error) {
    const char *names[AS_STEP_MAX_FIELDS + 1] = {"step"};
    size_t n = 0;
    assay_status status = ASSAY_OK;
    while (n < AS_STEP_MAX_FIELDS && step->kind->fields[n].name) {
        names[n + 1] = step->kind->fields[n].name;
        n++;
    }
    if (object)
        status = as_json_check_fields(object, step->where, names, n + 1, error);
    for (size_t i = 0; i < n && status == ASSAY_OK; i++)
        status = read_field(arena, object, &step->kind->fields[i], step, error);
    return status;
}

assay_status as_step_read(as_arena *arena, const json_t *element, const char *where,
                          as_step *ret_step, assay_error *error) {
    const json_t *name = json_is_object(element) ? json_object_get(element, "step") : element;
    as_step step = {.where = as_arena_strdup(arena, where)};
    if (!step.where)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the cleaning");
    if (!json_is_string(name))
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "found %s; expected a step's name, or an object with \"step\"",
                       as_json_type_name(element));
    assay_status status = find_kind(json_string_value(name), where, &step.kind, error);
    if (status == ASSAY_OK)
        status = read_fields(arena, json_is_object(element) ? element : NULL, &step, error);
    if (status == ASSAY_OK && step.kind->prepare)
        status = step.kind->prepare(arena, &step, error);
    if (status != ASSAY_OK)
        return status;
    step.options.characters = step.options.words = NULL;
    *ret_step = step;
    return ASSAY_OK;
}
