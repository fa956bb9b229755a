/* SPDX-License-Identifier: MIT */
/* cudnn/run.c: running plans: the operations one after the other on the device's stream, or the
 * CUDA graph that was captured of them.
 *
 * The first run of a plan for a length bucket launches every operation (libraries load their code
 * then, workspaces grow); the second is captured, from then on one launch replays it. A graph is
 * void once anything it points to has moved (device->generation). While times are kept, nothing is
 * captured or replayed, and every run is waited for. */
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

/* A missing function does not link. */
static const gpu_op_run runs[ASSAY_OP_COUNT] = {
#define ASSAY_OP(NAME, name, min_inputs, max_inputs) [ASSAY_OP_##NAME] = gpu_run_##name,
#include "assay/ops.def"
#undef ASSAY_OP
};

static const char *const op_names[ASSAY_OP_COUNT] = {
#define ASSAY_OP(NAME, name, min_inputs, max_inputs) [ASSAY_OP_##NAME] = #name,
#include "assay/ops.def"
#undef ASSAY_OP
};

/* ---- the work ------------------------------------------------------------------------------ */

static assay_status take_token_weights(const gpu_run *run) {
    const assay_graph_view *graph = run->session->graph;
    assay_status status = ASSAY_OK;
    for (uint32_t v = 0; v < graph->n_values && status == ASSAY_OK; v++)
        if (graph->values[v].input == ASSAY_INPUT_TOKEN_WEIGHTS)
            status = gpu_convert(
                run, gpu_value(run, (assay_value)v), gpu_type(run->plan, (assay_value)v),
                gpu_batch_array(run, token_weights), GPU_F32, (size_t)run->plan->max_tokens);
    return status;
}

/* Records the time behind node n. */
static assay_status mark(const gpu_run *run, gpu_node *node) {
    const gpu_driver *driver = &run->device->lib->driver;
    if (!run->session->profiling)
        return ASSAY_OK;
    if (!node->event) {
        assay_status status =
            gpu_check(run->device, driver->cuEventCreate(&node->event, CU_EVENT_DEFAULT),
                      "an event", run->error);
        if (status != ASSAY_OK)
            return status;
    }
    return gpu_check(run->device, driver->cuEventRecord(node->event, run->device->stream),
                     "cuEventRecord", run->error);
}

static assay_status run_nodes(const gpu_run *run, int has_labels) {
    const assay_plan *plan = run->plan;
    assay_status status = take_token_weights(run);
    for (uint32_t n = 0; n < plan->n_nodes && status == ASSAY_OK; n++) {
        int32_t op = plan->nodes[n].node->op;
        if (op == REWRITE_OP_NONE || (op == ASSAY_OP_CROSS_ENTROPY && !has_labels))
            continue;
        status = runs[op](run, &plan->nodes[n]);
        if (status == ASSAY_OK)
            status = mark(run, &plan->nodes[n]);
        if (status != ASSAY_OK && run->error && !strchr(run->error->where, ' ')) {
            size_t length = strlen(run->error->where);
            snprintf(run->error->where + length, sizeof run->error->where - length, " node %u (%s)",
                     (unsigned)n, op_names[op]);
        }
    }
    return status;
}

/* Logits and loss on their way to the host. */
static assay_status fetch_results(const gpu_run *run, int has_labels) {
    assay_plan *plan = run->plan;
    const gpu_driver *driver = &run->device->lib->driver;
    const assay_graph_view *graph = run->session->graph;
    size_t n = (size_t)plan->max_rows * gpu_channels(plan, graph->logits);
    CUdeviceptr logits = gpu_value(run, graph->logits);
    float *host = plan->pinned_results;
    assay_status status = ASSAY_OK;
    if (plan->results.data) {
        status =
            gpu_convert(run, plan->results.data, GPU_F32, logits, gpu_type(plan, graph->logits), n);
        logits = plan->results.data;
    }
    if (status == ASSAY_OK)
        status = gpu_check(
            run->device,
            driver->cuMemcpyDtoHAsync(host, logits, n * sizeof *host, run->device->stream),
            "reading logits", run->error);
    if (status == ASSAY_OK && has_labels && graph->loss != ASSAY_NONE)
        status = gpu_check(run->device,
                           driver->cuMemcpyDtoHAsync(host + n, gpu_value(run, graph->loss),
                                                     sizeof *host, run->device->stream),
                           "reading the loss", run->error);
    return status;
}

