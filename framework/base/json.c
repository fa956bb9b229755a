/* SPDX-License-Identifier: MIT */
/* JSON (RFC 8259) by Jansson, with bounds on size and nesting and errors a user can act on. */
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"

static size_t json_depth(const json_t *json) {
    size_t deepest = 0, i;
    const char *key;
    json_t *child;
    if (json_is_object(json)) {
        json_object_foreach((json_t *)(uintptr_t)json, key, child) {
            size_t depth = json_depth(child);
            deepest = depth > deepest ? depth : deepest;
        }
    } else if (json_is_array(json)) {
        json_array_foreach(json, i, child) {
            size_t depth = json_depth(child);
            deepest = depth > deepest ? depth : deepest;
        }
    } else {
        return 0;
    }
    return deepest + 1;
}

assay_status as_json_parse(const char *text, size_t n_bytes, const char *name, json_t **ret_json,
                           assay_error *error) {
    json_error_t why;
    char where[sizeof error->where];
    if (n_bytes > AS_JSON_MAX_BYTES)
        return as_fail(error, ASSAY_LIMIT, name, "has %zu bytes; at most %d are read", n_bytes,
                       AS_JSON_MAX_BYTES);
    json_t *json = json_loadb(text, n_bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!json) {
        snprintf(where, sizeof where, "%s:%d:%d", name, why.line, why.column);
        if (json_error_code(&why) == json_error_out_of_memory)
            return as_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the document");
        return as_fail(error, ASSAY_BAD_DATA, where, "not valid JSON: %s", why.text);
    }
    if (json_depth(json) > AS_JSON_MAX_DEPTH) {
        json_decref(json);
        return as_fail(error, ASSAY_LIMIT, name, "is nested deeper than %d levels",
                       AS_JSON_MAX_DEPTH);
    }
    *ret_json = json;
    return ASSAY_OK;
}

assay_status as_json_load(const char *path, json_t **ret_json, assay_error *error) {
    char *text;
    size_t n_bytes;
    assay_status status = as_file_read(path, AS_JSON_MAX_BYTES, &text, &n_bytes, error);
    if (status != ASSAY_OK)
        return status;
    status = as_json_parse(text, n_bytes, path, ret_json, error);
    free(text);
    return status;
}

const char *as_json_type_name(const json_t *json) {
    if (!json)
        return "nothing";
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
        return "integer";
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    default:
        return "null";
    }
}

void as_json_describe(const json_t *json, char *text, size_t size) {
    char *dump = json ? json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    int n = snprintf(text, size, "%s", dump ? dump : as_json_type_name(json));
    if (n > 0 && (size_t)n >= size && size > 4) {
        size_t cut = size - 4;
        while (cut && ((unsigned char)text[cut] & 0xC0) == 0x80) /* not inside a character */
            cut--;
        snprintf(text + cut, size - cut, "...");
    }
    free(dump);
}

/* The field's value, or NULL when it is absent or null: the default holds. */
static const json_t *field(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

static assay_status wrong_field(const json_t *value, const char *key, const char *where,
                                const char *expected, assay_error *error) {
    char place[sizeof error->where], found[80];
    snprintf(place, sizeof place, "%s/%s", where, key);
    as_json_describe(value, found, sizeof found);
    return as_fail(error, ASSAY_BAD_DATA, place, "found %s (%s); expected %s", found,
                   as_json_type_name(value), expected);
}

assay_status as_json_get_string(const json_t *object, const char *key, const char *where,
                                const char **value, assay_error *error) {
    const json_t *found = field(object, key);
    if (!found)
        return ASSAY_OK;
    if (!json_is_string(found))
        return wrong_field(found, key, where, "a string", error);
    *value = json_string_value(found);
    return ASSAY_OK;
}

assay_status as_json_get_integer(const json_t *object, const char *key, const char *where,
                                 int64_t low, int64_t high, int64_t *value, assay_error *error) {
    char expected[96];
    const json_t *found = field(object, key);
    if (!found)
        return ASSAY_OK;
    if (!json_is_integer(found) || json_integer_value(found) < low ||
        json_integer_value(found) > high) {
        snprintf(expected, sizeof expected, "an integer from %lld to %lld", (long long)low,
                 (long long)high);
        return wrong_field(found, key, where, expected, error);
    }
    *value = json_integer_value(found);
    return ASSAY_OK;
}

assay_status as_json_get_number(const json_t *object, const char *key, const char *where,
                                double low, double high, double *value, assay_error *error) {
    char expected[96];
    const json_t *found = field(object, key);
    if (!found)
        return ASSAY_OK;
    if (!json_is_number(found) || !(json_number_value(found) >= low) ||
        !(json_number_value(found) <= high)) {
        snprintf(expected, sizeof expected, "a number from %g to %g", low, high);
        return wrong_field(found, key, where, expected, error);
    }
    *value = json_number_value(found);
    return ASSAY_OK;
}

assay_status as_json_get_bool(const json_t *object, const char *key, const char *where, bool *value,
                              assay_error *error) {
    const json_t *found = field(object, key);
    if (!found)
        return ASSAY_OK;
    if (!json_is_boolean(found))
        return wrong_field(found, key, where, "true or false", error);
    *value = json_is_true(found);
    return ASSAY_OK;
}

void as_json_describe_unknown(const char *key, const char *const *names, size_t n, char *text,
                              size_t size) {
    const char *near = as_nearest_name(key, names, n);
    size_t used;
    snprintf(text, size, "no field \"%.80s\"%s%s%s; fields:", key, near ? "; use \"" : "",
             near ? near : "", near ? "\"" : "");
    for (size_t i = 0; i < n; i++) {
        used = strlen(text);
        snprintf(text + used, size - used, "%s %s", i ? "," : "", names[i]);
    }
}

assay_status as_json_check_fields(const json_t *object, const char *where, const char *const *names,
                                  size_t n, assay_error *error) {
    char text[sizeof error->text];
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return as_fail(error, ASSAY_BAD_DATA, where, "found %s; expected an object",
                       as_json_type_name(object));
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        size_t i = 0;
        while (i < n && strcmp(names[i], key) != 0)
            i++;
        if (i < n)
            continue;
        as_json_describe_unknown(key, names, n, text, sizeof text);
        return assay_fail(error, ASSAY_BAD_DATA, where, text);
    }
    return ASSAY_OK;
}

json_t *as_json_text(const char *text) {
    static const char replacement[] = "\xef\xbf\xbd";
    json_t *value = text ? json_string(text) : json_null();
    if (value)
        return value;
    char *repaired = malloc(3 * strlen(text) + 1), *to = repaired;
    for (const char *from = text; repaired && *from;) {
        uint32_t code;
        size_t n = as_utf8_sequence(from, &code);
        memcpy(to, n ? from : replacement, n ? n : sizeof replacement - 1);
        to += n ? n : sizeof replacement - 1;
        from += n ? n : 1;
    }
    value = repaired ? json_stringn(repaired, (size_t)(to - repaired)) : NULL;
    free(repaired);
    return value;
}
