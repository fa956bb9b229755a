/* SPDX-License-Identifier: MIT */
/* Batches: every row once, buckets by length, the same order for the same seed. */
#include <criterion/criterion.h>
#include <string.h>

#include "data/batches.h"

enum { N_ROWS = 3333, LONGEST = 40 };

static int32_t ids[LONGEST];
static as_row rows[N_ROWS];

static as_split_rows make_split(uint32_t n_rows) {
    as_split_rows split = {.split = AS_SPLIT_TRAIN, .n_rows = n_rows, .rows = rows};
    for (int32_t i = 0; i < LONGEST; i++)
        ids[i] = 100 + i;
    for (uint32_t i = 0; i < n_rows; i++) {
        rows[i] = (as_row){.ids = ids, .index = 2 * i + 1, .label = (int32_t)(i % 3)};
        rows[i].n_ids = (int32_t)(i * 7919 % LONGEST) + 1;
        split.n_tokens += (uint64_t)rows[i].n_ids;
        split.longest = rows[i].n_ids > split.longest ? rows[i].n_ids : split.longest;
    }
    return split;
}

/* Walks an epoch: checks each batch's form, that each row comes once; fills `order`. */
static void walk(as_batches *batches, const as_split_rows *split, bool longest_first,
                 uint32_t *order) {
    static unsigned char seen[N_ROWS];
    uint32_t n = 0, n_batches = 0;
    memset(seen, 0, sizeof seen);
    for (const assay_batch *b; (b = as_batches_next(batches)); n_batches++) {
        const uint32_t *places = as_batches_rows(batches);
        cr_assert_eq(b->struct_size, sizeof *b);
        cr_assert(b->n_rows >= 1 && b->n_rows <= as_batches_max_rows(batches));
        cr_assert_leq(b->n_tokens, as_batches_max_tokens(batches));
        cr_assert_eq(b->offsets[0], 0);
        cr_assert_eq(b->offsets[b->n_rows], b->n_tokens);
        for (int32_t r = 0; r < b->n_rows; r++) {
            const as_row *row = &split->rows[places[r]];
            int32_t length = b->offsets[r + 1] - b->offsets[r];
            cr_assert_eq(length, row->n_ids);
            cr_assert(r == 0 || !longest_first || length <= b->offsets[r] - b->offsets[r - 1]);
            cr_assert_eq(b->labels[r], row->label);
            cr_assert_eq(b->row_keys[r], row->index);
            for (int32_t t = 0; t < length; t++) {
                cr_assert_eq(b->ids[b->offsets[r] + t], row->ids[t]);
                cr_assert_eq(b->positions[b->offsets[r] + t], t);
            }
            cr_assert_not(seen[places[r]]);
            seen[places[r]] = 1;
            order[n++] = places[r];
        }
    }
    cr_assert_eq(n, split->n_rows);
    cr_assert_eq(n_batches, as_batches_count(batches));
    cr_assert_null(as_batches_next(batches), "the end stays the end");
}

Test(batches, every_order_gives_each_row_once) {
    static const uint32_t sizes[] = {1, 2, 31, 32, 33, 1600, 1601, N_ROWS};
    static uint32_t order[N_ROWS];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        as_split_rows split = make_split(sizes[i]);
        as_arena *arena = as_arena_new();
        as_batches *b;
        cr_assert_eq(as_batches_new(arena, &split, 32, &b, NULL), ASSAY_OK);
        walk(b, &split, false, order);
        for (uint32_t k = 0; k < sizes[i]; k++)
            cr_assert_eq(order[k], k, "split order");
        as_batches_shuffle(b, 1, 1);
        walk(b, &split, true, order);
        as_batches_by_length(b);
        walk(b, &split, true, order);
        for (uint32_t k = 1; k < sizes[i]; k++)
            cr_assert_geq(rows[order[k - 1]].n_ids, rows[order[k]].n_ids);
        as_arena_free(arena);
    }
}

