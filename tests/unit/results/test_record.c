/* SPDX-License-Identifier: MIT */
/* Records written, checked against their schema, read back; broken ones refused with the field. */
#include "base/error.h"
#include "base/json_schema.h"
#include "fixture.h"

static json_t *load(const char *folder, const char *name) {
    char path[1024];
    json_error_t why;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    json_t *json = json_load_file(path, 0, &why);
    cr_assert(json, "%s: %s", path, why.text);
    return json;
}

static void check_schema(const json_t *document, const char *schema_name) {
    assay_error error = ASSAY_ERROR_INIT;
    json_t *schema = load(getenv("AS_SCHEMAS"), schema_name);
    cr_assert_eq(as_json_schema_check(schema, document, "document", &error), ASSAY_OK, "%s: %s",
                 error.where, error.text);
    json_decref(schema);
}

static char *written(const fixture_cell *cell) {
    char *folder = fixture_folder();
    as_record *r = fixture_record(cell);
    cr_assert_eq(as_record_write(r, folder, NULL), ASSAY_OK);
    as_record_free(r);
    return folder;
}

static void done(char *folder) {
    cr_assert_eq(as_remove_folder(folder, NULL), ASSAY_OK);
    free(folder);
}

#define SAME_REAL(field)                                                                           \
    cr_assert(a->field == b->field || (isnan(a->field) && isnan(b->field)), #field)
#define SAME_COUNT(field) cr_assert_eq((int64_t)a->field, (int64_t)b->field, #field)
#define SAME_TEXT(field) cr_assert(a->field == b->field || strcmp(a->field, b->field) == 0, #field)

static void check_same_scores(const as_scores *a, const as_scores *b) {
    SAME_COUNT(n);
    SAME_REAL(accuracy.value);
    SAME_REAL(accuracy.low);
    SAME_REAL(accuracy.high);
    SAME_REAL(f1_macro.value);
    SAME_REAL(f1_weighted.low);
    SAME_REAL(precision_macro.value);
    SAME_REAL(recall_macro.high);
    SAME_REAL(precision_weighted.value);
    SAME_REAL(recall_weighted.value);
    SAME_REAL(loss);
    SAME_COUNT(n_classes);
    for (int i = 0; i < a->n_classes * a->n_classes; i++)
        SAME_COUNT(confusion[i]);
    for (int i = 0; i < a->n_classes; i++) {
        SAME_TEXT(per_class[i].label);
        SAME_COUNT(per_class[i].support);
        SAME_COUNT(per_class[i].predicted);
        SAME_REAL(per_class[i].precision);
        SAME_REAL(per_class[i].recall);
        SAME_REAL(per_class[i].f1);
    }
}

static void check_same_rows(const as_record *a, const as_record *b) {
    SAME_COUNT(n_epochs);
    for (size_t i = 0; i < a->n_epochs; i++) {
        SAME_COUNT(epochs[i].epoch);
        SAME_REAL(epochs[i].train_loss);
        SAME_REAL(epochs[i].train_accuracy);
        SAME_REAL(epochs[i].seconds);
        SAME_COUNT(epochs[i].tokens);
    }
    SAME_COUNT(n_predictions);
    for (size_t i = 0; i < a->n_predictions; i++) {
        SAME_TEXT(predictions[i].split);
        SAME_COUNT(predictions[i].index);
        SAME_COUNT(predictions[i].label);
        SAME_COUNT(predictions[i].predicted);
        for (int k = 0; k < 3; k++)
            SAME_REAL(predictions[i].probabilities[k]);
    }
    SAME_COUNT(n_queries);
    for (size_t i = 0; i < a->n_queries; i++) {
        SAME_TEXT(queries[i].scenario);
        SAME_COUNT(queries[i].tokens);
        SAME_COUNT(queries[i].nanoseconds);
    }
}

Test(record, survives_writing_and_reading) {
    fixture_cell cell = fixture_default("gru", 2, 0xfff0ffff);
    char *folder = written(&cell);
    as_record *a = fixture_record(&cell), *b = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_record_read(folder, 1, &b, &error), ASSAY_OK, "%s: %s", error.where,
                 error.text);
    SAME_COUNT(status);
    SAME_TEXT(reason);
    SAME_TEXT(suite);
    SAME_TEXT(entry);
    SAME_TEXT(dtype);
    SAME_COUNT(seed);
    SAME_TEXT(model.sha256);
    SAME_TEXT(model.path);
    SAME_COUNT(model.parameters_trainable);
    SAME_COUNT(model.bytes);
    SAME_TEXT(backend.libraries);
    SAME_COUNT(backend.threads);
    SAME_COUNT(backend.equivalence.passed);
    SAME_REAL(backend.equivalence.gradient_bound);
    SAME_COUNT(backend.equivalence.cached);
    SAME_TEXT(backend.equivalence.checked_at);
    SAME_REAL(training_share_of_peak_gemm);
    SAME_REAL(peaks.gemm_flops_per_second.low);
    SAME_REAL(peaks.memory_bytes_per_second.value);
    SAME_COUNT(peaks.samples);
    SAME_REAL(peaks.compute_flops_per_second.value);
    SAME_COUNT(n_scenario_rates);
    for (size_t i = 0; i < a->n_scenario_rates; i++) {
        SAME_TEXT(scenario_rates[i].scenario);
        SAME_REAL(scenario_rates[i].flops_per_second);
        SAME_REAL(scenario_rates[i].share_of_peak_gemm);
    }
    SAME_TEXT(dataset.rows_sha256);
    SAME_COUNT(dataset.n_labels);
    SAME_TEXT(dataset.labels[1]);
    SAME_COUNT(dataset.duplicates_test_in_train);
    SAME_COUNT(dataset.validation_is_test);
    cr_assert(json_equal(a->dataset.preparation, b->dataset.preparation));
    SAME_REAL(dataset.truncated_share);
    SAME_COUNT(training.best_epoch);
    SAME_REAL(training.tokens_per_second);
    SAME_REAL(single_stream.p99_ms.value);
    SAME_REAL(single_stream.p99_ms.high);
    SAME_COUNT(offline.samples);
    SAME_COUNT(peak_rss_bytes);
    SAME_COUNT(peak_device_bytes);
    SAME_COUNT(parameter_bytes);
    SAME_COUNT(gradient_bytes);
    SAME_COUNT(optimizer_bytes);
    SAME_COUNT(training.n_resumed);
    SAME_COUNT(training.resumed_step);
    SAME_REAL(energy_joules);
    SAME_COUNT(n_environment);
    SAME_TEXT(environment[0].value);
    SAME_COUNT(n_warnings);
    SAME_TEXT(warnings[0]);
    check_same_scores(&a->test, &b->test);
    cr_assert_eq(b->validation.n, 0);
    check_same_rows(a, b);
    as_record_free(a);
    as_record_free(b);
    done(folder);
}

