/* SPDX-License-Identifier: MIT */
/* Frozen parameters: which they are, dropout in the part that depends on no trained one, and a
 * graph in two: what comes before a value, and what follows it.
 *
 *     ids -> [ frozen part ] -> value -> [ head ] -> logits
 *            as_graph_before             as_graph_after: row of "features" -> [ head ] -> logits
 *
 * A part keeps its parameters' names and its streams of dropout, so that it computes bit for bit
 * what the whole graph does. */
#include <string.h>

#include "graph/internal.h"

#define FEATURES "features"

/* ---- freezing -------------------------------------------------------------------------------- */

static bool ask_frozen(assay_graph *graph, const as_graph_options *options) {
    uint32_t n_trained = 0;
    for (uint32_t i = 0; i < graph->n_parameters; i++) {
        assay_parameter_info *parameter = &graph->parameters[i];
        if (!parameter->init.frozen && options->frozen &&
            options->frozen(options->context, parameter->name))
            parameter->init.frozen = 1;
        n_trained += !parameter->init.frozen;
    }
    if (options->with_gradient && graph->n_parameters > 0 && n_trained == 0)
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, "graph",
                      "each of the %u parameters is frozen, so there is nothing to train; leave at "
                      "least the head trained, or train for 0 epochs",
                      graph->n_parameters);
    return !as_graph_failed(graph);
}

/* Marks the values that a node of the trained part reads. */
static void mark_read_by_trained(const assay_graph *graph, const bool *trained, bool *read) {
    for (uint32_t n = 0; n < graph->n_nodes; n++) {
        const assay_node *node = &graph->nodes[n];
        for (uint32_t i = 0; trained[node->outputs[0]] && i < node->n_inputs; i++)
            if (node->inputs[i] != ASSAY_NONE)
                read[node->inputs[i]] = true;
    }
}

/* instead[value] = what its readers take: for a dropout of the frozen part what it reads itself.
 * Dropout whose result the trained part reads belongs to the layer there and stays. */
static void pass_by_dropout(assay_graph *graph, const bool *trained, const bool *read_by_trained,
                            assay_value *instead) {
    for (uint32_t v = 0; v < graph->n_values; v++)
        instead[v] = (assay_value)v;
    for (uint32_t n = 0; n < graph->n_nodes; n++) {
        assay_node *node = &graph->nodes[n];
        assay_value output = node->outputs[0];
        for (uint32_t i = 0; i < node->n_inputs; i++)
            if (node->inputs[i] != ASSAY_NONE)
                ((assay_value *)node->inputs)[i] = instead[node->inputs[i]];
        if (trained[output])
            continue;
        if (node->op == ASSAY_OP_DROPOUT && !read_by_trained[output])
            instead[output] = node->inputs[0];
        else if (node->op == ASSAY_OP_ATTENTION)
            node->attrs.probability = 0;
    }
}

static bool remove_frozen_dropout(assay_graph *graph, assay_value *logits) {
    bool *trained = as_arena_alloc_array(graph->arena, graph->n_values, sizeof *trained);
    bool *read = as_arena_alloc_array(graph->arena, graph->n_values, sizeof *read);
    assay_value *instead = as_arena_alloc_array(graph->arena, graph->n_values, sizeof *instead);
    if (!trained || !read || !instead) {
        as_graph_fail(graph, ASSAY_OUT_OF_MEMORY, "graph", "out of memory while closing");
        return false;
    }
    as_mark_trained(graph->parameters, graph->n_parameters, graph->nodes, graph->n_nodes, trained);
    mark_read_by_trained(graph, trained, read);
    pass_by_dropout(graph, trained, read, instead);
    *logits = instead[*logits];
    return as_graph_prune(graph, logits);
}

bool as_graph_freeze(assay_graph *graph, const as_graph_options *options, assay_value *logits) {
    return ask_frozen(graph, options) &&
           (!options->frozen_without_dropout || remove_frozen_dropout(graph, logits));
}

/* ---- where the frozen part ends -------------------------------------------------------------- */

static bool draws(const assay_node *node) {
    return (node->op == ASSAY_OP_DROPOUT || node->op == ASSAY_OP_ATTENTION) &&
           node->attrs.probability > 0;
}

