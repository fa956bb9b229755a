/* SPDX-License-Identifier: MIT */
/* What was compared and where: models and training, equivalence with the reference backend,
 * environment, how to repeat it, methods. */
#include "report/sections.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- models and training -----------------------------------------------------------------------
 */

static void add_json(as_page *page, const json_t *json) {
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    as_page_name(page, text);
    free(text);
}

static void add_mib(as_page *page, const as_record *r, const char *what, const char *field,
                    int64_t bytes) {
    as_page_text(page, what);
    as_page_plain(page, (double)bytes / (1 << 20));
    as_page_from_cell(page, r, "result.json", field, "MiB");
    as_page_text(page, " MiB");
}

/* What was trained, and what it took to hold it. */
static void add_strategy(as_page *page, const as_record *r) {
    if (r->training.strategy) {
        as_page_text(page, ", strategy ");
        add_json(page, r->training.strategy);
    }
    if (r->parameter_bytes < 0)
        return;
    add_mib(page, r, ", held: parameters ", "memory.parameter_bytes", r->parameter_bytes);
    add_mib(page, r, ", gradients ", "memory.gradient_bytes", r->gradient_bytes);
    add_mib(page, r, ", optimizer ", "memory.optimizer_bytes", r->optimizer_bytes);
}

static void add_epoch_counts(as_page *page, const as_row_summary *row) {
    as_page_cell(page);
    for (size_t i = 0; i < row->n_records; i++) {
        const as_record *r = row->records[i];
        if (i)
            as_page_text(page, ", ");
        as_page_count(page, r->training.n_epochs);
        as_page_from_cell(page, r, "result.json", "training.epochs", NULL);
        as_page_text(page, " (");
        as_page_count(page, r->training.best_epoch);
        as_page_from_cell(page, r, "result.json", "training.best_epoch", NULL);
        as_page_text(page, ")");
    }
}

static void add_model(as_page *page, const as_row_summary *row) {
    const as_record *r = row->records[0];
    for (size_t i = 1; i < row->n_records && !r->model.id; i++)
        r = row->records[i];
    as_page_row(page);
    as_page_cell_name(page, row->name);
    as_page_cell_name(page, r->model.id);
    as_page_text(page, " ");
    as_page_text(page, r->model.version ? r->model.version : "");
    as_page_cell_count(page, r->model.parameters_total);
    as_page_from_cell(page, r, "result.json", "model.parameters.total", NULL);
    as_page_cell_count(page, r->model.parameters_trainable);
    as_page_from_cell(page, r, "result.json", "model.parameters.trainable", NULL);
    as_page_cell_name(page, r->backend.id);
    as_page_text(page, " ");
    as_page_text(page, r->dtype ? r->dtype : "");
    if (r->backend.libraries) {
        as_page_text(page, ", ");
        as_page_text(page, r->backend.libraries);
    }
    add_epoch_counts(page, row);
    as_page_cell(page);
    add_json(page, r->model.options);
    as_page_cell(page);
    add_json(page, r->training.settings);
    add_strategy(page, r);
}

void as_section_models(as_page *page, const as_section_input *in) {
    as_page_section(page, "models", "Models and training");
    as_page_table(page, "models-and-training", "What was trained, with which options");
    as_page_column(page, "entry", AS_COLUMN_TEXT);
    as_page_column(page, "model", AS_COLUMN_TEXT);
    as_page_column(page, "parameters", AS_COLUMN_NUMBER);
    as_page_column(page, "trainable", AS_COLUMN_NUMBER);
    as_page_column(page, "backend", AS_COLUMN_TEXT);
    as_page_column(page, "epochs (best) by seed", AS_COLUMN_TEXT);
    as_page_column(page, "options", AS_COLUMN_TEXT);
    as_page_column(page, "training", AS_COLUMN_TEXT);
    for (size_t k = 0; k < in->summary->n_rows; k++)
        add_model(page, &in->summary->rows[k]);
}

/* ---- equivalence -------------------------------------------------------------------------------
 */

static void add_error(as_page *page, const as_record *r, const char *what, double error,
                      double bound) {
    as_page_cell(page);
    if (isnan(error)) {
        as_page_text(page, NULL);
        return;
    }
    as_page_number(page, error, as_page_print(page, "%.2g", error));
    as_page_from_cell(page, r, "result.json",
                      as_page_print(page, "backend.equivalence.%s_error", what), NULL);
    as_page_text(page, " (");
    as_page_number(page, bound, as_page_print(page, "%.0e", bound));
    as_page_from_cell(page, r, "result.json",
                      as_page_print(page, "backend.equivalence.%s_bound", what), NULL);
    as_page_text(page, ")");
}

