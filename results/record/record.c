/* SPDX-License-Identifier: MIT */
/* Life of a record, and the words for its statuses. Reading and writing: record_read.c,
 * record_write.c. */
#include "results/record/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const char *const status_names[] = {"ok", "failed", "skipped", "diverged"};

const char *as_cell_status_name(as_cell_status status) {
    return status_names[status];
}

bool as_cell_status_parse(const char *name, as_cell_status *ret_status) {
    for (size_t i = 0; i < sizeof status_names / sizeof status_names[0]; i++) {
        if (strcmp(name, status_names[i]) == 0) {
            *ret_status = (as_cell_status)i;
            return true;
        }
    }
    return false;
}

double as_prediction_share(const as_prediction *p) {
    return (double)(p->probabilities ? p->probabilities[p->predicted] : p->share);
}

static void set_numbers_missing(as_record *r) {
    r->model.parameters_total = r->model.parameters_trainable = r->model.bytes = -1;
    r->backend.threads = -1;
    r->backend.equivalence.logits_error = r->backend.equivalence.logits_bound = NAN;
    r->backend.equivalence.gradient_error = r->backend.equivalence.gradient_bound = NAN;
    r->dataset.train = r->dataset.validation = r->dataset.test = -1;
    r->dataset.duplicates_within_train = -1;
    r->dataset.duplicates_validation_in_train = r->dataset.duplicates_test_in_train = -1;
    r->dataset.empty = r->dataset.vocab_size = -1;
    r->dataset.truncated_share = r->dataset.coverage = r->dataset.mean_tokens = NAN;
    r->training.n_epochs = r->training.best_epoch = -1;
    r->training.seconds = r->training.initial_loss = r->training.padding_share = NAN;
    r->training.samples_per_second = r->training.tokens_per_second = NAN;
    r->test = r->validation = as_scores_empty();
    as_figure none = as_figure_point(NAN);
    r->single_stream = (as_latency_summary){0, NAN, none, none, none, none};
    r->offline.samples_per_second = r->offline.tokens_per_second = r->offline.seconds = NAN;
    r->peak_rss_bytes = r->peak_device_bytes = -1;
    r->parameter_bytes = r->gradient_bytes = r->optimizer_bytes = -1;
    r->flops_forward_per_sample = r->flops_training = r->achieved_flops_per_second = NAN;
    r->training_share_of_peak_gemm = NAN;
    r->peaks.compute_flops_per_second = r->peaks.gemm_flops_per_second = none;
    r->peaks.memory_bytes_per_second = none;
    r->peaks.samples = -1;
    r->peaks.seconds = NAN;
    r->training.loss_scale = NAN;
    r->energy_joules = r->host_seconds_per_batch = NAN;
}

assay_status as_record_new(as_record **ret_record, assay_error *error) {
    as_record *record = calloc(1, sizeof *record);
    as_arena *arena = as_arena_new();
    if (!record || !arena) {
        free(record);
        as_arena_free(arena);
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "record", "no memory for a record");
    }
    record->arena = arena;
    set_numbers_missing(record);
    *ret_record = record;
    return ASSAY_OK;
}

void as_record_free(as_record *record) {
    if (!record)
        return;
    json_decref(record->json);
    as_arena_free(record->arena);
    free(record);
}
