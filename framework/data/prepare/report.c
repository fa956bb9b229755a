/* SPDX-License-Identifier: MIT */
/* What a preparation did and found, as the record keeps it (dataset.preparation), and what of it a
 * reader of figures should be told. */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/prepare/build.h"
#include "data/tokenizers/splitter.h"

enum { MAX_WARNINGS = 32 };

typedef struct report {
    as_build *build;
    json_t *json;
    const char *warnings[MAX_WARNINGS];
    uint32_t n_warnings;
} report;

static void warn(report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(report *r, const char *format, ...) {
    char text[400];
    va_list arguments;
    if (r->n_warnings == MAX_WARNINGS)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if ((r->warnings[r->n_warnings] = as_arena_strdup(r->build->arena, text)))
        r->n_warnings++;
}

/* {"train": a, "validation": b, "test": c} */
static json_t *by_split(const uint32_t counts[AS_SPLIT_COUNT]) {
    json_t *object = json_object();
    for (int s = 0; s < AS_SPLIT_COUNT; s++)
        json_object_set_new(object, as_split_name((as_split)s), json_integer(counts[s]));
    return object;
}

static void report_source(report *r) {
    const as_dataset *d = &r->build->dataset;
    if (!d->n_replaced)
        return;
    json_object_set_new(r->json, "encoding",
                        json_pack("{s:I, s:s?}", "replaced", (json_int_t)d->n_replaced, "first",
                                  d->first_replaced));
    warn(r, "%llu bytes of the source do not fit its encoding and became U+FFFD; the first: %s",
         (unsigned long long)d->n_replaced, d->first_replaced ? d->first_replaced : "?");
}

static void report_cleaning(report *r) {
    json_t *steps = json_array();
    for (size_t i = 0; i < r->build->n_steps; i++) {
        const as_cleaning_counts *c = &r->build->cleaning_counts[i];
        json_array_append_new(steps,
                              json_pack("{s:s, s:I, s:I, s:I, s:I}", "step", c->step, "texts",
                                        (json_int_t)c->texts, "changed", (json_int_t)c->changed,
                                        "emptied", (json_int_t)c->emptied, "characters_removed",
                                        (json_int_t)c->characters_removed));
    }
    json_object_set_new(r->json, "cleaning", steps);
}

static void report_overlaps(report *r) {
    const as_overlaps *o = &r->build->overlaps;
    json_t *stages = json_object();
    for (int stage = 0; stage < AS_STAGE_COUNT; stage++)
        json_object_set_new(
            stages, as_stage_name((as_stage)stage),
            json_pack("{s:I, s:I, s:I, s:o}", "test_in_train", (json_int_t)o->test_in_train[stage],
                      "validation_in_train", (json_int_t)o->validation_in_train[stage],
                      "validation_in_test", (json_int_t)o->validation_in_test[stage],
                      "duplicates_within", by_split(o->duplicates_within[stage])));
    json_object_set_new(r->json, "overlaps", stages);
    json_object_set_new(r->json, "blank", by_split(o->n_blank));
    uint32_t removed[AS_SPLIT_COUNT] = {0};
    for (uint32_t i = 0; i < o->n_removals; i++)
        removed[o->removals[i].split]++;
    json_object_set_new(r->json, "removed", by_split(removed));
    json_object_set_new(r->json, "filtered", json_integer(r->build->n_filtered));
    uint32_t left = o->test_in_train[AS_STAGE_FILTERED];
    if (left && !r->build->data->overlaps.remove)
        warn(r,
             "%u test %s in train after cleaning; \"overlaps\": {\"remove\": true} takes %s out of "
             "test",
             left, left == 1 ? "text also stands" : "texts also stand", left == 1 ? "it" : "them");
}

static void report_content(report *r) {
    const as_build *b = r->build;
    const as_content_audit *a = &b->content;
    uint32_t n_short = 0;
    json_t *leaks = json_array(), *baseline = json_null();
    for (uint32_t i = 0; i < a->n_leaks; i++) {
        const as_leak *leak = &a->leaks[i];
        const char *token = b->wordpiece ? as_wordpiece_token(b->wordpiece, leak->id)
                            : leak->id >= AS_TOKEN_FIRST_WORD
                                ? b->out.words[leak->id - AS_TOKEN_FIRST_WORD]
                                : "[UNK]";
        json_array_append_new(leaks, json_pack("{s:s, s:s, s:f, s:f}", "token", token, "label",
                                               b->out.labels[leak->label], "precision",
                                               leak->precision, "recall", leak->recall));
        warn(r,
             "the token \"%s\" nearly decides the label \"%s\": %.1f%% of the train texts that "
             "hold it have that label, and %.1f%% of that label's texts hold it: a leak?",
             token, b->out.labels[leak->label], 100 * leak->precision, 100 * leak->recall);
    }
    if (a->baseline.made) {
        baseline = json_object();
        for (int s = 0; s < AS_SPLIT_COUNT; s++)
            if (b->out.splits[s].n_rows)
                json_object_set_new(baseline, as_split_name((as_split)s),
                                    json_pack("{s:f, s:f}", "naive_bayes", a->baseline.accuracy[s],
                                              "majority", a->baseline.majority[s]));
    }
    for (int s = 0; s < AS_SPLIT_COUNT; s++)
        n_short += a->n_short[s];
    if (n_short)
        warn(r, "%u %s under 3 tokens", n_short, n_short == 1 ? "text has" : "texts have");
    json_object_set_new(r->json, "leaks", leaks);
    json_object_set_new(r->json, "baseline", baseline);
    json_object_set_new(r->json, "short_texts", by_split(a->n_short));
}

static void report_tokens(report *r) {
    json_t *splits = json_object();
    for (int s = 0; s < AS_SPLIT_COUNT; s++) {
        const as_split_rows *split = &r->build->out.splits[s];
        uint64_t n_tokens = 0;
        for (uint32_t i = 0; i < split->n_rows; i++)
            n_tokens += (uint64_t)split->rows[i].n_tokens;
        if (split->n_rows)
            json_object_set_new(splits, as_split_name((as_split)s),
                                json_pack("{s:I, s:I, s:f, s:I}", "tokens", (json_int_t)n_tokens,
                                          "kept", (json_int_t)split->n_tokens, "coverage",
                                          1 - (double)split->n_unknown / (double)split->n_tokens,
                                          "truncated", (json_int_t)split->n_truncated));
    }
    json_object_set_new(r->json, "tokens", splits);
    json_object_set_new(r->json, "fitted_on",
                        r->build->wordpiece                      ? json_null()
                        : r->build->tokenizer->fit_on_validation ? json_string("train+validation")
                                                                 : json_string("train"));
}

/* Lower-cased white-space tokens of train and of the validation texts taken from it (Study A counts
 * before it parts them). */
static assay_status count_fingerprint(as_build *b, int64_t *ret_distinct, int64_t *ret_longest) {
    json_t *lower = json_pack("[s]", "lower");
    as_cleaner *cleaner = NULL;
    as_splitter *splitter = NULL;
    as_interner *words;
    int64_t longest = 0;
    assay_status status = as_cleaner_new(lower, "fingerprint", &cleaner, b->error);
    if (status == ASSAY_OK)
        status = as_splitter_new(b->arena, "whitespace", NULL, "fingerprint", &splitter, b->error);
    if (status == ASSAY_OK)
        status = as_interner_new(b->arena, &words, b->error);
    for (int s = AS_SPLIT_TRAIN; s <= AS_SPLIT_VALIDATION && status == ASSAY_OK; s++)
        for (uint32_t i = 0; i < b->out.splits[s].n_rows && status == ASSAY_OK; i++) {
            const as_row *row = &b->out.splits[s].rows[i];
            const char *text, *token = "";
            size_t n_bytes, n_token;
            uint32_t number;
            int64_t n = 0;
            status = as_clean(cleaner, row->text, row->n_bytes, &text, &n_bytes, b->error);
            as_split_cursor cursor = {text, text, text + n_bytes};
            while (status == ASSAY_OK && token) {
                status = as_splitter_next(splitter, &cursor, &token, &n_token, b->error);
                if (status == ASSAY_OK && token) {
                    status = as_interner_add(words, token, n_token, &number, b->error);
                    n++;
                }
            }
            longest = n > longest ? n : longest;
        }
    if (status == ASSAY_OK) {
        *ret_distinct = as_interner_count(words);
        *ret_longest = longest;
    }
    as_cleaner_free(cleaner);
    as_splitter_free(splitter);
    json_decref(lower);
    return status;
}

static assay_status report_fingerprint(report *r) {
    const as_data_config *d = r->build->data;
    int64_t distinct = 0, longest = 0;
    if (!d->fingerprint.distinct_tokens && !d->fingerprint.longest)
        return ASSAY_OK;
    assay_status status = count_fingerprint(r->build, &distinct, &longest);
    if (status != ASSAY_OK)
        return status;
    bool met = (!d->fingerprint.distinct_tokens || distinct == d->fingerprint.distinct_tokens) &&
               (!d->fingerprint.longest || longest == d->fingerprint.longest);
    json_object_set_new(r->json, "fingerprint",
                        json_pack("{s:I, s:I, s:I, s:I, s:b}", "distinct_tokens",
                                  (json_int_t)distinct, "expected_distinct_tokens",
                                  (json_int_t)d->fingerprint.distinct_tokens, "longest",
                                  (json_int_t)longest, "expected_longest",
                                  (json_int_t)d->fingerprint.longest, "met", (int)met));
    if (!met)
        warn(r,
             "another subset than the suite means: %lld distinct tokens and a longest text of "
             "%lld, where %lld and %lld are stated; the official archive's own order is needed "
             "(\"order\": \"archive\")",
             (long long)distinct, (long long)longest, (long long)d->fingerprint.distinct_tokens,
             (long long)d->fingerprint.longest);
    return ASSAY_OK;
}

/* Removals as CSV text in the arena. */
static assay_status list_removals(as_build *b) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return as_build_no_memory(b);
    if (b->overlaps.n_removals || b->n_filtered)
        as_removals_write_csv(stream, &b->dataset, b->indices, b->filtered, b->n_filtered,
                              &b->overlaps);
    bool bad = fclose(stream) != 0;
    b->out.removals_csv = bad ? NULL : as_arena_strndup(b->arena, text, size);
    free(text);
    return b->out.removals_csv ? ASSAY_OK : as_build_no_memory(b);
}

