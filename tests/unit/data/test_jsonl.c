/* SPDX-License-Identifier: MIT */
/* JSON Lines: fields, label types, and what is refused. */
#include "table_set.h"

#define JSONL "\"format\": \"jsonl\", \"label\": \"label\", \"text\": [\"text\"]"
typedef const char *const rows[][2];

Test(jsonl, labels_are_strings_or_integers) {
    table_expect(
        JSONL,
        "{\"text\": \"a\\n\\\"b\\\"\", \"label\": \"0\"}\n"
        "{\"label\": 1, \"text\": \"\\u00e9 \\ud83d\\ude00\", \"other\": [1, {\"x\": null}]}",
        2, (rows){{"0", "a\n\"b\""}, {"1", "\xc3\xa9 \xf0\x9f\x98\x80"}});
}

Test(jsonl, several_texts_are_joined_by_a_blank) {
    table_expect("\"format\": \"jsonl\", \"label\": \"y\", \"text\": [\"b\", \"a\"]",
                 "{\"a\": \"1\", \"b\": \"2\", \"y\": 0}\n{\"a\": \"\", \"b\": \"\", \"y\": 1}\n",
                 2, (rows){{"0", "2 1"}, {"1", " "}});
}

Test(jsonl, mark_blank_lines_and_crlf) {
    table_set t = table_read(JSONL, "\xef\xbb\xbf{\"text\": \"a\", \"label\": 0}\r\n\r\n \t\n"
                                    "{\"text\": \"b\", \"label\": 1}\r\n");
    table_expect_ok(t);
    cr_assert_eq(t.data.n_rows, 2);
    cr_assert_str_eq(t.data.rows[1].text, "b");
    cr_assert_str_eq(t.data.rows[1].name, "line 4");
    table_done(&t);
}

Test(jsonl, broken_lines_have_line_and_column) {
    table_expect_error(JSONL, "{\"text\": \"a\", \"label\": 0}\n{\"text\": \"b\",\n", "rows:2:1:13",
                       "not valid JSON");
    table_expect_error(JSONL, "{\"text\": \"a\", \"label\": 0} {}\n", "rows:1:1:27",
                       "not valid JSON");
    table_expect_error(JSONL, "{\"text\": \"a\", \"text\": \"b\", \"label\": 0}\n", "rows:1:1:20",
                       "duplicate");
    table_expect_error(JSONL, "{\"text\": \"a\\u0000\", \"label\": 0}\n", "rows:1:1:18", "\\u0000");
    table_expect_error(JSONL, "[1]\n", "rows:1", "is a JSON array; expected an object");
    table_expect_error(JSONL, "{\"text\": \"\xe9\", \"label\": 0}\n", "rows:1", "0xe9");
}

Test(jsonl, fields_of_another_kind_are_named) {
    table_expect_error(JSONL, "{\"txt\": \"a\", \"label\": 0}\n", "rows:1",
                       "no field \"text\" but a field \"txt\"");
    table_expect_error(JSONL, "{\"text\": \"a\"}\n", "rows:1", "no field \"label\"; every line");
    table_expect_error(JSONL, "{\"text\": 1, \"label\": 0}\n", "rows:1",
                       "text \"text\" is a JSON integer");
    table_expect_error(JSONL, "{\"text\": \"a\", \"label\": 0.0}\n", "rows:1",
                       "label \"label\" is a JSON number");
    table_expect_error(JSONL, "{\"text\": \"a\", \"label\": true}\n", "rows:1",
                       "is a JSON boolean");
    table_expect_error(JSONL, "{\"text\": null, \"label\": 0}\n", "rows:1", "is a JSON null");
    table_expect_error(JSONL, "{\"text\": \"a\", \"label\": 7}\n", "rows:1", "\"7\"");
    table_expect_error(JSONL, "{\"text\": \"a\", \"label\": \"\"}\n", "rows:1", "label is empty");
}

Test(jsonl, bounds) {
    static const char rest[] = "\"splits\": {\"all\": \".\"}, \"labels\": [\"0\", \"1\"], "
                               "\"limits\": {\"text_bytes\": 3}";
    static const char fits[] =
        "{\"text\": \"abc\", \"label\": 0}\n{\"text\": \"d\", \"label\": 1}\n";
    static const char over[] =
        "{\"text\": \"d\", \"label\": 1}\n{\"text\": \"abcd\", \"label\": 0}\n";
    table_set t = table_read_with(JSONL, rest, fits, strlen(fits));
    table_expect_ok(t);
    table_done(&t);
    t = table_read_with(JSONL, rest, over, strlen(over));
    cr_assert_eq(t.status, ASSAY_LIMIT);
    cr_assert(strstr(t.error.where, "rows:2") && strstr(t.error.text, "over 3 bytes"), "%s: %s",
              t.error.where, t.error.text);
    table_done(&t);
    enum { N = 2 << 20 };
    char *deep = malloc(N);
    cr_assert_not_null(deep);
    memset(deep, '[', N);
    memset(deep + 100, ']', 100);
    table_expect_error_in(JSONL, deep, 200, ASSAY_LIMIT, "rows:1", "deeper");
    memset(deep, '[', N);
    t = table_read_with(JSONL, rest, deep, N);
    cr_assert_eq(t.status, ASSAY_LIMIT);
    cr_assert(strstr(t.error.text, "the line has over"), "%s", t.error.text);
    table_done(&t);
    free(deep);
    table_expect_error(JSONL, "", "rows", "holds no rows");
    table_expect_error(JSONL, "\n", "rows", "holds no rows");
}
