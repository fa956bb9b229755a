/* SPDX-License-Identifier: MIT */
/* Scenarios on a scripted clock: a query takes what the script says. */
#include <criterion/criterion.h>

#include "measure/scenarios.h"
#include "unit/train/toy.h"

#define MS INT64_C(1000000)

enum { N_ROWS = 40, MAX_SEEN = 4096 };

static as_arena *arena;
static as_split_rows split;
static as_trainee trainee;
static as_scenario_config config;
static as_scenario_result result;
static assay_error error;
static int64_t now_ns;
static int n_seen, fail_at;
static int64_t (*script)(int i, const assay_batch *batch); /* ns of query i */
static uint64_t seen_keys[MAX_SEEN];
static int32_t seen_tokens[MAX_SEEN], seen_rows[MAX_SEEN];

static int64_t clock_ns(void *context) {
    (void)context;
    return now_ns;
}

static assay_status predict(void *self, const assay_batch *batch, double *logits,
                            assay_error *ret_error) {
    (void)self;
    cr_assert_null(batch->labels, "a prediction must not see labels");
    cr_assert_eq(batch->offsets[batch->n_rows], batch->n_tokens);
    for (int32_t t = batch->offsets[0]; t < batch->offsets[1]; t++)
        cr_assert_eq(batch->positions[t], t);
    for (int32_t b = 0; b < batch->n_rows; b++)
        logits[2 * b] = logits[2 * b + 1] = 0;
    if (n_seen < MAX_SEEN) {
        seen_keys[n_seen] = batch->row_keys[0];
        seen_tokens[n_seen] = batch->n_tokens;
        seen_rows[n_seen] = batch->n_rows;
    }
    now_ns += script(n_seen, batch);
    if (++n_seen == fail_at)
        return assay_fail(ret_error, ASSAY_LIMIT, "toy", "scripted failure");
    return ASSAY_OK;
}

static int64_t ten_ms(int i, const assay_batch *batch) {
    (void)i;
    (void)batch;
    return 10 * MS;
}

static void set_up(void) {
    arena = as_arena_new();
    toy_split(arena, AS_SPLIT_TEST, N_ROWS, 4, &split);
    trainee = (as_trainee){.n_classes = 2, .predict = predict};
    config = (as_scenario_config){
        .min_seconds = 4, .min_queries = 500, .batch = 16, .seed = 1, .clock_ns = clock_ns};
    error = (assay_error)ASSAY_ERROR_INIT;
    memset(&result, 0, sizeof result);
    result.n_rows = 77;
    script = ten_ms;
}

static void tear_down(void) {
    as_arena_free(arena);
}

TestSuite(scenarios, .init = set_up, .fini = tear_down);

static assay_status run(const char *name) {
    return as_scenario_run(as_scenario_find(name), arena, &trainee, &split, &config, &result,
                           &error);
}

Test(scenarios, are_found_by_name) {
    for (size_t i = 0; i < as_n_scenarios; i++)
        cr_assert_eq(as_scenario_find(as_scenarios[i].name), &as_scenarios[i]);
    cr_assert_null(as_scenario_find("server"));
}

Test(scenarios, end_when_the_count_is_met_last) {
    cr_assert_eq(run("single_stream"), ASSAY_OK, "%s", error.text);
    cr_assert_eq(result.n_queries, 500);
    cr_assert_float_eq(result.seconds, 5.0, 1e-9);
    cr_assert_float_eq(result.samples_per_second, 100, 1e-6);
    cr_assert(result.complete && result.steady);
}

/* Tokens a second and a query's tokens are real ones; the model sees all. */
Test(scenarios, the_suites_padding_is_no_token) {
    as_row *rows = as_arena_alloc_array(arena, N_ROWS, sizeof *rows);
    static const int32_t padded[TOY_LONGEST] = {3, 4};
    for (int i = 0; i < N_ROWS; i++) {
        rows[i] = split.rows[i];
        rows[i].ids = padded;
        rows[i].n_ids = TOY_LONGEST;
        rows[i].n_padding = TOY_LONGEST - 2;
    }
    split.rows = rows;
    split.longest = TOY_LONGEST;
    cr_assert_eq(run("single_stream"), ASSAY_OK, "%s", error.text);
    cr_assert(seen_tokens[0] == TOY_LONGEST && result.queries[0].n_tokens == 2);
    cr_assert_eq(result.n_tokens, 2 * result.n_rows);
    cr_assert_eq(run("offline"), ASSAY_OK, "%s", error.text);
    cr_assert_eq(result.queries[0].n_tokens, 2 * result.queries[0].n_rows);
    cr_assert_eq(result.n_tokens, 2 * result.n_rows);
}

Test(scenarios, end_when_the_time_is_met_last) {
    config.min_seconds = 8;
    cr_assert_eq(run("single_stream"), ASSAY_OK);
    cr_assert_eq(result.n_queries, 800);
    cr_assert(result.complete);
}

static int64_t one_second(int i, const assay_batch *batch) {
    (void)i;
    (void)batch;
    return 1000 * MS;
}

Test(scenarios, give_up_on_the_count_after_twenty_times_the_time) {
    script = one_second;
    config.min_seconds = 1;
    cr_assert_eq(run("single_stream"), ASSAY_OK);
    cr_assert_eq(result.n_queries, 20);
    cr_assert(!result.complete);
}

Test(scenarios, without_a_minimum_time_the_count_decides) {
    config.min_seconds = 0;
    cr_assert_eq(run("single_stream"), ASSAY_OK);
    cr_assert_eq(result.n_queries, 500);
    config.min_queries = 0; /* the scenario's own */
    cr_assert_eq(run("single_stream"), ASSAY_OK);
    cr_assert_eq(result.n_queries, as_scenario_find("single_stream")->min_queries);
}

