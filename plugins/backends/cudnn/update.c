/* SPDX-License-Identifier: MIT */
/* cudnn/update.c: clipping and the optimizers (formulas: assay/backend.h).
 *
 * What depends on the step (rates, corrections, the gradients' scale) is computed here in f64 and
 * staged like a batch: a gpu_update_state, then gpu_coefficients for each parameter. Kernels work
 * on chunks of GPU_CHUNK elements of one parameter. */
#include <math.h>
#include <stdlib.h>

#include "internal.h"

/* Chunks of all trained parameters, in order; NULL: no memory. */
static gpu_chunk *list_chunks(const assay_session *session, uint32_t *ret_n) {
    const assay_graph_view *graph = session->graph;
    size_t capacity = 1, n = 0;
    for (uint32_t p = 0; p < graph->n_parameters; p++)
        if (graph->parameters[p].gradient != ASSAY_NONE)
            capacity += session->parameters[p].size / GPU_CHUNK + 1;
    gpu_chunk *chunks = calloc(capacity, sizeof *chunks);
    for (uint32_t p = 0; chunks && p < graph->n_parameters; p++) {
        size_t size = session->parameters[p].size;
        if (graph->parameters[p].gradient == ASSAY_NONE)
            continue;
        for (size_t begin = 0; begin < size; begin += GPU_CHUNK) {
            size_t left = size - begin;
            chunks[n++] = (gpu_chunk){(int32_t)p, left < GPU_CHUNK ? (int32_t)left : GPU_CHUNK,
                                      (int64_t)begin};
        }
    }
    *ret_n = (uint32_t)n;
    return chunks;
}

static assay_status place_chunks(assay_plan *plan, assay_error *error) {
    assay_session *session = plan->session;
    assay_device *device = session->device;
    gpu_chunk *chunks = list_chunks(session, &plan->n_chunks);
    size_t bytes = plan->n_chunks * sizeof *chunks;
    if (!chunks)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn plan", "out of memory");
    assay_status status = gpu_alloc(device, bytes, "an update's chunks", &plan->chunks, error);
    if (status == ASSAY_OK && bytes)
        status = gpu_check(
            device,
            device->lib->driver.cuMemcpyHtoDAsync(plan->chunks.data, chunks, bytes, device->stream),
            "copying to the device", error);
    if (status == ASSAY_OK)
        status = gpu_sync(device, error); /* before the chunks are freed */
    free(chunks);
    if (status == ASSAY_OK)
        status = gpu_grow(device, &session->sums, (plan->n_chunks + 1) * sizeof(double),
                          "sums of squares", error);
    return status;
}

assay_status gpu_compile_update(assay_session *session, const assay_update_config *config,
                                assay_plan **ret_plan, assay_error *error) {
    assay_device *device = session->device;
    assay_status status = assay_check_update(config, error);
    if (status == ASSAY_OK)
        status = gpu_enter(device, error);
    if (status != ASSAY_OK)
        return status;
    assay_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn plan", "out of memory");
    plan->session = session;
    plan->kind = GPU_PLAN_UPDATE;
    plan->update = *config;
    plan->can_capture = 1;
    plan->layout.bytes = (uint32_t)(sizeof(gpu_update_state) +
                                    session->graph->n_parameters * sizeof(gpu_coefficients));
    status = place_chunks(plan, error);
    if (status == ASSAY_OK)
        status = gpu_stage_reserve(session, plan->layout.bytes, error);
    if (status == ASSAY_OK)
        status = gpu_check(
            device,
            device->lib->driver.cuMemAllocHost(&plan->pinned_results, sizeof(gpu_update_state)),
            "pinned memory for results", error);
    if (status != ASSAY_OK) {
        gpu_plan_free(plan);
        return status;
    }
    *ret_plan = plan;
    return ASSAY_OK;
}

/* ---- a step --------------------------------------------------------------------------------- */

static int64_t own_step(const assay_update_config *config, uint32_t p, const assay_step *step) {
    return step->step - (config->since ? config->since[p] : 0);
}

assay_status gpu_check_update(const assay_plan *plan, const assay_step *step, assay_error *error) {
    const assay_graph_view *graph = plan->session->graph;
    if (!step || step->step < 1)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "step", "expected a step number from 1");
    for (uint32_t p = 0; p < graph->n_parameters; p++)
        if (graph->parameters[p].gradient != ASSAY_NONE && own_step(&plan->update, p, step) < 1)
            return assay_fail(error, ASSAY_INVALID_ARGUMENT, graph->parameters[p].name,
                              "is updated in a step that is not after its `since`");
    return ASSAY_OK;
}

