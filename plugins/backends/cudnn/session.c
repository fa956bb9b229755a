/* SPDX-License-Identifier: MIT */
/* cudnn/session.c: parameters, gradients and moments on the device, and the way of batches there.
 *
 * A batch is written into pinned memory, copied on a stream of its own into one of two staging
 * blocks while the run before still computes, and from there, in the order of the runs, into the
 * block that kernels read. Its address never changes, so that captured graphs find it. */
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

#define SLAB_UNIT ((size_t)128) /* elements: what is 2 bytes wide is still on 256 bytes */

/* `before`: the parameter that this one begins right behind, or NULL. */
static void init_parameter(assay_session *session, uint32_t i, const gpu_parameter *before,
                           size_t *touched) {
    const assay_parameter_info *info = &session->graph->parameters[i];
    gpu_parameter *parameter = &session->parameters[i];
    parameter->offset = before ? before->offset + before->size : session->slab_size;
    parameter->size = (size_t)info->n_elements;
    session->slab_size =
        (parameter->offset + parameter->size + SLAB_UNIT - 1) / SLAB_UNIT * SLAB_UNIT;
    if (info->gradient != ASSAY_NONE)
        session->trained_size = session->slab_size;
    parameter->by_rows = info->gradient != ASSAY_NONE && assay_is_lookup_table(session->graph, i);
    if (!parameter->by_rows)
        return;
    parameter->width = (uint32_t)info->dims[1];
    parameter->touched = *touched;
    *touched += (size_t)info->dims[0];
}

/* Places of all parameters: trained ones first, side by side what one product reads, where every
 * one of them is on 16 bytes in 16 bits. */
static assay_status place_parameters(assay_session *session, size_t *touched, assay_error *error) {
    const assay_graph_view *graph = session->graph;
    uint32_t *order = calloc((size_t)graph->n_parameters + 1, sizeof *order);
    uint8_t *behind = calloc((size_t)graph->n_parameters + 1, 1);
    assay_status status = ASSAY_OK;
    if (!order || !behind) {
        status = assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn", "no memory for a session");
        goto done;
    }
    rewrite_order_parameters(graph, order, behind);
    for (int frozen = 0; frozen < 2; frozen++) {
        const gpu_parameter *last = NULL; /* the one before in `order`, if it was placed here */
        for (uint32_t i = 0; i < graph->n_parameters; i++) {
            uint32_t p = order[i];
            int is_here = (graph->parameters[p].gradient == ASSAY_NONE) == frozen;
            if (is_here)
                init_parameter(session, p, behind[p] && last && last->size % 8 == 0 ? last : NULL,
                               touched);
            last = is_here ? &session->parameters[p] : NULL;
        }
    }
done:
    free(order);
    free(behind);
    return status;
}

/* Zeroed device memory. */
static assay_status alloc_zero(assay_device *device, size_t bytes, const char *what,
                               gpu_memory *memory, assay_error *error) {
    assay_status status = gpu_alloc(device, bytes, what, memory, error);
    if (status != ASSAY_OK)
        return status;
    return gpu_check(
        device, device->lib->driver.cuMemsetD8Async(memory->data, 0, memory->bytes, device->stream),
        what, error);
}

static assay_status alloc_slabs(assay_session *session, size_t touched, assay_error *error) {
    static const char *const names[GPU_STATES] = {"parameters", "gradients", "first moments",
                                                  "second moments"};
    assay_device *device = session->device;
    assay_status status = ASSAY_OK;
    for (int s = 0; s < GPU_STATES && status == ASSAY_OK; s++) {
        size_t n = s == ASSAY_STATE_PARAMETER ? session->slab_size : session->trained_size;
        status = alloc_zero(device, n * sizeof(float), names[s], &session->slab[s], error);
    }
    if (status == ASSAY_OK && device->type != GPU_F32)
        status = alloc_zero(device, session->slab_size * device->type_bytes,
                            "parameters in 16 bits", &session->copies, error);
    if (status == ASSAY_OK)
        status = alloc_zero(device, touched, "rows looked up", &session->touched, error);
    return status;
}

static assay_status create_events(assay_session *session, assay_error *error) {
    assay_device *device = session->device;
    assay_status status = ASSAY_OK;
    for (int s = 0; s < GPU_SLOTS && status == ASSAY_OK; s++) {
        status = gpu_check(
            device, device->lib->driver.cuEventCreate(&session->copied[s], CU_EVENT_DISABLE_TIMING),
            "an event", error);
        if (status == ASSAY_OK)
            status = gpu_check(
                device,
                device->lib->driver.cuEventCreate(&session->taken[s], CU_EVENT_DISABLE_TIMING),
                "an event", error);
    }
    return status;
}

