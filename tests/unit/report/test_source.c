/* SPDX-License-Identifier: MIT */
/* Marks around numbers: what they say, where they stand, and what breaks them. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "report/source.h"

static char *write_text(size_t *ret_size) {
    char *text = NULL;
    as_record a = {.cell = "gru__s1"}, b = {.cell = "gru\x03__s2"};
    const as_record *records[] = {&a, &b};
    as_row_summary row = {.records = records, .n_records = 2};
    FILE *stream = open_memstream(&text, ret_size);
    fputs("one\n", stream);
    as_source_run(stream, 3);
    fputs("a ", stream);
    as_source_row(stream, &row, "result.json", "test.accuracy", "mean");
    fputs("86.3", stream);
    as_source_end(stream);
    fputs(" b ", stream);
    as_source_begin(stream, "run.json", "x\x02y", NULL);
    fputs("2", stream);
    as_source_end(stream);
    fputs("\n", stream);
    fclose(stream);
    return text;
}

Test(source, marks_come_out_as_places) {
    size_t size = 0;
    char *text = write_text(&size);
    as_arena *arena = as_arena_new();
    as_number_sources list;
    cr_assert_eq(as_source_strip(arena, text, size, &size, &list, NULL), ASSAY_OK);
    cr_assert_str_eq(text, "one\na 86.3 b 2\n");
    cr_assert_eq(size, strlen(text));
    cr_assert_eq(list.n, 2);
    cr_assert_eq(list.items[0].line, 2);
    cr_assert_eq(list.items[0].column, 3);
    cr_assert_eq(list.items[0].offset, 6);
    cr_assert_eq(list.items[0].run, 3);
    cr_assert_str_eq(list.items[0].text, "86.3");
    cr_assert_str_eq(list.items[0].file, "cells/{gru__s1,gru?__s2}/result.json");
    cr_assert_str_eq(list.items[0].how, "mean");
    cr_assert_str_eq(list.items[1].field, "x?y");
    cr_assert_str_eq(list.items[1].how, "");
    as_arena_free(arena);
    free(text);
}

Test(source, broken_marks_are_our_mistake) {
    static const char *const bad[] = {"\001a\037b\037c\0022",
                                      "\001a\037b",
                                      "x\003",
                                      "\002x",
                                      "\001a\037b\037c\0021\001d\037e\037f\0022\003\003",
                                      "\001a\037b\037c\0022\n\003"};
    as_arena *arena = as_arena_new();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *text = strdup(bad[i]);
        size_t size = 99;
        as_number_sources list = {NULL, 77};
        cr_assert_eq(as_source_strip(arena, text, strlen(text), &size, &list, NULL), ASSAY_INTERNAL,
                     "case %zu", i);
        cr_assert_eq(size, 99);
        cr_assert_eq(list.n, 77);
        free(text);
    }
    as_arena_free(arena);
}
