/* SPDX-License-Identifier: MIT */
/* The main table: an entry, backend and precision a row, by falling accuracy, what did not end well
 * last. Its columns are chosen by name, from report.columns in the suite or by option. */
#include "report/sections.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"

typedef enum cell_kind { CELL_FIGURE, CELL_REAL, CELL_COUNT, CELL_P } cell_kind;

static const struct main_column {
    const char *name, *heading, *about;
    cell_kind kind;
    size_t offset; /* in as_row_summary */
    double scale;
    const char *file, *field, *how;
    bool usual; /* shown unless others are chosen */
} columns[] = {
#define SCORE(name, heading, about, usual)                                                         \
    {                                                                                              \
#name, heading, about, CELL_FIGURE, offsetof(as_row_summary, name), 100, "result.json",    \
            "test." #name, "mean over seeds, %", usual                                             \
    }
    SCORE(accuracy, "accuracy %", "share of test texts that are right", true),
    SCORE(f1_macro, "macro F1 %", "mean of the classes' F1", true),
    SCORE(f1_weighted, "weighted F1 %", "mean of the classes' F1, by their texts", true),
    SCORE(precision_macro, "macro precision %", "mean of the classes' precision", true),
    SCORE(recall_macro, "macro recall %", "mean of the classes' recall", true),
    SCORE(precision_weighted, "weighted precision %", "mean by the classes' texts", false),
    SCORE(recall_weighted, "weighted recall %", "mean by the classes' texts", false),
#undef SCORE
    {"p_best", "p against best", "paired on the same texts, adjusted after Holm", CELL_P,
     offsetof(as_row_summary, p_best), 1, "predictions.csv", "predicted,label",
     "exact McNemar or sign test against the best row, Holm", true},
    {"validation_accuracy", "validation accuracy %", "of the kept epoch", CELL_REAL,
     offsetof(as_row_summary, validation_accuracy), 100, "result.json", "validation.accuracy.value",
     "mean over seeds, %", false},
    {"loss", "test loss", "mean cross entropy", CELL_REAL, offsetof(as_row_summary, loss), 1,
     "result.json", "test.loss", "mean over seeds", false},
    {"parameters_total", "parameters", "all of the model's", CELL_COUNT,
     offsetof(as_row_summary, parameters_total), 1, "result.json", "model.parameters.total", NULL,
     true},
    {"parameters_trainable", "trainable", "parameters that training changes", CELL_COUNT,
     offsetof(as_row_summary, parameters_trainable), 1, "result.json", "model.parameters.trainable",
     NULL, true},
    {"train_seconds", "train s", "training without evaluation", CELL_REAL,
     offsetof(as_row_summary, train_seconds), 1, "result.json", "training.seconds",
     "mean over seeds", true},
    {"train_tokens_per_second", "train tokens/s", "in training", CELL_REAL,
     offsetof(as_row_summary, train_tokens_per_second), 1, "result.json",
     "training.tokens_per_second", "mean over seeds", false},
    {"p50_ms", "p50 ms", "median latency of one text at a time", CELL_FIGURE,
     offsetof(as_row_summary, p50_ms), 1, "latency.csv", "nanoseconds",
     "geometric mean of the seeds' medians, ms", true},
    {"offline_samples_per_second", "samples/s", "texts a second in batches", CELL_REAL,
     offsetof(as_row_summary, offline_samples_per_second), 1, "result.json",
     "latency.offline.samples_per_second", "mean over seeds", true},
    {"peak_mib", "peak MiB", "largest resident set of the process", CELL_REAL,
     offsetof(as_row_summary, peak_mib), 1, "result.json", "memory.peak_rss_bytes",
     "largest over seeds, MiB", true},
};
typedef struct main_column main_column;
enum { N_COLUMNS = sizeof columns / sizeof columns[0] };

/* ---- which columns --------------------------------------------------------------------------- */

static const main_column *find_column(const char *name) {
    for (size_t i = 0; i < N_COLUMNS; i++)
        if (strcmp(columns[i].name, name) == 0)
            return &columns[i];
    return NULL;
}

assay_status as_check_columns(const char *const *names, size_t n, const char *where,
                              assay_error *error) {
    const char *known[N_COLUMNS];
    char list[600] = "";
    for (size_t i = 0; i < N_COLUMNS; i++) {
        known[i] = columns[i].name;
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? " " : "", known[i]);
    }
    for (size_t i = 0; i < n; i++) {
        const char *near = as_nearest_name(names[i], known, N_COLUMNS);
        if (!find_column(names[i]))
            return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                           "no column \"%.60s\"%s%s%s; columns: %s", names[i],
                           near ? "; did you mean " : "", near ? near : "", near ? "?" : "", list);
    }
    return ASSAY_OK;
}