/* Adds to `marks` what depends on dropout. */
static void mark_drawn(const assay_graph_view *view, bool *marks) {
    for (uint32_t n = 0; n < view->n_forward_nodes; n++) {
        const assay_node *node = &view->nodes[n];
        bool *mark = &marks[node->outputs[0]];
        *mark = *mark || draws(node);
        for (uint32_t i = 0; i < node->n_inputs && !*mark; i++)
            *mark = node->inputs[i] != ASSAY_NONE && marks[node->inputs[i]];
    }
}

/* The one value without a mark that nodes with one read; labels and parameters stand outside. */
static assay_value only_crossing(const assay_graph_view *view, const bool *marks) {
    assay_value found = ASSAY_NONE;
    for (uint32_t n = 0; n < view->n_forward_nodes; n++) {
        const assay_node *node = &view->nodes[n];
        for (uint32_t i = 0; marks[node->outputs[0]] && i < node->n_inputs; i++) {
            assay_value value = node->inputs[i];
            if (value == ASSAY_NONE || marks[value] || view->values[value].parameter >= 0 ||
                view->values[value].input == ASSAY_INPUT_LABELS || value == found)
                continue;
            if (found != ASSAY_NONE || view->values[value].node < 0)
                return ASSAY_NONE;
            found = value;
        }
    }
    return found;
}

assay_value as_graph_frozen_rows(const assay_graph_view *view) {
    as_arena *arena = as_arena_new();
    bool *marks = arena ? as_arena_alloc_array(arena, view->n_values, sizeof *marks) : NULL;
    assay_value found = ASSAY_NONE;
    if (marks) {
        as_mark_trained(view->parameters, view->n_parameters, view->nodes, view->n_forward_nodes,
                        marks);
        mark_drawn(view, marks);
        found = only_crossing(view, marks);
    }
    if (found != ASSAY_NONE && view->values[found].domain != ASSAY_DOMAIN_ROWS)
        found = ASSAY_NONE;
    as_arena_free(arena);
    return found;
}

/* ---- a part of a graph as one of its own ------------------------------------------------------
 */

void as_part_mark(as_part *p, assay_value value, assay_value end) {
    const assay_graph_view *whole = p->whole;
    bool *live = p->live;
    live[value] = true;
    for (uint32_t n = whole->n_forward_nodes; n-- > 0;) {
        const assay_node *node = &whole->nodes[n];
        if (!live[node->outputs[0]] || node->outputs[0] == end)
            continue;
        for (uint32_t i = 0; i < node->n_inputs; i++)
            if (node->inputs[i] != ASSAY_NONE)
                live[node->inputs[i]] = true;
    }
}

static assay_value copy_node(const as_part *p, const assay_node *node,
                             const assay_value_info *output) {
    assay_value inputs[AS_MAX_OPERANDS];
    for (uint32_t i = 0; i < node->n_inputs; i++)
        inputs[i] = node->inputs[i] == ASSAY_NONE ? ASSAY_NONE : p->own[node->inputs[i]];
    assay_value own = as_graph_add_value(p->graph, output);
    if (own == ASSAY_NONE ||
        !as_graph_add_node(p->graph, node->op, -1, inputs, node->n_inputs, &own, 1, &node->attrs))
        return ASSAY_NONE;
    return own;
}

static assay_value copy_value(const as_part *p, assay_value value) {
    const assay_value_info *info = &p->whole->values[value];
    if (info->input >= 0)
        return as_graph_add_input(p->graph, info->input);
    if (info->parameter < 0)
        return copy_node(p, &p->whole->nodes[info->node], info);
    const assay_parameter_info *parameter = &p->whole->parameters[info->parameter];
    return as_graph_add_parameter(p->graph, parameter->name, parameter->rank, parameter->dims,
                                  &parameter->init, parameter->values);
}

/* Numbers grow along the graph, so what a node reads is there before it. */
void as_part_copy(const as_part *p) {
    for (uint32_t v = 0; v < p->whole->n_values && !as_graph_failed(p->graph); v++)
        if (p->live[v] && p->own[v] == ASSAY_NONE)
            p->own[v] = copy_value(p, (assay_value)v);
}

assay_status as_part_new(const assay_graph_view *whole, as_part *ret_part, assay_error *error) {
    as_part p = {.whole = whole};
    assay_status status = as_graph_new(&p.graph, error);
    if (status != ASSAY_OK)
        return status;
    p.graph->keeps_streams = true;
    p.live = as_arena_alloc_array(p.graph->arena, whole->n_values, sizeof *p.live);
    p.own = as_arena_alloc_array(p.graph->arena, whole->n_values, sizeof *p.own);
    if (!p.live || !p.own) {
        as_graph_free(p.graph);
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "graph part", "out of memory");
    }
    for (uint32_t v = 0; v < whole->n_values; v++)
        p.own[v] = ASSAY_NONE;
    *ret_part = p;
    return ASSAY_OK;
}

