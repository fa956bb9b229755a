/* SPDX-License-Identifier: MIT */
/* The rest of a paper's parts: what the preamble needs, the methods paragraph, and a document that
 * puts everything together. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "report/latex.h"

assay_status as_tex_preamble(const as_report_input *input, FILE *stream, assay_error *error) {
    (void)input;
    (void)error;
    fputs("% Packages and commands that the parts of this report need, for a preamble.\n"
          "\\usepackage{array,booktabs,siunitx}\n"
          "\\makeatletter\n"
          "\\@ifpackagelater{siunitx}{2021/05/17}%\n"
          "  {\\sisetup{reset-text-series=false,text-series-to-math}}%\n"
          "  {\\sisetup{detect-weight}}\n"
          "\\makeatother\n"
          "\\protected\\def\\assaybest{\\fontseries{b}\\selectfont} % bx would widen\n"
          "% Font and widths of the tables: for a column of 77 mm.\n"
          "\\providecommand{\\assaytablefont}{\\fontsize{8}{9.5}\\selectfont"
          "\\setlength{\\tabcolsep}{3pt}}\n"
          "\\newlength{\\assaynamewidth}\n"
          "\\setlength{\\assaynamewidth}{18mm}\n"
          "\\newlength{\\assaytextwidth}\n"
          "\\setlength{\\assaytextwidth}{44mm}\n",
          stream);
    return ASSAY_OK;
}

/* ---- methods --------------------------------------------------------------------------------- */

static void number(FILE *stream, const char *file, const char *field, const char *how,
                   const char *text) {
    as_source_begin(stream, file, field, how);
    fputs(text, stream);
    as_source_end(stream);
}

static void count(FILE *stream, const as_record *r, const char *field, int64_t value) {
    as_source_cell(stream, r, "result.json", field, "");
    fputs(value >= 0 ? as_number_count(value).value : "0", stream);
    as_source_end(stream);
}

static void write_cleaning(const as_record *r, FILE *stream) {
    const json_t *steps = json_object_get(r->dataset.preparation, "cleaning");
    if (!steps) /* a record of before there was such a report */
        return;
    for (size_t i = 0; i < json_array_size(steps); i++) {
        fputs(i ? ", " : " Cleaning: ", stream);
        as_tex_code(stream, json_string_value(json_object_get(json_array_get(steps, i), "step")));
    }
    fputs(json_array_size(steps) ? "." : " The texts were not cleaned.", stream);
}

static void write_data(const as_report_input *input, size_t run, FILE *stream) {
    const as_record *r = input->summaries[run].some;
    if (!r)
        return;
    char digest[17] = "";
    snprintf(digest, sizeof digest, "%.16s", r->dataset.sha256 ? r->dataset.sha256 : "");
    fputs("\\paragraph{Data.} ", stream);
    as_tex_text(stream, r->dataset.name);
    as_tex_cite_data(stream, input, run);
    fputs(" (SHA-256 of its content ", stream);
    as_source_cell(stream, r, "result.json", "dataset.sha256", "its first 16 digits");
    fputs(digest, stream);
    as_source_end(stream);
    fputs("\\dots) with ", stream);
    count(stream, r, "dataset.counts.train", r->dataset.train);
    fputs(" training, ", stream);
    count(stream, r, "dataset.counts.validation", r->dataset.validation);
    fputs(" validation and ", stream);
    count(stream, r, "dataset.counts.test", r->dataset.test);
    fputs(" test texts in ", stream);
    count(stream, r, "dataset.labels", r->dataset.n_labels);
    fputs(" classes.", stream);
    write_cleaning(r, stream);
    fputs(" As they came, ", stream);
    count(stream, r, "dataset.audit.duplicates_within_train", r->dataset.duplicates_within_train);
    fputs(" training texts are exact duplicates, ", stream);
    count(stream, r, "dataset.audit.duplicates_test_in_train", r->dataset.duplicates_test_in_train);
    fputs(" test texts are also in the training split.", stream);
    if (r->dataset.validation_is_test)
        fputs(" \\textbf{The validation texts are the test texts: choices were made on them.}",
              stream);
    fputs("\n", stream);
}

static void write_models(const as_report_input *input, size_t run, FILE *stream) {
    const as_summary *s = &input->summaries[run];
    fputs("\\paragraph{Models.} ", stream);
    for (size_t k = 0; k < s->n_rows; k++) {
        const as_row_summary *row = &s->rows[k];
        const as_record *r = row->records[0];
        fputs(k ? "; " : "", stream);
        as_tex_text(stream, row->name);
        fputs(": ", stream);
        as_tex_text(stream, r->model.id ? r->model.id : "not run");
        if (r->model.parameters_total >= 0) {
            fputs(", ", stream);
            count(stream, r, "model.parameters.total", r->model.parameters_total);
            fputs(" parameters (", stream);
            count(stream, r, "model.parameters.trainable", r->model.parameters_trainable);
            fputs(" trained)", stream);
        }
    }
    fputs(". Architectures:", stream);
    as_tex_cite(stream, input, "model");
    fputs(".\n", stream);
}

