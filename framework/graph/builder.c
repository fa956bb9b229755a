/* SPDX-License-Identifier: MIT */
/* The builder behind assay_builder: storage of values and nodes, inputs, parameters and forward
 * operations, each checked as it is added. Everything a model passes in is checked here; the first
 * error sticks. Shapes are shapes.c's. */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "graph/internal.h"

void as_graph_fail(assay_graph *graph, assay_status status, const char *where, const char *format,
                   ...) {
    char text[sizeof graph->error.text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)assay_fail(&graph->error, status, where, text);
}

bool as_graph_is_open(assay_graph *graph, const char *where) {
    if (graph->closed)
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, where,
                      "the graph is closed; build only inside assay_model_graph.build");
    return !as_graph_failed(graph);
}

/* Doubles an array that lives in the arena; the old one stays there until the graph is freed. */
static bool grow(assay_graph *graph, void **items, uint32_t n, uint32_t *room, size_t size) {
    if (n < *room)
        return true;
    uint32_t wider = *room ? *room * 2 : 32;
    void *copy = as_arena_alloc_array(graph->arena, wider, size);
    if (!copy) {
        as_graph_fail(graph, ASSAY_OUT_OF_MEMORY, "graph", "out of memory after %u items", n);
        return false;
    }
    if (n)
        memcpy(copy, *items, n * size);
    *items = copy;
    *room = wider;
    return true;
}

assay_value as_graph_add_value(assay_graph *graph, const assay_value_info *shape) {
    void *items = graph->values;
    if (!grow(graph, &items, graph->n_values, &graph->room_values, sizeof *graph->values))
        return ASSAY_NONE;
    graph->values = items;
    assay_value_info *info = &graph->values[graph->n_values];
    *info = *shape;
    info->node = info->parameter = info->input = -1;
    return (assay_value)graph->n_values++;
}

static assay_value *copy_values(assay_graph *graph, const assay_value *values, uint32_t n) {
    assay_value *copy = as_arena_alloc_array(graph->arena, n, sizeof *copy);
    if (!copy)
        as_graph_fail(graph, ASSAY_OUT_OF_MEMORY, "graph", "out of memory for a node");
    else if (n)
        memcpy(copy, values, n * sizeof *copy);
    return copy;
}

bool as_graph_add_node(assay_graph *graph, int32_t op, int32_t forward_node,
                       const assay_value *inputs, uint32_t n_inputs, const assay_value *outputs,
                       uint32_t n_outputs, const assay_attrs *attrs) {
    void *items = graph->nodes;
    if (!grow(graph, &items, graph->n_nodes, &graph->room_nodes, sizeof *graph->nodes))
        return false;
    graph->nodes = items;
    assay_value *own_inputs = copy_values(graph, inputs, n_inputs);
    assay_value *own_outputs = copy_values(graph, outputs, n_outputs);
    if (!own_inputs || !own_outputs)
        return false;
    for (uint32_t i = 0; i < n_outputs; i++)
        if (outputs[i] != ASSAY_NONE)
            graph->values[outputs[i]].node = (int32_t)graph->n_nodes;
    graph->nodes[graph->n_nodes++] = (assay_node){.op = op,
                                                  .n_inputs = n_inputs,
                                                  .n_outputs = n_outputs,
                                                  .forward_node = forward_node,
                                                  .inputs = own_inputs,
                                                  .outputs = own_outputs,
                                                  .attrs = *attrs};
    return true;
}

/* ---- the builder ----------------------------------------------------------------------------- */

assay_value as_graph_add_input(assay_graph *graph, int32_t input) {
    if (graph->inputs[input] != ASSAY_NONE)
        return graph->inputs[input];
    assay_value_info info = {.domain = input == ASSAY_INPUT_LABELS ? ASSAY_DOMAIN_ROWS
                                                                   : ASSAY_DOMAIN_TOKENS,
                             .is_index = input != ASSAY_INPUT_TOKEN_WEIGHTS,
                             .rank = 1,
                             .dims = {1, 1}};
    assay_value value = as_graph_add_value(graph, &info);
    if (value != ASSAY_NONE) {
        graph->values[value].input = input;
        graph->inputs[input] = value;
    }
    return value;
}