assay_status as_part_finish(as_part *p, assay_value result, assay_graph **ret_graph,
                            assay_error *error) {
    if (!as_graph_failed(p->graph))
        (void)as_graph_make_view(p->graph, result, ASSAY_NONE, p->graph->n_nodes);
    assay_status status = as_graph_status(p->graph, error);
    if (status != ASSAY_OK) {
        as_graph_free(p->graph);
        return status;
    }
    *ret_graph = p->graph;
    return ASSAY_OK;
}

static assay_status check_rows_value(const assay_graph_view *whole, assay_value value,
                                     assay_error *error) {
    if (value >= 0 && (uint32_t)value < whole->n_values &&
        whole->values[value].domain == ASSAY_DOMAIN_ROWS && whole->values[value].node >= 0)
        return ASSAY_OK;
    return as_fail(error, ASSAY_INVALID_ARGUMENT, "graph part",
                   "value %d is no computed row value [B, C] of the graph", (int)value);
}

assay_status as_graph_before(const assay_graph_view *view, assay_value value,
                             assay_graph **ret_graph, assay_error *error) {
    as_part p;
    assay_status status = check_rows_value(view, value, error);
    if (status == ASSAY_OK)
        status = as_part_new(view, &p, error);
    if (status != ASSAY_OK)
        return status;
    as_part_mark(&p, value, ASSAY_NONE);
    as_part_copy(&p);
    return as_part_finish(&p, p.own[value], ret_graph, error);
}

/* features[id of the row's one token]: ROWS [B, C] */
static assay_value read_features(assay_graph *graph, int64_t n_rows, int64_t channels) {
    static const assay_init frozen = {.kind = ASSAY_INIT_CONSTANT, .frozen = 1, .scale = 0};
    static const char where[] = "graph " FEATURES;
    int64_t dims[2] = {n_rows, channels};
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    assay_value inputs[2] = {as_graph_add_input(graph, ASSAY_INPUT_TOKEN_IDS),
                             as_graph_add_parameter(graph, FEATURES, 2, dims, &frozen, NULL)};
    if (as_graph_failed(graph))
        return ASSAY_NONE;
    assay_value token = as_graph_add_forward(graph, where, ASSAY_OP_EMBEDDING, inputs, 2, &attrs);
    attrs.token = ASSAY_TOKEN_FIRST;
    return as_graph_failed(graph)
               ? ASSAY_NONE
               : as_graph_add_forward(graph, where, ASSAY_OP_SELECT_TOKEN, &token, 1, &attrs);
}

/* What follows reads rows alone: a token there would be one of the features' rows. */
static void check_rows_only(const as_part *p, assay_value value) {
    for (uint32_t v = 0; v < p->whole->n_values; v++) {
        const assay_value_info *info = &p->whole->values[v];
        if (p->live[v] && (assay_value)v != value && info->domain == ASSAY_DOMAIN_TOKENS)
            as_graph_fail(p->graph, ASSAY_INVALID_ARGUMENT, "graph part",
                          "what follows value %d also reads the tokens of value %u; split where "
                          "as_graph_frozen_rows says",
                          (int)value, v);
    }
}

assay_status as_graph_after(const assay_graph_view *view, assay_value value, int64_t n_rows,
                            const as_graph_options *options, assay_graph **ret_graph,
                            assay_error *error) {
    as_part p;
    assay_status status = check_rows_value(view, value, error);
    if (status == ASSAY_OK)
        status = as_part_new(view, &p, error);
    if (status != ASSAY_OK)
        return status;
    as_part_mark(&p, view->logits, value);
    check_rows_only(&p, value);
    if (!as_graph_failed(p.graph))
        p.own[value] = read_features(p.graph, n_rows, view->values[value].dims[0]);
    as_part_copy(&p);
    status = as_graph_status(p.graph, error);
    if (status == ASSAY_OK)
        status = as_graph_close(p.graph, p.own[view->logits], options, error);
    if (status != ASSAY_OK) {
        as_graph_free(p.graph);
        return status;
    }
    *ret_graph = p.graph;
    return ASSAY_OK;
}
