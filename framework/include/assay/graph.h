/* SPDX-License-Identifier: MIT */
/* assay/graph.h: the coarse static graph that a model builds.
 *
 * A graph has inputs, parameters and about twenty layer-sized operations (ops.def); the framework
 * derives the gradient. A model never sees batch size, row lengths or padding: it speaks of tokens
 * [N, C] (all real tokens of a batch, packed), rows [B, C] and parameters.
 *
 * Errors stick: after the first one every call returns ASSAY_NONE and does nothing, so that a model
 * checks nothing and the host reports the first error with the name of its node.
 *
 * Not for: layers with parameters and default initialisation; those are in blocks.h.
 */
#ifndef ASSAY_GRAPH_H
#define ASSAY_GRAPH_H

#include "assay/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
#define ASSAY_OP(NAME, name, min_inputs, max_inputs) ASSAY_OP_##NAME,
#include "assay/ops.def"
#undef ASSAY_OP
    ASSAY_OP_COUNT
};

enum {
    ASSAY_DOMAIN_FIXED = 0,  /* parameters: dims as given */
    ASSAY_DOMAIN_TOKENS = 1, /* [N, C] */
    ASSAY_DOMAIN_ROWS = 2,   /* [B, C] */
    ASSAY_DOMAIN_SCALAR = 3, /* one number */
};

enum {
    ASSAY_INPUT_TOKEN_IDS = 0,     /* TOKENS, index: id of each token, 0 <= id < vocab_size */
    ASSAY_INPUT_POSITIONS = 1,     /* TOKENS, index: 0, 1, 2, ... inside each row */
    ASSAY_INPUT_LABELS = 2,        /* ROWS, index: class of each row; the host's, not a model's */
    ASSAY_INPUT_TOKEN_WEIGHTS = 3, /* TOKENS [N, 1]: weight of each token, see batch.h */
    ASSAY_INPUT_COUNT
};

enum {
    ASSAY_TOKEN_FIRST = 0,
    ASSAY_TOKEN_LAST = 1,
};

enum {
    ASSAY_INIT_CONSTANT = 0, /* every element = scale */
    ASSAY_INIT_UNIFORM = 1,  /* U(-scale, scale) */
    ASSAY_INIT_NORMAL = 2,   /* N(0, scale^2) */
    /* N(0, scale^2), drawn again while it is over 2 scale away from 0 (TensorFlow's). The deviation
     * that is left is 0.8796 scale. */
    ASSAY_INIT_TRUNCATED_NORMAL = 3,
    /* Matrix [R, C]: scale times orthonormal columns, or rows where there are fewer of these: Q of
     * a QR decomposition of normal draws with R's diagonal above 0 (Saxe et al. 2014; Keras'). */
    ASSAY_INIT_ORTHOGONAL = 4,
    /* Vector [4 H]: scale in the second quarter, an LSTM's forget gate, 0 elsewhere (Jozefowicz et
     * al. 2015; Keras'). */
    ASSAY_INIT_FORGET_GATE = 5,
};

/* A value of a graph: a number from 0, or ASSAY_NONE. */
typedef int32_t assay_value;
#define ASSAY_NONE ((assay_value)-1)

typedef struct assay_graph assay_graph; /* opaque to plugins */

/* How a parameter starts. Drawn from (run seed, parameter name), so the order doesn't matter. */
typedef struct assay_init {
    int32_t kind;   /* ASSAY_INIT_* */
    int32_t frozen; /* 1: a constant, without gradient and optimizer state; 0: trained */
    double scale;
} assay_init;

/* Attributes of an operation; ops.def says which it reads, the rest stays zero. */
typedef struct assay_attrs {
    uint32_t struct_size;
    int32_t bidirectional; /* gru, lstm, rnn: 0 or 1 */
    int32_t heads;         /* attention */
    int32_t token;         /* select_token: ASSAY_TOKEN_* */
    int32_t stream;        /* dropout, attention: set by the graph, unique per forward node */
    int32_t reserved;
    int64_t begin, size;    /* slice: channels; add_row: begin is the row */
    int64_t channels;       /* sinusoid, slice_grad */
    double probability;     /* dropout, attention: 0 <= p < 1 */
    double epsilon;         /* layer_norm */
    double factor;          /* scale */
    double label_smoothing; /* cross_entropy: 0 <= s < 1 */
} assay_attrs;

ASSAY_STATIC_ASSERT(offsetof(assay_attrs, begin) == 24, "assay_attrs layout is frozen");
ASSAY_STATIC_ASSERT(sizeof(assay_attrs) == 80, "assay_attrs layout is frozen");

/* Passed to assay_builder.apply where there is nothing to say. */
#define ASSAY_ATTRS_INIT                                                                           \
    { (uint32_t)sizeof(assay_attrs), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* What a model builds with. Made by the host, valid during `build`. */
typedef struct assay_builder {
    uint32_t struct_size;
    uint32_t reserved;
    assay_graph *graph;

    /* [cell] A graph input (ASSAY_INPUT_*). The same input may be asked for again. */
    assay_value (*input)(assay_graph *graph, int32_t input);

    /* [cell] A parameter of rank 1 or 2, trained unless init->frozen. `name` is copied; it must be
     * unique, made of [A-Za-z0-9_.], and is the checkpoint key. */
    assay_value (*parameter)(assay_graph *graph, const char *name, uint32_t rank,
                             const int64_t *dims, const assay_init *init);

    /* [cell] Applies a forward operation; shapes are checked here. `inputs` and `attrs` are copied;
     * `attrs` may be NULL. */
    assay_value (*apply)(assay_graph *graph, int32_t op, const assay_value *inputs,
                         uint32_t n_inputs, const assay_attrs *attrs);

    /* [cell] C of a TOKENS or ROWS value, 0 after an error. */
    int64_t (*channels)(const assay_graph *graph, assay_value value);

    /* [cell] Sticks an error of the model's own. `where` names the option or layer. */
    void (*fail)(assay_graph *graph, const char *where, const char *text);
} assay_builder;

ASSAY_STATIC_ASSERT(offsetof(assay_builder, input) == 16, "assay_builder layout is frozen");
ASSAY_STATIC_ASSERT(sizeof(assay_builder) == 56, "assay_builder layout is frozen");

#ifdef __cplusplus
}
#endif
#endif