static assay_status run_eagerly(const gpu_run *run, int has_labels) {
    if (run->plan->kind == GPU_PLAN_UPDATE)
        return gpu_run_update(run);
    assay_status status = run_nodes(run, has_labels);
    return status == ASSAY_OK ? fetch_results(run, has_labels) : status;
}

/* ---- CUDA graphs ---------------------------------------------------------------------------- */

/* The capture of runs like this one; else one to begin with: a free one or the least recently used,
 * emptied. */
static gpu_capture *find_capture(const gpu_run *run, int has_labels) {
    assay_plan *plan = run->plan;
    gpu_capture *oldest = &plan->captures[0];
    for (int c = 0; c < GPU_CAPTURES; c++) {
        gpu_capture *capture = &plan->captures[c];
        if (capture->length_bucket == run->length_bucket && capture->has_labels == has_labels &&
            capture->dropout == run->dropout && capture->is_full == run->is_full)
            return capture;
        if (capture->last_use < oldest->last_use)
            oldest = capture;
    }
    if (oldest->exec)
        (void)run->device->lib->driver.cuGraphExecDestroy(oldest->exec);
    *oldest = (gpu_capture){.length_bucket = run->length_bucket,
                            .has_labels = has_labels,
                            .dropout = run->dropout,
                            .is_full = run->is_full,
                            .generation = UINT64_MAX};
    return oldest;
}

