/* SPDX-License-Identifier: MIT */
/* The report's sections after the main table. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/markdown.h"
#include "report/number.h"

enum { MAX_MATRIX_CLASSES = 24, MAX_PAIRS = 10 };

static void write_plain(FILE *stream, double value) {
    fprintf(stream, " %s |", as_number_plain(value).value);
}

static void write_percent(FILE *stream, double share) {
    fprintf(stream, " %s |", as_number_plain(100 * share).value);
}

static void write_count(FILE *stream, int64_t count) {
    fprintf(stream, " %s |", as_number_count(count).value);
}

static const char *class_label(const as_scores *scores, int32_t k) {
    return scores->per_class[k].label;
}

void as_md_classes(const as_summary *s, FILE *stream) {
    const as_scores *first = NULL;
    for (size_t k = 0; k < s->n_complete && !first; k++)
        first = s->rows[k].pooled.n > 0 ? &s->rows[k].pooled : NULL;
    if (!first)
        return;
    fputs(
        "## Classes\n\nF1 in per cent, all seeds' test predictions together.\n\n| class | texts |",
        stream);
    for (size_t k = 0; k < s->n_complete; k++) {
        fputs(" ", stream);
        as_md_code(stream, s->rows[k].name);
        fputs(" |", stream);
    }
    fputs("\n|---|--:|", stream);
    for (size_t k = 0; k < s->n_complete; k++)
        fputs("--:|", stream);
    fputs("\n", stream);
    const as_scores *one = &s->rows[0].records[0]->test;
    for (int32_t c = 0; c < first->n_classes; c++) {
        fputs("| ", stream);
        as_md_code(stream, class_label(first, c));
        fputs(" |", stream);
        write_count(stream, c < one->n_classes ? one->per_class[c].support : -1);
        for (size_t k = 0; k < s->n_complete; k++) {
            const as_scores *pooled = &s->rows[k].pooled;
            write_percent(stream, c < pooled->n_classes ? pooled->per_class[c].f1 : NAN);
        }
        fputs("\n", stream);
    }
    fputs("\n<details><summary>Precision and recall of every class</summary>\n\n"
          "| entry | class | precision % | recall % | F1 % | texts x seeds | predicted |\n"
          "|---|---|--:|--:|--:|--:|--:|\n",
          stream);
    for (size_t k = 0; k < s->n_complete; k++) {
        const as_scores *pooled = &s->rows[k].pooled;
        for (int32_t c = 0; c < pooled->n_classes; c++) {
            const as_class_figures *f = &pooled->per_class[c];
            fputs("| ", stream);
            as_md_code(stream, s->rows[k].name);
            fputs(" | ", stream);
            as_md_code(stream, f->label);
            fputs(" |", stream);
            write_percent(stream, f->precision);
            write_percent(stream, f->recall);
            write_percent(stream, f->f1);
            write_count(stream, f->support);
            write_count(stream, f->predicted);
            fputs("\n", stream);
        }
    }
    fputs("\n</details>\n\n", stream);
}

static void write_matrix(const as_scores *scores, FILE *stream) {
    int32_t n = scores->n_classes;
    fputs("| true \\\\ predicted |", stream);
    for (int32_t c = 0; c < n; c++) {
        fputs(" ", stream);
        as_md_code(stream, class_label(scores, c));
        fputs(" |", stream);
    }
    fputs("\n|---|", stream);
    for (int32_t c = 0; c < n; c++)
        fputs("--:|", stream);
    fputs("\n", stream);
    for (int32_t t = 0; t < n; t++) {
        fputs("| ", stream);
        as_md_code(stream, class_label(scores, t));
        fputs(" |", stream);
        for (int32_t p = 0; p < n; p++)
            fprintf(stream, t == p ? " **%" PRId64 "** |" : " %" PRId64 " |",
                    scores->confusion[t * n + p]);
        fputs("\n", stream);
    }
    fputs("\n", stream);
}

/* Largest entries off the diagonal, one scan per rank. */
static void write_worst_pairs(const as_scores *scores, FILE *stream) {
    int32_t n = scores->n_classes;
    int64_t last_count = INT64_MAX, last_cell = -1;
    for (int rank = 0; rank < MAX_PAIRS; rank++) {
        int64_t best = 0, best_cell = -1;
        for (int64_t cell = 0; cell < (int64_t)n * n; cell++) {
            int64_t count = scores->confusion[cell];
            bool later = count < last_count || (count == last_count && cell > last_cell);
            if (cell / n != cell % n && later && count > best) {
                best = count;
                best_cell = cell;
            }
        }
        if (best_cell < 0)
            return;
        fprintf(stream, "%s%" PRId64 " times ", rank ? "; " : "Most often confused: ", best);
        as_md_code(stream, class_label(scores, (int32_t)(best_cell / n)));
        fputs(" taken for ", stream);
        as_md_code(stream, class_label(scores, (int32_t)(best_cell % n)));
        last_count = best;
        last_cell = best_cell;
    }
}

