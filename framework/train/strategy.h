/* SPDX-License-Identifier: MIT */
/* train/strategy.h: which parameters of a pretrained (or any) graph model are trained, when, and at
 * what share of the learning rate.
 *
 *     full      all of them
 *     freeze    the head alone
 *     hybrid    the head and the upper `layers` layers
 *     gradual   the head; every `every` epochs one more layer from the top, the embeddings last
 *               (Howard and Ruder 2018, 3.3)
 *
 * The share is lr_factors[d], or lr_decay^d, d = 0 for the head, 1 for the top layer and so on down
 * to the embeddings (discriminative fine-tuning, ibid. 3.2).
 *
 * Depth comes from the parameters' names: embeddings have 0; "layer.N.", "layers.N." and "_lN" are
 * layer N + 1; what shares its first name component with a layer ("bert.pooler") is of the top
 * layer; everything else is the head. */
#ifndef AS_TRAIN_STRATEGY_H
#define AS_TRAIN_STRATEGY_H

#include <jansson.h>

#include "assay/backend.h"
#include "base/arena.h"

typedef enum as_strategy_kind {
    AS_STRATEGY_FULL = 0,
    AS_STRATEGY_FREEZE,
    AS_STRATEGY_HYBRID,
    AS_STRATEGY_GRADUAL,
    AS_STRATEGY_COUNT
} as_strategy_kind;

typedef struct as_strategy {
    as_strategy_kind kind;
    int32_t layers;           /* hybrid */
    int32_t every;            /* gradual: epochs; 1 */
    double lr_decay;          /* 1: the same rate everywhere */
    const double *lr_factors; /* [n_lr_factors] instead of lr_decay; NULL */
    int32_t n_lr_factors;
    bool frozen_dropout; /* dropout inside the frozen part */
    bool cache_features; /* freeze */
} as_strategy;

/* [any] "full", ... */
const char *as_strategy_name(as_strategy_kind kind);

/* [any] A suite's "strategy" object, which has passed the schema; NULL: full. BAD_DATA at
 * "WHERE/strategy/FIELD" for a field that its kind doesn't have, hybrid without layers, lr_decay
 * beside lr_factors. */
ASSAY_MUST_USE assay_status as_strategy_from_json(as_arena *arena, const json_t *strategy,
                                                  const char *where, as_strategy *ret_strategy,
                                                  assay_error *error);

/* Depth of every parameter of a model, see above. */
typedef struct as_depths {
    const char *const *names; /* [n] */
    const int32_t *depths;    /* [n] 0 .. top + 1 */
    uint32_t n;
    int32_t top; /* the top layer; the head is top + 1; 0: there are no layers */
} as_depths;

/* [any] Of the closed graph's parameters; names are the view's. */
ASSAY_MUST_USE assay_status as_depths_of(as_arena *arena, const assay_graph_view *view,
                                         as_depths *ret_depths, assay_error *error);

/* [any] Lowest depth that is trained in this epoch (from 1): parameters below it are frozen.
 * INVALID_ARGUMENT: hybrid with more layers than the model has, more lr_factors than depths, but
 * for full a model whose parameters are all head or none. */
ASSAY_MUST_USE assay_status as_strategy_lowest(const as_strategy *strategy, const as_depths *depths,
                                               int32_t epoch, int32_t *ret_lowest,
                                               assay_error *error);

/* [any] Share of the learning rate of a depth. */
double as_strategy_rate(const as_strategy *strategy, const as_depths *depths, int32_t depth);

#endif
