/* SPDX-License-Identifier: MIT */
/* train/safetensors.h: named tensors in one file, Hugging Face's safetensors format
 * (https://github.com/huggingface/safetensors#format):
 *
 *     8 bytes      n, the header's length, unsigned little-endian
 *     n bytes      JSON: { "NAME": { "dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24] },
 *                          "__metadata__": { "KEY": "text" } }, maybe padded with spaces
 *     the rest     the tensors' bytes, little-endian, row-major; offsets count from here
 *
 * A file is mapped, its data is not copied, and nothing of it is believed before all of it has been
 * checked: the tensors cover the data without overlap, hole or rest. The file must not be cut short
 * while it is open (reading the map then ends the process by SIGBUS); files written here are
 * replaced by rename, never changed in place.
 *
 *     status = as_safetensors_open("model.safetensors", &file, error);
 *     const as_tensor *tensor = as_safetensors_find(file, "classifier.weight");
 *     status = as_tensor_read_f64(file, tensor, values, tensor->n_elements, error);
 *     as_safetensors_close(file);
 */
#ifndef AS_TRAIN_SAFETENSORS_H
#define AS_TRAIN_SAFETENSORS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "assay/status.h"

enum {
    AS_SAFETENSORS_MAX_HEADER_BYTES = 100000000, /* the format's own limit */
    AS_TENSOR_MAX_RANK = 8
};

/* type, its name in the file, bytes of an element */
#define AS_TENSOR_TYPE_MAP(X)                                                                      \
    X(F64, 8)                                                                                      \
    X(F32, 4)                                                                                      \
    X(F16, 2)  /* IEEE 754 binary16 */                                                             \
    X(BF16, 2) /* the upper half of an F32 */                                                      \
    X(I64, 8)                                                                                      \
    X(U64, 8)                                                                                      \
    X(I32, 4)                                                                                      \
    X(U32, 4)                                                                                      \
    X(I16, 2)                                                                                      \
    X(U16, 2)                                                                                      \
    X(I8, 1)                                                                                       \
    X(U8, 1)                                                                                       \
    X(BOOL, 1)

typedef enum as_tensor_type {
#define AS_TENSOR_ENUM(name, bytes) AS_TENSOR_##name,
    AS_TENSOR_TYPE_MAP(AS_TENSOR_ENUM)
#undef AS_TENSOR_ENUM
        AS_TENSOR_TYPE_COUNT
} as_tensor_type;

typedef struct as_tensor {
    const char *name; /* the file's, until it is closed; any UTF-8 without NUL */
    as_tensor_type type;
    uint32_t rank; /* 0: one element */
    int64_t dims[AS_TENSOR_MAX_RANK];
    uint64_t n_elements, n_bytes;
    const void *data; /* n_bytes in the map, not aligned */
} as_tensor;

typedef struct as_safetensors as_safetensors;

/* [any] Maps and checks a file. NOT_FOUND, IO, BAD_DATA (what is wrong, at "FILE" or "FILE: tensor
 * "NAME""), LIMIT (header over 100,000,000 bytes or over as_json_parse's bounds, rank over 8). */
ASSAY_MUST_USE assay_status as_safetensors_open(const char *path, as_safetensors **ret_file,
                                                assay_error *error);
/* [any] The same over bytes in memory, which outlive the file; `name` stands for them in errors. */
ASSAY_MUST_USE assay_status as_safetensors_parse(const void *bytes, size_t n_bytes,
                                                 const char *name, as_safetensors **ret_file,
                                                 assay_error *error);
void as_safetensors_close(as_safetensors *file); /* NULL allowed */

/* [any] The path it was opened by. */
const char *as_safetensors_path(const as_safetensors *file);
/* [any] All tensors in the order of their data. */
const as_tensor *as_safetensors_tensors(const as_safetensors *file, size_t *ret_n);
/* [any] NULL when there is none of that name. */
const as_tensor *as_safetensors_find(const as_safetensors *file, const char *name);
/* [any] A text of __metadata__, or NULL. */
const char *as_safetensors_metadata(const as_safetensors *file, const char *key);

/* [any] "F32" and so on; never NULL. */
const char *as_tensor_type_name(as_tensor_type type);
/* [any] F64, F32, F16, BF16: what weights can be. */
bool as_tensor_type_is_real(as_tensor_type type);
/* [any] Bytes of an element. */
uint64_t as_tensor_type_bytes(as_tensor_type type);
/* [any] "[2, 3]" */
void as_tensor_shape_text(const int64_t *dims, uint32_t rank, char *text, size_t size);
/* [any] A tensor's name for messages: quoted, control characters escaped, cut. */
void as_tensor_name_text(const char *name, char *text, size_t size);

/* [any] All n = n_elements values of a floating-point tensor, exactly. INVALID_ARGUMENT for another
 * n, BAD_DATA for integers. */
ASSAY_MUST_USE assay_status as_tensor_read_f64(const as_safetensors *file, const as_tensor *tensor,
                                               double *values, uint64_t n, assay_error *error);
/* [any] BAD_DATA names the first element of a floating-point tensor that is NaN or infinite. */
ASSAY_MUST_USE assay_status as_tensor_check_finite(const as_safetensors *file,
                                                   const as_tensor *tensor, assay_error *error);

/* [any] Gives back the memory that a mapped tensor's bytes take; they can be read again. */
void as_tensor_release(const as_safetensors *file, const as_tensor *tensor);

/* A tensor to be written. */
typedef struct as_tensor_out {
    const char *name;
    as_tensor_type type; /* as_safetensors_write: F32 (values are rounded to nearest) or F64 */
    uint32_t rank;
    int64_t dims[AS_TENSOR_MAX_RANK];
} as_tensor_out;

/* Fills values[n] with the elements of tensors[index]; called once for each, in the file's order.
 */
typedef assay_status (*as_tensor_source)(void *context, size_t index, double *values, uint64_t n,
                                         assay_error *error);

/* [any] Writes a file whole or not at all. F64 before F32, then by name, as Python's safetensors
 * does, so that the same tensors give the same bytes whoever writes them; the data starts at a
 * multiple of 8. metadata: an object of strings, or NULL. INVALID_ARGUMENT for a duplicate name,
 * "__metadata__" as a name, or another type. */
ASSAY_MUST_USE assay_status as_safetensors_write(const char *path, const as_tensor_out *tensors,
                                                 size_t n_tensors, const json_t *metadata,
                                                 as_tensor_source source, void *context,
                                                 assay_error *error);

/* Writes the n_bytes of tensors[index], in the file's form, to the stream (whose errors are found
 * afterwards); called once for each, in the file's order. */
typedef assay_status (*as_tensor_bytes)(void *context, size_t index, uint64_t n_bytes, FILE *stream,
                                        assay_error *error);

/* [any] The same for tensors of any type: by type in the order of AS_TENSOR_TYPE_MAP, then by name,
 * and without memory for values. INTERNAL when other than n_bytes were written. */
ASSAY_MUST_USE assay_status as_safetensors_write_bytes(const char *path,
                                                       const as_tensor_out *tensors,
                                                       size_t n_tensors, const json_t *metadata,
                                                       as_tensor_bytes bytes, void *context,
                                                       assay_error *error);

#endif
