/* SPDX-License-Identifier: MIT */
/* Characters of UTF-8, and what of them may go to a terminal. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

Test(utf8, characters_are_as_rfc_3629_has_them) {
    static const struct {
        const char *text;
        size_t n;
        uint32_t code;
    } cases[] = {{"a", 1, 'a'},
                 {"\x7f", 1, 0x7f},
                 {"\xc2\x80", 2, 0x80},
                 {"\xdf\xbf", 2, 0x7ff},
                 {"\xe0\xa0\x80", 3, 0x800},
                 {"\xed\x9f\xbf", 3, 0xd7ff},
                 {"\xee\x80\x80", 3, 0xe000},
                 {"\xf0\x90\x80\x80", 4, 0x10000},
                 {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
                 {"\x80", 0, 0},
                 {"\xc1\xbf", 0, 0},
                 {"\xe0\x9f\xbf", 0, 0},
                 {"\xed\xa0\x80", 0, 0},
                 {"\xf0\x8f\xbf\xbf", 0, 0},
                 {"\xf4\x90\x80\x80", 0, 0},
                 {"\xf8\x88\x80\x80\x80", 0, 0},
                 {"\xc3", 0, 0},
                 {"\xe2\x82", 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t code = 0;
        cr_assert_eq(as_utf8_sequence(cases[i].text, &code), cases[i].n, "case %zu", i);
        cr_assert_eq(code, cases[i].code, "case %zu", i);
    }
}

static void check_shown(const char *text, const char *expected) {
    char *shown = NULL;
    size_t n = 0;
    FILE *stream = open_memstream(&shown, &n);
    as_utf8_show(stream, text);
    fclose(stream);
    cr_assert_str_eq(shown, expected);
    free(shown);
}

Test(utf8, nothing_drives_the_terminal) {
    check_shown("Gr\xc3\xb6\xc3\x9f"
                "e",
                "Gr\xc3\xb6\xc3\x9f"
                "e");
    check_shown("\x1b[2J", "?[2J");
    check_shown("\xc2\x9b"
                "2J",
                "?2J"); /* C1's control sequence introducer */
    check_shown("a\r\nb\tc\x7f", "a??b?c?");
    check_shown("\xe2\x80\xae"
                "txt.exe",
                "?txt.exe"); /* right to left from here */
    check_shown("\x9b\xff", "??");
    check_shown("", "");
}
