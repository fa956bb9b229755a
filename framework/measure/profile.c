/* SPDX-License-Identifier: MIT */
/* Profiles step by step: times are begun from zero before each step and read after it, so that what
 * is read and what the host's clock says belong to the same step. Training takes the first batches
 * of epoch 1's order; inference takes batches sorted by length, evenly spread over all. */
#include "measure/profile.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "data/batches.h"
#include "train/engine.h"

typedef struct profiling {
    as_arena *arena;
    const as_profile_config *config;
    as_batches *batches;
    double *logits;
    assay_profile_entry *entries; /* [capacity] */
    uint32_t capacity;
    as_profiled profiled;
    int64_t first_ns;
} profiling;

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "profile", "no memory");
}

/* ---- batches --------------------------------------------------------------------------------- */

static void set_order(profiling *p) {
    if (p->config->training)
        as_batches_shuffle(p->batches, p->config->seed, 1);
    else
        as_batches_by_length(p->batches);
}

/* The next batch that is to be profiled as step i of n, or NULL. */
static const assay_batch *next_batch(profiling *p, uint32_t *place, size_t i, size_t n) {
    uint32_t count = as_batches_count(p->batches);
    uint32_t wanted =
        p->config->training ? (uint32_t)i : (uint32_t)((2 * i + 1) * (uint64_t)count / (2 * n));
    const assay_batch *batch = NULL;
    do
        batch = as_batches_next(p->batches);
    while (batch && (*place)++ < wanted);
    return batch;
}

static assay_status run_batch(profiling *p, const assay_batch *batch, int64_t number,
                              assay_error *error) {
    const as_profile_config *c = p->config;
    as_batch_result result;
    if (!c->training)
        return c->trainee->predict(c->trainee->self, batch, p->logits, error);
    const as_batch_step how = {.epoch = 1,
                               .step = c->steps_before + number,
                               .seed = assay_mix64(c->seed + (uint64_t)number),
                               .learning_rate = 0,
                               .update = &c->training->update,
                               .decay_exempt = c->training->decay_exempt};
    return c->trainee->train_batch(c->trainee->self, batch, &how, p->logits, &result, error);
}

/* ---- one step -------------------------------------------------------------------------------- */

/* Lines of one plan's run, behind those that are there. */
static assay_status read_plan(profiling *p, int32_t plan, as_profiled_step *step,
                              assay_error *error) {
    uint64_t ns = 0;
    uint32_t n = as_engine_read_profile(p->config->engine, plan, p->entries, p->capacity, &ns);
    if (n > p->capacity) {
        p->entries = as_arena_alloc_array(p->arena, n, sizeof *p->entries);
        p->capacity = p->entries ? n : 0;
        if (!p->entries)
            return no_memory(error);
        n = as_engine_read_profile(p->config->engine, plan, p->entries, p->capacity, &ns);
    }
    as_profiled_line *lines = as_arena_alloc_array(p->arena, step->n_lines + n, sizeof *lines);
    if (!lines)
        return no_memory(error);
    for (size_t i = 0; i < step->n_lines; i++)
        lines[i] = step->lines[i];
    for (uint32_t i = 0; i < n; i++) {
        const assay_profile_entry *e = &p->entries[i];
        lines[step->n_lines + i] = (as_profiled_line){e->name,        plan,     e->node, e->calls,
                                                      e->nanoseconds, e->flops, e->bytes};
    }
    step->lines = lines;
    step->n_lines += n;
    return ASSAY_OK;
}

static assay_status profile_step(profiling *p, const assay_batch *batch, assay_error *error) {
    as_profiled_step *step = &p->profiled.steps[p->profiled.n_steps];
    const as_profile_config *c = p->config;
    if (!as_engine_profile(c->engine, true))
        return as_fail(error, ASSAY_UNSUPPORTED, "profile", "the backend keeps no times");
    int64_t start_ns = as_clock_ns();
    assay_status status = run_batch(p, batch, (int64_t)p->profiled.n_steps + 1, error);
    int64_t end_ns = as_clock_ns();
    if (p->profiled.n_steps == 0)
        p->first_ns = start_ns;
    *step = (as_profiled_step){
        start_ns - p->first_ns, end_ns - start_ns, batch->n_rows, batch->n_tokens, NULL, 0};
    if (status == ASSAY_OK)
        status =
            read_plan(p, c->training ? ASSAY_PLAN_ACCUMULATE : ASSAY_PLAN_FORWARD, step, error);
    if (status == ASSAY_OK && c->training)
        status = read_plan(p, AS_PLAN_UPDATE, step, error);
    if (!as_engine_profile(c->engine, false) && status == ASSAY_OK)
        status = as_fail(error, ASSAY_INTERNAL, "profile", "times cannot be turned off");
    p->profiled.n_steps++;
    return status;
}

/* ---- all steps ------------------------------------------------------------------------------- */

static void rest(const profiling *p) {
    if (p->config->pause)
        p->config->pause(p->config->context);
}

/* Every batch once, so that its plan is there. */
static assay_status warm_up(profiling *p, size_t n, assay_error *error) {
    uint32_t place = 0;
    assay_status status = ASSAY_OK;
    set_order(p);
    for (size_t i = 0; status == ASSAY_OK && i < n; i++) {
        const assay_batch *batch = next_batch(p, &place, i, n);
        if (!batch)
            break;
        status = run_batch(p, batch, 1, error);
    }
    return status;
}

static assay_status run_steps(profiling *p, size_t n, assay_error *error) {
    uint32_t place = 0;
    int64_t begin_ns = as_clock_ns();
    assay_status status = ASSAY_OK;
    set_order(p);
    for (size_t i = 0; status == ASSAY_OK && i < n; i++) {
        const assay_batch *batch = next_batch(p, &place, i, n);
        double seconds = (double)(as_clock_ns() - begin_ns) * 1e-9;
        if (!batch || (i >= 2 && seconds > p->config->max_seconds))
            break;
        rest(p);
        status = profile_step(p, batch, error);
    }
    rest(p);
    return status;
}

assay_status as_profile_run(as_arena *arena, const as_profile_config *config,
                            as_profiled *ret_profiled, assay_error *error) {
    profiling p = {.arena = arena, .config = config};
    if (config->split->n_rows == 0)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "profile", "the %s split has no rows",
                       as_split_name(config->split->split));
    assay_status status =
        as_batches_new(arena, config->split, config->batch_rows, &p.batches, error);
    if (status != ASSAY_OK)
        return status;
    set_order(&p);
    size_t n = as_batches_count(p.batches);
    n = n < config->n_steps ? n : config->n_steps;
    p.logits = as_arena_alloc_array(arena, (size_t)as_batches_max_rows(p.batches),
                                    (size_t)config->trainee->n_classes * sizeof *p.logits);
    p.profiled.steps = as_arena_alloc_array(arena, n, sizeof *p.profiled.steps);
    if (!p.logits || !p.profiled.steps)
        return no_memory(error);
    status = warm_up(&p, n, error);
    if (status == ASSAY_OK)
        status = run_steps(&p, n, error);
    if (status == ASSAY_OK)
        *ret_profiled = p.profiled;
    return status;
}
