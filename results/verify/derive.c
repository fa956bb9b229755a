/* SPDX-License-Identifier: MIT */
/* Derivations; each formula is the definition in docs/methodology.md.
 *
 *     loss        mean of -log p(label)
 *     percentile  nearest rank with order-statistic ends, milliseconds
 *     rates       samples / seconds, tokens / seconds
 *     best epoch  first with the best early-stopping metric; without validation the last
 *     train loss  sum(loss of a step x its rows) / rows;  gradient norm: mean over steps */
#include "results/verify/derive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "verify", "no memory");
}

static json_t *real(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *count(int64_t value) {
    return value >= 0 ? json_integer(value) : json_null();
}

static json_t *figure(as_figure f) {
    return json_pack("{s:o, s:o, s:o}", "value", real(f.value), "low", real(f.low), "high",
                     real(f.high));
}

static assay_status put(json_t *tree, const char *key, json_t *value, assay_error *error) {
    return json_object_set_new(tree, key, value) == 0 ? ASSAY_OK : no_memory(error);
}

/* ---- scores ---------------------------------------------------------------------------------- */

static json_t *class_json(const as_class_figures *c) {
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "label", c->label ? c->label : "", "support",
                     count(c->support), "predicted", count(c->predicted), "precision",
                     real(c->precision), "recall", real(c->recall), "f1", real(c->f1));
}

static json_t *scores_json(const as_scores *s) {
    json_t *classes = json_array(), *matrix = json_array();
    for (int32_t i = 0; i < s->n_classes; i++) {
        json_t *row = json_array();
        for (int32_t k = 0; k < s->n_classes; k++)
            json_array_append_new(row, count(s->confusion[i * s->n_classes + k]));
        json_array_append_new(matrix, row);
        json_array_append_new(classes, class_json(&s->per_class[i]));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "n", count(s->n),
                     "accuracy", figure(s->accuracy), "f1_macro", figure(s->f1_macro),
                     "f1_weighted", figure(s->f1_weighted), "precision_macro",
                     figure(s->precision_macro), "recall_macro", figure(s->recall_macro),
                     "precision_weighted", figure(s->precision_weighted), "recall_weighted",
                     figure(s->recall_weighted), "per_class", classes, "confusion", matrix);
}

static assay_status derive_split(const as_record *r, const char *split, json_t *tree,
                                 json_t *counts, assay_error *error) {
    as_scores scores;
    size_t n = 0;
    int32_t *labels = calloc(r->n_predictions + 1, sizeof *labels);
    int32_t *predicted = calloc(r->n_predictions + 1, sizeof *predicted);
    as_arena *arena = as_arena_new();
    assay_status status = labels && predicted && arena ? ASSAY_OK : no_memory(error);
    for (size_t i = 0; status == ASSAY_OK && i < r->n_predictions; i++) {
        if (strcmp(r->predictions[i].split, split) != 0)
            continue;
        labels[n] = r->predictions[i].label;
        predicted[n++] = r->predictions[i].predicted;
    }
    if (status == ASSAY_OK && n > 0)
        status = as_scores_compute(arena, labels, predicted, n, r->dataset.labels,
                                   r->dataset.n_labels, r->seed, &scores, error);
    if (status == ASSAY_OK)
        status = put(tree, split, n > 0 ? scores_json(&scores) : json_null(), error);
    if (status == ASSAY_OK)
        status = put(counts, split, count((int64_t)n), error);
    free(labels);
    free(predicted);
    as_arena_free(arena);
    return status;
}

assay_status as_derive_scores(const as_record *record, json_t *ret_tree, assay_error *error) {
    json_t *counts = json_object();
    assay_status status = derive_split(record, "test", ret_tree, counts, error);
    if (status == ASSAY_OK)
        status = derive_split(record, "validation", ret_tree, counts, error);
    json_t *dataset = json_pack("{s:O}", "counts", counts);
    json_decref(counts);
    return status == ASSAY_OK ? put(ret_tree, "dataset", dataset, error)
                              : (json_decref(dataset), status);
}

double as_derive_loss(const as_record *r, const char *split) {
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < r->n_predictions; i++) {
        const as_prediction *p = &r->predictions[i];
        if (strcmp(p->split, split) != 0)
            continue;
        double share = p->probabilities ? (double)p->probabilities[p->label] : NAN;
        if (!(share > 1e-37))
            return NAN;
        sum -= log(share);
        n++;
    }
    return n ? sum / (double)n : NAN;
}

/* ---- latency --------------------------------------------------------------------------------- */

static assay_status single_stream(const as_record *r, json_t **ret_json, assay_error *error) {
    double *ms = calloc(r->n_queries + 1, sizeof *ms), sum = 0;
    size_t n = 0;
    if (!ms)
        return no_memory(error);
    for (size_t i = 0; i < r->n_queries; i++)
        if (strcmp(r->queries[i].scenario, "single_stream") == 0) {
            ms[n] = (double)r->queries[i].nanoseconds * 1e-6;
            sum += ms[n++];
        }
    as_sort_doubles(ms, n);
    *ret_json =
        n == 0 ? json_null()
               : json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "count", count((int64_t)n), "mean_ms",
                           real(sum / (double)n), "p50_ms", figure(as_percentile(ms, n, 0.50)),
                           "p90_ms", figure(as_percentile(ms, n, 0.90)), "p95_ms",
                           figure(as_percentile(ms, n, 0.95)), "p99_ms",
                           figure(as_percentile(ms, n, 0.99)));
    free(ms);
    return *ret_json ? ASSAY_OK : no_memory(error);
}

