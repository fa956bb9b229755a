/* SPDX-License-Identifier: MIT */
/* train/frozen_features.h: what the frozen part of a model gives for each text, computed once and
 * kept on disk, and the head trained on that alone.
 *
 *     as_features_config config = {.engine = cell->engine, .phases = cell->phases,
 *                                  .data = cell->data, .backend = &cell->backend,
 *                                  .batch_rows = training->batch, .cache_folder = folder,
 *                                  .progress = as_cell_on_progress, .context = cell};
 *     status = as_features_open(&config, &features, error);      after the weights are in the
 * engine if (features) {                                            NULL: train as always
 *         job.trainee = as_features_trainee(features);
 *         job.data = as_features_prepared(features);
 *     }
 *     trained = as_train_run(arena, &job, &result, error);
 *     if (features) status = as_features_finish(features, error);    after ASSAY_DIVERGED too
 *     ... from here on the whole model's trainee and engine: predict, time, check, export ...
 *     as_features_free(features);                                before the engine and the phases
 *
 * The features lie in the folder of prepared data, under a key over everything that they depend on:
 * the rows' ids and token weights, the frozen part of the graph, its parameters' values, the
 * backend and its libraries, precision, threads, processor. A file is used only if its key, size
 * and SHA-256 are right; else, and where nothing can be written, they are computed.
 *
 * Batches, dropout of the head and updates are those of a run that isn't cached; the results differ
 * by what a backend's sums differ by from batch to batch. */
#ifndef AS_TRAIN_FROZEN_FEATURES_H
#define AS_TRAIN_FROZEN_FEATURES_H

#include "plugin/plugin.h"
#include "train/trainer.h"

typedef struct as_features as_features;

/* All of it outlives the features. */
typedef struct as_features_config {
    as_engine *engine; /* of the whole model, on as_phases_graph(phases, 1), with its weights */
    as_phases *phases;
    const as_prepared *data;
    const as_plugin *backend; /* the engine's */
    int32_t batch_rows;
    const char *cache_folder;      /* NULL: nothing is kept */
    as_train_progress_fn progress; /* stage "features"; NULL: nobody is told */
    void *context;
} as_features_config;

/* [cell] Computes the features of all train and validation rows, or takes them from the cache.
 * *ret_features is NULL where the strategy doesn't ask for them (as_strategy.cache_features), where
 * the frozen part doesn't end in one value that nothing random lies in, and where nothing is
 * trained (no epochs, no rows). */
ASSAY_MUST_USE assay_status as_features_open(const as_features_config *config,
                                             as_features **ret_features, assay_error *error);
void as_features_free(as_features *features); /* NULL allowed */

/* [any] The head as a trainee, and the rows that it trains on: one token each, whose id is the
 * feature's row. The test split has none: it is the whole model's. Both are the features', the rest
 * of the prepared data is borrowed. */
const as_trainee *as_features_trainee(const as_features *features);
const as_prepared *as_features_prepared(const as_features *features);
/* [any] The head's engine, for operations and memory. */
as_engine *as_features_engine(const as_features *features);

/* [cell] Copies the head's parameters, as they stand now, into the whole model's engine. */
ASSAY_MUST_USE assay_status as_features_finish(as_features *features, assay_error *error);

typedef struct as_features_told {
    uint32_t n_rows;
    int64_t channels;
    uint64_t bytes;
    bool from_cache;
    double seconds;            /* to compute or read them */
    const char *cache_problem; /* why they could not be kept; NULL */
} as_features_told;

/* [any] For the record. */
as_features_told as_features_tell(const as_features *features);

#endif
