/* SPDX-License-Identifier: MIT */
/* Reads a cell's folder. Nothing in the files is trusted: sizes, class counts, indices and types
 * are checked, and an error names the file and the field ("result.json", "test.confusion[2][0]").
 *
 * Fields are read with a reader that keeps the first error and hands out empty values after it, so
 * that the code below is a list of fields; the status is looked at once at the end. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "results/record/json_reader.h"
#include "results/record/raw_read.h"
#include "results/record/record.h"

enum {
    MAX_WARNINGS = 10000,
    MAX_ENVIRONMENT = 1000,
    MAX_BLOCKS = 1000000,
    MAX_GROUP = 1000,
    MAX_SCENARIOS = 64
};

static as_figure read_figure(as_json_reader *r, const json_t *o, const char *key) {
    as_figure figure = as_figure_point(NAN);
    const json_t *f = as_field_enter(r, o, key);
    if (f) {
        figure.value = as_field_real(r, f, "value");
        figure.low = as_field_real(r, f, "low");
        figure.high = as_field_real(r, f, "high");
    }
    as_field_leave(r);
    return figure;
}

static void read_model(as_json_reader *r, const json_t *root, as_record *record) {
    const json_t *o = as_field_enter(r, root, "model");
    record->model.id = as_field_text(r, o, "id");
    record->model.version = as_field_text(r, o, "version");
    record->model.sha256 = as_field_text(r, o, "sha256");
    record->model.path = as_field_text(r, o, "path");
    record->model.options = as_field_object(r, o, "options");
    record->model.weights = as_field_object(r, o, "weights");
    const json_t *parameters = as_field_enter(r, o, "parameters");
    record->model.parameters_total = as_field_count(r, parameters, "total");
    record->model.parameters_trainable = as_field_count(r, parameters, "trainable");
    as_field_leave(r);
    record->model.bytes = as_field_count(r, o, "bytes");
    as_field_leave(r);
}

static void read_backend(as_json_reader *r, const json_t *root, as_record *record) {
    const json_t *o = as_field_enter(r, root, "backend");
    record->backend.id = as_field_text(r, o, "id");
    record->backend.version = as_field_text(r, o, "version");
    record->backend.libraries = as_field_text(r, o, "libraries");
    record->dtype = as_field_text(r, o, "dtype");
    record->backend.threads = as_field_count32(r, o, "threads");
    const json_t *e = as_field_enter(r, o, "equivalence");
    record->backend.equivalence.checked = as_field_flag(r, e, "checked");
    record->backend.equivalence.passed = as_field_flag(r, e, "passed");
    record->backend.equivalence.logits_error = as_field_real(r, e, "logits_error");
    record->backend.equivalence.logits_bound = as_field_real(r, e, "logits_bound");
    record->backend.equivalence.gradient_error = as_field_real(r, e, "gradient_error");
    record->backend.equivalence.gradient_bound = as_field_real(r, e, "gradient_bound");
    record->backend.equivalence.reason = as_field_text(r, e, "reason");
    record->backend.equivalence.cached = as_field_flag(r, e, "cached");
    record->backend.equivalence.checked_at = as_field_text(r, e, "checked_at");
    as_field_leave(r);
    const json_t *d = as_field_enter(r, o, "device");
    if (d) {
        record->backend.device.name = as_field_text(r, d, "name");
        record->backend.device.driver = as_field_text(r, d, "driver");
        record->backend.device.memory_bytes = as_field_count(r, d, "memory_bytes");
        record->backend.device.clock_mhz = as_field_count(r, d, "clock_mhz");
        record->backend.device.clock_max_mhz = as_field_count(r, d, "clock_max_mhz");
        record->backend.device.energy_joules = as_field_real(r, d, "energy_joules");
        record->backend.device.throttled = as_field_flag(r, d, "throttled");
    }
    as_field_leave(r);
    as_field_leave(r);
}

/* Array of at most `most` texts, each there. */
static const char **read_texts(as_json_reader *r, const json_t *o, const char *key, size_t most,
                               size_t *ret_n) {
    size_t n = 0;
    const json_t *array = as_field_array(r, o, key, most, &n);
    const char **texts = n ? as_field_alloc(r, n, sizeof *texts, key) : NULL;
    *ret_n = 0;
    if (n && !texts)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(array, i));
        if (!text) {
            as_field_fail(r, ASSAY_BAD_DATA, key, "item %zu is not a text", i);
            return NULL;
        }
        texts[i] = text;
    }
    *ret_n = n;
    return texts;
}

