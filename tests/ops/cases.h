/* SPDX-License-Identifier: MIT */
/* cases.h: the operations under test and the shapes they are tested on.
 *
 * Every variant runs on every shape. A variant gets x TOKENS [N, C] (an embedding, so that the
 * gradient by x is that of a parameter) and returns TOKENS or ROWS; the case is closed by pooling
 * with a weight of its own for each token, a linear layer to the classes and cross entropy. */
#ifndef TESTS_OPS_CASES_H
#define TESTS_OPS_CASES_H

#include "graph/graph.h"
#include "harness.h"

typedef struct op_shape {
    const char *name;
    int32_t channels, hidden, n_classes; /* of x; of whatever the variant makes; of the logits */
    int32_t n_ids;                       /* 0: every token has its own */
    int32_t levels;                      /* > 0: few distinct parameter values, for ties */
    int32_t large;                       /* too large for central differences */
    int32_t n_rows;
    int32_t lengths[40];
} op_shape;

typedef struct op_variant {
    const char *name;
    int32_t op; /* the forward operation it is there for */
    assay_value (*build)(const assay_builder *b, assay_value x, const op_shape *shape);
    int32_t domain; /* of what build returns: TOKENS or ROWS */
    double label_smoothing;
    bool class_weights;
} op_variant;

extern const op_shape op_shapes[];
extern const size_t n_op_shapes;
extern const op_variant op_variants[];
extern const size_t n_op_variants;

/* Graph with gradient and batch of a case. Free the graph. */
assay_graph *case_graph(const op_variant *variant, const op_shape *shape);
assay_batch *case_batch(as_arena *arena, const op_shape *shape);

typedef assay_value graph_body(const assay_builder *b, assay_value x);

/* Graph with gradient: x = an embedding "x" [n_ids, n_channels] of the token ids, the body, which
 * returns ROWS, a linear layer "classifier" and cross entropy. class_weights NULL: none. Free it.
 */
assay_graph *body_graph(graph_body *body, int32_t n_ids, int32_t n_channels, int32_t n_classes,
                        double label_smoothing, const double *class_weights);

/* Result lines for every operation of ops.def: forward ones have a variant whose graph has them,
 * backward ones appear in some variant's graph. */
void check_coverage(void);

#endif