/* PyTorch's Adam corrects v under the root, Keras' and PyTorch's of sparse gradients the rate. */
static gpu_coefficients coefficients_of(const assay_plan *plan, uint32_t p,
                                        const assay_step *step) {
    const assay_update_config *config = &plan->update;
    const gpu_parameter *parameter = &plan->session->parameters[p];
    double decay = config->decay_exempt && config->decay_exempt[p] ? 0.0 : config->weight_decay;
    double rate = step->learning_rate * (config->rate_scale ? config->rate_scale[p] : 1.0);
    double t = (double)own_step(config, p, step);
    double root = sqrt(1.0 - pow(config->beta2, t)), first = 1.0 - pow(config->beta1, t);
    int is_lazy = config->optimizer == ASSAY_OPTIMIZER_ADAM_LAZY && parameter->by_rows;
    int of_keras = config->optimizer == ASSAY_OPTIMIZER_ADAM_KERAS || is_lazy;
    int is_sgd = config->optimizer == ASSAY_OPTIMIZER_SGD;
    return (gpu_coefficients){.offset = (int64_t)parameter->offset,
                              .touched = is_lazy ? (int64_t)parameter->touched : -1,
                              .width = (int32_t)parameter->width,
                              .of_keras = of_keras,
                              .rate = (float)(is_sgd     ? rate
                                              : of_keras ? rate * root / first
                                                         : rate / first),
                              .root = (float)root,
                              .decay = (float)(rate * decay),
                              .l2 = (float)decay,
                              .momentum = t == 1 ? 0.0f : (float)config->momentum};
}

void gpu_fill_update(const assay_plan *plan, const assay_step *step, void *block) {
    const assay_graph_view *graph = plan->session->graph;
    gpu_update_state *state = block;
    gpu_coefficients *coefficients = (gpu_coefficients *)(void *)(state + 1);
    double scale = 0;
    if (ASSAY_HAS_FIELD(step, assay_step, gradient_scale))
        scale = step->gradient_scale;
    *state = (gpu_update_state){.gradient_scale = scale};
    for (uint32_t p = 0; p < graph->n_parameters; p++)
        if (graph->parameters[p].gradient != ASSAY_NONE)
            coefficients[p] = coefficients_of(plan, p, step);
}

static gpu_update_arguments arguments_of(const gpu_run *run) {
    const assay_plan *plan = run->plan;
    const assay_session *session = run->session;
    const assay_update_config *config = &plan->update;
    int is_sgd = config->optimizer == ASSAY_OPTIMIZER_SGD;
    return (gpu_update_arguments){.parameters = session->slab[ASSAY_STATE_PARAMETER].data,
                                  .gradients = session->slab[ASSAY_STATE_GRADIENT].data,
                                  .moments1 = session->slab[ASSAY_STATE_MOMENT1].data,
                                  .moments2 = is_sgd ? 0 : session->slab[ASSAY_STATE_MOMENT2].data,
                                  .copies = session->copies.data,
                                  .touched = session->touched.data,
                                  .coefficients = run->header + sizeof(gpu_update_state),
                                  .chunks = plan->chunks.data,
                                  .state = run->header,
                                  .sums = session->sums.data,
                                  .n_chunks = plan->n_chunks,
                                  .clip_norm = config->clip_norm,
                                  .optimizer = config->optimizer,
                                  .copy_type = run->device->type,
                                  .beta1 = (float)config->beta1,
                                  .one_minus_beta1 = (float)(1.0 - config->beta1),
                                  .beta2 = (float)config->beta2,
                                  .one_minus_beta2 = (float)(1.0 - config->beta2),
                                  .epsilon = (float)config->epsilon,
                                  .clip_value = (float)config->clip_value};
}

assay_status gpu_run_update(const gpu_run *run) {
    assay_plan *plan = run->plan;
    assay_device *device = run->device;
    gpu_update_arguments a = arguments_of(run);
    assay_status status = ASSAY_OK;
    if (plan->n_chunks)
        status = gpu_launch(device, GPU_KERNEL_norm_parts, plan->n_chunks, 1, GPU_BLOCK, 0, &a,
                            run->error);
    if (status == ASSAY_OK)
        status = gpu_launch(device, GPU_KERNEL_norm, 1, 1, GPU_BLOCK, 0, &a, run->error);
    if (status == ASSAY_OK && plan->n_chunks)
        status =
            gpu_launch(device, GPU_KERNEL_update, plan->n_chunks, 1, GPU_BLOCK, 0, &a, run->error);
    if (status == ASSAY_OK)
        status = gpu_zero(run, run->session->touched.data, run->session->touched.bytes);
    if (status == ASSAY_OK)
        status = gpu_check(device,
                           device->lib->driver.cuMemcpyDtoHAsync(plan->pinned_results, run->header,
                                                                 sizeof(gpu_update_state),
                                                                 device->stream),
                           "reading the gradient's norm", run->error);
    return status;
}

assay_status gpu_read_grad_norm(assay_plan *plan, double *ret_norm, assay_error *error) {
    assay_status status;
    if (!plan->has_norm)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "read_grad_norm",
                          "no update has run in this plan");
    status = gpu_sync(plan->session->device, error);
    if (status == ASSAY_OK)
        *ret_norm = ((const gpu_update_state *)plan->pinned_results)->norm;
    return status;
}
