/* SPDX-License-Identifier: MIT */
/* onednn/internal.h: the backend's own types and what its files offer each other.
 *
 * device   engine, stream, cache of matmul primitives, oneDNN's scratchpad
 * session  parameters, gradients and moments, each in one slab; the activation arena that all
 *          plans of the session share
 * plan     the nodes to run, each with its arena offsets and primitives
 *
 * A step runs without allocating: offsets are fixed when a plan is compiled, the arena and the
 * scratchpad only grow there. Rows and tokens of a plan are rounded up to its maximum in matmul
 * primitives; what lies behind a batch's last token is set to zero where a sum runs over it. */
#ifndef ONEDNN_INTERNAL_H
#define ONEDNN_INTERNAL_H

#include "assay/checks.h"
#include "assay/layout.h"
#include "assay/profile.h"
#include "kernels.h"
#include "onednn_compat.h"
#include "rewrite.h"

#define ONEDNN_ALIGNMENT 64
#define ONEDNN_ALIGNED_FLOATS (ONEDNN_ALIGNMENT / sizeof(float))
#define ONEDNN_NODE_GEMMS 4
#define ONEDNN_NORM_BLOCK ((size_t)16384) /* floats per partial sum of the gradient norm */

/* ONEDNN_PARALLEL(n_threads, work, for (...) ...): a loop over parts, one a thread, whose split
 * never depends on anything but `n_threads`. ONEDNN_DYNAMIC: threads take the next turn as they
 * come. Where a loop touches few floats in all, the calling thread does it alone: waking others
 * costs more. The loop stands there twice for that, since libgomp takes memory for every team of
 * one that an `if` clause makes. */