Test(scenarios, single_stream_sees_every_length_before_timing) {
    bool seen[TOY_LONGEST + 1] = {false}, in_split[TOY_LONGEST + 1] = {false};
    int n_lengths = 0;
    for (int row = 0; row < N_ROWS; row++) {
        n_lengths += !in_split[split.rows[row].n_ids];
        in_split[split.rows[row].n_ids] = true;
    }
    cr_assert_eq(run("single_stream"), ASSAY_OK);
    for (int i = 0; i < n_lengths; i++) {
        cr_assert(!seen[seen_tokens[i]]);
        seen[seen_tokens[i]] = true;
    }
    cr_assert_arr_eq(seen, in_split, sizeof seen);
    cr_assert_eq(result.n_warmup + result.n_queries, (size_t)n_seen);
    cr_assert_geq((int)result.n_warmup, n_lengths + 64);
}

Test(scenarios, single_stream_takes_every_row_once_a_round_in_seeded_order) {
    uint64_t first[N_ROWS];
    bool taken[N_ROWS] = {false};
    uint32_t n_warmup;
    cr_assert_eq(run("single_stream"), ASSAY_OK);
    n_warmup = result.n_warmup;
    for (int i = 0; i < N_ROWS; i++) {
        first[i] = seen_keys[n_warmup + (uint32_t)i];
        cr_assert(!taken[first[i]]);
        taken[first[i]] = true;
        cr_assert_eq(result.queries[i].n_tokens, split.rows[first[i]].n_ids);
        cr_assert_eq(result.queries[i].n_rows, 1);
        cr_assert_eq(result.queries[i].ns, 10 * MS);
        cr_assert_eq(seen_keys[n_warmup + N_ROWS + (uint32_t)i], first[i]);
    }
    n_seen = 0;
    cr_assert_eq(run("single_stream"), ASSAY_OK);
    cr_assert_arr_eq(first, seen_keys + n_warmup, sizeof first);
    n_seen = 0;
    config.seed = 2;
    cr_assert_eq(run("single_stream"), ASSAY_OK);
    cr_assert_neq(memcmp(first, seen_keys + n_warmup, sizeof first), 0);
}

/* A machine that gets faster for its first 200 queries. */
static int64_t warming(int i, const assay_batch *batch) {
    (void)batch;
    return i < 200 ? (400 - i) * MS / 10 : 20 * MS;
}

Test(scenarios, warm_up_lasts_until_steady) {
    script = warming;
    config.min_seconds = 60;
    cr_assert_eq(run("single_stream"), ASSAY_OK);
    cr_assert(result.steady);
    cr_assert_geq(result.n_warmup, 200);
    for (size_t i = 0; i < result.n_queries; i++)
        cr_assert_eq(result.queries[i].ns, 20 * MS);
}

/* A machine that slows down by a tenth every 32 queries, for ever. */
static int64_t tiring(int i, const assay_batch *batch) {
    (void)batch;
    return (int64_t)(1e6 * pow(1.1, i / 32.0));
}

Test(scenarios, warm_up_takes_at_most_a_quarter_of_the_time) {
    script = tiring;
    config.min_seconds = 1;
    config.min_queries = 1;
    cr_assert_eq(run("single_stream"), ASSAY_OK);
    cr_assert(!result.steady);
    cr_assert(result.warmup_seconds > 0.25 && result.warmup_seconds < 0.3);
}

Test(scenarios, offline_runs_whole_passes_longest_first) {
    config.min_seconds = 0.5;
    config.min_queries = 0;
    cr_assert_eq(run("offline"), ASSAY_OK, "%s", error.text);
    /* 3 batches of 10 ms a pass; half a second is reached in the 17th */
    cr_assert_eq(result.n_queries, 51);
    cr_assert_eq(result.n_rows, 17 * N_ROWS);
    cr_assert_eq(result.n_tokens, 17 * split.n_tokens);
    cr_assert_float_eq(result.tokens_per_second, (double)split.n_tokens / 0.03, 1e-6);
    cr_assert_eq(result.queries[0].n_rows, 16);
    cr_assert_eq(result.queries[2].n_rows, 8);
    cr_assert_geq((double)result.queries[0].n_tokens / 16, (double)result.queries[2].n_tokens / 8);
}

static int n_paused;

static void pause_one_second(void *context) {
    (void)context;
    n_paused++;
    now_ns += 1000 * MS;
}

/* The machine's limits are measured between queries: not a query's time, nor the scenario's. */
Test(scenarios, what_a_pause_takes_does_not_count) {
    config.pause = pause_one_second;
    cr_assert_eq(run("single_stream"), ASSAY_OK, "%s", error.text);
    cr_assert_eq(n_paused, 501, "before the first query and behind each");
    cr_assert_float_eq(result.seconds, 5.0, 1e-9);
    for (size_t i = 0; i < result.n_queries; i++)
        cr_assert_eq(result.queries[i].ns, 10 * MS);
    cr_assert(isnan(result.flops), "there is no graph to count by");
}

Test(scenarios, failures_leave_the_result_untouched) {
    fail_at = 3;
    cr_assert_eq(run("single_stream"), ASSAY_LIMIT);
    fail_at = 150;
    n_seen = 0;
    cr_assert_eq(run("single_stream"), ASSAY_LIMIT);
    split.n_rows = 0;
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(run("single_stream"), ASSAY_INVALID_ARGUMENT);
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(run("offline"), ASSAY_INVALID_ARGUMENT);
    cr_assert_eq(result.n_rows, 77);
}
