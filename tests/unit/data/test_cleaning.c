/* SPDX-License-Identifier: MIT */
/* Cleaning steps against Python's unicodedata, re, html and scikit-learn's rules (tests/golden,
 * cleaning.json), in a row, counted, bounded, and refused where they are wrong. */
#include "data/cleaning/cleaning.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utf8proc.h>

#include "../stats/golden.h"
#include "base/file.h"

static json_t *parsed(const char *json) {
    json_error_t why;
    json_t *steps = json_loads(json, JSON_DECODE_ANY, &why);
    cr_assert_not_null(steps, "%s: %s", json, why.text);
    return steps;
}

static as_cleaner *cleaner_of(const json_t *steps) {
    as_cleaner *cleaner = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_cleaner_new(steps, "x#/cleaning", &cleaner, &error), ASSAY_OK, "%s: %s",
                 error.where, error.text);
    return cleaner;
}

static as_cleaner *cleaner_from(const char *json) {
    json_t *steps = parsed(json);
    as_cleaner *cleaner = cleaner_of(steps);
    json_decref(steps); /* the cleaner keeps what it needs */
    return cleaner;
}

/* Cleans n bytes and compares with m expected ones; `what` names the case. */
static void gives_bytes(as_cleaner *cleaner, const char *text, size_t n, const char *expected,
                        size_t m, const char *what) {
    const char *out;
    size_t n_out;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_clean(cleaner, text, n, &out, &n_out, &error), ASSAY_OK, "%s: %s", error.where,
                 error.text);
    cr_assert(n_out == m && (m == 0 || memcmp(out, expected, m) == 0),
              "%s\n  of   \"%.*s\"\n  gave \"%.*s\"\n  not  \"%.*s\"", what, (int)n, text,
              (int)n_out, out, (int)m, expected);
}

static void cleans(const char *json, const char *text, const char *expected) {
    as_cleaner *cleaner = cleaner_from(json);
    gives_bytes(cleaner, text, strlen(text), expected, strlen(expected), json);
    as_cleaner_free(cleaner);
}

/* ---- against Python ---------------------------------------------------------------------------*/

static void check_case(const json_t *texts, const json_t *one) {
    const json_t *steps = json_object_get(one, "steps"), *outputs = json_object_get(one, "outputs");
    char *what = json_dumps(steps, 0);
    as_cleaner *cleaner = cleaner_of(steps);
    cr_assert_eq(json_array_size(outputs), json_array_size(texts));
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const json_t *text = json_array_get(texts, i), *expected = json_array_get(outputs, i);
        gives_bytes(cleaner, json_string_value(text), json_string_length(text),
                    json_string_value(expected), json_string_length(expected), what);
    }
    as_cleaner_free(cleaner);
    free(what);
}

Test(cleaning, steps_give_what_python_gives) {
    json_t *golden = golden_load("cleaning.json");
    const json_t *texts = json_object_get(golden, "texts"), *one;
    size_t i;
    cr_assert_gt(json_array_size(texts), 40);
    cr_assert_gt(json_array_size(json_object_get(golden, "cases")), 30);
    json_array_foreach(json_object_get(golden, "cases"), i, one) check_case(texts, one);
    json_decref(golden);
}

typedef struct growing {
    char *data;
    size_t n, capacity;
} growing;

static void grow(growing *to, const char *bytes, size_t n) {
    if (to->n + n > to->capacity) {
        to->capacity = 2 * (to->n + n);
        to->data = realloc(to->data, to->capacity);
    }
    memcpy(to->data + to->n, bytes, n);
    to->n += n;
}

/* The cleaner's results for "CHARACTER aCHARACTER" of first .. last, a line each. */
static void clean_characters(as_cleaner *cleaner, int32_t first, int32_t last, growing *to) {
    for (int32_t point = first; point <= last; point++) {
        char text[16];
        const char *out;
        size_t n_out;
        utf8proc_ssize_t n = utf8proc_encode_char(point, (utf8proc_uint8_t *)text);
        memcpy(text + n, " a", 2);
        memcpy(text + n + 2, text, (size_t)n);
        cr_assert_eq(as_clean(cleaner, text, 2 * (size_t)n + 2, &out, &n_out, NULL), ASSAY_OK);
        grow(to, out, n_out);
        grow(to, "\n", 1);
    }
}

