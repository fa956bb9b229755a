/* SPDX-License-Identifier: MIT */
/* Predictions side by side: aligned by index, whatever the order in the file. */
#include "results/record/paired.h"

#include "fixture.h"

static void reverse(as_record *r) {
    for (size_t i = 0; i < r->n_predictions / 2; i++) {
        as_prediction swap = r->predictions[i];
        r->predictions[i] = r->predictions[r->n_predictions - 1 - i];
        r->predictions[r->n_predictions - 1 - i] = swap;
    }
}

Test(paired, aligns_by_index_and_counts_discordance) {
    fixture_cell a = fixture_default("gru", 1, 0xffffffff), b = a;
    b.right = 0xfffffff0; /* 4 of 32 wrong, 3 periods: 12 texts */
    as_record *first = fixture_record(&a), *second = fixture_record(&b);
    const as_record *both[2] = {first, second};
    as_arena *arena = as_arena_new();
    as_paired paired;
    reverse(second);
    cr_assert_eq(as_paired_new(arena, both, 2, &paired, NULL), ASSAY_OK);
    cr_assert_eq(paired.n_texts, FIXTURE_ROWS);
    as_discordance d = as_paired_discordance(&paired, 1);
    cr_assert_eq(d.n_gains, 0);
    cr_assert_eq(d.n_losses, 12);
    cr_assert_float_eq(d.losses, 12, 1e-12);
    as_record_free(first);
    as_record_free(second);
    as_arena_free(arena);
}

/* Two seeds against two: a text lost by one seed and won by another cancels. */
Test(paired, seeds_average_within_a_text) {
    uint32_t right[4] = {0x1, 0x3, 0x2, 0x3}; /* base s1, base s2, new s1, new s2 */
    as_record *records[4];
    as_arena *arena = as_arena_new();
    as_paired paired;
    for (int i = 0; i < 4; i++) {
        fixture_cell c = fixture_default("gru", 1, right[i]);
        records[i] = fixture_record(&c);
    }
    cr_assert_eq(as_paired_new(arena, (const as_record *const *)records, 4, &paired, NULL),
                 ASSAY_OK);
    as_discordance d = as_paired_discordance(&paired, 2);
    /* text 0: base 2 of 2, new 1 of 2: half a loss; text 1: base 1, new 2: half a gain; x 3 */
    cr_assert_eq(d.n_gains, 3);
    cr_assert_eq(d.n_losses, 3);
    cr_assert_float_eq(d.gains, 1.5, 1e-12);
    cr_assert_float_eq(d.losses, 1.5, 1e-12);
    for (int i = 0; i < 4; i++)
        as_record_free(records[i]);
    as_arena_free(arena);
}

Test(paired, other_texts_are_refused) {
    fixture_cell c = fixture_default("gru", 1, 0xff);
    as_arena *arena = as_arena_new();
    as_paired paired = {.n_texts = 5};
    for (int what = 0; what < 5; what++) {
        as_record *first = fixture_record(&c), *second = fixture_record(&c);
        const as_record *both[2] = {first, second};
        if (what == 0)
            second->predictions[3].index = 1000;
        else if (what == 1)
            second->predictions[3].label = 2 - second->predictions[3].label / 2;
        else if (what == 2)
            second->predictions[3].index = second->predictions[4].index;
        else if (what == 3)
            second->n_predictions = 0;
        else
            second->dataset.n_labels = 2;
        cr_assert_eq(as_paired_new(arena, both, 2, &paired, NULL), ASSAY_BAD_DATA, "case %d", what);
        cr_assert_eq(paired.n_texts, 5, "ret_ must be untouched");
        as_record_free(first);
        as_record_free(second);
    }
    as_arena_free(arena);
}
