/* SPDX-License-Identifier: MIT */
/* data/tokenizers/characters.h: what the word splitters ask of a character, from Unicode 15.0.0
 * tables of our own (make_characters.py): the words of a text must not depend on the version of a
 * library. */
#ifndef AS_DATA_TOKENIZERS_CHARACTERS_H
#define AS_DATA_TOKENIZERS_CHARACTERS_H

#include <stddef.h>
#include <stdint.h>

/* Word_Break property (UAX 29, table 3). */
typedef enum as_word_break {
    AS_WB_OTHER,
    AS_WB_CR,
    AS_WB_LF,
    AS_WB_NEWLINE,
    AS_WB_EXTEND,
    AS_WB_ZWJ,
    AS_WB_FORMAT,
    AS_WB_SPACE, /* WSegSpace */
    AS_WB_REGIONAL_INDICATOR,
    AS_WB_KATAKANA,
    AS_WB_HEBREW_LETTER,
    AS_WB_ALETTER,
    AS_WB_SINGLE_QUOTE,
    AS_WB_DOUBLE_QUOTE,
    AS_WB_MID_NUM_LET,
    AS_WB_MID_LETTER,
    AS_WB_MID_NUM,
    AS_WB_NUMERIC,
    AS_WB_EXTEND_NUM_LET
} as_word_break;

/* A character's class: its as_word_break and flags. */
enum {
    AS_CLASS_WORD_BREAK = 0x1F,
    AS_CLASS_LETTER_OR_NUMBER = 0x20, /* general category L* or N* */
    AS_CLASS_MARK = 0x40,             /* M* */
    AS_CLASS_PICTOGRAPHIC = 0x80      /* Extended_Pictographic */
};

/* [any] Classes of ASCII, and of any code point. */
extern const unsigned char as_ascii_classes[128];
unsigned as_character_class(uint32_t point);

/* [any] Class of the character at text[0 .. n_bytes), n_bytes > 0, and its length in bytes; a byte
 * that begins no UTF-8 character counts as one of class 0. */
unsigned as_wide_class_at(const char *text, size_t n_bytes, size_t *ret_length); /* not ASCII */

static inline unsigned as_class_at(const char *text, size_t n_bytes, size_t *ret_length) {
    if ((unsigned char)text[0] >= 0x80)
        return as_wide_class_at(text, n_bytes, ret_length);
    *ret_length = 1;
    return as_ascii_classes[(unsigned char)text[0]];
}

#endif
