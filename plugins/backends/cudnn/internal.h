/* SPDX-License-Identifier: MIT */
/* cudnn/internal.h: the backend's own types and what its files offer each other. Names begin with
 * gpu_, as cudnn belongs to the library.
 *
 * device   context, stream, kernels, libraries' handles, workspace, matrix product plans
 * session  parameters, gradients and moments in f32, copies in 16 bits, the activation arena that
 *          all plans of the session share
 * plan     the nodes to run, each with its arena offsets; the batch's data on the device; the
 *          captured CUDA graphs
 *
 * Shapes. Every value has room for the plan's max_rows or max_tokens and is computed for all of
 * them: products, norms and pointwise kernels know only the maximum, so that a captured graph runs
 * every batch within it. What lies behind the batch's last token or row is finite, and zero in
 * gradients:
 *
 *     values     every operation writes all rows of its outputs; those that look at rows and
 *                lengths (embedding, attention, recurrence, pooling) write zeros behind the end
 *     gradients  enter through the loss and the pools, which write zeros there; everything
 *                between keeps zero zero
 *
 * What changes from batch to batch (counts, ids, offsets, seed, rates) stands in device memory, see
 * gpu_batch; a kernel reads it there, never from its arguments.
 *
 * Numbers. In f32 and tf32 everything is f32. In bf16 and fp16 values in TOKENS and ROWS are 16
 * bits wide (but for logits that come from a linear layer, and losses: f32), parameters have a copy
 * in 16 bits beside the f32 one, and what belongs to parameters (FIXED: gradients, moments) is f32.
 */
#ifndef CUDNN_INTERNAL_H
#define CUDNN_INTERNAL_H

#include "assay/checks.h"
#include "assay/layout.h"
#include "kernels.h"
#include "libraries.h"
#include "rewrite.h"

#define GPU_ALIGNMENT ((size_t)256) /* of everything in device memory */
/* Channels of a head: what the own kernels' shared memory holds of 8 queries and their gradients.
 */
#define GPU_MOST_HEAD_DIMS 768
#define GPU_LT_WORKSPACE ((size_t)32 << 20)

/* ---- errors (device.c) --------------------------------------------------------------------- */

/* Each records in `error` where and why, with the library's own text, and returns the status: out
 * of memory, or internal. An error after which the context is lost is kept in the device: every
 * later call fails with it. OK is ASSAY_OK. */
assay_status gpu_check(assay_device *device, CUresult result, const char *what, assay_error *error);
assay_status gpu_check_lt(assay_device *device, cublasStatus_t result, const char *what,
                          assay_error *error);
assay_status gpu_check_cudnn(assay_device *device, cudnnStatus_t result, const char *what,
                             assay_error *error);

/* ---- descriptor, device ---------------------------------------------------------------------- */

assay_status gpu_device_open(const assay_device_config *config, assay_device **ret_device,
                             assay_error *error);
void gpu_device_close(assay_device *device);
void gpu_device_info(assay_device *device, assay_device_info *ret_info);
assay_status gpu_sample_peak(assay_device *device, int32_t peak, double *ret_per_second,
                             assay_error *error); /* peak.c */
assay_status gpu_probe(assay_error *error);
/* OK, or why the device can't be used any more. Makes its context the thread's. */
assay_status gpu_enter(assay_device *device, assay_error *error);
assay_status gpu_sync(assay_device *device, assay_error *error);

/* session.c */
assay_status gpu_session_create(assay_device *device, const assay_graph_view *graph,
                                assay_session **ret_session, assay_error *error);
void gpu_session_free(assay_session *session);
assay_status gpu_upload(assay_session *session, int32_t state, uint32_t parameter,
                        const double *data, uint64_t n, assay_error *error);
assay_status gpu_download(assay_session *session, int32_t state, uint32_t parameter, double *data,
                          uint64_t n, assay_error *error);
void gpu_session_memory(const assay_session *session, assay_memory *ret_memory);

/* ---- memory (device.c) --------------------------------------------------------------------- */

/* Device memory, counted and held to the device's limit; contents undefined. */
typedef struct gpu_memory {
    CUdeviceptr data; /* 0: none */
    size_t bytes;
} gpu_memory;

ASSAY_MUST_USE assay_status gpu_alloc(assay_device *device, size_t bytes, const char *what,
                                      gpu_memory *ret_memory, assay_error *error);
