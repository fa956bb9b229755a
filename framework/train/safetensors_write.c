/* SPDX-License-Identifier: MIT */
/* Writing safetensors files: header first, then one tensor after the other from its source. The
 * format stands in safetensors.h. */
#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "train/safetensors.h"

enum { BLOCK = 4096 };

typedef struct writing {
    const char *path;
    const as_tensor_out *tensors;
    size_t n;
    size_t *order;      /* [n] indices in the file's order */
    uint64_t *elements; /* [n] by index */
} writing;

static uint64_t bytes_of(const writing *w, size_t i) {
    return w->elements[i] * as_tensor_type_bytes(w->tensors[i].type);
}

/* By type, then by name. */
static int in_order(const void *a, const void *b, void *context) {
    const as_tensor_out *tensors = context;
    const as_tensor_out *x = &tensors[*(const size_t *)a], *y = &tensors[*(const size_t *)b];
    return x->type != y->type ? (x->type < y->type ? -1 : 1) : strcmp(x->name, y->name);
}

static assay_status count_elements(const writing *w, size_t i, assay_error *error) {
    const as_tensor_out *tensor = &w->tensors[i];
    uint64_t n = 1, bytes;
    if (tensor->rank > AS_TENSOR_MAX_RANK)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, tensor->name,
                       "found %u dimensions; at most %d", (unsigned)tensor->rank,
                       AS_TENSOR_MAX_RANK);
    for (uint32_t k = 0; k < tensor->rank; k++)
        if (tensor->dims[k] < 0 || __builtin_mul_overflow(n, (uint64_t)tensor->dims[k], &n))
            return as_fail(error, ASSAY_INVALID_ARGUMENT, tensor->name,
                           "dimension %lld is negative or too large", (long long)tensor->dims[k]);
    if (__builtin_mul_overflow(n, sizeof(double), &bytes) || bytes > INT64_MAX)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, tensor->name, "has too many elements");
    w->elements[i] = n;
    return ASSAY_OK;
}

static assay_status check_names(const writing *w, assay_error *error) {
    json_t *seen = json_object();
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < w->n; i++) {
        const char *name = w->tensors[i].name;
        if (strcmp(name, "__metadata__") == 0 || json_object_get(seen, name))
            status = as_fail(error, ASSAY_INVALID_ARGUMENT, name,
                             "the name is the format's own, or another tensor's of this file");
        else if (json_object_set_new(seen, name, json_true()) != 0)
            status = as_fail(error, ASSAY_INVALID_ARGUMENT, w->path, "a name is not UTF-8");
    }
    json_decref(seen);
    return status;
}

static assay_status plan(writing *w, assay_error *error) {
    assay_status status = check_names(w, error);
    w->order = calloc(w->n ? w->n : 1, sizeof *w->order);
    w->elements = calloc(w->n ? w->n : 1, sizeof *w->elements);
    if (!w->order || !w->elements)
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, w->path, "no memory for %zu tensors", w->n);
    for (size_t i = 0; status == ASSAY_OK && i < w->n; i++) {
        status = count_elements(w, i, error);
        w->order[i] = i;
    }
    if (status == ASSAY_OK)
        qsort_r(w->order, w->n, sizeof *w->order, in_order, (void *)(uintptr_t)w->tensors);
    return status;
}

/* The header as compact JSON, malloc'ed; NULL when out of memory or metadata is no object. */
static char *make_header(const writing *w, const json_t *metadata) {
    json_t *header = json_object();
    uint64_t offset = 0;
    bool bad = !header || (metadata && json_object_set(header, "__metadata__",
                                                       (json_t *)(uintptr_t)metadata) != 0);
    for (size_t i = 0; !bad && i < w->n; i++) {
        const as_tensor_out *tensor = &w->tensors[w->order[i]];
        uint64_t end = offset + bytes_of(w, w->order[i]);
        json_t *shape = json_array();
        for (uint32_t k = 0; k < tensor->rank; k++)
            bad = bad || json_array_append_new(shape, json_integer(tensor->dims[k])) != 0;
        json_t *entry =
            json_pack("{s:s, s:o, s:[I, I]}", "dtype", as_tensor_type_name(tensor->type), "shape",
                      shape, "data_offsets", (json_int_t)offset, (json_int_t)end);
        bad = bad || json_object_set_new(header, tensor->name, entry) != 0;
        offset = end;
    }
    char *text = bad ? NULL : json_dumps(header, JSON_COMPACT);
    json_decref(header);
    return text;
}

static assay_status write_header(const writing *w, const json_t *metadata, FILE *stream,
                                 assay_error *error) {
    char *text = make_header(w, metadata);
    if (!text)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, w->path, "no memory for the header");
    size_t used = strlen(text);
    uint64_t length = (used + 7) / 8 * 8;
    if (length > AS_JSON_MAX_BYTES) { /* as_safetensors_open would refuse it */
        free(text);
        return as_fail(error, ASSAY_LIMIT, w->path, "the header has %llu bytes; at most %d",
                       (unsigned long long)length, AS_JSON_MAX_BYTES);
    }
    fwrite(&length, sizeof length, 1, stream); /* errors surface in commit */
    fwrite(text, 1, used, stream);
    fwrite("       ", 1, (size_t)length - used, stream);
    free(text);
    return ASSAY_OK;
}

