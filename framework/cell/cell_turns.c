/* SPDX-License-Identifier: MIT */
/* A cell that takes turns with others: it says that it is ready, then sleeps in read(2) until the
 * parent gives it a turn, so that whoever is at work has the machine to itself.
 *
 *     parent   warm 0          block 0 1          ...  finish
 *     cell     (works) done    (works) done            (writes its record and ends) */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cell/cell.h"
#include "stats/intervals.h"
#include "train/engine.h"

enum { LINE_BYTES = 64 };

typedef struct turns {
    as_cell *cell;
    as_meter *meters[AS_SUITE_SCENARIOS]; /* by the suite's list; NULL: not warm */
    as_timed_block *blocks;               /* [capacity] */
    size_t from;                          /* first sample of the machine's limits */
    size_t capacity;
} turns;

bool as_cell_may_lack(const as_scenario *scenario) {
    return scenario->split == AS_SPLIT_TRAIN || strcmp(scenario->name, "one_text") == 0;
}

/* ---- the parent's words ---------------------------------------------------------------------- */

/* A line without its end; false at the end of the pipe, or when it is too long. */
static bool read_line(char *line, size_t size) {
    size_t n = 0;
    for (;;) {
        char c;
        ssize_t got = read(AS_COMMAND_FD, &c, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got != 1 || n + 1 == size)
            return false;
        if (c == '\n')
            break;
        line[n++] = c;
    }
    line[n] = '\0';
    return true;
}

static assay_status say(const turns *t, as_turn_word word, assay_error *error) {
    if (as_turn_say(t->cell->progress, word))
        return ASSAY_OK;
    return as_fail(error, ASSAY_INTERRUPTED, t->cell->spec.name, "its parent is gone");
}

/* ---- turns ----------------------------------------------------------------------------------- */

/* With all its plans compiled and its batches chosen. *ret_without: the model or the texts don't
 * allow it. */
static assay_status warm(turns *t, size_t i, bool *ret_without, assay_error *error) {
    as_cell *cell = t->cell;
    const as_scenario *scenario = cell->suite->scenarios[i];
    const as_scenario_config config = as_cell_scenario_config(cell);
    assay_status status =
        as_meter_open(cell->arena, scenario, cell->trainee, &cell->data->splits[scenario->split],
                      &config, &cell->suite->interleave,
                      cell->graph ? as_graph_view(cell->graph) : NULL, &t->meters[i], error);
    as_cell_stage(cell, scenario->name);
    if (status == ASSAY_OK)
        status = as_meter_warm(t->meters[i], error);
    *ret_without = status == ASSAY_UNSUPPORTED && as_cell_may_lack(scenario);
    if (!*ret_without)
        return status;
    as_cell_warn(cell, "%s is not measured: %s", scenario->name, error->text);
    t->meters[i] = NULL;
    return ASSAY_OK;
}

static double median_ms(as_arena *arena, const as_block_result *block) {
    double *ms = as_arena_alloc_array(arena, block->n_queries, sizeof *ms);
    if (!ms)
        return NAN;
    for (size_t i = 0; i < block->n_queries; i++)
        ms[i] = (double)block->queries[i].ns * 1e-6;
    as_sort_doubles(ms, block->n_queries);
    return (ms[(block->n_queries - 1) / 2] + ms[block->n_queries / 2]) / 2;
}

static assay_status add_block(turns *t, const as_timed_block *block, assay_error *error) {
    as_record *record = t->cell->record;
    if (record->interleaved.n_blocks == t->capacity) {
        size_t capacity = t->capacity ? 2 * t->capacity : 64;
        as_timed_block *wider = realloc(t->blocks, capacity * sizeof *wider);
        if (!wider)
            return as_fail(error, ASSAY_OUT_OF_MEMORY, "record", "no memory for a block");
        t->blocks = wider;
        t->capacity = capacity;
    }
    t->blocks[record->interleaved.n_blocks++] = *block;
    return ASSAY_OK;
}

/* Of the samples right before and behind a block; NaN where none is taken. */
static double peak_since(const as_cell *cell, int32_t peak, size_t from) {
    return cell->peaks ? as_peaks_figure(cell->peaks, peak, from).value : NAN;
}

static assay_status run_block(turns *t, size_t i, int32_t round, assay_error *error) {
    as_cell *cell = t->cell;
    const as_scenario *scenario = cell->suite->scenarios[i];
    as_block_result found;
    as_cell_stage(cell, scenario->name);
    size_t from = cell->peaks ? as_peaks_count(cell->peaks) : 0;
    as_cell_peaks_sample(cell);
    assay_status status = as_meter_block(t->meters[i], &found, error);
    as_cell_peaks_sample(cell);
    if (status != ASSAY_OK)
        return status;
    const as_timed_block block = {.scenario = scenario->name,
                                  .round = round,
                                  .batch = as_meter_batch(t->meters[i]),
                                  .queries = (int64_t)found.n_queries,
                                  .rows = (int64_t)found.n_rows,
                                  .tokens = (int64_t)found.n_tokens,
                                  .seconds = found.seconds,
                                  .median_ms = median_ms(cell->arena, &found),
                                  .flops = found.flops,
                                  .peak_gemm = peak_since(cell, ASSAY_PEAK_GEMM, from),
                                  .peak_compute = peak_since(cell, ASSAY_PEAK_COMPUTE, from)};
    status = add_block(t, &block, error);
    if (status == ASSAY_OK)
        status =
            as_cell_add_queries(cell, scenario->name, round, found.queries, found.n_queries, error);
    return status;
}

