/* SPDX-License-Identifier: MIT */
/* Reading safetensors files; the format and its limits stand in safetensors.h, writing in
 * safetensors_write.c. In reading order: types and texts, one tensor's entry, all of them, the
 * header, the map, the values. */
#include "train/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are read as they lie");

struct as_safetensors {
    char *path;
    void *map; /* NULL: over the caller's bytes */
    size_t map_bytes;
    const unsigned char *data;
    uint64_t data_bytes;
    json_t *header; /* owns the names */
    as_tensor *tensors;
    size_t n_tensors;
    const as_tensor **by_name; /* sorted */
};

static const struct {
    const char *name;
    uint64_t bytes;
} types[] = {
#define AS_TENSOR_ROW(name, bytes) {#name, bytes},
    AS_TENSOR_TYPE_MAP(AS_TENSOR_ROW)
#undef AS_TENSOR_ROW
};

const char *as_tensor_type_name(as_tensor_type type) {
    return types[type].name;
}

uint64_t as_tensor_type_bytes(as_tensor_type type) {
    return types[type].bytes;
}

bool as_tensor_type_is_real(as_tensor_type type) {
    return type <= AS_TENSOR_BF16;
}

void as_tensor_shape_text(const int64_t *dims, uint32_t rank, char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size, "[");
    for (uint32_t i = 0; i < rank && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, i ? ", " : "", dims[i]);
    if (used < size)
        snprintf(text + used, size - used, "]");
}

void as_tensor_name_text(const char *name, char *text, size_t size) {
    json_t *quoted = json_string(name);
    as_json_describe(quoted, text, size);
    json_decref(quoted);
}

/* "FILE: tensor "NAME"" */
static as_where where_tensor(const as_safetensors *file, const char *name) {
    char quoted[160];
    as_tensor_name_text(name, quoted, sizeof quoted);
    return as_where_join(file->path, ": tensor ", quoted);
}

/* ---- one entry of the header ----------------------------------------------------------------- */

static assay_status read_type(const json_t *entry, const char *where, as_tensor *tensor,
                              assay_error *error) {
    const json_t *dtype = json_object_get(entry, "dtype");
    char found[64], known[128] = "";
    for (int i = 0; i < AS_TENSOR_TYPE_COUNT; i++) {
        size_t used = strlen(known);
        if (json_is_string(dtype) && strcmp(json_string_value(dtype), types[i].name) == 0) {
            tensor->type = (as_tensor_type)i;
            return ASSAY_OK;
        }
        snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", types[i].name);
    }
    as_json_describe(dtype, found, sizeof found);
    return as_fail(error, ASSAY_BAD_DATA, where, "dtype: found %s; expected one of %s", found,
                   known);
}

static assay_status read_shape(const json_t *entry, const char *where, as_tensor *tensor,
                               assay_error *error) {
    const json_t *shape = json_object_get(entry, "shape");
    bool too_many = false;
    char found[64];
    as_json_describe(shape, found, sizeof found);
    if (!json_is_array(shape))
        return as_fail(error, ASSAY_BAD_DATA, where, "shape: found %s; expected an array", found);
    if (json_array_size(shape) > AS_TENSOR_MAX_RANK)
        return as_fail(error, ASSAY_LIMIT, where, "shape: found %zu dimensions; at most %d",
                       json_array_size(shape), AS_TENSOR_MAX_RANK);
    tensor->rank = (uint32_t)json_array_size(shape);
    tensor->n_elements = 1;
    for (uint32_t i = 0; i < tensor->rank; i++) {
        const json_t *dim = json_array_get(shape, i);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return as_fail(error, ASSAY_BAD_DATA, where,
                           "shape: found %s; expected integers from 0", found);
        tensor->dims[i] = json_integer_value(dim);
        too_many = too_many || __builtin_mul_overflow(tensor->n_elements, (uint64_t)tensor->dims[i],
                                                      &tensor->n_elements);
    }
    if (too_many || tensor->n_elements > INT64_MAX ||
        __builtin_mul_overflow(tensor->n_elements, types[tensor->type].bytes, &tensor->n_bytes))
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "shape: found %s; its elements are more than 2^63 can count", found);
    return ASSAY_OK;
}

