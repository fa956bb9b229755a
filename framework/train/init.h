/* SPDX-License-Identifier: MIT */
/* train/init.h: initial values of parameters. */
#ifndef AS_TRAIN_INIT_H
#define AS_TRAIN_INIT_H

#include "assay/backend.h"

/* [any] Fills values[n_elements] with the parameter's initial values, rounded to f32 so that every
 * precision starts from the same weights. They depend on (seed, parameter name) alone. */
ASSAY_MUST_USE assay_status as_init_parameter(const assay_parameter_info *parameter, uint64_t seed,
                                              double *values, assay_error *error);

#endif
