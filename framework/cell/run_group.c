/* SPDX-License-Identifier: MIT */
/* Cells that are compared, all alive at once and measured in blocks in turn. They are prepared (and
 * trained, and evaluated) one after the other; then each sleeps until it has a turn. The parent
 * gives turns by as_interleave and sleeps too. A cell that dies, is refused or hangs is settled as
 * if it had run by itself, and the others go on without it.
 *
 * Groups: where the suite has peers, an entry's cells of a precision and seed with its peers; else
 * all cells of a seed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cell/interleave.h"
#include "cell/run_work.h"

typedef struct group group;

typedef struct member {
    group *group;
    size_t cell; /* of the run */
    as_cell_paths paths;
    as_process_config config;
    as_process *process; /* NULL: not started, or settled */
    bool heard;          /* it said `word` since it was asked */
    as_turn_word word;
} member;

struct group {
    as_run_work *run;
    member *members; /* [n] */
    size_t n;
    member *at_work;
    as_interleave plan;
};

/* ---- which cells ----------------------------------------------------------------------------- */

static bool are_compared(const as_cell_spec *a, const as_cell_spec *b, bool has_peers) {
    const char *of_a = a->entry->peer.of ? a->entry->peer.of : a->entry->name;
    const char *of_b = b->entry->peer.of ? b->entry->peer.of : b->entry->name;
    return a->seed == b->seed &&
           (!has_peers || (strcmp(of_a, of_b) == 0 && strcmp(a->dtype, b->dtype) == 0));
}

assay_status as_run_find_groups(as_run_work *r, assay_error *error) {
    bool has_peers = false;
    if (!r->options->interleave)
        return ASSAY_OK;
    size_t *groups = as_arena_alloc_array(r->arena, r->n_cells, sizeof *groups);
    if (!groups)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "run", "no memory for its groups");
    for (size_t i = 0; i < r->suite->n_entries; i++)
        has_peers = has_peers || r->suite->entries[i].peer.of;
    for (size_t i = 0; i < r->n_cells; i++) {
        size_t n = 0;
        for (groups[i] = 0; !are_compared(&r->cells[groups[i]], &r->cells[i], has_peers);)
            groups[i]++;
        for (size_t k = 0; k <= i; k++)
            n += groups[k] == groups[i];
        if (n > AS_INTERLEAVE_MOST || n > AS_PROCESS_MOST)
            return as_fail(error, ASSAY_LIMIT, "--interleave",
                           "over %d cells would take turns; all are alive at once, so name fewer "
                           "with --entries, --backends or --dtypes",
                           AS_INTERLEAVE_MOST);
    }
    r->groups = groups;
    return ASSAY_OK;
}

/* ---- watching -------------------------------------------------------------------------------- */

static void on_line(void *context, const char *line) {
    member *m = context;
    as_run_work *r = m->group->run;
    as_cell_progress progress;
    as_turn_word word;
    if (as_turn_hear(line, &word)) {
        m->word = word;
        m->heard = true;
        return;
    }
    if (m != m->group->at_work || !as_progress_parse(line, &progress))
        return;
    r->event.progress = &progress;
    as_run_tell(r, AS_RUN_PROGRESS);
    r->event.progress = NULL;
}

static void on_tick(void *context) {
    member *m = context;
    if (m == m->group->at_work)
        as_run_tell(m->group->run, AS_RUN_TICK);
}

/* Sleeps until the member has answered or ended; the others are watched too. */
static void await(group *g, member *m) {
    as_process *list[AS_PROCESS_MOST];
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        if (g->members[i].process)
            list[n++] = g->members[i].process;
    g->at_work = m;
    as_process_set_busy(m->process, true);
    while (!m->heard && !as_process_ended(m->process))
        as_process_wait(list, n);
    as_process_set_busy(m->process, false);
    g->at_work = NULL;
}

/* ---- one member ------------------------------------------------------------------------------ */

/* Takes over what a member that has ended left. */
static assay_status settle(group *g, member *m, assay_error *error) {
    as_cell_outcome outcome = {AS_CELL_FAILED, NULL, NAN, NAN, 0, NULL};
    const as_process_result result = as_process_result_of(m->process);
    assay_status status =
        as_run_conclude(g->run, m->cell, &m->paths, &m->config, &result, &outcome, error);
    as_process_free(m->process);
    m->process = NULL;
    as_interleave_drop(&g->plan, (size_t)(m - g->members));
    if (status == ASSAY_OK && !g->run->summary.stop_signal)
        as_run_end_cell(g->run, m->cell, &outcome);
    return status;
}

