/* SPDX-License-Identifier: MIT */
/* cudnn/graph_attention.c: fused attention over packed tokens, through the graphs of
 * graph_attention_build.c.
 *
 * A graph is for max_rows rows of at most S tokens, S the batch's longest row rounded up to 128.
 * (cuDNN 9.19's backward kernel for sm_90 gives dq that is no number where S % 128 is 64 and a
 * row's logsumexp is under -88.7: github.com/pytorch/pytorch/issues/196678.) Rows behind the
 * batch's last have length 0. Dropout's mask is made by an own kernel in both directions, so that
 * it is the same as every other backend's.
 *
 * State: logsumexp [max_tokens, heads], as the own kernels keep it. Scratch of the gradient: dy .
 * y, the same. The mask stands in the graphs' memory, which all nodes share. */

#include <stdlib.h>

#include "graph_cache.h"

enum { SLOTS = 8, LENGTH_UNIT = 128 };

/* Bytes of a [rows, heads, S, S] array in 16 bits: the mask, and the backward engine's workspace.
 * Above it the own kernels, which need neither, compute a run. */
#define SQUARE_LIMIT ((uint64_t)4 << 30)

typedef struct attention_slot {
    int64_t length; /* 0: empty */
    int masked;
    gpu_graph_entry *entry;
    gpu_places places;
} attention_slot;

typedef struct attention_data {
    attention_slot slots[SLOTS];
    int next; /* slot to give up next */
} attention_data;

/* ---- shapes -------------------------------------------------------------------------------- */

typedef struct attention_sizes {
    int64_t heads, channels; /* H, C */
} attention_sizes;

static attention_sizes sizes_of(const assay_plan *plan, const assay_node *node) {
    uint32_t qkv = node->op == ASSAY_OP_ATTENTION ? 0 : 1;
    return (attention_sizes){node->attrs.heads, (int64_t)gpu_channels(plan, node->inputs[qkv]) / 3};
}

/* The first attention node of the graph: all others of a plan must be like it. */
static const assay_node *first_attention(const assay_plan *plan) {
    const assay_graph_view *graph = plan->session->graph;
    for (uint32_t n = 0; n < plan->n_nodes; n++)
        if (graph->nodes[n].op == ASSAY_OP_ATTENTION)
            return &graph->nodes[n];
    return NULL;
}

int gpu_fused_attention_fits(const assay_plan *plan, const gpu_node *node) {
    const assay_device *device = plan->session->device;
    const assay_node *first = first_attention(plan);
    attention_sizes s = sizes_of(plan, node->node), f;
    if (device->type == GPU_F32 || !first || (device->without & GPU_WITHOUT_ATTENTION))
        return 0;
    f = sizes_of(plan, first);
    return s.heads == f.heads && s.channels == f.channels && s.channels % s.heads == 0 &&
           s.channels / s.heads % 8 == 0 && s.channels / s.heads <= 128 &&
           plan->max_rows * s.heads <= 65535 && plan->max_tokens <= INT32_MAX / (3 * s.channels);
}

static size_t stats_bytes(const assay_plan *plan, const gpu_node *node) {
    return (size_t)plan->max_tokens * (size_t)node->node->attrs.heads * sizeof(float);
}

static int64_t rounded_length(int64_t length) {
    return (length + LENGTH_UNIT - 1) / LENGTH_UNIT * LENGTH_UNIT;
}

static gpu_graph_key make_key(const assay_plan *plan, const gpu_node *node, int32_t kind,
                              int64_t length, int masked) {
    attention_sizes s = sizes_of(plan, node->node);
    gpu_graph_key key;
    memset(&key, 0, sizeof key);
    key.kind = kind;
    key.shape.attention.rows = plan->max_rows;
    key.shape.attention.length = length;
    key.shape.attention.heads = s.heads;
    key.shape.attention.size = s.channels / s.heads;
    key.shape.attention.type = gpu_cudnn_type(plan->session->device->type);
    key.shape.attention.masked = masked;
    key.shape.attention.keep = masked ? (float)(1 - node->node->attrs.probability) : 1;
    key.shape.attention.with_stats = plan->kind == ASSAY_PLAN_ACCUMULATE;
    return key;
}

int gpu_fused_attention_serves(const gpu_run *run, const gpu_node *node) {
    uint64_t length = (uint64_t)rounded_length(run->max_length);
    uint64_t squares = (uint64_t)run->plan->max_rows * (uint64_t)node->node->attrs.heads;
    return node->own && length * length <= SQUARE_LIMIT / 2 / squares;
}

/* ---- graphs of a node ----------------------------------------------------------------------- */

static void slot_done(assay_device *device, attention_slot *slot) {
    gpu_places_done(&device->lib->cudnn, &slot->places);
    gpu_graph_release(device, slot->entry);
    memset(slot, 0, sizeof *slot);
}

