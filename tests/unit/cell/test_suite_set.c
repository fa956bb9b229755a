/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <string.h>

#include "base/json.h"
#include "base/paths.h"
#include "cell/suite.h"

static json_t *schema, *suite;
static as_arena *arena;

static void begin(void) {
    const char *path;
    assay_error error = ASSAY_ERROR_INIT;
    arena = as_arena_new();
    cr_assert_eq(as_find_suite_file(arena, "schema/suite.schema.json", &path, &error), ASSAY_OK);
    cr_assert_eq(as_json_load(path, &schema, &error), ASSAY_OK, "%s", error.text);
    suite = json_loads("{\"schema_version\": 1, \"name\": \"t\", \"data\": {\"resource\": \"s\"},"
                       " \"entries\": [{\"name\": \"gru\", \"model\": \"gru\"},"
                       "   {\"name\": \"gru.v2\", \"model\": \"gru\"}]}",
                       0, NULL);
}

static void end(void) {
    json_decref(schema);
    json_decref(suite);
    as_arena_free(arena);
}

TestSuite(suite_set, .init = begin, .fini = end);

static void sets(const char *assignment, const char *expected) {
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_suite_set(suite, schema, assignment, &error), ASSAY_OK, "%s: %s", error.where,
                 error.text);
    char *text = json_dumps(suite, JSON_COMPACT);
    cr_expect(strstr(text, expected), "%s\nlacks %s", text, expected);
    free(text);
}

static void refuses(const char *assignment, const char *expected) {
    assay_error error = ASSAY_ERROR_INIT;
    json_t *before = json_deep_copy(suite);
    cr_expect_eq(as_suite_set(suite, schema, assignment, &error), ASSAY_INVALID_ARGUMENT, "%s",
                 assignment);
    cr_expect(strstr(error.text, expected), "%s: \"%s\" lacks \"%s\"", assignment, error.text,
              expected);
    json_decref(suite);
    suite = before;
}

Test(suite_set, paths_reach_every_field) {
    sets("data.path=x.tar", "\"path\":\"x.tar\"");
    sets("data.subset.train=100", "\"subset\":{\"train\":100}");
    sets("training.early_stopping.patience=4",
         "\"defaults\":{\"training\":{\"early_stopping\":{\"patience\":4}}}");
    sets("max_tokens=9", "\"max_tokens\":9");
    sets("seeds=[4,5]", "\"seeds\":[4,5]");
    sets("entries.gru.training.lr=1e-4", "\"lr\":0.0001");
    sets("compare.margins.accuracy=0.5", "\"accuracy\":0.5");
}

Test(suite_set, the_longest_entry_name_wins) {
    sets("entries.gru.v2.options.hidden=3", "\"name\":\"gru.v2\",\"model\":\"gru\",\"options\"");
}

Test(suite_set, text_where_the_field_wants_text) {
    sets("data.path=2024", "\"path\":\"2024\"");
    sets("title=1e3", "\"title\":\"1e3\"");
    sets("data.path=null", "\"path\":null");
    sets("entries.gru.options.pooling=mean", "\"pooling\":\"mean\"");
    sets("title=a=b", "\"title\":\"a=b\"");
}

Test(suite_set, mistakes_name_the_nearest) {
    refuses("trainin.epochs=1", "did you mean \"training\"");
    refuses("training.epoch=1", "did you mean \"epochs\"");
    refuses("entries.gruu.options.hidden=1", "did you mean \"gru\"");
    refuses("entries.gru=1", "no entry");
    refuses("training.batch=0", "");
    refuses("training.lr.x=1", "has no fields");
    refuses("training.optimizer=adan", "");
    refuses("epochs", "PATH=VALUE");
    refuses("=1", "PATH=VALUE");
}