static void read_dataset(as_json_reader *r, const json_t *root, as_record *record) {
    const json_t *o = as_field_enter(r, root, "dataset");
    record->dataset.name = as_field_text(r, o, "name");
    record->dataset.sha256 = as_field_text(r, o, "sha256");
    record->dataset.rows_sha256 = as_field_text(r, o, "rows_sha256");
    const json_t *counts = as_field_enter(r, o, "counts");
    record->dataset.train = as_field_count(r, counts, "train");
    record->dataset.validation = as_field_count(r, counts, "validation");
    record->dataset.test = as_field_count(r, counts, "test");
    as_field_leave(r);
    size_t n_labels = 0;
    record->dataset.labels = read_texts(r, o, "labels", AS_MAX_CLASSES, &n_labels);
    record->dataset.n_labels = (int32_t)n_labels;
    const json_t *audit = as_field_enter(r, o, "audit");
    record->dataset.duplicates_within_train = as_field_count(r, audit, "duplicates_within_train");
    record->dataset.duplicates_validation_in_train =
        as_field_count(r, audit, "duplicates_validation_in_train");
    record->dataset.duplicates_test_in_train = as_field_count(r, audit, "duplicates_test_in_train");
    record->dataset.empty = as_field_count(r, audit, "empty");
    record->dataset.truncated_share = as_field_real(r, audit, "truncated_share");
    record->dataset.coverage = as_field_real(r, audit, "coverage");
    as_field_leave(r);
    record->dataset.vocab_size = as_field_count(r, o, "vocab_size");
    record->dataset.mean_tokens = as_field_real(r, o, "mean_tokens");
    record->dataset.validation_is_test = as_field_flag(r, o, "validation_is_test") == 1;
    record->dataset.preparation = as_field_object(r, o, "preparation");
    as_field_leave(r);
}

static void read_training(as_json_reader *r, const json_t *root, as_record *record) {
    const json_t *o = as_field_enter(r, root, "training");
    record->training.settings = as_field_object(r, o, "settings");
    record->training.strategy = as_field_object(r, o, "strategy");
    record->training.n_epochs = as_field_count32(r, o, "epochs");
    record->training.best_epoch = as_field_count32(r, o, "best_epoch");
    record->training.seconds = as_field_real(r, o, "seconds");
    record->training.samples_per_second = as_field_real(r, o, "samples_per_second");
    record->training.tokens_per_second = as_field_real(r, o, "tokens_per_second");
    record->training.stopped = as_field_text(r, o, "stopped");
    record->training.initial_loss = as_field_real(r, o, "initial_loss");
    record->training.padding_share = as_field_real(r, o, "padding_share");
    const json_t *scale = as_field_enter(r, o, "loss_scale");
    record->training.loss_scale = scale ? as_field_real(r, scale, "last") : NAN;
    record->training.n_skipped = scale ? as_field_count(r, scale, "skipped_steps") : 0;
    as_field_leave(r);
    const json_t *resumed = as_field_enter(r, o, "resumed");
    record->training.n_resumed = resumed ? as_field_count(r, resumed, "times") : 0;
    record->training.resumed_step = resumed ? as_field_count(r, resumed, "step") : 0;
    as_field_leave(r);
    as_field_leave(r);
}

static void read_confusion(as_json_reader *r, const json_t *o, as_scores *scores) {
    size_t k = (size_t)scores->n_classes, n_rows = 0;
    const json_t *rows = as_field_array(r, o, "confusion", k, &n_rows);
    int64_t total = 0;
    scores->confusion = as_field_alloc(r, k * k, sizeof *scores->confusion, "confusion");
    if (!scores->confusion)
        return;
    for (size_t i = 0; i < k; i++) {
        const json_t *row = json_array_get(rows, i);
        if (json_array_size(row) != k) {
            as_field_fail(r, ASSAY_BAD_DATA, "confusion", "must be %zu rows of %zu counts", k, k);
            return;
        }
        for (size_t j = 0; j < k; j++) {
            const json_t *cell = json_array_get(row, j);
            json_int_t count = json_integer_value(cell);
            if (!json_is_integer(cell) || count < 0 || count > scores->n - total) {
                as_field_fail(r, ASSAY_BAD_DATA, "confusion",
                              "[%zu][%zu]: counts must be at least 0 and sum to n = %lld", i, j,
                              (long long)scores->n);
                return;
            }
            scores->confusion[i * k + j] = count;
            total += count;
        }
    }
    if (total != scores->n)
        as_field_fail(r, ASSAY_BAD_DATA, "confusion", "counts sum to %lld, but n is %lld",
                      (long long)total, (long long)scores->n);
}