static bool same_settings(const as_row_summary *a, const as_row_summary *b) {
    const json_t *x = a->records[0]->training.settings, *y = b->records[0]->training.settings;
    return x && y && json_equal(x, y);
}

/* {"lr": 0.001, "early_stopping": {"patience": 2}} as "lr 0.001, early_stopping.patience 2";
 * `before`: the path so far. Returns how many stand there by now. */
static size_t write_settings(const as_record *r, const json_t *settings, const char *before,
                             size_t n, FILE *stream) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)settings, key, value) {
        char path[200], field[240];
        snprintf(path, sizeof path, "%.100s%s%.90s", before, *before ? "." : "", key);
        if (json_is_object(value)) {
            n = write_settings(r, value, path, n, stream);
            continue;
        }
        char *text =
            json_is_string(value)
                ? strdup(json_string_value(value))
                : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
        fputs(n++ ? ", " : "", stream);
        as_tex_code(stream, path);
        fputs(" ", stream);
        snprintf(field, sizeof field, "training.settings.%s", path);
        if (json_is_number(value)) {
            as_source_cell(stream, r, "result.json", field, "six digits");
            fputs(text ? text : "", stream);
            as_source_end(stream);
        } else {
            as_tex_text(stream, text);
        }
        free(text);
    }
    return n;
}

static void write_training(const as_report_input *input, size_t run, FILE *stream) {
    const as_summary *s = &input->summaries[run];
    fputs("\\paragraph{Training.} ", stream);
    for (size_t k = 0; k < s->n_rows; k++) {
        bool told = false;
        for (size_t j = 0; j < k && !told; j++)
            told = same_settings(&s->rows[j], &s->rows[k]);
        if (told || !s->rows[k].records[0]->training.settings)
            continue;
        bool first = true;
        for (size_t j = k; j < s->n_rows; j++) {
            if (!same_settings(&s->rows[j], &s->rows[k]))
                continue;
            fputs(first ? "" : ", ", stream);
            first = false;
            as_tex_text(stream, s->rows[j].name);
        }
        fputs(": ", stream);
        write_settings(s->rows[k].records[0], s->rows[k].records[0]->training.settings, "", 0,
                       stream);
        fputs(". ", stream);
    }
    fputs(
        "The epoch that was tested is the one that \\texttt{keep} names, chosen on the validation "
        "split; the test split was read once per trained model. Seeds: ",
        stream);
    const json_t *seeds = json_object_get(input->runs[run]->suite, "seeds");
    for (size_t i = 0; i < json_array_size(seeds); i++) {
        char text[32];
        snprintf(text, sizeof text, "%lld",
                 (long long)json_integer_value(json_array_get(seeds, i)));
        fputs(i ? ", " : "", stream);
        number(stream, "run.json", "suite.seeds", "", text);
    }
    if (json_array_size(seeds) == 0) {
        char text[32];
        snprintf(text, sizeof text, "%zu", s->n_seeds);
        number(stream, "run.json", "cells", "counted", text);
        fputs(" for each entry", stream);
    }
    fputs(".\n", stream);
}

static const char *fact(const as_run *run, const char *key) {
    return json_string_value(json_object_get(json_object_get(run->json, "environment"), key));
}

static void write_environment(const as_report_input *input, size_t run, FILE *stream) {
    const as_run *r = input->runs[run];
    const as_row_summary *row = NULL;
    const as_summary *s = &input->summaries[run];
    for (size_t k = 0; k < s->n_complete && !row; k++)
        if (s->rows[k].backend && strcmp(s->rows[k].backend, "own") != 0)
            row = &s->rows[k];
    fputs("\\paragraph{Hardware and software.} ", stream);
    as_tex_text(stream, fact(r, "cpu_model") ? fact(r, "cpu_model") : "unknown processor");
    if (row && row->records[0]->backend.threads > 0) {
        fputs(", ", stream);
        count(stream, row->records[0], "backend.threads", row->records[0]->backend.threads);
        fputs(" threads", stream);
    }
    fputs("; ", stream);
    as_tex_text(stream, fact(r, "os") ? fact(r, "os") : "unknown system");
    fputs(", ", stream);
    as_tex_text(stream, fact(r, "compiler") ? fact(r, "compiler") : "unknown compiler");
    fputs("; assay ", stream);
    as_tex_text(stream, fact(r, "assay_version") ? fact(r, "assay_version") : "of unknown version");
    fputs("~\\cite{assay}", stream);
    if (row) {
        fputs("; backend ", stream);
        as_tex_text(stream, row->backend);
        fputs(" in ", stream);
        as_tex_text(stream, row->dtype);
        if (row->records[0]->backend.libraries) {
            fputs(" (", stream);
            as_tex_text(stream, row->records[0]->backend.libraries);
            fputs(")", stream);
        }
    }
    as_tex_cite(stream, input, "library");
    fputs(".\n", stream);
}

