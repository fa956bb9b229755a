/* SPDX-License-Identifier: MIT */
/* graph/graph.h: the host's side of a graph: made by a model's `build`, closed with loss and
 * gradient, then read-only. Everything lives in the graph's own arena. */
#ifndef AS_GRAPH_GRAPH_H
#define AS_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stdio.h>

#include "assay/backend.h"
#include "assay/model.h"

/* [any] Empty graph; free with as_graph_free. */
ASSAY_MUST_USE assay_status as_graph_new(assay_graph **ret_graph, assay_error *error);
void as_graph_free(assay_graph *graph); /* NULL allowed */

/* [cell] The builder table a model works with; valid as long as the graph. */
const assay_builder *as_graph_builder(assay_graph *graph);

/* [cell] The first error that stuck, or ASSAY_OK. */
ASSAY_MUST_USE assay_status as_graph_status(const assay_graph *graph, assay_error *error);

/* How a graph is closed. All zero: forward alone, plain cross-entropy. */
typedef struct as_graph_options {
    double label_smoothing;      /* 0 <= s < 1 */
    const double *class_weights; /* [n_classes] above 0, or NULL */
    int with_gradient;           /* append the backward nodes */
    /* 1: this parameter is frozen, besides those that the model froze itself; NULL: none is. */
    int (*frozen)(void *context, const char *name);
    void *context; /* of frozen */
    /* 1: what depends on no trained parameter runs without dropout, in training too: dropout nodes
     * there are removed, attention's probability is 0. Dropout whose result the trained part reads
     * belongs to the layer there and stays. */
    int frozen_without_dropout;
    /* 1: activations between the boundaries of layers are not kept for the backward pass but
     * computed again there (Chen et al. 2016). The same results, bit for bit. Needs with_gradient.
     */
    int checkpointing;
} as_graph_options;

/* [cell] Closes the graph: appends cross_entropy over `logits` (ROWS) and, with_gradient, the
 * backward nodes of gradient.c. class_weights become the constant "loss.class_weights". Nothing can
 * be applied afterwards. Unused parameters are an error; nodes and inputs that the logits don't
 * depend on are removed, and values are then numbered anew in their old order (without waste they
 * keep their numbers). Freezing every parameter with_gradient is an error. */
ASSAY_MUST_USE assay_status as_graph_close(assay_graph *graph, assay_value logits,
                                           const as_graph_options *options, assay_error *error);

/* [any] The closed graph as backends see it, owned by the graph; NULL before as_graph_close has
 * succeeded. A sum of several gradients of a value is an add node among the backward ones, also
 * over FIXED values where a parameter is used several times. */
const assay_graph_view *as_graph_view(const assay_graph *graph);

/* [cell] Builds a graph model: builder, model->build, logits shape check ([B, n_classes]), close.
 */
ASSAY_MUST_USE assay_status as_graph_build_model(const assay_model_graph *model,
                                                 const assay_model_config *config,
                                                 const as_graph_options *options,
                                                 assay_graph **ret_graph, assay_error *error);

/* ---- the frozen part ------------------------------------------------------------------------- */

/* [any] The value that the frozen part of a closed graph ends in: the one ROWS value that depends
 * on no trained parameter and no dropout, and through which alone such values reach the rest
 * (dropout right behind it is the rest's). ASSAY_NONE where there is none such (nothing is frozen,
 * dropout lies in it, several values or tokens cross over), or no memory to find it. */
assay_value as_graph_frozen_rows(const assay_graph_view *view);

/* [cell] A closed forward graph of what `value` (computed, ROWS) depends on; its logits are that
 * value, its loss is ASSAY_NONE. */
ASSAY_MUST_USE assay_status as_graph_before(const assay_graph_view *view, assay_value value,
                                            assay_graph **ret_graph, assay_error *error);

/* [cell] A closed graph of what follows `value` (ROWS), which is read instead from the rows of the
 * frozen parameter "features" [n_rows, C]: each row of a batch has one token, whose id is its
 * feature's row. Parameters keep their names, dropout its streams, so that with the whole graph's
 * row keys the same elements are dropped; options as for the whole graph (frozen is asked again, of
 * what isn't frozen there). INVALID_ARGUMENT where what follows reads tokens besides. */
