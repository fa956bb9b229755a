/* SPDX-License-Identifier: MIT */
/* assay verify's parts: trees, checkpoints' headers, steps, losses; and a whole run. */
#include "fixture.h"
#include "results/verify/derive.h"
#include "results/verify/verify.h"

static json_t *parse(const char *text) {
    json_t *json = json_loads(text, 0, NULL);
    cr_assert_not_null(json, "%s", text);
    return json;
}

static as_verification compare(as_arena *arena, const char *found, const char *expected,
                               as_nearness nearness) {
    as_verification v = as_verification_begin(arena);
    json_t *a = parse(found), *b = parse(expected);
    cr_assert_eq(as_verify_tree(&v, "file", "", a, b, nearness, NULL), ASSAY_OK);
    json_decref(a);
    json_decref(b);
    return v;
}

Test(verify, trees_agree_to_the_last_bit) {
    as_arena *arena = as_arena_new();
    as_verification v = compare(arena, "{\"a\": 0.1, \"b\": [1, 2], \"c\": 7}",
                                "{\"a\": 0.1, \"b\": [1, 2]}", AS_NEAR_EXACT);
    cr_assert_eq(v.n_findings, 0);
    cr_assert_eq(v.n_derived, 3);
    v = compare(arena, "{\"a\": 0.10000000000000002}", "{\"a\": 0.1}", AS_NEAR_EXACT);
    cr_assert_eq(v.n_findings, 1);
    v = compare(arena, "{\"a\": 0.10000001}", "{\"a\": 0.1}", AS_NEAR_FLOAT);
    cr_assert_eq(v.n_findings, 0);
    v = compare(arena, "{\"a\": 0.1001}", "{\"a\": 0.1}", AS_NEAR_FLOAT);
    cr_assert_eq(v.n_findings, 1);
    as_arena_free(arena);
}

Test(verify, differences_are_named) {
    as_arena *arena = as_arena_new();
    as_verification v =
        compare(arena, "{\"a\": {\"b\": [1, 3, 4]}, \"n\": 1, \"m\": null}",
                "{\"a\": {\"b\": [1, 2]}, \"n\": null, \"m\": null, \"gone\": 5}", AS_NEAR_EXACT);
    cr_assert_eq(v.n_findings, 4);
    cr_assert_str_eq(v.findings[0].field, "a.b[1]");
    cr_assert_str_eq(v.findings[0].found, "3");
    cr_assert_str_eq(v.findings[0].expected, "2");
    cr_assert_eq(v.findings[1].kind, AS_FINDING_EXTRA);
    cr_assert_str_eq(v.findings[1].field, "a.b[2]");
    cr_assert_str_eq(v.findings[2].expected, "null");
    cr_assert_eq(v.findings[3].kind, AS_FINDING_MISSING);
    cr_assert_str_eq(v.findings[3].field, "gone");
    as_arena_free(arena);
}

Test(verify, what_is_not_derived_is_counted) {
    as_arena *arena = as_arena_new();
    as_verification v = as_verification_begin(arena);
    json_t *found = parse("{\"a\": 1, \"b\": [{\"c\": 1}, {\"c\": 2}], \"t\": \"7\"}");
    json_t *derived = parse("{\"a\": 1}");
    cr_assert_eq(as_verify_count_recorded(&v, "f", found, derived, NULL), ASSAY_OK);
    cr_assert_eq(v.n_recorded, 2);
    cr_assert_eq(v.n_recorded_kinds, 1);
    cr_assert_str_eq(v.recorded[0].what, "f: b[].c");
    json_decref(found);
    json_decref(derived);
    as_arena_free(arena);
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

static char *write_checkpoint(const char *folder, uint64_t length, const char *header) {
    char *path = as_path_join(folder, "c.safetensors");
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    for (int i = 0; i < 8; i++)
        fputc((int)(length >> (8 * i) & 0xff), file);
    fputs(header, file);
    fclose(file);
    return path;
}

Test(verify, checkpoint_elements) {
    static const char good[] =
        "{\"__metadata__\": {\"format\": \"pt\"},"
        "\"w\": {\"dtype\": \"F32\", \"shape\": [2, 3], \"data_offsets\": [0, 24]},"
        "\"s\": {\"dtype\": \"F32\", \"shape\": [], \"data_offsets\": [24, 28]}}";
    static const struct {
        uint64_t length;
        const char *header;
    } bad[] = {{(uint64_t)1 << 40, "{}"},
               {200, "{}"},
               {1, "{}"},
               {2, "[]x"},
               {24, "{\"w\": {\"shape\": [2, -3]}}"},
               {49, "{\"w\": {\"shape\": [4294967296, 4294967296, 4096]}}"},
               {13, "{\"w\": {\"a\":1}}"}};
    char *folder = fixture_folder();
    char *path = write_checkpoint(folder, strlen(good), good);
    int64_t n = -5;
    cr_assert_eq(as_checkpoint_elements(path, &n, NULL), ASSAY_OK);
    cr_assert_eq(n, 7);
    free(path);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        n = -5;
        path = write_checkpoint(folder, bad[i].length, bad[i].header);
        assay_status status = as_checkpoint_elements(path, &n, NULL);
        cr_assert(i == 3 || status == ASSAY_BAD_DATA, "case %zu: %d", i, (int)status);
        cr_assert(i == 3 || n == -5, "case %zu", i);
        free(path);
    }
    cr_assert_eq(as_remove_folder(folder, NULL), ASSAY_OK);
    free(folder);
}

