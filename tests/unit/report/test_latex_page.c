/* SPDX-License-Identifier: MIT */
/* Tables of a page in LaTeX: columns, groups, notes, parts. That they compile: tests/latex. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "report/latex_page.h"

static const as_tex_page_spec grouped = {
    .name = "grouped",
    .id = "t",
    .wide = true,
    .grouped = true,
    .caption = "50\\% of %.",
    .columns = {{AS_TEX_NAME, 1, 20, "Name"},
                {AS_TEX_NUMBER, 2, 0, "N"},
                {AS_TEX_INTERVAL, 3, 0, "CI"},
                {AS_TEX_MIXED, 5, 0, "Mixed"},
                {AS_TEX_NOTE, 6, 0, ""}},
};
static const as_tex_page_spec lettered = {
    .name = "letters",
    .id = "t",
    .lettered = true,
    .caption = "Letters.",
    .columns = {{AS_TEX_NAME, 0, 20, "Class"}},
};

/* The part as text without marks, freed by the caller; *ret_list: its numbers. */
static char *write_part(as_arena *arena, const as_page *page, const as_tex_page_spec *spec,
                        size_t part, bool caption, as_number_sources *ret_list) {
    as_run run = {.folder = "runs/a_b"};
    as_run *runs[] = {&run};
    const as_report_input input = {.runs = runs, .n_runs = 1};
    char *out = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&out, &size);
    cr_assert_eq(as_tex_page_write(&input, page, spec, part, caption, stream, NULL), ASSAY_OK);
    fclose(stream);
    cr_assert_eq(as_source_strip(arena, out, size, &size, ret_list, NULL), ASSAY_OK);
    return out;
}

static size_t count(const char *text, const char *what) {
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
        n++;
    return n;
}

static void add_numbers(as_page *page, size_t i) {
    as_page_cell(page);
    as_page_number(page, -(double)i, as_page_print(page, "-%zu.5", i));
    as_page_from_run(page, "run.json", "n", "told");
    for (int k = 0; k < 2; k++) {
        as_page_cell(page);
        as_page_number(page, 1, k ? "+1.20" : "-0.10");
        as_page_from_run(page, "run.json", "ci", "told");
    }
    as_page_cell(page);
    as_page_text(page, "about ");
    as_page_number(page, 12345, "12,345");
    as_page_from_run(page, "run.json", "m", "told");
}

/* n rows, ten a group; every other one has one of two notes. */
static as_page make_grouped(as_arena *arena, size_t n) {
    static const char *const heads[] = {"group", "name", "n", "from", "to", "m", "note"};
    as_page page = as_page_new(arena);
    as_page_table(&page, "t", "T");
    for (size_t i = 0; i < 7; i++)
        as_page_column(&page, heads[i], AS_COLUMN_TEXT);
    for (size_t i = 0; i < n; i++) {
        as_page_row(&page);
        as_page_cell_name(&page, as_page_print(&page, "g%zu", i / 10));
        as_page_cell_name(&page, as_page_print(&page, "row_%zu.", i));
        add_numbers(&page, i);
        as_page_cell_text(&page, i % 2 ? "" : i % 4 ? "first & note" : "second");
    }
    cr_assert_not(page.failed);
    return page;
}

Test(latex_page, cells_are_set_by_kind) {
    as_arena *arena = as_arena_new();
    as_page page = make_grouped(arena, 3);
    as_number_sources list;
    char *out = write_part(arena, &page, &grouped, 0, false, &list);
    cr_assert(strncmp(out, "% wide", 6) == 0);
    cr_assert_not_null(strstr(out, "S[table-format=-1.1]r"));
    cr_assert_not_null(strstr(out, "\\multicolumn{5}{@{}l@{}}{\\emph{g0}} \\\\\n"));
    cr_assert_not_null(strstr(out, "row\\_\\allowbreak{}2. & -2.5 & "
                                   "[\\num{-0.10}, \\num{+1.20}] & about \\num{12345} & "
                                   "\\textsuperscript{b} \\\\\n"));
    cr_assert_not_null(strstr(out, "\\textsuperscript{a}~second. \n"));
    cr_assert_not_null(strstr(out, "\\textsuperscript{b}~first \\& note.\n"));
    cr_assert_eq(list.n, 12);
    cr_assert_str_eq(list.items[0].text, "-0.5");
    cr_assert_str_eq(list.items[0].field, "n");
    cr_assert_str_eq(list.items[3].text, "12345");
    free(out);
    out = write_part(arena, &page, &grouped, 0, true, &list);
    cr_assert_str_eq(
        out, "\\caption{\\assayloose 50\\% of a\\_\\allowbreak{}b.}\n\\label{tab:assay-grouped}\n");
    free(out);
    as_arena_free(arena);
}