static void read_classes(as_json_reader *r, const json_t *o, as_scores *scores) {
    size_t n = 0;
    const json_t *classes = as_field_array(r, o, "per_class", AS_MAX_CLASSES, &n);
    scores->per_class = as_field_alloc(r, n, sizeof *scores->per_class, "per_class");
    if (!scores->per_class)
        return;
    scores->n_classes = (int32_t)n;
    for (size_t i = 0; i < n; i++) {
        const json_t *c = as_field_enter_item(r, classes, "per_class", i);
        scores->per_class[i] = (as_class_figures){
            .label = as_field_text(r, c, "label"),
            .support = as_field_count(r, c, "support"),
            .predicted = as_field_count(r, c, "predicted"),
            .precision = as_field_real(r, c, "precision"),
            .recall = as_field_real(r, c, "recall"),
            .f1 = as_field_real(r, c, "f1"),
        };
        as_field_leave(r);
    }
}

static as_scores read_scores(as_json_reader *r, const json_t *root, const char *key,
                             int32_t n_labels) {
    as_scores scores = as_scores_empty();
    const json_t *o = as_field_enter(r, root, key);
    if (o) {
        scores.n = as_field_count(r, o, "n");
        if (scores.n < 1)
            as_field_fail(r, ASSAY_BAD_DATA, "n", "must be at least 1 where there are scores");
        scores.accuracy = read_figure(r, o, "accuracy");
        scores.f1_macro = read_figure(r, o, "f1_macro");
        scores.f1_weighted = read_figure(r, o, "f1_weighted");
        scores.precision_macro = read_figure(r, o, "precision_macro");
        scores.recall_macro = read_figure(r, o, "recall_macro");
        scores.precision_weighted = read_figure(r, o, "precision_weighted");
        scores.recall_weighted = read_figure(r, o, "recall_weighted");
        scores.loss = as_field_real(r, o, "loss");
        read_classes(r, o, &scores);
        if (scores.n_classes != n_labels)
            as_field_fail(r, ASSAY_BAD_DATA, "per_class", "has %d classes; dataset.labels has %d",
                          scores.n_classes, n_labels);
        if (r->status == ASSAY_OK)
            read_confusion(r, o, &scores);
    }
    as_field_leave(r);
    return scores;
}

static void read_latency(as_json_reader *r, const json_t *root, as_record *record) {
    const json_t *o = as_field_enter(r, root, "latency");
    const json_t *single = as_field_enter(r, o, "single_stream");
    if (single) {
        record->single_stream.count = as_field_count(r, single, "count");
        record->single_stream.mean_ms = as_field_real(r, single, "mean_ms");
        record->single_stream.p50_ms = read_figure(r, single, "p50_ms");
        record->single_stream.p90_ms = read_figure(r, single, "p90_ms");
        record->single_stream.p95_ms = read_figure(r, single, "p95_ms");
        record->single_stream.p99_ms = read_figure(r, single, "p99_ms");
    }
    as_field_leave(r);
    const json_t *offline = as_field_enter(r, o, "offline");
    if (offline) {
        record->offline.samples = as_field_count(r, offline, "samples");
        record->offline.seconds = as_field_real(r, offline, "seconds");
        record->offline.samples_per_second = as_field_real(r, offline, "samples_per_second");
        record->offline.tokens_per_second = as_field_real(r, offline, "tokens_per_second");
    }
    as_field_leave(r);
    as_field_leave(r);
}

static void read_peer(as_json_reader *r, const json_t *root, as_record *record) {
    const json_t *o = as_field_enter(r, root, "peer");
    if (o) {
        record->peer.of = as_field_text(r, o, "of");
        record->peer.program = as_field_text(r, o, "program");
        record->peer.same_logits = as_field_flag(r, o, "same_logits") == 1;
        if (r->status == ASSAY_OK && (!record->peer.of || !record->peer.program))
            as_field_fail(r, ASSAY_BAD_DATA, "of", "of and program must be texts");
    }
    as_field_leave(r);
}

