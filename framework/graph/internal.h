/* SPDX-License-Identifier: MIT */
/* graph/internal.h: what the files of graph/ share: the graph under construction, one shape rule
 * and one gradient rule per operation. Nothing outside this folder includes it. */
#ifndef AS_GRAPH_INTERNAL_H
#define AS_GRAPH_INTERNAL_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "graph/graph.h"

enum {
    AS_MAX_OPERANDS = 12,           /* inputs or outputs of one node; lstm_grad has 11 */
    AS_MAX_PARAMETER_NAME = 127,    /* bytes */
    AS_MAX_FORWARD_NODES = 1 << 16, /* stops a build that never ends from taking all memory */
    AS_MAX_PARAMETERS = 1 << 14,
};

/* No tensor has more elements, so that byte counts stay far from overflow. */
#define AS_MAX_ELEMENTS (INT64_C(1) << 40)
#define AS_MAX_DIM INT64_C(0x7fffffff)

/* Attributes that an operation reads; the graph keeps these and clears the others. */
enum {
    AS_ATTR_BIDIRECTIONAL = 1 << 0,
    AS_ATTR_HEADS = 1 << 1,
    AS_ATTR_TOKEN = 1 << 2,
    AS_ATTR_STREAM = 1 << 3,
    AS_ATTR_RANGE = 1 << 4, /* begin, size */
    AS_ATTR_CHANNELS = 1 << 5,
    AS_ATTR_PROBABILITY = 1 << 6,
    AS_ATTR_EPSILON = 1 << 7,
    AS_ATTR_FACTOR = 1 << 8,
    AS_ATTR_LABEL_SMOOTHING = 1 << 9,
    AS_ATTR_ROW = 1 << 10, /* begin */
};

struct assay_graph {
    as_arena *arena;
    assay_builder builder;
    assay_error error; /* the first one sticks */
    bool closed;
    bool keeps_streams; /* a part of another graph, with that one's streams of dropout */
    assay_value_info *values;
    assay_node *nodes;
    assay_parameter_info *parameters;
    uint32_t n_values, n_nodes, n_parameters;
    uint32_t room_values, room_nodes, room_parameters;
    assay_value inputs[ASSAY_INPUT_COUNT]; /* ASSAY_NONE until asked for */
    assay_graph_view view;                 /* filled by close */
};

/* What a shape rule sees and fills. */
typedef struct as_shape_call {
    const assay_value_info *inputs[AS_MAX_OPERANDS]; /* NULL: absent */
    uint32_t n_inputs;
    const assay_attrs *attrs;
    assay_value_info output; /* domain, rank and dims */
    char text[512];          /* why not, after false */
} as_shape_call;

/* [cell] Checks inputs and attributes of a forward operation and derives its output's shape; false
 * with call->text set otherwise. */
bool as_shape_infer(int32_t op, as_shape_call *call);

/* [any] Bits of AS_ATTR_*. */
uint32_t as_op_attributes(int32_t op);
bool as_op_is_forward(int32_t op);

/* [any] "tokens [N, 64]", "rows index", "[10, 64]", "scalar" into text. */
void as_shape_text(const assay_value_info *info, char *text, size_t size);

/* [cell] Sticks a formatted error unless there is one. */
void as_graph_fail(assay_graph *graph, assay_status status, const char *where, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));

static inline bool as_graph_failed(const assay_graph *graph) {
    return graph->error.status != ASSAY_OK;
}

/* [cell] True when something may be added; sticks an error on a closed graph. */
bool as_graph_is_open(assay_graph *graph, const char *where);

/* [cell] The table of functions a model builds with. */
void as_builder_init(assay_graph *graph, assay_builder *ret_builder);

/* [cell] An input, the same value when asked again; ASSAY_NONE with an error stuck. */
assay_value as_graph_add_input(assay_graph *graph, int32_t input);

/* [cell] A parameter, as assay_builder.parameter; `values` [n_elements] are copied, or NULL. */
assay_value as_graph_add_parameter(assay_graph *graph, const char *name, uint32_t rank,
                                   const int64_t *dims, const assay_init *init,
                                   const double *values);

/* [cell] Shape rule, output value and node of a forward operation whose number of inputs is right;
 * ASSAY_NONE with an error stuck. */
assay_value as_graph_add_forward(assay_graph *graph, const char *where, int32_t op,
                                 const assay_value *inputs, uint32_t n_inputs,
                                 const assay_attrs *attrs);

/* [cell] Appends a value shaped like `shape` (producer, parameter and input unset), or ASSAY_NONE
 * with an error stuck. */
assay_value as_graph_add_value(assay_graph *graph, const assay_value_info *shape);

/* [cell] Appends a node and names it as producer of its outputs; false with an error stuck. */
bool as_graph_add_node(assay_graph *graph, int32_t op, int32_t forward_node,
                       const assay_value *inputs, uint32_t n_inputs, const assay_value *outputs,
                       uint32_t n_outputs, const assay_attrs *attrs);

/* [cell] Removes what the logits don't depend on and numbers values anew; *logits follows. False
 * with an error stuck, also for a parameter that isn't used. */
bool as_graph_prune(assay_graph *graph, assay_value *logits);

/* [cell] What only select_token of the first token reads is computed as rows, for that token alone
 * (first_tokens.c); the graph has been pruned. *logits follows. False with an error stuck. */
bool as_graph_narrow(assay_graph *graph, assay_value *logits);

/* [cell] Fills the view and closes the graph; loss may be ASSAY_NONE. False with an error stuck. */
bool as_graph_make_view(assay_graph *graph, assay_value logits, assay_value loss,
                        uint32_t n_forward_nodes);

/* [any] marks[value] = it is a trained parameter or computed from one, over forward nodes. The
 * marks are false before. */
void as_mark_trained(const assay_parameter_info *parameters, uint32_t n_parameters,
                     const assay_node *nodes, uint32_t n_nodes, bool *marks);

/* [cell] Freezes what the options say and takes the frozen part's dropout away where they say so;
 * *logits follows. False with an error stuck. */
bool as_graph_freeze(assay_graph *graph, const as_graph_options *options, assay_value *logits);

/* ---- a part of a graph as one of its own: frozen.c --------------------------------------------
 */

typedef struct as_part {
    const assay_graph_view *whole;
    assay_graph *graph;
    bool *live;       /* [n_values of the whole] to be copied */
    assay_value *own; /* [n_values of the whole] in the part, or ASSAY_NONE */
} as_part;

/* [cell] An empty part; its graph is the caller's. */
ASSAY_MUST_USE assay_status as_part_new(const assay_graph_view *whole, as_part *ret_part,
                                        assay_error *error);
/* [cell] Marks what `value` depends on, itself too, but nothing through `end` (ASSAY_NONE: no end).
 */
void as_part_mark(as_part *part, assay_value value, assay_value end);
/* [cell] Copies what is marked and has no own value yet; errors stick to the graph. */
void as_part_copy(const as_part *part);
/* [cell] Closes the part as a forward graph whose logits are `result`; frees it on failure. */
ASSAY_MUST_USE assay_status as_part_finish(as_part *part, assay_value result,
                                           assay_graph **ret_graph, assay_error *error);

/* [cell] Appends the backward nodes of d(loss)/d(parameters) for the nodes [0, n_nodes) and sets
 * each parameter's gradient. Errors stick. */
void as_graph_add_gradient(assay_graph *graph);

/* [cell] Puts copies of forward nodes among the backward ones, so that fewer activations live from
 * one part to the other; see checkpointing.c. Errors stick. */
void as_graph_add_checkpoints(assay_graph *graph, uint32_t n_forward_nodes);

#endif