assay_status gpu_session_create(assay_device *device, const assay_graph_view *graph,
                                assay_session **ret_session, assay_error *error) {
    size_t touched = 0;
    assay_status status = gpu_enter(device, error);
    if (status != ASSAY_OK)
        return status;
    assay_session *session = calloc(1, sizeof *session);
    if (!session)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn", "no memory for a session");
    session->device = device;
    session->graph = graph;
    session->version = 1;
    session->parameters = calloc((size_t)graph->n_parameters + 1, sizeof *session->parameters);
    if (!session->parameters) {
        status = assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn", "no memory for a session");
        goto fail;
    }
    status = place_parameters(session, &touched, error);
    if (status == ASSAY_OK)
        status = alloc_slabs(session, touched, error);
    if (status == ASSAY_OK)
        status = create_events(session, error);
    if (status == ASSAY_OK)
        status = gpu_sync(device, error);
    if (status != ASSAY_OK)
        goto fail;
    *ret_session = session;
    return ASSAY_OK;
fail:
    gpu_session_free(session);
    return status;
}

static void free_staging(assay_session *session) {
    assay_device *device = session->device;
    for (int s = 0; s < GPU_SLOTS; s++) {
        gpu_free(device, &session->staged[s]);
        if (session->pinned[s])
            (void)device->lib->driver.cuMemFreeHost(session->pinned[s]);
        session->pinned[s] = NULL;
    }
    session->pinned_bytes = 0;
}

void gpu_session_free(assay_session *session) {
    if (!session)
        return;
    assay_device *device = session->device;
    const gpu_driver *driver = &device->lib->driver;
    (void)driver->cuCtxSetCurrent(device->context);
    (void)driver->cuStreamSynchronize(device->stream);
    for (int s = 0; s < GPU_STATES; s++)
        gpu_free(device, &session->slab[s]);
    for (int s = 0; s < GPU_SLOTS; s++) {
        if (session->copied[s])
            (void)driver->cuEventDestroy(session->copied[s]);
        if (session->taken[s])
            (void)driver->cuEventDestroy(session->taken[s]);
    }
    free_staging(session);
    gpu_free(device, &session->copies);
    gpu_free(device, &session->touched);
    gpu_free(device, &session->arena);
    gpu_free(device, &session->batch);
    gpu_free(device, &session->sums);
    free(session->parameters);
    free(session);
}

/* ---- upload and download -------------------------------------------------------------------- */

static CUdeviceptr state_address(const assay_session *session, int32_t state, uint32_t parameter) {
    return session->slab[state].data + session->parameters[parameter].offset * sizeof(float);
}

/* Host to device, finished on return. */
static assay_status copy_in(assay_device *device, CUdeviceptr to, const void *from, size_t bytes,
                            assay_error *error) {
    assay_status status =
        gpu_check(device, device->lib->driver.cuMemcpyHtoDAsync(to, from, bytes, device->stream),
                  "copying to the device", error);
    return status == ASSAY_OK ? gpu_sync(device, error) : status;
}

/* A parameter's copy in 16 bits, made again. */
static assay_status refresh_copy(assay_session *session, uint32_t parameter, assay_error *error) {
    assay_device *device = session->device;
    const gpu_parameter *p = &session->parameters[parameter];
    gpu_run run = {.session = session, .device = device, .error = error};
    if (device->type == GPU_F32)
        return ASSAY_OK;
    return gpu_convert(&run, session->copies.data + p->offset * device->type_bytes, device->type,
                       state_address(session, ASSAY_STATE_PARAMETER, parameter), GPU_F32, p->size);
}

/* Rows of a table that a gradient set from outside touches. */
static assay_status touch_nonzero(assay_session *session, uint32_t parameter,
                                  const double *gradient, assay_error *error) {
    const gpu_parameter *p = &session->parameters[parameter];
    size_t rows = p->size / p->width;
    unsigned char *touched = calloc(rows + 1, 1);
    if (!touched)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn", "no memory for an upload");
    for (size_t i = 0; i < p->size; i++)
        touched[i / p->width] |= gradient[i] != 0;
    assay_status status =
        copy_in(session->device, session->touched.data + p->touched, touched, rows, error);
    free(touched);
    return status;
}

assay_status gpu_upload(assay_session *session, int32_t state, uint32_t parameter,
                        const double *data, uint64_t n, assay_error *error) {
    assay_device *device = session->device;
    assay_status status = gpu_enter(device, error);
    if (status == ASSAY_OK)
        status = assay_check_state(session->graph, state, parameter, n, error);
    if (status != ASSAY_OK)
        return status;
    if (!assay_is_kept(session->graph, state, parameter))
        return assay_check_zero(data, n, session->graph->parameters[parameter].name, error);
    float *values = malloc((size_t)n * sizeof *values + 1);
    if (!values)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn", "no memory for an upload");
    for (uint64_t i = 0; i < n; i++)
        values[i] = (float)data[i];
    status = copy_in(device, state_address(session, state, parameter), values,
                     (size_t)n * sizeof *values, error);
    free(values);
    if (status == ASSAY_OK && state == ASSAY_STATE_PARAMETER) {
        session->version++;
        status = refresh_copy(session, parameter, error);
    }
    if (status == ASSAY_OK && state == ASSAY_STATE_GRADIENT &&
        session->parameters[parameter].by_rows)
        status = touch_nonzero(session, parameter, data, error);
    return status;
}