Test(cleaning, every_assigned_character_as_python_has_it) {
    json_t *golden = golden_load("cleaning.json");
    const json_t *one, *run;
    size_t i, k;
    json_array_foreach(json_object_get(golden, "digests"), i, one) {
        json_t *steps = json_pack("[O]", json_object_get(one, "step"));
        as_cleaner *cleaner = cleaner_of(steps);
        growing all = {0};
        json_array_foreach(json_object_get(golden, "assigned"), k, run)
            clean_characters(cleaner, (int32_t)json_integer_value(json_array_get(run, 0)),
                             (int32_t)json_integer_value(json_array_get(run, 1)), &all);
        as_sha256_hex hex = as_sha256_bytes(all.data, all.n);
        cr_expect_str_eq(hex.text, json_string_value(json_object_get(one, "sha256")), "%s",
                         json_string_value(json_object_get(one, "step")));
        free(all.data);
        as_cleaner_free(cleaner);
        json_decref(steps);
    }
    json_decref(golden);
}

/* ---- single steps -----------------------------------------------------------------------------*/

Test(cleaning, lower_has_room_for_the_worst) {
    char text[2 * 5000 + 1] = "", expected[3 * 5000 + 1] = "";
    for (int i = 0; i < 5000; i++) {
        memcpy(text + 2 * i, "\xc8\xba", 2); /* U+023A: two bytes become three */
        memcpy(expected + 3 * i, "\xe2\xb1\xa5", 3);
    }
    cleans("[\"lower\"]", text, expected);
}

Test(cleaning, nul_bytes_are_characters) {
    static const char *const same[] = {
        "lower",      "casefold",     "unicode_nfc",      "strip_html",
        "strip_urls", "strip_quotes", "strip_punctuation"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        char json[64];
        snprintf(json, sizeof json, "[\"%s\"]", same[i]);
        as_cleaner *cleaner = cleaner_from(json);
        gives_bytes(cleaner, "a\0b", 3, "a\0b", 3, json);
        as_cleaner_free(cleaner);
    }
    as_cleaner *cleaner = cleaner_from("[{\"step\": \"regex\", \"pattern\": \"b\"}, "
                                       "{\"step\": \"remove_stopwords\", \"words\": [\"a\"]}]");
    gives_bytes(cleaner, "a\0c\0 a b", 8, "a\0c\0", 4, "regex, remove_stopwords");
    as_cleaner_free(cleaner);
    cleaner = cleaner_from("[\"strip_control\"]");
    gives_bytes(cleaner, "a\0b", 3, "ab", 2, "strip_control");
    as_cleaner_free(cleaner);
}

Test(cleaning, study_d_prints_this_example) {
    cleans("[\"lower\", \"strip_html\", \"strip_urls\", \"strip_emails\","
           " {\"step\": \"keep\", \"characters\": [\"letters\", \"spaces\"]}, \"collapse_space\","
           " {\"step\": \"remove_stopwords\", \"list\": \"nltk_english\"},"
           " {\"step\": \"min_token_length\", \"length\": 3}]",
           "Visit our website at https://example.com for more info! <b>Special Offer!!!</b>",
           "visit website info special offer");
}

Test(cleaning, steps_run_in_order) {
    cleans("[\"strip_html\", \"lower\", \"strip_html\"]", "A<BR>B<", "a b<");
    cleans("[\"unescape_html\", \"strip_html\"]", "&lt;b&gt;x", " x");
    cleans("[\"strip_html\", \"unescape_html\"]", "&lt;b&gt;x", "<b>x");
    cleans("[]", "A<BR>", "A<BR>");
    cleans("null", "A<BR>", "A<BR>");
}

