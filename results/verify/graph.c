/* SPDX-License-Identifier: MIT */
/* graph.json: its sums against its own tensors, its total against the record, its tensors against
 * those of the checkpoint, where one was kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "results/record/shape_map.h"
#include "results/verify/verify.h"

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "verify", "no memory");
}

/* What a node's numbers follow from: its tensors' shapes. -1: too large to be true. */
static int64_t elements(const as_shape_parameter *p) {
    int64_t n = p->dims[0];
    return p->rank == 2 && __builtin_mul_overflow(n, p->dims[1], &n) ? -1 : n;
}

static bool add(int64_t *sum, int64_t n) {
    return n >= 0 && !__builtin_add_overflow(*sum, n, sum);
}

/* Channels of what a node reads first, or of all together; -1: it reads no node. */
static int64_t channels_read(const as_shape_map *map, const as_shape_node *node, bool all) {
    int64_t sum = 0;
    for (size_t i = 0; i < node->n_reads; i++) {
        if (node->reads[i].node < 0)
            return -1;
        if (i == 0 || all)
            sum += map->nodes[node->reads[i].node].channels;
    }
    return node->n_reads ? sum : -1;
}

typedef enum channel_rule {
    CHANNELS_AS_READ, /* all that stand in no table below */
    CHANNELS_TABLE,   /* [V, C] */
    CHANNELS_WEIGHT,  /* [O, I] */
    CHANNELS_STATES,  /* four tensors a direction, the second w_hh [G H, H] */
    CHANNELS_THIRD,   /* of queries, keys and values one behind the other */
    CHANNELS_SUM,     /* of all that it reads */
    CHANNELS_SIZE,    /* its attributes say it */
    CHANNELS_OWN,
} channel_rule;

static const struct {
    const char *operation;
    channel_rule rule;
} channel_rules[] = {
    {"embedding", CHANNELS_TABLE}, {"linear", CHANNELS_WEIGHT}, {"gru", CHANNELS_STATES},
    {"lstm", CHANNELS_STATES},     {"rnn", CHANNELS_STATES},    {"attention", CHANNELS_THIRD},
    {"concat", CHANNELS_SUM},      {"slice", CHANNELS_SIZE},    {"sinusoid", CHANNELS_OWN},
};

static channel_rule rule_of(const char *operation) {
    for (size_t i = 0; i < sizeof channel_rules / sizeof channel_rules[0]; i++)
        if (strcmp(channel_rules[i].operation, operation) == 0)
            return channel_rules[i].rule;
    return CHANNELS_AS_READ;
}

/* "begin 4, size 8", "size " -> 8; -1: the note does not say it */
static int64_t attribute(const char *note, const char *name) {
    const char *at = strstr(note, name);
    return at ? strtoll(at + strlen(name), NULL, 10) : -1;
}

/* Channels of a node's result by ops.def's shape rules; -1: not to be told. */
static int64_t derive_channels(const as_shape_map *map, const as_shape_node *node) {
    const as_shape_parameter *p = node->parameters;
    channel_rule rule = rule_of(node->operation);
    int64_t read = channels_read(map, node, rule == CHANNELS_SUM);
    switch (rule) {
    case CHANNELS_TABLE:
        return node->n_parameters >= 1 ? p[0].dims[1] : -1;
    case CHANNELS_WEIGHT:
        return node->n_parameters >= 1 ? p[0].dims[0] : -1;
    case CHANNELS_STATES:
        return node->n_parameters >= 4 ? p[1].dims[1] * (int64_t)(node->n_parameters / 4) : -1;
    case CHANNELS_THIRD:
        return read >= 0 ? read / 3 : -1;
    case CHANNELS_SIZE:
        return attribute(node->note, "size ");
    case CHANNELS_OWN:
        return attribute(node->note, "channels ");
    case CHANNELS_AS_READ:
    case CHANNELS_SUM:
        break;
    }
    return read;
}

typedef struct sums {
    int64_t total, trainable;
} sums;

/* The node as its tensors have it; NULL: no memory. */
static json_t *derive_node(const as_shape_map *map, size_t index, sums *all) {
    const as_shape_node *node = &map->nodes[index];
    json_t *parameters = json_array();
    int64_t here = 0;
    bool good = parameters != NULL;
    for (size_t i = 0; good && i < node->n_parameters; i++) {
        const as_shape_parameter *p = &node->parameters[i];
        int64_t n = elements(p);
        if (!p->shared &&
            (!add(&here, n) || !add(&all->total, n) || (p->trainable && !add(&all->trainable, n))))
            here = all->total = all->trainable = -1; /* no number that a file could have */
        good = json_array_append_new(parameters, json_pack("{s:I}", "n", (json_int_t)n)) == 0;
    }
    if (!good) {
        json_decref(parameters);
        return NULL;
    }
    int64_t channels = derive_channels(map, node);
    json_t *derived = json_pack("{s:I, s:I, s:o}", "node", (json_int_t)index, "n_parameters",
                                (json_int_t)here, "parameters", parameters);
    if (derived && channels >= 0 &&
        json_object_set_new(derived, "shape",
                            json_pack("[s, I]", node->of_rows ? "B" : "N", (json_int_t)channels)) !=
            0) {
        json_decref(derived);
        return NULL;
    }
    return derived;
}

