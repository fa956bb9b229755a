/* SPDX-License-Identifier: MIT */
/* Writes a record's folder: result.json (schema: results/schema/result.schema.json), and the raw
 * rows beside it. Doubles have 17 significant digits, so that reading gives the same number; what
 * doesn't exist is null. result.json comes last: where it stands, the rest is complete. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "results/record/csv.h"
#include "results/record/record.h"

/* The tree under construction; a failed allocation is remembered and reported once. */
typedef struct builder {
    bool failed;
} builder;

static json_t *object(builder *b) {
    json_t *o = json_object();
    b->failed |= !o;
    return o;
}

static void set(builder *b, json_t *o, const char *key, json_t *value) {
    b->failed |= json_object_set_new(o, key, value) != 0;
}

static void set_real(builder *b, json_t *o, const char *key, double value) {
    set(b, o, key, isfinite(value) ? json_real(value) : json_null());
}

static void set_count(builder *b, json_t *o, const char *key, int64_t value) {
    set(b, o, key, value >= 0 ? json_integer(value) : json_null());
}

static void set_text(builder *b, json_t *o, const char *key, const char *text) {
    set(b, o, key, as_json_text(text));
}

static void set_copy(builder *b, json_t *o, const char *key, json_t *value) {
    set(b, o, key, value ? json_incref(value) : json_null());
}

static void set_figure(builder *b, json_t *o, const char *key, as_figure figure) {
    json_t *f = object(b);
    set_real(b, f, "value", figure.value);
    set_real(b, f, "low", figure.low);
    set_real(b, f, "high", figure.high);
    set(b, o, key, f);
}

static json_t *model_json(builder *b, const as_record *r) {
    json_t *o = object(b), *parameters = object(b);
    set_text(b, o, "id", r->model.id);
    set_text(b, o, "version", r->model.version);
    set_text(b, o, "sha256", r->model.sha256);
    set_text(b, o, "path", r->model.path);
    set_copy(b, o, "options", r->model.options);
    set_copy(b, o, "weights", r->model.weights);
    set_count(b, parameters, "total", r->model.parameters_total);
    set_count(b, parameters, "trainable", r->model.parameters_trainable);
    set(b, o, "parameters", parameters);
    set_count(b, o, "bytes", r->model.bytes);
    return o;
}

static json_t *backend_json(builder *b, const as_record *r) {
    json_t *o = object(b), *e = object(b);
    set_text(b, o, "id", r->backend.id);
    set_text(b, o, "version", r->backend.version);
    set_text(b, o, "libraries", r->backend.libraries);
    set_text(b, o, "dtype", r->dtype);
    set_count(b, o, "threads", r->backend.threads);
    set(b, e, "checked", json_boolean(r->backend.equivalence.checked));
    set(b, e, "passed", json_boolean(r->backend.equivalence.passed));
    set_real(b, e, "logits_error", r->backend.equivalence.logits_error);
    set_real(b, e, "logits_bound", r->backend.equivalence.logits_bound);
    set_real(b, e, "gradient_error", r->backend.equivalence.gradient_error);
    set_real(b, e, "gradient_bound", r->backend.equivalence.gradient_bound);
    set_text(b, e, "reason", r->backend.equivalence.reason);
    set(b, e, "cached", json_boolean(r->backend.equivalence.cached));
    set_text(b, e, "checked_at", r->backend.equivalence.checked_at);
    set(b, o, "equivalence", e);
    if (r->backend.device.name) {
        json_t *d = object(b);
        set_text(b, d, "name", r->backend.device.name);
        set_text(b, d, "driver", r->backend.device.driver);
        set_count(b, d, "memory_bytes", r->backend.device.memory_bytes);
        set_count(b, d, "clock_mhz", r->backend.device.clock_mhz);
        set_count(b, d, "clock_max_mhz", r->backend.device.clock_max_mhz);
        set_real(b, d, "energy_joules", r->backend.device.energy_joules);
        set(b, d, "throttled", json_boolean(r->backend.device.throttled));
        set(b, o, "device", d);
    }
    return o;
}

