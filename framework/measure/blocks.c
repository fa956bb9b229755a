/* SPDX-License-Identifier: MIT */
/* Blocks of a scenario. The choice among batch sizes is made in the warm-up, on the block's own
 * rows, once: no figure of a block takes part in it. */
#include "measure/blocks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "measure/scenario_run.h"

enum { MAX_BLOCK_QUERIES = 1 << 20 };

struct as_meter {
    as_arena *arena;
    const as_scenario *scenario;
    const as_trainee *trainee;
    const assay_graph_view *view;
    as_scenario_config config;
    as_blocks_config blocks;
    as_sequence sequences[AS_BLOCKS_MAX_BATCHES]; /* one a batch size */
    int32_t batches[AS_BLOCKS_MAX_BATCHES];
    size_t n_sequences, chosen;
    double *logits;     /* [most rows, n_classes] */
    double round_flops; /* of all queries of a block once */
    int64_t told_ns;
};

static int64_t clock_ns(const as_meter *m) {
    return m->config.clock_ns ? m->config.clock_ns(m->config.clock_context) : as_clock_ns();
}

static void tell(as_meter *m, double share) {
    as_train_progress progress = {m->scenario->name, 0, 0, share, NAN, NAN, NAN, 0};
    int64_t now_ns = as_clock_ns();
    if (!m->config.observer.progress || now_ns - m->told_ns < INT64_C(100000000))
        return;
    m->told_ns = now_ns;
    m->config.observer.progress(m->config.observer.context, &progress);
}

/* ---- opening --------------------------------------------------------------------------------- */

static void list_batches(as_meter *m) {
    bool choice = m->scenario->is_batched && m->blocks.n_batches > 0;
    m->n_sequences = choice ? m->blocks.n_batches : 1;
    for (size_t i = 0; i < m->n_sequences; i++)
        m->batches[i] = choice ? m->blocks.batches[i] : m->config.batch;
}

static int32_t largest_batch(const as_meter *m) {
    int32_t most = 1;
    for (size_t i = 0; i < m->n_sequences; i++)
        most = m->batches[i] > most ? m->batches[i] : most;
    return most;
}

static assay_status open_sequences(as_meter *m, const as_split_rows *split, assay_error *error) {
    int32_t most_rows = 1;
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < m->n_sequences; i++) {
        m->config.batch = m->batches[i];
        status =
            m->scenario->open(m->arena, m->trainee, split, &m->config, &m->sequences[i], error);
        if (status == ASSAY_OK && m->sequences[i].max_rows > most_rows)
            most_rows = m->sequences[i].max_rows;
    }
    if (status != ASSAY_OK)
        return status;
    m->logits = as_arena_alloc_array(m->arena, (size_t)most_rows,
                                     (size_t)m->trainee->n_classes * sizeof *m->logits);
    return m->logits
               ? ASSAY_OK
               : as_fail(error, ASSAY_OUT_OF_MEMORY, m->scenario->name, "no memory for logits");
}

assay_status as_meter_open(as_arena *arena, const as_scenario *scenario, const as_trainee *trainee,
                           const as_split_rows *split, const as_scenario_config *config,
                           const as_blocks_config *blocks, const assay_graph_view *view,
                           as_meter **ret_meter, assay_error *error) {
    as_meter *m = as_arena_alloc(arena, sizeof *m);
    if (!m)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, scenario->name, "no memory");
    memset(m, 0, sizeof *m);
    m->arena = arena;
    m->scenario = scenario;
    m->trainee = trainee;
    m->view = view;
    m->config = *config;
    m->blocks = *blocks;
    list_batches(m);
    m->config.block_unit = (uint32_t)largest_batch(m);
    m->config.block_rows = blocks->rows;
    m->config.block_queries = scenario->split == AS_SPLIT_TRAIN ? blocks->steps : blocks->queries;
    assay_status status = open_sequences(m, split, error);
    if (status == ASSAY_OK)
        *ret_meter = m;
    return status;
}

int32_t as_meter_batch(const as_meter *m) {
    return m->scenario->is_latency ? 1 : m->batches[m->chosen];
}

/* ---- running --------------------------------------------------------------------------------- */

