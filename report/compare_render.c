/* SPDX-License-Identifier: MIT */
/* Differences are computed from unrounded values; accuracy in points, all else in per cent. */
#include "report/compare_render.h"

#include <math.h>
#include <string.h>

#include "report/compare_tables.h"
#include "report/markdown.h"
#include "report/number.h"
#include "report/text_table.h"

/* Room is kept for what ends the comment: base, new, the lists' own ends. */
enum { COMMENT_BYTES = 60000, ROWS_BYTES = 50000, TABLES_BYTES = 54000, LINE_BYTES = 1400 };

typedef struct kind_words {
    const char *heading, *unit, *worse, *better, *metric;
    int decimals;
} kind_words;

static const kind_words words[AS_CHECK_COUNT] = {
    {"accuracy, points", " points", "lower", "higher", "accuracy %", 2},
    {"training speed, %", " %", "slower", "faster", "training tokens/s", 1},
    {"p50 latency, %", " %", "slower", "faster", "p50 ms", 1},
    {"memory, %", " %", "more", "less", "peak MiB", 1},
};

static as_number_text signed_change(const as_check *check, double change) {
    return as_number_signed(100 * change, words[check->kind].decimals);
}

/* ---- terminal -------------------------------------------------------------------------------- */

/* A check's three fields. */
typedef struct cell_text {
    char change[40], interval[96];
    const char *verdict;
} cell_text;

static cell_text make_cell(const as_compared_entry *entry, int kind) {
    cell_text cell = {"-", "", ""};
    for (size_t i = 0; i < entry->n_checks; i++) {
        const as_check *check = &entry->checks[i];
        if ((int)check->kind != kind)
            continue;
        snprintf(cell.change, sizeof cell.change, "%.39s",
                 signed_change(check, check->change.value).text);
        if (!isnan(check->change.low) && !isnan(check->change.high))
            snprintf(cell.interval, sizeof cell.interval, "[%.40s,%.40s]",
                     signed_change(check, check->change.low).text,
                     signed_change(check, check->change.high).text);
        cell.verdict = as_verdict_name(check->verdict);
    }
    return cell;
}

typedef struct column {
    int kind;
    size_t change, interval, verdict, width;
} column;

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static column lay_out(const as_comparison *c, int kind) {
    column col = {.kind = kind};
    for (size_t i = 0; i < c->n_entries; i++) {
        cell_text cell = make_cell(&c->entries[i], kind);
        col.change = larger(col.change, strlen(cell.change));
        col.interval = larger(col.interval, strlen(cell.interval));
        col.verdict = larger(col.verdict, strlen(cell.verdict));
    }
    col.width =
        larger(col.change + 1 + col.interval + 1 + col.verdict, strlen(words[kind].heading));
    return col;
}

static void write_rows(const as_comparison *c, FILE *stream, int width) {
    column columns[AS_CHECK_COUNT];
    size_t n = 0, names = 0, used;
    int dropped = -1;
    for (size_t i = 0; i < c->n_entries; i++)
        names = larger(names, as_text_width(c->entries[i].name));
    used = names;
    for (int kind = 0; kind < AS_CHECK_COUNT; kind++) {
        if (!(c->gates & 1u << kind))
            continue;
        columns[n] = lay_out(c, kind);
        used += 2 + columns[n].width;
        if (width > 0 && used > (size_t)width) {
            dropped = kind;
            break;
        }
        n++;
    }
    as_print_clean(stream, "", 0, names);
    for (size_t k = 0; k < n; k++)
        fprintf(stream, "  %-*s", k + 1 < n ? (int)columns[k].width : 0,
                words[columns[k].kind].heading);
    fputs("\n", stream);
    for (size_t i = 0; i < c->n_entries; i++) {
        as_print_clean(stream, c->entries[i].name, 0, names);
        for (size_t k = 0; k < n; k++) {
            cell_text cell = make_cell(&c->entries[i], columns[k].kind);
            size_t rest = columns[k].width - columns[k].change - columns[k].interval - 2;
            fprintf(stream, "  %*s %-*s %-*s", (int)columns[k].change, cell.change,
                    (int)columns[k].interval, cell.interval, k + 1 < n ? (int)rest : 0,
                    cell.verdict);
        }
        fputs("\n", stream);
    }
    for (int kind = dropped; kind >= 0 && kind < AS_CHECK_COUNT; kind++)
        if (c->gates & 1u << kind)
            fprintf(stream, "Not shown for lack of width: %s\n", words[kind].heading);
}