Test(latex_page, parts_hold_every_row_once) {
    as_arena *arena = as_arena_new();
    as_page page = make_grouped(arena, 95);
    as_number_sources list;
    size_t n_rows = 0, n_parts = 0, n_groups = 0;
    for (size_t part = 0; part < AS_TEX_MOST_PARTS; part++) {
        char *out = write_part(arena, &page, &grouped, part, false, &list);
        if (*out) {
            n_parts++;
            n_rows += count(out, "row\\_");
            n_groups += count(out, "\\emph{g");
            cr_assert_eq(count(out, "\\toprule"), 1);
            cr_assert_eq(count(out, "more rows"), 0);
            cr_assert_eq(count(out, "~second"), 1); /* each part has its own notes */
        }
        free(out);
    }
    cr_assert_eq(n_rows, 95);
    cr_assert_gt(n_parts, 1);
    cr_assert_geq(n_groups, 10); /* a part that begins within a group repeats its heading */
    char *out = write_part(arena, &page, &grouped, 1, true, &list);
    cr_assert_not_null(strstr(out, "Part 2 of"));
    cr_assert_not_null(strstr(out, "\\label{tab:assay-grouped-2}"));
    free(out);
    as_arena_free(arena);
}

Test(latex_page, what_does_not_fit_is_said) {
    as_arena *arena = as_arena_new();
    as_page page = make_grouped(arena, 400);
    as_number_sources list;
    size_t n_rows = 0;
    char *out = NULL;
    for (size_t part = 0; part < AS_TEX_MOST_PARTS; part++) {
        free(out);
        out = write_part(arena, &page, &grouped, part, false, &list);
        n_rows += count(out, "row\\_");
    }
    char said[80];
    snprintf(said, sizeof said, "\\emph{%zu more rows: see the report}", 400 - n_rows);
    cr_assert_not_null(strstr(out, said));
    free(out);
    as_arena_free(arena);
}

/* One row of n percentages. */
static as_page make_lettered(as_arena *arena, size_t n) {
    as_page page = as_page_new(arena);
    as_page_table(&page, "t", "T");
    as_page_column(&page, "class", AS_COLUMN_TEXT);
    for (size_t i = 0; i < n; i++)
        as_page_column_name(&page, as_page_print(&page, "entry %zu", i), AS_COLUMN_NUMBER);
    as_page_row(&page);
    as_page_cell_name(&page, "alt.atheism");
    for (size_t i = 0; i < n; i++) {
        as_page_cell(&page);
        as_page_number(&page, 90 + (double)i, as_page_print(&page, "%zu.1", 90 + i));
        if (i == 1)
            as_page_mark(&page, AS_SPAN_BEST);
    }
    cr_assert_not(page.failed);
    return page;
}

Test(latex_page, letters_stand_for_columns) {
    as_arena *arena = as_arena_new();
    as_page page = make_lettered(arena, 3);
    as_number_sources list;
    char *out = write_part(arena, &page, &lettered, 0, false, &list);
    cr_assert(strncmp(out, "% fits a column", 15) == 0);
    cr_assert_not_null(strstr(out, "Class & {a} & {b} & {c} \\\\\n\\midrule\n"));
    cr_assert_not_null(strstr(out, " & 90.1 & \\assaybest 91.1 & 92.1 \\\\\n"));
    free(out);
    out = write_part(arena, &page, &lettered, 0, true, &list);
    cr_assert_not_null(strstr(out, "Letters. \\emph{a}~entry 0, \\emph{b}~entry 1"));
    free(out);
    as_arena_free(arena);
}

Test(latex_page, many_letters_stand_below_each_other) {
    as_arena *arena = as_arena_new();
    as_page page = make_lettered(arena, 30);
    as_number_sources list;
    char *out = write_part(arena, &page, &lettered, 0, false, &list);
    cr_assert(strncmp(out, "% wide", 6) == 0);
    cr_assert_gt(count(out, "alt."), 2);
    cr_assert_eq(count(out, "Class & "), count(out, "alt."));
    for (size_t i = 0; i < 30; i++) {
        char number[16];
        snprintf(number, sizeof number, "%zu.1", 90 + i);
        cr_assert_eq(count(out, number), 1, "%s", number);
    }
    cr_assert_not_null(strstr(out, "{ad}"));
    free(out);
    as_arena_free(arena);
}