static as_timed_block blocks[] = {
    {"offline", 1, 16, 2, 32, 500, 0.25, 120, 3e9, 1e10, NAN},
    {"single_stream", 1, 1, 3, 3, 40, 0.1, 33.3, NAN, NAN, NAN},
    {"offline", 2, 16, 2, 32, 500, 0.5, 240, 3e9, 1e10, 2e10},
};

Test(record, of_a_cell_that_took_turns_survives_and_fits) {
    static const char *const group[] = {"gru__onednn__f32__s2", "torch__own__f32__s2"};
    fixture_cell cell = fixture_default("gru", 2, 0xffffffff);
    char *folder = fixture_folder();
    as_record *a = fixture_record(&cell), *b = NULL;
    a->peer.of = "base";
    a->peer.program = "PyTorch";
    a->peer.same_logits = true;
    a->interleaved.rounds = 2;
    a->interleaved.cells = group;
    a->interleaved.n_cells = 2;
    a->interleaved.blocks = blocks;
    a->interleaved.n_blocks = 3;
    for (size_t i = 0; i < a->n_queries; i++)
        a->queries[i].round = 1 + (int32_t)(i % 2);
    a->queries[0].scenario = "one_text";
    a->queries[1].scenario = "arrival";
    a->queries[2].scenario = "training";
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_record_write(a, folder, &error), ASSAY_OK, "%s", error.text);
    cr_assert_eq(as_record_read(folder, 1, &b, &error), ASSAY_OK, "%s: %s", error.where,
                 error.text);
    SAME_TEXT(peer.of);
    SAME_TEXT(peer.program);
    cr_assert(b->peer.same_logits);
    SAME_COUNT(interleaved.rounds);
    SAME_COUNT(interleaved.n_cells);
    SAME_TEXT(interleaved.cells[1]);
    SAME_COUNT(interleaved.n_blocks);
    for (size_t i = 0; i < 3; i++) {
        SAME_TEXT(interleaved.blocks[i].scenario);
        SAME_COUNT(interleaved.blocks[i].round);
        SAME_COUNT(interleaved.blocks[i].tokens);
        SAME_REAL(interleaved.blocks[i].seconds);
        SAME_REAL(interleaved.blocks[i].median_ms);
        SAME_REAL(interleaved.blocks[i].flops);
        SAME_REAL(interleaved.blocks[i].peak_gemm);
        SAME_REAL(interleaved.blocks[i].peak_compute);
    }
    for (size_t i = 0; i < a->n_queries; i++)
        SAME_COUNT(queries[i].round);
    check_same_rows(a, b);
    json_t *json = load(folder, "result.json");
    check_schema(json, "result.schema.json");
    json_decref(json);
    as_record_free(a);
    as_record_free(b);
    done(folder);
}