void gpu_free(assay_device *device, gpu_memory *memory);
/* Makes `memory` hold at least `bytes`, its contents lost. Waits for the device where it moves, and
 * then counts device->generation up: captured graphs are void. Never during a capture. */
ASSAY_MUST_USE assay_status gpu_grow(assay_device *device, gpu_memory *memory, size_t bytes,
                                     const char *what, assay_error *error);

/* ---- device -------------------------------------------------------------------------------- */

typedef struct gpu_gemm gpu_gemm;               /* gemm.c: a matrix product that was planned */
typedef struct gpu_graph_cache gpu_graph_cache; /* graph_*.c: cuDNN's execution plans by shape */

enum { GPU_POLICIES = 4 };

struct assay_device {
    const gpu_libraries *lib;
    int32_t dtype;     /* ASSAY_DTYPE_F32, TF32, BF16 or FP16 */
    int32_t type;      /* GPU_F32, GPU_BF16 or GPU_F16: of values in TOKENS and ROWS */
    size_t type_bytes; /* 4 or 2 */
    CUdevice handle;
    CUcontext context;
    CUstream stream, copy_stream;
    CUmodule module;
    CUfunction kernels[GPU_KERNEL_COUNT];
    cublasLtHandle_t lt;
    cudnnHandle_t cudnn; /* on `stream` */
    gpu_memory lt_workspace;
    gpu_memory workspace; /* cuDNN's; gpu_grow before use, contents lost from call to call */
    uint64_t generation;  /* counts moves of anything that captured graphs point to */
    gpu_gemm *gemms;      /* list */
    gpu_graph_cache *graphs;
    size_t held_bytes, peak_bytes, limit_bytes; /* limit 0: none */
    int capturing;
    int multiprocessors, major, minor;
    assay_status lost; /* not OK: the context is lost, lost_text says why */
    char lost_text[320];
    char name[96], driver[64];
    uint64_t memory_bytes;
    void *nvml; /* NULL: unknown to it */
    unsigned long long energy_start;
    unsigned long long lost_start[GPU_POLICIES]; /* ns: clocks held back before it was opened */
    uint32_t without; /* GPU_WITHOUT_*: what $ASSAY_CUDNN_WITHOUT leaves out */
    uint32_t throttled;
    uint64_t n_waits;
};

/* Parts that a run can do without, one by one, to find out what is wrong on a new GPU or library
 * and what each is worth: ASSAY_CUDNN_WITHOUT=attention,gelu,norm,fusion,graphs. Own kernels, or
 * the operations one by one, do the same work. */
enum {
    GPU_WITHOUT_ATTENTION = 1, /* cuDNN's fused attention */
    GPU_WITHOUT_GELU = 2,      /* cuDNN's product with GELU */
    GPU_WITHOUT_NORM = 4,      /* cuDNN's layer norm */
    GPU_WITHOUT_FUSION = 8,    /* operations joined by fusion.c */
    GPU_WITHOUT_GRAPHS = 16,   /* captured CUDA graphs */
};

/* Launches kernel `id` (GPU_KERNEL_*) with its one argument structure (kernels.h) on the device's
 * stream; `shared` bytes of dynamic shared memory. */
ASSAY_MUST_USE assay_status gpu_launch(assay_device *device, int id, unsigned int grid_x,
                                       unsigned int grid_y, unsigned int block, size_t shared,
                                       const void *arguments, assay_error *error);
/* The variant of a kernel for a storage type: NAME_F32 + 0, 1, 2 for GPU_F32, GPU_BF16, GPU_F16. */
static inline int gpu_kernel_of(int first, int32_t type) {
    return first + type;
}
static inline size_t gpu_type_bytes(int32_t type) {
    return type == GPU_F32 || type == GPU_I32 ? 4 : 2;
}

/* ---- session ------------------------------------------------------------------------------- */

enum { GPU_STATES = 4 }; /* ASSAY_STATE_* */
enum { GPU_PLAN_UPDATE = 2, GPU_CAPTURES = 4, GPU_SLOTS = 2 };

typedef struct gpu_parameter {
    size_t offset, size; /* elements in the slabs */
    size_t touched;      /* by_rows: first of its flags in session->touched, a byte a row */
    int32_t by_rows;     /* 1: a trained table that only lookups read */
    uint32_t width;      /* by_rows: of a row */
} gpu_parameter;

