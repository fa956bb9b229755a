/* SPDX-License-Identifier: MIT */
/* Rows from cells: means over seeds, order, marks, failures. */
#include "summarised.h"

Test(aggregate, means_order_and_marks) {
    fixture_cell cells[6] = {
        fixture_default("low", 1, 0x0000ffff),    fixture_default("low", 2, 0x0000ffff),
        fixture_default("best", 1, 0xffffffff),   fixture_default("best", 2, 0xfffffff0),
        fixture_default("second", 1, 0xfffffff0), fixture_default("second", 2, 0xfffffff0),
    };
    summarised t = summarise(cells, 6);
    cr_assert_eq(t.s.n_complete, 3);
    cr_assert_str_eq(t.s.rows[0].name, "best");
    cr_assert_str_eq(t.s.rows[1].name, "second");
    cr_assert_str_eq(t.s.rows[2].name, "low");
    as_figure accuracy = t.s.rows[0].accuracy;
    cr_assert_float_eq(accuracy.value, (1 + 0.875) / 2, 1e-12);
    cr_assert(accuracy.low < 0.9 && accuracy.high == 1, "the interval spans the seeds");
    cr_assert(t.s.rows[0].is_best && t.s.rows[0].marked);
    /* second differs from best on 12 texts, always lower: p = 2^-11, Holm x 1 */
    cr_assert_float_eq(t.s.rows[1].p_best, 2 * pow(0.5, 12), 1e-12);
    cr_assert(!t.s.rows[1].marked && !t.s.rows[2].marked);
    cr_assert(t.s.rows[2].p_best < t.s.rows[1].p_best);
    cr_assert_eq(t.s.rows[0].pooled.n, 2 * FIXTURE_ROWS);
    cr_assert_float_eq(t.s.rows[0].p50_ms.value, 1.049, 0.002);
    summarised_done(&t);
}

Test(aggregate, near_ties_share_the_mark) {
    fixture_cell cells[2] = {fixture_default("a", 1, 0xffffffff),
                             fixture_default("b", 1, 0xfffffffe)}; /* 3 texts lower: p = 0.25 */
    summarised t = summarise(cells, 2);
    cr_assert_float_eq(t.s.rows[1].p_best, 0.25, 1e-12);
    cr_assert(t.s.rows[1].marked && !t.s.rows[1].is_best);
    cr_assert_float_eq(t.s.rows[1].accuracy.value, 93.0 / 96, 1e-12);
    cr_assert_float_eq(t.s.rows[1].accuracy.low, as_wilson(93, 96).low, 1e-12);
    summarised_done(&t);
}

Test(aggregate, p_values_are_adjusted) {
    fixture_cell cells[3] = {fixture_default("a", 1, 0xffffffff),
                             fixture_default("b", 1, 0xfffffffc), /* 6 texts: p = 0.03125 */
                             fixture_default("c", 1, 0xfffffff3)};
    summarised t = summarise(cells, 3);
    cr_assert_float_eq(t.s.rows[1].p_best, 0.0625, 1e-12);
    cr_assert(t.s.rows[1].marked && t.s.rows[2].marked);
    summarised_done(&t);
}

/* Rows are held against each other by what they kept of their predictions; of 2 and of 3 seeds. */
Test(aggregate, rows_are_compared_as_their_records_are) {
    fixture_cell cells[6] = {
        fixture_default("a", 1, 0x0f0fffff), fixture_default("a", 2, 0x33ffff00),
        fixture_default("b", 1, 0x00ffff0f), fixture_default("b", 2, 0xfffff0f0),
        fixture_default("b", 3, 0x5555ffff), fixture_default("alone", 1, 0xffff0000),
    };
    summarised t = summarise(cells, 6);
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 3; k++) {
            const as_row_summary *a = &t.s.rows[i], *b = &t.s.rows[k];
            const as_record *both[6];
            as_paired paired;
            memcpy(both, a->records, a->n_records * sizeof *both);
            memcpy(both + a->n_records, b->records, b->n_records * sizeof *both);
            cr_assert(as_rows_same_texts(a, b));
            cr_assert_eq(as_paired_new(t.arena, both, a->n_records + b->n_records, &paired, NULL),
                         ASSAY_OK);
            as_discordance own = as_rows_discordance(a, b);
            as_discordance other = as_paired_discordance(&paired, a->n_records);
            cr_assert_eq(own.n_gains, other.n_gains);
            cr_assert_eq(own.n_losses, other.n_losses);
            cr_assert_eq(own.gains, other.gains);
            cr_assert_eq(own.losses, other.losses);
        }
    summarised_done(&t);
}

/* A text of another label is another text. */
Test(aggregate, rows_on_other_texts_are_not_compared) {
    fixture_cell cells[2] = {fixture_default("a", 1, 0xffffffff),
                             fixture_default("b", 1, 0x00ffffff)};
    char *folder = fixture_folder(), command[1200];
    as_run *run = NULL;
    as_arena *arena = as_arena_new();
    as_summary s;
    fixture_run(folder, cells, 2, NULL);
    snprintf(command, sizeof command,
             "sed -i 's/^test,10,0,/test,9,0,/' %s/cells/*b__*/predictions.csv", folder);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(as_run_read(folder, AS_RAW_ANSWERS, &run, NULL), ASSAY_OK);
    cr_assert_eq(as_summarise(arena, run, &s, NULL), ASSAY_OK);
    cr_assert_not(as_rows_same_texts(&s.rows[0], &s.rows[1]));
    cr_assert_not(s.rows[1].paired);
    cr_assert(isnan(s.rows[1].p_best) && !s.rows[1].marked);
    as_run_free(run);
    as_arena_free(arena);
    cr_assert_eq(as_remove_folder(folder, NULL), ASSAY_OK);
    free(folder);
}

