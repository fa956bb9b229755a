/* SPDX-License-Identifier: MIT */
/* RFC 4180 fields, written and read back. */
#include "results/record/csv.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *write_fields(const char *const *fields, size_t n) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    for (size_t i = 0; i < n; i++) {
        if (i)
            fputc(',', stream);
        as_csv_write_field(stream, fields[i]);
    }
    fputs("\n", stream);
    fclose(stream);
    return text;
}

Test(csv, special_fields_survive) {
    const char *fields[] = {"plain", "with,comma", "say \"x\"", "two\nlines",
                            "",      " outer ",    "a\rb"};
    char *text = write_fields(fields, 7);
    cr_assert(strstr(text, "\"say \"\"x\"\"\""));
    as_csv csv = as_csv_open(text);
    const char *broken;
    for (size_t i = 0; i < 7; i++) {
        const char *field = as_csv_next(&csv, &broken);
        cr_assert_str_eq(field, fields[i]);
        cr_assert_eq(csv.at_line_end, i == 6);
    }
    cr_assert_null(as_csv_next(&csv, &broken));
    cr_assert_null(broken);
    free(text);
}

Test(csv, lines_are_counted_and_crlf_ends_them) {
    char text[] = "a,b\r\n\"x\ny\",\nlast,";
    const char *expected[] = {"a", "b", "x\ny", "", "last", ""};
    const size_t lines[] = {1, 1, 2, 3, 4, 4};
    as_csv csv = as_csv_open(text);
    const char *broken;
    for (size_t i = 0; i < 6; i++) {
        cr_assert_str_eq(as_csv_next(&csv, &broken), expected[i]);
        cr_assert_eq(csv.line, lines[i], "field %zu on line %zu", i, csv.line);
    }
    cr_assert_null(as_csv_next(&csv, &broken));
}

Test(csv, broken_quotes_are_errors) {
    const char *cases[] = {"\"open", "\"a\"b,c", "a\rb"};
    for (size_t i = 0; i < 3; i++) {
        char text[16];
        snprintf(text, sizeof text, "%s", cases[i]);
        as_csv csv = as_csv_open(text);
        const char *broken = NULL;
        cr_assert_null(as_csv_next(&csv, &broken));
        cr_assert_not_null(broken);
    }
}
