/* SPDX-License-Identifier: MIT */
/* Life and closing of a graph: loss, pruning, gradient, view.
 *
 * Canonical form of a closed graph: every node reaches the logits (others are removed, values are
 * then renumbered in their old order); what is read of first tokens alone is computed for those
 * alone (first_tokens.c); every parameter is used; linear always has three inputs, the
 * third ASSAY_NONE without bias; attributes that an operation doesn't read are zero; streams of
 * dropout and attention count from 0 in node order (a part of another graph keeps that one's).
 * Adding is builder.c's, derivatives are gradient.c's, what is frozen frozen.c's, activations
 * computed again checkpointing.c's. */
#include "graph/graph.h"

#include <math.h>
#include <string.h>

#include "graph/internal.h"

#define CLASS_WEIGHTS "loss.class_weights"

/* ---- life ------------------------------------------------------------------------------------ */

assay_status as_graph_new(assay_graph **ret_graph, assay_error *error) {
    as_arena *arena = as_arena_new();
    assay_graph *graph = arena ? as_arena_alloc(arena, sizeof *graph) : NULL;
    if (!graph) {
        as_arena_free(arena);
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "graph", "out of memory");
    }
    *graph = (assay_graph){.arena = arena, .error = ASSAY_ERROR_INIT};
    as_builder_init(graph, &graph->builder);
    for (int i = 0; i < ASSAY_INPUT_COUNT; i++)
        graph->inputs[i] = ASSAY_NONE;
    *ret_graph = graph;
    return ASSAY_OK;
}

void as_graph_free(assay_graph *graph) {
    if (graph)
        as_arena_free(graph->arena); /* the graph itself lives in it */
}

const assay_builder *as_graph_builder(assay_graph *graph) {
    return &graph->builder;
}

assay_status as_graph_status(const assay_graph *graph, assay_error *error) {
    if (!as_graph_failed(graph))
        return ASSAY_OK;
    return assay_fail(error, graph->error.status, graph->error.where, graph->error.text);
}

const assay_graph_view *as_graph_view(const assay_graph *graph) {
    return graph->closed ? &graph->view : NULL;
}

/* ---- closing --------------------------------------------------------------------------------- */

/* Marks the nodes and values that `logits` depends on. Nodes stand in topological order, so one
 * pass from the end suffices. */
static void mark_live(const assay_graph *graph, assay_value logits, bool *live_nodes,
                      bool *live_values) {
    live_values[logits] = true;
    for (uint32_t n = graph->n_nodes; n-- > 0;) {
        const assay_node *node = &graph->nodes[n];
        live_nodes[n] = live_values[node->outputs[0]];
        for (uint32_t i = 0; live_nodes[n] && i < node->n_inputs; i++)
            if (node->inputs[i] != ASSAY_NONE)
                live_values[node->inputs[i]] = true;
    }
}

/* Names up to eight unused parameters; true when there is none. */
static bool check_parameters_used(assay_graph *graph, const bool *live_values) {
    char names[768];
    size_t used = 0;
    uint32_t n_unused = 0;
    for (uint32_t i = 0; i < graph->n_parameters; i++) {
        if (live_values[graph->parameters[i].value])
            continue;
        if (n_unused < 8 && used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%.80s",
                                     n_unused ? ", " : "", graph->parameters[i].name);
        n_unused++;
    }
    if (n_unused)
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, "graph",
                      "the logits don't depend on %u of %u parameters: %s%s; use them or don't "
                      "create them",
                      n_unused, graph->n_parameters, names, n_unused > 8 ? ", ..." : "");
    return n_unused == 0;
}

/* Moves the live values and nodes together, keeping their order; *logits follows. */
static void compact(assay_graph *graph, const bool *live_nodes, const bool *live_values,
                    assay_value *renumbered) {
    uint32_t n_values = 0, n_nodes = 0;
    for (uint32_t v = 0; v < graph->n_values; v++) {
        renumbered[v] = live_values[v] ? (assay_value)n_values : ASSAY_NONE;
        if (live_values[v])
            graph->values[n_values++] = graph->values[v];
    }
    for (uint32_t n = 0; n < graph->n_nodes; n++) {
        if (!live_nodes[n])
            continue;
        assay_node node = graph->nodes[n];
        assay_value own[AS_MAX_OPERANDS];
        for (uint32_t i = 0; i < node.n_inputs; i++)
            own[i] = node.inputs[i] == ASSAY_NONE ? ASSAY_NONE : renumbered[node.inputs[i]];
        memcpy((assay_value *)node.inputs, own, node.n_inputs * sizeof *own);
        *(assay_value *)node.outputs = renumbered[node.outputs[0]];
        graph->values[node.outputs[0]].node = (int32_t)n_nodes;
        graph->nodes[n_nodes++] = node;
    }
    for (uint32_t i = 0; i < graph->n_parameters; i++)
        graph->parameters[i].value = renumbered[graph->parameters[i].value];
    for (int i = 0; i < ASSAY_INPUT_COUNT; i++)
        if (graph->inputs[i] != ASSAY_NONE)
            graph->inputs[i] = renumbered[graph->inputs[i]];
    graph->n_values = n_values;
    graph->n_nodes = n_nodes;
}

