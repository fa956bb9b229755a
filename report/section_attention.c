/* SPDX-License-Identifier: MIT */
/* Which tokens of a text a model attends to: each piece of the text on a ground as strong as its
 * weight. Without the texts the heaviest tokens are named by their place. */
#include "report/sections.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "results/record/attention.h"

enum { MOST_TEXTS = 20, MOST_BYTES = 4000, LITTLE_BYTES = 16, HEAVIEST = 5 };
#define LEAST_SHADE 0.05 /* fainter ones are not to be seen */

/* ---- a text's pieces ------------------------------------------------------------------------- */

/* Begins of tokens in the text, in its order; pieces overlap where a tokenizer gives two tokens one
 * character. */
static int compare_tokens(const void *a, const void *b) {
    const as_attended_token *const *x = a, *const *y = b;
    if ((*x)->begin != (*y)->begin)
        return (*x)->begin < (*y)->begin ? -1 : 1;
    return (*x < *y) ? -1 : (*x > *y);
}

/* 0: an even share or less, 1: all of the weight. The root makes small ones visible; equal weights
 * show nothing, and texts can be compared. */
static double shade_of(const as_attended_text *text, const as_attended_token *token) {
    double even = 1 / (double)text->n_tokens;
    return text->n_tokens > 1 && token->weight > even
               ? sqrt(fmin((token->weight - even) / (1 - even), 1))
               : 0;
}

/* Is it the first byte of a character? */
static bool is_cut(const char *text, int64_t at) {
    return ((unsigned char)text[at] & 0xc0) != 0x80;
}

static const char *piece_of(as_page *page, const char *words, int64_t begin, int64_t end) {
    return as_page_print(page, "%.*s", (int)(end - begin), words + begin);
}

static void add_plain(as_page *page, const char *words, int64_t begin, int64_t end) {
    if (end > begin)
        as_page_text(page, piece_of(page, words, begin, end));
}

/* The tokens that have a place, by it; NULL: no memory. */
static const as_attended_token **in_order(as_page *page, const as_attended_text *text,
                                          size_t *ret_n) {
    const as_attended_token **order =
        as_arena_alloc_array(page->arena, text->n_tokens, sizeof *order);
    size_t n = 0;
    for (size_t k = 0; order && k < text->n_tokens; k++)
        if (text->tokens[k].begin >= 0)
            order[n++] = &text->tokens[k];
    if (order)
        qsort(order, n, sizeof *order, compare_tokens);
    page->failed = page->failed || !order;
    *ret_n = n;
    return order;
}

