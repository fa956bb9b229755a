/* SPDX-License-Identifier: MIT */
/* measure/scenarios.h: timed inference after MLPerf LoadGen's scenarios (Reddi et al. 2020): one
 * table row and one file each.
 *
 * single_stream  one row a query, the next starts when the last has finished: latency
 * one_text       the same with rows of AS_ONE_TEXT_TOKENS tokens: longer ones, cut
 * offline        all rows at once, in batches sorted by length: throughput
 * arrival        all rows in the split's own order, cut into batches as they come: throughput
 * training       optimizer steps on the train split's batches of epoch 1: throughput
 *
 * A run ends when both its minimum time and its minimum count are met, or, where the count is out
 * of reach, after AS_SCENARIO_MAX_STRETCH times the minimum time. Inputs are the split's rows with
 * their real lengths, from token ids. Warm-up lasts until queries are steady and is not counted. */
#ifndef AS_MEASURE_SCENARIOS_H
#define AS_MEASURE_SCENARIOS_H

#include "train/trainer.h"

enum { AS_SCENARIO_MAX_STRETCH = 20, AS_ONE_TEXT_TOKENS = 128 };

typedef struct as_scenario_config {
    double min_seconds;
    uint32_t min_queries;            /* 0: the scenario's default */
    int32_t batch;                   /* rows of a query; offline, arrival, training */
    uint64_t seed;                   /* of the order of queries, of dropout */
    const as_train_config *training; /* of a step; training only */
    /* A block (measure/blocks.h) is always the same work; 0: no blocks. Offline takes whole units
     * of rows of like length, spread evenly over the sorted split; arrival the first rows. */
    uint32_t block_rows, block_unit;    /* offline, arrival */
    uint32_t block_queries;             /* single_stream, one_text: rows; training: steps */
    int64_t (*clock_ns)(void *context); /* NULL: the monotonic clock */
    void *clock_context;
    as_train_observer observer; /* progress only; stage is the scenario's name */
    /* Called before the timed part, between its queries and after it; what it takes doesn't count.
     * NULL: nobody. */
    void (*pause)(void *context);
    void *pause_context;
    const assay_graph_view *view; /* to count operations by; NULL: they aren't */
} as_scenario_config;

typedef struct as_timed_query {
    int32_t n_rows, n_tokens; /* padding not counted */
    int64_t ns;
} as_timed_query;

typedef struct as_scenario_result {
    const as_timed_query *queries; /* [n_queries] every timed query in order, in the arena */
    size_t n_queries;
    uint64_t n_rows, n_tokens; /* of them */
    double seconds;            /* from the first query's start to the last one's end */
    double samples_per_second, tokens_per_second;
    double flops;      /* of the timed queries by config->view; NaN without one */
    uint32_t n_warmup; /* queries before */
    double warmup_seconds;
    bool steady;   /* warm-up ended because queries were steady, not because time was up */
    bool complete; /* minimum time and minimum count were both met */
    double joules; /* of the CPU packages during `seconds`; NaN where the machine doesn't tell */
} as_scenario_result;

struct as_sequence; /* measure/scenario_run.h */

typedef struct as_scenario {
    const char *name;    /* "single_stream", "offline", ... */
    const char *meaning; /* a few words */
    uint32_t min_queries;
    as_split split;  /* whose rows it takes */
    bool is_latency; /* its figure is the time of a query; else tokens per second */
    bool is_batched; /* prediction in batches whose size is free to choose */
    assay_status (*open)(as_arena *arena, const as_trainee *trainee, const as_split_rows *split,
                         const as_scenario_config *config, struct as_sequence *ret_sequence,
                         assay_error *error);
} as_scenario;

extern const as_scenario as_scenarios[];
extern const size_t as_n_scenarios;

/* [any] NULL when there is none of that name. */
const as_scenario *as_scenario_find(const char *name);

/* [cell] Warm-up and the timed part. UNSUPPORTED where the split has no rows of that kind, or the
 * model cannot be trained. */
ASSAY_MUST_USE assay_status as_scenario_run(const as_scenario *scenario, as_arena *arena,
                                            const as_trainee *trainee, const as_split_rows *split,
                                            const as_scenario_config *config,
                                            as_scenario_result *ret_result, assay_error *error);

/* [cell] Floating-point operations of one forward pass (training: forward and backward) over every
 * row of a split; see graph/flops.c for what is counted. */
ASSAY_MUST_USE assay_status as_split_flops(const assay_graph_view *view, int training,
                                           const as_split_rows *split, double *ret_flops,
                                           assay_error *error);

#endif
