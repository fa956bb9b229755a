/* SPDX-License-Identifier: MIT */
/* JSON documents: bounds, duplicate keys, line and column, fields with defaults. */
#include "../scratch_folder.h"
#include "base/error.h"
#include "base/json.h"

static assay_status parse(const char *text, json_t **ret_json, assay_error *error) {
    return as_json_parse(text, strlen(text), "x.json", ret_json, error);
}

/* Fails with that status, `where` and a piece of the text; the result stays untouched. */
static void expect_error(const char *document, assay_status status, const char *where,
                         const char *piece) {
    json_t preset, *json = &preset;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(parse(document, &json, &error), status, "%s", document);
    cr_assert_str_eq(error.where, where);
    cr_assert(strstr(error.text, piece), "%s", error.text);
    cr_assert_eq(json, &preset);
}

Test(json, broken_documents_name_line_and_column) {
    expect_error("{\"a\": 1,\n \"b\": }", ASSAY_BAD_DATA, "x.json:2:7", "unexpected token");
    expect_error("{\"a\": 1, \"a\": 2}", ASSAY_BAD_DATA, "x.json:1:12", "duplicate object key");
    expect_error("{\"a\": 1} x", ASSAY_BAD_DATA, "x.json:1:10", "end of file expected");
    expect_error("{\"a\": \"\xff\"}", ASSAY_BAD_DATA, "x.json:1:7", "decode byte 0xff");
    expect_error("[1e999]", ASSAY_BAD_DATA, "x.json:1:6", "overflow");
    expect_error("", ASSAY_BAD_DATA, "x.json:1:0", "not valid JSON");
}

Test(json, nesting_and_size_are_bounded) {
    char deep[2 * AS_JSON_MAX_DEPTH + 3];
    json_t *json = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    memset(deep, '[', AS_JSON_MAX_DEPTH);
    memset(deep + AS_JSON_MAX_DEPTH, ']', AS_JSON_MAX_DEPTH);
    deep[2 * AS_JSON_MAX_DEPTH] = '\0';
    cr_assert_eq(parse(deep, &json, &error), ASSAY_OK);
    json_decref(json);
    memset(deep, '[', AS_JSON_MAX_DEPTH + 1);
    memset(deep + AS_JSON_MAX_DEPTH + 1, ']', AS_JSON_MAX_DEPTH + 1);
    deep[2 * AS_JSON_MAX_DEPTH + 2] = '\0';
    expect_error(deep, ASSAY_LIMIT, "x.json", "deeper than 64");
    char *big = malloc(AS_JSON_MAX_BYTES + 1);
    memset(big, ' ', AS_JSON_MAX_BYTES + 1);
    cr_assert_eq(as_json_parse(big, AS_JSON_MAX_BYTES + 1, "x.json", &json, &error), ASSAY_LIMIT);
    free(big);
}

Test(json, files_load) {
    scratch_path folder = scratch_folder();
    scratch_path path = scratch_write(folder.text, "a.json", "{\"a\": [1]}", 10);
    json_t *json = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_json_load(path.text, &json, &error), ASSAY_OK, "%s", error.text);
    cr_assert_eq(json_array_size(json_object_get(json, "a")), 1);
    json_decref(json);
    cr_assert_eq(as_json_load("/nonexistent.json", &json, &error), ASSAY_NOT_FOUND);
    scratch_remove(&folder);
}

Test(json, fields_keep_defaults_and_are_checked) {
    json_t *json = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    const char *text = "default";
    int64_t integer = 5;
    double number = 0.5;
    bool flag = true;
    cr_assert_eq(parse("{\"s\": \"x\", \"i\": 7, \"n\": 2, \"b\": false, \"z\": null, \"r\": 1e3}",
                       &json, &error),
                 ASSAY_OK);
    cr_assert_eq(as_json_get_string(json, "none", "x#", &text, &error), ASSAY_OK);
    cr_assert_str_eq(text, "default");
    cr_assert_eq(as_json_get_integer(json, "z", "x#", 0, 9, &integer, &error), ASSAY_OK);
    cr_assert_eq(integer, 5, "null is absent");
    cr_assert_eq(as_json_get_string(json, "s", "x#", &text, &error), ASSAY_OK);
    cr_assert_str_eq(text, "x");
    cr_assert_eq(as_json_get_integer(json, "i", "x#", 7, 7, &integer, &error), ASSAY_OK);
    cr_assert_eq(integer, 7);
    cr_assert_eq(as_json_get_number(json, "n", "x#", 0, 2, &number, &error), ASSAY_OK);
    cr_assert_eq(number, 2.0);
    cr_assert_eq(as_json_get_bool(json, "b", "x#", &flag, &error), ASSAY_OK);
    cr_assert_not(flag);
    cr_assert_eq(as_json_get_integer(json, "r", "x#", 0, 9999, &integer, NULL), ASSAY_BAD_DATA);
    cr_assert_eq(as_json_get_number(json, "n", "x#", 0, 1.5, &number, NULL), ASSAY_BAD_DATA);
    cr_assert_eq(as_json_get_bool(json, "i", "x#", &flag, NULL), ASSAY_BAD_DATA);
    cr_assert_eq(as_json_get_string(json, "i", "x#", &text, NULL), ASSAY_BAD_DATA);
    cr_assert_eq(as_json_get_integer(json, "i", "x#", 8, 9, &integer, &error), ASSAY_BAD_DATA);
    cr_assert_str_eq(error.where, "x#/i");
    cr_assert_str_eq(error.text, "found 7 (integer); expected an integer from 8 to 9");
    cr_assert_eq(integer, 7);
    json_decref(json);
}

Test(json, unknown_fields_suggest_the_nearest) {
    static const char *const names[] = {"resource", "path"};
    json_t *json = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(parse("{\"resorce\": 1}", &json, NULL), ASSAY_OK);
    cr_assert_eq(as_json_check_fields(json, "x#/data", names, 2, &error), ASSAY_BAD_DATA);
    cr_assert_str_eq(error.text, "no field \"resorce\"; use \"resource\"; fields: resource, path");
    json_decref(json);
}

Test(json, long_values_are_cut_between_characters) {
    char text[12];
    json_t *json = json_string("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4");
    as_json_describe(json, text, sizeof text);
    cr_assert_str_eq(text, "\"\xc3\xa4\xc3\xa4\xc3\xa4...");
    json_decref(json);
}

/* RFC 3629: stray and missing continuation bytes, overlong forms, surrogates, beyond the last. */
Test(json, text_that_is_no_utf8_is_repaired) {
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"a\xe4"
         "b",
         "a\xef\xbf\xbd"
         "b"},
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xff\xc3\xa4", "\xef\xbf\xbd\xc3\xa4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *text = as_json_text(cases[i].text);
        cr_assert_str_eq(json_string_value(text), cases[i].expected, "case %zu", i);
        json_decref(text);
    }
    cr_assert(json_is_null(as_json_text(NULL)));
}
