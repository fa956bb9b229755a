/* SPDX-License-Identifier: MIT */
/* Labels in order of appearance, canonical order of one file, bounds. */
#include "data_set.h"

static const char open_manifest[] =
    "{\"schema_version\": 1, \"name\": \"mine\", \"kind\": \"dataset\", \"license\": \"x\","
    " \"reader\": {\"format\": \"sms\"}, \"label_map\": {\"junk\": null, \"0\": \"zero\"}}";

typedef struct fixture {
    scratch_path scratch;
    as_arena *arena;
    as_manifest manifest;
    as_dataset dataset;
} fixture;

static fixture fixture_open(const char *json) {
    fixture f = {.scratch = scratch_folder(), .arena = as_arena_new()};
    f.manifest = manifest_of(f.arena, f.scratch.text, json);
    f.dataset = as_dataset_init(f.arena, f.manifest.labels, f.manifest.n_labels);
    return f;
}

static void fixture_close(fixture *f) {
    as_manifest_done(&f->manifest);
    as_arena_free(f->arena);
    scratch_remove(&f->scratch);
}

/* Adds a row by its source's label; false when that is left out. */
static bool add(fixture *f, as_split split, const char *label, const char *text) {
    uint32_t index = 77;
    bool skip;
    char name[16];
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_dataset_label(&f->dataset, &f->manifest, label, strlen(label), "x:1", &index,
                                  &skip, &error),
                 ASSAY_OK, "%s", error.text);
    if (skip) {
        cr_assert_eq(index, 77);
        return false;
    }
    snprintf(name, sizeof name, "%u", f->dataset.n_rows);
    cr_assert_eq(as_dataset_add(&f->dataset, split, index, name, text, strlen(text), "x:1", NULL),
                 ASSAY_OK);
    return true;
}

static void expect_labels(const as_dataset *d, const char *const *labels, uint32_t n) {
    cr_assert_eq(d->n_labels, n);
    for (uint32_t k = 0; k < n; k++)
        cr_assert_str_eq(d->labels[k], labels[k]);
}

Test(dataset, labels_stand_in_order_of_appearance_in_train) {
    static const char *const labels[] = {"b", "zero", "a"};
    fixture f = fixture_open(open_manifest);
    add(&f, AS_SPLIT_TEST, "a", "t1"); /* the test split is read first */
    add(&f, AS_SPLIT_TEST, "zero", "t2");
    add(&f, AS_SPLIT_TEST, "b", "t3");
    add(&f, AS_SPLIT_TRAIN, "b", "r1");
    cr_assert_not(add(&f, AS_SPLIT_TRAIN, "junk", "left out"));
    add(&f, AS_SPLIT_TRAIN, "0", "r2");
    add(&f, AS_SPLIT_TRAIN, "a", "r3");
    add(&f, AS_SPLIT_TRAIN, "b", "r4");
    cr_assert_eq(as_dataset_finish(&f.dataset, true, "x", NULL), ASSAY_OK);
    expect_labels(&f.dataset, labels, 3);
    static const char *const texts[] = {"r1", "r2", "r3", "r4", "t1", "t2", "t3"};
    static const uint32_t of[] = {0, 1, 2, 0, 2, 1, 0}, positions[] = {3, 4, 5, 6, 0, 1, 2};
    for (uint32_t i = 0; i < 7; i++) {
        cr_assert_str_eq(f.dataset.rows[i].text, texts[i], "split, then as they were added");
        cr_assert_eq(f.dataset.rows[i].label, of[i]);
        cr_assert_eq(f.dataset.rows[i].position, positions[i]);
    }
    fixture_close(&f);
}

Test(dataset, a_label_without_a_text_is_none) {
    static const char *const labels[] = {"a", "b"};
    fixture f = fixture_open(open_manifest);
    uint32_t index;
    bool skip;
    cr_assert_eq(as_dataset_label(&f.dataset, &f.manifest, "never", 5, "x", &index, &skip, NULL),
                 ASSAY_OK);
    add(&f, AS_SPLIT_ALL, "b", "1");
    add(&f, AS_SPLIT_ALL, "a", "2");
    cr_assert_eq(as_dataset_finish(&f.dataset, false, "x", NULL), ASSAY_OK);
    expect_labels(&f.dataset, labels, 2);
    cr_assert_str_eq(f.dataset.rows[0].text, "2", "labels by name, so is their order");
    fixture_close(&f);
}

Test(dataset, one_label_is_no_classification) {
    fixture f = fixture_open(open_manifest);
    assay_error error = ASSAY_ERROR_INIT;
    add(&f, AS_SPLIT_ALL, "b", "1");
    cr_assert_eq(as_dataset_finish(&f.dataset, true, "x", &error), ASSAY_BAD_DATA);
    cr_assert(strstr(error.text, "the one label \"b\""), "%s", error.text);
    fixture_close(&f);
}

Test(dataset, thousands_of_labels_are_kept_apart_but_not_any_number) {
    fixture f = fixture_open(open_manifest);
    assay_error error = ASSAY_ERROR_INIT;
    uint32_t index;
    bool skip;
    char label[16];
    for (uint32_t round = 0; round < 2; round++)
        for (uint32_t k = 0; k < AS_MAX_LABELS; k++) {
            int n = snprintf(label, sizeof label, "l%u", k);
            cr_assert_eq(as_dataset_label(&f.dataset, &f.manifest, label, (size_t)n, "x", &index,
                                          &skip, NULL),
                         ASSAY_OK);
            cr_assert_eq(index, k);
        }
    cr_assert_eq(
        as_dataset_label(&f.dataset, &f.manifest, "one more", 8, "x:9", &index, &skip, &error),
        ASSAY_LIMIT);
    cr_assert(strstr(error.text, "label 10001"), "%s", error.text);
    fixture_close(&f);
}

Test(dataset, labels_that_are_no_text_are_refused) {
    static const struct {
        const char *label;
        size_t n;
        const char *piece;
    } cases[] = {{"", 0, "empty"}, {"a\0b", 3, "not valid UTF-8"}, {"\xff", 1, "0xff"}};
    fixture f = fixture_open(open_manifest);
    for (size_t i = 0; i < 3; i++) {
        uint32_t index = 77;
        bool skip;
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(as_dataset_label(&f.dataset, &f.manifest, cases[i].label, cases[i].n, "x:7",
                                      &index, &skip, &error),
                     ASSAY_BAD_DATA);
        cr_assert_str_eq(error.where, "x:7");
        cr_assert(strstr(error.text, cases[i].piece), "%s", error.text);
        cr_assert_eq(index, 77);
    }
    fixture_close(&f);
}

Test(dataset, a_label_that_is_not_in_the_manifest_is_named) {
    fixture f = fixture_open(folders_manifest);
    uint32_t index;
    bool skip;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(
        as_dataset_label(&f.dataset, &f.manifest, "poss", 4, "a.csv:12", &index, &skip, &error),
        ASSAY_BAD_DATA);
    cr_assert_str_eq(error.where, "a.csv:12");
    cr_assert(strstr(error.text, "\"poss\" is not in the manifest"), "%s", error.text);
    cr_assert(strstr(error.text, "did you mean \"pos\"?"), "%s", error.text);
    fixture_close(&f);
}
