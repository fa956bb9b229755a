/* SPDX-License-Identifier: MIT */
/* measure/blocks.h: a scenario measured in blocks, each the same work, so that several programs can
 * take turns and be compared round by round (cell/interleave.h). */
#ifndef AS_MEASURE_BLOCKS_H
#define AS_MEASURE_BLOCKS_H

#include "measure/scenarios.h"

enum { AS_BLOCKS_MAX_BATCHES = 8 };

/* A suite's measure.interleave. */
typedef struct as_blocks_config {
    int32_t rounds;
    double seconds;   /* of a block at least: its work is repeated until then */
    uint32_t rows;    /* of a block of offline and arrival; 0: the split's */
    uint32_t queries; /* of a block of single_stream and one_text */
    uint32_t steps;   /* of a block of training */
    int32_t batches[AS_BLOCKS_MAX_BATCHES]; /* that a cell may choose from, each a divisor of the
                                               largest; the fastest in a trial is kept */
    size_t n_batches;                       /* 0: the training's */
} as_blocks_config;

typedef struct as_block_result {
    const as_timed_query *queries; /* [n_queries] in the arena */
    size_t n_queries;
    uint64_t n_rows, n_tokens; /* real ones */
    double seconds;            /* from the first query's start to the last one's end */
    double flops;              /* of the real tokens, from the graph; NaN without one */
} as_block_result;

/* One scenario of one cell. */
typedef struct as_meter as_meter;

/* [cell] What `config` and `blocks` point to outlives the meter; view: NULL without a graph. All
 * memory is the arena's. UNSUPPORTED as as_scenario_run. */
ASSAY_MUST_USE assay_status as_meter_open(as_arena *arena, const as_scenario *scenario,
                                          const as_trainee *trainee, const as_split_rows *split,
                                          const as_scenario_config *config,
                                          const as_blocks_config *blocks,
                                          const assay_graph_view *view, as_meter **ret_meter,
                                          assay_error *error);
/* [cell] Every query of a block, twice; where there is a choice of batch sizes, with each, and the
 * one is kept whose second pass was fastest. */
ASSAY_MUST_USE assay_status as_meter_warm(as_meter *meter, assay_error *error);
ASSAY_MUST_USE assay_status as_meter_block(as_meter *meter, as_block_result *ret_block,
                                           assay_error *error);
/* [cell] Rows of a batch that it runs with; 1 where a query is one row. */
int32_t as_meter_batch(const as_meter *meter);

#endif
