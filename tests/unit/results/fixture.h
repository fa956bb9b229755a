/* SPDX-License-Identifier: MIT */
/* A small complete record, and folders to write it into. */
#ifndef AS_TESTS_RESULTS_FIXTURE_H
#define AS_TESTS_RESULTS_FIXTURE_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/record/record.h"

static const char fixture_preparation[] =
    "{\"cleaning\": [{\"step\": \"lower\", \"texts\": 800, \"changed\": 700, \"emptied\": 0,"
    " \"characters_removed\": 0}, {\"step\": \"strip_html\", \"texts\": 800, \"changed\": 31,"
    " \"emptied\": 2, \"characters_removed\": 4096}], \"overlaps\": {"
    "\"raw\": {\"test_in_train\": 1, \"validation_in_train\": 0, \"validation_in_test\": 0,"
    " \"duplicates_within\": {\"train\": 3, \"validation\": 0, \"test\": 0}},"
    "\"cleaned\": {\"test_in_train\": 2, \"validation_in_train\": 1, \"validation_in_test\": 0,"
    " \"duplicates_within\": {\"train\": 5, \"validation\": 0, \"test\": 0}},"
    "\"filtered\": {\"test_in_train\": 2, \"validation_in_train\": 1, \"validation_in_test\": 0,"
    " \"duplicates_within\": {\"train\": 5, \"validation\": 0, \"test\": 0}}},"
    " \"removed\": {\"train\": 0, \"validation\": 1, \"test\": 2}, \"filtered\": 4,"
    " \"baseline\": {\"test\": {\"naive_bayes\": 0.7125, \"majority\": 0.4}}}";

static const char *const fixture_labels[] = {"noun.act", "it's, \"quoted\"", "caf\xc3\xa9"};

/* Who answers right is `right`: bit i % 32 says whether test row i is right. */
typedef struct fixture_cell {
    const char *entry, *backend, *dtype;
    uint64_t seed;
    uint32_t right;
    double latency_factor, training_factor;
    int64_t rss;
    const char *rows_sha256, *cpu;
    const char *grid;  /* as JSON; NULL: none */
    double validation; /* accuracy; 0: no validation texts */
} fixture_cell;

static inline fixture_cell fixture_default(const char *entry, uint64_t seed, uint32_t right) {
    return (fixture_cell){entry, "onednn",  "f32",  seed,       right, 1,
                          1,     200 << 20, "r0ws", "Test CPU", NULL,  0};
}

enum { FIXTURE_ROWS = 96, FIXTURE_QUERIES = 400, FIXTURE_EPOCHS = 6 };

static inline void fixture_predict(as_record *r, uint32_t right) {
    int32_t labels[FIXTURE_ROWS], predicted[FIXTURE_ROWS];
    r->predictions = as_arena_alloc_array(r->arena, FIXTURE_ROWS, sizeof *r->predictions);
    r->n_predictions = FIXTURE_ROWS;
    for (int i = 0; i < FIXTURE_ROWS; i++) {
        float *p = as_arena_alloc_array(r->arena, 3, sizeof *p);
        labels[i] = i % 3;
        predicted[i] = right >> (i % 32) & 1 ? i % 3 : (i + 1) % 3;
        p[0] = p[1] = p[2] = 0.2f;
        p[predicted[i]] = 0.6f;
        r->predictions[i] = (as_prediction){"test", 10 + i, labels[i], predicted[i], p, 0};
    }
    cr_assert_eq(as_scores_compute(r->arena, labels, predicted, FIXTURE_ROWS, fixture_labels, 3, 7,
                                   &r->test, NULL),
                 ASSAY_OK);
    r->test.loss = 0.75;
}

/* Three classes, 300 texts, of which a share is right; the others are taken for the next class. */
static inline void fixture_validate(as_record *r, double accuracy) {
    int64_t right = (int64_t)(100 * accuracy);
    int64_t confusion[9] = {right, 100 - right, 0, 0, right, 100 - right, 100 - right, 0, right};
    cr_assert_eq(as_scores_from_confusion(r->arena, confusion, fixture_labels, 3, 0, 1,
                                          &r->validation, NULL),
                 ASSAY_OK);
    r->validation.loss = 1 - accuracy;
}

