/* SPDX-License-Identifier: MIT */
/* Overlaps between splits at three stages, their removal by precedence, the list of removals. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/splits/overlaps.h"

static const char *const labels[] = {"a", "b"};

/* One row: its split and its text at each stage; "" after cleaning: blank. */
typedef struct sample {
    as_split split;
    const char *raw, *cleaned, *filtered;
} sample;

enum { MOST_ROWS = 4000 };

typedef struct fixture {
    as_arena *arena;
    as_dataset dataset;
    as_row_texts texts[MOST_ROWS];
    as_selection selection;
    as_overlaps overlaps;
} fixture;

static void add(fixture *f, const sample *row) {
    const char *const stages[AS_STAGE_COUNT] = {row->raw, row->cleaned, row->filtered};
    char name[16];
    uint32_t i = f->dataset.n_rows;
    snprintf(name, sizeof name, "%u.txt", i);
    cr_assert_eq(
        as_dataset_add(&f->dataset, row->split, i % 2, name, row->raw, strlen(row->raw), "x", NULL),
        ASSAY_OK);
    for (int k = 0; k < AS_STAGE_COUNT; k++)
        f->texts[i].digest[k] = as_text_digest_of(stages[k], strlen(stages[k]));
    f->texts[i].blank = !row->filtered[0];
    f->selection.rows[row->split][f->selection.n_rows[row->split]++] = i;
}

static fixture *make(const sample *rows, size_t n) {
    fixture *f = calloc(1, sizeof *f);
    cr_assert(f);
    f->arena = as_arena_new();
    f->dataset = as_dataset_init(f->arena, labels, 2);
    for (int s = 0; s < AS_SPLIT_COUNT; s++)
        f->selection.rows[s] = as_arena_alloc_array(f->arena, MOST_ROWS, sizeof(uint32_t));
    for (size_t i = 0; i < n; i++)
        add(f, &rows[i]);
    return f;
}

static void done(fixture *f) {
    as_arena_free(f->arena);
    free(f);
}

