/* SPDX-License-Identifier: MIT */
/* Blocks of scenarios on a scripted clock: which rows, how often, which batch size. */
#include <criterion/criterion.h>
#include <math.h>

#include "measure/blocks.h"
#include "unit/train/toy.h"

#define MS INT64_C(1000000)

enum { N_ROWS = 64, MOST = 4096 };

static as_arena *arena;
static as_split_rows test, train;
static as_trainee trainee;
static as_scenario_config config;
static as_blocks_config blocks;
static as_train_config training;
static as_meter *meter;
static as_block_result block;
static assay_error error;
static int64_t now_ns;
static int n_seen, n_steps;
static bool breaks; /* the next loss is no number */
static int32_t rows_seen[MOST], lengths_seen[MOST];
static int64_t (*cost)(const assay_batch *batch);

static int64_t clock_ns(void *context) {
    (void)context;
    return now_ns;
}

static int64_t ten_ms(const assay_batch *batch) {
    (void)batch;
    return 10 * MS;
}

/* Batches of 8 are the cheapest by the row. */
static int64_t likes_eight(const assay_batch *batch) {
    return batch->n_rows * (batch->n_rows == 8 ? 1 : 2) * MS;
}

static void see(const assay_batch *batch) {
    if (n_seen < MOST) {
        rows_seen[n_seen] = batch->n_rows;
        lengths_seen[n_seen] = batch->offsets[1];
    }
    n_seen++;
    now_ns += cost(batch);
}

static assay_status predict(void *self, const assay_batch *batch, double *logits,
                            assay_error *ret_error) {
    (void)self;
    (void)ret_error;
    cr_assert_null(batch->labels);
    for (int32_t b = 0; b < 2 * batch->n_rows; b++)
        logits[b] = 0;
    see(batch);
    return ASSAY_OK;
}

static assay_status train_batch(void *self, const assay_batch *batch, const as_batch_step *step,
                                double *logits, as_batch_result *ret_result,
                                assay_error *ret_error) {
    (void)self;
    (void)logits;
    (void)ret_error;
    cr_assert_not_null(batch->labels);
    cr_assert_eq(step->step, ++n_steps);
    cr_assert_float_eq(step->learning_rate, 0.25, 0);
    see(batch);
    *ret_result = (as_batch_result){breaks ? NAN : 0.5, NAN, true, false, false, false};
    return ASSAY_OK;
}

static void set_up(void) {
    arena = as_arena_new();
    toy_split(arena, AS_SPLIT_TEST, N_ROWS, 4, &test);
    toy_split(arena, AS_SPLIT_TRAIN, N_ROWS, 5, &train);
    trainee = (as_trainee){.n_classes = 2, .predict = predict, .train_batch = train_batch};
    training = (as_train_config){.learning_rate = 0.25};
    config =
        (as_scenario_config){.batch = 16, .seed = 1, .clock_ns = clock_ns, .training = &training};
    blocks = (as_blocks_config){.rounds = 3, .queries = 5, .steps = 3};
    error = (assay_error)ASSAY_ERROR_INIT;
    cost = ten_ms;
    n_seen = n_steps = 0;
    breaks = false;
}

static void tear_down(void) {
    as_arena_free(arena);
}

TestSuite(blocks, .init = set_up, .fini = tear_down);

static assay_status open_meter(const char *name) {
    const as_scenario *scenario = as_scenario_find(name);
    const as_split_rows *split = scenario->split == AS_SPLIT_TRAIN ? &train : &test;
    return as_meter_open(arena, scenario, &trainee, split, &config, &blocks, NULL, &meter, &error);
}

static void warm(const char *name) {
    cr_assert_eq(open_meter(name), ASSAY_OK, "%s", error.text);
    cr_assert_eq(as_meter_warm(meter, &error), ASSAY_OK, "%s", error.text);
    n_seen = 0;
}

static void run_block(void) {
    n_seen = 0;
    cr_assert_eq(as_meter_block(meter, &block, &error), ASSAY_OK, "%s", error.text);
}

