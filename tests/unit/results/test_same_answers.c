/* SPDX-License-Identifier: MIT */
/* Cells that predict the same: which are compared, and what makes a difference. */
#include "fixture.h"
#include "results/record/same.h"

static as_arena *arena;

static void set_up(void) {
    arena = as_arena_new();
}

static void tear_down(void) {
    as_arena_free(arena);
}

TestSuite(answers, .init = set_up, .fini = tear_down);

static as_answers answers_of(fixture_cell cell) {
    as_record *record = fixture_record(&cell);
    as_answers answers;
    record->cell = cell.entry;
    cr_assert_eq(as_answers_of(arena, record, &answers, NULL), ASSAY_OK);
    as_record_free(record);
    return answers;
}

Test(answers, of_the_same_kind_are_compared) {
    const as_answers rnn = answers_of(fixture_default("rnn", 1, 0xfff0)),
                     lstm = answers_of(fixture_default("lstm", 1, 0xfff0));
    cr_expect(as_answers_same(&rnn, &lstm));
    cr_expect(as_answers_same(&lstm, &rnn));
    const as_answers other = answers_of(fixture_default("lstm", 1, 0xfff1)),
                     seed = answers_of(fixture_default("lstm", 2, 0xfff0));
    cr_expect_not(as_answers_same(&rnn, &other), "another answer");
    cr_expect_not(as_answers_same(&rnn, &seed), "another seed");
    cr_expect_not(as_answers_same(&rnn, &rnn), "the entry itself");
    fixture_cell cell = fixture_default("lstm", 1, 0xfff0);
    cell.dtype = "bf16";
    const as_answers dtype = answers_of(cell);
    cr_expect_not(as_answers_same(&rnn, &dtype), "another precision");
    cell.backend = "own";
    const as_answers own = answers_of(cell);
    cr_expect(as_answers_same(&rnn, &own), "a model that computes by itself");
}

/* No test figure of a grid's points is told: validation selects. */
Test(answers, points_of_a_grid_are_not_compared) {
    fixture_cell a = fixture_default("gru-1", 1, 0xfff0), b = fixture_default("gru-2", 1, 0xfff0);
    a.grid = b.grid = "{\"entry\": \"gru\", \"select\": \"validation.loss\", \"values\": {}}";
    const as_answers one = answers_of(a), other = answers_of(b);
    cr_expect_not(as_answers_same(&one, &other));
    b.grid = NULL;
    const as_answers alone = answers_of(b);
    cr_expect(as_answers_same(&one, &alone));
}

Test(answers, without_test_rows_nothing_is_the_same) {
    as_answers both[2];
    for (int i = 0; i < 2; i++) {
        fixture_cell cell = fixture_default(i ? "b" : "a", 1, 0xfff0);
        as_record *record = fixture_record(&cell);
        for (size_t k = 0; k < record->n_predictions; k++)
            record->predictions[k].split = "validation";
        cr_assert_eq(as_answers_of(arena, record, &both[i], NULL), ASSAY_OK);
        as_record_free(record);
    }
    cr_expect_str_eq(both[0].digest.text, "");
    cr_expect_not(as_answers_same(&both[0], &both[1]));
}

Test(answers, pairs_are_in_the_order_of_the_cells) {
    const as_answers list[4] = {answers_of(fixture_default("c", 1, 7)),
                                {0}, /* a cell without a record */
                                answers_of(fixture_default("a", 1, 7)),
                                answers_of(fixture_default("b", 1, 8))};
    json_t *pairs = as_answers_pairs(list, 4), *expected = json_pack("[[s, s]]", "c", "a");
    cr_expect(json_equal(pairs, expected));
    json_decref(pairs);
    json_decref(expected);
    pairs = as_answers_pairs(list, 0);
    cr_expect_eq(json_array_size(pairs), 0);
    cr_expect(json_is_array(pairs));
    json_decref(pairs);
}
