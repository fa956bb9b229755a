/* SPDX-License-Identifier: MIT */
/* graph.json: written by its schema, read back, refused when broken, held against its own tensors,
 * the record and the checkpoint. */
#include "fixture.h"

#include "base/json.h"
#include "base/json_schema.h"
#include "results/verify/verify.h"

static char folder[64];
static assay_error error;

/* ids -> embedding [10, 4] -> linear [3, 4] + bias, the logits of a row; the table is tied. */
static as_shape_input reads[] = {{-1, "token_ids"}, {0, NULL}, {1, NULL}, {2, NULL}};
static as_shape_parameter tensors[] = {
    {"embedding.weight", {10, 4}, 2, 40, true, false},
    {"embedding.weight", {10, 4}, 2, 40, true, true},
    {"classifier.weight", {3, 4}, 2, 12, true, false},
    {"classifier.bias", {3, 1}, 1, 3, false, false},
};
static as_shape_node nodes[] = {
    {"embedding", &reads[0], 1, false, 4, &tensors[0], 1, 40, ""},
    {"add_row", &reads[1], 1, false, 4, &tensors[1], 1, 0, "row 0"},
    {"mean_pool", &reads[2], 1, true, 4, NULL, 0, 0, ""},
    {"linear", &reads[3], 1, true, 3, &tensors[2], 2, 15, ""},
};

static as_shape_map sample(void) {
    return (as_shape_map){.cell = "bag__onednn__f32__s1",
                          .entry = "bag",
                          .model = "mean_bag",
                          .parameters_total = 55,
                          .parameters_trainable = 52,
                          .nodes = nodes,
                          .n_nodes = 4};
}

