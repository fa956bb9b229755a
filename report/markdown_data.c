/* SPDX-License-Identifier: MIT */
/* The report's section on data: what it was, what was done to the texts, what was found in them. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "report/markdown.h"
#include "report/number.h"

static void write_count(FILE *stream, int64_t count) {
    fprintf(stream, " %s |", as_number_count(count).value);
}

static void write_percent(FILE *stream, double share) {
    fprintf(stream, " %s |", as_number_plain(100 * share).value);
}

static int64_t count_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

static double real_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static void write_facts(const as_record *r, FILE *stream) {
    fputs("## Data\n\n| | |\n|---|---|\n| data set | ", stream);
    as_md_code(stream, r->dataset.name);
    fputs(" |\n| SHA-256 of its content | ", stream);
    as_md_code(stream, r->dataset.sha256);
    fputs(" |\n| SHA-256 of the rows used | ", stream);
    as_md_code(stream, r->dataset.rows_sha256);
    fprintf(stream, " |\n| texts: train / validation / test | %s / %s / %s |\n",
            as_number_count(r->dataset.train).value, as_number_count(r->dataset.validation).value,
            as_number_count(r->dataset.test).value);
    if (r->dataset.validation_is_test)
        fputs("| **validation** | **the test texts: choices were made on them** |\n", stream);
    fprintf(stream, "| classes | %d |\n", r->dataset.n_labels);
    fprintf(stream, "| exact duplicates within train | %s |\n",
            as_number_count(r->dataset.duplicates_within_train).value);
    fprintf(stream, "| validation texts that are also in train | %s |\n",
            as_number_count(r->dataset.duplicates_validation_in_train).value);
    fprintf(stream, "| test texts that are also in train | %s |\n",
            as_number_count(r->dataset.duplicates_test_in_train).value);
}

/* Naive Bayes over the same tokens, and always the commonest class. */
static void write_baseline(const json_t *preparation, FILE *stream) {
    const json_t *test = json_object_get(json_object_get(preparation, "baseline"), "test");
    if (!json_is_object(test))
        return;
    fprintf(stream, "| test accuracy %% of a bag of words (naive Bayes) | %s |\n",
            as_number_plain(100 * real_of(test, "naive_bayes")).value);
    fprintf(stream, "| test accuracy %% of the commonest class | %s |\n",
            as_number_plain(100 * real_of(test, "majority")).value);
}

static void write_removed(const json_t *preparation, FILE *stream) {
    const json_t *removed = json_object_get(preparation, "removed");
    int64_t filtered = count_of(preparation, "filtered");
    if (!json_is_object(removed))
        return;
    fprintf(stream, "| removed: train / validation / test | %s / %s / %s |\n",
            as_number_count(count_of(removed, "train")).value,
            as_number_count(count_of(removed, "validation")).value,
            as_number_count(count_of(removed, "test")).value);
    if (filtered > 0)
        fprintf(stream, "| too short, dropped before drawing | %s |\n",
                as_number_count(filtered).value);
}

static void write_cleaning(const json_t *preparation, FILE *stream) {
    const json_t *steps = json_object_get(preparation, "cleaning"), *step;
    size_t i;
    if (json_array_size(steps) == 0)
        return;
    fputs("| cleaning | texts changed | texts emptied | characters removed |\n|---|--:|--:|--:|\n",
          stream);
    json_array_foreach(steps, i, step) {
        const char *name = json_string_value(json_object_get(step, "step"));
        fputs("| ", stream);
        as_md_code(stream, name ? name : "?");
        fputs(" |", stream);
        write_count(stream, count_of(step, "changed"));
        write_count(stream, count_of(step, "emptied"));
        write_count(stream, count_of(step, "characters_removed"));
        fputs("\n", stream);
    }
    fputs("\n", stream);
}

static void write_overlaps(const json_t *preparation, FILE *stream) {
    static const char *const stages[] = {"raw", "cleaned", "filtered"};
    const json_t *overlaps = json_object_get(preparation, "overlaps");
    if (!json_is_object(overlaps))
        return;
    fputs("| equal texts | test in train | validation in train | validation in test | within train "
          "|\n|---|--:|--:|--:|--:|\n",
          stream);
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        const json_t *stage = json_object_get(overlaps, stages[i]);
        fprintf(stream, "| %s |", stages[i]);
        write_count(stream, count_of(stage, "test_in_train"));
        write_count(stream, count_of(stage, "validation_in_train"));
        write_count(stream, count_of(stage, "validation_in_test"));
        write_count(stream, count_of(json_object_get(stage, "duplicates_within"), "train"));
        fputs("\n", stream);
    }
    fputs("\n", stream);
}

static void write_tokens(const as_summary *s, FILE *stream) {
    fputs("| entry | vocabulary | test tokens known % | test texts cut % | texts without tokens | "
          "mean tokens | padding spared % |\n|---|--:|--:|--:|--:|--:|--:|\n",
          stream);
    for (size_t k = 0; k < s->n_complete; k++) {
        const as_record *first = s->rows[k].records[0];
        fputs("| ", stream);
        as_md_code(stream, s->rows[k].name);
        fputs(" |", stream);
        write_count(stream, first->dataset.vocab_size);
        write_percent(stream, first->dataset.coverage);
        write_percent(stream, first->dataset.truncated_share);
        write_count(stream, first->dataset.empty);
        fprintf(stream, " %s |", as_number_plain(first->dataset.mean_tokens).value);
        /* Where the suite itself pads, none was spared. */
        bool pads = json_is_object(json_object_get(first->dataset.preparation, "padding"));
        write_percent(stream, pads ? 0 : first->training.padding_share);
        fputs("\n", stream);
    }
    fputs("\n", stream);
}

void as_md_data(const as_summary *s, FILE *stream) {
    const as_record *r = s->some;
    if (!r)
        return;
    write_facts(r, stream);
    write_removed(r->dataset.preparation, stream);
    write_baseline(r->dataset.preparation, stream);
    fputs("\n", stream);
    write_cleaning(r->dataset.preparation, stream);
    write_overlaps(r->dataset.preparation, stream);
    write_tokens(s, stream);
    for (size_t k = 0; k < s->n_complete; k++)
        for (size_t i = 0; i < s->rows[k].n_records; i++) {
            const char *rows = s->rows[k].records[i]->dataset.rows_sha256;
            if (rows && strcmp(rows, r->dataset.rows_sha256) != 0) {
                fputs("**Not every cell used the same rows:** ", stream);
                as_md_code(stream, s->rows[k].records[i]->cell);
                fputs(" differs.\n\n", stream);
                return;
            }
        }
}
