/* SPDX-License-Identifier: MIT */
/* The table of scenarios, and a split's floating-point operations. */
#include "measure/scenarios.h"

#include <string.h>

#include "base/error.h"
#include "measure/scenario_run.h"

/* 100 latencies carry a 90th percentile with an order-statistic interval; higher ones need more. */
const as_scenario as_scenarios[] = {
    {"single_stream", "one row at a time, the next when the last has finished: latency", 100,
     AS_SPLIT_TEST, true, false, as_single_stream_open},
    {"one_text", "one row of 128 tokens at a time: latency", 100, AS_SPLIT_TEST, true, false,
     as_one_text_open},
    {"offline", "all rows at once, in batches sorted by length: throughput", 1, AS_SPLIT_TEST,
     false, true, as_offline_open},
    {"arrival", "all rows in their own order, in batches as they come: throughput", 1,
     AS_SPLIT_TEST, false, true, as_arrival_open},
    {"training", "optimizer steps on the batches of epoch 1: throughput", 1, AS_SPLIT_TRAIN, false,
     false, as_training_open},
};
const size_t as_n_scenarios = sizeof as_scenarios / sizeof as_scenarios[0];

const as_scenario *as_scenario_find(const char *name) {
    for (size_t i = 0; i < as_n_scenarios; i++)
        if (strcmp(as_scenarios[i].name, name) == 0)
            return &as_scenarios[i];
    return NULL;
}

assay_status as_scenario_run(const as_scenario *scenario, as_arena *arena,
                             const as_trainee *trainee, const as_split_rows *split,
                             const as_scenario_config *config, as_scenario_result *ret_result,
                             assay_error *error) {
    as_sequence sequence;
    assay_status status = scenario->open(arena, trainee, split, config, &sequence, error);
    if (status != ASSAY_OK)
        return status;
    return as_sequence_run(arena, scenario, trainee, &sequence, config, ret_result, error);
}

assay_status as_split_flops(const assay_graph_view *view, int training, const as_split_rows *split,
                            double *ret_flops, assay_error *error) {
    int32_t *lengths;
    as_arena *arena = as_arena_new();
    if (!arena)
        goto no_memory;
    lengths = as_arena_alloc_array(arena, split->n_rows, sizeof *lengths);
    if (!lengths)
        goto no_memory;
    for (uint32_t row = 0; row < split->n_rows; row++)
        lengths[row] = split->rows[row].n_ids;
    *ret_flops = as_graph_flops(view, training, (int32_t)split->n_rows, lengths);
    as_arena_free(arena);
    return ASSAY_OK;

no_memory:
    as_arena_free(arena);
    return as_fail(error, ASSAY_OUT_OF_MEMORY, as_split_name(split->split),
                   "no memory for the lengths of %u rows", (unsigned)split->n_rows);
}