static assay_value builder_input(assay_graph *graph, int32_t input) {
    char where[64];
    snprintf(where, sizeof where, "graph input %d", (int)input);
    if (!as_graph_is_open(graph, where))
        return ASSAY_NONE;
    if (input != ASSAY_INPUT_TOKEN_IDS && input != ASSAY_INPUT_POSITIONS &&
        input != ASSAY_INPUT_TOKEN_WEIGHTS) {
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, where,
                      "a model may ask for ASSAY_INPUT_TOKEN_IDS, ASSAY_INPUT_POSITIONS and "
                      "ASSAY_INPUT_TOKEN_WEIGHTS%s",
                      input == ASSAY_INPUT_LABELS ? "; labels are the host's" : "");
        return ASSAY_NONE;
    }
    return as_graph_add_input(graph, input);
}

/* A checkpoint key: 1 to 127 bytes of [A-Za-z0-9_.], unique. */
static bool check_parameter_name(assay_graph *graph, const char *name) {
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";
    size_t length = name ? strnlen(name, AS_MAX_PARAMETER_NAME + 1) : 0;
    char where[AS_MAX_PARAMETER_NAME + 32];
    /* The name comes from a plugin: what isn't a key is shown cut and only up to its bad byte. */
    size_t good = name ? strspn(name, allowed) : 0;
    snprintf(where, sizeof where, "graph parameter '%.*s'", (int)(good < 64 ? good : 64),
             name ? name : "");
    if (length == 0) {
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, where,
                      "the name is missing; give each "
                      "parameter a unique name");
    } else if (length > AS_MAX_PARAMETER_NAME) {
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, where, "the name is over %d bytes long",
                      AS_MAX_PARAMETER_NAME);
    } else if (good != length) {
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, where,
                      "byte %zu of the name is not one of A-Z a-z 0-9 _ .", good);
    } else {
        for (uint32_t i = 0; i < graph->n_parameters; i++) {
            if (strcmp(graph->parameters[i].name, name) == 0) {
                as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, where,
                              "the name is taken by an earlier parameter; use each name once, or "
                              "pass the first value again to share it");
                break;
            }
        }
    }
    return !as_graph_failed(graph);
}

static bool check_parameter_dims(assay_graph *graph, const char *where, uint32_t rank,
                                 const int64_t *dims, int64_t *ret_n) {
    int64_t n = 1;
    if ((rank != 1 && rank != 2) || !dims) {
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, where, "rank %u; expected 1 or 2 dimensions",
                      rank);
        return false;
    }
    for (uint32_t i = 0; i < rank; i++) {
        if (dims[i] < 1 || dims[i] > AS_MAX_DIM) {
            as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, where,
                          "dimension %u is %lld; expected 1 to 2147483647", i, (long long)dims[i]);
            return false;
        }
        n *= dims[i]; /* two factors below 2^31 */
    }
    if (n > AS_MAX_ELEMENTS) {
        as_graph_fail(graph, ASSAY_LIMIT, where, "%lld elements; at most %lld", (long long)n,
                      (long long)AS_MAX_ELEMENTS);
        return false;
    }
    *ret_n = n;
    return true;
}

static bool check_init(assay_graph *graph, const char *where, const assay_init *init) {
    if (!init)
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, where, "initial distribution is NULL");
    else if (init->kind < ASSAY_INIT_CONSTANT || init->kind > ASSAY_INIT_FORGET_GATE)
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, where,
                      "initial distribution %d; expected an ASSAY_INIT_* constant",
                      (int)init->kind);
    else if (!isfinite(init->scale) || (init->kind != ASSAY_INIT_CONSTANT && init->scale < 0))
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, where,
                      "initial scale %g; expected a finite number, not below 0 for uniform and "
                      "normal",
                      init->scale);
    else if (init->frozen != 0 && init->frozen != 1)
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, where, "frozen is %d; expected 0 or 1",
                      (int)init->frozen);
    return !as_graph_failed(graph);
}

/* The name and, where there are any, the values of a parameter as the graph's own. */
static bool own_parameter(assay_graph *graph, const char *where, const char *name,
                          const double *values, int64_t n, assay_parameter_info *info) {
    double *own_values =
        values ? as_arena_alloc_array(graph->arena, (size_t)n, sizeof *values) : NULL;
    info->name = as_arena_strdup(graph->arena, name);
    info->values = own_values;
    if (!info->name || (values && !own_values)) {
        as_graph_fail(graph, ASSAY_OUT_OF_MEMORY, where, "out of memory");
        return false;
    }
    if (values)
        memcpy(own_values, values, (size_t)n * sizeof *values);
    return true;
}