static void add_equivalence(as_page *page, const as_row_summary *row, const as_record *r) {
    as_page_row(page);
    as_page_cell_name(page, row->name);
    as_page_cell(page);
    as_page_number(page, (double)r->seed, as_page_print(page, "%llu", (unsigned long long)r->seed));
    add_error(page, r, "logits", r->backend.equivalence.logits_error,
              r->backend.equivalence.logits_bound);
    add_error(page, r, "gradient", r->backend.equivalence.gradient_error,
              r->backend.equivalence.gradient_bound);
    as_page_cell(page);
    if (r->backend.equivalence.checked && !r->backend.equivalence.passed)
        as_page_strong(page, "failed");
    else
        as_page_text(page, r->backend.equivalence.checked ? "passed" : "not checked");
    if (r->backend.equivalence.cached && r->backend.equivalence.checked_at)
        as_page_format(page, ", known since %s", r->backend.equivalence.checked_at);
    if (r->backend.equivalence.reason) {
        as_page_text(page, ": ");
        as_page_text(page, r->backend.equivalence.reason);
    }
}

void as_section_equivalence(as_page *page, const as_section_input *in) {
    const as_summary *s = in->summary;
    if (s->n_complete == 0)
        return;
    as_page_section(page, "equivalence", "Equivalence with the reference backend");
    as_page_paragraph(page);
    as_page_text(page, "Same weights, same batch, dropout off; largest difference as a share of "
                       "the reference's scale (bound).");
    as_page_table(page, "equivalence-errors", "Differences from the reference backend");
    as_page_column(page, "entry", AS_COLUMN_TEXT);
    as_page_column(page, "seed", AS_COLUMN_NUMBER);
    as_page_column(page, "logits", AS_COLUMN_NUMBER);
    as_page_column(page, "gradients", AS_COLUMN_NUMBER);
    as_page_column(page, "", AS_COLUMN_TEXT);
    for (size_t k = 0; k < s->n_complete; k++)
        for (size_t i = 0; i < s->rows[k].n_records; i++)
            add_equivalence(page, &s->rows[k], s->rows[k].records[i]);
}

/* ---- environment -------------------------------------------------------------------------------
 */

static void add_command(as_page *page, const as_run *run) {
    size_t i;
    json_t *word;
    const char *line = NULL;
    json_array_foreach(json_object_get(run->json, "command"), i, word) {
        const char *text = json_is_string(word) ? json_string_value(word) : "?";
        line = line ? as_page_print(page, "%s %s", line, text) : text;
    }
    as_page_row(page);
    as_page_cell_text(page, "command");
    as_page_cell_name(page, line);
}

void as_section_environment(as_page *page, const as_section_input *in) {
    const char *key;
    json_t *value;
    as_page_section(page, "environment", "Environment");
    as_page_facts(page, "environment-facts", "The machine and its software");
    json_object_foreach(json_object_get(in->run->json, "environment"), key, value) {
        as_page_row(page);
        as_page_cell_text(page, key);
        as_page_cell(page);
        if (json_is_string(value)) {
            as_page_text(page, json_string_value(value));
        } else if (json_is_number(value)) {
            double number = json_number_value(value);
            as_page_number(page, number, as_page_print(page, "%.15g", number));
            as_page_from_run(page, "run.json", as_page_print(page, "environment.%s", key), NULL);
        }
    }
    as_page_section(page, "repeat", "How to repeat it");
    as_page_facts(page, "repeat-facts", "Commands and digests");
    add_command(page, in->run);
    as_page_row(page);
    as_page_cell_text(page, "SHA-256 of the suite as run");
    as_page_cell_name(page, json_string_value(json_object_get(in->run->json, "suite_sha256")));
    as_page_row(page);
    as_page_cell_text(page, "this report");
    as_page_cell_name(page, as_page_print(page, "assay report %s", as_run_name(in->run)));
}

/* ---- methods -----------------------------------------------------------------------------------
 */

static void add_method(as_page *page, const char *text) {
    as_page_item(page);
    as_page_text(page, text);
}

void as_section_methods(as_page *page, const as_section_input *in) {
    as_page_section(page, "methods", "Methods");
    as_page_list(page);
    add_method(page, "Accuracy, precision, recall and F1 as scikit-learn defines them; macro "
                     "averages over all classes of the data set, 0/0 counts as 0.");
    if (in->summary->n_seeds > 1)
        add_method(page, "Figures are means over seeds. Their intervals draw texts and seeds with "
                         "replacement (pigeonhole bootstrap, 1,000 resamples, 2.5 and 97.5 % "
                         "quantiles).");
    else
        add_method(page, "Accuracy has Wilson's interval; F1, precision and recall a bootstrap "
                         "over texts (1,000 resamples, 2.5 and 97.5 % quantiles).");
    add_method(page, "Entries are compared with the best one text by text (exact McNemar test; "
                     "with several seeds a sign test of the share of seeds that are right), "
                     "adjusted after Holm.");
    add_method(page, "Latency: median of single texts from token ids; geometric mean over seeds. "
                     "The peak of memory is the process's largest resident set over seeds.");
    add_method(page, "The best epoch is chosen on the validation split; the test split is read "
                     "once per cell, after training.");
    add_method(page, "Definitions and sources: docs/methodology.md.");
}
