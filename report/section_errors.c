/* SPDX-License-Identifier: MIT */
/* Which test texts are answered wrongly, and by whom. A text is named by its index in the whole
 * data set's canonical order, as predictions.csv has it; the text itself stands there only where
 * the reader of the report asked for it, since many data sets may not be passed on. */
#include "report/sections.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "results/record/paired.h"

enum {
    MOST_ERRORS = 10,
    MOST_CONFUSIONS = 5,
    MOST_TEXTS = 20,
    MOST_ENTRIES = 12,
    MOST_BYTES = 600
};

static const char *label_of(const as_record *r, int32_t k) {
    return k >= 0 && k < r->dataset.n_labels ? r->dataset.labels[k] : "?";
}

static void add_text_heads(as_page *page, const as_section_input *in) {
    if (in->options->texts == AS_TEXTS_FULL)
        as_page_column(page, "its words", AS_COLUMN_TEXT);
}

/* Long texts are cut at the begin of a character. */
static void add_words(as_page *page, const as_section_input *in, const as_record *r,
                      int64_t index) {
    if (in->options->texts != AS_TEXTS_FULL)
        return;
    const char *text =
        in->options->find_text ? in->options->find_text(in->options->find_context, r, index) : NULL;
    as_page_cell(page);
    if (!text) {
        as_page_text(page, "(the data set has no such text)");
        return;
    }
    size_t n = strlen(text), cut = n > MOST_BYTES ? MOST_BYTES : n;
    while (cut < n && cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80)
        cut--;
    as_page_text(page, as_page_print(page, "%.*s%s", (int)cut, text, cut < n ? " ..." : ""));
}

static void add_index(as_page *page, const as_record *r, int64_t index) {
    as_page_cell(page);
    as_page_number(page, (double)index, as_page_print(page, "%" PRId64, index));
    as_page_from_cell(page, r, "predictions.csv", "index", NULL);
}

/* ---- the most confident errors ------------------------------------------------------------- */

typedef struct wrong {
    const as_record *record;
    const as_prediction *p;
    double share; /* of probability, for what it says */
} wrong;

static int compare_wrongs(const void *a, const void *b) {
    const wrong *x = a, *y = b;
    if (x->share != y->share)
        return x->share > y->share ? -1 : 1;
    if (x->p->index != y->p->index)
        return x->p->index < y->p->index ? -1 : 1;
    return (x->record->seed > y->record->seed) - (x->record->seed < y->record->seed);
}

/* Keeps the `most` first by order; the list stays sorted. */
static void keep_worst(wrong *list, size_t *n, size_t most, wrong w) {
    if (*n == most && compare_wrongs(&w, &list[most - 1]) >= 0)
        return;
    size_t i = *n < most ? (*n)++ : most - 1;
    for (; i > 0 && compare_wrongs(&w, &list[i - 1]) < 0; i--)
        list[i] = list[i - 1];
    list[i] = w;
}

static size_t find_worst(const as_row_summary *row, wrong *list) {
    size_t n = 0;
    for (size_t i = 0; i < row->n_records; i++) {
        const as_record *r = row->records[i];
        for (size_t k = 0; k < r->n_predictions; k++) {
            const as_prediction *p = &r->predictions[k];
            double share = as_prediction_share(p);
            if (strcmp(p->split, "test") == 0 && p->predicted != p->label && isfinite(share))
                keep_worst(list, &n, MOST_ERRORS, (wrong){r, p, share});
        }
    }
    return n;
}

static void add_worst(as_page *page, const as_section_input *in, const as_row_summary *row,
                      const wrong *list, size_t n) {
    as_page_table(page, as_page_print(page, "errors-%zu", row->place),
                  as_page_print(page, "Errors of %s that it was surest of", row->name));
    as_page_column(page, "text", AS_COLUMN_NUMBER);
    as_page_column(page, "seed", AS_COLUMN_NUMBER);
    as_page_column(page, "true", AS_COLUMN_TEXT);
    as_page_column(page, "predicted", AS_COLUMN_TEXT);
    as_page_column(page, "probability %", AS_COLUMN_NUMBER);
    add_text_heads(page, in);
    for (size_t i = 0; i < n; i++) {
        const as_record *r = list[i].record;
        as_page_row(page);
        add_index(page, r, list[i].p->index);
        as_page_cell(page);
        as_page_number(page, (double)r->seed,
                       as_page_print(page, "%llu", (unsigned long long)r->seed));
        as_page_cell_name(page, label_of(r, list[i].p->label));
        as_page_cell_name(page, label_of(r, list[i].p->predicted));
        as_page_cell_percent(page, list[i].share);
        as_page_from_cell(page, r, "predictions.csv", "probabilities", "of the predicted class, %");
        if (i > 0 && list[i].p->index == list[i - 1].p->index &&
            in->options->texts == AS_TEXTS_FULL)
            as_page_cell_text(page, "as above");
        else
            add_words(page, in, r, list[i].p->index);
    }
}

