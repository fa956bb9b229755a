/* SPDX-License-Identifier: MIT */
/* Steps that look for marked-up pieces of text in one pass each: strip_html, unescape_html,
 * strip_urls, strip_emails, strip_quotes. None can make a text longer. Their definitions stand in
 * steps.def. */
#include <string.h>

#include "base/error.h"
#include "data/cleaning/steps.h"

/* Copies [from, to) behind the output; the room is reserved. */
static void copy(as_clean_output *out, const char *from, const char *to) {
    memcpy(out->data + out->n_bytes, from, (size_t)(to - from));
    out->n_bytes += (size_t)(to - from);
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* ---- strip_html -------------------------------------------------------------------------------*/

static bool opens_tag(const char *p, const char *end) {
    char c = (char)(end - p > 1 ? p[1] : ' ');
    return is_letter(c) || c == '/' || c == '!' || c == '?';
}

assay_status as_html_apply(const as_step *step, const char *text, size_t n_bytes,
                           as_clean_output *out, assay_error *error) {
    (void)step;
    const char *end = text + n_bytes, *from = text, *p = memchr(text, '<', n_bytes);
    if (!p) {
        out->unchanged = true;
        return ASSAY_OK;
    }
    assay_status status = as_output_reserve(out, n_bytes, error);
    if (status != ASSAY_OK)
        return status;
    for (; p; p = memchr(p, '<', (size_t)(end - p))) {
        if (!opens_tag(p, end)) {
            p++;
            continue;
        }
        const char *close = memchr(p, '>', (size_t)(end - p));
        if (!close) /* nor is there one for any later "<" */
            break;
        copy(out, from, p);
        out->data[out->n_bytes++] = ' ';
        from = p = close + 1;
    }
    copy(out, from, end);
    return ASSAY_OK;
}

/* ---- unescape_html ----------------------------------------------------------------------------*/

/* HTML Standard, 13.2.5.80: what the numbers 0x80 .. 0x9F stand for (Windows-1252); 0: itself. */
static const uint16_t windows_1252[32] = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

static bool is_noncharacter(int32_t number) {
    return (number >= 0xFDD0 && number <= 0xFDEF) || (number & 0xFFFE) == 0xFFFE;
}

/* What a numeric reference stands for; -1: nothing (control characters and noncharacters, which
 * the standard calls errors, as Python's html.unescape drops them). */
static int32_t referred_point(int32_t number) {
    if (number == 0 || number > 0x10FFFF || (number >= 0xD800 && number <= 0xDFFF))
        return 0xFFFD;
    if (number >= 0x80 && number <= 0x9F)
        return windows_1252[number - 0x80] ? windows_1252[number - 0x80] : number;
    if ((number < 0x20 && number != '\t' && number != '\n' && number != '\f' && number != '\r') ||
        number == 0x7F || is_noncharacter(number))
        return -1;
    return number;
}

static int digit_value(char c, int base) {
    int value = is_digit(c)            ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : base;
    return value < base ? value : -1;
}

/* "&#123;" or "&#x7B;" at p: its end and point, or NULL. */
static const char *numeric_reference(const char *p, const char *end, int32_t *ret_point) {
    int base = end - p > 2 && (p[2] == 'x' || p[2] == 'X') ? 16 : 10, digit;
    const char *first = p + (base == 16 ? 3 : 2), *q = first;
    int32_t number = 0;
    for (; q < end && (digit = digit_value(*q, base)) >= 0; q++)
        number = number > 0x10FFFF ? number : number * base + digit;
    if (q == first || q == end || *q != ';')
        return NULL;
    *ret_point = referred_point(number);
    return q + 1;
}

static const char *reference(const char *p, const char *end, int32_t *ret_point) {
    static const struct {
        const char *text;
        int32_t point;
    } named[] = {{"&amp;", '&'},  {"&lt;", '<'},    {"&gt;", '>'},
                 {"&quot;", '"'}, {"&apos;", '\''}, {"&nbsp;", 0xA0}};
    if (end - p > 2 && p[1] == '#')
        return numeric_reference(p, end, ret_point);
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        size_t n = strlen(named[i].text);
        if ((size_t)(end - p) >= n && memcmp(p, named[i].text, n) == 0) {
            *ret_point = named[i].point;
            return p + n;
        }
    }
    return NULL;
}

assay_status as_unescape_apply(const as_step *step, const char *text, size_t n_bytes,
                               as_clean_output *out, assay_error *error) {
    (void)step;
    const char *end = text + n_bytes, *from = text, *p = memchr(text, '&', n_bytes);
    if (!p) {
        out->unchanged = true;
        return ASSAY_OK;
    }
    assay_status status = as_output_reserve(out, n_bytes, error);
    if (status != ASSAY_OK)
        return status;
    for (; p; p = memchr(p, '&', (size_t)(end - p))) {
        int32_t point;
        const char *after = reference(p, end, &point);
        if (!after) {
            p++;
            continue;
        }
        copy(out, from, p);
        if (point >= 0)
            out->n_bytes +=
                (size_t)utf8proc_encode_char(point, (utf8proc_uint8_t *)out->data + out->n_bytes);
        from = p = after;
    }
    copy(out, from, end);
    return ASSAY_OK;
}

