/* SPDX-License-Identifier: MIT */
/* Published figures: the shipped files, and files that are wrong. */
#include "results/published/published.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

static const as_published_entry *entry_of(const as_published *p, const char *name) {
    for (size_t i = 0; i < p->n_entries; i++)
        if (strcmp(p->entries[i].name, name) == 0)
            return &p->entries[i];
    cr_assert_fail("no entry %s", name);
    return NULL;
}

static const as_published_figure *figure_of(const as_published_entry *e, const char *field) {
    for (size_t i = 0; i < e->n_figures; i++)
        if (strcmp(e->figures[i].field, field) == 0)
            return &e->figures[i];
    cr_assert_fail("no figure %s", field);
    return NULL;
}

/* An anchor of each study, so that no file is swapped or emptied unseen. */
Test(published, shipped_studies_hold_their_figures) {
    static const struct {
        const char *study, *entry, *field;
        double value;
    } anchors[] = {
        {"study-a", "distilbert", "test.accuracy", 0.863},
        {"study-a", "gru", "test.f1_macro", 0.7758},
        {"study-b", "bilstm_attention", "test.accuracy", 0.6290},
        {"study-b", "bert-full", "training.seconds", 1168},
        {"study-c", "bilstm", "model.parameters.total", 8471042},
        {"study-d", "transformer", "test.accuracy", 0.7410},
        {"study-d", "distilbert", "test.f1_weighted", 0.5155},
        {"study-e", "distilbert", "test.accuracy", 0.912},
    };
    for (size_t i = 0; i < sizeof anchors / sizeof anchors[0]; i++) {
        as_arena *arena = as_arena_new();
        as_published p;
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(as_published_load(arena, anchors[i].study, &p, &error), ASSAY_OK, "%s: %s",
                     error.where, error.text);
        const as_published_figure *f = figure_of(entry_of(&p, anchors[i].entry), anchors[i].field);
        cr_assert_eq(f->low, anchors[i].value, "%s %s", anchors[i].entry, anchors[i].field);
        cr_assert_eq(f->high, anchors[i].value);
        as_published_done(&p);
        as_arena_free(arena);
    }
}

Test(published, marks_are_read) {
    as_arena *arena = as_arena_new();
    as_published p;
    cr_assert_eq(as_published_load(arena, "study-b", &p, NULL), ASSAY_OK);
    const as_published_entry *e = entry_of(&p, "bilstm_attention");
    const as_published_figure *best = figure_of(e, "test.per_class.f1"),
                              *seconds = figure_of(e, "training.seconds"),
                              *parameters = figure_of(e, "model.parameters.total");
    cr_assert_str_eq(best->class_label, "rec.sport.hockey");
    cr_assert(seconds->hardware_unstated && !best->hardware_unstated);
    cr_assert(parameters->approximate && !parameters->derived);
    cr_assert(parameters[1].derived && !parameters[1].approximate);
    cr_assert(entry_of(&p, "bert-full")->pretrained && !e->pretrained);
    as_published_done(&p);
    as_arena_free(arena);
}

/* ---- wrong files ----------------------------------------------------------------------------- */

#define HEAD                                                                                       \
    "{\"schema_version\":1,\"name\":\"x\",\"source\":\"S\",\"claims\":[],\"shows\":[],"            \
    "\"wishes\":[],\"left_out\":[],\"data\":[],"
#define ENTRY(name, figures)                                                                       \
    "{\"name\":\"" name "\",\"suite\":\"\",\"pretrained\":false,\"recipe\":{},\"choices\":[],"     \
    "\"figures\":[" figures "]}"
#define WITH(figures) HEAD "\"entries\":[" ENTRY("e", figures) "]}"

static assay_status read_text(const char *text, assay_error *error, as_published *p,
                              as_arena *arena) {
    char path[] = "/tmp/assay-published-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    cr_assert_eq(as_file_write(path, text, strlen(text), NULL), ASSAY_OK);
    assay_status status = as_published_read(arena, path, "x", p, error);
    unlink(path);
    return status;
}

