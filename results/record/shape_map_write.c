/* SPDX-License-Identifier: MIT */
/* graph.json. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "results/record/shape_map.h"

/* Appends; false for no memory. Takes `value` over. */
static bool append(json_t *array, json_t *value) {
    return json_array_append_new(array, value) == 0;
}

static json_t *parameter_json(const as_shape_parameter *p) {
    json_t *shape = json_array();
    bool good = shape != NULL;
    for (size_t i = 0; i < p->rank; i++)
        good = append(shape, json_integer((json_int_t)p->dims[i])) && good;
    if (!good) {
        json_decref(shape);
        return NULL;
    }
    return json_pack("{s:s, s:o, s:I, s:b, s:b}", "name", p->name, "shape", shape, "n",
                     (json_int_t)p->n, "trainable", (int)p->trainable, "shared", (int)p->shared);
}

static json_t *node_json(const as_shape_node *node, size_t index) {
    json_t *reads = json_array(), *parameters = json_array();
    bool good = reads && parameters;
    for (size_t i = 0; i < node->n_reads; i++) {
        const as_shape_input *input = &node->reads[i];
        good = append(reads, input->node >= 0 ? json_integer((json_int_t)input->node)
                                              : json_string(input->name)) &&
               good;
    }
    for (size_t i = 0; i < node->n_parameters; i++)
        good = append(parameters, parameter_json(&node->parameters[i])) && good;
    if (!good) {
        json_decref(reads);
        json_decref(parameters);
        return NULL;
    }
    return json_pack("{s:I, s:s, s:o, s:[s, I], s:o, s:I, s:s}", "node", (json_int_t)index,
                     "operation", node->operation, "reads", reads, "shape",
                     node->of_rows ? "B" : "N", (json_int_t)node->channels, "parameters",
                     parameters, "n_parameters", (json_int_t)node->n_elements, "note", node->note);
}

json_t *as_shape_nodes_json(const as_shape_map *map) {
    json_t *nodes = json_array();
    bool good = nodes != NULL;
    for (size_t i = 0; good && i < map->n_nodes; i++)
        good = append(nodes, node_json(&map->nodes[i], i));
    if (good)
        return nodes;
    json_decref(nodes);
    return NULL;
}

assay_status as_shape_map_write(const as_shape_map *map, const char *folder, assay_error *error) {
    json_t *nodes = as_shape_nodes_json(map);
    json_t *json =
        nodes ? json_pack("{s:i, s:s, s:s, s:s, s:{s:I, s:I}, s:o}", "schema_version",
                          AS_GRAPH_SCHEMA_VERSION, "cell", map->cell, "entry", map->entry, "model",
                          map->model, "parameters", "total", (json_int_t)map->parameters_total,
                          "trainable", (json_int_t)map->parameters_trainable, "nodes", nodes)
              : NULL;
    char *path = as_path_join(folder, "graph.json");
    char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
    assay_status status =
        path && text ? as_file_write(path, text, strlen(text), error)
                     : as_fail(error, ASSAY_OUT_OF_MEMORY, "graph.json", "no memory to write it");
    json_decref(json);
    free(text);
    free(path);
    return status;
}
