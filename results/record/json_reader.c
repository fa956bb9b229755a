/* SPDX-License-Identifier: MIT */
/* Checked access to an untrusted JSON tree. */
#include "results/record/json_reader.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"

assay_status as_field_load(const char *path, int newest, json_t **ret_json, assay_error *error) {
    json_t *json = NULL;
    assay_status status = as_json_load(path, &json, error);
    if (status != ASSAY_OK)
        return status;
    const json_t *version = json_object_get(json, "schema_version");
    json_int_t number = json_integer_value(version);
    if (!json_is_object(json) || !json_is_integer(version) || number < 1)
        status = as_fail(error, ASSAY_BAD_DATA, path,
                         "schema_version: must be a whole number from 1; is this a file of assay?");
    else if (number > newest)
        status = as_fail(error, ASSAY_UNSUPPORTED, path,
                         "schema_version is %lld; this build reads up to %d: use a newer assay",
                         (long long)number, newest);
    if (status != ASSAY_OK) {
        json_decref(json);
        return status;
    }
    *ret_json = json;
    return ASSAY_OK;
}

void as_field_fail(as_json_reader *r, assay_status status, const char *key, const char *format,
                   ...) {
    if (r->status != ASSAY_OK)
        return;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    r->status =
        as_fail(r->error, status, r->file, "%s%s%s: %s", r->path, r->path[0] ? "." : "", key, text);
}

void as_field_need(as_json_reader *r, bool good, const char *key, const char *expected) {
    if (!good)
        as_field_fail(r, ASSAY_BAD_DATA, key, "must be %s", expected);
}

void *as_field_alloc(as_json_reader *r, size_t n, size_t size, const char *key) {
    void *items = as_arena_alloc_array(r->arena, n, size);
    if (!items)
        as_field_fail(r, ASSAY_OUT_OF_MEMORY, key, "no memory for %zu items", n);
    return items;
}

static void push(as_json_reader *r, const char *key, const char *suffix) {
    size_t n = strlen(r->path);
    r->marks[r->depth++] = n;
    snprintf(r->path + n, sizeof r->path - n, "%s%s%s", n ? "." : "", key, suffix);
}

/* A value of another type than asked: null and missing are no error. */
static void wrong_type(as_json_reader *r, const json_t *value, const char *key,
                       const char *wanted) {
    if (value && !json_is_null(value))
        as_field_fail(r, ASSAY_BAD_DATA, key, "must be %s", wanted);
}

json_t *as_field_object(as_json_reader *r, const json_t *o, const char *key) {
    json_t *value = json_object_get(o, key);
    if (json_is_object(value))
        return value;
    wrong_type(r, value, key, "an object");
    return NULL;
}

const json_t *as_field_enter(as_json_reader *r, const json_t *o, const char *key) {
    const json_t *value = as_field_object(r, o, key);
    push(r, key, "");
    return value;
}

const json_t *as_field_enter_item(as_json_reader *r, const json_t *array, const char *key,
                                  size_t i) {
    char suffix[32];
    snprintf(suffix, sizeof suffix, "[%zu]", i);
    push(r, key, suffix);
    const json_t *value = json_array_get(array, i);
    if (json_is_object(value))
        return value;
    as_field_fail(r, ASSAY_BAD_DATA, "", "must be an object");
    return NULL;
}

void as_field_leave(as_json_reader *r) {
    r->path[r->marks[--r->depth]] = '\0';
}

const char *as_field_text(as_json_reader *r, const json_t *o, const char *key) {
    const json_t *value = json_object_get(o, key);
    if (!json_is_string(value))
        wrong_type(r, value, key, "a text");
    return json_string_value(value);
}

double as_field_real(as_json_reader *r, const json_t *o, const char *key) {
    const json_t *value = json_object_get(o, key);
    if (json_is_number(value))
        return json_number_value(value);
    wrong_type(r, value, key, "a number or null");
    return NAN;
}

int64_t as_field_count(as_json_reader *r, const json_t *o, const char *key) {
    const json_t *value = json_object_get(o, key);
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        return json_integer_value(value);
    wrong_type(r, value, key, "a whole number from 0");
    return -1;
}

int32_t as_field_count32(as_json_reader *r, const json_t *o, const char *key) {
    int64_t value = as_field_count(r, o, key);
    if (value <= INT32_MAX)
        return (int32_t)value;
    as_field_fail(r, ASSAY_BAD_DATA, key, "must be below 2^31");
    return -1;
}

int as_field_flag(as_json_reader *r, const json_t *o, const char *key) {
    const json_t *value = json_object_get(o, key);
    if (!json_is_boolean(value))
        wrong_type(r, value, key, "true or false");
    return json_is_true(value);
}

const json_t *as_field_array(as_json_reader *r, const json_t *o, const char *key, size_t most,
                             size_t *ret_n) {
    const json_t *value = json_object_get(o, key);
    *ret_n = 0;
    if (!json_is_array(value)) {
        wrong_type(r, value, key, "an array");
        return NULL;
    }
    if (json_array_size(value) > most) {
        as_field_fail(r, ASSAY_LIMIT, key, "has %zu items; at most %zu are read",
                      json_array_size(value), most);
        return NULL;
    }
    *ret_n = json_array_size(value);
    return value;
}
