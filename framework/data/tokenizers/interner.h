/* SPDX-License-Identifier: MIT */
/* data/tokenizers/interner.h: words to numbers 0, 1, ... in order of first appearance. The hash is
 * keyed (a fresh key per process): hostile texts cannot make it slow, and its order shows nowhere.
 */
#ifndef AS_DATA_TOKENIZERS_INTERNER_H
#define AS_DATA_TOKENIZERS_INTERNER_H

#include <stdint.h>

#include "assay/status.h"
#include "base/arena.h"

typedef struct as_interner as_interner;

/* [cell] An empty one in `arena`, which copies of the words go to. */
ASSAY_MUST_USE assay_status as_interner_new(as_arena *arena, as_interner **ret_interner,
                                            assay_error *error);

/* [one thread] The word's number; a new word gets the next. LIMIT past 2^31 words. */
ASSAY_MUST_USE assay_status as_interner_add(as_interner *interner, const char *word, size_t n_bytes,
                                            uint32_t *ret_number, assay_error *error);
/* [any] The word's number, or -1. */
int64_t as_interner_find(const as_interner *interner, const char *word, size_t n_bytes);
/* [any] */
uint32_t as_interner_count(const as_interner *interner);
const char *as_interner_word(const as_interner *interner, uint32_t number, size_t *ret_n_bytes);

#endif
