/* SPDX-License-Identifier: MIT */
/* Articles of mail or news (RFC 5536: header lines, an empty line, the body), one a file in
 * SPLIT/LABEL/FILE; finding them is read_folders.c's. The option `strip` lists what is taken out of
 * each, by the rules of scikit-learn's fetch_20newsgroups(remove=...), version 1.9
 * (sklearn/datasets/_twenty_newsgroups.py):
 *
 *     headers  text.partition("\n\n")[2]
 *
 *     footers  lines of text.strip(); the last one for which line.strip().strip("-") is empty, if
 *              it is not the first: the lines before it, else the text as it was
 *
 *     quotes   the lines in which this is not found:
 *              (writes in|writes:|wrote:|says:|said:|^In article|^Quoted from|^\||^>)
 *
 * in this order, whatever the list's. Heuristics, scikit-learn says so too: what is left may hold
 * quotes, and a poem's last verse may be gone. tests/golden/make_news_golden.py compares. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "data/readers/news.h"
#include "data/readers/reader.h"

typedef struct span {
    const char *start, *end;
} span;

/* Python's str.isspace: bidirectional class WS, B or S, or category Zs. */
static bool is_space(utf8proc_int32_t c) {
    return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

/* The code point at `at`, and its bytes; 0 bytes for what is no UTF-8, which is no white space. */
static utf8proc_ssize_t point_at(const char *at, const char *end, utf8proc_int32_t *ret_point) {
    return utf8proc_iterate((const utf8proc_uint8_t *)at, end - at, ret_point);
}

static span strip_space(span s) {
    utf8proc_int32_t c;
    for (;;) {
        utf8proc_ssize_t n = s.start < s.end ? point_at(s.start, s.end, &c) : 0;
        if (n <= 0 || !is_space(c))
            break;
        s.start += n;
    }
    while (s.start < s.end) {
        const char *last = s.end - 1;
        while (last > s.start && ((unsigned char)*last & 0xc0) == 0x80)
            last--;
        if (point_at(last, s.end, &c) != s.end - last || !is_space(c))
            break;
        s.end = last;
    }
    return s;
}

static span strip_headers(span text) {
    const char *blank = memmem(text.start, (size_t)(text.end - text.start), "\n\n", 2);
    text.start = blank ? blank + 2 : text.end;
    return text;
}

/* Does the line part a signature from the rest? */
static bool parts_footer(span line) {
    line = strip_space(line);
    while (line.start < line.end && *line.start == '-')
        line.start++;
    return line.start == line.end;
}

static span strip_footers(span text) {
    span body = strip_space(text), line = {body.end, body.end};
    for (;;) {
        while (line.start > body.start && line.start[-1] != '\n')
            line.start--;
        if (line.start == body.start) /* the first line: nothing would be left */
            return text;
        if (parts_footer(line))
            return (span){body.start, line.start - 1};
        line.end = --line.start;
    }
}

static bool begins_with(span line, const char *prefix) {
    size_t n = strlen(prefix);
    return (size_t)(line.end - line.start) >= n && memcmp(line.start, prefix, n) == 0;
}

static bool is_quote(span line) {
    static const char *const beginnings[] = {">", "|", "In article", "Quoted from"};
    static const char *const anywhere[] = {"writes in", "writes:", "wrote:", "says:", "said:"};
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++)
        if (begins_with(line, beginnings[i]))
            return true;
    for (size_t i = 0; i < sizeof anywhere / sizeof anywhere[0]; i++)
        if (memmem(line.start, (size_t)(line.end - line.start), anywhere[i], strlen(anywhere[i])))
            return true;
    return false;
}

/* Moves the lines that stay to `to`, at or before the text; returns their bytes. */
static size_t move_unquoted(span text, char *to) {
    char *out = to;
    bool any = false;
    for (;;) {
        const char *end = memchr(text.start, '\n', (size_t)(text.end - text.start));
        span line = {text.start, end ? end : text.end};
        if (!is_quote(line)) {
            size_t n = (size_t)(line.end - line.start);
            if (any)
                *out++ = '\n';
            memmove(out, line.start, n);
            out += n;
            any = true;
        }
        if (!end)
            return (size_t)(out - to);
        text.start = end + 1;
    }
}

size_t as_news_strip(char *text, size_t n_bytes, unsigned parts) {
    span left = {text, text + n_bytes};
    if (parts & AS_NEWS_HEADERS)
        left = strip_headers(left);
    if (parts & AS_NEWS_FOOTERS)
        left = strip_footers(left);
    if (parts & AS_NEWS_QUOTES)
        return move_unquoted(left, text);
    size_t n = (size_t)(left.end - left.start);
    memmove(text, left.start, n);
    return n;
}

/* ---- the reader -------------------------------------------------------------------------------*/

typedef struct stripper {
    unsigned parts;
    char *text; /* malloc'ed, reused */
    size_t capacity;
} stripper;

static assay_status strip_article(void *context, const char *text, size_t n_bytes,
                                  const char **ret_text, size_t *ret_n_bytes, assay_error *error) {
    stripper *s = context;
    if (!s->text || s->capacity < n_bytes) {
        char *more = realloc(s->text, n_bytes * 2 + 1); /* a file's bytes: bounded by the reader */
        if (!more)
            return assay_fail(error, ASSAY_OUT_OF_MEMORY, "strip", "no memory for an article");
        s->text = more;
        s->capacity = n_bytes * 2 + 1;
    }
    if (n_bytes)
        memcpy(s->text, text, n_bytes);
    *ret_n_bytes = as_news_strip(s->text, n_bytes, s->parts);
    *ret_text = s->text;
    return ASSAY_OK;
}

static unsigned parts_of(const json_t *names) {
    static const char *const known[] = {"headers", "footers", "quotes"}; /* the schema's */
    unsigned parts = 0;
    for (size_t i = 0; i < json_array_size(names); i++)
        for (unsigned k = 0; k < 3; k++)
            if (strcmp(json_string_value(json_array_get(names, i)), known[k]) == 0)
                parts |= 1u << k;
    return parts;
}

assay_status as_read_news(const as_manifest *manifest, const char *path, as_dataset *dataset,
                          assay_error *error) {
    stripper s = {.parts = parts_of(json_object_get(manifest->reader, "strip"))};
    as_text_filter filter = {&s, strip_article};
    assay_status status = as_read_labelled_files(manifest, path, "", &filter, dataset, error);
    free(s.text);
    return status;
}
