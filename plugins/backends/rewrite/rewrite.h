/* SPDX-License-Identifier: MIT */
/* rewrite/rewrite.h: for backends that join operations: a plan's own version of a graph's nodes,
 * and the rewritings of it that do not depend on the device. What a backend's kernels can do
 * together it decides itself, with the first part; nothing here runs, places or computes anything.
 *
 *     rewrite_nodes own;
 *     status = rewrite_open(graph, n_nodes, &own, error);
 *     rewrite_skip_dropout(&own);                          a forward plan
 *     rewrite_join_linears(&own, session, adjoins);
 *     for (n ...) rewrite_join_add_norm(&own, n, &dropout[n]);
 *     ... own.nodes[n].node is what the plan runs ...
 *     rewrite_close(&own);
 *
 * Nodes keep their numbers. One whose work another does is REWRITE_OP_NONE and has no operands.
 * Rewritten, operations take more operands than ops.def gives them:
 *
 *     layer_norm       (a, gamma, beta, b) -> (y, x): x = a + b, or a + dropout(b); x ASSAY_NONE
 *                      where nobody else reads it
 *     layer_norm_grad  -> (dx, dgamma, dbeta, dropout(dx))
 *
 * All of it is [cell]: one thread at a time. Numbers of nodes and values are those of the graph;
 * `own->n` stands for "no such node". */
#ifndef REWRITE_H
#define REWRITE_H

#include "assay/backend.h"

enum { REWRITE_OP_NONE = ASSAY_OP_COUNT }; /* of a node whose work another one does */
enum { REWRITE_OPERANDS = 12 };            /* inputs or outputs of one node, at most */

typedef struct rewrite_node {
    assay_node node; /* `inputs` and `outputs` point to these: */
    assay_value inputs[REWRITE_OPERANDS], outputs[REWRITE_OPERANDS];
} rewrite_node;

/* The nodes of a plan. The graph is the host's and outlives them; `nodes` stay where they are from
 * rewrite_open to rewrite_close. */
typedef struct rewrite_nodes {
    const assay_graph_view *graph;
    uint32_t n; /* the graph's first ones: n_forward_nodes, or all */
    rewrite_node *nodes;
} rewrite_nodes;

/* Copies the graph's first n nodes. Close it once; {0} may be closed too. ASSAY_OUT_OF_MEMORY;
 * ASSAY_UNSUPPORTED where a node has more than REWRITE_OPERANDS inputs or outputs. */
ASSAY_MUST_USE assay_status rewrite_open(const assay_graph_view *graph, uint32_t n,
                                         rewrite_nodes *ret_own, assay_error *error);
void rewrite_close(rewrite_nodes *own);

/* ---- nodes and values (nodes.c) -------------------------------------------------------------- */

/* Sets an operand; those that were missing before it become ASSAY_NONE. i < REWRITE_OPERANDS. */
void rewrite_set_input(rewrite_nodes *own, uint32_t n, uint32_t i, assay_value value);
void rewrite_set_output(rewrite_nodes *own, uint32_t n, uint32_t i, assay_value value);
/* Makes node n REWRITE_OP_NONE; its attributes can still be read. */
void rewrite_drop(rewrite_nodes *own, uint32_t n);

/* 1 when something else than nodes reads it: logits, loss, a parameter's gradient. */
int rewrite_is_kept(const rewrite_nodes *own, assay_value value);
/* The node that writes a value; _of_op: if it is of that operation. */
uint32_t rewrite_writer(const rewrite_nodes *own, assay_value value);
uint32_t rewrite_writer_of_op(const rewrite_nodes *own, assay_value value, int32_t op);
/* The first node from `from` on that reads a value; of that operation. */
uint32_t rewrite_next_reader(const rewrite_nodes *own, assay_value value, uint32_t from);
uint32_t rewrite_reader_of_op(const rewrite_nodes *own, assay_value value, int32_t op);
/* The one node that reads a value that isn't kept, once. */
uint32_t rewrite_only_reader(const rewrite_nodes *own, assay_value value);
/* The last backward node of a forward node, which still reads its state; `forward` without one. */
uint32_t rewrite_last_backward(const rewrite_nodes *own, uint32_t forward);

/* ---- linear layers side by side (linears.c) -------------------------------------------------- */

/* order [n_parameters]: how parameters are to follow each other in the backend's memory, so that
 * linear layers that read the same x and are only concatenated (query, key and value) have their
 * weights one behind the other, and their biases. behind [n_parameters], zeros before, or NULL: 1
 * for a parameter that is to begin where the one before it in `order` ends. */
void rewrite_order_parameters(const assay_graph_view *graph, uint32_t *order, uint8_t *behind);

/* 1 when parameter `next`, and so its gradient, begins right where `parameter` ends. */
typedef int (*rewrite_adjoins)(const assay_session *session, uint32_t parameter, uint32_t next);

/* Such layers become one, and so do the gradients by their weights, biases and x; sums keep their
 * order but for the products' own. Layers whose parameters don't adjoin stay as they are. */
void rewrite_join_linears(rewrite_nodes *own, const assay_session *session,
                          rewrite_adjoins adjoins);

/* ---- passes over the same rows (rows.c) ------------------------------------------------------ */

/* In a forward plan dropout is nothing at all: its readers read its input. */
void rewrite_skip_dropout(rewrite_nodes *own);

/* Layer norm n makes the sum that only it and its gradient read, and the dropout of one of its
 * terms that only the sum reads. 1 when there was a dropout: its attributes are in ret_dropout. */
int rewrite_join_add_norm(rewrite_nodes *own, uint32_t n, assay_attrs *ret_dropout);

/* layer_norm_grad n makes the dropout of its dx beside it. 1 when there was one: its attributes are
 * in ret_dropout. */
int rewrite_join_gradient_dropout(rewrite_nodes *own, uint32_t n, assay_attrs *ret_dropout);

/* Node `writer` makes in its output `sums`, if that is free, the column sums of its output
 * `output`, where that is what linear_grad_bias n sums. */
void rewrite_join_bias_gradient(rewrite_nodes *own, uint32_t n, uint32_t writer, uint32_t output,
                                uint32_t sums);

#endif
