/* SPDX-License-Identifier: MIT */
/* data/tokenizers/utf8_repair.h: text that may not be UTF-8, made valid with a way back to the
 * original's bytes. */
#ifndef AS_DATA_TOKENIZERS_UTF8_REPAIR_H
#define AS_DATA_TOKENIZERS_UTF8_REPAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* [any] Length of the longest prefix that is UTF-8 (RFC 3629). */
size_t as_utf8_valid_prefix(const char *text, size_t n_bytes);

typedef struct as_utf8_repair {
    char *bytes;         /* [n_bytes] valid */
    uint32_t *positions; /* [n_bytes + 1] of the original, for each boundary between characters */
    size_t n_bytes, capacity;
} as_utf8_repair;

void as_utf8_repair_done(as_utf8_repair *repair); /* an empty one is allowed */

/* [owner] U+FFFD for each maximal subpart of an ill-formed sequence (Unicode 3.9), into `repair` in
 * place of what was there; text of at most UINT32_MAX bytes. false: out of memory. */
bool as_utf8_repair_make(as_utf8_repair *repair, const char *text, size_t n_bytes);

#endif
