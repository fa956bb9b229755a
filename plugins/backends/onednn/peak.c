/* SPDX-License-Identifier: MIT */
/* onednn/peak.c: oneDNN's best rate for large matrix products: matmul primitives of their own, b in
 * the layout that the library chooses, no bias and no post-op. In bf16 all of a, b and c are bf16.
 *
 * The first sample makes the primitives of several shapes, as large layers have them, and tries
 * each; every sample then times the best two of them and gives the better. Operands are mapped for
 * a sample and unmapped after it. */

#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "internal.h"

/* m, n, k */
static const int64_t shapes[][3] = {
    {512, 3072, 768}, {512, 768, 3072}, {512, 1024, 1024}, {1024, 768, 768}};
enum {
    N_SHAPES = sizeof shapes / sizeof shapes[0],
    N_BEST = 2,
    PEAK_A = 0,
    PEAK_B,
    PEAK_C,
    N_ROLES
};

typedef struct peak_product {
    dnnl_primitive_t primitive;
    dnnl_memory_t memories[N_ROLES], scratchpad;
    size_t bytes[N_ROLES], scratchpad_bytes;
    double flops, best_seconds;
} peak_product;

struct onednn_peak {
    peak_product products[N_SHAPES]; /* after the first sample by rate */
    int tried;
};

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void product_done(peak_product *p) {
    for (int i = 0; i < N_ROLES; i++)
        if (p->memories[i])
            dnnl_memory_destroy(p->memories[i]);
    if (p->scratchpad)
        dnnl_memory_destroy(p->scratchpad);
    if (p->primitive)
        dnnl_primitive_destroy(p->primitive);
}

void onednn_peak_free(onednn_peak *peak) {
    for (int i = 0; peak && i < N_SHAPES; i++)
        product_done(&peak->products[i]);
    free(peak);
}

static dnnl_status_t make_product(const assay_device *device, const int64_t shape[3],
                                  peak_product *p) {
    const dnnl_dims_t dims[N_ROLES] = {
        {shape[0], shape[2]}, {shape[2], shape[1]}, {shape[0], shape[1]}};
    const dnnl_dims_t strides[N_ROLES] = {{shape[2], 1}, {0, 0}, {shape[1], 1}};
    dnnl_data_type_t type = device->bf16 ? dnnl_bf16 : dnnl_f32;
    onednn_md md[N_ROLES] = {ONEDNN_MD_INIT, ONEDNN_MD_INIT, ONEDNN_MD_INIT};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&attr);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    for (int i = 0; i < N_ROLES && status == dnnl_success; i++)
        status = onednn_md_init(&md[i], 2, dims[i], type, i == PEAK_B ? NULL : strides[i]);
    if (status == dnnl_success)
        status = onednn_matmul_desc_new(&desc, device->engine, &md[PEAK_A], &md[PEAK_B], NULL,
                                        &md[PEAK_C], attr);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&p->primitive, desc);
    if (status == dnnl_success) {
        onednn_md_done(&md[PEAK_B]);
        status = onednn_md_of_weights(&md[PEAK_B], desc);
    }
    for (int i = 0; i < N_ROLES && status == dnnl_success; i++) {
        p->bytes[i] = onednn_md_bytes(&md[i]);
        status = onednn_memory_new(&p->memories[i], &md[i], device->engine);
    }
    if (status == dnnl_success)
        status = onednn_scratchpad_new(&p->scratchpad, &p->scratchpad_bytes, desc, device->engine);
    p->flops = 2.0 * (double)shape[0] * (double)shape[1] * (double)shape[2];
    if (desc)
        dnnl_primitive_desc_destroy(desc);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    for (int i = 0; i < N_ROLES; i++)
        onednn_md_done(&md[i]);
    return status;
}

static size_t padded(size_t bytes) {
    return (bytes + 4095) / 4096 * 4096;
}

static size_t bytes_of(const peak_product *p) {
    size_t sum = padded(p->scratchpad_bytes);
    for (int i = 0; i < N_ROLES; i++)
        sum += padded(p->bytes[i]);
    return sum;
}

