/* SPDX-License-Identifier: MIT */
/* News articles: what is stripped, against scikit-learn's own functions (tests/golden/
 * make_news_golden.py), and the three shipped data sets. */
#include "data/readers/news.h"

#include "table_set.h"

static json_t *golden(const char *name) {
    char path[4096];
    json_error_t why;
    const char *folder = getenv("AS_GOLDEN");
    cr_assert(folder, "AS_GOLDEN is not set; meson test sets it");
    snprintf(path, sizeof path, "%s/%s", folder, name);
    json_t *json = json_load_file(path, 0, &why);
    cr_assert(json, "%s: %s", path, why.text);
    return json;
}

static const char *const part_names[] = {"headers", "footers", "quotes"};

Test(news, strips_as_scikit_learn_does) {
    json_t *json = golden("news.json"), *cases = json_object_get(json, "cases"), *one;
    size_t i;
    for (i = 0; i < 3; i++)
        cr_assert_str_eq(json_string_value(json_array_get(json_object_get(json, "parts"), i)),
                         part_names[i]);
    cr_assert_geq(json_array_size(cases), 110);
    json_array_foreach(cases, i, one) {
        const json_t *text = json_object_get(one, "text");
        size_t n = json_string_length(text);
        for (unsigned parts = 0; parts < 8; parts++) {
            const json_t *stripped = json_array_get(json_object_get(one, "stripped"), parts);
            char *copy = malloc(n + 1);
            cr_assert_not_null(copy);
            memcpy(copy, json_string_value(text), n + 1);
            size_t left = as_news_strip(copy, n, parts);
            cr_assert(left == json_string_length(stripped) &&
                          memcmp(copy, json_string_value(stripped), left) == 0,
                      "case %zu, parts %u: \"%.*s\", not \"%s\"", i, parts, (int)left, copy,
                      json_string_value(stripped));
            free(copy);
        }
    }
    json_decref(json);
}

/* What is no UTF-8 is no white space either, and nothing is read past the end. */
Test(news, broken_utf8_is_left_alone) {
    static const char text[] = "h\n\n\xe3\x80\n a\n--\n\xc2";
    for (size_t n = 0; n < sizeof text; n++) {
        char *copy = malloc(n ? n : 1);
        cr_assert_not_null(copy);
        memcpy(copy, text, n);
        cr_assert_leq(as_news_strip(copy, n, 7), n);
        free(copy);
    }
}

static as_dataset load_corpus(as_arena *arena, as_manifest *manifest) {
    as_dataset d = {0};
    const char *source;
    assay_error error = ASSAY_ERROR_INIT;
    scratch_path path = scratch_join(table_test_data(), "20news/20news-bydate.tar.xz");
    cr_assert_eq(as_dataset_load(arena, manifest, path.text, NULL, &d, &source, &error), ASSAY_OK,
                 "%s: %s", error.where, error.text);
    return d;
}

/* Every one of the 18,846 texts, with every selection of the parts. */
Test(news, the_whole_corpus_equals_scikit_learn_s) {
    table_test_data();
    json_t *json = golden("news_digests.json"), *digests = json_object_get(json, "sha256");
    for (unsigned parts = 0; parts < 8; parts++) {
        as_arena *arena = as_arena_new();
        as_manifest manifest;
        assay_error error = ASSAY_ERROR_INIT;
        char name[32] = "";
        cr_assert_eq(as_manifest_load(arena, "20newsgroups-all", &manifest, &error), ASSAY_OK,
                     "%s: %s", error.where, error.text);
        json_t *strip = json_object_get(manifest.reader, "strip");
        cr_assert_eq(json_array_clear(strip), 0);
        for (unsigned k = 3; k-- > 0;) /* the list's order means nothing */
            if (parts >> k & 1)
                cr_assert_eq(json_array_append_new(strip, json_string(part_names[k])), 0);
        for (unsigned k = 0; k < 3; k++)
            if (parts >> k & 1)
                strcat(strcat(name, name[0] ? "+" : ""), part_names[k]);
        as_dataset d = load_corpus(arena, &manifest);
        cr_assert_eq(d.n_rows, (uint32_t)json_integer_value(json_object_get(json, "texts")));
        cr_assert_str_eq(d.sha256.text, json_string_value(json_object_get(digests, name)), "%s",
                         name);
        as_manifest_done(&manifest);
        as_arena_free(arena);
    }
    json_decref(json);
}

