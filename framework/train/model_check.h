/* SPDX-License-Identifier: MIT */
/* train/model_check.h: is a model plugin fit to be measured? Builds it in every form that its
 * options offer, holds its gradient against differences of the loss, a row against the same row
 * alone, each backend against the reference, and lets it learn a dozen rows by heart. */
#ifndef AS_TRAIN_MODEL_CHECK_H
#define AS_TRAIN_MODEL_CHECK_H

#include <stdbool.h>

#include "assay/backend.h"
#include "assay/model.h"
#include "plugin/plugin.h"

typedef enum as_check_outcome {
    AS_CHECK_PASSED,
    AS_CHECK_FAILED,
    AS_CHECK_SKIPPED,
} as_check_outcome;

typedef struct as_check_backend {
    const char *id;
    const assay_backend *backend;
    int32_t dtype; /* ASSAY_DTYPE_* */
} as_check_backend;

/* Everything is the caller's and stays unchanged during the call. */
typedef struct as_model_check {
    as_plugin plugin;
    const as_option_value *values; /* what differs from the defaults */
    size_t n_values;
    const as_check_backend *backends; /* the first is the reference in f64: the oracle */
    size_t n_backends;
    /* Told once for each check, in order; `detail` is valid during the call. */
    void (*told)(void *context, const char *check, as_check_outcome outcome, const char *detail);
    void *context;
} as_model_check;

/* [cell] Does all checks, goes on after one that failed; *ret_failed is their number. An error is
 * what kept it from checking at all, as options that the plugin's table refuses. */
ASSAY_MUST_USE assay_status as_model_check_run(const as_model_check *check, int32_t *ret_failed,
                                               assay_error *error);

#endif
