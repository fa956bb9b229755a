/* SPDX-License-Identifier: MIT */
/* train/evaluate.h: evaluation into buffers of the caller, for validation after every epoch. */
#ifndef AS_TRAIN_EVALUATE_H
#define AS_TRAIN_EVALUATE_H

#include "data/batches.h"
#include "train/trainer.h"

/* Buffers and batches of one split, made once. */
typedef struct as_evaluation {
    const as_split_rows *split;
    as_batches *batches;
    int32_t n_classes;
    double *logits;  /* [n_rows, n_classes] in split order */
    double *scratch; /* [max batch rows, n_classes] */
    int64_t *counts; /* [3, n_classes] hits, support, predicted */
    double loss, accuracy, f1_macro;
    int32_t only_class;   /* the one class that every row is predicted as; -1: there are several */
    int32_t n_classes_of; /* classes that the rows' labels are of */
    /* After every batch; NULL: nobody. */
    void (*after_batch)(void *context, uint32_t n_done, uint32_t n_batches);
    void *context;
} as_evaluation;

/* [cell] Allocates in the arena; logits NULL: allocated too. */
ASSAY_MUST_USE assay_status as_evaluation_init(as_arena *arena, const as_split_rows *split,
                                               int32_t batch_rows, int32_t n_classes,
                                               double *logits, as_evaluation *ret_evaluation,
                                               assay_error *error);
/* [cell] Predicts every row, then sets loss, accuracy and f1_macro. No allocation. */
ASSAY_MUST_USE assay_status as_evaluation_run(as_evaluation *evaluation, const as_trainee *trainee,
                                              assay_error *error);

#endif
