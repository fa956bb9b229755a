/* SPDX-License-Identifier: MIT */
/* graph/graph.h: the host's side of a graph: made by a model's `build`, closed with loss and
 * gradient, then read-only. Everything lives in the graph's own arena. */
#ifndef AS_GRAPH_GRAPH_H
#define AS_GRAPH_GRAPH_H

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

/* [cell] Closes the graph: appends cross_entropy over `logits` (ROWS) and, with_gradient, the
 * backward nodes of gradient.c. class_weights [n_classes] above 0 become the constant
 * "loss.class_weights", NULL: none. Nothing can be applied afterwards. Unused parameters are an
 * error; nodes and inputs that the logits don't depend on are removed, and values are then numbered
 * anew in their old order (without waste they keep their numbers). */
ASSAY_MUST_USE assay_status as_graph_close(assay_graph *graph, assay_value logits,
                                           double label_smoothing, const double *class_weights,
                                           int with_gradient, assay_error *error);

/* [any] The closed graph as backends see it, owned by the graph; NULL before as_graph_close has
 * succeeded. A sum of several gradients of a value is an add node among the backward ones, also
 * over FIXED values where a parameter is used several times. */
const assay_graph_view *as_graph_view(const assay_graph *graph);

/* [cell] Builds a graph model: builder, model->build, logits shape check ([B, n_classes]), close
 * with class_weights [config->n_classes] or NULL. */
ASSAY_MUST_USE assay_status as_graph_build_model(const assay_model_graph *model,
                                                 const assay_model_config *config,
                                                 double label_smoothing,
                                                 const double *class_weights, int with_gradient,
                                                 assay_graph **ret_graph, assay_error *error);

/* [any] What PyTorch's mean of the loss over these rows divides its sum by: the sum of their
 * labels' class weights, n_rows where the graph has none. The loss_scale of a step over a batch is
 * its inverse, summed over the batches that are accumulated. */
double as_graph_loss_weight(const assay_graph_view *view, const int32_t *labels, int32_t n_rows);

/* [any] Elements of all parameters that are trained; constants don't count. */
int64_t as_graph_n_trained(const assay_graph_view *view);

/* [any] "linear", "gru_grad", ...; "?" for a number out of range. */
const char *as_op_name(int32_t op);

/* [any] Text and DOT dumps of the forward part (one node a line: name, inputs, shape, parameters).
 */
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

#endif