static void describe(const as_compared_entry *entry, const as_check *check, char *line) {
    const kind_words *w = &words[check->kind];
    double change = 100 * check->change.value;
    const char *metric = as_check_kind_name(check->kind);
    bool one_point = check->kind == AS_CHECK_ACCURACY && 100 * check->margin == 1;
    if (check->verdict == AS_VERDICT_WORSE)
        snprintf(line, LINE_BYTES, "%.500s: %s is %.*f%s %s (allowed %.3g%s)", entry->name, metric,
                 w->decimals, fabs(change), w->unit, w->worse, 100 * check->margin,
                 one_point ? " point" : w->unit);
    else
        snprintf(line, LINE_BYTES, "%.500s: %s: %.600s", entry->name, metric,
                 check->advice ? check->advice : "");
}

static void write_verdicts(const as_comparison *c, as_verdict verdict, const char *word,
                           FILE *stream, int width) {
    char line[LINE_BYTES], head[64];
    snprintf(head, sizeof head, "%s %zu of %zu: ", word, c->n_by_verdict[verdict], c->n_checks);
    for (size_t i = 0; i < c->n_entries; i++) {
        for (size_t k = 0; k < c->entries[i].n_checks; k++) {
            if (c->entries[i].checks[k].verdict != verdict)
                continue;
            describe(&c->entries[i], &c->entries[i].checks[k], line);
            as_print_wrapped(stream, head, "  ", line, width);
        }
    }
}

void as_compare_write_table(const as_comparison *c, FILE *stream, int width) {
    char line[LINE_BYTES];
    const char *data = c->same_data ? "same" : "DIFFERENT";
    const char *machine =
        c->same_machine ? "same machine and threads" : "another machine or other threads";
    if (c->against)
        snprintf(line, sizeof line, "%.500s: entries against %.500s: %s data, %s",
                 as_run_name(c->base), c->against, data, machine);
    else
        snprintf(line, sizeof line, "base %.500s  new %.500s: %s data, %s", as_run_name(c->base),
                 as_run_name(c->new_), data, machine);
    as_print_wrapped(stream, "", "", line, width);
    if (c->n_entries)
        write_rows(c, stream, width);
    as_compare_print_tests(c, stream, width);
    as_compare_print_figures(c, stream, width);
    write_verdicts(c, AS_VERDICT_WORSE, "REGRESSION", stream, width);
    write_verdicts(c, AS_VERDICT_OPEN, "OPEN", stream, width);
    for (size_t i = 0; i < c->n_problems; i++)
        as_print_wrapped(stream, "PROBLEM: ", "  ", c->problems[i], width);
    for (size_t i = 0; i < c->n_notes; i++)
        as_print_wrapped(stream, "note: ", "  ", c->notes[i], width);
    int code = as_comparison_exit_code(c);
    static const char *const meanings[] = {"no regression", "regression", "inconclusive",
                                           "something could not be compared"};
    fprintf(stream, "%s; exit %d\n", meanings[code], code);
}

/* ---- Markdown -------------------------------------------------------------------------------- */

static void write_value(FILE *stream, const as_check *check, double value) {
    double scale = check->kind == AS_CHECK_ACCURACY ? 100
                   : check->kind == AS_CHECK_MEMORY ? 1.0 / (1 << 20)
                                                    : 1;
    fprintf(stream, "%s|", as_number_plain(value * scale).value);
}

static void write_markdown_row(const as_compared_entry *entry, const as_check *check,
                               FILE *stream) {
    const kind_words *w = &words[check->kind];
    fputs("|", stream);
    as_md_code(stream, entry->name);
    fprintf(stream, "|%s|", w->metric);
    write_value(stream, check, check->base);
    write_value(stream, check, check->new_);
    if (isnan(check->change.value))
        fputs("-", stream);
    else
        fprintf(stream, "%s%s", signed_change(check, check->change.value).text, w->unit);
    if (!isnan(check->change.low) && !isnan(check->change.high))
        fprintf(stream, " (%s to %s)", signed_change(check, check->change.low).text,
                signed_change(check, check->change.high).text);
    fputs("|", stream);
    if (check->verdict == AS_VERDICT_WORSE)
        fprintf(stream, "**%s**", w->worse);
    else if (check->verdict == AS_VERDICT_BETTER)
        fputs(w->better, stream);
    else
        fputs(as_verdict_name(check->verdict), stream);
    if (check->advice) {
        fputs(": ", stream);
        as_md_text(stream, check->advice);
    }
    fputs("|\n", stream);
}

