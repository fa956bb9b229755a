/* SPDX-License-Identifier: MIT */
/* cudnn/peak.c: what the GPU can do at most: large square matrix products of cuBLASLt in the
 * device's precision, on random numbers (on zeros a GPU draws less power and runs faster), and a
 * copy within its memory. Times are between events. */
#include <stdlib.h>

#include "internal.h"

#define SEED_BYTES ((size_t)1 << 20)
#define COPY_BYTES ((size_t)512 << 20)

/* Uniform numbers in [-1, 1) of the storage type, SEED_BYTES of them. */
static void draw(void *memory, int32_t type) {
    for (size_t i = 0; i < SEED_BYTES / gpu_type_bytes(type); i++) {
        float x = (float)(assay_mix64(i + 1) >> 40) * 0x1p-23f - 1.0f;
        uint32_t bits;
        memcpy(&bits, &x, sizeof bits);
        if (type == GPU_F32)
            ((float *)memory)[i] = x;
        else if (type == GPU_BF16)
            ((uint16_t *)memory)[i] = (uint16_t)(bits >> 16);
        else /* fp16 in [-2, -1) and [1, 2): any mantissa, exponent 0 */
            ((uint16_t *)memory)[i] =
                (uint16_t)((bits >> 16 & 0x8000u) | 0x3c00u | (bits >> 13 & 0x3ffu));
    }
}

/* Fills `memory` by doubling what stands at its begin. */
static assay_status fill(assay_device *device, const gpu_memory *memory, assay_error *error) {
    const gpu_driver *driver = &device->lib->driver;
    void *seed = malloc(SEED_BYTES);
    if (!seed)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "peak", "no memory for random numbers");
    draw(seed, device->type);
    CUresult result = driver->cuMemcpyHtoDAsync(memory->data, seed, SEED_BYTES, device->stream);
    for (size_t done = SEED_BYTES; result == CUDA_SUCCESS && done < memory->bytes; done *= 2)
        result = driver->cuMemcpyDtoDAsync(
            memory->data + done, memory->data,
            memory->bytes - done < done ? memory->bytes - done : done, device->stream);
    assay_status status = gpu_check(device, result, "random numbers", error);
    if (status == ASSAY_OK)
        status = gpu_sync(device, error); /* before the seed is freed */
    free(seed);
    return status;
}

typedef struct peak_work {
    gpu_gemm *gemm; /* NULL: a copy */
    gpu_memory memory;
    size_t part; /* bytes of a matrix, or of the copy */
    int repeats;
    double amount; /* operations or bytes of one repeat */
} peak_work;

static assay_status once(assay_device *device, const peak_work *work, assay_error *error) {
    CUdeviceptr a = work->memory.data;
    if (work->gemm)
        return gpu_gemm_run(device, work->gemm, a, a + work->part, 0, 0, a + 2 * work->part, error);
    return gpu_check(
        device,
        device->lib->driver.cuMemcpyDtoDAsync(a + work->part, a, work->part, device->stream),
        "a copy", error);
}

/* Seconds of all repeats, after one that is not timed. */
static assay_status time_work(assay_device *device, const peak_work *work, CUevent begin,
                              CUevent end, double *ret_seconds, assay_error *error) {
    const gpu_driver *driver = &device->lib->driver;
    float milliseconds = 0;
    assay_status status = once(device, work, error);
    if (status == ASSAY_OK)
        status = gpu_check(device, driver->cuEventRecord(begin, device->stream), "an event", error);
    for (int i = 0; i < work->repeats && status == ASSAY_OK; i++)
        status = once(device, work, error);
    if (status == ASSAY_OK)
        status = gpu_check(device, driver->cuEventRecord(end, device->stream), "an event", error);
    if (status == ASSAY_OK)
        status = gpu_sync(device, error);
    if (status == ASSAY_OK)
        status = gpu_check(device, driver->cuEventElapsedTime(&milliseconds, begin, end),
                           "an event", error);
    if (status == ASSAY_OK)
        *ret_seconds = (double)milliseconds * 1e-3;
    return status;
}

static assay_status prepare(assay_device *device, int32_t peak, peak_work *work,
                            assay_error *error) {
    int64_t n = device->type == GPU_F32 ? 4096 : 8192;
    gpu_gemm_shape shape = {.m = n,
                            .n = n,
                            .k = n,
                            .transpose_b = 1,
                            .type = device->type,
                            .c_type = device->type,
                            .tf32 = device->dtype == ASSAY_DTYPE_TF32};
    *work = (peak_work){.part = COPY_BYTES, .repeats = 16, .amount = 2.0 * COPY_BYTES};
    if (peak == ASSAY_PEAK_GEMM) {
        work->part = (size_t)(n * n) * device->type_bytes;
        work->repeats = 8;
        work->amount = 2.0 * (double)n * (double)n * (double)n;
    }
    assay_status status = gpu_alloc(device, 3 * work->part, "matrices", &work->memory, error);
    if (status == ASSAY_OK)
        status = fill(device, &work->memory, error);
    if (status == ASSAY_OK && peak == ASSAY_PEAK_GEMM)
        status = gpu_gemm_get(device, &shape, &work->gemm, error);
    return status;
}

assay_status gpu_sample_peak(assay_device *device, int32_t peak, double *ret_per_second,
                             assay_error *error) {
    const gpu_driver *driver = &device->lib->driver;
    CUevent begin = NULL, end = NULL;
    peak_work work = {0};
    double seconds = 0;
    if (peak != ASSAY_PEAK_GEMM && peak != ASSAY_PEAK_MEMORY)
        return assay_fail(error, ASSAY_UNSUPPORTED, "peak",
                          "cudnn measures matrix products and copies only");
    assay_status status = gpu_enter(device, error);
    if (status != ASSAY_OK)
        return status;
    status = gpu_check(device, driver->cuEventCreate(&begin, CU_EVENT_DEFAULT), "an event", error);
    if (status == ASSAY_OK)
        status =
            gpu_check(device, driver->cuEventCreate(&end, CU_EVENT_DEFAULT), "an event", error);
    if (status == ASSAY_OK)
        status = prepare(device, peak, &work, error);
    if (status == ASSAY_OK)
        status = time_work(device, &work, begin, end, &seconds, error);
    if (status == ASSAY_OK && seconds > 0)
        *ret_per_second = work.repeats * work.amount / seconds;
    gpu_gemm_release(device, work.gemm);
    gpu_free(device, &work.memory);
    if (begin)
        (void)driver->cuEventDestroy(begin);
    if (end)
        (void)driver->cuEventDestroy(end);
    return status;
}
