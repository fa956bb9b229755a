/* SPDX-License-Identifier: MIT */
/* train/phases.h: the graphs that a strategy trains one after the other: the same model, closed
 * with other parameters frozen. All strategies but gradual have one.
 *
 *     as_phases_config config = {graph_model, &model_config, &options, &entry->strategy, epochs};
 *     status = as_phases_new(&config, &phases, error);
 *     status = as_phases_graph(phases, 1, &graph, error);
 *     status = as_engine_new(&engine_config, graph, &engine, error);
 *     ... initial weights into the engine ...
 *     status = as_trainee_new_phased(engine, phases, &trainee, error);
 *
 * The trainee takes the engine from graph to graph; as_engine_graph tells the one it stands on. */
#ifndef AS_TRAIN_PHASES_H
#define AS_TRAIN_PHASES_H

#include "graph/graph.h"
#include "train/strategy.h"

typedef struct as_phases as_phases;

/* What is built; all of it outlives the phases. */
typedef struct as_phases_config {
    const assay_model_graph *model;
    const assay_model_config *config;
    const as_graph_options
        *options;                /* frozen, context and frozen_without_dropout are overwritten */
    const as_strategy *strategy; /* NULL: full */
    int32_t epochs;              /* of the run */
} as_phases_config;

/* [cell] Builds the model once, forward only, works out the depths and checks that the strategy
 * fits them. Errors: the model's, as_strategy_lowest's. */
ASSAY_MUST_USE assay_status as_phases_new(const as_phases_config *config, as_phases **ret_phases,
                                          assay_error *error);
void as_phases_free(as_phases *phases); /* NULL allowed; frees the graphs */

/* [cell] The closed graph of an epoch (from 1, epochs 0 as 1); the phases'. */
ASSAY_MUST_USE assay_status as_phases_graph(as_phases *phases, int32_t epoch,
                                            const assay_graph **ret_graph, assay_error *error);

/* [any] Lowest depth that is trained in an epoch. */
int32_t as_phases_lowest(const as_phases *phases, int32_t epoch);
/* [any] The same of the run's last epoch: what lies below is never trained. */
int32_t as_phases_last_lowest(const as_phases *phases);

/* [any] As configured. */
int32_t as_phases_epochs(const as_phases *phases);
const as_strategy *as_phases_strategy(const as_phases *phases);
const as_depths *as_phases_depths(const as_phases *phases);

/* [any] The options that the graph of an epoch is closed with; valid as long as the phases, until
 * asked for another epoch. */
const as_graph_options *as_phases_options(as_phases *phases, int32_t epoch);

/* [any] Depth of the parameter of that name; the head's for a name that the model doesn't have. */
int32_t as_depth_of_name(const as_depths *depths, const char *name);

#endif
