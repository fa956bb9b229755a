/* SPDX-License-Identifier: MIT */
/* assay/backend.h: what a compute backend implements.
 *
 * Life: open a device -> create a session (parameters, gradients, optimizer state of one graph) ->
 * compile plans (forward, accumulate, update) -> run them. All calls come from one thread at a
 * time.
 *
 *   forward     runs the forward part with dropout off; logits and, where the batch has labels, the
 * loss accumulate  forward and backward; ADDS each parameter's gradient to the session's gradients
 *   update      clips the gradients by global norm, applies the optimizer, sets the gradients to
 * zero
 *
 * Learning rate, step number, loss scale and seed are run-time inputs (assay_step), never baked in.
 * A plan made for (max_rows, max_tokens) runs any batch within them. A steady step (same plan,
 * again) takes no memory. Backends must match the host's build exactly until this header is
 * declared stable.
 */
#ifndef ASSAY_BACKEND_H
#define ASSAY_BACKEND_H

#include "assay/batch.h"
#include "assay/graph.h"
#include "assay/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ASSAY_BACKEND "assay.backend/1"

/* ---- the graph as a backend sees it: flat, read-only, nodes in topological order ----------------
 */

typedef struct assay_value_info {
    int32_t domain;    /* ASSAY_DOMAIN_* */
    int32_t is_index;  /* 1: int32 indices (inputs), 0: real numbers */
    uint32_t rank;     /* FIXED: 1 or 2; otherwise 1 */
    int32_t node;      /* producer, -1 for inputs and parameters */
    int64_t dims[2];   /* FIXED: dims (dims[1] = 1 for rank 1); TOKENS, ROWS: dims[0] = channels */
    int32_t parameter; /* index into parameters, or -1 */
    int32_t input;     /* ASSAY_INPUT_*, or -1 */
} assay_value_info;

typedef struct assay_node {
    int32_t op; /* ASSAY_OP_* */
    uint32_t n_inputs;
    uint32_t n_outputs;
    /* backward nodes: the node they belong to, a forward one or its copy; else -1. A copy is a
     * forward operation that stands among the backward nodes because its value is computed again
     * there: it and its state are new, forward plans don't have it. */
    int32_t forward_node;
    const assay_value *inputs;  /* ASSAY_NONE for an absent optional input */
    const assay_value *outputs; /* ASSAY_NONE for an output nobody needs */
    assay_attrs attrs;
} assay_node;

typedef struct assay_parameter_info {
    const char *name;
    assay_value value;
    assay_value gradient; /* ASSAY_NONE: not trained */
    assay_init init;
    uint32_t rank;
    uint32_t reserved;
    int64_t dims[2];
    int64_t n_elements;
    const double *values; /* [n_elements] of a constant that the host fixes, else NULL */
} assay_parameter_info;

typedef struct assay_graph_view {
    uint32_t struct_size;
    uint32_t n_values;
    uint32_t n_nodes;
    uint32_t n_forward_nodes; /* nodes [0, n_forward_nodes) are forward, the rest backward and what
                                 is computed again there */
    uint32_t n_parameters;
    uint32_t reserved;
    const assay_value_info *values;
    const assay_node *nodes;
    const assay_parameter_info *parameters;
    assay_value logits; /* ROWS [B, K] */
    assay_value loss;   /* SCALAR sum over rows, or ASSAY_NONE */
    /* [n_values] how many inputs of nodes are it (a node that reads it twice counts twice), plus
     * one for each of logits, loss and a parameter's gradient */
    const int32_t *uses;
    /* [n_values] last node that reads it, n_nodes for those kept to the end: inputs, parameters,
     * their gradients, logits and loss */
    const int32_t *last_use;
} assay_graph_view;

/* ---- running
 * ------------------------------------------------------------------------------------- */

typedef struct assay_device assay_device;   /* each backend's own */
typedef struct assay_session assay_session; /* each backend's own */
typedef struct assay_plan assay_plan;       /* each backend's own */

/* TF32: f32 values, products in the GPU's 10-bit form. FP16: as BF16, with a scaled loss. */
enum {
    ASSAY_DTYPE_F32 = 0,
    ASSAY_DTYPE_F64 = 1,
    ASSAY_DTYPE_BF16 = 2,
    ASSAY_DTYPE_TF32 = 3,
    ASSAY_DTYPE_FP16 = 4,
    ASSAY_DTYPE_COUNT
};