static assay_status capture_run(const gpu_run *run, int has_labels, gpu_capture *capture) {
    assay_device *device = run->device;
    const gpu_driver *driver = &device->lib->driver;
    CUgraph graph = NULL;
    assay_status status = gpu_check(
        device, driver->cuStreamBeginCapture(device->stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
        "cuStreamBeginCapture", run->error);
    if (status != ASSAY_OK)
        return status;
    device->capturing = 1;
    status = run_eagerly(run, has_labels);
    device->capturing = 0;
    CUresult result = driver->cuStreamEndCapture(device->stream, &graph);
    if (status == ASSAY_OK)
        status = gpu_check(device, result, "cuStreamEndCapture", run->error);
    if (status == ASSAY_OK)
        status = gpu_check(device, driver->cuGraphInstantiate(&capture->exec, graph, 0),
                           "cuGraphInstantiate", run->error);
    if (graph)
        (void)driver->cuGraphDestroy(graph);
    return status;
}

static assay_status run_work(const gpu_run *run, int has_labels) {
    assay_device *device = run->device;
    gpu_capture *capture = find_capture(run, has_labels);
    int is_warm = capture->generation == device->generation;
    assay_status status = ASSAY_OK;
    capture->last_use = ++run->plan->clock;
    if (!run->plan->can_capture || (device->without & GPU_WITHOUT_GRAPHS) ||
        run->session->profiling || !is_warm) {
        if (capture->exec)
            (void)device->lib->driver.cuGraphExecDestroy(capture->exec);
        capture->exec = NULL;
        status = run_eagerly(run, has_labels);
        capture->generation = device->generation; /* as the run left it */
        return status;
    }
    if (!capture->exec)
        status = capture_run(run, has_labels, capture);
    if (status != ASSAY_OK)
        return status;
    return gpu_check(device, device->lib->driver.cuGraphLaunch(capture->exec, device->stream),
                     "cuGraphLaunch", run->error);
}

/* ---- profile -------------------------------------------------------------------------------- */

void gpu_profile(assay_session *session, int32_t on) {
    session->profiling = on != 0;
    session->profile_number += on != 0;
}

static assay_status begin_profile(const gpu_run *run) {
    assay_plan *plan = run->plan;
    const gpu_driver *driver = &run->device->lib->driver;
    CUresult result = CUDA_SUCCESS;
    if (!run->session->profiling)
        return ASSAY_OK;
    if (plan->profile_number != run->session->profile_number) {
        plan->profile_number = run->session->profile_number;
        plan->profile_nanoseconds = plan->profile_runs = 0;
        for (uint32_t n = 0; n < plan->n_nodes; n++)
            plan->nodes[n].nanoseconds = plan->nodes[n].calls = 0;
    }
    if (!plan->begin)
        result = driver->cuEventCreate(&plan->begin, CU_EVENT_DEFAULT);
    if (result == CUDA_SUCCESS && !plan->end)
        result = driver->cuEventCreate(&plan->end, CU_EVENT_DEFAULT);
    if (result == CUDA_SUCCESS)
        result = driver->cuEventRecord(plan->begin, run->device->stream);
    return gpu_check(run->device, result, "events", run->error);
}

static uint64_t between(const assay_device *device, CUevent from, CUevent to) {
    float milliseconds = 0;
    if (device->lib->driver.cuEventElapsedTime(&milliseconds, from, to) != CUDA_SUCCESS)
        return 0;
    return (uint64_t)((double)milliseconds * 1e6);
}

static assay_status end_profile(const gpu_run *run, int has_labels) {
    assay_plan *plan = run->plan;
    assay_device *device = run->device;
    CUevent before = plan->begin;
    if (!run->session->profiling)
        return ASSAY_OK;
    assay_status status =
        gpu_check(device, device->lib->driver.cuEventRecord(plan->end, device->stream),
                  "cuEventRecord", run->error);
    if (status == ASSAY_OK)
        status = gpu_sync(device, run->error);
    if (status != ASSAY_OK)
        return status;
    for (uint32_t n = 0; n < plan->n_nodes; n++) {
        gpu_node *node = &plan->nodes[n];
        if (!node->event || (node->node->op == ASSAY_OP_CROSS_ENTROPY && !has_labels))
            continue;
        node->nanoseconds += between(device, before, node->event);
        node->calls++;
        before = node->event;
    }
    plan->profile_nanoseconds += between(device, plan->begin, plan->end);
    plan->profile_runs++;
    return ASSAY_OK;
}

/* Products of a node at the plan's size. */
static uint64_t flops_of(const assay_plan *plan, const gpu_node *node) {
    const assay_node *n = node->node;
    uint64_t rows = (uint64_t)gpu_rows(plan, n->inputs[0]);
    if (n->op == ASSAY_OP_LINEAR || n->op == ASSAY_OP_LINEAR_GRAD_INPUT)
        return 2 * rows * gpu_channels(plan, n->inputs[0]) * gpu_channels(plan, n->outputs[0]);
    if (n->op == ASSAY_OP_LINEAR_GRAD_WEIGHT)
        return 2 * rows * gpu_channels(plan, n->inputs[0]) * gpu_channels(plan, n->inputs[1]);
    return 0;
}

static uint64_t bytes_of(const assay_plan *plan, assay_value value) {
    if (value == ASSAY_NONE)
        return 0;
    return (uint64_t)gpu_rows(plan, value) * gpu_channels(plan, value) *
           gpu_type_bytes(gpu_type(plan, value));
}

static assay_profile_entry entry_of(const assay_plan *plan, const gpu_node *node) {
    assay_profile_entry entry = {.name = op_names[node->node->op],
                                 .node = (int32_t)node->index,
                                 .calls = node->calls,
                                 .nanoseconds = node->nanoseconds,
                                 .flops = node->calls * flops_of(plan, node)};
    for (uint32_t i = 0; i < node->node->n_inputs; i++)
        entry.bytes += node->calls * bytes_of(plan, node->node->inputs[i]);
    for (uint32_t i = 0; i < node->node->n_outputs; i++)
        entry.bytes += node->calls * bytes_of(plan, node->node->outputs[i]);
    return entry;
}

uint32_t gpu_read_profile(const assay_plan *plan, assay_profile_entry *entries, uint32_t capacity,
                          uint64_t *ret_nanoseconds, uint64_t *ret_runs) {
    uint32_t n_entries = 0;
    *ret_nanoseconds = plan->profile_nanoseconds;
    *ret_runs = plan->profile_runs;
    if (plan->kind == GPU_PLAN_UPDATE) {
        if (capacity > 0)
            entries[0] = (assay_profile_entry){.name = "update",
                                               .node = -1,
                                               .calls = plan->profile_runs,
                                               .nanoseconds = plan->profile_nanoseconds};
        return plan->profile_runs ? 1 : 0;
    }
    for (uint32_t n = 0; n < plan->n_nodes; n++) {
        if (!plan->nodes[n].calls)
            continue;
        if (n_entries < capacity)
            entries[n_entries] = entry_of(plan, &plan->nodes[n]);
        n_entries++;
    }
    return n_entries;
}

/* ---- running -------------------------------------------------------------------------------- */

static int32_t longest_row(const assay_batch *batch) {
    int32_t longest = 1;
    for (int32_t b = 0; b < batch->n_rows; b++)
        if (batch->offsets[b + 1] - batch->offsets[b] > longest)
            longest = batch->offsets[b + 1] - batch->offsets[b];
    return longest;
}

static int32_t bucket_of(int32_t length) {
    return length <= 64 ? 64 : (length + 127) / 128 * 128;
}

/* Batch and step, or the update's coefficients, on their way to the device. */
static assay_status stage(assay_plan *plan, const assay_batch *batch, const assay_step *step,
                          assay_error *error) {
    void *block = NULL;
    assay_status status = gpu_stage_begin(plan->session, &block, error);
    if (status != ASSAY_OK)
        return status;
    if (plan->kind == GPU_PLAN_UPDATE)
        gpu_fill_update(plan, step, block);
    else
        gpu_fill_batch(plan, batch, step, block);
    return gpu_stage_end(plan->session, plan->layout.bytes, error);
}

static assay_status check_run(const assay_plan *plan, const assay_batch *batch,
                              const assay_step *step, assay_error *error) {
    assay_status status = gpu_enter(plan->session->device, error);
    if (status != ASSAY_OK)
        return status;
    return plan->kind == GPU_PLAN_UPDATE ? gpu_check_update(plan, step, error)
                                         : assay_check_batch(&plan->bounds, batch, step, error);
}

assay_status gpu_plan_run(assay_plan *plan, const assay_batch *batch, const assay_step *step,
                          assay_error *error) {
    assay_session *session = plan->session;
    int is_update = plan->kind == GPU_PLAN_UPDATE;
    assay_status status = check_run(plan, batch, step, error);
    if (status == ASSAY_OK)
        status = stage(plan, batch, step, error);
    if (status != ASSAY_OK)
        return status;
    int32_t longest = is_update ? 1 : longest_row(batch);
    int has_labels = !is_update && batch->labels != NULL;
    gpu_run run = {.plan = plan,
                   .session = session,
                   .device = session->device,
                   .batch = batch,
                   .header = session->batch.data,
                   .dropout = plan->kind == ASSAY_PLAN_ACCUMULATE && step->dropout,
                   .is_full = !is_update && batch->n_tokens == plan->max_tokens,
                   .max_length = longest,
                   .length_bucket = bucket_of(longest),
                   .error = error};
    status = begin_profile(&run);
    if (status == ASSAY_OK)
        status = run_work(&run, has_labels);
    if (status == ASSAY_OK)
        status = end_profile(&run, has_labels);
    if (status != ASSAY_OK)
        return status;
    if (is_update) {
        session->version++;
        plan->has_norm = 1;
    } else {
        plan->n_rows = batch->n_rows;
        plan->has_loss = has_labels && session->graph->loss != ASSAY_NONE;
    }
    return ASSAY_OK;
}

assay_status gpu_plan_read(assay_plan *plan, assay_value value, double *data, uint64_t n,
                           assay_error *error) {
    const assay_graph_view *graph = plan->session->graph;
    const float *results = plan->pinned_results;
    assay_status status = assay_check_read(graph, value, n, plan->n_rows, plan->has_loss, error);
    if (status != ASSAY_OK)
        return status;
    if (value == graph->loss)
        results += (uint64_t)plan->max_rows * (uint64_t)graph->values[graph->logits].dims[0];
    for (uint64_t i = 0; i < n; i++)
        data[i] = (double)results[i];
    return ASSAY_OK;
}