Test(batches, an_epoch_is_its_seed_and_number) {
    static uint32_t first[N_ROWS], again[N_ROWS], other[N_ROWS];
    as_split_rows split = make_split(N_ROWS);
    as_arena *arena = as_arena_new();
    as_batches *b, *c;
    cr_assert_eq(as_batches_new(arena, &split, 32, &b, NULL), ASSAY_OK);
    cr_assert_eq(as_batches_new(arena, &split, 32, &c, NULL), ASSAY_OK);
    as_batches_shuffle(b, 5, 2);
    walk(b, &split, true, first);
    as_batches_shuffle(c, 5, 1);
    walk(c, &split, true, other);
    cr_assert_neq(memcmp(first, other, sizeof first), 0, "epochs differ");
    as_batches_shuffle(c, 6, 2);
    walk(c, &split, true, other);
    cr_assert_neq(memcmp(first, other, sizeof first), 0, "seeds differ");
    as_batches_by_length(c);
    as_batches_shuffle(c, 5, 2);
    walk(c, &split, true, again);
    cr_assert_eq(memcmp(first, again, sizeof first), 0, "whatever came before");
    as_arena_free(arena);
}

Test(batches, rows_of_a_batch_are_similar_yet_epochs_are_random) {
    static uint32_t order[N_ROWS];
    as_split_rows split = make_split(N_ROWS);
    as_arena *arena = as_arena_new();
    as_batches *b;
    uint64_t padded = 0;
    uint32_t first_batch[20];
    cr_assert_eq(as_batches_new(arena, &split, 32, &b, NULL), ASSAY_OK);
    as_batches_shuffle(b, 1, 1);
    for (const assay_batch *batch; (batch = as_batches_next(b));)
        padded += (uint64_t)batch->n_rows * (uint64_t)batch->offsets[1];
    cr_assert_lt(padded, split.n_tokens * 105 / 100, "padding would be under 5%%");
    uint32_t distinct = 0, mates = 0;
    static unsigned char met[N_ROWS]; /* rows that shared a batch with row 0 */
    for (uint64_t epoch = 0; epoch < 10; epoch++) {
        as_batches_shuffle(b, 1, epoch);
        for (const assay_batch *batch; (batch = as_batches_next(b));) {
            const uint32_t *places = as_batches_rows(b);
            bool here = false;
            for (int32_t r = 0; r < batch->n_rows; r++)
                here = here || places[r] == 0;
            for (int32_t r = 0; here && r < batch->n_rows; r++)
                met[places[r]] = 1;
        }
    }
    for (uint32_t i = 0; i < N_ROWS; i++)
        mates += met[i];
    cr_assert_gt(mates, 64, "over ten epochs a row meets more than two batches of others");
    for (uint32_t epoch = 0; epoch < 20; epoch++) { /* the first batch's length varies */
        as_batches_shuffle(b, 1, epoch);
        walk(b, &split, true, order);
        first_batch[epoch] = (uint32_t)rows[order[0]].n_ids;
        uint32_t k = 0;
        while (first_batch[k] != first_batch[epoch])
            k++;
        distinct += k == epoch;
    }
    cr_assert_gt(distinct, 5);
    as_arena_free(arena);
}

Test(batches, bounds_are_tight_and_nothing_is_allocated_per_batch) {
    as_split_rows split = make_split(64);
    as_arena *arena = as_arena_new();
    as_batches *b;
    int32_t most = 0;
    cr_assert_eq(as_batches_new(arena, &split, 8, &b, NULL), ASSAY_OK);
    size_t used = as_arena_used_bytes(arena);
    as_batches_shuffle(b, 1, 1);
    as_batches_by_length(b);
    for (const assay_batch *batch; (batch = as_batches_next(b));)
        most = batch->n_tokens > most ? batch->n_tokens : most;
    cr_assert_eq(most, as_batches_max_tokens(b), "the eight longest rows together");
    cr_assert_eq(as_arena_used_bytes(arena), used);
    cr_assert_eq(as_batches_new(arena, &split, 100, &b, NULL), ASSAY_OK);
    cr_assert_eq(as_batches_max_rows(b), 64);
    as_arena_free(arena);
}

Test(batches, nothing_to_batch_is_an_error) {
    as_split_rows none = {.split = AS_SPLIT_TEST}, some = make_split(4);
    as_arena *arena = as_arena_new();
    as_batches *b = NULL;
    cr_assert_eq(as_batches_new(arena, &none, 8, &b, NULL), ASSAY_INVALID_ARGUMENT);
    cr_assert_eq(as_batches_new(arena, &some, 0, &b, NULL), ASSAY_INVALID_ARGUMENT);
    cr_assert_null(b);
    as_arena_free(arena);
}
