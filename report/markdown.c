/* SPDX-License-Identifier: MIT */
/* The report's first screen: title, state, what it says in sentences, warnings, main table; then
 * the sections of markdown_sections.c. Escaping for CommonMark with GitHub's tables and mentions.
 */
#include "report/markdown.h"
#include "report/grids.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "report/number.h"
#include "report/report.h"
#include "report/same.h"

void as_md_text(FILE *stream, const char *text) {
    if (!text) {
        fputc('-', stream);
        return;
    }
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '\n' || c == '\r' || c == '\t')
            fputc(' ', stream);
        else if (c < 0x20 || c == 0x7f)
            fputc('?', stream);
        else if (c == '<' || c == '>' || c == '&' || c == '@')
            fprintf(stream, "&#%d;", c);
        else if (strchr("\\|`*_[]#~$!", c))
            fprintf(stream, "\\%c", c);
        else
            fputc(c, stream);
    }
}

void as_md_html(FILE *stream, const char *text) {
    for (; text && *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (strchr("<>&@\"'", c))
            fprintf(stream, "&#%d;", c);
        else
            fputc(c == '\n' || c == '\r' || c == '\t' ? ' '
                  : c < 0x20 || c == 0x7f             ? '?'
                                                      : c,
                  stream);
    }
}

void as_md_code(FILE *stream, const char *text) {
    size_t longest = 0, run = 0;
    if (!text || !*text) {
        fputc('-', stream);
        return;
    }
    for (const char *p = text; *p; p++) {
        run = *p == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    const char *pad = longest ? " " : "";
    for (size_t i = 0; i <= longest; i++)
        fputc('`', stream);
    fputs(pad, stream);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '|')
            fputs("\\|", stream); /* a table's cell ends at a bare bar, even inside code */
        else
            fputc(c == '\n' || c == '\r' || c == '\t' ? ' '
                  : c < 0x20 || c == 0x7f             ? '?'
                                                      : c,
                  stream);
    }
    fputs(pad, stream);
    for (size_t i = 0; i <= longest; i++)
        fputc('`', stream);
}

/* ---- title and sentences --------------------------------------------------------------------- */

static void write_state(const as_run *run, FILE *stream) {
    size_t counts[4] = {0};
    for (size_t i = 0; i < run->n_cells; i++)
        counts[run->cells[i]->status]++;
    if (counts[AS_CELL_OK] == run->n_cells) {
        fprintf(stream, "**complete**: %zu cells", run->n_cells);
    } else {
        fprintf(stream, "**%zu of %zu cells ok**", counts[AS_CELL_OK], run->n_cells);
        for (int status = AS_CELL_FAILED; status <= AS_CELL_DIVERGED; status++)
            if (counts[status])
                fprintf(stream, ", %zu %s", counts[status],
                        as_cell_status_name((as_cell_status)status));
    }
}

static void write_title(const as_run *run, FILE *stream) {
    const char *title = json_string_value(json_object_get(run->suite, "title"));
    const char *name = json_string_value(json_object_get(run->suite, "name"));
    fputs("# ", stream);
    as_md_text(stream, title ? title : name ? name : "assay report");
    fputs("\n\nSuite ", stream);
    as_md_code(stream, name);
    fputs(", ", stream);
    write_state(run, stream);
    const char *started = json_string_value(json_object_get(run->json, "started"));
    const char *finished = json_string_value(json_object_get(run->json, "finished"));
    if (started) {
        fputs(", started ", stream);
        as_md_text(stream, started);
        fputs(finished ? ", finished " : ", not finished", stream);
        if (finished)
            as_md_text(stream, finished);
    }
    fputs(".\n\n", stream);
}

static const as_row_summary *fastest_row(const as_summary *s) {
    const as_row_summary *fastest = NULL;
    for (size_t k = 0; k < s->n_complete; k++)
        if (s->rows[k].p50_ms.value > 0 &&
            (!fastest || s->rows[k].p50_ms.value < fastest->p50_ms.value))
            fastest = &s->rows[k];
    return fastest;
}

static void write_best(const as_summary *s, FILE *stream) {
    const as_row_summary *best = &s->rows[0];
    as_md_code(stream, best->name);
    fprintf(stream, " has the highest accuracy, %s %%",
            as_number_join(as_number_figure(best->accuracy, 100), false).text);
    size_t n_others = 0;
    for (size_t k = 1; k < s->n_complete; k++) {
        if (!s->rows[k].marked)
            continue;
        fputs(n_others++ ? ", " : "; not separable from it on these texts: ", stream);
        as_md_code(stream, s->rows[k].name);
    }
    if (!n_others && s->n_complete > 1 && s->rows[1].paired)
        fputs("; every other entry is separably lower", stream);
    fputs(".", stream);
}