struct assay_session {
    assay_device *device;
    const assay_graph_view *graph;
    gpu_parameter *parameters;
    gpu_memory
        slab[GPU_STATES]; /* f32; gradients and moments for what is trained, which is first */
    gpu_memory copies;    /* parameters in device->type; none in f32 */
    gpu_memory touched;
    size_t slab_size, trained_size; /* elements */
    uint64_t version;               /* from 1; grows with each update or upload of parameters */
    gpu_memory arena;
    /* The batch of the run at work, or the update's coefficients: staged in pinned memory, twice,
     * and from there in device memory, twice, so that a copy overlaps the run before. */
    gpu_memory batch;
    gpu_memory staged[GPU_SLOTS];
    void *pinned[GPU_SLOTS];
    size_t pinned_bytes;
    CUevent copied[GPU_SLOTS], taken[GPU_SLOTS];
    int slot;
    gpu_memory sums;          /* f64, of the gradients' chunks */
    int profiling;            /* 1: times are kept */
    uint64_t profile_number;  /* counts how often that began */
    uint64_t memory_of_nodes; /* other device memory that belongs to the session, bytes */
};

/* ---- plan ---------------------------------------------------------------------------------- */

enum { GPU_EPILOGUE_NONE = 0, GPU_EPILOGUE_RELU, GPU_EPILOGUE_GELU };

typedef struct gpu_node {
    const assay_node *node; /* the plan's own */
    uint32_t index;
    struct gpu_node *forward;  /* backward nodes: their forward node (or its copy), else NULL */
    size_t state_bytes, state; /* kept from forward to backward; bytes, arena offset */
    size_t scratch_bytes, scratch;
    gpu_gemm *gemm;
    int32_t epilogue;  /* linear: GPU_EPILOGUE_* */
    int32_t adds_bias; /* linear: cuBLASLt has no product with the bias, a kernel adds it */
    int32_t activates; /* linear: nor one with the epilogue */
    int32_t drops;     /* layer_norm, layer_norm_grad: 1: with this dropout */
    assay_attrs dropout;
    void *own;     /* the operation's own data, freed by its release function */
    CUevent event; /* profile: behind the node */
    uint64_t nanoseconds, calls;
} gpu_node;

enum { GPU_IN_ARENA = 0, GPU_IN_PARAMETERS, GPU_IN_GRADIENTS, GPU_IN_BATCH, GPU_NOWHERE };

typedef struct gpu_place {
    int32_t base;  /* GPU_IN_* */
    int32_t type;  /* GPU_F32, GPU_BF16, GPU_F16, GPU_I32 */
    size_t offset; /* bytes; PARAMETERS and GRADIENTS: elements */
} gpu_place;

/* A captured run of the plan for batches whose longest row falls into one bucket. */
typedef struct gpu_capture {
    CUgraphExec exec;
    int32_t length_bucket, has_labels, dropout, is_full; /* length_bucket 0: nothing is here */
    uint64_t generation;                                 /* of the device when it last ran */
    uint64_t last_use;
} gpu_capture;

struct assay_plan {
    assay_session *session;
    int32_t kind; /* ASSAY_PLAN_*, or GPU_PLAN_UPDATE */
    int32_t max_rows, max_tokens;
    assay_bounds bounds;
    uint32_t n_nodes;
    gpu_node *nodes;
    rewrite_nodes own;                   /* [n_nodes] what `nodes` run */
    gpu_place *places;                   /* [n_values] */
    int can_capture;                     /* 0: has recurrent nodes */
    gpu_batch_layout layout;             /* of the session's batch block */
    int32_t is_sorted[GPU_SORTED_COUNT]; /* 1: a node reads that order */
    int32_t *sorting;                    /* host, [2 max_tokens]: order and keys of a pass */
    int32_t *sorted_lengths;             /* host, [2 max_rows], recurrent plans: lengths of the
                                            batch's rows, longest first, then those rows */
    gpu_capture captures[GPU_CAPTURES];
    uint64_t clock; /* counts runs */
    /* Results of the last run, in pinned memory: logits [max_rows, K] f32, then the loss; of an
     * update a gpu_update_state. */
    gpu_memory results; /* logits as f32 where they are 16 bits wide */
    void *pinned_results;
    int32_t n_rows, has_loss;
    /* updates */
    assay_update_config update;
    gpu_memory chunks;
    uint32_t n_chunks;
    int has_norm;
    CUevent begin, end;      /* profile */
    uint64_t profile_number; /* the session's when these times began */
    uint64_t profile_nanoseconds, profile_runs;
};

