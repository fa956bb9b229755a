/* SPDX-License-Identifier: MIT */
/* The rules WB3 to WB999 of UAX 29 (https://www.unicode.org/reports/tr29/tr29-41.html), applied
 * from one boundary to the next. Since every segment is read from its start, what a rule looks back
 * at lies inside it: `left` is the class before the position with what WB4 ignores taken away,
 * `before_left` the one before that. */
#include "data/tokenizers/word_break.h"

#include <stdint.h>

#include "data/tokenizers/characters.h"

enum { ASCII_LETTER = AS_WB_ALETTER | AS_CLASS_LETTER_OR_NUMBER };

typedef struct segment {
    const char *text;
    size_t n_bytes, at; /* at: the position asked about */
    unsigned last;      /* class right before it, flags included */
    as_word_break left, before_left;
    size_t n_regional; /* regional indicators since the start */
} segment;

static bool is_ignored(as_word_break b) {
    return b == AS_WB_EXTEND || b == AS_WB_FORMAT || b == AS_WB_ZWJ;
}

static bool is_newline(as_word_break b) {
    return b == AS_WB_CR || b == AS_WB_LF || b == AS_WB_NEWLINE;
}

static bool is_letter(as_word_break b) { /* AHLetter */
    return b == AS_WB_ALETTER || b == AS_WB_HEBREW_LETTER;
}

static bool is_in_word(as_word_break b) { /* (MidLetter | MidNumLetQ) */
    return b == AS_WB_MID_LETTER || b == AS_WB_MID_NUM_LET || b == AS_WB_SINGLE_QUOTE;
}

static bool is_in_number(as_word_break b) { /* (MidNum | MidNumLetQ) */
    return b == AS_WB_MID_NUM || b == AS_WB_MID_NUM_LET || b == AS_WB_SINGLE_QUOTE;
}

static as_word_break word_break(unsigned class) {
    return (as_word_break)(class & AS_CLASS_WORD_BREAK);
}

/* First class behind the character at `at` that WB4 does not ignore; Other at the end. */
static as_word_break look_ahead(const segment *s, size_t at) {
    size_t length;
    as_class_at(s->text + at, s->n_bytes - at, &length);
    for (at += length; at < s->n_bytes; at += length) {
        as_word_break b = word_break(as_class_at(s->text + at, s->n_bytes - at, &length));
        if (!is_ignored(b))
            return b;
    }
    return AS_WB_OTHER;
}

/* WB6, WB7b, WB12: is there no break before `right`, because of what follows it? */
static bool joins_ahead(const segment *s, as_word_break right) {
    if (is_letter(s->left) && is_in_word(right))
        return is_letter(look_ahead(s, s->at)) ||
               (s->left == AS_WB_HEBREW_LETTER && right == AS_WB_SINGLE_QUOTE); /* WB7a */
    if (s->left == AS_WB_HEBREW_LETTER && right == AS_WB_DOUBLE_QUOTE)
        return look_ahead(s, s->at) == AS_WB_HEBREW_LETTER;
    return s->left == AS_WB_NUMERIC && is_in_number(right) && look_ahead(s, s->at) == AS_WB_NUMERIC;
}

/* WB5, WB7, WB7c to WB11, WB13: letters, numbers, Katakana. */
static bool joins_word(const segment *s, as_word_break right) {
    as_word_break left = s->left, before = s->before_left;
    if (is_letter(right))
        return is_letter(left) || left == AS_WB_NUMERIC || left == AS_WB_EXTEND_NUM_LET ||
               (is_letter(before) && is_in_word(left)) ||
               (before == AS_WB_HEBREW_LETTER && left == AS_WB_DOUBLE_QUOTE &&
                right == AS_WB_HEBREW_LETTER);
    if (right == AS_WB_NUMERIC)
        return left == AS_WB_NUMERIC || is_letter(left) || left == AS_WB_EXTEND_NUM_LET ||
               (before == AS_WB_NUMERIC && is_in_number(left));
    if (right == AS_WB_KATAKANA)
        return left == AS_WB_KATAKANA || left == AS_WB_EXTEND_NUM_LET;
    return right == AS_WB_EXTEND_NUM_LET &&
           (is_letter(left) || left == AS_WB_NUMERIC || left == AS_WB_KATAKANA ||
            left == AS_WB_EXTEND_NUM_LET);
}

/* Is there a boundary before a character of class `class`? */
static bool breaks(const segment *s, unsigned class) {
    as_word_break last = word_break(s->last), right = word_break(class);
    if (last == AS_WB_CR && right == AS_WB_LF) /* WB3 */
        return false;
    if (is_newline(last) || is_newline(right)) /* WB3a, WB3b */
        return true;
    if (last == AS_WB_ZWJ && (class & AS_CLASS_PICTOGRAPHIC)) /* WB3c */
        return false;
    if ((last == AS_WB_SPACE && right == AS_WB_SPACE) || is_ignored(right)) /* WB3d, WB4 */
        return false;
    if (right == AS_WB_REGIONAL_INDICATOR && s->left == AS_WB_REGIONAL_INDICATOR) /* WB15, 16 */
        return s->n_regional % 2 == 0;
    return !joins_word(s, right) && !joins_ahead(s, right);
}

static void advance(segment *s, unsigned class, size_t length) {
    as_word_break b = word_break(class);
    if (s->at == 0 || !is_ignored(b)) {
        s->before_left = s->left;
        s->left = b;
        s->n_regional += b == AS_WB_REGIONAL_INDICATOR;
    }
    s->last = class;
    s->at += length;
}

/* Behind a letter: the ASCII letters that follow it (WB5), which is most of most texts. */
static void skip_letters(segment *s) {
    size_t at = s->at;
    while (at < s->n_bytes && (unsigned char)s->text[at] < 0x80 &&
           as_ascii_classes[(unsigned char)s->text[at]] == ASCII_LETTER)
        at++;
    if (at > s->at)
        s->before_left = AS_WB_ALETTER;
    s->at = at;
}

size_t as_word_break_next(const char *text, size_t n_bytes, bool *ret_is_word) {
    segment s = {.text = text, .n_bytes = n_bytes};
    bool is_word = false;
    while (s.at < n_bytes) {
        size_t length;
        unsigned class = as_class_at(text + s.at, n_bytes - s.at, &length);
        if (s.at > 0 && breaks(&s, class))
            break;
        is_word = is_word || (class & AS_CLASS_LETTER_OR_NUMBER);
        advance(&s, class, length);
        if (class == ASCII_LETTER)
            skip_letters(&s);
    }
    *ret_is_word = is_word;
    return s.at;
}