/* ---- strip_urls -------------------------------------------------------------------------------*/

static bool starts_with(const char *p, const char *end, const char *lower) {
    for (; *lower; lower++, p++)
        if (p == end || (char)(is_letter(*p) ? *p | 0x20 : *p) != *lower)
            return false;
    return true;
}

/* Bytes of the scheme, or www., at p; 0: none. */
static size_t url_prefix(const char *p, const char *end) {
    static const char *const prefixes[] = {"http://", "https://", "ftp://", "www."};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (starts_with(p, end, prefixes[i]))
            return strlen(prefixes[i]);
    return 0;
}

/* End of the URL whose prefix ends at p; p itself where nothing follows it. */
static const char *url_end(const char *p, const char *end) {
    const char *q = p;
    while (q < end && *q != '<' && *q != '>' && *q != '"') {
        int32_t point;
        size_t n = as_next_point(q, (size_t)(end - q), &point);
        if (as_is_white_space(point))
            break;
        q += n;
    }
    while (q > p && strchr(".,;:!?'()[]{}", q[-1]) && q[-1])
        q--;
    return q;
}

assay_status as_urls_apply(const as_step *step, const char *text, size_t n_bytes,
                           as_clean_output *out, assay_error *error) {
    (void)step;
    const char *end = text + n_bytes, *from = text, *p = text;
    bool inside = false; /* after a letter, digit or _ of ASCII */
    assay_status status = as_output_reserve(out, n_bytes, error);
    if (status != ASSAY_OK)
        return status;
    while (p < end) {
        char c = (char)(*p | 0x20);
        size_t n = !inside && (c == 'h' || c == 'f' || c == 'w') ? url_prefix(p, end) : 0;
        const char *after = n ? url_end(p + n, end) : NULL;
        if (after && after > p + n) {
            copy(out, from, p);
            out->data[out->n_bytes++] = ' ';
            from = p = after; /* where none can start: white space, a quote, .,;:!?'()[]{} */
            continue;
        }
        inside = is_letter(*p) || is_digit(*p) || *p == '_';
        p++;
    }
    copy(out, from, end);
    out->unchanged = from == text;
    return ASSAY_OK;
}

/* ---- strip_emails -----------------------------------------------------------------------------*/

static bool in_local_part(char c) {
    return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-';
}

/* End of [A-Za-z0-9.-]+\.[A-Za-z]{2,} at p, or NULL: the last dot of the run that two letters
 * follow counts. */
static const char *domain_end(const char *p, const char *end) {
    const char *run = p;
    while (run < end && (is_letter(*run) || is_digit(*run) || *run == '.' || *run == '-'))
        run++;
    for (const char *dot = run; dot-- > p + 1;) {
        const char *q = dot + 1;
        if (*dot != '.')
            continue;
        while (q < run && is_letter(*q))
            q++;
        if (q - dot > 2)
            return q;
    }
    return NULL;
}

assay_status as_emails_apply(const as_step *step, const char *text, size_t n_bytes,
                             as_clean_output *out, assay_error *error) {
    (void)step;
    const char *end = text + n_bytes, *from = text, *p = memchr(text, '@', n_bytes);
    if (!p) {
        out->unchanged = true;
        return ASSAY_OK;
    }
    assay_status status = as_output_reserve(out, n_bytes, error);
    if (status != ASSAY_OK)
        return status;
    for (; p; p = memchr(p, '@', (size_t)(end - p))) {
        const char *first = p, *after = NULL;
        while (first > from && in_local_part(first[-1]))
            first--;
        if (first < p)
            after = domain_end(p + 1, end);
        p = after ? after : p + 1;
        if (!after)
            continue;
        copy(out, from, first);
        out->data[out->n_bytes++] = ' ';
        from = after;
    }
    copy(out, from, end);
    return ASSAY_OK;
}

/* ---- strip_quotes -----------------------------------------------------------------------------*/

static bool begins(const char *line, size_t n, const char *text) {
    return n >= strlen(text) && memcmp(line, text, strlen(text)) == 0;
}

static bool is_quote(const char *line, size_t n, bool attributions) {
    static const char *const says[] = {"writes in", "writes:", "wrote:", "says:", "said:"};
    if (n > 0 && (line[0] == '>' || line[0] == '|'))
        return true;
    if (!attributions)
        return false;
    for (size_t i = 0; i < sizeof says / sizeof says[0]; i++)
        if (memmem(line, n, says[i], strlen(says[i])))
            return true;
    return begins(line, n, "In article") || begins(line, n, "Quoted from");
}

assay_status as_quotes_apply(const as_step *step, const char *text, size_t n_bytes,
                             as_clean_output *out, assay_error *error) {
    const char *end = text + n_bytes, *line = text;
    bool first = true;
    assay_status status = as_output_reserve(out, n_bytes, error);
    if (status != ASSAY_OK)
        return status;
    while (line) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *stop = newline ? newline : end;
        if (!is_quote(line, (size_t)(stop - line), step->options.attributions)) {
            if (!first) /* a newline stands between two lines, not after each */
                out->data[out->n_bytes++] = '\n';
            copy(out, line, stop);
            first = false;
        }
        line = newline ? newline + 1 : NULL;
    }
    return ASSAY_OK;
}
