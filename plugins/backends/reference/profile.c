/* SPDX-License-Identifier: MIT */
/* profile.c: times of a plan's runs in the reference backend, kept while profiling is on: the lines
 * of the plan's own work (REFERENCE_LINE_*), then one for each node. */
#include <stdlib.h>
#include <time.h>

#include "reference.h"

static const char *const plan_lines[REFERENCE_PLAN_LINES] = {
    [REFERENCE_LINE_BATCH] = "batch",
    [REFERENCE_LINE_GRADIENTS] = "add gradients",
    [REFERENCE_LINE_RESULTS] = "results",
    [REFERENCE_LINE_UPDATE] = "update",
};

static const char *const op_names[ASSAY_OP_COUNT] = {
#define ASSAY_OP(NAME, name, min_inputs, max_inputs) [ASSAY_OP_##NAME] = #name,
#include "assay/ops.def"
#undef ASSAY_OP
};

int64_t reference_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int make_lines(assay_profile *profile, const assay_graph_view *graph, uint32_t n_nodes) {
    uint32_t n = REFERENCE_PLAN_LINES + n_nodes;
    assay_profile_entry *lines = calloc(n, sizeof *lines);
    if (!lines)
        return 0;
    for (uint32_t i = 0; i < REFERENCE_PLAN_LINES; i++) {
        lines[i].name = plan_lines[i];
        lines[i].node = -1;
    }
    for (uint32_t i = 0; i < n_nodes; i++) {
        lines[REFERENCE_PLAN_LINES + i].name = op_names[graph->nodes[i].op];
        lines[REFERENCE_PLAN_LINES + i].node = (int32_t)i;
    }
    profile->lines = lines;
    profile->n_lines = n;
    return 1;
}

assay_status reference_profile_begin(assay_profile *profile, const assay_session *session,
                                     uint32_t n_nodes, assay_error *error) {
    if (!profile->lines && !make_lines(profile, session->graph, n_nodes))
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "reference", "no memory for a profile");
    if (profile->round != session->profile_round)
        assay_profile_restart(profile, session->profile_round);
    return ASSAY_OK;
}

void reference_profile_node(assay_profile *profile, const assay_session *session, uint32_t index,
                            const assay_batch *batch, int64_t start_ns) {
    const assay_node *node = &session->graph->nodes[index];
    const assay_extent extent = assay_extent_of(batch);
    double element = (double)session->precision->element_bytes;
    double flops = assay_product_flops(session->graph, node, &extent);
    double bytes = assay_node_bytes(session->graph, node, &extent, element, element);
    assay_profile_add(profile, REFERENCE_PLAN_LINES + index, reference_now_ns() - start_ns,
                      (uint64_t)flops, (uint64_t)bytes);
}