static json_t *dataset_json(builder *b, const as_record *r) {
    json_t *o = object(b), *counts = object(b), *audit = object(b), *labels = json_array();
    b->failed |= !labels;
    set_text(b, o, "name", r->dataset.name);
    set_text(b, o, "sha256", r->dataset.sha256);
    set_text(b, o, "rows_sha256", r->dataset.rows_sha256);
    set_count(b, counts, "train", r->dataset.train);
    set_count(b, counts, "validation", r->dataset.validation);
    set_count(b, counts, "test", r->dataset.test);
    set(b, o, "counts", counts);
    for (int32_t i = 0; i < r->dataset.n_labels; i++)
        b->failed |= json_array_append_new(labels, as_json_text(r->dataset.labels[i])) != 0;
    set(b, o, "labels", labels);
    set_count(b, audit, "duplicates_within_train", r->dataset.duplicates_within_train);
    set_count(b, audit, "duplicates_validation_in_train",
              r->dataset.duplicates_validation_in_train);
    set_count(b, audit, "duplicates_test_in_train", r->dataset.duplicates_test_in_train);
    set_count(b, audit, "empty", r->dataset.empty);
    set_real(b, audit, "truncated_share", r->dataset.truncated_share);
    set_real(b, audit, "coverage", r->dataset.coverage);
    set(b, o, "audit", audit);
    set_count(b, o, "vocab_size", r->dataset.vocab_size);
    set_real(b, o, "mean_tokens", r->dataset.mean_tokens);
    set(b, o, "validation_is_test", json_boolean(r->dataset.validation_is_test));
    set_copy(b, o, "preparation", r->dataset.preparation);
    return o;
}

static json_t *training_json(builder *b, const as_record *r) {
    json_t *o = object(b);
    set_copy(b, o, "settings", r->training.settings);
    set_copy(b, o, "strategy", r->training.strategy);
    set_count(b, o, "epochs", r->training.n_epochs);
    set_count(b, o, "best_epoch", r->training.best_epoch);
    set_real(b, o, "seconds", r->training.seconds);
    set_real(b, o, "samples_per_second", r->training.samples_per_second);
    set_real(b, o, "tokens_per_second", r->training.tokens_per_second);
    set_text(b, o, "stopped", r->training.stopped);
    set_real(b, o, "initial_loss", r->training.initial_loss);
    set_real(b, o, "padding_share", r->training.padding_share);
    if (isfinite(r->training.loss_scale)) {
        json_t *scale = object(b);
        set_real(b, scale, "last", r->training.loss_scale);
        set_count(b, scale, "skipped_steps", r->training.n_skipped);
        set(b, o, "loss_scale", scale);
    }
    if (r->training.n_resumed > 0) {
        json_t *resumed = object(b);
        set_count(b, resumed, "times", r->training.n_resumed);
        set_count(b, resumed, "step", r->training.resumed_step);
        set(b, o, "resumed", resumed);
    }
    return o;
}

static json_t *confusion_json(builder *b, const as_scores *s) {
    json_t *rows = json_array();
    b->failed |= !rows;
    for (int32_t i = 0; i < s->n_classes; i++) {
        json_t *row = json_array();
        b->failed |= !row;
        for (int32_t k = 0; k < s->n_classes; k++)
            b->failed |=
                json_array_append_new(row, json_integer(s->confusion[i * s->n_classes + k])) != 0;
        b->failed |= json_array_append_new(rows, row) != 0;
    }
    return rows;
}

static json_t *scores_json(builder *b, const as_scores *s) {
    if (s->n <= 0)
        return json_null();
    json_t *o = object(b), *classes = json_array();
    b->failed |= !classes;
    set_count(b, o, "n", s->n);
    set_figure(b, o, "accuracy", s->accuracy);
    set_figure(b, o, "f1_macro", s->f1_macro);
    set_figure(b, o, "f1_weighted", s->f1_weighted);
    set_figure(b, o, "precision_macro", s->precision_macro);
    set_figure(b, o, "recall_macro", s->recall_macro);
    set_figure(b, o, "precision_weighted", s->precision_weighted);
    set_figure(b, o, "recall_weighted", s->recall_weighted);
    set_real(b, o, "loss", s->loss);
    for (int32_t k = 0; k < s->n_classes; k++) {
        const as_class_figures *c = &s->per_class[k];
        json_t *f = object(b);
        set_text(b, f, "label", c->label);
        set_count(b, f, "support", c->support);
        set_count(b, f, "predicted", c->predicted);
        set_real(b, f, "precision", c->precision);
        set_real(b, f, "recall", c->recall);
        set_real(b, f, "f1", c->f1);
        b->failed |= json_array_append_new(classes, f) != 0;
    }
    set(b, o, "per_class", classes);
    set(b, o, "confusion", confusion_json(b, s));
    return o;
}

