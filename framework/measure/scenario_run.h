/* SPDX-License-Identifier: MIT */
/* measure/scenario_run.h: what every scenario shares: warm up, time queries, know when to end. A
 * scenario itself is an endless sequence of queries. */
#ifndef AS_MEASURE_SCENARIO_RUN_H
#define AS_MEASURE_SCENARIO_RUN_H

#include "measure/scenarios.h"

typedef struct as_sequence {
    void *self;
    /* Query i. Called with i, i + 1, ... ascending, or back to 0. */
    const assay_batch *(*query)(void *self, uint64_t i);
    /* Query i of a first pass over every shape, 0 <= i < n_shapes: plans are compiled then. */
    const assay_batch *(*shape)(void *self, uint64_t i);
    uint64_t n_shapes;
    uint64_t n_round;  /* the timed part ends after a multiple of so many queries */
    uint32_t n_window; /* warm-up compares repetitions of the first n_window queries */
    int32_t max_rows;  /* of a query */
    int32_t (*real_tokens)(const void *self); /* of the latest query: without the suite's padding */
    uint64_t n_block;                         /* queries 0, 1, ... of a block; 0: none */
    /* Runs a query; NULL: predicts. */
    assay_status (*run)(void *self, const assay_batch *batch, double *logits, assay_error *error);
} as_sequence;

/* [cell] Warm-up, then the timed part. */
ASSAY_MUST_USE assay_status as_sequence_run(as_arena *arena, const as_scenario *scenario,
                                            const as_trainee *trainee, const as_sequence *sequence,
                                            const as_scenario_config *config,
                                            as_scenario_result *ret_result, assay_error *error);

/* [cell] Runs one query by the sequence's or the trainee's function. */
ASSAY_MUST_USE assay_status as_sequence_query(const as_sequence *sequence,
                                              const as_trainee *trainee, const assay_batch *batch,
                                              double *logits, assay_error *error);

/* [cell] Operations of queries 0 to n - 1 by the graph; NaN without one. */
ASSAY_MUST_USE assay_status as_sequence_flops(const as_sequence *sequence,
                                              const as_scenario *scenario,
                                              const assay_graph_view *view, uint64_t n,
                                              double *ret_flops, assay_error *error);

/* [cell] The rows of as_scenarios; what a sequence points to lives in the arena. */
ASSAY_MUST_USE assay_status as_single_stream_open(as_arena *arena, const as_trainee *trainee,
                                                  const as_split_rows *split,
                                                  const as_scenario_config *config,
                                                  as_sequence *ret_sequence, assay_error *error);
ASSAY_MUST_USE assay_status as_one_text_open(as_arena *arena, const as_trainee *trainee,
                                             const as_split_rows *split,
                                             const as_scenario_config *config,
                                             as_sequence *ret_sequence, assay_error *error);
ASSAY_MUST_USE assay_status as_offline_open(as_arena *arena, const as_trainee *trainee,
                                            const as_split_rows *split,
                                            const as_scenario_config *config,
                                            as_sequence *ret_sequence, assay_error *error);
ASSAY_MUST_USE assay_status as_arrival_open(as_arena *arena, const as_trainee *trainee,
                                            const as_split_rows *split,
                                            const as_scenario_config *config,
                                            as_sequence *ret_sequence, assay_error *error);
ASSAY_MUST_USE assay_status as_training_open(as_arena *arena, const as_trainee *trainee,
                                             const as_split_rows *split,
                                             const as_scenario_config *config,
                                             as_sequence *ret_sequence, assay_error *error);

#endif