Test(published, wrong_files_are_refused_with_their_field) {
    static const struct {
        const char *text, *where, *says;
    } bad[] = {
        {"{", "", ""},
        {"[]", "", "object"},
        {HEAD "\"entries\":[]}", "#/entries", "at least 1"},
        {WITH("{\"field\":\"test.accuracy\",\"kind\":\"stated\"}"), "#/entries/0/figures/0",
         "value"},
        {WITH("{\"field\":\"test.accuracy\",\"kind\":\"stated\",\"value\":1,\"low\":0}"),
         "#/entries/0/figures/0", "value"},
        {WITH("{\"field\":\"test.accuracy\",\"kind\":\"stated\",\"low\":2,\"high\":1}"),
         "#/entries/0/figures/0", "low <= high"},
        {WITH("{\"field\":\"test.acuracy\",\"kind\":\"stated\",\"value\":1}"),
         "#/entries/0/figures/0/field", "test.accuracy"},
        {WITH("{\"field\":\"test.accuracy\",\"kind\":\"stated\",\"value\":1e300}"),
         "#/entries/0/figures/0/value", "at most"},
        {WITH("{\"field\":\"test.accuracy\",\"kind\":\"stated\",\"value\":\"1\"}"),
         "#/entries/0/figures/0/value", "number"},
        {WITH("{\"field\":\"test.accuracy\",\"kind\":\"guessed\",\"value\":1}"),
         "#/entries/0/figures/0/kind", "derived"},
        {WITH("{\"field\":\"test.accuracy\",\"kind\":\"stated\",\"value\":1,\"epoch\":1}"),
         "#/entries/0/figures/0", "epoch"},
        {WITH("{\"field\":\"test.per_class.f1\",\"kind\":\"stated\",\"value\":1}"),
         "#/entries/0/figures/0", "class"},
        {HEAD "\"entries\":[" ENTRY("e", "") "," ENTRY("e", "") "]}", "#/entries/1", "another"},
        {"{\"schema_version\":2,\"name\":\"x\",\"source\":\"S\",\"claims\":[],\"shows\":[],"
         "\"wishes\":[],\"left_out\":[],\"data\":[],\"entries\":[" ENTRY("e", "") "]}",
         "#/schema_version", "1"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        as_arena *arena = as_arena_new();
        as_published p = {.name = "untouched"};
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(read_text(bad[i].text, &error, &p, arena), ASSAY_BAD_DATA, "case %zu", i);
        cr_assert(strstr(error.where, bad[i].where), "case %zu: %s", i, error.where);
        cr_assert(strstr(error.text, bad[i].says), "case %zu: %s", i, error.text);
        cr_assert_str_eq(p.name, "untouched");
        as_arena_free(arena);
    }
}

Test(published, a_small_file_is_read) {
    as_arena *arena = as_arena_new();
    as_published p;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(read_text(WITH("{\"field\":\"test.accuracy\",\"kind\":\"stated\",\"low\":0.8,"
                                "\"high\":0.9}"),
                           &error, &p, arena),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_eq(p.entries[0].figures[0].low, 0.8);
    cr_assert_eq(p.entries[0].figures[0].high, 0.9);
    as_published_done(&p);
    as_arena_free(arena);
}

Test(published, names_cannot_leave_the_folder) {
    static const char *const names[] = {
        "", "../../suites/quick", "study-a/../study-b", "Study-A", "a.json", "a\nb"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        as_arena *arena = as_arena_new();
        as_published p = {.name = "untouched"};
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(as_published_load(arena, names[i], &p, &error), ASSAY_BAD_DATA, "%s",
                     names[i]);
        cr_assert(strstr(error.where, "report/published"));
        cr_assert_str_eq(p.name, "untouched");
        as_arena_free(arena);
    }
    as_arena *arena = as_arena_new();
    as_published p;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_published_load(arena, "study-x", &p, &error), ASSAY_NOT_FOUND);
    as_arena_free(arena);
}