ASSAY_MUST_USE assay_status as_graph_after(const assay_graph_view *view, assay_value value,
                                           int64_t n_rows, const as_graph_options *options,
                                           assay_graph **ret_graph, assay_error *error);

/* ---- attention's weights --------------------------------------------------------------------- */

/* Whose weights are told of the tokens of a row. */
typedef enum as_attention_query {
    AS_ATTENTION_POOL,  /* those of the pooled sum (attention_pool) */
    AS_ATTENTION_FIRST, /* of the first token's query, which alone the logits read */
    AS_ATTENTION_LAST,  /* of the last token's */
    AS_ATTENTION_MEAN,  /* mean over the queries of all tokens */
} as_attention_query;

typedef struct as_attention {
    uint32_t node; /* of the view */
    int32_t heads; /* 1: attention_pool */
    as_attention_query query;
    int64_t channels; /* of the probe's result */
    int64_t window;   /* tokens whose weights one run of the probe tells: channels / heads */
} as_attention;

/* [any] The last attention or attention_pool node, the nearest to the logits; false: it has none.
 */
bool as_graph_find_attention(const assay_graph_view *view, as_attention *ret_attention);

/* Parameter of the probe: [max_tokens, channels]. */
#define AS_ATTENTION_WINDOW "attention_window"

/* [cell] A closed forward graph, the probe, that computes what that node's weights are computed
 * from as the whole graph does, and gives the weights themselves as rows [B, channels]: in place of
 * the values that are mixed stand rows of the frozen parameter AS_ATTENTION_WINDOW by position.
 * With ones at [first + j, h window + j], zero elsewhere, channel h window + j of a row is head h's
 * weight of its token first + j. */
ASSAY_MUST_USE assay_status as_graph_attention_probe(const assay_graph_view *view,
                                                     const as_attention *attention,
                                                     int64_t max_tokens, assay_graph **ret_graph,
                                                     assay_error *error);

/* [any] What PyTorch's mean of the loss over these rows divides its sum by: the sum of their
 * labels' class weights, n_rows where the graph has none. The loss_scale of a step over a batch is
 * its inverse, summed over the batches that are accumulated. */
double as_graph_loss_weight(const assay_graph_view *view, const int32_t *labels, int32_t n_rows);

/* [any] A backward node that computes a forward node's value again (checkpointing). */
bool as_node_is_recomputed(const assay_graph_view *view, uint32_t node);

/* [any] Elements of all parameters that are trained; constants don't count. */
int64_t as_graph_n_trained(const assay_graph_view *view);

/* [any] "linear", "gru_grad", ...; "?" for a number out of range. */
const char *as_op_name(int32_t op);

/* [any] The attributes that a node's operation reads, as "heads 4, probability 0.1"; may be empty.
 */
void as_node_attributes_text(const assay_node *node, char *text, size_t size);
/* [any] "token_ids", "positions", ... of an ASSAY_INPUT_*; "?" for a number out of range. */
const char *as_graph_input_name(int32_t input);

/* [any] Text and DOT dumps of the forward part (one node a line: name, inputs, shape, parameters),
 * and of what is computed again in the backward part. */
void as_graph_print(const assay_graph_view *view, FILE *stream);
void as_graph_print_dot(const assay_graph_view *view, FILE *stream);

/* [any] Floating-point operations of a node for a batch (multiply and add count as two;
 * element-wise operations by their usual count, stated in flops.c). lengths[n_rows] are the rows'
 * token counts. */
double as_node_flops(const assay_graph_view *view, uint32_t node, int32_t n_rows,
                     const int32_t *lengths);
/* [any] Sum over the forward nodes, or over all nodes with_gradient. */
double as_graph_flops(const assay_graph_view *view, int with_gradient, int32_t n_rows,
                      const int32_t *lengths);

/* [any] Matrix products of the forward part: of a recurrent layer those of input and state, as its
 * gates forget; of attention scores and mean. Bounds of errors grow with its root. */
int32_t as_graph_n_products(const assay_graph_view *view);

#endif
