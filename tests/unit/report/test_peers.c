/* SPDX-License-Identifier: MIT */
/* Cells that took turns, as tables. */
#include <criterion/criterion.h>

#include "fixture.h"
#include "report/peers.h"

enum { ROUNDS = 7, MAX_CELLS = 6 };

static as_arena *arena;
static as_record records[MAX_CELLS], *cells[MAX_CELLS];
static as_timed_block blocks[MAX_CELLS][2 * ROUNDS];
static const char *names[MAX_CELLS];
static as_run run;
static as_peer_table *tables;
static size_t n_tables;

/* A cell whose offline blocks of 1,000 tokens take `seconds` times 1, 2, 1, 2, ..., as slow rounds
 * do to all, and whose single texts take that many ms. */
static as_record *add(const char *entry, const char *of, const char *program, double seconds) {
    static const char *const backend = "onednn";
    size_t i = run.n_cells++;
    as_record *r = &records[i];
    memset(r, 0, sizeof *r);
    r->entry = entry;
    r->dtype = "f32";
    r->cell = names[i] = entry;
    r->backend.id = backend;
    r->peer.of = of;
    r->peer.program = program;
    r->peer.same_logits = true;
    r->interleaved.rounds = ROUNDS;
    r->interleaved.cells = names;
    r->interleaved.n_cells = MAX_CELLS;
    r->interleaved.blocks = blocks[i];
    r->interleaved.n_blocks = (size_t)2 * ROUNDS;
    for (int k = 0; k < ROUNDS; k++) {
        double slow = 1 + k % 2;
        blocks[i][2 * k] =
            (as_timed_block){"offline", k + 1, 16, 2, 32, 1000, seconds * slow, 5, 2e9, 1e10, 2e10};
        blocks[i][2 * k + 1] =
            (as_timed_block){"single_stream", k + 1, 1, 3, 3, 30, 1, seconds * slow, NAN, NAN, NAN};
    }
    cells[i] = r;
    return r;
}

static void set_up(void) {
    arena = as_arena_new();
    memset(&run, 0, sizeof run);
    for (size_t i = 0; i < MAX_CELLS; i++)
        names[i] = "";
    run.cells = cells;
}

static void tear_down(void) {
    as_arena_free(arena);
}

TestSuite(peers, .init = set_up, .fini = tear_down);

static void summarise(void) {
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_peers_summarise(arena, &run, &tables, &n_tables, &error), ASSAY_OK);
}

Test(peers, ratios_are_taken_round_by_round) {
    add("ours", NULL, NULL, 1);
    add("theirs", "ours", "PyTorch", 1.25);
    summarise();
    cr_assert_eq(n_tables, 2);
    const as_peer_table *t = &tables[0];
    cr_expect_str_eq(t->scenario, "offline");
    cr_assert_eq(t->n_rows, 2);
    cr_expect_str_eq(t->rows[0].name, "ours, assay onednn");
    cr_expect(t->rows[0].is_own && isnan(t->rows[0].ratio.value));
    cr_expect_float_eq(t->rows[0].speed.value, 1000, 1e-9);
    /* The rounds differ by a factor of 2, their ratios by nothing. */
    cr_expect_float_eq(t->rows[1].ratio.value, 1.25, 1e-12);
    cr_expect_float_eq(t->rows[1].ratio.low, 1.25, 1e-12);
    cr_expect_float_eq(t->rows[1].ratio.high, 1.25, 1e-12);
    /* 1,000 tokens and 2e9 operations in 1 s or 2 s, of 1e10 a second; the median is a fast
     * round's. */
    cr_expect_float_eq(t->rows[0].share_of_gemm.value, 0.2, 1e-12);
    cr_expect_float_eq(t->rows[0].share_of_compute.value, 0.1, 1e-12);
    cr_expect_float_eq(t->rows[1].share_of_gemm.value, 0.16, 1e-12);
    cr_expect_float_eq(t->peak_gemm.value, 1e10, 1);
    t = &tables[1];
    cr_expect_str_eq(t->scenario, "single_stream");
    cr_expect(t->is_latency);
    cr_expect_float_eq(t->rows[0].speed.value, 1, 1e-12);
    cr_expect_float_eq(t->rows[1].ratio.value, 1.25, 1e-12);
    cr_expect(isnan(t->rows[1].share_of_gemm.value));
}

Test(peers, of_a_program_the_fastest_entry_stands_there) {
    add("ours", NULL, NULL, 1);
    add("eager", "ours", "PyTorch", 1.5);
    add("compiled", "ours", "PyTorch", 1.2);
    add("slow", "ours", "PyTorch", 3);
    as_record *broken = add("broken", "ours", "OpenVINO", 1);
    broken->status = AS_CELL_FAILED;
    broken->reason = "its logits differ";
    broken->interleaved.n_blocks = 0;
    add("null", "ours", "protocol", 0.1)->peer.same_logits = false;
    summarise();
    for (size_t i = 0; i < 2; i++) {
        const as_peer_table *t = &tables[i];
        cr_assert_eq(t->n_rows, 4);
        cr_expect_str_eq(t->rows[1].name, "PyTorch");
        cr_expect_str_eq(t->rows[1].record->entry, "compiled");
        cr_expect_eq(t->rows[1].n_tried, 3);
        cr_expect_null(t->rows[2].record);
        cr_expect_str_eq(t->rows[2].problem, "its logits differ");
        cr_expect(t->rows[3].is_other && !t->rows[1].is_other);
    }
}

Test(peers, a_round_that_one_of_them_lacks_is_no_pair) {
    add("ours", NULL, NULL, 1);
    as_record *peer = add("theirs", "ours", "PyTorch", 2);
    blocks[1][2].scenario = "arrival"; /* round 2 of offline */
    peer->interleaved.n_blocks = 5;    /* up to round 3 */
    summarise();
    cr_expect_float_eq(tables[0].rows[1].ratio.value, 2, 1e-12);
    cr_expect(isnan(tables[0].rows[1].ratio.low), "two rounds have no interval");
}

Test(peers, without_turns_there_are_no_tables) {
    add("ours", NULL, NULL, 1)->interleaved.rounds = 0;
    add("theirs", "ours", "PyTorch", 2)->interleaved.rounds = 0;
    records[0].interleaved.n_blocks = records[1].interleaved.n_blocks = 0;
    summarise();
    cr_expect_eq(n_tables, 0);
}
