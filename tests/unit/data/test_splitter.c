/* SPDX-License-Identifier: MIT */
/* Splitters, against Python's str.split and re, the module regex and Unicode's WordBreakTest.txt
 * (tests/golden/make_words_golden.py). */
#include <sodium.h>
#include <time.h>
#include <utf8proc.h>

#include "data/tokenizers/characters.h"
#include "data/tokenizers/splitter.h"
#include "data/tokenizers/word_break.h"
#include "words_data.h"

static as_splitter *new_splitter(as_arena *arena, const char *kind, const char *pattern) {
    as_splitter *splitter;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_splitter_new(arena, kind, pattern, "x", &splitter, &error), ASSAY_OK, "%s",
                 error.text);
    return splitter;
}

/* The tokens must be those of a JSON list, and spans of the text that move forward. */
static void splits(as_splitter *splitter, const json_t *text, const json_t *expected) {
    const char *bytes = json_string_value(text), *token, *behind = bytes;
    size_t n = json_string_length(text), n_token;
    as_split_cursor cursor = {bytes, bytes, bytes + n};
    assay_error error = ASSAY_ERROR_INIT;
    for (size_t i = 0;; i++) {
        cr_assert_eq(as_splitter_next(splitter, &cursor, &token, &n_token, &error), ASSAY_OK, "%s",
                     error.text);
        if (!token) {
            cr_assert_eq(i, json_array_size(expected), "\"%s\": %zu tokens of %zu", bytes, i,
                         json_array_size(expected));
            break;
        }
        const json_t *want = json_array_get(expected, i);
        cr_assert(token >= behind && n_token > 0 && token + n_token <= bytes + n &&
                  cursor.at == token + n_token);
        cr_assert(n_token == json_string_length(want) &&
                      memcmp(token, json_string_value(want), n_token) == 0,
                  "\"%s\": token %zu is \"%.*s\", expected \"%s\"", bytes, i, (int)n_token, token,
                  json_string_value(want));
        behind = token + n_token;
    }
}

static void splits_text(const char *kind, const char *pattern, const char *text, size_t n_bytes,
                        const char *joined) {
    as_arena *arena = as_arena_new();
    as_splitter *splitter = new_splitter(arena, kind, pattern);
    char found[512] = "";
    as_split_cursor cursor = {text, text, text + n_bytes};
    const char *token;
    size_t n, used = 0;
    for (;;) {
        cr_assert_eq(as_splitter_next(splitter, &cursor, &token, &n, NULL), ASSAY_OK);
        if (!token)
            break;
        used += (size_t)snprintf(found + used, sizeof found - used, "%s%.*s", used ? "|" : "",
                                 (int)n, token);
    }
    cr_assert_str_eq(found, joined);
    as_splitter_free(splitter);
    as_arena_free(arena);
}

Test(splitter, words_are_runs_of_letters_marks_and_numbers) {
    static const char *const cases[][2] = {
        {"", ""},
        {" ,.! ", ""},
        {"Hello, world! it's 3.5", "Hello|world|it|s|3|5"},
        {"na\xc3\xafve caf\xc3\xa9s", "na\xc3\xafve|caf\xc3\xa9s"},
        {"cafe\xcc\x81!", "cafe\xcc\x81"}, /* combining accent */
        {"\xe4\xb8\xad\xe6\x96\x87\xef\xbc\x8c\xe5\xad\x97",
         "\xe4\xb8\xad\xe6\x96\x87|\xe5\xad\x97"},
        {"a\xe2\x80\x94"
         "b\xc2\xa0"
         "c_d",
         "a|b|c|d"},                                /* dash, no-break space, underscore */
        {"\xf0\x9f\x98\x80x\xc2\xbd", "x\xc2\xbd"}, /* emoji, one half (No) */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        splits_text("words", NULL, cases[i][0], strlen(cases[i][0]), cases[i][1]);
    splits_text("words", NULL, "a\0b", 3, "a|b");
    splits_text("words", NULL, "a\xff\xc3", 3, "a");
    splits_text("unicode", NULL, "a\xff\xc3", 3, "a");
    splits_text("whitespace", NULL, "a \xc2", 3, "a|\xc2"); /* a cut character */
    splits_text("whitespace", NULL, "a \xe2\x80", 4, "a|\xe2\x80");
}

/* Our tables are Unicode 15.0.0; so is utf8proc 2.8 (Debian 12). */
Test(splitter, classes_agree_with_utf8proc_of_the_same_unicode) {
    if (strcmp(utf8proc_unicode_version(), "15.0.0") != 0)
        cr_skip("utf8proc has Unicode %s", utf8proc_unicode_version());
    for (uint32_t point = 0; point < 0x110000; point++) {
        utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)point);
        bool letter = c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
        bool mark = c >= UTF8PROC_CATEGORY_MN && c <= UTF8PROC_CATEGORY_ME;
        bool number = c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO;
        unsigned class = as_character_class(point);
        cr_assert_eq((class & AS_CLASS_LETTER_OR_NUMBER) != 0, letter || number, "U+%04X", point);
        cr_assert_eq((class & AS_CLASS_MARK) != 0, mark, "U+%04X", point);
    }
}

