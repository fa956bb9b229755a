/* SPDX-License-Identifier: MIT */
/* Option structs from a suite's values: types, ranges, choices, suggestions, and back to text. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>

#include "plugin/plugin.h"

typedef struct test_options {
    int64_t hidden, bidirectional, pooling;
    double dropout, scale;
    const char *command, *needed;
} test_options;

static const char *const poolings[] = {"last", "mean", "max", NULL};

static const assay_option table[] = {
    ASSAY_OPTION_INT(test_options, hidden, 64, 1, 4096, "state size"),
    ASSAY_OPTION_BOOL(test_options, bidirectional, 1, "both directions"),
    ASSAY_OPTION_CHOICE(test_options, pooling, 1, poolings, "row vector"),
    ASSAY_OPTION_REAL(test_options, dropout, 0.1, 0, 0.99, "drop probability"),
    ASSAY_OPTION_REAL(test_options, scale, 2, -INFINITY, INFINITY, "factor"),
    ASSAY_OPTION_TEXT(test_options, command, 16, "what is started"),
    ASSAY_OPTION_ROW(test_options, needed, ASSAY_OPTION_KIND_TEXT, 0, 3, 4, NULL, "a name"),
};

static const assay_plugin descriptor = {
    .struct_size = sizeof descriptor,
    .id = "test",
    .options = table,
    .n_options = sizeof table / sizeof *table,
    .options_size = sizeof(test_options),
};

static as_arena *arena;

static void setup(void) {
    arena = as_arena_new();
}

static void teardown(void) {
    as_arena_free(arena);
}

TestSuite(options, .init = setup, .fini = teardown);

static as_option_value number(const char *name, double x) {
    return (as_option_value){.name = name, .kind = AS_OPTION_NUMBER, .number = x};
}

static as_option_value boolean(const char *name, bool x) {
    return (as_option_value){.name = name, .kind = AS_OPTION_BOOL, .number = x};
}

static as_option_value text(const char *name, const char *x) {
    return (as_option_value){.name = name, .kind = AS_OPTION_TEXT, .text = x};
}

static const test_options *fill(const as_option_value *values, size_t n) {
    assay_error error = ASSAY_ERROR_INIT;
    void *options = NULL;
    cr_assert_eq(as_options_fill(arena, &descriptor, values, n, "options", &options, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    return options;
}

Test(options, defaults) {
    const test_options *o = fill(NULL, 0);
    cr_assert_eq(o->hidden, 64);
    cr_assert_eq(o->bidirectional, 1);
    cr_assert_eq(o->pooling, 1);
    cr_assert_eq(o->dropout, 0.1);
    cr_assert_eq(o->scale, 2);
    cr_assert_str_eq(o->command, "");
}

Test(options, a_text_is_copied_and_may_be_as_long_as_its_row_says) {
    char given[] = "0123456789abcde\xc3\xa9"; /* 17 bytes: one over */
    const as_option_value value = text("command", given + 1);
    const test_options *o = fill(&value, 1);
    cr_assert_str_eq(o->command, "123456789abcde\xc3\xa9");
    given[1] = 'x';
    cr_assert_str_eq(o->command, "123456789abcde\xc3\xa9", "the struct has a copy");
}

