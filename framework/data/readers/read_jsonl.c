/* SPDX-License-Identifier: MIT */
/* JSON Lines (https://jsonlines.org): one JSON object a line, UTF-8. The reader's options name the
 * label's field (a string or an integer) and those of the text (strings; several are joined by a
 * blank). Other fields are passed over, and so are lines of white space alone. A key that comes
 * twice in an object is an error, as is a NUL in a string. Jansson parses each line; json.h bounds
 * it. */
#include <stdio.h>

#include "base/json.h"
#include "data/readers/table.h"

enum { MAX_SUGGESTIONS = 256 };

static assay_status fail_missing(const json_t *row, const char *field, const char *where,
                                 assay_error *error) {
    const char *names[MAX_SUGGESTIONS], *key;
    size_t n = 0;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)row, key, value) {
        if (n < MAX_SUGGESTIONS)
            names[n++] = key;
    }
    const char *nearest = as_nearest_name(field, names, n);
    if (nearest)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "has no field \"%s\" but a field \"%s\"; name that in the manifest", field,
                       nearest);
    return as_fail(error, ASSAY_BAD_DATA, where,
                   "has no field \"%s\"; every line needs it, or name another in the manifest",
                   field);
}

/* The label's text: a string's own, an integer's digits in `digits`. */
static assay_status find_label(const json_t *row, const char *field, const char *where,
                               char digits[static 32], const char **ret_label, size_t *ret_n_bytes,
                               assay_error *error) {
    const json_t *label = json_object_get(row, field);
    if (!label)
        return fail_missing(row, field, where, error);
    if (json_is_string(label)) {
        *ret_label = json_string_value(label);
        *ret_n_bytes = json_string_length(label);
        return ASSAY_OK;
    }
    if (!json_is_integer(label))
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "the label \"%s\" is a JSON %s; expected a string or an integer", field,
                       as_json_type_name(label));
    *ret_n_bytes = (size_t)snprintf(digits, 32, "%lld", (long long)json_integer_value(label));
    *ret_label = digits;
    return ASSAY_OK;
}

static assay_status join_texts(as_table *table, const json_t *row, const json_t *fields,
                               const char *where, assay_error *error) {
    assay_status status = ASSAY_OK;
    table->text.n_bytes = 0;
    for (size_t i = 0; i < json_array_size(fields) && status == ASSAY_OK; i++) {
        const char *field = json_string_value(json_array_get(fields, i));
        const json_t *value = json_object_get(row, field);
        if (!value)
            return fail_missing(row, field, where, error);
        if (!json_is_string(value))
            return as_fail(error, ASSAY_BAD_DATA, where,
                           "the text \"%s\" is a JSON %s; expected a string", field,
                           as_json_type_name(value));
        if (i)
            status = as_text_append(&table->text, " ", 1, table->max_text_bytes, where, error);
        if (status == ASSAY_OK)
            status = as_text_append(&table->text, json_string_value(value),
                                    json_string_length(value), table->max_text_bytes, where, error);
    }
    return status;
}

static assay_status read_row(as_table *table, as_line line, assay_error *error) {
    const json_t *options = table->manifest->reader;
    as_where where = as_table_where(table, line.number);
    char digits[32];
    const char *label = NULL;
    size_t n_label = 0;
    json_t *row = NULL;
    assay_status status = as_json_parse(line.text, line.n_bytes, where.text, &row, error);
    if (status == ASSAY_OK && !json_is_object(row))
        status = as_fail(error, ASSAY_BAD_DATA, where.text,
                         "is a JSON %s; expected an object a line", as_json_type_name(row));
    if (status == ASSAY_OK)
        status = find_label(row, json_string_value(json_object_get(options, "label")), where.text,
                            digits, &label, &n_label, error);
    if (status == ASSAY_OK)
        status = join_texts(table, row, json_object_get(options, "text"), where.text, error);
    if (status == ASSAY_OK)
        status = as_table_add(table, line.number, label, n_label, table->text.bytes,
                              table->text.n_bytes, error);
    json_decref(row);
    return status;
}

/* RFC 8259's white space, within a line. */
static bool is_blank(as_line line) {
    for (size_t i = 0; i < line.n_bytes; i++)
        if (line.text[i] != ' ' && line.text[i] != '\t' && line.text[i] != '\r')
            return false;
    return true;
}

static assay_status read_jsonl(as_table *table, assay_error *error) {
    for (;;) {
        as_line line;
        assay_status status = as_line_reader_next(&table->lines, &line, error);
        if (status != ASSAY_OK || !line.n_bytes)
            return status;
        line = as_line_trim(line);
        if (!is_blank(line) && (status = read_row(table, line, error)) != ASSAY_OK)
            return status;
    }
}

const as_table_format as_jsonl_format = {read_jsonl};

assay_status as_read_jsonl(const as_manifest *manifest, const char *path, as_dataset *dataset,
                           assay_error *error) {
    return as_table_read(manifest, path, &as_jsonl_format, dataset, error);
}