/* Those of the options, else the suite's, else the usual ones; returns how many. */
static assay_status choose_columns(const as_section_input *in, const main_column *chosen[],
                                   size_t *ret_n, assay_error *error) {
    const json_t *own = json_object_get(json_object_get(in->run->suite, "report"), "columns");
    size_t n = 0, n_own = json_array_size(own);
    if (in->options->n_columns) {
        for (size_t i = 0; i < in->options->n_columns && n < N_COLUMNS; i++)
            if ((chosen[n] = find_column(in->options->columns[i])))
                n++;
    } else if (n_own) {
        for (size_t i = 0; i < n_own && n < N_COLUMNS; i++) {
            const char *name = json_string_value(json_array_get(own, i));
            assay_status status =
                as_check_columns(&name, name ? 1 : 0, "run.json#/suite/report/columns", error);
            if (status != ASSAY_OK)
                return status == ASSAY_INVALID_ARGUMENT ? ASSAY_BAD_DATA : status;
            if (name)
                chosen[n++] = find_column(name);
        }
    } else {
        for (size_t i = 0; i < N_COLUMNS; i++)
            if (columns[i].usual)
                chosen[n++] = &columns[i];
    }
    *ret_n = n;
    return ASSAY_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void add_cell(as_page *page, const as_row_summary *row, const main_column *c) {
    const void *field = (const char *)row + c->offset;
    switch (c->kind) {
    case CELL_FIGURE:
        as_page_cell_figure(page, *(const as_figure *)field, c->scale);
        break;
    case CELL_REAL:
        as_page_cell_plain(page, *(const double *)field * c->scale);
        break;
    case CELL_COUNT:
        as_page_cell_count(page, *(const int64_t *)field);
        break;
    case CELL_P:
        as_page_cell(page);
        if (!row->is_best)
            as_page_number(page, *(const double *)field, as_number_p(*(const double *)field).text);
        break;
    }
    as_page_from_row(page, row, c->file, c->field, c->how);
}

static void add_row(as_page *page, const as_row_summary *row, const main_column *const *chosen,
                    size_t n) {
    as_page_row(page);
    as_page_cell(page);
    if (row->marked)
        as_page_mark(page, AS_SPAN_BEST);
    as_page_name(page, row->name);
    if (row->problem) {
        as_page_cell_text(page, row->problem);
        as_page_row_problem(page);
        return;
    }
    if (!row->trusted)
        as_page_mark(page, AS_SPAN_UNTRUSTED);
    for (size_t i = 0; i < n; i++)
        add_cell(page, row, chosen[i]);
}

static void add_legend(as_page *page, const as_summary *s) {
    as_page_paragraph(page);
    as_page_format(page, "\xc2\xb1: half of the 95 %% interval over texts%s. ",
                   s->n_seeds > 1 ? " and seeds" : "");
    as_page_mark(page, AS_SPAN_BEST);
    as_page_text(page, ": best, or not separable from it (paired on the same texts, p adjusted "
                       "after Holm, 5 %).");
    if (!isnan(s->separable)) {
        as_page_text(page, " Differences from ");
        as_page_plain(page, 100 * s->separable);
        as_page_from_run(page, "cells", "predictions.csv",
                         "discordance with the best row, Connor 1987, points");
        as_page_text(page, " points on are separable here with 80 % power.");
    }
    as_page_text(page, " Accuracy and F1 on the test split; p50: one text at a time; samples/s: "
                       "offline batches.");
}

assay_status as_section_comparison(as_page *page, const as_section_input *in, assay_error *error) {
    const main_column *chosen[N_COLUMNS];
    size_t n = 0;
    assay_status status = choose_columns(in, chosen, &n, error);
    if (status != ASSAY_OK)
        return status;
    as_page_section(page, "comparison", "Comparison");
    as_page_table(page, "main", "Entries by accuracy on the test split");
    as_page_column(page, "entry", AS_COLUMN_TEXT);
    for (size_t i = 0; i < n; i++) {
        as_page_column(page, chosen[i]->heading, AS_COLUMN_NUMBER);
        as_page_column_about(page, chosen[i]->about);
    }
    for (size_t k = 0; k < in->summary->n_rows; k++)
        add_row(page, &in->summary->rows[k], chosen, n);
    add_legend(page, in->summary);
    return ASSAY_OK;
}
