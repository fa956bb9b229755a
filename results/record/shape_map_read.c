/* SPDX-License-Identifier: MIT */
/* Reads graph.json. Nothing in it is trusted. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "results/record/cell_file.h"
#include "results/record/shape_map.h"

enum { MAX_NODES = 1 << 16, MAX_OPERANDS = 64 };

/* A whole number of at least 1 at array[i], else 0 and an error. */
static int64_t read_extent(as_json_reader *r, const json_t *array, size_t i) {
    const json_t *value = json_array_get(array, i);
    as_field_need(r, json_is_integer(value) && json_integer_value(value) >= 1, "shape",
                  "whole numbers from 1");
    return r->status == ASSAY_OK ? (int64_t)json_integer_value(value) : 0;
}

static void read_parameter(as_json_reader *r, const json_t *o, as_shape_parameter *p) {
    const json_t *shape = as_field_array(r, o, "shape", 2, &p->rank);
    p->name = as_field_text(r, o, "name");
    p->n = as_field_count(r, o, "n");
    p->trainable = as_field_flag(r, o, "trainable") == 1;
    p->shared = as_field_flag(r, o, "shared") == 1;
    p->dims[1] = 1;
    as_field_need(r, p->rank >= 1, "shape", "one or two whole numbers");
    for (size_t i = 0; r->status == ASSAY_OK && i < p->rank; i++)
        p->dims[i] = read_extent(r, shape, i);
    as_field_need(r, p->name != NULL, "name", "a text");
    as_field_need(r, p->n >= 1, "n", "a whole number from 1");
}

static void read_reads(as_json_reader *r, const json_t *o, size_t index, as_shape_node *node) {
    const json_t *reads = as_field_array(r, o, "reads", MAX_OPERANDS, &node->n_reads);
    node->reads = as_field_alloc(r, node->n_reads, sizeof *node->reads, "reads");
    for (size_t i = 0; r->status == ASSAY_OK && i < node->n_reads; i++) {
        const json_t *input = json_array_get(reads, i);
        node->reads[i] =
            (as_shape_input){json_is_integer(input) ? (int64_t)json_integer_value(input) : -1,
                             json_string_value(input)};
        as_field_need(r,
                      json_is_string(input) ||
                          (node->reads[i].node >= 0 && node->reads[i].node < (int64_t)index),
                      "reads", "names of inputs and numbers of earlier nodes");
    }
}

static void read_node(as_json_reader *r, const json_t *o, size_t index, as_shape_node *node) {
    size_t n_extents = 0;
    const json_t *shape = as_field_array(r, o, "shape", 2, &n_extents);
    const char *first = json_string_value(json_array_get(shape, 0));
    node->operation = as_field_text(r, o, "operation");
    node->note = as_field_text(r, o, "note");
    node->n_elements = as_field_count(r, o, "n_parameters");
    node->of_rows = first && strcmp(first, "B") == 0;
    as_field_need(r, as_field_count(r, o, "node") == (int64_t)index, "node",
                  "its place in the list, from 0");
    as_field_need(r, node->operation && node->note, "operation", "a text, and note another");
    as_field_need(r, node->n_elements >= 0, "n_parameters", "a whole number from 0");
    as_field_need(r, n_extents == 2 && first && (node->of_rows || strcmp(first, "N") == 0), "shape",
                  "\"N\" or \"B\" and a number");
    if (r->status == ASSAY_OK)
        node->channels = read_extent(r, shape, 1);
    read_reads(r, o, index, node);
    const json_t *parameters =
        as_field_array(r, o, "parameters", MAX_OPERANDS, &node->n_parameters);
    node->parameters =
        as_field_alloc(r, node->n_parameters, sizeof *node->parameters, "parameters");
    for (size_t i = 0; r->status == ASSAY_OK && i < node->n_parameters; i++) {
        const json_t *item = as_field_enter_item(r, parameters, "parameters", i);
        read_parameter(r, item, &node->parameters[i]);
        as_field_leave(r);
    }
}

static void read_map(as_json_reader *r, const json_t *root, void *into) {
    as_shape_map *map = into;
    map->cell = as_field_text(r, root, "cell");
    map->entry = as_field_text(r, root, "entry");
    map->model = as_field_text(r, root, "model");
    const json_t *parameters = as_field_enter(r, root, "parameters");
    map->parameters_total = as_field_count(r, parameters, "total");
    map->parameters_trainable = as_field_count(r, parameters, "trainable");
    as_field_leave(r);
    const json_t *nodes = as_field_array(r, root, "nodes", MAX_NODES, &map->n_nodes);
    as_field_need(r, map->model != NULL, "model", "a text");
    as_field_need(r, map->n_nodes > 0, "nodes", "a list of nodes");
    map->nodes = as_field_alloc(r, map->n_nodes, sizeof *map->nodes, "nodes");
    for (size_t i = 0; r->status == ASSAY_OK && i < map->n_nodes; i++) {
        const json_t *node = as_field_enter_item(r, nodes, "nodes", i);
        read_node(r, node, i, &map->nodes[i]);
        as_field_leave(r);
    }
}

assay_status as_shape_map_read(const char *folder, as_shape_map **ret_map, assay_error *error) {
    static const as_cell_file file = {"graph.json", AS_GRAPH_SCHEMA_VERSION, read_map};
    as_shape_map *map = calloc(1, sizeof *map);
    if (!map)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, folder, "no memory for its graph.json");
    assay_status status = as_cell_file_read(&file, folder, map, &map->arena, &map->json, error);
    if (status == ASSAY_OK)
        *ret_map = map;
    else
        as_shape_map_free(map);
    return status;
}

void as_shape_map_free(as_shape_map *map) {
    if (!map)
        return;
    json_decref(map->json);
    as_arena_free(map->arena);
    free(map);
}

assay_status as_run_shape_map(const as_run *run, const as_record *cell, as_shape_map **ret_map,
                              assay_error *error) {
    char *folder = NULL;
    assay_status status = as_cell_file_folder(run, cell, "graph.json", &folder, error);
    if (status == ASSAY_OK)
        status = as_shape_map_read(folder, ret_map, error);
    free(folder);
    return status;
}