static json_t *latency_json(builder *b, const as_record *r) {
    json_t *o = object(b), *single = json_null(), *offline = json_null();
    if (r->single_stream.count > 0) {
        single = object(b);
        set_count(b, single, "count", r->single_stream.count);
        set_real(b, single, "mean_ms", r->single_stream.mean_ms);
        set_figure(b, single, "p50_ms", r->single_stream.p50_ms);
        set_figure(b, single, "p90_ms", r->single_stream.p90_ms);
        set_figure(b, single, "p95_ms", r->single_stream.p95_ms);
        set_figure(b, single, "p99_ms", r->single_stream.p99_ms);
    }
    if (r->offline.samples > 0) {
        offline = object(b);
        set_count(b, offline, "samples", r->offline.samples);
        set_real(b, offline, "seconds", r->offline.seconds);
        set_real(b, offline, "samples_per_second", r->offline.samples_per_second);
        set_real(b, offline, "tokens_per_second", r->offline.tokens_per_second);
    }
    set(b, o, "single_stream", single);
    set(b, o, "offline", offline);
    return o;
}

static json_t *peer_json(builder *b, const as_record *r) {
    json_t *o = object(b);
    set_text(b, o, "of", r->peer.of);
    set_text(b, o, "program", r->peer.program);
    set(b, o, "same_logits", json_boolean(r->peer.same_logits));
    return o;
}

static json_t *interleaved_json(builder *b, const as_record *r) {
    json_t *o = object(b), *cells = json_array(), *blocks = json_array();
    b->failed |= !cells || !blocks;
    set_count(b, o, "rounds", r->interleaved.rounds);
    for (size_t i = 0; i < r->interleaved.n_cells; i++)
        b->failed |= json_array_append_new(cells, as_json_text(r->interleaved.cells[i])) != 0;
    for (size_t i = 0; i < r->interleaved.n_blocks; i++) {
        const as_timed_block *from = &r->interleaved.blocks[i];
        json_t *block = object(b);
        set_text(b, block, "scenario", from->scenario);
        set_count(b, block, "round", from->round);
        set_count(b, block, "batch", from->batch);
        set_count(b, block, "queries", from->queries);
        set_count(b, block, "rows", from->rows);
        set_count(b, block, "tokens", from->tokens);
        set_real(b, block, "seconds", from->seconds);
        set_real(b, block, "median_ms", from->median_ms);
        set_real(b, block, "flops", from->flops);
        set_real(b, block, "peak_gemm_flops_per_second", from->peak_gemm);
        set_real(b, block, "peak_compute_flops_per_second", from->peak_compute);
        b->failed |= json_array_append_new(blocks, block) != 0;
    }
    set(b, o, "cells", cells);
    set(b, o, "blocks", blocks);
    return o;
}

/* The machine's limits, where they were measured. */
static void set_peaks(builder *b, json_t *root, const as_record *r) {
    if (r->peaks.samples < 0)
        return;
    json_t *peaks = object(b);
    set_figure(b, peaks, "compute_flops_per_second", r->peaks.compute_flops_per_second);
    set_figure(b, peaks, "gemm_flops_per_second", r->peaks.gemm_flops_per_second);
    set_figure(b, peaks, "memory_bytes_per_second", r->peaks.memory_bytes_per_second);
    set_count(b, peaks, "samples", r->peaks.samples);
    set_real(b, peaks, "seconds", r->peaks.seconds);
    set(b, root, "peaks", peaks);
}