assay_value as_graph_add_parameter(assay_graph *graph, const char *name, uint32_t rank,
                                   const int64_t *dims, const assay_init *init,
                                   const double *values) {
    char where[AS_MAX_PARAMETER_NAME + 32];
    int64_t n = 0;
    assay_parameter_info own = {.name = NULL};
    if (!as_graph_is_open(graph, "graph parameter") || !check_parameter_name(graph, name))
        return ASSAY_NONE;
    snprintf(where, sizeof where, "graph parameter '%s'", name);
    if (!check_parameter_dims(graph, where, rank, dims, &n) || !check_init(graph, where, init))
        return ASSAY_NONE;
    if (graph->n_parameters >= AS_MAX_PARAMETERS) {
        as_graph_fail(graph, ASSAY_LIMIT, where, "more than %d parameters", AS_MAX_PARAMETERS);
        return ASSAY_NONE;
    }
    void *items = graph->parameters;
    if (!own_parameter(graph, where, name, values, n, &own) ||
        !grow(graph, &items, graph->n_parameters, &graph->room_parameters,
              sizeof *graph->parameters))
        return ASSAY_NONE;
    graph->parameters = items;
    assay_value_info info = {
        .domain = ASSAY_DOMAIN_FIXED, .rank = rank, .dims = {dims[0], rank == 2 ? dims[1] : 1}};
    assay_value value = as_graph_add_value(graph, &info);
    if (value == ASSAY_NONE)
        return ASSAY_NONE;
    graph->values[value].parameter = (int32_t)graph->n_parameters;
    graph->parameters[graph->n_parameters++] = (assay_parameter_info){
        .name = own.name,
        .value = value,
        .gradient = ASSAY_NONE,
        .init = {.kind = init->kind, .frozen = init->frozen, .scale = init->scale},
        .rank = rank,
        .dims = {info.dims[0], info.dims[1]},
        .n_elements = n,
        .values = own.values,
    };
    return value;
}

static assay_value builder_parameter(assay_graph *graph, const char *name, uint32_t rank,
                                     const int64_t *dims, const assay_init *init) {
    return as_graph_add_parameter(graph, name, rank, dims, init, NULL);
}

/* Only what the operation reads, so that equal graphs have equal bytes. */
static assay_attrs canonical_attrs(int32_t op, const assay_attrs *attrs) {
    assay_attrs kept = ASSAY_ATTRS_INIT;
    uint32_t reads = as_op_attributes(op);
    if (!attrs)
        return kept;
    if (reads & AS_ATTR_BIDIRECTIONAL)
        kept.bidirectional = attrs->bidirectional;
    if (reads & AS_ATTR_HEADS)
        kept.heads = attrs->heads;
    if (reads & AS_ATTR_TOKEN)
        kept.token = attrs->token;
    if (reads & AS_ATTR_RANGE) {
        kept.begin = attrs->begin;
        kept.size = attrs->size;
    }
    if (reads & AS_ATTR_ROW)
        kept.begin = attrs->begin;
    if (reads & AS_ATTR_CHANNELS)
        kept.channels = attrs->channels;
    if (reads & AS_ATTR_PROBABILITY)
        kept.probability = attrs->probability;
    if (reads & AS_ATTR_EPSILON)
        kept.epsilon = attrs->epsilon;
    if (reads & AS_ATTR_FACTOR)
        kept.factor = attrs->factor;
    if (reads & AS_ATTR_LABEL_SMOOTHING)
        kept.label_smoothing = attrs->label_smoothing;
    return kept;
}

/* "graph node 7 (linear, encoder.fc.weight)": number, operation and the first parameter it reads,
 * which is how a model's author knows the layer. */
static void node_where(const assay_graph *graph, int32_t op, const assay_value *inputs,
                       uint32_t n_inputs, char *text, size_t size) {
    const char *parameter = NULL;
    for (uint32_t i = 0; inputs && i < n_inputs && i < AS_MAX_OPERANDS && !parameter; i++)
        if (inputs[i] >= 0 && (uint32_t)inputs[i] < graph->n_values &&
            graph->values[inputs[i]].parameter >= 0)
            parameter = graph->parameters[graph->values[inputs[i]].parameter].name;
    snprintf(text, size, "graph node %u (%s%s%s)", graph->n_nodes, as_op_name(op),
             parameter ? ", " : "", parameter ? parameter : "");
}

/* Checks the inputs' numbers and gives the shape rule their infos. */
static bool take_inputs(assay_graph *graph, const char *where, int32_t op,
                        const assay_value *inputs, uint32_t n_inputs, as_shape_call *call) {
    for (uint32_t i = 0; i < n_inputs; i++) {
        if (inputs[i] == ASSAY_NONE && op == ASSAY_OP_LINEAR && i == 2)
            continue;
        if (inputs[i] < 0 || (uint32_t)inputs[i] >= graph->n_values) {
            as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, where,
                          "input %u is %d, which is no value of this graph (it has %u)", i,
                          (int)inputs[i], graph->n_values);
            return false;
        }
        call->inputs[i] = &graph->values[inputs[i]];
    }
    return true;
}

