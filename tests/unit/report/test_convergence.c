/* SPDX-License-Identifier: MIT */
/* Convergence: figures of the kept epoch, means over seeds. */
#include <criterion/criterion.h>
#include <string.h>

#include "report/sections.h"

static as_epoch epochs[2][3] = {
    {{.epoch = 1,
      .validation_loss = 0.9,
      .validation_accuracy = 0.5,
      .train_accuracy = 0.6,
      .seconds = 1},
     {.epoch = 2,
      .validation_loss = 0.4,
      .validation_accuracy = 0.7,
      .train_accuracy = 0.8,
      .seconds = 2},
     {.epoch = 3,
      .validation_loss = 0.5,
      .validation_accuracy = 0.6,
      .train_accuracy = 0.9,
      .seconds = 4}},
    {{.epoch = 1,
      .validation_loss = 0.6,
      .validation_accuracy = 0.8,
      .train_accuracy = 0.8,
      .seconds = 3},
     {.epoch = 2,
      .validation_loss = 0.8,
      .validation_accuracy = 0.7,
      .train_accuracy = 0.9,
      .seconds = 5}},
};

static const char *cell_text(const as_page *page, size_t row, size_t column) {
    const as_page_table_data *t = &page->last->table;
    const as_spans *cell = &t->rows[row].cells[column];
    cr_assert_lt(row, t->n_rows);
    cr_assert_eq(cell->n, 1);
    return cell->items[0].text;
}

Test(convergence, kept_epochs_are_averaged_over_seeds) {
    as_record first = {.cell = "a", .epochs = epochs[0], .n_epochs = 3};
    as_record second = {.cell = "b", .epochs = epochs[1], .n_epochs = 2};
    as_record broken = {.cell = "c", .epochs = epochs[1], .n_epochs = 2};
    first.training.best_epoch = 2;
    second.training.best_epoch = 1;
    broken.training.best_epoch = 3; /* which its epochs.jsonl does not have */
    const as_record *both[] = {&first, &second}, *one[] = {&second}, *none[] = {&broken};
    as_row_summary rows[] = {{.name = "both", .records = both, .n_records = 2},
                             {.name = "none", .records = none, .n_records = 1},
                             {.name = "one", .records = one, .n_records = 1}};
    const as_summary summary = {.rows = rows, .n_rows = 3, .n_complete = 3};
    const as_section_input in = {NULL, &summary, NULL};
    as_arena *arena = as_arena_new();
    as_page page = as_page_new(arena);
    as_section_convergence(&page, &in);
    cr_assert_not(page.failed);
    cr_assert_eq(page.last->table.n_rows, 2);
    static const char *const expected[2][7] = {
        {"both", "2.5", "1.5", "0.500", "75.0", "+5.0", "3.00"},
        {"one", "2", "1", "0.600", "80.0", "0.0", "3.00"},
    };
    for (size_t r = 0; r < 2; r++)
        for (size_t c = 0; c < 7; c++)
            cr_assert_str_eq(cell_text(&page, r, c), expected[r][c], "%zu %zu: %s", r, c,
                             cell_text(&page, r, c));
    as_arena_free(arena);
}

Test(convergence, nothing_stands_without_epochs) {
    as_record untrained = {.cell = "a"};
    const as_record *records[] = {&untrained};
    as_row_summary row = {.name = "a", .records = records, .n_records = 1};
    const as_summary summary = {.rows = &row, .n_rows = 1, .n_complete = 1};
    const as_section_input in = {NULL, &summary, NULL};
    as_arena *arena = as_arena_new();
    as_page page = as_page_new(arena);
    as_section_convergence(&page, &in);
    cr_assert_null(page.first);
    as_arena_free(arena);
}