static assay_status check_metadata(const json_t *metadata, assay_error *error) {
    const char *key;
    json_t *value;
    if (metadata && !json_is_object(metadata))
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "__metadata__", "expected an object");
    json_object_foreach((json_t *)(uintptr_t)metadata, key, value) {
        if (!json_is_string(value))
            return as_fail(error, ASSAY_INVALID_ARGUMENT, "__metadata__",
                           "\"%.80s\": expected a string", key);
    }
    return ASSAY_OK;
}

/* One tensor's bytes, all of them. */
static assay_status write_tensor(const writing *w, size_t index, as_tensor_bytes bytes,
                                 void *context, FILE *stream, assay_error *error) {
    off_t begin = ftello(stream);
    assay_status status = bytes(context, index, bytes_of(w, index), stream, error);
    if (status != ASSAY_OK || ferror(stream)) /* which surfaces in commit */
        return status;
    off_t written = ftello(stream) - begin;
    if ((uint64_t)written != bytes_of(w, index))
        return as_fail(error, ASSAY_INTERNAL, w->tensors[index].name,
                       "%lld bytes were written; expected %llu", (long long)written,
                       (unsigned long long)bytes_of(w, index));
    return ASSAY_OK;
}

assay_status as_safetensors_write_bytes(const char *path, const as_tensor_out *tensors,
                                        size_t n_tensors, const json_t *metadata,
                                        as_tensor_bytes bytes, void *context, assay_error *error) {
    writing w = {path, tensors, n_tensors, NULL, NULL};
    as_file_writer writer = {NULL, NULL, NULL};
    assay_status status = check_metadata(metadata, error);
    if (status == ASSAY_OK)
        status = plan(&w, error);
    if (status == ASSAY_OK)
        status = as_file_writer_open(path, &writer, error);
    if (status == ASSAY_OK)
        status = write_header(&w, metadata, writer.stream, error);
    for (size_t i = 0; status == ASSAY_OK && i < n_tensors; i++)
        status = write_tensor(&w, w.order[i], bytes, context, writer.stream, error);
    if (status == ASSAY_OK)
        status = as_file_writer_commit(&writer, error);
    else
        as_file_writer_abandon(&writer);
    free(w.order);
    free(w.elements);
    return status;
}

/* ---- values that are numbers ----------------------------------------------------------------- */

typedef struct numbers {
    const as_tensor_out *tensors;
    as_tensor_source source;
    void *context;
    double *values; /* of the largest tensor */
} numbers;

static assay_status write_numbers(void *context, size_t index, uint64_t n_bytes, FILE *stream,
                                  assay_error *error) {
    const numbers *from = context;
    as_tensor_type type = from->tensors[index].type;
    uint64_t n = n_bytes / as_tensor_type_bytes(type);
    float block[BLOCK];
    assay_status status = from->source(from->context, index, from->values, n, error);
    if (status != ASSAY_OK)
        return status;
    if (type == AS_TENSOR_F64)
        fwrite(from->values, sizeof *from->values, n, stream);
    for (uint64_t done = 0; type == AS_TENSOR_F32 && done < n; done += BLOCK) {
        size_t size = n - done < BLOCK ? (size_t)(n - done) : BLOCK;
        for (size_t i = 0; i < size; i++)
            block[i] = (float)from->values[done + i];
        fwrite(block, sizeof *block, size, stream);
    }
    return ASSAY_OK;
}

assay_status as_safetensors_write(const char *path, const as_tensor_out *tensors, size_t n_tensors,
                                  const json_t *metadata, as_tensor_source source, void *context,
                                  assay_error *error) {
    writing w = {path, tensors, n_tensors, NULL, NULL};
    numbers from = {tensors, source, context, NULL};
    uint64_t largest = 1;
    assay_status status = plan(&w, error);
    for (size_t i = 0; status == ASSAY_OK && i < n_tensors; i++) {
        if (tensors[i].type != AS_TENSOR_F32 && tensors[i].type != AS_TENSOR_F64)
            status = as_fail(error, ASSAY_INVALID_ARGUMENT, tensors[i].name,
                             "found %s; only F32 and F64 are written",
                             as_tensor_type_name(tensors[i].type));
        largest = w.elements[i] > largest ? w.elements[i] : largest;
    }
    free(w.order);
    free(w.elements);
    if (status == ASSAY_OK && !(from.values = calloc(largest, sizeof *from.values)))
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory for %llu values",
                         (unsigned long long)largest);
    if (status == ASSAY_OK)
        status = as_safetensors_write_bytes(path, tensors, n_tensors, metadata, write_numbers,
                                            &from, error);
    free(from.values);
    return status;
}
