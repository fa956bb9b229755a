/* SPDX-License-Identifier: MIT */
/* A study's published figures beside ours, with the word the comparison deserves:
 *   reproduced  same data (its fingerprint met), same recipe, nothing chosen that the study leaves
 *               open, and the figure met
 *   adapted     something of that differs; the list below the table names it
 *   not run     the run has no finished cells of the entry, or did not measure the figure
 *   not met     nothing known differs, and the figure is not met
 * Met: scores at or above the published one or with it inside our interval; times and memory at or
 * below; counts equal. Other figures stand beside each other without a judgement ("adapted"). */
#include "report/sections.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "report/number.h"
#include "results/published/published.h"

typedef enum sense { SENSE_NONE, SENSE_HIGHER, SENSE_LOWER, SENSE_EQUAL } sense;

static const struct {
    const char *field, *shown, *unit;
    double scale; /* of both, for reading */
    sense better;
} fields[] = {
    {"test.accuracy", "accuracy", "%", 100, SENSE_HIGHER},
    {"test.f1_macro", "macro F1", "%", 100, SENSE_HIGHER},
    {"test.f1_weighted", "weighted F1", "%", 100, SENSE_HIGHER},
    {"test.precision_macro", "macro precision", "%", 100, SENSE_HIGHER},
    {"test.recall_macro", "macro recall", "%", 100, SENSE_HIGHER},
    {"test.precision_weighted", "weighted precision", "%", 100, SENSE_HIGHER},
    {"test.recall_weighted", "weighted recall", "%", 100, SENSE_HIGHER},
    {"test.per_class.precision", "precision of", "%", 100, SENSE_HIGHER},
    {"test.per_class.recall", "recall of", "%", 100, SENSE_HIGHER},
    {"test.per_class.f1", "F1 of", "%", 100, SENSE_HIGHER},
    {"test.per_class.support", "texts of", "", 1, SENSE_EQUAL},
    {"validation.accuracy", "validation accuracy", "%", 100, SENSE_HIGHER},
    {"model.parameters.total", "parameters", "", 1, SENSE_EQUAL},
    {"model.parameters.trainable", "trainable parameters", "", 1, SENSE_EQUAL},
    {"model.bytes", "size of the model", "MB", 1e-6, SENSE_NONE},
    {"training.seconds", "training", "s", 1, SENSE_LOWER},
    {"training.epochs", "epochs", "", 1, SENSE_NONE},
    {"training.best_epoch", "best epoch", "", 1, SENSE_NONE},
    {"training.milliseconds_per_step", "a training step", "ms", 1, SENSE_LOWER},
    {"epochs.train_loss", "training loss", "", 1, SENSE_NONE},
    {"epochs.train_accuracy", "training accuracy", "%", 100, SENSE_NONE},
    {"epochs.validation_loss", "validation loss", "", 1, SENSE_NONE},
    {"epochs.validation_accuracy", "validation accuracy", "%", 100, SENSE_NONE},
    {"epochs.seconds", "an epoch", "s", 1, SENSE_LOWER},
    {"inference.milliseconds", "latency of a text", "ms", 1, SENSE_LOWER},
    {"offline.samples_per_second", "texts per second", "", 1, SENSE_HIGHER},
    {"offline.seconds_per_1000", "prediction of 1,000 texts", "s", 1, SENSE_LOWER},
    {"memory.peak_rss_bytes", "peak memory", "MB", 1e-6, SENSE_LOWER},
    {"test.false_negatives", "false negatives", "", 1, SENSE_NONE},
    {"test.false_positives", "false positives", "", 1, SENSE_NONE},
    {"test.false_negative_rate", "false negatives, share", "%", 100, SENSE_NONE},
    {"efficiency.accuracy_per_million_parameters", "accuracy per million parameters", "", 1,
     SENSE_NONE},
};
enum { N_FIELDS = sizeof fields / sizeof fields[0] };

/* The schema's names are the table's: the studies' files, all of which a test renders, use each. */
static size_t field_of(const char *name) {
    size_t i = 0;
    while (i < N_FIELDS && strcmp(fields[i].field, name) != 0)
        i++;
    assert(i < N_FIELDS);
    return i;
}

/* ---- ours ------------------------------------------------------------------------------------ */

static double epoch_value(const as_epoch *e, const char *what) {
    if (strcmp(what, "train_loss") == 0)
        return e->train_loss;
    if (strcmp(what, "train_accuracy") == 0)
        return e->train_accuracy;
    if (strcmp(what, "validation_loss") == 0)
        return e->validation_loss;
    if (strcmp(what, "validation_accuracy") == 0)
        return e->validation_accuracy;
    return e->seconds;
}

