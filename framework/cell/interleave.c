/* SPDX-License-Identifier: MIT */
/* The order of turns as a position that moves on: cell, then round, then scenario. */
#include "cell/interleave.h"

#include <string.h>

bool as_interleave_begin(as_interleave *plan, size_t n_cells, int32_t n_scenarios,
                         int32_t n_rounds) {
    if (n_cells > AS_INTERLEAVE_MOST || n_scenarios > AS_INTERLEAVE_SCENARIOS || n_rounds < 1)
        return false;
    memset(plan, 0, sizeof *plan);
    plan->n_cells = n_cells;
    plan->n_scenarios = n_scenarios;
    plan->n_rounds = n_rounds;
    plan->next.kind = n_scenarios > 0 ? AS_TURN_WARM : AS_TURN_FINISH;
    return true;
}

/* To the first cell of what comes after a pass over all cells. */
static void next_pass(as_interleave *plan) {
    as_turn *t = &plan->next;
    t->cell = 0;
    if (t->kind == AS_TURN_WARM || t->round < plan->n_rounds) {
        t->kind = AS_TURN_BLOCK;
        t->round++;
        return;
    }
    t->round = 0;
    t->kind = ++t->scenario < plan->n_scenarios ? AS_TURN_WARM : AS_TURN_FINISH;
}

static bool has_turn(const as_interleave *plan) {
    const as_turn *t = &plan->next;
    return !plan->ended[t->cell] &&
           (t->kind == AS_TURN_FINISH || !plan->left_out[t->cell][t->scenario]);
}

bool as_interleave_next(as_interleave *plan, as_turn *ret_turn) {
    for (;;) {
        if (plan->next.cell == plan->n_cells) {
            if (plan->next.kind == AS_TURN_FINISH)
                return false;
            next_pass(plan);
            continue;
        }
        bool found = has_turn(plan);
        *ret_turn = plan->next;
        plan->next.cell++;
        if (found)
            return true;
    }
}

void as_interleave_drop(as_interleave *plan, size_t cell) {
    plan->ended[cell] = true;
}

void as_interleave_leave_out(as_interleave *plan, size_t cell, int32_t scenario) {
    plan->left_out[cell][scenario] = true;
}
