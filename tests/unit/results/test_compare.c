/* SPDX-License-Identifier: MIT */
/* Verdicts and exit codes of comparisons between synthetic runs. */
#include "results/compare/compare.h"

#include "fixture.h"

enum { ALL_GATES = (1 << AS_CHECK_COUNT) - 1 };
static const char wide[] = "{\"margins\": {\"accuracy\": 0.05}}";

typedef struct pair {
    char *folders[2];
    as_run *runs[2];
    as_arena *arena;
    as_comparison comparison;
} pair;

static pair compare_runs(const fixture_cell *base, size_t n_base, const fixture_cell *new_,
                         size_t n_new, const char *margins, unsigned gates) {
    pair p = {{fixture_folder(), fixture_folder()}, {NULL, NULL}, as_arena_new(), {0}};
    assay_error error = ASSAY_ERROR_INIT;
    fixture_run(p.folders[0], base, n_base, NULL);
    fixture_run(p.folders[1], new_, n_new, margins);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(as_run_read(p.folders[i], 1, &p.runs[i], &error), ASSAY_OK, "%s: %s",
                     error.where, error.text);
    cr_assert_eq(as_compare(p.arena, p.runs[0], p.runs[1], gates, &p.comparison, &error), ASSAY_OK,
                 "%s", error.text);
    return p;
}

static void done(pair *p) {
    for (int i = 0; i < 2; i++) {
        as_run_free(p->runs[i]);
        cr_assert_eq(as_remove_folder(p->folders[i], NULL), ASSAY_OK);
        free(p->folders[i]);
    }
    as_arena_free(p->arena);
}

static const as_check *find_check(const pair *p, size_t entry, as_check_kind kind) {
    const as_compared_entry *e = &p->comparison.entries[entry];
    for (size_t i = 0; i < e->n_checks; i++)
        if (e->checks[i].kind == kind)
            return &e->checks[i];
    cr_assert_fail("no check %s", as_check_kind_name(kind));
    return NULL;
}

static void two_seeds(fixture_cell cells[2], uint32_t right) {
    cells[0] = fixture_default("gru", 1, right);
    cells[1] = fixture_default("gru", 2, right);
}

/* Compares two seeds of `base` and `new_` changed by the caller; checks the exit code. */
static pair expect(const fixture_cell base[2], const fixture_cell new_[2], const char *margins,
                   unsigned gates, int code) {
    pair p = compare_runs(base, 2, new_, 2, margins, gates);
    cr_assert_eq(as_comparison_exit_code(&p.comparison), code, "exit %d, expected %d (%s)",
                 as_comparison_exit_code(&p.comparison), code,
                 p.comparison.n_problems ? p.comparison.problems[0] : "no problem");
    return p;
}

Test(compare, same_runs_are_the_same_0) {
    fixture_cell cells[2];
    two_seeds(cells, 0xfff7ffff);
    pair p = expect(cells, cells, wide, ALL_GATES, 0);
    cr_assert_eq(p.comparison.n_checks, 4);
    cr_assert_eq(p.comparison.n_by_verdict[AS_VERDICT_SAME], 4);
    cr_assert(p.comparison.same_data && p.comparison.same_machine);
    const as_check *accuracy = find_check(&p, 0, AS_CHECK_ACCURACY);
    cr_assert_eq(accuracy->change.value, 0);
    cr_assert_eq(accuracy->p, 1);
    cr_assert_float_eq(accuracy->base, 1 - 3.0 / 96, 1e-9);
    done(&p);
}

Test(compare, too_few_texts_for_the_margin_are_open_2) {
    fixture_cell cells[2];
    two_seeds(cells, 0xfff7ffff);
    pair p = expect(cells, cells, NULL, AS_GATES_DEFAULT, 2);
    const as_check *accuracy = find_check(&p, 0, AS_CHECK_ACCURACY);
    cr_assert_eq(accuracy->verdict, AS_VERDICT_OPEN);
    cr_assert_float_eq(accuracy->margin, 0.01, 1e-12);
    cr_assert(strstr(accuracy->advice, "would decide"), "%s", accuracy->advice);
    done(&p);
}

Test(compare, lost_accuracy_is_a_regression_1) {
    fixture_cell base[2], new_[2];
    two_seeds(base, 0xffffffff);
    two_seeds(new_, 0xffff00ff);
    pair p = expect(base, new_, wide, AS_GATES_DEFAULT, 1);
    const as_check *accuracy = find_check(&p, 0, AS_CHECK_ACCURACY);
    cr_assert_eq(accuracy->verdict, AS_VERDICT_WORSE);
    cr_assert_float_eq(accuracy->change.value, -0.25, 1e-12);
    cr_assert(accuracy->p < 1e-4);
    done(&p);
    p = expect(new_, base, wide, AS_GATES_DEFAULT, 0);
    cr_assert_eq(find_check(&p, 0, AS_CHECK_ACCURACY)->verdict, AS_VERDICT_BETTER);
    done(&p);
}