static void set_rates(builder *b, json_t *flops, const as_record *r) {
    json_t *scenarios = object(b);
    for (size_t i = 0; i < r->n_scenario_rates; i++) {
        const as_scenario_rate *rate = &r->scenario_rates[i];
        json_t *o = object(b);
        set_real(b, o, "achieved_per_second", rate->flops_per_second);
        set_real(b, o, "share_of_peak_gemm", rate->share_of_peak_gemm);
        set(b, scenarios, rate->scenario, o);
    }
    set(b, flops, "scenarios", scenarios);
}

static void set_resources(builder *b, json_t *root, const as_record *r) {
    json_t *memory = object(b), *flops = object(b), *energy = object(b), *host = object(b);
    set_count(b, memory, "peak_rss_bytes", r->peak_rss_bytes);
    set_count(b, memory, "peak_device_bytes", r->peak_device_bytes);
    set_count(b, memory, "parameter_bytes", r->parameter_bytes);
    set_count(b, memory, "gradient_bytes", r->gradient_bytes);
    set_count(b, memory, "optimizer_bytes", r->optimizer_bytes);
    set(b, root, "memory", memory);
    set_real(b, flops, "forward_per_sample", r->flops_forward_per_sample);
    set_real(b, flops, "training", r->flops_training);
    set_real(b, flops, "achieved_per_second", r->achieved_flops_per_second);
    set_real(b, flops, "share_of_peak_gemm", r->training_share_of_peak_gemm);
    set_rates(b, flops, r);
    set(b, root, "flops", flops);
    set_peaks(b, root, r);
    set_real(b, energy, "joules", r->energy_joules);
    set(b, root, "energy", energy);
    set_real(b, host, "seconds_per_batch", r->host_seconds_per_batch);
    set(b, root, "host", host);
}

static json_t *record_json(builder *b, const as_record *r) {
    json_t *root = object(b), *environment = object(b), *warnings = json_array();
    b->failed |= !warnings;
    set(b, root, "schema_version", json_integer(AS_RECORD_SCHEMA_VERSION));
    set_text(b, root, "status", as_cell_status_name(r->status));
    set_text(b, root, "reason", r->reason);
    set_text(b, root, "suite", r->suite);
    set_text(b, root, "cell", r->cell);
    set_text(b, root, "entry", r->entry);
    set_count(b, root, "seed", (int64_t)r->seed);
    set_copy(b, root, "grid", r->grid);
    set(b, root, "model", model_json(b, r));
    set(b, root, "backend", backend_json(b, r));
    set(b, root, "dataset", dataset_json(b, r));
    set(b, root, "training", training_json(b, r));
    set(b, root, "test", scores_json(b, &r->test));
    set(b, root, "validation", scores_json(b, &r->validation));
    set(b, root, "latency", latency_json(b, r));
    if (r->peer.of)
        set(b, root, "peer", peer_json(b, r));
    if (r->interleaved.rounds > 0)
        set(b, root, "interleaved", interleaved_json(b, r));
    set_resources(b, root, r);
    for (size_t i = 0; i < r->n_environment; i++)
        set_text(b, environment, r->environment[i].key, r->environment[i].value);
    set(b, root, "environment", environment);
    for (size_t i = 0; i < r->n_warnings; i++)
        b->failed |= json_array_append_new(warnings, as_json_text(r->warnings[i])) != 0;
    set(b, root, "warnings", warnings);
    return root;
}

static json_t *epoch_json(builder *b, const as_epoch *e) {
    json_t *o = object(b);
    set_count(b, o, "epoch", e->epoch);
    set_real(b, o, "train_loss", e->train_loss);
    set_real(b, o, "train_accuracy", e->train_accuracy);
    set_real(b, o, "validation_loss", e->validation_loss);
    set_real(b, o, "validation_accuracy", e->validation_accuracy);
    set_real(b, o, "validation_f1_macro", e->validation_f1_macro);
    set_real(b, o, "learning_rate", e->learning_rate);
    set_real(b, o, "grad_norm", e->grad_norm);
    set_real(b, o, "seconds", e->seconds);
    set_count(b, o, "tokens", e->tokens);
    set_count(b, o, "samples", e->samples);
    set_count(b, o, "steps", e->steps);
    return o;
}

enum { JSON_STYLE = JSON_REAL_PRECISION(17) | JSON_ENCODE_ANY };