bool as_graph_prune(assay_graph *graph, assay_value *logits) {
    bool *live_nodes = as_arena_alloc_array(graph->arena, graph->n_nodes, sizeof(bool));
    bool *live_values = as_arena_alloc_array(graph->arena, graph->n_values, sizeof(bool));
    assay_value *renumbered =
        as_arena_alloc_array(graph->arena, graph->n_values, sizeof *renumbered);
    if (!live_nodes || !live_values || !renumbered) {
        as_graph_fail(graph, ASSAY_OUT_OF_MEMORY, "graph", "out of memory while closing");
        return false;
    }
    mark_live(graph, *logits, live_nodes, live_values);
    if (!check_parameters_used(graph, live_values))
        return false;
    compact(graph, live_nodes, live_values, renumbered);
    *logits = renumbered[*logits];
    return true;
}

static void number_streams(assay_graph *graph) {
    int32_t stream = 0;
    for (uint32_t n = 0; n < graph->n_nodes; n++)
        if (as_op_attributes(graph->nodes[n].op) & AS_ATTR_STREAM)
            graph->nodes[n].attrs.stream = stream++;
}

static bool check_logits(assay_graph *graph, assay_value logits) {
    char shape[64];
    if (logits < 0 || (uint32_t)logits >= graph->n_values) {
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, "graph logits",
                      "value %d is none of this graph (it has %u); build must return the logits",
                      (int)logits, graph->n_values);
        return false;
    }
    const assay_value_info *info = &graph->values[logits];
    if (info->domain != ASSAY_DOMAIN_ROWS || info->is_index) {
        as_shape_text(info, shape, sizeof shape);
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, "graph logits",
                      "found %s; expected rows [B, n_classes]: pool the tokens first", shape);
        return false;
    }
    return true;
}

/* Counts reads and the last reader of each value. */
static bool count_uses(assay_graph *graph, int32_t **ret_uses, int32_t **ret_last_use) {
    int32_t *uses = as_arena_alloc_array(graph->arena, graph->n_values, sizeof *uses);
    int32_t *last_use = as_arena_alloc_array(graph->arena, graph->n_values, sizeof *last_use);
    int32_t end = (int32_t)graph->n_nodes;
    if (!uses || !last_use) {
        as_graph_fail(graph, ASSAY_OUT_OF_MEMORY, "graph", "out of memory while closing");
        return false;
    }
    for (uint32_t v = 0; v < graph->n_values; v++)
        last_use[v] = graph->values[v].node < 0 ? end : -1;
    for (uint32_t n = 0; n < graph->n_nodes; n++) {
        const assay_node *node = &graph->nodes[n];
        for (uint32_t i = 0; i < node->n_inputs; i++) {
            if (node->inputs[i] == ASSAY_NONE)
                continue;
            uses[node->inputs[i]]++;
            if (last_use[node->inputs[i]] < end)
                last_use[node->inputs[i]] = (int32_t)n;
        }
    }
    *ret_uses = uses;
    *ret_last_use = last_use;
    return true;
}

bool as_graph_make_view(assay_graph *graph, assay_value logits, assay_value loss,
                        uint32_t n_forward_nodes) {
    int32_t *uses, *last_use, end = (int32_t)graph->n_nodes;
    if (!count_uses(graph, &uses, &last_use))
        return false;
    uses[logits]++;
    last_use[logits] = end;
    if (loss != ASSAY_NONE) {
        uses[loss]++;
        last_use[loss] = end;
    }
    for (uint32_t i = 0; i < graph->n_parameters; i++) {
        assay_value gradient = graph->parameters[i].gradient;
        if (gradient != ASSAY_NONE) {
            uses[gradient]++;
            last_use[gradient] = end;
        }
    }
    graph->view = (assay_graph_view){
        .struct_size = sizeof graph->view,
        .n_values = graph->n_values,
        .n_nodes = graph->n_nodes,
        .n_forward_nodes = n_forward_nodes,
        .n_parameters = graph->n_parameters,
        .values = graph->values,
        .nodes = graph->nodes,
        .parameters = graph->parameters,
        .logits = logits,
        .loss = loss,
        .uses = uses,
        .last_use = last_use,
    };
    graph->closed = true;
    return true;
}