Test(compare, slower_answers_are_a_regression_and_faster_ones_are_not) {
    fixture_cell base[2], new_[2];
    two_seeds(base, 0xffffffff);
    two_seeds(new_, 0xffffffff);
    new_[0].latency_factor = new_[1].latency_factor = 1.2;
    pair p = expect(base, new_, wide, AS_GATES_DEFAULT, 1);
    const as_check *latency = find_check(&p, 0, AS_CHECK_LATENCY);
    cr_assert_eq(latency->verdict, AS_VERDICT_WORSE);
    cr_assert_float_eq(latency->change.value, 0.2, 1e-3);
    done(&p);
    p = expect(new_, base, wide, AS_GATES_DEFAULT, 0);
    cr_assert_eq(find_check(&p, 0, AS_CHECK_LATENCY)->verdict, AS_VERDICT_BETTER);
    done(&p);
    new_[0].latency_factor = new_[1].latency_factor = 1.03; /* within the margin of 5 % */
    p = expect(base, new_, wide, AS_GATES_DEFAULT, 0);
    cr_assert_eq(find_check(&p, 0, AS_CHECK_LATENCY)->verdict, AS_VERDICT_SAME);
    done(&p);
}

Test(compare, seeds_that_disagree_across_the_margin_are_open) {
    fixture_cell base[2], new_[2];
    two_seeds(base, 0xffffffff);
    two_seeds(new_, 0xffffffff);
    new_[0].latency_factor = 1.15;
    new_[1].latency_factor = 1.03; /* slower for sure, but by more than 5 % or less? */
    pair p = expect(base, new_, wide, AS_GATES_DEFAULT, 2);
    cr_assert_eq(find_check(&p, 0, AS_CHECK_LATENCY)->verdict, AS_VERDICT_OPEN);
    done(&p);
}

Test(compare, slower_training_and_more_memory) {
    fixture_cell base[2], new_[2];
    two_seeds(base, 0xffffffff);
    two_seeds(new_, 0xffffffff);
    new_[0].training_factor = new_[1].training_factor = 0.8;
    pair p = expect(base, new_, wide, 1 << AS_CHECK_THROUGHPUT, 1);
    cr_assert_eq(p.comparison.n_checks, 1);
    cr_assert_float_eq(find_check(&p, 0, AS_CHECK_THROUGHPUT)->change.value, -0.2, 1e-3);
    done(&p);
    new_[0].rss = new_[1].rss = 300 << 20;
    p = expect(base, new_, wide, 1 << AS_CHECK_MEMORY, 1);
    cr_assert_float_eq(find_check(&p, 0, AS_CHECK_MEMORY)->change.value, 0.5, 1e-9);
    done(&p);
    p = expect(base, new_, "{\"margins\": {\"memory\": 0.6}}", 1 << AS_CHECK_MEMORY, 0);
    done(&p);
}

Test(compare, a_microsecond_is_no_loss) {
    fixture_cell base[2], new_[2];
    two_seeds(base, 0xffffffff);
    base[0].latency_factor = base[1].latency_factor = 0.005; /* 5 us */
    memcpy(new_, base, sizeof base);
    new_[0].latency_factor = new_[1].latency_factor = 0.0056;
    pair p = expect(base, new_, wide, 1 << AS_CHECK_LATENCY, 0);
    cr_assert_float_eq(find_check(&p, 0, AS_CHECK_LATENCY)->margin, 0.19, 0.01);
    done(&p);
    new_[0].latency_factor = new_[1].latency_factor = 0.0067;
    p = expect(base, new_, wide, 1 << AS_CHECK_LATENCY, 1);
    done(&p);
}

static void keep_one_epoch(pair *p, double seconds) {
    for (int i = 0; i < 2; i++)
        for (size_t k = 0; k < p->runs[i]->n_cells; k++) {
            p->runs[i]->cells[k]->n_epochs = 1;
            p->runs[i]->cells[k]->training.seconds = seconds;
        }
}