/* Halves everywhere, in both precisions: nothing that a product could be slow or fast on. */
static void fill(const assay_device *device, char *to, size_t bytes) {
    const float half = 0.5f;
    const onednn_bf16 short_half = 0x3f00;
    size_t step = device->bf16 ? sizeof short_half : sizeof half;
    const void *from = device->bf16 ? (const void *)&short_half : (const void *)&half;
    for (size_t i = 0; i + step <= bytes; i += step)
        memcpy(to + i, from, step);
}

/* Runs one product twice on the memory and times the second. */
static dnnl_status_t time_product(const assay_device *device, peak_product *p, char *memory,
                                  double *ret_seconds) {
    dnnl_exec_arg_t args[N_ROLES + 1] = {{DNNL_ARG_SRC, p->memories[PEAK_A]},
                                         {DNNL_ARG_WEIGHTS, p->memories[PEAK_B]},
                                         {DNNL_ARG_DST, p->memories[PEAK_C]},
                                         {DNNL_ARG_SCRATCHPAD, p->scratchpad}};
    int n = p->scratchpad ? N_ROLES + 1 : N_ROLES;
    dnnl_status_t status = dnnl_success;
    for (int i = 0; i < n && status == dnnl_success; i++) {
        status = dnnl_memory_set_data_handle(args[i].memory, memory);
        if (i == PEAK_A || i == PEAK_B)
            fill(device, memory, p->bytes[i]);
        memory += i < N_ROLES ? padded(p->bytes[i]) : 0;
    }
    double start = 0;
    for (int i = 0; i < 2 && status == dnnl_success; i++) {
        start = seconds_now();
        status = dnnl_primitive_execute(p->primitive, device->stream, n, args);
        if (status == dnnl_success)
            status = dnnl_stream_wait(device->stream);
    }
    *ret_seconds = seconds_now() - start;
    return status;
}

static int by_rate(const void *a, const void *b) {
    const peak_product *x = a, *y = b;
    double p = x->flops / x->best_seconds, q = y->flops / y->best_seconds;
    return (p < q) - (p > q);
}

static dnnl_status_t sample(const assay_device *device, onednn_peak *peak, char *memory,
                            double *ret_rate) {
    double best = 0;
    dnnl_status_t status = dnnl_success;
    for (int i = 0; i < (peak->tried ? N_BEST : N_SHAPES) && status == dnnl_success; i++) {
        peak_product *p = &peak->products[i];
        status = time_product(device, p, memory, &p->best_seconds);
        if (status == dnnl_success && p->flops / p->best_seconds > best)
            best = p->flops / p->best_seconds;
    }
    if (status == dnnl_success && !peak->tried)
        qsort(peak->products, N_SHAPES, sizeof *peak->products, by_rate);
    peak->tried = status == dnnl_success;
    *ret_rate = best;
    return status;
}

static onednn_peak *peak_new(const assay_device *device) {
    onednn_peak *peak = calloc(1, sizeof *peak);
    dnnl_status_t status = peak ? dnnl_success : dnnl_out_of_memory;
    for (int i = 0; i < N_SHAPES && status == dnnl_success; i++)
        status = make_product(device, shapes[i], &peak->products[i]);
    if (status == dnnl_success)
        return peak;
    onednn_peak_free(peak);
    return NULL;
}

assay_status onednn_sample_peak(assay_device *device, int32_t peak, double *ret_per_second,
                                assay_error *error) {
    size_t bytes = 0;
    double rate = 0;
    if (peak != ASSAY_PEAK_GEMM)
        return assay_fail(error, ASSAY_UNSUPPORTED, "peak", "onednn measures matrix products only");
    onednn_use_threads(device, 0);
    if (!device->peak && !(device->peak = peak_new(device)))
        return assay_fail(error, ASSAY_INTERNAL, "peak", "oneDNN cannot make the matrix products");
    for (int i = 0; i < N_SHAPES; i++)
        bytes = bytes_of(&device->peak->products[i]) > bytes ? bytes_of(&device->peak->products[i])
                                                             : bytes;
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "peak", "no memory for matrix products");
    dnnl_status_t status = sample(device, device->peak, memory, &rate);
    munmap(memory, bytes);
    if (status != dnnl_success)
        return assay_fail(error, ASSAY_INTERNAL, "peak", "oneDNN cannot run the matrix products");
    *ret_per_second = rate;
    return ASSAY_OK;
}
