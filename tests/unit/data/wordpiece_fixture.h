/* SPDX-License-Identifier: MIT */
/* A WordPiece tokenizer with two scratches, for the tests of its encoder and of its readers. */
#ifndef WORDPIECE_FIXTURE_H
#define WORDPIECE_FIXTURE_H

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "data/tokenizers/wordpiece.h"

typedef struct fixture {
    as_arena *arena;
    as_wordpiece *wordpiece;
    as_wordpiece_scratch *scratch, *other;
} fixture;

static inline fixture start_fixture(void) {
    fixture f = {as_arena_new(), NULL, as_wordpiece_scratch_new(), as_wordpiece_scratch_new()};
    cr_assert(f.arena && f.scratch && f.other);
    return f;
}

static inline void end_fixture(fixture *f) {
    as_wordpiece_scratch_free(f->scratch);
    as_wordpiece_scratch_free(f->other);
    as_arena_free(f->arena);
}

static inline fixture from_json(const char *document) {
    fixture f = start_fixture();
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_wordpiece_from_json(f.arena, document, strlen(document), "tokenizer.json", NULL,
                                        &f.wordpiece, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    return f;
}

static inline fixture from_vocab(const char *text, size_t n_bytes,
                                 const as_wordpiece_options *options) {
    fixture f = start_fixture();
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(
        as_wordpiece_from_vocab(f.arena, text, n_bytes, "vocab.txt", options, &f.wordpiece, &error),
        ASSAY_OK, "%s: %s", error.where, error.text);
    return f;
}

/* Folder of the real data; without it the test is skipped, under CI failed. */
static inline const char *test_data(void) {
    const char *folder = getenv("ASSAY_TEST_DATA"), *ci = getenv("CI");
    if (folder && *folder)
        return folder;
    cr_assert(!ci || strcmp(ci, "true") != 0, "ASSAY_TEST_DATA is not set");
    cr_skip("ASSAY_TEST_DATA is not set: no vocabulary and no corpora");
    return "";
}

static inline fixture from_test_data(const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", test_data(), name);
    fixture f = start_fixture();
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_wordpiece_load(f.arena, path, NULL, &f.wordpiece, &error), ASSAY_OK, "%s: %s",
                 error.where, error.text);
    return f;
}

static inline json_t *load_golden(void) {
    json_t *golden = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    char path[4096];
    cr_assert_not_null(getenv("AS_GOLDEN"));
    snprintf(path, sizeof path, "%s/wordpiece.json", getenv("AS_GOLDEN"));
    cr_assert_eq(as_json_load(path, &golden, &error), ASSAY_OK, "%s: %s", error.where, error.text);
    return golden;
}

#endif
