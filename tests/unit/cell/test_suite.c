/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <string.h>

#include "cell/suite.h"

static const char small[] =
    "{\"schema_version\": 1, \"name\": \"t\", \"data\": {\"resource\": \"synthetic\"},"
    " \"defaults\": {\"max_tokens\": 64, \"training\": {\"lr\": 0.01, \"epochs\": 5,"
    "   \"early_stopping\": {\"patience\": 2}}},"
    " \"entries\": [{\"name\": \"a\", \"model\": \"gru\"},"
    "   {\"name\": \"b\", \"model\": \"naive_bayes\", \"max_tokens\": 16,"
    "    \"training\": {\"epochs\": 1, \"early_stopping\": {\"metric\": "
    "\"validation.accuracy\"}}}],"
    " \"backends\": [\"reference\"], \"dtypes\": [\"f32\", \"f64\"], \"seeds\": [1, 7]}";

static assay_status load(as_arena *arena, const char *text, as_suite **suite, assay_error *error) {
    json_t *json = json_loads(text, 0, NULL);
    cr_assert_not_null(json);
    assay_status status = as_suite_from_json(arena, json, "t.json", suite, error);
    json_decref(json);
    return status;
}

Test(suite, entries_override_defaults_field_by_field) {
    as_arena *arena = as_arena_new();
    as_suite *suite;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(load(arena, small, &suite, &error), ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_eq(suite->n_entries, 2);
    const as_entry *a = &suite->entries[0], *b = &suite->entries[1];
    cr_expect_eq(a->max_tokens, 64);
    cr_expect_eq(a->training.epochs, 5);
    cr_expect_eq(a->training.metric, AS_METRIC_VALIDATION_LOSS);
    cr_expect_eq(b->max_tokens, 16);
    cr_expect_eq(b->tokenizer.max_tokens, 16);
    cr_expect_eq(b->training.epochs, 1);
    cr_expect_eq(b->training.learning_rate, 0.01);
    cr_expect_eq(b->training.patience, 2);
    cr_expect_eq(b->training.metric, AS_METRIC_VALIDATION_ACCURACY);
    cr_expect_eq(b->training.batch, 32);
    cr_expect_eq(b->training.update.clip_norm, 1);
    cr_expect(b->training.keep_best);
    cr_assert_eq(suite->n_scenarios, 2);
    cr_expect_str_eq(suite->scenarios[0]->name, "single_stream");
    cr_expect_str_eq(suite->scenarios[1]->name, "offline");
    cr_expect_eq(suite->margin_accuracy, 0.01);
    as_suite_free(suite);
    as_arena_free(arena);
}

Test(suite, a_schedule_of_another_kind_takes_no_fields_of_the_defaults) {
    static const char json[] =
        "{\"schema_version\": 1, \"name\": \"t\", \"data\": {\"resource\": \"synthetic\"},"
        " \"defaults\": {\"training\": {\"lr\": 0.5, \"schedule\": {\"kind\": \"linear\","
        "   \"warmup_steps\": 9, \"final\": 0.5}}},"
        " \"entries\": [{\"name\": \"a\", \"model\": \"gru\"},"
        "   {\"name\": \"b\", \"model\": \"gru\", \"training\": {\"schedule\": {\"kind\": \"step\","
        "    \"every\": 3}}},"
        "   {\"name\": \"c\", \"model\": \"gru\", \"training\": {\"schedule\": {\"kind\": "
        "\"linear\","
        "    \"warmup_steps\": 2}}}]}";
    as_arena *arena = as_arena_new();
    as_suite *suite;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(load(arena, json, &suite, &error), ASSAY_OK, "%s: %s", error.where, error.text);
    const as_train_config *a = &suite->entries[0].training, *b = &suite->entries[1].training,
                          *c = &suite->entries[2].training;
    cr_expect_eq(a->schedule.kind, AS_SCHEDULE_LINEAR);
    cr_expect_eq(a->schedule.warmup_steps, 9);
    cr_expect_eq(b->schedule.kind, AS_SCHEDULE_STEP);
    cr_expect_eq(b->schedule.every, 3);
    cr_expect_eq(b->schedule.warmup_steps, 0);
    cr_expect_eq(b->learning_rate, 0.5);
    cr_expect_eq(c->schedule.warmup_steps, 2);
    cr_expect_eq(c->schedule.final, 0.5);
    as_suite_free(suite);
    as_arena_free(arena);
}

Test(suite, cells_are_all_combinations_and_one_a_seed_for_opaque_models) {
    as_arena *arena = as_arena_new();
    as_suite *suite;
    as_cell_spec *cells;
    size_t n;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(load(arena, small, &suite, &error), ASSAY_OK);
    cr_assert_eq(as_suite_cells(arena, suite, &cells, &n, &error), ASSAY_OK, "%s: %s", error.where,
                 error.text);
    cr_assert_eq(n, 2 * 2 + 2);
    cr_expect_str_eq(cells[0].name, "a__reference__f32__s1");
    cr_expect_str_eq(cells[3].name, "a__reference__f64__s7");
    cr_expect_str_eq(cells[4].name, "b__own__f32__s1");
    cr_expect_str_eq(cells[5].backend, "own");
    as_suite_free(suite);
    as_arena_free(arena);
}

Test(suite, a_failure_leaves_the_result_untouched_and_says_where) {
    as_arena *arena = as_arena_new();
    as_suite *suite = (as_suite *)(uintptr_t)77;
    assay_error error = ASSAY_ERROR_INIT;
    cr_expect_eq(load(arena,
                      "{\"schema_version\": 1, \"name\": \"t\","
                      " \"data\": {\"resource\": \"synthetic\"},"
                      " \"entries\": [{\"name\": \"a\", \"model\": \"gru\"},"
                      "  {\"name\": \"a\", \"model\": \"gru\"}]}",
                      &suite, &error),
                 ASSAY_BAD_DATA);
    cr_expect_eq((uintptr_t)suite, 77);
    cr_expect_str_eq(error.where, "t.json#/entries/1/name");
    as_arena_free(arena);
}

Test(suite, digest_does_not_depend_on_the_order_of_keys) {
    as_arena *arena = as_arena_new();
    as_suite *one, *two;
    as_sha256_hex x, y;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(load(arena,
                      "{\"schema_version\": 1, \"name\": \"t\", \"data\": {\"resource\": \"s\"},"
                      " \"entries\": [{\"name\": \"a\", \"model\": \"gru\"}]}",
                      &one, &error),
                 ASSAY_OK);
    cr_assert_eq(load(arena,
                      "{\"entries\": [{\"model\": \"gru\", \"name\": \"a\"}], \"name\": \"t\","
                      " \"data\": {\"resource\": \"s\"}, \"schema_version\": 1, \"seeds\": [1]}",
                      &two, &error),
                 ASSAY_OK);
    cr_assert_eq(as_suite_digest(one, &x, &error), ASSAY_OK);
    cr_assert_eq(as_suite_digest(two, &y, &error), ASSAY_OK);
    cr_expect_str_eq(x.text, y.text);
    as_suite_free(one);
    as_suite_free(two);
    as_arena_free(arena);
}

Test(suite, every_suite_that_comes_along_loads) {
    static const char *const names[] = {
        "quick",   "imdb-small", "synthetic-tiny",     "study-a", "study-a-distilbert",
        "study-b", "study-c",    "study-c-distilbert", "study-d", "study-e"};
    as_arena *arena = as_arena_new();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        as_suite *suite;
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(as_suite_load(arena, names[i], NULL, &suite, &error), ASSAY_OK, "%s: %s",
                     error.where, error.text);
        cr_expect_str_eq(suite->name, names[i]);
        as_suite_free(suite);
    }
    as_arena_free(arena);
}