Test(splitter, whitespace_splits_where_python_does_for_every_scalar) {
    json_t *golden = load_golden("words.json"), *points = json_object_get(golden, "space_points");
    as_arena *arena = as_arena_new();
    as_splitter *splitter = new_splitter(arena, "whitespace", NULL);
    size_t next = 0;
    cr_assert_eq(json_array_size(points), 29);
    for (utf8proc_int32_t point = 0; point < 0x110000; point++) {
        char text[8] = "a";
        const char *token;
        size_t n, n_tokens = 0;
        if (point >= 0xD800 && point <= 0xDFFF)
            continue;
        size_t length = (size_t)utf8proc_encode_char(point, (utf8proc_uint8_t *)text + 1);
        text[1 + length] = 'b';
        as_split_cursor cursor = {text, text, text + 2 + length};
        for (;; n_tokens++) {
            cr_assert_eq(as_splitter_next(splitter, &cursor, &token, &n, NULL), ASSAY_OK);
            if (!token)
                break;
        }
        bool is_space = json_integer_value(json_array_get(points, next)) == point;
        next += is_space;
        cr_assert_eq(n_tokens, is_space ? 2 : 1, "U+%04X", (unsigned)point);
    }
    cr_assert_eq(next, 29);
    as_splitter_free(splitter);
    as_arena_free(arena);
    json_decref(golden);
}

Test(splitter, texts_are_cut_as_python_and_regex_cut_them) {
    json_t *golden = load_golden("words.json"), *one;
    as_arena *arena = as_arena_new();
    as_splitter *whitespace = new_splitter(arena, "whitespace", NULL);
    as_splitter *unicode = new_splitter(arena, "unicode", NULL);
    size_t i;
    cr_assert(json_array_size(json_object_get(golden, "texts")) > 25);
    json_array_foreach(json_object_get(golden, "texts"), i, one) {
        splits(whitespace, json_object_get(one, "text"), json_object_get(one, "whitespace"));
        splits(unicode, json_object_get(one, "text"), json_object_get(one, "unicode"));
    }
    as_splitter_free(whitespace);
    as_splitter_free(unicode);
    as_arena_free(arena);
    json_decref(golden);
}

/* A line as "/0061+0308/0020/": code points in hex, '/' at a boundary, '+' at none. */
static void follows(const char *line) {
    char text[256];
    bool boundary[256] = {true};
    size_t n = 0, at = 0;
    for (const char *p = line + 1; *p;) {
        char *end;
        unsigned long point = strtoul(p, &end, 16);
        n += (size_t)utf8proc_encode_char((utf8proc_int32_t)point, (utf8proc_uint8_t *)text + n);
        boundary[n] = *end == '/';
        p = end + 1;
    }
    while (at < n) {
        bool is_word;
        size_t length = as_word_break_next(text + at, n - at, &is_word);
        for (size_t i = at + 1; i < at + length; i++)
            cr_assert(!boundary[i], "%s: no break before byte %zu", line, i);
        at += length;
        cr_assert(boundary[at], "%s: a break before byte %zu", line, at);
    }
}