/* Rows of the given verdicts (bits); how many of them there was no room for. */
static size_t write_markdown_rows(const as_comparison *c, unsigned verdicts, FILE *stream) {
    size_t n_left_out = 0;
    for (size_t i = 0; i < c->n_entries; i++)
        for (size_t k = 0; k < c->entries[i].n_checks; k++) {
            const as_check *check = &c->entries[i].checks[k];
            if (!(verdicts & 1u << check->verdict))
                continue;
            if (ftell(stream) > ROWS_BYTES)
                n_left_out++;
            else
                write_markdown_row(&c->entries[i], check, stream);
        }
    return n_left_out;
}

static void write_lines(FILE *stream, const char *word, const char *const *lines, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (ftell(stream) > COMMENT_BYTES - 5000) {
            fprintf(stream, "- and %zu more\n", n - i);
            break;
        }
        fprintf(stream, "- %s", word);
        as_md_text(stream, lines[i]);
        fputs("\n", stream);
    }
    if (n)
        fputs("\n", stream);
}

/* At most so much of a name that has no other bound. */
static void write_short_code(FILE *stream, const char *name) {
    char text[220];
    snprintf(text, sizeof text, "%.200s%s", name, strlen(name) > 200 ? "..." : "");
    as_md_code(stream, text);
}

/* What was compared, and how to do it again. */
static void write_end(const as_comparison *c, FILE *stream) {
    const char *base = as_run_name(c->base), *new_ = as_run_name(c->new_);
    char command[700];
    fputs(c->against ? "Run " : "Base ", stream);
    write_short_code(stream, base);
    fputs(c->against ? ", entries against " : ", new ", stream);
    write_short_code(stream, c->against ? c->against : new_);
    fprintf(stream, ": %s data, %s. Again: ", c->same_data ? "same" : "**different**",
            c->same_machine ? "same machine and threads" : "another machine or other threads");
    if (c->against)
        snprintf(command, sizeof command, "assay compare %.200s --entries %.200s,...", base,
                 c->against);
    else
        snprintf(command, sizeof command, "assay compare %.200s %.200s", base, new_);
    as_md_code(stream, command);
    fputs("\n\n</details>\n", stream);
}

void as_compare_write_markdown(const as_comparison *c, FILE *stream) {
    static const char head[] =
        "|entry|metric|base|new|change (95 %)||\n|---|---|--:|--:|--:|---|\n";
    const char *suite = json_string_value(json_object_get(c->new_->suite, "name"));
    const size_t *n = c->n_by_verdict;
    fputs("<!-- assay:compare ", stream);
    for (const char *p = suite ? suite : "run"; *p; p++) /* nothing that could end the comment */
        fputc(strchr("<>-\n\r", *p) ? '_' : *p, stream);
    fprintf(stream, " -->\n### assay: %zu regression%s, %zu open, %zu better, %zu same\n\n",
            n[AS_VERDICT_WORSE], n[AS_VERDICT_WORSE] == 1 ? "" : "s", n[AS_VERDICT_OPEN],
            n[AS_VERDICT_BETTER], n[AS_VERDICT_SAME]);
    write_lines(stream, "**not compared:** ", c->problems, c->n_problems);
    size_t left_out = 0;
    if (n[AS_VERDICT_WORSE] + n[AS_VERDICT_OPEN] + n[AS_VERDICT_BETTER]) {
        fputs(head, stream);
        left_out += write_markdown_rows(c, 1u << AS_VERDICT_WORSE, stream);
        left_out += write_markdown_rows(c, 1u << AS_VERDICT_OPEN, stream);
        left_out += write_markdown_rows(c, 1u << AS_VERDICT_BETTER, stream);
        fputs("\n", stream);
    }
    fprintf(stream, "<details><summary>%zu other check%s, runs</summary>\n\n", n[AS_VERDICT_SAME],
            n[AS_VERDICT_SAME] == 1 ? "" : "s");
    if (n[AS_VERDICT_SAME]) {
        fputs(head, stream);
        left_out += write_markdown_rows(c, 1u << AS_VERDICT_SAME, stream);
        fputs("\n", stream);
    }
    if (left_out)
        fprintf(stream, "%zu checks were left out for length.\n\n", left_out);
    left_out = as_compare_markdown_tests(c, stream, TABLES_BYTES);
    left_out += as_compare_markdown_figures(c, stream, TABLES_BYTES);
    if (left_out)
        fprintf(stream, "%zu rows of these tables were left out for length.\n\n", left_out);
    write_lines(stream, "", c->notes, c->n_notes);
    write_end(c, stream);
}
