/* SPDX-License-Identifier: MIT */
/* Predictions of a split and the figures that early stopping looks at. The loss is computed here,
 * in double from the logits, so that it means the same for every backend and for opaque models:
 *
 *     loss = mean over rows of log sum_k exp(logit_k) - logit_label */
#include "train/evaluate.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "stats/metrics.h"

int32_t as_argmax(const double *logits, int32_t n_classes) {
    int32_t best = 0;
    for (int32_t k = 1; k < n_classes; k++)
        if (logits[k] > logits[best])
            best = k;
    return best;
}

static double log_sum_exp(const double *logits, int32_t n_classes) {
    double most = logits[as_argmax(logits, n_classes)], sum = 0;
    for (int32_t k = 0; k < n_classes; k++)
        sum += exp(logits[k] - most);
    return most + log(sum);
}

void as_softmax_rows(double *logits, size_t n_rows, int32_t n_classes) {
    for (size_t row = 0; row < n_rows; row++, logits += n_classes) {
        double total = log_sum_exp(logits, n_classes);
        for (int32_t k = 0; k < n_classes; k++)
            logits[k] = exp(logits[k] - total);
    }
}

static void score(as_evaluation *evaluation) {
    const as_split_rows *split = evaluation->split;
    int32_t n_classes = evaluation->n_classes;
    int64_t *hits = evaluation->counts, *support = hits + n_classes,
            *predicted = support + n_classes;
    const double *logits = evaluation->logits;
    double loss = 0;
    memset(hits, 0, 3 * (size_t)n_classes * sizeof *hits);
    for (uint32_t row = 0; row < split->n_rows; row++, logits += n_classes) {
        int32_t label = split->rows[row].label, best = as_argmax(logits, n_classes);
        loss += log_sum_exp(logits, n_classes) - logits[label];
        support[label]++;
        predicted[best]++;
        hits[label] += best == label;
    }
    as_averages averages = as_averages_from_counts(hits, support, predicted, n_classes);
    evaluation->loss = loss / split->n_rows;
    evaluation->accuracy = averages.accuracy;
    evaluation->f1_macro = averages.f1_macro;
    evaluation->only_class = -1;
    evaluation->n_classes_of = 0;
    for (int32_t k = 0; k < n_classes; k++) {
        evaluation->n_classes_of += support[k] > 0;
        if (predicted[k] == (int64_t)split->n_rows)
            evaluation->only_class = k;
    }
}

assay_status as_evaluation_init(as_arena *arena, const as_split_rows *split, int32_t batch_rows,
                                int32_t n_classes, double *logits, as_evaluation *ret_evaluation,
                                assay_error *error) {
    as_evaluation evaluation = {
        .split = split, .n_classes = n_classes, .logits = logits, .only_class = -1};
    size_t k = (size_t)n_classes;
    if (split->n_rows == 0)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, as_split_name(split->split),
                       "the split has no rows; nothing can be evaluated");
    if (batch_rows < 1)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "training.batch",
                       "found %d; expected at least 1", (int)batch_rows);
    for (uint32_t row = 0; row < split->n_rows; row++)
        if (split->rows[row].label < 0 || split->rows[row].label >= n_classes)
            return as_fail(error, ASSAY_BAD_DATA, as_split_name(split->split),
                           "row %u has label %d; expected 0 to %d", (unsigned)row,
                           (int)split->rows[row].label, (int)n_classes - 1);
    assay_status status = as_batches_new(arena, split, batch_rows, &evaluation.batches, error);
    if (status != ASSAY_OK)
        return status;
    evaluation.scratch = as_arena_alloc_array(
        arena, (size_t)as_batches_max_rows(evaluation.batches), k * sizeof(double));
    evaluation.counts = as_arena_alloc_array(arena, 3 * k, sizeof(int64_t));
    if (!logits)
        evaluation.logits = as_arena_alloc_array(arena, split->n_rows, k * sizeof(double));
    if (!evaluation.scratch || !evaluation.counts || !evaluation.logits)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, as_split_name(split->split),
                       "no memory for the logits of %u rows", (unsigned)split->n_rows);
    *ret_evaluation = evaluation;
    return ASSAY_OK;
}

assay_status as_evaluation_run(as_evaluation *evaluation, const as_trainee *trainee,
                               assay_error *error) {
    size_t n_classes = (size_t)evaluation->n_classes;
    uint32_t n_done = 0, n_batches = as_batches_count(evaluation->batches);
    const assay_batch *batch;
    as_batches_by_length(evaluation->batches);
    while ((batch = as_batches_next(evaluation->batches))) {
        assay_status status = trainee->predict(trainee->self, batch, evaluation->scratch, error);
        if (status != ASSAY_OK)
            return status;
        const uint32_t *rows = as_batches_rows(evaluation->batches);
        for (int32_t b = 0; b < batch->n_rows; b++)
            memcpy(evaluation->logits + rows[b] * n_classes,
                   evaluation->scratch + (size_t)b * n_classes, n_classes * sizeof(double));
        if (evaluation->after_batch)
            evaluation->after_batch(evaluation->context, ++n_done, n_batches);
    }
    score(evaluation);
    return ASSAY_OK;
}

assay_status as_evaluate(const as_trainee *trainee, const as_split_rows *split, int32_t batch_rows,
                         double *logits, double *ret_loss, assay_error *error) {
    as_evaluation evaluation;
    assay_status status;
    as_arena *arena = as_arena_new();
    if (!arena)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, as_split_name(split->split),
                       "no memory to evaluate");
    status = as_evaluation_init(arena, split, batch_rows, trainee->n_classes, logits, &evaluation,
                                error);
    if (status == ASSAY_OK)
        status = as_evaluation_run(&evaluation, trainee, error);
    if (status == ASSAY_OK && ret_loss)
        *ret_loss = evaluation.loss;
    as_arena_free(arena);
    return status;
}
