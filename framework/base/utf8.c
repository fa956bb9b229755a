/* SPDX-License-Identifier: MIT */
/* UTF-8 after RFC 3629, section 4; what drives a terminal after ECMA-48 (C0, C1) and Unicode
 * standard annex 9 (directions). */
#include "base/utf8.h"

size_t as_utf8_sequence(const char *text, uint32_t *ret_code) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)text;
    size_t n = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : 4;
    uint32_t code = n == 1 ? p[0] : p[0] & (0x7fu >> n);
    if ((p[0] & 0xc0) == 0x80 || p[0] >= 0xf8)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3f);
    }
    if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *ret_code = code;
    return n;
}

static bool drives_terminal(uint32_t code) {
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c || code == 0x200e ||
           code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

bool as_utf8_shown(const char *text, size_t *ret_n_bytes) {
    uint32_t code;
    size_t n = as_utf8_sequence(text, &code);
    *ret_n_bytes = n ? n : 1;
    return n && !drives_terminal(code);
}

void as_utf8_show(FILE *stream, const char *text) {
    for (size_t n; *text; text += n) {
        if (as_utf8_shown(text, &n))
            fwrite(text, 1, n, stream);
        else
            fputc('?', stream);
    }
}
