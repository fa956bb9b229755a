/* SPDX-License-Identifier: MIT */
/* Classes, confusion matrices, training by epoch, grids. */
#include "report/sections.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MAX_MATRIX_CLASSES = 24, MAX_PAIRS = 10 };

static const char *class_label(const as_scores *scores, int32_t k) {
    return scores->per_class[k].label;
}

/* ---- of many entries, which ------------------------------------------------------------------ */

bool as_is_detailed(const as_summary *s, size_t row) {
    size_t place = row < s->n_complete ? row : row - s->n_complete;
    return place < AS_MOST_DETAILED;
}

void as_page_say_detailed(as_page *page, const as_summary *s, const char *where) {
    if (s->n_complete <= AS_MOST_DETAILED)
        return;
    as_page_paragraph(page);
    as_page_format(page, "Of %zu entries the best %d by accuracy; the others' stand in %s.",
                   s->n_complete, (int)AS_MOST_DETAILED, where);
}

const char *as_detailed_caption(as_page *page, const as_summary *s, const char *caption) {
    if (s->n_complete <= AS_MOST_DETAILED)
        return caption;
    return as_page_print(page, "%s Of %zu entries the best %d by accuracy.", caption, s->n_complete,
                         (int)AS_MOST_DETAILED);
}

/* ---- classes --------------------------------------------------------------------------------- */

static void add_classes_by_entry(as_page *page, const as_summary *s, const as_scores *first) {
    const as_scores *one = &s->rows[0].records[0]->test;
    as_page_table(page, "f1-by-class", "F1 in per cent of every class");
    as_page_column(page, "class", AS_COLUMN_TEXT);
    as_page_column(page, "texts", AS_COLUMN_NUMBER);
    for (size_t k = 0; k < s->n_complete; k++)
        as_page_column_name(page, s->rows[k].name, AS_COLUMN_NUMBER);
    for (int32_t c = 0; c < first->n_classes; c++) {
        as_page_row(page);
        as_page_cell_name(page, class_label(first, c));
        as_page_cell_count(page, c < one->n_classes ? one->per_class[c].support : -1);
        as_page_from_cell(page, s->rows[0].records[0], "result.json", "test.per_class.support",
                          NULL);
        for (size_t k = 0; k < s->n_complete; k++) {
            const as_scores *pooled = &s->rows[k].pooled;
            as_page_cell_percent(page, c < pooled->n_classes ? pooled->per_class[c].f1 : NAN);
            as_page_from_row(page, &s->rows[k], "result.json", "test.confusion",
                             "F1 of the summed matrices, %");
        }
    }
}

static void add_class(as_page *page, const as_row_summary *row, const as_class_figures *f) {
    as_page_row(page);
    as_page_cell_name(page, row->name);
    as_page_cell_name(page, f->label);
    as_page_cell_percent(page, f->precision);
    as_page_from_row(page, row, "result.json", "test.confusion", "of the summed matrices, %");
    as_page_cell_percent(page, f->recall);
    as_page_from_row(page, row, "result.json", "test.confusion", "of the summed matrices, %");
    as_page_cell_percent(page, f->f1);
    as_page_from_row(page, row, "result.json", "test.confusion", "of the summed matrices, %");
    as_page_cell_count(page, f->support);
    as_page_from_row(page, row, "result.json", "test.confusion", "summed over seeds");
    as_page_cell_count(page, f->predicted);
    as_page_from_row(page, row, "result.json", "test.confusion", "summed over seeds");
}

void as_section_classes(as_page *page, const as_section_input *in) {
    const as_summary *s = in->summary;
    const as_scores *first = NULL;
    for (size_t k = 0; k < s->n_complete && !first; k++)
        first = s->rows[k].pooled.n > 0 ? &s->rows[k].pooled : NULL;
    if (!first)
        return;
    as_page_section(page, "classes", "Classes");
    as_page_paragraph(page);
    as_page_text(page, "F1 in per cent, all seeds' test predictions together.");
    add_classes_by_entry(page, s, first);
    as_page_details(page);
    as_page_text(page, "Precision and recall of every class");
    as_page_say_detailed(page, s, "their cells' result.json, test.per_class");
    as_page_table(page, "classes-in-full",
                  "Precision and recall of every class, all seeds' test predictions together");
    as_page_column(page, "entry", AS_COLUMN_TEXT);
    as_page_column(page, "class", AS_COLUMN_TEXT);
    as_page_column(page, "precision %", AS_COLUMN_NUMBER);
    as_page_column(page, "recall %", AS_COLUMN_NUMBER);
    as_page_column(page, "F1 %", AS_COLUMN_NUMBER);
    as_page_column(page, "texts x seeds", AS_COLUMN_NUMBER);
    as_page_column(page, "predicted", AS_COLUMN_NUMBER);
    for (size_t k = 0; k < s->n_complete && as_is_detailed(s, k); k++)
        for (int32_t c = 0; c < s->rows[k].pooled.n_classes; c++)
            add_class(page, &s->rows[k], &s->rows[k].pooled.per_class[c]);
    as_page_details_end(page);
}

