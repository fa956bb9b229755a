/* SPDX-License-Identifier: MIT */
/* Figures of both sides: scores in per cent with the difference in points, all else with the
 * difference in per cent of the base; differences come from unrounded values. */
#include "report/compare_tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/markdown.h"
#include "report/number.h"
#include "report/text_table.h"

enum { ROWS_PER_ENTRY = 3, NAME_BYTES = 640, LINE_BYTES = 1400 };

static const char *const headings[AS_COMPARED_FIGURES] = {"accuracy %",
                                                          "macro F1 %",
                                                          "weighted F1 %",
                                                          "macro precision %",
                                                          "macro recall %",
                                                          "params",
                                                          "trained",
                                                          "train s",
                                                          "p50 ms",
                                                          "samples/s",
                                                          "MiB"};

static as_number value_number(const as_compared_figure *f, double value) {
    if (strncmp(f->name, "parameters", 10) == 0)
        return as_number_count_short(isnan(value) ? -1 : llround(value));
    return as_number_plain(f->is_share ? 100 * value : value);
}

static as_number difference_number(const as_compared_figure *f) {
    as_number number = {"-", ""};
    double d = f->is_share ? 100 * (f->new_ - f->base) : 100 * (f->new_ / f->base - 1);
    if (!isfinite(d))
        return number;
    snprintf(number.value, sizeof number.value, "%.28s%s",
             as_number_signed(d, f->is_share ? 2 : 1).text, f->is_share ? "" : " %");
    return number;
}

static as_number figure_number(const as_compared_figure *f, int row) {
    return row == 2 ? difference_number(f) : value_number(f, row == 0 ? f->base : f->new_);
}

static const char *row_name(const as_comparison *c, const as_compared_entry *entry, int row,
                            char name[NAME_BYTES]) {
    if (row == 2)
        snprintf(name, NAME_BYTES, "  difference");
    else if (c->against)
        snprintf(name, NAME_BYTES, "%.600s", row == 0 ? c->against : entry->name);
    else
        snprintf(name, NAME_BYTES, "%.600s, %s", entry->name, row == 0 ? "base" : "new");
    return name;
}