static void read_blocks(as_json_reader *r, const json_t *o, as_record *record) {
    size_t n = 0;
    const json_t *blocks = as_field_array(r, o, "blocks", MAX_BLOCKS, &n);
    as_timed_block *list = as_field_alloc(r, n, sizeof *list, "blocks");
    if (!list)
        return;
    for (size_t i = 0; i < n; i++) {
        const json_t *block = as_field_enter_item(r, blocks, "blocks", i);
        list[i] = (as_timed_block){
            .scenario = as_field_text(r, block, "scenario"),
            .round = as_field_count32(r, block, "round"),
            .batch = as_field_count32(r, block, "batch"),
            .queries = as_field_count(r, block, "queries"),
            .rows = as_field_count(r, block, "rows"),
            .tokens = as_field_count(r, block, "tokens"),
            .seconds = as_field_real(r, block, "seconds"),
            .median_ms = as_field_real(r, block, "median_ms"),
            .flops = as_field_real(r, block, "flops"),
            .peak_gemm = as_field_real(r, block, "peak_gemm_flops_per_second"),
            .peak_compute = as_field_real(r, block, "peak_compute_flops_per_second")};
        if (r->status == ASSAY_OK &&
            (!list[i].scenario || list[i].round < 1 || list[i].round > record->interleaved.rounds))
            as_field_fail(r, ASSAY_BAD_DATA, "round", "must be 1 to %d, of a scenario",
                          record->interleaved.rounds);
        as_field_leave(r);
    }
    record->interleaved.blocks = list;
    record->interleaved.n_blocks = r->status == ASSAY_OK ? n : 0;
}

static void read_interleaved(as_json_reader *r, const json_t *root, as_record *record) {
    const json_t *o = as_field_enter(r, root, "interleaved");
    if (o) {
        record->interleaved.rounds = as_field_count32(r, o, "rounds");
        record->interleaved.cells =
            read_texts(r, o, "cells", MAX_GROUP, &record->interleaved.n_cells);
        read_blocks(r, o, record);
    }
    as_field_leave(r);
}

static void read_rates(as_json_reader *r, const json_t *flops, as_record *record) {
    json_t *scenarios = as_field_object(r, flops, "scenarios"), *one;
    const char *name;
    size_t n = json_object_size(scenarios), i = 0;
    as_scenario_rate *rates = as_arena_alloc_array(r->arena, n, sizeof *rates);
    if (n > MAX_SCENARIOS || !rates) {
        as_field_fail(r, rates ? ASSAY_LIMIT : ASSAY_OUT_OF_MEMORY, "scenarios",
                      "has %zu fields; at most %d are read", n, MAX_SCENARIOS);
        return;
    }
    const json_t *entered = as_field_enter(r, flops, "scenarios");
    json_object_foreach(scenarios, name, one) {
        const json_t *rate = as_field_enter(r, entered, name);
        rates[i++] = (as_scenario_rate){name, as_field_real(r, rate, "achieved_per_second"),
                                        as_field_real(r, rate, "share_of_peak_gemm")};
        as_field_leave(r);
    }
    as_field_leave(r);
    record->scenario_rates = rates;
    record->n_scenario_rates = n;
}

static void read_peaks(as_json_reader *r, const json_t *root, as_record *record) {
    const json_t *peaks = as_field_enter(r, root, "peaks");
    if (peaks) {
        record->peaks.compute_flops_per_second = read_figure(r, peaks, "compute_flops_per_second");
        record->peaks.gemm_flops_per_second = read_figure(r, peaks, "gemm_flops_per_second");
        record->peaks.memory_bytes_per_second = read_figure(r, peaks, "memory_bytes_per_second");
        record->peaks.samples = as_field_count(r, peaks, "samples");
        record->peaks.seconds = as_field_real(r, peaks, "seconds");
    }
    as_field_leave(r);
}

