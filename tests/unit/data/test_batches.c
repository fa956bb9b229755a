/* SPDX-License-Identifier: MIT */
/* Batches: every row once, buckets by length, the same order for the same seed; token budgets,
 * weighted draws, padding. */
#include <criterion/criterion.h>
#include <math.h>
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
        cr_assert_eq(b->flags, n_batches + 1 == as_batches_count(batches) ? ASSAY_BATCH_LAST : 0);
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

static as_batches *open_batches(as_arena *arena, const as_split_rows *split,
                                as_batches_config config) {
    as_batches *b;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_batches_open(arena, split, &config, &b, &error), ASSAY_OK, "%s: %s",
                 error.where, error.text);
    return b;
}

/* ---- epochs are random ------------------------------------------------------------------------*/

enum { N_EPOCHS = 400, N_FEW = 300 };

/* The mean place of a row's batch over epochs is that of a uniform one: mean m and standard
 * deviation s / sqrt(N_EPOCHS), with s of the places 0 .. n_batches - 1; 5 of those for 300 rows is
 * one false alarm in 6,000 seeds. */
static void expect_uniform_places(as_arena *arena, as_batches_config config) {
    as_split_rows split = make_split(N_FEW);
    as_batches *b = open_batches(arena, &split, config);
    double sums[N_FEW] = {0};
    for (uint64_t epoch = 0; epoch < N_EPOCHS; epoch++) {
        as_batches_shuffle(b, 11, epoch);
        double n = as_batches_count(b), place = 0;
        for (const assay_batch *batch; (batch = as_batches_next(b)); place++)
            for (int32_t r = 0; r < batch->n_rows; r++)
                sums[as_batches_rows(b)[r]] += (place + 0.5) / n;
    }
    for (uint32_t i = 0; i < N_FEW; i++)
        cr_assert_lt(fabs(sums[i] / N_EPOCHS - 0.5), 5 * sqrt(1.0 / 12 / N_EPOCHS),
                     "row %u: mean place %g", i, sums[i] / N_EPOCHS);
}

Test(batches, no_row_prefers_a_place_in_the_epoch) {
    as_arena *arena = as_arena_new();
    expect_uniform_places(arena, (as_batches_config){.batch_rows = 4});
    expect_uniform_places(arena, (as_batches_config){.batch_rows = 1});
    expect_uniform_places(arena, (as_batches_config){.batch_rows = 16, .batch_tokens = 100});
    as_arena_free(arena);
}

Test(batches, what_shares_a_batch_changes_between_epochs) {
    static const as_batches_config configs[] = {{.batch_rows = 4},
                                                {.batch_rows = 64, .batch_tokens = 80}};
    as_arena *arena = as_arena_new();
    as_split_rows split = make_split(N_ROWS);
    for (size_t c = 0; c < 2; c++) {
        as_batches *b = open_batches(arena, &split, configs[c]);
        static uint32_t mates[2][N_ROWS]; /* the row after each in its batch, in two epochs */
        uint32_t same = 0, pairs = 0;
        for (uint64_t epoch = 0; epoch < 2; epoch++) {
            memset(mates[epoch], 0xff, sizeof mates[epoch]);
            as_batches_shuffle(b, 3, epoch);
            for (const assay_batch *batch; (batch = as_batches_next(b));)
                for (int32_t r = 1; r < batch->n_rows; r++)
                    mates[epoch][as_batches_rows(b)[r - 1]] = as_batches_rows(b)[r];
        }
        for (uint32_t i = 0; i < N_ROWS; i++) {
            pairs += mates[0][i] != UINT32_MAX;
            same += mates[0][i] != UINT32_MAX && mates[0][i] == mates[1][i];
        }
        cr_assert_gt(pairs, N_ROWS / 3);
        cr_assert_lt(same, pairs / 10, "%u of %u neighbours are the same", same, pairs);
    }
    as_arena_free(arena);
}

/* ---- token budget -----------------------------------------------------------------------------*/

