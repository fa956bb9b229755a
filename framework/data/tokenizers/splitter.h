/* SPDX-License-Identifier: MIT */
/* data/tokenizers/splitter.h: a text's tokens as spans of it, for the word-level tokenizers.
 *
 *     words       maximal runs of letters, marks and numbers (Unicode general categories L*, M*,
 * N*) whitespace  maximal runs between white space (U+0009-000D, U+001C-001F, U+0085, categories
 *                 Z*: what Python's str.split() splits at)
 *     unicode     the words of UAX 29 (default word boundaries) that hold a letter or number
 *     regex       every match of `pattern` (PCRE2, UTF and UCP, match limits) */
#ifndef AS_DATA_TOKENIZERS_SPLITTER_H
#define AS_DATA_TOKENIZERS_SPLITTER_H

#include <stddef.h>

#include "assay/status.h"
#include "base/arena.h"

typedef struct as_splitter as_splitter;

/* [cell] The splitter of that kind; `pattern` is for "regex" alone (NULL otherwise).
 * INVALID_ARGUMENT at `where` suggests the nearest kind, or says what is wrong with the pattern and
 * at which character. What it owns beside the arena's is freed by as_splitter_free. */
ASSAY_MUST_USE assay_status as_splitter_new(as_arena *arena, const char *kind, const char *pattern,
                                            const char *where, as_splitter **ret_splitter,
                                            assay_error *error);
void as_splitter_free(as_splitter *splitter); /* NULL allowed */

typedef struct as_split_cursor {
    const char *begin, *at, *end; /* text (valid UTF-8); begin with at = begin */
} as_split_cursor;

/* [one thread per splitter] Next token of the text: its start (NULL at the end) and length; at
 * stands behind it. LIMIT when a pattern passes its match limit; BAD_DATA when a text that a
 * pattern is to match is not UTF-8. */
ASSAY_MUST_USE assay_status as_splitter_next(as_splitter *splitter, as_split_cursor *cursor,
                                             const char **ret_token, size_t *ret_n_bytes,
                                             assay_error *error);

#endif