/* One command; *ret_finished: it was the last. */
static assay_status obey(turns *t, const char *line, bool *ret_finished, assay_error *error) {
    unsigned scenario = 0, round = 0;
    bool without = false;
    assay_status status = ASSAY_OK;
    size_t n = t->cell->suite->n_scenarios;
    *ret_finished = strcmp(line, "finish") == 0;
    if (*ret_finished)
        return ASSAY_OK;
    if (sscanf(line, "block %u %u", &scenario, &round) == 2 && scenario < n && t->meters[scenario])
        status = run_block(t, scenario, (int32_t)round, error);
    else if (sscanf(line, "warm %u", &scenario) == 1 && scenario < n)
        status = warm(t, scenario, &without, error);
    else
        status = as_fail(error, ASSAY_INTERNAL, t->cell->spec.name, "no such turn: %s", line);
    if (status == ASSAY_OK)
        as_cell_stage(t->cell, "waits");
    return status == ASSAY_OK ? say(t, without ? AS_TURN_WITHOUT : AS_TURN_DONE, error) : status;
}

/* ---- the record ------------------------------------------------------------------------------ */

/* The cells that this one takes turns with, itself among them: run.json has their groups. */
static assay_status list_group(as_cell *cell, assay_error *error) {
    json_t *cells = json_object_get(cell->run, "cells"), *one;
    json_int_t group = -1;
    size_t i, n = 0;
    json_array_foreach(cells, i, one) {
        if (strcmp(json_string_value(json_object_get(one, "name")), cell->spec.name) == 0)
            group = json_integer_value(json_object_get(one, "group"));
    }
    const char **names = as_arena_alloc_array(cell->arena, json_array_size(cells), sizeof *names);
    if (!names)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "record", "no memory for names");
    json_array_foreach(cells, i, one) {
        if (json_integer_value(json_object_get(one, "group")) == group)
            names[n++] = json_string_value(json_object_get(one, "name"));
    }
    cell->record->interleaved.cells = names;
    cell->record->interleaved.n_cells = n;
    cell->record->interleaved.rounds = cell->suite->interleave.rounds;
    return ASSAY_OK;
}

/* Operations per second of all blocks of each scenario. */
static assay_status record_rates(const turns *t, assay_error *error) {
    const as_suite *suite = t->cell->suite;
    const as_record *record = t->cell->record;
    assay_status status = ASSAY_OK;
    for (size_t s = 0; status == ASSAY_OK && s < suite->n_scenarios; s++) {
        double flops = 0, seconds = 0;
        for (size_t i = 0; i < record->interleaved.n_blocks; i++) {
            const as_timed_block *block = &record->interleaved.blocks[i];
            if (strcmp(block->scenario, suite->scenarios[s]->name) != 0)
                continue;
            flops += block->flops;
            seconds += block->seconds;
        }
        status =
            as_cell_record_rate(t->cell, suite->scenarios[s]->name, flops, seconds, t->from, error);
    }
    return status;
}

/* Blocks into the record's arena, and the figures that every cell has. */
static assay_status record_blocks(turns *t, assay_error *error) {
    as_record *record = t->cell->record;
    size_t n = record->interleaved.n_blocks;
    as_timed_block *blocks = as_arena_alloc_array(t->cell->arena, n, sizeof *blocks);
    if (!blocks)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "record", "no memory for blocks");
    int64_t tokens = 0;
    record->offline.samples = 0;
    record->offline.seconds = 0;
    for (size_t i = 0; i < n; i++) {
        blocks[i] = t->blocks[i];
        if (strcmp(blocks[i].scenario, "offline") != 0)
            continue;
        record->offline.samples += blocks[i].rows;
        record->offline.seconds += blocks[i].seconds;
        tokens += blocks[i].tokens;
    }
    record->interleaved.blocks = blocks;
    if (record->offline.seconds > 0) {
        record->offline.samples_per_second =
            (double)record->offline.samples / record->offline.seconds;
        record->offline.tokens_per_second = (double)tokens / record->offline.seconds;
    }
    assay_status status = record_rates(t, error);
    return status == ASSAY_OK ? as_cell_record_latency(t->cell, error) : status;
}

assay_status as_cell_take_turns(as_cell *cell, assay_error *error) {
    turns t = {.cell = cell, .from = cell->peaks ? as_peaks_count(cell->peaks) : 0};
    char line[LINE_BYTES];
    bool finished = false;
    assay_status status = list_group(cell, error);
    as_cell_stage(cell, "waits");
    if (status == ASSAY_OK)
        status = say(&t, AS_TURN_READY, error);
    while (status == ASSAY_OK && !finished) {
        status = read_line(line, sizeof line)
                     ? obey(&t, line, &finished, error)
                     : as_fail(error, ASSAY_INTERRUPTED, cell->spec.name, "its parent is gone");
    }
    if (status == ASSAY_OK)
        status = record_blocks(&t, error);
    else
        cell->record->interleaved.n_blocks = 0;
    free(t.blocks);
    return status;
}
