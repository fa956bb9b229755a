/* SPDX-License-Identifier: MIT */
/* train/weights.h: initial weights of a model from a Hugging Face folder (config.json and
 * model.safetensors, or shards with model.safetensors.index.json) or one safetensors file.
 *
 * Tensors are found by the parameters' names. The model's prefix may be there or not
 * ("bert.embeddings...", "embeddings..."), and a layer norm's weight and bias may have their old
 * names (gamma, beta). What is found and what is not decides:
 *
 *     a head the file lacks       drawn new: classifier.*, pre_classifier.*, pooler.*
 *     a head the model lacks      left unused: those and qa_outputs.*
 *     a pretraining head, buffer  ignored: cls.*, vocab_*, *.position_ids, *.token_type_ids
 *     anything else missing       an error, as is what is left over or has another shape
 *
 *     status = as_weights_open(arena, "distilbert-base-uncased", &weights, error);
 *     status = as_weights_load(arena, weights, engine, "distilbert", seed, &result, error);
 *     as_weights_close(weights);
 */
#ifndef AS_TRAIN_WEIGHTS_H
#define AS_TRAIN_WEIGHTS_H

#include <jansson.h>

#include "train/safetensors.h"
#include "train/train.h"

/* What config.json says of an encoder; the fields' names differ from one model to the other. */
typedef struct as_weights_config {
    char model_type[16]; /* "distilbert" or "bert" */
    int64_t vocab_size, positions, channels, layers, heads, feed_forward;
    double layer_norm_epsilon;
    double dropout, attention_dropout, classifier_dropout; /* NaN: it doesn't say */
} as_weights_config;

/* [any] Reads a config.json. BAD_DATA at "FILE/FIELD": another model_type, a missing field, an
 * activation that is not gelu (the erf form), channels that heads don't divide. */
ASSAY_MUST_USE assay_status as_weights_config_load(const char *path, as_weights_config *ret_config,
                                                   assay_error *error);

/* [any] BAD_DATA at the first field of the config in `path` that differs from the built model's. */
ASSAY_MUST_USE assay_status as_weights_config_check(const as_weights_config *config,
                                                    const as_weights_config *model,
                                                    const char *path, assay_error *error);

/* [any] What the config says of the model's options: layers, heads, dim, hidden_dim, positions, and
 * dropout, attention_dropout, classifier_dropout where it has them. A new object; NULL: no memory.
 */
json_t *as_weights_config_options(const as_weights_config *config);

typedef struct as_weights as_weights;

/* [any] Opens a folder, or a safetensors file (with the config.json beside it, if there is one).
 * Everything is checked here but what the model decides. pytorch_model.bin is BAD_DATA, with the
 * command that converts it. Release with as_weights_close before the arena. */
ASSAY_MUST_USE assay_status as_weights_open(as_arena *arena, const char *path,
                                            as_weights **ret_weights, assay_error *error);
void as_weights_close(as_weights *weights); /* NULL allowed */

/* [any] NULL where there is no config.json. */
const as_weights_config *as_weights_configuration(const as_weights *weights);

/* [any] Rows of its classifier.weight; 0: it has none. */
int64_t as_weights_classes(const as_weights *weights);

/* [any] Path of safetensors file i, until the weights are closed; NULL from their number on. */
const char *as_weights_file(const as_weights *weights, size_t i);

typedef struct as_name_list {
    const char **names; /* [n] */
    size_t n;
} as_name_list;

/* Names of parameters (loaded, drawn) in the graph's order and of tensors (unused, ignored) in the
 * files'. */
typedef struct as_weights_result {
    as_name_list loaded, drawn, unused, ignored;
} as_weights_result;

/* [cell] Sets every parameter of the engine: from the file, or drawn from (seed, name) as
 * as_engine_init_parameters does. model_id: the plugin's id, which is model_type and prefix.
 * BAD_DATA lists up to ten tensors with names and shapes, or the field of config.json that
 * disagrees with the model, before any parameter is changed; it also names the first tensor with a
 * value that is not finite. */
ASSAY_MUST_USE assay_status as_weights_load(as_arena *arena, const as_weights *weights,
                                            as_engine *engine, const char *model_id, uint64_t seed,
                                            as_weights_result *ret_result, assay_error *error);

/* [any] The same without an engine: what would be loaded, or why nothing can be. Reads every value
 * once and keeps none in memory. */
ASSAY_MUST_USE assay_status as_weights_match(as_arena *arena, const as_weights *weights,
                                             const assay_graph_view *view, const char *model_id,
                                             as_weights_result *ret_result, assay_error *error);

#endif
