/* SPDX-License-Identifier: MIT */
/* train/recipe.h: a suite's "training" object as a configuration of the trainer. */
#ifndef AS_TRAIN_RECIPE_H
#define AS_TRAIN_RECIPE_H

#include <jansson.h>

#include "train/train.h"

/* [any] `training` has passed the suite's schema (types, ranges, words); NULL: all defaults.
 * Refused here with BAD_DATA at "WHERE/training/...": a schedule's field that its kind doesn't
 * have, two lengths of warm-up, two kinds of clipping. */
ASSAY_MUST_USE assay_status as_train_config_from_json(const json_t *training, const char *where,
                                                      as_train_config *ret_config,
                                                      assay_error *error);

/* [any] exempt[n_parameters] of a graph's parameters: 1 for those without weight decay by
 * as_train_config's decay_exempt, else 0. Biases are parameters of rank 1 whose name's last part
 * contains "bias" (PyTorch's recurrent layers have bias_ih_l0, its attention in_proj_bias), of
 * layer norms all that a layer_norm node reads, whatever their names. */
void as_decay_exempt(const assay_graph_view *view, uint32_t kinds, uint8_t *exempt);

#endif