Test(cleaning, an_unchanged_text_is_not_copied) {
    as_cleaner *cleaner = cleaner_from("[\"lower\", \"strip_html\", \"collapse_space\"]");
    const char *text = "as it was", *out;
    size_t n;
    cr_assert_eq(as_clean(cleaner, text, 9, &out, &n, NULL), ASSAY_OK);
    cr_assert_eq(out, text);
    as_cleaner_free(cleaner);
}

Test(cleaning, replacements_see_groups_and_case) {
    cleans("[{\"step\": \"regex\", \"pattern\": \"(?<a>x)|(y)\", \"replace\": \"[${a}$2]\"}]",
           "axbyc", "a[x]b[y]c");
    cleans("[{\"step\": \"regex\", \"pattern\": \"(\\\\w+)\", \"replace\": \"\\\\u$1$$\"}]",
           "ab cd", "Ab$ Cd$");
    cleans("[{\"step\": \"regex\", \"pattern\": \"\xc3\xa4\", \"case_insensitive\": true}]",
           "a\xc3\x84\xc3\xa4", "a");
    cleans("[{\"step\": \"regex\", \"pattern\": \"(?<=a)b\\\\K\", \"replace\": \"-\"}]", "abab",
           "ab-ab-");
}

/* ---- counts -----------------------------------------------------------------------------------*/

static void check_counts(const as_cleaning_counts *counts, const char *step, uint64_t texts,
                         uint64_t changed, uint64_t emptied, uint64_t removed) {
    cr_expect_str_eq(counts->step, step);
    cr_expect_eq(counts->texts, texts, "%s: %lu texts", step, (unsigned long)counts->texts);
    cr_expect_eq(counts->changed, changed, "%s: %lu changed", step, (unsigned long)counts->changed);
    cr_expect_eq(counts->emptied, emptied, "%s: %lu emptied", step, (unsigned long)counts->emptied);
    cr_expect_eq(counts->characters_removed, removed, "%s: %lu removed", step,
                 (unsigned long)counts->characters_removed);
}

Test(cleaning, each_step_is_counted) {
    static const char *const texts[] = {
        "",
        "  ",
        "<b>",
        "x<b>\xc3\xa9</b>",
        "A",
        "the the",
        "\xe4\xb8\xad <i> \xf0\x9f\x98\x80 <i>\xe4\xb8\xad<i>\xe4\xb8\xad<i>\xe4\xb8\xad"};
    as_cleaner *cleaner = cleaner_from(
        "[\"strip_html\", \"lower\", {\"step\": \"remove_stopwords\", \"list\": "
        "\"sklearn_english\"}, {\"step\": \"regex\", \"pattern\": \"^$\", \"replace\": \"none\"}]");
    const char *out;
    size_t n;
    cr_assert_eq(as_cleaner_n_steps(cleaner), 4);
    cr_assert_eq(as_cleaner_n_text_steps(cleaner), 2);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_assert_eq(as_clean(cleaner, texts[i], strlen(texts[i]), &out, &n, NULL), ASSAY_OK);
    const as_cleaning_counts *counts = as_cleaner_counts(cleaner);
    check_counts(&counts[0], "strip_html", 7, 3, 1, 2 + (2 + 3) + 4 * 2);
    check_counts(&counts[1], "lower", 7, 1, 0, 0);
    /* "  ", " ", the end of the fourth, "a", "the the", three blanks of the last */
    check_counts(&counts[2], "remove_stopwords", 7, 6, 2, 2 + 1 + 1 + 1 + 7 + 3);
    check_counts(&counts[3], "regex", 7, 5, 0, 0);
    as_cleaner_reset(cleaner);
    check_counts(&as_cleaner_counts(cleaner)[0], "strip_html", 0, 0, 0, 0);
    as_cleaner_free(cleaner);
}