/* Words between white space (Python's str.split; the texts have no character past U+00FF). */
static uint64_t count_words(const as_dataset_row *row, uint64_t *characters) {
    uint64_t words = 0;
    bool in_word = false;
    for (size_t i = 0; i < row->n_bytes; i++) {
        unsigned c = (unsigned char)row->text[i];
        if (c >= 0x80)
            c = (c & 0x1f) << 6 | ((unsigned char)row->text[++i] & 0x3f);
        bool space = (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0;
        words += !space && !in_word;
        in_word = !space;
        ++*characters;
    }
    return words;
}

/* Study B's exploratory figures. */
Test(news, the_whole_set_gives_study_b_s_figures) {
    table_test_data();
    as_arena *arena = as_arena_new();
    as_manifest manifest;
    assay_error error = ASSAY_ERROR_INIT;
    uint64_t words = 0, characters = 0, longest = 0;
    uint32_t blank = 0, counts[20] = {0}, fewest = UINT32_MAX, most = 0;
    cr_assert_eq(as_manifest_load(arena, "20newsgroups-all", &manifest, &error), ASSAY_OK);
    as_dataset d = load_corpus(arena, &manifest);
    for (uint32_t i = 0; i < d.n_rows; i++) {
        uint64_t n = count_words(&d.rows[i], &characters);
        words += n;
        blank += n == 0;
        longest = n > longest ? n : longest;
        counts[d.rows[i].label]++;
    }
    for (size_t k = 0; k < 20; k++) {
        fewest = counts[k] < fewest ? counts[k] : fewest;
        most = counts[k] > most ? counts[k] : most;
    }
    cr_assert_eq(d.n_rows, 18846);
    cr_assert_eq(words, 3423145, "%llu words", (unsigned long long)words);
    cr_assert_eq(characters, 22043554, "%llu characters", (unsigned long long)characters);
    cr_assert_eq(longest, 11765);
    cr_assert_eq(blank, 515);
    cr_assert_eq(fewest, 628);
    cr_assert_eq(counts[19], 628, "talk.religion.misc");
    cr_assert_eq(most, 999);
    cr_assert_eq(counts[10], 999, "rec.sport.hockey");
    as_manifest_done(&manifest);
    as_arena_free(arena);
}

Test(news, by_date) {
    static const uint32_t counts[4 * 20] = {/* train */ 480,
                                            584,
                                            591,
                                            590,
                                            578,
                                            593,
                                            585,
                                            594,
                                            598,
                                            597,
                                            600,
                                            595,
                                            591,
                                            594,
                                            593,
                                            599,
                                            546,
                                            564,
                                            465,
                                            377,
                                            /* validation */ 0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            /* test */ 319,
                                            389,
                                            394,
                                            392,
                                            385,
                                            395,
                                            390,
                                            396,
                                            398,
                                            397,
                                            399,
                                            396,
                                            393,
                                            396,
                                            394,
                                            398,
                                            364,
                                            376,
                                            310,
                                            251};
    table_expect_counts("20newsgroups", "20news/20news-bydate.tar.xz", counts, 80);
}

Test(news, technical_groups_against_the_others) {
    table_expect_counts("20newsgroups-technical", "20news/20news-bydate.tar.xz",
                        (uint32_t[]){6005, 5309, 0, 0, 3998, 3534, 0, 0}, 8);
}

Test(news, all_as_one) {
    static const uint32_t counts[4 * 20] = {[60] = 799, 973, 985, 982, 963, 988, 975,
                                            990,        996, 994, 999, 991, 984, 990,
                                            987,        997, 910, 940, 775, 628};
    table_expect_counts("20newsgroups-all", "20news/20news-bydate.tar.xz", counts, 80);
}

/* From a folder, in UTF-8, without stripping. */
Test(news, articles_of_one_s_own) {
    static const char manifest_text[] =
        "{\"schema_version\": 1, \"name\": \"mine\", \"kind\": \"dataset\", \"license\": \"x\", "
        "\"reader\": {\"format\": \"news\"%s}, \"splits\": {\"all\": [\"a\", \"b\"]}}";
    static const char article[] = "From: \xc3\xa9\n\nIt's said:\n> x\nkept\n\n-- \n\xc3\xa9\n";
    scratch_path scratch = scratch_folder(), root = scratch_join(scratch.text, "set");
    scratch_write(root.text, "a/one/1", article, sizeof article - 1);
    scratch_write(root.text, "b/two/1", article, sizeof article - 1);
    for (int stripped = 0; stripped < 2; stripped++) {
        char text[512];
        snprintf(text, sizeof text, manifest_text,
                 stripped ? ", \"strip\": [\"quotes\", \"headers\"]" : "");
        as_arena *arena = as_arena_new();
        as_manifest manifest = manifest_of(arena, scratch.text, text);
        as_dataset d = {0};
        const char *source;
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(as_dataset_load(arena, &manifest, root.text, NULL, &d, &source, &error),
                     ASSAY_OK, "%s: %s", error.where, error.text);
        cr_assert_eq(d.n_rows, 2);
        cr_assert_str_eq(d.labels[d.rows[1].label], "two");
        cr_assert_str_eq(d.rows[1].text, stripped ? "kept\n\n-- \n\xc3\xa9\n" : article);
        as_manifest_done(&manifest);
        as_arena_free(arena);
    }
    scratch_remove(&scratch);
}