static inline void fixture_measure(as_record *r, const fixture_cell *c) {
    double ms[FIXTURE_QUERIES];
    r->queries = as_arena_alloc_array(r->arena, FIXTURE_QUERIES, sizeof *r->queries);
    r->n_queries = FIXTURE_QUERIES;
    for (int i = 0; i < FIXTURE_QUERIES; i++) {
        double ns = 1e6 * c->latency_factor * (1 + 0.001 * ((i * 37) % 100));
        r->queries[i] = (as_query){"single_stream", 1, 20, (int64_t)ns, 0};
        ms[i] = (double)(int64_t)ns / 1e6;
    }
    as_sort_doubles(ms, FIXTURE_QUERIES);
    r->single_stream = (as_latency_summary){FIXTURE_QUERIES,
                                            1.05 * c->latency_factor,
                                            as_percentile(ms, FIXTURE_QUERIES, 0.5),
                                            as_percentile(ms, FIXTURE_QUERIES, 0.9),
                                            as_percentile(ms, FIXTURE_QUERIES, 0.95),
                                            as_percentile(ms, FIXTURE_QUERIES, 0.99)};
    r->epochs = as_arena_alloc_array(r->arena, FIXTURE_EPOCHS, sizeof *r->epochs);
    r->n_epochs = FIXTURE_EPOCHS;
    for (int i = 0; i < FIXTURE_EPOCHS; i++)
        r->epochs[i] = (as_epoch){.epoch = i + 1,
                                  .train_loss = 1.0 / (i + 1),
                                  .train_accuracy = NAN,
                                  .validation_loss = 1.2 / (i + 1),
                                  .validation_accuracy = 0.5 + 0.05 * i,
                                  .validation_f1_macro = 0.5,
                                  .learning_rate = 1e-3,
                                  .grad_norm = 1.5,
                                  .seconds = (2 + 0.002 * i) / c->training_factor,
                                  .tokens = 20000,
                                  .samples = 1000,
                                  .steps = 32};
    r->offline.samples_per_second = 5000 / c->latency_factor;
    r->offline.tokens_per_second = 100000 / c->latency_factor;
    r->offline.samples = 4800;
    r->offline.seconds = 0.96 * c->latency_factor;
    r->training.seconds = 12.03 / c->training_factor;
    r->training.tokens_per_second = 120000 / r->training.seconds;
    r->training.samples_per_second = 6000 / r->training.seconds;
}