/* The scenario's seconds are the clock's; what it did in them is counted. */
static json_t *offline(const as_record *r) {
    int64_t rows = 0, tokens = 0;
    for (size_t i = 0; i < r->n_queries; i++)
        if (strcmp(r->queries[i].scenario, "offline") == 0) {
            rows += r->queries[i].batch;
            tokens += r->queries[i].tokens;
        }
    if (rows == 0)
        return json_null();
    return json_pack("{s:o, s:o, s:o}", "samples", count(rows), "samples_per_second",
                     real((double)rows / r->offline.seconds), "tokens_per_second",
                     real((double)tokens / r->offline.seconds));
}

/* Queries of a block that was measured in turn with other cells'. */
static json_t *block_json(const as_record *r, const as_timed_block *block, double *ms) {
    int64_t rows = 0, tokens = 0;
    size_t n = 0;
    for (size_t i = 0; i < r->n_queries; i++) {
        const as_query *q = &r->queries[i];
        if (q->round != block->round || strcmp(q->scenario, block->scenario) != 0)
            continue;
        rows += q->batch;
        tokens += q->tokens;
        ms[n++] = (double)q->nanoseconds * 1e-6;
    }
    as_sort_doubles(ms, n);
    return json_pack("{s:o, s:o, s:o, s:o}", "queries", count((int64_t)n), "rows", count(rows),
                     "tokens", count(tokens), "median_ms",
                     real(n ? (ms[(n - 1) / 2] + ms[n / 2]) / 2 : NAN));
}

/* The blocks, and the seconds of offline, which are those of its blocks together. */
static assay_status derive_blocks(const as_record *r, json_t *tree, assay_error *error) {
    json_t *blocks = json_array();
    double *ms = calloc(r->n_queries + 1, sizeof *ms), seconds = 0;
    assay_status status = blocks && ms ? ASSAY_OK : no_memory(error);
    for (size_t i = 0; status == ASSAY_OK && i < r->interleaved.n_blocks; i++) {
        const as_timed_block *block = &r->interleaved.blocks[i];
        if (json_array_append_new(blocks, block_json(r, block, ms)) != 0)
            status = no_memory(error);
        seconds += strcmp(block->scenario, "offline") == 0 ? block->seconds : 0;
    }
    json_t *offline = json_object_get(json_object_get(tree, "latency"), "offline");
    if (status == ASSAY_OK && json_is_object(offline))
        status = put(offline, "seconds", real(seconds), error);
    if (status == ASSAY_OK)
        status = put(tree, "interleaved", json_pack("{s:O}", "blocks", blocks), error);
    json_decref(blocks);
    free(ms);
    return status;
}

assay_status as_derive_latency(const as_record *record, json_t *ret_tree, assay_error *error) {
    json_t *single = NULL;
    assay_status status = single_stream(record, &single, error);
    if (status != ASSAY_OK)
        return status;
    status =
        put(ret_tree, "latency",
            json_pack("{s:o, s:o}", "single_stream", single, "offline", offline(record)), error);
    return status == ASSAY_OK && record->interleaved.n_blocks
               ? derive_blocks(record, ret_tree, error)
               : status;
}

/* ---- training -------------------------------------------------------------------------------- */

static double metric_of(const as_epoch *e, const char *metric) {
    if (strcmp(metric, "validation.accuracy") == 0)
        return e->validation_accuracy;
    if (strcmp(metric, "validation.f1_macro") == 0)
        return e->validation_f1_macro;
    return -e->validation_loss;
}

static int32_t best_epoch(const as_record *r) {
    const json_t *stopping = json_object_get(r->training.settings, "early_stopping");
    const char *metric = json_string_value(json_object_get(stopping, "metric"));
    double best = NAN;
    int32_t place = 0;
    for (size_t i = 0; i < r->n_epochs; i++) {
        double value = metric_of(&r->epochs[i], metric ? metric : "validation.loss");
        if (place == 0 || isnan(value) || value > best) {
            best = value;
            place = r->epochs[i].epoch;
        }
    }
    return place;
}

static json_t *training(const as_record *r) {
    double seconds = 0, samples = 0, tokens = 0;
    for (size_t i = 0; i < r->n_epochs; i++) {
        seconds += r->epochs[i].seconds;
        samples += (double)r->epochs[i].samples;
        tokens += (double)r->epochs[i].tokens;
    }
    const json_t *features = json_object_get(r->training.strategy, "features");
    double before = json_number_value(json_object_get(features, "seconds"));
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "epochs", count((int64_t)r->n_epochs),
                     "best_epoch", count(best_epoch(r)), "seconds", real(seconds + before),
                     "samples_per_second", real(samples / seconds), "tokens_per_second",
                     real(tokens / seconds));
}