Test(record, fits_its_schema) {
    fixture_cell cell = fixture_default("gru", 2, 0xffffffff);
    char *folder = written(&cell);
    json_t *json = load(folder, "result.json");
    check_schema(json, "result.schema.json");
    json_decref(json);
    done(folder);
}

Test(record, empty_one_is_all_null_and_fits_too) {
    char *folder = fixture_folder();
    as_record *r = NULL, *back = NULL;
    cr_assert_eq(as_record_new(&r, NULL), ASSAY_OK);
    r->entry = "gru";
    r->status = AS_CELL_FAILED;
    r->reason = "bad bytes \xff here";
    cr_assert_eq(as_record_write(r, folder, NULL), ASSAY_OK);
    json_t *json = load(folder, "result.json");
    check_schema(json, "result.schema.json");
    cr_assert(json_is_null(json_object_get(json, "test")));
    json_decref(json);
    cr_assert_eq(as_record_read(folder, 1, &back, NULL), ASSAY_OK);
    cr_assert_eq(back->status, AS_CELL_FAILED);
    cr_assert_str_eq(back->reason, "bad bytes \xef\xbf\xbd here");
    cr_assert(isnan(back->test.accuracy.value) && back->peak_rss_bytes == -1);
    as_record_free(r);
    as_record_free(back);
    done(folder);
}

/* Sets the value at a path like "test.confusion" to JSON and writes the record back. */
static void tamper(const char *folder, const char *path, const char *value) {
    char name[1024], keys[128];
    json_t *root = load(folder, "result.json"), *o = root;
    snprintf(keys, sizeof keys, "%s", path);
    char *key = keys;
    for (char *dot; (dot = strchr(key, '.')); key = dot + 1) {
        *dot = '\0';
        o = json_object_get(o, key);
    }
    cr_assert_eq(json_object_set_new(o, key, json_loads(value, JSON_DECODE_ANY, NULL)), 0);
    snprintf(name, sizeof name, "%s/result.json", folder);
    cr_assert_eq(json_dump_file(root, name, 0), 0);
    json_decref(root);
}