Test(splitter, word_boundaries_pass_unicodes_own_test) {
    json_t *golden = load_golden("words.json"), *line;
    size_t i;
    cr_assert_eq(json_array_size(json_object_get(golden, "word_break_test")), 1823);
    json_array_foreach(json_object_get(golden, "word_break_test"), i, line)
        follows(json_string_value(line));
    json_decref(golden);
}

Test(splitter, regex_finds_what_python_finds_without_empty_matches) {
    json_t *golden = load_golden("words.json"), *pattern, *one;
    as_arena *arena = as_arena_new();
    size_t i, j;
    json_array_foreach(json_object_get(golden, "regex"), i, pattern) {
        as_splitter *splitter =
            new_splitter(arena, "regex", json_string_value(json_object_get(pattern, "pattern")));
        json_array_foreach(json_object_get(pattern, "cases"), j, one)
            splits(splitter, json_object_get(one, "text"), json_object_get(one, "tokens"));
        as_splitter_free(splitter);
        as_splitter_free(splitter); /* a second time does nothing */
    }
    as_arena_free(arena);
    json_decref(golden);
}

Test(splitter, regex_refuses_bad_patterns_and_says_where) {
    static const struct {
        const char *pattern, *text;
    } cases[] = {{"a(b", "at byte 3"}, {"[a-", "at byte 3"}, {"*", "at byte 0"}, {"\\p{Nope}", ""}};
    as_arena *arena = as_arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        as_splitter *splitter = NULL;
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(
            as_splitter_new(arena, "regex", cases[i].pattern, "q#/pattern", &splitter, &error),
            ASSAY_INVALID_ARGUMENT);
        cr_assert_null(splitter);
        cr_assert_str_eq(error.where, "q#/pattern");
        cr_assert(strstr(error.text, cases[i].text) && strstr(error.text, cases[i].pattern), "%s",
                  error.text);
    }
    as_arena_free(arena);
}

Test(splitter, catastrophic_patterns_end_at_a_limit) {
    static const char *const patterns[] = {"(a+)+$", "(a|aa)+$", "^(([a-z])+.)+[A-Z]([a-z])+$"};
    char text[4096];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '!';
    as_arena *arena = as_arena_new();
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        as_splitter *splitter = new_splitter(arena, "regex", patterns[i]);
        as_split_cursor cursor = {text, text, text + sizeof text};
        const char *token = text;
        size_t n = 7;
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(as_splitter_next(splitter, &cursor, &token, &n, &error), ASSAY_LIMIT, "%s",
                     patterns[i]);
        cr_assert(strstr(error.text, patterns[i]) && strstr(error.text, "4096 bytes"), "%s",
                  error.text);
        cr_assert(token == text && n == 7, "untouched on failure");
        as_splitter_free(splitter);
    }
    as_arena_free(arena);
}

Test(splitter, regex_refuses_what_is_not_utf8) {
    as_arena *arena = as_arena_new();
    as_splitter *splitter = new_splitter(arena, "regex", "\\w+");
    const char text[] = "ab \xc3(", *token;
    as_split_cursor cursor = {text, text, text + 5};
    size_t n;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_splitter_next(splitter, &cursor, &token, &n, &error), ASSAY_BAD_DATA);
    cr_assert(strstr(error.text, "byte 3: 0xC3"), "%s", error.text);
    as_splitter_free(splitter);
    as_arena_free(arena);
}