void as_md_confusions(const as_summary *s, FILE *stream) {
    bool any = false;
    for (size_t k = 0; k < s->n_complete; k++) {
        const as_scores *scores = &s->rows[k].pooled;
        if (scores->n < 1)
            continue;
        fputs(any ? ""
                  : "## Confusion matrices\n\nCounts of test predictions, all seeds together.\n\n",
              stream);
        any = true;
        fputs("<details><summary>", stream);
        as_md_html(stream, s->rows[k].name);
        fputs("</summary>\n\n", stream);
        if (scores->n_classes <= MAX_MATRIX_CLASSES)
            write_matrix(scores, stream);
        write_worst_pairs(scores, stream);
        fputs("\n\n</details>\n\n", stream);
    }
}

static void write_epochs(const as_record *r, FILE *stream) {
    for (size_t i = 0; i < r->n_epochs; i++) {
        const as_epoch *e = &r->epochs[i];
        fprintf(stream, "| %llu | %d%s |", (unsigned long long)r->seed, e->epoch,
                e->epoch == r->training.best_epoch ? " **best**" : "");
        write_plain(stream, e->train_loss);
        write_percent(stream, e->train_accuracy);
        write_plain(stream, e->validation_loss);
        write_percent(stream, e->validation_accuracy);
        write_percent(stream, e->validation_f1_macro);
        fprintf(stream, " %.3g |", e->learning_rate);
        write_plain(stream, e->grad_norm);
        write_plain(stream, e->seconds);
        fputs("\n", stream);
    }
}

void as_md_curves(const as_summary *s, FILE *stream) {
    bool any = false;
    for (size_t k = 0; k < s->n_rows; k++) {
        const as_row_summary *row = &s->rows[k];
        size_t n_epochs = 0;
        for (size_t i = 0; i < row->n_records; i++)
            n_epochs += row->records[i]->n_epochs;
        if (n_epochs == 0)
            continue;
        fputs(any ? "" : "## Training by epoch\n\n", stream);
        any = true;
        fputs("<details><summary>", stream);
        as_md_html(stream, row->name);
        fputs("</summary>\n\n| seed | epoch | train loss | train acc. % | validation loss | "
              "validation acc. % | validation macro F1 % | learning rate | gradient norm | s |\n"
              "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
              stream);
        for (size_t i = 0; i < row->n_records; i++)
            write_epochs(row->records[i], stream);
        fputs("\n</details>\n\n", stream);
    }
}

static void write_json(FILE *stream, const json_t *json) {
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    as_md_code(stream, text);
    free(text);
}

static double mib(int64_t bytes) {
    return (double)bytes / (1 << 20);
}

/* What was trained, and what it took to hold it. */
static void write_strategy(FILE *stream, const as_record *r) {
    if (r->training.strategy) {
        fputs(", strategy ", stream);
        write_json(stream, r->training.strategy);
    }
    if (r->parameter_bytes >= 0)
        fprintf(stream, ", held: parameters %s MiB, gradients %s MiB, optimizer %s MiB",
                as_number_plain(mib(r->parameter_bytes)).value,
                as_number_plain(mib(r->gradient_bytes)).value,
                as_number_plain(mib(r->optimizer_bytes)).value);
}

void as_md_models(const as_summary *s, FILE *stream) {
    fputs("## Models and training\n\n"
          "| entry | model | parameters | trainable | backend | epochs (best) by seed | options | "
          "training |\n|---|---|--:|--:|---|---|---|---|\n",
          stream);
    for (size_t k = 0; k < s->n_rows; k++) {
        const as_row_summary *row = &s->rows[k];
        const as_record *r = row->records[0];
        for (size_t i = 1; i < row->n_records && !r->model.id; i++)
            r = row->records[i];
        fputs("| ", stream);
        as_md_code(stream, row->name);
        fputs(" | ", stream);
        as_md_code(stream, r->model.id);
        fputs(" ", stream);
        as_md_text(stream, r->model.version ? r->model.version : "");
        fputs(" |", stream);
        write_count(stream, r->model.parameters_total);
        write_count(stream, r->model.parameters_trainable);
        fputs(" ", stream);
        as_md_code(stream, r->backend.id);
        fputs(" ", stream);
        as_md_text(stream, r->dtype ? r->dtype : "");
        if (r->backend.libraries) {
            fputs(", ", stream);
            as_md_text(stream, r->backend.libraries);
        }
        fputs(" | ", stream);
        for (size_t i = 0; i < row->n_records; i++)
            fprintf(stream, "%s%s (%s)", i ? ", " : "",
                    as_number_count(row->records[i]->training.n_epochs).value,
                    as_number_count(row->records[i]->training.best_epoch).value);
        fputs(" | ", stream);
        write_json(stream, r->model.options);
        fputs(" | ", stream);
        write_json(stream, r->training.settings);
        write_strategy(stream, r);
        fputs(" |\n", stream);
    }
    fputs("\n", stream);
}

