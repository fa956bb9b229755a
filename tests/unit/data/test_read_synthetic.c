/* SPDX-License-Identifier: MIT */
/* The generated data set: the same bytes everywhere, nothing for a bag of words, all in the order.
 */
#include "data/tokenizers/splitter.h"
#include "data/tokenizers/vocabulary.h"
#include "data_set.h"

static as_dataset load(as_arena *arena, as_manifest *manifest) {
    as_dataset d = {0};
    const char *source;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_manifest_load(arena, "synthetic", manifest, &error), ASSAY_OK, "%s: %s",
                 error.where, error.text);
    cr_assert_eq(as_dataset_load(arena, manifest, NULL, NULL, &d, &source, &error), ASSAY_OK,
                 "%s: %s", error.where, error.text);
    return d;
}

Test(read_synthetic, same_bytes_everywhere) {
    as_arena *arena = as_arena_new();
    as_manifest manifest;
    as_dataset d = load(arena, &manifest);
    cr_assert_eq(d.n_rows, 2500);
    cr_assert_str_eq(d.sha256.text, manifest.content_sha256);
    as_manifest_done(&manifest);
    as_arena_free(arena);
}

static as_split_cursor cursor_of(const as_dataset_row *row) {
    return (as_split_cursor){row->text, row->text, row->text + row->n_bytes};
}

static const char *next_word(as_splitter *splitter, as_split_cursor *cursor, size_t *n) {
    const char *token;
    cr_assert_eq(as_splitter_next(splitter, cursor, &token, n, NULL), ASSAY_OK);
    return token;
}

/* Every word count, and so every multinomial naive Bayes score, is equal for both classes. */
Test(read_synthetic, classes_have_the_same_bag_of_words) {
    as_arena *arena = as_arena_new();
    as_manifest manifest;
    as_dataset d = load(arena, &manifest);
    as_splitter *splitter;
    cr_assert_eq(as_splitter_new(arena, "words", NULL, "x", &splitter, NULL), ASSAY_OK);
    for (int split = 0; split < AS_SPLIT_COUNT; split++) {
        as_word_counts *counts[2];
        uint32_t rows[2] = {0};
        for (int k = 0; k < 2; k++)
            cr_assert_eq(as_word_counts_new(arena, &counts[k], NULL), ASSAY_OK);
        for (uint32_t i = 0; i < d.n_rows; i++) {
            as_split_cursor cursor = cursor_of(&d.rows[i]);
            const char *token;
            size_t n;
            if ((int)d.rows[i].split != split)
                continue;
            rows[d.rows[i].label]++;
            while ((token = next_word(splitter, &cursor, &n)))
                cr_assert_eq(as_word_counts_add(counts[d.rows[i].label], token, n, NULL), ASSAY_OK);
        }
        cr_assert_eq(rows[0], rows[1]);
        cr_assert_eq(as_word_counts_distinct(counts[0]), as_word_counts_distinct(counts[1]));
        for (uint32_t i = 0; i < d.n_rows; i++) {
            as_split_cursor cursor = cursor_of(&d.rows[i]);
            const char *token;
            size_t n;
            while ((token = next_word(splitter, &cursor, &n)))
                cr_assert_eq(as_word_counts_get(counts[0], token, n),
                             as_word_counts_get(counts[1], token, n));
        }
    }
    as_splitter_free(splitter);
    as_manifest_done(&manifest);
    as_arena_free(arena);
}

Test(read_synthetic, the_label_is_the_order_of_the_markers) {
    as_arena *arena = as_arena_new();
    as_manifest manifest;
    as_dataset d = load(arena, &manifest);
    for (uint32_t i = 0; i < d.n_rows; i++) {
        const char *red = strstr(d.rows[i].text, "red"), *blue = strstr(d.rows[i].text, "blue");
        cr_assert(red && blue && !strstr(red + 1, "red") && !strstr(blue + 1, "blue"));
        cr_assert_eq(d.rows[i].label, red < blue ? 0 : 1);
    }
    as_manifest_done(&manifest);
    as_arena_free(arena);
}

Test(read_synthetic, wrong_recipes_are_refused) {
    static const char *const cases[][3] = {
        {"\"train\": 3", "[\"a\", \"b\"]", "must be even"},
        {"\"min_words\": 9, \"max_words\": 8", "[\"a\", \"b\"]", "from 9 to 512"},
        {"\"seed\": 1", "[\"a\", \"b\", \"c\"]", "has 3 labels"},
    };
    scratch_path scratch = scratch_folder();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char json[512];
        as_arena *arena = as_arena_new();
        as_dataset d;
        const char *source;
        assay_error error = ASSAY_ERROR_INIT;
        snprintf(json, sizeof json,
                 "{\"schema_version\": 1, \"name\": \"s\", \"kind\": \"dataset\", \"license\": "
                 "\"x\", \"reader\": {\"format\": \"synthetic\", %s}, \"labels\": %s}",
                 cases[i][0], cases[i][1]);
        as_manifest manifest = manifest_of(arena, scratch.text, json);
        cr_assert_eq(as_dataset_load(arena, &manifest, NULL, NULL, &d, &source, &error),
                     ASSAY_BAD_DATA);
        cr_assert(strstr(error.text, cases[i][2]), "%s", error.text);
        as_manifest_done(&manifest);
        as_arena_free(arena);
    }
    scratch_remove(&scratch);
}

Test(read_synthetic, a_path_has_no_meaning) {
    as_arena *arena = as_arena_new();
    as_manifest manifest;
    as_dataset d = {0};
    const char *source;
    cr_assert_eq(as_manifest_load(arena, "synthetic", &manifest, NULL), ASSAY_OK);
    cr_assert_eq(as_dataset_load(arena, &manifest, "/tmp", NULL, &d, &source, NULL),
                 ASSAY_INVALID_ARGUMENT);
    as_manifest_done(&manifest);
    as_arena_free(arena);
}
