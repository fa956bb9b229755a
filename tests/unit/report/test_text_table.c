/* SPDX-License-Identifier: MIT */
/* Alignment, dropped columns, hostile names. */
#include "report/text_table.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const as_number numbers[2][2] = {{{"86.3", "2.3"}, {"67.0 M", ""}},
                                        {{"7.55", "0.21"}, {"812", ""}}};
static const char *const headings[2] = {"accuracy %", "params"};

static char *print(int width, bool ascii, size_t *ret_shown) {
    as_table_row rows[3] = {{"*", "gru", numbers[0], NULL},
                            {" ", "b\x1b[2Jad", numbers[1], NULL},
                            {" ", "caf\xc3\xa9", NULL, "failed in 1 of 1 seeds: out of memory"}};
    as_table table = {headings, 2, rows, 3, width, ascii};
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    *ret_shown = as_table_print(&table, stream);
    fclose(stream);
    return text;
}

Test(text_table, aligns_at_the_point) {
    size_t shown;
    char *text = print(0, false, &shown);
    cr_assert_str_eq(text, "           accuracy %  params\n"
                           "* gru      86.3 \xc2\xb1"
                           "2.3   67.0 M\n"
                           "  b?[2Jad   7.55\xc2\xb1"
                           "0.21     812\n"
                           "  caf\xc3\xa9     failed in 1 of 1 seeds: out of memory\n");
    cr_assert_eq(shown, 2);
    free(text);
}

Test(text_table, drops_columns_and_cuts_text_to_the_width) {
    size_t shown;
    char *text = print(25, true, &shown);
    cr_assert_eq(shown, 1);
    cr_assert(!strstr(text, "params"));
    cr_assert(strstr(text, "+-2.3"));
    cr_assert(strstr(text, "failed in 1..."));
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        cr_assert_leq(as_text_width(line), 25, "%s", line);
    free(text);
}

Test(text_table, wraps_words) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    as_print_wrapped(stream, "! ", "  ", "one two three", 8);
    fclose(stream);
    cr_assert_str_eq(text, "! one\n  two\n  three\n");
    free(text);
}
