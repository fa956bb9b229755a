/* SPDX-License-Identifier: MIT */
/* Batches: orders of rows, cut into groups. Sorting by length is a stable counting sort, so that no
 * order needs memory after as_batches_open. */
#include "data/batches.h"

#include <assert.h>
#include <math.h>

#include "base/error.h"
#include "base/random.h"

struct as_batches {
    const as_split_rows *split;
    as_batches_config config; /* batch_rows: no more than the split has */
    uint64_t bucket_rows;
    uint32_t *order, *scratch; /* [n_rows] places in split->rows */
    uint32_t n_batches;
    uint32_t *cuts;     /* [n_batches + 1] where batches start in order */
    uint32_t *sequence; /* [n_batches] which batch comes when */
    uint32_t *starts;   /* [longest + 2] counting sort */
    double *cumulative; /* [n_rows] sums of the row weights; NULL: none */
    uint32_t next;
    int32_t max_rows, max_tokens;
    assay_batch batch;
    int32_t n_real; /* tokens of the latest batch's texts, without padding */
    int32_t *ids, *positions, *offsets, *labels;
    float *token_weights; /* NULL: none */
    uint64_t *row_keys;
    const uint32_t *rows; /* of the latest batch */
};

static int32_t length_of(const as_batches *b, uint32_t place) {
    return b->split->lengths ? b->split->lengths[place] : b->split->rows[place].n_ids;
}

/* ---- bounds -----------------------------------------------------------------------------------*/

/* No batch can have more tokens than the batch_rows longest rows together; drawn with replacement,
 * than the longest row as often. counts[length]. */
static int64_t most_tokens(const as_batches *b, const uint32_t *counts) {
    int64_t n_tokens = 0, budget = b->config.batch_tokens;
    uint32_t left = (uint32_t)b->config.batch_rows;
    for (int32_t length = b->split->longest; length > 0 && left; length--) {
        uint32_t there = b->cumulative && counts[length] ? left : counts[length];
        uint32_t n = there < left ? there : left;
        n_tokens += (int64_t)n * length;
        left -= n;
    }
    if (budget && budget < b->split->longest)
        budget = b->split->longest;
    return budget && budget < n_tokens ? budget : n_tokens;
}

/* As many of the shortest rows as the budget holds. */
static int32_t most_rows(const as_batches *b, const uint32_t *counts) {
    int64_t budget = b->config.batch_tokens, n_rows = 0;
    if (!budget)
        return b->config.batch_rows;
    for (int32_t length = 1; length <= b->split->longest && budget >= length; length++) {
        int64_t fit = budget / length;
        int64_t there = b->cumulative && counts[length] ? fit : counts[length];
        int64_t n = there < fit ? there : fit;
        n_rows += n;
        budget -= n * length;
    }
    n_rows = n_rows < 1 ? 1 : n_rows;
    return n_rows < b->config.batch_rows ? (int32_t)n_rows : b->config.batch_rows;
}

/* Rows of 50 batches of the usual length. */
static uint64_t bucket_of(const as_batches *b, uint64_t n_tokens) {
    uint64_t rows = (uint64_t)b->config.batch_rows;
    if (b->config.batch_tokens) {
        uint64_t fit = (uint64_t)b->config.batch_tokens * b->split->n_rows / n_tokens;
        rows = fit < rows ? fit : rows;
    }
    return (rows ? rows : 1) * AS_BUCKET_BATCHES;
}

/* ---- memory -----------------------------------------------------------------------------------*/

static bool allocate(as_batches *b, as_arena *arena) {
    size_t n_rows = b->split->n_rows, n_tokens = (size_t)b->max_tokens,
           batch_rows = (size_t)b->config.batch_rows;
    /* A budget may make each row a batch. */
    size_t n_batches = b->config.batch_tokens ? n_rows : (n_rows - 1) / batch_rows + 1;
    b->order = as_arena_alloc_array(arena, n_rows, sizeof *b->order);
    b->scratch = as_arena_alloc_array(arena, n_rows, sizeof *b->scratch);
    b->cuts = as_arena_alloc_array(arena, n_batches + 1, sizeof *b->cuts);
    b->sequence = as_arena_alloc_array(arena, n_batches, sizeof *b->sequence);
    b->ids = as_arena_alloc_array(arena, n_tokens, sizeof *b->ids);
    b->positions = as_arena_alloc_array(arena, n_tokens, sizeof *b->positions);
    b->offsets = as_arena_alloc_array(arena, batch_rows + 1, sizeof *b->offsets);
    b->labels = as_arena_alloc_array(arena, batch_rows, sizeof *b->labels);
    b->row_keys = as_arena_alloc_array(arena, batch_rows, sizeof *b->row_keys);
    if (b->split->rows[0].weights)
        b->token_weights = as_arena_alloc_array(arena, n_tokens, sizeof *b->token_weights);
    return b->order && b->scratch && b->cuts && b->sequence && b->ids && b->positions &&
           b->offsets && b->labels && b->row_keys &&
           (b->token_weights || !b->split->rows[0].weights);
}