/* Batches of an order: within the budget, and none that another row as short as its last would
 * still have fitted into, but for the ends of buckets: one in `bucket` batches, and the last. */
static void expect_filled(as_batches *b, int32_t budget, int32_t batch_rows, uint32_t bucket) {
    uint32_t n_under = 0, n_batches = 0;
    for (const assay_batch *batch; (batch = as_batches_next(b)); n_batches++) {
        cr_assert(batch->n_tokens <= budget || batch->n_rows == 1, "%d rows, %d tokens",
                  batch->n_rows, batch->n_tokens);
        cr_assert_leq(batch->n_rows, batch_rows);
        int32_t shortest = batch->offsets[batch->n_rows] - batch->offsets[batch->n_rows - 1];
        n_under += batch->n_rows < batch_rows && batch->n_tokens + shortest <= budget;
    }
    cr_assert_leq(n_under, n_batches / bucket + 1, "%u of %u batches could hold another row",
                  n_under, n_batches);
}

Test(batches, a_budget_of_tokens_fills_batches) {
    static uint32_t order[N_ROWS];
    static const int32_t budgets[] = {1, 7, 40, 100, 1000, 100000};
    as_split_rows split = make_split(N_ROWS);
    for (size_t i = 0; i < sizeof budgets / sizeof budgets[0]; i++) {
        as_arena *arena = as_arena_new();
        const as_batches_config config = {.batch_rows = 64, .batch_tokens = budgets[i]};
        as_batches *b = open_batches(arena, &split, config);
        int32_t most_rows = as_batches_max_rows(b);
        walk(b, &split, false, order);
        as_batches_shuffle(b, 1, 1);
        walk(b, &split, true, order);
        as_batches_shuffle(b, 1, 1);
        expect_filled(b, budgets[i], 64, 30); /* 50 batches of mean length, rows rounded down */
        as_batches_by_length(b);
        walk(b, &split, true, order);
        as_batches_by_length(b);
        expect_filled(b, budgets[i], 64, N_ROWS);
        cr_assert(budgets[i] > 1 || (as_batches_count(b) == N_ROWS && most_rows == 1));
        cr_assert(budgets[i] > 7 || most_rows <= 7, "seven rows of one token, if there are");
        as_arena_free(arena);
    }
}

Test(batches, a_budget_bounds_what_plans_are_compiled_for) {
    as_arena *arena = as_arena_new();
    as_split_rows split = make_split(400); /* ten rows of each length 1 .. 40 */
    as_batches *b = open_batches(arena, &split, (as_batches_config){64, 30, NULL});
    cr_assert_eq(as_batches_max_tokens(b), 40, "a row longer than the budget is a batch");
    cr_assert_eq(as_batches_max_rows(b), 20, "10 rows of 1 token and 10 of 2");
    b = open_batches(arena, &split, (as_batches_config){64, 300, NULL});
    cr_assert_eq(as_batches_max_tokens(b), 300);
    cr_assert_eq(as_batches_max_rows(b), 64);
    b = open_batches(arena, &split, (as_batches_config){2, 300, NULL});
    cr_assert_eq(as_batches_max_tokens(b), 80, "two rows of 40");
    as_arena_free(arena);
}

/* ---- row weights ------------------------------------------------------------------------------*/

