/* SPDX-License-Identifier: MIT */
/* cell/interleave.h: whose turn it is when the cells of a group are measured in blocks in turn.
 *
 *     for each scenario: warm-up of A, B, C; then in every round a block of A, B, C
 *     finish A, B, C
 *
 * A slow or busy minute then falls on all cells of a round alike, and the ratio of two cells is
 * taken round by round. A cell that has ended has no more turns; one that cannot run a scenario has
 * none in it. Pure bookkeeping: it starts, sends and waits for nothing. */
#ifndef AS_CELL_INTERLEAVE_H
#define AS_CELL_INTERLEAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AS_INTERLEAVE_MOST = 64, AS_INTERLEAVE_SCENARIOS = 8 };

typedef enum as_turn_kind { AS_TURN_WARM, AS_TURN_BLOCK, AS_TURN_FINISH } as_turn_kind;

typedef struct as_turn {
    as_turn_kind kind;
    size_t cell;      /* of the group */
    int32_t scenario; /* WARM, BLOCK: place in the suite's list */
    int32_t round;    /* BLOCK: from 1 */
} as_turn;

typedef struct as_interleave {
    size_t n_cells;
    int32_t n_scenarios, n_rounds;
    bool ended[AS_INTERLEAVE_MOST];
    bool left_out[AS_INTERLEAVE_MOST][AS_INTERLEAVE_SCENARIOS];
    as_turn next; /* considered next */
} as_interleave;

/* [any] false: more cells or scenarios than there is room for, or no round. */
bool as_interleave_begin(as_interleave *plan, size_t n_cells, int32_t n_scenarios,
                         int32_t n_rounds);
/* [any] The next turn; false: all are done. */
bool as_interleave_next(as_interleave *plan, as_turn *ret_turn);
/* [any] The cell has ended. */
void as_interleave_drop(as_interleave *plan, size_t cell);
/* [any] The cell cannot run the scenario. */
void as_interleave_leave_out(as_interleave *plan, size_t cell, int32_t scenario);

#endif
