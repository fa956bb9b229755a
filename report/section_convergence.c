/* SPDX-License-Identifier: MIT */
/* Convergence, an entry a row: how long it was trained, which epoch was kept, how it stood then on
 * the validation texts and how far beyond them on the training texts. Means over seeds. */
#include "report/sections.h"

#include <math.h>

enum { N_FIGURES = 6 };

/* Of one seed; false: its raw epochs tell nothing of the kept one. */
static bool figures_of(const as_record *r, double figures[N_FIGURES]) {
    int32_t best = r->training.best_epoch;
    double seconds = 0;
    if (best < 1 || (size_t)best > r->n_epochs)
        return false;
    for (int32_t e = 0; e < best; e++)
        seconds += r->epochs[e].seconds;
    const as_epoch *kept = &r->epochs[best - 1];
    figures[0] = (double)r->n_epochs;
    figures[1] = (double)best;
    figures[2] = kept->validation_loss;
    figures[3] = 100 * kept->validation_accuracy;
    figures[4] = 100 * (kept->train_accuracy - kept->validation_accuracy);
    figures[5] = seconds;
    return true;
}

/* Means over the row's seeds; false: a seed tells nothing. */
static bool means_of(const as_row_summary *row, double means[N_FIGURES]) {
    double figures[N_FIGURES];
    for (int f = 0; f < N_FIGURES; f++)
        means[f] = 0;
    for (size_t i = 0; i < row->n_records; i++) {
        if (!figures_of(row->records[i], figures))
            return false;
        for (int f = 0; f < N_FIGURES; f++)
            means[f] += figures[f] / (double)row->n_records;
    }
    return row->n_records > 0;
}

static void add_row(as_page *page, const as_row_summary *row, const double means[N_FIGURES]) {
    static const struct {
        const char *field, *how;
    } sources[N_FIGURES] = {
        {"epoch", "how many, mean over seeds"},
        {"epoch", "the kept one's, mean over seeds"},
        {"validation_loss", "of the kept epoch, mean over seeds"},
        {"validation_accuracy", "of the kept epoch, mean over seeds, %"},
        {"train_accuracy, validation_accuracy", "their difference, mean over seeds, points"},
        {"seconds", "up to the kept epoch, mean over seeds"},
    };
    as_page_row(page);
    as_page_cell_name(page, row->name);
    for (int f = 0; f < N_FIGURES; f++) {
        as_page_cell(page);
        if (f < 2)
            as_page_number(page, means[f],
                           as_page_print(page, "%.*f", row->n_records > 1 ? 1 : 0, means[f]));
        else if (f == 4 && !isnan(means[f]))
            as_page_number(page, means[f], as_number_signed(means[f], 1).text);
        else
            as_page_plain(page, means[f]);
        as_page_from_row(page, row, "epochs.jsonl", sources[f].field, sources[f].how);
    }
}

void as_section_convergence(as_page *page, const as_section_input *in) {
    static const char *const headings[N_FIGURES] = {"epochs",
                                                    "epoch kept",
                                                    "validation loss",
                                                    "validation acc. %",
                                                    "train less validation",
                                                    "s until then"};
    const as_summary *s = in->summary;
    bool any = false;
    for (size_t k = 0; k < s->n_complete; k++) {
        double means[N_FIGURES];
        if (!means_of(&s->rows[k], means))
            continue;
        if (!any) {
            as_page_section(page, "converging", "Convergence");
            as_page_table(page, "convergence", "The epoch that was kept, means over seeds");
            as_page_column(page, "entry", AS_COLUMN_TEXT);
            for (int f = 0; f < N_FIGURES; f++)
                as_page_column(page, headings[f], AS_COLUMN_NUMBER);
        }
        any = true;
        add_row(page, &s->rows[k], means);
    }
}
