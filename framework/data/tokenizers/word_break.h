/* SPDX-License-Identifier: MIT */
/* data/tokenizers/word_break.h: default word boundaries of Unicode Standard Annex 29. */
#ifndef AS_DATA_TOKENIZERS_WORD_BREAK_H
#define AS_DATA_TOKENIZERS_WORD_BREAK_H

#include <stdbool.h>
#include <stddef.h>

/* [any] Bytes from a word boundary at `text` to the next one, n_bytes at the text's end; n_bytes >
 * 0. Does the segment hold a letter or a number? */
size_t as_word_break_next(const char *text, size_t n_bytes, bool *ret_is_word);

#endif