enum { ASSAY_PLAN_FORWARD = 0, ASSAY_PLAN_ACCUMULATE = 1 };

enum {
    ASSAY_OPTIMIZER_SGD = 0,
    ASSAY_OPTIMIZER_ADAM = 1,
    ASSAY_OPTIMIZER_ADAMW = 2,
    ASSAY_OPTIMIZER_ADAM_KERAS = 3,
    ASSAY_OPTIMIZER_ADAM_LAZY = 4,
    ASSAY_OPTIMIZER_COUNT
};

enum {
    ASSAY_STATE_PARAMETER = 0,
    ASSAY_STATE_GRADIENT = 1,
    ASSAY_STATE_MOMENT1 = 2, /* Adam's m; SGD's momentum buffer */
    ASSAY_STATE_MOMENT2 = 3, /* Adam's v */
};

typedef struct assay_device_config {
    uint32_t struct_size;
    int32_t dtype;   /* ASSAY_DTYPE_* of computing and storing */
    int32_t threads; /* >= 1 */
    int32_t reserved;
    uint64_t memory_limit_bytes; /* of the device's own memory; 0: what there is */
} assay_device_config;

/* Update rules; t = step number from 1, g the clipped gradient.
 *
 *     SGD         g += weight_decay p;  m = momentum m + g (m = g at t = 1);  p -= lr m
 *     Adam        g += weight_decay p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
 *                 p -= lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + epsilon)
 *     AdamW       p -= lr weight_decay p, then as Adam without decay in g
 *     Adam_Keras  p -= lr weight_decay p;  m and v as Adam's, without decay in g;
 *                 p -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon)
 *
 *     Adam_lazy   without decay. A parameter that is the table of embedding nodes alone: m, v and p
 *                 of the rows looked up since the last update change, by the last line of
 *                 Adam_Keras (torch.optim.SparseAdam); the others are left alone. Any other: Adam
 *
 * The first three are PyTorch's (torch.optim, foreach form), Adam_Keras is Keras' (Adam, with its
 * weight_decay): there epsilon is added before v's bias is corrected. Clipping: g *= min(1,
 * clip_norm / (norm + 1e-6)), norm over all trained parameters; then every element is brought into
 * [-clip_value, clip_value] (torch.nn.utils.clip_grad_norm_ and clip_grad_value_); 0: none.
 *
 * In a parameter with rate_scale, lr stands for rate_scale times lr; with since, t for t - since. A
 * table's rows count as looked up when an accumulate plan's batch has them, or when an upload of
 * its gradient puts something else than zero there. */
typedef struct assay_update_config {
    uint32_t struct_size;
    int32_t optimizer; /* ASSAY_OPTIMIZER_* */
    double beta1, beta2, epsilon;
    double momentum;
    double weight_decay;
    double clip_norm;
    double clip_value;
    /* [n_parameters] 1: without weight decay; NULL: none is. Outlives the plan. */
    const uint8_t *decay_exempt;
    /* [n_parameters] factor of the learning rate, decoupled decay's too; NULL: 1. Read at each run;
     * outlives the plan. */
    const double *rate_scale;
    /* [n_parameters] steps done before the parameter was trained: its t is step - since; NULL: 0.
     * Read at each run; outlives the plan. */
    const int64_t *since;
} assay_update_config;

typedef struct assay_step {
    uint32_t struct_size;
    int32_t dropout;      /* accumulate: 1 on, 0 off */
    uint64_t seed;        /* of dropout; differs from step to step */
    int64_t step;         /* update: t from 1 */
    double learning_rate; /* update */
    double loss_scale;    /* accumulate: factor of every gradient, e.g. 1 / rows */
    /* update: the gradients are this many times too large and are divided by it before anything
     * else; where their norm is then no finite number, nothing but them changes. 0: 1, unchecked */
    double gradient_scale;
} assay_step;

/* What a session holds for its parameters, without plans and activations. */
typedef struct assay_memory {
    uint64_t parameter_bytes;                 /* of all, in every precision that they are kept in */
    uint64_t gradient_bytes, optimizer_bytes; /* of the trained ones */
} assay_memory;

/* Where the time of a plan's runs went: one line for each operation, or for work of the plan
 * itself. The lines' nanoseconds and what lies between them are the wall time of the runs. */