Test(record, wrong_fields_are_refused_by_name) {
    static const struct {
        const char *path, *value, *named;
        assay_status status;
    } cases[] = {
        {"schema_version", "2", "newer assay", ASSAY_UNSUPPORTED},
        {"schema_version", "\"1\"", "schema_version", ASSAY_BAD_DATA},
        {"status", "\"fine\"", "status", ASSAY_BAD_DATA},
        {"entry", "null", "entry", ASSAY_BAD_DATA},
        {"seed", "-1", "seed", ASSAY_BAD_DATA},
        {"model.parameters", "[]", "model.parameters", ASSAY_BAD_DATA},
        {"model.parameters.total", "1.5", "model.parameters.total", ASSAY_BAD_DATA},
        {"backend.threads", "4294967296", "backend.threads", ASSAY_BAD_DATA},
        {"backend.equivalence.passed", "1", "backend.equivalence.passed", ASSAY_BAD_DATA},
        {"backend.equivalence.cached", "0", "backend.equivalence.cached", ASSAY_BAD_DATA},
        {"peaks", "[]", "peaks", ASSAY_BAD_DATA},
        {"peaks.gemm_flops_per_second", "1", "peaks.gemm_flops_per_second", ASSAY_BAD_DATA},
        {"flops.scenarios.offline", "1", "flops.scenarios.offline", ASSAY_BAD_DATA},
        {"dataset.labels", "[\"a\", 3]", "dataset.labels", ASSAY_BAD_DATA},
        {"dataset.labels", "[\"a\"]", "test.per_class", ASSAY_BAD_DATA},
        {"test.accuracy.value", "\"high\"", "test.accuracy.value", ASSAY_BAD_DATA},
        {"test.n", "95", "test.confusion", ASSAY_BAD_DATA},
        {"test.n", "97", "test.confusion", ASSAY_BAD_DATA},
        {"test.n", "0", "test.n", ASSAY_BAD_DATA},
        {"test.confusion", "[[1]]", "test.confusion", ASSAY_BAD_DATA},
        {"test.confusion", /* the sum wraps to n */
         "[[9223372036854775807,9223372036854775807,98],[0,0,0],[0,0,0]]", "test.confusion",
         ASSAY_BAD_DATA},
        {"test.confusion", "[[-1,0,0],[0,0,0],[0,0,0]]", "test.confusion", ASSAY_BAD_DATA},
        {"environment", "{\"cpu\": 3}", "environment", ASSAY_BAD_DATA},
        {"warnings", "{}", "warnings", ASSAY_BAD_DATA},
    };
    fixture_cell cell = fixture_default("gru", 2, 0xffffffff);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *folder = written(&cell);
        as_record untouched, *r = &untouched;
        assay_error error = ASSAY_ERROR_INIT;
        tamper(folder, cases[i].path, cases[i].value);
        cr_assert_eq(as_record_read(folder, 0, &r, &error), cases[i].status, "%s = %s",
                     cases[i].path, cases[i].value);
        cr_assert(strstr(error.text, cases[i].named), "%s = %s: %s", cases[i].path, cases[i].value,
                  error.text);
        cr_assert(strstr(error.where, "result.json"));
        cr_assert_eq(r, &untouched);
        done(folder);
    }
}

static void write_text(const char *folder, const char *name, const char *text) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    cr_assert_eq(as_file_write(path, text, strlen(text), NULL), ASSAY_OK);
}

Test(record, wrong_raw_rows_are_refused_by_line) {
    static const char head[] = "split,index,label,predicted,noun.act,\"it's, \"\"quoted\"\"\","
                               "caf\xc3\xa9\n";
    static const struct {
        const char *file, *rows, *named;
        int with_head;
    } cases[] = {
        {"predictions.csv", "split,index\n", "header", 0},
        {"predictions.csv", "test,0,0,3,0,0,0\n", "line 2", 1},
        {"predictions.csv", "test,0,0,0,0,0\n", "line 2", 1},
        {"predictions.csv", "test,0,0,0,0,0,0,0\n", "more fields", 1},
        {"predictions.csv", "test,0,0,0,0,0,2\n", "probability", 1},
        {"predictions.csv", "dev,0,0,0,0,0,0\n", "split", 1},
        {"predictions.csv", "test,0,0,0,0,0,0\n", "96", 1},
        {"predictions.csv", "\"test,0", "quote", 1},
        {"latency.csv", "scenario,batch,tokens,nanoseconds\nsingle_stream,1,20,-5\n", "line 2", 0},
        {"latency.csv", "scenario,batch,tokens,nanoseconds\nwarp,1,20,5\n", "scenario", 0},
        {"epochs.jsonl", "{\"epoch\": 1}\n{\"epoch\": \"2\"}\n", "epoch", 0},
        {"epochs.jsonl", "{\"epoch\": 1}\n[]\n", "line 2", 0},
        {"epochs.jsonl", "{\"epoch\"\n", "not valid JSON", 0},
    };
    fixture_cell cell = fixture_default("gru", 2, 0xffffffff);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *folder = written(&cell), text[512];
        as_record *r = NULL;
        assay_error error = ASSAY_ERROR_INIT;
        snprintf(text, sizeof text, "%s%s", cases[i].with_head ? head : "", cases[i].rows);
        write_text(folder, cases[i].file, text);
        cr_assert_eq(as_record_read(folder, 1, &r, &error), ASSAY_BAD_DATA, "case %zu", i);
        cr_assert(strstr(error.text, cases[i].named), "case %zu: %s", i, error.text);
        cr_assert(strstr(error.where, cases[i].file), "case %zu: %s", i, error.where);
        cr_assert_null(r);
        done(folder);
    }
}