Test(cleaning, a_prefix_is_not_counted) {
    as_cleaner *cleaner =
        cleaner_from("[\"lower\", {\"step\": \"min_token_length\", \"length\": 2}]");
    const char *out;
    size_t n;
    cr_assert_eq(as_clean_prefix(cleaner, 1, "A Bc", 4, &out, &n, NULL), ASSAY_OK);
    cr_assert(n == 4 && memcmp(out, "a bc", 4) == 0);
    cr_assert_eq(as_clean_prefix(cleaner, 9, "A Bc", 4, &out, &n, NULL), ASSAY_OK);
    cr_assert(n == 2 && memcmp(out, "bc", 2) == 0);
    cr_assert_eq(as_clean_prefix(cleaner, 0, "A Bc", 4, &out, &n, NULL), ASSAY_OK);
    cr_assert(n == 4 && memcmp(out, "A Bc", 4) == 0);
    cr_assert_eq(as_cleaner_counts(cleaner)[0].texts, 0);
    cr_assert_eq(as_cleaner_n_text_steps(cleaner), 1);
    as_cleaner_free(cleaner);
    cleaner = cleaner_from("null");
    cr_assert_eq(as_cleaner_n_steps(cleaner), 0);
    as_cleaner_free(cleaner);
}

/* ---- bounds -----------------------------------------------------------------------------------*/

/* Cleans `n` times `piece` and then `end`; checks status, part of the error, and the time. */
static void takes(const char *json, const char *piece, size_t n, const char *end,
                  assay_status expected, const char *part) {
    size_t size = strlen(piece), total = n * size;
    char *text = malloc(total + strlen(end) + 1);
    const char preset = 0, *out = &preset;
    size_t n_out = 77;
    assay_error error = ASSAY_ERROR_INIT;
    as_cleaner *cleaner = cleaner_from(json);
    for (size_t i = 0; i < n; i++)
        memcpy(text + i * size, piece, size);
    memcpy(text + total, end, strlen(end) + 1);
    clock_t begin = clock();
    cr_assert_eq(as_clean(cleaner, text, total + strlen(end), &out, &n_out, &error), expected,
                 "%s: %s: %s", json, error.where, error.text);
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    cr_assert_lt(seconds, 20, "%s: %.1f s", json, seconds);
    if (expected != ASSAY_OK) {
        cr_assert_str_eq(error.where, "x#/cleaning/0");
        cr_assert(strstr(error.text, part), "%s", error.text);
        cr_assert(out == &preset && n_out == 77);
        cr_assert_eq(as_cleaner_counts(cleaner)[0].texts, 0);
    }
    as_cleaner_free(cleaner);
    free(text);
}

Test(cleaning, catastrophic_patterns_are_refused_in_time) {
    static const char *const patterns[] = {"(a+)+$", "(a|aa)+$", "(a?){30}a{30}$", "(a*)*\\\\1$",
                                           "(?:a|a?)+$"};
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        char json[128];
        snprintf(json, sizeof json, "[{\"step\": \"regex\", \"pattern\": \"%s\"}]", patterns[i]);
        takes(json, "a", 100000, "b", ASSAY_LIMIT, "takes too many steps on a text of 100001");
    }
    takes("[{\"step\": \"regex\", \"pattern\": \"(a+)+$\"}]", "a", 100000, "b", ASSAY_LIMIT,
          "regex \"(a+)+$\"");
    takes("[{\"step\": \"regex\", \"pattern\": \"\\\\s+$\"}]", " ", 100000, "x", ASSAY_LIMIT,
          "possessive");
}

Test(cleaning, costly_but_linear_patterns_pass) {
    takes("[{\"step\": \"regex\", \"pattern\": \"(?s)<!--.*?-->\"}]", "<!-- 0123456789 --> x", 500,
          "", ASSAY_OK, "");
    char *text = malloc(400020), *expected = "<>";
    memset(text, 'x', 400020);
    memcpy(text, "<(", 2);
    memcpy(text + 400000, ")>", 3);
    as_cleaner *cleaner =
        cleaner_from("[{\"step\": \"regex\", \"pattern\": \"(?s)\\\\((?:[a-z]|.)*?\\\\)\"}]");
    gives_bytes(cleaner, text, 400002, expected, 2, "a long comment");
    as_cleaner_free(cleaner);
    free(text);
}