/* Mean over seeds of an epoch's figure; seconds without an epoch: of all epochs. NaN where a seed
 * has none. */
static double mean_epoch(const as_row_summary *row, const as_published_figure *f) {
    const char *what = f->field + strlen("epochs.");
    double sum = 0;
    for (size_t i = 0; i < row->n_records; i++) {
        const as_record *r = row->records[i];
        if (f->epoch && (size_t)f->epoch <= r->n_epochs)
            sum += epoch_value(&r->epochs[f->epoch - 1], what);
        else if (!f->epoch && strcmp(what, "seconds") == 0 && r->training.n_epochs > 0)
            sum += r->training.seconds / r->training.n_epochs;
        else
            return NAN;
    }
    return row->n_records ? sum / (double)row->n_records : NAN;
}

static double count_or_nan(int64_t count) {
    return count < 0 ? NAN : (double)count;
}

static double class_value(const as_row_summary *row, const as_published_figure *f) {
    const char *what = f->field + strlen("test.per_class.");
    for (int32_t i = 0; i < row->pooled.n_classes; i++) {
        const as_class_figures *c = &row->pooled.per_class[i];
        if (!c->label || strcmp(c->label, f->class_label) != 0)
            continue;
        return strcmp(what, "precision") == 0 ? c->precision
               : strcmp(what, "recall") == 0  ? c->recall
               : strcmp(what, "f1") == 0
                   ? c->f1
                   : (double)c->support / (double)row->n_records; /* all seeds' texts */
    }
    return NAN;
}

/* Means over seeds of what records count. NaN where a seed has none. */
static double mean_training(const as_row_summary *row, const char *field) {
    double sum = 0;
    for (size_t i = 0; i < row->n_records; i++) {
        const as_record *r = row->records[i];
        if (strcmp(field, "training.epochs") == 0) {
            sum += count_or_nan(r->training.n_epochs);
        } else if (strcmp(field, "training.best_epoch") == 0) {
            sum += count_or_nan(r->training.best_epoch);
        } else {
            int64_t steps = 0;
            for (size_t e = 0; e < r->n_epochs; e++)
                steps += r->epochs[e].steps;
            sum += steps > 0 ? 1000 * r->training.seconds / (double)steps : NAN;
        }
    }
    return row->n_records ? sum / (double)row->n_records : NAN;
}

/* Errors of two classes, the second being the positive one; means over seeds. */
static double binary_errors(const as_row_summary *row, const char *field) {
    const as_scores *s = &row->pooled;
    if (s->n_classes != 2 || !s->confusion || !row->n_records)
        return NAN;
    double missed = (double)s->confusion[2], wrong = (double)s->confusion[1],
           positives = missed + (double)s->confusion[3];
    if (strcmp(field, "test.false_negative_rate") == 0)
        return positives > 0 ? missed / positives : NAN;
    return (strcmp(field, "test.false_negatives") == 0 ? missed : wrong) / (double)row->n_records;
}

/* Percent of accuracy per million parameters. */
static double accuracy_per_million(const as_row_summary *row) {
    return row->parameters_total > 0
               ? 100 * row->accuracy.value / ((double)row->parameters_total / 1e6)
               : NAN;
}

/* Our figure, an interval where there is one, NaN where the records have none. */
static as_figure ours_of(const as_row_summary *row, const as_published_figure *f) {
    const struct {
        const char *field;
        as_figure figure;
    } known[] = {
        {"test.accuracy", row->accuracy},
        {"test.f1_macro", row->f1_macro},
        {"test.f1_weighted", row->f1_weighted},
        {"test.precision_macro", row->precision_macro},
        {"test.recall_macro", row->recall_macro},
        {"test.precision_weighted", row->precision_weighted},
        {"test.recall_weighted", row->recall_weighted},
        {"validation.accuracy", as_figure_point(row->validation_accuracy)},
        {"model.parameters.total", as_figure_point(count_or_nan(row->parameters_total))},
        {"model.parameters.trainable", as_figure_point(count_or_nan(row->parameters_trainable))},
        {"model.bytes", as_figure_point(count_or_nan(row->records[0]->model.bytes))},
        {"training.seconds", as_figure_point(row->train_seconds)},
        {"efficiency.accuracy_per_million_parameters", as_figure_point(accuracy_per_million(row))},
        {"inference.milliseconds", row->p50_ms},
        {"offline.samples_per_second", as_figure_point(row->offline_samples_per_second)},
        {"offline.seconds_per_1000", as_figure_point(1000 / row->offline_samples_per_second)},
        {"memory.peak_rss_bytes", as_figure_point(row->peak_mib * (1 << 20))},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].field, f->field) == 0)
            return known[i].figure;
    if (strncmp(f->field, "epochs.", 7) == 0)
        return as_figure_point(mean_epoch(row, f));
    if (strncmp(f->field, "training.", 9) == 0)
        return as_figure_point(mean_training(row, f->field));
    return as_figure_point(f->class_label ? class_value(row, f) : binary_errors(row, f->field));
}