assay_status as_build_report(as_build *b) {
    report r = {.build = b, .json = json_object()};
    report_source(&r);
    report_cleaning(&r);
    report_overlaps(&r);
    report_content(&r);
    report_tokens(&r);
    if (b->data->validation.kind == AS_VALIDATION_TEST)
        warn(&r, "the validation texts are the test texts: every choice made on them was made on "
                 "the test set");
    if (b->out.identity == AS_IDENTITY_DIFFERS)
        warn(&r, "%s: the data's content (sha256 %.12s) is not what its manifest states",
             b->out.name, b->out.sha256.text);
    assay_status status = report_fingerprint(&r);
    if (status == ASSAY_OK)
        status = list_removals(b);
    char *text = status == ASSAY_OK && r.json ? json_dumps(r.json, JSON_COMPACT) : NULL;
    if (status == ASSAY_OK) {
        b->out.report = text ? as_arena_strdup(b->arena, text) : NULL;
        const char **warnings = as_arena_alloc_array(b->arena, r.n_warnings, sizeof *warnings);
        if (!b->out.report || !warnings)
            status = as_build_no_memory(b);
        for (uint32_t i = 0; warnings && i < r.n_warnings; i++)
            warnings[i] = r.warnings[i];
        b->out.warnings = warnings;
        b->out.n_warnings = r.n_warnings;
    }
    free(text);
    json_decref(r.json);
    return status;
}
