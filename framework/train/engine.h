/* SPDX-License-Identifier: MIT */
/* train/engine.h: what else the train module knows of an engine (train.h has the rest). */
#ifndef AS_TRAIN_ENGINE_H
#define AS_TRAIN_ENGINE_H

#include "train/train.h"

const assay_graph *as_engine_graph(const as_engine *engine);
const as_engine_config *as_engine_configuration(const as_engine *engine);
int32_t as_engine_n_classes(const as_engine *engine);
/* [any] Nanoseconds spent inside the backend so far. */
int64_t as_engine_compute_ns(const as_engine *engine);
/* [any] Plans compiled so far (forward and accumulate). */
uint64_t as_engine_n_compiled(const as_engine *engine);
/* Fills values[n_elements] of a parameter of the view. */
typedef assay_status (*as_parameter_fill)(void *context, uint32_t parameter, double *values,
                                          assay_error *error);
/* [cell] Fills and uploads one parameter after the other, through one buffer. */
ASSAY_MUST_USE assay_status as_engine_fill(as_engine *engine, as_parameter_fill fill, void *context,
                                           assay_error *error);
/* [cell] Sets a whole state to zero. */
ASSAY_MUST_USE assay_status as_engine_zero(as_engine *engine, int32_t state, assay_error *error);

#endif