Test(blocks, are_the_same_work_each_time) {
    int32_t first[5];
    warm("single_stream");
    run_block();
    cr_expect_eq(block.n_queries, 5);
    cr_expect_eq(block.n_rows, 5);
    cr_expect_float_eq(block.seconds, 0.05, 1e-9);
    cr_expect(isnan(block.flops));
    memcpy(first, lengths_seen, sizeof first);
    run_block();
    cr_expect_arr_eq(first, lengths_seen, sizeof first);
    cr_expect_eq(as_meter_batch(meter), 1);
}

Test(blocks, repeat_their_work_until_the_time_is_met) {
    blocks.seconds = 0.12;
    warm("single_stream");
    run_block();
    cr_expect_eq(block.n_queries, 15);
    cr_expect_float_eq(block.seconds, 0.15, 1e-9);
}

Test(blocks, of_offline_are_whole_units_of_like_rows_from_all_lengths) {
    blocks.rows = 32;
    warm("offline");
    run_block();
    cr_expect_eq(block.n_rows, 32);
    cr_assert_eq(n_seen, 2);
    cr_expect(rows_seen[0] == 16 && rows_seen[1] == 16);
    cr_expect_gt(lengths_seen[0], lengths_seen[1], "%d, %d", lengths_seen[0], lengths_seen[1]);
    /* The second and the last of four units: neither the longest row nor only long ones. */
    cr_expect_lt(lengths_seen[0], test.longest);
    blocks.rows = 0; /* the whole split */
    warm("offline");
    run_block();
    cr_expect_eq(block.n_rows, N_ROWS);
    cr_expect_eq(lengths_seen[0], test.longest);
}

Test(blocks, of_arrival_are_the_first_rows_as_they_come) {
    blocks.rows = 24;
    warm("arrival");
    run_block();
    cr_assert_eq(n_seen, 2);
    cr_expect(rows_seen[0] == 16 && rows_seen[1] == 8);
    cr_expect_eq(lengths_seen[0], test.rows[0].n_ids);
    cr_expect_eq(lengths_seen[1], test.rows[16].n_ids);
}

Test(blocks, take_the_fastest_batch_of_a_trial) {
    blocks.rows = 32;
    blocks.n_batches = 3;
    blocks.batches[0] = 16;
    blocks.batches[1] = 8;
    blocks.batches[2] = 4;
    cost = likes_eight;
    warm("offline");
    cr_expect_eq(as_meter_batch(meter), 8);
    run_block();
    cr_expect_eq(n_seen, 4);
    cr_expect_eq(rows_seen[0], 8);
    cr_expect_eq(block.n_rows, 32);
    warm("training"); /* whose batch is part of the recipe */
    cr_expect_eq(as_meter_batch(meter), 16);
}

Test(blocks, of_training_are_the_first_steps_of_an_epoch) {
    int32_t first[3];
    warm("training");
    cr_expect_eq(n_steps, 6); /* twice */
    run_block();
    cr_expect_eq(block.n_queries, 3);
    cr_expect_eq(block.n_rows, 48);
    memcpy(first, lengths_seen, sizeof first);
    run_block();
    cr_expect_arr_eq(first, lengths_seen, sizeof first);
    breaks = true;
    cr_expect_eq(as_meter_block(meter, &block, &error), ASSAY_DIVERGED);
}

Test(blocks, what_the_texts_lack_is_unsupported) {
    cr_expect_eq(open_meter("one_text"), ASSAY_UNSUPPORTED);
    cr_expect_not_null(strstr(error.text, "no text of 128 tokens"));
}

Test(blocks, of_one_text_are_rows_cut_to_one_length) {
    as_row *rows = as_arena_alloc_array(arena, N_ROWS, sizeof *rows);
    static const int32_t ids[200] = {3, 4};
    for (int i = 0; i < N_ROWS; i++) {
        rows[i] = test.rows[i];
        rows[i].ids = ids;
        rows[i].n_ids = i % 2 ? 127 : 128 + i;
    }
    test.rows = rows;
    test.longest = 200;
    warm("one_text");
    run_block();
    cr_assert_eq(n_seen, 5);
    for (int i = 0; i < 5; i++)
        cr_expect_eq(lengths_seen[i], AS_ONE_TEXT_TOKENS);
    cr_expect_eq(block.n_tokens, 5 * AS_ONE_TEXT_TOKENS);
}