static void write_fastest(const as_summary *s, FILE *stream) {
    const as_row_summary *best = &s->rows[0], *fastest = fastest_row(s);
    if (!fastest)
        return;
    if (fastest == best) {
        fputs(" It also answers fastest (median latency).", stream);
        return;
    }
    fputc(' ', stream);
    as_md_code(stream, fastest->name);
    if (best->p50_ms.value > 0)
        fprintf(stream, " answers fastest, %s times as fast as ",
                as_number_plain(best->p50_ms.value / fastest->p50_ms.value).value);
    else
        fputs(" answers fastest of those measured, beside ", stream);
    as_md_code(stream, best->name);
    double points = 100 * (best->accuracy.value - fastest->accuracy.value);
    fprintf(stream, ", %s points lower.", as_number_plain(points).value);
}

static void write_sentences(const as_summary *s, FILE *stream) {
    if (s->n_complete == 0 || isnan(s->rows[0].accuracy.value)) {
        fputs("No entry has scores for all of its seeds.\n\n", stream);
        return;
    }
    write_best(s, stream);
    write_fastest(s, stream);
    fputs("\n\n", stream);
}

/* Heads the list before its first item. */
static void begin_warning(size_t *n, FILE *stream) {
    fputs((*n)++ ? "" : "**Warnings**\n\n", stream);
    fputs("- ", stream);
}

static assay_status write_same(as_arena *arena, const as_summary *s, size_t *n, FILE *stream,
                               assay_error *error) {
    as_same_pair *pairs = NULL;
    size_t n_pairs = 0;
    assay_status status = as_same_predictions(arena, s, &pairs, &n_pairs, error);
    for (size_t i = 0; status == ASSAY_OK && i < n_pairs; i++) {
        char what[300];
        begin_warning(n, stream);
        as_md_code(stream, pairs[i].a->name);
        fputs(" and ", stream);
        as_md_code(stream, pairs[i].b->name);
        fputs(" ", stream);
        as_same_text(&pairs[i], what, sizeof what);
        as_md_text(stream, what);
        fputs("\n", stream);
    }
    return status;
}

static assay_status write_warnings(as_arena *arena, const as_run *run, const as_summary *s,
                                   FILE *stream, assay_error *error) {
    size_t n = 0;
    for (size_t k = 0; k < s->n_complete; k++) {
        if (s->rows[k].trusted)
            continue;
        begin_warning(&n, stream);
        as_md_code(stream, s->rows[k].name);
        fputs(": figures without a passed equivalence check against the reference backend\n",
              stream);
    }
    assay_status status = write_same(arena, s, &n, stream, error);
    for (size_t i = 0; i < run->n_cells; i++) {
        const as_record *r = run->cells[i];
        for (size_t w = 0; w < r->n_warnings; w++) {
            if (as_is_passed_over(s, r) || as_warning_came_before(run, s, i, r->warnings[w]))
                continue;
            size_t n_cells = as_warning_cells(run, s, r->warnings[w]);
            begin_warning(&n, stream);
            if (n_cells > 1)
                fprintf(stream, "%zu cells", n_cells);
            else
                as_md_code(stream, r->cell);
            fputs(": ", stream);
            as_md_text(stream, r->warnings[w]);
            fputs("\n", stream);
        }
    }
    if (n)
        fputs("\n", stream);
    return status;
}

static void write_failures(const as_run *run, FILE *stream) {
    size_t n = 0;
    for (size_t i = 0; i < run->n_cells; i++) {
        const as_record *r = run->cells[i];
        if (r->status == AS_CELL_OK)
            continue;
        fputs(n++ ? "" : "## Cells without figures\n\n| cell | status | reason |\n|---|---|---|\n",
              stream);
        fputs("| ", stream);
        as_md_code(stream, r->cell);
        fprintf(stream, " | %s | ", as_cell_status_name(r->status));
        as_md_text(stream, r->reason);
        fputs(" |\n", stream);
    }
    if (n)
        fputs("\n", stream);
}

/* ---- main table ------------------------------------------------------------------------------ */

static void write_figure_cell(FILE *stream, as_figure figure, double scale) {
    fprintf(stream, " %s |", as_number_join(as_number_figure(figure, scale), false).text);
}

static void write_plain_cell(FILE *stream, double value) {
    fprintf(stream, " %s |", as_number_plain(value).value);
}

