/* SPDX-License-Identifier: MIT */
/* attention.json: written by its schema, read back, refused when broken, held against predictions,
 * graph and itself. */
#include "fixture.h"

#include "base/json.h"
#include "base/json_schema.h"
#include "results/verify/verify.h"

static char folder[64];
static assay_error error;

static as_attended_token tokens[] = {{2, -1, -1, 0.5}, {7, 0, 3, 0.125}, {8, 4, 8, 0.375}};
static as_attended_text texts[] = {{12, 2, 0, 0.6, 9, tokens, 3}, {13, 0, 0, 0.6, 9, tokens, 3}};

static as_attended sample(void) {
    return (as_attended){.cell = "db__onednn__f32__s1",
                         .entry = "db",
                         .model = "distilbert",
                         .operation = "attention",
                         .node = 1,
                         .heads = 2,
                         .query = "first",
                         .texts = texts,
                         .n_texts = 2};
}

static void set_up(void) {
    strcpy(folder, "/tmp/assay-attention-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    error = (assay_error)ASSAY_ERROR_INIT;
}

static void tear_down(void) {
    cr_assert_eq(as_remove_folder(folder, &error), ASSAY_OK);
}

TestSuite(attended, .init = set_up, .fini = tear_down);

static json_t *write_sample(void) {
    as_attended attended = sample();
    char *path = as_path_join(folder, "attention.json");
    json_t *json = NULL;
    cr_assert_eq(as_attended_write(&attended, folder, &error), ASSAY_OK, "%s", error.text);
    cr_assert_eq(as_json_load(path, &json, &error), ASSAY_OK);
    free(path);
    return json;
}

static assay_status read_json(const json_t *json, as_attended **ret_attended) {
    char *path = as_path_join(folder, "attention.json");
    cr_assert_eq(json_dump_file(json, path, 0), 0);
    free(path);
    return as_attended_read(folder, ret_attended, &error);
}

Test(attended, is_written_by_its_schema_and_read_back) {
    json_t *schema = NULL, *json = write_sample();
    as_attended *back = NULL;
    char *path = as_path_join(getenv("AS_SCHEMAS"), "attention.schema.json"), name[120];
    cr_assert_eq(as_json_load(path, &schema, &error), ASSAY_OK);
    cr_assert_eq(as_json_schema_check(schema, json, "attention.json", &error), ASSAY_OK, "%s: %s",
                 error.where, error.text);
    cr_assert_eq(as_attended_read(folder, &back, &error), ASSAY_OK, "%s", error.text);
    cr_assert_eq(back->n_texts, 2);
    cr_assert(back->texts[0].index == 12 && back->texts[0].label == 2 && back->heads == 2);
    cr_assert(back->texts[0].tokens[0].begin == -1 && back->texts[0].tokens[0].weight == 0.5);
    cr_assert(back->texts[1].tokens[2].begin == 4 && back->texts[1].tokens[2].end == 8);
    as_attended_name(back, name, sizeof name);
    cr_assert_str_eq(name, "last attention layer, mean over 2 heads, from the first token");
    json_object_del(json, "query");
    cr_assert_neq(as_json_schema_check(schema, json, "attention.json", NULL), ASSAY_OK);
    as_attended_free(back);
    json_decref(schema);
    json_decref(json);
    free(path);
}

/* Reads the sample with `key` of the root, or of its first text, set to `text`'s JSON. */
static assay_status read_with(bool of_text, const char *key, const char *text) {
    json_t *json = write_sample();
    as_attended *none = NULL;
    json_t *o = of_text ? json_array_get(json_object_get(json, "texts"), 0) : json;
    json_object_set_new(o, key, json_loads(text, JSON_DECODE_ANY, NULL));
    assay_status status = read_json(json, &none);
    cr_assert(status == ASSAY_OK || !none, "ret_attended was touched");
    as_attended_free(none);
    json_decref(json);
    return status;
}

Test(attended, what_is_broken_is_refused) {
    static const struct {
        bool of_text;
        const char *key, *value;
    } cases[] = {{false, "operation", "\"linear\""},
                 {false, "query", "\"second\""},
                 {false, "heads", "0"},
                 {false, "node", "-1"},
                 {false, "model", "null"},
                 {false, "texts", "[3]"},
                 {true, "index", "-1"},
                 {true, "label", "3000000000"},
                 {true, "probability", "1.5"},
                 {true, "probability", "null"},
                 {true, "n_bytes", "7"},
                 {true, "ids", "[2, 7]"},
                 {true, "ids", "[2, 7, -8]"},
                 {true, "ids", "[]"},
                 {true, "weights", "[0.5, 0.5, -0.1]"},
                 {true, "weights", "[0.5, 0.5, \"0\"]"},
                 {true, "spans", "[null, [0, 3], [4, 10]]"},
                 {true, "spans", "[null, [3, 0], [4, 8]]"},
                 {true, "spans", "[null, [-1, 3], [4, 8]]"},
                 {true, "spans", "[null, [0], [4, 8]]"},
                 {true, "spans", "[null, 3, [4, 8]]"}};
    as_attended *none = NULL;
    cr_assert_eq(as_attended_read(folder, &none, NULL), ASSAY_NOT_FOUND);
    cr_assert_eq(read_with(true, "index", "14"), ASSAY_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(read_with(cases[i].of_text, cases[i].key, cases[i].value), ASSAY_BAD_DATA,
                     "%s: %s", cases[i].key, cases[i].value);
    cr_assert_eq(read_with(false, "schema_version", "2"), ASSAY_UNSUPPORTED);
}

/* ---- verify ---------------------------------------------------------------------------------- */

static as_shape_node nodes[] = {{.operation = "concat", .note = ""},
                                {.operation = "attention", .note = "heads 2, probability 0.1"},
                                {.operation = "attention_pool", .note = ""}};

static size_t findings_with(bool of_text, const char *key, const char *text, const char *dtype) {
    const as_shape_map map = {.nodes = nodes, .n_nodes = 3};
    const float shares[3] = {0.6f, 0.2f, 0.2f};
    as_prediction rows[] = {{.split = "validation", .index = 12, .probabilities = shares},
                            {.split = "test", .index = 12, .label = 2, .probabilities = shares},
                            {.split = "test", .index = 13, .label = 0, .probabilities = shares}};
    const as_record record = {.dtype = dtype, .predictions = rows, .n_predictions = 3};
    json_t *json = write_sample();
    as_attended *attended = NULL;
    as_arena *arena = as_arena_new();
    as_verification v = as_verification_begin(arena);
    json_t *o = of_text ? json_array_get(json_object_get(json, "texts"), 0) : json;
    json_object_set_new(o, key, json_loads(text, JSON_DECODE_ANY, NULL));
    cr_assert_eq(read_json(json, &attended), ASSAY_OK, "%s", error.text);
    cr_assert_eq(as_verify_attention(&v, "attention.json", attended, &record, &map, NULL),
                 ASSAY_OK);
    size_t n = v.n_findings;
    as_attended_free(attended);
    as_arena_free(arena);
    json_decref(json);
    return n;
}

Test(attended, verify_holds_it_against_predictions_and_graph) {
    cr_assert_eq(findings_with(false, "entry", "\"x\"", "f32"), 0);
    cr_assert_eq(findings_with(true, "index", "14", "f32"), 1);
    cr_assert_eq(findings_with(true, "label", "1", "f32"), 1);
    cr_assert_eq(findings_with(true, "predicted", "1", "f32"), 1);
    cr_assert_eq(findings_with(true, "probability", "0.61", "f32"), 1);
    cr_assert_eq(findings_with(true, "weights", "[0.5, 0.125, 0.376]", "f32"), 1);
    cr_assert_eq(findings_with(true, "weights", "[0.5, 0.125, 0.376]", "bf16"), 0, "eight bits");
    cr_assert_eq(findings_with(true, "weights", "[0.5, 0.125, 0.4]", "bf16"), 1);
    cr_assert_eq(findings_with(false, "node", "2", "f32"), 1);
    cr_assert_eq(findings_with(false, "node", "9", "f32"), 1);
    cr_assert_eq(findings_with(false, "heads", "1", "f32"), 1);
    cr_assert_eq(findings_with(false, "operation", "\"attention_pool\"", "f32"), 1);
}
