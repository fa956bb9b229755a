/* SPDX-License-Identifier: MIT */
/* base/json.h: JSON documents read with bounds (Jansson underneath), and fields with defaults.
 * Duplicate keys are refused. Errors name file:line:column, or the field. */
#ifndef AS_BASE_JSON_H
#define AS_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "assay/status.h"

enum { AS_JSON_MAX_BYTES = 16 << 20, AS_JSON_MAX_DEPTH = 64 };

/* [any] Parses one document; `name` stands for it in errors. The caller json_decref()s it. */
ASSAY_MUST_USE assay_status as_json_parse(const char *text, size_t n_bytes, const char *name,
                                          json_t **ret_json, assay_error *error);

/* [any] Reads and parses a file. */
ASSAY_MUST_USE assay_status as_json_load(const char *path, json_t **ret_json, assay_error *error);

/* Fields with defaults: `value` holds the default and keeps it when the field is absent or null;
 * another type or a value outside [low, high] is ASSAY_BAD_DATA at "where/key". Strings stay the
 * document's. Integers must be written as integers (1000, not 1e3). [any] */
ASSAY_MUST_USE assay_status as_json_get_string(const json_t *object, const char *key,
                                               const char *where, const char **value,
                                               assay_error *error);
ASSAY_MUST_USE assay_status as_json_get_integer(const json_t *object, const char *key,
                                                const char *where, int64_t low, int64_t high,
                                                int64_t *value, assay_error *error);
ASSAY_MUST_USE assay_status as_json_get_number(const json_t *object, const char *key,
                                               const char *where, double low, double high,
                                               double *value, assay_error *error);
ASSAY_MUST_USE assay_status as_json_get_bool(const json_t *object, const char *key,
                                             const char *where, bool *value, assay_error *error);

/* [any] ASSAY_BAD_DATA unless `object` is an object whose every key is among the n names; an
 * unknown one is answered with the nearest name and the list. */
ASSAY_MUST_USE assay_status as_json_check_fields(const json_t *object, const char *where,
                                                 const char *const *names, size_t n,
                                                 assay_error *error);

/* [any] "no field "x"; use "y"; fields: ..." into `text`. */
void as_json_describe_unknown(const char *key, const char *const *names, size_t n, char *text,
                              size_t size);

/* [any] Text as a JSON string, whatever it is: bytes that are no UTF-8 become U+FFFD each. NULL
 * becomes null. Only for what people read: a path so changed names another file. NULL: no memory.
 */
json_t *as_json_text(const char *text);

/* [any] "object", "array", "string", "integer", "number", "boolean", "null". */
const char *as_json_type_name(const json_t *json);

/* [any] A value as it would stand in an error: its JSON, cut to `size` bytes with "..." */
void as_json_describe(const json_t *json, char *text, size_t size);

#endif
