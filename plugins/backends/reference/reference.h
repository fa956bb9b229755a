/* SPDX-License-Identifier: MIT */
/* reference.h: what the files of the reference backend share.
 *
 * Kernels see a node's tensors already resolved for the batch at hand: data pointer, number of rows
 * m (tokens for TOKENS, rows for ROWS, dims[0] for FIXED, 1 for SCALAR) and channels c. They come
 * in two precisions from the same source, see kernels.inc. */
#ifndef REFERENCE_REFERENCE_H
#define REFERENCE_REFERENCE_H

#include "assay/checks.h"
#include "assay/profile.h"

/* The largest number of inputs or outputs of a node in ops.def (lstm_grad has 11 inputs). */
enum { REFERENCE_MAX_TENSORS = 12 };

typedef struct reference_input {
    const void *data; /* real numbers, or int32 indices; NULL: absent */
    int64_t m, c;
} reference_input;

typedef struct reference_output {
    void *data; /* NULL: nobody needs it */
    int64_t m, c;
} reference_output;

/* One execution of one node. */
typedef struct reference_call {
    const assay_batch *batch;
    const assay_attrs *attrs;
    uint32_t n_inputs, n_outputs;
    int32_t domain;  /* of outputs[0] */
    int32_t dropout; /* 1 on */
    uint64_t seed;
    double loss_scale;
    void *scratch; /* reference_scratch_elements of the node, content undefined */
    reference_input in[REFERENCE_MAX_TENSORS];
    reference_output out[REFERENCE_MAX_TENSORS];
} reference_call;

typedef void (*reference_kernel)(const reference_call *call);

/* Parameter, gradient and Adam's moments (or SGD's momentum) of one parameter; just the first where
 * it isn't trained. */
typedef struct reference_state {
    void *tensors[4]; /* by ASSAY_STATE_* */
    int64_t n;
    int64_t width;          /* of a row of a trained lookup table; */
    unsigned char *touched; /* [n / width] looked up since the last update; NULL: no such table */
} reference_state;

/* How one parameter is updated. */
typedef struct reference_update {
    const assay_update_config *config;
    double rate; /* the step's, times the parameter's factor */
    int64_t t;   /* the parameter's own step, from 1 */
    double clip_factor;
    double weight_decay;
} reference_update;

/* Everything that depends on the precision. */
typedef struct reference_precision {
    size_t element_bytes;
    const reference_kernel *kernels;                       /* [ASSAY_OP_COUNT] */
    void (*accumulate)(void *y, const void *x, int64_t n); /* y += x */
    double (*sum_squares)(const void *x, int64_t n);       /* in double */
    void (*update)(const reference_update *u, const reference_state *state);
    void (*from_float)(void *y, const float *x, int64_t n);
    void (*from_double)(void *y, const double *x, int64_t n);
    void (*to_double)(double *y, const void *x, int64_t n);
} reference_precision;

extern const reference_precision reference_f32, reference_f64;

struct assay_device {
    const reference_precision *precision;
};

struct assay_session {
    const reference_precision *precision;
    const assay_graph_view *graph;
    reference_state *states; /* [n_parameters] */
    /* Shared by the session's plans, each as large as the largest plan needs; zero where new. */
    void **buffers;           /* [n_values], NULL for indices, parameters and what no plan makes */
    int64_t *n_elements;      /* [n_values] reals there is room for */
    void *scratch;            /* of one kernel at a time */
    int64_t n_scratch;        /* reals */
    const assay_plan *latest; /* whose values the buffers hold */
    int profiling;            /* 1: runs keep times */
    uint64_t profile_round;   /* times that profiling went on */
};

/* plan.c: the plan part of assay_backend. */
assay_status reference_compile(assay_session *session, int32_t kind, int32_t max_rows,
                               int32_t max_tokens, assay_plan **ret_plan, assay_error *error);
assay_status reference_compile_update(assay_session *session, const assay_update_config *config,
                                      assay_plan **ret_plan, assay_error *error);
void reference_plan_free(assay_plan *plan);
assay_status reference_run(assay_plan *plan, const assay_batch *batch, const assay_step *step,
                           assay_error *error);
assay_status reference_read(assay_plan *plan, assay_value value, double *data, uint64_t n,
                            assay_error *error);
assay_status reference_read_grad_norm(assay_plan *plan, double *ret_norm, assay_error *error);

void reference_profile(assay_session *session, int32_t on);
uint32_t reference_read_profile(const assay_plan *plan, assay_profile_entry *entries,
                                uint32_t capacity, uint64_t *ret_nanoseconds, uint64_t *ret_runs);

/* profile.c: a plan's own work, before the lines of its nodes. */
enum {
    REFERENCE_LINE_BATCH = 0, /* token weights taken over */
    REFERENCE_LINE_GRADIENTS, /* of the batch, added to the session's */
    REFERENCE_LINE_RESULTS,   /* logits and loss kept */
    REFERENCE_LINE_UPDATE,
    REFERENCE_PLAN_LINES
};
int64_t reference_now_ns(void);
assay_status reference_profile_begin(assay_profile *profile, const assay_session *session,
                                     uint32_t n_nodes, assay_error *error);
void reference_profile_node(assay_profile *profile, const assay_session *session, uint32_t index,
                            const assay_batch *batch, int64_t start_ns);

#endif
