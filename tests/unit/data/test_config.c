/* SPDX-License-Identifier: MIT */
/* The data and tokenizer sections: defaults, every field, every refusal. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/json.h"
#include "data/data.h"

static json_t *load(const char *text) {
    json_t *json = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_json_parse(text, strlen(text), "x", &json, &error), ASSAY_OK, "%s", error.text);
    return json;
}

Test(config, defaults) {
    as_arena *arena = as_arena_new();
    json_t *json = load("{\"resource\": \"imdb\", \"path\": null, \"validation\": null}");
    as_data_config c;
    as_tokenizer_config t;
    cr_assert_eq(as_data_config_from_json(arena, json, "s#/data", &c, NULL), ASSAY_OK);
    cr_assert_str_eq(c.resource, "imdb");
    cr_assert_null(c.path);
    cr_assert_null(c.cleaning);
    cr_assert_eq(c.order, -1);
    cr_assert_eq(c.subset.n_labels, 0);
    for (int s = 0; s < AS_SPLIT_COUNT; s++)
        cr_assert_eq(c.subset.n_rows[s], AS_ROWS_ALL);
    cr_assert_eq(c.subset.seed, 42);
    cr_assert(c.subset.stratified && c.validation.stratified);
    cr_assert_eq(c.validation.share, 0.0);
    cr_assert_eq(c.validation.kind, AS_VALIDATION_SHARE);
    cr_assert(!c.overlaps.remove && !c.folds.n && c.balance == AS_BALANCE_NONE);
    json_decref(json);
    cr_assert_str_eq(c.resource, "imdb", "strings are copies");
    cr_assert_eq(as_tokenizer_config_from_json(arena, NULL, 0, "x", &t, NULL), ASSAY_OK);
    cr_assert_str_eq(t.kind, "words");
    cr_assert_eq(t.vocab_size, 20000);
    cr_assert_eq(t.max_tokens, 256);
    cr_assert_not(t.padded);
    as_arena_free(arena);
}

Test(config, every_field) {
    as_arena *arena = as_arena_new();
    json_t *json =
        load("{\"resource\": \"imdb\", \"path\": \"/x\", \"order\": \"canonical\","
             " \"balance\": \"oversample\", \"cleaning\": [\"strip_html\", \"lower\"],"
             " \"subset\": {\"labels\": [\"pos\", \"neg\"], \"train\": 5, \"validation\": 0,"
             " \"test\": 7, \"seed\": 9, \"allocation\": \"equal\"},"
             " \"filter\": {\"min_characters\": 50, \"min_words\": 3},"
             " \"folds\": {\"n\": 5, \"index\": 2, \"seed\": 3},"
             " \"overlaps\": {\"remove\": true},"
             " \"fingerprint\": {\"distinct_tokens\": 92230, \"longest\": 1601},"
             " \"validation\": {\"kind\": \"tail\", \"share\": 0.25, \"stratified\": false}}");
    as_data_config c;
    cr_assert_eq(as_data_config_from_json(arena, json, "s#/data", &c, NULL), ASSAY_OK);
    cr_assert_eq(json_array_size(c.cleaning), 2);
    json_decref(json);
    cr_assert_eq(c.order, AS_ORDER_CANONICAL);
    cr_assert_eq(c.balance, AS_BALANCE_OVERSAMPLE);
    cr_assert_eq(c.filter.min_characters, 50);
    cr_assert_eq(c.filter.min_words, 3);
    cr_assert(c.folds.n == 5 && c.folds.index == 2 && c.folds.seed == 3 && c.folds.stratified);
    cr_assert(c.overlaps.remove);
    cr_assert(c.fingerprint.distinct_tokens == 92230 && c.fingerprint.longest == 1601);
    cr_assert_eq(c.validation.kind, AS_VALIDATION_TAIL);
    cr_assert_str_eq(c.where, "s#/data");
    cr_assert_str_eq(c.path, "/x");
    cr_assert_eq(c.subset.n_labels, 2);
    cr_assert_str_eq(c.subset.labels[1], "neg");
    cr_assert_eq(c.subset.n_rows[AS_SPLIT_TRAIN], 5);
    cr_assert_eq(c.subset.n_rows[AS_SPLIT_VALIDATION], 0);
    cr_assert_eq(c.subset.n_rows[AS_SPLIT_TEST], 7);
    cr_assert_eq(c.subset.seed, 9);
    cr_assert_eq(c.subset.allocation, AS_ALLOCATION_EQUAL);
    cr_assert_eq(c.validation.share, 0.25);
    cr_assert_eq(c.validation.seed, 9, "the subset's");
    cr_assert_not(c.validation.stratified);
    json = load("{\"kind\": \"whitespace\", \"vocab_size\": 30, \"padding\": \"max_tokens\"}");
    as_tokenizer_config t;
    cr_assert_eq(as_tokenizer_config_from_json(arena, json, 64, "x", &t, NULL), ASSAY_OK);
    json_decref(json);
    cr_assert_str_eq(t.kind, "whitespace");
    cr_assert_eq(t.vocab_size, 30);
    cr_assert_eq(t.max_tokens, 64);
    cr_assert(t.padded);
    as_arena_free(arena);
}

Test(config, refusals_name_their_place) {
    static const char *const cases[][3] = {
        {"{}", "s#/data", "\"resource\" is missing"},
        {"[]", "s#/data", "expected an object"},
        {"{\"resource\": 1}", "s#/data/resource", "expected a string"},
        {"{\"resource\": \"x\", \"cleanning\": []}", "s#/data", "use \"cleaning\""},
        {"{\"resource\": \"x\", \"cleaning\": [\"lower\", \"loewr\"]}", "s#/data/cleaning/1",
         "use \"lower\""},
        {"{\"resource\": \"x\", \"cleaning\": \"lower\"}", "s#/data/cleaning", "list of steps"},
        {"{\"resource\": \"x\", \"order\": \"tar\"}", "s#/data",
         "order is one of: canonical, archive"},
        {"{\"resource\": \"x\", \"balance\": \"weights\"}", "s#/data", "found \"weights\""},
        {"{\"resource\": \"x\", \"folds\": {\"index\": 1}}", "s#/data/folds", "\"n\" is missing"},
        {"{\"resource\": \"x\", \"folds\": {\"n\": 3, \"index\": 4}}", "s#/data/folds/index",
         "from 1 to 3"},
        {"{\"resource\": \"x\", \"validation\": {\"kind\": \"none\", \"share\": 0.1}}",
         "s#/data/validation", "no meaning"},
        {"{\"resource\": \"x\", \"subset\": {\"train\": 0}}", "s#/data/subset/train", "from 1 to"},
        {"{\"resource\": \"x\", \"subset\": {\"train\": 1e3}}", "s#/data/subset/train",
         "expected an integer"},
        {"{\"resource\": \"x\", \"subset\": {\"trian\": 5}}", "s#/data/subset", "use \"train\""},
        {"{\"resource\": \"x\", \"subset\": {\"labels\": [1]}}", "s#/data/subset",
         "list of strings"},
        {"{\"resource\": \"x\", \"subset\": {\"allocation\": \"even\"}}", "s#/data/subset",
         "\"proportional\" or \"equal\""},
        {"{\"resource\": \"x\", \"subset\": {\"allocation\": \"equal\", \"stratified\": false}}",
         "s#/data/subset", "needs stratified"},
        {"{\"resource\": \"x\", \"validation\": {\"share\": 1.5}}", "s#/data/validation/share",
         "from 0 to 1"},
        {"{\"resource\": \"x\", \"subset\": {\"seed\": -1}}", "s#/data/subset/seed", "from 0"},
    };
    as_arena *arena = as_arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *json = load(cases[i][0]);
        as_data_config c = {.order = 77};
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_neq(as_data_config_from_json(arena, json, "s#/data", &c, &error), ASSAY_OK, "%s",
                      cases[i][0]);
        cr_assert_str_eq(error.where, cases[i][1], "%s", cases[i][0]);
        cr_assert(strstr(error.text, cases[i][2]), "%s: %s", cases[i][0], error.text);
        cr_assert_eq(c.order, 77);
        json_decref(json);
    }
    as_data_config c;
    cr_assert_eq(as_data_config_from_json(arena, NULL, "s#/data", &c, NULL), ASSAY_BAD_DATA);
    as_arena_free(arena);
}

Test(config, tokenizer_refusals) {
    static const char *const cases[] = {"{\"kind\": \"wrods\"}",
                                        "{\"vocab_size\": 2}",
                                        "{\"vocab_size\": \"x\"}",
                                        "{\"vocabsize\": 5}",
                                        "{\"kind\": \"regex\"}",
                                        "{\"kind\": \"words\", \"pattern\": \"x\"}",
                                        "{\"kind\": \"wordpiece\", \"vocab_size\": 50}",
                                        "{\"lower_case\": true}",
                                        "{\"padding\": \"longest\"}",
                                        "3"};
    as_arena *arena = as_arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *json = load(cases[i]);
        as_tokenizer_config t = {.max_tokens = 77};
        cr_assert_neq(as_tokenizer_config_from_json(arena, json, 9, "x", &t, NULL), ASSAY_OK, "%s",
                      cases[i]);
        cr_assert_eq(t.max_tokens, 77);
        json_decref(json);
    }
    as_arena_free(arena);
}
