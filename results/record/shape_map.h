/* SPDX-License-Identifier: MIT */
/* results/record/shape_map.h: graph.json of a cell: the forward graph of its model, node by node
 * (results/schema/graph.schema.json). Made from the graph by the cell, before the first step; read
 * by report and verify. Opaque models have none.
 *
 * A parameter that several nodes read counts at the first, so that the nodes' parameters sum to the
 * model's. Shapes are symbolic: N tokens of a batch, packed without padding, or B rows, by
 * channels. The loss is no part of the model and has no node here. */
#ifndef AS_RESULTS_SHAPE_MAP_H
#define AS_RESULTS_SHAPE_MAP_H

#include "results/record/record.h"

enum { AS_GRAPH_SCHEMA_VERSION = 1 };

typedef struct as_shape_parameter {
    const char *name;
    int64_t dims[2];
    size_t rank; /* 1 or 2 */
    int64_t n;   /* elements */
    bool trainable;
    bool shared; /* an earlier node reads it too: it counts there */
} as_shape_parameter;

/* What a node reads besides parameters. */
typedef struct as_shape_input {
    int64_t node;     /* an earlier one; -1: */
    const char *name; /* of an input of the graph, as "token_ids" */
} as_shape_input;

typedef struct as_shape_node {
    const char *operation; /* ops.def */
    as_shape_input *reads;
    size_t n_reads;
    bool of_rows; /* its result is [B, channels], else [N, channels] */
    int64_t channels;
    as_shape_parameter *parameters;
    size_t n_parameters; /* how many */
    int64_t n_elements;  /* of those that count here */
    const char *note;    /* the operation's attributes, as "heads 12, probability 0.1"; may be "" */
} as_shape_node;

typedef struct as_shape_map {
    as_arena *arena; /* NULL: of one being made */
    json_t *json;    /* of one that was read: texts point into it */
    const char *cell, *entry, *model;
    int64_t parameters_total, parameters_trainable;
    as_shape_node *nodes;
    size_t n_nodes;
} as_shape_map;

/* [any] The nodes as the array that stands in graph.json; NULL: no memory. */
json_t *as_shape_nodes_json(const as_shape_map *map);

/* [any] Writes graph.json. */
ASSAY_MUST_USE assay_status as_shape_map_write(const as_shape_map *map, const char *folder,
                                               assay_error *error);

/* [any] Reads graph.json. Types, ranges and references are checked, sums are not: that is
 * verify's. NOT_FOUND: there is none. */
ASSAY_MUST_USE assay_status as_shape_map_read(const char *folder, as_shape_map **ret_map,
                                              assay_error *error);
void as_shape_map_free(as_shape_map *map); /* NULL allowed */

/* [any] That of a run's cell. NOT_FOUND: it has none. */
ASSAY_MUST_USE assay_status as_run_shape_map(const as_run *run, const as_record *cell,
                                             as_shape_map **ret_map, assay_error *error);

#endif