/* ---- confusion matrices ------------------------------------------------------------------------
 */

/* Shaded by the share of its row, so that rare classes can be read too. */
static void add_matrix(as_page *page, const as_row_summary *row) {
    const as_scores *scores = &row->pooled;
    int32_t n = scores->n_classes;
    as_page_table(page, as_page_print(page, "confusion-%zu", row->place),
                  as_page_print(page, "Test predictions of %s, all seeds together", row->name));
    as_page_column(page, "true \\ predicted", AS_COLUMN_TEXT);
    for (int32_t c = 0; c < n; c++)
        as_page_column_name(page, class_label(scores, c), AS_COLUMN_NUMBER);
    for (int32_t t = 0; t < n; t++) {
        as_page_row(page);
        as_page_cell_name(page, class_label(scores, t));
        for (int32_t p = 0; p < n; p++) {
            int64_t count = scores->confusion[t * n + p], support = scores->per_class[t].support;
            as_page_cell(page);
            as_page_number(page, (double)count, as_page_print(page, "%" PRId64, count));
            as_page_from_row(page, row, "result.json", "test.confusion", "summed over seeds");
            as_page_shade(page, support > 0 ? (double)count / (double)support : 0);
        }
    }
}

/* Largest entries off the diagonal; of equal ones the first stays first. */
size_t as_commonest_confusions(const as_scores *scores, as_confused *list, size_t most) {
    size_t n = 0;
    for (int32_t t = 0; t < scores->n_classes; t++)
        for (int32_t p = 0; p < scores->n_classes; p++) {
            const as_confused c = {t, p, scores->confusion[t * scores->n_classes + p]};
            if (t == p || c.count == 0 || (n == most && c.count <= list[most - 1].count))
                continue;
            size_t i = n < most ? n++ : most - 1;
            for (; i > 0 && c.count > list[i - 1].count; i--)
                list[i] = list[i - 1];
            list[i] = c;
        }
    return n;
}

static void add_worst_pairs(as_page *page, const as_row_summary *row) {
    as_confused pairs[MAX_PAIRS];
    size_t n = as_commonest_confusions(&row->pooled, pairs, MAX_PAIRS);
    for (size_t i = 0; i < n; i++) {
        if (i == 0)
            as_page_paragraph(page);
        as_page_text(page, i ? "; " : "Most often confused: ");
        as_page_count(page, pairs[i].count);
        as_page_from_row(page, row, "result.json", "test.confusion", "summed over seeds");
        as_page_text(page, " times ");
        as_page_name(page, class_label(&row->pooled, pairs[i].label));
        as_page_text(page, " taken for ");
        as_page_name(page, class_label(&row->pooled, pairs[i].predicted));
    }
}

void as_section_confusions(as_page *page, const as_section_input *in) {
    const as_summary *s = in->summary;
    bool any = false;
    for (size_t k = 0; k < s->n_complete && as_is_detailed(s, k); k++) {
        if (s->rows[k].pooled.n < 1)
            continue;
        if (!any) {
            as_page_section(page, "confusions", "Confusion matrices");
            as_page_paragraph(page);
            as_page_text(page, "Counts of test predictions, all seeds together.");
            as_page_say_detailed(page, s, "their cells' result.json, test.confusion");
        }
        any = true;
        as_page_details(page);
        as_page_name(page, s->rows[k].name);
        if (s->rows[k].pooled.n_classes <= MAX_MATRIX_CLASSES)
            add_matrix(page, &s->rows[k]);
        add_worst_pairs(page, &s->rows[k]);
        as_page_details_end(page);
    }
}

/* ---- training by epoch
 * --------------------------------------------------------------------------- */

