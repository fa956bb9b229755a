/* SPDX-License-Identifier: MIT */
/* offline: the whole split over and over, in batches of rows of like length; the timed part is
 * whole passes, so that every length has its share. arrival: the same in the split's own order.
 *
 * In blocks a part of the split stands for it. For offline the split, longest first, is cut into
 * units of as many rows as the largest batch, and every k-th unit is taken: batches then hold rows
 * as like in length as those of the whole split would, which sorting a small sample could not give.
 */
#include <string.h>

#include "base/error.h"
#include "data/batches.h"
#include "measure/scenario_run.h"

typedef struct offline {
    as_batches *batches;
    void (*order)(as_batches *batches);
    uint64_t n_batches;
    assay_batch batch;  /* without labels: a prediction */
    as_split_rows part; /* in blocks: the rows that stand for the split */
} offline;

static const assay_batch *query(void *self, uint64_t i) {
    offline *o = self;
    if (i % o->n_batches == 0)
        o->order(o->batches);
    o->batch = *as_batches_next(o->batches);
    o->batch.labels = NULL;
    return &o->batch;
}

static int32_t real_tokens(const void *self) {
    return as_batches_real_tokens(((const offline *)self)->batches);
}

/* A block's rows, from a list in the order that they are taken in. */
static assay_status take_part(as_arena *arena, const as_split_rows *split, const as_row *from,
                              uint32_t unit, uint32_t n_units, uint32_t n_taken, offline *o,
                              assay_error *error) {
    uint32_t n = 0;
    as_row *rows = as_arena_alloc_array(arena, (size_t)unit * n_taken, sizeof *rows);
    if (!rows)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "block", "no memory for its rows");
    o->part = *split;
    o->part.rows = rows;
    o->part.longest = 0;
    for (uint32_t k = 0; k < n_taken; k++) {
        /* The middle of the k-th of n_taken equal parts. */
        uint64_t place = ((2 * (uint64_t)k + 1) * n_units / (2 * (uint64_t)n_taken)) * unit;
        for (uint32_t i = 0; i < unit; i++, n++) {
            rows[n] = from[place + i];
            if (rows[n].n_ids > o->part.longest)
                o->part.longest = rows[n].n_ids;
        }
    }
    o->part.n_rows = n;
    return ASSAY_OK;
}

/* The split's rows longest first, ties in its own order. */
static as_row *sorted_rows(as_arena *arena, const as_split_rows *split) {
    as_row *rows = as_arena_alloc_array(arena, split->n_rows, sizeof *rows);
    uint32_t n = 0;
    for (int32_t length = split->longest; rows && length > 0; length--)
        for (uint32_t i = 0; i < split->n_rows; i++)
            if (split->rows[i].n_ids == length)
                rows[n++] = split->rows[i];
    return rows;
}

static assay_status open_with(as_arena *arena, const as_split_rows *split,
                              const as_scenario_config *config, void (*order)(as_batches *),
                              as_sequence *ret_sequence, assay_error *error) {
    assay_status status = ASSAY_OK;
    bool sorts = order == as_batches_by_length;
    uint32_t unit = config->block_unit, wanted = config->block_rows;
    if (split->n_rows == 0 || config->batch < 1)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, sorts ? "offline" : "arrival",
                       "%u rows in batches of %d; expected at least 1 of each",
                       (unsigned)split->n_rows, (int)config->batch);
    offline *o = as_arena_alloc(arena, sizeof *o);
    if (!o)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "scenario", "no memory");
    memset(o, 0, sizeof *o);
    o->order = order;
    const as_split_rows *rows = split;
    if (wanted && wanted < split->n_rows) {
        const as_row *from = sorts ? sorted_rows(arena, split) : split->rows;
        if (!from)
            return as_fail(error, ASSAY_OUT_OF_MEMORY, "offline", "no memory to sort rows");
        if (!sorts) /* the first rows as they come */
            unit = wanted;
        uint32_t n_units = sorts ? split->n_rows / unit : 1, n_taken = sorts ? wanted / unit : 1;
        n_taken = n_taken < 1 ? 1 : n_taken;
        if (unit <= split->n_rows) {
            status = take_part(arena, split, from, unit, n_units, n_taken, o, error);
            rows = &o->part;
        }
    }
    if (status == ASSAY_OK)
        status = as_batches_new(arena, rows, config->batch, &o->batches, error);
    if (status != ASSAY_OK)
        return status;
    o->n_batches = as_batches_count(o->batches);
    *ret_sequence = (as_sequence){.self = o,
                                  .query = query,
                                  .shape = query,
                                  .n_shapes = o->n_batches,
                                  .n_round = o->n_batches,
                                  .n_window = o->n_batches < 8 ? (uint32_t)o->n_batches : 8,
                                  .max_rows = as_batches_max_rows(o->batches),
                                  .real_tokens = real_tokens,
                                  .n_block = o->n_batches};
    return ASSAY_OK;
}

assay_status as_offline_open(as_arena *arena, const as_trainee *trainee, const as_split_rows *split,
                             const as_scenario_config *config, as_sequence *ret_sequence,
                             assay_error *error) {
    (void)trainee;
    return open_with(arena, split, config, as_batches_by_length, ret_sequence, error);
}

assay_status as_arrival_open(as_arena *arena, const as_trainee *trainee, const as_split_rows *split,
                             const as_scenario_config *config, as_sequence *ret_sequence,
                             assay_error *error) {
    (void)trainee;
    return open_with(arena, split, config, as_batches_in_order, ret_sequence, error);
}
