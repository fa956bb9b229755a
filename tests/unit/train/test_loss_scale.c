/* SPDX-License-Identifier: MIT */
#include "train/loss_scale.h"

#include <criterion/criterion.h>
#include <math.h>

#include "assay/backend.h"

Test(loss_scale, only_fp16_has_one) {
    cr_assert_eq(as_loss_scale_start(ASSAY_DTYPE_F32).scale, 0);
    cr_assert_eq(as_loss_scale_start(ASSAY_DTYPE_BF16).scale, 0);
    cr_assert_eq(as_loss_scale_start(ASSAY_DTYPE_FP16).scale, 65536);
}

Test(loss_scale, without_one_every_step_is_taken) {
    as_loss_scale scale = as_loss_scale_start(ASSAY_DTYPE_BF16);
    cr_assert(as_loss_scale_step(&scale, INFINITY));
    cr_assert_eq(scale.scale, 0);
    cr_assert_eq(scale.n_skipped, 0);
    cr_assert(!as_loss_scale_is_spent(&scale));
}

Test(loss_scale, a_norm_that_is_not_finite_halves_it) {
    as_loss_scale scale = as_loss_scale_start(ASSAY_DTYPE_FP16);
    cr_assert(!as_loss_scale_step(&scale, INFINITY));
    cr_assert(!as_loss_scale_step(&scale, NAN));
    cr_assert_eq(scale.scale, 16384);
    cr_assert_eq(scale.n_skipped, 2);
    cr_assert(as_loss_scale_step(&scale, 1));
    cr_assert_eq(scale.scale, 16384);
}

Test(loss_scale, two_thousand_steps_in_a_row_double_it) {
    as_loss_scale scale = as_loss_scale_start(ASSAY_DTYPE_FP16);
    for (int i = 0; i < AS_LOSS_SCALE_STEPS - 1; i++)
        cr_assert(as_loss_scale_step(&scale, 1));
    cr_assert_eq(scale.scale, 65536);
    (void)as_loss_scale_step(&scale, NAN); /* the row is broken */
    for (int i = 0; i < AS_LOSS_SCALE_STEPS - 1; i++)
        cr_assert(as_loss_scale_step(&scale, 1));
    cr_assert_eq(scale.scale, 32768);
    cr_assert(as_loss_scale_step(&scale, 1));
    cr_assert_eq(scale.scale, 65536);
}

Test(loss_scale, it_has_an_end_at_both_sides) {
    as_loss_scale scale = as_loss_scale_start(ASSAY_DTYPE_FP16);
    for (int i = 0; i < 40 * AS_LOSS_SCALE_STEPS; i++)
        (void)as_loss_scale_step(&scale, 1);
    cr_assert_eq(scale.scale, AS_LOSS_SCALE_MOST);
    cr_assert(!as_loss_scale_is_spent(&scale));
    for (int i = 0; i < 48; i++)
        (void)as_loss_scale_step(&scale, NAN);
    cr_assert_eq(scale.scale, AS_LOSS_SCALE_LEAST);
    cr_assert(!as_loss_scale_is_spent(&scale));
    (void)as_loss_scale_step(&scale, NAN);
    cr_assert(as_loss_scale_is_spent(&scale));
}
