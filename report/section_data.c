/* SPDX-License-Identifier: MIT */
/* The section on data: what it was, what was done to the texts, what was found in them. */
#include "report/sections.h"

#include <math.h>
#include <string.h>

static int64_t count_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

static double real_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static void add_fact(as_page *page, const char *what) {
    as_page_row(page);
    as_page_cell_text(page, what);
    as_page_cell(page);
}

static void add_named(as_page *page, const char *what, const char *name) {
    add_fact(page, what);
    as_page_name(page, name);
}

/* "8,000 / 1,000 / 96": train, validation, test. */
static void add_three(as_page *page, const char *what, const as_record *r, const char *field,
                      const int64_t counts[3]) {
    add_fact(page, what);
    for (size_t i = 0; i < 3; i++) {
        if (i)
            as_page_text(page, " / ");
        as_page_count(page, counts[i]);
        as_page_from_cell(page, r, "result.json", field, NULL);
    }
}

static void add_one(as_page *page, const char *what, const as_record *r, const char *field,
                    int64_t count) {
    add_fact(page, what);
    as_page_count(page, count);
    as_page_from_cell(page, r, "result.json", field, NULL);
}

static void add_audit(as_page *page, const as_record *r) {
    add_one(page, "classes", r, "dataset.labels", r->dataset.n_labels);
    add_one(page, "exact duplicates within train", r, "dataset.audit.duplicates_within_train",
            r->dataset.duplicates_within_train);
    add_one(page, "validation texts that are also in train", r,
            "dataset.audit.duplicates_validation_in_train",
            r->dataset.duplicates_validation_in_train);
    add_one(page, "test texts that are also in train", r, "dataset.audit.duplicates_test_in_train",
            r->dataset.duplicates_test_in_train);
}

static void add_removed(as_page *page, const as_record *r) {
    const json_t *removed = json_object_get(r->dataset.preparation, "removed");
    int64_t filtered = count_of(r->dataset.preparation, "filtered");
    if (!json_is_object(removed))
        return;
    add_three(page, "removed: train / validation / test", r, "dataset.preparation.removed",
              (const int64_t[3]){count_of(removed, "train"), count_of(removed, "validation"),
                                 count_of(removed, "test")});
    if (filtered > 0)
        add_one(page, "too short, dropped before drawing", r, "dataset.preparation.filtered",
                filtered);
}

/* Naive Bayes over the same tokens, and always the commonest class. */
static void add_baseline(as_page *page, const as_record *r) {
    const json_t *baseline = json_object_get(r->dataset.preparation, "baseline");
    const json_t *test = json_object_get(baseline, "test");
    if (!json_is_object(test))
        return;
    add_fact(page, "test accuracy % of a bag of words (naive Bayes)");
    as_page_plain(page, 100 * real_of(test, "naive_bayes"));
    as_page_from_cell(page, r, "result.json", "dataset.preparation.baseline.test.naive_bayes", "%");
    add_fact(page, "test accuracy % of the commonest class");
    as_page_plain(page, 100 * real_of(test, "majority"));
    as_page_from_cell(page, r, "result.json", "dataset.preparation.baseline.test.majority", "%");
}

static void add_facts(as_page *page, const as_record *r) {
    as_page_section(page, "data", "Data");
    as_page_facts(page, "data-facts", "The data set and what was found in it");
    add_named(page, "data set", r->dataset.name);
    add_named(page, "SHA-256 of its content", r->dataset.sha256);
    add_named(page, "SHA-256 of the rows used", r->dataset.rows_sha256);
    add_three(page, "texts: train / validation / test", r, "dataset.counts",
              (const int64_t[3]){r->dataset.train, r->dataset.validation, r->dataset.test});
    if (r->dataset.validation_is_test) {
        as_page_row(page);
        as_page_cell(page);
        as_page_strong(page, "validation");
        as_page_cell(page);
        as_page_strong(page, "the test texts: choices were made on them");
    }
    add_audit(page, r);
    add_removed(page, r);
    add_baseline(page, r);
}

static void add_cleaning(as_page *page, const as_record *r) {
    const json_t *steps = json_object_get(r->dataset.preparation, "cleaning"), *step;
    static const char *const fields[] = {"changed", "emptied", "characters_removed"};
    size_t i;
    if (json_array_size(steps) == 0)
        return;
    as_page_table(page, "cleaning", "What the cleaning steps did");
    as_page_column(page, "cleaning", AS_COLUMN_TEXT);
    as_page_column(page, "texts changed", AS_COLUMN_NUMBER);
    as_page_column(page, "texts emptied", AS_COLUMN_NUMBER);
    as_page_column(page, "characters removed", AS_COLUMN_NUMBER);
    json_array_foreach(steps, i, step) {
        const char *name = json_string_value(json_object_get(step, "step"));
        as_page_row(page);
        as_page_cell_name(page, name ? name : "?");
        for (size_t f = 0; f < 3; f++) {
            as_page_cell_count(page, count_of(step, fields[f]));
            as_page_from_cell(
                page, r, "result.json",
                as_page_print(page, "dataset.preparation.cleaning[%zu].%s", i, fields[f]), NULL);
        }
    }
}