static void find(fixture *f, bool remove) {
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_overlaps_find(f->arena, &f->dataset, f->texts, remove, &f->selection,
                                  &f->overlaps, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
}

static void expect_rows(const fixture *f, as_split split, const uint32_t *rows, uint32_t n) {
    cr_assert_eq(f->selection.n_rows[split], n, "%s: %u rows", as_split_name(split),
                 f->selection.n_rows[split]);
    for (uint32_t i = 0; i < n; i++)
        cr_assert_eq(f->selection.rows[split][i], rows[i], "%s, place %u: row %u",
                     as_split_name(split), i, f->selection.rows[split][i]);
}

static void expect_removal(const fixture *f, uint32_t i, as_removal expected) {
    const as_removal *r = &f->overlaps.removals[i];
    cr_assert_lt(i, f->overlaps.n_removals);
    cr_assert(r->split == expected.split && r->row == expected.row && r->reason == expected.reason,
              "removal %u: split %d, row %u, reason %d", i, r->split, r->row, r->reason);
    if (expected.reason == AS_REMOVAL_OVERLAP)
        cr_assert(r->stage == expected.stage && r->other_split == expected.other_split &&
                      r->other_row == expected.other_row,
                  "removal %u: stage %d, split %d, row %u", i, r->stage, r->other_split,
                  r->other_row);
}

#define TRAIN AS_SPLIT_TRAIN
#define VALIDATION AS_SPLIT_VALIDATION
#define TEST AS_SPLIT_TEST

static const sample rows[] = {
    {TRAIN, "A!", "a", "a"},         /* 0 */
    {TRAIN, "B!", "b the", "b"},     /* 1 */
    {TRAIN, "B!", "b the", "b"},     /* 2: again within train, stays */
    {TRAIN, "??", "", ""},           /* 3: blank */
    {VALIDATION, "A?", "a", "a"},    /* 4: in train once cleaned */
    {VALIDATION, "C!", "c", "c"},    /* 5: in test as it is */
    {VALIDATION, "D!", "d", "d"},    /* 6 */
    {VALIDATION, "??", "", ""},      /* 7: blank, not compared with row 3 */
    {VALIDATION, "E.", "e of", "e"}, /* 8: in test (row 12) once filtered */
    {TEST, "A!", "a", "a"},          /* 9: in train as it is */
    {TEST, "B.", "b is", "b"},       /* 10: in train once filtered */
    {TEST, "C!", "c", "c"},          /* 11: stays, validation goes */
    {TEST, "E!", "e is", "e"},       /* 12 */
    {TEST, "E!", "e is", "e"},       /* 13: again within test, stays */
    {VALIDATION, "B.", "b is", "b"}, /* 14: equal to row 10 raw, which goes; train only once
                                            filtered */
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

static void expect_counts(const fixture *f) {
    static const uint32_t test_in_train[] = {1, 1, 2}, validation_in_train[] = {0, 1, 2},
                          validation_in_test[] = {2, 3, 4};
    const as_overlaps *o = &f->overlaps;
    for (int k = 0; k < AS_STAGE_COUNT; k++) {
        cr_assert_eq(o->test_in_train[k], test_in_train[k], "%d: %u", k, o->test_in_train[k]);
        cr_assert_eq(o->validation_in_train[k], validation_in_train[k], "%d: %u", k,
                     o->validation_in_train[k]);
        cr_assert_eq(o->validation_in_test[k], validation_in_test[k], "%d: %u", k,
                     o->validation_in_test[k]);
        cr_assert_eq(o->duplicates_within[k][AS_SPLIT_TRAIN], 1);
        cr_assert_eq(o->duplicates_within[k][AS_SPLIT_VALIDATION], 0);
        cr_assert_eq(o->duplicates_within[k][AS_SPLIT_TEST], 1);
    }
    cr_assert(o->n_blank[AS_SPLIT_TRAIN] == 1 && o->n_blank[AS_SPLIT_VALIDATION] == 1 &&
              o->n_blank[AS_SPLIT_TEST] == 0);
}

Test(overlaps, are_counted_at_each_stage_and_left_alone) {
    static const uint32_t validation[] = {4, 5, 6, 7, 8, 14};
    fixture *f = make(rows, N_ROWS);
    find(f, false);
    expect_counts(f);
    cr_assert_eq(f->overlaps.n_removals, 0);
    expect_rows(f, AS_SPLIT_VALIDATION, validation, 6);
    cr_assert_eq(f->selection.n_rows[AS_SPLIT_TRAIN], 4);
    cr_assert_eq(f->selection.n_rows[AS_SPLIT_TEST], 5);
    done(f);
}

Test(overlaps, leave_the_later_split_and_each_is_listed_once) {
    static const uint32_t train[] = {0, 1, 2}, validation[] = {6}, test[] = {11, 12, 13};
    fixture *f = make(rows, N_ROWS);
    find(f, true);
    expect_counts(f);
    expect_rows(f, AS_SPLIT_TRAIN, train, 3);
    expect_rows(f, AS_SPLIT_VALIDATION, validation, 1);
    expect_rows(f, AS_SPLIT_TEST, test, 3);
    cr_assert_eq(f->overlaps.n_removals, 8);
    expect_removal(f, 0, (as_removal){TRAIN, 3, AS_REMOVAL_BLANK, 0, 0, 0});
    expect_removal(f, 1, (as_removal){VALIDATION, 4, AS_REMOVAL_OVERLAP, AS_STAGE_CLEANED, 0, 0});
    expect_removal(f, 2, (as_removal){VALIDATION, 5, AS_REMOVAL_OVERLAP, AS_STAGE_RAW, TEST, 11});
    expect_removal(f, 3, (as_removal){VALIDATION, 7, AS_REMOVAL_BLANK, 0, 0, 0});
    expect_removal(f, 4,
                   (as_removal){VALIDATION, 8, AS_REMOVAL_OVERLAP, AS_STAGE_FILTERED, TEST, 12});
    expect_removal(f, 5, (as_removal){TEST, 9, AS_REMOVAL_OVERLAP, AS_STAGE_RAW, 0, 0});
    expect_removal(f, 6, (as_removal){TEST, 10, AS_REMOVAL_OVERLAP, AS_STAGE_FILTERED, 0, 1});
    expect_removal(f, 7, (as_removal){VALIDATION, 14, AS_REMOVAL_OVERLAP, AS_STAGE_FILTERED, 0, 1});
    find(f, true); /* nothing is left to remove */
    cr_assert_eq(f->overlaps.n_removals, 0);
    for (int k = 0; k < AS_STAGE_COUNT; k++)
        cr_assert(f->overlaps.test_in_train[k] == 0 && f->overlaps.validation_in_train[k] == 0 &&
                  f->overlaps.validation_in_test[k] == 0);
    done(f);
}

Test(overlaps, the_order_of_rows_is_kept) {
    static const sample some[] = {{TRAIN, "t", "t", "t"},
                                  {TEST, "1", "1", "1"},
                                  {TEST, "2", "2", "2"},
                                  {TEST, "t", "t", "t"},
                                  {TEST, "3", "3", "3"}};
    static const uint32_t drawn[] = {4, 1, 3, 2}, kept[] = {4, 1, 2};
    fixture *f = make(some, 5);
    memcpy(f->selection.rows[AS_SPLIT_TEST], drawn, sizeof drawn);
    find(f, true);
    expect_rows(f, AS_SPLIT_TEST, kept, 3);
    done(f);
}

Test(overlaps, a_study_of_2000_500_500_with_three_overlaps) {
    static sample many[3000];
    static char texts[3000][16];
    for (uint32_t i = 0; i < 3000; i++) {
        snprintf(texts[i], sizeof texts[i], "text %u", i);
        many[i] = (sample){i < 2000   ? TRAIN
                           : i < 2500 ? VALIDATION
                                      : TEST,
                           texts[i], texts[i], texts[i]};
    }
    many[2100].cleaned = many[2100].filtered = texts[17]; /* validation, once cleaned */
    many[2600].filtered = texts[1999];                    /* test, once filtered */
    many[2999].raw = many[2999].cleaned = many[2999].filtered = texts[3];
    fixture *f = make(many, 3000);
    find(f, true);
    cr_assert_eq(f->selection.n_rows[AS_SPLIT_TRAIN], 2000);
    cr_assert_eq(f->selection.n_rows[AS_SPLIT_VALIDATION], 499);
    cr_assert_eq(f->selection.n_rows[AS_SPLIT_TEST], 498);
    cr_assert_eq(f->overlaps.n_removals, 3);
    done(f);
}

Test(overlaps, validation_that_is_test_follows_test) {
    static const sample some[] = {{TRAIN, "t", "t", "t"},
                                  {TEST, "1", "1", "1"},
                                  {TEST, "t", "t", "t"},
                                  {TEST, "2", "2", "2"},
                                  {TEST, " ", "", ""}};
    static const uint32_t kept[] = {1, 3};
    fixture *f = make(some, 5);
    f->selection.rows[AS_SPLIT_VALIDATION] = f->selection.rows[AS_SPLIT_TEST];
    f->selection.n_rows[AS_SPLIT_VALIDATION] = f->selection.n_rows[AS_SPLIT_TEST];
    f->selection.validation_is_test = true;
    find(f, true);
    expect_rows(f, AS_SPLIT_TEST, kept, 2);
    expect_rows(f, AS_SPLIT_VALIDATION, kept, 2);
    cr_assert_eq(f->overlaps.validation_in_test[AS_STAGE_RAW], 0);
    cr_assert_eq(f->overlaps.n_removals, 2);
    done(f);
}

Test(overlaps, a_split_that_would_be_emptied_is_an_error) {
    static const sample some[] = {
        {TRAIN, "t", "t", "t"}, {TEST, "t", "t", "t"}, {TEST, "T", "t", "t"}};
    fixture *f = make(some, 3);
    assay_error error = ASSAY_ERROR_INIT;
    f->overlaps.n_removals = 77;
    cr_assert_eq(as_overlaps_find(f->arena, &f->dataset, f->texts, true, &f->selection,
                                  &f->overlaps, &error),
                 ASSAY_BAD_DATA);
    cr_assert_str_eq(error.where, "data/overlaps");
    cr_assert(strstr(error.text, "all 2 rows of the split \"test\""), "%s", error.text);
    cr_assert_eq(f->overlaps.n_removals, 77);
    cr_assert_eq(f->selection.n_rows[AS_SPLIT_TEST], 2);
    done(f);
}

Test(overlaps, removals_are_listed_as_csv) {
    static const char *const strange[] = {"with, comma", "with \"quotes\""};
    static const uint32_t indices[] = {1, 2}; /* row 0 is filtered, the others are 0 and 1 there */
    as_arena *arena = as_arena_new();
    as_dataset d = as_dataset_init(arena, strange, 2);
    char *text = NULL;
    size_t n_bytes;
    FILE *stream = open_memstream(&text, &n_bytes);
    as_removal filtered = {.split = AS_SPLIT_ALL, .row = 0, .reason = AS_REMOVAL_FILTERED},
               removals[] = {
                   {AS_SPLIT_TEST, 0, AS_REMOVAL_OVERLAP, AS_STAGE_CLEANED, AS_SPLIT_TRAIN, 1},
                   {AS_SPLIT_TRAIN, 1, AS_REMOVAL_BLANK, AS_STAGE_FILTERED, AS_SPLIT_TRAIN, 1},
               };
    const as_overlaps overlaps = {.removals = removals, .n_removals = 2};
    cr_assert(stream);
    cr_assert_eq(as_dataset_add(&d, AS_SPLIT_ALL, 1, " blank", "t", 1, "x", NULL), ASSAY_OK);
    cr_assert_eq(as_dataset_add(&d, AS_SPLIT_TEST, 0, "0_3.txt", "t", 1, "x", NULL), ASSAY_OK);
    cr_assert_eq(as_dataset_add(&d, AS_SPLIT_TRAIN, 1, "line\nbreak", "t", 1, "x", NULL), ASSAY_OK);
    as_removals_write_csv(stream, &d, indices, &filtered, 1, &overlaps);
    cr_assert_eq(fclose(stream), 0);
    cr_assert_str_eq(text,
                     "split,index,name,label,reason,stage,other_split,other_index,other_name\n"
                     "all,0,\" blank\",\"with \"\"quotes\"\"\",filtered,,,,\n"
                     "test,1,0_3.txt,\"with, comma\",overlap,cleaned,train,2,\"line\nbreak\"\n"
                     "train,2,\"line\nbreak\",\"with \"\"quotes\"\"\",blank,,,,\n");
    free(text);
    as_arena_free(arena);
}

Test(overlaps, stages_have_names_and_digests_tell_texts_apart) {
    cr_assert_str_eq(as_stage_name(AS_STAGE_RAW), "raw");
    cr_assert_str_eq(as_stage_name(AS_STAGE_CLEANED), "cleaned");
    cr_assert_str_eq(as_stage_name(AS_STAGE_FILTERED), "filtered");
    as_text_digest a = as_text_digest_of("abc", 3), b = as_text_digest_of("abc", 2);
    cr_assert_neq(memcmp(&a, &b, sizeof a), 0);
}