/* ---- the commonest confusions --------------------------------------------------------------- */

/* Of each confusion the error that the row was surest of; NULL where no seed has a probability. */
static void find_examples(const as_row_summary *row, const as_confused *pairs, size_t n,
                          wrong *examples) {
    for (size_t i = 0; i < row->n_records; i++) {
        const as_record *r = row->records[i];
        for (size_t k = 0; k < r->n_predictions; k++) {
            const as_prediction *p = &r->predictions[k];
            const wrong w = {r, p, as_prediction_share(p)};
            if (p->predicted == p->label || strcmp(p->split, "test") != 0 || !isfinite(w.share))
                continue;
            for (size_t c = 0; c < n; c++)
                if (pairs[c].label == p->label && pairs[c].predicted == p->predicted &&
                    (!examples[c].p || compare_wrongs(&w, &examples[c]) < 0))
                    examples[c] = w;
        }
    }
}

static void add_confusions(as_page *page, const as_section_input *in, const as_row_summary *row) {
    as_confused pairs[MOST_CONFUSIONS];
    wrong examples[MOST_CONFUSIONS] = {{NULL, NULL, NAN}};
    size_t n = as_commonest_confusions(&row->pooled, pairs, MOST_CONFUSIONS);
    find_examples(row, pairs, n, examples);
    if (n == 0 || !examples[0].p)
        return;
    as_page_table(page, as_page_print(page, "confusions-%zu", row->place),
                  as_page_print(page,
                                "The commonest confusions of %s, all seeds together, each with "
                                "the error of it that it was surest of",
                                row->name));
    as_page_column(page, "true", AS_COLUMN_TEXT);
    as_page_column(page, "predicted", AS_COLUMN_TEXT);
    as_page_column(page, "times", AS_COLUMN_NUMBER);
    as_page_column(page, "text", AS_COLUMN_NUMBER);
    as_page_column(page, "probability %", AS_COLUMN_NUMBER);
    add_text_heads(page, in);
    for (size_t i = 0; i < n && examples[i].p; i++) {
        const as_record *r = examples[i].record;
        as_page_row(page);
        as_page_cell_name(page, label_of(r, pairs[i].label));
        as_page_cell_name(page, label_of(r, pairs[i].predicted));
        as_page_cell_count(page, pairs[i].count);
        as_page_from_row(page, row, "result.json", "test.confusion", "summed over seeds");
        add_index(page, r, examples[i].p->index);
        as_page_cell_percent(page, examples[i].share);
        as_page_from_cell(page, r, "predictions.csv", "probabilities", "of the predicted class, %");
        add_words(page, in, r, examples[i].p->index);
    }
}

static void add_entry(as_page *page, const as_section_input *in, const as_row_summary *row) {
    wrong list[MOST_ERRORS];
    size_t n = find_worst(row, list);
    if (n == 0)
        return;
    as_page_details(page);
    as_page_name(page, row->name);
    add_worst(page, in, row, list, n);
    add_confusions(page, in, row);
    as_page_details_end(page);
}

/* ---- texts that tell entries apart ---------------------------------------------------------- */

typedef struct disputed {
    size_t text;  /* in the order of the texts' indices */
    double right; /* share of entries that are right, each by the share of its seeds */
} disputed;

/* The nearer to half, the more it tells apart. */
static int compare_disputed(const void *a, const void *b) {
    const disputed *x = a, *y = b;
    double p = fabs(x->right - 0.5), q = fabs(y->right - 0.5);
    if (p != q)
        return p < q ? -1 : 1;
    return (x->text > y->text) - (x->text < y->text);
}

static int compare_rights(const void *a, const void *b) {
    const disputed *x = a, *y = b;
    if (x->right != y->right)
        return x->right < y->right ? -1 : 1;
    return (x->text > y->text) - (x->text < y->text);
}

/* Complete rows on the best one's texts. */
static size_t list_rows(const as_summary *s, const as_row_summary **rows, size_t most) {
    size_t n = 0;
    for (size_t k = 0; k < s->n_complete && n < most; k++)
        if (s->rows[k].right && (k == 0 || s->rows[k].paired))
            rows[n++] = &s->rows[k];
    return n;
}

static int compare_indices(const void *a, const void *b) {
    const as_prediction *const *x = a, *const *y = b;
    return ((*x)->index > (*y)->index) - ((*x)->index < (*y)->index);
}