Test(aggregate, failed_seed_takes_the_whole_row_out) {
    fixture_cell cells[3] = {fixture_default("best", 1, 0xffffffff),
                             fixture_default("best", 2, 0xffffffff),
                             fixture_default("other", 1, 0x0000ffff)};
    cells[1].cpu = NULL;
    summarised t = summarise(cells, 3);
    cr_assert_eq(t.s.n_complete, 1);
    cr_assert_str_eq(t.s.rows[0].name, "other");
    cr_assert_str_eq(t.s.rows[1].name, "best");
    cr_assert(strstr(t.s.rows[1].problem, "failed in 1 of 2 seeds; no mean over survivors"));
    summarised_done(&t);
}

Test(aggregate, backends_make_rows_and_names) {
    fixture_cell cells[3] = {fixture_default("gru", 1, 0xffffffff),
                             fixture_default("gru", 1, 0xffffffff),
                             fixture_default("bayes", 1, 0x0000ffff)};
    cells[1].backend = "reference";
    cells[2].backend = "own";
    summarised t = summarise(cells, 3);
    cr_assert_eq(t.s.n_rows, 3);
    cr_assert_str_eq(t.s.rows[0].name, "gru (onednn f32)");
    cr_assert_str_eq(t.s.rows[1].name, "gru (reference f32)");
    cr_assert_str_eq(t.s.rows[2].name, "bayes");
    summarised_done(&t);
}

static fixture_cell grid_point(const char *name, uint64_t seed, uint32_t right, double validation) {
    static const char *const grids[2] = {
        "{\"entry\": \"gru\", \"select\": \"validation.accuracy\", \"values\": {\"training.lr\": "
        "0.001}}",
        "{\"entry\": \"gru\", \"select\": \"validation.loss\", \"values\": {\"training.lr\": "
        "0.01}}"};
    fixture_cell cell = fixture_default(name, seed, right);
    cell.grid = grids[strcmp(name, "by-loss") == 0];
    cell.validation = validation;
    return cell;
}

Test(aggregate, a_grid_shows_the_point_that_is_best_on_validation) {
    fixture_cell cells[5] = {
        grid_point("gru-a", 1, 0xffffffff, 0.60), grid_point("gru-a", 2, 0xffffffff, 0.60),
        grid_point("gru-b", 1, 0x0000ffff, 0.59), grid_point("gru-b", 2, 0x0000ffff, 0.70),
        fixture_default("other", 1, 0x0fffffff)};
    summarised t = summarise(cells, 5);
    cr_assert_eq(t.s.n_rows, 2, "the other point is in no table");
    cr_assert_eq(t.s.n_complete, 2);
    cr_assert_str_eq(t.s.rows[0].name, "other", "however good the test figures of gru-a are");
    cr_assert_str_eq(t.s.rows[1].name, "gru-b [best of 2 on validation]");
    cr_assert_eq(t.s.n_grids, 1);
    const as_grid *grid = &t.s.grids[0];
    cr_assert_eq(grid->n_points, 2);
    cr_assert(!grid->points[0].selected && grid->points[1].selected);
    cr_assert_float_eq(grid->points[1].mean, 0.645, 1e-12);
    cr_assert_float_eq(grid->points[1].low, 0.59, 1e-12);
    cr_assert_float_eq(grid->points[1].high, 0.70, 1e-12);
    cr_assert_str_eq(grid->points[1].values, "lr 0.001");
    summarised_done(&t);
}

Test(aggregate, a_grid_by_loss_takes_the_lowest) {
    fixture_cell cells[3] = {grid_point("by-loss", 1, 0xffffffff, 0.50),
                             grid_point("by-loss", 2, 0xffffffff, 0.50),
                             grid_point("by-loss", 1, 0xffffffff, 0.40)};
    cells[0].entry = "x";
    cells[1].entry = "y";
    cells[2].entry = "z";
    cells[1].validation = 0.7; /* loss 0.3 */
    summarised t = summarise(cells, 3);
    cr_assert_eq(t.s.n_rows, 1);
    cr_assert_str_eq(t.s.rows[0].name, "y [best of 3 on validation]");
    summarised_done(&t);
}

Test(aggregate, a_grid_without_validation_texts_selects_nothing) {
    fixture_cell cells[2] = {grid_point("gru-a", 1, 0xffffffff, 0),
                             grid_point("gru-b", 1, 0x0000ffff, 0)};
    summarised t = summarise(cells, 2);
    cr_assert_eq(t.s.n_rows, 1);
    cr_assert_eq(t.s.n_complete, 0);
    cr_assert_str_eq(t.s.rows[0].name, "gru");
    cr_assert(strstr(t.s.rows[0].problem, "no validation texts"));
    summarised_done(&t);
}