/* One run of a plan, as the operations see it. */
typedef struct gpu_run {
    assay_plan *plan;
    assay_session *session;
    assay_device *device;
    const assay_batch *batch; /* host */
    CUdeviceptr header;       /* device: gpu_batch */
    int dropout;              /* 1: on in this run */
    int is_full;              /* 1: the batch has as many tokens as the plan computes */
    int32_t max_length;       /* longest row of the batch */
    int32_t length_bucket;    /* that, rounded up to a multiple of 128 (64 and below: 64) */
    assay_error *error;
} gpu_run;

/* An operation: `prepare`, where it has one, sets state_bytes and scratch_bytes and plans products;
 * `release` frees node->own. Nothing may be allocated in a steady run (same plan and bucket). */
typedef assay_status (*gpu_op_prepare)(assay_plan *plan, gpu_node *node, assay_error *error);
typedef assay_status (*gpu_op_run)(const gpu_run *run, const gpu_node *node);
typedef void (*gpu_op_release)(assay_plan *plan, gpu_node *node);

#define ASSAY_OP(NAME, name, min_inputs, max_inputs)                                               \
    assay_status gpu_run_##name(const gpu_run *run, const gpu_node *node);
#include "assay/ops.def"
#undef ASSAY_OP

assay_status gpu_prepare_linear(assay_plan *plan, gpu_node *node, assay_error *error);
void gpu_release_linear(assay_plan *plan, gpu_node *node);
assay_status gpu_prepare_linear_grad_input(assay_plan *plan, gpu_node *node, assay_error *error);
assay_status gpu_prepare_linear_grad_weight(assay_plan *plan, gpu_node *node, assay_error *error);
assay_status gpu_prepare_column_sums(assay_plan *plan, gpu_node *node, assay_error *error);
assay_status gpu_prepare_gelu_grad(assay_plan *plan, gpu_node *node, assay_error *error);
assay_status gpu_prepare_attention_pool_grad(assay_plan *plan, gpu_node *node, assay_error *error);
assay_status gpu_prepare_attention(assay_plan *plan, gpu_node *node, assay_error *error);
assay_status gpu_prepare_attention_grad(assay_plan *plan, gpu_node *node, assay_error *error);
void gpu_release_attention(assay_plan *plan, gpu_node *node);
/* layer norm: graph_norm.c */
assay_status gpu_prepare_layer_norm(assay_plan *plan, gpu_node *node, assay_error *error);
assay_status gpu_prepare_layer_norm_grad(assay_plan *plan, gpu_node *node, assay_error *error);
void gpu_release_layer_norm(assay_plan *plan, gpu_node *node);
/* gru, lstm, rnn: rnn.c */
assay_status gpu_prepare_recurrent(assay_plan *plan, gpu_node *node, assay_error *error);
assay_status gpu_prepare_recurrent_grad(assay_plan *plan, gpu_node *node, assay_error *error);
void gpu_release_recurrent(assay_plan *plan, gpu_node *node);
/* cuDNN's packed order: all rows' first tokens, then their second ones, ..., longest row first.
 * Fills order and place [n_tokens] (kernels.h: time_order, time_place) and sorted [2 n_rows]
 * (plan->sorted_lengths) for batches of plans that have recurrent nodes. */
void gpu_order_by_time(const assay_batch *batch, int32_t *sorted, int32_t *order, int32_t *place);

/* ---- cuDNN graphs (graph.c and graph_*.c) --------------------------------------------------- */

/* [cell] Everything in device->graphs; NULL allowed there. */
void gpu_graphs_free(assay_device *device);

/* Fused attention over packed tokens (ragged offsets). attention.c asks `fits` for the node when it
 * is compiled; where it says 0, or prepare fails with ASSAY_UNSUPPORTED, the own kernels serve.
 * state: what the backward pass needs beside qkv and y (logsumexp). */
int gpu_fused_attention_fits(const assay_plan *plan, const gpu_node *node);
assay_status gpu_fused_attention_prepare(assay_plan *plan, gpu_node *node, assay_error *error);
/* 1 when it computes this run (in both directions): it does not where rows are so long that their
 * squares don't fit; the own kernels then do, from the same state. */