/* 2 MB of what makes a rule look ahead; the square of it would take hours. */
Test(splitter, long_texts_take_linear_time, .timeout = 60) {
    enum { N = 2000000 };
    static const char *const parts[] = {"a.",
                                        "a.\xcc\x81\xcc\x81\xcc\x81",
                                        "'\"",
                                        "a ",
                                        "\r\n",
                                        "\xe2\x80\x8d",
                                        "\xf0\x9f\x87\xa9"};
    static const char *const kinds[] = {"words", "whitespace", "unicode", "regex"};
    as_arena *arena = as_arena_new();
    char *text = malloc(N + 16);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t n = 0;
        for (size_t length = strlen(parts[i]); n < N; n += length)
            memcpy(text + n, parts[i], length);
        for (size_t k = 0; k < 4; k++) {
            as_splitter *splitter = new_splitter(arena, kinds[k], k == 3 ? "\\S" : NULL);
            as_split_cursor cursor = {text, text, text + n};
            const char *token;
            size_t n_token;
            do
                cr_assert_eq(as_splitter_next(splitter, &cursor, &token, &n_token, NULL), ASSAY_OK);
            while (token);
            cr_assert_eq(cursor.at, text + n);
            as_splitter_free(splitter);
        }
    }
    free(text);
    as_arena_free(arena);
}

Test(splitter, unknown_kinds_suggest_the_nearest) {
    as_arena *arena = as_arena_new();
    as_splitter *splitter = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_splitter_new(arena, "white_space", NULL, "q#/kind", &splitter, &error),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert(strstr(error.text, "use \"whitespace\""), "%s", error.text);
    cr_assert_str_eq(error.where, "q#/kind");
    cr_assert_eq(as_splitter_new(arena, "regex", NULL, "x", &splitter, NULL),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert_eq(as_splitter_new(arena, "words", "a", "x", &splitter, NULL),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert_null(splitter);
    as_splitter_free(NULL);
    as_arena_free(arena);
}

/* ---- whole corpora ----------------------------------------------------------------------------*/

typedef struct corpus {
    as_splitter *splitter;
    crypto_hash_sha256_state sha;
    json_int_t n_tokens;
    bool latin1;
} corpus;

static void add_text(void *context, const char *name, const char *data, size_t n_bytes) {
    corpus *c = context;
    char *text = malloc(2 * n_bytes + 1);
    const char *token;
    size_t n = 0, n_token;
    (void)name;
    for (size_t i = 0; i < n_bytes; i++) {
        unsigned char byte = (unsigned char)data[i];
        if (c->latin1 && byte >= 0x80)
            text[n++] = (char)(0xC0 | byte >> 6);
        text[n++] = c->latin1 && byte >= 0x80 ? (char)(0x80 | (byte & 0x3F)) : (char)byte;
    }
    as_split_cursor cursor = {text, text, text + n};
    for (;; c->n_tokens++) {
        cr_assert_eq(as_splitter_next(c->splitter, &cursor, &token, &n_token, NULL), ASSAY_OK);
        if (!token)
            break;
        crypto_hash_sha256_update(&c->sha, (const unsigned char *)token, n_token);
        crypto_hash_sha256_update(&c->sha, (const unsigned char *)"\n", 1);
    }
    free(text);
}

static void corpus_is(const char *place, const char *key, bool latin1) {
    const char *root = test_data();
    json_t *golden = load_golden("words_digests.json"), *want = json_object_get(golden, key);
    as_arena *arena = as_arena_new();
    corpus c = {.splitter = new_splitter(arena, "whitespace", NULL), .latin1 = latin1};
    unsigned char digest[crypto_hash_sha256_BYTES];
    char hex[65];
    crypto_hash_sha256_init(&c.sha);
    each_member(root, place, add_text, &c);
    crypto_hash_sha256_final(&c.sha, digest);
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    cr_assert_eq(c.n_tokens, json_integer_value(json_object_get(want, "n_tokens")));
    cr_assert_str_eq(hex, json_string_value(json_object_get(want, "sha256")));
    as_splitter_free(c.splitter);
    as_arena_free(arena);
    json_decref(golden);
}

Test(splitter, whitespace_tokens_of_imdb_are_pythons, .timeout = 120) {
    corpus_is("imdb/aclImdb-labelled.tar.xz", "imdb", false);
}

Test(splitter, whitespace_tokens_of_20_newsgroups_are_pythons, .timeout = 120) {
    corpus_is("20news/20news-bydate.tar.xz", "20news", true);
}