static assay_status read_offsets(const as_safetensors *file, const json_t *entry, const char *where,
                                 as_tensor *tensor, assay_error *error) {
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    char found[64], shape[128];
    as_json_describe(offsets, found, sizeof found);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
        json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin))
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "data_offsets: found %s; expected [begin, end] with 0 <= begin <= end",
                       found);
    if ((uint64_t)json_integer_value(end) > file->data_bytes)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "data_offsets: found %s; the file ends after %" PRIu64
                       " bytes of data: it is cut short, get it again",
                       found, file->data_bytes);
    as_tensor_shape_text(tensor->dims, tensor->rank, shape, sizeof shape);
    if ((uint64_t)(json_integer_value(end) - json_integer_value(begin)) != tensor->n_bytes)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "data_offsets: found %s; expected %" PRIu64 " bytes for %s %s", found,
                       tensor->n_bytes, types[tensor->type].name, shape);
    tensor->data = file->data + json_integer_value(begin);
    return ASSAY_OK;
}

static assay_status read_entry(const as_safetensors *file, const char *name, const json_t *entry,
                               as_tensor *tensor, assay_error *error) {
    static const char *const fields[] = {"dtype", "shape", "data_offsets"};
    as_where where = where_tensor(file, name);
    assay_status status = as_json_check_fields(entry, where.text, fields, 3, error);
    tensor->name = name;
    if (status == ASSAY_OK)
        status = read_type(entry, where.text, tensor, error);
    if (status == ASSAY_OK)
        status = read_shape(entry, where.text, tensor, error);
    return status == ASSAY_OK ? read_offsets(file, entry, where.text, tensor, error) : status;
}

/* ---- all entries ----------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b) {
    const as_tensor *x = a, *y = b;
    if (x->data != y->data)
        return (const char *)x->data < (const char *)y->data ? -1 : 1;
    if (x->n_bytes != y->n_bytes)
        return x->n_bytes < y->n_bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(const as_tensor *const *)a)->name, (*(const as_tensor *const *)b)->name);
}

/* Each tensor must begin where the one before it ends, and the last one end with the file. */
static assay_status check_coverage(const as_safetensors *file, assay_error *error) {
    uint64_t end = 0;
    for (size_t i = 0; i < file->n_tensors; i++) {
        const as_tensor *tensor = &file->tensors[i];
        uint64_t begin = (uint64_t)((const unsigned char *)tensor->data - file->data);
        as_where where = where_tensor(file, tensor->name);
        if (begin != end)
            return as_fail(error, ASSAY_BAD_DATA, where.text,
                           "data_offsets: begins at %" PRIu64
                           ", %s the end of the data before it at %" PRIu64
                           "; expected neither overlap nor hole",
                           begin, begin < end ? "before" : "past", end);
        end = begin + tensor->n_bytes;
    }
    if (end != file->data_bytes)
        return as_fail(error, ASSAY_BAD_DATA, file->path,
                       "found %" PRIu64 " bytes of data; the tensors take %" PRIu64
                       ", so that bytes are left over",
                       file->data_bytes, end);
    return ASSAY_OK;
}

static assay_status check_metadata(const as_safetensors *file, const json_t *metadata,
                                   assay_error *error) {
    as_where where = as_where_join(file->path, ": ", "__metadata__");
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return as_fail(error, ASSAY_BAD_DATA, where.text, "found %s; expected an object of strings",
                       as_json_type_name(metadata));
    json_object_foreach((json_t *)(uintptr_t)metadata, key, value) {
        if (!json_is_string(value))
            return as_fail(error, ASSAY_BAD_DATA, where.text,
                           "\"%.80s\": found %s; expected a string", key, as_json_type_name(value));
    }
    return ASSAY_OK;
}

static assay_status read_entries(as_safetensors *file, assay_error *error) {
    assay_status status = ASSAY_OK;
    size_t n = json_object_size(file->header);
    const char *name;
    json_t *entry;
    file->tensors = calloc(n ? n : 1, sizeof *file->tensors);
    file->by_name = calloc(n ? n : 1, sizeof *file->by_name);
    if (!file->tensors || !file->by_name)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, file->path, "no memory for %zu tensors", n);
    json_object_foreach(file->header, name, entry) {
        if (strcmp(name, "__metadata__") == 0) {
            status = check_metadata(file, entry, error);
        } else {
            status = read_entry(file, name, entry, &file->tensors[file->n_tensors], error);
            file->n_tensors++;
        }
        if (status != ASSAY_OK)
            return status;
    }
    qsort(file->tensors, file->n_tensors, sizeof *file->tensors, by_place);
    for (size_t i = 0; i < file->n_tensors; i++)
        file->by_name[i] = &file->tensors[i];
    qsort(file->by_name, file->n_tensors, sizeof *file->by_name, by_name);
    return check_coverage(file, error);
}

/* ---- the file -------------------------------------------------------------------------------- */