int gpu_fused_attention_serves(const gpu_run *run, const gpu_node *node);
assay_status gpu_fused_attention_run(const gpu_run *run, const gpu_node *node);
assay_status gpu_fused_attention_grad_run(const gpu_run *run, const gpu_node *node);
void gpu_fused_attention_release(assay_plan *plan, gpu_node *node);

/* Where each row begins in the tensors of the plan's fused attention, in elements: qkv, y and
 * statistics, gpu_attention_stride(plan) apart, max_rows + 1 each (kernels.h: attention_offsets).
 * The stride is 0 for plans without; batch.c calls it with what it puts into the block. */
size_t gpu_attention_stride(const assay_plan *plan);
void gpu_attention_offsets(const assay_plan *plan, const assay_batch *batch, int32_t *offsets);

/* A linear layer with GELU in one graph (graph_linear.c); ASSAY_UNSUPPORTED where there is none. */
assay_status gpu_linear_gelu_prepare(assay_plan *plan, gpu_node *node, assay_error *error);
assay_status gpu_linear_gelu_run(const gpu_run *run, const gpu_node *node);

/* ---- fewer passes (fusion.c, fused.c) -------------------------------------------------------- */

/* Rewrites the own nodes of a plan whose values have their types. */
void gpu_fuse(assay_plan *plan);

/* 1 for a layer norm that was joined with the sum in front of it. */
int gpu_is_residual_norm(const gpu_node *node);
void gpu_prepare_residual_norm(assay_plan *plan, gpu_node *node);
void gpu_prepare_residual_norm_grad(assay_plan *plan, gpu_node *node);
assay_status gpu_run_residual_norm(const gpu_run *run, const gpu_node *node);
assay_status gpu_run_residual_norm_grad(const gpu_run *run, const gpu_node *node);

/* Bytes that the parts of a sum over rows take. */
size_t gpu_sums_scratch(int64_t rows, size_t c);
/* y [c] (+)= sums over rows, by one of the kernels that make parts of them. */
ASSAY_MUST_USE assay_status gpu_sum_rows(const gpu_run *run, int kernel, int32_t type,
                                         const gpu_sums_arguments *of, CUdeviceptr y, int add);
ASSAY_MUST_USE assay_status gpu_add_parts(const gpu_run *run, const gpu_parts_arguments *a);
ASSAY_MUST_USE assay_status gpu_run_pointwise(const gpu_run *run, const gpu_node *node,
                                              int32_t operation);

/* Own kernels where cuDNN has no engine for the shape (rowwise.c). */
assay_status gpu_own_layer_norm(const gpu_run *run, const gpu_node *node);
assay_status gpu_own_layer_norm_grad(const gpu_run *run, const gpu_node *node);
size_t gpu_own_layer_norm_grad_scratch(const assay_plan *plan, const gpu_node *node);

/* ---- values (plan.c) ------------------------------------------------------------------------ */

const assay_value_info *gpu_info(const assay_plan *plan, assay_value value);
/* Channels; for a parameter of rank 2 rows times channels. */
size_t gpu_channels(const assay_plan *plan, assay_value value);
/* Rows that the plan computes: max_tokens, max_rows, or 1. */
int64_t gpu_rows(const assay_plan *plan, assay_value value);
int32_t gpu_type(const assay_plan *plan, assay_value value); /* GPU_F32 ... */
/* 1 when the value is a parameter's gradient in the session's slab: what computes it adds to it. */
int gpu_adds(const assay_plan *plan, assay_value value);

/* Where a value stands. A parameter: its f32 tensor. */
CUdeviceptr gpu_value(const gpu_run *run, assay_value value);
/* A parameter in device->type: its copy in 16 bits, or the f32 tensor itself. */
CUdeviceptr gpu_parameter_copy(const gpu_run *run, assay_value value);
CUdeviceptr gpu_in(const gpu_run *run, const gpu_node *node, uint32_t i);
CUdeviceptr gpu_out(const gpu_run *run, const gpu_node *node, uint32_t i); /* 0: nobody needs it */
CUdeviceptr gpu_state(const gpu_run *run, const gpu_node *node);           /* of the forward node */
CUdeviceptr gpu_scratch(const gpu_run *run, const gpu_node *node);
/* Arrays of the batch on the device, see gpu_batch_layout: gpu_batch_array(run, offsets). */
#define gpu_batch_array(run, name) ((run)->header + (run)->plan->layout.name)

/* ---- helpers that launch (pointwise.c, rowwise.c) -------------------------------------------- */

