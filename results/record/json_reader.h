/* SPDX-License-Identifier: MIT */
/* results/record/json_reader.h: fields of an untrusted JSON tree, with the path of the field in
 * errors. The reader keeps the first error; after it, and for fields that are null or missing,
 * getters give the empty value (NULL, NaN, -1, 0).
 *
 *     as_json_reader reader = {.file = path, .arena = arena, .error = error};
 *     const json_t *memory = as_field_enter(&reader, root, "memory");
 *     bytes = as_field_count(&reader, memory, "peak_rss_bytes");
 *     as_field_leave(&reader);
 *     if (reader.status != ASSAY_OK) ...                                                        */
#ifndef AS_RESULTS_JSON_READER_H
#define AS_RESULTS_JSON_READER_H

#include <jansson.h>

#include "assay/status.h"
#include "base/arena.h"

typedef struct as_json_reader {
    const char *file;
    as_arena *arena;
    assay_error *error;
    assay_status status;
    char path[256];         /* "test.per_class[3]" */
    size_t marks[8], depth; /* lengths of the path at each level */
} as_json_reader;

/* [any] Reads a file's JSON object with base/json.h's bounds; refuses a schema_version that is
 * missing, below 1 or above `newest`. The caller owns *ret_json. */
ASSAY_MUST_USE assay_status as_field_load(const char *path, int newest, json_t **ret_json,
                                          assay_error *error);

/* [owner] Keeps the first failure, its text led by the field's path. */
void as_field_fail(as_json_reader *r, assay_status status, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* [owner] Unless `good`: "must be " and what is expected. */
void as_field_need(as_json_reader *r, bool good, const char *key, const char *expected);
/* [owner] Zeroed memory of the reader's arena for the n items of `key`; NULL with a failure. */
void *as_field_alloc(as_json_reader *r, size_t n, size_t size, const char *key);

/* [owner] The object at `key` (NULL when null or missing) as the new level; one leave per enter. */
const json_t *as_field_enter(as_json_reader *r, const json_t *o, const char *key);
const json_t *as_field_enter_item(as_json_reader *r, const json_t *array, const char *key,
                                  size_t i);
void as_field_leave(as_json_reader *r);

const char *as_field_text(as_json_reader *r, const json_t *o, const char *key);
double as_field_real(as_json_reader *r, const json_t *o, const char *key);
int64_t as_field_count(as_json_reader *r, const json_t *o, const char *key); /* >= 0, or -1 */
int32_t as_field_count32(as_json_reader *r, const json_t *o, const char *key);
int as_field_flag(as_json_reader *r, const json_t *o, const char *key);
json_t *as_field_object(as_json_reader *r, const json_t *o, const char *key);
/* [owner] The array at `key` with at most `most` items (NULL and 0 when null or missing). */
const json_t *as_field_array(as_json_reader *r, const json_t *o, const char *key, size_t most,
                             size_t *ret_n);

#endif