/* The constant of the class weights. A weight of 0 could leave a batch without any. */
static assay_value add_class_weights(assay_graph *graph, int64_t n_classes, const double *weights) {
    static const assay_init frozen = {.kind = ASSAY_INIT_CONSTANT, .frozen = 1, .scale = 1};
    for (int64_t k = 0; k < n_classes; k++) {
        if (!isfinite(weights[k]) || weights[k] <= 0) {
            as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, CLASS_WEIGHTS,
                          "class %lld has the weight %g; expected a number above 0", (long long)k,
                          weights[k]);
            return ASSAY_NONE;
        }
    }
    return as_graph_add_parameter(graph, CLASS_WEIGHTS, 1, &n_classes, &frozen, weights);
}

static assay_value add_loss(assay_graph *graph, assay_value logits,
                            const as_graph_options *options) {
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    assay_value inputs[3] = {logits, as_graph_add_input(graph, ASSAY_INPUT_LABELS), ASSAY_NONE};
    const double *class_weights = options->class_weights;
    attrs.label_smoothing = options->label_smoothing;
    if (class_weights && !as_graph_failed(graph))
        inputs[2] = add_class_weights(graph, graph->values[logits].dims[0], class_weights);
    if (as_graph_failed(graph))
        return ASSAY_NONE;
    return as_graph_add_forward(graph, "graph loss (cross_entropy)", ASSAY_OP_CROSS_ENTROPY, inputs,
                                class_weights ? 3 : 2, &attrs);
}

assay_status as_graph_close(assay_graph *graph, assay_value logits, const as_graph_options *options,
                            assay_error *error) {
    if (!as_graph_is_open(graph, "graph") || !check_logits(graph, logits) ||
        !as_graph_prune(graph, &logits) || !as_graph_narrow(graph, &logits) ||
        !as_graph_freeze(graph, options, &logits))
        return as_graph_status(graph, error);
    if (!graph->keeps_streams)
        number_streams(graph);
    assay_value loss = add_loss(graph, logits, options);
    uint32_t n_forward_nodes = graph->n_nodes;
    if (!as_graph_failed(graph) && options->with_gradient)
        as_graph_add_gradient(graph);
    if (!as_graph_failed(graph) && options->with_gradient && options->checkpointing)
        as_graph_add_checkpoints(graph, n_forward_nodes);
    if (!as_graph_failed(graph))
        (void)as_graph_make_view(graph, logits, loss, n_forward_nodes);
    return as_graph_status(graph, error);
}

assay_status as_graph_build_model(const assay_model_graph *model, const assay_model_config *config,
                                  const as_graph_options *options, assay_graph **ret_graph,
                                  assay_error *error) {
    assay_graph *graph = NULL;
    assay_value logits;
    assay_status status = as_graph_new(&graph, error);
    if (status != ASSAY_OK)
        return status;
    logits = model->build(&graph->builder, config);
    if (!as_graph_failed(graph) && check_logits(graph, logits) &&
        graph->values[logits].dims[0] != config->n_classes)
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, "graph logits",
                      "rows [B, %lld]; expected rows [B, %d], one channel per class",
                      (long long)graph->values[logits].dims[0], (int)config->n_classes);
    status = as_graph_status(graph, error);
    if (status == ASSAY_OK)
        status = as_graph_close(graph, logits, options, error);
    if (status != ASSAY_OK) {
        as_graph_free(graph);
        return status;
    }
    *ret_graph = graph;
    return ASSAY_OK;
}

/* ---- figures of a closed graph --------------------------------------------------------------- */

double as_graph_loss_weight(const assay_graph_view *view, const int32_t *labels, int32_t n_rows) {
    const assay_node *loss =
        view->loss == ASSAY_NONE ? NULL : &view->nodes[view->values[view->loss].node];
    double sum = 0;
    if (!loss || loss->n_inputs < 3)
        return n_rows;
    const double *weights = view->parameters[view->values[loss->inputs[2]].parameter].values;
    for (int32_t b = 0; b < n_rows; b++)
        sum += weights[labels[b]];
    return sum;
}

bool as_node_is_recomputed(const assay_graph_view *view, uint32_t node) {
    return node >= view->n_forward_nodes && view->nodes[node].forward_node < 0;
}

int64_t as_graph_n_trained(const assay_graph_view *view) {
    int64_t n = 0;
    for (uint32_t i = 0; i < view->n_parameters; i++)
        if (!view->parameters[i].init.frozen)
            n += view->parameters[i].n_elements;
    return n;
}
