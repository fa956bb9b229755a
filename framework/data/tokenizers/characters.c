/* SPDX-License-Identifier: MIT */
/* Classes of characters: a table for ASCII, ranges for the rest. */
#include "data/tokenizers/characters.h"

#include <utf8proc.h>

#define AS_ASCII_CLASSES
const unsigned char as_ascii_classes[128] = {
#include "data/tokenizers/characters.def"
};
#undef AS_ASCII_CLASSES

typedef struct range {
    uint32_t first, last;
    unsigned char class;
} range;

static const range ranges[] = {
#define R(first, last, class) {first, last, class},
#include "data/tokenizers/characters.def"
#undef R
};

unsigned as_character_class(uint32_t point) {
    if (point < 0x80)
        return as_ascii_classes[point];
    size_t low = 0, high = sizeof ranges / sizeof ranges[0];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (point > ranges[middle].last)
            low = middle + 1;
        else if (point < ranges[middle].first)
            high = middle;
        else
            return ranges[middle].class;
    }
    return 0;
}

unsigned as_wide_class_at(const char *text, size_t n_bytes, size_t *ret_length) {
    utf8proc_int32_t point;
    utf8proc_ssize_t n =
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)n_bytes, &point);
    *ret_length = n > 0 ? (size_t)n : 1;
    return n > 0 ? as_character_class((uint32_t)point) : 0;
}