assay_status gpu_download(assay_session *session, int32_t state, uint32_t parameter, double *data,
                          uint64_t n, assay_error *error) {
    assay_device *device = session->device;
    assay_status status = gpu_enter(device, error);
    if (status == ASSAY_OK)
        status = assay_check_state(session->graph, state, parameter, n, error);
    if (status != ASSAY_OK)
        return status;
    if (!assay_is_kept(session->graph, state, parameter)) {
        memset(data, 0, (size_t)n * sizeof *data);
        return ASSAY_OK;
    }
    float *values = malloc((size_t)n * sizeof *values + 1);
    if (!values)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn", "no memory for a download");
    status = gpu_check(
        device,
        device->lib->driver.cuMemcpyDtoHAsync(values, state_address(session, state, parameter),
                                              (size_t)n * sizeof *values, device->stream),
        "copying from the device", error);
    if (status == ASSAY_OK)
        status = gpu_sync(device, error);
    for (uint64_t i = 0; status == ASSAY_OK && i < n; i++)
        data[i] = (double)values[i];
    free(values);
    return status;
}

void gpu_session_memory(const assay_session *session, assay_memory *ret_memory) {
    *ret_memory = (assay_memory){session->slab[ASSAY_STATE_PARAMETER].bytes +
                                     session->copies.bytes + session->memory_of_nodes,
                                 session->slab[ASSAY_STATE_GRADIENT].bytes,
                                 session->slab[ASSAY_STATE_MOMENT1].bytes +
                                     session->slab[ASSAY_STATE_MOMENT2].bytes};
}

/* ---- staging -------------------------------------------------------------------------------- */

assay_status gpu_stage_reserve(assay_session *session, size_t bytes, assay_error *error) {
    assay_device *device = session->device;
    if (bytes <= session->pinned_bytes)
        return ASSAY_OK;
    bytes += bytes / 2; /* so that plans of growing size don't move it each time */
    assay_status status = gpu_sync(device, error);
    if (status != ASSAY_OK)
        return status;
    free_staging(session);
    for (int s = 0; s < GPU_SLOTS && status == ASSAY_OK; s++) {
        status = gpu_alloc(device, bytes, "batches", &session->staged[s], error);
        if (status == ASSAY_OK)
            status =
                gpu_check(device, device->lib->driver.cuMemAllocHost(&session->pinned[s], bytes),
                          "pinned memory for batches", error);
    }
    if (status == ASSAY_OK)
        status = gpu_grow(device, &session->batch, bytes, "a batch", error);
    if (status == ASSAY_OK)
        session->pinned_bytes = bytes;
    else
        free_staging(session);
    return status;
}

assay_status gpu_stage_begin(assay_session *session, void **ret_block, assay_error *error) {
    assay_device *device = session->device;
    session->slot = (session->slot + 1) % GPU_SLOTS;
    assay_status status =
        gpu_check(device, device->lib->driver.cuEventSynchronize(session->copied[session->slot]),
                  "waiting for a batch's copy", error);
    if (status == ASSAY_OK)
        *ret_block = session->pinned[session->slot];
    return status;
}

assay_status gpu_stage_end(assay_session *session, size_t bytes, assay_error *error) {
    assay_device *device = session->device;
    const gpu_driver *driver = &device->lib->driver;
    int slot = session->slot;
    CUdeviceptr staged = session->staged[slot].data;
    CUresult result = driver->cuStreamWaitEvent(device->copy_stream, session->taken[slot], 0);
    if (result == CUDA_SUCCESS)
        result =
            driver->cuMemcpyHtoDAsync(staged, session->pinned[slot], bytes, device->copy_stream);
    if (result == CUDA_SUCCESS)
        result = driver->cuEventRecord(session->copied[slot], device->copy_stream);
    if (result == CUDA_SUCCESS)
        result = driver->cuStreamWaitEvent(device->stream, session->copied[slot], 0);
    if (result == CUDA_SUCCESS)
        result = driver->cuMemcpyDtoDAsync(session->batch.data, staged, bytes, device->stream);
    if (result == CUDA_SUCCESS)
        result = driver->cuEventRecord(session->taken[slot], device->stream);
    return gpu_check(device, result, "copying a batch to the device", error);
}