/* Bounds of the header, then its JSON. */
static assay_status read_header(as_safetensors *file, const unsigned char *bytes, size_t n_bytes,
                                assay_error *error) {
    uint64_t length;
    as_where where = as_where_join(file->path, ": ", "header");
    if (n_bytes < sizeof length)
        return as_fail(error, ASSAY_BAD_DATA, file->path,
                       "found %zu bytes; a safetensors file begins with 8 bytes of header length",
                       n_bytes);
    memcpy(&length, bytes, sizeof length);
    if (length > AS_SAFETENSORS_MAX_HEADER_BYTES)
        return as_fail(error, ASSAY_LIMIT, file->path,
                       "found a header length of %" PRIu64
                       " bytes; at most %d are allowed: is it a safetensors file?",
                       length, AS_SAFETENSORS_MAX_HEADER_BYTES);
    if (length > n_bytes - sizeof length)
        return as_fail(error, ASSAY_BAD_DATA, file->path,
                       "found a header length of %" PRIu64 " bytes; the file has %zu in all",
                       length, n_bytes);
    if (length == 0 || bytes[sizeof length] != '{')
        return as_fail(error, ASSAY_BAD_DATA, where.text,
                       "expected a JSON object that begins with '{'");
    file->data = bytes + sizeof length + length;
    file->data_bytes = n_bytes - sizeof length - length;
    assay_status status = as_json_parse((const char *)bytes + sizeof length, (size_t)length,
                                        where.text, &file->header, error);
    return status == ASSAY_OK ? read_entries(file, error) : status;
}

static assay_status new_file(const char *path, as_safetensors **ret_file, assay_error *error) {
    as_safetensors *file = calloc(1, sizeof *file);
    if (!file || !(file->path = strdup(path))) {
        free(file);
        return as_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory to open it");
    }
    *ret_file = file;
    return ASSAY_OK;
}

assay_status as_safetensors_parse(const void *bytes, size_t n_bytes, const char *name,
                                  as_safetensors **ret_file, assay_error *error) {
    as_safetensors *file = NULL;
    assay_status status = new_file(name, &file, error);
    if (status == ASSAY_OK)
        status = read_header(file, bytes, n_bytes, error);
    if (status != ASSAY_OK)
        as_safetensors_close(file);
    else
        *ret_file = file;
    return status;
}

static assay_status map_file(as_safetensors *file, int descriptor, assay_error *error) {
    struct stat info;
    if (fstat(descriptor, &info) != 0)
        return as_fail(error, ASSAY_IO, file->path, "cannot stat: %s", strerror(errno));
    if (!S_ISREG(info.st_mode))
        return as_fail(error, ASSAY_BAD_DATA, file->path, "is not a regular file");
    if (info.st_size == 0) /* nothing to map; read_header says what is wrong */
        return ASSAY_OK;
    file->map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (file->map == MAP_FAILED) {
        file->map = NULL;
        return as_fail(error, ASSAY_IO, file->path, "cannot map: %s", strerror(errno));
    }
    file->map_bytes = (size_t)info.st_size;
    return ASSAY_OK;
}

assay_status as_safetensors_open(const char *path, as_safetensors **ret_file, assay_error *error) {
    as_safetensors *file = NULL;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would wait */
    if (descriptor < 0)
        return as_fail(error, errno == ENOENT ? ASSAY_NOT_FOUND : ASSAY_IO, path, "cannot open: %s",
                       strerror(errno));
    assay_status status = new_file(path, &file, error);
    if (status == ASSAY_OK)
        status = map_file(file, descriptor, error);
    close(descriptor); /* the map stays */
    if (status == ASSAY_OK)
        status = read_header(file, file->map, file->map_bytes, error);
    if (status != ASSAY_OK)
        as_safetensors_close(file);
    else
        *ret_file = file;
    return status;
}

void as_safetensors_close(as_safetensors *file) {
    if (!file)
        return;
    if (file->map)
        munmap(file->map, file->map_bytes);
    json_decref(file->header);
    free(file->tensors);
    free(file->by_name);
    free(file->path);
    free(file);
}

const char *as_safetensors_path(const as_safetensors *file) {
    return file->path;
}

const as_tensor *as_safetensors_tensors(const as_safetensors *file, size_t *ret_n) {
    *ret_n = file->n_tensors;
    return file->tensors;
}

const as_tensor *as_safetensors_find(const as_safetensors *file, const char *name) {
    const as_tensor key = {.name = name}, *wanted = &key;
    const as_tensor **found =
        bsearch(&wanted, file->by_name, file->n_tensors, sizeof *file->by_name, by_name);
    return found ? *found : NULL;
}

const char *as_safetensors_metadata(const as_safetensors *file, const char *key) {
    return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}

