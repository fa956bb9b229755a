/* SPDX-License-Identifier: MIT */
/* The methods paragraph: data, models, training, machine, tests, and what the suite notes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "report/latex.h"

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

/* A number of the suite's data, as it stands there. */
static void setting(FILE *stream, const json_t *value, double scale, const char *field) {
    char text[40];
    snprintf(text, sizeof text, "%.6g", scale * json_number_value(value));
    number(stream, "run.json", field, scale > 1 ? "%" : "", text);
}

static void write_seed(const json_t *of, const char *field, FILE *stream) {
    const json_t *seed = json_object_get(of, "seed");
    if (json_is_number(seed)) {
        fputs(" with seed~", stream);
        setting(stream, seed, 1, field);
    }
    fputs(json_is_true(json_object_get(of, "stratified")) ? ", stratified by class" : "", stream);
}

/* How the splits came about, as the suite asked. */
static void write_splits(const as_run *run, FILE *stream) {
    const json_t *data = json_object_get(run->suite, "data");
    const json_t *subset = json_object_get(data, "subset"),
                 *validation = json_object_get(data, "validation"),
                 *share = json_object_get(validation, "share");
    const char *kind = json_string_value(json_object_get(validation, "kind"));
    const char *balance = json_string_value(json_object_get(data, "balance"));
    if (json_is_object(subset)) {
        fputs(" They are a subset drawn", stream);
        write_seed(subset, "suite.data.subset.seed", stream);
        fputs(".", stream);
    }
    if (json_is_number(share)) {
        bool tail = kind && strcmp(kind, "tail") == 0;
        fputs(tail ? " The validation split is the last " : " The validation split is ", stream);
        setting(stream, share, 100, "suite.data.validation.share");
        fputs("\\,\\% of the training texts", stream);
        if (!tail) {
            fputs(", drawn", stream);
            write_seed(validation, "suite.data.validation.seed", stream);
        }
        fputs(".", stream);
    }
    if (balance && strcmp(balance, "none") != 0) {
        fputs(" Balance of classes: ", stream);
        as_tex_code(stream, balance);
        fputs(".", stream);
    }
}

static void write_duplicates(const as_record *r, FILE *stream) {
    if (r->dataset.duplicates_within_train < 0 || r->dataset.duplicates_test_in_train < 0)
        return; /* not recorded */
    fputs(" As they came, ", stream);
    count(stream, r, "dataset.audit.duplicates_within_train", r->dataset.duplicates_within_train);
    fputs(" training texts are exact duplicates, ", stream);
    count(stream, r, "dataset.audit.duplicates_test_in_train", r->dataset.duplicates_test_in_train);
    fputs(" test texts are also in the training split.", stream);
}

static void write_data(const as_report_input *input, size_t run, FILE *stream) {
    const as_record *r = input->summaries[run].some;
    if (!r)
        return;
    char digest[17] = "";
    snprintf(digest, sizeof digest, "%.16s", r->dataset.sha256 ? r->dataset.sha256 : "");
    fputs("\\paragraph{Data", stream);
    if (input->n_runs > 1) {
        fputs(" of ", stream);
        as_tex_text(stream, as_tex_name(input->runs[run]));
    }
    fputs(".} ", stream);
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
    write_splits(input->runs[run], stream);
    write_duplicates(r, stream);
    if (r->dataset.validation_is_test)
        fputs(" \\textbf{The validation texts are the test texts: choices were made on them.}",
              stream);
    fputs("\n", stream);
}

static void write_cited(const char *what, const char *kind, const as_report_input *input,
                        size_t run, FILE *stream) {
    if (!as_tex_cites(input, run, kind))
        return;
    fputs(what, stream);
    as_tex_cite(stream, input, run, kind);
    fputs(".", stream);
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
        if (r->model.weights) {
            fputs(", from the weights ", stream);
            as_tex_text(stream, json_string_value(json_object_get(r->model.weights, "name")));
        }
    }
    fputs(".", stream);
    write_cited(" Architectures:", "model", input, run, stream);
    write_cited(" Pretrained parts:", "weights", input, run, stream);
    fputs("\n", stream);
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
        fputs(row->records[0]->backend.threads == 1 ? " thread" : " threads", stream);
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
    as_tex_cite(stream, input, run, "library");
    fputs(".\n", stream);
}

static void write_tests(const as_report_input *input, size_t run, FILE *stream) {
    bool seeds = input->summaries[run].n_seeds > 1;
    for (size_t i = 0; i < run; i++)
        if ((input->summaries[i].n_seeds > 1) == seeds)
            return; /* told already */
    fputs("\\paragraph{Statistics.} ", stream);
    if (seeds)
        fputs("Figures are means over seeds; their 95\\,\\% intervals draw texts and seeds with "
              "replacement (pigeonhole bootstrap~\\cite{owen2007pigeonhole}, 1,000 resamples). ",
              stream);
    else
        fputs("Accuracy has Wilson's 95\\,\\% interval~\\cite{wilson1927probable}, other scores a "
              "bootstrap over texts (1,000 resamples, as in~\\cite{owen2007pigeonhole} for one "
              "factor). ",
              stream);
    fprintf(stream,
            "Entries are compared with the best one on the same texts by %s"
            "~\\cite{dietterich1998approximate}, adjusted after Holm~\\cite{holm1979simple}, at "
            "5\\,\\%%; differences have Tango's interval~\\cite{tango1998equivalence}. Macro "
            "averages are "
            "over all classes. Latency is the median of single texts from "
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