/* Those that ended while it wasn't their turn. */
static assay_status settle_ended(group *g, assay_error *error) {
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < g->n; i++)
        if (g->members[i].process && as_process_ended(g->members[i].process))
            status = settle(g, &g->members[i], error);
    return status;
}

/* Until it waits for its first turn, or has ended without. */
static assay_status begin(group *g, member *m, assay_error *error) {
    as_run_work *r = g->run;
    as_cell_outcome outcome = {AS_CELL_FAILED, NULL, NAN, NAN, 0, NULL};
    bool ready = false;
    as_run_begin_cell(r, m->cell);
    assay_status status = as_cell_paths_make(r, r->cells[m->cell].name, &m->paths, error);
    if (status == ASSAY_OK)
        status = as_run_hand_out(r, m->cell, &m->paths, &ready, &outcome, error);
    if (status != ASSAY_OK || r->summary.stop_signal)
        return status;
    if (!ready) {
        as_interleave_drop(&g->plan, (size_t)(m - g->members));
        as_run_end_cell(r, m->cell, &outcome);
        return ASSAY_OK;
    }
    status =
        as_run_process_config(r, &r->cells[m->cell], &m->paths, AS_CELL_IN_TURN, &m->config, error);
    if (status != ASSAY_OK)
        return status;
    m->config.context = m;
    m->config.on_line = on_line;
    m->config.on_tick = on_tick;
    status = as_process_start(&m->config, &m->process, error);
    if (status != ASSAY_OK)
        return status;
    await(g, m);
    return settle_ended(g, error);
}

static assay_status turn(group *g, const as_turn *t, assay_error *error) {
    member *m = &g->members[t->cell];
    char line[64];
    if (t->kind == AS_TURN_FINISH)
        snprintf(line, sizeof line, "finish\n");
    else if (t->kind == AS_TURN_WARM)
        snprintf(line, sizeof line, "warm %d\n", t->scenario);
    else
        snprintf(line, sizeof line, "block %d %d\n", t->scenario, t->round);
    g->run->event.cell = m->cell;
    g->run->event.spec = &g->run->cells[m->cell];
    m->heard = false;
    /* One that takes no more lines is about to end. */
    (void)as_process_send(m->process, line);
    await(g, m);
    if (m->heard && m->word == AS_TURN_WITHOUT && t->kind == AS_TURN_WARM)
        as_interleave_leave_out(&g->plan, t->cell, t->scenario);
    return settle_ended(g, error);
}

/* ---- the group ------------------------------------------------------------------------------- */

static uint64_t resident_bytes(const group *g) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < g->n; i++)
        if (g->members[i].process)
            bytes += as_process_resident_bytes(g->members[i].process);
    return bytes;
}

static assay_status run(group *g, size_t first, assay_error *error) {
    const int *stop = &g->run->summary.stop_signal;
    as_turn t;
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && !*stop && i < g->n; i++)
        status = begin(g, &g->members[i], error);
    if (status == ASSAY_OK && !*stop)
        status = as_run_folder_note_group(&g->run->folder, first, resident_bytes(g), error);
    while (status == ASSAY_OK && !*stop && as_interleave_next(&g->plan, &t))
        status = turn(g, &t, error);
    return status;
}

/* Kills what still runs and leaves nothing of it. */
static assay_status clear(group *g, assay_status status, assay_error *error) {
    for (size_t i = 0; i < g->n; i++) {
        member *m = &g->members[i];
        assay_error ignored = ASSAY_ERROR_INIT;
        bool unsettled = m->process != NULL;
        as_process_free(m->process);
        if (unsettled && as_remove_folder(m->paths.work, &ignored) != ASSAY_OK &&
            status == ASSAY_OK)
            status = assay_fail(error, ignored.status, ignored.where, ignored.text);
        as_cell_paths_free(&m->paths);
    }
    return status;
}

assay_status as_run_group(as_run_work *r, size_t first, assay_error *error) {
    group g = {.run = r};
    assay_status status = ASSAY_OK;
    if (!(g.members = as_arena_alloc_array(r->arena, r->n_cells, sizeof *g.members)))
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "run", "no memory for a group");
    for (size_t i = first; i < r->n_cells; i++)
        if (r->groups[i] == first)
            g.members[g.n++] = (member){.group = &g, .cell = i};
    if (!as_interleave_begin(&g.plan, g.n, (int32_t)r->suite->n_scenarios,
                             r->suite->interleave.rounds))
        return as_fail(error, ASSAY_INTERNAL, "run", "%zu cells cannot take turns", g.n);
    status = run(&g, first, error);
    return clear(&g, status, error);
}
