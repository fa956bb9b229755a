/* SPDX-License-Identifier: MIT */
/* `--set path=value`: the path is followed through the suite's JSON schema, so that exactly the
 * fields that a suite file may have can be set, and a misspelt one is answered with its nearest
 * name.
 *
 *     data.path=FOLDER                    a field of the suite
 *     training.epochs=1                   short for defaults.training.epochs
 *     entries.NAME.options.hidden=128     a field of one entry
 *
 * The value is JSON where it parses as such, text otherwise. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_schema.h"
#include "cell/suite_json.h"

enum { MAX_FIELDS = 64, MAX_PATH = 512 };

/* Follows "$ref": "#/$defs/NAME". */
static const json_t *resolve(const json_t *root, const json_t *schema) {
    const char *reference = json_string_value(json_object_get(schema, "$ref"));
    if (!reference || strncmp(reference, "#/$defs/", 8) != 0)
        return schema;
    return json_object_get(json_object_get(root, "$defs"), reference + 8);
}

/* Schema of the field `key` of an object with this schema, or NULL. */
static const json_t *field_schema(const json_t *root, const json_t *schema, const char *key) {
    const json_t *field = json_object_get(json_object_get(schema, "properties"), key);
    if (!field) {
        field = json_object_get(schema, "additionalProperties");
        if (!json_is_object(field))
            return NULL;
    }
    return resolve(root, field);
}

static size_t add_names(const json_t *schema, const char **names, size_t n) {
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(schema, "properties"), key, value) {
        if (n < MAX_FIELDS)
            names[n++] = key;
    }
    return n;
}

/* "no field X", with the nearest or all of the names that could stand there. */
static assay_status fail_unknown(const char *where, const char *key, const json_t *schema,
                                 const json_t *also, assay_error *error) {
    const char *names[MAX_FIELDS];
    char all[600] = "";
    size_t n = add_names(schema, names, 0), used = 0;
    n = add_names(also, names, n);
    const char *near = as_nearest_name(key, names, n);
    if (near)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                       "no field \"%s\"; did you mean \"%s\"?", key, near);
    for (size_t i = 0; i < n && used < sizeof all; i++)
        used += (size_t)snprintf(all + used, sizeof all - used, " %s", names[i]);
    return as_fail(error, ASSAY_INVALID_ARGUMENT, where, "no field \"%s\"%s%s", key,
                   n ? "; fields:" : "; nothing can be set below it", all);
}

/* The entry whose name the path goes on with ("NAME.field..."; names may contain dots), and the
 * rest of the path behind it. */
static assay_status find_entry(json_t *suite, char *path, const char *where, json_t **ret_entry,
                               char **ret_rest, assay_error *error) {
    json_t *entries = json_object_get(suite, "entries"), *entry;
    const char *names[MAX_FIELDS];
    size_t i, n = 0, longest = 0;
    json_array_foreach(entries, i, entry) {
        const char *name = json_string_value(json_object_get(entry, "name"));
        size_t length = name ? strlen(name) : 0;
        if (name && n < MAX_FIELDS)
            names[n++] = name;
        if (length <= longest || strncmp(path, name, length) != 0 || path[length] != '.')
            continue;
        longest = length;
        *ret_entry = entry;
    }
    if (longest) {
        *ret_rest = path + longest + 1;
        return ASSAY_OK;
    }
    char *dot = strchr(path, '.');
    if (dot)
        *dot = '\0';
    const char *near = as_nearest_name(path, names, n);
    return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                   "no entry \"%s\" with a field behind it; %s%s%s", path,
                   near ? "did you mean \"" : "write entries.NAME.FIELD=VALUE", near ? near : "",
                   near ? "\"?" : "");
}

static bool allows_type(const json_t *schema, const char *type) {
    const json_t *types = json_object_get(schema, "type"), *one;
    size_t i;
    if (json_is_string(types))
        return strcmp(json_string_value(types), type) == 0;
    json_array_foreach(types, i, one) {
        if (strcmp(json_string_value(one), type) == 0)
            return true;
    }
    return false;
}

/* JSON, or text: also where the field wants text and the JSON is a number ("2024"). */
static json_t *parse_value(const json_t *schema, const char *text) {
    json_error_t ignored;
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &ignored);
    if (value && json_is_number(value) && allows_type(schema, "string") &&
        !allows_type(schema, "number")) {
        json_decref(value);
        value = NULL;
    }
    return value ? value : json_string(text);
}