static assay_status add_up_weights(as_batches *b, as_arena *arena, assay_error *error) {
    const float *weights = b->config.row_weights;
    double sum = 0;
    if (!weights)
        return ASSAY_OK;
    b->cumulative = as_arena_alloc_array(arena, b->split->n_rows, sizeof *b->cumulative);
    if (!b->cumulative)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, as_split_name(b->split->split),
                          "no memory for row weights");
    for (uint32_t i = 0; i < b->split->n_rows; i++) {
        if (!isfinite(weights[i]) || weights[i] < 0)
            return as_fail(error, ASSAY_INVALID_ARGUMENT, as_split_name(b->split->split),
                           "row %u has the weight %g; expected a finite number, 0 or above", i,
                           (double)weights[i]);
        b->cumulative[i] = sum += (double)weights[i];
    }
    return sum > 0 ? ASSAY_OK
                   : assay_fail(error, ASSAY_INVALID_ARGUMENT, as_split_name(b->split->split),
                                "all rows have the weight 0; at least one must be drawn");
}

static assay_status check(const as_split_rows *split, const as_batches_config *config,
                          assay_error *error) {
    if (!split->n_rows || config->batch_rows < 1)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, as_split_name(split->split),
                       "batches of %d rows over %u rows; both must be at least 1",
                       (int)config->batch_rows, split->n_rows);
    if (config->batch_tokens < 0)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, as_split_name(split->split),
                       "batches of %d tokens; at least 1 is needed, or 0 for no budget",
                       (int)config->batch_tokens);
    return ASSAY_OK;
}

assay_status as_batches_open(as_arena *arena, const as_split_rows *split,
                             const as_batches_config *config, as_batches **ret_batches,
                             assay_error *error) {
    assay_status status = check(split, config, error);
    if (status != ASSAY_OK)
        return status;
    as_batches *b = as_arena_alloc(arena, sizeof *b);
    uint32_t *counts = as_arena_alloc_array(arena, (size_t)split->longest + 2, sizeof *counts);
    uint64_t n_tokens = 0;
    if (!b || !counts)
        goto no_memory;
    b->split = split;
    b->config = *config;
    if ((uint32_t)config->batch_rows > split->n_rows)
        b->config.batch_rows = (int32_t)split->n_rows;
    b->starts = counts;
    for (uint32_t i = 0; i < split->n_rows; i++) {
        int32_t length = length_of(b, i);
        assert(length >= split->rows[i].n_ids && split->rows[i].n_ids >= 1);
        assert(length <= split->longest);
        assert(!split->rows[i].weights == !split->rows[0].weights);
        counts[length]++;
        n_tokens += (uint64_t)length;
    }
    if ((status = add_up_weights(b, arena, error)) != ASSAY_OK)
        return status;
    int64_t most = most_tokens(b, counts);
    if (most > INT32_MAX)
        return as_fail(error, ASSAY_LIMIT, as_split_name(split->split),
                       "a batch of %d rows can have %lld tokens; at most %d fit",
                       (int)b->config.batch_rows, (long long)most, INT32_MAX);
    b->max_tokens = (int32_t)most;
    b->max_rows = most_rows(b, counts);
    b->bucket_rows = bucket_of(b, n_tokens);
    if (!allocate(b, arena))
        goto no_memory;
    as_batches_in_order(b);
    *ret_batches = b;
    return ASSAY_OK;
no_memory:
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, as_split_name(split->split),
                      "no memory for batches");
}

assay_status as_batches_new(as_arena *arena, const as_split_rows *split, int32_t batch_rows,
                            as_batches **ret_batches, assay_error *error) {
    const as_batches_config config = {.batch_rows = batch_rows};
    return as_batches_open(arena, split, &config, ret_batches, error);
}

/* ---- orders -----------------------------------------------------------------------------------*/

/* Stable sort of order[from .. from + n) by length, longest first. */
static void sort_by_length(as_batches *b, uint32_t from, uint32_t n) {
    size_t n_starts = (size_t)b->split->longest + 2;
    uint32_t *order = b->order + from;
    memset(b->starts, 0, n_starts * sizeof *b->starts);
    for (uint32_t i = 0; i < n; i++) /* starts[k + 1]: rows of the k-th longest length */
        b->starts[b->split->longest - length_of(b, order[i]) + 1]++;
    for (size_t k = 1; k < n_starts; k++)
        b->starts[k] += b->starts[k - 1];
    for (uint32_t i = 0; i < n; i++)
        b->scratch[b->starts[b->split->longest - length_of(b, order[i])]++] = order[i];
    memcpy(order, b->scratch, n * sizeof *order);
}

/* Cuts order[from .. from + n) into batches, after those there are. */
static void cut(as_batches *b, uint32_t from, uint32_t n) {
    int64_t budget = b->config.batch_tokens, n_tokens = 0;
    int32_t n_rows = 0;
    for (uint32_t i = from; i < from + n; i++) {
        int32_t length = length_of(b, b->order[i]);
        if (!n_rows || n_rows == b->config.batch_rows || (budget && n_tokens + length > budget)) {
            b->sequence[b->n_batches] = b->n_batches;
            b->cuts[b->n_batches++] = i;
            n_rows = 0;
            n_tokens = 0;
        }
        n_rows++;
        n_tokens += length;
    }
    b->cuts[b->n_batches] = from + n;
}

