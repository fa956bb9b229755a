/* SPDX-License-Identifier: MIT */
/* The questions of reviewers' checklists that a run can answer: ACL's Responsible NLP Research
 * checklist (B1 to C4), NeurIPS' paper checklist (4 to 8, 12), EMNLP 2020's reproducibility
 * criteria. What a run cannot know is the author's. */
#include <math.h>

#include "base/error.h"
#include "report/latex.h"
#include "report/markdown.h"

static void item(FILE *stream, const char *question, const char *answer) {
    fprintf(stream, "| %s | %s | ", question, answer);
}

static void end(FILE *stream, const char *record) {
    fprintf(stream, " | %s |\n", record);
}

static void number(FILE *stream, const char *file, const char *field, const char *how,
                   const char *text) {
    as_source_begin(stream, file, field, how);
    fputs(text, stream);
    as_source_end(stream);
}

/* Seconds that all cells took together, failed ones too; NaN: not recorded. */
static double total_seconds(const as_run *run) {
    const json_t *cells = json_object_get(run->json, "cells");
    double sum = 0;
    for (size_t i = 0; i < json_array_size(cells); i++)
        sum += json_number_value(json_object_get(json_array_get(cells, i), "seconds"));
    return sum;
}

static void write_data(const as_record *r, FILE *stream) {
    item(stream, "ACL B1, NeurIPS 12: are the creators cited?", "yes");
    fputs("references.bib names data, models and libraries; add what it marks as the author's",
          stream);
    end(stream, "references.bib");
    item(stream, "ACL B2, NeurIPS 12: licences", "author");
    fputs("the licence of the data stands in its manifest (assay list resources --json)", stream);
    end(stream, "-");
    item(stream, "ACL B6: splits", r ? "yes" : "author");
    if (r) {
        number(stream, "cells/*/result.json", "dataset.counts.train", "",
               as_number_count(r->dataset.train).value);
        fputs(" / ", stream);
        number(stream, "cells/*/result.json", "dataset.counts.validation", "",
               as_number_count(r->dataset.validation).value);
        fputs(" / ", stream);
        number(stream, "cells/*/result.json", "dataset.counts.test", "",
               as_number_count(r->dataset.test).value);
        fputs(" texts for training, validation, test", stream);
    }
    end(stream, "dataset.counts");
}

static void write_compute(const as_run *run, FILE *stream) {
    item(stream, "ACL C1, NeurIPS 8: parameters, budget, infrastructure", "yes");
    fputs("parameters in the main table; all cells, failed ones too, took ", stream);
    number(stream, "run.json", "cells[].seconds", "sum, / 3600",
           as_number_plain(total_seconds(run) / 3600).value);
    fputs(" hours on ", stream);
    as_md_text(stream, json_string_value(json_object_get(json_object_get(run->json, "environment"),
                                                         "cpu_model")));
    end(stream, "run.json: cells, environment");
}

static void write_search(const as_summary *s, FILE *stream) {
    item(stream, "ACL C2, NeurIPS 6: set-up, search, best values", "yes");
    fputs("settings as run are in the methods paragraph", stream);
    for (size_t g = 0; g < s->n_grids; g++) {
        char text[32];
        snprintf(text, sizeof text, "%zu", s->grids[g].n_points);
        fputs("; ", stream);
        as_md_code(stream, s->grids[g].entry);
        fputs(": best of ", stream);
        number(stream, "run.json", "suite.entries", "points of the grid, counted", text);
        fputs(" by ", stream);
        as_md_code(stream, s->grids[g].select);
    }
    if (s->n_grids == 0)
        fputs("; nothing was searched within this run", stream);
    end(stream, "training.settings, grid");
}

static void write_spread(const as_summary *s, FILE *stream) {
    char text[32];
    snprintf(text, sizeof text, "%zu", s->n_seeds);
    item(stream, "ACL C3, NeurIPS 7: error bars: of what, how", "yes");
    fputs("half of the 95 % interval (neither SD nor SE) over texts", stream);
    if (s->n_seeds > 1) {
        fputs(" and ", stream);
        number(stream, "run.json", "suite.seeds", "counted", text);
        fputs(" seeds, by bootstrap", stream);
    }
    end(stream, "test.*.low, .high; predictions.csv");
}

static void write_validation(const as_summary *s, FILE *stream) {
    item(stream, "EMNLP 2020: validation score beside each test score",
         s->n_complete ? "yes" : "no");
    for (size_t k = 0; k < s->n_complete; k++) {
        const as_row_summary *row = &s->rows[k];
        fputs(k ? "; " : "accuracy %, validation / test: ", stream);
        as_md_code(stream, row->name);
        fputs(" ", stream);
        as_source_row(stream, row, "result.json", "validation.accuracy", "mean over seeds");
        fputs(as_number_plain(100 * row->validation_accuracy).value, stream);
        as_source_end(stream);
        fputs(" / ", stream);
        as_source_row(stream, row, "result.json", "test.accuracy", "mean over seeds");
        fputs(as_number_plain(100 * row->accuracy.value).value, stream);
        as_source_end(stream);
    }
    end(stream, "validation.accuracy, test.accuracy");
}

assay_status as_tex_checklist(const as_report_input *input, FILE *stream, assay_error *error) {
    (void)error;
    for (size_t i = 0; i < input->n_runs; i++) {
        const as_run *run = input->runs[i];
        const as_summary *s = &input->summaries[i];
        const char *suite = json_string_value(json_object_get(run->suite, "name"));
        as_source_run(stream, i);
        fprintf(stream, "%s# Checklist: ", i ? "\n" : "");
        as_md_text(stream, suite);
        fputs("\n\n| item | answer | sentence | record |\n|---|---|---|---|\n", stream);
        write_data(s->some, stream);
        write_compute(run, stream);
        write_search(s, stream);
        write_spread(s, stream);
        item(stream, "ACL C4: packages and their settings", "yes");
        fputs("versions in the methods paragraph", stream);
        end(stream, "backend.libraries, environment");
        item(stream, "NeurIPS 4, 5: reproduction", "yes");
        fputs("the suite as run and the command stand in run.json; the code's commit in its "
              "environment",
              stream);
        end(stream, "run.json: suite, command");
        write_validation(s, stream);
        item(stream, "ethics, consent, broader impact", "author");
        end(stream, "-");
    }
    return ASSAY_OK;
}