static json_t *derive(const as_shape_map *map, sums *all) {
    json_t *nodes = json_array();
    bool good = nodes != NULL;
    for (size_t i = 0; good && i < map->n_nodes; i++)
        good = json_array_append_new(nodes, derive_node(map, i, all)) == 0;
    json_t *tree =
        good ? json_pack("{s:{s:I, s:I}, s:O}", "parameters", "total", (json_int_t)all->total,
                         "trainable", (json_int_t)all->trainable, "nodes", nodes)
             : NULL;
    json_decref(nodes);
    return tree;
}

/* The record's counts and the logits' width, as the graph has them. */
static assay_status hold_record(as_verification *v, const char *file, const as_shape_map *map,
                                const sums *all, const as_record *record, assay_error *error) {
    const struct {
        const char *field;
        int64_t found, expected;
    } pairs[] = {
        {"parameters.total, against the record", all->total, record->model.parameters_total},
        {"parameters.trainable, against the record", all->trainable,
         record->model.parameters_trainable},
        {"nodes[last].shape, against the record's classes", map->nodes[map->n_nodes - 1].channels,
         record->dataset.n_labels ? record->dataset.n_labels : -1}, /* a failed cell's has none */
    };
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < sizeof pairs / sizeof pairs[0]; i++) {
        char found[24], expected[24];
        v->n_derived++;
        if (pairs[i].found == pairs[i].expected || pairs[i].expected < 0)
            continue;
        snprintf(found, sizeof found, "%lld", (long long)pairs[i].found);
        snprintf(expected, sizeof expected, "%lld", (long long)pairs[i].expected);
        status =
            as_verification_add(v, AS_FINDING_OFF, file, pairs[i].field, found, expected, error);
    }
    return status;
}

static assay_status hold_tensor(as_verification *v, const char *file, const as_shape_parameter *p,
                                const json_t *header, assay_error *error) {
    const json_t *shape = json_object_get(json_object_get(header, p->name), "shape");
    bool same = json_array_size(shape) == p->rank;
    for (size_t i = 0; same && i < p->rank; i++)
        same = json_integer_value(json_array_get(shape, i)) == (json_int_t)p->dims[i];
    v->n_derived += p->rank;
    if (same)
        return ASSAY_OK;
    char *text = shape ? json_dumps(shape, JSON_COMPACT | JSON_ENCODE_ANY) : NULL, found[60];
    if (p->rank == 2)
        snprintf(found, sizeof found, "[%lld,%lld]", (long long)p->dims[0], (long long)p->dims[1]);
    else
        snprintf(found, sizeof found, "[%lld]", (long long)p->dims[0]);
    assay_status status = as_verification_add(v, AS_FINDING_OFF, file, p->name, found,
                                              text ? text : "a tensor of the checkpoint", error);
    free(text);
    return status;
}

static assay_status hold_checkpoint(as_verification *v, const char *file, const as_shape_map *map,
                                    const json_t *header, assay_error *error) {
    assay_status status = ASSAY_OK;
    for (size_t i = 0; header && i < map->n_nodes; i++)
        for (size_t k = 0; status == ASSAY_OK && k < map->nodes[i].n_parameters; k++)
            status = hold_tensor(v, file, &map->nodes[i].parameters[k], header, error);
    return status;
}

assay_status as_verify_graph(as_verification *v, const char *file, const as_shape_map *map,
                             const as_record *record, const json_t *checkpoint,
                             assay_error *error) {
    sums all = {0, 0};
    json_t *tree = derive(map, &all);
    if (!tree)
        return no_memory(error);
    assay_status status = as_verify_tree(v, file, "", map->json, tree, AS_NEAR_EXACT, error);
    if (status == ASSAY_OK)
        status = as_verify_count_recorded(v, "graph.json", map->json, tree, error);
    json_decref(tree);
    if (status == ASSAY_OK)
        status = hold_record(v, file, map, &all, record, error);
    return status == ASSAY_OK ? hold_checkpoint(v, file, map, checkpoint, error) : status;
}