Test(record, missing_folder_is_not_found) {
    as_record *r = NULL;
    cr_assert_eq(as_record_read("/nonexistent", 0, &r, NULL), ASSAY_NOT_FOUND);
}

Test(run, cells_come_in_order_with_their_status) {
    char *folder = fixture_folder();
    fixture_cell cells[3] = {fixture_default("gru", 1, 0xffff), fixture_default("gru", 2, 0xffff),
                             fixture_default("lstm", 1, 0)};
    cells[2].cpu = NULL;
    fixture_run(folder, cells, 3, NULL);
    json_t *json = load(folder, "run.json");
    check_schema(json, "run.schema.json");
    json_decref(json);
    as_run *run = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_run_read(folder, 1, &run, &error), ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_eq(run->n_cells, 3);
    cr_assert_str_eq(run->cells[1]->entry, "gru");
    cr_assert_eq(run->cells[1]->seed, 2);
    cr_assert_eq(run->cells[1]->status, AS_CELL_OK);
    cr_assert_eq(run->cells[2]->status, AS_CELL_FAILED);
    cr_assert(strstr(run->cells[2]->reason, "memory limit"));
    as_run_free(run);
    done(folder);
}

static assay_status read_run_text(const char *text, const char *named) {
    char *folder = fixture_folder();
    as_run *run = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    write_text(folder, "run.json", text);
    assay_status status = as_run_read(folder, 0, &run, &error);
    cr_assert(status == ASSAY_OK || strstr(error.text, named), "%s", error.text);
    as_run_free(run);
    done(folder);
    return status;
}

#define CELL(name, status)                                                                         \
    "{\"schema_version\": 1, \"suite\": {}, \"cells\": [{\"name\": \"" name "\", \"entry\": "      \
    "\"gru\", \"backend\": \"onednn\", \"dtype\": \"f32\", \"seed\": 1, \"status\": \"" status     \
    "\"}]}"

Test(run, hostile_or_broken_ones_are_refused) {
    cr_assert_eq(read_run_text(CELL("a", "pending"), ""), ASSAY_OK);
    cr_assert_eq(read_run_text(CELL("../../etc", "ok"), "folder"), ASSAY_BAD_DATA);
    cr_assert_eq(read_run_text(CELL("a/../../etc", "ok"), "folder"), ASSAY_BAD_DATA);
    cr_assert_eq(read_run_text(CELL("..", "ok"), "folder"), ASSAY_BAD_DATA);
    cr_assert_eq(read_run_text(CELL("a", "weird"), "status"), ASSAY_BAD_DATA);
    cr_assert_eq(read_run_text("{\"schema_version\": 9}", "newer"), ASSAY_UNSUPPORTED);
    cr_assert_eq(read_run_text("{\"schema_version\": 1}", "suite"), ASSAY_BAD_DATA);
    cr_assert_eq(read_run_text("{\"schema_version\": 1, \"suite\": {}}", "cells"), ASSAY_BAD_DATA);
    as_run *run = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_run_read("/nonexistent", 0, &run, &error), ASSAY_NOT_FOUND);
    cr_assert(strstr(error.text, "run.json"));
}

Test(run, cell_not_yet_run_says_so) {
    char *folder = fixture_folder();
    as_run *run = NULL;
    write_text(folder, "run.json", CELL("a", "pending"));
    char slashed[1024];
    snprintf(slashed, sizeof slashed, "%s//", folder);
    cr_assert_eq(as_run_read(slashed, 0, &run, NULL), ASSAY_OK);
    cr_assert_str_eq(as_run_name(run), strrchr(folder, '/') + 1);
    cr_assert_eq(run->cells[0]->status, AS_CELL_FAILED);
    cr_assert_str_eq(run->cells[0]->reason, "not run");
    as_run_free(run);
    done(folder);
}