Test(cleaning, the_watched_search_finds_what_the_fast_one_finds) {
    /* too long for the fast form; matches at the end only, some of them empty */
    size_t n = 60000;
    char *text = malloc(n + 16), *expected = malloc(n + 32);
    memset(text, 'a', n);
    strcpy(text + n, "b xy z xy");
    memset(expected, 'a', n);
    strcpy(expected + n, "b -! z -!");
    as_cleaner *cleaner = cleaner_from(
        "[{\"step\": \"regex\", \"pattern\": \"^(?:a|b)*?c|x|(?<=y)(?=\\\\b)|y\","
        " \"replace\": \"-\"}, {\"step\": \"regex\", \"pattern\": \"--+\", \"replace\": \"-!\"}]");
    gives_bytes(cleaner, text, strlen(text), expected, strlen(expected), "watched search");
    as_cleaner_free(cleaner);
    free(text);
    free(expected);
}

Test(cleaning, what_trips_the_fast_search_is_searched_again) {
    /* 4,000 bytes: the free steps are 250 a start, the second match needs more */
    char text[4096], expected[64];
    strcpy(text, "x (ab) ");
    memset(text + 7, 'c', 3400);
    strcpy(text + 3407, "(");
    memset(text + 3408, 'd', 600);
    strcpy(text + 4008, ") x");
    snprintf(expected, sizeof expected, "x ab ");
    json_t *steps = parsed("[{\"step\": \"regex\", \"pattern\": \"\\\\(((?:[a-z]|-)+?)\\\\)\","
                           " \"replace\": \"$1\"},"
                           " {\"step\": \"regex\", \"pattern\": \"cc+|dd+\", \"replace\": \"e\"}]");
    as_cleaner *cleaner = cleaner_of(steps);
    strcat(expected, "ee x");
    gives_bytes(cleaner, text, strlen(text), expected, strlen(expected), "searched again");
    as_cleaner_free(cleaner);
    json_decref(steps);
}

Test(cleaning, results_may_not_multiply) {
    takes("[{\"step\": \"regex\", \"pattern\": \"x\", \"replace\": \"0123456789012345678901\"}]",
          "x", 1000000, "", ASSAY_LIMIT, "16 times its length and 1 MiB");
    takes("[{\"step\": \"regex\", \"pattern\": \"(.{1000})\", \"replace\": "
          "\"$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1\"}]",
          "x", 1000000, "", ASSAY_LIMIT, "16 times its length and 1 MiB");
}

Test(cleaning, hostile_texts_take_linear_time) {
    takes("[\"strip_html\"]", "<a", 2 << 20, "", ASSAY_OK, "");
    takes("[\"unicode_nfc\"]", "\xcc\x81\xcc\xa3", 1 << 20, "", ASSAY_OK, ""); /* to be sorted */
    takes("[\"strip_accents\"]", "\xcc\x81\xcc\xa3", 1 << 20, "", ASSAY_OK, "");
    takes("[\"unicode_nfkc\"]", "\xef\xb7\xba", 1 << 18, "", ASSAY_OK, ""); /* eleven times */
    takes("[\"strip_emails\"]", "a@", 2 << 20, "", ASSAY_OK, "");
    takes("[\"strip_emails\"]", "a.", 2 << 20, "@a.a.a.a", ASSAY_OK, "");
    takes("[\"strip_urls\"]", "http://", 1 << 20, "", ASSAY_OK, "");
    takes("[\"strip_urls\"]", "www.. ", 1 << 20, "", ASSAY_OK, "");
    takes("[\"strip_quotes\"]", "\n", 4 << 20, "", ASSAY_OK, "");
    takes("[\"unescape_html\"]", "&#0", 1 << 20, "", ASSAY_OK, "");
    takes("[\"unescape_html\"]", "&", 1 << 20, "", ASSAY_OK, "");
}

/* ---- wrong lists ------------------------------------------------------------------------------*/