ASSAY_MUST_USE assay_status gpu_zero(const gpu_run *run, CUdeviceptr data, size_t bytes);
/* to [n] (f32) = from [n] (f32), or += where `add`. */
ASSAY_MUST_USE assay_status gpu_deliver(const gpu_run *run, CUdeviceptr to, CUdeviceptr from,
                                        size_t n, int add);
/* to [n] of to_type = from [n] of from_type */
ASSAY_MUST_USE assay_status gpu_convert(const gpu_run *run, CUdeviceptr to, int32_t to_type,
                                        CUdeviceptr from, int32_t from_type, size_t n);
/* ---- matrix products (gemm.c) ---------------------------------------------------------------- */

/* c [m, n] = op(a) op(b), row-major, + bias [n] where has_bias, then ReLU where relu; with add, +
 * `sum` [m, n], which is c itself where none is given. a is [m, k], or [k, m] with transpose_a; b
 * is [k, n], or [n, k] with transpose_b. Rows are contiguous. */
typedef struct gpu_gemm_shape {
    int64_t m, n, k;
    int32_t transpose_a, transpose_b;
    int32_t type, c_type; /* of a and b; of c and bias */
    int32_t has_bias, relu, add;
    int32_t tf32; /* f32 operands may be rounded to 10 bits */
} gpu_gemm_shape;

ASSAY_MUST_USE assay_status gpu_gemm_get(assay_device *device, const gpu_gemm_shape *shape,
                                         gpu_gemm **ret_gemm, assay_error *error);
ASSAY_MUST_USE assay_status gpu_gemm_run(assay_device *device, gpu_gemm *gemm, CUdeviceptr a,
                                         CUdeviceptr b, CUdeviceptr bias, CUdeviceptr sum,
                                         CUdeviceptr c, assay_error *error);
/* Once for each gpu_gemm_get; NULL allowed. */
void gpu_gemm_release(assay_device *device, gpu_gemm *gemm);
void gpu_gemms_free(assay_device *device);

/* Blocks of GPU_BLOCK threads for n elements, at most a few waves. */
unsigned int gpu_blocks_for(const assay_device *device, int64_t n);
/* Launches kernel `id` for n elements of work, one a thread (or loop turn). */
ASSAY_MUST_USE assay_status gpu_launch_for(const gpu_run *run, int id, int64_t n,
                                           const void *arguments);

/* ---- plan.c, batch.c, update.c: the plan part of assay_backend ------------------------------- */

assay_status gpu_compile(assay_session *session, int32_t kind, int32_t max_rows, int32_t max_tokens,
                         assay_plan **ret_plan, assay_error *error);
void gpu_plan_free(assay_plan *plan);
assay_status gpu_plan_run(assay_plan *plan, const assay_batch *batch, const assay_step *step,
                          assay_error *error);
assay_status gpu_plan_read(assay_plan *plan, assay_value value, double *data, uint64_t n,
                           assay_error *error);
/* Where everything of a batch stands in the session's block. */
void gpu_lay_out_batch(assay_plan *plan);
/* Writes batch and step into `block`, laid out so. */
void gpu_fill_batch(assay_plan *plan, const assay_batch *batch, const assay_step *step,
                    unsigned char *block);
/* A block of `bytes` to fill, then its way into session->batch, in the order of the stream. */
assay_status gpu_stage_begin(assay_session *session, void **ret_block, assay_error *error);
assay_status gpu_stage_end(assay_session *session, size_t bytes, assay_error *error);
/* Makes room for blocks of `bytes`. */
assay_status gpu_stage_reserve(assay_session *session, size_t bytes, assay_error *error);
assay_status gpu_compile_update(assay_session *session, const assay_update_config *config,
                                assay_plan **ret_plan, assay_error *error);
assay_status gpu_check_update(const assay_plan *plan, const assay_step *step, assay_error *error);
void gpu_fill_update(const assay_plan *plan, const assay_step *step, void *block);
assay_status gpu_run_update(const gpu_run *run); /* launches only */
assay_status gpu_read_grad_norm(assay_plan *plan, double *ret_norm, assay_error *error);
void gpu_profile(assay_session *session, int32_t on);
uint32_t gpu_read_profile(const assay_plan *plan, assay_profile_entry *entries, uint32_t capacity,
                          uint64_t *ret_nanoseconds, uint64_t *ret_runs);

#endif
