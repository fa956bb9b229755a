/* SPDX-License-Identifier: MIT */
/* The order of turns, written out: "w0A" is the warm-up of scenario 0 in cell A, "2.1B" a block of
 * scenario 1 in round 2 in cell B, "fC" the end of C. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "cell/interleave.h"

static as_interleave plan;

static void name_of(const as_turn *turn, char *name, size_t size) {
    char cell = (char)('A' + (char)turn->cell);
    if (turn->kind == AS_TURN_WARM)
        snprintf(name, size, "w%d%c", turn->scenario, cell);
    else if (turn->kind == AS_TURN_BLOCK)
        snprintf(name, size, "%d.%d%c", turn->round, turn->scenario, cell);
    else
        snprintf(name, size, "f%c", cell);
}

/* All turns from here, with a cell that ends, or cannot run its scenario, right after one of them.
 */
static void expect(const char *wanted, const char *ends_after, const char *lacks_after) {
    char all[512] = "", name[16];
    as_turn turn;
    while (as_interleave_next(&plan, &turn)) {
        name_of(&turn, name, sizeof name);
        strcat(strcat(all, *all ? " " : ""), name);
        cr_assert_lt(strlen(all), 480);
        if (strcmp(name, ends_after) == 0)
            as_interleave_drop(&plan, turn.cell);
        if (strcmp(name, lacks_after) == 0)
            as_interleave_leave_out(&plan, turn.cell, turn.scenario);
    }
    cr_expect_str_eq(all, wanted);
}

Test(interleave, blocks_come_in_turn) {
    cr_assert(as_interleave_begin(&plan, 3, 2, 2));
    expect("w0A w0B w0C 1.0A 1.0B 1.0C 2.0A 2.0B 2.0C w1A w1B w1C 1.1A 1.1B 1.1C 2.1A 2.1B 2.1C "
           "fA fB fC",
           "", "");
}

Test(interleave, who_has_ended_is_passed_over) {
    cr_assert(as_interleave_begin(&plan, 3, 2, 2));
    expect("w0A w0B w0C 1.0A 1.0B 1.0C 2.0A 2.0C w1A w1C 1.1A 1.1C 2.1A 2.1C fA fC", "1.0B", "");
    cr_assert(as_interleave_begin(&plan, 2, 1, 2));
    as_interleave_drop(&plan, 0); /* before anything */
    expect("w0B 1.0B 2.0B fB", "", "");
    cr_assert(as_interleave_begin(&plan, 2, 1, 1));
    expect("w0A w0B 1.0B fB", "w0A", "");
}

Test(interleave, who_lacks_a_scenario_has_the_others) {
    cr_assert(as_interleave_begin(&plan, 2, 2, 1));
    expect("w0A w0B 1.0A w1A w1B 1.1A 1.1B fA fB", "", "w0B");
}

Test(interleave, all_may_end) {
    cr_assert(as_interleave_begin(&plan, 2, 1, 3));
    as_interleave_drop(&plan, 0);
    expect("w0B 1.0B", "1.0B", "");
    cr_assert(as_interleave_begin(&plan, 0, 1, 3));
    expect("", "", "");
    cr_assert(as_interleave_begin(&plan, 2, 0, 3)); /* a suite without scenarios */
    expect("fA fB", "", "");
}

Test(interleave, bounds) {
    cr_expect_not(as_interleave_begin(&plan, AS_INTERLEAVE_MOST + 1, 1, 1));
    cr_expect_not(as_interleave_begin(&plan, 1, AS_INTERLEAVE_SCENARIOS + 1, 1));
    cr_expect_not(as_interleave_begin(&plan, 1, 1, 0));
    cr_expect(as_interleave_begin(&plan, AS_INTERLEAVE_MOST, AS_INTERLEAVE_SCENARIOS, 1));
}