Test(options, a_text_may_be_of_any_script) {
    const as_option_value value = text("command", "~ \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    cr_assert_str_eq(fill(&value, 1)->command, value.text);
}

Test(options, values_replace_defaults_and_bounds_are_inclusive) {
    const as_option_value values[] = {number("hidden", 4096), boolean("bidirectional", false),
                                      text("pooling", "max"), number("dropout", 0),
                                      number("scale", -1e300)};
    const test_options *o = fill(values, 5);
    cr_assert_eq(o->hidden, 4096);
    cr_assert_eq(o->bidirectional, 0);
    cr_assert_eq(o->pooling, 2);
    cr_assert_eq(o->dropout, 0);
    cr_assert_eq(o->scale, -1e300);
}

Test(options, last_value_of_a_name_counts) {
    const as_option_value values[] = {number("hidden", 8), number("hidden", 9)};
    cr_assert_eq(fill(values, 2)->hidden, 9);
}

Test(options, bad_values_are_refused) {
    const struct {
        as_option_value value;
        const char *text;
    } cases[] = {
        {number("hidden", 0), "found 0; expected an integer from 1 to 4096"},
        {number("hidden", 4097), "found 4097; expected an integer from 1 to 4096"},
        {number("hidden", 2.5), "found 2.5; expected an integer"},
        {number("hidden", NAN), "nan; expected an integer"},
        {number("hidden", INFINITY), "found inf; expected an integer"},
        {number("hidden", 1e300), "expected an integer from 1 to 4096"},
        {text("hidden", "64"), "found the text '64'; expected an integer"},
        {boolean("hidden", true), "found true; expected an integer"},
        {number("dropout", 1), "found 1; expected a number from 0 to 0.99"},
        {number("dropout", -0.001), "expected a number from 0 to 0.99"},
        {number("dropout", NAN), "nan; expected a number"},
        {number("scale", INFINITY), "found inf; expected a number"},
        {number("scale", NAN), "nan; expected a number"},
        {number("bidirectional", 1), "found 1; expected true or false"},
        {text("bidirectional", "yes"), "found the text 'yes'; expected true or false"},
        {text("pooling", "maks"), "expected one of last, mean, max; did you mean 'max'?"},
        {text("pooling", "transformer"), "expected one of last, mean, max"},
        {text("pooling", ""), "found the text ''"},
        {number("pooling", 1), "found 1; expected one of last, mean, max"},
        {number("hiden", 64), "test has no such option; did you mean 'hidden'?"},
        {number("nonsense", 1), "`assay show test` lists its 7"},
        {number("command", 1), "found 1; expected a text"},
        {boolean("command", true), "found true; expected a text"},
        {text("command", "0123456789abcdefg"), "found over 16 bytes; expected a text of 0 to 16"},
        {text("needed", "ab"), "found 2 bytes; expected a text of 3 to 4"},
        {text("command", "a\nb"), "found the byte 0x0a at 1; expected UTF-8 without control"},
        {text("command", "ab\x7f"), "found the byte 0x7f at 2"},
        {text("command", "\xc2\x85"), "found the byte 0xc2 at 0"},         /* C1: next line */
        {text("command", "a\xff"), "found the byte 0xff at 1"},            /* no first byte */
        {text("command", "\xc0\xaf"), "found the byte 0xc0 at 0"},         /* overlong '/' */
        {text("command", "\xe0\x80\xaf"), "found the byte 0xe0 at 0"},     /* overlong '/' */
        {text("command", "\xed\xa0\x80"), "found the byte 0xed at 0"},     /* surrogate */
        {text("command", "\xf4\x90\x80\x80"), "found the byte 0xf4 at 0"}, /* over U+10FFFF */
        {text("command", "ab\xe2\x82"), "found the byte 0xe2 at 2"},       /* cut */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assay_error error = ASSAY_ERROR_INIT;
        void *preset = &error, *options = preset;
        char where[64];
        snprintf(where, sizeof where, "entries[1] (gru).options.%s", cases[i].value.name);
        cr_assert_eq(as_options_fill(arena, &descriptor, &cases[i].value, 1,
                                     "entries[1] (gru).options", &options, &error),
                     ASSAY_INVALID_ARGUMENT, "%s passed", cases[i].text);
        cr_assert(strstr(error.text, cases[i].text), "found '%s', expected '%s'", error.text,
                  cases[i].text);
        cr_assert_str_eq(error.where, where);
        cr_assert_eq(options, preset, "untouched on failure");
    }
}

Test(options, a_plugin_without_options_takes_none) {
    const assay_plugin none = {.struct_size = sizeof none, .id = "none"};
    const as_option_value value = number("hidden", 1);
    assay_error error = ASSAY_ERROR_INIT;
    void *options = NULL;
    cr_assert_eq(as_options_fill(arena, &none, NULL, 0, "options", &options, &error), ASSAY_OK);
    cr_assert_eq(as_options_fill(arena, &none, &value, 1, "options", &options, &error),
                 ASSAY_INVALID_ARGUMENT);
}

static void expect_text(const test_options *options, size_t row, const char *expected) {
    char found[64];
    as_option_text(&table[row], options, found, sizeof found);
    cr_assert_str_eq(found, expected);
}

Test(options, text_of_values) {
    const test_options o = {.hidden = 128,
                            .bidirectional = 0,
                            .pooling = 1,
                            .dropout = 0.1,
                            .scale = 1.0 / 3,
                            .command = "python3 -u",
                            .needed = ""};
    expect_text(&o, 0, "128");
    expect_text(&o, 1, "false");
    expect_text(&o, 2, "mean");
    expect_text(&o, 3, "0.1");
    expect_text(&o, 4, "0.3333333333333333");
    expect_text(&o, 5, "python3 -u");
    expect_text(&o, 6, "");
}
