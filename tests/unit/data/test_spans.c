/* SPDX-License-Identifier: MIT */
/* Where tokens stand in the source's text: exactly, where cleaning left it alone; else where their
 * letters come next. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "data/tokenizers/spans.h"

enum { MOST = 16 };

static as_arena *arena;
static assay_error error;

static void set_up(void) {
    arena = as_arena_new();
    error = (assay_error)ASSAY_ERROR_INIT;
}

static void tear_down(void) {
    as_arena_free(arena);
}

TestSuite(spans, .init = set_up, .fini = tear_down);

#define OK(call) cr_assert_eq(call, ASSAY_OK, "%s: %s", error.where, error.text)

/* "the@0 cat@4 -": the first n tokens' bytes and places in the text, "-" for one without. */
static const char *spans_of(const char *steps, const char *kind, const char *text, int32_t n) {
    static char shown[512];
    json_t *json = steps ? json_loads(steps, 0, NULL) : NULL;
    as_encoder_parts parts = {.max_tokens = MOST};
    as_encoder *encoder = NULL;
    as_token_span spans[MOST];
    if (json)
        OK(as_cleaner_new(json, "test", &parts.cleaner, &error));
    OK(as_splitter_new(arena, kind, NULL, "test", &parts.splitter, &error));
    OK(as_encoder_new(arena, &parts, &encoder, &error));
    OK(as_encoder_spans(encoder, text, strlen(text), n, spans, &error));
    shown[0] = '\0';
    for (int32_t i = 0; i < n; i++) {
        size_t used = strlen(shown);
        cr_assert(spans[i].begin <= spans[i].end && spans[i].end <= (int64_t)strlen(text));
        if (spans[i].begin < 0)
            snprintf(shown + used, sizeof shown - used, "%s-", i ? " " : "");
        else
            snprintf(shown + used, sizeof shown - used, "%s%.*s@%d", i ? " " : "",
                     (int)(spans[i].end - spans[i].begin), text + spans[i].begin,
                     (int)spans[i].begin);
    }
    as_splitter_free(parts.splitter);
    as_cleaner_free(parts.cleaner);
    json_decref(json);
    return shown;
}

Test(spans, are_the_tokenizers_without_cleaning) {
    cr_assert_str_eq(spans_of(NULL, "words", "The cat, the caf\xc3\xa9.", 4),
                     "The@0 cat@4 the@9 caf\xc3\xa9@13");
    cr_assert_str_eq(spans_of(NULL, "whitespace", " a  bb\tc ", 3), "a@1 bb@4 c@7");
    cr_assert_str_eq(spans_of(NULL, "words", "two words", 4), "two@0 words@4 - -", "padding");
    cr_assert_str_eq(spans_of(NULL, "words", "", 1), "-", "a text without a token");
}

#define REPLACE(pattern, by)                                                                       \
    "[{\"step\": \"regex\", \"pattern\": \"" pattern "\", \"replace\": \"" by "\"}]"

Test(spans, are_found_again_behind_cleaning) {
    cr_assert_str_eq(spans_of("[\"lower\"]", "words", "The CAT sat", 3), "The@0 CAT@4 sat@8");
    cr_assert_str_eq(spans_of("[\"strip_html\"]", "words", "one<br />two <b>three</b>", 3),
                     "one@0 two@9 three@16");
    cr_assert_str_eq(spans_of(REPLACE("[0-9]+", "NUM"), "words", "in 1999 it was 42 so", 6),
                     "in@0 - it@8 was@11 - so@18");
}

Test(spans, of_words_are_whole_words_in_order) {
    cr_assert_str_eq(spans_of("[\"strip_punctuation\"]", "words", "cat, cat a cat", 4),
                     "cat@0 cat@5 a@9 cat@11", "none is taken twice");
    cr_assert_str_eq(spans_of(REPLACE("^tomcat cats ", ""), "words", "tomcat cats cat", 1),
                     "cat@12", "not inside another word, before or behind");
    cr_assert_str_eq(
        spans_of("[\"lower\"]", "words", "In 1975\xe2\x80\x94The \xe2\x80\x9cPlot\xe2\x80\x9d", 4),
        "In@0 1975@3 The@10 Plot@17", "beside a dash and quotation marks");
    cr_assert_str_eq(spans_of(REPLACE("^\u00e9cat ", ""), "words",
                              "\xc3\xa9"
                              "cat cat",
                              1),
                     "cat@6", "behind a letter that is not ASCII");
}