static void write_row(const as_row_summary *row, FILE *stream) {
    fputs("| ", stream);
    fputs(row->marked ? "\\* " : "", stream);
    as_md_code(stream, row->name);
    fputs(row->problem || row->trusted ? " |" : " **!** |", stream);
    if (row->problem) {
        fputs(" ", stream);
        as_md_text(stream, row->problem);
        fputs(" | | | | | | | | | |\n", stream);
        return;
    }
    write_figure_cell(stream, row->accuracy, 100);
    write_figure_cell(stream, row->f1_macro, 100);
    write_figure_cell(stream, row->f1_weighted, 100);
    fprintf(stream, " %s |", row->is_best ? "" : as_number_p(row->p_best).text);
    fprintf(stream, " %s |", as_number_count(row->parameters_total).value);
    write_plain_cell(stream, row->train_seconds);
    write_plain_cell(stream, row->train_tokens_per_second);
    write_figure_cell(stream, row->p50_ms, 1);
    write_plain_cell(stream, row->offline_samples_per_second);
    write_plain_cell(stream, row->peak_mib);
    fputs("\n", stream);
}

static void write_main_table(const as_summary *s, FILE *stream) {
    fputs("## Comparison\n\n"
          "| entry | accuracy % | macro F1 % | weighted F1 % | p against best | parameters | "
          "train s | train tokens/s | p50 ms | samples/s | peak MiB |\n"
          "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
          stream);
    for (size_t k = 0; k < s->n_rows; k++)
        write_row(&s->rows[k], stream);
    fprintf(stream,
            "\n\xc2\xb1: half of the 95 %% interval over texts%s. \\*: best, or not separable from "
            "it (paired on the same texts, p adjusted after Holm, 5 %%).",
            s->n_seeds > 1 ? " and seeds" : "");
    if (!isnan(s->separable))
        fprintf(stream, " Differences from %s points on are separable here with 80 %% power.",
                as_number_plain(100 * s->separable).value);
    fputs(" Accuracy and F1 on the test split; p50: one text at a time; samples/s: offline "
          "batches.\n\n",
          stream);
}

/* ---- notes of the suite's author ---------------------------------------------------------------
 */

/* Cells of the entry, or of the points of its grid. */
static bool has_cell(const as_run *run, const char *entry) {
    for (size_t i = 0; entry && i < run->n_cells; i++) {
        const as_record *r = run->cells[i];
        const char *grid = json_string_value(json_object_get(r->grid, "entry"));
        if ((r->entry && strcmp(r->entry, entry) == 0) || (grid && strcmp(grid, entry) == 0))
            return true;
    }
    return false;
}

/* One line a note; `entry` NULL: of the whole suite. Returns how many stand there by now. */
static size_t write_note_list(const json_t *notes, const char *entry, size_t n, FILE *stream) {
    for (size_t i = 0; i < json_array_size(notes); i++) {
        fputs(n++ ? "- " : "## Notes of the suite\n\n- ", stream);
        if (entry) {
            as_md_code(stream, entry);
            fputs(": ", stream);
        }
        as_md_text(stream, json_string_value(json_array_get(notes, i)));
        fputs("\n", stream);
    }
    return n;
}

/* The suite's, then those of the entries that the run has. */
static void write_notes(const as_run *run, FILE *stream) {
    const json_t *entries = json_object_get(run->suite, "entries");
    size_t n = write_note_list(json_object_get(run->suite, "notes"), NULL, 0, stream);
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        const char *name = json_string_value(json_object_get(entry, "name"));
        if (has_cell(run, name))
            n = write_note_list(json_object_get(entry, "notes"), name, n, stream);
    }
    if (n)
        fputs("\n", stream);
}

assay_status as_report_write_markdown(const as_run *run, FILE *stream, assay_error *error) {
    as_summary s;
    as_arena *arena = as_arena_new();
    if (!arena)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the report");
    assay_status status = as_summarise(arena, run, &s, error);
    if (status == ASSAY_OK) {
        write_title(run, stream);
        write_sentences(&s, stream);
        status = write_warnings(arena, run, &s, stream, error);
        write_main_table(&s, stream);
        as_md_grids(&s, stream);
        if (status == ASSAY_OK)
            status = as_md_published(arena, run, &s, stream, error);
        write_failures(run, stream);
        write_notes(run, stream);
        as_md_classes(&s, stream);
        as_md_confusions(&s, stream);
        as_md_curves(&s, stream);
        as_md_models(&s, stream);
        as_md_data(&s, stream);
        as_md_equivalence(&s, stream);
        as_md_environment(run, stream);
        as_md_methods(&s, stream);
    }
    as_arena_free(arena);
    return status;
}
