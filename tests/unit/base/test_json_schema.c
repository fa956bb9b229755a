/* SPDX-License-Identifier: MIT */
/* The schema validator, keyword by keyword: what passes, and the exact place and text of what does
 * not. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/json_schema.h"

static json_t *load(const char *text) {
    json_t *json = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_json_parse(text, strlen(text), text, &json, &error), ASSAY_OK, "%s %s", text,
                 error.text);
    return json;
}

static assay_status check(const char *schema, const char *document, assay_error *error) {
    json_t *rules = load(schema), *json = load(document);
    assay_status status = as_json_schema_check(rules, json, "doc.json", error);
    json_decref(rules);
    json_decref(json);
    return status;
}

static void passes(const char *schema, const char *document) {
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(check(schema, document, &error), ASSAY_OK, "%s against %s: %s %s", document,
                 schema, error.where, error.text);
}

static void fails(const char *schema, const char *document, const char *where, const char *text) {
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(check(schema, document, &error), ASSAY_BAD_DATA, "%s against %s", document,
                 schema);
    cr_assert_str_eq(error.where, where);
    cr_assert(strstr(error.text, text), "%s", error.text);
}

Test(json_schema, types) {
    passes("{\"type\": \"object\"}", "{}");
    passes("{\"type\": [\"string\", \"null\"]}", "null");
    passes("{\"type\": \"number\"}", "1");
    passes("{\"type\": \"number\"}", "1.5");
    passes("{\"type\": \"boolean\"}", "false");
    fails("{\"type\": \"integer\"}", "1.5", "doc.json", "found 1.5 (number); expected integer");
    fails("{\"type\": [\"string\", \"null\"]}", "[]", "doc.json", "expected string or null");
}

Test(json_schema, constants_and_choices) {
    passes("{\"const\": 1}", "1");
    fails("{\"const\": 1}", "2", "doc.json", "found 2 (integer); expected 1");
    passes("{\"enum\": [\"adam\", \"sgd\", null]}", "null");
    fails("{\"enum\": [\"adam\", \"sgd\"]}", "\"adma\"", "doc.json",
          "expected one of \"adam\", \"sgd\"; did you mean \"adam\"?");
}

Test(json_schema, bounds) {
    passes("{\"minimum\": 1, \"maximum\": 2}", "1");
    passes("{\"minimum\": 1, \"maximum\": 2}", "2");
    passes("{\"minimum\": 1}", "\"not a number\"");
    fails("{\"minimum\": 1}", "0.5", "doc.json", "a number of at least 1");
    fails("{\"maximum\": 2}", "3", "doc.json", "a number of at most 2");
    fails("{\"exclusiveMinimum\": 0}", "0", "doc.json", "a number greater than 0");
    passes("{\"exclusiveMinimum\": 0}", "0.1");
    fails("{\"exclusiveMaximum\": 1}", "1", "doc.json", "a number less than 1");
    passes("{\"exclusiveMaximum\": 1}", "0.9");
}

Test(json_schema, lengths) {
    passes("{\"minLength\": 2}", "\"\xc3\xa4\xc3\xb6\"");
    fails("{\"minLength\": 2}", "\"\xc3\xa4\"", "doc.json", "at least 2 characters");
    passes("{\"maxLength\": 2}", "\"\xc3\xa4\xc3\xb6\"");
    fails("{\"maxLength\": 2}", "\"abc\"", "doc.json", "at most 2 characters");
    fails("{\"minItems\": 2}", "[1]", "doc.json", "found 1 items; expected at least 2");
    fails("{\"maxItems\": 1}", "[1, 2]", "doc.json", "found 2 items; expected at most 1");
    passes("{\"minItems\": 2, \"maxItems\": 2}", "[1, 2]");
}

Test(json_schema, places_are_json_pointers) {
    static const char schema[] =
        "{\"properties\": {\"entries\": {\"items\": {\"properties\": {\"training\": "
        "{\"properties\":"
        " {\"lr\": {\"type\": \"number\"}}, \"additionalProperties\": false}}}},"
        "  \"a/b~c\": {\"type\": \"null\"}}}";
    fails(schema, "{\"entries\": [{}, {\"training\": {\"lr\": \"x\"}}]}",
          "doc.json#/entries/1/training/lr", "found \"x\" (string); expected number");
    fails(schema, "{\"entries\": [{}, {\"training\": {\"lrr\": 1}}]}",
          "doc.json#/entries/1/training", "no field \"lrr\"; use \"lr\"; fields: lr");
    fails(schema, "{\"a/b~c\": 1}", "doc.json#/a~1b~0c", "expected null");
}

Test(json_schema, long_pointers_are_cut_not_overrun) {
    char document[2000] = "";
    for (int i = 0; i < 30; i++)
        strcat(document, "{\"a_rather_long_field_name\": ");
    strcat(document, "1");
    for (int i = 0; i < 30; i++)
        strcat(document, "}");
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(check("{\"type\": \"object\", \"additionalProperties\": {\"$ref\": \"#/$defs/n\"},"
                       " \"$defs\": {\"n\": {\"type\": \"object\","
                       " \"additionalProperties\": {\"$ref\": \"#/$defs/n\"}}}}",
                       document, &error),
                 ASSAY_BAD_DATA);
    cr_assert_eq(strlen(error.where), sizeof error.where - 1);
    cr_assert_eq(strncmp(error.where, "doc.json#/a_rather", 18), 0);
}

Test(json_schema, required_and_additional) {
    fails("{\"required\": [\"name\"]}", "{}", "doc.json", "the field \"name\" is missing");
    passes("{\"required\": [\"name\"]}", "{\"name\": null}");
    passes("{\"required\": [\"name\"]}", "[]");
    fails("{\"properties\": {\"optimizer\": {}, \"lr\": {}}, \"additionalProperties\": false}",
          "{\"optimiser\": 1}", "doc.json",
          "no field \"optimiser\"; use \"optimizer\"; fields: optimizer, lr");
    fails("{\"additionalProperties\": {\"type\": \"integer\"}}", "{\"a\": 1, \"b\": \"2\"}",
          "doc.json#/b", "expected integer");
    passes("{\"additionalProperties\": true}", "{\"a\": 1}");
}

Test(json_schema, references) {
    static const char schema[] = "{\"items\": {\"$ref\": \"#/$defs/small\"},"
                                 " \"$defs\": {\"small\": {\"maximum\": 3}}}";
    passes(schema, "[1, 2, 3]");
    fails(schema, "[1, 4]", "doc.json#/1", "at most 3");
}

Test(json_schema, alternatives) {
    static const char schema[] =
        "{\"oneOf\": [{\"type\": \"string\"},"
        " {\"type\": \"object\", \"properties\": {\"kind\": {\"const\": \"a\"}, \"n\": {\"type\": "
        "\"integer\"}}, \"required\": [\"kind\"]},"
        " {\"type\": \"object\", \"properties\": {\"kind\": {\"const\": \"b\"}}, \"required\": "
        "[\"kind\"], \"additionalProperties\": false}]}";
    passes(schema, "\"x\"");
    passes(schema, "{\"kind\": \"a\", \"n\": 1}");
    passes(schema, "{\"kind\": \"b\"}");
    fails(schema, "{\"kind\": \"a\", \"n\": \"1\"}", "doc.json#/n", "expected integer");
    fails(schema, "{\"kind\": \"b\", \"m\": 1}", "doc.json", "no field \"m\"");
    fails(schema, "7", "doc.json", "one of the forms");
    fails(schema, "{\"kind\": \"c\"}", "doc.json#/kind", "expected one of \"a\", \"b\"");
    fails(schema, "{}", "doc.json", "\"kind\" is missing");
    fails(
        "{\"oneOf\": [{\"$ref\": \"#/$defs/a\"}, {\"$ref\": \"#/$defs/b\"}], \"$defs\": {\"a\": "
        "{\"properties\": {\"k\": {\"const\": 1}}, \"required\": [\"k\"]}, \"b\": {\"properties\": "
        "{\"k\": {\"const\": 2}, \"x\": {\"type\": \"null\"}}, \"required\": [\"k\"]}}}",
        "{\"k\": 2, \"x\": 1}", "doc.json#/x", "expected null");
    passes("{\"anyOf\": [{\"type\": \"integer\"}, {\"minimum\": 0}]}", "1");
    fails("{\"oneOf\": [{\"type\": \"integer\"}, {\"minimum\": 0}]}", "1", "doc.json",
          "exactly one");
}

Test(json_schema, a_schema_it_does_not_know_is_refused) {
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(
        check("{\"properties\": {\"a\": {\"items\": {\"pattern\": \"x\"}}}}", "{}", &error),
        ASSAY_INTERNAL, "even where the document does not reach");
    cr_assert(strstr(error.text, "\"pattern\""), "%s", error.text);
    cr_assert_eq(check("{\"anyOf\": [{}, {\"not\": {}}]}", "{}", NULL), ASSAY_INTERNAL);
    cr_assert_eq(check("{\"$defs\": {\"x\": {\"if\": {}}}}", "{}", NULL), ASSAY_INTERNAL);
    cr_assert_eq(check("{\"$ref\": \"#/$defs/none\"}", "{}", NULL), ASSAY_INTERNAL);
    cr_assert_eq(check("{\"$ref\": \"other.json\"}", "{}", NULL), ASSAY_INTERNAL);
    cr_assert_eq(check("{\"$ref\": \"#/$defs/a\", \"$defs\": {\"a\": {\"$ref\": \"#/$defs/a\"}}}",
                       "{}", NULL),
                 ASSAY_INTERNAL, "a reference in a circle ends");
    passes("{\"$schema\": \"x\", \"$id\": \"x\", \"title\": \"x\", \"description\": \"x\","
           " \"default\": 1, \"examples\": [{\"pattern\": 1}]}",
           "{}");
}
