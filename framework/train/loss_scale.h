/* SPDX-License-Identifier: MIT */
/* train/loss_scale.h: dynamic loss scaling, for gradients in fp16 (Micikevicius et al. 2018).
 *
 * fp16 has no number between 0 and 6e-8, where many gradients lie. The loss's gradient is
 * multiplied by `scale`, so that all others are too, and the update divides by it. A step whose
 * gradient norm is then not finite changes no weights: the scale halves. After AS_LOSS_SCALE_STEPS
 * steps in a row that were taken it doubles. */
#ifndef AS_TRAIN_LOSS_SCALE_H
#define AS_TRAIN_LOSS_SCALE_H

#include <stdbool.h>
#include <stdint.h>

#define AS_LOSS_SCALE_FIRST 65536.0
#define AS_LOSS_SCALE_LEAST (1.0 / 65536.0)
#define AS_LOSS_SCALE_MOST 4294967296.0 /* it grows no further */
enum { AS_LOSS_SCALE_STEPS = 2000 };

typedef struct as_loss_scale {
    double scale;      /* 0: none, the precision has no need of it */
    int64_t n_taken;   /* steps since the scale changed last */
    int64_t n_skipped; /* of the whole run */
} as_loss_scale;

/* [any] The first scale in fp16, none in any other precision (ASSAY_DTYPE_*). */
as_loss_scale as_loss_scale_start(int32_t dtype);

/* [any] Notes a step's gradient norm. False: the step was skipped. */
bool as_loss_scale_step(as_loss_scale *scale, double norm);

/* [any] The scale is as small as it gets and the gradient still not finite: training diverges. */
bool as_loss_scale_is_spent(const as_loss_scale *scale);

#endif
