/* SPDX-License-Identifier: MIT */
/* What gives an author away, in one text at a time. */
#include "report/anonymise.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* A run whose host is secrethost.example.org, whose user is jdoe, and whose paths name annm. */
static as_anonymiser *learned(as_arena *arena) {
    static const char json[] =
        "{\"environment\": {\"host\": \"secrethost.example.org\", \"user\": \"jdoe\"},"
        " \"command\": [\"--out=/home/annm/runs\", \"/home/root/x\", \"/home/al/x\"]}";
    char folder[] = "/tmp/assay-anonymise-XXXXXX", path[64];
    as_anonymiser *a = as_anonymiser_new(arena);
    cr_assert(a && mkdtemp(folder));
    snprintf(path, sizeof path, "%s/run.json", folder);
    cr_assert_eq(as_file_write(path, json, strlen(json), NULL), ASSAY_OK);
    as_anonymiser_learn(a, folder);
    as_anonymiser_learn(a, "/nonexistent");
    cr_assert_eq(as_remove_folder(folder, NULL), ASSAY_OK);
    return a;
}

Test(anonymise, texts) {
    static const char *const cases[][2] = {
        {"gru", "gru"},
        {"", ""},
        {"by jdoe", "by (removed)"},
        {"JDoe's", "(removed)'s"},
        {"jdoes, my_jdoe, jdoe2", "jdoes, my_jdoe, jdoe2"}, /* other words */
        {"annm@secrethost", "(removed)@(removed)"},
        {"secrethost.example.org.", "(removed)."},
        {"al and root stay", "al and root stay"},
        {"/home/jdoe/a/b.csv", "b.csv"},
        {"/home/of jdoe/my data/b c.csv", "b c.csv"},
        {"in \"/srv/x/y.txt\": no", "in \"y.txt\": no"},
        {"data.path=/mnt/of/z", "data.path=z"},
        {"PATH=/usr/bin:/opt/x/bin", "PATH=bin:bin"},
        {"/home/jdoe", "(removed)"},
        {"/home/stranger/", "(removed)"},
        {"/data/jdoe", "(removed)"},
        {"/data/jdoe/", "(removed)/"},
        {"file:///srv/x/y", "file:y"},
        {"https://example.org/a/b", "https://example.org/a/b"},
        {"https://secrethost/a", "https://(removed)/a"},
        {"../../jdoe/x", "../../(removed)/x"},
        {"3 / 4 of a/b", "3 / 4 of a/b"},
        {"/tmp", "/tmp"}, /* one part tells nothing */
        {"caf\xc3\xa9 /x/y/caf\xc3\xa9", "caf\xc3\xa9 caf\xc3\xa9"},
    };
    as_arena *arena = as_arena_new();
    const as_run_filter filter = as_anonymiser_filter(learned(arena));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_assert_str_eq(filter.replace(filter.context, cases[i][0]), cases[i][1]);
    as_arena_free(arena);
}

Test(anonymise, tells_how_much_went) {
    as_arena *arena = as_arena_new();
    as_anonymiser *a = learned(arena);
    const as_run_filter filter = as_anonymiser_filter(a);
    cr_assert_not_null(filter.replace(filter.context, "jdoe in /a/b and /c/d"));
    as_page page = as_page_new(arena);
    as_section_removed(&page, a);
    cr_assert_eq(page.last->kind, AS_BLOCK_LIST);
    cr_assert_str_eq(page.last->items[0].items[0].text,
                     "absolute paths, of which the last part stays: 2");
    cr_assert_str_eq(page.last->items[1].items[0].text, "names of hosts and users: 1");
    as_section_removed(&page, NULL);
    as_arena_free(arena);
}
