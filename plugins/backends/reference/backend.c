/* SPDX-License-Identifier: MIT */
/* backend.c: the `reference` backend: plain C, one thread, f32 and f64, the oracle of every test.
 *
 * This file: descriptor, device, session (parameters, gradients, optimizer states). plan.c runs
 * graphs, kernels*.inc are the operations. */
#include <stdlib.h>

#include "reference.h"

static const char *libraries(void) {
    return "none";
}

static assay_status device_open(const assay_device_config *config, assay_device **ret_device,
                                assay_error *error) {
    assay_device *device;
    if (config->dtype != ASSAY_DTYPE_F32 && config->dtype != ASSAY_DTYPE_F64)
        return assay_fail(error, ASSAY_UNSUPPORTED, "dtype", "reference computes in f32 and f64");
    device = calloc(1, sizeof *device);
    if (!device)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "reference", "no memory for a device");
    device->precision = config->dtype == ASSAY_DTYPE_F64 ? &reference_f64 : &reference_f32;
    *ret_device = device;
    return ASSAY_OK;
}

static void device_close(assay_device *device) {
    free(device);
}

static int32_t supports(const assay_device *device, const assay_graph_view *graph, uint32_t node) {
    (void)device;
    return node < graph->n_nodes && graph->nodes[node].op >= 0 &&
           graph->nodes[node].op < ASSAY_OP_COUNT;
}

static void session_free(assay_session *session) {
    if (!session)
        return;
    for (uint32_t p = 0; session->states && p < session->graph->n_parameters; p++) {
        for (int s = 0; s < 4; s++)
            free(session->states[p].tensors[s]);
        free(session->states[p].touched);
    }
    for (uint32_t v = 0; session->buffers && v < session->graph->n_values; v++)
        free(session->buffers[v]);
    free(session->buffers);
    free(session->n_elements);
    free(session->scratch);
    free(session->states);
    free(session);
}

/* The tensors of one parameter; 0: no memory. */
static int init_state(const assay_session *session, uint32_t p) {
    const assay_parameter_info *parameter = &session->graph->parameters[p];
    reference_state *state = &session->states[p];
    int trained = parameter->gradient != ASSAY_NONE;
    state->n = parameter->n_elements;
    for (int s = 0; s < (trained ? 4 : 1); s++) {
        state->tensors[s] = calloc((size_t)state->n, session->precision->element_bytes);
        if (!state->tensors[s])
            return 0;
    }
    if (!trained || !assay_is_lookup_table(session->graph, p))
        return 1;
    state->width = parameter->dims[1];
    state->touched = calloc((size_t)parameter->dims[0], 1);
    return state->touched != NULL;
}

static assay_status session_create(assay_device *device, const assay_graph_view *graph,
                                   assay_session **ret_session, assay_error *error) {
    assay_session *session = calloc(1, sizeof *session);
    if (!session)
        goto fail;
    session->precision = device->precision;
    session->graph = graph;
    session->states = calloc((size_t)graph->n_parameters + 1, sizeof *session->states);
    session->buffers = calloc((size_t)graph->n_values + 1, sizeof *session->buffers);
    session->n_elements = calloc((size_t)graph->n_values + 1, sizeof *session->n_elements);
    if (!session->states || !session->buffers || !session->n_elements)
        goto fail;
    for (uint32_t p = 0; p < graph->n_parameters; p++)
        if (!init_state(session, p))
            goto fail;
    *ret_session = session;
    return ASSAY_OK;
fail:
    session_free(session);
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, "reference",
                      "no memory for parameters, gradients and optimizer states");
}

/* Where the tensor of a state of a parameter stands, whose size must be n; NULL with an error else.
 * A tensor that the session doesn't keep is NULL: it is zero. */
static void **state_tensor(const assay_session *session, int32_t state, uint32_t parameter,
                           uint64_t n, assay_error *error) {
    if (assay_check_state(session->graph, state, parameter, n, error) != ASSAY_OK)
        return NULL;
    return &session->states[parameter].tensors[state];
}

/* Rows of a table that a gradient set from outside touches. */
static void touch_nonzero(const reference_state *state, const double *gradient) {
    for (int64_t row = 0; state->touched && row < state->n / state->width; row++) {
        state->touched[row] = 0;
        for (int64_t i = row * state->width; i < (row + 1) * state->width; i++)
            if (gradient[i] != 0)
                state->touched[row] = 1;
    }
}

static assay_status upload(assay_session *session, int32_t state, uint32_t parameter,
                           const double *data, uint64_t n, assay_error *error) {
    void **tensor = state_tensor(session, state, parameter, n, error);
    if (!tensor)
        return ASSAY_INVALID_ARGUMENT;
    if (!*tensor)
        return assay_check_zero(data, n, session->graph->parameters[parameter].name, error);
    session->precision->from_double(*tensor, data, (int64_t)n);
    if (state == ASSAY_STATE_GRADIENT)
        touch_nonzero(&session->states[parameter], data);
    return ASSAY_OK;
}

static assay_status download(assay_session *session, int32_t state, uint32_t parameter,
                             double *data, uint64_t n, assay_error *error) {
    void *const *tensor = state_tensor(session, state, parameter, n, error);
    if (!tensor)
        return ASSAY_INVALID_ARGUMENT;
    if (*tensor)
        session->precision->to_double(data, *tensor, (int64_t)n);
    else
        memset(data, 0, (size_t)n * sizeof *data);
    return ASSAY_OK;
}

static void memory(const assay_session *session, assay_memory *ret_memory) {
    *ret_memory = (assay_memory){0, 0, 0};
    for (uint32_t p = 0; p < session->graph->n_parameters; p++) {
        const reference_state *state = &session->states[p];
        uint64_t bytes = (uint64_t)state->n * session->precision->element_bytes;
        ret_memory->parameter_bytes += bytes;
        ret_memory->gradient_bytes += state->tensors[ASSAY_STATE_GRADIENT] ? bytes : 0;
        ret_memory->optimizer_bytes += state->tensors[ASSAY_STATE_MOMENT1] ? bytes : 0;
        ret_memory->optimizer_bytes += state->tensors[ASSAY_STATE_MOMENT2] ? bytes : 0;
    }
}

/* Runs are finished when they return. */
static assay_status sync_device(assay_device *device, assay_error *error) {
    (void)device;
    (void)error;
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
    .compile = reference_compile,
    .compile_update = reference_compile_update,
    .plan_free = reference_plan_free,
    .run = reference_run,
    .sync = sync_device,
    .read = reference_read,
    .read_grad_norm = reference_read_grad_norm,
    .memory = memory,
    .profile = reference_profile,
    .read_profile = reference_read_profile,
};

static const void *get_interface(const char *name) {
    return strcmp(name, ASSAY_BACKEND) == 0 ? &backend : NULL;
}

static const assay_plugin descriptor = {
    .struct_size = (uint32_t)sizeof(assay_plugin),
    .abi_major = ASSAY_ABI_MAJOR,
    .kind = ASSAY_PLUGIN_KIND_BACKEND,
    .id = "reference",
    .version = "0.1.0",
    .license = "MIT",
    .summary = "plain C in f32 and f64, the oracle of every test",
    .build = "",
    .get_interface = get_interface,
};

ASSAY_DEFINE_PLUGIN(descriptor)
