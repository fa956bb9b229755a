/* SPDX-License-Identifier: MIT */
/* onednn/onednn.c: the `onednn` backend on processors, f32 or mixed precision (bf16 operands of
 * matrix products, everything else f32): descriptor, device, session.
 *
 * Large products are oneDNN matmul primitives; recurrence, attention, norms and the optimizer are
 * own kernels, which take rows of different length as they are. plan.c runs graphs. */

#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

static const char *libraries(void) {
    static char text[96];
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, sizeof text, "oneDNN %d.%d.%d, %s kernels%s", version->major, version->minor,
             version->patch, onednn_kernels_get()->name,
#ifdef _OPENMP
             ", libgomp"
#else
             ""
#endif
    );
    return text;
}

static void device_close(assay_device *device) {
    if (!device)
        return;
    onednn_peak_free(device->peak);
    if (device->stream)
        dnnl_stream_destroy(device->stream);
    if (device->engine)
        dnnl_engine_destroy(device->engine);
    onednn_free(device->scratchpad);
    free(device);
}

static assay_status device_open(const assay_device_config *config, assay_device **ret_device,
                                assay_error *error) {
    if (config->dtype != ASSAY_DTYPE_F32 && config->dtype != ASSAY_DTYPE_BF16)
        return assay_fail(error, ASSAY_UNSUPPORTED, "dtype", "onednn computes in f32 and bf16");
    if (config->dtype == ASSAY_DTYPE_BF16 && !onednn_kernels_bf16())
        return assay_fail(error, ASSAY_UNSUPPORTED, "dtype",
                          "bf16 needs a processor with AVX512_BF16 or AMX, and oneDNN not limited "
                          "to less (ONEDNN_MAX_CPU_ISA); use f32");
    if (config->threads < 1 || config->threads > 1024)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "threads", "expected 1 to 1024");
    assay_device *device = calloc(1, sizeof *device);
    if (!device)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "onednn", "no memory for a device");
    device->bf16 = config->dtype == ASSAY_DTYPE_BF16;
    device->kernels = device->bf16 ? onednn_kernels_bf16() : onednn_kernels_get();
#ifdef _OPENMP
    device->threads = config->threads;
#else
    device->threads = 1;
#endif
    if (dnnl_engine_create(&device->engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&device->stream, device->engine, dnnl_stream_default_flags) !=
            dnnl_success) {
        device_close(device);
        return assay_fail(error, ASSAY_UNAVAILABLE, "onednn", "oneDNN offers no CPU engine");
    }
    *ret_device = device;
    return ASSAY_OK;
}

static int32_t supports(const assay_device *device, const assay_graph_view *graph, uint32_t node) {
    (void)device;
    return node < graph->n_nodes && graph->nodes[node].op >= 0 &&
           graph->nodes[node].op < ASSAY_OP_COUNT;
}

/* ---- session ------------------------------------------------------------------------------- */

static size_t slab_size(const assay_session *session, int state) {
    return state == ASSAY_STATE_PARAMETER ? session->slab_size : session->trained_size;
}

static void session_free(assay_session *session) {
    if (!session)
        return;
    const assay_graph_view *graph = session->graph;
    for (uint32_t p = 0; session->parameters && p < graph->n_parameters; p++) {
        free(session->parameters[p].touched);
        free(session->parameters[p].is_touched);
    }
    for (uint32_t n = 0; session->sinusoid && n < graph->n_nodes; n++)
        onednn_free(session->sinusoid[n].rows);
    for (int s = 0; s < ONEDNN_STATES; s++)
        onednn_area_free(session->slab[s], slab_size(session, s));
    onednn_area_free(session->arena, session->arena_size);
    onednn_free(session->passing);
    free(session->parameters);
    free(session->sinusoid);
    free(session->partial);
    free(session);
}

static int init_parameter(assay_session *session, uint32_t i) {
    const assay_parameter_info *info = &session->graph->parameters[i];
    onednn_parameter *parameter = &session->parameters[i];
    parameter->offset = session->slab_size;
    parameter->size = (size_t)info->n_elements;
    parameter->version = 1;
    size_t end = parameter->offset + parameter->size + ONEDNN_ALIGNED_FLOATS - 1;
    session->slab_size = end / ONEDNN_ALIGNED_FLOATS * ONEDNN_ALIGNED_FLOATS;
    if (info->gradient != ASSAY_NONE)
        session->trained_size = session->slab_size;
    parameter->by_rows = info->gradient != ASSAY_NONE && assay_is_lookup_table(session->graph, i);
    if (!parameter->by_rows)
        return 1;
    size_t rows = (size_t)info->dims[0];
    parameter->touched = calloc(rows, sizeof *parameter->touched);
    parameter->is_touched = calloc(rows, 1);
    return parameter->touched && parameter->is_touched;
}