/* ---- what differs ---------------------------------------------------------------------------- */

/* The list of one row; page NULL: it is only counted. */
typedef struct differences {
    as_page *page;
    size_t n;
} differences;

static void differs(differences *d, const char *text) {
    if (d->page && d->n)
        as_page_text(d->page, "; ");
    if (d->page)
        as_page_text(d->page, text);
    d->n++;
}

/* The value at "a.b.c"; NULL where there is none. */
static const json_t *at_path(const json_t *json, const char *path) {
    char key[64];
    for (; json && *path;) {
        size_t n = strcspn(path, ".");
        if (n >= sizeof key)
            return NULL;
        memcpy(key, path, n);
        key[n] = '\0';
        json = json_object_get(json, key);
        path += path[n] ? n + 1 : n;
    }
    return json;
}

/* Numbers by value, objects by the fields that the study gives. */
static bool agrees(const json_t *found, const json_t *expected) {
    const char *key;
    json_t *value;
    if (json_is_number(found) && json_is_number(expected))
        return json_number_value(found) == json_number_value(expected);
    if (!json_is_object(expected))
        return json_equal(found, expected);
    json_object_foreach((json_t *)(uintptr_t)expected, key, value) {
        const json_t *ours = json_object_get(found, key);
        if (json_is_object(value) || !ours || !agrees(ours, value))
            return false;
    }
    return true;
}

static void compare_path(differences *d, const as_record *r, const char *path,
                         const json_t *expected) {
    const json_t *found = at_path(r->json, path);
    char ours[96] = "not in the record", theirs[96], text[400];
    if (found && agrees(found, expected))
        return;
    if (found)
        as_json_describe(found, ours, sizeof ours);
    as_json_describe(expected, theirs, sizeof theirs);
    snprintf(text, sizeof text, "%s: %s, the study's %s", path, ours, theirs);
    differs(d, text);
}

/* Facts of the data that a record holds too; at least one must be a fingerprint's. */
static void compare_data(differences *d, const as_published *p, const as_record *r) {
    bool fingerprint = false;
    for (size_t i = 0; i < json_array_size(p->data); i++) {
        const json_t *fact = json_array_get(p->data, i), *value = json_object_get(fact, "value");
        const char *field = json_string_value(json_object_get(fact, "field"));
        if (!field || !value)
            continue;
        fingerprint = fingerprint || strstr(field, ".fingerprint.");
        compare_path(d, r, field, value);
    }
    if (!fingerprint)
        differs(d, "the study gives no fingerprint of its texts");
    else if (!json_is_true(at_path(r->json, "dataset.preparation.fingerprint.met")))
        differs(d, "the fingerprint of the study's texts is not met");
}

static void compare_recipe(differences *d, const as_published_entry *e, const as_record *r) {
    const char *path;
    json_t *expected;
    json_object_foreach((json_t *)(uintptr_t)e->recipe, path, expected)
        compare_path(d, r, path, expected);
    if (e->pretrained && !r->model.weights)
        differs(d, "initial weights drawn from the seed, the study's pretrained");
}

/* Adds "a; b; c" to the page (NULL: to none) and returns how many: data, recipe, the study's open
 * ends, the suite, warnings. Recipe and data are those of the first record that has any: seeds
 * differ in nothing else. */
static size_t add_differences(as_page *page, const as_run *run, const as_published *p,
                              const as_published_entry *e, const as_row_summary *row) {
    differences d = {page, 0};
    const char *suite = json_string_value(json_object_get(run->suite, "name"));
    compare_data(&d, p, row->records[0]);
    compare_recipe(&d, e, row->records[0]);
    for (size_t i = 0; i < json_array_size(e->choices); i++)
        differs(&d, json_string_value(json_array_get(e->choices, i)));
    if (!suite || strcmp(suite, e->suite) != 0)
        differs(&d, "another suite than the study's");
    size_t n_warnings = 0;
    for (size_t i = 0; i < row->n_records; i++)
        n_warnings += row->records[i]->n_warnings;
    if (n_warnings)
        differs(&d, "its cells gave warnings (listed above)");
    return d.n;
}