static void write_error(FILE *stream, double error, double bound) {
    if (isnan(error))
        fputs(" - |", stream);
    else
        fprintf(stream, " %.2g (%.0e) |", error, bound);
}

void as_md_equivalence(const as_summary *s, FILE *stream) {
    if (s->n_complete == 0)
        return;
    fputs("## Equivalence with the reference backend\n\n"
          "Same weights, same batch, dropout off; largest difference as a share of the reference's "
          "scale (bound).\n\n"
          "| entry | seed | logits | gradients | |\n|---|--:|--:|--:|---|\n",
          stream);
    for (size_t k = 0; k < s->n_complete; k++) {
        for (size_t i = 0; i < s->rows[k].n_records; i++) {
            const as_record *r = s->rows[k].records[i];
            fputs("| ", stream);
            as_md_code(stream, s->rows[k].name);
            fprintf(stream, " | %llu |", (unsigned long long)r->seed);
            write_error(stream, r->backend.equivalence.logits_error,
                        r->backend.equivalence.logits_bound);
            write_error(stream, r->backend.equivalence.gradient_error,
                        r->backend.equivalence.gradient_bound);
            fputs(!r->backend.equivalence.checked ? " not checked"
                  : r->backend.equivalence.passed ? " passed"
                                                  : " **failed**",
                  stream);
            if (r->backend.equivalence.reason) {
                fputs(": ", stream);
                as_md_text(stream, r->backend.equivalence.reason);
            }
            fputs(" |\n", stream);
        }
    }
    fputs("\n", stream);
}

void as_md_environment(const as_run *run, FILE *stream) {
    const char *key;
    json_t *value;
    size_t i;
    fputs("## Environment\n\n| | |\n|---|---|\n", stream);
    json_object_foreach(json_object_get(run->json, "environment"), key, value) {
        fputs("| ", stream);
        as_md_text(stream, key);
        fputs(" | ", stream);
        if (json_is_string(value))
            as_md_text(stream, json_string_value(value));
        else if (json_is_number(value))
            fprintf(stream, "%.15g", json_number_value(value));
        fputs(" |\n", stream);
    }
    fputs("\n## How to repeat it\n\n| | |\n|---|---|\n| command | ", stream);
    char *line = NULL;
    size_t size = 0;
    FILE *words = open_memstream(&line, &size);
    if (words) {
        json_array_foreach(json_object_get(run->json, "command"), i, value) fprintf(
            words, "%s%s", i ? " " : "", json_is_string(value) ? json_string_value(value) : "?");
        fclose(words);
    }
    as_md_code(stream, line);
    free(line);
    fputs(" |\n| SHA-256 of the suite as run | ", stream);
    as_md_code(stream, json_string_value(json_object_get(run->json, "suite_sha256")));
    fputs(" |\n| this report | ", stream);
    char command[512];
    snprintf(command, sizeof command, "assay report %s", as_run_name(run));
    as_md_code(stream, command);
    fputs(" |\n\n", stream);
}

void as_md_methods(const as_summary *s, FILE *stream) {
    fputs("## Methods\n\n"
          "- Accuracy, precision, recall and F1 as scikit-learn defines them; macro averages over "
          "all classes of the data set, 0/0 counts as 0.\n",
          stream);
    if (s->n_seeds > 1)
        fputs("- Figures are means over seeds. Their intervals draw texts and seeds with "
              "replacement (pigeonhole bootstrap, 1,000 resamples, 2.5 and 97.5 % quantiles).\n",
              stream);
    else
        fputs("- Accuracy has Wilson's interval; F1, precision and recall a bootstrap over texts "
              "(1,000 resamples, 2.5 and 97.5 % quantiles).\n",
              stream);
    fputs(
        "- Entries are compared with the best one text by text (exact McNemar test; with several "
        "seeds a sign test of the share of seeds that are right), adjusted after Holm.\n"
        "- Latency: median of single texts from token ids; geometric mean over seeds. The peak of "
        "memory is the process's largest resident set over seeds.\n"
        "- The best epoch is chosen on the validation split; the test split is read once per "
        "cell, after training.\n"
        "- Definitions and sources: docs/methodology.md.\n",
        stream);
}