Test(batches, weighted_rows_are_drawn_in_proportion) {
    static float weights[N_ROWS];
    static uint32_t drawn[N_ROWS];
    double by_label[3] = {0}, n = 0;
    as_split_rows split = make_split(N_ROWS);
    for (uint32_t i = 0; i < N_ROWS; i++) { /* labels are dealt evenly: 0, 3/4 and 1/4 */
        weights[i] = (float)(i % 3 == 1 ? 3 : i % 3 == 2 ? 1 : 0);
    }
    as_arena *arena = as_arena_new();
    as_batches *b = open_batches(
        arena, &split,
        (as_batches_config){.batch_rows = 32, .batch_tokens = 500, .row_weights = weights});
    for (uint64_t epoch = 0; epoch < 30; epoch++) {
        uint32_t n_rows = 0, length = UINT32_MAX;
        as_batches_shuffle(b, 5, epoch);
        for (const assay_batch *batch; (batch = as_batches_next(b));) {
            cr_assert_leq(batch->n_tokens, as_batches_max_tokens(b));
            cr_assert_leq(batch->n_rows, as_batches_max_rows(b));
            n_rows += (uint32_t)batch->n_rows;
            for (int32_t r = 0; r < batch->n_rows; r++) {
                drawn[as_batches_rows(b)[r]]++;
                by_label[batch->labels[r]]++;
                length = (uint32_t)(batch->offsets[r + 1] - batch->offsets[r]);
                cr_assert(r == 0 ||
                          length <= (uint32_t)(batch->offsets[r] - batch->offsets[r - 1]));
            }
        }
        cr_assert_eq(n_rows, N_ROWS, "as many rows as the split has");
        n += n_rows;
    }
    cr_assert_eq(by_label[0], 0);
    cr_assert_lt(fabs(by_label[1] / n - 0.75), 5 * sqrt(0.75 * 0.25 / n), "%g", by_label[1] / n);
    for (uint32_t i = 0; i < N_ROWS; i++) { /* Poisson-like: mean 67.5 or 22.5 */
        double mean = 30 * (double)weights[i] * 3 / 4;
        cr_assert_leq(fabs(drawn[i] - mean), 6 * sqrt(mean), "row %u: %u times", i, drawn[i]);
    }
    as_batches_in_order(b); /* evaluation: each row once all the same */
    static uint32_t order[N_ROWS];
    walk(b, &split, false, order);
    as_arena_free(arena);
}

/* One row has all the weight: the bounds of batches without repeats don't hold. */
Test(batches, weighted_draws_can_repeat_the_longest_or_the_shortest_row) {
    static float weights[4];
    as_split_rows split = make_split(4); /* lengths 1, 40, 39, 38 */
    as_arena *arena = as_arena_new();
    for (uint32_t only = 0; only < 2; only++) {
        const as_batches_config config = {4, only ? 0 : 3, weights};
        weights[only] = 1;
        weights[!only] = 0;
        as_batches *b = open_batches(arena, &split, config);
        as_batches_shuffle(b, 1, 1);
        int32_t most = 0;
        for (const assay_batch *batch; (batch = as_batches_next(b));) {
            cr_assert_eq(as_batches_rows(b)[0], only);
            most = batch->n_tokens > most ? batch->n_tokens : most;
        }
        cr_assert_eq(most, only ? 160 : 3);
        cr_assert_eq(as_batches_max_tokens(b), only ? 160 : 40);
        cr_assert_eq(as_batches_max_rows(b), only ? 4 : 3);
    }
    as_arena_free(arena);
}

Test(batches, weights_that_no_draw_can_follow_are_refused) {
    static float weights[4] = {0, 0, 0, 0};
    as_split_rows split = make_split(4);
    as_arena *arena = as_arena_new();
    const as_batches_config config = {.batch_rows = 2, .row_weights = weights},
                            negative = {.batch_rows = 2, .batch_tokens = -1};
    as_batches *b = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_batches_open(arena, &split, &config, &b, &error), ASSAY_INVALID_ARGUMENT);
    cr_assert(strstr(error.text, "all rows have the weight 0"), "%s", error.text);
    weights[2] = -1;
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_batches_open(arena, &split, &config, &b, &error), ASSAY_INVALID_ARGUMENT);
    cr_assert(strstr(error.text, "row 2 has the weight -1"), "%s", error.text);
    weights[2] = NAN;
    cr_assert_eq(as_batches_open(arena, &split, &config, &b, NULL), ASSAY_INVALID_ARGUMENT);
    cr_assert_eq(as_batches_open(arena, &split, &negative, &b, NULL), ASSAY_INVALID_ARGUMENT);
    cr_assert_null(b);
    as_arena_free(arena);
}

/* ---- padding, repeated rows, token weights ----------------------------------------------------*/