/* The node's graph for rows of that length. */
static assay_status get_slot(const assay_plan *plan, const gpu_node *node, int64_t length,
                             int masked, attention_slot **ret_slot, assay_error *error) {
    assay_device *device = plan->session->device;
    attention_data *data = node->own;
    attention_slot *slot;
    gpu_graph_key key;
    assay_status status;
    for (int i = 0; i < SLOTS; i++) {
        slot = &data->slots[i];
        if (slot->length == length && slot->masked == masked) {
            *ret_slot = slot;
            return ASSAY_OK;
        }
    }
    if (device->capturing)
        return assay_fail(error, ASSAY_INTERNAL, "cudnn attention",
                          "a run is captured before one of its length has run");
    slot = &data->slots[data->next];
    slot_done(device, slot);
    key = make_key(plan, node, node->forward ? GPU_GRAPH_ATTENTION_GRAD : GPU_GRAPH_ATTENTION,
                   length, masked);
    status = gpu_graph_get(device, &key, &slot->entry, error);
    if (status != ASSAY_OK)
        return status;
    slot->length = length;
    slot->masked = masked;
    data->next = (data->next + 1) % SLOTS;
    *ret_slot = slot;
    return ASSAY_OK;
}

/* Makes sure that there is a backward graph before the forward one is relied on. */
static assay_status check_backward(const assay_plan *plan, const gpu_node *node, int64_t length,
                                   int masked, assay_error *error) {
    gpu_graph_key key = make_key(plan, node, GPU_GRAPH_ATTENTION_GRAD, length, masked);
    gpu_graph_entry *entry = NULL;
    assay_status status = gpu_graph_get(plan->session->device, &key, &entry, error);
    gpu_graph_release(plan->session->device, entry);
    return status;
}

assay_status gpu_fused_attention_prepare(assay_plan *plan, gpu_node *node, assay_error *error) {
    int masked = plan->kind == ASSAY_PLAN_ACCUMULATE && node->node->attrs.probability > 0;
    int64_t length = rounded_length(plan->max_tokens / plan->max_rows);
    attention_slot *slot;
    assay_status status;
    node->own = calloc(1, sizeof(attention_data));
    if (!node->own)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn", "no memory for an attention");
    if (!node->forward)
        node->state_bytes = stats_bytes(plan, node);
    else
        node->scratch_bytes = stats_bytes(plan, node);
    status = get_slot(plan, node, length, masked, &slot, error);
    if (status == ASSAY_OK && !node->forward && plan->kind == ASSAY_PLAN_ACCUMULATE)
        status = check_backward(plan, node, length, masked, error);
    if (status != ASSAY_OK)
        gpu_fused_attention_release(plan, node);
    return status;
}

void gpu_fused_attention_release(assay_plan *plan, gpu_node *node) {
    attention_data *data = node->own;
    if (!data)
        return;
    for (int i = 0; i < SLOTS; i++)
        slot_done(plan->session->device, &data->slots[i]);
    free(data);
    node->own = NULL;
}

/* ---- what the graphs read besides ------------------------------------------------------------ */

/* int32 from one array of offsets to the next: each begins on 16 bytes. */
size_t gpu_attention_stride(const assay_plan *plan) {
    if (!first_attention(plan) || plan->session->device->type == GPU_F32)
        return 0;
    return ((size_t)plan->max_rows + 1 + 3) / 4 * 4;
}

void gpu_attention_offsets(const assay_plan *plan, const assay_batch *batch, int32_t *offsets) {
    attention_sizes s = sizes_of(plan, first_attention(plan));
    size_t stride = gpu_attention_stride(plan);
    /* Products as 64 bits: where one is too large for 32, gpu_fused_attention_fits has said no. */
    for (int32_t b = 0; b <= plan->max_rows; b++) {
        int64_t begin = batch->offsets[b < batch->n_rows ? b : batch->n_rows];
        offsets[b] = (int32_t)(begin * 3 * s.channels);
        offsets[stride + (size_t)b] = (int32_t)(begin * s.channels);
        offsets[2 * stride + (size_t)b] = (int32_t)(begin * s.heads);
    }
}

/* Dropout's mask for rows of that length in memory that all nodes share. */
static assay_status make_mask(const gpu_run *run, const gpu_node *node, int64_t length,
                              CUdeviceptr *ret_mask) {
    assay_device *device = run->device;
    const assay_plan *plan = run->plan;
    const assay_attrs *attrs = &node->node->attrs;
    size_t blocks = (size_t)plan->max_rows * (size_t)attrs->heads;
    size_t bytes = blocks * (size_t)length * (size_t)length * device->type_bytes;
    gpu_memory *memory = gpu_graph_memory(device);
    gpu_mask_arguments arguments = {.batch = run->header,
                                    .lengths = gpu_batch_array(run, lengths),
                                    .row_keys = gpu_batch_array(run, row_keys),
                                    .length = length,
                                    .heads = attrs->heads,
                                    .stream = attrs->stream,
                                    .threshold = assay_dropout_threshold(attrs->probability)};
    if (!device->capturing) {
        assay_status status =
            gpu_grow(device, memory, bytes, "masks of attention's dropout", run->error);
        if (status != ASSAY_OK)
            return status;
    }
    *ret_mask = arguments.mask = memory->data;
    return gpu_launch(device, gpu_kernel_of(GPU_KERNEL_attention_mask, device->type),
                      (unsigned)((length + GPU_WARPS - 1) / GPU_WARPS), (unsigned)blocks, GPU_BLOCK,
                      0, &arguments, run->error);
}