/* ---- grids ----------------------------------------------------------------------------------- */

#define GRID(values)                                                                               \
    "{\"schema_version\": 1, \"name\": \"t\", \"data\": {\"resource\": \"synthetic\"},"            \
    " \"defaults\": {\"training\": {\"lr\": 0.5, \"epochs\": 2}},"                                 \
    " \"entries\": [{\"name\": \"a\", \"model\": \"gru\"}, {\"name\": \"g\", \"model\": \"gru\","  \
    "  \"options\": {\"layers\": 2}, \"grid\": {\"values\": " values "}}]}"

Test(suite, a_grid_is_an_entry_for_each_combination) {
    as_arena *arena = as_arena_new();
    as_suite *suite;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(load(arena, GRID("{\"training.lr\": [0.01, 0.002], \"options.hidden\": [8, 16]}"),
                      &suite, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    static const char *const names[] = {"a", "g-hidden8-lr0.01", "g-hidden8-lr0.002",
                                        "g-hidden16-lr0.01", "g-hidden16-lr0.002"};
    cr_assert_eq(suite->n_entries, 5);
    for (size_t i = 0; i < 5; i++)
        cr_expect_str_eq(suite->entries[i].name, names[i]);
    const as_entry *last = &suite->entries[4];
    cr_expect_null(suite->entries[0].grid);
    cr_expect_eq(last->training.learning_rate, 0.002);
    cr_expect_eq(last->training.epochs, 2, "the other fields are the defaults'");
    cr_expect_eq(json_integer_value(json_object_get(last->options, "hidden")), 16);
    cr_expect_eq(json_integer_value(json_object_get(last->options, "layers")), 2);
    cr_expect_str_eq(json_string_value(json_object_get(last->grid, "entry")), "g");
    cr_expect_str_eq(json_string_value(json_object_get(last->grid, "select")),
                     "validation.accuracy");
    cr_expect_eq(json_object_size(json_object_get(last->grid, "values")), 2);
    as_suite_free(suite);
    as_arena_free(arena);
}

Test(suite, a_bad_grid_names_its_field) {
    static const struct {
        const char *json, *where, *text;
    } cases[] = {
        {GRID("{\"training.lrr\": [1]}"), "t.json#/entries/1/grid/values/training.lrr",
         "did you mean \"lr\"?"},
        {GRID("{\"training.lr\": [0.1, -2]}"), "t.json#/entries/1/grid", "training/lr"},
        {GRID("{\"training.lr\": [0.1, 0.1]}"), "t.json#/entries/1/grid/values/training.lr",
         "value 1 is also value 0"},
        {GRID("{\"name\": [\"x\"]}"), "t.json#/entries/1/grid/values/name", "cannot be varied"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        as_arena *arena = as_arena_new();
        as_suite *suite = NULL;
        assay_error error = ASSAY_ERROR_INIT;
        cr_expect_eq(load(arena, cases[i].json, &suite, &error), ASSAY_BAD_DATA);
        cr_expect_null(suite);
        cr_expect_str_eq(error.where, cases[i].where);
        cr_expect(strstr(error.text, cases[i].text), "%s", error.text);
        as_arena_free(arena);
    }
}
