/* SPDX-License-Identifier: MIT */
/* single_stream: every query is one row, in an order drawn from the seed; all rows come once before
 * any comes again. one_text: the same with the rows of at least AS_ONE_TEXT_TOKENS tokens, cut to
 * so many, so that every query is the same amount of work. */
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "measure/scenario_run.h"

typedef struct single_stream {
    const as_split_rows *split;
    int32_t cut;     /* tokens of a row at most; 0: all */
    uint32_t *order; /* [n_order] */
    uint32_t n_order;
    uint32_t *shapes; /* [n_shapes] one row of each length */
    uint64_t n_shapes;
    int32_t *positions; /* [longest] 0, 1, ... */
    int32_t offsets[2];
    uint64_t row_key;
    int32_t n_padding; /* of the latest row */
    assay_batch batch;
} single_stream;

static const assay_batch *one_row(single_stream *s, uint32_t place) {
    const as_row *row = &s->split->rows[place];
    int32_t n_ids = s->cut ? s->cut : row->n_ids;
    s->offsets[1] = n_ids;
    s->row_key = row->index;
    s->n_padding = s->cut ? 0 : row->n_padding;
    s->batch = (assay_batch){(uint32_t)sizeof s->batch,
                             1,
                             n_ids,
                             0,
                             row->ids,
                             s->positions,
                             s->offsets,
                             NULL,
                             &s->row_key,
                             row->weights};
    return &s->batch;
}

static const assay_batch *query(void *self, uint64_t i) {
    single_stream *s = self;
    return one_row(s, s->order[i % s->n_order]);
}

static const assay_batch *shape(void *self, uint64_t i) {
    single_stream *s = self;
    return one_row(s, s->shapes[i]);
}

static int32_t real_tokens(const void *self) {
    const single_stream *s = self;
    return s->batch.n_tokens - s->n_padding;
}

static assay_status prepare(as_arena *arena, const as_split_rows *split, int32_t cut, uint64_t seed,
                            single_stream *s, assay_error *error) {
    size_t longest = (size_t)split->longest;
    as_random random = as_random_init(seed, as_hash64("single_stream"));
    bool *seen = as_arena_alloc_array(arena, longest + 1, sizeof *seen);
    s->split = split;
    s->cut = cut;
    s->order = as_arena_alloc_array(arena, split->n_rows, sizeof *s->order);
    s->shapes = as_arena_alloc_array(arena, longest + 1, sizeof *s->shapes);
    s->positions = as_arena_alloc_array(arena, longest, sizeof *s->positions);
    if (!seen || !s->order || !s->shapes || !s->positions)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "single_stream",
                       "no memory for the order of %u rows", (unsigned)split->n_rows);
    for (uint32_t row = 0; row < split->n_rows; row++) {
        int32_t n = split->rows[row].n_ids - split->rows[row].n_padding;
        if (n < cut)
            continue;
        n = cut ? cut : split->rows[row].n_ids;
        s->order[s->n_order++] = row;
        if (!seen[n])
            s->shapes[s->n_shapes++] = row;
        seen[n] = true;
    }
    for (size_t i = 0; i < longest; i++)
        s->positions[i] = (int32_t)i;
    as_random_shuffle(&random, s->order, s->n_order);
    return ASSAY_OK;
}

static assay_status open_cut(as_arena *arena, const as_split_rows *split, int32_t cut,
                             const as_scenario_config *config, as_sequence *ret_sequence,
                             assay_error *error) {
    if (split->n_rows == 0)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "single_stream",
                       "the %s split has no rows to query", as_split_name(split->split));
    single_stream *s = as_arena_alloc(arena, sizeof *s);
    if (!s)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "single_stream", "no memory");
    memset(s, 0, sizeof *s);
    assay_status status = prepare(arena, split, cut, config->seed, s, error);
    if (status != ASSAY_OK)
        return status;
    if (s->n_order == 0)
        return as_fail(error, ASSAY_UNSUPPORTED, "one_text",
                       "the %s split has no text of %d tokens", as_split_name(split->split),
                       (int)cut);
    *ret_sequence = (as_sequence){.self = s,
                                  .query = query,
                                  .shape = shape,
                                  .n_shapes = s->n_shapes,
                                  .n_round = 1,
                                  .n_window = 32,
                                  .max_rows = 1,
                                  .real_tokens = real_tokens,
                                  .n_block = config->block_queries};
    return ASSAY_OK;
}

assay_status as_single_stream_open(as_arena *arena, const as_trainee *trainee,
                                   const as_split_rows *split, const as_scenario_config *config,
                                   as_sequence *ret_sequence, assay_error *error) {
    (void)trainee;
    return open_cut(arena, split, 0, config, ret_sequence, error);
}

assay_status as_one_text_open(as_arena *arena, const as_trainee *trainee,
                              const as_split_rows *split, const as_scenario_config *config,
                              as_sequence *ret_sequence, assay_error *error) {
    (void)trainee;
    return open_cut(arena, split, AS_ONE_TEXT_TOKENS, config, ret_sequence, error);
}