Test(batches, padding_is_what_the_longest_row_of_each_batch_would_cost) {
    as_split_rows split = make_split(5); /* lengths 1, 40, 39, 38, 37 */
    as_arena *arena = as_arena_new();
    as_batches *b = open_batches(arena, &split, (as_batches_config){.batch_rows = 2});
    uint64_t real = 0, padded = 0;
    as_batches_padding(b, &real, &padded); /* 1 40 | 39 38 | 37 */
    cr_assert(real == 155 && padded == 80 + 78 + 37, "%u of %u", (unsigned)real, (unsigned)padded);
    as_batches_by_length(b);
    as_batches_padding(b, &real, &padded); /* 40 39 | 38 37 | 1 */
    cr_assert(real == 155 && padded == 80 + 76 + 1, "%u of %u", (unsigned)real, (unsigned)padded);
    split = make_split(N_ROWS);
    b = open_batches(arena, &split, (as_batches_config){.batch_rows = 32});
    as_batches_in_order(b);
    as_batches_padding(b, &real, &padded);
    cr_assert(real == split.n_tokens && padded > real * 3 / 2, "unsorted batches are padded a lot");
    as_batches_shuffle(b, 1, 1);
    as_batches_padding(b, &real, &padded);
    cr_assert(real == split.n_tokens && padded < real * 105 / 100, "buckets are not");
    as_arena_free(arena);
}

Test(batches, a_row_may_stand_in_the_split_more_than_once) {
    static uint32_t order[N_ROWS];
    as_split_rows split = make_split(100);
    for (uint32_t i = 1; i < 100; i += 2)
        rows[i] = rows[i - 1];
    split.longest = LONGEST;
    as_arena *arena = as_arena_new();
    as_batches *b = open_batches(arena, &split, (as_batches_config){.batch_rows = 8});
    as_batches_shuffle(b, 1, 1);
    walk(b, &split, true, order);
    as_arena_free(arena);
}

Test(batches, token_weights_come_with_their_tokens) {
    static float weights[LONGEST];
    as_split_rows split = make_split(100);
    as_arena *arena = as_arena_new();
    as_batches *b = open_batches(arena, &split, (as_batches_config){.batch_rows = 8});
    cr_assert_null(as_batches_next(b)->token_weights, "none where the rows have none");
    for (int32_t t = 0; t < LONGEST; t++)
        weights[t] = (float)(ids[t] + 0.5);
    for (uint32_t i = 0; i < 100; i++)
        rows[i].weights = weights;
    b = open_batches(arena, &split, (as_batches_config){.batch_rows = 8});
    as_batches_shuffle(b, 1, 1);
    for (const assay_batch *batch; (batch = as_batches_next(b));)
        for (int32_t t = 0; t < batch->n_tokens; t++)
            cr_assert_eq(batch->token_weights[t], (float)(batch->ids[t] + 0.5));
    as_arena_free(arena);
}

/* Rows of 10 ids, the last ones of which are the suite's padding. */
Test(batches, padding_of_the_suite_is_no_real_token) {
    as_split_rows split = make_split(7);
    uint64_t real = 0, padded = 0, n_real = 0;
    for (uint32_t i = 0; i < 7; i++) {
        rows[i].n_ids = 10;
        rows[i].n_padding = (int32_t)i;
    }
    split.longest = 10;
    as_arena *arena = as_arena_new();
    as_batches *b = open_batches(arena, &split, (as_batches_config){.batch_rows = 3});
    as_batches_padding(b, &real, &padded);
    cr_assert(real == 70 - 21 && padded == 70, "%u of %u", (unsigned)real, (unsigned)padded);
    for (const assay_batch *batch; (batch = as_batches_next(b));) {
        int32_t expected = batch->n_tokens;
        for (int32_t k = 0; k < batch->n_rows; k++)
            expected -= rows[as_batches_rows(b)[k]].n_padding;
        cr_assert_eq(as_batches_real_tokens(b), expected);
        n_real += (uint64_t)expected;
    }
    cr_assert_eq(n_real, 49);
    as_arena_free(arena);
}