/* The record's test rows by index: as `right` has them. */
static const as_prediction **ordered(as_page *page, const as_record *r, size_t *ret_n) {
    const as_prediction **list = as_arena_alloc_array(page->arena, r->n_predictions, sizeof *list);
    size_t n = 0;
    for (size_t k = 0; list && k < r->n_predictions; k++)
        if (strcmp(r->predictions[k].split, "test") == 0)
            list[n++] = &r->predictions[k];
    if (list)
        qsort(list, n, sizeof *list, compare_indices);
    else
        page->failed = true;
    *ret_n = n;
    return list;
}

static void add_verdict(as_page *page, const as_row_summary *row, size_t text) {
    as_page_cell(page);
    as_page_number(page, row->right[text], as_page_print(page, "%u", row->right[text]));
    as_page_from_row(page, row, "predictions.csv", "predicted,label", "seeds that are right");
    as_page_format(page, " of %zu", row->n_records);
}

static void add_texts(as_page *page, const as_section_input *in, const char *id,
                      const char *caption, const disputed *list, size_t n,
                      const as_row_summary *const *rows, size_t n_rows,
                      const as_prediction *const *answers) {
    const as_record *first = rows[0]->records[0];
    as_page_table(page, id, caption);
    as_page_column(page, "text", AS_COLUMN_NUMBER);
    as_page_column(page, "true", AS_COLUMN_TEXT);
    for (size_t k = 0; k < n_rows; k++)
        as_page_column_name(page, rows[k]->name, AS_COLUMN_NUMBER);
    add_text_heads(page, in);
    for (size_t i = 0; i < n; i++) {
        const as_prediction *p = answers[list[i].text];
        as_page_row(page);
        add_index(page, first, p->index);
        as_page_cell_name(page, label_of(first, p->label));
        for (size_t k = 0; k < n_rows; k++)
            add_verdict(page, rows[k], list[i].text);
        add_words(page, in, first, p->index);
    }
}

static void fill_shares(disputed *list, size_t n, const as_row_summary *const *rows,
                        size_t n_rows) {
    for (size_t t = 0; t < n; t++) {
        list[t] = (disputed){t, 0};
        for (size_t k = 0; k < n_rows; k++)
            list[t].right +=
                (double)rows[k]->right[t] / (double)rows[k]->n_records / (double)n_rows;
    }
}

static void add_disputed(as_page *page, const as_section_input *in) {
    const as_row_summary *rows[MOST_ENTRIES];
    size_t n_rows = list_rows(in->summary, rows, MOST_ENTRIES), n = 0, n_split = 0, n_lost = 0;
    if (n_rows < 2)
        return;
    const as_prediction **answers = ordered(page, rows[0]->records[0], &n);
    disputed *list = as_arena_alloc_array(page->arena, n, sizeof *list);
    if (!answers || !list || n != rows[0]->n_texts) {
        page->failed = page->failed || !list;
        return;
    }
    fill_shares(list, n, rows, n_rows);
    qsort(list, n, sizeof *list, compare_disputed);
    while (n_split < n && n_split < MOST_TEXTS && list[n_split].right > 0 &&
           list[n_split].right < 1)
        n_split++;
    if (n_split)
        add_texts(page, in, "disputed-texts",
                  "Texts that tell the entries apart most: seeds that are right", list, n_split,
                  rows, n_rows, answers);
    qsort(list, n, sizeof *list, compare_rights);
    while (n_lost < n && list[n_lost].right <= 0)
        n_lost++;
    as_page_paragraph(page);
    as_page_count(page, (int64_t)n_lost);
    as_page_from_run(page, "cells", "predictions.csv", "test texts that every seed gets wrong");
    as_page_text(page, " test texts are answered wrongly by every seed of every entry above; where "
                       "they are many, look at their labels.");
    if (n_lost)
        add_texts(page, in, "texts-nobody-gets", "The first of the texts that nobody gets right",
                  list, n_lost < MOST_TEXTS ? n_lost : MOST_TEXTS, rows, 0, answers);
}

assay_status as_section_errors(as_page *page, const as_section_input *in, assay_error *error) {
    const as_summary *s = in->summary;
    bool any = false;
    for (size_t k = 0; k < s->n_complete; k++)
        any = any || s->rows[k].right;
    if (!any || in->options->texts == AS_TEXTS_NONE)
        return ASSAY_OK;
    as_page_section(page, "errors", "Errors");
    as_page_paragraph(page);
    as_page_format(page,
                   "Texts are named by their index in the whole data set%s. What each%s entry was "
                   "surest of and wrong, and what it confuses most, over all seeds:",
                   in->options->texts == AS_TEXTS_FULL
                       ? "; their words are the source's, before cleaning, of long ones the begin"
                       : "",
                   s->n_complete > MOST_ENTRIES ? " of the best twelve" : "");
    for (size_t k = 0; k < s->n_complete && k < MOST_ENTRIES; k++)
        add_entry(page, in, &s->rows[k]);
    add_disputed(page, in);
    return page->failed ? as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for the errors")
                        : ASSAY_OK;
}
