/* SPDX-License-Identifier: MIT */
/* The header of a safetensors file, as far as sizes go. The weights themselves are not read. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "results/verify/verify.h"

enum { LENGTH_BYTES = 8 };

static assay_status read_header(FILE *file, const char *path, char **ret_text, size_t *ret_size,
                                assay_error *error) {
    unsigned char bytes[LENGTH_BYTES];
    uint64_t size = 0;
    if (fread(bytes, 1, LENGTH_BYTES, file) != LENGTH_BYTES)
        return as_fail(error, ASSAY_BAD_DATA, path, "is shorter than a safetensors file's head");
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        size = size << 8 | bytes[i];
    if (size < 2 || size > AS_JSON_MAX_BYTES)
        return as_fail(error, ASSAY_BAD_DATA, path,
                       "header of %llu bytes; 2 to %d are read: is it a safetensors file?",
                       (unsigned long long)size, AS_JSON_MAX_BYTES);
    char *text = malloc((size_t)size);
    if (!text)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory for its header");
    if (fread(text, 1, (size_t)size, file) != size) {
        free(text);
        return as_fail(error, ASSAY_BAD_DATA, path, "ends within its header of %llu bytes",
                       (unsigned long long)size);
    }
    *ret_text = text;
    *ret_size = (size_t)size;
    return ASSAY_OK;
}

/* Elements of one tensor; -1: its shape is none. */
static int64_t elements(const json_t *tensor) {
    const json_t *shape = json_object_get(tensor, "shape");
    int64_t n = 1;
    if (!json_is_array(shape))
        return -1;
    for (size_t i = 0; i < json_array_size(shape); i++) {
        const json_t *extent = json_array_get(shape, i);
        if (!json_is_integer(extent) || json_integer_value(extent) < 0 ||
            __builtin_mul_overflow(n, (int64_t)json_integer_value(extent), &n))
            return -1;
    }
    return n;
}

static assay_status sum_elements(const json_t *header, const char *path, int64_t *ret_n,
                                 assay_error *error) {
    const char *name;
    json_t *tensor;
    int64_t sum = 0;
    json_object_foreach((json_t *)(uintptr_t)header, name, tensor) {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        int64_t n = elements(tensor);
        if (n < 0 || __builtin_add_overflow(sum, n, &sum))
            return as_fail(error, ASSAY_BAD_DATA, path, "tensor \"%.100s\" has no valid shape",
                           name);
    }
    *ret_n = sum;
    return ASSAY_OK;
}

assay_status as_checkpoint_header(const char *path, json_t **ret_header, assay_error *error) {
    char *text = NULL;
    size_t size = 0;
    json_t *header = NULL;
    FILE *file = fopen(path, "rb");
    if (!file)
        return as_fail(error, ASSAY_IO, path, "cannot be opened: %s", strerror(errno));
    assay_status status = read_header(file, path, &text, &size, error);
    if (status == ASSAY_OK)
        status = as_json_parse(text, size, path, &header, error);
    if (status == ASSAY_OK)
        *ret_header = header;
    free(text);
    fclose(file);
    return status;
}

assay_status as_checkpoint_elements(const char *path, int64_t *ret_n, assay_error *error) {
    json_t *header = NULL;
    assay_status status = as_checkpoint_header(path, &header, error);
    if (status == ASSAY_OK)
        status = sum_elements(header, path, ret_n, error);
    json_decref(header);
    return status;
}