/* Follows `path` from `object`, making what is missing, and sets its last field, to `value` (which
 * stays the caller's) or, where that is NULL, to what `text` says. */
static assay_status set_field(const json_t *root, const json_t *schema, json_t *object, char *path,
                              const char *text, json_t *value, const char *where,
                              assay_error *error) {
    for (;;) {
        char *dot = strchr(path, '.');
        if (dot)
            *dot = '\0';
        const json_t *field = field_schema(root, schema, path);
        if (!field || !json_is_object(object))
            return fail_unknown(where, path, schema, NULL, error);
        if (!dot) {
            json_t *last = value ? json_deep_copy(value) : parse_value(field, text);
            if (json_object_set_new(object, path, last) != 0)
                return as_fail(error, ASSAY_INVALID_ARGUMENT, where, "value is not valid UTF-8");
            return ASSAY_OK;
        }
        json_t *next = json_object_get(object, path);
        if (!json_is_object(next)) {
            if (!json_object_get(field, "properties") &&
                !json_object_get(field, "additionalProperties"))
                return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                               "\"%s\" has no fields; set it as a whole", path);
            json_object_set_new(object, path, next = json_object());
        }
        object = next;
        schema = field;
        path = dot + 1;
    }
}

static assay_status apply(json_t *suite, const json_t *schema, char *path, const char *value,
                          const char *where, assay_error *error) {
    const json_t *defaults = field_schema(schema, schema, "defaults");
    size_t first = strcspn(path, ".");
    char head[MAX_PATH];
    snprintf(head, sizeof head, "%.*s", (int)first, path);
    if (strcmp(head, "entries") == 0 && path[first] == '.') {
        json_t *entry = NULL;
        char *rest = NULL;
        assay_status status = find_entry(suite, path + first + 1, where, &entry, &rest, error);
        if (status != ASSAY_OK)
            return status;
        const json_t *items = json_object_get(field_schema(schema, schema, "entries"), "items");
        return set_field(schema, resolve(schema, items), entry, rest, value, NULL, where, error);
    }
    if (json_object_get(json_object_get(schema, "properties"), head))
        return set_field(schema, schema, suite, path, value, NULL, where, error);
    if (json_object_get(json_object_get(defaults, "properties"), head)) {
        json_t *object = json_object_get(suite, "defaults");
        if (!object)
            json_object_set_new(suite, "defaults", object = json_object());
        return set_field(schema, defaults, object, path, value, NULL, where, error);
    }
    return fail_unknown(where, head, schema, defaults, error);
}

assay_status as_suite_set_in_entry(const json_t *schema, json_t *entry, const char *path,
                                   json_t *value, const char *where, assay_error *error) {
    const json_t *items = json_object_get(field_schema(schema, schema, "entries"), "items");
    char copy[MAX_PATH];
    assay_error found = ASSAY_ERROR_INIT;
    if (snprintf(copy, sizeof copy, "%s", path) >= MAX_PATH)
        return as_fail(error, ASSAY_BAD_DATA, where, "the path is over %d characters",
                       MAX_PATH - 1);
    if (set_field(schema, resolve(schema, items), entry, copy, NULL, value, where, &found) !=
        ASSAY_OK)
        return assay_fail(error, ASSAY_BAD_DATA, found.where, found.text);
    return ASSAY_OK;
}

assay_status as_suite_set(json_t *suite, const json_t *schema, const char *assignment,
                          assay_error *error) {
    const char *equals = strchr(assignment, '=');
    char path[MAX_PATH], where[MAX_PATH + 32];
    if (!equals || equals == assignment)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--set",
                       "\"%.200s\" is not PATH=VALUE, as training.epochs=1", assignment);
    if ((size_t)(equals - assignment) >= sizeof path)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--set", "the path is over %d characters",
                       MAX_PATH - 1);
    snprintf(path, sizeof path, "%.*s", (int)(equals - assignment), assignment);
    snprintf(where, sizeof where, "--set %s", path);
    assay_status status = apply(suite, schema, path, equals + 1, where, error);
    if (status != ASSAY_OK)
        return status;
    /* What the schema finds now is the assignment's fault, a usage error. */
    assay_error found = ASSAY_ERROR_INIT;
    if (as_json_schema_check(schema, suite, where, &found) != ASSAY_OK)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, found.where, found.text);
    return ASSAY_OK;
}
