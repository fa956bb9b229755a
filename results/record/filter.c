/* SPDX-License-Identifier: MIT */
/* Walks a JSON tree and replaces its texts. The tree was read with base/json.h's bound on depth, so
 * the recursion is bounded too. */
#include <string.h>

#include "base/error.h"
#include "results/record/record.h"

/* Values that other fields or the program itself know by these very words. */
static bool is_fixed(const char *key) {
    static const char *const keys[] = {"status",      "dtype",  "id",       "backend",
                                       "sha256",      "digest", "finished", "suite_sha256",
                                       "rows_sha256", "started"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static assay_status no_memory(const char *file, assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, file, "no memory to filter its texts");
}

static assay_status filter_value(const as_run_filter *filter, json_t *value, const char *file,
                                 assay_error *error) {
    if (!json_is_string(value))
        return as_filter_texts(filter, value, file, error);
    const char *text = json_string_value(value), *other = filter->replace(filter->context, text);
    if (!other || (other != text && json_string_set(value, other) != 0))
        return no_memory(file, error);
    return ASSAY_OK;
}

assay_status as_filter_texts(const as_run_filter *filter, json_t *root, const char *file,
                             assay_error *error) {
    assay_status status = ASSAY_OK;
    const char *key;
    json_t *value;
    size_t i;
    if (json_is_array(root)) {
        json_array_foreach(root, i, value) {
            status = filter_value(filter, value, file, error);
            if (status != ASSAY_OK)
                return status;
        }
    } else if (json_is_object(root)) {
        json_object_foreach(root, key, value) {
            status = is_fixed(key) && json_is_string(value)
                         ? ASSAY_OK
                         : filter_value(filter, value, file, error);
            if (status != ASSAY_OK)
                return status;
        }
    }
    return status;
}
