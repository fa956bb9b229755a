/* SPDX-License-Identifier: MIT */
/* Foreign text in LaTeX and BibTeX. pdflatex knows a character only if the document's font encoding
 * does, and a paper's class chooses that; so beyond ASCII only the letters of Latin-1 that LaTeX's
 * oldest encoding, OT1, can compose are passed on. */
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "report/latex.h"

/* Words longer than this get places to break, a piece each; the others are hyphenated by LaTeX. */
enum { WORD_MOST = 11, PIECE = 6 };

/* LaTeX's own signs; NULL: the character stands for itself. */
static const char *escaped(unsigned char c) {
    static const struct {
        char sign;
        const char *tex;
    } signs[] = {{'\\', "\\textbackslash{}"},
                 {'{', "\\{"},
                 {'}', "\\}"},
                 {'$', "\\$"},
                 {'&', "\\&"},
                 {'#', "\\#"},
                 {'%', "\\%"},
                 {'_', "\\_"},
                 {'^', "\\textasciicircum{}"},
                 {'~', "\\textasciitilde{}"},
                 {'<', "\\textless{}"},
                 {'>', "\\textgreater{}"},
                 {'|', "\\textbar{}"},
                 {'"', "{''}"},
                 {'`', "`{}"},
                 {'\'', "'{}"},
                 {'-', "-{}"}};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (signs[i].sign == (char)c)
            return signs[i].tex;
    return NULL;
}

/* Letters that every font encoding of LaTeX has or composes. */
static bool is_common(uint32_t code) {
    return code >= 0xc0 && code <= 0xff && code != 0xd0 && code != 0xd7 && code != 0xde &&
           code != 0xf0 && code != 0xf7 && code != 0xfe;
}

/* Signs of print that LaTeX has under names of its own; NULL: none. */
static const char *named(uint32_t code) {
    static const struct {
        uint32_t code;
        const char *tex;
    } signs[] = {{0xa0, " "},
                 {0xb0, "\\ensuremath{^\\circ}"},
                 {0xb1, "\\ensuremath{\\pm}"},
                 {0xb5, "\\ensuremath{\\mu}"},
                 {0xb7, "\\ensuremath{\\cdot}"},
                 {0xd7, "\\ensuremath{\\times}"},
                 {0x2013, "--"},
                 {0x2014, "---"},
                 {0x2018, "`{}"},
                 {0x2019, "'{}"},
                 {0x201c, "``"},
                 {0x201d, "''"},
                 {0x2026, "\\dots{}"},
                 {0x2192, "\\ensuremath{\\to}"},
                 {0x2212, "\\ensuremath{-}"},
                 {0x2264, "\\ensuremath{\\le}"},
                 {0x2265, "\\ensuremath{\\ge}"}};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (signs[i].code == code)
            return signs[i].tex;
    return NULL;
}

static void put_character(FILE *stream, const unsigned char *p, size_t n, uint32_t code) {
    if (n == 0 || code < 0x20 || code == 0x7f)
        fputc(n && (code == '\n' || code == '\t' || code == '\r') ? ' ' : '?', stream);
    else if (n == 1 && escaped(*p))
        fputs(escaped(*p), stream);
    else if (n > 1 && named(code))
        fputs(named(code), stream);
    else if (n == 1 || is_common(code))
        fwrite(p, 1, n, stream);
    else
        fprintf(stream, "U+%04X\\allowbreak{}", (unsigned)code);
}

static bool is_digit(unsigned char c) {
    return c >= '0' && c <= '9';
}

/* Not within "5,000" or "0.5", nor before a stop or a closing bracket, nor behind an opening one.
 */
static bool breaks_after(const unsigned char *start, const unsigned char *p) {
    if (!*p || *p >= 0x80 || !strchr("_-/.:,;=+@|\\)]}>", *p) || (p[1] && strchr(".,;:)]}", p[1])))
        return false;
    return !(p > start && is_digit(p[-1]) && is_digit(p[1]) && strchr(".,", *p));
}

/* Characters up to the next space or place to break. */
static size_t word_length(const unsigned char *start, const unsigned char *p) {
    size_t n = 0;
    for (; *p && *p != ' ' && !breaks_after(start, p); p++)
        n += (*p & 0xc0) != 0x80;
    return n;
}

static void put_text(FILE *stream, const char *text) {
    const unsigned char *start = (const unsigned char *)text;
    size_t in_word = 0, length = word_length(start, start);
    for (const unsigned char *p = start; *p;) {
        uint32_t code = 0;
        size_t n = as_utf8_sequence((const char *)p, &code);
        bool breaks = breaks_after(start, p), ends = code == ' ' || breaks;
        if (code == ' ' && p > start && is_digit(p[-1]) && p[1] == '%')
            fputs("\\,", stream); /* a number and its unit stay together */
        else
            put_character(stream, p, n, code);
        p += n ? n : 1;
        in_word = ends ? 0 : in_word + 1;
        bool piece = length > WORD_MOST && in_word > 0 && in_word % PIECE == 0 && in_word < length;
        if (*p && *p != ' ' && (breaks || piece))
            fputs("\\allowbreak{}", stream);
        if (ends)
            length = word_length(start, p);
    }
}

void as_tex_text(FILE *stream, const char *text) {
    if (!text || !*text)
        fputs("--", stream);
    else
        put_text(stream, text);
}

void as_tex_short(FILE *stream, const char *text, size_t most) {
    char part[400];
    size_t n = text ? strlen(text) : 0;
    if (n <= most || most + 4 > sizeof part) {
        as_tex_text(stream, text);
        return;
    }
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--; /* not within a character */
    memcpy(part, text, most);
    strcpy(part + most, "...");
    as_tex_text(stream, part);
}

void as_tex_code(FILE *stream, const char *text) {
    fputs("\\texttt{", stream);
    as_tex_text(stream, text);
    fputs("}", stream);
}

/* BibTeX counts braces even where LaTeX's are escaped, so these leave as words. */
void as_bib_text(FILE *stream, const char *text) {
    for (const unsigned char *p = (const unsigned char *)(text ? text : ""); *p;) {
        uint32_t code = 0;
        size_t n = as_utf8_sequence((const char *)p, &code);
        if (code == '{' || code == '}')
            fputs(code == '{' ? "\\textbraceleft " : "\\textbraceright ", stream);
        else if (code == '"' || code == '@')
            fputs(code == '"' ? "''" : "(at)", stream);
        else
            put_character(stream, p, n, code);
        p += n ? n : 1;
    }
}