#define ONEDNN_SERIAL_WORK ((size_t)32768)
#ifdef _OPENMP
#define ONEDNN_PRAGMA(text) _Pragma(#text)
#define ONEDNN_LOOP(n_threads, work, kind, ...)                                                    \
    do {                                                                                           \
        if ((n_threads) > 1 && (work) > ONEDNN_SERIAL_WORK) {                                      \
            ONEDNN_PRAGMA(omp parallel for schedule(kind, 1) num_threads(n_threads))               \
            __VA_ARGS__                                                                            \
        } else {                                                                                   \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    } while (0)
#else
#define ONEDNN_LOOP(n_threads, work, kind, ...)                                                    \
    do {                                                                                           \
        (void)(work);                                                                              \
        __VA_ARGS__                                                                                \
    } while (0)
#endif
#define ONEDNN_PARALLEL(n_threads, work, ...) ONEDNN_LOOP(n_threads, work, static, __VA_ARGS__)
#define ONEDNN_DYNAMIC(n_threads, work, ...) ONEDNN_LOOP(n_threads, work, dynamic, __VA_ARGS__)

/* ---- memory (memory.c) --------------------------------------------------------------------- */

/* [any] n zeroed floats on a 64-byte boundary, or NULL; free with onednn_free. */
float *onednn_alloc(size_t n);
void onednn_free(float *p);

/* [any] An area of n floats instead of one of `old` (NULL: there was none), what it held kept and
 * the rest zero; NULL: no memory, the old one stays. Pages are taken when they are first written,
 * and moved rather than copied. */
float *onednn_area_grow(float *area, size_t old, size_t n);
void onednn_area_free(float *area, size_t n); /* NULL allowed */

/* ---- matrix products (gemm.c) -------------------------------------------------------------- */

/* c [m, n] = a [m, k] b [k, n] + bias [n], or c += ... with add. Strides in elements; c's columns
 * are contiguous. bias is f32, c too where it isn't said to be bf16. */
typedef struct onednn_gemm_shape {
    int64_t m, n, k;
    int64_t a_row, a_column, b_row, b_column, c_row;
    int64_t bias, add; /* 0 or 1 */
    int64_t bf16;      /* 1: a and b are bf16, sums f32; 0: f32 */
    int64_t packed;    /* 1: b stands in the layout that the library chose; see packing.c */
    int64_t gelu;      /* 1: c = gelu(...) */
    int64_t c_bf16;    /* 1: c is bf16 */
} onednn_gemm_shape;

typedef struct onednn_gemm onednn_gemm;

/* [cell] The primitive of that shape, from the device's cache or new. Release it once. */
ASSAY_MUST_USE assay_status onednn_gemm_get(assay_device *device, const onednn_gemm_shape *shape,
                                            onednn_gemm **ret_gemm, assay_error *error);
void onednn_gemm_release(assay_device *device, onednn_gemm *gemm); /* NULL allowed */
ASSAY_MUST_USE assay_status onednn_gemm_run(assay_device *device, onednn_gemm *gemm, const void *a,
                                            const void *b, const float *bias, void *c,
                                            assay_error *error);
const onednn_gemm_shape *onednn_gemm_shape_of(const onednn_gemm *gemm);
const onednn_md *onednn_gemm_layout(const onednn_gemm *gemm); /* of a packed b */
ASSAY_MUST_USE assay_status onednn_grow_scratchpad(assay_device *device, size_t size,
                                                   assay_error *error); /* floats */

/* ---- packed weights (packing.c) ------------------------------------------------------------ */

typedef struct onednn_packing onednn_packing;

/* [cell] The packing of a parameter that `gemm` reads as b, from the session's or new; `passing`:
 * made for each use. Release it once. */
ASSAY_MUST_USE assay_status onednn_packing_get(assay_session *session, uint32_t parameter,
                                               const onednn_gemm *gemm, int passing,
                                               onednn_packing **ret_packing, assay_error *error);
void onednn_packing_release(assay_session *session, onednn_packing *packing); /* NULL allowed */
/* 1 when it must be made, again: the parameter has changed, or it is a passing one. */
int onednn_packing_is_stale(const assay_session *session, const onednn_packing *packing);
/* Makes it from f32 in the strides of the gemm's b. */
ASSAY_MUST_USE assay_status onednn_packing_fill(assay_session *session, onednn_packing *packing,
                                                float *from, assay_error *error);
const void *onednn_packing_data(const assay_session *session, const onednn_packing *packing);
uint64_t onednn_packings_bytes(const assay_session *session);

/* ---- the library's best rate (peak.c) ------------------------------------------------------- */

typedef struct onednn_peak onednn_peak;
assay_status onednn_sample_peak(assay_device *device, int32_t peak, double *ret_per_second,
                                assay_error *error);
void onednn_peak_free(onednn_peak *peak); /* NULL allowed */

/* ---- device, session, plan ----------------------------------------------------------------- */

struct assay_device {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    const onednn_kernels *kernels;
    onednn_gemm *gemms; /* list */
    float *scratchpad;
    size_t scratchpad_size; /* floats */
    int threads;
    int bf16;          /* 1: operands of products are bf16 */
    onednn_peak *peak; /* NULL before the first sample */
};

enum { ONEDNN_STATES = 4 }; /* ASSAY_STATE_* */

/* One parameter in the slabs. A table that only lookups read keeps the list of rows they touched
 * since the last update; the gradient is zero everywhere else. */
typedef struct onednn_parameter {
    size_t offset, size; /* floats */
    uint64_t version;    /* from 1; grows when the parameter changes */
    int32_t by_rows;     /* 1: touched rows are listed */
    int32_t n_touched;
    int32_t *touched;          /* [rows], in order of first touch */
    unsigned char *is_touched; /* [rows] */
} onednn_parameter;

/* Table of a sinusoid node, shared by all plans. */
typedef struct onednn_sinusoid {
    float *rows;              /* [capacity, channels] */
    int32_t capacity, filled; /* positions */
} onednn_sinusoid;

struct assay_session {
    assay_device *device;
    const assay_graph_view *graph;
    onednn_parameter *parameters;
    float *slab[ONEDNN_STATES];
    size_t slab_size;    /* of the parameters */
    size_t trained_size; /* of the other slabs: what is trained comes first */
    double *partial;     /* sums of squares of the gradient's blocks */
    size_t n_partial;
    float *arena;
    size_t arena_size;         /* floats */
    onednn_sinusoid *sinusoid; /* [n_nodes] */
    onednn_packing *packings;  /* list */
    float *passing;            /* the passing packing that was made last */
    size_t passing_size;       /* floats */
    int profiling;             /* 1: runs keep times */
    uint64_t profile_round;    /* times that profiling went on */
    assay_profile *profiled;   /* of the plan that is running and keeps times, else NULL */
};

typedef uint16_t onednn_bf16;

typedef struct onednn_node {
    const assay_node *node; /* the plan's own */
    uint32_t index;
    struct onednn_node *forward; /* backward nodes: their forward node, else NULL */
    size_t state_size, state;    /* kept from forward to backward; arena offset */
    size_t scratch_size, scratch;
    onednn_gemm *gemm[ONEDNN_NODE_GEMMS];
    onednn_packing *packing[2]; /* recurrent layers: one for each direction */
    assay_attrs dropout;        /* of a dropout done on the way, where its probability isn't 0 */
} onednn_node;

/* ---- what plans make of a graph's nodes (fusion.c) ------------------------------------------ */

enum { ONEDNN_OP_COUNT = REWRITE_OP_NONE + 1 };
enum { ONEDNN_GELU = 1 }; /* attrs.begin of a linear layer */

/* Rewrites the plan's own nodes. */
void onednn_fuse(assay_plan *plan);

/* Where a value stands. */
enum { ONEDNN_IN_ARENA = 0, ONEDNN_IN_PARAMETERS, ONEDNN_IN_GRADIENTS };

typedef struct onednn_pointer {
    int32_t base;      /* ONEDNN_IN_* */
    int32_t parameter; /* IN_PARAMETERS, IN_GRADIENTS: which */
    size_t offset;     /* floats */
} onednn_pointer;

/* Copy of a value in bf16. */
typedef struct onednn_copy {
    int32_t is_made;
    int32_t by_writer; /* 1: the node that writes the value makes it; else its first reader */
    int32_t keeps_f32; /* 1: the value stands in f32, too */
    uint32_t maker;    /* node that makes it */
    size_t offset;     /* arena, floats */
} onednn_copy;

struct assay_plan {
    assay_session *session;
    int32_t kind; /* ASSAY_PLAN_*, or ONEDNN_PLAN_UPDATE */
    int32_t max_rows, max_tokens;
    assay_bounds bounds;
    uint32_t n_nodes;
    onednn_node *nodes;
    rewrite_nodes own;       /* [n_nodes] what `nodes` run */
    onednn_pointer *pointer; /* [n_values] */
    onednn_copy *bf16;       /* [n_values] */
    int32_t *token_row;      /* [max_tokens] row of each token of the batch */
    float *logits;           /* [max_rows, K] of the last batch */
    double loss;
    int32_t n_rows; /* of the last batch, 0 before the first */
    int32_t has_loss;
    assay_update_config update;
    double gradient_norm;
    int32_t has_norm;
    assay_profile profile;
    assay_extent extent; /* of the batch that runs, while times are kept */
};

enum { ONEDNN_PLAN_UPDATE = 2 };

/* One run of a plan, as the operations see it. */
typedef struct onednn_run {
    assay_plan *plan;
    assay_session *session;
    assay_device *device;
    const onednn_kernels *kernels;
    const assay_batch *batch;
    const assay_step *step;
    int dropout;
    int threads;
    assay_error *error;
} onednn_run;

/* An operation: `prepare`, where it has one, sizes state and scratch and gets primitives. */
typedef assay_status (*onednn_op_prepare)(assay_plan *plan, onednn_node *node, assay_error *error);
typedef assay_status (*onednn_op_run)(const onednn_run *run, const onednn_node *node);

#define ASSAY_OP(NAME, name, min_inputs, max_inputs)                                               \
    assay_status onednn_run_##name(const onednn_run *run, const onednn_node *node);
#include "assay/ops.def"
#undef ASSAY_OP

assay_status onednn_prepare_linear(assay_plan *plan, onednn_node *node, assay_error *error);
assay_status onednn_prepare_linear_grad_input(assay_plan *plan, onednn_node *node,
                                              assay_error *error);
assay_status onednn_prepare_linear_grad_weight(assay_plan *plan, onednn_node *node,
                                               assay_error *error);
assay_status onednn_prepare_column_sums(assay_plan *plan, onednn_node *node, assay_error *error);
assay_status onednn_prepare_rows(assay_plan *plan, onednn_node *node, assay_error *error);
assay_status onednn_prepare_norm(assay_plan *plan, onednn_node *node, assay_error *error);
assay_status onednn_prepare_norm_grad(assay_plan *plan, onednn_node *node, assay_error *error);
assay_status onednn_prepare_gelu_grad(assay_plan *plan, onednn_node *node, assay_error *error);
assay_status onednn_prepare_sinusoid(assay_plan *plan, onednn_node *node, assay_error *error);
assay_status onednn_prepare_attention(assay_plan *plan, onednn_node *node, assay_error *error);
assay_status onednn_prepare_attention_pool(assay_plan *plan, onednn_node *node, assay_error *error);
assay_status onednn_prepare_recurrent(assay_plan *plan, onednn_node *node, assay_error *error);
assay_status onednn_prepare_recurrent_grad(assay_plan *plan, onednn_node *node, assay_error *error);

/* ---- values (plan.c) ----------------------------------------------------------------------- */

const assay_value_info *onednn_info(const assay_plan *plan, assay_value value);
/* Channels of a value, rows * channels for a parameter of rank 2. */
size_t onednn_channels(const assay_plan *plan, assay_value value);
/* Most rows of a value's domain in this plan: max_tokens or max_rows. */
int64_t onednn_max_rows(const assay_plan *plan, assay_value value);
/* Rows of a value in the batch of this run. */
size_t onednn_rows(const onednn_run *run, assay_value value);

float *onednn_value(const onednn_run *run, assay_value value);
/* Input or output i of a node. */
float *onednn_in(const onednn_run *run, const onednn_node *node, uint32_t i);
float *onednn_out(const onednn_run *run, const onednn_node *node, uint32_t i);
const int32_t *onednn_indices(const onednn_run *run, assay_value value);
float *onednn_state(const onednn_run *run, const onednn_node *node);
float *onednn_scratch(const onednn_run *run, const onednn_node *node);

/* 1 when output i is a parameter's gradient that the node adds to in the session's slab. */
int onednn_adds(const assay_plan *plan, const assay_node *node, uint32_t i);
/* to (+)= from [n], as onednn_adds says for output i. */
void onednn_deliver(const onednn_run *run, const onednn_node *node, uint32_t i, const float *from);
/* The same for n floats: gradients of parameters that stand side by side. */
void onednn_deliver_n(const onednn_run *run, const onednn_node *node, uint32_t i, const float *from,
                      size_t n);

/* Sets what lies behind the batch's last row of a [max, width] array to zero. */
void onednn_clear_tail(float *p, size_t rows, int64_t max_rows, size_t width);

/* Floats from one sum over rows to the next in scratch: a value's channels, rounded up. */
size_t onednn_column_stride(const assay_plan *plan, assay_value value);
/* sums[0 .. n - 1] += the parts' sums behind it, `step` floats apart, in order. */
void onednn_add_parts(const onednn_run *run, float *sums, size_t step, size_t n, int parts);

/* Range [*ret_begin, *ret_end) of part `part` of n items in whole units. */
void onednn_split(size_t n, size_t unit, int parts, int part, size_t *ret_begin, size_t *ret_end);

/* ---- threads (threads.c) -------------------------------------------------------------------- */

/* Number of the calling thread in its team. */
int onednn_thread(void);
/* From here on oneDNN sees the device's number of threads; returns what onednn_leave puts back. */
int onednn_enter(const assay_device *device);
void onednn_leave(int before);
/* In between: how many it sees when it makes and when it runs a primitive, one or the device's. */
void onednn_use_threads(const assay_device *device, int serial);
/* In every thread of the device: denormals are zero from here; as they were again. */
void onednn_flush_denormals(int threads);
void onednn_restore_denormals(int threads);

/* ---- operands of matrix products (bf16.c) --------------------------------------------------- */

/* Lays out the copies in bf16 of a plan; before values. */
ASSAY_MUST_USE assay_status onednn_place_copies(assay_plan *plan, assay_layout *layout,
                                                assay_error *error);
/* 1 when node n reads its input i itself rather than a copy. */
int onednn_reads_f32(const assay_plan *plan, uint32_t n, uint32_t i);
/* 1 when a value stands in f32, too. */
int onednn_keeps_f32(const assay_plan *plan, assay_value value);
/* The copy that node n writes of its output i, or NULL where it makes none. */
onednn_bf16 *onednn_out_bf16(const onednn_run *run, const onednn_node *node, uint32_t i);
/* The f32 of output i, NULL where only its copy is kept. */
float *onednn_out_f32(const onednn_run *run, const onednn_node *node, uint32_t i);
/* Zeros behind the last row of output i's copy. */
void onednn_clear_out_tail(const onednn_run *run, const onednn_node *node, uint32_t i);
/* Where rows of output i are computed: in their place, or, where only the copy is kept, in a
 * thread's `scratch`; then `done` rounds them into the copy. */
float *onednn_begin_rows(const onednn_run *run, const onednn_node *node, uint32_t i, size_t row,
                         float *scratch);
void onednn_end_rows(const onednn_run *run, const onednn_node *node, uint32_t i, size_t row,
                     size_t n_rows, const float *rows);
/* Input i as an operand: f32, or its copy in bf16 (made here if this node is the first). */
const void *onednn_operand(const onednn_run *run, const onednn_node *node, uint32_t i);
/* 1 when that is bf16. */
int onednn_reads_copy(const onednn_run *run, const onednn_node *node, uint32_t i);
/* The same with zeros behind the batch's last row. */
const void *onednn_summed_operand(const onednn_run *run, const onednn_node *node, uint32_t i);
/* to [max_rows, width] = from [rows, width] in bf16, zeros behind. */
void onednn_round(const onednn_run *run, onednn_bf16 *to, const float *from, size_t rows,
                  int64_t max_rows, size_t width);

/* Gets gemm g of a node in the device's precision; b is made of a weight, whose packing, where it
 * has one, becomes the node's given one, or is no parameter (ASSAY_NONE). */
ASSAY_MUST_USE assay_status onednn_prepare_product(assay_plan *plan, onednn_node *node, int g,
                                                   onednn_gemm_shape shape, assay_value weight,
                                                   int packing, assay_error *error);
/* Weight of a linear layer, input i, as operand b. */
ASSAY_MUST_USE assay_status onednn_weight(const onednn_run *run, const onednn_node *node,
                                          uint32_t i, const void **ret_weight);

/* ---- gradients by weights in bf16 (columns.c) ------------------------------------------------ */

/* 1 when our own kernel is faster here than oneDNN at c [m, n] += a^T b. */
int onednn_columns_fit(const assay_device *device, size_t m, size_t n);
/* Floats of scratch that it takes. */
size_t onednn_columns_scratch(size_t m, size_t n);
/* c += a^T b over the k rows of a [k, m] and b [k, n]. */
void onednn_add_columns(const onednn_run *run, float *c, const onednn_bf16 *a, size_t m,
                        const onednn_bf16 *b, size_t n, size_t k, float *scratch);

enum { ONEDNN_COLUMN_PRODUCTS = 2 };

/* [rows, columns], `stride` elements from row to row. */
typedef struct onednn_columns {
    const onednn_bf16 *values;
    size_t columns, stride;
} onednn_columns;

/* c [a's columns, b's columns] += a^T b */
typedef struct onednn_column_product {
    onednn_columns b;
    float *c;
} onednn_column_product;

/* As onednn_columns_fit, for a recurrent layer's products of one a with m columns. */
int onednn_column_products_fit(const assay_device *device, size_t m);
/* n products of one a over k rows; scratch: onednn_columns_scratch of all columns of b together,
 * each b's rounded up to ONEDNN_PANEL_B. */
void onednn_add_column_products(const onednn_run *run, onednn_columns a,
                                const onednn_column_product *products, int n, size_t k,
                                float *scratch);

/* ---- update (update.c) --------------------------------------------------------------------- */

/* A lookup's gradient, or one set from outside, has something in this row of a table. */
void onednn_touch(onednn_parameter *parameter, int32_t row);
void onednn_untouch(onednn_parameter *parameter);
assay_status onednn_run_update(assay_plan *plan, const assay_step *step, assay_error *error);
/* What an update reads and writes: every state that the optimizer keeps, once each. */
size_t onednn_update_bytes(const assay_plan *plan);

/* ---- times of runs (profile.c) -------------------------------------------------------------- */

/* A plan's own work, before the lines of its nodes. */
enum {
    ONEDNN_LINE_BATCH = 0, /* the batch checked and taken over */
    ONEDNN_LINE_PACK,      /* weights brought into the library's layout; inside a node's line */
    ONEDNN_LINE_RESULTS,   /* logits kept */
    ONEDNN_LINE_UPDATE,
    ONEDNN_PLAN_LINES
};

void onednn_profile(assay_session *session, int32_t on);
uint32_t onednn_read_profile(const assay_plan *plan, assay_profile_entry *entries,
                             uint32_t capacity, uint64_t *ret_nanoseconds, uint64_t *ret_runs);
/* Around a whole run; batch NULL: of an update plan. */
ASSAY_MUST_USE assay_status onednn_profile_begin_run(assay_plan *plan, const assay_batch *batch,
                                                     int64_t *ret_start_ns, assay_error *error);
void onednn_profile_end_run(assay_plan *plan, int64_t start_ns);
/* Around one line: the clock, 0 while no times are kept; then what ran since. `inner`: inside the
 * line of a node. */
int64_t onednn_profile_start(const assay_session *session);
void onednn_profile_line(const assay_session *session, uint32_t line, int64_t start_ns,
                         size_t bytes);
void onednn_profile_inner(const assay_session *session, uint32_t line, int64_t start_ns,
                          size_t bytes);
void onednn_profile_node(const onednn_run *run, uint32_t index, int64_t start_ns);

/* ---- plans (plan.c) ------------------------------------------------------------------------ */

assay_status onednn_compile(assay_session *session, int32_t kind, int32_t max_rows,
                            int32_t max_tokens, assay_plan **ret_plan, assay_error *error);
assay_status onednn_compile_update(assay_session *session, const assay_update_config *config,
                                   assay_plan **ret_plan, assay_error *error);
void onednn_plan_free(assay_plan *plan);
assay_status onednn_plan_run(assay_plan *plan, const assay_batch *batch, const assay_step *step,
                             assay_error *error);
assay_status onednn_plan_read(assay_plan *plan, assay_value value, double *data, uint64_t n,
                              assay_error *error);
assay_status onednn_plan_read_grad_norm(assay_plan *plan, double *ret_norm, assay_error *error);

#endif