static inline as_record *fixture_record(const fixture_cell *c) {
    static const as_text_pair environment[] = {
        {"cpu_model", NULL}, {"threads", "2"}, {"kernel", "6.1.0"}, {"assay", "0.1.0"}};
    static const char *const warnings[] = {"machine 4 % busy; times may be high"};
    as_record *r = NULL;
    cr_assert_eq(as_record_new(&r, NULL), ASSAY_OK);
    r->suite = "small";
    r->cell = "cell";
    r->entry = c->entry;
    r->dtype = c->dtype;
    r->seed = c->seed;
    r->model.id = "gru";
    r->model.version = "1.0";
    r->model.sha256 = "ab12";
    r->model.parameters_total = r->model.parameters_trainable = 345090;
    r->model.bytes = 1380360;
    r->backend.id = c->backend;
    r->backend.version = "1.0";
    r->backend.libraries = "oneDNN 2.6.3";
    r->backend.threads = 2;
    r->backend.equivalence.checked = r->backend.equivalence.passed = 1;
    r->backend.equivalence.cached = 1;
    r->backend.equivalence.checked_at = "2026-11-22T09:00:00Z";
    r->backend.equivalence.logits_error = 1.25e-6;
    r->backend.equivalence.logits_bound = 1e-4;
    r->backend.equivalence.gradient_error = 3e-5;
    r->backend.equivalence.gradient_bound = 1e-3;
    r->dataset.name = "wordnet-supersenses";
    r->dataset.sha256 = "da7a";
    r->dataset.rows_sha256 = c->rows_sha256;
    r->dataset.train = 8000;
    r->dataset.validation = 1000;
    r->dataset.test = FIXTURE_ROWS;
    r->dataset.labels = fixture_labels;
    r->dataset.n_labels = 3;
    r->dataset.duplicates_within_train = 3;
    r->dataset.duplicates_validation_in_train = 0;
    r->dataset.duplicates_test_in_train = 1;
    r->dataset.empty = 0;
    r->dataset.truncated_share = 0.0125;
    r->dataset.coverage = 0.975;
    r->dataset.vocab_size = 12345;
    r->dataset.mean_tokens = 11.5;
    json_t *grid = c->grid ? json_loads(c->grid, 0, NULL) : NULL;
    json_t *preparation = json_loads(fixture_preparation, 0, NULL);
    r->json = json_pack("{s:o, s:o*}", "preparation", preparation, "grid", grid);
    cr_assert_not_null(r->json); /* the record's to release */
    r->dataset.preparation = preparation;
    r->grid = grid;
    if (c->validation > 0)
        fixture_validate(r, c->validation);
    r->training.n_epochs = FIXTURE_EPOCHS;
    r->training.best_epoch = 5;
    r->training.stopped = "epochs";
    r->training.initial_loss = 1.0986;
    r->training.padding_share = 0.25;
    r->training.n_resumed = c->seed == 2 ? 3 : 0;
    r->training.resumed_step = c->seed == 2 ? 480 : 0;
    fixture_predict(r, c->right);
    fixture_measure(r, c);
    r->peak_rss_bytes = c->rss;
    r->flops_forward_per_sample = 1.5e6;
    r->flops_training = 3e10;
    r->achieved_flops_per_second = 2.5e9;
    r->training_share_of_peak_gemm = 0.25;
    r->scenario_rates = as_arena_alloc_array(r->arena, 2, sizeof *r->scenario_rates);
    r->scenario_rates[0] = (as_scenario_rate){"offline", 3e9, 0.3};
    r->scenario_rates[1] = (as_scenario_rate){"single_stream", 1e9, NAN};
    r->n_scenario_rates = 2;
    r->peaks.gemm_flops_per_second = (as_figure){1e10, 9e9, 1.1e10};
    r->peaks.memory_bytes_per_second = (as_figure){2e10, NAN, NAN};
    r->peaks.samples = 7;
    r->peaks.seconds = 0.5;
    r->host_seconds_per_batch = 2e-5;
    r->environment = as_arena_alloc_array(r->arena, 4, sizeof *r->environment);
    memcpy(r->environment, environment, sizeof environment);
    r->environment[0].value = c->cpu;
    r->n_environment = 4;
    r->warnings = as_arena_alloc_array(r->arena, 1, sizeof *r->warnings);
    r->warnings[0] = warnings[0];
    r->n_warnings = c->seed == 2;
    return r;
}

static inline char *fixture_folder(void) {
    char *folder = strdup("/tmp/assay-results-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    return folder;
}

/* Writes RUN with the given cells; failed ones (right = UINT32_MAX and cpu NULL) have no record. */
static inline void fixture_run(const char *folder, const fixture_cell *cells, size_t n,
                               const char *margins) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        const fixture_cell *c = &cells[i];
        char name[128], path[512];
        snprintf(name, sizeof name, "%s__%s__%s__s%d", c->entry, c->backend, c->dtype,
                 (int)c->seed);
        snprintf(path, sizeof path, "%s/cells/%s", folder, name);
        bool failed = !c->cpu;
        if (!failed) {
            as_record *r = fixture_record(c);
            r->cell = name;
            cr_assert_eq(as_make_folders(path, NULL), ASSAY_OK);
            cr_assert_eq(as_record_write(r, path, NULL), ASSAY_OK);
            as_record_free(r);
        }
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s?}", "name", name, "entry", c->entry,
                            "backend", c->backend, "dtype", c->dtype, "seed", (json_int_t)c->seed,
                            "status", failed ? "failed" : "ok", "reason",
                            failed ? "memory limit 1 GiB reached | ask @team <b>" : NULL));
    }
    json_t *suite = json_pack("{s:i, s:s, s:s}", "schema_version", 1, "name", "small", "title",
                              "A small *suite*");
    if (margins)
        json_object_set_new(suite, "compare", json_loads(margins, 0, NULL));
    json_t *run =
        json_pack("{s:i, s:o, s:s, s:[s,s,s], s:{s:s, s:f}, s:s, s:s, s:o}", "schema_version", 1,
                  "suite", suite, "suite_sha256", "5u1te", "command", "assay", "run", "small",
                  "environment", "cpu_model", "Test CPU", "load", 0.5, "started",
                  "2026-01-02T03:04:05Z", "finished", "2026-01-02T03:05:05Z", "cells", list);
    char path[512];
    snprintf(path, sizeof path, "%s/run.json", folder);
    cr_assert_not_null(run);
    cr_assert_eq(json_dump_file(run, path, JSON_INDENT(2)), 0);
    json_decref(run);
}

#endif