assay_value as_graph_add_forward(assay_graph *graph, const char *where, int32_t op,
                                 const assay_value *inputs, uint32_t n_inputs,
                                 const assay_attrs *attrs) {
    assay_attrs kept = canonical_attrs(op, attrs);
    as_shape_call call = {.n_inputs = n_inputs, .attrs = &kept};
    assay_value own[AS_MAX_OPERANDS], output;
    for (uint32_t i = 0; i < AS_MAX_OPERANDS; i++)
        own[i] = i < n_inputs ? inputs[i] : ASSAY_NONE;
    if (!take_inputs(graph, where, op, own, n_inputs, &call))
        return ASSAY_NONE;
    if (!as_shape_infer(op, &call)) {
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, where, "%s", call.text);
        return ASSAY_NONE;
    }
    output = as_graph_add_value(graph, &call.output);
    if (output == ASSAY_NONE ||
        !as_graph_add_node(graph, op, -1, own, op == ASSAY_OP_LINEAR ? 3 : n_inputs, &output, 1,
                           &kept))
        return ASSAY_NONE;
    return output;
}

static void input_range(int32_t op, uint32_t *ret_least, uint32_t *ret_most) {
    static const uint8_t ranges[][2] = {
#define ASSAY_OP(NAME, name, least, most) {least, most},
#include "assay/ops.def"
#undef ASSAY_OP
    };
    *ret_least = ranges[op][0];
    *ret_most = ranges[op][1];
}

static assay_value builder_apply(assay_graph *graph, int32_t op, const assay_value *inputs,
                                 uint32_t n_inputs, const assay_attrs *attrs) {
    char where[AS_MAX_PARAMETER_NAME + 64];
    uint32_t least, most;
    if (as_graph_failed(graph))
        return ASSAY_NONE;
    node_where(graph, op, inputs, n_inputs, where, sizeof where);
    if (!as_graph_is_open(graph, where))
        return ASSAY_NONE;
    if (!as_op_is_forward(op) || op == ASSAY_OP_CROSS_ENTROPY) {
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, where,
                      "operation %d can't be applied by a model; use a forward ASSAY_OP_* other "
                      "than CROSS_ENTROPY, which the host adds",
                      (int)op);
        return ASSAY_NONE;
    }
    input_range(op, &least, &most);
    if (n_inputs < least || n_inputs > most || (n_inputs && !inputs)) {
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, where, "%u inputs%s; expected %u to %u",
                      n_inputs, inputs ? "" : " (NULL)", least, most);
        return ASSAY_NONE;
    }
    if (attrs && attrs->struct_size < sizeof *attrs) {
        as_graph_fail(graph, ASSAY_INVALID_ARGUMENT, where,
                      "attributes of %u bytes; start them from ASSAY_ATTRS_INIT (%zu bytes)",
                      attrs->struct_size, sizeof *attrs);
        return ASSAY_NONE;
    }
    if (graph->n_nodes >= AS_MAX_FORWARD_NODES) {
        as_graph_fail(graph, ASSAY_LIMIT, where, "more than %d nodes", AS_MAX_FORWARD_NODES);
        return ASSAY_NONE;
    }
    return as_graph_add_forward(graph, where, op, inputs, n_inputs, attrs);
}

static int64_t builder_channels(const assay_graph *graph, assay_value value) {
    if (as_graph_failed(graph) || value < 0 || (uint32_t)value >= graph->n_values)
        return 0;
    const assay_value_info *info = &graph->values[value];
    bool has = info->domain == ASSAY_DOMAIN_TOKENS || info->domain == ASSAY_DOMAIN_ROWS;
    return has && !info->is_index ? info->dims[0] : 0;
}

static void builder_fail(assay_graph *graph, const char *where, const char *text) {
    (void)assay_fail(&graph->error, ASSAY_INVALID_ARGUMENT, where ? where : "graph",
                     text && *text ? text : "the model reported an error without a text");
}

void as_builder_init(assay_graph *graph, assay_builder *ret_builder) {
    *ret_builder = (assay_builder){
        .struct_size = sizeof *ret_builder,
        .graph = graph,
        .input = builder_input,
        .parameter = builder_parameter,
        .apply = builder_apply,
        .channels = builder_channels,
        .fail = builder_fail,
    };
}