/* The text up to its last token, and what little stands behind it; cut where it is long. */
static void add_shaded(as_page *page, const as_attended_text *text, const char *words) {
    size_t n = 0, i = 0;
    const as_attended_token **order = in_order(page, text, &n);
    int64_t at = 0, last = 0;
    for (; order && i < n && order[i]->end <= MOST_BYTES; i++) {
        int64_t begin = order[i]->begin > at ? order[i]->begin : at, end = order[i]->end;
        double shade = shade_of(text, order[i]);
        if (end <= begin || !is_cut(words, begin) || !is_cut(words, end))
            continue;
        last = end > last ? end : last;
        if (shade < LEAST_SHADE)
            continue; /* it comes with the next plain piece */
        add_plain(page, words, at, begin);
        as_page_shaded(page, piece_of(page, words, begin, end), shade, order[i]->weight);
        at = end;
    }
    bool whole = i == n && text->n_bytes - last <= LITTLE_BYTES;
    add_plain(page, words, at, whole ? text->n_bytes : last);
    if (!whole)
        as_page_text(page, " ...");
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const char *label_of(const as_record *r, int32_t k) {
    return k >= 0 && k < r->dataset.n_labels ? r->dataset.labels[k] : "?";
}

static void add_number(as_page *page, const as_record *r, double value, const char *text,
                       const char *field, const char *how) {
    as_page_number(page, value, text);
    as_page_from_cell(page, r, "attention.json", field, how);
}

/* "12 (31.4), 3 (9.21), ...": places from 0 and weights in per cent. */
static void add_heaviest(as_page *page, const as_record *r, const as_attended_text *text) {
    size_t shown[HEAVIEST];
    size_t n = text->n_tokens < HEAVIEST ? text->n_tokens : HEAVIEST;
    as_page_cell(page);
    for (size_t i = 0; i < n; i++) {
        size_t best = SIZE_MAX;
        for (size_t k = 0; k < text->n_tokens; k++) {
            bool known = false;
            for (size_t j = 0; j < i; j++)
                known = known || shown[j] == k;
            if (!known && (best == SIZE_MAX || text->tokens[k].weight > text->tokens[best].weight))
                best = k;
        }
        shown[i] = best;
        as_page_text(page, i ? ", " : "");
        add_number(page, r, (double)best, as_page_print(page, "%zu", best), "texts.weights",
                   "place of the token, from 0");
        as_page_text(page, " (");
        as_page_plain(page, 100 * text->tokens[best].weight);
        as_page_from_cell(page, r, "attention.json", "texts.weights", "%");
        as_page_text(page, ")");
    }
}

static const char *words_of(const as_section_input *in, const as_record *r, int64_t index) {
    return in->options->find_text ? in->options->find_text(in->options->find_context, r, index)
                                  : NULL;
}

/* "text 2187, true pos, predicted neg (93.1 %): its words" */
static void add_item(as_page *page, const as_section_input *in, const as_record *r,
                     const as_attended_text *text) {
    const char *words = words_of(in, r, text->index);
    as_page_item(page);
    as_page_text(page, "text ");
    add_number(page, r, (double)text->index, as_page_print(page, "%" PRId64, text->index),
               "texts.index", NULL);
    as_page_text(page, ", true ");
    as_page_name(page, label_of(r, text->label));
    as_page_text(page, ", predicted ");
    as_page_name(page, label_of(r, text->predicted));
    as_page_text(page, " (");
    as_page_plain(page, 100 * text->probability);
    as_page_from_cell(page, r, "attention.json", "texts.probability", "%");
    as_page_text(page, " %): ");
    if (!words)
        as_page_text(page, "(the data set has no such text)");
    else if ((int64_t)strlen(words) != text->n_bytes)
        as_page_text(page, "(the data set's text is not the one that the weights are of)");
    else
        add_shaded(page, text, words);
}

static void add_row_of_text(as_page *page, const as_record *r, const as_attended_text *text) {
    as_page_row(page);
    as_page_cell(page);
    add_number(page, r, (double)text->index, as_page_print(page, "%" PRId64, text->index),
               "texts.index", NULL);
    as_page_cell_name(page, label_of(r, text->label));
    as_page_cell_name(page, label_of(r, text->predicted));
    as_page_cell_percent(page, text->probability);
    as_page_from_cell(page, r, "attention.json", "texts.probability", "%");
    add_heaviest(page, r, text);
}

static void add_table(as_page *page, const as_row_summary *row, const as_record *r,
                      const as_attended *a, const char *what) {
    as_page_table(page, as_page_print(page, "attention-%zu", row->place),
                  as_page_print(page, "Attention of %s: %s", row->name, what));
    as_page_column(page, "text", AS_COLUMN_NUMBER);
    as_page_column(page, "true", AS_COLUMN_TEXT);
    as_page_column(page, "predicted", AS_COLUMN_TEXT);
    as_page_column(page, "probability %", AS_COLUMN_NUMBER);
    as_page_column(page, "heaviest tokens (%)", AS_COLUMN_TEXT);
    for (size_t i = 0; i < a->n_texts && i < MOST_TEXTS; i++)
        add_row_of_text(page, r, &a->texts[i]);
}

static void add_cell(as_page *page, const as_section_input *in, const as_row_summary *row,
                     const as_record *r, const as_attended *a) {
    char what[120];
    as_attended_name(a, what, sizeof what);
    as_page_details(page);
    as_page_name(page, row->name);
    as_page_format(page, ": %s, seed %llu", what, (unsigned long long)r->seed);
    if (in->options->texts == AS_TEXTS_FULL) {
        as_page_list(page);
        for (size_t i = 0; i < a->n_texts && i < MOST_TEXTS; i++)
            add_item(page, in, r, &a->texts[i]);
    } else {
        add_table(page, row, r, a, what);
    }
    as_page_details_end(page);
}

static void add_head(as_page *page, const as_section_input *in) {
    as_page_section(page, "attention", "Attention");
    as_page_paragraph(page);
    as_page_text(page,
                 "The errors that an entry is surest of, and some texts that it gets right. ");
    if (in->options->texts == AS_TEXTS_FULL)
        as_page_text(page, "The stronger the ground, the more of the weight a token has beyond an "
                           "even share: none at none, full at all of it, by the square root. "
                           "Markdown marks those that have a ninth or more. What is cut off, "
                           "and tokens that the text does not have as they are, show no weight.");
    else
        as_page_text(page, "Tokens are named by their place in the text, from 0; assay report "
                           "--texts full shows the texts, shaded by their weights.");
    as_page_say_detailed(page, in->summary, "their cells' attention.json");
}

/* The first of the row's cells that has weights. */
static assay_status add_row(as_page *page, const as_section_input *in, const as_row_summary *row,
                            bool *headed, assay_error *error) {
    for (size_t i = 0; i < row->n_records; i++) {
        as_attended *attended = NULL;
        assay_error found = ASSAY_ERROR_INIT;
        assay_status status = as_run_attended(in->run, row->records[i], &attended, &found);
        if (status == ASSAY_NOT_FOUND)
            continue;
        if (status != ASSAY_OK)
            return assay_fail(error, status, found.where, found.text);
        if (!*headed)
            add_head(page, in);
        *headed = true;
        add_cell(page, in, row, row->records[i], attended);
        as_attended_free(attended);
        return ASSAY_OK;
    }
    return ASSAY_OK;
}

assay_status as_section_attention(as_page *page, const as_section_input *in, assay_error *error) {
    bool headed = false;
    assay_status status = ASSAY_OK;
    if (in->options->texts == AS_TEXTS_NONE)
        return ASSAY_OK;
    for (size_t k = 0; status == ASSAY_OK && k < in->summary->n_rows; k++)
        if (as_is_detailed(in->summary, k))
            status = add_row(page, in, &in->summary->rows[k], &headed, error);
    return status;
}
