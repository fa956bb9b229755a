/* SPDX-License-Identifier: MIT */
/* base/utf8.h: UTF-8 (RFC 3629) character by character, for text that may be anything. */
#ifndef AS_BASE_UTF8_H
#define AS_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* [any] Bytes of the well-formed character that begins at `text`, which ends with a NUL, and its
 * code point; 0: none begins there (a stray byte, an overlong form, a surrogate). */
size_t as_utf8_sequence(const char *text, uint32_t *ret_code);

/* [any] May the character that begins at `text` go to a terminal? Not what moves the cursor, breaks
 * the line, begins an escape sequence (C1's U+009B is ESC [), turns the direction of what follows,
 * or is none: '?' stands for it. *ret_n_bytes: its bytes, at least 1. */
bool as_utf8_shown(const char *text, size_t *ret_n_bytes);

/* [any] `text` to a stream as it may be shown. */
void as_utf8_show(FILE *stream, const char *text);

#endif
