/* SPDX-License-Identifier: MIT */
/* train/trainee_state.h: a graph model's part of a training state, each tensor by its parameter's
 * name and of the parameters that are trained now alone (the others are as they were drawn or
 * loaded):
 *
 *     parameter/NAME, moment1/NAME, moment2/NAME     as far as the optimizer has moments
 *     kept                                           as_trainee_kept, one after the other
 *
 * F64 on a device of f64, else F32: both exact. */
#ifndef AS_TRAIN_TRAINEE_STATE_H
#define AS_TRAIN_TRAINEE_STATE_H

#include "train/state.h"
#include "train/trainer.h"

/* What the tensors are read from while the state is written. */
typedef struct as_trainee_source {
    as_engine *engine;
    double *staging; /* of the largest parameter */
    const double *kept;
    uint64_t n_kept;
} as_trainee_source;

/* [any] false: an opaque model, whose state only the plugin knows. */
bool as_trainee_can_save(const as_trainee *trainee);

/* [cell] Adds the trainee's tensors; `source` stays until the state is written and is then emptied
 * with as_trainee_source_done, whatever the status. */
ASSAY_MUST_USE assay_status as_trainee_pack(const as_trainee *trainee,
                                            const assay_update_config *update, bool with_kept,
                                            as_trainee_source *source, as_state_parts *parts,
                                            assay_error *error);
void as_trainee_source_done(as_trainee_source *source);

/* [cell] Sets them, in the graph of the epoch that they were saved in (as_trainee_resume). */
ASSAY_MUST_USE assay_status as_trainee_unpack(const as_trainee *trainee,
                                              const assay_update_config *update, bool with_kept,
                                              as_state *state, assay_error *error);

#endif
