/* SPDX-License-Identifier: MIT */
/* Cleaning steps, one by one and in a row. */
#include <criterion/criterion.h>
#include <string.h>

#include "data/cleaning/cleaning.h"

/* Applies the named steps in order and compares. */
static void cleans(const char *const *names, size_t n, const char *text, const char *expected) {
    as_arena *arena = as_arena_new();
    as_text buffers[2] = {{arena, NULL, 0, 0}, {arena, NULL, 0, 0}};
    const as_cleaning_step *steps[4];
    const char *out;
    size_t n_out;
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(as_cleaning_find(names[i], "x", &steps[i], NULL), ASSAY_OK);
    cr_assert_eq(as_clean(steps, n, text, strlen(text), buffers, &out, &n_out, NULL), ASSAY_OK);
    cr_assert_eq(n_out, strlen(expected), "%.*s", (int)n_out, out);
    cr_assert_eq(memcmp(out, expected, n_out), 0, "%.*s", (int)n_out, out);
    as_arena_free(arena);
}

static void cleans_one(const char *name, const char *text, const char *expected) {
    cleans(&name, 1, text, expected);
}

Test(cleaning, lower) {
    cleans_one("lower", "", "");
    cleans_one("lower", "AbC [Z] 09", "abc [z] 09");
    cleans_one("lower", "\xc3\x84\xc3\x96 \xce\x91\xce\xa9 \xd0\x96",
               "\xc3\xa4\xc3\xb6 \xce\xb1\xcf\x89 \xd0\xb6"); /* umlauts, Greek, Cyrillic */
    cleans_one("lower", "\xc8\xba", "\xe2\xb1\xa5"); /* U+023A grows from two to three bytes */
    cleans_one("lower", "\xc4\xb0", "i");            /* U+0130, simple mapping */
    cleans_one("lower", "\xf0\x90\x90\x80 \xe4\xb8\xad", "\xf0\x90\x90\xa8 \xe4\xb8\xad");
}

Test(cleaning, lower_has_room_for_the_worst) {
    char text[2 * 5000 + 1] = "", expected[3 * 5000 + 1] = "";
    for (int i = 0; i < 5000; i++) {
        memcpy(text + 2 * i, "\xc8\xba", 2);
        memcpy(expected + 3 * i, "\xe2\xb1\xa5", 3);
    }
    cleans_one("lower", text, expected);
}

Test(cleaning, strip_html) {
    cleans_one("strip_html", "a<br />b</p>c", "a b c");
    cleans_one("strip_html", "<i>x</i>", " x ");
    cleans_one("strip_html", "<!-- note --><?xml?>z", "  z");
    cleans_one("strip_html", "1 < 2 > 1, <3, a <", "1 < 2 > 1, <3, a <");
    cleans_one("strip_html", "open <br and on", "open <br and on");
    cleans_one("strip_html", "<b", "<b");
    cleans_one("strip_html", "&amp;", "&amp;");
}

Test(cleaning, a_page_of_open_tags_takes_linear_time) {
    size_t n = 4 << 20;
    char *text = malloc(n + 1);
    for (size_t i = 0; i < n; i += 2)
        memcpy(text + i, "<a", 2);
    text[n] = '\0';
    cleans_one("strip_html", text, text);
    free(text);
}

Test(cleaning, steps_run_in_order) {
    const char *both[] = {"strip_html", "lower", "strip_html"};
    cleans(both, 3, "A<BR>B<", "a b<");
    cleans(both, 0, "A<BR>", "A<BR>");
}

Test(cleaning, unknown_steps_suggest_the_nearest) {
    const as_cleaning_step preset, *step = &preset;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_cleaning_find("strip_htlm", "x#/cleaning/0", &step, &error),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert_str_eq(error.where, "x#/cleaning/0");
    cr_assert(strstr(error.text, "use \"strip_html\""), "%s", error.text);
    cr_assert_eq(step, &preset);
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_cleaning_find("stem", "x", &step, &error), ASSAY_INVALID_ARGUMENT);
    cr_assert(strstr(error.text, "steps: lower, strip_html"), "%s", error.text);
}
