/* SPDX-License-Identifier: MIT */
/* Entries with the same predictions are found, and only those. */
#include <unistd.h>

#include "report/report.h"
#include "report/same.h"
#include "summarised.h"

typedef struct found {
    summarised of;
    as_same_pair *pairs;
    size_t n;
} found;

static found find(const fixture_cell *cells, size_t n) {
    found f = {summarise(cells, n), NULL, 77};
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_same_predictions(f.of.arena, &f.of.s, &f.pairs, &f.n, &error), ASSAY_OK);
    return f;
}

Test(same, two_entries_that_agree_on_every_text) {
    fixture_cell cells[6] = {
        fixture_default("rnn", 1, 0xfffffff0),   fixture_default("rnn", 2, 0xffffff00),
        fixture_default("lstm", 1, 0xfffffff0),  fixture_default("lstm", 2, 0xffff00ff),
        fixture_default("other", 1, 0xfff0ffff), fixture_default("other", 2, 0xffffffff),
    };
    char text[300];
    found f = find(cells, 6);
    cr_assert_eq(f.n, 1);
    cr_assert_str_eq(f.pairs[0].a->entry, "rnn");
    cr_assert_str_eq(f.pairs[0].b->entry, "lstm");
    cr_assert_eq(f.pairs[0].n_same, 1);
    cr_assert_eq(f.pairs[0].n_seeds, 2);
    cr_assert_eq(f.pairs[0].only_class, -1);
    as_same_text(&f.pairs[0], text, sizeof text);
    cr_assert_str_eq(text, "predict the same class for every test text (1 of 2 seeds)");
    summarised_done(&f.of);
}

/* As many right, but not the same texts: accuracy alone does not tell. */
Test(same, equal_accuracy_is_not_enough) {
    fixture_cell cells[2] = {fixture_default("a", 1, 0xfffffff8),
                             fixture_default("b", 1, 0x1fffffff)};
    found f = find(cells, 2);
    cr_assert_eq(f.n, 0);
    summarised_done(&f.of);
}

Test(same, one_entry_on_two_backends_is_no_pair) {
    fixture_cell cells[3] = {fixture_default("a", 1, 0xfffffff0),
                             fixture_default("a", 1, 0xfffffff0),
                             fixture_default("b", 1, 0xfffffff0)};
    cells[1].backend = "reference";
    cells[2].backend = "own";
    found f = find(cells, 3);
    cr_assert_eq(f.n, 2); /* b's own code beside both */
    cr_assert_str_eq(f.pairs[0].b->entry, "b");
    summarised_done(&f.of);
}

Test(same, the_reports_say_so) {
    fixture_cell cells[2] = {fixture_default("rnn", 1, 0xfffffff0),
                             fixture_default("lstm", 1, 0xfffffff0)};
    found f = find(cells, 2);
    assay_error error = ASSAY_ERROR_INIT;
    char *table = NULL, *markdown = NULL;
    size_t n;
    FILE *stream = open_memstream(&table, &n);
    cr_assert_eq(as_report_write_table(f.of.run, stream, 200, true, &error), ASSAY_OK);
    fclose(stream);
    stream = open_memstream(&markdown, &n);
    cr_assert_eq(as_report_write_markdown(f.of.run, stream, &error), ASSAY_OK);
    fclose(stream);
    cr_assert(strstr(table, "! rnn and lstm predict the same class for every test text (1 of 1"),
              "%s", table);
    cr_assert(strstr(markdown, "- `rnn` and `lstm` predict the same class for every test text"));
    free(table);
    free(markdown);
    summarised_done(&f.of);
}