void as_tensor_release(const as_safetensors *file, const as_tensor *tensor) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)tensor->data + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)tensor->data + tensor->n_bytes) / page * page;
    if (file->map && begin < end)
        (void)madvise((void *)begin, end - begin, MADV_DONTNEED); /* only a matter of memory */
}

/* ---- values ---------------------------------------------------------------------------------- */

static float f32_from_bf16(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

/* binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. Exact in f32, subnormals included. */
static float f32_from_f16(uint16_t bits) {
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16, exponent = (bits >> 10) & 31;
    uint32_t fraction = bits & 1023, wide;
    float value;
    if (exponent == 0) { /* zero or subnormal: fraction / 2^24 */
        value = (float)fraction / 16777216.0f;
        return sign ? -value : value;
    }
    wide = sign | (exponent == 31 ? UINT32_C(255) << 23 : (exponent + 112) << 23) | fraction << 13;
    memcpy(&value, &wide, sizeof value);
    return value;
}

/* Element i of a floating-point tensor; exact. */
static double value_at(const as_tensor *tensor, uint64_t i) {
    const unsigned char *bytes = tensor->data;
    double f64;
    float f32;
    uint16_t half;
    switch (tensor->type) {
    case AS_TENSOR_F64:
        memcpy(&f64, bytes + 8 * i, sizeof f64);
        return f64;
    case AS_TENSOR_F32:
        memcpy(&f32, bytes + 4 * i, sizeof f32);
        return f32;
    default:
        memcpy(&half, bytes + 2 * i, sizeof half);
        return tensor->type == AS_TENSOR_F16 ? f32_from_f16(half) : f32_from_bf16(half);
    }
}

static assay_status check_readable(const as_safetensors *file, const as_tensor *tensor, uint64_t n,
                                   assay_error *error) {
    as_where where = where_tensor(file, tensor->name);
    if (n != tensor->n_elements)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, where.text,
                       "found %" PRIu64 " elements; expected %" PRIu64, tensor->n_elements, n);
    if (!as_tensor_type_is_real(tensor->type))
        return as_fail(error, ASSAY_BAD_DATA, where.text,
                       "found dtype %s; weights are F64, F32, F16 or BF16",
                       types[tensor->type].name);
    return ASSAY_OK;
}

assay_status as_tensor_read_f64(const as_safetensors *file, const as_tensor *tensor, double *values,
                                uint64_t n, assay_error *error) {
    assay_status status = check_readable(file, tensor, n, error);
    for (uint64_t i = 0; status == ASSAY_OK && i < n; i++)
        values[i] = value_at(tensor, i);
    return status;
}

/* NaN and the infinities are those whose exponent's bits are all set. Whole blocks are looked at,
 * so that the loop can be one of vectors. */
#define NOT_FINITE_IN(UINT, exponent)                                                              \
    do {                                                                                           \
        for (uint64_t i_ = begin; i_ < end; i_++) {                                                \
            UINT bits_;                                                                            \
            memcpy(&bits_, (const unsigned char *)tensor->data + i_ * sizeof bits_, sizeof bits_); \
            found |= (bits_ & (exponent)) == (exponent);                                           \
        }                                                                                          \
    } while (0)

static bool block_is_finite(const as_tensor *tensor, uint64_t begin, uint64_t end) {
    unsigned found = 0;
    switch (tensor->type) {
    case AS_TENSOR_F64:
        NOT_FINITE_IN(uint64_t, UINT64_C(0x7ff) << 52);
        break;
    case AS_TENSOR_F32:
        NOT_FINITE_IN(uint32_t, UINT32_C(0xff) << 23);
        break;
    case AS_TENSOR_F16:
        NOT_FINITE_IN(uint16_t, 0x7c00);
        break;
    default:
        NOT_FINITE_IN(uint16_t, 0x7f80);
    }
    return !found;
}

assay_status as_tensor_check_finite(const as_safetensors *file, const as_tensor *tensor,
                                    assay_error *error) {
    enum { BLOCK = 16384 };
    uint64_t n = tensor->n_elements, end;
    assay_status status = check_readable(file, tensor, n, error);
    for (uint64_t begin = 0; status == ASSAY_OK && begin < n; begin = end) {
        end = n - begin < BLOCK ? n : begin + BLOCK;
        if (block_is_finite(tensor, begin, end))
            continue;
        while (isfinite(value_at(tensor, begin)))
            begin++;
        status = as_fail(error, ASSAY_BAD_DATA, where_tensor(file, tensor->name).text,
                         "element %" PRIu64 " is %g; weights are finite", begin,
                         value_at(tensor, begin));
    }
    return status;
}
