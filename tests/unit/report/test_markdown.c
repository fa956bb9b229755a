/* SPDX-License-Identifier: MIT */
/* Foreign text cannot leave its place in Markdown. */
#include "report/markdown.h"

#include <criterion/criterion.h>
#include <stdlib.h>

typedef void (*writer)(FILE *, const char *);

static void check(writer write, const char *text, const char *expected) {
    char *found = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&found, &size);
    write(stream, text);
    fclose(stream);
    cr_assert_str_eq(found, expected);
    free(found);
}

Test(markdown, text_is_escaped) {
    check(as_md_text, "a|b", "a\\|b");
    check(as_md_text, "<b>&@team", "&#60;b&#62;&#38;&#64;team");
    check(as_md_text, "*x* _y_ `z` [l](u) #1 \\", "\\*x\\* \\_y\\_ \\`z\\` \\[l\\](u) \\#1 \\\\");
    check(as_md_text, "two\nlines\x1b[0m", "two lines?\\[0m");
    check(as_md_text, NULL, "-");
}

Test(markdown, code_spans_hold_anything) {
    check(as_md_code, "@team", "`@team`");
    check(as_md_code, "a`b``c", "``` a`b``c ```");
    check(as_md_code, "a|b\n", "`a\\|b `");
    check(as_md_code, "", "-");
    check(as_md_code, NULL, "-");
}

Test(markdown, html_is_escaped) {
    check(as_md_html, "<img src=\"x\">&'@\n", "&#60;img src=&#34;x&#34;&#62;&#38;&#39;&#64; ");
}