/* Zeros behind the last token, where there is room. */
static assay_status clear_tail(const gpu_run *run, assay_value value) {
    const assay_plan *plan = run->plan;
    if (run->is_full)
        return ASSAY_OK;
    gpu_tail_arguments arguments = {
        .y = gpu_value(run, value), .batch = run->header, .rows = gpu_rows(plan, value)};
    arguments.units = (int64_t)(gpu_channels(plan, value) * run->device->type_bytes / 16);
    return gpu_launch(run->device, GPU_KERNEL_clear_tail, (unsigned)run->device->multiprocessors, 1,
                      GPU_BLOCK, 0, &arguments, run->error);
}

/* ---- running ------------------------------------------------------------------------------- */

/* Finds the graph, makes the mask, and points to what both directions read. */
static assay_status begin(const gpu_run *run, const gpu_node *node, CUdeviceptr qkv,
                          CUdeviceptr *pointers, attention_slot **ret_slot) {
    const assay_plan *plan = run->plan;
    attention_sizes s = sizes_of(plan, node->node);
    size_t third = (size_t)s.channels * run->device->type_bytes;
    size_t stride = gpu_attention_stride(plan) * sizeof(int32_t);
    int masked = run->dropout && node->node->attrs.probability > 0;
    int64_t length = rounded_length(run->max_length);
    assay_status status = get_slot(plan, node, length, masked, ret_slot, run->error);
    if (status == ASSAY_OK && masked)
        status = make_mask(run, node, length, &pointers[GPU_ATTENTION_MASK]);
    pointers[GPU_ATTENTION_QKV_OFFSETS] = gpu_batch_array(run, attention_offsets);
    pointers[GPU_ATTENTION_Y_OFFSETS] = gpu_batch_array(run, attention_offsets) + stride;
    pointers[GPU_ATTENTION_STATS_OFFSETS] = gpu_batch_array(run, attention_offsets) + 2 * stride;
    pointers[GPU_ATTENTION_LENGTHS] = gpu_batch_array(run, lengths);
    pointers[GPU_ATTENTION_Q] = qkv;
    pointers[GPU_ATTENTION_K] = qkv + third;
    pointers[GPU_ATTENTION_V] = qkv + 2 * third;
    pointers[GPU_ATTENTION_STATS] = gpu_state(run, node);
    return status;
}

assay_status gpu_fused_attention_run(const gpu_run *run, const gpu_node *node) {
    CUdeviceptr pointers[GPU_ATTENTION_TENSORS] = {0};
    attention_slot *slot = NULL;
    assay_status status = begin(run, node, gpu_in(run, node, 0), pointers, &slot);
    pointers[GPU_ATTENTION_Y] = gpu_out(run, node, 0);
    if (status == ASSAY_OK)
        status = gpu_graph_entry_run(run->device, slot->entry, &slot->places, pointers,
                                     GPU_ATTENTION_TENSORS, run->error);
    return status == ASSAY_OK ? clear_tail(run, node->node->outputs[0]) : status;
}

assay_status gpu_fused_attention_grad_run(const gpu_run *run, const gpu_node *node) {
    CUdeviceptr pointers[GPU_ATTENTION_TENSORS] = {0}, dqkv = gpu_out(run, node, 0);
    size_t third = (size_t)sizes_of(run->plan, node->node).channels * run->device->type_bytes;
    attention_slot *slot = NULL;
    assay_status status = begin(run, node, gpu_in(run, node, 1), pointers, &slot);
    pointers[GPU_ATTENTION_Y] = gpu_in(run, node, 2);
    pointers[GPU_ATTENTION_DY] = gpu_in(run, node, 0);
    pointers[GPU_ATTENTION_DQ] = dqkv;
    pointers[GPU_ATTENTION_DK] = dqkv + third;
    pointers[GPU_ATTENTION_DV] = dqkv + 2 * third;
    pointers[GPU_ATTENTION_SUM] = gpu_scratch(run, node);
    if (status == ASSAY_OK)
        status = gpu_graph_entry_run(run->device, slot->entry, &slot->places, pointers,
                                     GPU_ATTENTION_TENSORS, run->error);
    return status == ASSAY_OK ? clear_tail(run, node->node->outputs[0]) : status;
}
