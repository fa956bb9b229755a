/* SPDX-License-Identifier: MIT */
/* assay/model.h: the two styles of model plugin.
 *
 * graph model   implements `build` only. The framework derives the backward pass, trains, saves and
 *               runs it on every backend. Prefer it.
 * opaque model  trains and predicts itself, for what the graph can't say. The host keeps batches,
 *               schedule, early stopping and best epoch; its backend is called `own`.
 *
 * Example: see plugins/models/gru.c.
 */
#ifndef ASSAY_MODEL_H
#define ASSAY_MODEL_H

#include "assay/batch.h"
#include "assay/graph.h"
#include "assay/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ASSAY_MODEL_GRAPH "assay.model.graph/1"
#define ASSAY_MODEL_OPAQUE "assay.model.opaque/1"
#define ASSAY_MODEL_LIBRARIES "assay.model.libraries/1"

/* What the suite fixes for a model. Owned by the host, valid during the call (opaque: until
 * destroy). */
typedef struct assay_model_config {
    uint32_t struct_size;
    int32_t n_classes;   /* >= 2 */
    int64_t vocab_size;  /* ids are below it; 0 is PAD, 1 is UNK */
    int64_t max_tokens;  /* no row is longer */
    const void *options; /* the plugin's option struct, filled and checked by the host */
    uint64_t seed;       /* opaque models: of everything random */
    int32_t threads;     /* opaque models: at most so many */
    int32_t reserved;
} assay_model_config;

ASSAY_STATIC_ASSERT(sizeof(assay_model_config) == 48, "assay_model_config layout is frozen");

typedef struct assay_model_graph {
    uint32_t struct_size;
    uint32_t reserved;
    /* [cell] Builds the forward graph and returns its logits, ROWS [B, n_classes]. No side effects;
     * may be called several times. Errors stick to the graph. */
    assay_value (*build)(const assay_builder *builder, const assay_model_config *config);
} assay_model_graph;

ASSAY_STATIC_ASSERT(sizeof(assay_model_graph) == 16, "assay_model_graph layout is frozen");

/* One training step as the host asks for it. */
typedef struct assay_train_step {
    uint32_t struct_size;
    int32_t epoch; /* from 1 */
    int64_t step;  /* from 1, over all epochs */
    double learning_rate;
} assay_train_step;

ASSAY_STATIC_ASSERT(sizeof(assay_train_step) == 24, "assay_train_step layout is frozen");

typedef struct assay_model_opaque {
    uint32_t struct_size;
    uint32_t reserved;
    /* [cell] Creates the model; the host destroys it. */
    assay_status (*create)(const assay_model_config *config, void **ret_model, assay_error *error);
    /* [cell] One update on a batch with labels (ASSAY_BATCH_LAST ends the epoch); *ret_loss = mean
     * loss of its rows before the update (NaN where the model has none). */
    assay_status (*train_step)(void *model, const assay_batch *batch, const assay_train_step *step,
                               double *ret_loss, assay_error *error);
    /* [cell] logits [n_rows, n_classes]: their softmax are the probabilities. */
    assay_status (*predict)(void *model, const assay_batch *batch, float *logits,
                            assay_error *error);
    /* [cell] Copies the state aside as the best so far, and back. NULL: the last state is kept. */
    assay_status (*keep)(void *model, assay_error *error);
    assay_status (*restore)(void *model, assay_error *error);
    /* [cell] Number of learned parameters. */
    int64_t (*n_parameters)(const void *model);
    /* [cell] NULL allowed. */
    void (*destroy)(void *model);
} assay_model_opaque;

ASSAY_STATIC_ASSERT(sizeof(assay_model_opaque) == 64, "assay_model_opaque layout is frozen");

/* An opaque model may offer this too: what computes in it, for the record. */
typedef struct assay_model_libraries {
    uint32_t struct_size;
    uint32_t reserved;
    /* [cell] As "torch 2.5.1; Python 3.11.7"; the model's, until it is destroyed. */
    const char *(*libraries)(const void *model);
} assay_model_libraries;

ASSAY_STATIC_ASSERT(sizeof(assay_model_libraries) == 16, "assay_model_libraries layout is frozen");

/* Defines a whole graph-model plugin: descriptor, interface and entry point. `options` is an array
 * of assay_option over struct type `options_type`. ASSAY_GRAPH_MODEL("mean_bag", "1.0", "MIT",
 * "embedding, mean, linear", mean_bag_options, options, build)
 */
#define ASSAY_GRAPH_MODEL(id_, version_, license_, summary_, options_type, options_, build_)       \
    static const void *assay_get_interface_(const char *name) {                                    \
        static const assay_model_graph model = {(uint32_t)sizeof(assay_model_graph), 0, build_};   \
        return strcmp(name, ASSAY_MODEL_GRAPH) == 0 ? &model : NULL;                               \
    }                                                                                              \
    static const assay_plugin assay_plugin_descriptor_ = {(uint32_t)sizeof(assay_plugin),          \
                                                          ASSAY_ABI_MAJOR,                         \
                                                          0,                                       \
                                                          ASSAY_PLUGIN_KIND_MODEL,                 \
                                                          id_,                                     \
                                                          version_,                                \
                                                          license_,                                \
                                                          summary_,                                \
                                                          "",                                      \
                                                          options_,                                \
                                                          sizeof(options_) /                       \
                                                              sizeof((options_)[0]),               \
                                                          sizeof(options_type),                    \
                                                          assay_get_interface_,                    \
                                                          NULL};                                   \
    ASSAY_DEFINE_PLUGIN(assay_plugin_descriptor_)

#ifdef __cplusplus
}
#endif
#endif