typedef struct assay_profile_entry {
    const char *name; /* operation (ops.def) or the plan's own work, as "pack"; static */
    int32_t node;     /* of the graph; of several run as one, the last; -1: the plan's own work */
    int32_t reserved;
    uint64_t calls;
    uint64_t nanoseconds; /* wall time; on a GPU between its own events */
    uint64_t flops;       /* executed by products and recurrences, padding included */
    uint64_t bytes;       /* every operand read once and every result written once */
} assay_profile_entry;

/* The device as it is now. */
typedef struct assay_device_info {
    char name[96];                     /* "NVIDIA H100 80GB HBM3"; empty: the host's processor */
    char driver[64];                   /* "580.159.03"; empty where there is none */
    uint64_t memory_bytes;             /* of the device, 0: the host's memory */
    uint64_t peak_bytes;               /* most that this device object held of it at any time */
    uint32_t clock_mhz, clock_max_mhz; /* 0: unknown */
    uint32_t throttled;                /* 1: slowed by heat or power since it was opened */
    uint32_t reserved;
    double energy_joules; /* used since it was opened, by the whole device; negative: unknown */
} assay_device_info;

/* A device's limits. A processor's COMPUTE and MEMORY are the host's to measure. */
enum {
    ASSAY_PEAK_COMPUTE = 0, /* operations/s of multiply-adds in registers */
    ASSAY_PEAK_GEMM = 1,    /* operations/s, the best of several large matrix products: operands in
                               the precision and layout that the library likes best, nothing else */
    ASSAY_PEAK_MEMORY = 2,  /* bytes/s of a copy beyond the caches, read and written */
    ASSAY_PEAK_COUNT
};

typedef struct assay_backend {
    uint32_t struct_size;
    uint32_t reserved;

    /* [any] Names and versions of the libraries behind it, as "oneDNN 2.6.3, libgomp"; static. */
    const char *(*libraries)(void);

    /* [cell] ASSAY_UNSUPPORTED for a dtype it lacks. */
    assay_status (*open)(const assay_device_config *config, assay_device **ret_device,
                         assay_error *error);
    void (*close)(assay_device *device); /* [cell] NULL allowed */

    /* [cell] 1 if it can run that node. */
    int32_t (*supports)(const assay_device *device, const assay_graph_view *graph, uint32_t node);

    /* [cell] Allocates parameters, gradients and states, all zero; of a parameter that isn't
     * trained nothing but the parameter itself. `graph` outlives the session. */
    assay_status (*session_create)(assay_device *device, const assay_graph_view *graph,
                                   assay_session **ret_session, assay_error *error);
    void (*session_free)(assay_session *session); /* [cell] NULL allowed; after its plans */

    /* [cell] Whole tensor of a parameter in row-major order, n = n_elements. Exact for f32.
     * Gradient and moments of a parameter that isn't trained are zero: they read so, and another
     * upload is ASSAY_INVALID_ARGUMENT. */
    assay_status (*upload)(assay_session *session, int32_t state, uint32_t parameter,
                           const double *data, uint64_t n, assay_error *error);
    assay_status (*download)(assay_session *session, int32_t state, uint32_t parameter,
                             double *data, uint64_t n, assay_error *error);

    /* [cell] A forward or accumulate plan for up to max_rows rows and max_tokens tokens. */
    assay_status (*compile)(assay_session *session, int32_t kind, int32_t max_rows,
                            int32_t max_tokens, assay_plan **ret_plan, assay_error *error);
    assay_status (*compile_update)(assay_session *session, const assay_update_config *config,
                                   assay_plan **ret_plan, assay_error *error);
    void (*plan_free)(assay_plan *plan); /* [cell] NULL allowed */

    /* [cell] Runs a plan; may return before it has finished. `batch` is NULL for update plans. */
    assay_status (*run)(assay_plan *plan, const assay_batch *batch, const assay_step *step,
                        assay_error *error);
    /* [cell] Waits for everything. */
    assay_status (*sync)(assay_device *device, assay_error *error);

    /* [cell] After run and sync, the logits or the loss of a forward or accumulate plan's last
     * batch, whatever other plans have run since; n elements, row-major. On `reference` any value
     * of the graph, until another plan of the session runs or is compiled. */
    assay_status (*read)(assay_plan *plan, assay_value value, double *data, uint64_t n,
                         assay_error *error);
    /* [cell] After an update: the global gradient norm before clipping. */
    assay_status (*read_grad_norm)(assay_plan *plan, double *ret_norm, assay_error *error);

    /* [cell] Bytes as they are allocated. */
    void (*memory)(const assay_session *session, assay_memory *ret_memory);

    /* [cell] on: every plan of the session keeps times, from zero; off: none does. NULL: this
     * backend can't. */
    void (*profile)(assay_session *session, int32_t on);
    /* [cell] After sync: a plan's lines since profiling went on, at most `capacity` of them, in the
     * order of running; returns how many there are. The plan's wall time and number of runs in
     * ret_nanoseconds and ret_runs. NULL as `profile` is. */
    uint32_t (*read_profile)(const assay_plan *plan, assay_profile_entry *entries,
                             uint32_t capacity, uint64_t *ret_nanoseconds, uint64_t *ret_runs);
    /* [cell] NULL: the host's processor and memory. */
    void (*device_info)(assay_device *device, assay_device_info *ret_info);

    /* [cell] What the device can do at most just now (ASSAY_PEAK_*), one sample of about a
     * hundredth of a second, on its threads and in its precision. Memory that it takes is given
     * back. ASSAY_UNSUPPORTED: not this one. NULL: none of them. */
    assay_status (*sample_peak)(assay_device *device, int32_t peak, double *ret_per_second,
                                assay_error *error);
} assay_backend;