static void add_epoch(as_page *page, const as_record *r, const as_epoch *e) {
    const struct {
        const char *field;
        double value;
    } figures[] = {
        {"train_loss", e->train_loss},
        {"train_accuracy", 100 * e->train_accuracy},
        {"validation_loss", e->validation_loss},
        {"validation_accuracy", 100 * e->validation_accuracy},
        {"validation_f1_macro", 100 * e->validation_f1_macro},
        {"learning_rate", e->learning_rate},
        {"grad_norm", e->grad_norm},
        {"seconds", e->seconds},
    };
    as_page_row(page);
    as_page_cell(page);
    as_page_number(page, (double)r->seed, as_page_print(page, "%llu", (unsigned long long)r->seed));
    as_page_cell(page);
    as_page_number(page, e->epoch, as_page_print(page, "%d", e->epoch));
    as_page_from_cell(page, r, "epochs.jsonl", "epoch", NULL);
    if (e->epoch == r->training.best_epoch) {
        as_page_text(page, " ");
        as_page_strong(page, "best");
    }
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        as_page_cell(page);
        if (strcmp(figures[i].field, "learning_rate") == 0)
            as_page_number(page, figures[i].value, as_page_print(page, "%.3g", figures[i].value));
        else
            as_page_plain(page, figures[i].value);
        as_page_from_cell(page, r, "epochs.jsonl", figures[i].field,
                          strstr(figures[i].field, "acc") || strstr(figures[i].field, "f1") ? "%"
                                                                                            : NULL);
    }
}

static void add_epochs(as_page *page, const as_row_summary *row) {
    static const char *const headings[] = {"seed",
                                           "epoch",
                                           "train loss",
                                           "train acc. %",
                                           "validation loss",
                                           "validation acc. %",
                                           "validation macro F1 %",
                                           "learning rate",
                                           "gradient norm",
                                           "s"};
    as_page_details(page);
    as_page_name(page, row->name);
    as_page_table(page, as_page_print(page, "epochs-%zu", row->place),
                  as_page_print(page, "Training of %s by epoch", row->name));
    for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++)
        as_page_column(page, headings[i], AS_COLUMN_NUMBER);
    for (size_t i = 0; i < row->n_records; i++)
        for (size_t e = 0; e < row->records[i]->n_epochs; e++)
            add_epoch(page, row->records[i], &row->records[i]->epochs[e]);
    as_page_details_end(page);
}

void as_section_curves(as_page *page, const as_section_input *in) {
    const as_summary *s = in->summary;
    bool any = false;
    for (size_t k = 0; k < s->n_rows; k++) {
        size_t n_epochs = 0;
        for (size_t i = 0; i < s->rows[k].n_records; i++)
            n_epochs += s->rows[k].records[i]->n_epochs;
        if (n_epochs == 0 || !as_is_detailed(s, k))
            continue;
        if (!any) {
            as_page_section(page, "epochs", "Training by epoch");
            as_page_say_detailed(page, s, "their cells' epochs.jsonl");
        }
        any = true;
        add_epochs(page, &s->rows[k]);
    }
}

/* ---- grids -------------------------------------------------------------------------------------
 */

static void add_grid(as_page *page, const as_grid *grid, size_t place) {
    as_page_paragraph(page);
    as_page_name(page, grid->entry);
    as_page_text(page, ", by ");
    as_page_name(page, grid->select);
    as_page_table(page, as_page_print(page, "grid-%zu", place),
                  as_page_print(page, "Points of the grid of %s, by %s over seeds", grid->entry,
                                grid->select));
    as_page_column(page, "values", AS_COLUMN_TEXT);
    as_page_column(page, "mean", AS_COLUMN_NUMBER);
    as_page_column(page, "lowest seed", AS_COLUMN_NUMBER);
    as_page_column(page, "highest seed", AS_COLUMN_NUMBER);
    as_page_column(page, "", AS_COLUMN_TEXT);
    for (size_t i = 0; i < grid->n_points; i++) {
        const as_grid_point *point = &grid->points[i];
        const as_record *first = point->n_records ? point->records[0] : NULL;
        const struct {
            double value;
            const char *how;
        } figures[3] = {{point->mean, "mean over the point's seeds"},
                        {point->low, "lowest of the point's seeds"},
                        {point->high, "highest of the point's seeds"}};
        as_page_row(page);
        as_page_cell_name(page, point->values);
        for (size_t f = 0; f < 3; f++) {
            as_page_cell_plain(page, figures[f].value);
            as_page_from_cell(page, first, "result.json", grid->select, figures[f].how);
        }
        as_page_cell(page);
        if (point->problem)
            as_page_text(page, point->problem);
        else if (point->selected)
            as_page_strong(page, "selected");
    }
}

void as_section_grids(as_page *page, const as_section_input *in) {
    const as_summary *s = in->summary;
    if (s->n_grids == 0)
        return;
    as_page_section(page, "grids", "Grids");
    as_page_paragraph(page);
    as_page_text(page,
                 "One point of each grid stands in the tables, selected by the mean over "
                 "seeds of a validation figure. Test figures of the others are not reported.");
    for (size_t g = 0; g < s->n_grids; g++)
        add_grid(page, &s->grids[g], g);
}