static assay_status session_create(assay_device *device, const assay_graph_view *graph,
                                   assay_session **ret_session, assay_error *error) {
    uint32_t *order = NULL;
    assay_session *session = calloc(1, sizeof *session);
    if (!session)
        goto fail;
    session->device = device;
    session->graph = graph;
    session->parameters = calloc((size_t)graph->n_parameters + 1, sizeof *session->parameters);
    session->sinusoid = calloc((size_t)graph->n_nodes + 1, sizeof *session->sinusoid);
    if (!session->parameters || !session->sinusoid)
        goto fail;
    order = calloc((size_t)graph->n_parameters + 1, sizeof *order);
    if (!order)
        goto fail;
    rewrite_order_parameters(graph, order, NULL);
    for (int frozen = 0; frozen < 2; frozen++)
        for (uint32_t i = 0; i < graph->n_parameters; i++)
            if ((graph->parameters[order[i]].gradient == ASSAY_NONE) == frozen &&
                !init_parameter(session, order[i]))
                goto fail;
    for (int s = 0; s < ONEDNN_STATES; s++)
        if (!(session->slab[s] = onednn_area_grow(NULL, 0, slab_size(session, s))))
            goto fail;
    session->n_partial = session->slab_size / ONEDNN_NORM_BLOCK + graph->n_parameters + 1;
    session->partial = calloc(session->n_partial, sizeof *session->partial);
    if (!session->partial)
        goto fail;
    free(order);
    *ret_session = session;
    return ASSAY_OK;
fail:
    free(order);
    session_free(session);
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, "onednn",
                      "no memory for parameters, gradients and optimizer states");
}

/* The tensor of a state of a parameter, whose size must be n and which, where it isn't kept, must
 * not be used; NULL with an error else. */
static float *state_tensor(assay_session *session, int32_t state, uint32_t parameter, uint64_t n,
                           assay_error *error) {
    if (assay_check_state(session->graph, state, parameter, n, error) != ASSAY_OK)
        return NULL;
    return session->slab[assay_is_kept(session->graph, state, parameter) ? state
                                                                         : ASSAY_STATE_PARAMETER] +
           session->parameters[parameter].offset;
}

/* Rows of a table that a gradient set from outside touches. */
static void touch_nonzero(onednn_parameter *parameter, const double *gradient, size_t width) {
    onednn_untouch(parameter);
    for (size_t i = 0; i < parameter->size; i++)
        if (gradient[i] != 0)
            onednn_touch(parameter, (int32_t)(i / width));
}

static assay_status upload(assay_session *session, int32_t state, uint32_t parameter,
                           const double *data, uint64_t n, assay_error *error) {
    float *tensor = state_tensor(session, state, parameter, n, error);
    if (!tensor)
        return ASSAY_INVALID_ARGUMENT;
    if (!assay_is_kept(session->graph, state, parameter))
        return assay_check_zero(data, n, session->graph->parameters[parameter].name, error);
    for (uint64_t i = 0; i < n; i++)
        tensor[i] = (float)data[i];
    if (state == ASSAY_STATE_PARAMETER)
        session->parameters[parameter].version++;
    if (state == ASSAY_STATE_GRADIENT && session->parameters[parameter].by_rows)
        touch_nonzero(&session->parameters[parameter], data,
                      (size_t)session->graph->parameters[parameter].dims[1]);
    return ASSAY_OK;
}

static assay_status download(assay_session *session, int32_t state, uint32_t parameter,
                             double *data, uint64_t n, assay_error *error) {
    const float *tensor = state_tensor(session, state, parameter, n, error);
    if (!tensor)
        return ASSAY_INVALID_ARGUMENT;
    int kept = assay_is_kept(session->graph, state, parameter);
    for (uint64_t i = 0; i < n; i++)
        data[i] = kept ? (double)tensor[i] : 0;
    return ASSAY_OK;
}

static void memory(const assay_session *session, assay_memory *ret_memory) {
    uint64_t all = (uint64_t)session->slab_size * sizeof(float),
             trained = (uint64_t)session->trained_size * sizeof(float);
    *ret_memory = (assay_memory){all + onednn_packings_bytes(session), trained, 2 * trained};
}

static assay_status sample_peak(assay_device *device, int32_t peak, double *ret_per_second,
                                assay_error *error) {
    int threads_before = onednn_enter(device);
    assay_status status = onednn_sample_peak(device, peak, ret_per_second, error);
    onednn_leave(threads_before);
    return status;
}

static assay_status sync_device(assay_device *device, assay_error *error) {
    if (dnnl_stream_wait(device->stream) != dnnl_success)
        return assay_fail(error, ASSAY_INTERNAL, "onednn", "waiting for oneDNN's stream failed");
    return ASSAY_OK;
}

static const assay_backend backend = {
    .struct_size = (uint32_t)sizeof(assay_backend),
    .libraries = libraries,
    .open = device_open,
    .close = device_close,
    .supports = supports,
    .session_create = session_create,
    .session_free = session_free,
    .upload = upload,
    .download = download,
    .compile = onednn_compile,
    .compile_update = onednn_compile_update,
    .plan_free = onednn_plan_free,
    .run = onednn_plan_run,
    .sync = sync_device,
    .read = onednn_plan_read,
    .read_grad_norm = onednn_plan_read_grad_norm,
    .memory = memory,
    .profile = onednn_profile,
    .read_profile = onednn_read_profile,
    .sample_peak = sample_peak,
};

static const void *get_interface(const char *name) {
    return strcmp(name, ASSAY_BACKEND) == 0 ? &backend : NULL;
}

static assay_status probe(assay_error *error) {
    dnnl_engine_t engine = NULL;
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success)
        return assay_fail(error, ASSAY_UNAVAILABLE, "onednn", "oneDNN offers no CPU engine");
    dnnl_engine_destroy(engine);
    return ASSAY_OK;
}

static const assay_plugin descriptor = {
    .struct_size = (uint32_t)sizeof(assay_plugin),
    .abi_major = ASSAY_ABI_MAJOR,
    .kind = ASSAY_PLUGIN_KIND_BACKEND,
    .id = "onednn",
    .version = "0.1.0",
    .license = "MIT",
    .summary = "oneDNN on processors, f32 and bf16",
    .build = "",
    .get_interface = get_interface,
    .probe = probe,
};

ASSAY_DEFINE_PLUGIN(descriptor)