/* ---- the table ------------------------------------------------------------------------------- */

/* A study's number in its own digits: up to five places of a share, counts whole. */
static void add_number(as_page *page, double value, double scale, const char *study) {
    const char *text = as_page_print(page, "%.9g", value * scale);
    if (strchr(text, 'e'))
        text = as_page_print(page, "%.0f", value * scale);
    as_page_number(page, value * scale, text);
    as_page_from_run(page, as_page_print(page, "published/%s.json", study), "entries.figures",
                     "as published");
}

static void add_name(as_page *page, const as_published_figure *f) {
    size_t i = field_of(f->field);
    as_page_cell_text(page, fields[i].shown);
    if (f->class_label) {
        as_page_text(page, " ");
        as_page_name(page, f->class_label);
    }
    if (f->epoch)
        as_page_format(page, ", epoch %d", (int)f->epoch);
    if (*fields[i].unit)
        as_page_format(page, ", %s", fields[i].unit);
}

static void add_published(as_page *page, const as_published_figure *f, const char *study) {
    double scale = fields[field_of(f->field)].scale;
    as_page_cell(page);
    if (f->approximate)
        as_page_text(page, "about ");
    add_number(page, f->low, scale, study);
    if (f->high > f->low) {
        as_page_text(page, " to ");
        add_number(page, f->high, scale, study);
    }
    if (f->derived)
        as_page_text(page, " (derived)");
}

static void add_ours(as_page *page, const as_row_summary *row, as_figure ours,
                     const as_published_figure *f) {
    size_t i = field_of(f->field);
    if (fields[i].better == SENSE_EQUAL)
        as_page_cell_count(page, (int64_t)ours.value);
    else
        as_page_cell_figure(page, ours, fields[i].scale);
    as_page_from_row(page, row, "result.json", as_page_print(page, "%s", f->field),
                     "mean over seeds");
}

/* From the published number, or the nearer end of its range. */
static double difference_of(as_figure ours, const as_published_figure *f) {
    return ours.value < f->low    ? ours.value - f->low
           : ours.value > f->high ? ours.value - f->high
                                  : 0;
}

/* Three significant digits with their sign. */
static as_number_text signed_plain(double value) {
    as_number_text number;
    snprintf(number.text, sizeof number.text, "%s%s", value > 0 ? "+" : "",
             as_number_plain(value).value);
    return number;
}

static const char *inside_text(as_figure ours, const as_published_figure *f) {
    if (isnan(ours.low) || isnan(ours.high))
        return "no interval";
    return f->low > ours.high   ? "no, ours is lower"
           : f->high < ours.low ? "no, ours is higher"
                                : "yes";
}

static bool is_met(as_figure ours, const as_published_figure *f) {
    switch (fields[field_of(f->field)].better) {
    case SENSE_HIGHER:
        return ours.value >= f->low || ours.high >= f->low; /* false for NaN ends */
    case SENSE_LOWER:
        return ours.value <= f->high;
    case SENSE_EQUAL:
        return ours.value >= f->low && ours.value <= f->high;
    case SENSE_NONE:
        break;
    }
    return false;
}

static const char *word_of(as_figure ours, const as_published_figure *f, size_t n_differences) {
    if (isnan(ours.value))
        return "not run";
    if (n_differences || fields[field_of(f->field)].better == SENSE_NONE)
        return "adapted";
    return is_met(ours, f) ? "reproduced" : "not met";
}

static void add_remark(as_page *page, const as_published_figure *f) {
    as_page_cell(page);
    if (f->hardware_unstated)
        as_page_format(page, "the study's hardware is unstated%s", f->remark ? "; " : "");
    if (f->remark)
        as_page_text(page, f->remark);
}

static void add_comparison(as_page *page, const as_row_summary *row, as_figure ours,
                           const as_published_figure *f, size_t n_differences) {
    const size_t i = field_of(f->field);
    double difference = difference_of(ours, f) * fields[i].scale;
    bool exact = fields[i].better == SENSE_EQUAL;
    add_ours(page, row, ours, f);
    as_page_cell(page);
    as_page_number(page, difference,
                   exact ? as_number_signed(difference, 0).text : signed_plain(difference).text);
    as_page_from_row(page, row, "result.json", as_page_print(page, "%s", f->field),
                     "ours less the published figure");
    as_page_cell_text(page, inside_text(ours, f));
    as_page_cell_text(page, word_of(ours, f, n_differences));
}