void as_compare_print_figures(const as_comparison *c, FILE *stream, int width) {
    enum { COLUMNS = AS_COMPARED_FIGURES };
    size_t n = c->n_entries * ROWS_PER_ENTRY;
    as_table_row *rows = calloc(n + 1, sizeof *rows);
    as_number(*numbers)[COLUMNS] = calloc(n + 1, sizeof *numbers);
    char(*names)[NAME_BYTES] = calloc(n + 1, sizeof *names);
    for (size_t i = 0; rows && numbers && names && i < n; i++) {
        const as_compared_entry *entry = &c->entries[i / ROWS_PER_ENTRY];
        int row = (int)(i % ROWS_PER_ENTRY);
        for (int k = 0; k < COLUMNS; k++)
            numbers[i][k] = figure_number(&entry->figures[k], row);
        rows[i] = (as_table_row){" ", row_name(c, entry, row, names[i]), numbers[i], NULL};
    }
    if (rows && numbers && names && n) {
        as_table table = {headings, COLUMNS, rows, n, width, true};
        size_t shown = as_table_print(&table, stream);
        if (shown < COLUMNS)
            fprintf(stream, "Not shown for lack of width: %d more figures\n",
                    (int)(COLUMNS - shown));
    }
    free(rows);
    free(numbers);
    free(names);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static const as_check *accuracy_of(const as_compared_entry *entry) {
    for (size_t i = 0; i < entry->n_checks; i++)
        if (entry->checks[i].kind == AS_CHECK_ACCURACY && !isnan(entry->checks[i].p))
            return &entry->checks[i];
    return NULL;
}

static size_t count_tested(const as_comparison *c) {
    size_t n = 0;
    for (size_t i = 0; i < c->n_entries; i++)
        n += accuracy_of(&c->entries[i]) != NULL;
    return n;
}

void as_compare_print_tests(const as_comparison *c, FILE *stream, int width) {
    for (size_t i = 0; i < c->n_entries; i++) {
        const as_compared_entry *entry = &c->entries[i];
        const as_check *check = accuracy_of(entry);
        char line[LINE_BYTES];
        if (!check)
            continue;
        snprintf(line, sizeof line,
                 "%.500s: accuracy p %s, Holm %s (%s); macro F1 %s points [%s,%s], p %s, "
                 "Holm %s (paired bootstrap)",
                 entry->name, as_number_p(check->p).text, as_number_p(check->p_holm).text,
                 entry->n_seeds > 1 ? "sign test over texts" : "exact McNemar",
                 as_number_signed(100 * entry->f1.change.value, 2).text,
                 as_number_signed(100 * entry->f1.change.low, 2).text,
                 as_number_signed(100 * entry->f1.change.high, 2).text,
                 as_number_p(entry->f1.p).text, as_number_p(entry->f1.p_holm).text);
        as_print_wrapped(stream, "test ", "  ", line, width);
    }
}

/* ---- Markdown -------------------------------------------------------------------------------- */

size_t as_compare_markdown_tests(const as_comparison *c, FILE *stream, long most) {
    size_t n_left_out = 0;
    if (count_tested(c) == 0)
        return 0;
    fputs("|entry|accuracy: p|Holm|macro F1, points (95 %)|p|Holm|\n|---|--:|--:|--:|--:|--:|\n",
          stream);
    for (size_t i = 0; i < c->n_entries; i++) {
        const as_compared_entry *entry = &c->entries[i];
        const as_check *check = accuracy_of(entry);
        if (!check)
            continue;
        if (ftell(stream) > most) {
            n_left_out++;
            continue;
        }
        fputs("|", stream);
        as_md_code(stream, entry->name);
        fprintf(stream, "|%s|%s|%s (%s to %s)|%s|%s|\n", as_number_p(check->p).text,
                as_number_p(check->p_holm).text,
                as_number_signed(100 * entry->f1.change.value, 2).text,
                as_number_signed(100 * entry->f1.change.low, 2).text,
                as_number_signed(100 * entry->f1.change.high, 2).text,
                as_number_p(entry->f1.p).text, as_number_p(entry->f1.p_holm).text);
    }
    fputs("\nPaired on the same texts: exact McNemar test (several seeds: sign test over texts), "
          "paired bootstrap over texts and seeds; Holm over entries.\n\n",
          stream);
    return n_left_out;
}

size_t as_compare_markdown_figures(const as_comparison *c, FILE *stream, long most) {
    size_t n_left_out = 0;
    char name[NAME_BYTES];
    if (c->n_entries == 0)
        return 0;
    fputs("||", stream);
    for (int k = 0; k < AS_COMPARED_FIGURES; k++)
        fprintf(stream, "%s|", headings[k]);
    fputs("\n|---|", stream);
    for (int k = 0; k < AS_COMPARED_FIGURES; k++)
        fputs("--:|", stream);
    fputs("\n", stream);
    for (size_t i = 0; i < c->n_entries; i++) {
        if (ftell(stream) > most) {
            n_left_out++;
            continue;
        }
        for (int row = 0; row < ROWS_PER_ENTRY; row++) {
            fputs("|", stream);
            if (row == 2)
                fputs("difference", stream);
            else
                as_md_code(stream, row_name(c, &c->entries[i], row, name));
            for (int k = 0; k < AS_COMPARED_FIGURES; k++)
                fprintf(stream, "|%s", figure_number(&c->entries[i].figures[k], row).value);
            fputs("|\n", stream);
        }
    }
    fputs("\nMeans over the matched seeds; differences of scores in points, of all else in per "
          "cent of "
          "the base.\n\n",
          stream);
    return n_left_out;
}