static void add_overlaps(as_page *page, const as_record *r) {
    static const char *const stages[] = {"raw", "cleaned", "filtered"};
    static const char *const fields[] = {"test_in_train", "validation_in_train",
                                         "validation_in_test", "duplicates_within.train"};
    const json_t *overlaps = json_object_get(r->dataset.preparation, "overlaps");
    if (!json_is_object(overlaps))
        return;
    as_page_table(page, "overlaps", "Equal texts before and after cleaning and filtering");
    as_page_column(page, "equal texts", AS_COLUMN_TEXT);
    as_page_column(page, "test in train", AS_COLUMN_NUMBER);
    as_page_column(page, "validation in train", AS_COLUMN_NUMBER);
    as_page_column(page, "validation in test", AS_COLUMN_NUMBER);
    as_page_column(page, "within train", AS_COLUMN_NUMBER);
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        const json_t *stage = json_object_get(overlaps, stages[i]);
        as_page_row(page);
        as_page_cell_text(page, stages[i]);
        for (size_t f = 0; f < 4; f++) {
            const json_t *within = json_object_get(stage, "duplicates_within");
            as_page_cell_count(page,
                               f < 3 ? count_of(stage, fields[f]) : count_of(within, "train"));
            as_page_from_cell(
                page, r, "result.json",
                as_page_print(page, "dataset.preparation.overlaps.%s.%s", stages[i], fields[f]),
                NULL);
        }
    }
}

static void add_tokens_of(as_page *page, const as_row_summary *row) {
    const as_record *r = row->records[0];
    /* Where the suite itself pads, none was spared. */
    bool pads = json_is_object(json_object_get(r->dataset.preparation, "padding"));
    as_page_row(page);
    as_page_cell_name(page, row->name);
    as_page_cell_count(page, r->dataset.vocab_size);
    as_page_from_cell(page, r, "result.json", "dataset.vocab_size", NULL);
    as_page_cell_percent(page, r->dataset.coverage);
    as_page_from_cell(page, r, "result.json", "dataset.audit.coverage", "%");
    as_page_cell_percent(page, r->dataset.truncated_share);
    as_page_from_cell(page, r, "result.json", "dataset.audit.truncated_share", "%");
    as_page_cell_count(page, r->dataset.empty);
    as_page_from_cell(page, r, "result.json", "dataset.audit.empty", NULL);
    as_page_cell_plain(page, r->dataset.mean_tokens);
    as_page_from_cell(page, r, "result.json", "dataset.mean_tokens", NULL);
    as_page_cell_percent(page, pads ? 0 : r->training.padding_share);
    as_page_from_cell(page, r, "result.json", "training.padding_share",
                      pads ? "0: the suite pads" : "%");
}

static void add_tokens(as_page *page, const as_summary *s) {
    as_page_table(page, "tokens", "Tokens as each entry sees them");
    as_page_column(page, "entry", AS_COLUMN_TEXT);
    as_page_column(page, "vocabulary", AS_COLUMN_NUMBER);
    as_page_column(page, "test tokens known %", AS_COLUMN_NUMBER);
    as_page_column(page, "test texts cut %", AS_COLUMN_NUMBER);
    as_page_column(page, "texts without tokens", AS_COLUMN_NUMBER);
    as_page_column(page, "mean tokens", AS_COLUMN_NUMBER);
    as_page_column(page, "padding spared %", AS_COLUMN_NUMBER);
    for (size_t k = 0; k < s->n_complete; k++)
        add_tokens_of(page, &s->rows[k]);
}

void as_section_data(as_page *page, const as_section_input *in) {
    const as_summary *s = in->summary;
    const as_record *r = s->some;
    if (!r)
        return;
    add_facts(page, r);
    add_cleaning(page, r);
    add_overlaps(page, r);
    add_tokens(page, s);
    for (size_t k = 0; k < s->n_complete; k++)
        for (size_t i = 0; i < s->rows[k].n_records; i++) {
            const char *rows = s->rows[k].records[i]->dataset.rows_sha256;
            if (rows && strcmp(rows, r->dataset.rows_sha256) != 0) {
                as_page_paragraph(page);
                as_page_strong(page, "Not every cell used the same rows:");
                as_page_text(page, " ");
                as_page_name(page, s->rows[k].records[i]->cell);
                as_page_text(page, " differs.");
                return;
            }
        }
}