/* row NULL: the run has no finished cells of the entry. */
static void add_figure(as_page *page, const char *name, const as_row_summary *row,
                       const as_published_figure *f, const char *study, size_t n_differences) {
    as_figure ours = row ? ours_of(row, f) : as_figure_point(NAN);
    as_page_row(page);
    as_page_cell_name(page, name);
    add_name(page, f);
    add_published(page, f, study);
    if (isnan(ours.value)) {
        for (int i = 0; i < 3; i++)
            as_page_cell_text(page, NULL);
        as_page_cell_text(page, "not run");
    } else {
        add_comparison(page, row, ours, f, n_differences);
    }
    add_remark(page, f);
}

static const as_row_summary *next_row(const as_summary *s, const char *entry, size_t *k) {
    while (*k < s->n_complete) {
        const as_row_summary *row = &s->rows[(*k)++];
        if (row->n_records && row->entry && strcmp(row->entry, entry) == 0)
            return row;
    }
    return NULL;
}

static void add_entry(as_page *page, const as_section_input *in, const as_published *p,
                      const as_published_entry *e) {
    size_t k = 0, n_rows = 0;
    for (const as_row_summary *row; (row = next_row(in->summary, e->name, &k)); n_rows++) {
        size_t n_differences = add_differences(NULL, in->run, p, e, row);
        for (size_t i = 0; i < e->n_figures; i++)
            add_figure(page, row->name, row, &e->figures[i], p->name, n_differences);
    }
    for (size_t i = 0; !n_rows && i < e->n_figures; i++)
        add_figure(page, e->name, NULL, &e->figures[i], p->name, 0);
}

static void add_what_differs(as_page *page, const as_section_input *in, const as_published *p) {
    as_page_paragraph(page);
    as_page_text(page, "What differs from the study:");
    as_page_list(page);
    for (size_t i = 0; i < p->n_entries; i++) {
        const as_published_entry *e = &p->entries[i];
        size_t k = 0;
        for (const as_row_summary *row; (row = next_row(in->summary, e->name, &k));) {
            as_page_item(page);
            as_page_name(page, row->name);
            as_page_text(page, ": ");
            if (!add_differences(page, in->run, p, e, row))
                as_page_text(page, "nothing known");
        }
        if (e->remark) {
            as_page_item(page);
            as_page_name(page, e->name);
            as_page_text(page, ", the study: ");
            as_page_text(page, e->remark);
        }
    }
}

static void add_study(as_page *page, const as_section_input *in, const as_published *p) {
    static const char *const headings[] = {"entry", "figure",     "published",
                                           "ours",  "difference", "inside our interval?",
                                           "word",  "remark"};
    as_page_section(page, "published", "Published figures");
    as_page_paragraph(page);
    as_page_text(page, "Source: ");
    as_page_text(page, p->source);
    as_page_text(page, ". ");
    if (p->remark)
        as_page_text(page, p->remark);
    as_page_table(page, "published-figures", "The study's figures beside ours");
    for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++)
        as_page_column(page, headings[i], i >= 2 && i <= 4 ? AS_COLUMN_NUMBER : AS_COLUMN_TEXT);
    for (size_t i = 0; i < p->n_entries; i++)
        add_entry(page, in, p, &p->entries[i]);
    add_what_differs(page, in, p);
    as_page_paragraph(page);
    as_page_text(page,
                 "Ours: means over seeds. Difference: ours less the published figure (of a range, "
                 "its nearer end). Reproduced: same data by fingerprint, same recipe, figure met; "
                 "adapted: something differs; not run: this run has no such figure. Times and "
                 "memory of unstated hardware compare no machines.");
}

assay_status as_section_published(as_page *page, const as_section_input *in, assay_error *error) {
    const json_t *named = json_object_get(json_object_get(in->run->suite, "report"), "published");
    as_published p;
    if (!named)
        return ASSAY_OK;
    if (!json_is_string(named))
        return as_fail(error, ASSAY_BAD_DATA, "run.json#/suite/report/published",
                       "expected the name of a study, such as \"study-a\"");
    assay_status status = as_published_load(page->arena, json_string_value(named), &p, error);
    if (status != ASSAY_OK)
        return status;
    add_study(page, in, &p);
    as_published_done(&p);
    return ASSAY_OK;
}
