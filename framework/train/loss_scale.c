/* SPDX-License-Identifier: MIT */
/* Dynamic loss scaling: train/loss_scale.h. */
#include "train/loss_scale.h"

#include <math.h>

#include "assay/backend.h"

as_loss_scale as_loss_scale_start(int32_t dtype) {
    return (as_loss_scale){dtype == ASSAY_DTYPE_FP16 ? AS_LOSS_SCALE_FIRST : 0, 0, 0};
}

bool as_loss_scale_step(as_loss_scale *scale, double norm) {
    if (scale->scale <= 0)
        return true;
    if (!isfinite(norm)) {
        scale->scale /= 2;
        scale->n_taken = 0;
        scale->n_skipped++;
        return false;
    }
    if (++scale->n_taken == AS_LOSS_SCALE_STEPS) {
        scale->scale = scale->scale < AS_LOSS_SCALE_MOST ? 2 * scale->scale : scale->scale;
        scale->n_taken = 0;
    }
    return true;
}

bool as_loss_scale_is_spent(const as_loss_scale *scale) {
    return scale->scale > 0 && scale->scale < AS_LOSS_SCALE_LEAST;
}
