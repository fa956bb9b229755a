/* SPDX-License-Identifier: MIT */
/* train/engine.h: what else the train module knows of an engine (train.h has the rest). */
#ifndef AS_TRAIN_ENGINE_H
#define AS_TRAIN_ENGINE_H

#include "train/loss_scale.h"
#include "train/train.h"

/* [any] The graph, configuration and device that it works with; the engine's, and so not for longer
 * than it. */
const assay_graph *as_engine_graph(const as_engine *engine);
const as_engine_config *as_engine_configuration(const as_engine *engine);
assay_device *as_engine_device(const as_engine *engine);
/* [any] Channels of the logits. */
int32_t as_engine_n_classes(const as_engine *engine);

/* [cell] Times of the backend's runs are kept from zero on, or not any longer. false: the backend
 * can't. */
ASSAY_MUST_USE bool as_engine_profile(as_engine *engine, bool on);
/* [cell] The lines of the plan that ran last of a kind (ASSAY_PLAN_*, AS_PLAN_UPDATE), after sync;
 * as assay_backend.read_profile. 0 where none has run. */
enum { AS_PLAN_UPDATE = 2 };
uint32_t as_engine_read_profile(const as_engine *engine, int32_t kind, assay_profile_entry *entries,
                                uint32_t capacity, uint64_t *ret_nanoseconds);
/* [cell] The engine's loss scale, which accumulate and update follow: in fp16 an update notes its
 * norm there, and one whose norm isn't finite has changed nothing. Gradients are got unscaled. */
as_loss_scale *as_engine_loss_scale(as_engine *engine);
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
/* [cell] Every parameter from the one of its name in another engine; `other` fills those that this
 * one lacks (its `parameter` is this engine's), NULL: they stay as they are. */
ASSAY_MUST_USE assay_status as_engine_fill_from(as_engine *engine, as_engine *from,
                                                as_parameter_fill other, void *context,
                                                assay_error *error);
/* [any] Number of the parameter of that name; -1: the view has none. */
int64_t as_find_parameter(const assay_graph_view *view, const char *name);
/* [cell] Sets a whole state to zero. */
ASSAY_MUST_USE assay_status as_engine_zero(as_engine *engine, int32_t state, assay_error *error);
/* [cell] A state (ASSAY_STATE_*) of one parameter of the view, values[n_elements]. */
ASSAY_MUST_USE assay_status as_engine_get_parameter(as_engine *engine, int32_t state,
                                                    uint32_t parameter, double *values,
                                                    assay_error *error);
ASSAY_MUST_USE assay_status as_engine_set_parameter(as_engine *engine, int32_t state,
                                                    uint32_t parameter, const double *values,
                                                    assay_error *error);

/* [cell] Goes on with another closed graph of the same model, whose frozen parameters differ: a new
 * session takes over all parameters, and the moments of those that are trained in both; gradients
 * are zero and all plans are gone. The graph outlives the engine. INVALID_ARGUMENT when a parameter
 * or the classes differ. On failure the engine is as it was. */
ASSAY_MUST_USE assay_status as_engine_rebind(as_engine *engine, const assay_graph *graph,
                                             assay_error *error);

/* [cell] Bytes that the backend holds for parameters, gradients and optimizer states. */
assay_memory as_engine_memory(const as_engine *engine);

#endif
