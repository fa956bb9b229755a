/* SPDX-License-Identifier: MIT */
/* Escaping after the HTML standard, section 13.1.2 (attributes and text) and the control characters
 * and noncharacters of 13.2.3.5. */
#include "report/html_text.h"

#include <stdbool.h>
#include <stddef.h>

enum { REPLACEMENT = 0xfffd };

/* Length that the first byte announces, and its payload; 0: it begins no character. */
static int begin_character(unsigned char c, unsigned *payload) {
    if (c < 0x80) {
        *payload = c;
        return 1;
    }
    int n = c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    *payload = n ? c & (0x7fu >> n) : 0;
    return n;
}

static bool is_allowed(unsigned c) {
    bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
    bool surrogate = c >= 0xd800 && c < 0xe000;
    bool nothing = (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef);
    bool turns = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
    return !control && !surrogate && !nothing && !turns && c <= 0x10ffff;
}

unsigned as_html_next(const char **text) {
    static const unsigned least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)*text;
    unsigned c = 0;
    if (!*p)
        return 0;
    int n = begin_character(*p, &c), i = 1;
    for (; i < n && (p[i] & 0xc0) == 0x80; i++)
        c = c << 6 | (p[i] & 0x3fu);
    *text += n == 0 ? 1 : i;
    if (c == '\n' || c == '\r' || c == '\t')
        return ' ';
    return n == 0 || i < n || c < least[n] || !is_allowed(c) ? REPLACEMENT : c;
}

void as_html_put(FILE *stream, unsigned c) {
    if (c < 0x80) {
        fputc((int)c, stream);
        return;
    }
    int n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    fputc((int)((0xf00u >> n & 0xffu) | c >> (6 * (n - 1))), stream);
    for (int i = n - 2; i >= 0; i--)
        fputc((int)(0x80u | (c >> (6 * i) & 0x3fu)), stream);
}

void as_html_text(FILE *stream, const char *text) {
    unsigned c;
    while (text && (c = as_html_next(&text)) != 0) {
        const char *reference = c == '&'    ? "&amp;"
                                : c == '<'  ? "&lt;"
                                : c == '>'  ? "&gt;"
                                : c == '"'  ? "&quot;"
                                : c == '\'' ? "&#39;"
                                            : NULL;
        if (reference)
            fputs(reference, stream);
        else
            as_html_put(stream, c);
    }
}
