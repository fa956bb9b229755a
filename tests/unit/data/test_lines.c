/* SPDX-License-Identifier: MIT */
/* "LABEL text" lines, one file a label, and the SMS Spam Collection's form. */
#include "table_set.h"

#define LINES "\"format\": \"lines\""
#define SMS "\"format\": \"sms\""
typedef const char *const rows[][2];

Test(lines, the_first_blank_parts_label_and_text) {
    table_expect(LINES, "0 a b .\n1  c \r\n0 \n1 \xc3\xa9", 4,
                 (rows){{"0", "a b ."}, {"1", " c "}, {"0", ""}, {"1", "\xc3\xa9"}});
    table_expect(SMS, "0\ta b\tc\n1\t\"d\"\n", 2, (rows){{"0", "a b\tc"}, {"1", "\"d\""}});
}

Test(lines, lines_without_a_label_are_errors) {
    table_expect_error(LINES, "0 a\nb\n", "rows:2", "found \"b\"; expected a label, a blank");
    table_expect_error(LINES, "0 a\n\n1 b\n", "rows:2", "found \"\"; expected a label");
    table_expect_error(LINES, " a\n", "rows:1", "found \" a\"; expected a label");
    table_expect_error(LINES, "0 a\n2 b\n", "rows:2", "\"2\"");
    table_expect_error(SMS, "0\ta\n1 b\n", "rows:2", "found \"1 b\"; expected a label, a tab");
    table_expect_error(LINES, "", "rows", "holds no rows");
}

/* The excerpt in an error is cut between characters. */
Test(lines, long_lines_are_quoted_in_part) {
    char line[121];
    for (size_t i = 0; i < 60; i++)
        memcpy(line + 2 * i, "\xc3\xa9", 2);
    memmove(line + 1, line, 119);
    line[0] = 'x';
    memset(line + 117, 'y', 2);
    line[119] = '\n', line[120] = '\0';
    table_set t = table_read(LINES, line);
    cr_assert_eq(t.status, ASSAY_BAD_DATA);
    const char *found = strstr(t.error.text, "found \"x"),
               *end = strstr(t.error.text, "\"; expected");
    cr_assert(found && end);
    cr_assert_eq(end - (found + 7), 59, "x and 29 letters of two bytes");
    table_done(&t);
}

Test(lines, nul_bytes_and_bounds) {
    static const char nul[] = "0 a\n1 b\0\n";
    table_expect_error_in(LINES, nul, sizeof nul - 1, ASSAY_BAD_DATA, "rows:2", "offset 7");
    table_set t = table_read_with(LINES,
                                  "\"splits\": {\"all\": \".\"}, \"labels\": [\"0\", \"1\"], "
                                  "\"limits\": {\"text_bytes\": 3}",
                                  "0 abc\n1 abcd\n", 13);
    cr_assert_eq(t.status, ASSAY_LIMIT);
    cr_assert(strstr(t.error.where, "rows:2"), "%s", t.error.where);
    table_done(&t);
}

Test(lines, one_file_a_label) {
    static const char manifest_text[] =
        "{\"schema_version\": 1, \"name\": \"mine\", \"kind\": \"dataset\", \"license\": \"x\", "
        "\"reader\": {\"format\": \"lines\", \"encoding\": \"latin-1\"}, "
        "\"splits\": {\"all\": {\"pos\": \"p.txt\", \"neg\": \"n.txt\"}}, "
        "\"labels\": [\"neg\", \"pos\"]}";
    scratch_path scratch = scratch_folder();
    as_arena *arena = as_arena_new();
    as_dataset d = {0};
    const char *source;
    assay_error error = ASSAY_ERROR_INIT;
    scratch_write(scratch.text, "set/p.txt", "0 one\n\n", 7);
    scratch_write(scratch.text, "set/n.txt", "\xe9 \r\n", 4);
    scratch_path path = scratch_join(scratch.text, "set");
    as_manifest manifest = manifest_of(arena, scratch.text, manifest_text);
    cr_assert_eq(as_dataset_load(arena, &manifest, path.text, NULL, &d, &source, &error), ASSAY_OK,
                 "%s: %s", error.where, error.text);
    cr_assert_eq(d.n_rows, 3);
    cr_assert_str_eq(d.rows[0].text, "0 one");
    cr_assert_eq(d.rows[0].label, 1);
    cr_assert_str_eq(d.rows[1].text, "");
    cr_assert_str_eq(d.rows[1].name, "line 2");
    cr_assert_str_eq(d.rows[2].text, "\xc3\xa9 ");
    cr_assert_eq(d.rows[2].label, 0);
    as_manifest_done(&manifest);
    as_arena_free(arena);
    scratch_remove(&scratch);
}

/* ---- shipped data sets ------------------------------------------------------------------------*/

Test(lines, sst2) {
    table_expect_counts("sst2", "small/sst2", (uint32_t[]){3310, 3610, 428, 444, 912, 909, 0, 0},
                        8);
}

Test(lines, sst5) {
    table_expect_counts("sst5", "small/sst5",
                        (uint32_t[]){1092, 2218, 1624, 2322, 1288, 139, 289, 229, 279, 165,
                                     279,  633,  389,  510,  399,  0,   0,   0,   0,   0},
                        20);
}

Test(lines, mr) {
    table_expect_counts("mr", "small/mr", (uint32_t[]){0, 0, 0, 0, 0, 0, 5331, 5331}, 8);
}

Test(lines, sms_spam) {
    table_expect_counts("sms-spam", "small/sms-spam", (uint32_t[]){0, 0, 0, 0, 0, 0, 4827, 747}, 8);
}