Test(compare, one_epoch_gives_no_interval_and_a_short_one_no_check) {
    fixture_cell cells[2];
    two_seeds(cells, 0xffffffff);
    pair p = compare_runs(cells, 2, cells, 2, wide, AS_GATES_DEFAULT);
    keep_one_epoch(&p, 2);
    cr_assert_eq(as_compare(p.arena, p.runs[0], p.runs[1], AS_GATES_DEFAULT, &p.comparison, NULL),
                 ASSAY_OK);
    cr_assert_eq(find_check(&p, 0, AS_CHECK_THROUGHPUT)->verdict, AS_VERDICT_OPEN);
    keep_one_epoch(&p, 0.002);
    cr_assert_eq(as_compare(p.arena, p.runs[0], p.runs[1], AS_GATES_DEFAULT, &p.comparison, NULL),
                 ASSAY_OK);
    cr_assert_eq(p.comparison.n_checks, 2);
    cr_assert_eq(as_comparison_exit_code(&p.comparison), 0);
    cr_assert(strstr(p.comparison.notes[0], "throughput is not checked"));
    done(&p);
}

Test(compare, other_machine_or_threads_leave_speeds_open) {
    fixture_cell base[2], new_[2];
    two_seeds(base, 0xffffffff);
    two_seeds(new_, 0xffffffff);
    new_[0].cpu = new_[1].cpu = "Other CPU";
    new_[0].latency_factor = new_[1].latency_factor = 3;
    pair p = expect(base, new_, wide, AS_GATES_DEFAULT, 2);
    const as_check *latency = find_check(&p, 0, AS_CHECK_LATENCY);
    cr_assert_eq(latency->verdict, AS_VERDICT_OPEN);
    cr_assert(strstr(latency->advice, "Other CPU"));
    cr_assert_eq(find_check(&p, 0, AS_CHECK_ACCURACY)->verdict, AS_VERDICT_SAME);
    cr_assert(!p.comparison.same_machine);
    done(&p);
}

Test(compare, other_rows_cannot_be_compared_3) {
    fixture_cell base[2], new_[2];
    two_seeds(base, 0xffffffff);
    two_seeds(new_, 0xffff00ff); /* a regression too: 3 stands before 1 */
    new_[0].rows_sha256 = new_[1].rows_sha256 = "0ther";
    pair p = expect(base, new_, wide, AS_GATES_DEFAULT, 3);
    cr_assert(strstr(p.comparison.problems[0], "rows_sha256"));
    done(&p);
    p = expect(base, new_, wide, 1 << AS_CHECK_LATENCY, 0);
    cr_assert(!p.comparison.same_data);
    done(&p);
}

Test(compare, missing_and_failed_cells_are_problems_3) {
    fixture_cell base[2], new_[2];
    two_seeds(base, 0xffffffff);
    two_seeds(new_, 0xffffffff);
    pair p = compare_runs(base, 2, new_, 1, wide, AS_GATES_DEFAULT);
    cr_assert_eq(as_comparison_exit_code(&p.comparison), 3);
    cr_assert(strstr(p.comparison.problems[0], "gru/onednn/f32/s2: is missing in the new run"));
    done(&p);
    p = compare_runs(base, 1, new_, 2, wide, AS_GATES_DEFAULT);
    cr_assert(strstr(p.comparison.problems[0], "is missing in the base run"));
    done(&p);
    new_[1].cpu = NULL;
    p = expect(base, new_, wide, AS_GATES_DEFAULT, 3);
    cr_assert(strstr(p.comparison.problems[0], "failed in the new run: memory limit"));
    done(&p);
}

Test(compare, entries_are_told_apart_by_backend) {
    fixture_cell cells[2];
    two_seeds(cells, 0xfff7ffff);
    cells[1].seed = 1;
    cells[1].backend = "reference";
    pair p = expect(cells, cells, wide, AS_GATES_DEFAULT, 0);
    cr_assert_eq(p.comparison.n_entries, 2);
    cr_assert_str_eq(p.comparison.entries[1].name, "gru (reference f32)");
    done(&p);
}

Test(compare, json_has_verdicts_and_exit) {
    fixture_cell base[2], new_[2];
    two_seeds(base, 0xffffffff);
    two_seeds(new_, 0xffff00ff);
    pair p = expect(base, new_, wide, AS_GATES_DEFAULT, 1);
    json_t *json = NULL;
    cr_assert_eq(as_comparison_json(&p.comparison, &json, NULL), ASSAY_OK);
    json_t *entry = json_array_get(json_object_get(json, "entries"), 0);
    json_t *check = json_array_get(json_object_get(entry, "checks"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(check, "verdict")), "worse");
    cr_assert_eq(json_integer_value(json_object_get(json, "exit")), 1);
    json_decref(json);
    done(&p);
}

/* ---- macro F1, Holm, entries of one run
 * ---------------------------------------------------------- */

