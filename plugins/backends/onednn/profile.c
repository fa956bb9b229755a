/* SPDX-License-Identifier: MIT */
/* onednn/profile.c: times of a plan's runs, kept while profiling is on.
 *
 * The lines of a plan: those of its own work (ONEDNN_LINE_*), then one for each node. Operations of
 * linear layers that oneDNN computes count with the plan's rows or tokens: it multiplies so many;
 * everything else works on the batch's own. Packing runs inside the node that first needs the
 * weight, as a line of its own. */

#include <stdlib.h>
#include <time.h>

#include "internal.h"

#define F32_BYTES 4.0
#define BF16_BYTES 2.0

static const char *const plan_lines[ONEDNN_PLAN_LINES] = {
    [ONEDNN_LINE_BATCH] = "batch",
    [ONEDNN_LINE_PACK] = "pack",
    [ONEDNN_LINE_RESULTS] = "results",
    [ONEDNN_LINE_UPDATE] = "update",
};

static const char *const op_names[ONEDNN_OP_COUNT] = {
#define ASSAY_OP(NAME, name, min_inputs, max_inputs) [ASSAY_OP_##NAME] = #name,
#include "assay/ops.def"
#undef ASSAY_OP
};

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void onednn_profile(assay_session *session, int32_t on) {
    session->profiling = on != 0;
    session->profile_round += on != 0;
}

uint32_t onednn_read_profile(const assay_plan *plan, assay_profile_entry *entries,
                             uint32_t capacity, uint64_t *ret_nanoseconds, uint64_t *ret_runs) {
    *ret_nanoseconds = *ret_runs = 0;
    if (plan->profile.round != plan->session->profile_round)
        return 0;
    return assay_profile_read(&plan->profile, entries, capacity, ret_nanoseconds, ret_runs);
}

/* ---- a run ----------------------------------------------------------------------------------- */

static assay_status make_lines(assay_plan *plan, assay_error *error) {
    uint32_t n = ONEDNN_PLAN_LINES + plan->n_nodes;
    assay_profile_entry *lines = calloc(n, sizeof *lines);
    if (!lines)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "onednn profile", "out of memory");
    for (uint32_t i = 0; i < ONEDNN_PLAN_LINES; i++) {
        lines[i].name = plan_lines[i];
        lines[i].node = -1;
    }
    for (uint32_t i = 0; i < plan->n_nodes; i++) {
        int32_t op = plan->nodes[i].node->op; /* REWRITE_OP_NONE never runs */
        lines[ONEDNN_PLAN_LINES + i].name = op >= 0 && op < ASSAY_OP_COUNT ? op_names[op] : "none";
        lines[ONEDNN_PLAN_LINES + i].node = (int32_t)i;
    }
    plan->profile.lines = lines;
    plan->profile.n_lines = n;
    return ASSAY_OK;
}

assay_status onednn_profile_begin_run(assay_plan *plan, const assay_batch *batch,
                                      int64_t *ret_start_ns, assay_error *error) {
    assay_session *session = plan->session;
    assay_status status = ASSAY_OK;
    *ret_start_ns = 0;
    if (!session->profiling)
        return ASSAY_OK;
    if (!plan->profile.lines)
        status = make_lines(plan, error);
    if (status != ASSAY_OK)
        return status;
    if (plan->profile.round != session->profile_round)
        assay_profile_restart(&plan->profile, session->profile_round);
    plan->profile.inner_ns = 0;
    if (batch)
        plan->extent = assay_extent_of(batch);
    session->profiled = &plan->profile;
    *ret_start_ns = now_ns();
    return ASSAY_OK;
}

void onednn_profile_end_run(assay_plan *plan, int64_t start_ns) {
    if (!plan->session->profiled)
        return;
    plan->profile.nanoseconds += (uint64_t)(now_ns() - start_ns);
    plan->profile.n_runs++;
    plan->session->profiled = NULL;
}