/* Writes rows of `record` to a stream: whether it could. Stream errors surface in commit. */
typedef bool (*write_rows_fn)(const as_record *record, FILE *stream);

static bool write_predictions(const as_record *r, FILE *stream) {
    fputs("split,index,label,predicted", stream);
    for (int32_t k = 0; k < r->dataset.n_labels; k++) {
        fputc(',', stream);
        as_csv_write_field(stream, r->dataset.labels[k]);
    }
    fputs("\n", stream);
    for (size_t i = 0; i < r->n_predictions; i++) {
        const as_prediction *p = &r->predictions[i];
        as_csv_write_field(stream, p->split);
        fprintf(stream, ",%" PRId64 ",%" PRId32 ",%" PRId32, p->index, p->label, p->predicted);
        for (int32_t k = 0; k < r->dataset.n_labels; k++)
            if (p->probabilities && isfinite(p->probabilities[k]))
                fprintf(stream, ",%.9g", (double)p->probabilities[k]);
            else
                fputc(',', stream);
        fputs("\n", stream);
    }
    return true;
}

static bool write_epochs(const as_record *r, FILE *stream) {
    builder b = {false};
    for (size_t i = 0; i < r->n_epochs; i++) {
        json_t *line = epoch_json(&b, &r->epochs[i]);
        b.failed |= json_dumpf(line, stream, (size_t)JSON_STYLE | JSON_COMPACT) != 0;
        fputs("\n", stream);
        json_decref(line);
    }
    return !b.failed;
}

/* The last column only where the cell was measured in turn with others. */
static bool write_queries(const as_record *r, FILE *stream) {
    bool rounds = r->interleaved.rounds > 0;
    fputs(rounds ? "scenario,batch,tokens,nanoseconds,round\n"
                 : "scenario,batch,tokens,nanoseconds\n",
          stream);
    for (size_t i = 0; i < r->n_queries; i++) {
        const as_query *q = &r->queries[i];
        as_csv_write_field(stream, q->scenario);
        fprintf(stream, ",%" PRId32 ",%" PRId32 ",%" PRId64, q->batch, q->tokens, q->nanoseconds);
        if (rounds)
            fprintf(stream, ",%" PRId32, q->round);
        fputs("\n", stream);
    }
    return true;
}

static bool write_removals(const as_record *r, FILE *stream) {
    fputs(r->dataset.removals_csv, stream);
    return true;
}

static bool write_result(const as_record *r, FILE *stream) {
    builder b = {false};
    json_t *root = record_json(&b, r);
    bool ok = !b.failed && json_dumpf(root, stream, (size_t)JSON_STYLE | JSON_INDENT(2)) == 0;
    fputs("\n", stream);
    json_decref(root);
    return ok;
}

static assay_status write_file(const as_record *record, const char *folder, const char *name,
                               write_rows_fn write, assay_error *error) {
    char *path = as_path_join(folder, name);
    if (!path)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, name, "no memory for a path");
    as_file_writer writer;
    assay_status status = as_file_writer_open(path, &writer, error);
    if (status == ASSAY_OK) {
        if (write(record, writer.stream)) {
            status = as_file_writer_commit(&writer, error);
        } else {
            as_file_writer_abandon(&writer);
            status = as_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory to write it");
        }
    }
    free(path);
    return status;
}

assay_status as_record_write(const as_record *record, const char *folder, assay_error *error) {
    if (record->seed > INT64_MAX)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "record", "seed is above 2^63 - 1");
    assay_status status = ASSAY_OK;
    if (record->n_predictions)
        status = write_file(record, folder, "predictions.csv", write_predictions, error);
    if (status == ASSAY_OK && record->n_epochs)
        status = write_file(record, folder, "epochs.jsonl", write_epochs, error);
    if (status == ASSAY_OK && record->n_queries)
        status = write_file(record, folder, "latency.csv", write_queries, error);
    if (status == ASSAY_OK && record->dataset.removals_csv && record->dataset.removals_csv[0])
        status = write_file(record, folder, "removed.csv", write_removals, error);
    if (status == ASSAY_OK)
        status = write_file(record, folder, "result.json", write_result, error);
    return status;
}