/* ---- rows ------------------------------------------------------------------------------------ */

Test(verify, steps_add_up_by_epoch) {
    static const char text[] = "{\"epoch\": 1, \"loss\": 2, \"learning_rate\": 0.1, \"grad_norm\": "
                               "1, \"rows\": 30, \"tokens\": 7}\n"
                               "{\"epoch\": 1, \"loss\": 1, \"learning_rate\": 0.2, \"grad_norm\": "
                               "3, \"rows\": 10, \"tokens\": 5}\n"
                               "{\"epoch\": 2, \"loss\": 9, \"learning_rate\": 0.2, \"grad_norm\": "
                               "3, \"rows\": 10, \"tokens\": 5}\n";
    char *folder = fixture_folder(), *path = as_path_join(folder, "steps.jsonl");
    as_arena *arena = as_arena_new();
    as_step_totals *totals = NULL;
    cr_assert_eq(as_file_write(path, text, strlen(text), NULL), ASSAY_OK);
    cr_assert_eq(as_derive_steps(path, arena, 1, &totals, NULL), ASSAY_OK);
    json_t *epoch = as_derive_epoch(&totals[0], false);
    cr_assert_float_eq(json_number_value(json_object_get(epoch, "train_loss")), 1.75, 1e-12);
    cr_assert_float_eq(json_number_value(json_object_get(epoch, "grad_norm")), 2, 1e-12);
    cr_assert_float_eq(json_number_value(json_object_get(epoch, "learning_rate")), 0.2, 1e-12);
    cr_assert_eq(json_integer_value(json_object_get(epoch, "tokens")), 12);
    cr_assert_eq(json_integer_value(json_object_get(epoch, "samples")), 40);
    cr_assert_eq(json_integer_value(json_object_get(epoch, "steps")), 2);
    json_decref(epoch);
    cr_assert_eq(as_file_write(path, "{\"epoch\": 0}\n", 13, NULL), ASSAY_OK);
    cr_assert_eq(as_derive_steps(path, arena, 1, &totals, NULL), ASSAY_BAD_DATA);
    /* Sums of such counts would overflow. */
    static const char *const huge[] = {"\"rows\": 9223372036854775807", "\"rows\": -1",
                                       "\"tokens\": 2147483648", "\"tokens\": -5"};
    for (size_t i = 0; i < sizeof huge / sizeof *huge; i++) {
        char line[80];
        snprintf(line, sizeof line, "{\"epoch\": 1, %s}\n", huge[i]);
        cr_assert_eq(as_file_write(path, line, strlen(line), NULL), ASSAY_OK);
        cr_assert_eq(as_derive_steps(path, arena, 1, &totals, NULL), ASSAY_BAD_DATA, "%s", line);
    }
    cr_assert_eq(as_remove_folder(folder, NULL), ASSAY_OK);
    as_arena_free(arena);
    free(path);
    free(folder);
}

Test(verify, loss_from_probabilities) {
    float p[2][2] = {{0.25f, 0.75f}, {0.5f, 0.5f}};
    as_prediction rows[] = {
        {"test", 0, 0, 1, p[0], 0}, {"test", 1, 1, 1, p[1], 0}, {"validation", 2, 1, 1, p[1], 0}};
    as_record record = {.predictions = rows, .n_predictions = 3};
    cr_assert_float_eq(as_derive_loss(&record, "test"), (log(4) + log(2)) / 2, 1e-12);
    cr_assert_float_eq(as_derive_loss(&record, "validation"), log(2), 1e-12);
    cr_assert(isnan(as_derive_loss(&record, "train")));
    p[0][0] = 0;
    cr_assert(isnan(as_derive_loss(&record, "test")));
}

