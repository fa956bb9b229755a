/* SPDX-License-Identifier: MIT */
/* cudnn/batch.c: a batch on its way to the device, written into a block in the layout that kernels
 * read (gpu_batch_layout). */
#include "internal.h"

static uint32_t take(uint32_t *bytes, uint32_t size) {
    uint32_t offset = *bytes;
    *bytes += (size + 15) / 16 * 16;
    return offset;
}

void gpu_lay_out_batch(assay_plan *plan) {
    gpu_batch_layout *layout = &plan->layout;
    uint32_t rows = (uint32_t)plan->max_rows, tokens = (uint32_t)plan->max_tokens;
    uint32_t bytes = 0;
    (void)take(&bytes, (uint32_t)sizeof(gpu_batch));
    layout->row_keys = take(&bytes, rows * 8);
    layout->offsets = take(&bytes, (rows + 1) * 4);
    layout->lengths = take(&bytes, rows * 4);
    layout->labels = take(&bytes, rows * 4);
    layout->ids = take(&bytes, tokens * 4);
    layout->positions = take(&bytes, tokens * 4);
    layout->token_row = take(&bytes, tokens * 4);
    layout->token_weights = take(&bytes, tokens * 4);
    for (int s = 0; s < GPU_SORTED_COUNT; s++) {
        uint32_t n = plan->is_sorted[s] ? tokens : 0;
        layout->order[s] = take(&bytes, n * 4);
        layout->segments[s] = take(&bytes, (n + 1) * 4);
    }
    layout->time_order = take(&bytes, plan->sorted_lengths ? tokens * 4 : 0);
    layout->time_place = take(&bytes, plan->sorted_lengths ? tokens * 4 : 0);
    layout->attention_offsets = take(&bytes, 3 * 4 * (uint32_t)gpu_attention_stride(plan));
    layout->bytes = bytes;
}

/* to [capacity] = from [n] (NULL: zeros), zeros behind */
static void copy_padded(void *to, const void *from, size_t n, size_t capacity, size_t element) {
    if (!from)
        n = 0;
    if (n)
        memcpy(to, from, n * element);
    memset((unsigned char *)to + n * element, 0, (capacity - n) * element);
}

static void fill_rows(const assay_plan *plan, const assay_batch *batch, unsigned char *block) {
    const gpu_batch_layout *layout = &plan->layout;
    int32_t *offsets = (int32_t *)(void *)(block + layout->offsets);
    int32_t *lengths = (int32_t *)(void *)(block + layout->lengths);
    int32_t *token_row = (int32_t *)(void *)(block + layout->token_row);
    for (int32_t b = 0; b < plan->max_rows; b++) {
        int is_row = b < batch->n_rows;
        offsets[b] = is_row ? batch->offsets[b] : batch->n_tokens;
        lengths[b] = is_row ? batch->offsets[b + 1] - batch->offsets[b] : 0;
        for (int32_t t = 0; t < lengths[b]; t++)
            token_row[offsets[b] + t] = b;
    }
    offsets[plan->max_rows] = batch->n_tokens;
    for (int32_t t = batch->n_tokens; t < plan->max_tokens; t++)
        token_row[t] = -1;
}

enum { RADIX_BITS = 11, RADIX = 1 << RADIX_BITS };

/* One stable pass over RADIX_BITS of the keys: to = from sorted by them. */
static void radix_pass(const int32_t *keys, const int32_t *from, int32_t *to, int32_t n,
                       int shift) {
    int32_t counts[RADIX] = {0}, begin = 0;
    for (int32_t i = 0; i < n; i++)
        counts[(keys[from[i]] >> shift) & (RADIX - 1)]++;
    for (int d = 0; d < RADIX; d++) {
        int32_t count = counts[d];
        counts[d] = begin;
        begin += count;
    }
    for (int32_t i = 0; i < n; i++)
        to[counts[(keys[from[i]] >> shift) & (RADIX - 1)]++] = from[i];
}

/* Tokens in the order of their keys, equal ones in their own, and where each key's begin. Returns
 * the number of different keys. */
static int32_t sort_tokens(assay_plan *plan, const int32_t *keys, int32_t n, int32_t *ret_order,
                           int32_t *ret_segments) {
    int32_t *from = plan->sorting, *to = plan->sorting + plan->max_tokens;
    int32_t largest = 0, n_segments = 0;
    for (int32_t i = 0; i < n; i++) {
        from[i] = i;
        largest = keys[i] > largest ? keys[i] : largest;
    }
    for (int shift = 0; shift < 31 && largest >> shift; shift += RADIX_BITS) {
        int32_t *swap = from;
        radix_pass(keys, from, to, n, shift);
        from = to;
        to = swap;
    }
    memcpy(ret_order, from, (size_t)n * sizeof *from);
    for (int32_t i = 0; i < n; i++)
        if (i == 0 || keys[from[i]] != keys[from[i - 1]])
            ret_segments[n_segments++] = i;
    ret_segments[n_segments] = n;
    return n_segments;
}

void gpu_fill_batch(assay_plan *plan, const assay_batch *batch, const assay_step *step,
                    unsigned char *block) {
    const gpu_batch_layout *layout = &plan->layout;
    gpu_batch *head = (gpu_batch *)(void *)block;
    size_t rows = (size_t)plan->max_rows, tokens = (size_t)plan->max_tokens;
    size_t n_rows = (size_t)batch->n_rows, n_tokens = (size_t)batch->n_tokens;
    int trains = plan->kind == ASSAY_PLAN_ACCUMULATE;
    *head = (gpu_batch){.n_rows = batch->n_rows,
                        .n_tokens = batch->n_tokens,
                        .dropout = trains && step->dropout,
                        .loss_scale = trains ? (float)step->loss_scale : 0,
                        .seed = trains ? step->seed : 0};
    copy_padded(block + layout->ids, batch->ids, n_tokens, tokens, sizeof(int32_t));
    copy_padded(block + layout->positions, batch->positions, n_tokens, tokens, sizeof(int32_t));
    copy_padded(block + layout->labels, batch->labels, n_rows, rows, sizeof(int32_t));
    copy_padded(block + layout->row_keys, batch->row_keys, n_rows, rows, sizeof(uint64_t));
    copy_padded(block + layout->token_weights,
                ASSAY_HAS_FIELD(batch, assay_batch, token_weights) ? batch->token_weights : NULL,
                n_tokens, tokens, sizeof(float));
    fill_rows(plan, batch, block);
    if (plan->sorted_lengths)
        gpu_order_by_time(batch, plan->sorted_lengths,
                          (int32_t *)(void *)(block + layout->time_order),
                          (int32_t *)(void *)(block + layout->time_place));
    if (gpu_attention_stride(plan))
        gpu_attention_offsets(plan, batch, (int32_t *)(void *)(block + layout->attention_offsets));
    for (int s = 0; s < GPU_SORTED_COUNT; s++)
        if (plan->is_sorted[s])
            head->n_segments[s] =
                sort_tokens(plan, s == GPU_SORTED_POSITIONS ? batch->positions : batch->ids,
                            batch->n_tokens, (int32_t *)(void *)(block + layout->order[s]),
                            (int32_t *)(void *)(block + layout->segments[s]));
}