static assay_status run_query(as_meter *m, uint64_t i, as_timed_query *ret_query,
                              assay_error *error) {
    const as_sequence *s = &m->sequences[m->chosen];
    const assay_batch *batch = s->query(s->self, i);
    int64_t start_ns = clock_ns(m);
    assay_status status = as_sequence_query(s, m->trainee, batch, m->logits, error);
    int64_t end_ns = clock_ns(m);
    if (status == ASSAY_OK)
        *ret_query = (as_timed_query){batch->n_rows, s->real_tokens(s->self), end_ns - start_ns};
    return status;
}

static assay_status run_once(as_meter *m, double *ret_seconds, assay_error *error) {
    uint64_t n = m->sequences[m->chosen].n_block;
    int64_t start_ns = clock_ns(m);
    assay_status status = ASSAY_OK;
    for (uint64_t i = 0; status == ASSAY_OK && i < n; i++) {
        as_timed_query query;
        status = run_query(m, i, &query, error);
        tell(m, (double)i / (double)n);
    }
    *ret_seconds = (double)(clock_ns(m) - start_ns) * 1e-9;
    return status;
}

/* Operations of the block's queries by the graph. */
static assay_status count_flops(as_meter *m, assay_error *error) {
    const as_sequence *s = &m->sequences[m->chosen];
    return as_sequence_flops(s, m->scenario, m->view, s->n_block, &m->round_flops, error);
}

assay_status as_meter_warm(as_meter *m, assay_error *error) {
    double best = INFINITY, seconds;
    size_t best_of = 0;
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < m->n_sequences; i++) {
        m->chosen = i;
        status = run_once(m, &seconds, error);
        if (status == ASSAY_OK)
            status = run_once(m, &seconds, error);
        if (status == ASSAY_OK && seconds < best) {
            best = seconds;
            best_of = i;
        }
    }
    m->chosen = best_of;
    return status == ASSAY_OK ? count_flops(m, error) : status;
}

static bool add_query(as_timed_query **queries, size_t *capacity, size_t n,
                      const as_timed_query *query) {
    if (n == *capacity) {
        size_t wider = *capacity ? 2 * *capacity : 256;
        as_timed_query *more = realloc(*queries, wider * sizeof *more);
        if (!more)
            return false;
        *queries = more;
        *capacity = wider;
    }
    (*queries)[n] = *query;
    return true;
}

/* The timed part; *ret_queries is the caller's to free, whatever the status. */
static assay_status run_timed(as_meter *m, as_block_result *block, as_timed_query **ret_queries,
                              assay_error *error) {
    uint64_t n_block = m->sequences[m->chosen].n_block;
    size_t capacity = 0, n_passes = 0;
    int64_t start_ns = clock_ns(m);
    do {
        for (uint64_t i = 0; i < n_block; i++) {
            as_timed_query query;
            assay_status status = run_query(m, i, &query, error);
            if (status != ASSAY_OK)
                return status;
            if (!add_query(ret_queries, &capacity, block->n_queries, &query))
                return as_fail(error, ASSAY_OUT_OF_MEMORY, m->scenario->name,
                               "no memory for queries");
            block->n_queries++;
            block->n_rows += (uint64_t)query.n_rows;
            block->n_tokens += (uint64_t)query.n_tokens;
            block->seconds = (double)(clock_ns(m) - start_ns) * 1e-9;
            tell(m, fmin(1, block->seconds / fmax(m->blocks.seconds, 1e-9)));
        }
        n_passes++;
    } while (block->seconds < m->blocks.seconds && block->n_queries < MAX_BLOCK_QUERIES);
    block->flops = m->round_flops * (double)n_passes;
    return ASSAY_OK;
}

assay_status as_meter_block(as_meter *m, as_block_result *ret_block, assay_error *error) {
    as_block_result block = {NULL, 0, 0, 0, 0, NAN};
    as_timed_query *queries = NULL, *kept = NULL;
    assay_status status = run_timed(m, &block, &queries, error);
    if (status == ASSAY_OK &&
        !(kept = as_arena_alloc_array(m->arena, block.n_queries, sizeof *kept)))
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, m->scenario->name, "no memory for queries");
    if (status == ASSAY_OK) {
        memcpy(kept, queries, block.n_queries * sizeof *kept);
        block.queries = kept;
        *ret_block = block;
    }
    free(queries);
    return status;
}