static void read_resources(as_json_reader *r, const json_t *root, as_record *record) {
    const json_t *memory = as_field_enter(r, root, "memory");
    record->peak_rss_bytes = as_field_count(r, memory, "peak_rss_bytes");
    record->peak_device_bytes = as_field_count(r, memory, "peak_device_bytes");
    record->parameter_bytes = as_field_count(r, memory, "parameter_bytes");
    record->gradient_bytes = as_field_count(r, memory, "gradient_bytes");
    record->optimizer_bytes = as_field_count(r, memory, "optimizer_bytes");
    as_field_leave(r);
    const json_t *flops = as_field_enter(r, root, "flops");
    record->flops_forward_per_sample = as_field_real(r, flops, "forward_per_sample");
    record->flops_training = as_field_real(r, flops, "training");
    record->achieved_flops_per_second = as_field_real(r, flops, "achieved_per_second");
    record->training_share_of_peak_gemm = as_field_real(r, flops, "share_of_peak_gemm");
    read_rates(r, flops, record);
    as_field_leave(r);
    const json_t *energy = as_field_enter(r, root, "energy");
    record->energy_joules = as_field_real(r, energy, "joules");
    as_field_leave(r);
    const json_t *host = as_field_enter(r, root, "host");
    record->host_seconds_per_batch = as_field_real(r, host, "seconds_per_batch");
    as_field_leave(r);
}

static void read_environment(as_json_reader *r, json_t *root, as_record *record) {
    json_t *o = as_field_object(r, root, "environment");
    size_t n = json_object_size(o), i = 0;
    if (n > MAX_ENVIRONMENT) {
        as_field_fail(r, ASSAY_LIMIT, "environment", "has %zu fields; at most %d are read", n,
                      MAX_ENVIRONMENT);
        return;
    }
    record->environment = as_field_alloc(r, n, sizeof *record->environment, "environment");
    if (!record->environment)
        return;
    const char *key;
    json_t *value;
    json_object_foreach(o, key, value) {
        if (!json_is_string(value) && !json_is_null(value))
            as_field_fail(r, ASSAY_BAD_DATA, "environment", "%s must be a text", key);
        record->environment[i++] = (as_text_pair){key, json_string_value(value)};
    }
    record->n_environment = n;
}

static void read_result(as_json_reader *r, json_t *root, as_record *record) {
    const char *status = as_field_text(r, root, "status");
    if (!status || !as_cell_status_parse(status, &record->status))
        as_field_fail(r, ASSAY_BAD_DATA, "status",
                      "is \"%s\"; must be ok, failed, skipped or diverged", status ? status : "");
    record->reason = as_field_text(r, root, "reason");
    record->suite = as_field_text(r, root, "suite");
    record->cell = as_field_text(r, root, "cell");
    record->entry = as_field_text(r, root, "entry");
    int64_t seed = as_field_count(r, root, "seed");
    if (!record->entry || seed < 0)
        as_field_fail(r, ASSAY_BAD_DATA, record->entry ? "seed" : "entry", "is missing");
    record->seed = (uint64_t)(seed < 0 ? 0 : seed);
    record->grid = as_field_object(r, root, "grid");
    read_model(r, root, record);
    read_backend(r, root, record);
    read_dataset(r, root, record);
    read_training(r, root, record);
    record->test = read_scores(r, root, "test", record->dataset.n_labels);
    record->validation = read_scores(r, root, "validation", record->dataset.n_labels);
    read_latency(r, root, record);
    read_peer(r, root, record);
    read_interleaved(r, root, record);
    read_resources(r, root, record);
    read_peaks(r, root, record);
    read_environment(r, root, record);
    record->warnings = read_texts(r, root, "warnings", MAX_WARNINGS, &record->n_warnings);
}

assay_status as_record_read(const char *folder, int with_raw, as_record **ret_record,
                            assay_error *error) {
    return as_record_read_as(folder, with_raw, NULL, ret_record, error);
}

assay_status as_record_read_as(const char *folder, int with_raw, const as_run_filter *filter,
                               as_record **ret_record, assay_error *error) {
    as_record *record = NULL;
    char *path = as_path_join(folder, "result.json");
    if (!path)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, folder, "no memory for a path");
    assay_status status = as_record_new(&record, error);
    if (status != ASSAY_OK)
        goto fail;
    status = as_field_load(path, AS_RECORD_SCHEMA_VERSION, &record->json, error);
    if (status == ASSAY_OK && filter)
        status = as_filter_texts(filter, record->json, path, error);
    if (status != ASSAY_OK)
        goto fail;
    as_json_reader reader = {.file = path, .arena = record->arena, .error = error};
    read_result(&reader, record->json, record);
    status = reader.status;
    if (status == ASSAY_OK && with_raw)
        status = as_record_read_raw(folder, record, with_raw == AS_RAW_ANSWERS, error);
    if (status != ASSAY_OK)
        goto fail;
    free(path);
    *ret_record = record;
    return ASSAY_OK;
fail:
    free(path);
    as_record_free(record);
    return status;
}