static json_t *model(const as_record *r, int64_t n_elements) {
    json_t *model = json_object();
    int64_t total = n_elements >= 0 ? n_elements : r->model.parameters_total, bytes;
    if (n_elements >= 0)
        json_object_set_new(model, "parameters", json_pack("{s:o}", "total", count(n_elements)));
    bool f64 = r->dtype && strcmp(r->dtype, "f64") == 0;
    if (r->model.bytes >= 0 && !__builtin_mul_overflow(total, f64 ? 8 : 4, &bytes))
        json_object_set_new(model, "bytes", count(bytes));
    return model;
}

/* The audit repeats what the preparation's report says in full. */
static json_t *audit(const as_record *r) {
    const json_t *raw = json_object_get(json_object_get(r->dataset.preparation, "overlaps"), "raw");
    const json_t *within = json_object_get(raw, "duplicates_within");
    if (!json_is_object(raw))
        return NULL;
    return json_pack("{s:O*, s:O*, s:O*}", "duplicates_within_train",
                     json_object_get(within, "train"), "duplicates_validation_in_train",
                     json_object_get(raw, "validation_in_train"), "duplicates_test_in_train",
                     json_object_get(raw, "test_in_train"));
}

assay_status as_derive_training(const as_record *record, int64_t n_elements, json_t *ret_tree,
                                assay_error *error) {
    json_t *counted = audit(record);
    assay_status status = put(ret_tree, "model", model(record, n_elements), error);
    if (status == ASSAY_OK && record->n_epochs)
        status = put(ret_tree, "training", training(record), error);
    if (status == ASSAY_OK && record->training.seconds > 0 && record->flops_training >= 0)
        status = put(ret_tree, "flops",
                     json_pack("{s:o}", "achieved_per_second",
                               real(record->flops_training / record->training.seconds)),
                     error);
    if (counted && status == ASSAY_OK)
        status = put(ret_tree, "dataset", json_pack("{s:O}", "audit", counted), error);
    json_decref(counted);
    return status;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static assay_status add_step(const json_t *step, as_step_totals *totals, size_t n_epochs,
                             const char *path, size_t line, assay_error *error) {
    json_int_t epoch = json_integer_value(json_object_get(step, "epoch"));
    json_int_t rows = json_integer_value(json_object_get(step, "rows"));
    json_int_t tokens = json_integer_value(json_object_get(step, "tokens"));
    if (!json_is_object(step) || epoch < 1)
        return as_fail(error, ASSAY_BAD_DATA, path, "line %zu: epoch must be a count from 1", line);
    if (rows < 0 || rows > INT32_MAX || tokens < 0 || tokens > INT32_MAX)
        return as_fail(
            error, ASSAY_BAD_DATA, path,
            "line %zu: found %lld rows, %lld tokens; expected counts of a batch, at most "
            "%d",
            line, (long long)rows, (long long)tokens, INT32_MAX);
    if ((size_t)epoch > n_epochs)
        return ASSAY_OK; /* the epoch in which the training ended early */
    as_step_totals *t = &totals[epoch - 1];
    t->n++;
    t->rows += rows;
    t->tokens += tokens;
    const json_t *loss = json_object_get(step, "loss"), *norm = json_object_get(step, "grad_norm");
    t->loss_rows += json_is_number(loss) ? json_number_value(loss) * (double)rows : NAN;
    t->grad_norm += json_is_number(norm) ? json_number_value(norm) : NAN;
    t->learning_rate = json_number_value(json_object_get(step, "learning_rate"));
    return ASSAY_OK;
}

assay_status as_derive_steps(const char *path, as_arena *arena, size_t n_epochs,
                             as_step_totals **ret_totals, assay_error *error) {
    char *text = NULL;
    size_t line = 1;
    as_step_totals *totals = as_arena_alloc_array(arena, n_epochs + 1, sizeof *totals);
    if (!totals)
        return no_memory(error);
    assay_status status = as_file_read(path, (size_t)1 << 30, &text, NULL, error);
    for (char *at = text, *end; status == ASSAY_OK && *at; at = end, line++) {
        size_t length = strcspn(at, "\n");
        json_t *step = NULL;
        end = at + length + (at[length] == '\n');
        status = as_json_parse(at, length, path, &step, error);
        if (status == ASSAY_OK)
            status = add_step(step, totals, n_epochs, path, line, error);
        json_decref(step);
    }
    free(text);
    if (status == ASSAY_OK)
        *ret_totals = totals;
    return status;
}

json_t *as_derive_epoch(const as_step_totals *t, bool weighted) {
    json_t *epoch =
        json_pack("{s:o, s:o, s:o, s:o, s:o}", "tokens", count(t->tokens), "samples",
                  count(t->rows), "steps", count(t->n), "grad_norm",
                  real(t->grad_norm / (double)t->n), "learning_rate", real(t->learning_rate));
    if (epoch && !weighted)
        json_object_set_new(epoch, "train_loss", real(t->loss_rows / (double)t->rows));
    return epoch;
}