/* `json` is refused at `where` with `part` in the text. */
static void refused(const char *json, assay_status status, const char *where, const char *part) {
    json_t *steps = parsed(json);
    as_cleaner *const preset = (as_cleaner *)(uintptr_t)16, *cleaner = preset;
    assay_error error = ASSAY_ERROR_INIT;
    cr_expect_eq(as_cleaner_new(steps, "x#/cleaning", &cleaner, &error), status, "%s", json);
    cr_expect_str_eq(error.where, where, "%s: %s", error.where, error.text);
    cr_expect(strstr(error.text, part), "%s: %s", json, error.text);
    cr_expect_eq(cleaner, preset);
    json_decref(steps);
}

#define BAD ASSAY_BAD_DATA
#define WRONG ASSAY_INVALID_ARGUMENT
#define AT(rest) "x#/cleaning" rest

Test(cleaning, wrong_steps_are_refused_with_their_place) {
    refused("[\"strip_htlm\"]", WRONG, AT("/0"), "use \"strip_html\"");
    refused("[\"lower\", \"stem\"]", WRONG, AT("/1"), "there are: lower, casefold");
    refused("{}", BAD, AT(""), "expected a list of steps");
    refused("[3]", BAD, AT("/0"), "found integer");
    refused("[{\"name\": \"lower\"}]", BAD, AT("/0"), "an object with \"step\"");
    refused("[{\"step\": \"lower\", \"locale\": \"tr\"}]", BAD, AT("/0"), "fields: step");
    refused("[{\"step\": \"regex\", \"patern\": \"x\"}]", BAD, AT("/0"), "use \"pattern\"");
    refused("[\"min_token_length\"]", BAD, AT("/0/length"), "missing");
    refused("[{\"step\": \"min_token_length\", \"length\": 0}]", BAD, AT("/0/length"), "from 1");
    refused("[{\"step\": \"strip_quotes\", \"attributions\": 1}]", BAD, AT("/0/attributions"),
            "true or false");
    char many[1024] = "[";
    for (int i = 0; i < 65; i++)
        strcat(many, i ? ", \"lower\"" : "\"lower\"");
    refused(strcat(many, "]"), BAD, AT(""), "has 65 steps; at most 64");
}

Test(cleaning, wrong_characters_and_words_are_refused) {
    refused("[\"keep\"]", BAD, AT("/0/characters"), "missing");
    refused("[{\"step\": \"keep\", \"characters\": \"letters\"}]", BAD, AT("/0/characters"),
            "expected a list");
    refused("[{\"step\": \"keep\", \"characters\": [1]}]", BAD, AT("/0/characters/0"), "a string");
    refused("[{\"step\": \"keep\", \"characters\": [\"digits\", \"leters\"]}]", WRONG,
            AT("/0/characters/1"), "use \"letters\"");
    refused("[{\"step\": \"strip_digits\", \"replace\": \"01234567890123456\"}]", BAD,
            AT("/0/replace"), "17 bytes; at most 16");
    refused("[\"remove_stopwords\"]", BAD, AT("/0"), "needs \"list\"");
    refused("[{\"step\": \"remove_stopwords\", \"list\": \"nltk_englsh\"}]", WRONG, AT("/0/list"),
            "use \"nltk_english\"");
    refused("[{\"step\": \"remove_stopwords\", \"words\": [\"a\", \"b c\"]}]", BAD,
            AT("/0/words/1"), "without white space");
    refused("[{\"step\": \"remove_stopwords\", \"words\": [\"\"]}]", BAD, AT("/0/words/0"),
            "without white space");
}

Test(cleaning, wrong_patterns_are_refused) {
    refused("[{\"step\": \"regex\", \"pattern\": \"a(b\"}]", BAD, AT("/0/pattern"), "at byte 3");
    refused("[{\"step\": \"regex\", \"pattern\": \"\"}]", BAD, AT("/0/pattern"), "1 to 4096");
    refused("[{\"step\": \"regex\", \"pattern\": \"\\\\C\"}]", BAD, AT("/0/pattern"), "\\C");
    refused("[{\"step\": \"regex\", \"pattern\": \"(a)\", \"replace\": \"$2\"}]", BAD,
            AT("/0/replace"), "$1");
    refused("[{\"step\": \"regex\", \"pattern\": \"(a)\", \"replace\": \"${b}\"}]", BAD,
            AT("/0/replace"), "${name}");
}