Test(compare, equal_predictions_differ_by_nothing_in_f1) {
    fixture_cell cells[2];
    two_seeds(cells, 0xfff7ffff);
    pair p = expect(cells, cells, wide, AS_GATES_DEFAULT, 0);
    const as_f1_change *f1 = &p.comparison.entries[0].f1;
    cr_assert_eq(f1->base, f1->new_);
    cr_assert_eq(f1->change.value, 0);
    cr_assert_eq(f1->change.low, 0);
    cr_assert_eq(f1->p, 1);
    cr_assert_eq(f1->p_holm, 1);
    done(&p);
}

/* All of 96 texts lost: every resample loses all, so p is the least that 1,000 resamples can give.
 */
Test(compare, lost_f1_is_seen_and_its_interval_holds_it) {
    fixture_cell base[2], new_[2];
    two_seeds(base, 0xffffffff);
    two_seeds(new_, 0xffff00ff);
    pair p = expect(base, new_, wide, AS_GATES_DEFAULT, 1);
    const as_f1_change *f1 = &p.comparison.entries[0].f1;
    cr_assert_float_eq(f1->change.value, f1->new_ - f1->base, 1e-12);
    cr_assert(f1->change.low < f1->change.value && f1->change.value < f1->change.high);
    cr_assert(f1->change.high < 0);
    cr_assert_lt(f1->p, 0.01);
    done(&p);
}

static as_run *read_entries(const char *folder) {
    as_run *run = NULL;
    fixture_cell cells[6];
    static const char *const names[] = {"gru", "lstm", "rnn"};
    static const uint32_t right[] = {0xffffffff, 0xffff00ff, 0xfffffffe};
    for (size_t i = 0; i < 6; i++)
        cells[i] = fixture_default(names[i / 2], 1 + i % 2, right[i / 2]);
    fixture_run(folder, cells, 6, wide);
    cr_assert_eq(as_run_read(folder, 1, &run, NULL), ASSAY_OK);
    return run;
}

static double accuracy_p(const as_compared_entry *entry, bool adjusted) {
    for (size_t i = 0; i < entry->n_checks; i++)
        if (entry->checks[i].kind == AS_CHECK_ACCURACY)
            return adjusted ? entry->checks[i].p_holm : entry->checks[i].p;
    return NAN;
}

Test(compare, entries_of_one_run_stand_against_the_first) {
    static const char *const names[] = {"gru", "lstm", "rnn"};
    char *folder = fixture_folder();
    as_run *run = read_entries(folder);
    as_arena *arena = as_arena_new();
    as_comparison c;
    cr_assert_eq(as_compare_entries(arena, run, names, 3, AS_GATES_DEFAULT, &c, NULL), ASSAY_OK);
    cr_assert_str_eq(c.against, "gru");
    cr_assert_eq(c.n_entries, 2);
    cr_assert_str_eq(c.entries[0].name, "lstm");
    cr_assert_eq(c.entries[0].n_seeds, 2);
    cr_assert_eq(c.entries[0].checks[0].verdict, AS_VERDICT_WORSE);
    cr_assert_eq(as_comparison_exit_code(&c), 1);
    /* Holm: the smaller of two p doubled, the larger at least that. */
    double p = accuracy_p(&c.entries[0], false), q = accuracy_p(&c.entries[1], false);
    cr_assert_lt(p, q);
    cr_assert_float_eq(accuracy_p(&c.entries[0], true), fmin(1, 2 * p), 1e-12);
    cr_assert_float_eq(accuracy_p(&c.entries[1], true), fmax(q, fmin(1, 2 * p)), 1e-12);
    cr_assert_str_eq(c.entries[0].figures[0].name, "accuracy");
    cr_assert_float_eq(c.entries[0].figures[0].base, 1, 1e-12);
    cr_assert_float_eq(c.entries[0].figures[0].new_, 0.75, 1e-12);
    as_run_free(run);
    as_arena_free(arena);
    cr_assert_eq(as_remove_folder(folder, NULL), ASSAY_OK);
    free(folder);
}

Test(compare, entries_that_cannot_be_compared_are_refused) {
    static const char *const bad[][2] = {{"gru", "gru"}, {"gru", "bert"}, {"lsmt", "gru"}};
    char *folder = fixture_folder();
    as_run *run = read_entries(folder);
    as_arena *arena = as_arena_new();
    as_comparison c = {.n_entries = 99};
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(as_compare_entries(arena, run, bad[i], 2, AS_GATES_DEFAULT, &c, NULL),
                     ASSAY_INVALID_ARGUMENT);
    cr_assert_eq(as_compare_entries(arena, run, bad[0], 1, AS_GATES_DEFAULT, &c, NULL),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert_eq(c.n_entries, 99);
    as_run_free(run);
    as_arena_free(arena);
    cr_assert_eq(as_remove_folder(folder, NULL), ASSAY_OK);
    free(folder);
}