static void set_up(void) {
    strcpy(folder, "/tmp/assay-graph-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    error = (assay_error)ASSAY_ERROR_INIT;
}

static void tear_down(void) {
    cr_assert_eq(as_remove_folder(folder, &error), ASSAY_OK);
}

TestSuite(shape_map, .init = set_up, .fini = tear_down);

static json_t *write_sample(void) {
    as_shape_map map = sample();
    char *path = as_path_join(folder, "graph.json");
    json_t *json = NULL;
    cr_assert_eq(as_shape_map_write(&map, folder, &error), ASSAY_OK, "%s", error.text);
    cr_assert_eq(as_json_load(path, &json, &error), ASSAY_OK);
    free(path);
    return json;
}

static assay_status read_json(const json_t *json, as_shape_map **ret_map) {
    char *path = as_path_join(folder, "graph.json");
    cr_assert_eq(json_dump_file(json, path, 0), 0);
    free(path);
    return as_shape_map_read(folder, ret_map, &error);
}

Test(shape_map, is_written_by_its_schema_and_read_back) {
    json_t *schema = NULL, *json = write_sample();
    as_shape_map *back = NULL;
    char *path = as_path_join(getenv("AS_SCHEMAS"), "graph.schema.json");
    cr_assert_eq(as_json_load(path, &schema, &error), ASSAY_OK);
    cr_assert_eq(as_json_schema_check(schema, json, "graph.json", &error), ASSAY_OK, "%s: %s",
                 error.where, error.text);
    cr_assert_eq(as_shape_map_read(folder, &back, &error), ASSAY_OK, "%s", error.text);
    cr_assert_eq(back->n_nodes, 4);
    cr_assert_eq(back->parameters_total, 55);
    cr_assert_str_eq(back->nodes[0].reads[0].name, "token_ids");
    cr_assert(back->nodes[1].reads[0].node == 0 && back->nodes[1].parameters[0].shared);
    cr_assert(back->nodes[2].of_rows && !back->nodes[1].of_rows);
    cr_assert_str_eq(back->nodes[1].note, "row 0");
    cr_assert(back->nodes[3].parameters[1].rank == 1 && !back->nodes[3].parameters[1].trainable);
    json_object_del(json, "nodes");
    cr_assert_neq(as_json_schema_check(schema, json, "graph.json", NULL), ASSAY_OK);
    as_shape_map_free(back);
    json_decref(schema);
    json_decref(json);
    free(path);
}

static json_t *node_of(json_t *json, size_t i) {
    return json_array_get(json_object_get(json, "nodes"), i);
}

/* Reads the sample with nodes[node].key set to `text`'s JSON. */
static assay_status read_with(size_t node, const char *key, const char *text) {
    json_t *json = write_sample();
    as_shape_map *none = NULL;
    json_object_set_new(node_of(json, node), key, json_loads(text, JSON_DECODE_ANY, NULL));
    assay_status status = read_json(json, &none);
    cr_assert(status == ASSAY_OK || !none, "ret_map was touched");
    as_shape_map_free(none);
    json_decref(json);
    return status;
}

Test(shape_map, what_is_broken_is_refused) {
    as_shape_map *none = NULL;
    cr_assert_eq(as_shape_map_read(folder, &none, NULL), ASSAY_NOT_FOUND);
    cr_assert_eq(read_with(0, "note", "\"else\""), ASSAY_OK);
    cr_assert_eq(read_with(1, "node", "2"), ASSAY_BAD_DATA);
    cr_assert_eq(read_with(1, "operation", "null"), ASSAY_BAD_DATA);
    cr_assert_eq(read_with(1, "reads", "[1]"), ASSAY_BAD_DATA, "a node that reads itself");
    cr_assert_eq(read_with(1, "reads", "[-1]"), ASSAY_BAD_DATA);
    cr_assert_eq(read_with(1, "reads", "[null]"), ASSAY_BAD_DATA);
    cr_assert_eq(read_with(1, "shape", "[\"X\", 4]"), ASSAY_BAD_DATA);
    cr_assert_eq(read_with(1, "shape", "[\"N\", 0]"), ASSAY_BAD_DATA);
    cr_assert_eq(read_with(1, "shape", "[\"N\"]"), ASSAY_BAD_DATA);
    cr_assert_eq(read_with(1, "n_parameters", "-1"), ASSAY_BAD_DATA);
    cr_assert_eq(read_with(0, "parameters", "[{\"name\": \"w\", \"shape\": [], \"n\": 1}]"),
                 ASSAY_BAD_DATA);
    cr_assert_eq(read_with(0, "parameters", "[{\"name\": \"w\", \"shape\": [\"1\"], \"n\": 1}]"),
                 ASSAY_BAD_DATA);
    cr_assert_eq(read_with(0, "parameters", "[{\"name\": null, \"shape\": [1], \"n\": 1}]"),
                 ASSAY_BAD_DATA);
    cr_assert_eq(read_with(0, "parameters", "[7]"), ASSAY_BAD_DATA);
    json_t *json = write_sample();
    json_object_set_new(json, "schema_version", json_integer(2));
    cr_assert_eq(read_json(json, &none), ASSAY_UNSUPPORTED);
    json_object_set_new(json, "schema_version", json_integer(1));
    json_object_set_new(json, "nodes", json_array());
    cr_assert_eq(read_json(json, &none), ASSAY_BAD_DATA);
    cr_assert_null(none);
    json_decref(json);
}

/* ---- verify ---------------------------------------------------------------------------------- */

static as_record record_of_sample(void) {
    as_record record = {0};
    record.model.parameters_total = 55;
    record.model.parameters_trainable = 52;
    record.dataset.n_labels = 3;
    return record;
}

static size_t findings(const json_t *json, const as_record *record, const char *checkpoint) {
    as_shape_map *map = NULL;
    as_arena *arena = as_arena_new();
    as_verification v = as_verification_begin(arena);
    json_t *header = checkpoint ? json_loads(checkpoint, 0, NULL) : NULL;
    cr_assert_eq(read_json(json, &map), ASSAY_OK, "%s", error.text);
    cr_assert_eq(as_verify_graph(&v, "graph.json", map, record, header, NULL), ASSAY_OK);
    size_t n = v.n_findings;
    cr_assert_gt(v.n_derived, 12);
    json_decref(header);
    as_shape_map_free(map);
    as_arena_free(arena);
    return n;
}

/* Findings in the sample after nodes[node].key, or .parameters[0].key, was set to a number. */
static size_t findings_with(size_t node, bool parameter, const char *key, const char *text) {
    json_t *json = write_sample(), *o = node_of(json, node);
    as_record record = record_of_sample();
    if (parameter)
        o = json_array_get(json_object_get(o, "parameters"), 0);
    json_object_set_new(o, key, json_loads(text, JSON_DECODE_ANY, NULL));
    size_t n = findings(json, &record, NULL);
    json_decref(json);
    return n;
}

Test(shape_map, verify_derives_sums_and_channels) {
    cr_assert_eq(findings_with(0, false, "note", "\"\""), 0);
    cr_assert_eq(findings_with(0, false, "n_parameters", "41"), 1);
    cr_assert_eq(findings_with(1, false, "n_parameters", "40"), 1, "shared: it counts elsewhere");
    cr_assert_eq(findings_with(0, true, "n", "41"), 1);
    cr_assert_gt(findings_with(0, true, "shape", "[11, 4]"), 2, "n, n_parameters, total");
    cr_assert_gt(findings_with(0, true, "trainable", "false"), 0);
    cr_assert_gt(findings_with(0, false, "shape", "[\"N\", 5]"), 1, "its own and its reader's");
    cr_assert_eq(findings_with(2, false, "shape", "[\"B\", 5]"), 1);
    cr_assert_eq(findings_with(3, false, "shape", "[\"B\", 2]"), 2,
                 "by its weight and the classes");
    cr_assert_gt(findings_with(0, true, "shape", "[4611686018427387904, 4]"), 0, "overflow");
}

Test(shape_map, verify_holds_it_against_record_and_checkpoint) {
    static const char good[] =
        "{\"__metadata__\": {}, \"embedding.weight\": {\"shape\": [10, 4]},"
        " \"classifier.weight\": {\"shape\": [3, 4]}, \"classifier.bias\": {\"shape\": [3]}}";
    static const char bad[] = "{\"embedding.weight\": {\"shape\": [10, 4]},"
                              " \"classifier.weight\": {\"shape\": [4, 3]}}"; /* and no bias */
    json_t *json = write_sample();
    as_record record = record_of_sample();
    cr_assert_eq(findings(json, &record, good), 0);
    cr_assert_eq(findings(json, &record, bad), 2);
    record.model.parameters_total = 56;
    record.model.parameters_trainable = 51;
    record.dataset.n_labels = 4;
    cr_assert_eq(findings(json, &record, NULL), 3);
    json_decref(json);
}