static void restart(as_batches *b) {
    b->n_batches = 0;
    b->next = 0;
    for (uint32_t i = 0; i < b->split->n_rows; i++)
        b->order[i] = i;
}

void as_batches_in_order(as_batches *b) {
    restart(b);
    cut(b, 0, b->split->n_rows);
}

void as_batches_by_length(as_batches *b) {
    restart(b);
    sort_by_length(b, 0, b->split->n_rows);
    cut(b, 0, b->split->n_rows);
}

/* A row with probability weight / sum: the first whose cumulative weight passes the number drawn,
 * which a row of weight 0 never is. */
static uint32_t draw_row(const as_batches *b, as_random *random) {
    uint32_t low = 0, high = b->split->n_rows - 1;
    double sum = b->cumulative[high], x;
    do
        x = as_random_uniform(random) * sum;
    while (x >= sum); /* by rounding */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (b->cumulative[middle] > x)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void as_batches_shuffle(as_batches *b, uint64_t seed, uint64_t epoch) {
    as_random random = as_random_init(seed, as_hash64("batches") ^ epoch);
    uint32_t n_rows = b->split->n_rows;
    restart(b);
    if (b->cumulative)
        for (uint32_t i = 0; i < n_rows; i++)
            b->order[i] = draw_row(b, &random);
    else
        as_random_shuffle(&random, b->order, n_rows);
    for (uint64_t from = 0; from < n_rows; from += b->bucket_rows) {
        uint64_t n = n_rows - from < b->bucket_rows ? n_rows - from : b->bucket_rows;
        sort_by_length(b, (uint32_t)from, (uint32_t)n);
        cut(b, (uint32_t)from, (uint32_t)n);
    }
    as_random_shuffle(&random, b->sequence, b->n_batches);
}

/* ---- batches ----------------------------------------------------------------------------------*/

const assay_batch *as_batches_next(as_batches *b) {
    if (b->next == b->n_batches)
        return NULL;
    uint32_t which = b->sequence[b->next++], from = b->cuts[which];
    int32_t n_rows = (int32_t)(b->cuts[which + 1] - from), n_tokens = 0;
    b->rows = b->order + from;
    b->n_real = 0;
    for (int32_t r = 0; r < n_rows; r++) {
        const as_row *row = &b->split->rows[b->rows[r]];
        size_t n_ids = (size_t)row->n_ids;
        b->offsets[r] = n_tokens;
        b->labels[r] = row->label;
        b->row_keys[r] = row->index;
        memcpy(b->ids + n_tokens, row->ids, n_ids * sizeof *b->ids);
        if (b->token_weights)
            memcpy(b->token_weights + n_tokens, row->weights, n_ids * sizeof *b->token_weights);
        for (int32_t t = 0; t < row->n_ids; t++)
            b->positions[n_tokens + t] = t;
        n_tokens += row->n_ids;
        b->n_real += length_of(b, b->rows[r]) - row->n_padding;
    }
    b->offsets[n_rows] = n_tokens;
    b->batch = (assay_batch){.struct_size = (uint32_t)sizeof b->batch,
                             .n_rows = n_rows,
                             .n_tokens = n_tokens,
                             .flags = b->next == b->n_batches ? ASSAY_BATCH_LAST : 0,
                             .ids = b->ids,
                             .positions = b->positions,
                             .offsets = b->offsets,
                             .labels = b->labels,
                             .row_keys = b->row_keys,
                             .token_weights = b->token_weights};
    return &b->batch;
}

const uint32_t *as_batches_rows(const as_batches *batches) {
    return batches->rows;
}

int32_t as_batches_real_tokens(const as_batches *batches) {
    return batches->n_real;
}

uint32_t as_batches_count(const as_batches *batches) {
    return batches->n_batches;
}

int32_t as_batches_max_rows(const as_batches *batches) {
    return batches->max_rows;
}

int32_t as_batches_max_tokens(const as_batches *batches) {
    return batches->max_tokens;
}

void as_batches_padding(const as_batches *b, uint64_t *ret_real_tokens,
                        uint64_t *ret_padded_tokens) {
    uint64_t n_real = 0, n_padded = 0;
    for (uint32_t k = 0; k < b->n_batches; k++) {
        uint64_t longest = 0;
        for (uint32_t i = b->cuts[k]; i < b->cuts[k + 1]; i++) {
            uint64_t length = (uint64_t)length_of(b, b->order[i]);
            longest = length > longest ? length : longest;
            n_real += length - (uint64_t)b->split->rows[b->order[i]].n_padding;
        }
        n_padded += longest * (b->cuts[k + 1] - b->cuts[k]);
    }
    *ret_real_tokens = n_real;
    *ret_padded_tokens = n_padded;
}