static void write_tests(const as_report_input *input, size_t run, FILE *stream) {
    bool seeds = input->summaries[run].n_seeds > 1;
    fputs("\\paragraph{Statistics.} ", stream);
    if (seeds)
        fputs("Figures are means over seeds; their 95\\,\\% intervals draw texts and seeds with "
              "replacement (pigeonhole bootstrap~\\cite{owen2007pigeonhole}, 1,000 resamples). ",
              stream);
    else
        fputs("Accuracy has Wilson's 95\\,\\% interval, other scores a bootstrap over texts (1,000 "
              "resamples, as in~\\cite{owen2007pigeonhole} for one factor). ",
              stream);
    fprintf(
        stream,
        "Entries are compared with the best one on the same texts by %s"
        "~\\cite{dietterich1998approximate}, adjusted after Holm~\\cite{holm1979simple}, at "
        "5\\,\\%%. Macro averages are over all classes. Latency is the median of single texts from "
        "token ids.\n",
        seeds ? "a sign test of the share of seeds that are right" : "the exact McNemar test");
}

/* What the suite's author says of deviations. */
static void write_notes(const as_report_input *input, size_t run, FILE *stream) {
    const json_t *notes = json_object_get(input->runs[run]->suite, "notes");
    for (size_t i = 0; i < json_array_size(notes); i++) {
        fputs(i ? " " : "\\paragraph{Adaptations.} ", stream);
        as_tex_text(stream, json_string_value(json_array_get(notes, i)));
    }
    fputs(json_array_size(notes) ? "\n" : "", stream);
}

assay_status as_tex_methods(const as_report_input *input, FILE *stream, assay_error *error) {
    (void)error;
    /* Names of options cannot be hyphenated: lines may be loose rather than too long. */
    fputs("{\\tolerance=9999 \\emergencystretch=3em \\hbadness=10000\n", stream);
    for (size_t i = 0; i < input->n_runs; i++) {
        as_source_run(stream, i);
        write_data(input, i, stream);
        write_models(input, i, stream);
        write_training(input, i, stream);
        write_environment(input, i, stream);
        write_tests(input, i, stream);
        write_notes(input, i, stream);
    }
    fputs("\\par}\n", stream);
    return ASSAY_OK;
}

/* ---- all together ---------------------------------------------------------------------------- */

static void write_failures(const as_report_input *input, size_t run, FILE *stream) {
    size_t n = 0;
    const as_run *r = input->runs[run];
    for (size_t i = 0; i < r->n_cells; i++) {
        const as_record *c = r->cells[i];
        if (c->status == AS_CELL_OK)
            continue;
        fputs(n++ ? "" : "\\section*{Cells without figures}\n\\begin{description}\n", stream);
        fputs("\\item[{", stream);
        as_tex_text(stream, c->cell);
        fprintf(stream, "}] %s: ", as_cell_status_name(c->status));
        as_tex_text(stream, c->reason);
        fputs("\n", stream);
    }
    fputs(n ? "\\end{description}\n" : "", stream);
}

assay_status as_tex_report(const as_report_input *input, FILE *stream, assay_error *error) {
    static const char *const tables[] = {"main", "cost", "classes"};
    (void)error;
    const char *title = json_string_value(json_object_get(input->runs[0]->suite, "title"));
    fputs("\\documentclass[10pt,a4paper]{article}\n"
          "\\pdftrailerid{} % the same parts give the same bytes\n\\input{preamble}\n\\title{",
          stream);
    as_tex_short(stream, title ? title : as_run_name(input->runs[0]), 200);
    fputs("}\n\\author{}\n\\date{}\n\\begin{document}\n\\maketitle\n", stream);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        fprintf(stream,
                "\\begin{table}[htbp]\n\\centering\n\\input{%s-caption}\n\\input{%s-label}\n"
                "\\medskip\n\\input{%s-tabular}\n\\end{table}\n",
                tables[i], tables[i], tables[i]);
    for (size_t i = 0; i < input->n_runs; i++)
        write_failures(input, i, stream);
    fputs("\\section*{Methods}\n\\input{methods}\n"
          "\\bibliographystyle{plain}\n\\bibliography{references}\n\\end{document}\n",
          stream);
    return ASSAY_OK;
}