/* ---- a line ---------------------------------------------------------------------------------- */

int64_t onednn_profile_start(const assay_session *session) {
    return session->profiled ? now_ns() : 0;
}

void onednn_profile_line(const assay_session *session, uint32_t line, int64_t start_ns,
                         size_t bytes) {
    if (session->profiled)
        assay_profile_add(session->profiled, line, now_ns() - start_ns, 0, bytes);
}

void onednn_profile_inner(const assay_session *session, uint32_t line, int64_t start_ns,
                          size_t bytes) {
    if (session->profiled)
        assay_profile_add_inner(session->profiled, line, now_ns() - start_ns, bytes);
}

static int is_linear(int32_t op) {
    return op == ASSAY_OP_LINEAR || op == ASSAY_OP_LINEAR_GRAD_INPUT ||
           op == ASSAY_OP_LINEAR_GRAD_WEIGHT;
}

/* Bytes of an element of input i, and of one of output i in all its forms: as f32, as bf16 or both.
 */
static double input_bytes(const onednn_run *run, const onednn_node *node, uint32_t i) {
    return onednn_reads_copy(run, node, i) ? BF16_BYTES : F32_BYTES;
}

static double output_bytes(const onednn_run *run, const onednn_node *node, uint32_t i) {
    return (onednn_keeps_f32(run->plan, node->node->outputs[i]) ? F32_BYTES : 0) +
           (onednn_out_bf16(run, node, i) ? BF16_BYTES : 0);
}

/* Operands of a linear layer's product. Its weight may stand for several, one behind the other. */
static double linear_bytes(const onednn_run *run, const onednn_node *own) {
    const assay_node *node = own->node;
    int by_weight = node->op == ASSAY_OP_LINEAR_GRAD_WEIGHT;
    double operand = run->device->bf16 ? BF16_BYTES : F32_BYTES;
    double rows = (double)onednn_rows(run, node->inputs[0]);
    double from = (double)onednn_channels(run->plan, node->inputs[0]);
    double to = (double)onednn_channels(run->plan, by_weight ? node->inputs[1] : node->outputs[0]);
    return by_weight ? operand * rows * (from + to) + F32_BYTES * from * to
                     : operand * (rows * from + from * to) + output_bytes(run, own, 0) * rows * to;
}

/* assay_node_bytes, of elements as the plan keeps them. */
static double node_bytes(const onednn_run *run, const onednn_node *own) {
    const assay_graph_view *graph = run->session->graph;
    const assay_node *node = own->node;
    const assay_extent *real = &run->plan->extent;
    double bytes = assay_node_bytes(graph, node, real, F32_BYTES, F32_BYTES);
    if (!run->device->bf16)
        return bytes;
    for (uint32_t i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] != ASSAY_NONE && !graph->values[node->inputs[i]].is_index)
            bytes += (input_bytes(run, own, i) - F32_BYTES) *
                     assay_operand_elements(graph, node->inputs[i], 0, real);
    for (uint32_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] != ASSAY_NONE)
            bytes += (output_bytes(run, own, i) - F32_BYTES) *
                     assay_operand_elements(graph, node->outputs[i], 0, real);
    return bytes;
}

void onednn_profile_node(const onednn_run *run, uint32_t index, int64_t start_ns) {
    assay_profile *profile = run->session->profiled;
    const onednn_node *own = &run->plan->nodes[index];
    const assay_extent *real = &run->plan->extent;
    assay_extent padded = {run->plan->max_rows, run->plan->max_tokens, real->squares};
    if (!profile)
        return;
    int linear = is_linear(own->node->op);
    double flops = assay_product_flops(run->session->graph, own->node,
                                       linear && own->gemm[0] ? &padded : real);
    double bytes = linear ? linear_bytes(run, own) : node_bytes(run, own);
    assay_profile_add(profile, ONEDNN_PLAN_LINES + index, now_ns() - start_ns, (uint64_t)flops,
                      (uint64_t)bytes);
}