Test(verify, best_epoch_is_the_first_best_one) {
    as_epoch epochs[] = {
        {.epoch = 1, .validation_loss = 0.5, .validation_accuracy = 0.7, .seconds = 1},
        {.epoch = 2, .validation_loss = 0.4, .validation_accuracy = 0.7, .seconds = 1},
        {.epoch = 3, .validation_loss = 0.4, .validation_accuracy = 0.8, .seconds = 2}};
    as_record record = {.epochs = epochs, .n_epochs = 3, .model.bytes = -1};
    json_t *accuracy = parse("{\"early_stopping\": {\"metric\": \"validation.accuracy\"}}");
    json_t *tree = json_object();
    cr_assert_eq(as_derive_training(&record, -1, tree, NULL), ASSAY_OK);
    const json_t *training = json_object_get(tree, "training");
    cr_assert_eq(json_integer_value(json_object_get(training, "best_epoch")), 2);
    cr_assert_float_eq(json_number_value(json_object_get(training, "seconds")), 4, 1e-12);
    record.training.settings = accuracy;
    cr_assert_eq(as_derive_training(&record, -1, tree, NULL), ASSAY_OK);
    training = json_object_get(tree, "training");
    cr_assert_eq(json_integer_value(json_object_get(training, "best_epoch")), 3);
    json_decref(accuracy);
    json_decref(tree);
}

/* ---- a run ----------------------------------------------------------------------------------- */

static bool has_finding(const as_verification *v, const char *file, const char *field) {
    for (size_t i = 0; i < v->n_findings; i++)
        if (strstr(v->findings[i].file, file) && strcmp(v->findings[i].field, field) == 0)
            return true;
    return false;
}

/* The fixture's record states some figures freely; those and nothing else are off. */
Test(verify, a_run_against_its_rows) {
    char *folder = fixture_folder();
    fixture_cell cell = fixture_default("gru", 7, 0xff7ffbff);
    fixture_run(folder, &cell, 1, NULL);
    as_arena *arena = as_arena_new();
    as_verification v = as_verification_begin(arena);
    cr_assert_eq(as_verify_run(folder, &v, NULL), ASSAY_OK);
    cr_assert(has_finding(&v, "SHA256SUMS", ""));
    cr_assert(has_finding(&v, "run.json", "suite_sha256"));
    cr_assert(has_finding(&v, "result.json", "latency.single_stream.mean_ms"));
    cr_assert(has_finding(&v, "result.json", "training.best_epoch"));
    cr_assert(has_finding(&v, "result.json", "test.loss"));
    cr_assert(!has_finding(&v, "result.json", "test.f1_macro.low"));
    cr_assert(!has_finding(&v, "result.json", "latency.single_stream.count"));
    cr_assert_eq(as_remove_folder(folder, NULL), ASSAY_OK);
    as_arena_free(arena);
    free(folder);
}

Test(verify, sums_that_leave_the_run_are_refused) {
    char *folder = fixture_folder(), *path = as_path_join(folder, "SHA256SUMS");
    fixture_cell cell = fixture_default("gru", 7, 0xff7ffbff);
    fixture_run(folder, &cell, 1, NULL);
    char text[300], digest[65];
    memset(digest, 'a', 64);
    digest[64] = '\0';
    snprintf(text, sizeof text, "%s  ../../etc/passwd\n%s  /etc/passwd\nshort\n", digest, digest);
    cr_assert_eq(as_file_write(path, text, strlen(text), NULL), ASSAY_OK);
    as_arena *arena = as_arena_new();
    as_verification v = as_verification_begin(arena);
    cr_assert_eq(as_verify_run(folder, &v, NULL), ASSAY_OK);
    cr_assert(has_finding(&v, "SHA256SUMS", "line 1"));
    cr_assert(has_finding(&v, "SHA256SUMS", "line 2"));
    cr_assert(has_finding(&v, "SHA256SUMS", "line 3"));
    for (size_t i = 0; i < v.n_findings; i++)
        cr_assert_null(strstr(v.findings[i].file, "passwd"));
    cr_assert_eq(as_remove_folder(folder, NULL), ASSAY_OK);
    as_arena_free(arena);
    free(path);
    free(folder);
}
