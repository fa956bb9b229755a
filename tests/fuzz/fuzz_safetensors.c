/* SPDX-License-Identifier: MIT */
/* Bytes as a safetensors file, mapped from a file as well as in memory: refused with a place and a
 * reason, or every tensor's bytes lie inside and each of them is some tensor's. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "train/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void require(bool holds) {
    if (!holds)
        abort();
}

/* Reads every tensor; only integers may be refused, and only what is not finite is called so. */
static void read_tensor(const as_safetensors *file, const as_tensor *tensor) {
    size_t n = (size_t)tensor->n_elements;
    double *values = malloc((n + 1) * sizeof *values);
    bool finite = true;
    char shape[64];
    require(values);
    require(as_safetensors_find(file, tensor->name) == tensor);
    as_tensor_shape_text(tensor->dims, tensor->rank, shape, sizeof shape);
    require(shape[0] == '[');
    assay_status status = as_tensor_read_f64(file, tensor, values, n, NULL);
    require((status == ASSAY_OK) == (tensor->type <= AS_TENSOR_BF16));
    require(as_tensor_read_f64(file, tensor, values, n + 1, NULL) == ASSAY_INVALID_ARGUMENT);
    for (size_t i = 0; status == ASSAY_OK && i < n; i++)
        finite = finite && isfinite(values[i]);
    require((as_tensor_check_finite(file, tensor, NULL) == ASSAY_OK) ==
            (status == ASSAY_OK && finite));
    free(values);
}

static void check(const as_safetensors *file, size_t n_bytes) {
    size_t n = 0;
    uint64_t total = 0;
    const as_tensor *tensors = as_safetensors_tensors(file, &n);
    for (size_t i = 0; i < n; i++) {
        total += tensors[i].n_bytes;
        require(total <= n_bytes && tensors[i].name && as_tensor_type_name(tensors[i].type)[0]);
        read_tensor(file, &tensors[i]);
    }
    require(n == 0 || total + 8 < n_bytes);
    require(as_safetensors_path(file)[0] == '/');
    (void)as_safetensors_metadata(file, "format");
}

/* The bytes as a file that can be mapped: one in memory, used again and again. */
static const char *as_mapped_file(const uint8_t *bytes, size_t n) {
    static char path[64];
    static int descriptor = -1;
    if (descriptor < 0) {
        descriptor = memfd_create("fuzz", 0);
        require(descriptor >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    }
    require(ftruncate(descriptor, 0) == 0 && pwrite(descriptor, bytes, n, 0) == (ssize_t)n);
    return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    as_safetensors *file = NULL, *mapped = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    assay_status status = as_safetensors_parse(bytes, n, "/x", &file, &error);
    require(as_safetensors_open(as_mapped_file(bytes, n), &mapped, NULL) == status);
    require((status == ASSAY_OK) == (file != NULL) && (file != NULL) == (mapped != NULL));
    if (status != ASSAY_OK) {
        require(error.text[0] && error.where[0]);
        return 0;
    }
    check(file, n);
    check(mapped, n);
    as_safetensors_close(file);
    as_safetensors_close(mapped);
    return 0;
}
