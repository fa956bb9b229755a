/* SPDX-License-Identifier: MIT */
/* Evaluation: row order, loss, softmax. */
#include <criterion/criterion.h>

#include "toy.h"

/* Logits that name their row, so that a row out of place is seen. */
static assay_status predict_key(void *self, const assay_batch *batch, double *logits,
                                assay_error *error) {
    (void)self;
    (void)error;
    for (int32_t b = 0; b < batch->n_rows; b++) {
        logits[2 * b] = (double)batch->row_keys[b];
        logits[2 * b + 1] = (double)batch->n_tokens;
    }
    return ASSAY_OK;
}

static assay_status predict_failure(void *self, const assay_batch *batch, double *logits,
                                    assay_error *error) {
    (void)self;
    (void)batch;
    (void)logits;
    return assay_fail(error, ASSAY_LIMIT, "toy", "scripted failure");
}

Test(evaluate, logits_come_in_row_order) {
    as_arena *arena = as_arena_new();
    assay_error error = ASSAY_ERROR_INIT;
    as_split_rows split;
    as_trainee trainee = {.n_classes = 2, .predict = predict_key};
    double logits[2 * 37], loss = -1;
    toy_split(arena, AS_SPLIT_TEST, 37, 3, &split);
    cr_assert_eq(as_evaluate(&trainee, &split, 5, logits, &loss, &error), ASSAY_OK);
    for (int row = 0; row < 37; row++)
        cr_assert_eq(logits[2 * row], row);
    cr_assert(loss >= 0);
    as_arena_free(arena);
}

Test(evaluate, loss_is_the_mean_cross_entropy) {
    as_arena *arena = as_arena_new();
    assay_error error = ASSAY_ERROR_INIT;
    as_split_rows split;
    toy_trainee toy;
    double logits[2 * 10], loss = -1;
    toy_init(&toy);
    toy.margin[0] = 1.5;
    toy.n_wrong[0] = 3;
    toy_split(arena, AS_SPLIT_TEST, 10, 3, &split);
    cr_assert_eq(as_evaluate(&toy.trainee, &split, 4, logits, &loss, &error), ASSAY_OK);
    cr_assert_float_eq(loss, (7 * log1p(exp(-1.5)) + 3 * log1p(exp(1.5))) / 10, 1e-14);
    as_arena_free(arena);
}

Test(evaluate, failures_leave_the_loss_untouched) {
    as_arena *arena = as_arena_new();
    assay_error error = ASSAY_ERROR_INIT;
    as_split_rows split;
    as_trainee trainee = {.n_classes = 2, .predict = predict_failure};
    double logits[2 * 10], loss = -1;
    toy_split(arena, AS_SPLIT_TEST, 10, 3, &split);
    cr_assert_eq(as_evaluate(&trainee, &split, 4, logits, &loss, &error), ASSAY_LIMIT);
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_evaluate(&trainee, &split, 0, logits, &loss, &error), ASSAY_INVALID_ARGUMENT);
    trainee.n_classes = 1; /* label 1 doesn't exist then */
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_evaluate(&trainee, &split, 4, logits, &loss, &error), ASSAY_BAD_DATA);
    split.n_rows = 0;
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_evaluate(&trainee, &split, 4, logits, &loss, &error), ASSAY_INVALID_ARGUMENT);
    cr_assert_eq(loss, -1);
    as_arena_free(arena);
}

Test(evaluate, softmax_survives_large_logits) {
    double logits[6] = {1000, 1001, 999, -1000, -1000, -1000};
    as_softmax_rows(logits, 2, 3);
    cr_assert_float_eq(logits[0] + logits[1] + logits[2], 1, 1e-12);
    cr_assert_float_eq(logits[1] / logits[0], exp(1), 1e-12);
    cr_assert_float_eq(logits[5], 1.0 / 3, 1e-12);
}

Test(evaluate, argmax_takes_the_first_of_equals) {
    double logits[4] = {1, 3, 3, 2};
    cr_assert_eq(as_argmax(logits, 4), 1);
}