ASSAY_STATIC_ASSERT(sizeof(assay_backend) == 168, "assay_backend layout is frozen");

/* 1 when nothing but embedding nodes (and their gradients) reads the parameter. */
static inline int assay_is_lookup_table(const assay_graph_view *graph, uint32_t parameter) {
    int n_lookups = 0;
    for (uint32_t n = 0; n < graph->n_nodes; n++) {
        const assay_node *node = &graph->nodes[n];
        for (uint32_t i = 0; i < node->n_inputs; i++) {
            if (node->inputs[i] != graph->parameters[parameter].value)
                continue;
            if (!(node->op == ASSAY_OP_EMBEDDING && i == 1) &&
                !(node->op == ASSAY_OP_EMBEDDING_GRAD && i == 2))
                return 0;
            n_lookups++;
        }
    }
    return n_lookups > 0;
}

/* The parameter whose gradient this value is, or -1. */
static inline int32_t assay_gradient_of(const assay_graph_view *graph, assay_value value) {
    for (uint32_t p = 0; p < graph->n_parameters; p++)
        if (graph->parameters[p].gradient == value)
            return (int32_t)p;
    return -1;
}

/* ---- dropout: one counter-based generator for all backends
 * --------------------------------------- */

#ifdef __CUDACC__
#define ASSAY_INLINE static __host__ __device__ inline /* kernels draw the same bits */
#else
#define ASSAY_INLINE static inline
#endif

/* 64-bit finaliser of SplitMix64 (Steele, Lea, Flood 2014). */
ASSAY_INLINE uint64_t assay_mix64(uint64_t x) {
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Key of one token's (or row's) channels: mix once, then assay_dropout_keep per channel. Values in
 * ROWS use position 0. */
ASSAY_INLINE uint64_t assay_dropout_key(uint64_t seed, int32_t stream, uint64_t row_key,
                                        int32_t position) {
    uint64_t x =
        assay_mix64(seed + UINT64_C(0x9e3779b97f4a7c15) * ((uint64_t)(uint32_t)stream + 1));
    x = assay_mix64(x ^ row_key);
    return assay_mix64(x + UINT64_C(0x9e3779b97f4a7c15) * ((uint64_t)(uint32_t)position + 1));
}

/* Draws 32 bits for a channel of that token: a lowbias32-style hash of (key, channel), cheap enough
 * to vectorise (Wellons 2018). */
ASSAY_INLINE uint32_t assay_dropout_bits(uint64_t key, uint32_t channel) {
    uint32_t x = (uint32_t)key + channel * UINT32_C(0x9e3779b9);
    x ^= x >> 16;
    x *= UINT32_C(0x7feb352d);
    x ^= x >> 15;
    x ^= (uint32_t)(key >> 32);
    x *= UINT32_C(0x846ca68b);
    x ^= x >> 16;
    return x;
}

/* Threshold for a drop probability p: an element is kept when its bits are at or above it. */
ASSAY_INLINE uint32_t assay_dropout_threshold(double probability) {
    double t = probability * 4294967296.0;
    return t >= 4294967295.0 ? UINT32_C(0xffffffff) : (uint32_t)t;
}

ASSAY_INLINE int assay_dropout_keep(uint64_t key, uint32_t channel, uint32_t threshold) {
    return assay_dropout_bits(key, channel) >= threshold;
}

#ifdef __cplusplus
}
#endif
#endif
