/* SPDX-License-Identifier: MIT */
/* Figures of training. By epoch each entry has a panel with training and validation; by step the
 * entries lie over each other, which is how strategies of one model are compared (every line the
 * mean over seeds of the epochs that all seeds reached). */
#include <math.h>
#include <string.h>

#include "report/figures.h"

typedef enum what {
    TRAIN_LOSS,
    VALIDATION_LOSS,
    TRAIN_ACCURACY,
    VALIDATION_ACCURACY,
    LEARNING_RATE
} what;

static double value_of(const as_epoch *e, what which) {
    switch (which) {
    case TRAIN_LOSS:
        return e->train_loss;
    case VALIDATION_LOSS:
        return e->validation_loss;
    case TRAIN_ACCURACY:
        return 100 * e->train_accuracy;
    case VALIDATION_ACCURACY:
        return 100 * e->validation_accuracy;
    case LEARNING_RATE:
        return e->learning_rate;
    }
    return NAN;
}

static const char *field_name(what which) {
    static const char *const names[] = {"train_loss", "validation_loss", "train_accuracy",
                                        "validation_accuracy", "learning_rate"};
    return names[which];
}

/* Epochs that every seed reached. */
static size_t common_epochs(const as_row_summary *row) {
    size_t n = row->n_records ? row->records[0]->n_epochs : 0;
    for (size_t i = 1; i < row->n_records; i++)
        n = row->records[i]->n_epochs < n ? row->records[i]->n_epochs : n;
    return n;
}

static double mean_at(const as_row_summary *row, size_t epoch, what which) {
    double sum = 0;
    for (size_t i = 0; i < row->n_records; i++)
        sum += value_of(&row->records[i]->epochs[epoch], which);
    return sum / (double)row->n_records;
}

static double steps_until(const as_row_summary *row, size_t epoch) {
    int64_t steps = 0;
    for (size_t e = 0; e <= epoch; e++)
        steps += row->records[0]->epochs[e].steps;
    return (double)steps;
}

static bool any_value(const as_summary *s, what which) {
    for (size_t k = 0; k < s->n_rows; k++)
        for (size_t e = 0; e < common_epochs(&s->rows[k]); e++)
            if (isfinite(mean_at(&s->rows[k], e, which)))
                return true;
    return false;
}

static as_plot_series *add_curve(as_plot *plot, as_plot_panel *panel, const as_row_summary *row,
                                 const char *name, as_look look, what which, bool by_step) {
    as_plot_series *series = as_plot_add_series(plot, panel, name, look);
    if (!series)
        return NULL;
    series->line = true;
    series->origin = (as_origin){
        .row = row, .file = "epochs.jsonl", .field = field_name(which), .how = "mean over seeds"};
    for (size_t e = 0; e < common_epochs(row); e++)
        as_plot_add_point(plot, series, by_step ? steps_until(row, e) : (double)e + 1,
                          mean_at(row, e, which));
    return series;
}

/* ---- an entry a panel --------------------------------------------------------------------------
 */

/* Where the kept weights come from, a seed each. */
static void mark_best(as_plot *plot, as_plot_panel *panel, const as_row_summary *row, what which) {
    as_plot_series *marks =
        as_plot_add_series(plot, panel, "kept epoch", (as_look){.hue = 4, .marker = 5});
    if (!marks)
        return;
    marks->markers = true;
    marks->origin = (as_origin){.row = row, .file = "result.json", .field = "training.best_epoch"};
    for (size_t i = 0; i < row->n_records; i++) {
        int32_t best = row->records[i]->training.best_epoch;
        if (best >= 1 && (size_t)best <= row->records[i]->n_epochs)
            as_plot_add_point(plot, marks, best,
                              value_of(&row->records[i]->epochs[best - 1], which));
    }
}

static void add_entry_panels(as_plot *plot, const as_summary *s, what train, what validation) {
    for (size_t k = 0; k < s->n_rows; k++) {
        const as_row_summary *row = &s->rows[k];
        if (common_epochs(row) == 0 || !as_is_detailed(s, k))
            continue;
        as_plot_panel *panel = as_plot_add_panel(plot, row->name);
        if (!panel)
            return;
        panel->x.label = "epoch";
        add_curve(plot, panel, row, "training", (as_look){.hue = 1, .dash = AS_DASH_LONG}, train,
                  false);
        add_curve(plot, panel, row, "validation", (as_look){.hue = 0}, validation, false);
        mark_best(plot, panel, row, validation);
    }
    if (plot) {
        plot->columns = plot->n_panels < 3 ? (int)plot->n_panels : 3;
        plot->panel_height = 190;
        plot->key = true;
        plot->same_axes = true;
    }
    as_plot_finish(plot);
}

/* ---- entries over each other -------------------------------------------------------------------
 */

/* In panels of at most AS_MOST_OVERLAID; equal axes. */
static void add_overlay(as_page *page, const as_summary *s, const char *id, const char *title,
                        const char *about, const char *label, what which) {
    as_plot *plot = as_plot_new(page, id, title, as_detailed_caption(page, s, about));
    as_plot_panel *panel = NULL;
    size_t n = 0;
    for (size_t k = 0; plot && k < s->n_rows; k++) {
        const as_row_summary *row = &s->rows[k];
        if (common_epochs(row) == 0 || !as_is_detailed(s, k) || !isfinite(mean_at(row, 0, which)))
            continue;
        if (n++ % AS_MOST_OVERLAID == 0) {
            panel = as_plot_add_panel(plot, NULL);
            if (!panel)
                return;
            panel->x.label = "training steps";
            panel->y.label = label;
        }
        as_plot_series *series =
            add_curve(plot, panel, row, row->name, as_look_of(s, row), which, true);
        if (series)
            series->labelled = series->markers = true;
    }
    if (plot)
        plot->same_axes = true;
    as_plot_finish(plot);
}

void as_figure_curves(as_page *page, const as_section_input *in) {
    const as_summary *s = in->summary;
    if (any_value(s, TRAIN_LOSS))
        add_entry_panels(
            as_plot_new(page, "loss", "Loss by epoch",
                        as_detailed_caption(page, s,
                                            "Mean cross entropy over seeds, up to the epoch that "
                                            "every seed reached; circles: the epochs whose weights "
                                            "were kept, a seed each.")),
            s, TRAIN_LOSS, VALIDATION_LOSS);
    if (any_value(s, VALIDATION_ACCURACY))
        add_entry_panels(
            as_plot_new(page, "accuracy", "Accuracy by epoch",
                        as_detailed_caption(page, s,
                                            "In per cent, on the training texts as they were "
                                            "learned (with dropout) and on the validation texts; "
                                            "mean over seeds.")),
            s, TRAIN_ACCURACY, VALIDATION_ACCURACY);
    if (any_value(s, VALIDATION_ACCURACY))
        add_overlay(page, s, "accuracy-steps", "Validation accuracy by step",
                    "After each epoch, over the training steps taken until then; mean over seeds.",
                    "validation accuracy, %", VALIDATION_ACCURACY);
    if (any_value(s, VALIDATION_LOSS))
        add_overlay(page, s, "loss-steps", "Validation loss by step",
                    "After each epoch, over the training steps taken until then; mean over seeds.",
                    "validation loss", VALIDATION_LOSS);
    if (any_value(s, LEARNING_RATE))
        add_overlay(page, s, "learning-rate", "Learning rate by step",
                    "At the end of each epoch; mean over seeds.", "learning rate", LEARNING_RATE);
}
