/* SPDX-License-Identifier: MIT */
/* Batches: orders of rows, cut into groups. Sorting by length is a stable counting sort, so that no
 * order needs memory after as_batches_new. */
#include "data/batches.h"

#include "base/error.h"
#include "base/random.h"

struct as_batches {
    const as_split_rows *split;
    uint32_t batch_rows, n_batches;
    uint32_t *order, *scratch; /* [n_rows] places in split->rows */
    uint32_t *sequence;        /* [n_batches] which batch comes when */
    uint32_t *starts;          /* [longest + 2] counting sort */
    uint32_t next;
    int32_t max_tokens;
    assay_batch batch;
    int32_t *ids, *positions, *offsets, *labels;
    uint64_t *row_keys;
    const uint32_t *rows; /* of the latest batch */
};

/* No batch can have more tokens than the batch_rows longest rows together. */
static int64_t most_tokens(const as_split_rows *split, uint32_t batch_rows, uint32_t *counts) {
    int64_t n_tokens = 0;
    uint32_t left = batch_rows;
    for (uint32_t i = 0; i < split->n_rows; i++)
        counts[split->rows[i].n_ids]++;
    for (int32_t length = split->longest; length > 0 && left; length--) {
        uint32_t n = counts[length] < left ? counts[length] : left;
        n_tokens += (int64_t)n * length;
        left -= n;
    }
    return n_tokens;
}

static bool allocate(as_batches *b, as_arena *arena) {
    size_t n_rows = b->split->n_rows, n_tokens = (size_t)b->max_tokens;
    b->order = as_arena_alloc_array(arena, n_rows, sizeof *b->order);
    b->scratch = as_arena_alloc_array(arena, n_rows, sizeof *b->scratch);
    b->sequence = as_arena_alloc_array(arena, b->n_batches, sizeof *b->sequence);
    b->ids = as_arena_alloc_array(arena, n_tokens, sizeof *b->ids);
    b->positions = as_arena_alloc_array(arena, n_tokens, sizeof *b->positions);
    b->offsets = as_arena_alloc_array(arena, (size_t)b->batch_rows + 1, sizeof *b->offsets);
    b->labels = as_arena_alloc_array(arena, b->batch_rows, sizeof *b->labels);
    b->row_keys = as_arena_alloc_array(arena, b->batch_rows, sizeof *b->row_keys);
    return b->order && b->scratch && b->sequence && b->ids && b->positions && b->offsets &&
           b->labels && b->row_keys;
}

assay_status as_batches_new(as_arena *arena, const as_split_rows *split, int32_t batch_rows,
                            as_batches **ret_batches, assay_error *error) {
    as_batches *b = as_arena_alloc(arena, sizeof *b);
    if (!split->n_rows || batch_rows < 1)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, as_split_name(split->split),
                       "batches of %d rows over %u rows; both must be at least 1", batch_rows,
                       split->n_rows);
    uint32_t *starts = as_arena_alloc_array(arena, (size_t)split->longest + 2, sizeof *starts);
    if (!b || !starts)
        goto no_memory;
    b->split = split;
    b->batch_rows = (uint32_t)batch_rows < split->n_rows ? (uint32_t)batch_rows : split->n_rows;
    b->n_batches = (split->n_rows - 1) / b->batch_rows + 1;
    b->starts = starts;
    int64_t n_tokens = most_tokens(split, b->batch_rows, starts);
    if (n_tokens > INT32_MAX)
        return as_fail(error, ASSAY_LIMIT, as_split_name(split->split),
                       "a batch of %u rows can have %lld tokens; at most %d fit", b->batch_rows,
                       (long long)n_tokens, INT32_MAX);
    b->max_tokens = (int32_t)n_tokens;
    if (!allocate(b, arena))
        goto no_memory;
    as_batches_in_order(b);
    *ret_batches = b;
    return ASSAY_OK;
no_memory:
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, as_split_name(split->split),
                      "no memory for batches");
}

/* Stable sort of order[from .. from + n) by length, longest first. */
static void sort_by_length(as_batches *b, uint32_t from, uint32_t n) {
    size_t n_starts = (size_t)b->split->longest + 2;
    uint32_t *order = b->order + from;
    memset(b->starts, 0, n_starts * sizeof *b->starts);
    for (uint32_t i = 0; i < n; i++) /* starts[k + 1]: rows of the k-th longest length */
        b->starts[b->split->longest - b->split->rows[order[i]].n_ids + 1]++;
    for (size_t k = 1; k < n_starts; k++)
        b->starts[k] += b->starts[k - 1];
    for (uint32_t i = 0; i < n; i++)
        b->scratch[b->starts[b->split->longest - b->split->rows[order[i]].n_ids]++] = order[i];
    memcpy(order, b->scratch, n * sizeof *order);
}

static void restart(as_batches *b) {
    for (uint32_t i = 0; i < b->n_batches; i++)
        b->sequence[i] = i;
    b->next = 0;
}

void as_batches_in_order(as_batches *b) {
    for (uint32_t i = 0; i < b->split->n_rows; i++)
        b->order[i] = i;
    restart(b);
}

void as_batches_by_length(as_batches *b) {
    as_batches_in_order(b);
    sort_by_length(b, 0, b->split->n_rows);
}

void as_batches_shuffle(as_batches *b, uint64_t seed, uint64_t epoch) {
    as_random random = as_random_init(seed, as_hash64("batches") ^ epoch);
    uint32_t n_rows = b->split->n_rows;
    uint64_t bucket = (uint64_t)b->batch_rows * AS_BUCKET_BATCHES;
    as_batches_in_order(b);
    as_random_shuffle(&random, b->order, n_rows);
    for (uint64_t from = 0; from < n_rows; from += bucket) {
        uint64_t n = n_rows - from < bucket ? n_rows - from : bucket;
        sort_by_length(b, (uint32_t)from, (uint32_t)n);
    }
    as_random_shuffle(&random, b->sequence, b->n_batches);
}

const assay_batch *as_batches_next(as_batches *b) {
    if (b->next == b->n_batches)
        return NULL;
    uint32_t from = b->sequence[b->next++] * b->batch_rows;
    uint32_t left = b->split->n_rows - from;
    int32_t n_rows = (int32_t)(left < b->batch_rows ? left : b->batch_rows), n_tokens = 0;
    b->rows = b->order + from;
    for (int32_t r = 0; r < n_rows; r++) {
        const as_row *row = &b->split->rows[b->rows[r]];
        b->offsets[r] = n_tokens;
        b->labels[r] = row->label;
        b->row_keys[r] = row->index;
        memcpy(b->ids + n_tokens, row->ids, (size_t)row->n_ids * sizeof *b->ids);
        for (int32_t t = 0; t < row->n_ids; t++)
            b->positions[n_tokens + t] = t;
        n_tokens += row->n_ids;
    }
    b->offsets[n_rows] = n_tokens;
    b->batch = (assay_batch){(uint32_t)sizeof b->batch,
                             n_rows,
                             n_tokens,
                             0,
                             b->ids,
                             b->positions,
                             b->offsets,
                             b->labels,
                             b->row_keys};
    return &b->batch;
}

const uint32_t *as_batches_rows(const as_batches *batches) {
    return batches->rows;
}

uint32_t as_batches_count(const as_batches *batches) {
    return batches->n_batches;
}

int32_t as_batches_max_rows(const as_batches *batches) {
    return (int32_t)batches->batch_rows;
}

int32_t as_batches_max_tokens(const as_batches *batches) {
    return batches->max_tokens;
}
